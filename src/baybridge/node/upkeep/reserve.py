"""The reserve: where readings of records are noted while the database cannot take them, so that a full disk or a stuck writer stops no care.

Main job: `Reserve.keep` writes a reading, `bring_in` appends what was kept to the log once the database takes it again. The file has its full size from the node's start,
so that a full disk cannot stop it; every line is signed and names the one before it. When it is full, only readings of one case in an emergency go on.

**Source**: design section 5. **Units**: bytes. Elsewhere: what a database cannot do in `node/outage.py`.
"""

from __future__ import annotations

import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from msgspec import Struct, json, to_builtins

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.keys import SigningKey
from baybridge.journey.command import Actor, Role

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

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
    """The reserved file of one node; used by many threads, one at a time."""

    def __init__(self, folder: Path, key: SigningKey, size: int) -> None:
        self._path = folder / FILE
        self._key = key
        self._size = size
        self._lock = threading.Lock()
        self._lines = self._opened()
        self._remembered: list[Kept] = []  # of emergencies, once the file is full

    def _opened(self) -> list[bytes]:
        """What an earlier process kept; the file is made, whole, where there is none."""
        if not self._path.exists():
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(b"\0" * self._size)  # written, not only announced: a hole in a file takes room later
                file.flush()
                os.fsync(file.fileno())
        data = self._path.read_bytes()
        self._size = len(data)
        return [line for line in data.rstrip(b"\0").split(_END) if line]

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._lines

    def keep(self, kept: Sequence[Kept], *, emergency: bool = False) -> None:
        """Write these readings, all or none; ReserveFullError where they do not fit.

        One reading of an emergency goes on even then: it is remembered until it can be brought in, and lost if the process ends before.
        """
        with self._lock:
            made, before, number = [], self._last_hash(), len(self._lines)
            for one in kept:
                number += 1
                line = self._signed(number, before, one)
                before = sha256_hex(line)
                made.append(line)
            used = sum(len(line) + 1 for line in self._lines)
            added = b"".join(line + _END for line in made)
            if used + len(added) > self._size:
                if not emergency or len(kept) > 1 or len(self._remembered) >= _MOST_REMEMBERED:
                    raise ReserveFullError
                self._remembered += kept
                return
            handle = os.open(self._path, os.O_WRONLY)
            try:
                os.pwrite(handle, added, used)
                os.fdatasync(handle)
            finally:
                os.close(handle)
            self._lines += made

    def _last_hash(self) -> str:
        return sha256_hex(self._lines[-1]) if self._lines else ""

    def _signed(self, number: int, before: str, kept: Kept) -> bytes:
        signature = b64encode(self._key.sign(_signed_bytes(number, before, kept))).decode()
        return json.encode(_Line(number=number, before=before, kept=kept, signature=signature))

    def waiting(self) -> list[Kept]:
        """What waits, oldest first; lines that this node's key did not sign, or that are out of their place, are left out."""
        with self._lock:
            return list(self._sound())

    def _sound(self) -> Iterator[Kept]:
        before = ""
        for number, line in enumerate(self._lines, start=1):
            try:
                read = json.decode(line, type=_Line)
                sound = read.number == number and read.before == before
                sound = sound and self._key.public.verify(b64decode(read.signature), _signed_bytes(number, before, read.kept))
            except ValueError:
                return
            if not sound:
                return
            yield read.kept
            before = sha256_hex(line)

    def bring_in(self, node: Node) -> int:
        """Append everything that waits to the log, in one transaction, and empty the file after it; how many readings that were.

        A process that dies between the two finds in the log up to where it came, and appends nothing twice.
        """
        with self._lock:
            if not self._lines:
                return 0
            kept, last = list(self._sound()), self._last_hash()
            with node.unit() as unit:
                if not _was_brought_in(unit, last):
                    for one in (*kept, *self._remembered):
                        bring_in_one(unit, one)
                    lost = len(self._lines) - len(kept)
                    content = orjson.dumps({"readings": len(kept), "unreadable": lost, "last": last})
                    unit.log("reserve", "", last, content, node.system(), "integrity")
            handle = os.open(self._path, os.O_WRONLY)
            try:
                os.pwrite(handle, b"\0" * self._size, 0)
                os.fdatasync(handle)
            finally:
                os.close(handle)
            count = len(kept) + len(self._remembered)
            self._lines, self._remembered = [], []
            return count


def _signed_bytes(number: int, before: str, kept: Kept) -> bytes:
    return canonical_bytes({"number": number, "before": before, "kept": to_builtins(kept)})


def _was_brought_in(unit: Unit, last: str) -> bool:
    from baybridge.ledger import log

    return bool(log.entries_on(unit.connection, last, "reserve"))


def bring_in_one(unit: Unit, kept: Kept) -> None:
    """Append one reading to the log, with the time at which it was made in its content."""
    content = canonical_bytes(to_builtins(kept))
    unit.log("access", kept.subject, f"{kept.what} {kept.at}", content, kept.actor, kept.purpose)
