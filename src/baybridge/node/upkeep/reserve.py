"""The reserve: where readings of records are noted while the database cannot take them, so that a full disk or a stuck writer stops no care.

Main job: `Reserve.keep` writes a reading, `bring_in` appends what was kept to the log once the database takes it again. The file has its full size from the node's start,
so that a full disk cannot stop it; every line is signed and names the one before it. When it is full, only readings of one case in an emergency go on.

A process remembers what it wrote until it was brought in: what somebody took out of the file meanwhile, or took away with it, is written from memory, and the log
says how many those were. What nobody can know: lines that were taken out, the last ones or all, after the process that wrote them ended.

**Source**: design section 5. **Units**: bytes. Elsewhere: what a database cannot do in `node/outage.py`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from msgspec import Struct, json, to_builtins

from baybridge.base import decoding
from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.keys import SigningKey, VerifyKey
from baybridge.consent.reading import Ground
from baybridge.journey.command import Actor, Role

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_LOG = logging.getLogger("baybridge.reserve")

FILE = "reserve.journal"
_END = b"\n"
_MOST_REMEMBERED = 1000


class ReserveFullError(Exception):
    """Nothing more fits into the reserve."""


class Kept(Struct, frozen=True, kw_only=True):
    """One reading that waits for the log: who read whose record, when, why, and on which ground."""

    at: str
    account: str
    role: str
    organisation: str
    subject: str  # the case, or the patient where no case is known
    what: str
    purpose: str
    more: dict[str, str] = {}

    @property
    def actor(self) -> Actor:
        """Who read."""
        return Actor(self.account, Role(self.role), self.organisation)


class _Line(Struct, frozen=True, kw_only=True):
    """A kept reading in its place: the hash of the line before, and the signature over both."""

    number: int
    before: str
    kept: Kept
    signature: str


class Reserve:
    """The reserved file of one node; threads and processes that share the folder use it one at a time."""

    def __init__(self, folder: Path, key: SigningKey, size: int, earlier: Callable[[], Iterable[VerifyKey]] = tuple) -> None:
        self._path = folder / FILE
        self._key = key
        self._earlier = earlier  # keys of before, by which lines may wait
        self._lock = threading.Lock()
        self._size = size
        self._remembered: list[Kept] = []  # of emergencies, once the file is full
        self._written: list[Kept] = []  # by this process, and not brought in by it
        self._made()

    def _made(self) -> None:
        """Make the file, whole, where there is none; a folder that cannot be written has no reserve, and says so when it is needed."""
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            return
        with os.fdopen(handle, "wb") as file:
            file.write(b"\0" * self._size)  # written, not only announced: a hole in a file takes room later
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def _opened(self) -> Iterator[tuple[int, list[bytes]]]:
        """The file, locked, with its whole lines: one that a kill cut short was acknowledged to nobody and is written over."""
        with self._lock:
            try:
                handle = os.open(self._path, os.O_RDWR)
            except OSError:
                raise ReserveFullError from None
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                data = os.pread(handle, os.fstat(handle).st_size, 0)
                yield handle, data[: data.rfind(_END) + 1].split(_END)[:-1]
            finally:
                os.close(handle)

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        try:
            with self._path.open("rb") as file:
                return file.read(1) in (b"", b"\0") and not self._remembered
        except OSError:
            return not self._remembered

    def keep(self, kept: Sequence[Kept], *, emergency: bool = False) -> None:
        """Write these readings, all or none; ReserveFullError where they do not fit.

        One reading of an emergency goes on even then: it is remembered until it can be brought in, and lost if the process ends before.
        """
        try:
            with self._opened() as (handle, lines):
                before, number, made = _hash_of_last(lines), len(lines), []
                for one in kept:
                    number += 1
                    made.append(self._signed(number, before, one))
                    before = sha256_hex(made[-1])
                used, added = sum(len(line) + 1 for line in lines), b"".join(line + _END for line in made)
                if used + len(added) > os.fstat(handle).st_size:
                    raise ReserveFullError
                os.pwrite(handle, added, used)
                os.fdatasync(handle)
                self._written += kept
        except ReserveFullError:
            if not emergency or len(kept) > 1 or len(self._remembered) >= _MOST_REMEMBERED:
                raise
            self._remembered += kept

    def _signed(self, number: int, before: str, kept: Kept) -> bytes:
        signature = b64encode(self._key.sign(_signed_bytes(number, before, kept))).decode()
        return json.encode(_Line(number=number, before=before, kept=kept, signature=signature))

    def waiting(self) -> list[Kept]:
        """What waits, oldest first; a line that this node's key did not sign, or that is out of its place, ends it."""
        with self._opened() as (_handle, lines):
            return list(self._sound(lines))

    def _sound(self, lines: Sequence[bytes]) -> Iterator[Kept]:
        before = ""
        for number, line in enumerate(lines, start=1):
            try:
                read = decoding.decode(line, _Line)
                sound = read.number == number and read.before == before
                sound = sound and self._signed_here(b64decode(read.signature), _signed_bytes(number, before, read.kept))
            except ValueError:
                return
            if not sound:
                return
            yield read.kept
            before = sha256_hex(line)

    def _signed_here(self, signature: bytes, data: bytes) -> bool:
        return any(key.verify(signature, data) for key in (self._key.public, *self._earlier()))

    def bring_in(self, node: Node) -> int:
        """Append everything that waits to the log, in one transaction, and empty the file after it; how many readings that were.

        A process that dies between the two finds in the log up to where it came, and appends nothing twice.
        """
        if self.empty and not self._written:
            return 0
        self._made()  # where somebody took it away
        with self._opened() as (handle, lines):
            kept, remembered, last = list(self._sound(lines)), list(self._remembered), _hash_of_last(lines)
            written = list(self._written)
            with node.unit(even_restored=True) as unit:
                known = bool(lines) and _was_brought_in(unit, last)
                fresh = [] if known else kept
                gone = [one for one in written if one not in kept and not _stands(unit, one)]
                for one in (*fresh, *gone, *remembered):
                    bring_in_one(unit, one)
                if remembered or gone or (lines and not known):
                    said = {"readings": len(fresh) + len(gone) + len(remembered), "unreadable": len(lines) - len(kept), "gone": len(gone), "last": last}
                    unit.log("reserve", "", last, orjson.dumps(said), node.system(), "integrity")
            if gone:
                _LOG.warning("reserve: %d readings were gone from the file and were written from memory", len(gone))
            os.pwrite(handle, b"\0" * os.fstat(handle).st_size, 0)
            os.fdatasync(handle)
            self._remembered = self._remembered[len(remembered) :]
            self._written = self._written[len(written) :]
            return len(kept) + len(gone) + len(remembered)


def _hash_of_last(lines: Sequence[bytes]) -> str:
    return sha256_hex(lines[-1]) if lines else ""


def _signed_bytes(number: int, before: str, kept: Kept) -> bytes:
    return canonical_bytes({"number": number, "before": before, "kept": to_builtins(kept)})


def _was_brought_in(unit: Unit, last: str) -> bool:
    from baybridge.ledger import log

    return bool(log.entries_on(unit.connection, last, "reserve"))


def _stands(unit: Unit, kept: Kept) -> bool:
    """Whether another process that shares the file brought this one in."""
    from baybridge.node.people import reads

    return reads.stands(unit.connection, kept.account, kept.what, kept.at)


def bring_in_one(unit: Unit, kept: Kept) -> None:
    """Write one reading into the patient's list and the log, with the time at which it was made."""
    from baybridge.node.people import reads

    owner = reads.owner_of(unit.connection, kept.subject)
    patient, case_id = (kept.subject, "") if owner is None else (owner, kept.subject)
    ground = Ground(kept.more["ground"]) if kept.more.get("ground") in set(Ground) else Ground.RELATION
    reads.note(unit, kept.actor, patient, case_id, kept.what, kept.purpose, ground, at=kept.at)
