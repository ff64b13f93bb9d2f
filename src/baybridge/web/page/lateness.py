"""How late something is, or how soon it is due, in words: minutes within an hour, hours within two days, else days.

Main job: `span_said(span, locale)`. Words are those of CLDR (`babel`), whole units rounded down: nobody is told of more time than there is.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Literal

from babel import Locale
from babel.dates import format_timedelta

_HOUR, _TWO_DAYS = timedelta(hours=1), timedelta(days=2)
Unit = Literal["minute", "hour", "day"]
_UNITS: dict[Unit, timedelta] = {"minute": timedelta(minutes=1), "hour": _HOUR, "day": timedelta(days=1)}
_NEVER = 1e12  # more than any count: the unit is chosen here


def span_said(span: timedelta, locale: Locale) -> str:
    """A span of time in its fitting unit, e.g. 20 h; less than a minute is 0 min."""
    unit: Unit = "minute" if span < _HOUR else "hour" if span < _TWO_DAYS else "day"
    return _said(span // _UNITS[unit], unit, locale)


@lru_cache(maxsize=1024)
def _said(count: int, unit: Unit, locale: Locale) -> str:
    return format_timedelta(count * _UNITS[unit], granularity=unit, threshold=_NEVER, format="long" if unit == "day" else "short", locale=locale)
