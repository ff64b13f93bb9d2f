"""Claims: sent once, adjudicated by the plan's own terms, appealed, paid in one part or several, reconciled.

Main job: the rules `submit_claim`, `adjudicate_claim`, `appeal_claim`, `pay_claim`. What became of each claim stands in `reconciliation.py`.

An adjudication is computed again from the quote's terms, what earlier payers of the same bill decided, and the accumulators; a payer
may decide less with a reason and never more. The same claim again, under its own or another id, is a conflict: it pays once.
**Source**: design 8; policy reference D6. **Units**: amounts as text with two places, kept in minor units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Annotated, Any

from msgspec import Meta, Struct

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.money import format_minor, parse_minor, round_half_up
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.quote import QuoteDocument
from baybridge.funding.claims import rendering
from baybridge.funding.claims.appealing import too_late
from baybridge.funding.claims.own import not_theirs
from baybridge.funding.claims.preauthorisation import BENEFIT_PAID
from baybridge.funding.claims.prefill import claim_to_appeal, claim_to_decide, claim_to_pay, next_claim
from baybridge.funding.plans.accumulators import used_before
from baybridge.funding.plans.quota import quota_reasons
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.quotes import kept_quote
from baybridge.funding.quote.quoting import NO_SCALE, QuotedLine
from baybridge.funding.quote.report import as_json, fund
from baybridge.funding.quote.stack import Paid
from baybridge.journey.case import Case
from baybridge.journey.checks import Unusual, asked_once, local_day
from baybridge.journey.claims import adjudicated, decided_at, paid_for, submitted, under_appeal
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import AppealFiled, BenefitPaid, ClaimAdjudicated, ClaimSubmitted
from baybridge.journey.judged import Judged
from baybridge.journey.row import ANYWHERE, OF_MONEY, CommandRow, Correction, EventRow, reads, roles, told_in
from baybridge.journey.texts import Note

DOCUMENT = "claim-adjudication"

ClaimId = Annotated[str, Meta(min_length=1, max_length=64, description="id of the claim, the same when it is sent again")]
Quote = Annotated[dict[str, Any] | None, Meta(description="the quote document, where this node does not keep it")]


class SubmitClaim(Struct, frozen=True, kw_only=True):
    """Claim a bill, or a part of it, from the payer of a plan in the quote."""

    claim_id: ClaimId
    plan: Annotated[str, Meta(description="id of a plan in the case's quote")]
    bill: Annotated[str, Meta(min_length=1, description="number of the bill; claims to several payers for one bill share it")]
    service_on: date
    lines: Annotated[tuple[QuotedLine, ...], Meta(min_length=1)]
    quote: Quote = None
    unusual: Unusual = False


class AdjudicateClaim(Struct, frozen=True, kw_only=True):
    """Decide a claim by the plan's terms, or less with a reason."""

    claim_id: ClaimId
    amount: Annotated[str | None, Meta(description="less than the terms give, with two places; empty for what they give")] = None
    reason: Annotated[Note, Meta(description="needed where less is decided than the terms give")] = ""
    quote: Quote = None


class AppealClaim(Struct, frozen=True, kw_only=True):
    """Ask the payer to decide a claim again."""

    claim_id: ClaimId
    grounds: Annotated[Note, Meta(min_length=1)]


class PayClaim(Struct, frozen=True, kw_only=True):
    """Pay a claim that was adjudicated, whole or in part."""

    claim_id: ClaimId
    payment_id: Annotated[str, Meta(min_length=1, description="id of this payment; the same when it is sent again")]
    amount: Annotated[str | None, Meta(description="a part, with two places; empty for all that is open")] = None


# --- sending --------------------------------------------------------------------------------------------------------


