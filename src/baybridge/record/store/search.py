"""Searching the store: FHIR search parameters to one query.

Main job: `search(connection, type, parameters)` answers a page of versions, the total and a cursor for the next page, or a refusal
that lists every parameter it does not know or cannot read. Nothing unknown is ignored.

**Source**: FHIR R4, search: parameter types, prefixes (a value is the range that its precision allows), `:missing`, `:not`, `:exact`,
`:contains`, `:[type]`, `_id`, `_lastUpdated`, `_count`, `_sort`, `_include`, `_revinclude`, both with `:iterate`, `_summary=count`.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.text import not_text
from baybridge.record.fhir.definitions import Parameter, parameters, resource_types
from baybridge.record.store.conditions import Condition, Unreadable, condition, together
from baybridge.record.store.including import Include, included, read_include
from baybridge.record.store.indexing import ENCLOSES, NAMES, stored_as
from baybridge.record.store.store import Version, get_many
from baybridge.record.store.tables import resource_current, search_value

Pairs = Sequence[tuple[str, str]]

DEFAULT_COUNT = 50
MOST = 1000

#: Accepted and without effect on what is found. Source: FHIR R4 search, "Search result parameters".
_HARMLESS = frozenset({"_pretty", "_total"})
_SUMMARIES = frozenset({"count", "false"})
FORMATS = frozenset({"json", "application/json", "application/fhir+json", "application/fhir json"})  # a + that came as a blank is read too
_ROUNDS = 8  # of `:iterate`; each round follows what the one before brought
_LARGEST_ROW = 2**53


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page: what was found in order, what was included, how many there are in all, and where the next page begins."""

    found: tuple[Version, ...]
    included: tuple[Version, ...]
    total: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Tagged:
    """Resources that carry a tag of a system: one of these codes, or any where none is named."""

    system: str
    codes: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Question:
    """A search as read from its parameters."""

    conditions: list[Condition] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    again: list[Include] = field(default_factory=list)  # includes that also follow what came along
    sort: tuple[str, bool] | None = None  # parameter, descending
    count: int = DEFAULT_COUNT
    cursor: tuple[float | str | None, int] | None = None
    only_count: bool = False
    reasons: list[Reason] = field(default_factory=list)


def search(
    connection: Connection,
    kind: str,
    given: Pairs,
    *,
    patient: str | None = None,
    only: frozenset[str] | None = None,
    without: Sequence[str] = (),
    tagged: Tagged | None = None,
    untagged: Tagged | None = None,
    enclosing: frozenset[str] | None = None,
) -> SearchResult | Refusal:
    """A page of resources of one type, whatever the parameters say.

    `patient` narrows it to one patient's record, `only` to these ids, `tagged` to what carries a tag; `without` leaves out the records of these patients and what
    names them or theirs, `untagged` what carries a tag; where `enclosing` is given, what encloses a resource of another type than these is left out.
    """
    if kind not in resource_types():
        return refuse(Reason("record.search.type", {"type": _short(kind)}), category=Category.NOT_FOUND)
    question = _read(kind, given)
    if question.reasons:
        return refuse(*question.reasons, category=Category.INVALID)
    if question.cursor is not None and not _fits(kind, question):
        _refuse_cursor(question)
        return refuse(*question.reasons, category=Category.INVALID)
    where = [resource_current.c.type == kind, resource_current.c.deleted.is_(False)]
    if patient is not None:
        where.append(resource_current.c.patient == patient)
    if only is not None:
        where.append(resource_current.c.id.in_(only))
    if without:
        where.append(resource_current.c.patient.not_in(without))
    if tagged is not None:
        where.append(resource_current.c.id.in_(_carrying(kind, tagged)))
    where += [resource_current.c.id.not_in(ids) for ids in _left_out(kind, without, untagged, enclosing)]
    where += together(kind, question.conditions)
    if question.only_count or question.count == 0:
        return SearchResult((), (), _count(connection, where), None)
    found, cursor = _page(connection, kind, where, question)
    total = len(found) if cursor is None and question.cursor is None else _count(connection, where)  # the first page is all of it
    return SearchResult(tuple(found), tuple(_along(connection, found, question, patient)), total, cursor)


def _count(connection: Connection, where: Sequence[ColumnElement[bool]]) -> int:
    return connection.execute(select(func.count()).select_from(resource_current).where(*where)).scalar_one()


def _left_out(kind: str, without: Sequence[str], untagged: Tagged | None, enclosing: frozenset[str] | None) -> Iterator[Select[tuple[str]]]:
    """Ids of the resources of a type that a search leaves out, by what they name, the tag that they carry or what they enclose."""
    if without:
        yield _naming(kind, without)
    if untagged is not None:
        yield _carrying(kind, untagged)
    if enclosing is not None:
        yield _enclosing_others(kind, enclosing)


