"""Searching the store: FHIR search parameters to one query.

Main job: `search(connection, type, parameters)` answers a page of versions, the total and a cursor for the next page, or a refusal
that lists every parameter it does not know or cannot read. Nothing unknown is ignored.

**Source**: FHIR R4, search: parameter types, prefixes (a value is the range that its precision allows), `:missing`, `:not`, `:exact`,
`:contains`, `:[type]`, `_id`, `_lastUpdated`, `_count`, `_sort`, `_include`, `_revinclude`, both with `:iterate`, `_summary=count`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.plain_rows import Asked
from baybridge.base.text import not_text
from baybridge.record.fhir.definitions import Parameter, parameters, resource_types
from baybridge.record.fhir.subset import Subset, elements_of, unknown_elements
from baybridge.record.store import cursors
from baybridge.record.store.conditions import Condition, Unreadable, condition, together
from baybridge.record.store.including import Include, included, read_include
from baybridge.record.store.indexing import ENCLOSES, NAMES, stored_as
from baybridge.record.store.store import Version, of_rows
from baybridge.record.store.tables import resource_current, search_value

Pairs = Sequence[tuple[str, str]]

DEFAULT_COUNT = 50
MOST = 1000

#: Accepted and without effect on what is found. Source: FHIR R4 search, "Search result parameters".
_HARMLESS = frozenset({"_pretty", "_total"})
_SUMMARIES = frozenset({"count", "data", "false", "text"})
FORMATS = frozenset({"json", "application/json", "application/fhir+json", "application/fhir json"})  # a + that came as a blank is read too
_ROUNDS = 8  # of `:iterate`; each round follows what the one before brought


class Place(NamedTuple):
    """The place of a resource in the order of a search: the value that it is sorted by, and its id."""

    key: float | str | None
    logical_id: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page: what was found in order, what was included, how many there are in all, and where the next page begins."""

    found: tuple[Version, ...]
    included: tuple[Version, ...]
    total: int
    next_cursor: str | None
    subset: Subset | None = None  # what is to be shown of the found ones, where not all is asked for


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
    cursor: Place | None = None
    mark: str = ""  # the name of this search, which its cursors carry
    only_count: bool = False
    subset: Subset | None = None  # what is shown of what is found
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
    narrowed = _Narrowed(patient, only, tuple(without), tagged, untagged, enclosing)
    read = (_prepared if only is None else _prepared.__wrapped__)(kind, tuple(given), narrowed)
    if isinstance(read, Refusal):
        return read
    question = read.question
    if question.only_count or question.count == 0:
        return SearchResult((), (), _count(connection, read.where), None)
    found, cursor = _page(connection, read)
    total = len(found) if cursor is None and question.cursor is None else _count(connection, read.where)  # the first page is all of it
    return SearchResult(tuple(found), tuple(_along(connection, found, question, patient)), total, cursor, question.subset)


