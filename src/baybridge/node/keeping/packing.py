"""The file of a backup: what it holds, encrypted to a key, and how it is read again.

Main job: `write(file, parts, manifest_of, keys)` and `read(file, key, into)`. A backup is an archive (tar) of `database.sqlite`, the files of the node's folder under
`files/`, and last `manifest.json`, which names every part with its size and SHA-256; compressed (gzip), then encrypted (age, X25519). Without the manifest it is no
backup: one that was cut short is told from one that is whole.

**Source**: age-encryption.org/v1; the keys are those of the command `age-keygen`. **Units**: bytes; hashes hexadecimal. The form has a number (`FORM`), and every form
that was ever written is read for ever.
"""

from __future__ import annotations

import io
import os
import tarfile
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from gzip import BadGzipFile, GzipFile
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import msgspec
from msgspec import Struct

from baybridge.base import decoding

if TYPE_CHECKING:
    from pyrage.x25519 import Identity, Recipient

FORM = "baybridge-backup/1"
MANIFEST, DATABASE, FILES = "manifest.json", "database.sqlite", "files/"
_CHUNK = 1 << 20
_FAST = 1  # of gzip: records shrink to about a fifth, and no faster disk waits for it
_PRIVATE_MARK = "AGE-SECRET-KEY-"


class BackupProblem(Exception):
    """A backup or a key that cannot be used; the message says what was expected, what was found and where."""


class PartSaid(Struct, frozen=True, kw_only=True):
    """A part of a backup as its manifest names it."""

    name: str
    bytes: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup says of itself."""

    form: str
    node: str
    made_at: str
    schema: str
    software: str
    log_size: int
    root: str  # over the log, hexadecimal
    checkpoint: str = ""  # the newest one that the node had signed
    factors_key: str = ""  # SHA-256 of the key of second factors, which is not in the backup
    parts: tuple[PartSaid, ...] = ()


# --- keys -----------------------------------------------------------------------------------------------------------


def new_key() -> tuple[str, str]:
    """A fresh private key and its public one, as text."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def recipient(text: str) -> Recipient:
    """The public key of a text or of a file's last line; BackupProblem where it is none, or where it is a private one."""
    from pyrage import RecipientError, x25519

    line = _key_line(text)
    if line.startswith(_PRIVATE_MARK):
        raise BackupProblem("expected the public key (age1…), found the private one; the private key does not belong on a machine that makes backups")
    try:
        return x25519.Recipient.from_str(line)
    except RecipientError:
        raise BackupProblem("expected a public key that begins with age1, as baybridge backup-key writes it; found something else") from None


def identity(text: str) -> Identity:
    """The private key of a file's text; BackupProblem where it is none."""
    from pyrage import IdentityError, x25519

    try:
        return x25519.Identity.from_str(_key_line(text))
    except IdentityError:
        raise BackupProblem("expected the private key (AGE-SECRET-KEY-…) that baybridge backup-key wrote; found something else") from None


def _key_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return lines[-1] if lines else ""


# --- writing --------------------------------------------------------------------------------------------------------


