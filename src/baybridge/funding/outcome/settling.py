"""Settling an outcome agreement on what the case says about enrolment, response, death and infusion.

Main job: the rule `settle_outcome`: which outcome was reached, what the agreement says follows from it, and what comes back to whom.

Nothing is settled while the window is open, readers disagree, or the agreement does not say what follows: these are refusals with the day or the
step that is needed. What an agreement does not say is settled only on the programme's written answer, which is named as its source.
**Source**: policy reference D4. **Units**: money in minor units of the quote's currency.
Elsewhere: which outcome in `outcomes.py`, what follows in `clauses.py`, the document and its replay in `settlement.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.plan import AgreementDocument
from baybridge.documents.quote import CitedAgreement, QuotedAgreement, QuoteDocument
from baybridge.funding import rendering
from baybridge.funding.claims.own import not_theirs
from baybridge.funding.outcome import settlement
from baybridge.funding.outcome.agreement import OPEN_OUTCOMES, Settled, drug_contributions, drug_list_price
from baybridge.funding.outcome.clauses import CLAUSES, clause_of
from baybridge.funding.outcome.outcomes import Reading, outcome_of, window_of
from baybridge.funding.outcome.settlement import Evidence, Ruling, SettlementDocument
from baybridge.funding.plans.limits import limit_of
from baybridge.funding.plans.terms import PATIENT
from baybridge.funding.quote.quotes import kept_quote, recompute
from baybridge.funding.quote.report import Funded
from baybridge.journey.command import Role, Situation
from baybridge.journey.events import BenefitPaid, Died, OutcomeSettled, ProductRejected, ResponseAssessed
from baybridge.journey.judged import Judged
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, reads, roles, told_in
from baybridge.journey.texts import Note

Declared = Literal["NOT_INFUSED_OOS", "NOT_INFUSED", "OOS_INFUSED", "WITHDRAWN", "RETREATED"]


class SettleOutcome(Struct, frozen=True, kw_only=True):
    """Settle the outcome agreement of the case's quote."""

    declared: Annotated[
        Declared | None,
        Meta(description="only where the product was not infused, was infused out of specification or again, or the patient left the programme"),
    ] = None
    ruling: Annotated[
        Literal["refund", "void", "no_refund"] | None,
        Meta(description="what the programme answered in writing, only where the agreement does not say what follows"),
    ] = None
    ruling_source: Annotated[Note, Meta(description="the programme's answer: document, date, who signed")] = ""
    quote: Annotated[dict[str, Any] | None, Meta(description="the quote document, where this node does not keep it")] = None


