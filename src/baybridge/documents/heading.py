"""What every document of `data/` begins with, and the words that its parts share.

Main job: `Part`, the base of each typed part, which refuses a key that it does not have; `Heading`, a document's id, title, source and confidence.

**Units**: in the names of the fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Confidence = Literal["high", "medium", "low"]
#: A text by language.
Translated = Mapping[str, str]
#: A mapping that a document left out.
EMPTY: Mapping[str, Any] = MappingProxyType({})
#: Numbers stay as they were written, whole or not.
Amount = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0)]
Percent = Annotated[int, Meta(ge=0, le=100)] | Annotated[float, Meta(ge=0, le=100)]
Celsius = Annotated[int, Meta(ge=-273, le=100)]
Minutes = Annotated[int, Meta(ge=0)]
Hours = Annotated[int, Meta(ge=0)]
Days = Annotated[int, Meta(ge=0)]
#: A region, such as CN, HK or MO.
Jurisdiction = Annotated[str, Meta(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$", extra={"words": "a region such as HK or CN-GD"})]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", extra={"words": "a currency such as HKD"})]
#: A day, or the month or year where the day is not known.
PartialDay = Annotated[str, Meta(pattern="^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$", extra={"words": "a day, month or year such as 2026-01-31, 2026-01 or 2026"})]
#: An exact number, written as text or as a number.
Exact = str | int | float


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a document; a key that it does not have is a problem."""

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Where its values contradict each other: the field, what was expected and what was found."""
        yield from ()


class Heading(Part, frozen=True, kw_only=True):
    """What every document says of itself."""

    id: str
    version: str | int | float | None = None
    title: Translated = EMPTY
    source: str = ""
    confidence: Confidence | None = None
    synthetic: bool = False
    notes: str | None = None
    verified_by: str | None = None
    verified_on: str | None = None


class Row(Part, frozen=True, kw_only=True):
    """One row of a list, with where it comes from."""

    source: str = ""
    confidence: Confidence | None = None
    synthetic: bool = False
    notes: str | None = None
    proposal: bool = False
    status: str | None = None


def ids_twice(name: str, ids: Iterable[str]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """The rows of a list that have the id of a row before them, as contradictions of the document."""
    seen: set[str] = set()
    for place, one in enumerate(ids):
        if one in seen:
            yield (name, place, "id"), "an id that no other row has", one
        seen.add(one)
