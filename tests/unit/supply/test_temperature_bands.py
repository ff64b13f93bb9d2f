"""Temperature rules F4, each band at its edges."""

from __future__ import annotations

import pytest

from baybridge.documents.limits import FreshCells, FrozenProduct
from baybridge.documents.pathway import FreshCellsClock
from baybridge.supply.temperature import Reading, contradicts, judge_fresh, judge_product, quarantines

FRESH = FreshCells(coldest_c=2, warmest_c=8, outer_coldest_c=0, outer_warmest_c=10, record_only_min=30, quality_review_min=120)
CLOCK = FreshCellsClock(amber_h=48, red_h=66, stop_h=72)
PRODUCT = FrozenProduct(band_2_c=-130, band_3_c=-120, band_1_min=30, coldest_c=-196)

FRESH_ROWS = [
    (8.0, 2.0, 0, 71.9, ()),
    (9.0, 2.0, 0, 10.0, ("fresh_outside_band",)),
    (12.0, 2.0, 30, 10.0, ("fresh_outside_recorded",)),
    (12.0, 2.0, 31, 10.0, ("fresh_outside_review",)),
    (12.0, 2.0, 120, 10.0, ("fresh_outside_review",)),
    (12.0, 2.0, 121, 10.0, ("fresh_outside_too_long",)),
    (8.0, 0.0, 0, 10.0, ("fresh_outside_band",)),
    (8.0, -0.1, 5, 10.0, ("fresh_frozen", "fresh_outside_recorded")),
    (8.0, 2.0, 0, 72.0, ()),
    (8.0, 2.0, 0, 72.1, ("fresh_too_old",)),
    (8.0, 2.0, 0, None, ("fresh_age_unknown",)),
]


@pytest.mark.parametrize(("warmest", "coldest", "minutes", "hours", "expected"), FRESH_ROWS)
def test_fresh_cells(warmest: float, coldest: float, minutes: int, hours: float | None, expected: tuple[str, ...]) -> None:
    assert judge_fresh(Reading(warmest, coldest, minutes), hours, FRESH, CLOCK) == expected


PRODUCT_ROWS = [
    (-150.0, -150.0, 0, ()),
    (-149.9, -150.0, 30, ("product_band_1",)),
    (-149.9, -150.0, 31, ("product_band_2",)),
    (-130.1, -150.0, 1, ("product_band_1",)),
    (-130.0, -150.0, 1, ("product_band_2",)),
    (-120.1, -150.0, 1, ("product_band_2",)),
    (-120.0, -150.0, 1, ("product_band_3",)),
    (-125.0, -120.0, 0, ()),  # within the label of a product stored at -120 degrees: no excursion
    (-120.0, -120.0, 0, ()),
    (-119.9, -120.0, 1, ("product_band_3",)),
]


@pytest.mark.parametrize(("warmest", "label", "minutes", "expected"), PRODUCT_ROWS)
def test_bands_apply_only_above_the_products_own_label(warmest: float, label: float, minutes: int, expected: tuple[str, ...]) -> None:
    assert judge_product(Reading(warmest, -196.0, minutes), label, PRODUCT) == expected


def test_what_is_only_recorded_does_not_quarantine() -> None:
    assert not quarantines(("fresh_outside_recorded", "fresh_outside_band"))
    assert quarantines(("fresh_outside_recorded", "seal_broken"))
    assert quarantines(("product_band_1",))


def test_minutes_and_extremes_must_agree() -> None:
    assert contradicts(Reading(-160, -190, 10), None, -150)
    assert contradicts(Reading(-140, -190, 0), None, -150)
    assert contradicts(Reading(-190, -160, 0), None, -150)
    assert not contradicts(Reading(-140, -190, 10), None, -150)
    assert contradicts(Reading(8, -1, 0), 0, 10)
