"""Values and entries that hold from a day to a day, as rows of documents write them.

Main job: `value_on(row, field, on)` and `in_force(entry, on)`.

A row keeps what its document says under the field's name, and later values under `dated`, each with its first day and confidence. **Units**: days, both ends included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from baybridge.base.time import parse_day


def value_on(row: Mapping[str, object], field: str, on: date | None) -> object:
    """What a field held on a day: the latest dated value not after it, else what the document says.

    Unknown where the day is unknown and the value changed, and where the latest value is not verified (low confidence).
    """
    held, dated = row.get(field), later(row, field)
    if on is None and dated:
        return None
    for begins, value, confidence in dated:
        if on is not None and parse_day(begins) <= on:
            held = value if confidence != "low" else None
    return held


def later(row: Mapping[str, object], field: str) -> Sequence[tuple[str, object, str]]:
    """What a field held later: from which day, what, and how sure."""
    dated = row.get("dated")
    found: Sequence[tuple[str, object, str]] = dated.get(field, ()) if isinstance(dated, Mapping) else ()
    return found


def in_force(entry: Mapping[str, object], on: date | None) -> bool:
    """Whether a day lies between an entry's first and last day; an open end does not end, an unknown day lies nowhere."""
    first, last = as_day(entry.get("valid_from")), as_day(entry.get("valid_to"))
    return on is not None and (first is None or first <= on) and (last is None or on <= last)


def as_day(value: object) -> date | None:
    """A day written as a date or as text; None where nothing is written."""
    return value if isinstance(value, date) else parse_day(value) if value else None
