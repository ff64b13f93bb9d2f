"""Doors: how HTTP requests come in, for pages and services alike.

Main job: a `Door` is a route with the action that it needs in `node/people/access.py`; `routes(doors)` turns them into Starlette routes that sign in, check the role,
read the body and run the endpoint in a worker thread with one plain `Asked`. A door without a row of access answers nobody. How much a body may hold is known
before it is read, from who sends it and to which door (`bodies.py`).
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive

from baybridge.base.json_value import KeyTwiceError, each_key_once
from baybridge.base.outcome import SURFACES, Category, Reason, Refusal, refuse
from baybridge.base.text import not_text, not_text_inside
from baybridge.http import bodies
from baybridge.journey.command import Actor
from baybridge.language.languages import FALLBACK, chosen
from baybridge.language.texts import Texts
from baybridge.node.directory.living_documents import steady
from baybridge.node.outage import StorageProblem
from baybridge.node.people import access, accounts, helping, noting, reads, refused_entry
from baybridge.node.upkeep.reserve import ReserveFullError

if TYPE_CHECKING:
    from baybridge.node.node import Node

COOKIE = "baybridge"
DEVICE = "baybridge-device"  # by which a browser is known from which somebody signed in before
#: What an account without the second factor that its role asks for may do.
ENROLLING = frozenset({"account", "account.begin", "account.confirm", "account.passkey", "account.passkey.made", "sign-out", "hand-over"})
_CASE_RELATIONS = "case_id"
_MOST_FIELDS = 5000  # of a form
_READING = frozenset({"GET", "HEAD"})
#: Readings that programs make by the thousand and that wait for nothing but the processor: more threads than this take it from each other.
_SHORT, _FEW = frozenset({"fhir.read", "fhir.search"}), 4
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


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
    by_cookie: bool = False  # the session came by a cookie, which a browser sends along whoever asks it to

    @property
    def secure(self) -> bool:
        """Whether the browser asked over TLS, by this node's certificate or a trusted proxy's."""
        return self.base_url.startswith("https:")

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
    unsigned: int = bodies.UNSIGNED  # bytes of a body that a caller without a session may send
    largest: int | None = None  # bytes of a body that a signed-in caller may send, where it is less than what the node takes in elsewhere
    refused: Refused | None = None  # how this door says a refusal, where its callers are of several kinds


def routes(node: Node, doors: Sequence[Door], refused: Refused) -> list[Route]:
    """Starlette routes of doors; `refused` renders a refusal for this kind of caller."""
    few = ThreadPoolExecutor(_FEW, "reading")
    return [Route(door.path, _guarded(node, door, door.refused or refused, few), methods=list(door.methods), name=door.name) for door in doors]


def _guarded(node: Node, door: Door, refused: Refused, few: Executor) -> Callable[[Request], Awaitable[Response]]:
    room = bodies.Room()

    async def answer(request: Request) -> Response:
        try:
            return await attended(request)
        except StorageProblem as problem:
            return await run_in_threadpool(_without_storage, node, request, problem.refusal, refused)
        except ReserveFullError:
            refusal = refuse(Reason("storage.reserve_full"), category=Category.STORAGE_FULL)
            return await run_in_threadpool(_without_storage, node, request, refusal, refused)

    async def attended(request: Request) -> Response:
        if request.method in _READING and not _has_body(request):
            return await _noted(node, partial(_answer_reading, node, door, request, refused), few if door.action in _SHORT else None)
        token, small = _token(request), _is_small(door, request)
        session = await run_in_threadpool(_session, node, token) if token and not small else None
        limit = _limit(node, door, session)
        try:
            with room.place(needed=session is None and limit > bodies.MEGABYTE and _may_be_large(request)):
                sent = await _sent(Request(request.scope, _bounded(node, request, limit)))
                return await _noted(node, partial(_answer_sent, node, door, request, sent, session, refused))
        except (bodies.TooLargeError, bodies.TooSlowError, bodies.BusyError, MultiPartException) as problem:
            session = await run_in_threadpool(_session, node, token) if token and small else session
            early = _read(node, request, b"", {}, [], session)
            return _closing(refused(early, _unread(node, door, early, problem, limit)))

    return answer


async def _noted(node: Node, work: Callable[[], Response], few: Executor | None = None) -> Response:
    """What a worker thread answers, one of few where they are given, once the readings that it left to be noted are."""
    with noting.gathered() as readings:
        if few is None:
            response = await run_in_threadpool(work)
        else:
            response = await asyncio.get_running_loop().run_in_executor(few, copy_context().run, work)
    if readings:
        try:
            await node.noting.noted(readings)
        except StorageProblem:
            await run_in_threadpool(noting.note, node, readings)
    return response


def _has_body(request: Request) -> bool:
    """Whether a body comes with the head of a request. Source: RFC 9112 section 6.3."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _is_small(door: Door, request: Request) -> bool:
    """Whether a body says that it is no longer than anybody may send to this door, so that it may be read before anybody knows who sends it."""
    length = request.headers.get("content-length", "")
    most = door.unsigned if door.largest is None else min(door.unsigned, door.largest)
    return length.isdigit() and "transfer-encoding" not in request.headers and bodies.announced(length) <= most


