"""What a command's input asks for: the kind of each field, from the type of its struct.

Main job: `kind_of(field)` says how a field is asked for on a page; `columns_of(kind)` names the columns of rows that are no structs.

Pure; elsewhere: filling in in `known.py`, choices in `choices.py`, the form itself in `forms.py`.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo

from baybridge.policy.language.types import Value

#: Fields that no page asks for: documents that this node keeps itself, whole inputs, readers outside who come by a file, a dose in one text.
LEFT_OUT = frozenset({"quote", "given", "first_reader", "second_reader", "dose"})

#: Fields that hold facts by name; the page asks for each fact in its own field.
FACTS = frozenset({"findings"})

#: Columns of rows that are tuples.
TUPLE_COLUMNS: Mapping[str, tuple[str, ...]] = {"results": ("attribute", "value", "unit")}

_SIMPLE: Mapping[Any, str] = {str: "text", int: "integer", float: "number", bool: "boolean", date: "date", datetime: "moment"}


def struct_of(kind: object) -> type[Struct]:
    """The struct that a group of fields makes; TypeError for another type."""
    core = core_type(kind)
    if isinstance(core, type) and issubclass(core, Struct):
        return core
    raise TypeError(f"expected a struct, found {core}")


def core_type(kind: object) -> object:
    """A type without `| None`, without annotations."""
    if typing.get_origin(kind) is typing.Annotated:
        return core_type(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        parts = [part for part in typing.get_args(kind) if part is not type(None)]
        return core_type(parts[0]) if len(parts) == 1 else kind
    return kind


def is_struct(kind: object) -> bool:
    """Whether a type is a struct."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def item_type(kind: object) -> object | None:
    """The type of a container's items; None where it is none."""
    core = core_type(kind)
    return core_type(typing.get_args(core)[0]) if typing.get_origin(core) in (tuple, list, frozenset) else None


def kind_of(field: FieldInfo) -> str:
    """How a field is asked for: text, number, integer, boolean, date, moment, code, codes, lines, table, group, facts; left_out where it is not."""
    if field.name in LEFT_OUT:
        return "left_out"
    if field.name in FACTS:
        return "facts"
    core = core_type(field.type)
    if is_struct(core):
        return "group"
    if typing.get_origin(core) is typing.Literal:
        return "code"
    item = item_type(field.type)
    if item is None:
        return _SIMPLE.get(core, "text")
    return _kind_of_items(item)


def _kind_of_items(item: object) -> str:
    if is_struct(item) or typing.get_origin(item) is tuple:
        return "table"
    return "codes" if typing.get_origin(item) is typing.Literal else "lines"


def literals_of(kind: object) -> tuple[str, ...]:
    """The codes that a type lists."""
    core = item_type(kind) or core_type(kind)
    return tuple(str(value) for value in typing.get_args(core)) if typing.get_origin(core) is typing.Literal else ()


def is_required(field: FieldInfo) -> bool:
    """Whether a field must be given."""
    return field.required and not may_be_unknown(field)


def may_be_unknown(field: FieldInfo) -> bool:
    """Whether nothing is an answer of its own."""
    return type(None) in typing.get_args(core_of_annotation(field.type))


def core_of_annotation(kind: object) -> object:
    """A type without annotations, with `| None` kept."""
    return core_of_annotation(typing.get_args(kind)[0]) if typing.get_origin(kind) is typing.Annotated else kind


def default_of(field: FieldInfo) -> Value:
    """What stands where nothing is given; None where nothing does."""
    return None if field.default is msgspec.NODEFAULT else field.default
