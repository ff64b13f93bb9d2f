"""Noting readings of records from an event loop: whoever reads waits until the reading stands in the patient's list and in the log, and blocks nobody.

Main job: `await Noting(node).noted(readings)`. What many read at one moment is written in one transaction; while it is on its way to the disk, the next ones gather.
`gathered()` gathers the readings of work that a worker thread does, so that the loop waits for them and not the thread.

Elsewhere: a reading's row and its entry, `reads.py`; readings that are noted from a worker thread, `Node.note_reading`, which keeps them in the reserve where the
database takes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from baybridge.consent.reading import Ground
from baybridge.journey.command import Actor
from baybridge.node.asking import REQUEST
from baybridge.node.people import reads
from baybridge.node.people.readings import Noted

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_MOST = 256  # in one transaction, so that whoever waits for the next waits briefly


@dataclass(frozen=True, slots=True)
class _Waiting:
    noted: Sequence[Noted]
    request: str
    written: asyncio.Future[None]


_GATHERED: ContextVar[list[Noted] | None] = ContextVar("readings", default=None)


@contextmanager
def gathered() -> Iterator[list[Noted]]:
    """While this lasts, readings that can wait for the end of the work are not noted by it, but are in the list that this answers; whoever asks notes them."""
    found: list[Noted] = []
    token = _GATHERED.set(found)
    try:
        yield found
    finally:
        _GATHERED.reset(token)


def gathering() -> list[Noted] | None:
    """The list in which readings are gathered; None where each is noted as it is made."""
    return _GATHERED.get()


class Noting:
    """The readings of one event loop that are noted together."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._waiting: list[_Waiting] = []
        self._busy = False
        self._writer = ThreadPoolExecutor(1, "noting")

    async def noted(self, readings: Sequence[Noted]) -> None:
        """Returns once these stand in the log on disk; raises what the database raised, and then none of them stands."""
        mine = _Waiting(readings, REQUEST.get(), asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if not self._busy:
            self._begin()
        await mine.written

    def _begin(self) -> None:
        some, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        self._busy = True
        asyncio.get_running_loop().run_in_executor(self._writer, self._write, some).add_done_callback(partial(self._told, some))

    def _write(self, some: Sequence[_Waiting]) -> None:
        with self._node.unit(even_restored=True) as unit:
            reads.note_each(unit, [(noted, one.request) for one in some for noted in one.noted])

    def _told(self, some: Sequence[_Waiting], done: asyncio.Future[None]) -> None:
        problem = done.exception()
        for one in some:
            if one.written.done():  # whoever waited went away
                continue
            if problem is None:
                one.written.set_result(None)
            else:
                one.written.set_exception(problem)
        self._busy = False
        if self._waiting:
            self._begin()


def note(node: Node, readings: Sequence[Noted]) -> None:
    """Note readings, one entry for each; those of one person for one purpose stand or wait together."""
    groups: dict[tuple[Actor, str, str], list[Noted]] = {}
    for one in readings:
        groups.setdefault((one.actor, one.what, one.purpose), []).append(one)
    for (actor, what, purpose), some in groups.items():
        grounds = {one.ground for one in some}
        ground = some[0].ground.value if len(grounds) == 1 else ""
        emergency = len(some) == 1 and grounds == {Ground.EMERGENCY}
        written = partial(_note_each, some)
        node.note_reading(actor, [one.patient_id for one in some], what, purpose, written, emergency=emergency, ground=ground)


def _note_each(some: Sequence[Noted], unit: Unit) -> None:
    reads.note_each(unit, [(one, REQUEST.get()) for one in some])
