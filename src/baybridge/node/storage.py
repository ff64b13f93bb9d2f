"""Storage: the one database of a node, and its transactions.

Main job: `writing()` gives one writer a connection whose work is all there or not at all; `reading()` a consistent view.

SQLite runs with write-ahead log and `synchronous=FULL`: what was acknowledged survives power loss. On PostgreSQL any number of processes serve one node: a writer takes
the node's one lock, because the log has one order, and a reader sees the database as of its first question. Elsewhere: the tables stand with their parts
(`ledger/tables.py`, `record/store/tables.py`, `node/tables.py`); the same schema serves both, and its version stands in `schema/version.py`.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Delete, Executable, Insert, Table, Update, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import QueuePool

from baybridge.base.plain_rows import driver, run
from baybridge.node.config import ConfigProblem
from baybridge.node.outage import StorageProblem, problem_of
from baybridge.node.schema import version

if TYPE_CHECKING:
    from baybridge.node.integrity.rows import RowLog
    from baybridge.node.people.factor_key import Sealer

_CONNECT_S = 5
_TO_OPEN = 64 * 1024  # bytes that SQLite needs beside a database to open it: an index of its write-ahead log
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


#: Tables that neither a session nor a decision of who reads what looks at: to write them changes no such decision. All others do, a new one too.
_BESIDE_ACCESS = frozenset(
    {
        "checkpoint", "command_given", "consequence", "content_salt", "entries_of_request", "kept_form", "live_event", "log_entry", "log_node", "notification",
        "record_read", "rendered", "resource_version", "seal", "search_value", "sign_in_attempt", "sign_in_begun", "task",
    }
)  # fmt: skip

#: Execution options of a statement that writes another table, and nothing there that such a decision looks at.
BESIDE_ACCESS = {"beside_access": True}

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
        self._looks = threading.Lock()
        self._looking: sqlite3.Connection | None = None
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
            self._room_to_open()
            where = self.engine.url.render_as_string(hide_password=True)
            raise ConfigProblem(f"expected a database that answers at {where}, found: {str(problem.orig).strip().splitlines()[0]}") from None

    def _room_to_open(self) -> None:
        """ConfigProblem where the disk has no room for the files that SQLite keeps beside an open database: then it says no more than that reading failed."""
        file = self.engine.url.database
        if not self._sqlite or not file:
            return
        free = shutil.disk_usage(Path(file).parent).free
        if free < _TO_OPEN:
            raise ConfigProblem(f"expected room to open the database {file}, found {free // 1024} kB free on its disk; make room, then start the node again")

    @contextmanager
    def writing(self, *, urgent: bool = False, even_restored: bool = False) -> Iterator[Connection]:
        """A connection in a write transaction; committed at the end, rolled back when anything raises. An `urgent` one waits for no other that waits.

        `even_restored`: also while a restored node waits for people to accept what it lacks; for sign-ins, notes of who reads and the log's own bookkeeping.

        StorageProblem where the database cannot take it now: locked for too long, full, read-only or away; nothing of it stands then.
        """
        with _told(), self._turn(urgent=urgent), self.engine.connect() as connection:
            run(connection, "BEGIN IMMEDIATE" if self._sqlite else _ONE_WRITER)
            try:
                if self.guard is not None and not even_restored:
                    self.guard(connection)
                yield from self._watched(connection)
            except BaseException:
                with suppress(DBAPIError, sqlite3.Error):  # a database that is full or away has rolled back already
                    self._end(connection, "ROLLBACK")
                raise
            self._end(connection, "COMMIT")

    def _watched(self, connection: Connection) -> Iterator[Connection]:
        """The connection, with the changes of covered rows logged at the end."""
        watch = self.rows.watch(connection) if self.rows is not None else None
        touches: set[str] = set()
        connection.info.update(watch=watch, sealer=self.sealer, touches=touches)
        try:
            yield connection
            if watch is not None:
                watch.finish()
            own = driver(connection) if touches else None
            if own is not None:
                own.execute(f"PRAGMA user_version = {(_stamp(own) + 1) % _STAMPS}")
        finally:
            connection.info.pop("watch", None)
            connection.info.pop("touches", None)

    def access_stamp(self, connection: Connection) -> int | None:
        """A number that is another one after each transaction that may have changed who may read what: what was decided under it holds while it stands.

        None where there is none: in a write transaction, whose own changes it does not count yet, and on PostgreSQL.
        """
        if "touches" in connection.info:
            return None
        own = driver(connection)
        return _stamp(own) if own is not None else None

    def access_stamp_now(self) -> int | None:
        """The same outside of a transaction; None where the database does not say."""
        if not self._sqlite:
            return None
        with self._looks:
            try:
                self._looking = self._looking or self.looking()
                return _stamp(self._looking)
            except sqlite3.Error:
                return None

    def looking(self) -> sqlite3.Connection:
        """A connection of SQLite's own driver that writes nothing, for questions that cost less than what is around them; whoever opens it closes it."""
        return sqlite3.connect(f"{Path(self.engine.url.database or '').absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)

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
                run(connection, "BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            connection.info["sealer"] = self.sealer
            try:
                yield connection
            finally:
                with suppress(DBAPIError, sqlite3.Error):
                    self._end(connection, "ROLLBACK")

    def _end(self, connection: Connection, how: str) -> None:
        if self._sqlite:
            run(connection, how)
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
        with self._looks:
            if self._looking is not None:
                self._looking.close()
            self._looking = None
        self.engine.dispose()


def _stamp(own: sqlite3.Connection) -> int:
    return int(own.execute("PRAGMA user_version").fetchone()[0])


_STAMPS = 2**31  # of SQLite's 32 bits with a sign


def _changing(connection: Connection, statement: Executable, many: Sequence[object], one: Mapping[str, object], _options: object) -> None:
    """Before a statement that writes rows: note which table; before one that changes or deletes some, tell the watch of the write transaction."""
    touches = connection.info.get("touches")
    if touches is None or not isinstance(statement, Insert | Update | Delete):
        return
    name = statement.table.name if isinstance(statement.table, Table) else ""
    if name not in _BESIDE_ACCESS and not BESIDE_ACCESS.items() <= statement.get_execution_options().items():
        touches.add(name)
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
