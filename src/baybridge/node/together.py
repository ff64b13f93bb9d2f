"""Group commit: what many threads write at one moment stands by one transaction, and every one of them waits until it is on disk.

Main job: `Together(unit).do(work)` answers what `work` answers in a unit of work, or raises what it raises. Whoever comes while another's transaction is under way goes
with the next; the first of those carries all of them out, in the order in which they came, each apart: one that is refused takes back what it wrote and spoils no
other. Where the transaction itself fails, none of it stands and nobody is told otherwise.

Each piece of work keeps the request that it belongs to (`asking.REQUEST`). It may be carried out again where the transaction failed because of another's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from baybridge.node.asking import REQUEST
from baybridge.node.outage import GivenUp, StorageProblem, problem_of

if TYPE_CHECKING:
    from baybridge.node.unit import Unit

T = TypeVar("T")

_MOST = 256  # in one transaction, so that whoever waits for the next waits briefly


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    """What a piece of work answered, or what it raised."""

    answers: Sequence[T] = ()
    problem: Exception | None = None


@dataclass(slots=True)
class _Waiting(Generic[T]):
    work: Callable[[Unit], T]
    request: str = field(default_factory=REQUEST.get)
    outcome: _Outcome[T] | None = None
    told: threading.Event = field(default_factory=threading.Event)  # of its outcome, or without one that it carries out the next group

    def carried_out(self, unit: Unit) -> _Outcome[T]:
        """What comes of it beside others in a unit; GivenUp where nothing of the unit can stand."""
        try:
            with unit.apart():
                return self.alone(unit)
        except GivenUp:
            raise
        except Exception as problem:  # noqa: BLE001 - told to whoever it belongs to
            return _Outcome(problem=problem_of(problem) or problem)

    def alone(self, unit: Unit) -> _Outcome[T]:
        """What it answers in a unit that is its own."""
        token = REQUEST.set(self.request)
        try:
            return _Outcome((self.work(unit),))
        finally:
            REQUEST.reset(token)


class Together:
    """The writes of one process that go together; `unit` begins a unit of work for them.

    `gathers_s`: for how long the first waits, in seconds, until as many wait as went together before. It pays where a unit costs much whatever is in it.
    """

    def __init__(self, unit: Callable[[], AbstractContextManager[Unit]], most: int = _MOST, gathers_s: float = 0) -> None:
        self._unit, self._most, self._gathers_s = unit, most, gathers_s
        self._before = 1  # how many went together before
        self._as_before = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[_Waiting[object]] = []
        self._busy = False  # somebody carries a group out

    def do(self, work: Callable[[Unit], T]) -> T:
        """What a piece of work answers once it stands, with whatever waits beside it."""
        mine = _Waiting(work)
        with self._lock:
            self._waiting.append(mine)  # type: ignore[arg-type]
            first, self._busy = not self._busy, True
            if len(self._waiting) >= self._before:
                self._as_before.set()
        if not first:
            mine.told.wait()
        if mine.outcome is None:
            try:
                self._as_before.wait(self._gathers_s)
                self._round()
            finally:
                self._next()
        if mine.outcome is None:
            raise StorageProblem("busy")
        if mine.outcome.problem is not None:
            raise mine.outcome.problem
        return mine.outcome.answers[0]

    def _next(self) -> None:
        """Let the first of those who wait carry out the next group."""
        with self._lock:
            self._busy = bool(self._waiting)
            if self._waiting:
                self._waiting[0].told.set()

    def _round(self) -> None:
        """Carry out those who wait, in the order in which they came; whoever carries them out is the first."""
        with self._lock:
            some, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            self._before = len(some)
            self._as_before.clear()
        try:
            self._written(some)
        except StorageProblem as problem:
            for one in some:
                one.outcome = _Outcome(problem=problem)
        except Exception as problem:  # noqa: BLE001 - told to whoever it belongs to
            self._each_alone(some, problem)
        finally:
            for one in some:  # a round that was broken off wrote nothing
                one.outcome = one.outcome or _Outcome(problem=StorageProblem("busy"))
                one.told.set()

    def _each_alone(self, some: Sequence[_Waiting[object]], problem: Exception) -> None:
        if len(some) == 1:
            some[0].outcome = _Outcome(problem=problem)
            return
        for one in some:
            try:
                self._written([one])
            except Exception as own:  # noqa: BLE001 - as above
                one.outcome = _Outcome(problem=own)

    def _written(self, some: Sequence[_Waiting[object]]) -> None:
        """Carry these out in one unit; what came of each is told when it is committed."""
        with self._unit() as unit:
            outcomes = [some[0].alone(unit)] if len(some) == 1 else [one.carried_out(unit) for one in some]
        for one, outcome in zip(some, outcomes, strict=True):
            one.outcome = outcome
