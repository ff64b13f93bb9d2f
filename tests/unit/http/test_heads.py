"""HEAD is answered without a body, whatever the endpoint sends: over HTTP/2 a body after a head is a broken answer, and monitors of hospitals ask so."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Scope

from baybridge.app import with_headers


@pytest.mark.parametrize("answer", [PlainTextResponse("whole page"), StreamingResponse(iter(["whole ", "page"]))], ids=["at once", "in parts"])
@pytest.mark.parametrize(("method", "body"), [("GET", b"whole page"), ("HEAD", b"")])
def test_head_has_no_body(answer: ASGIApp, method: str, body: bytes) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    scope: Scope = {"type": "http", "http_version": "2", "method": method, "path": "/", "headers": [], "scheme": "https"}
    asyncio.run(answer(scope, receive, with_headers(send, scope)))
    assert sent[0]["status"] == 200
    assert b"".join(one.get("body", b"") for one in sent[1:]) == body
    assert not sent[-1].get("more_body")
