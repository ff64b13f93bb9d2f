"""Which process serves a node folder: SQLite has one, PostgreSQL as many as one likes.

Main job: `hold(config)` for the server, `is_served(folder)` for whoever wants to know beforehand.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO

from baybridge.node.config import Config

_LOCK = "served.lock"


class ServedElsewhereError(Exception):
    """Another process serves this node."""


def hold(config: Config) -> TextIO:
    """Holds the folder of a node as long as the answer is open; ServedElsewhereError where another process of an SQLite node does."""
    held = (config.folder / _LOCK).open("a", encoding="ascii")
    (config.folder / _LOCK).chmod(0o600)
    if config.database.startswith("sqlite") and not _take(held):
        held.close()
        raise ServedElsewhereError("another process serves this node already, and an SQLite file has one; stop it, or put the node on PostgreSQL")
    return held


def is_served(folder: Path) -> bool:
    """Whether another process serves the SQLite node of this folder now."""
    if not (folder / _LOCK).exists():
        return False
    with (folder / _LOCK).open("a", encoding="ascii") as held:
        return not _take(held)


def _take(held: TextIO) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
