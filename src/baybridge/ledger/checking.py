"""Checking a whole log: every entry, every tree node, every checkpoint, every event, every neighbour's word.

Main job: read everything that the tables of the ledger hold and answer every problem, none if the log is what it signed.

Elsewhere: sentences of the codes in `data/translations/*/ledger.yaml`. Positions count from 0; no content of an event is ever named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import DecodeError
from msgspec.json import decode
from sqlalchemy import Connection, func, select

from baybridge.base.keys import KeyRing
from baybridge.base.outcome import Reason
from baybridge.ledger import checkpoint as notes
from baybridge.ledger import heads, keeping, log, merkle, streams
from baybridge.ledger.log import Entry, Logged
from baybridge.ledger.merkle import Place
from baybridge.ledger.streams import StoredEvent
from baybridge.ledger.tables import event, log_node

_BATCH = 2000


def check(
    connection: Connection,
    keys: KeyRing,
    witnesses: Mapping[str, KeyRing],
    *,
    origin: str | None = None,
    held: Mapping[str, str] | None = None,
) -> list[Reason]:
    """Every problem of a node's ledger, in the order log, checkpoints, events, neighbours; [] if it is sound.

    `keys` are the node's own, old ones included; `witnesses` the neighbours' by name; `origin` the log's name (None: that of its newest
    checkpoint); `held` what neighbours hold of this log, by name, so that a log that was cut back is found out.
    """
    walk = _Walk(connection, keys, witnesses, origin or _own_origin(connection))
    own = keeping.all_notes(connection)
    sizes = {size for size, _ in own} | {one.size for one in _held(held or {}, walk).values()}
    problems = [*walk.entries(sizes), *walk.checkpoints(own), *walk.held_by_neighbours(held or {})]
    problems += [*_check_events(connection, walk.event_entries), *_check_heads(connection, walk), *_check_neighbours(connection)]
    return problems


def _own_origin(connection: Connection) -> str:
    newest = keeping.latest(connection)
    try:
        return notes.read(notes.parse(newest)).origin if newest else ""
    except ValueError:
        return ""


def _held(held: Mapping[str, str], walk: _Walk) -> dict[str, notes.Checkpoint]:
    found = {name: notes.verify(note, walk.origin, walk.keys) for name, note in held.items()}
    return {name: checkpoint for name, checkpoint in found.items() if checkpoint is not None}


@dataclass(slots=True)
class _Walk:
    """One pass over the log, remembering the roots that are asked for and the entries about events and cases."""

    connection: Connection
    keys: KeyRing
    witnesses: Mapping[str, KeyRing]
    origin: str
    size: int = 0
    edge: dict[Place, bytes] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)
    event_entries: dict[str, Logged] = field(default_factory=dict)
    head_entries: list[Logged] = field(default_factory=list)
    unsalted: set[int] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)

    def entries(self, sizes: set[int]) -> Iterator[Reason]:
        """Problems of entries and tree nodes; fills in roots at `sizes` and what was seen."""
        if 0 in sizes:
            self.roots[0] = merkle.EMPTY_ROOT
        total = log.size(self.connection)
        for start in range(0, total, _BATCH):
            yield from self._batch(start, min(start + _BATCH, total), sizes)
        expected = sum(total >> level for level in range(total.bit_length()))
        found = self.connection.execute(select(func.count()).select_from(log_node)).scalar_one()
        if found != expected:
            yield Reason("ledger.check.node_count", {"expected": expected, "found": found})
        for position in sorted(position for position in self.unsalted if log.erased_what(position) not in self.erased):
            yield Reason("ledger.check.salt_missing", {"position": position})

    def _batch(self, start: int, end: int, sizes: set[int]) -> Iterator[Reason]:
        batch = log.stored(self.connection, start, end)
        leaves = [merkle.leaf_hash(one.body) for one, _ in batch]
        for (one, columns), leaf in zip(batch, leaves, strict=True):
            yield from self._entry(one, leaf, columns)
        missing = sorted(set(range(start, end)) - {one.position for one, _ in batch})
        if missing:
            yield Reason("ledger.check.gap", {"position": missing[0], "count": len(missing)})
        if not missing and self.size == start:  # behind a gap nothing can be said about the tree
            yield from self._tree(leaves, sizes)

    def _entry(self, one: Logged, leaf: bytes, columns: log.Columns) -> Iterator[Reason]:
        try:
            entry = one.entry
        except DecodeError:
            yield Reason("ledger.check.unreadable_entry", {"position": one.position})
            return
        if one.salt is None:
            self.unsalted.add(one.position)
        if columns != (entry.subject, entry.kind, entry.what, leaf):
            yield Reason("ledger.check.changed_columns", {"position": one.position})
        if entry.kind == heads.EVENT_KIND:
            event_id = heads.event_id_of(entry)
            if event_id in self.event_entries:
                yield Reason("ledger.check.event_twice", {"position": one.position})
            self.event_entries[event_id] = one
        elif entry.kind == heads.KIND:
            self.head_entries.append(one)
        elif entry.kind == log.ERASURE:
            self.erased.add(entry.what)

    def _tree(self, leaves: Sequence[bytes], sizes: set[int]) -> Iterator[Reason]:
        made = merkle.grow(self.size, leaves, self._known)
        known = {**self.edge, **made}
        for size in range(self.size + 1, self.size + len(leaves) + 1):
            if size in sizes:
                self.roots[size] = merkle.root(size, lambda places: {place: known[place] for place in places})
        self.size += len(leaves)
        self.edge = {place: known[place] for place in merkle.peaks(self.size)}
        yield from self._compare_nodes(made)

    def _known(self, places: Sequence[Place]) -> dict[Place, bytes]:
        return {place: self.edge[place] for place in places}

    def _compare_nodes(self, made: Mapping[Place, bytes]) -> Iterator[Reason]:
        levels: dict[int, dict[int, bytes]] = {}
        for (level, position), value in made.items():
            levels.setdefault(level, {})[position] = value
        for level, values in sorted(levels.items()):
            between = log_node.c.position.between(min(values), max(values))
            query = select(log_node.c.position, log_node.c.hash).where(log_node.c.level == level, between)
            stored = {position: value for position, value in self.connection.execute(query).all()}  # noqa: C416 - rows are no pairs for dict
            if stored != values:
                wrong = (position for position, value in values.items() if stored.get(position) != value)
                yield from (Reason("ledger.check.tree_node", {"level": level, "position": position}) for position in wrong)

    def checkpoints(self, own: Sequence[tuple[int, str]]) -> Iterator[Reason]:
        """Problems of this node's own checkpoints against the tree, its keys and the witnesses that co-signed."""
        for size, text in own:
            found = notes.verify(text, self.origin, self.keys)
            if found is None or found.size != size:
                yield Reason("ledger.check.checkpoint_signature", {"size": size})
            elif self.roots.get(size) != found.root:
                yield Reason("ledger.check.checkpoint_root", {"size": size, "log": self.size})
            if found is not None:
                yield from self._cosignatures(size, notes.parse(text))
        if not own and self.size:
            yield Reason("ledger.check.no_checkpoint", {"log": self.size})

    def _cosignatures(self, size: int, note: notes.Note) -> Iterator[Reason]:
        for witness, ring in self.witnesses.items():
            name = notes.origin_of(witness)
            lines = {(one.name, one.key_id) for one in note.signatures}
            mine = any((name, notes.cosigner_id(name, key)) in lines for key in ring)
            if mine and notes.cosigned_at(note, name, ring) is None:
                yield Reason("ledger.check.cosignature", {"size": size, "witness": witness})

    def held_by_neighbours(self, held: Mapping[str, str]) -> Iterator[Reason]:
        """Problems of what neighbours hold of this log: signed by it, yet not in it."""
        for name, found in _held(held, self).items():
            if found.size > self.size:
                yield Reason("ledger.check.cut_back", {"witness": name, "held": found.size, "log": self.size})
            elif self.roots.get(found.size) != found.root:
                yield Reason("ledger.check.rewritten", {"witness": name, "held": found.size})


