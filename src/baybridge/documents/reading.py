"""The one reader of an object: a value as a type, with every problem at its field.

Main job: `read_as(kind, value, report)` answers the value as a frozen struct, or None after each problem was reported: an unknown key, a missing part, a
value of another type or beyond its bounds, each with what was expected, what was found and what may have been meant. `read_on(kind, value, report)` answers
a struct whatever the value holds, with something harmless in the place of what does not fit, so that what the other parts mean is looked at in the same go.
`fits(kind, value, report)` looks without making anything, for a request that is judged as it was written.

YAML and JSON are read alike; who asks says by `report` where a field stands, and by `Wording` how a complaint is worded: the author of a document reads
what stands there, a request of a patient is told by kinds, a form sends numbers as text.
**Units**: the end of a field's name says its unit, and so does a complaint about a document.
Elsewhere: what a type admits in `types.py`, the types in the files of this folder named by their noun, lines and columns in `documents/source.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from baybridge.base import decoding
from baybridge.documents.heading import Part
from baybridge.documents.problems import MISSING, UNKNOWN_KEY, WRONG_VALUE, did_you_mean, kind_of, nearest
from baybridge.documents.source import Path, plain
from baybridge.documents.types import (
    UNREAD,
    Formed,
    alternatives,
    annotated,
    at_least,
    bare,
    either,
    gathered,
    harmless,
    has_forms,
    has_parts,
    is_like,
    is_of,
    is_open,
    is_pattern,
    is_said,
    is_within,
    names_of,
    read_by,
    said,
    scalar,
    sorts_of,
    type_of,
    words_of,
)

T = TypeVar("T")
#: Called with code, path, expected, found and a hint for each problem.
Report = Callable[[str, Path, str, str, str], None]

_SHOWN = 80
#: What the end of a field's name says of its unit.
_UNITS = {
    "c": "degrees Celsius", "min": "minutes", "h": "hours", "hours": "hours", "d": "days", "days": "days", "mg": "milligrams", "mg_m2": "mg/m²",
    "percent": "percent", "minor": "minor units of the currency", "cel": "degrees Celsius", "months": "months",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wording:
    """How complaints are worded, and what of a value is let pass."""

    names_field: bool  # whether they name the field and its unit once more
    found: Callable[[object], str]  # what is told of a value
    mapping: str = "a mapping of keys to values"
    code: Callable[[inspect.Type], str] | None = None  # of a value that is missing or no value of this type, where it has a sentence of its own
    strays: bool | None = None  # unknown keys: True all, False those alone that are nearly known ones, None as the type says
    from_text: bool = False  # whether a text may say a number, true or false, as a form sends it


def _as_written(value: object) -> str:
    return kind_of(value) if isinstance(value, Mapping | list) or value is None or value == "" else str(value).lower() if isinstance(value, bool) else str(value)


DOCUMENT = Wording(names_field=True, found=_as_written)


def fits(kind: object, value: object, report: Report, wording: Wording = DOCUMENT, path: Path = ()) -> bool:
    """Whether a value fits a type; each problem was reported where it does not."""
    try:
        decoding.convert(value, cast("type[object]", kind), dec_hook=_passed)
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


def read_on(kind: type[T], value: object, report: Report, wording: Wording = DOCUMENT, path: Path = ()) -> T:
    """The value as this type; what does not fit was reported, and something harmless stands in its place."""
    if wording.strays is None and not has_forms(type_of(kind)):
        try:
            return decoding.convert(value, kind)
        except (msgspec.ValidationError, TypeError):
            pass  # each problem is told below
    made: T = _Walk(report, wording).look(value, type_of(kind), path)
    return made


def read_as(kind: type[T], value: object, report: Report, path: Path = (), wording: Wording = DOCUMENT) -> T | None:
    """The value as this type; None where it does not fit, after each problem was reported."""
    try:
        made = converted(value, kind)
    except (msgspec.ValidationError, TypeError) as problem:
        _report_misfit(kind, value, report, path, wording, str(problem))
        return None
    return None if _contradicts(made, report, path, frozenset()) else made


def _report_misfit(kind: type, value: object, report: Report, path: Path, wording: Wording, said_of_it: str) -> None:
    """Report every problem of a value that does not fit, and what contradicts itself in the parts of it that do."""
    wrong: set[str | int] = set()

    def note(code: str, where: Path, expected: str, found: str, hint: str) -> None:
        wrong.update(where[len(path) :][:1])
        report(code, where, expected, found, hint)

    look = _Walk(note, wording)
    made = look.look(value, type_of(kind), path)
    if not look.found:
        report(WRONG_VALUE, path, "a document of its kind", said_of_it, "")
    elif wrong:
        _contradicts(made, report, path, frozenset(wrong))


def _contradicts(made: object, report: Report, path: Path, wrong: frozenset[str | int]) -> bool:
    """Report where the values of a document contradict each other, but for its parts that were told as wrong; whether they do."""
    against = [one for one in made.contradictions() if not wrong.intersection(one[0][:1])] if isinstance(made, Part) else []
    for where, expected, found in against:
        report(WRONG_VALUE, (*path, *where), expected, found, "")
    return bool(against)


def converted(value: object, kind: type[T]) -> T:
    """A value that fits as its type, a null as what its part holds by default; raises `msgspec.ValidationError` for any other."""
    try:
        return decoding.convert(plain(value), kind)
    except msgspec.ValidationError:
        return decoding.convert(plain(_without_nulls(value, type_of(kind))), kind)


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


class _Walk:
    """One look over a value, which may not fit its type; each step answers what is read on with."""

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
        return words_of(kind, self._wording.mapping)

    def _code(self, kind: inspect.Type, code: str = WRONG_VALUE) -> str:
        """The code of a complaint of a type: its own where the wording has one."""
        if self._wording.code is None:
            return code
        return self._wording.code(next((one for one in annotated(kind) if not isinstance(one, inspect.NoneType)), kind))

    def report(self, code: str, path: Path, expected: str, found: str, hint: str = "") -> None:
        self.found = True
        self._report(code, path, expected, found[:_SHOWN], hint)

    def look(self, value: object, kind: inspect.Type, path: Path) -> Any:
        """The value as its type, after what does not fit was reported."""
        sorts = sorts_of(kind)
        if type(value) in sorts.plain:
            return value
        for one, fitting, parse in sorts.choices:
            if parse is not None:
                if (made := read_by(parse, value)) is not UNREAD:
                    return made
            elif is_of(value, fitting) or (self._wording.from_text and is_said(value, fitting)):
                return self.parts(value, one, fitting, path) if has_parts(fitting) else self.bounds(value, one, fitting, path)
        self.unlike(value, kind, path)
        return harmless(kind)

    def parts(self, value: Any, one: inspect.Type, fitting: inspect.Type, path: Path) -> Any:
        """A value that is made of others as its type, after each of them was looked at."""
        match fitting:
            case inspect.UnionType():
                return self.look(value, fitting, path)
            case inspect.StructType() if isinstance(value, Mapping):
                return fitting.cls(**{field.name: self.part(value, field, path) for field in self.told(value, fitting, path)})
            case inspect.TypedDictType() if isinstance(value, Mapping):
                return {field.encode_name: self.part(value, field, path) for field in self.told(value, fitting, path)}
            case inspect.DictType() if isinstance(value, Mapping):
                return dict(value) if is_open(fitting) else {key: self.entry(key, part, fitting, path) for key, part in value.items()}
            case inspect.TupleType() | inspect.CollectionType() if isinstance(value, list | tuple):
                return self.items(value, one, path)
        return value

    def unlike(self, value: object, kind: inspect.Type, path: Path) -> None:
        """Report a value of another sort."""
        expected = said(kind) or either(kind, self._wording.mapping)
        hint = _hint(value, alternatives(kind)) if self._wording.names_field else ""
        self.report(self._code(kind), path, f"{expected}{self._under(path)}", self._wording.found(value), hint)

    def told(self, value: Mapping[str, object], kind: inspect.StructType | inspect.TypedDictType, path: Path) -> list[inspect.Field]:
        """The fields that stand in an object or must stand there, after its unknown keys were reported."""
        # Nothing written is nothing known: the default of the field holds.
        told = [field for field in kind.fields if field.required or value.get(field.encode_name) is not None]
        strays = self._wording.strays
        if strays is None and (isinstance(kind, inspect.TypedDictType) or kind.forbid_unknown_fields):
            strays = True
        if strays is not None and not (names := names_of(kind)).issuperset(value):
            self.strays(value, names, path, every=strays)
        return told

    def strays(self, value: Mapping[str, object], names: Collection[str], path: Path, *, every: bool) -> None:
        """Report the keys of an object that its type does not have; without `every` those alone that are nearly known ones."""
        for name in (str(key) for key in value if str(key) not in names):
            if every:
                hint = did_you_mean(name, names) if self._wording.names_field else ""
                self.report(UNKNOWN_KEY, (*path, name), f"one of {', '.join(sorted(names))}", name, hint)
            elif near := nearest(name, names):
                self.report(UNKNOWN_KEY, (*path, name), near, name)

    def part(self, value: Mapping[str, object], field: inspect.Field, path: Path) -> Any:
        name = field.encode_name
        if name in value:
            return self.look(value[name], field.type, (*path, name))
        code, kind = self._code(field.type, MISSING), annotated(field.type)[0]
        self.report(code, (*path, name), f"{said(field.type) or self._words(kind)}{self._under((name,))}", "nothing")
        return harmless(field.type)

    def entry(self, key: object, value: object, kind: inspect.DictType, path: Path) -> Any:
        """A part of a mapping by name, whose name must have the form that the type asks for."""
        name, wanted = str(key), bare(kind.key_type)
        if isinstance(wanted, inspect.StrType) and not is_pattern(name, wanted):
            self.report(UNKNOWN_KEY, (*path, name), self._words(kind.key_type), name)
        return self.look(value, kind.value_type, (*path, name))

    def items(self, value: list[object] | tuple[object, ...], annotated_kind: inspect.Type, path: Path) -> Any:
        kind = bare(annotated_kind)
        if isinstance(kind, inspect.TupleType):
            if len(value) != len(kind.item_types):
                self.report(self._code(annotated_kind), path, f"a list of {len(kind.item_types)} entries{self._under(path)}", f"a list of {len(value)} entries")
                return harmless(kind)
            return tuple(self.look(part, item, (*path, index)) for index, (part, item) in enumerate(zip(value, kind.item_types, strict=True)))
        if not isinstance(kind, inspect.CollectionType):
            return harmless(kind)
        if kind.min_length and len(value) < kind.min_length:
            found = str(len(value)) if self._wording.names_field else self._wording.found(value)
            self.report(self._code(annotated_kind), path, f"{at_least(kind.min_length)}{self._under(path)}", found)
        return gathered([self.look(part, kind.item_type, (*path, index)) for index, part in enumerate(value)], kind)

    def bounds(self, value: object, annotated_kind: inspect.Type, kind: inspect.Type, path: Path) -> Any:
        made = scalar(value, kind)
        if isinstance(kind, inspect.IntType | inspect.FloatType) and isinstance(made, int | float):
            if not is_within(made, kind):
                self.report(self._code(annotated_kind), path, f"{self._words(annotated_kind)}{self._under(path)}", self._wording.found(value))
                return harmless(annotated_kind)
        elif isinstance(kind, inspect.StrType):
            text = str(made)
            if not is_pattern(text, kind):
                expected = said(annotated_kind) or f"a text of the form {kind.pattern}"
                self.report(self._code(annotated_kind), path, f"{expected}{self._under(path)}", self._wording.found(text))
                return harmless(annotated_kind)
            if kind.min_length and len(text) < kind.min_length:
                self.report(self._code(annotated_kind), path, f"a text{self._under(path)}", kind_of(value))
            elif kind.max_length is not None and len(text) > kind.max_length:
                expected = f"a text of at most {kind.max_length} characters"
                self.report(self._code(annotated_kind), path, f"{expected}{self._under(path)}", f"a text of {len(text)} characters")
        return made


def _hint(value: object, choices: tuple[inspect.Type, ...]) -> str:
    """What to do about a value of another sort."""
    known = [str(choice) for one in choices if isinstance(one, inspect.LiteralType) for choice in one.values]
    written = "" if isinstance(value, Mapping | list) or value is None else str(value)
    if known and written:
        return did_you_mean(written, known)
    if any(isinstance(one, inspect.StrType) for one in choices) and isinstance(value, int | float | date):
        return "quote it"
    if any(isinstance(one, inspect.DateType) for one in choices) and is_like(value, inspect.DateType()):
        return "write it without quotes"
    wants_number = any(isinstance(one, inspect.IntType | inspect.FloatType) for one in choices)
    return "write the number alone, without quotes and without its unit" if wants_number and isinstance(value, str) else ""
