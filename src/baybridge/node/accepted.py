"""The set of a site's documents by which a node goes: the last one that was accepted.

Main job: `standing(config)`, the folder to read and what is wrong with the one that the site wrote; `changed(config, known)`, whether it was written since;
`note_ours_alone(config, known)`, that it works without any; `documents_in_force(folder)`, the same documents for a command that only reads.

A site writes in `data/`. A set without a problem that bars it is copied to `accepted/<its hash>/`, and `accepted/current` names it: the node reads the copy, so that
a file half written, or written wrongly, changes nothing that runs. A set that is barred is told, and the node goes on with the one before; without one before it
refuses to start. No document of a site is a set too, under no name: a node that worked with ours alone goes on with ours. A copy is never taken away while a process
may still read it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

from baybridge.documents.loader import Documents, files, packaged_data
from baybridge.documents.problems import Problem
from baybridge.node.config import Config, ConfigProblem

FOLDER, CURRENT = "accepted", "current"
_GONE = "document.problem.missing"


@dataclass(frozen=True, slots=True)
class Standing:
    """The folder of a site's documents that is read, if any; how the one that the site wrote looks; what is wrong with that one."""

    root: Path | None
    written: tuple[tuple[str, int, int], ...] = ()
    problems: tuple[Problem, ...] = ()
    barred: bool = False  # what the site wrote last is not in force


def standing(config: Config) -> Standing:
    """The set that is in force; ConfigProblem with every problem where none ever was, not even the empty one, and the one that is written cannot be."""
    data, kept = config.data_folder, _kept(config.folder)
    if data is None or not data.is_dir():
        gone = (Problem(str(data), 1, 1, _GONE, "the folder of this site's documents", "nothing"),)
        return Standing(kept, (), gone, barred=True) if kept else Standing(None)
    written = _looks(data)
    if not written:
        if _current(config.folder):
            _point(config.folder, "")
        return Standing(None)
    name = _hash(data)
    if kept is not None and kept.name == name:
        return Standing(kept, written)
    from baybridge.node.commands.table import COMMANDS
    from baybridge.rulebook.site_documents import check_site  # rules and money are read only where a site wrote

    report = check_site(data, COMMANDS)
    if report.bars and kept is None and not _ours_alone(config.folder):
        raise _none_in_force(report.bars)
    if report.bars:
        return Standing(kept, written, report.problems, barred=True)
    return Standing(_accept(config.folder, data, name), written, report.problems)


def documents_in_force(folder: Path) -> tuple[Documents, tuple[Problem, ...]]:
    """Our documents with those by which the node of a folder goes laid over them, and what keeps the ones written last out of force; nothing is written.

    A set that was written since and has no problem counts, as the node would accept it at its next look; ConfigProblem where none can be in force.
    """
    data, kept = folder / "data", _kept(folder)
    if not data.is_dir() or not _looks(data):
        return Documents(packaged_data(), *filter(None, (kept if not data.is_dir() else None,))), ()
    if kept is not None and kept.name == _hash(data):
        return Documents(packaged_data(), kept), ()
    from baybridge.node.commands.table import COMMANDS
    from baybridge.rulebook.site_documents import check_site

    bars = check_site(data, COMMANDS).bars
    if bars and kept is None and not _ours_alone(folder):
        raise _none_in_force(bars)
    return Documents(packaged_data(), *filter(None, (kept if bars else data,))), bars


def _none_in_force(bars: Iterable[Problem]) -> ConfigProblem:
    return ConfigProblem("\n".join(["the documents of this site cannot be put in force:", *map(str, bars)]))


def note_ours_alone(config: Config, known: Standing) -> None:
    """Keep that a node at work goes by ours alone: what a site writes first, and wrongly, then stops neither it nor its next start."""
    if known.root is None and _current(config.folder) is None:
        with suppress(OSError):  # a folder that cannot be written is read where it stands
            _point(config.folder, "")


def changed(config: Config, known: Standing) -> bool:
    """Whether the site wrote its documents since; by names, sizes and times alone."""
    data = config.data_folder
    return (_looks(data) if data is not None and data.is_dir() else ()) != known.written


def _looks(data: Path) -> tuple[tuple[str, int, int], ...]:
    found = []
    for file in files(data):
        state = file.stat()
        found.append((str(file.relative_to(data)), state.st_size, state.st_mtime_ns))
    return tuple(found)


def _hash(data: Path) -> str:
    """The name of a set: the hash over the name and content of each file."""
    whole = sha256()
    for file in files(data):
        whole.update(sha256(str(file.relative_to(data)).encode()).digest() + _content(file))
    return whole.hexdigest()[:32]


def _content(file: Path) -> bytes:
    with file.open("rb") as written:
        return file_digest(written, "sha256").digest()


def _kept(folder: Path) -> Path | None:
    name = _current(folder)
    kept = folder / FOLDER / name if name else None
    return kept if kept is not None and kept.is_dir() else None


def _ours_alone(folder: Path) -> bool:
    """Whether the set that was accepted last is the one without any document of the site."""
    return _current(folder) == ""


def _current(folder: Path) -> str | None:
    """The name of the set that was accepted last; None where none ever was."""
    try:
        return (folder / FOLDER / CURRENT).read_text(encoding="ascii").strip()
    except OSError:
        return None


def _accept(folder: Path, data: Path, name: str) -> Path:
    """Copy a set and name it the current one, both at once or not at all; a folder that cannot be written is read where it stands."""
    kept = folder / FOLDER / name
    making = folder / FOLDER / f"{name}.{os.getpid()}"
    try:
        if not kept.is_dir():
            shutil.rmtree(making, ignore_errors=True)
            _copy(files(data), data, making)
            if _hash(making) != name:
                shutil.rmtree(making, ignore_errors=True)
                return _kept(folder) or data  # written while it was copied: the next look sees it
            making.rename(kept)
        _point(folder, name)
    except OSError:
        shutil.rmtree(making, ignore_errors=True)
        return kept if kept.is_dir() else data
    return kept


def _copy(written: Iterable[Path], data: Path, to: Path) -> None:
    to.mkdir(parents=True)
    for file in written:
        target = to / file.relative_to(data)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _point(folder: Path, name: str) -> None:
    """Name the current set; an empty name is none."""
    current = folder / FOLDER / CURRENT
    current.parent.mkdir(exist_ok=True)
    beside = current.with_suffix(f".{os.getpid()}")
    beside.write_text(name, encoding="ascii")
    beside.replace(current)
