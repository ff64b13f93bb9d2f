"""Long lists in pages: which part of a list a page shows, and what stands before and after it.

Main job: `part_of(asked, count, size)`. A number that is none, or that lies behind the last page, shows the page that is nearest to it, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from baybridge.http.doors import Asked

_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Part:
    """One page of a list: its number from 1, how many rows a page has and the list, and the addresses of its neighbours."""

    number: int
    size: int
    count: int
    before: str | None
    after: str | None
    beyond: bool = False  # whether a page behind the last was asked for

    @property
    def start(self) -> int:
        """How many rows stand before it."""
        return (self.number - 1) * self.size

    @property
    def end(self) -> int:
        """How many rows stand before it or in it."""
        return min(self.start + self.size, self.count)


def part_of(asked: Asked, count: int, size: int) -> Part:
    """The page of a list of so many rows that the address asks for (`page`)."""
    last = max(1, -(-count // size))
    text = asked.query.get("page", "")
    wanted = (int(text) if len(text) <= _DIGITS else last + 1) if text.isascii() and text.isdecimal() else 1
    number = min(max(1, wanted), last)
    return Part(
        number, size, count, _address(asked, number - 1) if number > 1 else None, _address(asked, number + 1) if number < last else None, wanted > last
    )  # fmt: skip


def _address(asked: Asked, number: int) -> str:
    kept = [pair for pair in asked.queries if pair[0] != "page"]
    return f"{asked.path}?{urlencode([*kept, ('page', str(number))])}"
