"""The one reader of an object: a value as a type, with every problem at its field.

Main job: `read_as(kind, value, report)` answers the value as a frozen struct, or None after each problem was reported: an unknown key, a missing part, a
value of another type or beyond its bounds, each with what was expected, what was found and what may have been meant. `fits(kind, value, report)` looks
without making anything, for a request that is judged as it was written.

YAML and JSON are read alike; who asks says by `report` where a field stands, and by `Wording` how a complaint is worded: the author of a document reads
what stands there, a request of a patient is told by kinds. A text that has a form of its own (a time with its offset) says so in its type: `formed(…)`.
**Units**: the end of a field's name says its unit, and so does a complaint about a document.
Elsewhere: the types in the files of this folder named by their noun, lines and columns in `documents/source.py`, requests in `documents/requests.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar

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


@dataclass(frozen=True, slots=True)
class Wording:
    """How complaints are worded: whether they name the field and its unit once more, and what is told of a value that was found."""

    names_field: bool
    found: Callable[[object], str]
    mapping: str = "a mapping of keys to values"


def _as_written(value: object) -> str:
    return kind_of(value) if isinstance(value, Mapping | list) or value is None or value == "" else str(value)


DOCUMENT = Wording(names_field=True, found=_as_written)


class Formed:
    """A value with a form of its own: `parse` raises ValueError, TypeError or OverflowError for any other."""

    parse: Callable[[Any], object]
    words: str
    passed: Any


def formed(parse: Callable[[Any], object], words: str) -> Any:
    """The type of a value that `parse` reads, told in these words."""
    kind = type("Formed", (Formed,), {"parse": staticmethod(parse), "words": words})
    kind.passed = kind()  # type: ignore[attr-defined]
    return kind


def one_of(*codes: str) -> Any:
    """The type of one of these codes, told in this order."""
    return worded(Literal[codes], f"one of {', '.join(codes)}")


def worded(kind: Any, words: str) -> Any:
    """A type that is told in these words."""
    return Annotated[kind, msgspec.Meta(extra={"words": words})]


def fits(kind: object, value: object, report: Report, wording: Wording = DOCUMENT, path: Path = ()) -> bool:
    """Whether a value fits a type; each problem was reported where it does not."""
    try:
        msgspec.convert(value, kind, dec_hook=_passed)
    except (msgspec.ValidationError, TypeError, OverflowError):
        return not look_over(kind, value, report, wording, path)
    return True


def _passed(kind: type[Formed], value: object) -> object:
    kind.parse(value)
    return kind.passed


def look_over(kind: object, value: object, report: Report, wording: Wording = DOCUMENT, path: Path = ()) -> bool:
    """Report every problem of a value; whether there was one."""
    look = _Walk(report, wording)
    look.look(value, type_of(kind), path)
    return look.found


def read_as(kind: type[T], value: object, report: Report, path: Path = (), wording: Wording = DOCUMENT) -> T | None:
    """The value as this type; None where it does not fit, after each problem was reported."""
    try:
        made = converted(value, kind)
    except (msgspec.ValidationError, TypeError) as problem:
        if not look_over(kind, value, report, wording, path):
            report(WRONG_VALUE, path, "a document of its kind", str(problem), "")
        return None
    against = list(made.contradictions()) if isinstance(made, Part) else []
    for where, expected, found in against:
        report(WRONG_VALUE, (*path, *where), expected, found, "")
    return None if against else made


def converted(value: object, kind: type[T]) -> T:
    """A value that fits as its type, a null as what its part holds by default; raises `msgspec.ValidationError` for any other."""
    try:
        return msgspec.convert(plain(value), kind)
    except msgspec.ValidationError:
        return msgspec.convert(plain(_without_nulls(value, type_of(kind))), kind)


def _without_nulls(value: object, kind: inspect.Type) -> object:
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
    """The types of a union, or the one type, without their annotations."""
    return tuple(bare(one) for one in _annotated(kind))


def _annotated(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """The types of a union, or the one type, with their annotations."""
    plain_kind = bare(kind)
    return plain_kind.types if isinstance(plain_kind, inspect.UnionType) else (kind,)


def is_nullable(kind: inspect.Type) -> bool:
    """Whether nothing may stand there."""
    return any(isinstance(one, inspect.NoneType | inspect.AnyType | inspect.CustomType) for one in alternatives(kind))


class _Walk:
    """One look over a value, which may not fit its type."""

    def __init__(self, report: Report, wording: Wording) -> None:
        self._report, self._wording = report, wording
        self.found = False

    def _under(self, path: Path) -> str:
        """Of which field, and in which unit."""
        if not self._wording.names_field:
            return ""
        name = next((step for step in reversed(path) if isinstance(step, str)), "")
        unit = next((unit for end, unit in _UNITS.items() if name.endswith(f"_{end}") or name == end), "")
        return (f" under {name}" if name else "") + (f", in {unit}" if unit else "")

    def _words(self, kind: inspect.Type) -> str:
        return _words(kind, self._wording.mapping)

    def report(self, code: str, path: Path, expected: str, found: str, hint: str = "") -> None:
        self.found = True
        self._report(code, path, expected, found[:_SHOWN], hint)

    def look(self, value: object, kind: inspect.Type, path: Path) -> None:
        """Report what does not fit."""
        choices = _annotated(kind)
        annotated = next((one for one in choices if _is_like(value, bare(one))), None)
        fitting = bare(annotated) if annotated is not None else None
        if annotated is None or fitting is None:
            self.unlike(value, kind, path)
        elif isinstance(fitting, inspect.UnionType):
            self.look(value, fitting, path)
        elif isinstance(fitting, inspect.StructType | inspect.TypedDictType) and isinstance(value, Mapping):
            self.struct(value, fitting, path)
        elif isinstance(fitting, inspect.DictType) and isinstance(value, Mapping):
            for key, part in value.items():
                self.look(part, fitting.value_type, (*path, str(key)))
        elif isinstance(value, list | tuple):
            self.items(value, fitting, path)
        else:
            self.bounds(value, annotated, path)

    def unlike(self, value: object, kind: inspect.Type, path: Path) -> None:
        """Report a value of another sort."""
        written = "" if isinstance(value, Mapping | list) or value is None else str(value)
        choices = _annotated(kind)
        expected = _said(kind) or _either(choices, self._wording.mapping)
        bared = tuple(bare(one) for one in choices)
        known = [str(choice) for one in bared if isinstance(one, inspect.LiteralType) for choice in one.values]
        hint = _hint(written, value, bared, known) if self._wording.names_field else ""
        self.report(WRONG_VALUE, path, f"{expected}{self._under(path)}", self._wording.found(value), hint)

    def struct(self, value: Mapping[str, object], kind: inspect.StructType | inspect.TypedDictType, path: Path) -> None:
        names = set()
        for field in kind.fields:
            name = field.encode_name
            names.add(name)
            part = value.get(name)
            if part is None and not field.required:
                continue  # nothing written is nothing known: its default holds
            if part is not None or name in value:
                self.look(part, field.type, (*path, name))
            else:
                self.report(MISSING, (*path, name), f"{self._words(_annotated(field.type)[0])}{self._under((name,))}", "nothing")
        for key in value if isinstance(kind, inspect.TypedDictType) or kind.forbid_unknown_fields else ():
            if (name := str(key)) not in names:
                self.report(UNKNOWN_KEY, (*path, name), f"one of {', '.join(sorted(names))}", name, did_you_mean(name, names))

    def items(self, value: list[object] | tuple[object, ...], kind: inspect.Type, path: Path) -> None:
        if isinstance(kind, inspect.TupleType):
            if len(value) != len(kind.item_types):
                self.report(WRONG_VALUE, path, f"{len(kind.item_types)} entries{self._under(path)}", str(len(value)))
                return
            for index, (part, item) in enumerate(zip(value, kind.item_types, strict=True)):
                self.look(part, item, (*path, index))
        elif isinstance(kind, inspect.CollectionType):
            if kind.min_length and len(value) < kind.min_length:
                self.report(WRONG_VALUE, path, f"at least {kind.min_length} entries{self._under(path)}", str(len(value)))
            for index, part in enumerate(value):
                self.look(part, kind.item_type, (*path, index))

    def bounds(self, value: object, annotated: inspect.Type, path: Path) -> None:
        kind, said = bare(annotated), _said(annotated)
        if isinstance(kind, inspect.IntType | inspect.FloatType) and isinstance(value, int | float):
            low, high = _limits(kind)
            if (low is not None and value < low) or (high is not None and value > high):
                self.report(WRONG_VALUE, path, f"{self._words(kind)}{self._under(path)}", self._wording.found(value))
        elif isinstance(kind, inspect.StrType):
            text = value.isoformat() if isinstance(value, date) else str(value)
            if kind.pattern and not re.search(kind.pattern, text):
                self.report(WRONG_VALUE, path, f"{said or f'a text of the form {kind.pattern}'}{self._under(path)}", self._wording.found(text))
            elif kind.min_length and len(text) < kind.min_length:
                self.report(WRONG_VALUE, path, f"a text{self._under(path)}", kind_of(value))


def _limits(kind: inspect.IntType | inspect.FloatType) -> tuple[float | None, float | None]:
    return (kind.ge if kind.ge is not None else kind.gt, kind.le if kind.le is not None else kind.lt)


def _is_like(value: object, kind: inspect.Type) -> bool:
    """Whether a value is of the sort of a type; its bounds and parts are looked at later."""
    match kind:
        case inspect.AnyType() | inspect.CustomType():
            return _is_read(value, kind)
        case inspect.UnionType():
            return any(_is_like(value, bare(one)) for one in kind.types)
        case inspect.StructType() | inspect.TypedDictType() | inspect.DictType():
            return isinstance(value, Mapping)
        case inspect.CollectionType() | inspect.TupleType():
            return isinstance(value, list | tuple)
    return _is_scalar(value, kind)


def _is_scalar(value: object, kind: inspect.Type) -> bool:
    match kind:
        case inspect.NoneType():
            return value is None
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case inspect.LiteralType():
            return isinstance(value, str | int) and value in kind.values and not isinstance(value, bool)
        case inspect.DateType():
            return (isinstance(value, date) and not isinstance(value, datetime)) or _is_day(value)
        case inspect.StrType():
            return isinstance(value, str) or (isinstance(value, date) and kind.pattern is not None)
    return False


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_read(value: object, kind: inspect.AnyType | inspect.CustomType) -> bool:
    """Whether a value has the form that its type asks for."""
    if not isinstance(kind, inspect.CustomType) or not issubclass(kind.cls, Formed):
        return True
    try:
        kind.cls.parse(value)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _said(kind: inspect.Type) -> str:
    """The words of a type that has its own; empty for others."""
    if isinstance(kind, inspect.CustomType):
        return kind.cls.words if issubclass(kind.cls, Formed) else ""
    return str((kind.extra or {}).get("words", "")) if isinstance(kind, inspect.Metadata) else ""


def _words(kind: inspect.Type, mapping: str) -> str:
    """A type in the words of whoever writes a value of it."""
    if said := _said(kind):
        return said
    kind = bare(kind)
    match kind:
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, kind.values))}"
        case inspect.IntType() | inspect.FloatType():
            low, high = _limits(kind)
            between = ("" if low is None else f" from {low:g}") + ("" if high is None else f" to {high:g}")
            return ("a whole number" if isinstance(kind, inspect.IntType) else "a number") + between
        case inspect.StructType() | inspect.TypedDictType() | inspect.DictType():
            return mapping
    names = {inspect.NoneType: "null", inspect.BoolType: "true or false", inspect.DateType: "a date such as 2026-01-31", inspect.StrType: "a text"}
    return names.get(type(kind), "a list")


def _either(choices: tuple[inspect.Type, ...], mapping: str) -> str:
    """What may stand there: a number says whole ones too, and null goes without saying."""
    number = any(isinstance(bare(one), inspect.FloatType) for one in choices)
    told = [one for one in choices if not isinstance(one, inspect.NoneType) and not (number and isinstance(bare(one), inspect.IntType))]
    return " or ".join(dict.fromkeys(_words(one, mapping) for one in told))


def _hint(written: str, value: object, choices: tuple[inspect.Type, ...], known: list[str]) -> str:
    if known and written:
        return did_you_mean(written, known)
    wants_text = any(isinstance(one, inspect.StrType) for one in choices)
    if wants_text and isinstance(value, int | float | date):
        return "quote it"
    wants_number = any(isinstance(one, inspect.IntType | inspect.FloatType) for one in choices)
    return "write the number alone, without quotes and without its unit" if wants_number and isinstance(value, str) else ""