def settle_outcome_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any settlement now."""
    quote, settled = situation.case.quote, situation.case.settlement
    if settled is not None:
        yield Reason("funding.settle.settled_before", {"code": settled.event.code})
    elif quote is None:
        yield Reason("funding.quote.none")
    elif quote.event.agreement is None:
        yield Reason("funding.settle.no_agreement")
    elif situation.case.enrolled_in(quote.event.agreement) is None:
        yield Reason("funding.settle.not_enrolled", {"agreement": quote.event.agreement})


def settle_outcome(situation: Situation, given: SettleOutcome) -> Judged | Refusal:
    """`OutcomeSettled` with code and allocation, and the settlement as a document; or why nothing can be settled now."""
    blocked = tuple(settle_outcome_blocked(situation))
    if blocked:
        category = Category.REFUSED if situation.case.settlement is None else Category.CONFLICT
        return refuse(*blocked, category=category)
    quote = kept_quote(situation, given.quote)
    if isinstance(quote, Refusal):
        return quote
    foreign = not_theirs(situation, *(str(one["payer"]) for one in (*quote["plans"], quote["agreement"]) if one and one.get("payer")))
    if foreign is not None:
        return foreign
    funded = recompute(quote)
    if isinstance(funded, Refusal):
        return funded
    agreement = quote["agreement"]
    if agreement is None:
        return refuse(Reason("funding.settle.no_agreement"))
    terms = agreement["terms"]
    outcome = _outcome(situation, given, terms)
    if isinstance(outcome, Refusal):
        return outcome
    follows = _follows(given, terms, outcome)
    if isinstance(follows, Refusal):
        return follows
    evidence = _evidence(situation, given, quote, agreement, funded, outcome, follows)
    document = settlement.document_of(evidence)
    return Judged((_event(situation.today, document, settlement.settled_of(evidence)),), (document,))


def _event(today: date, document: SettlementDocument, settled: Settled) -> OutcomeSettled:
    limit = limit_of(document["evidence"]["agreement"]["terms"], (), "refund") if settled.refund_minor else None
    return OutcomeSettled(
        agreement=document["agreement"],
        outcome=settled.outcome,
        code=settled.code,
        refund_minor=settled.refund_minor,
        currency=document["currency"],
        allocation=tuple(settled.allocation.items()),
        decision_sha256=sha256_hex(canonical_bytes(document)),
        refund_due_on=limit.ends_on(today) if limit and limit.verified else None,
    )


# --- which outcome, and what follows --------------------------------------------------------------------------------


def _outcome(situation: Situation, given: SettleOutcome, terms: AgreementDocument) -> str | Refusal:
    case, source = situation.case, str(terms.get("source", ""))
    infused_at = case.infused_at
    if given.declared is not None:
        return _declared(situation, given.declared, source)
    if infused_at is None:
        return refuse(Reason("funding.settle.not_infused", source=source))
    window = window_of(terms, infused_at.astimezone(situation.site.zone).date())
    died = case.last(Died)
    dead = (died.event.died_on, died.event.cause) if died else None
    outcome = outcome_of(window, readings_of(situation), dead, situation.today)
    if outcome not in OPEN_OUTCOMES:
        return outcome
    values: dict[str, str | int] = {"code": OPEN_OUTCOMES[outcome], "readers": window.readers}
    values |= {"first_day": window.first_day.isoformat(), "last_day": window.last_day.isoformat()}
    step = "adjudicate" if outcome == "READERS_DISAGREE" else "cause_unknown" if died else "pending"
    return refuse(Reason(f"funding.settle.{step}", values, source))


def readings_of(situation: Situation) -> list[Reading]:
    """The case's readings by day, with readers told apart by their place in a list instead of their names."""
    events = sorted((entry.event for entry in situation.case.of(ResponseAssessed)), key=lambda event: event.assessed_on)
    names: dict[str, str] = {}
    for event in events:
        for reader in _readers(event):
            names.setdefault(reader, f"reader {len(names) + 1}")
    return [_reading(event, names) for event in events]


def _readers(event: ResponseAssessed) -> tuple[str, ...]:
    """Who read a response: the persons who signed it, or the names that were typed before persons signed."""
    typed = (event.first_reader, event.second_reader)
    return tuple(one.person for one in event.signed_by) or tuple(name.strip().casefold() for name in typed if name and name.strip())


def _reading(event: ResponseAssessed, names: Mapping[str, str]) -> Reading:
    signed = tuple(names[reader] for reader in _readers(event))
    return Reading(event.timepoint, event.criteria, event.category, event.assessed_on, tuple(dict.fromkeys(signed)))


def _declared(situation: Situation, declared: str, source: str) -> str | Refusal:
    """An outcome that a person declares must fit what the case says was infused and rejected."""
    infused = situation.case.infused_at is not None
    if declared == "OOS_INFUSED":
        return declared if infused else refuse(Reason("funding.settle.not_infused", source=source))
    if declared == "RETREATED":
        again = len(situation.case.infusions) > 1
        return declared if again else refuse(Reason("funding.settle.not_retreated", source=source))
    if declared == "WITHDRAWN":
        return declared
    if infused:
        return refuse(Reason("funding.settle.was_infused", {"outcome": declared}, source))
    if declared == "NOT_INFUSED_OOS" and not situation.case.did(ProductRejected):
        return refuse(Reason("funding.settle.not_rejected", {"outcome": declared}, source))
    return declared


