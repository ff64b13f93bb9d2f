"""Types of values as msgspec describes them: what one admits, how it is told, and what stands in the place of a value that is none.

Main job: `type_of(kind)`; `is_like(value, kind)`, whether a value is of its sort; `words_of(kind, mapping)`, the type as whoever writes a value reads it;
`harmless(kind)`, what is read on with where a value does not fit and was told.

A type with a form of its own says so: `formed(parse, words)`, or `of_form(parse, words)` beside the type that `parse` gives.
Elsewhere: the look over a whole value in `reading.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, NamedTuple, cast

import msgspec
from msgspec import inspect

from baybridge.base import decoding


class Choice(NamedTuple):
    """One type of a union, with and without its annotations, and what reads a value of a form of its own."""

    annotated: inspect.Type
    bare: inspect.Type
    parse: Callable[[Any], object] | None


class Sorts(NamedTuple):
    """What a type admits: the sorts of which any value fits as it stands, such as any text, and the types one by one."""

    plain: frozenset[type]
    choices: tuple[Choice, ...]


_TYPES: dict[object, inspect.Type] = {}
#: By identity, beside the type itself so that it stays: a type as msgspec describes it is made once and has no hash.
_SORTS: dict[int, tuple[inspect.Type, Sorts]] = {}
_NAMES: dict[int, tuple[inspect.Type, frozenset[str]]] = {}
_FORMS: dict[int, tuple[inspect.Type, bool]] = {}
_MAPPINGS = (inspect.StructType, inspect.TypedDictType, inspect.DictType)
_LISTS = (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType, inspect.TupleType)
_WITH_PARTS = frozenset((inspect.UnionType, *_MAPPINGS, *_LISTS))
_NO_MORE_TO_SEE = {inspect.NoneType: type(None), inspect.BoolType: bool, inspect.StrType: str, inspect.IntType: int}
_LARGEST = 10**300  # of a whole number that a fraction can stand for
_TRUTH = frozenset({"true", "false", "1", "0"})
#: Stands for a value that is not of the form that its type asks for; no value of a document is it.
UNREAD = object()


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


def of_form(parse: Callable[[Any], object], words: str, *, harmless: object, reason: str = "") -> msgspec.Meta:
    """Beside a type: what `parse` reads, told in these words; what stands for a value that it does not read, and the name of the reason against one."""
    return msgspec.Meta(extra={"parse": parse, "words": words, "harmless": harmless, "reason": reason})


def one_of(*codes: str) -> Any:
    """The type of one of these codes, told in this order."""
    return worded(Literal[codes], f"one of {', '.join(codes)}")


def worded(kind: Any, words: str) -> Any:
    """A type that is told in these words."""
    return Annotated[kind, msgspec.Meta(extra={"words": words})]


def type_of(kind: object) -> inspect.Type:
    """What a type admits, as msgspec describes it."""
    if kind not in _TYPES:
        _TYPES[kind] = inspect.type_info(kind)
    return _TYPES[kind]


def bare(kind: inspect.Type) -> inspect.Type:
    """A type without its annotations."""
    return bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def extra(kind: inspect.Type, name: str, default: object = None) -> Any:
    """What a type says of itself beside its form."""
    if not isinstance(kind, inspect.Metadata):
        return default
    return (kind.extra or {}).get(name, default)


def annotated(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """The types of a union, or the one type, with their annotations."""
    plain_kind = bare(kind)
    return plain_kind.types if isinstance(plain_kind, inspect.UnionType) else (kind,)


def alternatives(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """The types of a union, or the one type, without their annotations."""
    return tuple(bare(one) for one in annotated(kind))


def is_nullable(kind: inspect.Type) -> bool:
    """Whether nothing may stand there."""
    return any(isinstance(one, inspect.NoneType | inspect.AnyType | inspect.CustomType) for one in alternatives(kind))


def is_open(kind: inspect.DictType) -> bool:
    """Whether a mapping may hold anything under any name."""
    return isinstance(kind.value_type, inspect.AnyType) and isinstance(kind.key_type, inspect.StrType | inspect.AnyType) and not getattr(kind.key_type, "pattern", None)


def parser(kind: inspect.Type) -> Callable[[Any], object] | None:
    """What reads a value of a form of its own."""
    parse: Callable[[Any], object] | None = extra(kind, "parse")
    if parse is None and isinstance(kind, inspect.CustomType) and issubclass(kind.cls, Formed):
        return kind.cls.parse
    return parse


def sorts_of(kind: inspect.Type) -> Sorts:
    """What a type admits; looked up for each value that is read, and so kept."""
    known = _SORTS.get(id(kind))
    if known is None:
        choices = tuple(Choice(one, bare(one), parser(one)) for one in annotated(kind))
        known = _SORTS[id(kind)] = kind, Sorts(frozenset(sort for one in choices if (sort := _plain_sort(one)) is not None), choices)
    return known[1]


def names_of(kind: inspect.StructType | inspect.TypedDictType) -> frozenset[str]:
    """The names of the fields of an object as they are written; looked up for each object that is read, and so kept."""
    known = _NAMES.get(id(kind))
    if known is None:
        known = _NAMES[id(kind)] = kind, frozenset(field.encode_name for field in kind.fields)
    return known[1]


def read_by(parse: Callable[[Any], object], value: object) -> object:
    """What a value of a form of its own says; `UNREAD` for a value that is not of this form."""
    try:
        return parse(value)
    except (ValueError, TypeError, OverflowError):
        return UNREAD


def _plain_sort(choice: Choice) -> type | None:
    bounded = choice.parse or any(getattr(choice.bare, name, None) is not None for name in ("pattern", "min_length", "max_length", "ge", "gt", "le", "lt"))
    return None if bounded else _NO_MORE_TO_SEE.get(type(choice.bare))


def has_forms(kind: inspect.Type) -> bool:
    """Whether a value of a form of its own stands anywhere in a type."""
    known = _FORMS.get(id(kind))
    if known is None:
        known = _FORMS[id(kind)] = kind, parser(kind) is not None or any(has_forms(part) for part in _parts(kind))
    return known[1]


def _parts(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    match kind:
        case inspect.Metadata():
            return (kind.type,)
        case inspect.UnionType():
            return kind.types
        case inspect.StructType() | inspect.TypedDictType():
            return tuple(field.type for field in kind.fields)
        case inspect.DictType():
            return (kind.key_type, kind.value_type)
        case inspect.TupleType():
            return kind.item_types
        case inspect.CollectionType():
            return (kind.item_type,)
    return ()


def is_like(value: object, kind: inspect.Type, *, from_text: bool = False) -> bool:
    """Whether a value is of the sort of a type; its bounds and parts are looked at later. `from_text`: a text may say a number, true or false."""
    return any(
        _is_read(parse, value) if parse is not None else is_of(value, one) or (from_text and is_said(value, one))
        for _, one, parse in sorts_of(kind).choices
    )


def is_of(value: object, kind: inspect.Type) -> bool:
    """Whether a value is of the sort of one type without annotations and without a form of its own."""
    likes = _LIKE.get(type(kind))
    return likes is not None and likes(value, kind)


def _is_read(parse: Callable[[Any], object], value: object) -> bool:
    return read_by(parse, value) is not UNREAD


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _moment(kind: inspect.DateTimeType) -> Callable[[object], datetime]:
    """What reads a moment, with its offset where the type asks for one."""
    wanted = datetime if kind.tz is None else cast("type[datetime]", Annotated[datetime, msgspec.Meta(tz=kind.tz)])
    return lambda value: decoding.convert(value, wanted)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object, kind: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, date) and kind.pattern is not None)


#: Whether a value is of the sort of a type, by the type of the type.
_LIKE: Mapping[type[inspect.Type], Callable[[Any, Any], bool]] = {
    inspect.AnyType: lambda _value, _kind: True,
    inspect.CustomType: lambda _value, _kind: True,
    inspect.UnionType: is_like,
    **dict.fromkeys(_MAPPINGS, lambda value, _kind: isinstance(value, Mapping)),
    **dict.fromkeys(_LISTS, lambda value, _kind: isinstance(value, list | tuple)),
    inspect.NoneType: lambda value, _kind: value is None,
    inspect.BoolType: lambda value, _kind: isinstance(value, bool),
    inspect.IntType: lambda value, _kind: _is_whole(value),
    inspect.FloatType: lambda value, _kind: isinstance(value, float) or (_is_whole(value) and abs(value) <= _LARGEST),
    inspect.LiteralType: lambda value, kind: isinstance(value, str | int) and value in kind.values and not isinstance(value, bool),
    inspect.EnumType: lambda value, kind: isinstance(value, str | int) and value in [one.value for one in kind.cls],
    inspect.DateType: lambda value, _kind: (isinstance(value, date) and not isinstance(value, datetime)) or _is_day(value),
    inspect.DateTimeType: lambda value, kind: isinstance(value, datetime | str) and _is_read(_moment(kind), value),
    inspect.StrType: _is_text,
}


def is_said(text: object, kind: inspect.Type) -> bool:
    """Whether a text says a number, true or false."""
    if not isinstance(text, str):
        return False
    try:
        return (
            (isinstance(kind, inspect.IntType) and int(text) is not None)
            or (isinstance(kind, inspect.FloatType) and float(text) is not None)
            or (isinstance(kind, inspect.BoolType) and text.casefold() in _TRUTH)
        )
    except ValueError:
        return False


def scalar(value: Any, kind: inspect.Type) -> object:
    """A value of the sort of a type as that type."""
    made = _SCALARS.get(type(kind))
    return value if made is None else made(value, kind)


#: A value of the sort of a type as that type, by the type of the type; of others the value itself.
_SCALARS: Mapping[type[inspect.Type], Callable[[Any, Any], object]] = {
    inspect.FloatType: lambda value, _kind: float(value),
    inspect.IntType: lambda value, _kind: int(value),
    inspect.BoolType: lambda value, _kind: value if isinstance(value, bool) else str(value).casefold() in ("true", "1"),
    inspect.EnumType: lambda value, kind: kind.cls(value),
    inspect.DateType: lambda value, _kind: date.fromisoformat(value) if isinstance(value, str) else value,
    inspect.DateTimeType: lambda value, kind: _moment(kind)(value),
    inspect.StrType: lambda value, _kind: value.isoformat() if isinstance(value, date) else value,
}


def has_parts(kind: inspect.Type) -> bool:
    """Whether a value of a type without annotations is made of others."""
    return type(kind) in _WITH_PARTS


def gathered(entries: list[object], kind: inspect.CollectionType) -> object:
    """Entries as the list, tuple or set that a type asks for."""
    made = {inspect.VarTupleType: tuple, inspect.FrozenSetType: frozenset, inspect.SetType: set}.get(type(kind), list)
    return made(entries)


def harmless(kind: inspect.Type) -> object:
    """What stands in the place of a value that does not fit, so that the others can still be looked at."""
    choices = annotated(kind)
    for one in (kind, *choices):
        if isinstance(one, inspect.Metadata) and "harmless" in (one.extra or {}):
            return extra(one, "harmless")
    if any(isinstance(bare(one), inspect.NoneType) for one in choices):
        return None
    return _empty(bare(choices[0]))


def _empty(kind: inspect.Type) -> object:
    match kind:
        case inspect.StructType():
            return kind.cls(**{field.name: harmless(field.type) for field in kind.fields if field.required})
        case inspect.CollectionType():
            return gathered([], kind)
        case inspect.TupleType():
            return tuple(harmless(item) for item in kind.item_types)
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.EnumType():
            return next(iter(kind.cls))
        case inspect.IntType() | inspect.FloatType():
            return kind.ge or 0
        case inspect.TypedDictType() | inspect.DictType():
            return {}
    return {inspect.BoolType: False, inspect.StrType: "", inspect.DateType: date.min}.get(type(kind))


def said(kind: inspect.Type) -> str:
    """The words of a type that has its own; empty for others."""
    if isinstance(kind, inspect.CustomType):
        return kind.cls.words if issubclass(kind.cls, Formed) else ""
    return str(extra(kind, "words", ""))


def words_of(kind: inspect.Type, mapping: str) -> str:
    """A type in the words of whoever writes a value of it."""
    if own := said(kind):
        return own
    kind = bare(kind)
    match kind:
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, kind.values))}"
        case inspect.EnumType():
            return f"one of {', '.join(str(one.value) for one in kind.cls)}"
        case inspect.IntType() | inspect.FloatType():
            return ("a whole number" if isinstance(kind, inspect.IntType) else "a number") + _between(kind)
        case inspect.StructType() | inspect.TypedDictType() | inspect.DictType():
            return mapping
        case inspect.CollectionType() if kind.min_length:
            return at_least(kind.min_length)
    names = {
        inspect.NoneType: "null", inspect.BoolType: "true or false", inspect.DateType: "a date such as 2026-01-31", inspect.StrType: "a text",
        inspect.DateTimeType: "a time with offset such as 2026-01-31T09:00:00+08:00",
    }  # fmt: skip
    return names.get(type(kind), "a list")


def _between(kind: inspect.IntType | inspect.FloatType) -> str:
    ends = {"above": kind.gt, "from": kind.ge, "below": kind.lt, "to": kind.le}
    return "".join(f" {word} {int(end) if end == int(end) else end}" for word, end in ends.items() if end is not None)


def is_within(value: float, kind: inspect.IntType | inspect.FloatType) -> bool:
    """Whether a number lies between the ends of its type."""
    above = (kind.ge is None or value >= kind.ge) and (kind.gt is None or value > kind.gt)
    return above and (kind.le is None or value <= kind.le) and (kind.lt is None or value < kind.lt)


def at_least(number: int) -> str:
    """A list of so many entries, in words."""
    return f"a list with at least {'one entry' if number == 1 else f'{number} entries'}"


def either(kind: inspect.Type, mapping: str) -> str:
    """What may stand there: a number says whole ones too, and null goes without saying."""
    choices = annotated(kind)
    number = any(isinstance(bare(one), inspect.FloatType) for one in choices)
    told = [one for one in choices if not isinstance(one, inspect.NoneType) and not (number and isinstance(bare(one), inspect.IntType))]
    return " or ".join(dict.fromkeys(words_of(one, mapping) for one in told))


def is_pattern(text: str, kind: inspect.StrType) -> bool:
    """Whether a text has the form that its type asks for."""
    return not kind.pattern or re.search(kind.pattern, text) is not None
