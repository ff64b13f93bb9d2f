"""Doors: how HTTP requests come in, for pages and services alike.

Main job: a `Door` is a route with the action that it needs in `node/people/access.py`; `routes(doors)` turns them into Starlette routes that sign in, check the role,
read the body and run the endpoint in a worker thread with one plain `Asked`. A door without a row of access answers nobody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor
from baybridge.node.people import access, accounts

if TYPE_CHECKING:
    from baybridge.node.node import Node

COOKIE = "baybridge"
LANGUAGES = ("en", "zh-Hant", "zh-Hans", "pt")
_CASE_RELATIONS = "case_id"
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, read and signed in: everything an endpoint may look at."""

    node: Node
    method: str
    path: str
    parameters: Mapping[str, str]  # of the path
    query: Mapping[str, str]
    queries: Sequence[tuple[str, str]]  # of the address, with repeats, in order
    headers: Mapping[str, str]
    body: bytes
    form: Mapping[str, str]
    forms: Sequence[tuple[str, str]]
    uploads: Mapping[str, Upload]
    actor: Actor | None
    session: accounts.Session | None
    language: str
    base_url: str
    cookies: Mapping[str, str] = field(default_factory=dict)

    @property
    def person(self) -> Actor:
        """The signed-in actor; a door that needs none must not ask."""
        if self.actor is None:
            raise RuntimeError("this door lets unsigned requests in and yet asks who it is")
        return self.actor


Endpoint = Callable[[Asked], Response]
Refused = Callable[[Asked, Refusal], Response]


@dataclass(frozen=True, slots=True)
class Door:
    """A route: where, which methods, its name, the action it needs, what answers."""

    path: str
    methods: tuple[str, ...]
    name: str
    action: str
    endpoint: Endpoint


def routes(node: Node, doors: Sequence[Door], refused: Refused) -> list[Route]:
    """Starlette routes of doors; `refused` renders a refusal for this kind of caller."""
    return [Route(door.path, _guarded(node, door, refused), methods=list(door.methods), name=door.name) for door in doors]


def _guarded(node: Node, door: Door, refused: Refused) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        limit = int(node.config.settings.get("BAYBRIDGE_MAX_UPLOAD_MB", "256")) * _MEGABYTE
        try:
            asked = await _asked(node, Request(request.scope, _limited(request, limit)))
        except _TooLargeError:
            early = await _read(node, request, b"", {}, [])
            return refused(early, refuse(Reason("request.too_large", {"limit_mb": limit // _MEGABYTE}), category=Category.TOO_LARGE))
        except MultiPartException:
            early = await _read(node, request, b"", {}, [])
            return refused(early, refuse(Reason("request.not_a_form"), category=Category.INVALID))
        return await run_in_threadpool(_answer, node, door, asked, refused)

    return answer


class _TooLargeError(Exception):
    """More bytes came than this node takes in."""


def _limited(request: Request, limit: int) -> Receive:
    """The request's body until it is too large, whether or not it said its length."""
    if _length(request) > limit:
        raise _TooLargeError
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _TooLargeError
        return message

    return receive


def _length(request: Request) -> int:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _answer(node: Node, door: Door, asked: Asked, refused: Refused) -> Response:
    refusal = access.may(door.action, asked.actor, node.site) or _forged(asked)
    if refusal is None and _CASE_RELATIONS in asked.parameters:
        refusal = _case_refusal(node, door, asked)
    return refused(asked, refusal) if refusal is not None else door.endpoint(asked)


def _case_refusal(node: Node, door: Door, asked: Asked) -> Refusal | None:
    from baybridge.node.commands.judging import payers_of

    case = node.case(asked.parameters["case_id"])
    refusal = access.may_case(door.action, asked.actor, node.site, case.patient_id if case else None, payers_of(node, case))
    if refusal is None and case is None:
        return refuse(Reason("command.no_case"), category=Category.NOT_FOUND)
    return refusal


def _forged(asked: Asked) -> Refusal | None:
    """A form that was not made by one of our pages for this session; requests with a bearer token carry none."""
    if asked.method != "POST" or asked.session is None or asked.headers.get("authorization"):
        return None
    if asked.form.get("csrf") == asked.session.csrf:
        return None
    return refuse(Reason("access.form_expired"), category=Category.FORBIDDEN)


async def _asked(node: Node, request: Request) -> Asked:
    content_type = request.headers.get("content-type", "")
    uploads: dict[str, Upload] = {}
    forms: list[tuple[str, str]] = []
    body = b""
    if content_type.startswith(("multipart/form-data", "application/x-www-form-urlencoded")):
        async with request.form(max_part_size=_MEGABYTE) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    uploads[name] = Upload(value.filename or "", await value.read())
                else:
                    forms.append((name, value))
    else:
        body = await request.body()
    return await _read(node, request, body, uploads, forms)


async def _read(node: Node, request: Request, body: bytes, uploads: Mapping[str, Upload], forms: Sequence[tuple[str, str]]) -> Asked:
    token = _token(request)
    session = await run_in_threadpool(_session, node, token) if token else None
    return Asked(
        node=node,
        method=request.method,
        path=request.url.path,
        parameters=request.path_params,
        query=dict(request.query_params),
        queries=request.query_params.multi_items(),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        form=dict(forms),
        forms=forms,
        uploads=uploads,
        actor=session.actor if session else None,
        session=session,
        language=language_of(request, session),
        base_url=str(request.base_url).rstrip("/"),
        cookies=request.cookies,
    )


def _session(node: Node, token: str) -> accounts.Session | None:
    with node.storage.reading() as connection:
        return accounts.session_of(connection, token, node.now())


def _token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else request.cookies.get(COOKIE)


def language_of(request: Request, session: accounts.Session | None) -> str:
    """The language that a request asks for: in its address, its cookie, its account, its browser; else English."""
    asked = request.query_params.get("language") or request.cookies.get("language")
    if asked in LANGUAGES:
        return asked
    if session is not None:
        return session.language
    accepted = [part.split(";")[0].strip().lower() for part in request.headers.get("accept-language", "").split(",")]
    for tag in accepted:
        found = _CHINESE.get(tag) or next((known for known in LANGUAGES if tag.split("-")[0] == known), None)
        if found:
            return found
    return "en"


_CHINESE = {
    **dict.fromkeys(("zh-hk", "zh-mo", "zh-tw", "zh-hant"), "zh-Hant"),
    **dict.fromkeys(("zh-cn", "zh-sg", "zh-hans", "zh"), "zh-Hans"),
}


def read_json(asked: Asked) -> Any | Refusal:
    """The JSON body of a request, or a refusal that says where it breaks; nothing is an empty object, a form is refused rather than overlooked."""
    if asked.forms or asked.uploads:
        return refuse(Reason("request.not_json", {"problem": "sent as a form; expected Content-Type: application/json"}), category=Category.INVALID)
    try:
        return json.loads(asked.body or b"{}", parse_constant=_no_number)
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}"
    except UnicodeDecodeError:
        where = "not UTF-8"
    except (ValueError, RecursionError) as problem:
        where = type(problem).__name__
    return refuse(Reason("request.not_json", {"problem": where}), category=Category.INVALID)


def _no_number(name: str) -> Any:
    raise ValueError(name)  # NaN and the infinities are no JSON
