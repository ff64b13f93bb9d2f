"""Requests that an outsider writes as JSON: every problem with its place, what was expected and what was found.

Main job: `require(value, kind)` answers the request as it was written, or raises `FormError` with every problem; the words that the types of requests share.

A field that is absent or null is unknown and passes unless its type requires it; a field that the type does not have is left alone. Times and dates are
checked here and parsed where they are used. A patient's values do not appear in a complaint: only kinds and codes are printed, shortened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any

from msgspec import Meta, Struct

from baybridge.base.time import parse_day, parse_instant
from baybridge.documents.problems import Problem, field_name
from baybridge.documents.reading import Wording, fits
from baybridge.documents.source import Path
from baybridge.documents.types import formed, worded

_SHOWN = 40
_MOMENT = "a time with offset such as 2026-03-08T09:00:00+08:00"



def _finite(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not isfinite(value):
        raise ValueError("no number")


def _day_or_instant(text: str) -> object:
    return parse_day(text) if len(text) == len("2026-03-08") else parse_instant(text)


#: A text that is not empty.
Text = worded(Annotated[str, Meta(pattern=r"\S")], "a text")
Instant = formed(parse_instant, _MOMENT)
Day = formed(parse_day, "a date such as 2026-03-08")
DayOrInstant = formed(_day_or_instant, "a date such as 2026-03-08, or a time with offset")
Number = formed(_finite, "a number")
Count = Annotated[int, Meta(ge=0)]
#: A value of a result: never an object or a list.
Value = worded(bool | int | float | str, "a number, a text or true/false")


class Request(Struct, frozen=True, kw_only=True):
    """A part of a request; a field that it does not have is left alone."""


class FormError(ValueError):
    """A request that cannot be judged, with every problem in it; the text is one line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


def require(value: Any, kind: type[Request]) -> Mapping[str, Any]:
    """The value as an object that fits the type; raises `FormError` with every problem."""
    problems: list[Problem] = []

    def note(code: str, path: Path, expected: str, found: str, hint: str) -> None:
        problems.append(Problem("", 0, 0, code, expected, found, hint, field_name(path) or "request"))

    fits(kind, value, note, _REQUEST)
    if problems:
        raise FormError(problems)
    fitting: Mapping[str, Any] = value
    return fitting


def _found(value: object) -> str:
    """A JSON value's kind in words; texts that are codes are shown, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value[:_SHOWN])
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"


_REQUEST = Wording(names_field=False, found=_found, mapping="an object")
