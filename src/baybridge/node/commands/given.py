"""The input of a command, read into the struct that stands beside its rule.

Main job: `read_given(kind, given)` gives the struct, or a refusal that names every field that does not fit.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo

from baybridge.base import decoding
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.problems import MISSING, UNKNOWN_KEY, field_name, kind_of
from baybridge.documents.reading import Wording, look_over
from baybridge.documents.source import Path
from baybridge.node.commands.table import CommandRow


def read_given(kind: CommandRow, given: Mapping[str, object]) -> Struct | Refusal:
    """The input of a command as its struct, or a refusal with every field that does not fit."""
    fields = {field.name: field for field in msgspec.structs.fields(kind.given)}
    nothing = {name: None for name, field in fields.items() if field.required and is_optional(field.type)}
    told = nothing | {name: value for name, value in given.items() if value is not None or (name in fields and fields[name].required)}
    made, unfit = _made(kind.given, told)
    reasons: dict[str, Reason] = {}

    def note(code: str, path: Path, expected: str, found: str, _hint: str) -> None:
        if (made is None or code == UNKNOWN_KEY) and len(reasons) < _MOST:
            where = field_name(path)[:80]
            reasons.setdefault(where, _reason(code, where, fields, path, expected, found))

    look_over(kind.given, told, note, _GIVEN)
    if made is None and not reasons:
        reasons[""] = Reason("command.unread", {"command": kind.name, "problem": _QUOTED.sub("", unfit)})
    return refuse(*reasons.values(), category=Category.INVALID) if made is None or reasons else made


def _made(kind: type[Struct], told: Mapping[str, object]) -> tuple[Struct | None, str]:
    """The input as its struct, a number written as text as the number; else what is wrong with the first field."""
    try:
        return decoding.convert(told, kind, strict=False), ""
    except msgspec.ValidationError as problem:
        return None, str(problem)


def _reason(code: str, where: str, fields: Mapping[str, FieldInfo], path: Path, expected: str, found: str) -> Reason:
    """Why a field does not fit; what was given is not repeated."""
    if code == UNKNOWN_KEY:
        return Reason("command.unknown_field", {"field": where[:40], "known": expected.removeprefix("one of ")}, where=where)
    name = str(path[0])
    if code == MISSING and len(path) == 1:
        return Reason("command.missing_field", {"field": name, "expected": type_name(fields[name].type)}, where=name)
    return Reason("command.bad_field", {"field": _field_of(path), "expected": _coded(expected), "found": _other(expected, found)}, where=where)


def _other(expected: str, found: str) -> str:
    """What was found, as another of its sort where the sort is right: a code that is none of these, a number beyond its limits, a text that says no date."""
    if found == "a text" and expected.startswith(("a date", "a time")):
        return "another text"
    of_codes = expected.startswith("one of ") and found in ("a text", "a number")
    return "another one" if of_codes or (found == "a number" and "number" in expected) else found


def _kind_of(value: object) -> str:
    """What was given: a number also where a form sends it as a text."""
    said = kind_of(value)
    return "a number" if isinstance(value, str) and said == "a text" and _NUMBER.fullmatch(value.strip()) else said


def _field_of(path: Path) -> str:
    """The innermost field that has a name; below findings stand facts, which are no fields."""
    names = [step for step in path if isinstance(step, str)]
    return names[0] if names[0] in _BY_FACT else names[-1]


def _coded(expected: str) -> str:
    """A row of codes as the name of a type has them, so that each is said by its words; any other phrase as it is."""
    return expected.removeprefix("one of ").replace(", ", " | ") if expected.startswith("one of ") else expected


#: Fields below which stand facts by their names.
_BY_FACT = frozenset({"findings", "given"})
#: More is no slip of a person: a list of a megabyte would be told entry by entry.
_MOST = 200
_QUOTED = re.compile(r"\s*'.*'")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
#: A field of a form is a text, whatever it says; what a person typed is not repeated.
_GIVEN = Wording(names_field=False, found=_kind_of, mapping="an object", strays=True, from_text=True)


def bare(kind: object) -> object:
    """A type without its annotations."""
    return bare(typing.get_args(kind)[0]) if typing.get_origin(kind) is typing.Annotated else kind


def is_optional(kind: object) -> bool:
    """Whether a type admits None."""
    kind = bare(kind)
    return typing.get_origin(kind) in (typing.Union, types.UnionType) and type(None) in typing.get_args(kind)


def type_name(kind: object) -> str:
    """A type as a person reads it: codes listed, containers named."""
    kind = bare(kind)
    if typing.get_origin(kind) is typing.Literal:
        return " | ".join(str(value) for value in typing.get_args(kind))
    if is_optional(kind):
        return " | ".join(type_name(part) for part in typing.get_args(kind) if part is not type(None)) + " or nothing"
    if isinstance(kind, type) and issubclass(kind, Struct):
        return "group"
    return "rows" if typing.get_origin(kind) is not None else str(getattr(kind, "__name__", kind))
