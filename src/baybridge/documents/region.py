"""A region and a language as their documents write them: `data/regions/*.yaml`, `data/languages/*.yaml`.

Main job: `RegionEntry` and `LanguageEntry`. What they mean stands in `language/regions.py` and `language/languages.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta

from baybridge.documents.heading import Confidence, Currency, Heading, Jurisdiction, Part, Translated


class NextDoorEntry(Part, frozen=True, kw_only=True):
    """Regions whose drugs may be asked for here, and by which route."""

    regions: tuple[Jurisdiction, ...]
    route: str
    confidence: Confidence


class NumberFormEntry(Part, frozen=True, kw_only=True):
    """One form of a document's number, in capitals without blanks and punctuation.

    `becomes: resident-18` inserts the century and the check character of a mainland number of 15 digits; `keep` is how many characters name the
    document, where further ones count its renewals.
    """

    pattern: str
    check: Literal["gb-11643", "hkid"] | None = None
    becomes: Literal["resident-18"] | None = None
    keep: int | None = None
    issued_until: date | None = None


class IdentityDocumentEntry(Part, frozen=True, kw_only=True):
    """An identity document that a region issues: the systems under which FHIR writes its numbers, and their forms."""

    systems: Annotated[tuple[str, ...], Meta(min_length=1)]
    forms: Annotated[tuple[NumberFormEntry, ...], Meta(min_length=1)]


class DecidingEntry(Part, frozen=True, kw_only=True):
    """From which age on a patient consents alone, in completed years."""

    age_of_majority: Annotated[int, Meta(ge=1, le=30)]
    source: str
    confidence: Confidence


class RegionEntry(Heading, frozen=True, kw_only=True):
    """The whole document of a region."""

    order: int
    names: Translated
    time_zone: str
    currency: Currency
    languages: Annotated[tuple[str, ...], Meta(min_length=1)]
    city: str | None
    country_codes: tuple[str, ...]
    registry_names: tuple[str, ...]
    identity_systems: tuple[str, ...]
    identity_documents: tuple[IdentityDocumentEntry, ...] = ()
    law: str
    data_area: Annotated[Literal["all"] | tuple[str, ...], Meta(extra={"words": "all, or a list of cities"})]
    next_door: NextDoorEntry | None
    notify_before_transfer: str | None
    deciding: DecidingEntry | None = None  # left out: nobody knows, and a child is not told from an adult

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """A time zone that no table of zones has, and a region without an English name."""
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            yield ("time_zone",), "a time zone such as Asia/Macau", self.time_zone[:40]
        for number, document in enumerate(self.identity_documents):
            for place, form in enumerate(document.forms):
                try:
                    re.compile(form.pattern)
                except re.error:
                    yield ("identity_documents", number, "forms", place, "pattern"), "a regular expression", form.pattern[:40]
        if "en" not in self.names:
            yield ("names",), "a name under en", "none"


class LanguageEntry(Heading, frozen=True, kw_only=True):
    """The whole document of a language."""

    order: int
    name: str
    locale: Annotated[str, Meta(pattern="^[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?$")]
    tags: Annotated[tuple[str, ...], Meta(min_length=1)]