def submit_claim_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any claim now."""
    if situation.case.quote is None:
        yield Reason("funding.quote.none")


def submit_claim(situation: Situation, given: SubmitClaim) -> Verdict:
    """The claim, once: the same again is a conflict, whatever id it is given."""
    quote = kept_quote(situation, given.quote)
    if isinstance(quote, Refusal):
        return quote
    cited = next((plan for plan in quote["plans"] if plan["id"] == given.plan), None)
    if cited is None:
        return refuse(Reason("funding.preauthorisation.plan_not_in_quote", {"plan": given.plan}, where="plan"))
    if given.service_on > situation.today:
        return refuse(Reason("funding.claim.of_future", {"day": given.service_on.isoformat()}, where="service_on"))
    lines = _lines(given.lines)
    if isinstance(lines, Refusal):
        return lines
    claim = ClaimSubmitted(
        claim_id=given.claim_id,
        payer=cited["payer"],
        plan=given.plan,
        bill=given.bill,
        service_on=given.service_on,
        lines=lines,
        currency=quote["result"]["currency"],
    )
    twin = _twin(situation.case, claim)
    if twin is not None:
        return refuse(twin, category=Category.CONFLICT)
    questions = tuple(asked_once(_unusual(situation, claim, quote), unusual=given.unusual))
    return refuse(*questions) if questions else (claim,)


def _unusual(situation: Situation, claim: ClaimSubmitted, quote: QuoteDocument) -> Iterator[Reason]:
    """Service before the case was opened, more than the whole quote names, and the charges of another bill once more."""
    opened = situation.case.opened
    if opened is not None and claim.service_on < (began := local_day(situation, opened.origin.recorded_at)):
        yield Reason("funding.claim.before_case", {"day": claim.service_on.isoformat(), "opened": began.isoformat()}, where="service_on")
    quoted = sum(parse_minor(line["gross"]) for line in quote["inputs"]["bill_lines"])
    claimed = sum(minor for _, _, minor in claim.lines)
    if claimed > quoted:
        values = {"claimed": format_minor(claimed), "quoted": format_minor(quoted), "currency": claim.currency}
        yield Reason("funding.claim.above_quote", values, where="lines")
    for before in submitted(situation.case).values():
        if (before.plan, before.service_on, before.lines) == (claim.plan, claim.service_on, claim.lines):
            yield Reason("funding.claim.same_charges", {"claim": before.claim_id, "bill": before.bill}, where="bill")


def _lines(given: tuple[QuotedLine, ...]) -> tuple[tuple[str, str, int], ...] | Refusal:
    lines: list[tuple[str, str, int]] = []
    reasons: list[Reason] = []
    for index, line in enumerate(given):
        try:
            minor = parse_minor(line.gross)
        except ValueError:
            minor = -1
        if minor < 0:
            reasons.append(Reason("funding.claim.amount", where=f"lines[{index}].gross"))
        if any(line.id == other[0] for other in lines):
            reasons.append(Reason("funding.case.duplicate", where=f"lines[{index}].id"))
        lines.append((line.id, line.category, minor))
    return refuse(*reasons, category=Category.INVALID) if reasons else tuple(sorted(lines))


def _twin(case: Case, claim: ClaimSubmitted) -> Reason | None:
    """Why a claim is one that was sent before: the same id, or the same charges of the same bill from the same plan."""
    for before in submitted(case).values():
        if before == claim:
            return Reason("funding.claim.sent_before", {"claim": claim.claim_id}, where="claim_id")
        if before.claim_id == claim.claim_id:
            return Reason("funding.claim.id_used", {"claim": claim.claim_id}, where="claim_id")
        if (before.plan, before.bill) == (claim.plan, claim.bill):
            twice = sorted({line[0] for line in before.lines} & {line[0] for line in claim.lines})
            if twice:
                values = {"claim": before.claim_id, "lines": ", ".join(twice)}
                return Reason("funding.claim.charged_before", values, where="lines")
    return None


# --- deciding -------------------------------------------------------------------------------------------------------


def adjudicate_claim(situation: Situation, given: AdjudicateClaim) -> Judged | Refusal:
    """`ClaimAdjudicated` and the computation as a document from which it can be made again."""
    case = situation.case
    claim = submitted(case).get(given.claim_id)
    if claim is None:
        return _unknown(given.claim_id)
    foreign = not_theirs(situation, claim.payer)
    if foreign is not None:
        return foreign
    if given.claim_id in adjudicated(case) and not under_appeal(case, given.claim_id):
        return refuse(Reason("funding.claim.adjudicated_before", {"claim": given.claim_id}), category=Category.CONFLICT)
    quote = kept_quote(situation, given.quote)
    if isinstance(quote, Refusal):
        return quote
    inputs = adjudication_inputs(case, quote, claim)
    read = read_cases(inputs, NO_SCALE)
    funded = read if isinstance(read, Refusal) else fund(read[0])
    if isinstance(funded, Refusal):
        return funded
    paid = next(paid for paid in funded.stack.layers if paid.layer.layer_id == claim.plan)
    decided = _decided(given, paid)
    if isinstance(decided, Refusal):
        return decided
    before = sum(event.benefit_minor for event in adjudicated(case).values() if event.plan == claim.plan and event.claim_id != claim.claim_id)
    limited, _ = quota_reasons(situation, claim.plan, before + decided, claim.currency) if decided > 0 else ((), ())
    if limited:
        return refuse(*limited)
    document = {
        "document": DOCUMENT,
        "version": "1",
        "claim_id": claim.claim_id,
        "quote_sha256": case.quote.event.quote_sha256 if case.quote else None,
        "inputs": inputs,
        "result": as_json(funded),
        "decided": format_minor(decided),
        "reason": given.reason.strip(),
    }
    return Judged((_adjudicated(claim, paid, decided, given.reason.strip(), sha256_hex(canonical_bytes(document))),), (document,))


def adjudication_inputs(case: Case, quote: QuoteDocument, claim: ClaimSubmitted) -> dict[str, object]:
    """The claim as a funding case: earlier payers of the bill as they decided, then this plan with what was used of it."""
    inputs = quote["inputs"]
    opened_on = date.fromisoformat(inputs["event_date"])
    layers = sorted(inputs["layers"], key=lambda layer: layer.get("order") or 0)
    until = next(n for n, layer in enumerate(layers) if layer["id"] == claim.plan) + 1
    used = used_before(case, layers[:until], claim.service_on, opened_on, bill=claim.bill, leave_out=claim.claim_id)
    decided = _decided_for_bill(case, claim)
    return {
        "currency": claim.currency,
        "event_date": claim.service_on.isoformat(),
        "bill_lines": [{"id": name, "category": category, "gross": format_minor(minor)} for name, category, minor in claim.lines],
        "layers": [*(_as_decided(layer, decided) for layer in used[:-1]), used[-1]],
    }


def _decided_for_bill(case: Case, claim: ClaimSubmitted) -> dict[str, int]:
    """What each plan decided on the charges of this claim's bill."""
    claims, charged = submitted(case), {line[0] for line in claim.lines}
    decided: dict[str, int] = {}
    for claim_id, event in adjudicated(case).items():
        other = claims.get(claim_id)
        if other is not None and other.bill == claim.bill and charged & {line[0] for line in other.lines}:
            decided[event.plan] = decided.get(event.plan, 0) + event.benefit_minor
    return decided


