"""The check of the ledger in a database that nobody else opens, such as an unpacked backup: its parts side by side, each in a process of its own.

Main job: `check_image(config)`. The same findings as `check.py`, but for search values: those are made again from the records before a restored node searches
(`restoring.py`), so they are not compared.

A process is a fork with a connection of its own; every one reads the same state, because nobody writes. Small databases are checked in this process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
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
    seen: dict[tuple[str, str], int]


def check_image(config: Config, *, workers: int | None = None) -> Checked:
    """Everything in the database of a node folder that nobody serves; UnreadableDatabaseError where it cannot be read."""
    try:
        return _checked(config, workers)
    except DBAPIError as problem:
        raise UnreadableDatabaseError from problem


def _checked(config: Config, workers: int | None) -> Checked:
    storage = Storage(config.database)
    try:
        storage.require(config.folder)
        with storage.reading() as connection:
            whole = Whole(connection, config, rows_of(config), Checked(), searched=False)
            whole.begin()
            count = workers or (len(os.sched_getaffinity(0)) if whole.found.entries >= _SMALL else 1)
            jobs = [_Job(config, part) for part in whole.parts() if part not in ("things", "missing")]
            jobs[1:1] = [*(_Job(config, "versions", span) for span in store.spans(connection, count)), _Job(config, "others")]
            for done in _done(jobs, count):
                _gather(whole, done)
            look(whole.found, "missing", whole.missing)
            return whole.found
    finally:
        storage.close()


def _done(jobs: list[_Job], count: int) -> Iterable[_Done]:
    if count < 2:
        yield from map(_carry_out, jobs)
        return
    with get_context("fork").Pool(count) as pool:
        yield from pool.imap(_carry_out, jobs)


def _carry_out(job: _Job) -> _Done:
    storage = Storage(job.config.database)
    try:
        with storage.reading() as connection:
            whole = Whole(connection, job.config, rows_of(job.config), Checked(), searched=False)
            whole.begin()
            look(whole.found, job.part, _work(whole, job))
            return _Done(whole.found, whole.seen)
    finally:
        storage.close()


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
