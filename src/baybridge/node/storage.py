"""Storage: the one database of a node, and its transactions.

Main job: `writing()` gives one writer a connection whose work is all there or not at all; `reading()` a consistent view.

SQLite runs with write-ahead log and `synchronous=FULL`: what was acknowledged survives power loss. On PostgreSQL any number of processes serve one node: a writer takes
the node's one lock, because the log has one order, and a reader sees the database as of its first question. Elsewhere: the tables stand with their parts
(`ledger/tables.py`, `record/store/tables.py`, `node/tables.py`); the same schema serves both, and its version stands in `schema/version.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Delete, Executable, Insert, Update, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import QueuePool

from baybridge.node.config import ConfigProblem
from baybridge.node.outage import StorageProblem, problem_of
from baybridge.node.schema import version

if TYPE_CHECKING:
    from baybridge.node.integrity.rows import RowLog
    from baybridge.node.people.factor_key import Sealer

_CONNECT_S = 5
#: PostgreSQL's lock of the one writer, held to the end of its transaction; under READ COMMITTED it then sees all that the writers before it did.
_ONE_WRITER = "SELECT pg_advisory_xact_lock(7271993250281321)"


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a database is waited for: a writer for its turn, one statement for its end."""

    lock_s: float = 10.0
    statement_s: float = 120.0

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Waits:
        """As the settings of a node say."""
        return cls(float(settings.get("BAYBRIDGE_LOCK_SECONDS", "10")), float(settings.get("BAYBRIDGE_STATEMENT_SECONDS", "120")))


#: Writers that wait for their turn with patience; whoever comes after them waits briefly, so that a stuck writer does not hold every thread of the node.
_MOST_QUEUED = 24
_BRIEFLY_S = 1.0


class Storage:
    """Engine and transactions of one database URL."""

    def __init__(self, url: str, waits: Waits | None = None) -> None:
        self.waits = waits or Waits()
        self._turns = threading.Condition()
        self._writes = False  # whether somebody has the turn
        self._queued = 0  # writers that wait for their turn
        self._urgent = 0  # those of them that go before the others
        self._sqlite = url.startswith("sqlite")
        self.engine = _sqlite_engine(url, self.waits) if self._sqlite else _server_engine(url, self.waits)
        self.sealer: Sealer | None = None  # seals secrets of second factors; a node sets it
        self.guard: Callable[[Connection], None] | None = None  # raises StorageProblem while nothing may be written; a node sets it
        self.rows: RowLog | None = None  # who logs the changes of accounts and other covered rows; a node sets it
        event.listen(self.engine, "before_execute", _changing)
        event.listen(self.engine, "after_cursor_execute", _added)

    def create(self) -> None:
        """Create the tables of a new node; a database that holds one is left as it is. ConfigProblem where no database answers."""
        with self._answering(), self.engine.begin() as connection:
            if not self._sqlite:
                connection.exec_driver_sql(_ONE_WRITER)  # two processes that start at once would create it twice
            version.make(connection)

    def require(self, folder: Path) -> None:
        """ConfigProblem, in a sentence with the command to run, unless this is the database of the node in `folder` and has the schema of this software."""
        self.require_file(folder)
        with self._answering(), self.engine.connect() as connection:
            problem = version.against(connection, folder)
        if problem is not None:
            raise ConfigProblem(problem)

    def require_file(self, folder: Path) -> None:
        """ConfigProblem where the file of an SQLite database is gone: opening it would make an empty one, and the node would forget everything."""
        file = self.engine.url.database
        if self._sqlite and file and not Path(file).is_file():
            raise ConfigProblem(
                f"expected the database of the node in {folder} at {file}, found no file; where it was moved, say where it is with BAYBRIDGE_DATABASE, "
                "and where it was lost, bring it back with: baybridge restore BACKUP --key PRIVATE --to NEWDIR"
            )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as problem:
            where = self.engine.url.render_as_string(hide_password=True)
            raise ConfigProblem(f"expected a database that answers at {where}, found: {str(problem.orig).strip().splitlines()[0]}") from None

    @contextmanager
    def writing(self, *, urgent: bool = False, even_restored: bool = False) -> Iterator[Connection]:
        """A connection in a write transaction; committed at the end, rolled back when anything raises. An `urgent` one waits for no other that waits.

        `even_restored`: also while a restored node waits for people to accept what it lacks; for sign-ins, notes of who reads and the log's own bookkeeping.

        StorageProblem where the database cannot take it now: locked for too long, full, read-only or away; nothing of it stands then.
        """
        with _told(), self._turn(urgent=urgent), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if self._sqlite else _ONE_WRITER)
            try:
                if self.guard is not None and not even_restored:
                    self.guard(connection)
                yield from self._watched(connection)
            except BaseException:
                with suppress(DBAPIError):  # a database that is full or away has rolled back already
                    self._end(connection, "ROLLBACK")
                raise
            self._end(connection, "COMMIT")

    def _watched(self, connection: Connection) -> Iterator[Connection]:
        """The connection, with the changes of covered rows logged at the end."""
        watch = self.rows.watch(connection) if self.rows is not None else None
        connection.info.update(watch=watch, sealer=self.sealer)
        try:
            yield connection
            if watch is not None:
                watch.finish()
        finally:
            connection.info.pop("watch", None)

    @contextmanager
    def _turn(self, *, urgent: bool) -> Iterator[None]:
        """The turn of one writer of this process, an urgent one before the others; StorageProblem where those before take too long."""
        with self._turns:
            self._queued += 1
            self._urgent += urgent
            patience = self.waits.lock_s if urgent or self._queued <= _MOST_QUEUED else min(_BRIEFLY_S, self.waits.lock_s)
            try:
                mine = self._turns.wait_for(lambda: not self._writes and (urgent or not self._urgent), timeout=patience)
            finally:
                self._queued -= 1
                self._urgent -= urgent
            if not mine:
                self._turns.notify_all()  # an urgent one that gave up no longer holds the others back
                raise StorageProblem("busy")
            self._writes = True
        try:
            yield
        finally:
            with self._turns:
                self._writes = False
                self._turns.notify_all()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection with one consistent view; StorageProblem where the database does not answer."""
        with _told(), self.engine.connect() as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            connection.info["sealer"] = self.sealer
            try:
                yield connection
            finally:
                with suppress(DBAPIError):
                    self._end(connection, "ROLLBACK")

    def _end(self, connection: Connection, how: str) -> None:
        if self._sqlite:
            connection.exec_driver_sql(how)
        elif how == "COMMIT":
            connection.commit()
        else:
            connection.rollback()

    def empty_write_ahead(self) -> None:
        """Carry SQLite's write-ahead log into the database and empty it: pages of before an erasure stand in it otherwise. Waits for readers as a writer does."""
        if self._sqlite:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _changing(connection: Connection, statement: Executable, many: Sequence[object], one: Mapping[str, object], _options: object) -> None:
    """Before a statement that changes or deletes rows: tell the watch of the write transaction."""
    watch = connection.info.get("watch")
    if watch is not None and isinstance(statement, Update | Delete):
        watch.changing(statement, plain=not (many or one))


