"""Transactions and batches: a Bundle of requests as interactions, its references pointed at the ids that are given here.

Main job: `transaction` does all entries or none, `batch` each on its own; both answer one result an entry, in its order.

**Source**: FHIR R4, RESTful API, "batch/transaction" (order DELETE, POST, PUT, GET; fullUrl and conditional references resolved).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor
from baybridge.node.clock import new_id
from baybridge.node.fhir import interactions
from baybridge.node.fhir.conditions import chosen_by, expected_version, only_if_none
from baybridge.node.fhir.interactions import Interaction
from baybridge.node.fhir.pointing import Pointed, Write, pointed
from baybridge.node.intake.record_times import told_times
from baybridge.node.intake.unused import told_unused
from baybridge.record.fhir.primitives import CHECKS
from baybridge.record.intake.addresses import base_of, without_version
from baybridge.record.store.search import Pairs, SearchResult
from baybridge.record.store.store import Version

if TYPE_CHECKING:
    from baybridge.node.node import Node

#: The extension of a DELETE entry that says why.
REASON = "urn:baybridge:reason"
_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2}
_REQUEST = frozenset({"method", "url", "ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist", "id", "extension"})
#: Conditions that a method takes; any other is refused. Source: FHIR R4, Bundle.entry.request.
_TAKES = {"GET": {"ifNoneMatch", "ifModifiedSince"}, "POST": {"ifNoneExist"}, "PUT": {"ifMatch", "ifNoneMatch"}, "DELETE": {"ifMatch"}}
_ADDRESS = re.compile(r"/?([A-Za-z]+)(?:/([A-Za-z0-9\-.]{1,64}))?(?:\?(.*))?")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one entry: a version or a search's page, or nothing (deleted what was not there), or a refusal; and what is told beside."""

    method: str
    outcome: Version | SearchResult | Refusal | None
    told: tuple[Reason, ...] = ()  # what was done all the same


@dataclass(frozen=True, slots=True)
class Look:
    """An entry that reads or searches."""

    kind: str
    logical_id: str
    query: tuple[tuple[str, str], ...]
    where: str


Entry = Interaction | Look


def transaction(node: Node, actor: Actor | None, bundle: dict[str, object], base: str = "") -> list[Done] | Refusal:
    """Do every entry of a transaction Bundle, or none; `base` is the address under which the client speaks to this server."""
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
    return _carried_out(node, actor, given, list(map(_url, entries)), base)


def batch(node: Node, actor: Actor | None, bundle: dict[str, object], base: str = "") -> list[Done] | Refusal:
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
        result = _carried_out(node, actor, _with_ids(node, [read]), [_url(entry)], base)
        done.append(Done("", result) if isinstance(result, Refusal) else result[0])
    return done


def one(node: Node, actor: Actor | None, interaction: Interaction, base: str) -> Done | Refusal:
    """Do one write."""
    done = _carried_out(node, actor, _with_ids(node, [interaction]), [""], base)
    return done if isinstance(done, Refusal) else done[0]


def _url(entry: object) -> str:
    url = entry.get("fullUrl") if isinstance(entry, dict) else None
    return url if isinstance(url, str) else ""


def _entries(bundle: dict[str, object]) -> list[object] | Refusal:
    entries = bundle.get("entry", [])
    return entries if isinstance(entries, list) else _bad("Bundle.entry", "a list of entries", "another kind of value")


def _bad(where: str, expected: str, found: str) -> Refusal:
    return refuse(Reason("record.bundle.entry", {"expected": expected, "found": found}, where=where), category=Category.INVALID)


def _read_entry(entry: object, where: str) -> Entry | Refusal:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(request, dict) or not isinstance(request.get("url"), str):
        return _bad(f"{where}.request", "a request with method and url", "none")
    match = _ADDRESS.fullmatch(request["url"])
    if match is None:
        return _bad(f"{where}.request.url", "Type, Type/id or Type?search", "another form")
    kind, logical_id, query = match[1], match[2] or "", match[3]
    pairs = tuple(parse_qsl(query or "", keep_blank_values=True))
    method = request.get("method")
    if not isinstance(method, str) or method not in _TAKES or (method == "POST" and logical_id):
        return _bad(f"{where}.request", "GET, POST Type, PUT or DELETE Type/id or Type?search", "another request")
    unknown = sorted(str(name)[:40] for name in request if name.lstrip("_") not in (_REQUEST - _CONDITIONS | _TAKES[method]))
    if unknown:
        return _bad(f"{where}.request", f"method, url and {' or '.join(sorted(_TAKES[method]))}", ", ".join(unknown))
    if method == "GET":
        return Look(kind, logical_id, pairs, where)
    if (query is not None) is not (method != "POST" and not logical_id):
        return _bad(f"{where}.request.url", "Type to create, with a condition in ifNoneExist; Type/id or Type?search to change or delete", "another address")
    full_url = without_version(_url(entry))[0]
    if method == "PUT" and logical_id and base_of(full_url) and full_url.rpartition("/")[2] != logical_id:
        return refuse(interactions.mismatch("fullUrl", "the id of the address", where), category=Category.INVALID)
    made = _conditional(method, kind, logical_id, entry.get("resource"), request, where)
    if query is None or isinstance(made, Refusal):
        return made
    chosen = chosen_by(pairs, f"{where}.request.url")
    return chosen if isinstance(chosen, Refusal) else replace(made, chosen_by=chosen)


