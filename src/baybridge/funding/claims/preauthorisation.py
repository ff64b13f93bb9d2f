"""Asking payers before, and paying after: pre-authorisation, its answer, and payments that are made once.

Main job: the rules `request_preauthorisation`, `answer_preauthorisation`, `appeal_preauthorisation` and `pay_benefit`.

**Source**: design 8; the quote on the case says what may be asked for.
**Units**: amounts given as text with two places, kept in minor units.
A claim sent twice pays once: the second is a conflict that names what stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from baybridge.base.money import format_minor, parse_minor
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.quote import QuoteDocument
from baybridge.funding.claims import rendering
from baybridge.funding.claims.appealing import too_late
from baybridge.funding.claims.own import not_theirs
from baybridge.funding.claims.prefill import answered_plan, waiting_advance, waiting_request
from baybridge.funding.plans.quota import quota_reasons
from baybridge.funding.plans.terms import PATIENT
from baybridge.funding.quote.quotes import kept_quote
from baybridge.journey.case import Preauthorisation
from baybridge.journey.checks import alive
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import (
    BenefitPaid,
    ClaimSubmitted,
    PreauthorisationAnswered,
    PreauthorisationAppealed,
    PreauthorisationRequested,
)
from baybridge.journey.row import ANYWHERE, OF_MONEY, CommandRow, Correction, EventRow, reads, roles, told_in
from baybridge.journey.texts import Note

Answer = Literal["approved", "partially_approved", "refused"]


class RequestPreauthorisation(Struct, frozen=True, kw_only=True):
    """Ask the payer of a plan in the quote to confirm its part."""

    plan: Annotated[str, Meta(description="id of a plan in the case's quote")]
    quote: Annotated[dict[str, Any] | None, Meta(description="the quote document, where this node does not keep it")] = None


class AnswerPreauthorisation(Struct, frozen=True, kw_only=True):
    """A payer's answer to a request."""

    payer: str
    plan: str
    answer: Answer
    amount: Annotated[str | None, Meta(description="the approved part, with two places; empty where all is approved or nothing")] = None
    reason: Annotated[Note, Meta(description="needed where not everything is approved")] = ""


class AppealPreauthorisation(Struct, frozen=True, kw_only=True):
    """Ask a payer to answer a pre-authorisation again."""

    plan: Annotated[str, Meta(description="id of the plan whose payer answered")]
    grounds: Annotated[Note, Meta(min_length=1)]


class PayBenefit(Struct, frozen=True, kw_only=True):
    """A payer or the patient pays."""

    claim_id: Annotated[str, Meta(min_length=1)]
    payer: Annotated[str, Meta(description="the payer of a plan, or PATIENT")]
    amount: Annotated[str, Meta(description="amount with two places")]
    currency: str


def request_preauthorisation_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against asking any payer now."""
    yield from alive(situation)
    issued = situation.case.quote
    if issued is None:
        yield Reason("funding.quote.none")
    elif situation.today > issued.event.valid_until:
        yield Reason("funding.preauthorisation.quote_expired", {"day": issued.event.valid_until.isoformat()})


def request_preauthorisation(situation: Situation, given: RequestPreauthorisation) -> Verdict:
    """A request for what the plan pays in the quote."""
    blocked = tuple(request_preauthorisation_blocked(situation))
    if blocked:
        return refuse(*blocked)
    quote = kept_quote(situation, given.quote)
    if isinstance(quote, Refusal):
        return quote
    issued = situation.case.quote
    sha256 = issued.event.quote_sha256 if issued else ""
    cited = next((plan for plan in quote["plans"] if plan["id"] == given.plan), None)
    if cited is None:
        return refuse(Reason("funding.preauthorisation.plan_not_in_quote", {"plan": given.plan}, where="plan"))
    amount = _benefit(quote, given.plan)
    reasons = tuple(_against_request(situation, cited["payer"], given.plan, sha256, amount))
    if reasons:
        return refuse(*reasons)
    currency = quote["result"]["currency"]
    return (PreauthorisationRequested(payer=cited["payer"], plan=given.plan, quote_sha256=sha256, amount_minor=amount, currency=currency),)


def _benefit(quote: QuoteDocument, plan: str) -> int:
    return next(parse_minor(layer["benefit"]) for layer in quote["result"]["layers"] if layer["layer"] == plan)


def _against_request(situation: Situation, payer: str, plan: str, sha256: str, amount: int) -> Iterator[Reason]:
    if amount == 0:
        yield Reason("funding.preauthorisation.nothing_to_ask", {"plan": plan})
    asked = _asked(situation, payer, plan)
    if asked is not None and asked.requested.event.quote_sha256 == sha256:
        yield Reason("funding.preauthorisation.asked_before", {"plan": plan, "payer": payer})


def _asked(situation: Situation, payer: str, plan: str) -> Preauthorisation | None:
    for asked in situation.case.preauthorisations:
        if (asked.requested.event.payer, asked.requested.event.plan) == (payer, plan):
            return asked
    return None


def answer_preauthorisation_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any answer now."""
    if not situation.case.preauthorisations:
        yield Reason("funding.preauthorisation.none_asked")


