"""One search parameter as a condition on the stored values.

**Source**: FHIR R4, search, "Search Parameter Types", "Prefixes", "Modifiers". **Units**: seconds since 1970; values as written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from sqlalchemy import ColumnElement, and_, false, not_, or_, select

from baybridge.record.fhir.dates import date_span
from baybridge.record.fhir.definitions import Parameter, SearchKind, resource_types
from baybridge.record.fhir.primitives import is_decimal
from baybridge.record.store.indexing import UNBOUNDED, folded, number_span, stored_as
from baybridge.record.store.tables import resource_current, search_value

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_MODIFIERS: dict[SearchKind, frozenset[str]] = {
    "token": frozenset({"not", "missing"}),
    "string": frozenset({"exact", "contains", "missing"}),
    "reference": frozenset({"missing"}),
    "date": frozenset({"missing"}),
    "quantity": frozenset({"missing"}),
    "number": frozenset({"missing"}),
    "uri": frozenset({"missing"}),
}
_NUMBER = re.compile(r"[+-]?[0-9]{1,60}(?:\.[0-9]{1,60})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_DATE_FORM = "a date or time such as 2026-03-08 or ge2026-03-08T09:00:00+08:00"
_NUMBER_FORM = "a number such as 5.4 or lt0.5, then |system|unit where needed"


class Unreadable(Exception):
    """A parameter's value or modifier cannot be read; says what was expected."""

    def __init__(self, code: str, expected: str) -> None:
        super().__init__(code)
        self.code = code
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Condition:
    """What a resource must fulfil; `clause` makes it SQL for a type.

    `of_each` says the same for resources that a `narrow` condition, as of a patient, leaves.
    """

    clause: Callable[[str], ColumnElement[bool]]
    of_each: Callable[[str], ColumnElement[bool]] | None = None
    narrow: bool = False


def together(kind: str, conditions: Sequence[Condition]) -> list[ColumnElement[bool]]:
    """All of them as SQL for a type: where one is narrow the others are asked of what it leaves."""
    first = next((one for one in conditions if one.narrow), None)
    return [one.clause(kind) if first is None or one is first or one.of_each is None else one.of_each(kind) for one in conditions]


def condition(kind: str, parameter: Parameter | None, name: str, modifier: str, text: str) -> Condition:
    """The condition of one parameter; alternatives within the text are separated by commas. Raises Unreadable."""
    if any(ord(char) < ord(" ") or 0xD800 <= ord(char) < 0xE000 for char in text):
        raise Unreadable("value", "text without control characters")
    if parameter is None:
        return _of_resource(name, modifier, text)
    if modifier == "missing":
        return _missing(parameter, text)
    is_type = parameter.kind == "reference" and modifier in resource_types()
    if modifier and not is_type and modifier not in _MODIFIERS[parameter.kind]:
        raise Unreadable("modifier", ", ".join(f":{item}" for item in sorted(_MODIFIERS[parameter.kind])))
    alternatives = [_matches(parameter, modifier, part) for part in split(text)]
    if not alternatives:
        raise Unreadable("value", "a value")
    names = stored_as(kind, parameter.name)
    inside = or_(*alternatives)
    negate = modifier == "not"
    of_each = partial(_of_each, names=names, inside=inside, negate=negate)
    return Condition(partial(_exists, names=names, inside=inside, negate=negate), of_each, narrow=parameter.kind == "reference" and not negate)


def split(text: str) -> list[str]:
    """The alternatives of a value; a comma after a backslash belongs to the value."""
    parts, here, escaped = [], "", False
    for char in text:
        if char == "," and not escaped:
            parts.append(here)
            here = ""
        else:
            here += char
        escaped = char == "\\" and not escaped
    return [part for part in [*parts, here] if part]


def unescape(text: str) -> str:
    """A value without its escapes."""
    for char in ",|$":
        text = text.replace(f"\\{char}", char)
    return text.replace("\\\\", "\\")


def _exists(kind: str, names: tuple[str, ...], inside: ColumnElement[bool], *, negate: bool) -> ColumnElement[bool]:
    ids = select(search_value.c.id).where(search_value.c.type == kind, search_value.c.param.in_(names), inside)
    found = resource_current.c.id.in_(ids)
    return not_(found) if negate else found


def _of_each(kind: str, names: tuple[str, ...], inside: ColumnElement[bool], *, negate: bool) -> ColumnElement[bool]:
    """The same, asked of each resource that other conditions leave, so that nothing is listed that only shares a code with them."""
    mine = (search_value.c.id == resource_current.c.id, search_value.c.type == kind, search_value.c.param.in_(names), inside)
    found = select(search_value.c.row).where(*mine).correlate(resource_current).exists()
    return not_(found) if negate else found


def _missing(parameter: Parameter, text: str) -> Condition:
    if text not in ("true", "false"):
        raise Unreadable("value", "true or false")
    names = stored_as_any(parameter)
    return Condition(lambda kind: _exists(kind, names(kind), search_value.c.row.is_not(None), negate=text == "true"))


def stored_as_any(parameter: Parameter) -> Callable[[str], tuple[str, ...]]:
    """The stored names of a parameter for whatever type is asked."""
    return lambda kind: stored_as(kind, parameter.name)


def _of_resource(name: str, modifier: str, text: str) -> Condition:
    if modifier:
        raise Unreadable("modifier", "none")
    current = resource_current
    if name == "_id":
        ids = split(text)
        return Condition(lambda _kind: current.c.id.in_(ids))
    clauses = [_recorded(part) for part in split(text)]
    return Condition(lambda _kind: or_(*clauses))


