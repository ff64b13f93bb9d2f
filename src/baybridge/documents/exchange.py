"""What a package of each purpose may hold: `data/exchange`.

Main job: `Profiles` by purpose, `SpecialContent`, and `PayerView`, what a payer reads over FHIR.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from baybridge.documents.heading import EMPTY, Heading, Part


class LeastFields(Part, frozen=True, kw_only=True):
    """Which fields of a type of resource go or stay."""

    strip: tuple[str, ...] = ()
    keep: tuple[str, ...] | None = None
    birth: Literal["year"] | None = None


class Profile(Part, frozen=True, kw_only=True):
    """Types, fields and the patient of one purpose."""

    types: tuple[str, ...]
    patient: Literal["whole", "reference", "pseudonym"]
    consent: Literal["sharing_status"] | None = None
    only: Mapping[str, tuple[str, ...]] = EMPTY
    fields: Mapping[str, LeastFields] = EMPTY


class Profiles(Heading, frozen=True, kw_only=True):
    """All purposes."""

    always_strip: tuple[str, ...] = ()
    purposes: Mapping[str, Profile]


class PlantView(Profiles, frozen=True, kw_only=True):
    """What a plant reads, and by what it searches."""

    search: tuple[str, ...]


class PayerView(Profiles, frozen=True, kw_only=True):
    """What a payer reads."""

    payer_in: tuple[str, ...]
    search: tuple[str, ...]


class Genomic(Part, frozen=True, kw_only=True):
    """How genomic content is known, and for which purposes it is care."""

    types: tuple[str, ...]
    categories: tuple[str, ...]
    for_care: tuple[str, ...] = ()


class Important(Part, frozen=True, kw_only=True):
    """Whether an authority named this site's data important."""

    notified: bool
    source: str


class SpecialContent(Heading, frozen=True, kw_only=True):
    """Content that the law treats apart."""

    genomic: Genomic
    important: Important
    origin_systems: tuple[str, ...] = ()
