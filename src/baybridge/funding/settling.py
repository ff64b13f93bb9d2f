"""Settling an outcome agreement on what the case says about response, death and infusion.

Main job: `outcome_of` answers which outcome was reached, and the rule `settle_outcome` what comes back to whom.

Nothing is settled while the window is open or readers disagree: these are refusals with the day or the step that is needed.

**Source**: policy reference D4; the agreement's own document for window, criteria and readers.
**Units**: money in minor units of the quote's currency; days count from infusion, which is day 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.money import format_minor
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.funding.agreement import OPEN_OUTCOMES, Settled, drug_contributions, drug_list_price, settle
from baybridge.funding.own import not_theirs
from baybridge.funding.quotes import kept_quote, recompute
from baybridge.funding.stack import Stack
from baybridge.funding.terms import PATIENT
from baybridge.journey.command import Situation
from baybridge.journey.events import BenefitPaid, Died, OutcomeSettled, ProductRejected, ResponseAssessed
from baybridge.journey.judged import Judged

DOCUMENT = "outcome-settlement"


class SettleOutcome(Struct, frozen=True, kw_only=True):
    """Settle the outcome agreement of the case's quote."""

    declared: Annotated[
        Literal["NOT_INFUSED_OOS", "NOT_INFUSED", "OOS_INFUSED"] | None,
        Meta(description="only where the product was not infused, or was infused out of specification"),
    ] = None
    quote: Annotated[dict[str, Any] | None, Meta(description="the quote document, where this node does not keep it")] = None


@dataclass(frozen=True, slots=True)
class Window:
    """How an agreement's document wants response assessed: when, by which criteria, by how many readers, and what counts."""

    first_day: date
    last_day: date
    timepoint: str
    criteria: str | None
    readers: int
    reached: frozenset[str]

    def counts(self, event: ResponseAssessed) -> bool:
        """Whether an assessment is of this time point, inside the window and by these criteria."""
        in_window = self.first_day <= event.assessed_on <= self.last_day
        return in_window and event.timepoint == self.timepoint and self.criteria in (None, event.criteria)


def window_of(terms: Mapping[str, Any], infused_on: date) -> Window:
    """The window of an agreement's document for an infusion."""
    outcome = terms["outcome"]
    target, either_side = infused_on + timedelta(days=outcome["target_day"]), timedelta(days=outcome["window_days"])
    return Window(
        first_day=target - either_side,
        last_day=target + either_side,
        timepoint=str(outcome["timepoint"]),
        criteria=outcome.get("criteria"),
        readers=int(outcome.get("readers") or 1),
        reached=frozenset(outcome["counts_as_reached"]),
    )


def outcome_of(window: Window, assessments: Iterable[ResponseAssessed], died: Died | None, today: date) -> str:
    """CR_AT_…, NO_CR_AT_…, READERS_DISAGREE, DEATH_…, WINDOW_MISSED or PENDING.

    The last assessment that enough readers signed decides. Without one, single readings that differ are a disagreement. A death
    decides where nothing was assessed before it; a death of unknown cause stays open.
    """
    counted = [event for event in assessments if window.counts(event)]
    signed = [event for event in counted if window.readers == 1 or _second_reader(event)]
    if signed:
        return _named(window, reached=signed[-1].category in window.reached)
    by_reader = {event.first_reader: event.category in window.reached for event in counted}
    if len(set(by_reader.values())) > 1:
        return "READERS_DISAGREE"
    if len(by_reader) >= window.readers:
        return _named(window, reached=next(iter(by_reader.values())))
    if died is not None and died.died_on <= window.last_day:
        return {"disease": "DEATH_DISEASE", "non_relapse": "DEATH_NRM"}.get(died.cause, "PENDING")
    return "PENDING" if today <= window.last_day else "WINDOW_MISSED"


def _second_reader(event: ResponseAssessed) -> bool:
    return event.second_reader is not None and event.second_reader != event.first_reader


def _named(window: Window, *, reached: bool) -> str:
    return f"{'CR' if reached else 'NO_CR'}_AT_{window.timepoint}"


# --- the rule -------------------------------------------------------------------------------------------------------


