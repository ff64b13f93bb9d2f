"""The register of breaches of personal data: what happened, when it was known, whose data, who is told by when, and when it was closed.

Main job: the entries that a breach is made of, and `register(node, connection)`, every breach with its clocks as of now.

Nothing in the register is ever changed or taken away: a breach is the fold of its entries, and each entry is a row that the log covers (`integrity/rows.py`).
A clock runs from when the breach was known, whatever the state of anything else; not knowing whose data it is keeps the clock of persons open. It stops when
they were told, or when somebody says why they need not be.

**Source**: rights of the person; whom and within which hours, `data/breaches/`. **Units**: hours. Elsewhere: what may be entered, `breach_changes.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import orjson
from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, select

from baybridge.base.decoding import convert
from baybridge.documents.breaches import BreachClock, BreachLaw
from baybridge.node import tables
from baybridge.node.people import reads
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node

_AT_ONCE = 400  # cases in one question
Kind = Literal["confidentiality", "integrity", "availability"]
State = Literal["open", "late", "told", "told_late", "not_needed"]

# --- what is entered ------------------------------------------------------------------------------------------------


class Open(Struct, frozen=True, kw_only=True):
    """A breach was found: what, of which kind, when it happened and was known, and whose data; `complete` says that nobody else's is concerned."""

    what: str
    kind: Kind
    known_at: datetime
    happened_at: datetime | None = None
    patients: tuple[str, ...] = ()
    complete: bool = False


class Persons(Struct, frozen=True, kw_only=True):
    """More persons whose data is concerned, and whether these are all."""

    patients: tuple[str, ...] = ()
    complete: bool = False


class Told(Struct, frozen=True, kw_only=True):
    """Those of a rule were told; of persons, these alone where they are named, else everybody known by now."""

    rule: str
    told_at: datetime
    reference: str
    patients: tuple[str, ...] = ()


class NotNeeded(Struct, frozen=True, kw_only=True):
    """Those of a rule need not be told, and why."""

    rule: str
    because: str


class Note(Struct, frozen=True, kw_only=True):
    """Something that was found out or done."""

    text: str


class Close(Struct, frozen=True, kw_only=True):
    """Everybody was told or need not be, and what was learnt."""

    because: str


class Reopen(Struct, frozen=True, kw_only=True):
    """It was closed too early."""

    because: str


Entry = Open | Persons | Told | NotNeeded | Note | Close | Reopen
_KINDS: Mapping[str, type[Entry]] = {kind.__name__.lower(): kind for kind in (Open, Persons, Told, NotNeeded, Note, Close, Reopen)}


@dataclass(frozen=True, slots=True)
class Entered:
    """An entry with who made it, when."""

    entry_id: str
    at: datetime
    account: str
    person: str
    entry: Entry

    def as_json(self) -> dict[str, object]:
        """As commands and services print it."""
        said = {name: value for name, value in asdict(self.entry).items() if value not in (None, "", ())}
        plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in said.items()}
        return {"entry_id": self.entry_id, "at": self.at.isoformat(), "account": self.account, "type": type(self.entry).__name__.lower(), **plain}


@dataclass(frozen=True, slots=True)
class Clock:
    """Who is told, by when, and what became of it."""

    rule: BreachClock
    due_at: datetime
    state: State
    told_at: datetime | None = None
    waiting: tuple[str, ...] = ()  # of persons: those who were not told yet

    @property
    def runs(self) -> bool:
        """Whether somebody has still to be told."""
        return self.state in ("open", "late")

    def as_json(self) -> dict[str, object]:
        """As commands and services print it."""
        rule = self.rule
        said = {"rule": rule.id, "whom": rule.whom, "hours": rule.hours, "duty": rule.duty, "confidence": rule.confidence, "source": rule.source}
        told = self.told_at.isoformat() if self.told_at else None
        return {**said, "due_at": self.due_at.isoformat(), "state": self.state, "told_at": told, "waiting": list(self.waiting)}


@dataclass(frozen=True, slots=True)
class Breach:
    """One breach as it stands now."""

    breach_id: str
    opened: Open
    entries: tuple[Entered, ...]
    clocks: tuple[Clock, ...]
    patients: tuple[str, ...]
    complete: bool
    closed: bool

    @property
    def late(self) -> bool:
        """Whether somebody should have been told by now."""
        return not self.closed and any(clock.state == "late" for clock in self.clocks)

    def as_json(self) -> dict[str, object]:
        """The row of the list."""
        opened = self.opened
        return {
            "breach": self.breach_id,
            "what": opened.what,
            "kind": opened.kind,
            "known_at": opened.known_at.isoformat(),
            "happened_at": opened.happened_at.isoformat() if opened.happened_at else None,
            "patients": list(self.patients),
            "complete": self.complete,
            "state": "closed" if self.closed else "late" if self.late else "open",
            "clocks": [clock.as_json() for clock in self.clocks],
            "entries": [entered.as_json() for entered in self.entries],
        }


