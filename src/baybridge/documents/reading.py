"""The one reader of an object: a value as a type, with every problem at its field.

Main job: `read_as(kind, value, report)` answers the value as a frozen struct, or None after each problem was reported: an unknown key, a missing part, a
value of another type or beyond its bounds, each with what was expected, what was found and what may have been meant.

YAML and JSON are read alike; who asks says by `report` where a field stands. **Units**: the end of a field's name says its unit, and so does a complaint.
Elsewhere: the types in the files of this folder named by their noun, lines and columns in `documents/source.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from baybridge.documents.fields import did_you_mean, kind_of
from baybridge.documents.heading import Part
from baybridge.documents.source import Path, plain

T = TypeVar("T")
#: Called with code, path, expected, found and a hint for each problem.
Report = Callable[[str, Path, str, str, str], None]

UNKNOWN_KEY, MISSING, WRONG_VALUE = "document.problem.unknown_key", "document.problem.missing", "document.problem.wrong_value"
_SHOWN = 80
_TYPES: dict[object, inspect.Type] = {}
#: What the end of a field's name says of its unit.
_UNITS = {
    "c": "degrees Celsius", "min": "minutes", "h": "hours", "hours": "hours", "d": "days", "days": "days", "mg": "milligrams", "mg_m2": "mg/m²",
    "percent": "percent", "minor": "minor units of the currency", "cel": "degrees Celsius", "months": "months",
}  # fmt: skip


def read_as(kind: type[T], value: object, report: Report, path: Path = ()) -> T | None:
    """The value as this type; None where it does not fit, after each problem was reported."""
    try:
        made = _converted(value, kind)
    except (msgspec.ValidationError, TypeError) as problem:
        told = _Walk(report)
        told.look(value, type_of(kind), path)
        if not told.found:
            report(WRONG_VALUE, path, "a document of its kind", str(problem), "")
        return None
    against = list(made.contradictions()) if isinstance(made, Part) else []
    for where, expected, found in against:
        report(WRONG_VALUE, (*path, *where), expected, found, "")
    return None if against else made


def _converted(value: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(plain(value), kind)
    except msgspec.ValidationError:
        return msgspec.convert(plain(_without_nulls(value, type_of(kind))), kind)


def _without_nulls(value: Any, kind: inspect.Type) -> Any:
    """The value without the null of a part that then holds its default, such as an empty list."""
    for one in alternatives(kind):
        if isinstance(value, Mapping) and isinstance(one, inspect.StructType):
            fields = {field.encode_name: field for field in one.fields}
            kept = {key: part for key, part in value.items() if part is not None or key not in fields or fields[key].required}
            return {key: _without_nulls(part, fields[key].type) if key in fields else part for key, part in kept.items()}
        if isinstance(value, Mapping) and isinstance(one, inspect.DictType):
            return {key: _without_nulls(part, one.value_type) for key, part in value.items()}
        if isinstance(value, list) and isinstance(one, inspect.CollectionType):
            return [_without_nulls(part, one.item_type) for part in value]
    return value


def type_of(kind: object) -> inspect.Type:
    """What a type admits, as msgspec describes it."""
    if kind not in _TYPES:
        _TYPES[kind] = inspect.type_info(kind)
    return _TYPES[kind]


def bare(kind: inspect.Type) -> inspect.Type:
    """A type without its annotations."""
    return bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def alternatives(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """The types of a union, or the one type."""
    kind = bare(kind)
    return tuple(bare(one) for one in kind.types) if isinstance(kind, inspect.UnionType) else (kind,)


def is_nullable(kind: inspect.Type) -> bool:
    """Whether nothing may stand there."""
    return any(isinstance(one, inspect.NoneType | inspect.AnyType | inspect.CustomType) for one in alternatives(kind))


class _Walk:
    """One look over a value that does not fit its type."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.found = False

    def report(self, code: str, path: Path, expected: str, found: str, hint: str = "") -> None:
        self.found = True
        self._report(code, path, expected, found[:_SHOWN], hint)

    def look(self, value: object, kind: inspect.Type, path: Path) -> None:
        """Report what does not fit."""
        choices = alternatives(kind)
        fitting = next((one for one in choices if _is_like(value, one)), None)
        if fitting is None:
            written = "" if isinstance(value, Mapping | list) or value is None else str(value)
            expected = f"{_either(choices)}{_under(path)}"
            known = [str(choice) for one in choices if isinstance(one, inspect.LiteralType) for choice in one.values]
            self.report(WRONG_VALUE, path, expected, written or kind_of(value), _hint(written, value, choices, known))
        elif isinstance(fitting, inspect.StructType) and isinstance(value, Mapping):
            self.struct(value, fitting, path)
        elif isinstance(fitting, inspect.DictType) and isinstance(value, Mapping):
            for key, part in value.items():
                self.look(part, fitting.value_type, (*path, str(key)))
        elif isinstance(value, list | tuple):
            self.items(value, fitting, path)
        else:
            self.bounds(value, fitting, path)

    def struct(self, value: Mapping[Any, object], kind: inspect.StructType, path: Path) -> None:
        fields = {field.encode_name: field for field in kind.fields}
        for key, part in value.items():
            name = str(key)
            if name in fields and part is None and not fields[name].required:
                continue  # nothing written is nothing known: its default holds
            if name in fields:
                self.look(part, fields[name].type, (*path, name))
            else:
                self.report(UNKNOWN_KEY, (*path, name), f"one of {', '.join(sorted(fields))}", name, did_you_mean(name, fields))
        for name, field in fields.items():
            if field.required and name not in value:
                self.report(MISSING, (*path, name), f"{_words(alternatives(field.type)[0])}{_under((name,))}", "nothing")

    def items(self, value: list[object] | tuple[object, ...], kind: inspect.Type, path: Path) -> None:
        if isinstance(kind, inspect.TupleType):
            if len(value) != len(kind.item_types):
                self.report(WRONG_VALUE, path, f"{len(kind.item_types)} entries{_under(path)}", str(len(value)))
                return
            for index, (part, item) in enumerate(zip(value, kind.item_types, strict=True)):
                self.look(part, item, (*path, index))
        elif isinstance(kind, inspect.CollectionType):
            if kind.min_length and len(value) < kind.min_length:
                self.report(WRONG_VALUE, path, f"at least {kind.min_length} entries{_under(path)}", str(len(value)))
            for index, part in enumerate(value):
                self.look(part, kind.item_type, (*path, index))

    def bounds(self, value: object, kind: inspect.Type, path: Path) -> None:
        if isinstance(kind, inspect.IntType | inspect.FloatType) and isinstance(value, int | float):
            low, high = _limits(kind)
            if (low is not None and value < low) or (high is not None and value > high):
                self.report(WRONG_VALUE, path, f"{_words(kind)}{_under(path)}", str(value))
        elif isinstance(kind, inspect.StrType):
            text = value.isoformat() if isinstance(value, date) else str(value)
            if kind.pattern and not re.search(kind.pattern, text):
                self.report(WRONG_VALUE, path, f"a text of the form {kind.pattern}{_under(path)}", text)
            elif kind.min_length and len(text) < kind.min_length:
                self.report(WRONG_VALUE, path, f"a text{_under(path)}", kind_of(value))