@dataclass(frozen=True, slots=True)
class _Narrowed:
    """What a search is narrowed to beside its parameters, as `search` has it."""

    patient: str | None
    only: frozenset[str] | None
    without: tuple[str, ...]
    tagged: Tagged | None
    untagged: Tagged | None
    enclosing: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A search that can be asked: its parameters as read, its conditions, and the question for a page."""

    question: _Question
    where: tuple[ColumnElement[bool], ...]
    page: Asked


@lru_cache(maxsize=1024)
def _prepared(kind: str, given: tuple[tuple[str, str], ...], narrowed: _Narrowed) -> _Prepared | Refusal:
    """A search made ready, which takes longer than asking it; who asks the same again finds it ready. A refusal where a parameter cannot be read."""
    question = _read(kind, given)
    if question.cursor is not None and not question.reasons and not _fits(kind, question):
        question.reasons.append(cursors.against(cursors.NoCursorError()))
    if question.reasons:
        return refuse(*question.reasons, category=Category.INVALID)
    where = tuple(_conditions(kind, question, narrowed))
    return _Prepared(question, where, Asked.of(_page_of(kind, where, question)))


def _conditions(kind: str, question: _Question, narrowed: _Narrowed) -> Iterator[ColumnElement[bool]]:
    current = resource_current.c
    yield from (current.type == kind, current.deleted.is_(False))
    if narrowed.patient is not None:
        yield current.patient == narrowed.patient
    if narrowed.only is not None:
        yield current.id.in_(narrowed.only)
    if narrowed.without:
        yield current.patient.not_in(narrowed.without)
    if narrowed.tagged is not None:
        yield current.id.in_(_carrying(kind, narrowed.tagged))
    yield from (current.id.not_in(ids) for ids in _left_out(kind, narrowed.without, narrowed.untagged, narrowed.enclosing))
    yield from together(kind, question.conditions)


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


def _page_of(kind: str, where: Sequence[ColumnElement[bool]], question: _Question) -> Select[Any]:
    """The question for the ids of a page, and whether more follow."""
    current = resource_current
    key, descending = _sort_key(kind, question.sort)
    statement = select(current.c.row, key.label("key"), current.c.id).where(*where)
    if question.cursor is not None:
        statement = statement.where(_after(key, *question.cursor, descending=descending))
    order = (key.desc() if descending else key.asc(), current.c.id.asc())  # an id stays where a row is another with each version: nobody is met twice
    may_lack = key is not current.c.id and key is not current.c.recorded_at
    return statement.order_by(*((key.is_(None),) if may_lack else ()), *order).limit(question.count + 1)


def _page(connection: Connection, read: _Prepared) -> tuple[list[Version], str | None]:
    rows = read.page.rows(connection)  # row, key and id of each
    page = rows[: read.question.count]
    cursor = cursors.written((page[-1][1], page[-1][2]), read.question.mark) if len(rows) > len(page) else None
    return of_rows(connection, [row for row, _key, _id in page]), cursor


def _sort_key(kind: str, sort: tuple[str, bool] | None) -> tuple[ColumnElement[Any], bool]:
    current = resource_current
    if sort is None:
        return current.c.id, False
    name, descending = sort
    if name in ("_id", "_lastUpdated"):
        return (current.c.id if name == "_id" else current.c.recorded_at), descending
    wanted = parameters(kind)[name]
    column = search_value.c.low if wanted.kind in ("date", "quantity", "number") else search_value.c.value
    edge = func.max(column) if descending else func.min(column)
    mine = and_(search_value.c.type == current.c.type, search_value.c.id == current.c.id, search_value.c.param.in_(stored_as(kind, name)))
    return select(edge).where(mine).scalar_subquery(), descending


def _after(key: ColumnElement[Any], value: float | str | None, logical_id: str, *, descending: bool) -> ColumnElement[bool]:
    """What comes after a place in the order: keyed values first, the ones without a key last."""
    current = resource_current
    if value is None:
        return and_(key.is_(None), current.c.id > logical_id)
    beyond = key < value if descending else key > value
    return beyond if key is current.c.id else or_(beyond, and_(key == value, current.c.id > logical_id), key.is_(None))


# --- reading the parameters -----------------------------------------------------------------------------------------


def _read(kind: str, given: Pairs) -> _Question:
    question = _Question(mark=cursors.mark(kind, given))
    known = parameters(kind)
    question.reasons += twice(given, ONCE)
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
        place = cursors.read(value, question.mark, Place)
        if any(isinstance(part, str) and not_text(part) for part in place):
            raise cursors.NoCursorError
        question.cursor = place
    except (cursors.NoCursorError, cursors.OtherListError) as problem:
        question.reasons.append(cursors.against(problem))


def _fits(kind: str, question: _Question) -> bool:
    """Whether the key of a cursor is of the kind that the search is sorted by."""
    key = question.cursor[0] if question.cursor else None
    name = question.sort[0] if question.sort else ""
    text = name in ("", "_id", "_lastUpdated") or parameters(kind)[name].kind not in ("date", "quantity", "number")
    return isinstance(key, str if text else float | int) or (key is None and name not in ("", "_id", "_lastUpdated"))


def _read_summary(question: _Question, kind: str, value: str) -> None:
    if value not in _SUMMARIES:
        expected = ", ".join(sorted(_SUMMARIES))
        question.reasons.append(Reason("record.search.value", {"parameter": "_summary", "expected": expected}, where="_summary"))
    question.only_count = value == "count"
    if value in ("text", "data"):
        _show(question, "_summary", Subset(kind, elements=frozenset({"text"})) if value == "text" else Subset(kind, without=frozenset({"text"})))


def _read_elements(question: _Question, kind: str, value: str) -> None:
    elements = frozenset(name.strip().removeprefix(f"{kind}.") for name in value.split(",") if name.strip())
    if not elements or unknown_elements(kind, elements):
        expected = ", ".join(elements_of(kind))
        question.reasons.append(Reason("record.search.value", {"parameter": "_elements", "expected": expected}, where="_elements"))
    else:
        _show(question, "_elements", Subset(kind, elements))


def _show(question: _Question, name: str, subset: Subset) -> None:
    """What is shown of what is found; two parameters that each say what are refused."""
    if question.subset is not None:
        question.reasons.append(Reason("record.search.value", {"parameter": name, "expected": "none"}, where=name))
    question.subset = subset


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
    "_elements": _read_elements,
    "_summary": _read_summary,
    "_format": _read_format,
}


#: Parameters that shape the answer and not what is found, and those that every type has.
RESULT_PARAMETERS = frozenset({*_RESULT_READERS, *_HARMLESS, "_include", "_revinclude", "_id", "_lastUpdated"})


#: Parameters of which one counts: which of two was meant is not guessed.
ONCE = frozenset({*_RESULT_READERS, *_HARMLESS})


def twice(given: Pairs, once: Collection[str]) -> Iterator[Reason]:
    """That a parameter of which one counts was given more than once, whatever it says."""
    names = [name.partition(":")[0] for name, _value in given]
    yield from (Reason("record.parameter_twice", {"parameter": name}, where=name) for name in dict.fromkeys(names) if name in once and names.count(name) > 1)


def _short(text: str) -> str:
    """A name that a caller gave, as it may be shown: at most 40 letters, digits, - and _."""
    return "".join(char for char in text[:40] if char.isalnum() or char in "-_")
