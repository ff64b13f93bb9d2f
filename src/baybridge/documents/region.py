"""A region and a language as their documents write them: `data/regions/*.yaml`, `data/languages/*.yaml`.

Main job: `RegionEntry` and `LanguageEntry`. What they mean stands in `language/regions.py` and `language/languages.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta

from baybridge.documents.heading import Confidence, Currency, Heading, Jurisdiction, Part, Translated


class NextDoorEntry(Part, frozen=True, kw_only=True):
    """Regions whose drugs may be asked for here, and by which route."""

    regions: tuple[Jurisdiction, ...]
    route: str
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
    law: str
    data_area: Literal["all"] | tuple[str, ...]
    next_door: NextDoorEntry | None
    notify_before_transfer: str | None

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """A time zone that no table of zones has, and a region without an English name."""
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            yield ("time_zone",), "a time zone such as Asia/Macau", self.time_zone[:40]
        if "en" not in self.names:
            yield ("names",), "a name under en", "none"


class LanguageEntry(Heading, frozen=True, kw_only=True):
    """The whole document of a language."""

    order: int
    name: str
    locale: Annotated[str, Meta(pattern="^[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?$")]
    tags: Annotated[tuple[str, ...], Meta(min_length=1)]
