"""Transactions and batches: a Bundle of requests as interactions, its references pointed at the ids that are given here.

Main job: `transaction` does all entries or none, `batch` each on its own; both answer one result an entry, in its order.

**Source**: FHIR R4, RESTful API, "batch/transaction" (order DELETE, POST, PUT, GET; fullUrl and conditional references resolved).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor
from baybridge.node.clock import new_id
from baybridge.node.fhir import interactions
from baybridge.node.fhir.conditions import expected_version, only_if_none
from baybridge.node.fhir.interactions import Interaction
from baybridge.record.fhir.references import repointed
from baybridge.record.store.search import SearchResult, search
from baybridge.record.store.store import Version

if TYPE_CHECKING:
    from baybridge.node.node import Node

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2}
_REQUEST = frozenset({"method", "url", "ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist", "id", "extension"})
#: Conditions that a method takes; any other is refused. Source: FHIR R4, Bundle.entry.request.
_TAKES = {"GET": {"ifNoneMatch", "ifModifiedSince"}, "POST": {"ifNoneExist"}, "PUT": {"ifMatch", "ifNoneMatch"}, "DELETE": {"ifMatch"}}
_ADDRESS = re.compile(r"/?([A-Za-z]+)(?:/([A-Za-z0-9\-.]{1,64}))?(?:\?(.*))?")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one entry: a version or a search's page, or nothing (deleted what was not there), or a refusal."""

    method: str
    outcome: Version | SearchResult | Refusal | None


@dataclass(frozen=True, slots=True)
class Look:
    """An entry that reads or searches."""

    kind: str
    logical_id: str
    query: tuple[tuple[str, str], ...]
    where: str


Entry = Interaction | Look


def transaction(node: Node, actor: Actor | None, bundle: dict[str, Any]) -> list[Done] | Refusal:
    """Do every entry of a transaction Bundle, or none."""
    entries = _entries(bundle)
    if isinstance(entries, Refusal):
        return entries
    read = [_read_entry(entry, f"Bundle.entry[{index}]") for index, entry in enumerate(entries)]
    reasons = [reason for item in read if isinstance(item, Refusal) for reason in item.reasons]
    if reasons:
        return refuse(*reasons, category=Category.INVALID)
    given = _with_ids(node, [item for item in read if not isinstance(item, Refusal)])
    twice = _twice(given)
    if twice:
        return refuse(*twice, category=Category.INVALID)
    resolved = _resolved(node, entries, given)
    return resolved if isinstance(resolved, Refusal) else _carried_out(node, actor, resolved)


def batch(node: Node, actor: Actor | None, bundle: dict[str, Any]) -> list[Done] | Refusal:
    """Do each entry of a batch Bundle on its own."""
    entries = _entries(bundle)
    if isinstance(entries, Refusal):
        return entries
    done = []
    for index, entry in enumerate(entries):
        read = _read_entry(entry, f"Bundle.entry[{index}]")
        if isinstance(read, Refusal):
            done.append(Done("", read))
            continue
        result = _carried_out(node, actor, [read])
        done.append(Done("", result) if isinstance(result, Refusal) else result[0])
    return done


def _entries(bundle: dict[str, Any]) -> list[Any] | Refusal:
    entries = bundle.get("entry", [])
    return entries if isinstance(entries, list) else _bad("Bundle.entry", "a list of entries", "another kind of value")


def _bad(where: str, expected: str, found: str) -> Refusal:
    return refuse(Reason("record.bundle.entry", {"expected": expected, "found": found}, where=where), category=Category.INVALID)


def _read_entry(entry: Any, where: str) -> Entry | Refusal:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("url"), str):
        return _bad(f"{where}.request", "a request with method and url", "none")
    match = _ADDRESS.fullmatch(request["url"])
    if match is None:
        return _bad(f"{where}.request.url", "Type, Type/id or Type?search", "another form")
    kind, logical_id, query = match[1], match[2] or "", match[3]
    pairs = tuple(parse_qsl(query or "", keep_blank_values=True))
    method = request.get("method")
    if not isinstance(method, str) or method not in _TAKES or (method == "POST" and logical_id):
        return _bad(f"{where}.request", "GET, POST Type, PUT Type/id or DELETE Type/id", "another request")
    unknown = sorted(str(name)[:40] for name in request if name.lstrip("_") not in (_REQUEST - _CONDITIONS | _TAKES[method]))
    if unknown:
        return _bad(f"{where}.request", f"method, url and {' or '.join(sorted(_TAKES[method]))}", ", ".join(unknown))
    if method == "GET":
        return Look(kind, logical_id, pairs, where)
    if query is not None or (method != "POST" and not logical_id):
        return _bad(f"{where}.request.url", "Type to create, Type/id to change or delete; a condition in ifNoneExist", "another address")
    return _conditional(method, kind, logical_id, entry.get("resource"), request, where)