def settle_outcome_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any settlement now."""
    quote, settled = situation.case.quote, situation.case.settlement
    if settled is not None:
        yield Reason("funding.settle.settled_before", {"code": settled.event.code})
    elif quote is None:
        yield Reason("funding.quote.none")
    elif quote.event.agreement is None:
        yield Reason("funding.settle.no_agreement")


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
    agreement = funded.case.agreement
    if agreement is None or quote["agreement"] is None:
        return refuse(Reason("funding.settle.no_agreement"))
    terms = quote["agreement"]["terms"]
    outcome = _outcome(situation, given, terms)
    if isinstance(outcome, Refusal):
        return outcome
    paid = _limited_by_payments(situation, quote, drug_contributions(funded.stack))
    settled = settle(agreement, paid, drug_list_price(funded.case), outcome)
    document = _document(situation, quote, settled, funded.stack)
    return Judged((_event(quote, settled, document),), (document,))


def _event(quote: Mapping[str, Any], settled: Settled, document: dict[str, Any]) -> OutcomeSettled:
    return OutcomeSettled(
        agreement=quote["agreement"]["id"],
        outcome=settled.outcome,
        code=settled.code,
        refund_minor=settled.refund_minor,
        currency=quote["result"]["currency"],
        allocation=tuple(settled.allocation.items()),
        decision_sha256=sha256_hex(canonical_bytes(document)),
    )


def _outcome(situation: Situation, given: SettleOutcome, terms: Mapping[str, Any]) -> str | Refusal:
    case, source = situation.case, str(terms.get("source", ""))
    infused_at = case.infused_at
    if given.declared is not None:
        return _declared(situation, given.declared, source)
    if infused_at is None:
        return refuse(Reason("funding.settle.not_infused", source=source))
    window = window_of(terms, infused_at.astimezone(situation.site.zone).date())
    died = case.last(Died)
    outcome = outcome_of(window, _by_day(situation), died.event if died else None, situation.today)
    if outcome not in OPEN_OUTCOMES:
        return outcome
    values: dict[str, str | int] = {"code": OPEN_OUTCOMES[outcome], "readers": window.readers}
    values |= {"first_day": window.first_day.isoformat(), "last_day": window.last_day.isoformat()}
    step = "adjudicate" if outcome == "READERS_DISAGREE" else "cause_unknown" if died else "pending"
    return refuse(Reason(f"funding.settle.{step}", values, source))


def _by_day(situation: Situation) -> list[ResponseAssessed]:
    return sorted((entry.event for entry in situation.case.of(ResponseAssessed)), key=lambda event: event.assessed_on)


def _declared(situation: Situation, declared: str, source: str) -> str | Refusal:
    """An outcome that a person declares must fit what the case says was infused and rejected."""
    infused = situation.case.infused_at is not None
    if declared == "OOS_INFUSED":
        return declared if infused else refuse(Reason("funding.settle.not_infused", source=source))
    if infused:
        return refuse(Reason("funding.settle.was_infused", {"outcome": declared}, source))
    if declared == "NOT_INFUSED_OOS" and not situation.case.did(ProductRejected):
        return refuse(Reason("funding.settle.not_rejected", {"outcome": declared}, source))
    return declared


def _limited_by_payments(situation: Situation, quote: Mapping[str, Any], contributions: Mapping[str, int]) -> dict[str, int]:
    """What each layer and the patient paid on drug lines; where payments of a payer are recorded, never more than these."""
    payers = {plan["id"]: plan["payer"] for plan in quote["plans"]} | {PATIENT: PATIENT}
    recorded = [entry.event for entry in situation.case.payments]
    return {who: _at_most_paid(payers[who], minor, recorded) for who, minor in contributions.items()}


def _at_most_paid(payer: str, minor: int, recorded: list[BenefitPaid]) -> int:
    amounts = [event.amount_minor for event in recorded if event.payer == payer]
    return min(minor, sum(amounts)) if amounts else minor


def _document(situation: Situation, quote: Mapping[str, Any], settled: Settled, stack: Stack) -> dict[str, Any]:
    issued = situation.case.quote
    infused_at = situation.case.infused_at
    return {
        "document": DOCUMENT,
        "version": "1",
        "agreement": quote["agreement"]["id"],
        "agreement_sha256": quote["agreement"]["sha256"],
        "agreement_status": quote["agreement"]["status"],
        "quote_sha256": issued.event.quote_sha256 if issued else None,
        "infused_on": infused_at.astimezone(situation.site.zone).date().isoformat() if infused_at else None,
        "assessments": [_assessment(event) for event in _by_day(situation)],
        "outcome": settled.outcome,
        "code": settled.code,
        "currency": stack.case.currency,
        "refund_total": format_minor(settled.refund_minor),
        "refund_allocation": {payer: format_minor(minor) for payer, minor in settled.allocation.items()},
        "net_by_payer_on_drug": {payer: format_minor(minor) for payer, minor in settled.net_on_drug.items()},
    }


def _assessment(event: ResponseAssessed) -> dict[str, Any]:
    """An assessment without who read it: readers stand on the event."""
    return {
        "timepoint": event.timepoint,
        "criteria": event.criteria,
        "category": event.category,
        "assessed_on": event.assessed_on.isoformat(),
        "readers": 2 if _second_reader(event) else 1,
    }