# --- reading --------------------------------------------------------------------------------------------------------


def register(node: Node, connection: Connection) -> tuple[Breach, ...]:
    """Every breach as of now, the one that was known last first."""
    found: dict[str, list[Entered]] = {}
    table = tables.breach_entry
    for row in connection.execute(select(table).order_by(table.c.breach_id, table.c.number)).mappings():
        found.setdefault(row["breach_id"], []).append(_entered(row))
    now = node.now()
    every = [_breach(node, connection, breach_id, entries, now) for breach_id, entries in found.items()]
    return tuple(sorted(every, key=lambda one: (one.opened.known_at, one.breach_id), reverse=True))


def late(node: Node, connection: Connection) -> int:
    """How many breaches have a clock that ran out."""
    return sum(one.late for one in register(node, connection))


def clocks_of(node: Node, regions: Collection[str]) -> tuple[BreachClock, ...]:
    """The rules of these regions, and those of everywhere."""
    laws = (node.documents.typed.one(BreachLaw, "breaches", name) for name in node.documents.folder("breaches"))
    return tuple(rule for law in laws if not law.jurisdiction or not {*regions}.isdisjoint(law.jurisdiction) for rule in law.rules)


def regions_of(node: Node, connection: Connection, patients: Sequence[str]) -> frozenset[str]:
    """This site's region, those where these persons live, and those of the nodes that sent something of their cases or were sent it."""
    found, cases = {node.site.jurisdiction}, list[str]()
    for patient in patients:
        version = store.get(connection, "Patient", patient)
        addresses = version.resource.get("address") if version is not None and not version.deleted else None
        found.update(str(one.get("country")) for one in addresses or () if isinstance(one, dict))
        cases += reads.cases_of(connection, patient)
    there: set[str] = set()
    for start in range(0, len(cases), _AT_ONCE):
        for table, other in ((tables.incoming, tables.incoming.c.from_node), (tables.outgoing, tables.outgoing.c.to_node)):
            there.update(connection.execute(select(other).distinct().where(table.c.case_id.in_(cases[start : start + _AT_ONCE]))).scalars())
    return frozenset(found | {node.neighbours[name].site.jurisdiction for name in there if name in node.neighbours})


def _entered(row: Mapping[Any, Any]) -> Entered:
    entry = convert(orjson.loads(row["body"]), _KINDS[row["kind"]], strict=False)
    return Entered(row["entry_id"], datetime.fromisoformat(row["at"]), row["account"], row["person"], entry)


def _breach(node: Node, connection: Connection, breach_id: str, entries: Sequence[Entered], now: datetime) -> Breach:
    opened = next(one.entry for one in entries if isinstance(one.entry, Open))
    named = [one.entry for one in entries if isinstance(one.entry, Open | Persons)]
    patients = tuple(dict.fromkeys(patient for entry in named for patient in entry.patients))
    complete = named[-1].complete
    closed = next((isinstance(one.entry, Close) for one in reversed(entries) if isinstance(one.entry, Close | Reopen)), False)
    rules = clocks_of(node, regions_of(node, connection, patients))
    clocks = tuple(_clock(rule, opened, entries, patients, now, complete=complete) for rule in rules)
    return Breach(breach_id, opened, tuple(entries), clocks, patients, complete, closed)


def _clock(rule: BreachClock, opened: Open, entries: Sequence[Entered], patients: Sequence[str], now: datetime, *, complete: bool) -> Clock:
    due_at = opened.known_at + timedelta(hours=rule.hours)
    said = [one.entry for one in entries if isinstance(one.entry, Told | NotNeeded) and one.entry.rule == rule.id]
    told = [entry for entry in said if isinstance(entry, Told)]
    waiting = tuple(one for one in patients if one not in _told_persons(rule, entries)) if rule.whom == "persons" else ()
    if said and isinstance(said[-1], NotNeeded):
        return Clock(rule, due_at, "not_needed")
    last = max((entry.told_at for entry in told), default=None)
    if last is None or waiting or (rule.whom == "persons" and not complete):
        return Clock(rule, due_at, "late" if now > due_at else "open", last, waiting)
    return Clock(rule, due_at, "told_late" if last > due_at else "told", last)


def _told_persons(rule: BreachClock, entries: Sequence[Entered]) -> set[str]:
    """Whom of the persons the entries say that they were told: those named, else everybody who was known by then."""
    known: set[str] = set()
    told: set[str] = set()
    for one in entries:
        if isinstance(one.entry, Open | Persons):
            known.update(one.entry.patients)
        elif isinstance(one.entry, Told) and one.entry.rule == rule.id:
            told.update(one.entry.patients or known)
    return told
