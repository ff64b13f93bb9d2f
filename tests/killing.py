"""Killing a process at a named step, without the cost of starting one: a fork of the tests' own process does the work and dies there.

Main job: `killed(work)` answers once the work was killed; it fails where the work ended by itself.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable


def killed(work: Callable[[], object]) -> None:
    """Do the work in a process of its own, which SIGKILL must end."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - told on the terminal of the tests
            traceback.print_exc()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "expected the work to be killed at the step"
