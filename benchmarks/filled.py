"""A node with many cases: a few are walked as in the demonstration, the others are copies of them under ids of their own.

Main job: `walked(folder)` founds the network and walks the patterns; `fill(node, patterns, count)` copies them until the node has so many cases.

A copy goes through the same store and log as any write: every version, event and decision has its entry, so that `ledger check` holds. What is not copied are
packages to and from neighbours, notes of who read, and names for search across records (`identity_key`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, func, insert, select

from baybridge.demo import network
from baybridge.demo.cohort import Placed, stops_of
from baybridge.demo.inprocess import transport
from baybridge.demo.patients import Invented
from baybridge.demo.walk import Ticking, Walk
from baybridge.ledger import streams
from baybridge.node import clock, tables
from baybridge.node.config import read_config
from baybridge.node.integrity import things
from baybridge.node.node import Node
from baybridge.node.unit import Made, Unit, system_actor
from baybridge.node.upkeep import projections
from baybridge.record.fhir.wire import parse
from baybridge.record.store import store

NODE = "hk"
#: Where the patterns stop on the road, and how many of ten copies each is.
_PATTERNS = {"treat": 1, "release": 1, "slot": 1, "records": 7}
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_SHA256 = re.compile(rb"\b[0-9a-f]{64}\b")
_PLAIN = (tables.payer_case, tables.rendered, tables.task, tables.spared_test, tables.import_report, tables.call_board, tables.case_index)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A walked case: everything of it that a copy has too."""

    case_id: str
    patient_id: str
    events: tuple[streams.StoredEvent, ...]
    versions: tuple[store.Version, ...]
    decisions: tuple[Mapping[str, Any], ...]
    plain: Mapping[str, tuple[Mapping[str, Any], ...]]


@contextmanager
def walked(folder: Path) -> Iterator[tuple[Node, list[Pattern]]]:
    """The Hong Kong node of a new network, with one case of each pattern, each as often as it is copied."""
    network.found_network(folder, network.choose_ports())
    ticking, nodes = Ticking(clock.now() - timedelta(days=200)), dict[str, Node]()
    through = transport(nodes)
    nodes |= {name: Node(read_config(folder / name), now=ticking, transport=through) for name in network.PROFILES}
    for node in nodes.values():
        network.add_staff(node)
    for number, until in enumerate(_PATTERNS):
        placed = Placed(Invented(700 + number, "HK", "mm"), NODE, NODE, until)
        walk = Walk(nodes, ticking, placed.patient, placed.home, placed.centre)
        for stop in stops_of(placed):
            ticking.moment += stop.after
            stop.step(walk)
    for node in nodes.values():
        node.storage.close()
    node = Node(read_config(folder / NODE), transport=through)
    try:
        yield node, _patterns(node)
    finally:
        node.storage.close()


def _patterns(node: Node) -> list[Pattern]:
    """The cases of a node as patterns, in the order in which they are copied."""
    projections.work_out_tasks(node)
    with node.storage.reading() as connection:
        found = [_pattern(connection, case_id) for case_id in streams.case_ids(connection)]
    return [pattern for pattern, times in zip(sorted(found, key=lambda one: -len(one.events)), _PATTERNS.values(), strict=True) for _ in range(times)]


def _pattern(connection: Connection, case_id: str) -> Pattern:
    patient_id = connection.execute(select(tables.case_index.c.patient_id).where(tables.case_index.c.case_id == case_id)).scalar_one()
    decision, source = tables.decision, tables.decision_source
    decisions = [dict(row) for row in connection.execute(select(decision).where(decision.c.case_id == case_id).order_by(decision.c.made_at)).mappings()]
    for row in decisions:
        row["sources"] = list(connection.execute(select(source.c.resource).where(source.c.sha256 == row["sha256"])).scalars())
    plain = {table.name: tuple(dict(row) for row in connection.execute(select(table).where(table.c.case_id == case_id)).mappings()) for table in _PLAIN}
    return Pattern(
        case_id, patient_id, tuple(streams.read(connection, case_id)), tuple(store.patient_versions(connection, patient_id)), tuple(decisions), plain
    )


def fill(node: Node, patterns: list[Pattern], count: int) -> None:
    """Copy the patterns in turn until the node has so many cases."""
    with node.storage.reading() as connection:
        have = connection.execute(select(func.count()).select_from(tables.case_index)).scalar_one()
        accounts = {one.encode() for one in connection.execute(select(tables.account.c.account)).scalars()}
    for number, pattern in islice(enumerate(cycle(patterns)), have, count):
        with node.unit(drained=False) as unit:
            _copy(unit, pattern, _Renaming(number, pattern, frozenset(accounts)))


class _Renaming:
    """What each id of a pattern is called in one of its copies; times keep their order, what is the node's own keeps its id."""

    def __init__(self, number: int, pattern: Pattern, own: frozenset[bytes]) -> None:
        self._number, self._own = str(number).encode(), own
        self._patient = pattern.patient_id.encode()
        self.decisions: dict[bytes, bytes] = {}

    def bytes(self, text: bytes) -> bytes:
        """Text with the ids of the copy."""
        named = _UUID.sub(self._id, text).replace(self._patient, self._patient + b"x" + self._number)
        return _SHA256.sub(lambda found: self.decisions.get(found[0], found[0]), named)

    def text(self, text: str) -> str:
        """The same of a column of text."""
        return self.bytes(text.encode()).decode()

    def _id(self, found: re.Match[bytes]) -> bytes:
        return found[0] if found[0] in self._own else found[0][:24] + sha256(found[0] + self._number).hexdigest()[:12].encode()


def _copy(unit: Unit, pattern: Pattern, named: _Renaming) -> None:
    """One copy, with an entry for everything that the log speaks of."""
    system, case_id = system_actor(unit.site), named.text(pattern.case_id)
    for row in pattern.decisions:
        _copy_decision(unit, case_id, row, named)
    for row in pattern.decisions:
        if row["superseded_by"]:
            unit.supersede(named.text(row["sha256"]), named.text(row["superseded_by"]))
    stored = [
        streams.StoredEvent(
            event_id=named.text(one.event_id), case_id=case_id, sequence=one.sequence, type=one.type, at=one.at, recorded_at=one.recorded_at,
            body=named.bytes(one.body), command_id=None,
        )
        for one in pattern.events
    ]  # fmt: skip
    streams.append(unit.connection, stored, 0)
    for one in stored:
        unit.log("event", case_id, one.event_id, one.body, system)
    for version in store.put_many(unit.connection, [parse(named.bytes(one.body)) for one in pattern.versions if one.patient], at=unit.at):
        unit.log(things.RECORD, case_id, things.version_what(unit.pseudonym, version), version.body, system)
    for table in _PLAIN:
        rows = [{name: _renamed(named, value) for name, value in row.items()} for row in pattern.plain[table.name]]
        if rows:
            unit.connection.execute(insert(table), rows)


def _renamed(named: _Renaming, value: object) -> object:
    if isinstance(value, str):
        return named.text(value)
    return named.bytes(value) if isinstance(value, bytes) else value


def _copy_decision(unit: Unit, case_id: str, row: Mapping[str, Any], named: _Renaming) -> None:
    document, facts, given = (orjson.loads(named.bytes(row[name])) for name in ("document", "facts", "given"))
    text = unit.connection.execute(select(tables.policy_text.c.text).where(tables.policy_text.c.sha256 == row["policy_sha256"])).scalar() or ""
    made = Made(document, facts, frozenset(map(named.text, row["sources"])), text, given)
    named.decisions[row["sha256"].encode()] = made.sha256.encode()
    unit.keep_decision(case_id, made)
