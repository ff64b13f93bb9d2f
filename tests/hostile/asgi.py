"""A request put to the application itself, byte by byte as a server would: no client library cleans it first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Request:
    """One request as it comes over the wire."""

    method: str
    path: bytes  # percent-encoded or not
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    door: str = ""  # the route it is meant for, for the counts
    who: str = ""
    kept_out: str = ""  # why it must change and show nothing, whatever else it holds; empty where it may be let in


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


async def send(app: Any, request: Request, *, whole: bool = True) -> Answer:
    """Put one request to the application; one that is not whole promises more and stays silent."""
    answer, sent = Answer(), []

    async def receive() -> dict[str, Any]:
        if sent:
            await asyncio.sleep(3600)
        sent.append(True)
        return {"type": "http.request", "body": request.body, "more_body": not whole}

    async def take(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            answer.body += message.get("body", b"")

    length = (
        [] if any(name == b"content-length" for name, _ in request.headers) or not request.body else [(b"content-length", b"%d" % len(request.body))]
    )
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8080),
        "client": ("127.0.0.1", 40_000),
        "scheme": "http",
        "method": request.method,
        "root_path": "",
        "path": unquote(request.path.decode("latin-1")),
        "raw_path": request.path,
        "query_string": request.query,
        "headers": [(b"host", b"127.0.0.1"), *length, *request.headers],
        "state": {},
    }
    await app(scope, receive, take)
    return answer
