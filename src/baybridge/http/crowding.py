"""Connections that are kept open, as long as there is room for everybody.

Main job: `kept_while_room(app, Crowd(most))` answers over HTTP/1.1 with `Connection: close` while more than half of `most` connections are open, so that clients that ask
once and then keep their connection do not shut others out. Otherwise the server keeps a connection for longer than browsers and proxies do (`BAYBRIDGE_HEADER_SECONDS`),
because one that is closed just when a form is sent on it loses the form: a proxy answers 502, and some browsers do not send it again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOK_S = 1.0  # between two looks: counting is done for all requests of a second at once


def open_files() -> int:
    """How many files this process holds open, connections among them; 0 where the system does not say."""
    try:
        return sum(1 for _ in os.scandir("/dev/fd"))
    except OSError:
        return 0


class Crowd:
    """Whether more than half of what may be open is open."""

    def __init__(self, most: int, count: Callable[[], int] = open_files, clock: Callable[[], float] = time.monotonic) -> None:
        self._half, self._count, self._clock = most // 2, count, clock
        self._next, self._dense = 0.0, False

    def is_dense(self) -> bool:
        """As of now, or of less than a second ago."""
        now = self._clock()
        if now >= self._next:
            self._next, self._dense = now + _LOOK_S, self._count() > self._half
        return self._dense


def kept_while_room(app: ASGIApp, crowd: Crowd) -> ASGIApp:
    """The application, whose connections are closed after an answer while there are many."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope.get("http_version", "") not in ("1", "1.1") or not crowd.is_dense():
            await app(scope, receive, send)
            return

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*(one for one in message.get("headers", []) if one[0] != b"connection"), (b"connection", b"close")]
            await send(message)

        await app(scope, receive, closing)

    return wrapped