def _follows(given: SettleOutcome, terms: AgreementDocument, outcome: str) -> str | Refusal:
    """What follows from the outcome by the agreement, or by the programme's written answer where the agreement does not say."""
    follows, source = clause_of(terms, outcome), str(terms.get("source", ""))
    values = {"outcome": outcome, "agreement": str(terms.get("id", ""))}
    if follows is not None:
        return follows if given.ruling is None else refuse(Reason("funding.settle.ruling_not_asked", {**values, "follows": follows}, source, "ruling"))
    if given.ruling is None:
        return refuse(Reason("funding.settle.rule_open", {**values, "rule": ".".join(CLAUSES[outcome])}, source, "ruling"))
    if not given.ruling_source.strip():
        return refuse(Reason("funding.settle.ruling_source", values, source, "ruling_source"))
    return given.ruling


# --- evidence -------------------------------------------------------------------------------------------------------


def _evidence(
    situation: Situation, given: SettleOutcome, quote: QuoteDocument, agreement: CitedAgreement, funded: Funded, outcome: str, follows: str
) -> Evidence:
    """Everything that the settlement rests on, as plain JSON without names: from it alone the same settlement follows."""
    case = situation.case
    enrolled = case.enrolled_in(agreement["id"])
    infused_at, died = case.infused_at, case.last(Died)
    paid = _limited_by_payments(situation, quote, drug_contributions(funded.stack))
    ruled: Ruling | None = {"follows": given.ruling, "source": given.ruling_source.strip()} if given.ruling is not None else None
    return {
        "agreement": {"id": agreement["id"], "sha256": agreement["sha256"], "status": agreement["status"], "terms": agreement["terms"]},
        "quote_sha256": case.quote.event.quote_sha256 if case.quote else None,
        "enrolment": enrolled.event.enrolment_id if enrolled else None,
        "infused_on": infused_at.astimezone(situation.site.zone).date().isoformat() if infused_at else None,
        "assessments": [settlement.written_reading(reading) for reading in readings_of(situation)],
        "died": {"on": died.event.died_on.isoformat(), "cause": died.event.cause} if died else None,
        "declared": given.declared,
        "ruling": ruled,
        "as_of": situation.today.isoformat(),
        "outcome": outcome,
        "follows": follows,
        "oba": _without_cases(quote["inputs"]["oba"]),
        "currency": quote["result"]["currency"],
        "drug_list_price": settlement.amount(drug_list_price(funded.case)),
        "paid_on_drug": {payer: settlement.amount(minor) for payer, minor in paid.items()},
        "tenders": tendered["tenders"] if (tendered := quote["result"].get("settlement")) else None,
    }


def _without_cases(written: QuotedAgreement) -> QuotedAgreement:
    bare = written.copy()
    bare.pop("cases", None)
    return bare


def _limited_by_payments(situation: Situation, quote: QuoteDocument, contributions: Mapping[str, int]) -> dict[str, int]:
    """What each layer and the patient paid on drug lines; where payments of a payer are recorded, never more than these."""
    payers = {plan["id"]: plan["payer"] for plan in quote["plans"]} | {PATIENT: PATIENT}
    recorded = [entry.event for entry in situation.case.payments]
    return {who: _at_most_paid(payers[who], minor, recorded) for who, minor in contributions.items()}


def _at_most_paid(payer: str, minor: int, recorded: list[BenefitPaid]) -> int:
    amounts = [event.amount_minor for event in recorded if event.payer == payer]
    return min(minor, sum(amounts)) if amounts else minor


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        SettleOutcome, settle_outcome, roles(Role.COORDINATOR, Role.PAYER),
        (EventRow(OutcomeSettled, rendering.settled, told_in("CARE_REFERRAL", "OBA_OUTCOME")),),
        page="funding",
        correction=Correction(Role.COORDINATOR, second="always"),
        kinds=ANYWHERE,
        step="settlement",
        purpose="finance",
        needs=reads("quote"),
        blocked=settle_outcome_blocked,
        place=110,
    ),
)
