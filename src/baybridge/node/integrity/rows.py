"""Rows that stand for a right or a tie (accounts, sessions, links of persons): every change of one is an entry of the log.

Main job: `RowLog` watches each write transaction of a node. Before the first statement on a covered table it notes the rows as they are; before the
commit it compares, and appends one entry for each row that was added, changed or taken away. Whoever writes such a table need not think of it.

A row that was changed behind the node's back is not made good by the next change through the node: its state is logged only where the
state before was the logged one (or it is new). The entry `row-differs` says that this was seen, and the row stays a finding of the check.

Columns whose names begin with `last_` say when something was seen and are left out. Elsewhere: comparing all rows with the log in `check.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Column, ColumnElement, Connection, Executable, RowMapping, Table, inspect, select

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.journey.command import Role, Site
from baybridge.ledger import log
from baybridge.node import tables

KIND, REMOVED, DIFFERS = "row", "row-removed", "row-differs"


@dataclass(frozen=True, slots=True)
class Covered:
    """A covered table; `fades` says that its rows end by themselves, so that one which is gone means nothing."""

    table: Table
    fades: bool = False
    standing: Callable[[Table, str], ColumnElement[bool]] | None = None  # which rows count at a moment (ISO 8601)


COVERED: Mapping[str, Covered] = {
    one.table.name: one
    for one in (
        Covered(tables.account),
        Covered(tables.person),
        Covered(tables.invitation),
        Covered(tables.recovery_code),
        Covered(tables.session, fades=True, standing=lambda table, at: table.c.expires_at > at),
        Covered(tables.broken_glass),
        Covered(tables.restriction),
        Covered(tables.legal_hold),
        Covered(tables.breach_entry),
        Covered(tables.identity_pair),
        Covered(tables.code_mapping),
        Covered(tables.duty),
        Covered(tables.known_device, fades=True),
        Covered(tables.trial),
        Covered(tables.trial_review),
    )
}


@dataclass(frozen=True, slots=True)
class RowLog:
    """How a node logs its covered rows: who it is, how it names them, and the clock."""

    site: Site
    pseudonym: Callable[[str], str]
    now: Callable[[], datetime]
    whole: set[str] = field(default_factory=set)  # tables that were seen with all their columns

    def watch(self, connection: Connection) -> Watch:
        """Begin to watch one write transaction."""
        return Watch(self, connection)

    def what(self, table: str, key: str) -> str:
        """How the log names a row."""
        return f"{table}/{self.pseudonym(f'{table}/{key}')[:32]}"

    def states(self, connection: Connection, covered: Covered) -> dict[str, bytes]:
        """The rows of a covered table by their names in the log."""
        there = self._columns_there(connection, covered.table)
        if not there:
            return {}
        query = select(*there)
        if covered.standing is not None:
            query = query.where(covered.standing(covered.table, self.now().isoformat()))
        return {self.what(covered.table.name, key): content for key, content in _rows(connection, covered.table, query)}

    def _columns_there(self, connection: Connection, table: Table) -> list[Column[object]]:
        """The columns that this database has: one that an older version wrote and nobody opened since lacks some, or the whole table."""
        if table.name not in self.whole:
            inspector = inspect(connection)
            names = {column["name"] for column in inspector.get_columns(table.name)} if inspector.has_table(table.name) else set()
            if names < {column.name for column in table.columns}:
                return [column for column in table.columns if column.name in names]
            self.whole.add(table.name)
        return list(table.columns)

    def entry(self, kind: str, what: str, purpose: str = "integrity") -> log.Entry:
        """An entry that the node makes by itself."""
        return log.Entry(
            kind=kind, at=self.now(), node=self.site.node, organisation=self.site.organisation, actor="system", role=Role.SYSTEM.value,
            purpose=purpose, subject="", what=what,
        )


def _rows(connection: Connection, table: Table, query: Executable) -> Iterator[tuple[str, bytes]]:
    keys = [column.name for column in table.primary_key.columns]
    for row in connection.execute(query).mappings():
        yield "/".join(str(row[name]) for name in keys), content(row)


def content(row: RowMapping) -> bytes:
    """What an entry binds of a row: every column that says something; an empty one is left out, so that a column may be added later."""
    said = {str(name): _plain(value) for name, value in row.items() if value and not str(name).startswith("last_")}
    return canonical_bytes(said)


def _plain(value: object) -> object:
    return sha256_hex(bytes(value)) if isinstance(value, bytes | memoryview) else value


@dataclass(slots=True)
class Watch:
    """One write transaction: the covered tables that it touched, as they were before."""

    rows: RowLog
    connection: Connection
    before: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def touch(self, table: str) -> None:
        """A statement is about to write this table."""
        if table in COVERED and table not in self.before:
            self.before[table] = self.rows.states(self.connection, COVERED[table])

    def finish(self) -> None:
        """Log what changed; the last thing before the commit."""
        entries = [entry for table, before in self.before.items() for entry in self._changes(COVERED[table], before)]
        self.before = {}
        log.append(self.connection, entries, salt=fresh_salt)

    def _changes(self, covered: Covered, before: Mapping[str, bytes]) -> Iterator[tuple[log.Entry, bytes]]:
        after = self.rows.states(self.connection, covered)
        for what in sorted({*before, *after}):
            old, new = before.get(what), after.get(what)
            if old == new or (new is None and covered.fades):
                continue
            if old is not None and not self._was_logged(what, old):
                yield self.rows.entry(DIFFERS, what), b""
            elif new is not None:
                yield self.rows.entry(KIND, what), new
            else:
                yield self.rows.entry(REMOVED, what), b""

    def _was_logged(self, what: str, state: bytes) -> bool:
        newest = log.newest_on(self.connection, what, (KIND, REMOVED))
        return newest is not None and newest.salt is not None and log.content_sha256(newest.salt, state) == newest.entry.sha256


def fresh_salt() -> bytes:
    """A salt of a new entry."""
    return os.urandom(log.SALT_BYTES)
