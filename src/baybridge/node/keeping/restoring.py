"""A node brought back from a backup, on any machine.

Main job: `verify(file, key)` says whether a backup holds; `restore(file, key, to, …)` makes a node folder of it, which has its name only when all of it is done.

A restored log is as long as it was when the backup was made. Neighbours that saw it longer are asked, and what they say stands in the database: `standing.py`.

What must be brought separately, because a backup never holds it: `keys/factors.key`, without which second factors are set up anew; the private key of the backup itself;
and the server, where the database is PostgreSQL. **Units**: sizes are entries of the log.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from sqlalchemy import inspect

from baybridge.base.failures import why
from baybridge.ledger import log
from baybridge.node.clock import now
from baybridge.node.config import Config, ConfigProblem, read_config, write_private
from baybridge.node.integrity import check as checking
from baybridge.node.integrity import index
from baybridge.node.integrity.finding import Finding
from baybridge.node.integrity.image_check import check_image
from baybridge.node.integrity.rows import fresh_salt, rows_of
from baybridge.node.keeping import image, packing, standing
from baybridge.node.keeping.backups import Made
from baybridge.node.keeping.packing import BackupProblem, Manifest
from baybridge.node.keeping.standing import Standing
from baybridge.node.people import factor_key
from baybridge.node.schema import upgrading, version
from baybridge.node.steps import Walk
from baybridge.node.storage import Storage, Waits

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

    from baybridge.node.node import Transport

_CHUNK = 1 << 20
_DATABASE = "node.sqlite"
#: A neighbour's misconduct is no fault of this backup.
_OTHERS = frozenset({"ledger.check.neighbour"})


@dataclass(frozen=True, slots=True)
class Verified:
    """A backup that was read to its end, and what the check of its ledger found."""

    made: Made
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether the whole ledger holds."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Restored:
    """A node that was brought back: from what, where, how it stands, and what is still to be brought."""

    made: Made
    folder: Path
    standing: Standing
    bring: tuple[str, ...]


class UnsoundBackupError(Exception):
    """The ledger in a backup does not hold; nothing was restored."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings = tuple(findings)


def verify(file: Path, key: Identity) -> Verified:
    """Read a backup to its last byte and check the ledger in it; BackupProblem where it cannot be read. Needs room for the whole database in the temporary folder."""
    with tempfile.TemporaryDirectory(prefix="baybridge-backup-") as place:
        config, manifest = _unpacked(file, key, Path(place) / "node")
        findings = _checked(config, manifest, Walk())
    return Verified(_made(file, manifest), findings)


def restore(
    file: Path, key: Identity, to: Path, walk: Walk, transport: Transport, *, database: str | None = None, factors: Path | None = None, despite_findings: bool = False
) -> Restored:
    """Make a node folder of a backup; with `database` its tables in that empty PostgreSQL database.

    BackupProblem where it cannot be read or there is something at `to`; UnsoundBackupError where its ledger does not hold, unless `despite_findings`.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BackupProblem(f"expected a folder that is not there yet, found one that is not empty: {to}")
    made_in = to.with_name(f"{to.name}.restoring")
    shutil.rmtree(made_in, ignore_errors=True)
    try:
        config, manifest = _unpacked(file, key, made_in)
        bring = _factors(config.folder, manifest, factors)
        walk.step("restore.unpacked")
        findings = _checked(config, manifest, walk)
        if findings and not despite_findings:
            raise UnsoundBackupError(findings)
        walk.step("restore.checked")
        made = _made(file, manifest)
        found = _asked(config, made, manifest.made_at, transport)
        walk.step("restore.asked")
        if database is not None:
            _to_server(config, database, made)
        if to.exists():
            to.rmdir()
        made_in.rename(to)
        walk.step("restore.named")
    except BaseException:
        shutil.rmtree(made_in, ignore_errors=True)
        raise
    return Restored(made, to, found, bring)


def _made(file: Path, manifest: Manifest) -> Made:
    hashed = sha256()
    with file.open("rb") as content:
        while data := content.read(_CHUNK):
            hashed.update(data)
    return Made(str(file), file.stat().st_size, manifest.log_size, manifest.root, manifest.schema, hashed.hexdigest())


def _unpacked(file: Path, key: Identity, folder: Path) -> tuple[Config, Manifest]:
    """The backup as a node folder with an SQLite database, of whatever version it was."""
    folder.mkdir(mode=0o700, parents=True)
    manifest = packing.read(file, key, folder)
    if manifest.schema > version.NEWEST:
        raise BackupProblem(f"{file.name}: expected a backup of schema {version.NEWEST} or older, found {manifest.schema}; install the version that wrote it")
    for path in sorted((folder / packing.FILES).iterdir()):
        path.rename(folder / path.name)
    (folder / packing.FILES).rmdir()
    (folder / packing.DATABASE).rename(folder / _DATABASE)
    for name in ("data", "neighbours"):  # may have been empty
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    _keep_database(folder, None)
    try:
        return read_config(folder, f"sqlite:///{(folder / _DATABASE).resolve()}"), manifest
    except (ConfigProblem, OSError, KeyError, yaml.YAMLError) as problem:
        raise BackupProblem(f"{file.name}: expected the folder of a node in it, found {why(problem)}") from None


def _keep_database(folder: Path, url: str | None) -> None:
    """Have the folder name this database alone: the one of the other machine is another."""
    path = folder / "keys" / "secrets.yaml"
    secrets = yaml.safe_load(path.read_text(encoding="utf-8"))
    secrets.pop("database", None)
    write_private(path, yaml.safe_dump(secrets | ({"database": url} if url else {})))


def _factors(folder: Path, manifest: Manifest, given: Path | None) -> tuple[str, ...]:
    """Put the key of second factors in its place; what is to be brought where it was not given. BackupProblem where it is another node's."""
    wanted = folder / "keys" / factor_key.FILE
    if given is None:
        return (f"keys/{factor_key.FILE}",) if manifest.factors_key else ()
    shutil.copyfile(given, wanted)
    wanted.chmod(0o600)
    try:
        brought = factor_key.factor_key(folder)
    except ConfigProblem:
        raise BackupProblem(f"{given.name}: expected the key of second factors, 64 hexadecimal digits; found something else") from None
    if manifest.factors_key and sha256(brought).hexdigest() != manifest.factors_key:
        raise BackupProblem(f"{given.name}: expected the key of second factors of this node, found another one")
    return ()


