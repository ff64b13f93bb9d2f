"""What is remembered of backups: those that were made, tries that failed, and when a file was last read again.

Main job: `made(storage, …)`, `failed(storage, …)`, `looked(storage, …)`; `latest(connection)` for whoever must know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from baybridge.node import tables
from baybridge.node.keeping.backups import Made
from baybridge.node.storage import Storage

_KEPT = 400  # latest rows
_MOST_SAID = 500  # characters of a problem


@dataclass(frozen=True, slots=True)
class Remembered:
    """A backup, or a try that failed: then `problem` says why and there is no file."""

    made_at: datetime
    path: Path
    size: int
    log_size: int
    sha256: str
    problem: str
    looked_at: datetime | None

    @property
    def good(self) -> bool:
        """Whether there is a file, and nothing was found wrong with it."""
        return not self.problem


def made(storage: Storage, at: datetime, done: Made) -> None:
    """Remember a backup."""
    _add(storage, at, {"path": done.backup, "bytes": done.bytes, "log_size": done.log_size, "root": done.root, "sha256": done.sha256, "problem": None})


def failed(storage: Storage, at: datetime, path: Path, problem: str) -> None:
    """Remember a try that failed, in the sentence that was told."""
    _add(storage, at, {"path": str(path), "bytes": 0, "log_size": 0, "root": "", "sha256": "", "problem": problem[:_MOST_SAID]})


def _add(storage: Storage, at: datetime, row: dict[str, object]) -> None:
    table = tables.backup
    with storage.writing(even_restored=True) as connection:
        connection.execute(insert(table).values(made_at=at.isoformat(), looked_at=None, **row))
        kept = connection.execute(select(table.c.made_at).order_by(table.c.made_at.desc()).limit(_KEPT)).scalars().all()
        connection.execute(delete(table).where(table.c.made_at.not_in(kept)))


def looked(storage: Storage, one: Remembered, at: datetime, problem: str) -> None:
    """Remember that a file was read again, and what was wrong with it."""
    table = tables.backup
    with storage.writing(even_restored=True) as connection:
        values = {"looked_at": at.isoformat(), "problem": problem[:_MOST_SAID] or None}
        connection.execute(update(table).where(table.c.made_at == one.made_at.isoformat()).values(**values))


def latest(connection: Connection, *, good: bool) -> Remembered | None:
    """The latest good backup, or the latest try."""
    table = tables.backup
    query = select(table).order_by(table.c.made_at.desc()).limit(1)
    row = connection.execute(query.where(table.c.problem.is_(None)) if good else query).mappings().first()
    return _remembered(row) if row is not None else None


def last_look(connection: Connection) -> datetime | None:
    """When the file of any backup was last read again."""
    at = connection.execute(select(func.max(tables.backup.c.looked_at))).scalar()
    return datetime.fromisoformat(at) if at else None


def _remembered(row: RowMapping) -> Remembered:
    return Remembered(
        datetime.fromisoformat(row["made_at"]), Path(row["path"]), row["bytes"], row["log_size"], row["sha256"], row["problem"] or "",
        datetime.fromisoformat(row["looked_at"]) if row["looked_at"] else None,
    )
