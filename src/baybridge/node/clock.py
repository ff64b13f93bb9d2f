"""Clock and entropy: the only place that reads them.

Main job: `now()` for the node, `new_id()` for fresh identifiers. Tests and the demo's history pass their own clock.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

from baybridge.base.ids import uuid7

Clock = Callable[[], datetime]


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this module is the clock


def new_id(clock: Clock = now) -> str:
    """A fresh, time-ordered identifier."""
    return uuid7(int(clock().timestamp() * 1000), os.urandom(10))