def _answer_sent(node: Node, door: Door, request: Request, sent: _Sent, session: accounts.Session | None, refused: Refused) -> Response:
    """The answer to a request whose body is read, in one go of one worker thread; a `session` that was not looked for yet is looked for here."""
    token = _token(request) if session is None else None
    session = _session(node, token) if token else session
    return _answer(node, door, _read(node, request, sent.body, sent.uploads, sent.forms, session), refused)


def _answer_reading(node: Node, door: Door, request: Request, refused: Refused) -> Response:
    """The answer to a request without a body, in one go of one worker thread."""
    token = _token(request)
    session = _session(node, token) if token else None
    return _answer(node, door, _read(node, request, b"", {}, [], session), refused)


def _without_storage(node: Node, request: Request, refusal: Refusal, refused: Refused) -> Response:
    """What is answered while the database cannot do its part: the sentence on a page, or alone where even the page needs the database."""
    try:
        response = refused(_read(node, request, b"", {}, [], None), refusal)
    except StorageProblem:
        sentences = Texts(node.documents).refusal("en", refusal)
        response = PlainTextResponse("\n".join(sentences), refusal.surface.http_status)
    if refusal.category is Category.BUSY:
        response.headers["retry-after"] = "5"
    return response


def _limit(node: Node, door: Door, session: accounts.Session | None) -> int:
    """How many bytes this caller may send to this door."""
    if session is None:
        return door.unsigned
    everywhere = int(node.config.settings.get("BAYBRIDGE_MAX_UPLOAD_MB", "256")) * bodies.MEGABYTE
    return everywhere if door.largest is None else min(door.largest, everywhere)


def _may_be_large(request: Request) -> bool:
    """Whether a body is above a megabyte, or does not say how long it is."""
    length = request.headers.get("content-length", "")
    return bodies.announced(length) > bodies.MEGABYTE or "transfer-encoding" in request.headers


def _bounded(node: Node, request: Request, limit: int) -> Receive:
    pace = bodies.Pace.of(node.config.settings)
    return bodies.bounded(request.receive, limit, pace, request.headers.get("content-length", ""))