def _as_decided(layer: Mapping[str, object], decided: Mapping[str, int]) -> dict[str, object]:
    name = str(layer["id"])
    if name not in decided:
        return dict(layer)
    kept = {key: layer[key] for key in ("id", "order", "covers", "status") if key in layer}
    return {**kept, "kind": "FIXED_GRANT", "amount": format_minor(decided[name])}


def _decided(given: AdjudicateClaim, paid: Paid) -> int | Refusal:
    """The benefit of the terms, or less with a reason."""
    terms = paid.amounts.benefit
    if given.amount is None:
        return terms
    try:
        minor = parse_minor(given.amount)
    except ValueError:
        minor = -1
    if not 0 <= minor <= terms:
        return refuse(Reason("funding.claim.above_terms", {"terms": format_minor(terms)}, where="amount"), category=Category.INVALID)
    if minor < terms and not given.reason.strip():
        return refuse(Reason("funding.claim.reason_needed", {"terms": format_minor(terms)}, where="reason"))
    return minor


def _adjudicated(claim: ClaimSubmitted, paid: Paid, decided: int, reason: str, sha256: str) -> ClaimAdjudicated:
    own = paid.own or paid.amounts
    benefit = own.benefit if decided == paid.amounts.benefit else round_half_up(decided * (paid.layer.fx or Fraction(1)))
    deductible = own.deductible if paid.layer.means_test is None else 0
    claimed = paid.amounts.base
    outcome = "refused" if decided == 0 else "approved" if decided == claimed else "partially_approved"
    return ClaimAdjudicated(
        claim_id=claim.claim_id,
        payer=claim.payer,
        plan=claim.plan,
        service_on=claim.service_on,
        outcome=outcome,  # type: ignore[arg-type]  # one of three words
        benefit_minor=decided,
        currency=claim.currency,
        used=(("benefit", min(benefit, own.benefit)), ("deductible", deductible)),
        used_currency=paid.layer.currency,
        codes=(paid.binding, *paid.notes),
        reason=reason,
        decision_sha256=sha256,
    )


def none_submitted(situation: Situation) -> Iterator[Reason]:
    """No claim was submitted."""
    if not submitted(situation.case):
        yield Reason("funding.claim.none_submitted")


def none_adjudicated(situation: Situation) -> Iterator[Reason]:
    """No claim was decided on yet."""
    if not adjudicated(situation.case):
        yield Reason("funding.claim.none_adjudicated")


