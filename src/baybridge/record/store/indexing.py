"""What searches look at: the values of a resource for each search parameter of its type.

Main job: `search_rows(resource)` answers one row per value: tokens with system and code, folded strings, references as written,
dates as half-open ranges of seconds since 1970, quantities as the range that their written precision allows.

**Source**: FHIR R4, search, "Search Parameter Types". **Units**: seconds since 1970 UTC; a date without offset is that day in China.
"""

from __future__ import annotations

import unicodedata
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, NamedTuple

from baybridge.base.time import CHINA
from baybridge.record.fhir.definitions import Parameter, Path, parameters
from baybridge.record.fhir.wire import Json

_LONGEST = 200  # characters of a string that are compared
OPEN = 1e15  # seconds: a period without start or end reaches this far


#: Parts of names, addresses and others that a string parameter compares. Source: FHIR R4, search parameters name and address.
_TEXTS = ("text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "country", "postalCode", "display", "name")


class Value(NamedTuple):
    """One searchable value."""

    param: str
    kind: str
    system: str
    value: str
    low: float | None
    high: float | None


def search_rows(resource: Json) -> list[Value]:
    """The searchable values of a resource, each once."""
    found: dict[Value, None] = {}
    for key, uses in _by_first_step(str(resource.get("resourceType"))).items():
        if key in resource:
            for parameter, path in uses:
                for item in _walk(resource[key], path.steps[1:]):
                    if _fits(item, path):
                        found.update(dict.fromkeys(_READERS[parameter.kind](parameter.name, item)))
    return list(found)


@cache
def stored_as(resource_type: str, name: str) -> tuple[str, ...]:
    """The names under which a parameter's values are stored: `patient` lies inside `subject`, `combo-x` in `x` and `component-x`."""
    known = parameters(resource_type)
    if name.startswith("combo-") and f"component-{name[6:]}" in known and name[6:] in known:
        return (name[6:], f"component-{name[6:]}")
    if name == "patient" and "subject" in known and _steps(known["patient"]) <= _steps(known["subject"]):
        return ("subject",)
    return (name,)


def _steps(parameter: Parameter) -> set[tuple[str, ...]]:
    return {path.steps for path in parameter.paths}


@cache
def _by_first_step(resource_type: str) -> Mapping[str, list[tuple[Parameter, Path]]]:
    uses: dict[str, list[tuple[Parameter, Path]]] = {}
    for name, parameter in parameters(resource_type).items():
        if stored_as(resource_type, name) == (name,):
            for path in parameter.paths:
                uses.setdefault(path.steps[0], []).append((parameter, path))
    return uses


def _walk(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, steps)
    elif not steps:
        yield value
    elif isinstance(value, dict) and steps[0] in value:
        yield from _walk(value[steps[0]], steps[1:])


def _fits(item: Any, path: Path) -> bool:
    if path.where is None:
        return True
    return isinstance(item, dict) and item.get(path.where[0]) == path.where[1]


def _text(value: object) -> str:
    return value.replace("\x00", "") if isinstance(value, str) else ""


# --- one reader per kind of parameter -------------------------------------------------------------------------------


def _tokens(name: str, item: Any) -> Iterator[Value]:
    if isinstance(item, bool):
        yield Value(name, "token", "", str(item).lower(), None, None)
    elif isinstance(item, str):
        yield Value(name, "token", "", _text(item), None, None)
    elif isinstance(item, dict):
        codings = item.get("coding")
        for coding in codings if isinstance(codings, list) else [item]:
            if isinstance(coding, dict):
                yield from _coding(name, coding)


def _coding(name: str, coding: dict[str, Any]) -> Iterator[Value]:
    code = coding.get("code", coding.get("value"))
    system = coding.get("system")
    if isinstance(code, str):
        yield Value(name, "token", _text(system), _text(code), None, None)


def _strings(name: str, item: Any) -> Iterator[Value]:
    texts = [item] if isinstance(item, str) else list(_inner_texts(item))
    for text in texts:
        yield Value(name, "string", _text(text)[:_LONGEST], folded(text), None, None)


def _inner_texts(item: Any) -> Iterator[str]:
    for key in _TEXTS:
        value = item.get(key) if isinstance(item, dict) else None
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield text


@lru_cache(maxsize=16_384)
def folded(text: str) -> str:
    """Text as it is compared: without case, accents and width, at most 200 characters."""
    spread = unicodedata.normalize("NFKD", text.replace("\x00", ""))
    return "".join(char for char in spread if not unicodedata.combining(char)).casefold()[:_LONGEST]


def _references(name: str, item: Any) -> Iterator[Value]:
    text = item.get("reference") if isinstance(item, dict) else item
    if isinstance(text, str):
        yield Value(name, "reference", "", _text(text).split("/_history/")[0], None, None)


def _uris(name: str, item: Any) -> Iterator[Value]:
    if isinstance(item, str):
        yield Value(name, "token", "", _text(item), None, None)


def _dates(name: str, item: Any) -> Iterator[Value]:
    span = _item_span(item)
    if span is not None:
        yield Value(name, "date", "", "", span[0], span[1])


def _item_span(item: Any) -> tuple[float, float] | None:
    if isinstance(item, str):
        return date_span(item)
    if not isinstance(item, dict):
        return None
    if "start" in item or "end" in item:
        start, end = _span_or_none(item.get("start")), _span_or_none(item.get("end"))
        return (start[0] if start else -OPEN), (end[1] if end else OPEN)
    events = [span for event in item.get("event", ()) if (span := _span_or_none(event))] if isinstance(item.get("event"), list) else []
    return (min(span[0] for span in events), max(span[1] for span in events)) if events else None


def _span_or_none(text: object) -> tuple[float, float] | None:
    return date_span(text) if isinstance(text, str) else None


@lru_cache(maxsize=65_536)
def date_span(text: str) -> tuple[float, float] | None:
    """[from, to) in seconds since 1970 of a FHIR date, time or instant of any precision; None if it is none."""
    try:
        if len(text) <= len("2026-03-08"):
            return _day_span(text)
        start = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    if start.tzinfo is None:
        start = start.replace(tzinfo=CHINA)
    fraction = text[19:].split("+")[0].split("-")[0].rstrip("Z")
    width = timedelta(seconds=1) if not fraction.startswith(".") else timedelta(microseconds=max(1, 10 ** (7 - min(7, len(fraction)))))
    return start.timestamp(), _later(start, width)


def _day_span(text: str) -> tuple[float, float]:
    parts = [int(part) for part in text.split("-")]
    year, month, day = (*parts, 0, 0)[:3] if len(parts) < 3 else parts[:3]
    start = datetime(year, month or 1, day or 1, tzinfo=CHINA)
    if day:
        days = 1
    elif month:
        days = monthrange(year, month)[1]
    else:
        days = 366 if monthrange(year, 2)[1] == 29 else 365
    return start.timestamp(), _later(start, timedelta(days=days))


def _later(start: datetime, width: timedelta) -> float:
    """Seconds since 1970 of a moment after another, beyond the end of the calendar too: people write 9999-12-31 for "no end"."""
    try:
        return (start + width).timestamp()
    except OverflowError:
        return start.timestamp() + width.total_seconds()


def _quantities(name: str, item: Any) -> Iterator[Value]:
    if not isinstance(item, dict):
        return
    number = _exact(item.get("value"))
    if number is None:
        return
    low, high = number_span(number)
    unit = item.get("code") or item.get("unit") or item.get("currency") or ""
    yield Value(name, "quantity", _text(item.get("system")), _text(unit), low, high)


def _numbers(name: str, item: Any) -> Iterator[Value]:
    number = _exact(item)
    if number is not None:
        low, high = number_span(number)
        yield Value(name, "quantity", "", "", low, high)


def _exact(value: object) -> Decimal | None:
    """A number as it is written; our own renderings may hold a float."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(str(value))
    return number if number.is_finite() else None


def number_span(number: Decimal) -> tuple[float, float]:
    """The range of numbers that are written like this one: 5.4 is from 5.35 to 5.45."""
    exponent = number.as_tuple().exponent
    try:
        half = Decimal(5).scaleb((exponent if isinstance(exponent, int) else 0) - 1)
        return float(number - half), float(number + half)
    except ArithmeticError:  # beyond what decimals reach: as near as a binary number comes
        return float(number), float(number)


_READERS: Mapping[str, Callable[[str, Any], Iterator[Value]]] = {
    "token": _tokens,
    "string": _strings,
    "reference": _references,
    "uri": _uris,
    "date": _dates,
    "quantity": _quantities,
    "number": _numbers,
}
