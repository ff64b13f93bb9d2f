"""When a package that was refused is tried again: at once a few times, then ever more rarely, so that a refusal does not keep two nodes busy.

Main job: `Retries.is_due`. It is forgotten with the process, whose first round tries everything.

**Units**: seconds by name.
"""

from __future__ import annotations

from datetime import datetime, timedelta

_AT_ONCE = 5  # tries that wait for nothing
_LONGEST_S = 600


class Retries:
    """The next try of each package that was refused."""

    def __init__(self) -> None:
        self._next: dict[str, datetime] = {}

    def refused(self, package_id: str, attempts: int, at: datetime) -> None:
        """Note a refusal, at the `attempts`-th try."""
        if attempts >= _AT_ONCE:
            self._next[package_id] = at + timedelta(seconds=min(_LONGEST_S, 2 ** min(attempts - _AT_ONCE, 12)))

    def is_due(self, package_id: str, at: datetime) -> bool:
        """Whether a package may be tried now."""
        return at >= self._next.get(package_id, at)
