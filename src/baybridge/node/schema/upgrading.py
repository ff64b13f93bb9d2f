"""Bring a database up to the newest version of the schema, or back to the copy that was made before.

Main job: `plan(config)`, what would be done; `upgrade(config, walk)` copies the database, changes it, checks the whole ledger and only then lets the change stand;
`back(config, copy, walk)` makes it be the copy again.

Copying touches nothing, and changes and check are one transaction: a process that is killed leaves the database as it was, or as it is to be. Elsewhere: the version
itself in `version.py`, running the changes in `migrating.py`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select

from baybridge.ledger import log
from baybridge.ledger.heads import EVENT_KIND
from baybridge.ledger.tables import log_entry
from baybridge.node.clock import now
from baybridge.node.config import Config, ConfigProblem
from baybridge.node.integrity import check as checking
from baybridge.node.integrity.finding import Finding
from baybridge.node.integrity.rows import rows_of
from baybridge.node.keeping import image
from baybridge.node.schema import migrating, version
from baybridge.node.steps import Walk
from baybridge.node.storage import Storage, Waits
from baybridge.node.upkeep.served import ServedElsewhereError, hold_alone

FOLDER = "before-upgrades"
#: A neighbour's misconduct is no fault of this database.
_OTHERS = frozenset({"ledger.check.neighbour"})


class UnsoundError(Exception):
    """The check after the change found something; nothing was changed."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was done: the versions before and after, the names of the changes, the copy made before, the log afterwards."""

    before: str
    after: str
    steps: tuple[str, ...]
    copy: Path | None
    log_size: int
    log_root: str


def plan(config: Config) -> Upgraded:
    """What an upgrade would do; nothing is changed. ConfigProblem where there is no database of a node, or a newer one."""
    with _storage(config) as storage, storage.reading() as connection:
        found = _older_or_same(connection, config)
        size, root = log.size_and_root(connection)
    return Upgraded(found, version.NEWEST, migrating.steps_from(found) if found != version.NEWEST else (), None, size, root.hex())


def upgrade(config: Config, walk: Walk, *, despite_findings: bool = False, copying: bool = True) -> Upgraded:
    """Copy the database, change it, check it, and let the change stand; the same answer without steps where it is the newest already.

    UnsoundError, with nothing changed, where the ledger does not hold afterwards. ConfigProblem where it cannot be begun.
    """
    with _alone(config), _storage(config) as storage:
        before = plan(config)
        if not before.steps:
            return before
        copy = _copied(config, storage, before.before) if copying else None
        walk.step("upgrade.copied")
        with storage.writing(urgent=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            migrating.migrate(connection)
            walk.step("upgrade.changed")
            if not despite_findings:
                _check(connection, config)
            size, root = log.size_and_root(connection)
            walk.step("upgrade.checked")
        walk.step("upgrade.standing")
    return Upgraded(before.before, version.NEWEST, before.steps, copy, size, root.hex())


def back(config: Config, copy: Path, walk: Walk, *, lose_entries: bool = False) -> Upgraded:
    """Make the database be the copy that an upgrade made.

    ConfigProblem where it is no such copy of this node, or where something happened in a case since and `lose_entries` does not say that it may go.
    """
    with _alone(config), _storage(config) as storage:
        found, size, root = _of_copy(copy)
        with storage.reading() as connection:
            now_at = version.found(connection) or ""
            _same_log(connection, size, root, copy)
            lost = _events_since(connection, size)
        if lost and not lose_entries:
            raise ConfigProblem(
                f"{lost} events were written since {copy.name} was made, and going back loses them: enter them again afterwards, "
                "and say so with --lose-entries; the neighbours will find this log shorter than they saw it"
            )
        image.put(copy, storage)
        walk.step("upgrade.put_back")
    return Upgraded(now_at, found, (), copy, size, root.hex())


# --- parts ----------------------------------------------------------------------------------------------------------


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    try:
        with hold_alone(config.folder):
            yield
    except ServedElsewhereError as problem:
        raise ConfigProblem(f"{config.folder}: {problem}") from None


@contextmanager
def _storage(config: Config) -> Iterator[Storage]:
    storage = Storage(config.database, Waits.of(config.settings))
    try:
        storage.require_file(config.folder)
        yield storage
    finally:
        storage.close()


def _older_or_same(connection: Connection, config: Config) -> str:
    found = version.found(connection)
    if found is None or found > version.NEWEST:
        raise ConfigProblem(version.against(connection, config.folder) or "")
    return found


def _copied(config: Config, storage: Storage, found: str) -> Path:
    """The copy that one can go back to; ConfigProblem where the disk has no room for it."""
    folder = config.folder / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    for rest in folder.glob("*.part"):
        rest.unlink()
    file = Path(storage.engine.url.database or "")
    needed, free = (file.stat().st_size if file.is_file() else 0), shutil.disk_usage(folder).free
    if free < needed:
        raise ConfigProblem(f"the copy before the upgrade needs {needed // 2**20 + 1} MiB, and {folder} has room for {free // 2**20}; make room first")
    made = folder / f"{found}-{now().strftime('%Y%m%dT%H%M%S.%fZ')}.sqlite"
    part = made.with_suffix(".part")
    image.take(storage, part, to_keep=True)
    return part.rename(made)


def _check(connection: Connection, config: Config) -> None:
    checked = checking.check(connection, config, rows_of(config))
    findings = [one for one in checked.findings if one.reason.code not in _OTHERS]
    if findings:
        raise UnsoundError(findings)


def _of_copy(copy: Path) -> tuple[str, int, bytes]:
    """The version of a copy, and its log; ConfigProblem where it is none."""
    try:
        with image.opened(copy) as engine, engine.connect() as connection:
            found = version.found(connection)
            if found is not None:
                return found, *log.size_and_root(connection)
    except image.UNREADABLE:
        pass
    raise ConfigProblem(f"expected a copy that an upgrade made, as they stand in {FOLDER}, found something else: {copy.name}")


def _same_log(connection: Connection, size: int, root: bytes, copy: Path) -> None:
    if log.size(connection) < size or log.size_and_root(connection, size)[1] != root:
        raise ConfigProblem(f"expected a copy of this node, found one of another or of a later state: {copy.name}")


def _events_since(connection: Connection, size: int) -> int:
    since = (log_entry.c.position >= size) & (log_entry.c.kind == EVENT_KIND)
    return int(connection.execute(select(func.count()).select_from(log_entry).where(since)).scalar_one())
