"""How a node stands, for whoever runs it: which software, how much room, what waits, the last backup and its last check, the certificate, the clock, neighbours, feeds.

Main job: `overview(node)` answers `Line`s with a level and the values of a sentence, and the neighbours. It reads what is known already and tries nothing: the worker
looked at the neighbours. Elsewhere: the same limits on a machine where the node need not run, in `doctor.py`; numbers for monitoring in `gauges.py`.

**Units**: MB as people read them, 10^6 bytes; a moment is ISO 8601 and is written as the reader does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from baybridge.ledger import log
from baybridge.node.config import ConfigProblem
from baybridge.node.consequences import queue
from baybridge.node.intake.importing import feeds
from baybridge.node.integrity import daily
from baybridge.node.keeping import downtime, records, schedule
from baybridge.node.neighbours import register
from baybridge.node.schema.version import NEWEST
from baybridge.node.software import commit
from baybridge.node.upkeep import certificate
from baybridge.node.upkeep.clock_watch import is_kept
from baybridge.node.upkeep.doctor import LEAST_FREE, LITTLE_FREE
from baybridge.node.upkeep.gauges import gauges

if TYPE_CHECKING:
    from baybridge.node.node import Node

Level = Literal["good", "open", "bad", "plain"]
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name and sentence are keys `overview.NAME` and `overview.NAME.SAID`; moments among the values are ISO 8601."""

    name: str
    said: str
    level: Level
    values: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Overview:
    """Every line, the neighbours, and the names of the laboratories whose files are known."""

    lines: tuple[Line, ...]
    neighbours: tuple[register.Listed, ...]
    feeds: tuple[str, ...]


def overview(node: Node) -> Overview:
    """How the node stands now."""
    lines = (_software(), _disk(node), _database(node), _clock(node), *_certificate(node), *_backups(node), *_downtime(node), _check(node), *_waiting(node))
    return Overview(lines, tuple(register.listed(node)), tuple(sorted(feeds(node))))


def _software() -> Line:
    return Line("software", "is", "plain", {"version": metadata.version("baybridge"), "commit": commit(), "schema": NEWEST})


def _disk(node: Node) -> Line:
    free = shutil.disk_usage(node.config.folder).free
    return Line("disk", "free", "bad" if free < LEAST_FREE else "open" if free < LITTLE_FREE else "good", {"free": free // _MB})


def _database(node: Node) -> Line:
    with node.storage.reading() as connection:
        size = log.size(connection)
    file = node.storage.engine.url.database
    if node.config.database.startswith("sqlite") and file and Path(file).is_file():
        return Line("database", "file", "plain", {"size": Path(file).stat().st_size // _MB, "entries": size})
    return Line("database", "server", "plain", {"entries": size})


def _clock(node: Node) -> Line:
    if node.clock_watch is not None and node.clock_watch.is_wrong():
        return Line("clock", "wrong", "bad", {})
    kept = is_kept()
    return Line("clock", "kept" if kept else "unknown" if kept is None else "unkept", "good" if kept else "open", {})


def _certificate(node: Node) -> Iterator[Line]:
    how = node.config.serving
    if how.certificate is None or how.key is None:
        yield Line("certificate", "elsewhere" if how.trusted_proxies else "none", "plain", {})
        return
    try:
        found = certificate.read(how.certificate, how.key, node.now())
    except ConfigProblem:
        yield Line("certificate", "unusable", "bad", {})
    else:
        soon = found.ends_soon(node.now())
        yield Line("certificate", "ends", "open" if soon else "good", {"at": found.ends.isoformat(), "names": ", ".join(found.names) or "–"})


def _backups(node: Node) -> Iterator[Line]:
    with node.storage.reading() as connection:
        good, tried, looked = records.latest(connection, good=True), records.latest(connection, good=False), records.last_look(connection)
    if good is None:
        yield Line("backup", "never", "bad", {})
    else:
        yield Line("backup", "made", "bad" if schedule.is_late(node, good) else "good", {"at": good.made_at.isoformat(), "size": max(1, good.size // _MB)})
        yield Line("backup_look", "never", "open", {}) if looked is None else Line("backup_look", "looked", "good", {"at": looked.isoformat()})
    if tried is not None and not tried.good and (good is None or tried.made_at > good.made_at):
        yield Line("backup_try", "failed", "bad", {"at": tried.made_at.isoformat(), "problem": tried.problem})


def _downtime(node: Node) -> Iterator[Line]:
    if node.config.downtime is None:
        yield Line("downtime", "none", "open", {})
        return
    kept = downtime.last(node.config.folder)
    level: Level = "bad" if downtime.is_late(node, kept) else "good"
    yield Line("downtime", "made", level, {"at": kept.made_at.isoformat(), "patients": kept.patients}) if kept.made_at else Line("downtime", "never", "bad", {})
    for place, problem in kept.problems.items():
        yield Line("downtime_place", "failed", "bad", {"place": place or "–", "problem": problem})


def _check(node: Node) -> Line:
    with node.storage.reading() as connection:
        found = daily.latest(connection)
    if found is None:
        return Line("check", "never", "open", {})
    at = found.checked_at.isoformat()
    if found.count:
        return Line("check", "unsound", "bad", {"at": at, "count": found.count})
    return Line("check", "sound", "good", {"at": at, "count": found.entries})


def _waiting(node: Node) -> Iterator[Line]:
    known = {gauge.name: gauge.values for gauge in gauges(node)}
    for lane, count in sorted(known.get("consequences_waiting", {}).items()):
        yield Line("waiting", lane, "plain", {"count": int(count)})
    for name in ("packages_undelivered", "projections_failed"):
        count = int(known.get(name, {}).get("", 0))
        yield Line(name, "some" if count else "none", "open" if count else "good", {"count": count})
    with node.storage.reading() as connection:
        failing = len(queue.failing(connection))
    yield Line("failing", "some" if failing else "none", "bad" if failing else "good", {"count": failing})