def appeal_claim(situation: Situation, given: AppealClaim) -> Verdict:
    """An appeal against the last adjudication, one at a time."""
    case = situation.case
    claim = submitted(case).get(given.claim_id)
    if claim is None:
        return _unknown(given.claim_id)
    if given.claim_id not in adjudicated(case):
        return refuse(Reason("funding.claim.not_adjudicated", {"claim": given.claim_id}))
    if under_appeal(case, given.claim_id):
        return refuse(Reason("funding.claim.appealed_before", {"claim": given.claim_id}), category=Category.CONFLICT)
    late = tuple(too_late(situation, claim.plan, decided_at(case, given.claim_id)))
    if late:
        return refuse(*late)
    if not given.grounds.strip():
        return refuse(Reason("funding.claim.grounds_needed", where="grounds"), category=Category.INVALID)
    return (AppealFiled(claim_id=given.claim_id, payer=claim.payer, grounds=given.grounds.strip()),)


def _unknown(claim_id: str) -> Refusal:
    return refuse(Reason("funding.claim.unknown", {"claim": claim_id}, where="claim_id"), category=Category.NOT_FOUND)


# --- paying ---------------------------------------------------------------------------------------------------------


def pay_claim(situation: Situation, given: PayClaim) -> Verdict:
    """A payment of what is open of a claim; the same payment again is a conflict."""
    case = situation.case
    decided = adjudicated(case).get(given.claim_id)
    if given.claim_id not in submitted(case):
        return _unknown(given.claim_id)
    foreign = not_theirs(situation, submitted(case)[given.claim_id].payer)
    if foreign is not None:
        return foreign
    if decided is None:
        return refuse(Reason("funding.claim.not_adjudicated", {"claim": given.claim_id}))
    if any(entry.event.claim_id == given.payment_id for entry in case.payments):
        return refuse(Reason("funding.claim.paid_before", {"claim": given.payment_id}, where="payment_id"), category=Category.CONFLICT)
    if under_appeal(case, given.claim_id):
        return refuse(Reason("funding.claim.under_appeal", {"claim": given.claim_id}))
    left = decided.benefit_minor - paid_for(case, given.claim_id)
    amount = left if given.amount is None else _parsed(given.amount)
    if not 0 < amount <= left:
        values = {"open": format_minor(max(left, 0)), "currency": decided.currency}
        return refuse(Reason("funding.claim.not_open", values, where="amount"))
    paid = BenefitPaid(
        claim_id=given.payment_id, payer=decided.payer, amount_minor=amount, currency=decided.currency, for_claim=given.claim_id
    )
    return (paid,)


def _parsed(text: str) -> int:
    try:
        return parse_minor(text)
    except ValueError:
        return 0


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        SubmitClaim, submit_claim, roles(Role.COORDINATOR),
        (EventRow(ClaimSubmitted, rendering.submitted, told_in("CLAIM")),),
        page="funding",
        correction=OF_MONEY,
        purpose="finance",
        needs=reads("quote"),
        blocked=submit_claim_blocked,
        place=60,
        prefill=next_claim,
        choices={"plan": "quoted_plan"},
    ),
    CommandRow(
        AdjudicateClaim, adjudicate_claim, roles(Role.PAYER),
        (EventRow(ClaimAdjudicated, rendering.adjudicated, told_in("CLAIM")),),
        page="funding",
        correction=OF_MONEY,
        kinds=ANYWHERE,
        purpose="finance",
        needs=reads("grants", "quote"),
        blocked=none_submitted,
        place=70,
        prefill=claim_to_decide,
        choices={"claim_id": "claim_to_decide"},
    ),
    CommandRow(
        AppealClaim, appeal_claim, roles(Role.COORDINATOR, Role.PATIENT),
        (EventRow(AppealFiled, rendering.appealed, told_in("CLAIM")),),
        page="funding",
        correction=OF_MONEY,
        kinds=ANYWHERE,
        purpose="finance",
        blocked=none_adjudicated,
        place=80,
        prefill=claim_to_appeal,
        choices={"claim_id": "claim_to_appeal"},
    ),
    CommandRow(
        PayClaim, pay_claim, roles(Role.PAYER),
        (BENEFIT_PAID,),
        page="funding",
        correction=Correction(Role.COORDINATOR, second="always"),
        kinds=ANYWHERE,
        purpose="finance",
        blocked=none_adjudicated,
        place=90,
        prefill=claim_to_pay,
        choices={"claim_id": "claim_to_pay"},
    ),
)
