"""Limits of the cold chain and at the bedside: `data/pathways/cold-chain.yaml`.

Main job: `Limits`; every part must stand, since the bedside goes by it.

**Units**: degrees Celsius, minutes, hours, days, milligrams as the names say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import Meta

from baybridge.documents.heading import Celsius, Days, Heading, Hours, Jurisdiction, Minutes, Part

Positive = Annotated[int, Meta(ge=1)]


class FreshCells(Part, frozen=True, kw_only=True):
    """Cells on their way to the plant."""

    coldest_c: Celsius
    warmest_c: Celsius
    outer_coldest_c: Celsius
    outer_warmest_c: Celsius
    record_only_min: Minutes
    quality_review_min: Minutes


class FrozenProduct(Part, frozen=True, kw_only=True):
    """The product on its way to the bedside."""

    band_2_c: Celsius
    band_3_c: Celsius
    band_1_min: Minutes
    coldest_c: Celsius  # nothing is stored colder than in liquid nitrogen


class LoggerIntervals(Part, frozen=True, kw_only=True):
    """How often a temperature logger reads, and from when on it has missed some."""

    interval_min: Annotated[int, Meta(ge=1)]
    gap_min: Annotated[int, Meta(ge=1)]


class DryShipper(Part, frozen=True, kw_only=True):
    """How much longer than its way a shipper must hold."""

    hold_factor: Annotated[float, Meta(ge=1)]


class BedsideCheck(Part, frozen=True, kw_only=True):
    """How long a check at the bedside holds."""

    check_valid_min: Minutes


class UnverifiedThaw(Part, frozen=True, kw_only=True):
    """From thaw to the end of the infusion where no label says it."""

    unverified_min: Minutes


class Shortage(Part, frozen=True, kw_only=True):
    """How many doses are enough while a shortage is declared, and how soon the next must be at hand."""

    doses: Positive
    next_within_h: Hours
    source: str


class WeightBand(Part, frozen=True, kw_only=True):
    """A dose by weight, from a weight on; the band with the greatest weight that the patient reaches holds."""

    from_kg: Annotated[float, Meta(ge=0)]
    mg_per_kg: Annotated[float, Meta(gt=0)]


class Tocilizumab(Part, frozen=True, kw_only=True):
    """How often and how much."""

    reserved_doses: Annotated[int, Meta(ge=0)]
    atc: str
    interval_h: Hours
    shortage: Shortage | None = None
    per_24_h: Positive
    per_episode: Positive
    max_dose_mg: Positive
    by_weight: tuple[WeightBand, ...]
    source: str


class InfectiousMarkers(Part, frozen=True, kw_only=True):
    """What is tested before collection."""

    purpose: str
    source: str
    statutory_in: tuple[Jurisdiction, ...] = ()  # regions whose law asks for the set: no exception passes it there
    markers: Mapping[str, tuple[str, ...]]


class ResponseWindow(Part, frozen=True, kw_only=True):
    """The day of an assessment of the response, and how far from it."""

    day: Days
    within_d: Days


class ResponseWindows(Part, frozen=True, kw_only=True):
    """When the response is assessed, and by how many."""

    source: str
    windows: Mapping[str, ResponseWindow]


class BeforeDischarge(Part, frozen=True, kw_only=True):
    """What stands against leaving hospital."""

    toxicity_from_grade: Annotated[int, Meta(ge=1, le=5)]
    assessed_within_h: Hours


class Plausible(Part, frozen=True, kw_only=True):
    """Beyond these an entry is asked about once, whether it is meant as it stands."""

    source: str
    collection_h: Hours
    collection_most_h: Hours
    collection_ml: Positive
    told_within_h: Hours
    slot_ahead_d: Days
    drugs_held_d: Days
    drugs_since_d: Days
    lymphodepletion_d: Days
    permit_d: Days
    shelf_d: Days
    shelf_most_d: Days
    transit_h: Hours
    hold_h: Hours


class FitnessPolicies(Part, frozen=True, kw_only=True):
    """The policy of each step."""

    collection: str
    lymphodepletion: str
    infusion: str


class Limits(Heading, frozen=True, kw_only=True):
    """All limits."""

    fresh_cells: FreshCells
    product: FrozenProduct
    dry_shipper: DryShipper
    logger: LoggerIntervals
    bedside: BedsideCheck
    thaw: UnverifiedThaw
    tocilizumab: Tocilizumab
    infectious_markers: InfectiousMarkers
    response: ResponseWindows
    discharge: BeforeDischarge
    plausible: Plausible
    fitness: FitnessPolicies

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """A band that ends before it begins."""
        fresh, product = self.fresh_cells, self.product
        for low, high in (("coldest_c", "warmest_c"), ("outer_coldest_c", "outer_warmest_c"), ("record_only_min", "quality_review_min")):
            begins, ends = getattr(fresh, low), getattr(fresh, high)
            if begins > ends:
                yield ("fresh_cells", high), f"{high} of at least {low}, {begins}", str(ends)
        if product.band_2_c > product.band_3_c:
            yield ("product", "band_3_c"), f"band_3_c of at least band_2_c, {product.band_2_c}", str(product.band_3_c)
