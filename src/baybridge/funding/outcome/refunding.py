"""Recording that a refund arrived: on which day, how much, for whom, under which reference; in parts or whole, once.

Main job: the rule `record_refund` answers `RefundReceived`, or every reason against it.

What is due is the settlement's own; nothing arrives above it. A payer says what reached its own plans, the coordinator what reached any of them or
the patient; whoever owes a refund does not confirm it.
**Source**: policy reference D4 and D6 law (d). **Units**: amounts as text with two places, kept in minor units of the settlement's currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.money import format_minor, parse_minor
from baybridge.base.outcome import Category, Reason, refuse
from baybridge.documents.plan import NO_PLAN, Plans
from baybridge.funding import rendering
from baybridge.funding.claims.own import not_theirs
from baybridge.journey.case import Case
from baybridge.journey.checks import happened
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import RefundReceived
from baybridge.journey.prefill import FormContext
from baybridge.journey.refunds import Refund, refund_open, refunds_of
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, roles, told_in


class RecordRefund(Struct, frozen=True, kw_only=True):
    """Record that a refund, or a part of it, arrived."""

    recipient: Annotated[str, Meta(description="id of the plan that received it, or PATIENT")]
    amount: Annotated[str, Meta(description="what arrived, with two places")]
    currency: str
    received_on: date
    reference: Annotated[str, Meta(min_length=1, max_length=64, description="the transfer's own reference; the same when it is told again")]


def record_refund_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any refund now."""
    case = situation.case
    if case.settlement is None:
        yield Reason("funding.refund.nothing_settled")
    elif not case.settlement.event.allocation:
        yield Reason("funding.refund.none_due", {"code": case.settlement.event.code})
    elif not refund_open(case):
        yield Reason("funding.refund.all_arrived")


def record_refund(situation: Situation, given: RecordRefund) -> Verdict:
    """An arrival, once: the same reference for the same recipient again is a conflict that says what stands."""
    case = situation.case
    settled = case.settlement
    if settled is None or not settled.event.allocation:
        return refuse(*record_refund_blocked(situation))
    foreign = not_theirs(situation, payer_of(situation, given.recipient))
    if foreign is not None:
        return foreign
    refund = next((one for one in refunds_of(case) if one.recipient == given.recipient), None)
    if refund is None:
        known = ", ".join(one.recipient for one in refunds_of(case))
        reason = Reason("funding.refund.not_due_to", {"recipient": given.recipient, "known": known}, where="recipient")
        return refuse(reason, category=Category.NOT_FOUND)
    arrived = RefundReceived(
        agreement=settled.event.agreement,
        recipient=given.recipient,
        reference=given.reference.strip(),
        amount_minor=_minor(given.amount),
        currency=given.currency,
        received_on=given.received_on,
    )
    before = _before(refund, arrived)
    if before is not None:
        return refuse(before, category=Category.CONFLICT)
    reasons = tuple(_against(situation, refund, arrived))
    return refuse(*reasons) if reasons else (arrived,)


def payer_of(situation: Situation, recipient: str) -> str:
    """The payer of a plan that a refund goes to; the plan's own name where no document names its payer."""
    return str(situation.documents.plans.get(recipient, NO_PLAN).get("payer") or _asked(situation.case, recipient) or recipient)


def _asked(case: Case, plan: str) -> str | None:
    return next((one.requested.event.payer for one in case.preauthorisations if one.requested.event.plan == plan), None)


def _minor(text: str) -> int:
    """Minor units; zero, which is refused, where the text is no amount."""
    try:
        return parse_minor(text)
    except ValueError:
        return 0


def _before(refund: Refund, arrived: RefundReceived) -> Reason | None:
    """Why a reference cannot be used: this very arrival stands already, or another with the same reference."""
    known = next((entry.event for entry in refund.arrivals if entry.event.reference == arrived.reference), None)
    if known is None:
        return None
    code = "funding.refund.arrived_before" if known == arrived else "funding.refund.reference_used"
    values = {"reference": known.reference, "amount": format_minor(known.amount_minor), "currency": known.currency, "day": known.received_on.isoformat()}
    return Reason(code, values, where="reference")


def _against(situation: Situation, refund: Refund, arrived: RefundReceived) -> Iterator[Reason]:
    settled = situation.case.settlement
    enrolled = situation.case.enrolled_in(arrived.agreement)
    yield from happened(situation, received_on=arrived.received_on)
    if enrolled is not None and arrived.received_on < enrolled.event.enrolled_on:
        yield Reason("funding.refund.before_enrolment", {"day": enrolled.event.enrolled_on.isoformat()}, where="received_on")
    if not arrived.reference:
        yield Reason("funding.refund.reference_needed", where="reference")
    if settled is not None and arrived.currency != settled.event.currency:
        yield Reason("funding.refund.currency", {"expected": settled.event.currency, "found": arrived.currency}, where="currency")
    if arrived.amount_minor <= 0:
        yield Reason("funding.refund.amount", where="amount")
    elif arrived.amount_minor > refund.open_minor:
        values = {"due": format_minor(refund.due_minor), "received": format_minor(refund.received_minor), "open": format_minor(max(refund.open_minor, 0))}
        yield Reason("funding.refund.above_due", {**values, "currency": arrived.currency}, where="amount")


def open_refunds(case: Case, payer: str | None, plans: Plans) -> list[Refund]:
    """Parts of a settled refund that have not wholly arrived; those of one payer's plans, or all where `payer` is None."""
    return [one for one in refunds_of(case) if one.open_minor > 0 and payer in (None, plans.get(one.recipient, NO_PLAN).get("payer"))]


def open_part(context: FormContext) -> Mapping[str, object]:
    """The part that has not arrived, the one that the address names first; day and reference stand in the bank's advice."""
    parts = open_refunds(context.case, context.payer, context.documents.plans)
    part = next((one for one in parts if one.recipient == context.address.get("recipient")), parts[0] if parts else None)
    if part is None or context.case.settlement is None:
        return {"currency": None}
    return {"recipient": part.recipient, "amount": format_minor(part.open_minor), "currency": context.case.settlement.event.currency}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        RecordRefund, record_refund, roles(Role.COORDINATOR, Role.PAYER),
        (EventRow(RefundReceived, rendering.refunded, told_in("CARE_REFERRAL", "OBA_OUTCOME")),),
        page="funding",
        correction=Correction(Role.COORDINATOR, second="always"),
        kinds=ANYWHERE,
        step="refund",
        purpose="finance",
        blocked=record_refund_blocked,
        place=120,
        prefill=open_part,
        choices={"recipient": "refund_recipient"},
    ),
)
