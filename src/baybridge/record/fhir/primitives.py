"""The primitive types of FHIR R4: whether a JSON value has the form of one, and how a wrong one may be shown.

**Source**: HL7 FHIR R4 4.0.1, datatypes, "Primitive Types" (the regular expressions there, made stricter by the calendar).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache

from baybridge.base.text import not_text

_DATE = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01]))?)?")
#: Second 60, which FHIR allows for leap seconds, is told: there was none since 2017, and what sends one has counted wrong.
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_TIME = re.compile(_CLOCK)
_TIMED = re.compile(rf"([0-9]{{4}})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T{_CLOCK}{_ZONE}")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CODE = re.compile(r"[^\s]+(?: [^\s]+)*")
_URI = re.compile(r"\S+")
_OID = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_BASE64 = re.compile(r"[0-9a-zA-Z+/\s]*={0,2}\s*")
_INT_LIMIT = 2**31
_LARGEST_EXPONENT = 300
_LONGEST_SHOWN = 15  # digits before or after the point
_SHOWN = re.compile(r"[0-9A-Za-z:.+\-]{1,40}")

#: Elements whose date could tell who a person is; their text is never shown.
_PERSONAL = frozenset({"birthDate", "deceasedDateTime", "bornDate"})


@lru_cache(maxsize=65_536)
def is_date(value: str) -> bool:
    """A year, a month or a day that exists."""
    match = _DATE.fullmatch(value)
    return match is not None and _day_exists(match[1], match[2], match[3])


@lru_cache(maxsize=65_536)
def is_date_time(value: str) -> bool:
    """A date as above, or a time to the second with its offset."""
    return is_date(value) or is_instant(value)


@lru_cache(maxsize=65_536)
def is_instant(value: str) -> bool:
    """A time to the second with its offset, on a day that exists."""
    match = _TIMED.fullmatch(value)
    return match is not None and _day_exists(match[1], match[2], match[3])


def _day_exists(year: str, month: str | None, day: str | None) -> bool:
    if int(year) == 0:
        return False
    return month is None or day is None or int(day) <= monthrange(int(year), int(month))[1]


def is_decimal(value: object) -> bool:
    """A number that can be computed with: `1e999999999` is written like one, and nobody measured it.

    **Source**: FHIR R4, decimal (implementations need 18 digits); the range is that of an IEEE 754 double.
    """
    return not isinstance(value, bool) and isinstance(value, int | Decimal) and _can_be_computed_with(value)


@lru_cache(maxsize=16_384)
def _can_be_computed_with(value: int | Decimal) -> bool:
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    return number.is_finite() and isinstance(exponent, int) and exponent >= -_LARGEST_EXPONENT and number.adjusted() <= _LARGEST_EXPONENT


def _text(matches: Callable[[str], object]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and bool(matches(value)) and not not_text(value)


def _whole(low: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and low <= value < _INT_LIMIT


def _is_string(value: object) -> bool:
    return isinstance(value, str) and value.strip() != "" and not not_text(value)


#: Primitive type -> whether a JSON value has its form.
CHECKS: Mapping[str, Callable[[object], bool]] = {
    "base64Binary": _text(_BASE64.fullmatch),
    "boolean": lambda value: isinstance(value, bool),
    "canonical": _text(_URI.fullmatch),
    "code": _text(_CODE.fullmatch),
    "date": _text(is_date),
    "dateTime": _text(is_date_time),
    "decimal": is_decimal,
    "id": _text(_ID.fullmatch),
    "instant": _text(is_instant),
    "integer": _whole(-_INT_LIMIT),
    "markdown": _is_string,
    "oid": _text(_OID.fullmatch),
    "positiveInt": _whole(1),
    "string": _is_string,
    "time": _text(_TIME.fullmatch),
    "unsignedInt": _whole(0),
    "uri": _text(_URI.fullmatch),
    "url": _text(_URI.fullmatch),
    "uuid": _text(_UUID.fullmatch),
    "xhtml": lambda value: isinstance(value, str) and value.lstrip().startswith("<div"),
}

#: Primitive type -> what is expected of it, as an example or a form.
EXPECTED: Mapping[str, str] = {
    "base64Binary": "base64",
    "boolean": "true or false",
    "canonical": "a URL without blanks",
    "code": "a code without blanks around it",
    "date": "a day that exists, such as 2026-03-08",
    "dateTime": "a day that exists, or a time with offset such as 2026-03-08T09:00:00+08:00",
    "decimal": "a number below 1e300 with at most 300 decimals",
    "id": "1 to 64 of A-Z a-z 0-9 - .",
    "instant": "a time with offset such as 2026-03-08T09:00:00+08:00",
    "integer": "a whole number of 32 bits",
    "markdown": "text that is not empty",
    "oid": "urn:oid:…",
    "positiveInt": "a whole number from 1 on",
    "string": "text that is not empty",
    "time": "a time such as 09:00:00",
    "unsignedInt": "a whole number from 0 on",
    "uri": "a URI without blanks",
    "url": "a URL without blanks",
    "uuid": "urn:uuid:…",
    "xhtml": "text that begins with <div",
}


def shown(kind: str, value: object, element: str = "") -> str:
    """A wrong value as a message may show it: codes, dates and numbers as they are, everything else by its form."""
    if element in _PERSONAL or (isinstance(value, str) and kind not in _MAY_SHOW):
        return f"text of {len(value)} characters" if isinstance(value, str) else "another kind of value"
    if isinstance(value, str):
        return value if _SHOWN.fullmatch(value) else f"text of {len(value)} characters"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return str(value).lower() if abs(Decimal(value).adjusted()) < _LONGEST_SHOWN else "a number too large to show"
    return {dict: "an object", list: "a list", type(None): "nothing"}.get(type(value), "another kind of value")


_MAY_SHOW = frozenset({"boolean", "code", "date", "dateTime", "decimal", "instant", "integer", "positiveInt", "time", "unsignedInt"})
