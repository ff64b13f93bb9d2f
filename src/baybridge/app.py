"""The web application of one node: services and pages gathered, access logs without query strings, workers started.

Main job: `application()` is what the server runs; the node's folder comes from the command that started it. It stands outside the layers because it is the
only place that joins pages and services.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from baybridge.api import fhir, services
from baybridge.node.doors import routes
from baybridge.node.node import Node
from baybridge.node.worker import Worker
from baybridge.web import pages
from baybridge.web.page import STATIC, refused

Scope = MutableMapping[str, Any]
_LOG = logging.getLogger("baybridge.access")


def application(node: Node, *, workers: bool = True) -> Any:
    """The ASGI application of a node, with its background workers unless told otherwise."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        worker = Worker(node)
        if workers:
            worker.start()
        try:
            yield
        finally:
            worker.stop()

    doors = [
        *routes(node, services.DOORS, services.refused),
        *routes(node, fhir.DOORS, fhir.refused),
        *routes(node, pages.DOORS, refused),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]
    app = Starlette(routes=doors, lifespan=lifespan)
    app.state.node = node
    return _safely(app)


def _safely(app: Any) -> Callable[[Scope, Any, Any], Awaitable[None]]:
    """Headers that keep pages safe, and an access log that names the route's path without its query."""

    async def wrapped(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
                _LOG.info("%s %s %s", scope["method"], scope["path"], message["status"])
            await send(message)

        await app(scope, receive, sending)

    return wrapped


_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; form-action 'self'; frame-ancestors 'none'"),
]


def from_folder(folder: str) -> Any:
    """The application of a node folder, as the server starts it."""
    from baybridge.node.node import open_node
    from baybridge.node.transport import post

    return application(open_node(Path(folder), transport=post))
