"""Who on the machine can read a node's folder: its owner alone.

Main job: `tighten(folder)` at every opening of a node: the folder is 0700, database, keys and reserve are 0600; it answers what was open to others.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def tighten(folder: Path) -> tuple[str, ...]:
    """Take from others what they could read or write; the names of what was open to them. What belongs to another user of the machine is left as it is."""
    return tuple(path.name for path in _guarded(folder) if _closed(path))


def open_to_others(folder: Path) -> tuple[str, ...]:
    """The names of what others on the machine can read or write; nothing is changed."""
    return tuple(path.name for path in _guarded(folder) if stat.S_IMODE(path.stat().st_mode) & _OTHERS)


def _guarded(folder: Path) -> Iterator[Path]:
    yield folder
    yield from (path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".yaml")
    keys = folder / "keys"
    if keys.is_dir():
        yield keys
        yield from (path for path in sorted(keys.iterdir()) if path.is_file())


def _closed(path: Path) -> bool:
    """Whether it was open to others, and is no longer."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & _OTHERS:
            return False
        path.chmod(mode & ~_OTHERS)
    except (FileNotFoundError, PermissionError):
        return False
    return True