# --- checking and asking --------------------------------------------------------------------------------------------


@contextmanager
def _storage(config: Config) -> Iterator[Storage]:
    storage = Storage(config.database, Waits.of(config.settings))
    try:
        yield storage
    finally:
        storage.close()


def _checked(config: Config, manifest: Manifest, walk: Walk) -> tuple[Finding, ...]:
    """What the check of the whole ledger finds, brought up to the schema of now where the backup is older."""
    with _storage(config) as storage, storage.reading() as connection:
        size, root = log.size_and_root(connection)
    if (size, root.hex()) != (manifest.log_size, manifest.root):
        raise BackupProblem(f"expected a log of {manifest.log_size} entries as the manifest says, found another one of {size}")
    if manifest.schema != version.NEWEST:
        upgrading.upgrade(config, walk, despite_findings=True, copying=False)
    return tuple(one for one in check_image(config).findings if one.reason.code not in _OTHERS)


def _asked(config: Config, made: Made, made_at: str, transport: Transport) -> Standing:
    """Ask the neighbours, and write down in the database how it stands; its log goes on with an entry that says where it came from."""
    keys = checking.own_keys(config)
    with _storage(config) as storage:
        with storage.reading() as connection:
            neighbours = standing.ask(config, connection, keys, transport, made.log_size)
        found = Standing(
            restored_at=now().isoformat(), backup_sha256=made.sha256, backup_made_at=made_at, log_size=made.log_size, root=made.root,
            state=standing.state_of(neighbours), neighbours=neighbours,
        )
        storage.rows = rows_of(config)
        with storage.writing() as connection:
            standing.keep(connection, found)
            log.append(connection, [(storage.rows.entry(standing.RESTORED, f"{found.state} {made.log_size}"), made.sha256.encode())], salt=fresh_salt)
            index.to_make_again(connection, storage.rows)
    return found


def _to_server(config: Config, database: str, made: Made) -> None:
    """Put the tables into a PostgreSQL database that is empty, or that an earlier try of this very restoration filled; the folder names it from then on."""
    with _storage(config) as source, source.reading() as connection:
        ours = log.size(connection)
    target = Storage(database, Waits.of(config.settings))
    try:
        with target.reading() as connection:
            held, tables = version.found(connection), inspect(connection).get_table_names()
            before = standing.standing(connection) if held == version.NEWEST else None
            same = before is not None and before.backup_sha256 == made.sha256 and log.size(connection) <= ours
        if tables and not same:
            what = "one that holds a node" if held is not None else f"one with tables, such as {tables[0]}"
            raise BackupProblem(f"expected an empty database, found {what}; make a new one for the restored node")
        image.put(config.folder / _DATABASE, target)
    finally:
        target.close()
    _keep_database(config.folder, database)
    for path in config.folder.glob(f"{_DATABASE}*"):
        path.unlink()
