"""What one laboratory's files mean: `data/feeds` of a site; and whose cards it trusts: `data/issuers`.

Main job: `Feed`, columns, codes, words and times of the files of a laboratory; `Issuer`; `unclear_form(form)`, what a form of a time leaves open.

**Source**: Python's `datetime.strptime`, whose forms these are: it takes 09:00 where the half of the day is not said, and 1 January where the day is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

from baybridge.documents.heading import Heading, Part


class FeedCode(Part, frozen=True, kw_only=True):
    """What a code of the laboratory stands for."""

    loinc: str
    unit: str | None = None
    name: str | None = None


class Feed(Heading, frozen=True, kw_only=True):
    """One laboratory's files."""

    encoding: str | None = None  # of tables, and of messages that name no character set
    decimal_mark: Literal[".", ","] | None = None
    delimiter: str | None = None
    zone: str | None = None
    laboratory: str | None = None
    identifier_system: str | None = None
    identifier_systems: Mapping[str, str] | None = None
    columns: Mapping[str, str] | None = None
    times: Mapping[str, str] | None = None
    words: Mapping[str, Mapping[str, str]] | None = None
    codes: Mapping[str, FeedCode] | None = None


    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Each form of a time that leaves open which time a text is."""
        for name, form in (self.times or {}).items():
            yield from ((("times", name), expected, found) for expected, found in unclear_form(form))


#: A moment of a day that no other element of it can be taken for, of a century that two digits do not mean.
_WITNESS = datetime(1931, 8, 23, 21, 47, 53, tzinfo=UTC)
_HOURS = frozenset({"%H", "%I"})
_OF_A_PLACE = frozenset({"%c", "%x", "%X"})


def unclear_form(form: str) -> list[tuple[str, str]]:
    """What a form of a time leaves open, as (what was expected, what was found); nothing where each text in it is one time, or one day."""
    said = set(re.findall("%.", form.replace("%%", "")))
    checks = [
        ("%I" in said and "%p" not in said, "%I with %p, or %H", "%I without %p: 09:00 may be 21:00"),
        ("%p" in said and "%H" in said, "%I with %p, or %H", "%p with %H: 09:00 PM would be 09:00"),
        ("%y" in said and "%Y" not in said, "a year of four digits (%Y)", "a year of two digits (%y): 31 may be 1931 or 2031"),
        (bool(said & _OF_A_PLACE), "each part of a time by itself (%Y, %m, %d, %H)", "%c, %x or %X, which places write differently"),
        ("%Z" in said, "an offset (%z), or the zone of the mapping", "the name of a zone (%Z), which is not read"),
        (bool(said & {"%M", "%S"}) and not said & _HOURS, "hours (%H) where minutes are; a month is %m", "minutes without hours"),
    ]
    unclear = [(expected, found) for holds, expected, found in checks if holds]
    return unclear or ([] if _says_its_day(form) else [("day, month and year (%d, %m, %Y)", "a form that does not say its day")])


def _says_its_day(form: str) -> bool:
    try:
        return datetime.strptime(_WITNESS.strftime(form), form).date() == _WITNESS.date()  # noqa: DTZ007 - its day alone is compared
    except ValueError:
        return False


class Issuer(Heading, frozen=True, kw_only=True):
    """Who signs cards, and by which keys."""

    issuer: str | None = None
    node: str | None = None
    name: str | None = None
    keys: tuple[Mapping[str, object], ...]
