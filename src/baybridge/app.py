"""The web application of one node: services and pages gathered, access logs without query strings, workers started.

Main job: `application()` is what the server runs; the node's folder comes from the command that started it. It stands outside the layers because it is the
only place that joins pages and services.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from baybridge.api import fhir, health, services
from baybridge.api.fhir_reading import Reading
from baybridge.base.outcome import Category, Reason, Refusal
from baybridge.http import answers, metrics
from baybridge.http.cross import Cross, elsewhere
from baybridge.http.doors import routes
from baybridge.http.logs import request_id
from baybridge.http.proxies import FROM_PROXY
from baybridge.http.wellformed import against
from baybridge.language.languages import FALLBACK
from baybridge.language.texts import Texts
from baybridge.node.asking import REQUEST
from baybridge.node.node import Node
from baybridge.node.upkeep.worker import Worker
from baybridge.web.page import pages
from baybridge.web.page.defect_page import defect, nowhere
from baybridge.web.page.page import STATIC, refused

_LOG = logging.getLogger("baybridge.access")


def application(node: Node, *, workers: bool = True) -> ASGIApp:
    """The ASGI application of a node, with its background workers unless told otherwise."""
    if not workers:
        node.streams_last = timedelta(0)  # nothing happens behind the requests: a stream tells what there is and ends

    reading = Reading(node)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        worker = Worker(node)
        if workers:
            worker.start()
        try:
            yield
        finally:
            worker.stop()
            reading.close()

    app = Starlette(routes=every_route(node), lifespan=lifespan, exception_handlers={Exception: _sorry, HTTPException: _nowhere})
    app.state.node = node
    return _safely(app, reading, elsewhere(node))


def every_route(node: Node) -> list[BaseRoute]:
    """All that this application answers: the doors, and the files that pages need."""
    return [
        *routes(node, fhir.DOORS, fhir.refused),  # programs ask it by the thousand, and each route is tried in turn
        *routes(node, health.DOORS, answers.refused),
        *routes(node, services.DOORS, answers.refused),
        *routes(node, pages.DOORS, refused),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]


def _safely(app: Starlette, reading: Reading, cross: Cross) -> ASGIApp:
    """Headers that keep pages safe, and an access log that names the route, never the address: an id from outside may be personal.

    A defect is logged by its kind and place alone, because its message may quote what it met.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        REQUEST.set(request_id(dict(scope["headers"]).get(b"x-request-id") if scope.get(FROM_PROXY) else None))
        sending_safely = with_headers(send, scope)
        answer = cross.around(inner) if cross.is_of(scope) else inner
        await answer(scope, receive, sending_safely)

    async def inner(scope: Scope, receive: Receive, sending_safely: Send) -> None:
        began = time.monotonic()
        reasons = tuple(against(scope))
        if reasons:
            await _answer_unread(app.state.node, scope, reasons)(scope, receive, sending_safely)
            return
        begun = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(True)
                _note(scope, message["status"], time.monotonic() - began)
            await sending_safely(message)

        try:
            if not await reading.answered(scope, sending):
                await app(scope, receive, sending)
        except Exception as problem:  # noqa: BLE001 - the server would print the message with whatever it quotes
            told = {"method": scope["method"], "route": _route(scope), "problem": type(problem).__name__, "place": _place(problem)}
            _LOG.error("%(method)s %(route)s failed: %(problem)s at %(place)s", told, extra=told)
            if not begun:
                await PlainTextResponse("Internal error", 500)(scope, receive, sending)

    return wrapped


def _note(scope: Scope, status: int, seconds: float) -> None:
    """One line of the access log, and the count of it."""
    told = {"method": scope["method"], "route": _route(scope), "status": status, "ms": round(seconds * 1000)}
    _LOG.info("%(method)s %(route)s %(status)s", told, extra=told)
    metrics.observe(scope["method"] if scope["method"] in _METHODS else "other", told["route"], status, seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def with_headers(send: Send, scope: Scope) -> Send:
    """A `send` that adds the headers that keep pages safe, and the id of the request."""
    secure = _ONLY_TLS if scope.get("scheme") == "https" else []
    kept = _KEPT_BY_NOBODY if fhir.is_of(scope["path"]) else []
    headless = scope.get("method") == "HEAD"  # over HTTP/2 the server sends whatever body it is given, which clients take for a broken answer

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS, *secure, *kept, (b"x-request-id", REQUEST.get().encode())]
        elif headless:
            message = {"type": message["type"], "more_body": message.get("more_body", False)}
        await send(message)

    return sending


def _answer_unread(node: Node, scope: Scope, reasons: tuple[Reason, ...]) -> Response:
    """What is answered to a request whose address or head cannot be read: the reasons in English, since its language cannot be read either.

    The connection is closed: where its body ends may be what cannot be told.
    """
    refusal = Refusal(Category.INVALID, reasons)
    _LOG.info("(unreadable request) 400", extra={"status": 400})
    if fhir.is_of(scope["path"]):
        answer = fhir.told(node, FALLBACK, refusal)
    else:
        texts = Texts(node.documents)
        answer = JSONResponse({"refused": refusal.category.value, "reasons": [texts.told(FALLBACK, reason) for reason in reasons]}, 400)
    answer.headers["connection"] = "close"
    return answer


def _sorry(request: Request, problem: Exception) -> Response:
    """What is answered to a defect: a page in the reader's language, or one line for a program; what failed is logged elsewhere."""
    del problem
    if fhir.is_of(request.url.path):
        return fhir.failed()
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse("Internal error", 500)
    return defect(request.app.state.node, request)


def _nowhere(request: Request, problem: Exception) -> Response:
    """What is answered at an address where nothing stands: a page in the reader's language, or one line for a program."""
    found = problem if isinstance(problem, HTTPException) else HTTPException(404)
    if fhir.is_of(request.url.path):
        return fhir.nowhere(request.app.state.node, request, found.status_code)
    if "text/html" in request.headers.get("accept", "") and found.status_code in (404, 405):
        answer = nowhere(request.app.state.node, request, found.status_code)
        answer.headers.update(found.headers or {})
        return answer
    return PlainTextResponse(found.detail, found.status_code, headers=dict(found.headers or {}))


def _route(scope: Scope) -> str:
    """The path of the route that answers, with the names of its parameters instead of their values."""
    path = str(scope["path"])
    values = sorted(((str(value), name) for name, value in scope.get("path_params", {}).items()), key=lambda pair: -len(pair[0]))
    if values:
        parts = {value: f"{{{name}}}" for value, name in values}
        return "/".join(parts.get(part, part) for part in path.split("/")) if "rest" not in scope["path_params"] else "/fhir/{rest}"
    return path if "endpoint" in scope else "(no route)"


def _place(problem: BaseException) -> str:
    """File and line where a defect arose."""
    frames = traceback.extract_tb(problem.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


#: No cache between keeps what FHIR answers, nor a browser. Source: RFC 9111 5.2.2.5.
_KEPT_BY_NOBODY = [(b"cache-control", b"no-store")]
#: For a year, browsers ask this name over TLS alone. Source: RFC 6797.
_ONLY_TLS = [(b"strict-transport-security", b"max-age=31536000")]
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; form-action 'self'; frame-ancestors 'none'",
    ),
]
