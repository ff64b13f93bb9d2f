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

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.node.commands.table import CommandRow


def read_given(kind: CommandRow, given: Mapping[str, object]) -> Struct | Refusal:
    """The input of a command as its struct, or a refusal with every field that does not fit."""
    fields = msgspec.structs.fields(kind.given)
    known = ", ".join(sorted(field.name for field in fields))
    unknown = sorted(given.keys() - {field.name for field in fields})
    reasons = [Reason("command.unknown_field", {"field": name[:40], "known": known}, where=name[:40]) for name in unknown]
    values: dict[str, object] = {}
    for field in fields:
        if given.get(field.name) is None and (not field.required or is_optional(field.type)):
            if field.required:
                values[field.name] = None
            continue
        if field.name not in given:
            said = {"field": field.name, "expected": type_name(field.type)}
            reasons.append(Reason("command.missing_field", said, where=field.name))
            continue
        try:
            values[field.name] = msgspec.convert(given[field.name], field.type, strict=False)
        except msgspec.ValidationError as problem:
            reasons.append(_bad_field(field.name, field.type, str(problem)))
    return refuse(*reasons, category=Category.INVALID) if reasons else kind.given(**values)


def _bad_field(name: str, kind: object, problem: str) -> Reason:
    """Why a field does not fit, and where inside it; what was given is not repeated."""
    text, _, path = problem.partition(" - at ")
    where = name + path.strip("`").removeprefix("$")
    said = {"field": name, "problem": _QUOTED.sub("", text).strip(), "expected": type_name(kind)}
    return Reason("command.bad_field", said, where=where)


_QUOTED = re.compile(r"\s*'.*'")


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
    return str(getattr(kind, "__name__", kind)).replace("typing.", "")
