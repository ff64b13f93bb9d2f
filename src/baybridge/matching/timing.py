"""When: the earliest infusion that is realistic.

Main job: `earliest_infusion(…)`. Elsewhere: washouts in `facts/washouts.py`.

**Source**: `data/timing/vein-to-vein.yaml`. **Units**: calendar days of the centre.
"""

from __future__ import annotations

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
