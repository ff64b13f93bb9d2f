"""Readings of many threads noted in one transaction: whoever comes while another's is under way goes with the next, and all of them wait until it is on disk.

Main job: `Together(unit).note(write)` returns when what `write` did in a unit stands, or raises why it does not. One that fails fails alone: the others are
written again, each in a unit of its own. What is noted keeps the request that it belongs to (`asking.REQUEST`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baybridge.node.outage import StorageProblem

if TYPE_CHECKING:
    from baybridge.node.unit import Unit

_MOST = 256  # in one transaction, so that whoever waits for the next waits briefly

Write = Callable[["Unit"], None]


@dataclass(slots=True)
class _Waiting:
    write: Write
    context: Context = field(default_factory=copy_context)
    stands: bool = False
    problem: Exception | None = None

    @property
    def settled(self) -> bool:
        return self.stands or self.problem is not None


class Together:
    """The notes of one process; `unit` begins a unit of work for them."""

    def __init__(self, unit: Callable[[], AbstractContextManager[Unit]]) -> None:
        self._unit = unit
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Waiting] = []

    def note(self, write: Write) -> None:
        """Note something, with whatever waits beside it."""
        mine = _Waiting(write)
        with self._lock:
            self._waiting.append(mine)
        with self._turn:
            while not mine.settled:
                self._round()
        if mine.problem is not None:
            raise mine.problem

    def _round(self) -> None:
        with self._lock:
            some, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        try:
            self._written(some)
        except StorageProblem as problem:
            for one in some:
                one.problem = problem
        except Exception as problem:  # noqa: BLE001 - told to whoever it belongs to
            self._each_alone(some, problem)
        finally:
            for one in some:  # a round that was broken off wrote nothing
                if not one.settled:
                    one.problem = StorageProblem("busy")

    def _each_alone(self, some: Sequence[_Waiting], problem: Exception) -> None:
        if len(some) == 1:
            some[0].problem = problem
            return
        for one in some:
            try:
                self._written([one])
            except Exception as own:  # noqa: BLE001 - as above
                one.problem = own

    def _written(self, some: Sequence[_Waiting]) -> None:
        with self._unit() as unit:
            for one in some:
                one.context.run(one.write, unit)
        for one in some:
            one.stands = True
