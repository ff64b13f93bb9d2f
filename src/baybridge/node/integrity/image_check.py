"""The check of the ledger in a database that nobody else opens, such as an unpacked backup: its parts side by side, each in a process of its own.

Main job: `check_image(config)`. The same findings as `check.py`, but for search values: those are made again from the records before a restored node searches
(`restoring.py`), so they are not compared.

A process is a fork with a connection of its own; every one reads the same state, because nobody writes. Small databases are checked in this process.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

from sqlalchemy.exc import DBAPIError

from baybridge.node.config import Config
from baybridge.node.integrity.check import Checked, UnreadableDatabaseError, Whole, look
from baybridge.node.integrity.finding import Finding
from baybridge.node.integrity.rows import rows_of
from baybridge.node.integrity.things import other_things, versions
from baybridge.node.storage import Storage
from baybridge.record.store import store

#: Entries below which a second process costs more than it saves. Convention of this project, from `benchmarks/keeping.py`.
_SMALL = 4000
#: Of SQLite's pages in each process: an image is read by its indexes as much as from end to end, and a small cache reads the same pages again and again.
_CACHE_KIB = 65536
#: New objects between two searches for garbage in cycles: what a check makes is thrown away at once by itself, and searching among it costs an eighth of the time.
_GARBAGE_AFTER = 200_000


@dataclass(frozen=True, slots=True)
class _Job:
    """One part, or one span of the resource versions."""

    config: Config
    part: str
    span: store.Span = (None, None)


@dataclass(frozen=True, slots=True)
class _Done:
    """What one process found and saw."""

    found: Checked
    seen: set[tuple[str, str]]


def check_image(config: Config, *, workers: int | None = None) -> Checked:
    """Everything in the database of a node folder that nobody serves; UnreadableDatabaseError where it cannot be read."""
    try:
        return _checked(config, workers)
    except DBAPIError as problem:
        raise UnreadableDatabaseError from problem


def _checked(config: Config, workers: int | None) -> Checked:
    with _whole(config) as whole:
        count = workers or (len(os.sched_getaffinity(0)) if whole.found.entries >= _SMALL else 1)
        jobs = [_Job(config, part) for part in whole.parts() if part not in ("things", "missing")]
        jobs[2:2] = [*(_Job(config, "versions", span) for span in store.spans(whole.connection, count)), _Job(config, "others")]
        for done in _done(jobs, count):
            _gather(whole, done)
        look(whole.found, "missing", whole.missing)
        return whole.found


@contextmanager
def _whole(config: Config) -> Iterator[Whole]:
    """A check of the image by a connection of its own."""
    storage = Storage(config.database)
    try:
        storage.require(config.folder)
        with storage.reading() as connection:
            connection.exec_driver_sql(f"PRAGMA cache_size=-{_CACHE_KIB}")
            whole = Whole(connection, config, rows_of(config), Checked(), searched=False)
            whole.begin()
            yield whole
    finally:
        storage.close()


def _done(jobs: list[_Job], count: int) -> Iterable[_Done]:
    if count < 2:
        yield from map(_carry_out, jobs)
        return
    with get_context("fork").Pool(count, _begin) as pool:
        yield from pool.imap(_carry_out, jobs)


def _begin() -> None:
    """The beginning of a process: what is there already is never garbage, and little of what comes is."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER)


def _carry_out(job: _Job) -> _Done:
    with _whole(job.config) as whole:
        look(whole.found, job.part, _work(whole, job))
        return _Done(whole.found, whole.seen)


def _work(whole: Whole, job: _Job) -> Callable[[], Iterable[Finding]]:
    if job.part == "versions":
        return lambda: whole.things(versions(whole.connection, whole.rows, job.span))
    if job.part == "others":
        return lambda: whole.things(other_things(whole.connection, whole.rows))
    return whole.parts()[job.part]


def _gather(whole: Whole, done: _Done) -> None:
    """Add what one process found to the whole."""
    whole.found.findings += done.found.findings
    whole.found.not_covered += done.found.not_covered
    for name, count in done.found.checked.items():
        whole.found.checked[name] += count
    whole.seen.update(done.seen)