def answer_preauthorisation(situation: Situation, given: AnswerPreauthorisation) -> Verdict:
    """The payer's answer; an approval is the whole request, a part is less, a refusal nothing and with its reason."""
    foreign = not_theirs(situation, given.payer)
    if foreign is not None:
        return foreign
    asked = _asked(situation, given.payer, given.plan)
    if asked is None:
        return refuse(Reason("funding.preauthorisation.not_asked", {"payer": given.payer, "plan": given.plan}, where="plan"), category=Category.NOT_FOUND)
    if not asked.waiting:
        return refuse(Reason("funding.preauthorisation.answered_before", {"plan": given.plan}), category=Category.CONFLICT)
    request = asked.requested.event
    amount = _amount(given.amount) if given.amount is not None else request.amount_minor if given.answer == "approved" else 0
    if isinstance(amount, Refusal):
        return amount
    limited, seen = quota_reasons(situation, given.plan, amount, request.currency) if amount > 0 else ((), ())
    reasons = (*_against_answer(given, amount, request), *limited)
    if reasons:
        return refuse(*reasons)
    answered = PreauthorisationAnswered(
        payer=given.payer,
        plan=given.plan,
        answer=given.answer,
        amount_minor=amount,
        currency=request.currency,
        reason=given.reason.strip(),
        quota=seen,
    )
    return (answered,)


def none_answered(situation: Situation) -> Iterator[Reason]:
    """No request was answered yet."""
    yield from answer_preauthorisation_blocked(situation)
    if situation.case.preauthorisations and all(asked.standing is None for asked in situation.case.preauthorisations):
        yield Reason("funding.preauthorisation.none_answered")


def appeal_preauthorisation(situation: Situation, given: AppealPreauthorisation) -> Verdict:
    """An appeal against an answer that gave less than was asked, one at a time, within a limit that somebody verified."""
    asked = next((one for one in situation.case.preauthorisations if one.requested.event.plan == given.plan), None)
    if asked is None:
        return refuse(Reason("funding.preauthorisation.plan_not_asked", {"plan": given.plan}, where="plan"), category=Category.NOT_FOUND)
    answer = asked.standing
    if answer is None:
        return refuse(Reason("funding.preauthorisation.not_answered", {"plan": given.plan}))
    if asked.under_appeal:
        return refuse(Reason("funding.preauthorisation.appealed_before", {"plan": given.plan}), category=Category.CONFLICT)
    reasons = [*too_late(situation, given.plan, answer.origin.at)]
    if answer.event.answer == "approved":
        reasons.append(Reason("funding.preauthorisation.nothing_to_appeal", {"plan": given.plan}))
    if not given.grounds.strip():
        reasons.append(Reason("funding.claim.grounds_needed", where="grounds"))
    if reasons:
        return refuse(*reasons)
    return (PreauthorisationAppealed(payer=asked.requested.event.payer, plan=given.plan, grounds=given.grounds.strip()),)


def _against_answer(given: AnswerPreauthorisation, amount: int, request: PreauthorisationRequested) -> Iterator[Reason]:
    asked = request.amount_minor
    fits = {"approved": amount == asked, "partially_approved": 0 < amount < asked, "refused": amount == 0}
    if not fits[given.answer]:
        values = {"answer": given.answer, "asked": format_minor(asked), "found": format_minor(amount), "currency": request.currency}
        yield Reason("funding.preauthorisation.amount_does_not_fit", values, where="amount")
    if given.answer != "approved" and not given.reason.strip():
        yield Reason("funding.preauthorisation.reason_needed", {"answer": given.answer}, where="reason")


def _amount(text: str) -> int | Refusal:
    try:
        minor = parse_minor(text)
    except ValueError:
        minor = -1
    return minor if minor >= 0 else refuse(Reason("funding.claim.amount", where="amount"), category=Category.INVALID)