# --- events ---------------------------------------------------------------------------------------------------------


def count_events(connection: Connection) -> int:
    """How many events there are."""
    return int(connection.execute(select(func.count()).select_from(event)).scalar_one())


def _check_events(connection: Connection, logged: dict[str, Logged]) -> Iterator[Reason]:
    left = dict(logged)
    for case_id in streams.case_ids(connection):
        stored = streams.read(connection, case_id)
        for expected, one in enumerate(stored, start=1):
            if one.sequence != expected:
                yield Reason("ledger.check.sequence_gap", {"expected": expected, "found": one.sequence}, where=f"case {case_id}")
                break
        for one in stored:
            yield from _check_event(one, left.pop(one.event_id, None))
    for lost in left.values():
        yield Reason("ledger.check.event_missing", {"position": lost.position})


def _check_event(stored: StoredEvent, logged: Logged | None) -> Iterator[Reason]:
    where = f"case {stored.case_id}, event {stored.sequence}"
    if logged is None:
        yield Reason("ledger.check.event_not_logged", {"sequence": stored.sequence}, where=where)
        return
    if not stored.body and logged.salt is None:
        return  # erased, as the law may demand; the entry stands
    if logged.salt is None or not stored.body:
        yield Reason("ledger.check.half_erased", {"sequence": stored.sequence, "position": logged.position}, where=where)
        return
    if log.content_sha256(logged.salt, stored.body) != logged.entry.sha256 or not _columns_hold(stored, logged.entry):
        yield Reason("ledger.check.event_changed", {"sequence": stored.sequence, "position": logged.position}, where=where)


