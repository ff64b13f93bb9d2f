"""Centres, plants and payers, the ways to a product and where they lie: `organisations`, `payers`, `routes`, `cities`, `holidays` of `data/directory`.

Main job: `Organisations`, `Payers`, `Routes`, `Cities`, `Holidays`, with only what sources say; what they do not say is None.

**Units**: degrees of latitude and longitude; days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from msgspec import Meta

from baybridge.documents.heading import EMPTY, Heading, Jurisdiction, PartialDay, Row, Translated

Count = Annotated[int, Meta(ge=0)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]


class Offer(Row, frozen=True, kw_only=True):
    """A product that a centre gives."""

    product: str
    since: PartialDay | None = None


class Accreditation(Row, frozen=True, kw_only=True):
    """What somebody certified of a centre."""

    name: str
    scope: str | None = None
    since: date | None = None
    until: date | None = None
    as_of: date | None = None


class Capacity(Row, frozen=True, kw_only=True):
    """How many patients a centre takes; `collections_per_day` of a centre and `starts_per_day` of a plant bound the slots of one day."""

    beds: Count | None = None
    infusions_per_month: Count | None = None
    collections_per_day: Count | None = None
    starts_per_day: Count | None = None
    myeloma_per_year: tuple[Count, ...] | Count | None = None
    as_of: date | None = None


class Service(Row, frozen=True, kw_only=True):
    """What a centre does for those who come from far."""

    text: str | Translated
    as_of: date | None = None


class Organisation(Row, frozen=True, kw_only=True):
    """One centre, plant or laboratory."""

    id: str
    name: str
    jurisdiction: Jurisdiction
    kinds: tuple[str, ...] = ()
    node: str | None = None
    names: Translated = EMPTY
    city: str | None = None
    gd9: bool | None = None
    offers: tuple[Offer, ...] = ()
    accreditations: tuple[Accreditation, ...] | None = None
    capacity: Capacity | None = None
    languages: tuple[str, ...] | None = None
    international_desk: Service | None = None
    accommodation: Service | None = None
    visa_help: Service | None = None
    facts: tuple[str, ...] = ()
    as_of: date | None = None


class Organisations(Heading, frozen=True, kw_only=True):
    """All of them."""

    organisations: tuple[Organisation, ...]


class Payers(Heading, frozen=True, kw_only=True):
    """The names of payers."""

    payers: Mapping[str, Translated]


class Route(Row, frozen=True, kw_only=True):
    """By which right a product reaches patients of a region."""

    route: str
    jurisdiction: Jurisdiction


class Routes(Heading, frozen=True, kw_only=True):
    """All routes."""

    routes: tuple[Route, ...]


class Cities(Heading, frozen=True, kw_only=True):
    """Latitude and longitude of each city."""

    cities: Mapping[str, tuple[Latitude, Longitude]]


class Calendar(Row, frozen=True, kw_only=True):
    """The days on which a region rests, and those on which it works for them; `unverified` may be either and count as working days."""

    holidays: tuple[date, ...]
    make_up_days: tuple[date, ...] = ()
    unverified: tuple[date, ...] = ()


class Holidays(Heading, frozen=True, kw_only=True):
    """The calendar of each region."""

    jurisdictions: Mapping[str, Calendar]