def _naming(kind: str, patients: Sequence[str]) -> Select[tuple[str]]:
    """Ids of the resources of a type that point at these patients or at resources of theirs: a total that counted them would tell that there are some."""
    names = [NAMES, *(stored for name, one in parameters(kind).items() if one.kind == "reference" for stored in stored_as(kind, name))] if kind != "Patient" else []
    theirs = select(resource_current.c.type + "/" + resource_current.c.id).where(resource_current.c.patient.in_(patients))
    points = or_(search_value.c.value.in_([f"Patient/{one}" for one in patients]), search_value.c.value.in_(theirs))
    return select(search_value.c.id).where(search_value.c.type == kind, search_value.c.param.in_(names), points)


def _carrying(kind: str, tag: Tagged) -> Select[tuple[str]]:
    """Ids of the resources of a type that carry a tag."""
    value = search_value.c
    codes = [value.value.in_(sorted(tag.codes))] if tag.codes else []
    return select(value.id).where(value.type == kind, value.param == "_tag", value.system == tag.system, *codes)


def _enclosing_others(kind: str, types: frozenset[str]) -> Select[tuple[str]]:
    """Ids of the resources of a type that enclose one of another type than these."""
    value = search_value.c
    return select(value.id).where(value.type == kind, value.param == ENCLOSES, value.value.not_in(sorted(types)))


def _along(connection: Connection, found: list[Version], question: _Question, patient: str | None) -> list[Version]:
    """What comes along with the found ones, each once; `:iterate` follows what came along until nothing new comes."""
    if not question.includes:
        return []
    came = included(connection, found, question.includes, patient)
    have = {version.reference for version in (*found, *came)}
    fresh = came
    for _round in range(_ROUNDS if question.again else 0):
        more = included(connection, fresh, question.again, patient) if fresh else []
        fresh = [version for version in more if version.reference not in have]
        have |= {version.reference for version in fresh}
        came = [*came, *fresh]
    return came


def _page(connection: Connection, kind: str, where: list[ColumnElement[bool]], question: _Question) -> tuple[list[Version], str | None]:
    current = resource_current
    key, descending = _sort_key(kind, question.sort)
    statement = select(current.c.id, current.c.row, key.label("key")).where(*where)
    if question.cursor is not None:
        statement = statement.where(_after(key, *question.cursor, descending=descending))
    order = (key.is_(None), key.desc() if descending else key.asc(), current.c.row.asc())
    rows = connection.execute(statement.order_by(*order).limit(question.count + 1)).all()
    page = rows[: question.count]
    versions = get_many(connection, [(kind, row.id) for row in page])
    cursor = _write_cursor(page[-1].key, page[-1].row) if len(rows) > len(page) else None
    return [versions[kind, row.id] for row in page], cursor


def _sort_key(kind: str, sort: tuple[str, bool] | None) -> tuple[ColumnElement[Any], bool]:
    current = resource_current
    if sort is None:
        return current.c.row, False
    name, descending = sort
    if name in ("_id", "_lastUpdated"):
        return (current.c.id if name == "_id" else current.c.recorded_at), descending
    wanted = parameters(kind)[name]
    column = search_value.c.low if wanted.kind in ("date", "quantity", "number") else search_value.c.value
    edge = func.max(column) if descending else func.min(column)
    mine = and_(search_value.c.type == current.c.type, search_value.c.id == current.c.id, search_value.c.param.in_(stored_as(kind, name)))
    return select(edge).where(mine).scalar_subquery(), descending


def _after(key: ColumnElement[Any], value: float | str | None, row: int, *, descending: bool) -> ColumnElement[bool]:
    """What comes after a place in the order: keyed values first, the ones without a key last."""
    current = resource_current
    if value is None:
        return and_(key.is_(None), current.c.row > row)
    beyond = key < value if descending else key > value
    return or_(beyond, and_(key == value, current.c.row > row), key.is_(None))


# --- reading the parameters -----------------------------------------------------------------------------------------


def _read(kind: str, given: Pairs) -> _Question:
    question = _Question()
    known = parameters(kind)
    for name, value in given:
        base, _colon, modifier = name.partition(":")
        if not_text(value):
            values = {"parameter": _short(base), "expected": "text without NUL"}
            question.reasons.append(Reason("record.search.value", values, where=_short(base)))
        elif base in ("_include", "_revinclude"):
            _add_include(question, kind, base, modifier, value)
        elif base in (*_RESULT_READERS, *_HARMLESS) and modifier:
            question.reasons.append(Reason("record.search.modifier", {"parameter": base, "expected": "none"}, where=base))
        elif base in _RESULT_READERS:
            _RESULT_READERS[base](question, kind, value)
        elif base in _HARMLESS:
            continue
        elif base in known or base in ("_id", "_lastUpdated"):
            _read_condition(question, kind, known.get(base), base, modifier, value)
        else:
            names = ", ".join(sorted(known))
            values = {"parameter": _short(base), "type": kind, "known": names}
            question.reasons.append(Reason("record.search.unknown", values, where=_short(base)))
    return question