def _columns_hold(stored: StoredEvent, entry: Entry) -> bool:
    try:
        body = decode(stored.body)
    except DecodeError:
        return True  # an event that is no JSON has no envelope to compare; its bytes were compared
    if not isinstance(body, dict):
        return True
    names = ("event_id", "case_id", "sequence")
    told = all(body.get(name, getattr(stored, name)) == getattr(stored, name) for name in names)
    told = told and all(_same_moment(body.get(name), getattr(stored, name)) for name in ("at", "recorded_at"))
    named = body.get("event")
    told = told and (not isinstance(named, dict) or named.get("type", stored.type) == stored.type)
    return told and entry.what in (stored.event_id, f"{stored.type}/{stored.event_id}")


def _same_moment(told: object, column: str) -> bool:
    """Whether a column says the moment of the envelope, however it writes the offset."""
    try:
        return not isinstance(told, str) or datetime.fromisoformat(told) == datetime.fromisoformat(column)
    except (ValueError, TypeError):
        return False


def _check_heads(connection: Connection, walk: _Walk) -> Iterator[Reason]:
    by_subject: dict[str, list[Logged]] = {}
    for one in walk.event_entries.values():
        by_subject.setdefault(one.entry.subject, []).append(one)
    for head in walk.head_entries:
        if head.salt is None:
            continue
        logged = [one for one in by_subject.get(head.entry.subject, ()) if one.position < head.position]
        case_id = _case_of(connection, logged)
        expected = heads.content(case_id, head.entry.subject, logged) if case_id else b""
        if log.content_sha256(head.salt, expected) != head.entry.sha256:
            yield Reason("ledger.check.head", {"position": head.position})


def _case_of(connection: Connection, logged: Sequence[Logged]) -> str | None:
    return streams.case_of(connection, heads.event_id_of(logged[0].entry)) if logged else None


def _check_neighbours(connection: Connection) -> Iterator[Reason]:
    for one in keeping.all_seen(connection):
        if not one.consistent:
            yield Reason("ledger.check.neighbour", {"neighbour": one.neighbour, "verdict": one.problem})
