"""What a database cannot do now: one problem with its kind, instead of the many errors of drivers.

Main job: `problem_of(error)` tells a database that is locked, full, read-only or away from a defect of ours; `StorageProblem` is raised by `storage.py` and
answered at the door by a sentence.

**Source**: SQLite result codes (BUSY, FULL, READONLY, IOERR, CANTOPEN); PostgreSQL error codes, appendix A (classes 08, 25006, 53, 55P03, 57).
"""

from __future__ import annotations

import sqlite3
from typing import Literal

from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from baybridge.base.outcome import Category, Reason, Refusal, refuse

Kind = Literal["busy", "full", "read_only", "away", "restored", "clock"]  # the last two: of a backup and not accepted yet; a clock that cannot be believed

_SQLITE: dict[int, Kind] = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_IOERR: "away",
    sqlite3.SQLITE_CANTOPEN: "away",
}
_PRIMARY = 0xFF  # of SQLite's extended result codes
_POSTGRESQL: tuple[tuple[str, Kind], ...] = (
    ("55P03", "busy"),  # lock not available
    ("57014", "busy"),  # query cancelled: the statement's time was over
    ("40", "busy"),  # serialisation, deadlock
    ("53100", "full"),
    ("25006", "read_only"),
    ("53", "busy"),  # too many connections, out of memory
    ("57P", "away"),
    ("08", "away"),
)


class StorageProblem(Exception):
    """The database cannot do what was asked now; nothing of it was done."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind: Kind = kind

    @property
    def refusal(self) -> Refusal:
        """What is answered to whoever asked."""
        category = Category.STORAGE_FULL if self.kind == "full" else Category.BUSY
        return refuse(Reason(f"storage.{self.kind}"), category=category)


class GivenUp(StorageProblem):
    """The database gave a whole transaction up, with everything that was written in it."""


def problem_of(error: BaseException) -> StorageProblem | None:
    """The state of the database that an error tells of; None for a defect."""
    if isinstance(error, StorageProblem):
        return error
    if isinstance(error, PoolTimeoutError):
        return StorageProblem("busy")
    if isinstance(error, PendingRollbackError):  # the connection broke within this transaction, and somebody went on with it
        return StorageProblem("away")
    if isinstance(error, sqlite3.Error):
        own = _kind(error)
        return StorageProblem(own) if own is not None else None
    if not isinstance(error, DBAPIError) or error.orig is None:
        return None
    kind = _kind(error.orig)
    return StorageProblem(kind) if kind is not None else StorageProblem("away") if error.connection_invalidated else None


def _kind(origin: BaseException) -> Kind | None:
    if isinstance(origin, sqlite3.Error):
        code = getattr(origin, "sqlite_errorcode", None)
        return _SQLITE.get(code & _PRIMARY) if isinstance(code, int) else None
    state = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    if state is None:
        return "away" if type(origin).__name__ in ("OperationalError", "InterfaceError") else None  # a connection that broke has no code
    return next((kind for begin, kind in _POSTGRESQL if str(state).startswith(begin)), None)
