"""Bodies of requests: how much may come from whom, and how slowly.

Main job: `bounded(receive, limit, pace, said)` is a request's `receive` that stops a body that is too large or too slow, whatever length it announced.

Who has not signed in may send little, so that nobody fills the memory from outside; a door that takes large bodies from unsigned callers (packages, whose signature
lies inside) takes at most `LARGE_AT_ONCE` of them at a time and asks the others to come again. The server itself has no time limit for bodies.

**Units**: bytes, seconds. Elsewhere: doors and their limits in `doors.py`, connections in `serving.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import Message, Receive

KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE

#: What an unsigned caller may send to a door that does not say otherwise: a sign-in form, or a form that was typed before a session ended.
UNSIGNED = 64 * KILOBYTE

#: Bodies above `MEGABYTE` from unsigned callers that are held at the same time.
LARGE_AT_ONCE = 2


class TooLargeError(Exception):
    """More bytes came than may."""


class TooSlowError(Exception):
    """The body does not arrive."""


class BusyError(Exception):
    """As many large bodies as may be held are arriving; it can be tried again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How slowly a body may come: the longest silence, and the fewest bytes a second once that has passed."""

    silence_s: float = 10.0
    bytes_a_second: float = 1024.0

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Pace:
        """The pace that the settings of a node allow."""
        return cls(float(settings.get("BAYBRIDGE_BODY_SILENCE_SECONDS", "10")), float(settings.get("BAYBRIDGE_BODY_BYTES_A_SECOND", "1024")))


def announced(length: str) -> int:
    """What a Content-Length says; 0 where it says nothing that can be read."""
    return int(length[:15]) if length.isascii() and length.isdigit() else 0


def bounded(receive: Receive, limit: int, pace: Pace, length: str) -> Receive:
    """The request's `receive`, until its body is too large or too slow; `length` is what the caller announced."""
    if announced(length) > limit:
        raise TooLargeError
    taken, waited = 0, 0.0

    async def next_part() -> Message:
        nonlocal taken, waited
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            message = await asyncio.wait_for(receive(), pace.silence_s)
        except TimeoutError:
            raise TooSlowError from None
        waited += clock() - begun
        taken += len(message.get("body", b""))
        if taken > limit:
            raise TooLargeError
        if message.get("more_body") and taken < (waited - pace.silence_s) * pace.bytes_a_second:
            raise TooSlowError
        return message

    return next_part


class Room:
    """The places for large bodies of unsigned callers."""

    def __init__(self, places: int = LARGE_AT_ONCE) -> None:
        self._left = places

    @contextmanager
    def place(self, *, needed: bool) -> Iterator[None]:
        """One place while a body is read and worked on; BusyError where none is left. The event loop alone calls it."""
        if not needed:
            yield
            return
        if self._left < 1:
            raise BusyError
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1
