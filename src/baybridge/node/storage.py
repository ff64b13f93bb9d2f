"""Storage: the one database of a node, and its transactions.

Main job: `writing()` gives one writer a connection whose work is all there or not at all; `reading()` a consistent view.

SQLite runs with write-ahead log and `synchronous=FULL`: what was acknowledged survives power loss. On PostgreSQL any number of processes serve one node: a writer takes
the node's one lock, because the log has one order, and a reader sees the database as of its first question. Elsewhere: the tables stand with their parts
(`ledger/tables.py`, `record/store/tables.py`, `node/tables.py`); the same schema serves both.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import QueuePool

from baybridge.base.canonical import sha256_hex
from baybridge.ledger.tables import metadata as ledger_metadata
from baybridge.node.config import ConfigProblem
from baybridge.node.tables import metadata as node_metadata
from baybridge.record.store.tables import metadata as record_metadata

_BUSY_MS = 30_000
#: PostgreSQL's lock of the one writer, held to the end of its transaction; under READ COMMITTED it then sees all that the writers before it did.
_ONE_WRITER = "SELECT pg_advisory_xact_lock(7271993250281321)"


class Storage:
    """Engine and transactions of one database URL."""

    def __init__(self, url: str) -> None:
        self._writer = threading.Lock()
        self._sqlite = url.startswith("sqlite")
        self.engine = _sqlite_engine(url) if self._sqlite else _server_engine(url)

    @staticmethod
    def schema() -> str:
        """A name of the schema that this version writes: a hash over tables and columns."""
        tables = [table for metadata in (ledger_metadata, record_metadata, node_metadata) for table in metadata.sorted_tables]
        return sha256_hex("\n".join(f"{table.name}.{column.name} {column.type}" for table in tables for column in table.columns).encode())[:16]

    def create(self) -> None:
        """Create what is missing of the schema; ConfigProblem where no database answers."""
        try:
            with self.engine.begin() as connection:
                if not self._sqlite:
                    connection.exec_driver_sql(_ONE_WRITER)  # two processes that start at once would create it twice
                for metadata in (ledger_metadata, record_metadata, node_metadata):
                    metadata.create_all(connection)
        except OperationalError as problem:
            where = self.engine.url.render_as_string(hide_password=True)
            raise ConfigProblem(f"expected a database that answers at {where}, found: {str(problem.orig).strip().splitlines()[0]}") from None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a write transaction; committed at the end, rolled back when anything raises."""
        with self._writer, self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if self._sqlite else _ONE_WRITER)
            try:
                yield connection
            except BaseException:
                self._end(connection, "ROLLBACK")
                raise
            self._end(connection, "COMMIT")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection with one consistent view."""
        with self.engine.connect() as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            try:
                yield connection
            finally:
                self._end(connection, "ROLLBACK")

    def _end(self, connection: Connection, how: str) -> None:
        if self._sqlite:
            connection.exec_driver_sql(how)
        elif how == "COMMIT":
            connection.commit()
        else:
            connection.rollback()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _server_engine(url: str) -> Engine:
    try:
        return create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as problem:
        raise ConfigProblem(f"expected a database URL such as postgresql://name@host/database, found one that cannot be read: {problem}") from None
    except ModuleNotFoundError as problem:
        raise ConfigProblem(f"this database needs the package {problem.name}; install it with: pip install 'baybridge[postgresql]'") from None


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, poolclass=QueuePool, pool_size=8, isolation_level="AUTOCOMMIT", connect_args={"timeout": _BUSY_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={_BUSY_MS}", "foreign_keys=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