def _recorded(text: str) -> ColumnElement[bool]:
    prefix, rest = _prefixed(text)
    span = date_span(rest)
    if span is None:
        raise Unreadable("value", _DATE_FORM)
    low, high = (_stamp(moment) for moment in span)
    column = resource_current.c.recorded_at
    inside = and_(column >= low, column < high)
    after, before = column >= high, column < low
    comparisons = {"eq": inside, "ap": inside, "ne": not_(inside), "gt": after, "sa": after, "lt": before, "eb": before}
    return comparisons.get(prefix, column >= low if prefix == "ge" else column < high)


def _stamp(moment: float) -> str:
    """A moment as versions have it; what lies beyond the calendar is its first or last moment."""
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)).strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27)
    except OverflowError:
        return "0000" if moment < 0 else "9999-12-31T24"


def _prefixed(text: str) -> tuple[str, str]:
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def _matches(parameter: Parameter, modifier: str, text: str) -> ColumnElement[bool]:
    if parameter.kind == "token":
        return _token(text)
    if parameter.kind == "uri":
        return search_value.c.value == unescape(text)
    if parameter.kind == "string":
        return _string(modifier, unescape(text))
    if parameter.kind == "reference":
        return _reference(parameter, modifier, text)
    if parameter.kind == "date":
        return _date(text)
    return _quantity(text)


def _token(text: str) -> ColumnElement[bool]:
    table = search_value
    if "|" not in text:
        return table.c.value == unescape(text)
    system, _bar, code = text.partition("|")
    same_system = table.c.system == unescape(system)
    return and_(same_system, table.c.value == unescape(code)) if code else same_system


def _string(modifier: str, text: str) -> ColumnElement[bool]:
    table = search_value
    if modifier == "exact":
        return table.c.system == text
    wanted = folded(text)
    if not wanted:
        raise Unreadable("value", "some text")
    if modifier == "contains":
        return table.c.value.contains(wanted, autoescape=True)
    return and_(table.c.value >= wanted, table.c.value < wanted + "\U0010ffff")


def _reference(parameter: Parameter, modifier: str, text: str) -> ColumnElement[bool]:
    table = search_value
    targets = {modifier} if modifier else (parameter.targets or resource_types())
    if "://" in text or text.startswith("urn:"):
        return table.c.value == text
    if "/" in text:
        kind, _slash, logical_id = text.partition("/")
        return table.c.value == f"{kind}/{logical_id}" if kind in targets else false()
    return table.c.value.in_([f"{kind}/{text}" for kind in sorted(targets)])


def _date(text: str) -> ColumnElement[bool]:
    prefix, rest = _prefixed(text)
    span = date_span(rest)
    if span is None:
        raise Unreadable("value", _DATE_FORM)
    if prefix == "ap":
        slack = (span[1] - span[0]) / 2
        span = (span[0] - slack, span[1] + slack)
    return _compare(prefix, *span)


def _quantity(text: str) -> ColumnElement[bool]:
    table = search_value
    prefix, rest = _prefixed(text)
    parts = rest.split("|")
    number = Decimal(parts[0]) if _NUMBER.fullmatch(parts[0]) else None
    if number is None or not is_decimal(number) or len(parts) not in (1, 2, 3):
        raise Unreadable("value", _NUMBER_FORM)
    low, high = number_span(number)
    if prefix == "ap":
        low, high = low - abs(float(number)) / 10, high + abs(float(number)) / 10
    clauses = [_compare(prefix, low, high) if prefix in ("eq", "ne", "ap") else _compare_exact(prefix, float(number))]
    if len(parts) == 3 and parts[1]:
        clauses.append(table.c.system == unescape(parts[1]))
    if len(parts) > 1 and parts[-1]:
        clauses.append(table.c.value == unescape(parts[-1]))
    return and_(*clauses)


def _compare(prefix: str, low: float, high: float) -> ColumnElement[bool]:
    """A stored range against a wanted half-open range. Source: FHIR R4 search, "Prefixes"."""
    table = search_value
    inside = and_(table.c.low >= low, table.c.high <= high)
    comparisons: dict[str, ColumnElement[bool]] = {
        "eq": inside,
        "ne": not_(inside),
        "gt": table.c.high > high,
        "lt": table.c.low < low,
        "ge": or_(table.c.high > high, inside),
        "le": or_(table.c.low < low, inside),
        "sa": table.c.low >= high,
        "eb": table.c.high <= low,
        "ap": and_(table.c.low < high, table.c.high > low),
    }
    return comparisons[prefix]


def _compare_exact(prefix: str, number: float) -> ColumnElement[bool]:
    """A stored number, the middle of its range, against an exact bound: comparators ignore implied precision.

    A result such as `< 5` is found where every number that it may be lies beyond the bound.
    """
    table = search_value
    is_open = or_(table.c.low <= -UNBOUNDED, table.c.high >= UNBOUNDED)
    middle = (table.c.low + table.c.high) / 2
    above, below = math.nextafter(number, math.inf), math.nextafter(number, -math.inf)
    comparisons: dict[str, ColumnElement[bool]] = {
        "gt": or_(and_(not_(is_open), middle > number), and_(is_open, table.c.low >= number)),
        "lt": or_(and_(not_(is_open), middle < number), and_(is_open, table.c.high <= number)),
        "ge": or_(and_(not_(is_open), middle >= number), and_(is_open, table.c.low >= below)),
        "le": or_(and_(not_(is_open), middle <= number), and_(is_open, table.c.high <= above)),
    }
    return comparisons[{"sa": "gt", "eb": "lt"}.get(prefix, prefix)]
