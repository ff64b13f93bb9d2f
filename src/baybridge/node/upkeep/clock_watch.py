"""Whether the machine's clock can be believed: one that jumps while a node is served, or lies behind what its log says, would date entries wrongly for ever.

Main job: `ClockWatch(node.now, newest)` of a served node; `against()` says whether nothing may be written now. It asks the clock beside one that only goes forward, also
while the machine sleeps. A jump is believed once the machine's kernel says that a time server keeps the clock; a clock that comes back is believed at once.

**Source**: clock_gettime(2), CLOCK_BOOTTIME; adjtimex(2), whose return value 5 (TIME_ERROR) says that nothing keeps the clock. **Units**: minutes; that five of them are
a jump is a convention of this project.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from baybridge.node.clock import Clock
from baybridge.node.outage import StorageProblem

_LOG = logging.getLogger("baybridge.clock")
MAY_DIFFER = timedelta(minutes=5)
_UNKEPT = 5


def is_kept() -> bool | None:
    """Whether a time server keeps this machine's clock, as its kernel says; None where the kernel does not say."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # zeros: nothing is set
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _UNKEPT


def steady() -> timedelta:
    """How long this machine has run, asleep or awake."""
    return timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))


class ClockWatch:
    """The clock of one served node."""

    def __init__(
        self, now: Clock, newest: datetime | None, *, steady: Callable[[], timedelta] = steady, is_kept: Callable[[], bool | None] = is_kept
    ) -> None:
        self._now, self._steady, self._is_kept = now, steady, is_kept
        self._newest = newest  # the newest entry of the log when the node was started
        self._base = now() - steady()
        self._told = False

    @property
    def jumped_by(self) -> timedelta:
        """How far the clock is from where it would be had it gone on steadily."""
        return self._now() - self._steady() - self._base

    @property
    def lags(self) -> bool:
        """Whether the clock lies behind what the log said at the start."""
        return self._newest is not None and self._now() < self._newest - MAY_DIFFER

    def guard(self) -> None:
        """StorageProblem while the clock is not to be believed."""
        wrong = self.is_wrong()
        if wrong and not self._told:
            _LOG.error("the clock of this machine cannot be believed (it jumped by %s); nothing is written until a time server keeps it", self.jumped_by)
        elif self._told and not wrong:
            _LOG.warning("the clock of this machine is believed again")
        self._told = wrong
        if wrong:
            raise StorageProblem("clock")

    def is_wrong(self) -> bool:
        """Whether nothing may be written now; a clock that a time server keeps is believed, and counted from anew."""
        if abs(self.jumped_by) <= MAY_DIFFER and not self.lags:
            return False
        if self._is_kept():
            self._base, self._newest = self._now() - self._steady(), None
            return False
        return True