def _read_condition(question: _Question, kind: str, parameter: Parameter | None, name: str, modifier: str, value: str) -> None:
    try:
        question.conditions.append(condition(kind, parameter, name, modifier, value))
    except Unreadable as problem:
        values = {"parameter": name, "expected": problem.expected}
        question.reasons.append(Reason(f"record.search.{problem.code}", values, where=name))


def _read_count(question: _Question, _kind: str, value: str) -> None:
    if value.isdecimal() and len(value) < 8:
        question.count = min(int(value), MOST)
    else:
        question.reasons.append(Reason("record.search.value", {"parameter": "_count", "expected": "0, 1, 2, …"}, where="_count"))


def _read_sort(question: _Question, kind: str, value: str) -> None:
    first = value.split(",")[0]
    name = first.removeprefix("-")
    if (name not in parameters(kind) and name not in ("_id", "_lastUpdated")) or "," in value:
        known = ", ".join(["_id", "_lastUpdated", *sorted(parameters(kind))])
        question.reasons.append(Reason("record.search.value", {"parameter": "_sort", "expected": known}, where="_sort"))
        return
    question.sort = (name, first.startswith("-"))


def _read_cursor(question: _Question, _kind: str, value: str) -> None:
    try:
        key, row = msgspec.json.decode(urlsafe_b64decode(value), type=tuple[float | str | None, int])
        if not 0 <= row < _LARGEST_ROW or (isinstance(key, str) and not_text(key)):
            raise ValueError("no cursor of ours")
        question.cursor = (key, row)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        _refuse_cursor(question)


def _refuse_cursor(question: _Question) -> None:
    expected = "the cursor of a next link"
    question.reasons.append(Reason("record.search.value", {"parameter": "_cursor", "expected": expected}, where="_cursor"))


def _fits(kind: str, question: _Question) -> bool:
    """Whether the key of a cursor is of the kind that the search is sorted by."""
    key = question.cursor[0] if question.cursor else None
    name = question.sort[0] if question.sort else ""
    text = name in ("_id", "_lastUpdated") or (name != "" and parameters(kind)[name].kind not in ("date", "quantity", "number"))
    return isinstance(key, str if text else float | int) or (key is None and name not in ("", "_id", "_lastUpdated"))


def _write_cursor(key: Any, row: int) -> str:
    return urlsafe_b64encode(msgspec.json.encode((key, row))).decode()


def _read_summary(question: _Question, _kind: str, value: str) -> None:
    if value not in _SUMMARIES:
        expected = ", ".join(sorted(_SUMMARIES))
        question.reasons.append(Reason("record.search.value", {"parameter": "_summary", "expected": expected}, where="_summary"))
    question.only_count = value == "count"


def _read_format(question: _Question, _kind: str, value: str) -> None:
    if value not in FORMATS:
        question.reasons.append(Reason("record.search.value", {"parameter": "_format", "expected": "json"}, where="_format"))


def _add_include(question: _Question, kind: str, name: str, modifier: str, value: str) -> None:
    if modifier not in ("", "iterate", "recurse"):  # recurse is the name that iterate had before R4
        question.reasons.append(Reason("record.search.modifier", {"parameter": name, "expected": ":iterate"}, where=name))
        return
    reverse = name == "_revinclude"
    read = read_include(value.split(":")[0] if modifier and not reverse else kind, value, reverse=reverse)
    if read is None:
        question.reasons.append(Reason("record.search.value", {"parameter": name, "expected": "Type:parameter"}, where=name))
        return
    question.includes.append(read)
    if modifier:
        question.again.append(read)


_RESULT_READERS = {
    "_count": _read_count,
    "_sort": _read_sort,
    "_cursor": _read_cursor,
    "_summary": _read_summary,
    "_format": _read_format,
}


#: Parameters that shape the answer and not what is found, and those that every type has.
RESULT_PARAMETERS = frozenset({*_RESULT_READERS, *_HARMLESS, "_include", "_revinclude", "_id", "_lastUpdated"})


def _short(text: str) -> str:
    """A name that a caller gave, as it may be shown: at most 40 letters, digits, - and _."""
    return "".join(char for char in text[:40] if char.isalnum() or char in "-_")
