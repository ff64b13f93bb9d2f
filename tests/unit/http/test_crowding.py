"""Connections are kept while there is room: longer than browsers keep theirs, and not at all in a crowd."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Scope

from baybridge.http.crowding import Crowd, kept_while_room, open_files
from baybridge.node.config import SETTINGS

MOST = 100
#: Seconds for which Chromium keeps a connection that it used (net/socket/client_socket_pool.cc, used_idle_socket_timeout): no browser in use keeps one longer.
KEPT_BY_BROWSERS = 300


def connection_header(dense: bool, version: str = "1.1") -> str | None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    app = kept_while_room(PlainTextResponse("ok"), Crowd(MOST, lambda: 51 if dense else 50))
    scope: Scope = {"type": "http", "http_version": version, "method": "GET", "path": "/", "headers": []}
    asyncio.run(app(scope, receive, send))
    return dict(sent[0]["headers"]).get(b"connection", b"").decode() or None


@pytest.mark.parametrize(("dense", "version", "said"), [(False, "1.1", None), (True, "1.1", "close"), (True, "2", None)])
def test_connections_are_closed_after_an_answer_only_where_there_are_many(dense: bool, version: str, said: str | None) -> None:
    assert connection_header(dense, version) == said


def test_files_are_counted_once_a_second() -> None:
    counts, now = [60, 10], [0.0]
    crowd = Crowd(MOST, lambda: counts.pop(0), lambda: now[0])
    assert crowd.is_dense()
    now[0] = 0.9
    assert crowd.is_dense()
    now[0] = 1.0
    assert not crowd.is_dense()


def test_open_files_are_seen() -> None:
    assert open_files() > 2


def test_idle_connection_is_kept_longer_than_browsers_keep_it() -> None:
    assert next(float(one.default) for one in SETTINGS if one.variable == "BAYBRIDGE_HEADER_SECONDS") > KEPT_BY_BROWSERS
