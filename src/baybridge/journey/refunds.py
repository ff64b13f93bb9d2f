"""Refunds of a settled outcome agreement: what is due to whom, what arrived, what is open.

Main job: `refunds_of(case)` for the parts that judge and show refunds; `refund_open` and `due_on` for pathway and work lists.

A settlement says what is due and never that it was paid: only an arrival does. **Units**: minor units of the settlement's currency; a due day is
the agreement's own, as the settlement wrote it down. Elsewhere: recording an arrival in `funding/outcome/refunding.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from baybridge.journey.case import Case
from baybridge.journey.entry import Entry
from baybridge.journey.events import RefundReceived


@dataclass(frozen=True, slots=True)
class Refund:
    """One recipient's part of a settled refund: a plan, or the patient; what is due and every arrival."""

    recipient: str
    due_minor: int
    arrivals: tuple[Entry[RefundReceived], ...]

    @property
    def received_minor(self) -> int:
        """What arrived."""
        return sum(entry.event.amount_minor for entry in self.arrivals)

    @property
    def open_minor(self) -> int:
        """What is still to come; below zero where another node told of more than is due."""
        return self.due_minor - self.received_minor


def refunds_of(case: Case) -> tuple[Refund, ...]:
    """Every part of the settled refund, in the settlement's order; none where nothing is settled or nothing comes back."""
    if case.settlement is None:
        return ()
    arrivals = arrivals_of(case)
    return tuple(
        Refund(recipient, minor, tuple(entry for entry in arrivals if entry.event.recipient == recipient))
        for recipient, minor in case.settlement.event.allocation
    )


def arrivals_of(case: Case) -> tuple[Entry[RefundReceived], ...]:
    """What arrived, each transfer to a recipient once; one that was told twice counts once."""
    once = {(entry.event.recipient, entry.event.reference): entry for entry in reversed(case.of(RefundReceived))}
    return tuple(once.values())[::-1]


def refund_open(case: Case) -> bool:
    """Whether a part of a settled refund has not arrived."""
    return any(refund.open_minor > 0 for refund in refunds_of(case))


def refund_late(case: Case, today: date) -> bool:
    """Whether the day by which the refund was to arrive has passed, and not all of it arrived."""
    day = due_on(case)
    return day is not None and today > day and refund_open(case)


def due_on(case: Case) -> date | None:
    """The last day for the refund; None where the agreement has no time limit that somebody verified."""
    return case.settlement.event.refund_due_on if case.settlement else None
