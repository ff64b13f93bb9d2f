"""The patient's list "who looked" against the log: each reading has the entry that binds it, and each entry of a reading its row.

Main job: `findings(connection, pseudonym, since)`. Rows and entries are read side by side in the order in which both were written, so that a node with millions of
readings is checked in little memory. Which of several entries that say the same is a row's own is told by the hash, as it is of a reading that lay in the reserve and
has an entry of a later time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from baybridge.base.outcome import Reason
from baybridge.ledger import log
from baybridge.node import tables
from baybridge.node.integrity.finding import DIFFERS, MISSING, UNLOGGED, Finding
from baybridge.node.people.readings import Read

Pseudonym = Callable[[str], str]
Key = tuple[datetime, str, str, str, str]  # when, account, role, what, pseudonym of whose
ACCESS = "access"
_SLACK = timedelta(days=1)  # a clock that was set back


def findings(connection: Connection, pseudonym: Pseudonym, since: int) -> Iterator[Finding]:
    """What differs, has no entry, or is gone; entries before position `since` were written by versions that kept no row."""
    pairs = _Pairs(log.entries_of_kind(connection, ACCESS))
    late: list[Read] = []
    for row in connection.execute(select(tables.record_read).order_by(tables.record_read.c.read_id)).yield_per(1000).mappings():
        read = Read(**row)
        if not pairs.take(_key(read, pseudonym), read):
            late.append(read)
    left = pairs.left()
    unbound = []
    for read in late:
        entry = next((one for one in left.values() if _binds(one, read)), None)
        if entry is None:
            unbound.append(read)
        else:
            del left[entry.position]
    for read in unbound:
        key = _key(read, pseudonym)
        entry = next((one for one in left.values() if _said(one) == key), None)
        yield _finding(UNLOGGED, pseudonym, read) if entry is None else _finding(DIFFERS, pseudonym, read, entry.position)
        if entry is not None:
            del left[entry.position]
    for position, one in left.items():
        if position > since and one.entry.subject:
            what = f"reading/{position}"
            yield Finding(MISSING, what, Reason("ledger.check.thing_missing", {"what": what, "position": position}))


def _key(read: Read, pseudonym: Pseudonym) -> Key:
    return (datetime.fromisoformat(read.at).astimezone(UTC), read.account, read.role, read.what, pseudonym(read.case_id or read.patient_id))


def _binds(logged: log.Logged, read: Read) -> bool:
    return logged.salt is not None and log.content_sha256(logged.salt, read.content) == logged.entry.sha256


def _finding(kind: str, pseudonym: Pseudonym, read: Read, position: int | None = None) -> Finding:
    what = f"reading/{pseudonym(f'reading/{read.read_id}')[:32]}"
    values: dict[str, str | int] = {"what": what} if position is None else {"what": what, "position": position}
    return Finding(kind, what, Reason("ledger.check.thing_unlogged" if kind == UNLOGGED else "ledger.check.thing_differs", values))


@dataclass(slots=True)
class _Pairs:
    """The entries of readings, as far as they were read, by what they say."""

    entries: Iterator[log.Logged]
    waiting: dict[Key, list[log.Logged]] = field(default_factory=dict)

    def take(self, key: Key, read: Read) -> bool:
        """Take the entry that says this and binds this row; whether there is one, as far as a day beyond its time."""
        found = next((one for one in self.waiting.get(key, ()) if _binds(one, read)), None)
        while found is None:
            one = next(self.entries, None)
            if one is None:
                return False
            said = _said(one)
            self.waiting.setdefault(said, []).append(one)
            if said == key and _binds(one, read):
                found = one
            elif one.entry.at > key[0] + _SLACK:
                return False
        self.waiting[key].remove(found)
        if not self.waiting[key]:
            del self.waiting[key]
        return True

    def left(self) -> dict[int, log.Logged]:
        """Every entry that nothing took, by its position."""
        rest = [*(one for some in self.waiting.values() for one in some), *self.entries]
        return {one.position: one for one in sorted(rest, key=lambda one: one.position)}


def _said(one: log.Logged) -> Key:
    entry = one.entry
    return (entry.at.astimezone(UTC), entry.actor, entry.role, entry.what, entry.subject)
