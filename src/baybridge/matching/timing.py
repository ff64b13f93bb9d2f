"""When: the earliest infusion that is realistic.

Main job: `earliest_infusion(…)`; `first_day(…)` turns a "no" of today into "not yet" with its day. Elsewhere: washouts in `facts/washouts.py`.

**Source**: `data/timing/vein-to-vein.yaml`. **Units**: calendar days of the centre.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from baybridge.documents.timing import VeinToVein


@dataclass(frozen=True, slots=True)
class Infusion:
    """The earliest realistic day, its range, and what it rests on; an assumption is shown as one."""

    on: date
    range: tuple[date, date] | None
    source: str
    confidence: str


def earliest_infusion(product: str, collection_on: date, document: VeinToVein) -> Infusion:
    """The day that follows from the earliest collection and the time that making the product took elsewhere."""
    row = document.products.get(product, document.default)
    span = row.range_days
    ends = (collection_on + timedelta(days=span[0]), collection_on + timedelta(days=span[1])) if span else None
    return Infusion(collection_on + timedelta(days=row.median_days), ends, row.source, row.confidence or "low")


def first_day(holds_on: Callable[[date], bool], start: date, within_days: int) -> date | None:
    """The first day from `start` on which something holds, looked for day by day; None where it does not within that time."""
    days = (start + timedelta(days=number) for number in range(within_days + 1))
    return next((day for day in days if holds_on(day)), None)
