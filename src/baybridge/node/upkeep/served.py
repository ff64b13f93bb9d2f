"""Which process serves a node folder: SQLite has one, PostgreSQL as many as one likes.

Main job: `hold(config)` for the server, `is_served(folder)` for whoever wants to know beforehand, `hold_alone(folder)` for whoever changes the tables under it;
`is_scanned(config)` says whether documents wait for a scanner.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from baybridge.node.config import Config

_LOCK = "served.lock"
_SCANS = "scanner"  # stands in the lock while who serves has a scanner, or served last


class ServedElsewhereError(Exception):
    """Another process serves this node."""


def hold(config: Config) -> TextIO:
    """Holds the folder of a node as long as the answer is open; ServedElsewhereError where another process of an SQLite node does, or one that changes the tables."""
    alone = config.database.startswith("sqlite")
    held = _opened(config.folder)
    if not _take(held, fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
        held.close()
        said = "another process serves this node already, and an SQLite file has one; stop it, or put the node on PostgreSQL"
        raise ServedElsewhereError(said if alone else "this node is being upgraded or restored; start it when that has ended")
    held.truncate(0)
    held.write(_SCANS if config.settings.get("BAYBRIDGE_SCAN", "") else "")
    held.flush()
    return held


def is_scanned(config: Config) -> bool:
    """Whether the site's scanner looks at documents: that of this process, or of the one that serves the node or served it last.

    Commands run without the settings of the service; what they bring waits for its scanner all the same.
    """
    if config.settings.get("BAYBRIDGE_SCAN", ""):
        return True
    try:
        return (config.folder / _LOCK).read_text(encoding="ascii") == _SCANS
    except OSError:
        return False


@contextmanager
def hold_alone(folder: Path) -> Iterator[None]:
    """Holds the folder of a node so that nobody on this machine serves it meanwhile; ServedElsewhereError where somebody does."""
    with _opened(folder) as held:
        if not _take(held, fcntl.LOCK_EX):
            raise ServedElsewhereError("a process serves this node; stop it first")
        yield


def _opened(folder: Path) -> TextIO:
    held = (folder / _LOCK).open("a", encoding="ascii")
    (folder / _LOCK).chmod(0o600)
    return held


def is_served(folder: Path) -> bool:
    """Whether another process serves the SQLite node of this folder now."""
    if not (folder / _LOCK).exists():
        return False
    with (folder / _LOCK).open("a", encoding="ascii") as held:
        return not _take(held, fcntl.LOCK_EX)


def _take(held: TextIO, how: int) -> bool:
    try:
        fcntl.flock(held, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
