"""Values and entries that hold from a day to a day, as rows of documents write them.

Main job: `value_on(row, field, on)` and `in_force(entry, on)`.

A row keeps what its document says under the field's name, and later values under `dated`, each with its first day and confidence. **Units**: days, both ends included.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from baybridge.base.time import parse_day


def value_on(row: Mapping[str, Any], field: str, on: date | None) -> Any:
    """What a field held on a day: the latest dated value not after it, else what the document says.

    Unknown where the day is unknown and the value changed, and where the latest value is not verified (low confidence).
    """
    held, dated = row.get(field), (row.get("dated") or {}).get(field, ())
    if on is None and dated:
        return None
    for begins, value, confidence in dated:
        if on is not None and parse_day(begins) <= on:
            held = value if confidence != "low" else None
    return held


def in_force(entry: Mapping[str, Any], on: date | None) -> bool:
    """Whether a day lies between an entry's first and last day; an open end does not end, an unknown day lies nowhere."""
    first, last = as_day(entry.get("valid_from")), as_day(entry.get("valid_to"))
    return on is not None and (first is None or first <= on) and (last is None or on <= last)


def as_day(value: Any) -> date | None:
    """A day written as a date or as text; None where nothing is written."""
    return value if isinstance(value, date) else parse_day(value) if value else None