def _limits(kind: inspect.IntType | inspect.FloatType) -> tuple[float | None, float | None]:
    return (kind.ge if kind.ge is not None else kind.gt, kind.le if kind.le is not None else kind.lt)


def _is_like(value: object, kind: inspect.Type) -> bool:
    """Whether a value is of the sort of a type; its bounds and parts are looked at later."""
    match kind:
        case inspect.AnyType() | inspect.CustomType():
            return True
        case inspect.NoneType():
            return value is None
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case inspect.LiteralType():
            return value in kind.values and not isinstance(value, bool)
        case inspect.DateType():
            return (isinstance(value, date) and not isinstance(value, datetime)) or _is_day(value)
        case inspect.StrType():
            return isinstance(value, str) or (isinstance(value, date) and kind.pattern is not None)
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, Mapping)
    return isinstance(kind, inspect.CollectionType | inspect.TupleType) and isinstance(value, list | tuple)


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _words(kind: inspect.Type) -> str:
    """A type in the words of the author of a document."""
    match kind:
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, kind.values))}"
        case inspect.IntType() | inspect.FloatType():
            low, high = _limits(kind)
            between = ("" if low is None else f" from {low:g}") + ("" if high is None else f" to {high:g}")
            return ("a whole number" if isinstance(kind, inspect.IntType) else "a number") + between
        case inspect.StructType() | inspect.DictType():
            return "a mapping of keys to values"
    names = {inspect.NoneType: "null", inspect.BoolType: "true or false", inspect.DateType: "a date such as 2026-01-31", inspect.StrType: "a text"}
    return names.get(type(kind), "a list")


def _either(choices: tuple[inspect.Type, ...]) -> str:
    """What may stand there: a number says whole ones too, and null goes without saying."""
    number = any(isinstance(one, inspect.FloatType) for one in choices)
    told = [one for one in choices if not isinstance(one, inspect.NoneType) and not (number and isinstance(one, inspect.IntType))]
    return " or ".join(dict.fromkeys(_words(one) for one in told))


def _under(path: Path) -> str:
    """Of which field, and in which unit."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    unit = next((unit for end, unit in _UNITS.items() if name.endswith(f"_{end}") or name == end), "")
    return (f" under {name}" if name else "") + (f", in {unit}" if unit else "")


def _hint(written: str, value: object, choices: tuple[inspect.Type, ...], known: list[str]) -> str:
    if known and written:
        return did_you_mean(written, known)
    wants_text = any(isinstance(one, inspect.StrType) for one in choices)
    if wants_text and isinstance(value, int | float | date):
        return "quote it"
    wants_number = any(isinstance(one, inspect.IntType | inspect.FloatType) for one in choices)
    return "write the number alone, without quotes and without its unit" if wants_number and isinstance(value, str) else ""