def pay_benefit_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any payment now."""
    if situation.case.quote is None:
        yield Reason("funding.quote.none")


def pay_benefit(situation: Situation, given: PayBenefit) -> Verdict:
    """A payment, once: the same claim again is a conflict; no payer pays above what it approved, nor the patient above the share."""
    foreign = not_theirs(situation, given.payer)
    if foreign is not None:
        return foreign
    amount = _amount(given.amount)
    if isinstance(amount, Refusal):
        return amount
    before = next((entry.event for entry in situation.case.payments if entry.event.claim_id == given.claim_id), None)
    if before is not None:
        same = (before.payer, before.amount_minor, before.currency) == (given.payer, amount, given.currency)
        code = "funding.claim.paid_before" if same else "funding.claim.id_used"
        return refuse(Reason(code, {"claim": given.claim_id}, where="claim_id"), category=Category.CONFLICT)
    reasons = tuple(_against_payment(situation, given, amount))
    if reasons:
        return refuse(*reasons)
    return (BenefitPaid(claim_id=given.claim_id, payer=given.payer, amount_minor=amount, currency=given.currency),)


def _against_payment(situation: Situation, given: PayBenefit, amount: int) -> Iterator[Reason]:
    issued = situation.case.quote
    if issued is None:
        yield from pay_benefit_blocked(situation)
        return
    if given.currency != issued.event.currency:
        values = {"expected": issued.event.currency, "found": given.currency}
        yield Reason("funding.claim.currency", values, where="currency")
        return
    if amount == 0:
        yield Reason("funding.claim.nothing", where="amount")
    if any(entry.event.payer == given.payer for entry in situation.case.of(ClaimSubmitted)):
        yield Reason("funding.claim.pay_the_claim", where="payer")
        return
    limit = issued.event.patient_minor if given.payer == PATIENT else _approved(situation, given.payer)
    if limit is None:
        yield Reason("funding.claim.not_approved", {"payer": given.payer}, where="payer")
        return
    paid = sum(entry.event.amount_minor for entry in situation.case.payments if entry.event.payer == given.payer)
    if paid + amount > limit:
        values = {"limit": format_minor(limit), "paid": format_minor(paid), "found": format_minor(amount), "currency": given.currency}
        yield Reason("funding.claim.above_limit", values, where="amount")


def _approved(situation: Situation, payer: str) -> int | None:
    """What a payer approved over all its plans; None where it approved nothing. An answer to an earlier request does not count."""
    approved = []
    for asked in situation.case.preauthorisations:
        answered = asked.standing
        if answered is None:
            continue
        if answered.event.payer == payer and answered.event.answer != "refused":
            approved.append(answered.event.amount_minor)
    return sum(approved) if approved else None


PREAUTHORISATION_REQUESTED = EventRow(PreauthorisationRequested, rendering.preauthorisation_requested, told_in("CLAIM"))

BENEFIT_PAID = EventRow(BenefitPaid, rendering.paid, told_in("CLAIM"))

#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        RequestPreauthorisation, request_preauthorisation, roles(Role.COORDINATOR),
        (PREAUTHORISATION_REQUESTED,),
        page="funding",
        correction=OF_MONEY,
        step="preauthorisation",
        purpose="finance",
        needs=reads("quote"),
        blocked=request_preauthorisation_blocked,
        place=30,
        choices={"plan": "quoted_plan"},
    ),
    CommandRow(
        AnswerPreauthorisation, answer_preauthorisation, roles(Role.PAYER),
        (EventRow(PreauthorisationAnswered, rendering.preauthorisation_answered, told_in("CLAIM")),),
        page="funding",
        correction=OF_MONEY,
        kinds=ANYWHERE,
        step="preauthorisation_answer",
        purpose="finance",
        needs=reads("grants", "quote"),
        blocked=answer_preauthorisation_blocked,
        place=50,
        prefill=waiting_request,
    ),
    CommandRow(
        AppealPreauthorisation, appeal_preauthorisation, roles(Role.COORDINATOR, Role.PATIENT),
        (EventRow(PreauthorisationAppealed, rendering.preauthorisation_appealed, told_in("CLAIM")),),
        page="funding",
        correction=OF_MONEY,
        kinds=ANYWHERE,
        purpose="finance",
        blocked=none_answered,
        place=40,
        prefill=answered_plan,
    ),
    CommandRow(
        PayBenefit, pay_benefit, roles(Role.COORDINATOR, Role.PAYER),
        (BENEFIT_PAID,),
        page="funding",
        correction=Correction(Role.COORDINATOR, second="always"),
        kinds=ANYWHERE,
        step="payment",
        purpose="finance",
        needs=reads("quote"),
        blocked=pay_benefit_blocked,
        place=100,
        prefill=waiting_advance,
    ),
)