_CONDITIONS = frozenset({"ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist"})


def _conditional(method: object, kind: str, logical_id: str, resource: object, request: dict[str, object], where: str) -> Interaction | Refusal:
    version = expected_version(request.get("ifMatch"), request.get("ifNoneMatch"), f"{where}.request")
    condition = only_if_none(request.get("ifNoneExist"), f"{where}.request.ifNoneExist")
    for read in (version, condition):
        if isinstance(read, Refusal):
            return read
    where = f"{where}.request" if method == "DELETE" else f"{where}.resource"
    return Interaction(method, kind, logical_id, resource, version, condition, where, _reason(request))  # type: ignore[arg-type]


def _reason(request: dict[str, object]) -> str:
    """Why something is deleted: the extension `urn:baybridge:reason` of the request, a code; a Bundle has no headers for each entry."""
    extensions = request.get("extension")
    found = [one.get("valueCode") for one in extensions if isinstance(one, dict) and one.get("url") == REASON] if isinstance(extensions, list) else []
    return found[0] if len(found) == 1 and isinstance(found[0], str) else ""


def _with_ids(node: Node, entries: list[Entry]) -> list[Entry]:
    """Each new resource with the id that it will have; entries that are created under one condition are one resource."""
    once: dict[tuple[str, Pairs], str] = {}

    def given(entry: Entry) -> Entry:
        if isinstance(entry, Interaction) and entry.method == "PUT" and entry.chosen_by is not None:
            own = entry.resource.get("id") if isinstance(entry.resource, dict) else None
            return replace(entry, logical_id=own if isinstance(own, str) and CHECKS["id"](own) else new_id(node.now))
        if not isinstance(entry, Interaction) or entry.method != "POST":
            return entry
        if entry.only_if_none is None:
            return replace(entry, logical_id=new_id(node.now))
        condition = (entry.kind, tuple(sorted(entry.only_if_none)))
        return replace(entry, logical_id=once.setdefault(condition, new_id(node.now)))

    return [given(entry) for entry in entries]


def _twice(entries: Sequence[Entry]) -> list[Reason]:
    writes = [entry for entry in entries if isinstance(entry, Interaction) and entry.only_if_none is None and (entry.chosen_by is None or entry.logical_id)]
    keys = [(entry.kind, entry.logical_id) for entry in writes]
    return [
        Reason("record.bundle.twice", {"type": entry.kind}, where=entry.where)
        for index, entry in enumerate(writes)
        if keys[index] in keys[:index]
    ]


def _carried_out(node: Node, actor: Actor | None, entries: list[Entry], urls: list[str], base: str) -> list[Done] | Refusal:
    writes = [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, Interaction)]
    ordered = sorted(writes, key=lambda pair: _ORDER[pair[1].method])
    written = [entry for _index, entry in ordered]
    actor_writing = interactions.writer(actor, written)
    if ordered and (refusal := interactions.against_writing(node, actor_writing, written)) is not None:
        return refusal
    led = pointed(node, actor_writing, [Write(entry, urls[index]) for index, entry in ordered], base) if ordered else Pointed()
    if isinstance(led, Refusal):
        return led
    twice = _twice(led.interactions)
    if twice:
        return refuse(*twice, category=Category.INVALID)
    odd: list[list[Reason]] = [[] for _ in ordered]
    answers = interactions.write(node, actor_writing, list(map(_under_its_id, led.interactions)), odd) if ordered else []
    if isinstance(answers, Refusal):
        return answers
    with node.storage.reading() as connection:
        times = told_times(connection, answers, node.now())
    unused = told_unused(answers, node.dictionary)
    done = {
        index: Done(entry.method, version, (*of_form, *told, *beyond, *without_use))
        for (index, entry), version, of_form, told, beyond, without_use in zip(ordered, answers, odd, led.told, times, unused, strict=True)
    }
    for index, entry in enumerate(entries):
        if isinstance(entry, Look):
            done[index] = Done("GET", _look(node, actor, entry))
    return [done[index] for index in range(len(entries))]


def _under_its_id(interaction: Interaction) -> Interaction:
    """A conditional update with the id in its resource that its search found, or that was given to it; one that says another id stays, and is refused."""
    resource = interaction.resource
    if interaction.chosen_by is None or not isinstance(resource, dict) or "id" in resource:
        return interaction
    return replace(interaction, resource={"resourceType": resource.get("resourceType"), "id": interaction.logical_id, **resource})


def _look(node: Node, actor: Actor | None, entry: Look) -> Version | SearchResult | Refusal:
    if entry.logical_id:
        return interactions.read(node, actor, entry.kind, entry.logical_id)
    return interactions.find(node, actor, entry.kind, entry.query)
