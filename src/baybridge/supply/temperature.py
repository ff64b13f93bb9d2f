"""What a temperature log says about cells and product.

Main job: `judge_fresh` and `judge_product`: findings as codes, and whether the bags may go on without a decision of quality.

**Source**: quality reference F4. Mean kinetic temperature has no meaning at these temperatures and is not used. **Units**: degrees Celsius,
minutes, hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from baybridge.documents.limits import FreshCells, FrozenProduct
from baybridge.documents.pathway import FreshCellsClock

#: Findings that are recorded and change nothing.
RECORD_ONLY = frozenset({"fresh_outside_band", "fresh_outside_recorded"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What the logger said of one shipment; `minutes_outside` above the product's limit, or outside 0 to 10 degrees for fresh cells."""

    warmest_c: float
    coldest_c: float
    minutes_outside: float


def quarantines(findings: tuple[str, ...]) -> bool:
    """Whether any finding keeps the bags until quality decides."""
    return any(finding not in RECORD_ONLY for finding in findings)


def contradicts(reading: Reading, coldest_allowed_c: float | None, warmest_allowed_c: float) -> bool:
    """Whether minutes and extremes of a log cannot both be true."""
    too_cold = coldest_allowed_c is not None and reading.coldest_c < coldest_allowed_c
    outside = reading.warmest_c > warmest_allowed_c or too_cold
    return reading.coldest_c > reading.warmest_c or (reading.minutes_outside > 0) is not outside


def judge_fresh(reading: Reading, hours: float | None, limits: FreshCells, clock: FreshCellsClock) -> tuple[str, ...]:
    """Findings on fresh cells; `hours` since the end of collection, None where that is unknown."""
    return (*_fresh_temperature(reading, limits), *_fresh_clock(hours, clock))


def fresh_temperature(reading: Reading, limits: FreshCells) -> tuple[str, ...]:
    """Findings on the temperatures of fresh cells, whatever their age."""
    return tuple(_fresh_temperature(reading, limits))


def _fresh_temperature(reading: Reading, limits: FreshCells) -> Iterator[str]:
    if reading.coldest_c < limits.outer_coldest_c:
        yield "fresh_frozen"
    if reading.minutes_outside > limits.quality_review_min:
        yield "fresh_outside_too_long"
    elif reading.minutes_outside > limits.record_only_min:
        yield "fresh_outside_review"
    elif reading.minutes_outside > 0:
        yield "fresh_outside_recorded"
    elif reading.warmest_c > limits.warmest_c or reading.coldest_c < limits.coldest_c:
        yield "fresh_outside_band"


def _fresh_clock(hours: float | None, clock: FreshCellsClock) -> Iterator[str]:
    if hours is None:
        yield "fresh_age_unknown"
    elif hours > clock.stop_h:
        yield "fresh_too_old"


def judge_product(reading: Reading, label_limit_c: float, limits: FrozenProduct) -> tuple[str, ...]:
    """Findings on a frozen product; nothing at or below the product's own label limit is an excursion."""
    if reading.warmest_c <= label_limit_c:
        return ()
    if reading.warmest_c >= limits.band_3_c:
        return ("product_band_3",)
    if reading.warmest_c >= limits.band_2_c or reading.minutes_outside > limits.band_1_min:
        return ("product_band_2",)
    return ("product_band_1",)
