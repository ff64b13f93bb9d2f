"""How much of a body is read, how slowly it may come, and what of it is text."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from acceptance.support import Clock
from baybridge.app import application
from baybridge.http import bodies
from baybridge.journey.command import Role
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from hostile.asgi import Request, send

PARTS = [b"a" * 100, b"b" * 100, b"c" * 100]


def receiving(parts: list[bytes]) -> Any:
    """A `receive` that gives these parts and then stays silent."""
    rest = list(parts)

    async def receive() -> Message:
        if not rest:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": rest.pop(0), "more_body": True}

    return receive


async def drained(receive: Any, count: int) -> int:
    return sum([len((await receive())["body"]) for _ in range(count)])


def test_body_ends_at_its_limit_whatever_it_announced() -> None:
    pace = bodies.Pace()
    with pytest.raises(bodies.TooLargeError):
        bodies.bounded(receiving(PARTS), 299, pace, "300")
    with pytest.raises(bodies.TooLargeError):
        asyncio.run(drained(bodies.bounded(receiving(PARTS), 299, pace, "1"), 3))
    assert asyncio.run(drained(bodies.bounded(receiving(PARTS), 300, pace, ""), 3)) == 300


def test_silent_body_is_given_up() -> None:
    with pytest.raises(bodies.TooSlowError):
        asyncio.run(drained(bodies.bounded(receiving(PARTS), 1000, bodies.Pace(silence_s=0.01), ""), 4))


def test_trickling_body_is_given_up() -> None:
    with pytest.raises(bodies.TooSlowError):
        asyncio.run(drained(bodies.bounded(receiving(PARTS), 1000, bodies.Pace(silence_s=0.0, bytes_a_second=1e15), ""), 3))


@pytest.mark.parametrize(("text", "number"), [("", 0), ("12", 12), ("-1", 0), ("1e3", 0), ("²", 0), ("9" * 400, 10**15 - 1)])
def test_announced_length(text: str, number: int) -> None:
    assert bodies.announced(text) == number


def test_places_for_large_bodies() -> None:
    room = bodies.Room(1)
    with room.place(needed=True):
        with pytest.raises(bodies.BusyError), room.place(needed=True):
            pass
        with room.place(needed=False):
            pass
    with room.place(needed=True):
        pass


@pytest.fixture
def node(tmp_path: Path) -> Node:
    found(tmp_path / "node", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]})
    made = Node(read_config(tmp_path / "node"), now=Clock())
    made.config.settings["BAYBRIDGE_MAX_UPLOAD_MB"] = "1"
    return made


@pytest.fixture
def client(node: Node) -> Iterator[TestClient]:
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as made:
        yield made


def signed_in(node: Node) -> dict[str, str]:
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="a", name="a", role=Role.COORDINATOR, organisation="Hospital", password="-")
        return {"authorization": f"Bearer {accounts.open_session(connection, 'a', node.now()).token}"}


def test_who_has_not_signed_in_may_send_little(node: Node, client: TestClient) -> None:
    large = b"x" * (bodies.UNSIGNED + 1)
    refused = client.post("/session", content=large)
    assert (refused.status_code, refused.json()["reasons"][0]["code"]) == (413, "request.too_large_unsigned")
    assert client.post("/fhir/Observation", content=large).status_code == 401, "the size is told to those who may send"
    assert client.post("/fhir/Observation", content=large, headers=signed_in(node)).status_code == 400
    assert client.post("/exchange/checkpoints", content=large).status_code == 400
    assert client.post("/exchange/packages", content=large * 20).status_code == 400, "packages may be large before anybody knows whose they are"


def test_body_that_does_not_arrive_is_answered_and_closed(node: Node) -> None:
    node.config.settings["BAYBRIDGE_BODY_SILENCE_SECONDS"] = "0.01"
    request = Request("POST", b"/session", headers=((b"content-length", b"10"),), body=b"{")

    async def sent() -> Any:
        return await send(application(node, workers=False), request, whole=False)

    answer = asyncio.run(sent())
    assert answer.status == 408
    assert (b"connection", b"close") in answer.headers
    assert b"request.too_slow" in answer.body


@pytest.mark.parametrize(
    "content", [b'{"a": "\\ud800"}', b'{"a": "\\u0000"}', b'{"\\u0000": 1}', b'{"a": 1e999999999}', b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}"]
)
def test_json_that_no_program_could_keep_is_refused(node: Node, client: TestClient, content: bytes) -> None:
    headers = signed_in(node)
    for path in ("/do/OpenCase", "/decide/easix", "/fhir/Observation"):
        answer = client.post(path, content=content, headers=headers)
        assert answer.status_code == 400, (path, answer.text)


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", b"/sign-in", headers=((b"host", b"\xff"),)),
        Request("GET", b"/sign-in", headers=((b"host", b"other.example"),)),
        Request("GET", b"/cases/%ff"),
        Request("GET", b"/cases/%00"),
        Request("GET", b"/sign-in", query=b"next=%ed%a0%80"),
        Request("GET", b"/sign-in", query=b"next=%00"),
        Request("POST", b"/sign-in", headers=((b"content-type", b"application/x-www-form-urlencoded"),), body=b"name=%ff"),
        Request("POST", b"/sign-in", headers=((b"content-type", b"application/x-www-form-urlencoded"),), body=b"name=%00"),
        Request("POST", b"/sign-in", headers=((b"content-type", b"application/x-www-form-urlencoded"),), body=b"name=\xff"),
    ],
)
def test_request_that_is_no_text_is_refused(node: Node, request_: Request) -> None:
    async def sent() -> Any:
        return await send(application(node, workers=False), request_)

    answer = asyncio.run(sent())
    assert answer.status == 400
    assert (b"x-content-type-options", b"nosniff") in answer.headers