class _Counting:
    """A file that is written, with the size and hash of what was."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.size, self.hash = file, 0, sha256()

    def write(self, data: bytes) -> int:
        """Write bytes."""
        self.size += len(data)
        self.hash.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        """Nothing waits here."""


def write(file: Path, parts: Iterable[tuple[str, Path]], manifest_of: Callable[[tuple[PartSaid, ...]], Manifest], recipients: list[Recipient]) -> tuple[int, str]:
    """Write a backup to `file`, which its owner alone may read; its size and SHA-256. Parts are (name, path)."""
    from pyrage import encrypt_io

    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        counted = _Counting(out)
        with _piped(lambda pipe: _archive(pipe, parts, manifest_of)) as source:
            encrypt_io(source, counted, recipients)
        out.flush()
        os.fsync(out.fileno())
    return counted.size, counted.hash.hexdigest()


@contextmanager
def _piped(work: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """What `work` writes, to be read here while it writes; its failure is raised at the end."""
    read, written = os.pipe()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(written, "wb") as pipe:
                work(pipe)
        except BaseException as problem:  # noqa: BLE001 - it is raised where the result is used
            failed.append(problem)

    thread = threading.Thread(target=run, name="backup", daemon=True)
    thread.start()
    try:
        with os.fdopen(read, "rb") as source:
            yield source
    except Exception as problem:
        thread.join()
        if failed and isinstance(failed[0], BackupProblem) and not isinstance(problem, BackupProblem):
            raise failed[0] from None  # what it wrote ended early, and this is why
        raise
    thread.join()
    if failed:
        raise failed[0]


def _archive(pipe: BinaryIO, parts: Iterable[tuple[str, Path]], manifest_of: Callable[[tuple[PartSaid, ...]], Manifest]) -> None:
    with GzipFile(fileobj=pipe, mode="wb", compresslevel=_FAST, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        said = tuple(_added(tar, name, path) for name, path in parts)
        body = msgspec.json.encode(manifest_of(said))
        _add(tar, MANIFEST, len(body), io.BytesIO(body))


def _added(tar: tarfile.TarFile, name: str, path: Path) -> PartSaid:
    """Add a file as long as it is when it is opened; one that shrinks meanwhile is filled with zeros by nobody and fails."""
    with path.open("rb") as file:
        size, hashed = os.fstat(file.fileno()).st_size, sha256()
        _add(tar, name, size, _Hashing(file, hashed.update))
    return PartSaid(name=name, bytes=size, sha256=hashed.hexdigest())


def _add(tar: tarfile.TarFile, name: str, size: int, content: object) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    tar.addfile(member, cast("IO[bytes]", content))


class _Hashing:
    """A file that is read, with every byte shown to a hash."""

    def __init__(self, file: BinaryIO, see: Callable[[bytes], object]) -> None:
        self.file, self.see = file, see

    def read(self, size: int = -1) -> bytes:
        """Read bytes."""
        data = self.file.read(size)
        self.see(data)
        return data


# --- reading --------------------------------------------------------------------------------------------------------


def read(file: Path, key: Identity, into: Path) -> Manifest:
    """Unpack a backup into an empty folder, its database as `database.sqlite` and the files under `files/`; every part is compared with the manifest.

    BackupProblem where it was not encrypted to this key, is not whole, or holds anything else.
    """
    found: dict[str, PartSaid] = {}
    manifest: list[bytes] = []
    try:
        with file.open("rb") as sealed, _piped(lambda pipe: _decrypt(file.name, sealed, pipe, key)) as opened:
            with GzipFile(fileobj=opened, mode="rb") as packed, tarfile.open(fileobj=cast("IO[bytes]", packed), mode="r|") as tar:
                for member in tar:
                    _take(tar, member, into, found, manifest)
            while opened.read(_CHUNK):
                pass  # to the last byte, which says that the file is whole
    except (tarfile.TarError, BadGzipFile, EOFError, zlib.error):
        raise BackupProblem(f"{file.name}: expected a whole backup, found one that was cut short or changed") from None
    return _compared(file, manifest, found)


def _decrypt(name: str, sealed: BinaryIO, pipe: BinaryIO, key: Identity) -> None:
    from pyrage import DecryptError, decrypt_io

    try:
        decrypt_io(sealed, pipe, [key])
    except DecryptError:
        raise BackupProblem(f"{name}: expected a backup encrypted to this key, found one of another key, or another file") from None
    except OSError as problem:
        if problem.errno is not None:  # the disk's, not the cipher's
            raise
        raise BackupProblem(f"{name}: expected a whole backup, found one that was cut short or changed") from None


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path, found: dict[str, PartSaid], manifest: list[bytes]) -> None:
    content = tar.extractfile(member)
    if content is None or manifest or not _is_ours(member.name) or member.name in found:
        raise BackupProblem(f"expected the parts of a backup, found {member.name[:80]!r}")
    if member.name == MANIFEST:
        manifest.append(content.read())
        return
    path = into / member.name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hashed = sha256()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        while data := content.read(_CHUNK):
            hashed.update(data)
            out.write(data)
    found[member.name] = PartSaid(name=member.name, bytes=member.size, sha256=hashed.hexdigest())


def _is_ours(name: str) -> bool:
    """Whether a part may have this name: the database, the manifest, or a file within the folder."""
    path = PurePosixPath(name)
    return name in (MANIFEST, DATABASE) or (name.startswith(FILES) and not path.is_absolute() and ".." not in path.parts)


def _compared(file: Path, manifest: list[bytes], found: dict[str, PartSaid]) -> Manifest:
    if not manifest:
        raise BackupProblem(f"{file.name}: expected a whole backup, found one without its manifest")
    try:
        form = decoding.decode(manifest[0], dict[str, object]).get("form")
        if form != FORM:
            raise BackupProblem(f"{file.name}: expected a backup of the form {FORM}, found {form!r}; a newer version of this software reads it")
        said = decoding.decode(manifest[0], Manifest)
    except msgspec.DecodeError:
        raise BackupProblem(f"{file.name}: its manifest cannot be read") from None
    wrong = sorted({one.name for one in said.parts if found.get(one.name) != one} | (set(found) - {one.name for one in said.parts}))
    if wrong or DATABASE not in found:
        raise BackupProblem(f"{file.name}: these parts are not what its manifest says: {', '.join(wrong) or DATABASE}")
    return said
