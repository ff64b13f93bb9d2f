"""The downtime pack at its places: written whole or not at all, old ones removed, how the last try went remembered; and the thread that has it written.

Main job: `keep(files, name, places, …)` writes a pack to every place and answers what went wrong at each; `last(folder)` is how it stands; `Packs(node)` runs beside the
server and has the command `downtime` write one when it is due, in a process of its own with low priority.

A pack is a folder of files, each readable by its owner alone, encrypted to a key where the site names one. It appears under its name when all of it is on disk. A place
that fails (full, away, not allowed) keeps its older packs, and the other place is written all the same. Elsewhere: what stands in a pack in `web/case/downtime_pack.py`.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from baybridge.base import decoding
from baybridge.base.failures import why
from baybridge.documents.downtime import Downtime
from baybridge.documents.escalation import span
from baybridge.node.keeping import packing
from baybridge.node.keeping.beside import Beside

if TYPE_CHECKING:
    from baybridge.node.node import Node

STATE, _LOCK = "downtime.json", "downtime.lock"
_AGAIN_AFTER = timedelta(minutes=5)  # a try that failed
_STAMP = re.compile(r"\d{8}T\d{6}Z")


class Kept(Struct, frozen=True, kw_only=True):
    """How packs stand: when the last whole one was written, when it was tried last, and what went wrong then, by place; `""` is before any place."""

    made_at: datetime | None = None
    tried_at: datetime | None = None
    patients: int = 0
    problems: dict[str, str] = {}


def rules(node: Node) -> Downtime:
    """When packs are written, as this site's documents say."""
    return node.documents.typed.the(Downtime)


def last(folder: Path) -> Kept:
    """How packs of a node stand; nothing known where none was tried or it cannot be read."""
    try:
        return decoding.decode((folder / STATE).read_bytes(), Kept)
    except (OSError, msgspec.DecodeError):
        return Kept()


def is_late(node: Node, kept: Kept) -> bool:
    """Whether a node that writes packs has none that is new enough, or failed at a place; its own clock may have been set back."""
    if node.config.downtime is None:
        return False
    too_old = kept.made_at is None or not -span(rules(node).late_after) <= node.now() - kept.made_at <= span(rules(node).late_after)
    return too_old or bool(kept.problems)


def remember(folder: Path, kept: Kept) -> None:
    """Note how it stands, whole or not at all."""
    _whole(folder / STATE, msgspec.json.encode(kept))


def name_of(node: str, at: datetime) -> str:
    """The name of a pack; later ones sort behind."""
    return f"{_prefix(node)}{at:%Y%m%dT%H%M%SZ}"


def _prefix(node: str) -> str:
    return f"downtime-{node}-"


# --- writing ----------------------------------------------------------------------------------------------------------------


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One pack of a node is written at a time, by whichever process."""
    with os.fdopen(os.open(folder / _LOCK, os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def keep(files: Mapping[str, bytes], node: str, at: datetime, places: Sequence[Path], *, kept: int, key: Path | None = None) -> dict[str, str]:
    """Write a pack to each place and remove what is no longer kept there; what went wrong, by place."""
    content = _encrypted(files, key) if key is not None else files
    problems: dict[str, str] = {}
    with suppress(OSError):
        places[0].mkdir(parents=True, exist_ok=True, mode=0o700)  # any other place is there before: made here, it would hide that the other machine is away
    for place in places:
        try:
            _at(place, node, name_of(node, at), content)
            _remove_old(place, node, kept)
        except OSError as problem:
            problems[str(place)] = why(problem)
    return problems


def _encrypted(files: Mapping[str, bytes], key: Path) -> dict[str, bytes]:
    import pyrage

    recipient = packing.recipient(key.read_text(encoding="utf-8"))
    return {f"{name}.age": pyrage.encrypt(content, [recipient]) for name, content in files.items()}


def _at(place: Path, node: str, name: str, files: Mapping[str, bytes]) -> None:
    """The pack at one place: under another name until all of it is on disk."""
    for stale in place.glob(f".{_prefix(node)}????????T??????Z.part"):
        shutil.rmtree(stale, ignore_errors=True)
    part = place / f".{name}.part"
    try:
        part.mkdir(mode=0o700)
        for file, content in files.items():
            _written(part / file, content)
        _synced(part)
        part.rename(place / name)
        _synced(place)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _written(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _synced(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _whole(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    _written(part, content)
    part.replace(path)


def _remove_old(place: Path, node: str, kept: int) -> None:
    mine = [pack for pack in place.glob(f"{_prefix(node)}*") if _STAMP.fullmatch(pack.name.removeprefix(_prefix(node)))]  # of node hk, not of node hk-2
    for pack in sorted(mine)[:-kept]:
        shutil.rmtree(pack)


# --- beside the server --------------------------------------------------------------------------------------------------------


class Packs(Beside):
    """A node's downtime packs; the first one is due at once."""

    name = "downtime"
    look_s = 30.0
    nice = 10

    @property
    def wanted(self) -> bool:
        """Whether the node's folder says where packs go."""
        return self.node.config.downtime is not None

    def round(self) -> None:
        """Have one written if it is due; a command that says nothing of its own failure is told for it."""
        config, now, before = self.node.config, self.node.now(), last(self.node.config.folder)
        since = before.made_at if before.problems == {} else before.tried_at
        every = span(rules(self.node).every) if before.problems == {} else _AGAIN_AFTER
        if since is not None and timedelta(0) <= now - since < every:
            return
        code, _ = self.command("downtime", str(config.folder), "--json", *self.elsewhere)
        after = last(config.folder)
        if code and after == before and not self.ending.is_set():
            with suppress(OSError):
                remember(config.folder, Kept(made_at=before.made_at, tried_at=now, patients=before.patients, problems={"": f"the command ended with {code}"}))
