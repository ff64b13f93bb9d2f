"""Clock and entropy: the only place that reads them.

Main job: `now()` for the node, `new_id()` for fresh identifiers. Tests and the demo's history pass their own clock.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from baybridge.base.ids import uuid7

Clock = Callable[[], datetime]


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this module is the clock


def ahead(path: str) -> Clock:
    """A clock that runs ahead by the seconds that a file says; acceptance tests walk months in minutes with it."""

    def running() -> datetime:
        return now() + timedelta(seconds=float(Path(path).read_text(encoding="ascii") or 0))

    return running


def new_id(clock: Clock = now) -> str:
    """A fresh, time-ordered identifier."""
    return uuid7(int(clock().timestamp() * 1000), os.urandom(10))
