"""A backup of a node, made while it works: its database as of one moment and the files of its folder, in one encrypted file.

Main job: `make(config, to, key, walk)`. The file has its name only once it is whole and on disk; a process that is killed leaves the backups of before, and rests
that the next one clears away. Keys that encrypt secrets of the database are not in it: `restoring.py` says what is to be brought from where it is kept apart.

What stands in the folder: the reserve is packed as it was before the database was looked at, so that a reading which moves from one to the other meanwhile is in
either; everything else afterwards, so that what the database names is there. Elsewhere: the file's form in `packing.py`, when backups are made in `schedule.py`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from baybridge.ledger import keeping, log
from baybridge.node.clock import now
from baybridge.node.config import LINKED, Config
from baybridge.node.keeping import image, packing
from baybridge.node.keeping.packing import BackupProblem, Manifest, PartSaid
from baybridge.node.people import factor_key
from baybridge.node.schema import upgrading, version
from baybridge.node.software import software
from baybridge.node.steps import Walk
from baybridge.node.storage import Storage, Waits
from baybridge.node.upkeep import reserve

if TYPE_CHECKING:
    from pyrage.x25519 import Recipient

ENDING = ".backup.age"
_WORK, _LOCK = "backup.part", "backup.lock"
#: What is not part of a backup: it is made anew, belongs to this machine, or is kept apart on purpose.
_LEFT_OUT = frozenset({"served.lock", _LOCK, _WORK, upgrading.FOLDER, f"keys/{factor_key.FILE}", reserve.FILE})


@dataclass(frozen=True, slots=True)
class Made:
    """A backup: where it is, its size and hash, and the log and schema of its database."""

    backup: str
    bytes: int
    log_size: int
    root: str
    schema: str
    sha256: str

    def as_json(self) -> dict[str, object]:
        """As the commands print it."""
        return asdict(self)


def make(config: Config, to: Path, key: Recipient, walk: Walk) -> Made:
    """Make a backup, at `to` or within the folder `to`; BackupProblem where another one is being made or the disk has no room, ConfigProblem as for opening."""
    storage = Storage(config.database, Waits.of(config.settings))
    try:
        storage.require(config.folder)
        target = _target(config, to)
        with _work_place(config.folder) as work:
            _room_for(storage, work)
            kept = _kept_reserve(config.folder, work)
            image.take(storage, work / packing.DATABASE, to_keep=False)
            walk.step("backup.imaged")
            return _packed(config, target, key, work, kept, walk)
    finally:
        storage.close()


def fresh_name(node: str) -> str:
    """The name of a backup that is made now; `retention.py` reads it again."""
    return f"{node}-{now().astimezone(UTC).strftime('%Y%m%dT%H%M%SZ')}{ENDING}"


def _target(config: Config, to: Path) -> Path:
    if to.is_dir():
        to = to / fresh_name(config.site.node)
    if not to.parent.is_dir():
        raise BackupProblem(f"expected a folder that is there, found none: {to.parent}")
    if to.exists():
        raise BackupProblem(f"expected a new file, found one that is there: {to}")
    return to.resolve()


@contextmanager
def _work_place(folder: Path) -> Iterator[Path]:
    """A fresh folder beside the database for one backup at a time, cleared afterwards; what a killed process left goes first."""
    with (folder / _LOCK).open("a", encoding="ascii") as held:
        (folder / _LOCK).chmod(0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupProblem("another backup of this node is being made; wait until it has ended") from None
        work = folder / _WORK
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _room_for(storage: Storage, work: Path) -> None:
    file = Path(storage.engine.url.database or "")
    needed, free = (file.stat().st_size if file.is_file() else 0), shutil.disk_usage(work).free
    if free < needed:
        raise BackupProblem(f"the copy of the database needs {needed // 2**20 + 1} MiB for a while, and {work.parent} has room for {free // 2**20}; make room first")


def _kept_reserve(folder: Path, work: Path) -> list[tuple[str, Path]]:
    if not (folder / reserve.FILE).is_file():
        return []
    shutil.copyfile(folder / reserve.FILE, work / reserve.FILE)
    return [(packing.FILES + reserve.FILE, work / reserve.FILE)]


def _packed(config: Config, target: Path, key: Recipient, work: Path, kept: list[tuple[str, Path]], walk: Walk) -> Made:
    with image.opened(work / packing.DATABASE) as engine, engine.connect() as connection:
        size, root = log.size_and_root(connection)
        checkpoint = keeping.latest(connection) or ""

    def manifest(parts: tuple[PartSaid, ...]) -> Manifest:
        return Manifest(
            form=packing.FORM, node=config.site.node, made_at=now().isoformat(), schema=version.NEWEST, software=software(), log_size=size,
            root=root.hex(), checkpoint=checkpoint, factors_key=_factors_key(config.folder), parts=parts,
        )

    part = target.with_name(target.name + ".part")
    try:
        parts = [(packing.DATABASE, work / packing.DATABASE), *kept, *_files(config, target.parent)]
        written, hashed = packing.write(part, parts, manifest, [key])
        walk.step("backup.packed")
        part.rename(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _settle(target.parent)
    walk.step("backup.named")
    return Made(str(target), written, size, root.hex(), version.NEWEST, hashed)


def _factors_key(folder: Path) -> str:
    """The hash of the key of second factors, by which it is recognised when it is brought."""
    return sha256(factor_key.factor_key(folder)).hexdigest()


def _files(config: Config, target: Path) -> Iterator[tuple[str, Path]]:
    """The files of the node's folder but for the database and what is left out; of links those alone are followed by which a setup laid settings elsewhere."""
    for name in LINKED:
        link = config.folder / name
        if link.is_symlink():
            yield from ((packing.FILES + name + str(one)[len(str(link)) :], one) for one in _below(link))
    for place, folders, names in os.walk(config.folder):
        inside = Path(place)
        folders[:] = sorted(one for one in folders if _belongs(config, inside / one, target))
        for name in sorted(names):
            path = inside / name
            if _belongs(config, path, target) and path.is_file() and not path.is_symlink():
                yield packing.FILES + str(path.relative_to(config.folder)), path


def _below(path: Path) -> Iterator[Path]:
    """A file, or every file below a folder."""
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (one for one in sorted(path.rglob("*")) if one.is_file() and not one.is_symlink())


def _belongs(config: Config, path: Path, target: Path) -> bool:
    database = config.database.removeprefix("sqlite:///") if config.database.startswith("sqlite:///") else ""
    of_database = database and str(path.resolve()).startswith(str(Path(database).resolve()))  # the file and what SQLite lays beside it
    name = str(path.relative_to(config.folder))
    apart = config.backup.private_key if config.backup else None
    own = name in _LEFT_OUT or name.endswith((".part", ENDING)) or (apart is not None and path.resolve() == apart.resolve())
    return not (of_database or own or (path.is_dir() and path.resolve() == target.resolve()))


def _settle(folder: Path) -> None:
    """Have the file's name on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
