"""A product of the catalogue: `data/products/*.yaml`.

Main job: `Product`; what is not established is None, looked up in the local label and never guessed.

**Units**: in the names of the fields; doses in 10⁶ cells, prices in minor units of their currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from msgspec import Meta

from baybridge.documents.heading import (
    EMPTY,
    Amount,
    Celsius,
    Confidence,
    Currency,
    Jurisdiction,
    Minutes,
    Part,
    PartialDay,
    Percent,
    Translated,
)


class TradeName(Part, frozen=True, kw_only=True):
    """Under which name it is sold where."""

    name: str
    market: str
    latin: str | None = None


class Construct(Part, frozen=True, kw_only=True):
    """How the receptor is built."""

    binder: str | None = None
    hinge_transmembrane: str | None = None
    costimulation: str | None = None
    vector: str | None = None
    confidence: Confidence
    process: str | None = None
    marker: str | None = None


class Thaw(Part, frozen=True, kw_only=True):
    """How long the cells may wait once thawed."""

    infuse_within_min: Minutes | None = None
    stable_min: Minutes | None = None
    confidence: Confidence
    source: str


class ShelfLife(Part, frozen=True, kw_only=True):
    """How long a label lets the frozen cells be kept; a longer expiry is asked about."""

    days: Annotated[int, Meta(ge=1)]
    confidence: Confidence
    source: str


class Dose(Part, frozen=True, kw_only=True):
    """How many cells the label asks for."""

    per_kg_million_min: Amount | None = None
    per_kg_million_max: Amount | None = None
    total_million_min: Amount | None = None
    total_million_max: Amount | None = None
    target_per_kg_million: Amount | None = None
    target_total_million: Amount | None = None
    text: Translated = EMPTY
    confidence: Confidence


class Drug(Part, frozen=True, kw_only=True):
    """One drug of the lymphodepletion."""

    drug: str
    mg_m2: Amount | None = None
    doses: int | None = None


class Omission(Part, frozen=True, kw_only=True):
    """Where the label lets lymphodepletion be left out: white cells at most so many 10*9/L, counted within so many days before the infusion."""

    white_cells_at_most: Amount
    within_days: Annotated[int, Meta(ge=0)]
    source: str


class Lymphodepletion(Part, frozen=True, kw_only=True):
    """What is given before the infusion, on which days before it."""

    regimen: str | None = None
    drugs: tuple[Drug, ...] = ()
    days_before: tuple[int, ...] = ()
    infuse_days_after: tuple[int, ...] = ()  # read by nothing: `timing/label-times` holds it by label and indication; older site documents may have it
    repeat_if_delay_days_over: int | None = None
    omit: Omission | None = None
    text: Translated = EMPTY
    confidence: Confidence


class Price(Part, frozen=True, kw_only=True):
    """A list price."""

    jurisdiction: Jurisdiction
    amount_minor: Annotated[int, Meta(ge=0)]
    currency: Currency
    confidence: Confidence
    source: str


class Indication(Part, frozen=True, kw_only=True):
    """What it is approved for: the policy that says so, and since when."""

    policy: str
    since: date | None = None


class Approval(Part, frozen=True, kw_only=True):
    """By which right it reaches patients of one region."""

    status: str
    since: PartialDay | None = None
    source: str
    confidence: Confidence
    indications: tuple[Indication, ...] = ()


class Label(Part, frozen=True, kw_only=True):
    """The policy of its label in one region."""

    policy: str
    jurisdiction: Jurisdiction


class Pivotal(Part, frozen=True, kw_only=True):
    """What a trial of it reported."""

    trial: str
    infused: int | None = None
    response_percent: Percent | None = None
    complete_response_percent: Percent | None = None
    crs_any_percent: Percent | None = None
    crs_grade_3_percent: Percent | None = None
    neurotoxicity_any_percent: Percent | None = None
    neurotoxicity_grade_3_percent: Percent | None = None
    scale: str | None = None
    confidence: Confidence


class Product(Part, frozen=True, kw_only=True):
    """One product."""

    id: str
    names: Translated
    source: str
    short_name: str | None = None
    trade_names: tuple[TradeName, ...] = ()
    development_code: str | None = None
    atc: str | None = None
    holder: str | None = None
    holder_seat: str | None = None
    plant_city: str | None = None
    plant_confidence: Confidence | None = None
    plant_in_greater_bay_area: bool | None = None
    target: str | None = None
    construct: Construct | None = None
    storage_max_c: Celsius | None = None
    storage_confidence: Confidence | None = None
    storage_text: Translated = EMPTY
    shelf_life: ShelfLife | None = None
    thaw: Thaw | None = None
    dose: Dose | None = None
    lymphodepletion: Lymphodepletion | None = None
    response_criteria: tuple[str, ...] = ()  # codes of the criteria that read the diseases it treats; any where none is named
    max_infusions: Annotated[int, Meta(ge=1)] | None = None
    specification: str | None = None
    list_price: tuple[Price, ...] = ()
    commercial_insurance_list_2026: bool | None = None
    status: Mapping[str, Approval] = EMPTY
    labels: tuple[Label, ...] = ()
    registry_identifier: str | None = None
    pivotal: tuple[Pivotal, ...] = ()
    notes: str | None = None