_CONDITIONS = frozenset({"ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist"})


def _conditional(method: Any, kind: str, logical_id: str, resource: Any, request: dict[str, Any], where: str) -> Interaction | Refusal:
    version = expected_version(request.get("ifMatch"), request.get("ifNoneMatch"), f"{where}.request")
    condition = only_if_none(request.get("ifNoneExist"), f"{where}.request.ifNoneExist")
    for read in (version, condition):
        if isinstance(read, Refusal):
            return read
    return Interaction(method, kind, logical_id, resource, version, condition, f"{where}.resource")  # type: ignore[arg-type]


def _with_ids(node: Node, entries: list[Entry]) -> list[Entry]:
    def given(entry: Entry) -> Entry:
        is_new = isinstance(entry, Interaction) and entry.method == "POST"
        return replace(entry, logical_id=new_id(node.now)) if is_new else entry

    return [given(entry) for entry in entries]


def _twice(entries: Sequence[Entry]) -> list[Reason]:
    keys = [(entry.kind, entry.logical_id) for entry in entries if isinstance(entry, Interaction)]
    return [
        Reason("record.bundle.twice", {"type": entry.kind}, where=entry.where)
        for index, entry in enumerate(e for e in entries if isinstance(e, Interaction))
        if (entry.kind, entry.logical_id) in keys[:index]
    ]


def _resolved(node: Node, entries: list[Any], given: list[Entry]) -> list[Entry] | Refusal:
    """The entries with every fullUrl and every conditional reference replaced by Type/id."""
    writes = [(raw, entry) for raw, entry in zip(entries, given, strict=True) if isinstance(entry, Interaction)]
    addresses = {raw["fullUrl"]: f"{entry.kind}/{entry.logical_id}" for raw, entry in writes if isinstance(raw.get("fullUrl"), str)}
    unresolved: list[Reason] = []
    with node.storage.reading() as connection:
        for raw, entry in writes:
            if entry.only_if_none is not None and isinstance(raw.get("fullUrl"), str):
                known = search(connection, entry.kind, entry.only_if_none)
                if isinstance(known, SearchResult) and known.total == 1:
                    addresses[raw["fullUrl"]] = known.found[0].reference

        def resolve(text: str) -> str | None:
            if text in addresses or not re.match(r"[A-Z][A-Za-z]+\?", text):
                return addresses.get(text)
            kind, _mark, query = text.partition("?")
            found = search(connection, kind, parse_qsl(unquote(query)))
            if isinstance(found, SearchResult) and found.total == 1:
                return found.found[0].reference
            unresolved.append(Reason("record.bundle.condition", {"type": kind}))
            return None

        made = [
            replace(entry, resource=repointed(entry.resource, resolve)) if isinstance(entry, Interaction) and entry.resource else entry
            for entry in given
        ]
    return refuse(*unresolved, category=Category.INVALID) if unresolved else made


def _carried_out(node: Node, actor: Actor | None, entries: list[Entry]) -> list[Done] | Refusal:
    writes = [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, Interaction)]
    ordered = sorted(writes, key=lambda pair: _ORDER[pair[1].method])
    answers = interactions.write(node, actor, [entry for _index, entry in ordered]) if ordered else []
    if isinstance(answers, Refusal):
        return answers
    done: dict[int, Done] = {index: Done(entry.method, version) for (index, entry), version in zip(ordered, answers, strict=True)}
    for index, entry in enumerate(entries):
        if isinstance(entry, Look):
            done[index] = Done("GET", _look(node, actor, entry))
    return [done[index] for index in range(len(entries))]


def _look(node: Node, actor: Actor | None, entry: Look) -> Version | SearchResult | Refusal:
    if entry.logical_id:
        return interactions.read(node, actor, entry.kind, entry.logical_id)
    return interactions.find(node, actor, entry.kind, entry.query)
