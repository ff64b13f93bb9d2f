"""Times and dates: aware instants, dates, working days, calendar arithmetic.

Main job: read an ISO 8601 text exactly or say what is wrong with it; never guess a zone.

**Units**: times end in `_at` and are aware, dates end in `_on`. Elsewhere: only `node` reads the clock.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Collection
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import overload
from zoneinfo import ZoneInfo

#: Hong Kong, Macao and the mainland keep the same civil time, without daylight saving.
CHINA = ZoneInfo("Asia/Shanghai")

#: Mean Gregorian month, the convention of the treatment history. Source: shared facts contract, "Reading from FHIR".
DAYS_PER_MONTH = 30.4375

_DAY_LENGTH = len("2026-03-08")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # weeks and days of a year are dates of ISO 8601 too, and nobody here means them
_DURATION = re.compile(r"P(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?")


def parse_instant(text: object) -> datetime:
    """An aware time from ISO 8601 with an offset; ValueError says what was expected and found."""
    if not isinstance(text, str):
        raise ValueError(f"expected a time with offset such as 2026-03-08T09:00:00+08:00, found {text!r}")
    return _instant(text)


@lru_cache(maxsize=8192)  # the same few moments are read again and again while results are judged
def _instant(text: str) -> datetime:
    try:
        parse_day(text[:_DAY_LENGTH])
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"expected a time with offset such as 2026-03-08T09:00:00+08:00, found {text!r}") from None
    if value.tzinfo is None:
        raise ValueError(f"expected an offset such as +08:00 at the end of the time, found {text!r}")
    return value


def parse_duration(text: str) -> timedelta:
    """A length of time from ISO 8601 in days, hours, minutes and seconds, such as PT15M; ValueError says what was expected and found."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ValueError(f"expected a duration such as PT15M or P1DT2H, found {text!r}")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


@overload
def day_of(moment: datetime) -> date: ...


@overload
def day_of(moment: None) -> None: ...


@overload
def day_of(moment: datetime | None) -> date | None: ...


def day_of(moment: datetime | None) -> date | None:
    """The calendar day of a moment as the three regions count it, however the time was written: the same moment is the same day."""
    return moment.astimezone(CHINA).date() if moment else None


def parse_day(text: object) -> date:
    """A date from ISO 8601; ValueError says what was expected and found."""
    try:
        if not isinstance(text, str):
            raise ValueError
        return _day(text)
    except ValueError:
        raise ValueError(f"expected a date such as 2026-03-08, found {text!r}") from None


@lru_cache(maxsize=4096)  # a page judges a result at many places, each with the same few days
def _day(text: str) -> date:
    if not _DAY.fullmatch(text):
        raise ValueError
    return date.fromisoformat(text)


def parse_instant_or_day(text: object, zone: ZoneInfo = CHINA) -> datetime:
    """An aware time; a bare date is the start of that day in `zone`."""
    if isinstance(text, str) and len(text) == _DAY_LENGTH:
        return start_of_day(parse_day(text), zone)
    return parse_instant(text)


def start_of_day(day: date, zone: ZoneInfo = CHINA) -> datetime:
    """Midnight at the start of `day` in `zone`."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def add_months(day: date, months: int) -> date:
    """The same day `months` later (or earlier), clipped to the last day of the month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def full_years(born_on: date, on: date) -> int:
    """Completed years between two dates."""
    return on.year - born_on.year - ((on.month, on.day) < (born_on.month, born_on.day))


def is_working_day(day: date, holidays: Collection[date] = (), make_up_days: Collection[date] = ()) -> bool:
    """Monday to Friday, less public holidays, plus make-up working days."""
    return day in make_up_days or (day.weekday() < 5 and day not in holidays)


def working_days_between(start: date, end: date, holidays: Collection[date] = (), make_up_days: Collection[date] = ()) -> int:
    """Working days after `start` up to and including `end`; 0 when `end` is not after `start`.

    In a year of which `holidays` lists no day every day counts, where any year is listed: nobody knows which days are free, and the answer is never
    too low.
    """
    listed = {day.year for day in holidays}
    days = (start + timedelta(days=n) for n in range(1, (end - start).days + 1))
    return sum(is_working_day(day, holidays, make_up_days) or bool(listed and day.year not in listed) for day in days)
