"""What recognition of results rests on: `data/recognition`.

Main job: one type per document, windows of validity first.

**Units**: hours and days as the names say; amounts in minor units; factors exact, as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, field

from baybridge.documents.heading import EMPTY, Amount, Currency, Heading, Jurisdiction, Part, Row

Factor = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$")] | int | float


class Window(Row, frozen=True, kw_only=True):
    """How old a result may be for a purpose, and what ends its worth earlier."""

    analyte: str = ""
    loinc: tuple[str, ...]
    purpose: str
    hours: Amount | None = None
    extended_hours: Amount | None = None
    unlimited: bool = False
    days_after_infusion: tuple[tuple[int, int | None], ...] | None = None  # no last day: from that day on
    reset_by: tuple[str, ...] = ()
    basis: str | None = None
    parts: Mapping[str, tuple[str, ...]] | None = None
    offered: tuple[str, ...] | None = None


class Windows(Heading, frozen=True, kw_only=True):
    """All windows."""

    rows: tuple[Window, ...]


class Standard(Part, frozen=True, kw_only=True):
    """A standard of accreditation that counts."""

    starts_with: str
    until: date | None = None


class Accreditations(Heading, frozen=True, kw_only=True):
    """Which count."""

    standards: tuple[Standard, ...]
    alliance_path_not_for: tuple[str, ...] = ()
    no_method_conversion_for: tuple[str, ...] = ()


class Factors(Row, frozen=True, kw_only=True):
    """From one unit to another, for some analytes."""

    analyte: str = ""
    loinc: tuple[str, ...]
    from_: str = field(name="from")
    to: str
    factor: Factor
    same: bool = False


class Scale(Row, frozen=True, kw_only=True):
    """From one unit to another, for all analytes."""

    from_: str = field(name="from")
    to: str
    factor: Factor


class Conversions(Heading, frozen=True, kw_only=True):
    """All of them, and how units are spelt."""

    rows: tuple[Factors, ...]
    scales: tuple[Scale, ...] = ()
    spellings: Mapping[str, str] = EMPTY


class TestPrice(Row, frozen=True, kw_only=True):
    """What a test costs."""

    loinc: tuple[str, ...]
    jurisdiction: Jurisdiction
    amount_minor: Annotated[int, Meta(ge=0)]
    currency: Currency
    valid_from: date | None = None
    valid_to: date | None = None
    change: str | None = None
    ended: str | None = None


class Turnaround(Row, frozen=True, kw_only=True):
    """How long a test takes."""

    loinc: tuple[str, ...]
    jurisdiction: Jurisdiction
    days: Amount
    valid_from: date | None = None
    valid_to: date | None = None
    change: str | None = None
    ended: str | None = None


class Costs(Heading, frozen=True, kw_only=True):
    """Of a repeated test."""

    prices: tuple[TestPrice, ...] = ()
    turnaround: tuple[Turnaround, ...] = ()
    dated: Mapping[str, object] = EMPTY


class LocalTest(Row, frozen=True, kw_only=True):
    """A test that the receiving site does itself."""

    analyte: str = ""
    loinc: tuple[str, ...]
    purposes: tuple[str, ...]


class LocalOnly(Heading, frozen=True, kw_only=True):
    """All of them."""

    rows: tuple[LocalTest, ...]


class Marks(Heading, frozen=True, kw_only=True):
    """Scopes of mainland marks."""

    mainland: tuple[str, ...]
    scopes: Mapping[str, tuple[str, ...]] = EMPTY


class MethodGroup(Part, frozen=True, kw_only=True):
    """Analytes whose values of one method are not those of another."""

    group: str
    loinc: tuple[str, ...]


class Methods(Heading, frozen=True, kw_only=True):
    """All groups."""

    groups: tuple[MethodGroup, ...]


class Names(Heading, frozen=True, kw_only=True):
    """How Chinese names are read in Latin letters."""

    variants: Mapping[str, str]
    readings: Mapping[str, str | tuple[str, ...]]


class OverrideCodes(Part, frozen=True, kw_only=True):
    """The codes of each direction."""

    accept: tuple[str, ...]
    repeat: tuple[str, ...]


class NoOverride(Row, frozen=True, kw_only=True):
    """What nobody may override."""

    analyte: str = ""
    loinc: tuple[str, ...]
    purposes: tuple[str, ...]


class Overriding(Heading, frozen=True, kw_only=True):
    """Who may override a recognition, for what."""

    clinical_roles: tuple[str, ...]
    second_sign_off_roles: tuple[str, ...]
    second_sign_off_for: tuple[str, ...]
    codes: OverrideCodes
    no_override: tuple[NoOverride, ...]


class Stability(Row, frozen=True, kw_only=True):
    """Specimens that a receiver takes, and how long they keep."""

    receiver_site: str
    loinc: tuple[str, ...]
    specimens: tuple[str, ...] | None = None
    stability_h: Amount | None = None


class Preanalytics(Heading, frozen=True, kw_only=True):
    """All of them."""

    rows: tuple[Stability, ...] = ()


class Requests(Heading, frozen=True, kw_only=True):
    """How requests are read from a record."""

    uses: Mapping[str, Literal["cutoff", "presence", "trend"]]
    reset_by_atc: Mapping[str, str]


class Sampling(Heading, frozen=True, kw_only=True):
    """How a test is taken."""

    default: str
    kinds: Mapping[str, tuple[str, ...]]
    bundled: tuple[str, ...] = ()
