"""Dates and times of any precision as the range that they mean.

Main job: `date_span(text)`: a year is the year, a minute is the minute. Forms that FHIR does not know (weeks, `2026-3-8`, `20260308`) are none.
`says_no_time(resource)`: whether nobody can know of when a result is.

**Source**: FHIR R4, search, "date": "the range of the value is defined by its precision". **Units**: seconds since 1970 UTC; a date
without offset is that day in China.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from baybridge.base.time import CHINA

#: `+` of an offset that came through a form as a blank is read too: no date has a blank there.
_FORM = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,12}))?)?)?(Z|[+\- ][0-9]{2}:[0-9]{2})?)?)?)?"
)
_START = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400.0


@lru_cache(maxsize=65_536)
def date_span(text: str) -> tuple[float, float] | None:
    """[from, to) in seconds since 1970 of a FHIR date, time or instant of any precision; None if it is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        start = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=CHINA)
        moment = (start - _START).total_seconds() if zone in (None, "") else _at(start, zone)
    except (ValueError, OverflowError):
        return None
    if fraction:
        moment += int(fraction[:6].ljust(6, "0")) / 1e6
    return moment, moment + _width(match)


def _at(start: datetime, zone: str) -> float:
    seconds = (start.replace(tzinfo=UTC) - _START).total_seconds()
    if zone == "Z":
        return seconds
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError("no zone has this offset")
    return seconds - (1 if zone[0] != "-" else -1) * timedelta(hours=hours, minutes=minutes).total_seconds()


def _width(match: re.Match[str]) -> float:
    year, month, day, hour, minute, second, fraction, _zone = match.groups()
    if fraction:
        return max(1e-6, 10.0 ** -len(fraction))
    if hour:
        return 1.0 if second else 60.0 if minute else 3600.0
    if day:
        return _DAY
    return _DAY * (monthrange(int(year), int(month))[1] if month else 366 if monthrange(int(year), 2)[1] == 29 else 365)


#: Where an observation says of when it is. A timing (`effectiveTiming`) is a plan of several moments and names none.
_TIMES = ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued")
_NO_RESULT = ("registered", "cancelled", "entered-in-error")


def says_no_time(resource: Mapping[str, Any]) -> bool:
    """Whether an observation that has an answer does not say of when it is: nobody may take it for one of now."""
    if resource.get("resourceType") != "Observation" or resource.get("status") in _NO_RESULT or any(resource.get(name) for name in _TIMES):
        return False
    parts = (resource, *(resource.get("component") or ()))
    return any(name.startswith("value") or name == "interpretation" for part in parts for name in part)
