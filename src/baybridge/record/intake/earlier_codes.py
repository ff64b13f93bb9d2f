"""Which result a later message means whose codes stand in another order, or of which one is left out; and what is told where it means none.

Main job: `led_to_their_results(connection, batch)` leads what a laboratory's message says to the result of the same order and sub-id that has one of
its codes, whichever stands first in OBX-3; `mark_doubted` marks the results of which a change does not say which it changes, so that none of them is used.

Two results are one where they have a code in common and no system has other codes of the one than of the other.

**Source**: HL7 v2.5.1, 7.4.2.3 (OBX-3, identifier and alternate identifier) and 7.4.2.4 (OBX-4). Elsewhere: which of two messages is newer, and the time of one of
several results of a code, in `earlier.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from baybridge.record.feeds.hl7v2_fhir import SENT_AT, order_system, result_ids
from baybridge.record.feeds.orders import DOUBTED, ResultOf
from baybridge.record.intake.earlier import CHANGED, TAKEN_BACK, codes_of, key_of, naming, repeats, results_of, sent_at, standing
from baybridge.record.intake.earlier_orders import named_by
from baybridge.record.intake.planning import IMPORTED_ID
from baybridge.record.store.store import Key, current_patients, history

if TYPE_CHECKING:
    from baybridge.record.intake.importing import Batch

Json = dict[str, Any]


def led_to_their_results(connection: Connection, batch: Batch) -> list[tuple[int, str, str]]:
    """Lead results and reports to those that they are; what is to be told as (place in the batch, type, code): changes that reach none, or may mean several."""
    asked = [(number, key) for number, resource in enumerate(batch.resources) if (key := key_of(resource)) in batch.results]
    others = _Others(connection, {batch.results[key] for _, key in asked})
    stands = set(current_patients(connection, sorted({key for _, key in asked})))
    said = {key_of(resource) for resource in batch.resources if resource.get("status") not in CHANGED}
    told: list[tuple[int, str, str]] = []
    for number, key in asked:
        resource, of = batch.resources[number], batch.results[key]
        if key not in stands:
            known = others.of(of, resource)
            same = [name for name, one in known.items() if _count(one) == _count(resource) and _is_same(one, resource)]
            if len(same) == 1:
                resource = _lead(batch, number, same[0], known[same[0]])
            elif key[0] == "Observation" and resource.get("status") in CHANGED and key not in said:  # what it changes may come after it
                meant = same or [name for name, one in known.items() if one.get("status") not in TAKEN_BACK and not _differ(one, resource)]
                batch.doubted |= dict.fromkeys(meant, (resource, batch.places[number]))
                told.append((number, key[0], "change_of_one_of" if meant else "change_of_nothing"))
        stands.add(key_of(resource))
        others.met(of, resource)
    return told


@dataclass(slots=True)
class _Others:
    """The reports and results of orders: those that were filed, and those that were met in this batch."""

    connection: Connection
    asked: Collection[ResultOf]
    filed: dict[tuple[str, str], dict[Key, Json]] | None = None
    here: dict[tuple[str, str], dict[datetime | None, dict[Key, Json]]] = field(default_factory=dict)  # by message

    def of(self, of: ResultOf, resource: Json) -> dict[Key, Json]:
        """What other messages said of the same order and patient: reports for a report, results of the same sub-id for a result."""
        if not of.number:
            return {}
        if self.filed is None:
            self.filed = self._filed()
        order, kind, at = (order_system(of.sender), of.number), resource["resourceType"], sent_at(resource)
        found = {key: one for key, one in self.filed.get(order, {}).items() if sent_at(one) != at}  # a message names each of its own once
        for sent, some in self.here.get(order, {}).items():
            found = found | some if sent != at else {key: one for key, one in found.items() if key not in some}
        mine = {key: one for key, one in sorted(found.items()) if key[0] == kind}
        return {key: one for key, one in mine.items() if _given(one) & result_ids(kind, of, one.get("code") or {}, _count(one))}

    def met(self, of: ResultOf, resource: Json) -> None:
        """One of this batch, for those that follow."""
        self.here.setdefault((order_system(of.sender), of.number), {}).setdefault(sent_at(resource), {})[key_of(resource)] = resource

    def _filed(self) -> dict[tuple[str, str], dict[Key, Json]]:
        orders = {(order_system(of.sender), of.number) for of in self.asked if of.number}
        rows = [row for row in named_by(self.connection, {number for _, number in orders}) if (row.system, row.value) in orders]
        reports = standing(self.connection, (("DiagnosticReport", row.id) for row in rows))
        names = {key: set(_named(self.connection, key)) for key in reports}
        results = standing(self.connection, {name for some in names.values() for name in some})
        found: dict[tuple[str, str], dict[Key, Json]] = {}
        for row in rows:
            key = "DiagnosticReport", row.id
            every = {name: results[name].resource for name in names.get(key, ()) if name in results}
            found.setdefault((row.system, row.value), {}).update(every | ({key: reports[key].resource} if key in reports else {}))
        return found


def _named(connection: Connection, report: Key) -> Iterator[Key]:
    """Every result that a version of a report named."""
    for version in history(connection, *report):
        yield from () if version.deleted else results_of(version.resource)


def _given(resource: Mapping[str, Any]) -> set[object]:
    """The id of a result, and the one that it came with."""
    extensions: Iterable[Mapping[str, Any]] = (resource.get("meta") or {}).get("extension") or ()
    return {resource["id"], *(item.get("valueString") for item in extensions if item.get("url") == IMPORTED_ID)}


def _count(resource: Mapping[str, Any]) -> int:
    """The which of those that a message names alike."""
    return next((int(mark["valueInteger"]) for mark in repeats(resource)), 1)


def _is_same(one: Json, other: Json) -> bool:
    return bool(codes_of(one) & codes_of(other)) and not _differ(one, other)


def _differ(one: Json, other: Json) -> bool:
    """Whether a system that both use has other codes of the one than of the other."""
    mine, theirs = codes_of(one), codes_of(other)
    shared = {system for system, _ in mine} & {system for system, _ in theirs}
    return any({code for name, code in mine if name == system}.isdisjoint(code for name, code in theirs if name == system) for system in shared)


def _lead(batch: Batch, number: int, meant: Key, before: Json) -> Json:
    """The resource under the id of the result that it is, with the codes by which that is known; its report names it so."""
    resource = batch.resources[number]
    known = (resource.get("code") or {}).get("coding") or []
    more = [coding for coding in before["code"].get("coding") or () if (coding.get("system"), coding.get("code") or coding.get("display")) not in codes_of(resource)]
    led = {**resource, "id": meant[1], "code": {**(resource.get("code") or {}), "coding": [*known, *more]}}
    for place in range(number - 1, -1, -1) if meant[0] == "Observation" else ():
        report = batch.resources[place]
        if report["resourceType"] == "DiagnosticReport":
            batch.resources[place] = naming(report, key_of(resource), meant)
            break
    batch.resources[number] = led
    batch.led.add(key_of(resource))
    batch.results.setdefault(meant, batch.results[key_of(resource)])
    return led


def mark_doubted(connection: Connection, batch: Batch) -> None:
    """Add a marked version of each result that a change may mean, unless it was taken back or a newer message said it since."""
    current = {key: version.resource for key, version in standing(connection, batch.doubted).items()}
    current |= {key_of(resource): resource for resource in batch.resources if key_of(resource) in batch.doubted}
    for key, (change, place) in sorted(batch.doubted.items()):
        resource, at = current[key], sent_at(change)
        before = sent_at(resource)
        if resource.get("status") in TAKEN_BACK or (before and at and before > at):
            continue
        meta = resource.get("meta") or {}
        kept = [item for item in meta.get("extension", ()) if item.get("url") not in (SENT_AT, DOUBTED)]
        sent = [item for item in (change.get("meta") or {}).get("extension", ()) if item.get("url") == SENT_AT]
        batch.resources.append({**resource, "meta": {**meta, "extension": [*sent, *kept, {"url": DOUBTED, "valueBoolean": True}]}})
        batch.places.append(place)
        batch.entries += 1
