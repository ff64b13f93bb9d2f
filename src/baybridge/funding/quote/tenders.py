"""How the patient's share is handed over: instalments, tenders in several currencies, and refunds back through them.

Main job: sums that stay equal to the patient's share, and refunds at the rate at which the money was taken.

**Source**: shared funding contract (`instalments`, `settlement`); policy reference D6 laws (e) and (f).
**Units**: minor units; `bill_minor` in the bill's currency, `tender_minor` in the tender's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from baybridge.base.money import format_minor, round_half_up, split_largest_remainder
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.funding.plans.terms import Tender


@dataclass(frozen=True, slots=True)
class Instalments:
    """Equal instalments rounded down, the last takes the remainder."""

    count: int
    each_minor: int
    last_minor: int

    @property
    def sum_minor(self) -> int:
        """All instalments together."""
        return self.each_minor * (self.count - 1) + self.last_minor


@dataclass(frozen=True, slots=True)
class Tendered:
    """One tender with its part of the bill and the amount in its own currency."""

    tender: Tender
    bill_minor: int
    tender_minor: int


def instalments_of(share_minor: int, count: int) -> Instalments:
    """The share in `count` instalments."""
    each = share_minor // count
    return Instalments(count, each, share_minor - each * (count - 1))


def tendered(tenders: Sequence[Tender], share_minor: int) -> tuple[Tendered, ...] | Refusal:
    """Each tender's part; in the bill's currency they sum to the patient's share, or the refusal says by how much they do not."""
    fixed = sum(tender.bill_minor for tender in tenders if tender.bill_minor is not None)
    open_ended = any(tender.bill_minor is None for tender in tenders)
    if fixed > share_minor or (fixed != share_minor and not open_ended):
        values = {"expected": format_minor(share_minor), "found": format_minor(fixed)}
        return refuse(Reason("funding.case.tenders_sum", values, where="settlement.tenders"), category=Category.INVALID)
    return tuple(_tendered(tender, share_minor - fixed) for tender in tenders)


def _tendered(tender: Tender, remainder: int) -> Tendered:
    bill = remainder if tender.bill_minor is None else tender.bill_minor
    return Tendered(tender, bill, round_half_up(bill * tender.rate))


def refund_by_tender(tenders: Sequence[Tendered], refund_minor: int) -> tuple[Tendered, ...]:
    """The patient's refund, back through the tenders in proportion to what each paid, at its original rate."""
    weights = {f"{index:06d}": part.bill_minor for index, part in enumerate(tenders)}
    shares = split_largest_remainder(refund_minor, weights).values()
    return tuple(
        Tendered(part.tender, share, round_half_up(share * part.tender.rate)) for part, share in zip(tenders, shares, strict=True)
    )
