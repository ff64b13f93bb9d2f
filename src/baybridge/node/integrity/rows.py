"""Covered rows: every change of one that the node makes is an entry of the log, or renews its seal.

Main job: `RowLog` watches each write transaction of a node. Before a statement changes or deletes rows of a covered table it notes them as they are, and which rows a
statement adds; before the commit it reads them again, and logs or seals the difference. Whoever writes such a table need not think of it.

A row that was changed behind the node's back is not made good by the next change through the node: its state is logged only where the
state before was the logged one (or it is new). The entry `row-differs` says that this was seen, and the row stays a finding of the check.

Columns whose names begin with `last_` say when something was seen and are left out. Elsewhere: which tables in `covered.py`, seals in `seals.py`, comparing all rows
with the log in `check.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Delete,
    Integer,
    RowMapping,
    Table,
    Text,
    Update,
    inspect,
    select,
    tuple_,
)

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.key_list import key_list
from baybridge.journey.command import Role, Site
from baybridge.ledger import log
from baybridge.node.clock import now
from baybridge.node.config import Config
from baybridge.node.integrity import seals
from baybridge.node.integrity.covered import COVERED, Covered, Way

KIND, REMOVED, DIFFERS = "row", "row-removed", "row-differs"
Key = tuple[object, ...]
_AT_ONCE = 200


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

    def what(self, covered: Covered, key: Key) -> str:
        """How the log names a row."""
        table = covered.table.name
        plain = "/".join(map(str, key)) if covered.way is Way.LOGGED else canonical_bytes([str(part) for part in key]).decode()
        return f"{table}/{self.pseudonym(f'{table}/{plain}')[:32]}"

    def states(self, connection: Connection, covered: Covered) -> Iterator[tuple[str, bytes]]:
        """The rows of a covered table by their names in the log, with what is bound of each."""
        return ((self.what(covered, key), state) for key, state in self.keyed(connection, covered))

    def keyed(self, connection: Connection, covered: Covered, where: ColumnElement[bool] | None = None) -> Iterator[tuple[Key, bytes]]:
        """The rows of a covered table, or those that a condition names, by their keys."""
        there = self._columns_there(connection, covered.table)
        if not there:
            return
        query = select(*there)
        if covered.standing is not None:
            query = query.where(covered.standing(covered.table, self.now().isoformat()))
        names = [column.name for column in covered.table.primary_key.columns]
        rows = connection.execute(query if where is None else query.where(where))
        for row in rows.yield_per(1000).mappings():
            yield tuple(row[name] for name in names), content(row, covered)

    def of_keys(self, connection: Connection, covered: Covered, keys: Sequence[Key]) -> dict[Key, bytes]:
        """The rows with these keys, as far as they are there."""
        columns = covered.table.primary_key.columns
        types = [BigInteger if isinstance(column.type, Integer) else Text for column in columns]
        found: dict[Key, bytes] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            where = tuple_(*columns).in_(key_list(some, *types)) if len(columns) > 1 else next(iter(columns)).in_([key[0] for key in some])
            found.update(self.keyed(connection, covered, where))
        return found

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


def rows_of(config: Config) -> RowLog:
    """How the node of a folder logs its rows, for what works without the node."""
    secret = bytes.fromhex(config.secrets["pseudonym"])
    return RowLog(config.site, lambda text: log.pseudonym(secret, text), now)


def content(row: RowMapping, covered: Covered) -> bytes:
    """What is bound of a row: every column that says something; an empty one is left out, so that a column may be added later."""
    names = covered.only or [str(name) for name in row if not str(name).startswith("last_")]
    sealed = covered.way is Way.SEALED
    return canonical_bytes({name: _plain(row[name]) for name in names if row[name] or (sealed and row[name] is not None)})


def _plain(value: object) -> object:
    return sha256_hex(bytes(value)) if isinstance(value, bytes | memoryview) else value


@dataclass(slots=True)
class Watch:
    """One write transaction: the covered rows that it touched, as they were before."""

    rows: RowLog
    connection: Connection
    before: dict[str, dict[Key, bytes | None]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)  # tables of which every row was noted

    def changing(self, statement: Update | Delete, *, plain: bool) -> None:
        """A statement is about to change or delete rows; `plain` says that its condition holds every value that it compares with."""
        table = statement.table.name if isinstance(statement.table, Table) else ""
        if table not in COVERED or table in self.whole:
            return
        where = statement.whereclause if plain else None
        if where is None:
            self.whole.add(table)
        noted = self.before.setdefault(table, {})
        for key, state in self.rows.keyed(self.connection, COVERED[table], where):
            noted.setdefault(key, state)

    def added(self, table: Table, given: Iterable[Mapping[str, object]]) -> None:
        """A statement added rows with these values."""
        if table.name not in COVERED:
            return
        names = [column.name for column in table.primary_key.columns]
        noted = self.before.setdefault(table.name, {})
        for values in given:
            noted.setdefault(tuple(values[name] for name in names), None)

    def finish(self) -> None:
        """Log what changed; the last thing before the commit."""
        touched, self.before = self.before, {}
        self.whole = set()
        sealed: dict[str, seals.Changed] = {}
        for name, before in touched.items():
            covered = COVERED[name]
            after = self.rows.of_keys(self.connection, covered, list(before))
            changes = sorted((self.rows.what(covered, key), old, after.get(key)) for key, old in before.items() if old != after.get(key))
            if covered.way is Way.SEALED:
                sealed[name] = seals.Changed(changes, covered.derived)
            else:
                log.append(self.connection, list(self._entries(covered, changes)), salt=fresh_salt)
        seals.keep(self.connection, self.rows.pseudonym, sealed)

    def _entries(self, covered: Covered, changes: Iterable[seals.Change]) -> Iterator[tuple[log.Entry, bytes]]:
        for what, old, new in changes:
            if new is None and covered.fades:
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