def _added(connection: Connection, _cursor: object, _text: str, _given: object, context: DefaultExecutionContext, _many: bool) -> None:  # noqa: FBT001 - SQLAlchemy calls so
    """After a statement that added rows: tell the watch of the write transaction which."""
    watch, compiled = connection.info.get("watch"), context.compiled
    if watch is not None and compiled is not None and isinstance(compiled.statement, Insert):
        watch.added(compiled.statement.table, context.compiled_parameters)


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the driver that tell of the database's state are raised as StorageProblem; defects stay what they are."""
    try:
        yield
    except Exception as error:
        problem = problem_of(error)
        if problem is None or problem is error:
            raise
        raise problem from error


def _server_engine(url: str, waits: Waits) -> Engine:
    times = f"-c lock_timeout={round(waits.lock_s * 1000)} -c statement_timeout={round(waits.statement_s * 1000)}"
    idle = f"-c idle_in_transaction_session_timeout={round(waits.statement_s * 2000)}"  # a process that died far away must not keep the one lock
    arguments = {"options": f"{times} {idle}", "connect_timeout": _CONNECT_S}
    try:
        return create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True, pool_timeout=waits.lock_s, connect_args=arguments)
    except (ArgumentError, NoSuchModuleError) as problem:
        raise ConfigProblem(f"expected a database URL such as postgresql://name@host/database, found one that cannot be read: {problem}") from None
    except ModuleNotFoundError as problem:
        raise ConfigProblem(f"this database needs the package {problem.name}; install it with: pip install 'baybridge[postgresql]'") from None


def _sqlite_engine(url: str, waits: Waits) -> Engine:
    arguments = {"timeout": waits.lock_s, "check_same_thread": False}
    engine = create_engine(url, poolclass=QueuePool, pool_size=8, pool_timeout=waits.lock_s, isolation_level="AUTOCOMMIT", connect_args=arguments)

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={round(waits.lock_s * 1000)}", "foreign_keys=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