def _unread(node: Node, door: Door, asked: Asked, problem: Exception, limit: int) -> Refusal:
    """Why a request was not read to its end; who must sign in first is told that and not how much may be sent."""
    if isinstance(problem, bodies.TooSlowError):
        return refuse(Reason("request.too_slow"), category=Category.TOO_SLOW)
    if isinstance(problem, bodies.BusyError):
        return refuse(Reason("request.busy"), category=Category.BUSY)
    if isinstance(problem, MultiPartException):
        return refuse(Reason("request.not_a_form"), category=Category.INVALID)
    unsigned = access.may(door.action, asked.actor, node.site)
    if unsigned is not None:
        return unsigned
    if limit < bodies.MEGABYTE:
        return refuse(Reason("request.too_large_unsigned", {"limit_kb": limit // bodies.KILOBYTE}), category=Category.TOO_LARGE)
    return refuse(Reason("request.too_large", {"limit_mb": limit // bodies.MEGABYTE}), category=Category.TOO_LARGE)


def _closing(response: Response) -> Response:
    """The answer to a request whose body was not read to its end: nothing else can follow on this connection."""
    response.headers["connection"] = "close"
    if response.status_code == SURFACES[Category.BUSY].http_status:
        response.headers["retry-after"] = "5"
    return response


def _answer(node: Node, door: Door, asked: Asked, refused: Refused) -> Response:
    if asked.actor is not None and asked.actor.also:  # whoever has several roles comes in by the one that this door asks for
        asked = replace(asked, actor=asked.actor.acting(access.roles(door.action)))
    refusal = _refusal(node, door, asked) or _unprotected(node, door, asked) or _forged(asked)
    if refusal is None and _CASE_RELATIONS in asked.parameters:
        refusal = _case_refusal(node, door, asked)
    if refusal is not None:
        _note_dead_session(node, asked, refusal)
        return refused(asked, refusal)
    with steady() if asked.method in _READING else nullcontext():
        return door.endpoint(asked)


def given_token(asked: Asked) -> str:
    """The token by which somebody asks, whether or not it counts; '' without one."""
    bearer, _, token = asked.headers.get("authorization", "").partition(" ")
    return token if bearer.lower() == "bearer" else asked.cookies.get(COOKIE, "")


def _note_dead_session(node: Node, asked: Asked, refusal: Refusal) -> None:
    """An entry in the log where somebody was refused who came with a session that counts no more."""
    given = given_token(asked)
    if given and asked.session is None and refusal.category is Category.UNAUTHENTICATED:
        refused_entry.dead_session(node, given)


def _unprotected(node: Node, door: Door, asked: Asked) -> Refusal | None:
    """The refusal of everything but setting up a second factor, for whom a role asks for one."""
    if asked.session is None or door.action == "public" or door.name in ENROLLING or not accounts.must_enrol(asked.session, node.people):
        return None
    return refuse(Reason("accounts.second.needed"), category=Category.FORBIDDEN)


def _refusal(node: Node, door: Door, asked: Asked) -> Refusal | None:
    """Whether this person may come in by this door at all; who took a case in an emergency may, to read it."""
    refusal = access.may(door.action, asked.actor, node.site)
    reading = asked.method in _READING and (_CASE_RELATIONS in asked.parameters or door.action.startswith("fhir."))
    if refusal is not None and reading and asked.actor is not None and asked.actor.role in access.roles(door.action) and reads.glass(node, asked.actor):
        return None
    return refusal


def _case_refusal(node: Node, door: Door, asked: Asked) -> Refusal | None:
    """Whether this person may do this in this case. A reading is noted in the patient's list before it is answered, and so is a form: its answer shows the case."""
    from baybridge.node.commands.judging import payers_of

    case = node.case(asked.parameters[_CASE_RELATIONS])
    payers = payers_of(node, case)
    if asked.method not in _READING:
        refusal = helping.may_case(node, door.action, asked.actor, case, payers)
        if refusal is not None or case is None:
            return refusal or refuse(Reason("command.no_case"), category=Category.NOT_FOUND)
    purpose = reads.purpose_of(node, door.action, asked.actor, asked.parameters.get("command", "")) if asked.actor is not None else ""
    found = reads.for_case(node, door.action, asked.actor, case, payers, purpose=purpose)
    if isinstance(found, Refusal):
        return found if asked.method in _READING else None  # a form that is refused shows nothing of the record
    node.record_access(asked.person, asked.parameters[_CASE_RELATIONS], door.name, purpose, found)
    return None


#: Where a script with a session cookie sends the form token of its session.
TOKEN_HEADER = "x-csrf-token"  # noqa: S105 - the header's name


def _forged(asked: Asked) -> Refusal | None:
    """A change that none of our pages asked for in this session; a session by bearer token is sent by no browser on its own, and carries no form token."""
    if asked.method not in _CHANGING or asked.session is None or not asked.by_cookie:
        return None
    given = asked.form.get("csrf") or asked.headers.get(TOKEN_HEADER, "")
    if hmac.compare_digest(given.encode(), asked.session.csrf.encode()):
        return None
    return refuse(Reason("access.form_expired"), category=Category.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class _Sent:
    """What came in the body of a request."""

    body: bytes
    uploads: Mapping[str, Upload]
    forms: Sequence[tuple[str, str]]


async def _sent(request: Request) -> _Sent:
    content_type = request.headers.get("content-type", "")
    uploads: dict[str, Upload] = {}
    forms: list[tuple[str, str]] = []
    body = b""
    if content_type.startswith("application/x-www-form-urlencoded"):
        forms = _form_of(await request.body())
    elif content_type.startswith("multipart/form-data"):
        async with request.form(max_part_size=bodies.MEGABYTE) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    uploads[name] = Upload(value.filename or "", await value.read())
                else:
                    forms.append((name, value))
    else:
        body = await request.body()
    if any(not_text(name) or not_text(value) for name, value in forms):
        raise MultiPartException("a NUL or half of a surrogate pair")
    return _Sent(body, uploads, forms)


def _form_of(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form; MultiPartException where it is not text in UTF-8 or has more fields than any page of ours."""
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise MultiPartException("a form in UTF-8 was expected") from None


def _read(
    node: Node,
    request: Request,
    body: bytes,
    uploads: Mapping[str, Upload],
    forms: Sequence[tuple[str, str]],
    session: accounts.Session | None,
) -> Asked:
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
        language=language_of(node, request, session),
        base_url=str(request.base_url).rstrip("/"),
        cookies=request.cookies,
        by_cookie=session is not None and not _is_bearer(request),
    )


def _session(node: Node, token: str) -> accounts.Session | None:
    return node.access.session(token)


def _token(request: Request) -> str | None:
    return request.headers["authorization"].partition(" ")[2] if _is_bearer(request) else request.cookies.get(COOKIE)


_KINDS = ("iPad", "iPhone", "Android", "Windows", "Macintosh", "CrOS", "Linux")


def device_kind(headers: Mapping[str, str]) -> str:
    """What kind of device a browser runs on, in one word: enough to know one's own sessions apart, and no more."""
    agent = headers.get("user-agent", "")
    return next((kind for kind in _KINDS if kind in agent), "")


def _is_bearer(request: Request) -> bool:
    return request.headers.get("authorization", "").partition(" ")[0].lower() == "bearer"


def language_of(node: Node, request: Request, session: accounts.Session | None) -> str:
    """The language that a request asks for: in its address, its cookie, its account, its browser; else English."""
    known = node.languages
    asked = (request.query_params.get("language"), request.cookies.get("language"), session.language if session else None)
    wanted = next((code for code in asked if code in known), None)
    return wanted or chosen(request.headers.get("accept-language", ""), known) or FALLBACK


def read_json(asked: Asked) -> object:
    """The JSON body of a request, or a refusal that says where it breaks; nothing is an empty object, a form is refused rather than overlooked."""
    if asked.forms or asked.uploads:
        return refuse(Reason("request.not_json", {"problem": "sent as a form; expected Content-Type: application/json"}), category=Category.INVALID)
    try:
        value = json.loads(asked.body or b"{}", parse_constant=_no_number, parse_float=_a_number, object_pairs_hook=each_key_once)
        if not not_text_inside(value):
            return value
        where = "a NUL, half of a surrogate pair, or nesting that is too deep"
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}"
    except UnicodeDecodeError:
        where = "not UTF-8"
    except KeyTwiceError as twice:
        where = f"the key {twice} twice"
    except (ValueError, RecursionError) as problem:
        where = type(problem).__name__
    return refuse(Reason("request.not_json", {"problem": where}), category=Category.INVALID)


def _no_number(name: str) -> object:
    raise ValueError(name)  # NaN and the infinities are no JSON


def _a_number(text: str) -> float:
    """A number with a fraction or an exponent; one that no computer holds is refused rather than read as infinite."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number beyond 1e308")
    return value
