"""At FHIR's addresses every answer is FHIR's, kept by no cache, and a request that says two things of which one counts is not answered as if it said one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.node.node import Node, open_node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from hostile.asgi import Answer, Request, send

EVERYWHERE = ("/fhir", "/fhir/", "/fhir/metadata", "/fhir/Patient", "/fhir/Patient/p", "/fhir/Patient/p/_history", "/fhir/nothing/at/all/here", "//fhir/Patient")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder: Path = tmp_path_factory.mktemp("node") / "mo"
    found(folder, {"node": "mo", "organisation": "Macao Hospital", "jurisdiction": "MO", "kinds": ["centre"]})
    made = open_node(folder)
    yield made
    made.storage.close()


@pytest.fixture(scope="module")
def app(node: Node) -> ASGIApp:
    return application(node, workers=False)


@pytest.fixture(scope="module")
def bearer(node: Node) -> tuple[bytes, bytes]:
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="d", name="d", password="a long enough password", role=Role.PHYSICIAN, organisation="Macao Hospital")
        token = accounts.open_session(connection, "d", node.now()).token
    return b"authorization", f"Bearer {token}".encode()


def asked(app: ASGIApp, method: str, path: str | bytes, *headers: tuple[bytes, bytes], body: bytes = b"") -> Answer:
    given = path.encode() if isinstance(path, str) else path
    where, _, query = given.partition(b"?")
    return asyncio.run(send(app, Request(method, where, query, tuple(headers), body)))


def head(answer: Answer, name: bytes) -> bytes:
    return b", ".join(value for key, value in answer.headers if key == name)


def codes(answer: Answer) -> list[str]:
    outcome = json.loads(answer.body)
    assert outcome["resourceType"] == "OperationOutcome"
    assert head(answer, b"content-type").startswith(b"application/fhir+json")
    return [issue["details"]["coding"][0]["code"] for issue in outcome["issue"]]


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FETCH"])
def test_every_answer_is_fhirs_and_kept_by_no_cache(app: ASGIApp, bearer: tuple[bytes, bytes], method: str, path: str) -> None:
    for headers in ((), (bearer,), (bearer, (b"accept", b"text/html"))):
        answer = asked(app, method, path, *headers)
        assert head(answer, b"cache-control") == b"no-store"
        assert answer.status < 500
        if answer.body:
            assert head(answer, b"content-type").startswith(b"application/fhir+json"), answer.body
            json.loads(answer.body)
        else:
            assert method == "HEAD" or answer.status == 204, (answer.status, method)


def test_options_say_what_an_address_takes(app: ASGIApp) -> None:
    answer = asked(app, "OPTIONS", "/fhir/Patient/p")
    assert (answer.status, answer.body) == (204, b"")
    assert {b"GET", b"PUT", b"DELETE", b"OPTIONS"} <= set(head(answer, b"allow").split(b", "))
    other = asked(app, "TRACE", "/fhir/Patient", (b"accept-language", b"pt"))
    assert (other.status, codes(other)) == (405, ["record.method"])
    assert "não é aceite" in other.body.decode()
    assert b"POST" in head(other, b"allow")


@pytest.mark.parametrize("path", [b"/fhir/Patient/%00", b"/fhir/Patient/%ff", b"/fhir/Patient?name=%00", b"//fhir/%ff"])
def test_an_address_that_is_no_text_is_told_in_an_outcome(app: ASGIApp, bearer: tuple[bytes, bytes], path: bytes) -> None:
    answer = asked(app, "GET", path, bearer)
    assert (answer.status, head(answer, b"cache-control")) == (400, b"no-store")
    assert codes(answer)[0] in ("request.not_text", "request.not_utf8")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([(b"authorization", b"Bearer other")], "request.head_twice"),
        ([(b"if-match", b'W/"1"'), (b"if-match", b'W/"2"')], "request.head_twice"),
        ([(b"content-type", b"application/json"), (b"content-type", b"application/x-www-form-urlencoded")], "request.head_twice"),
        ([(b"if-none-exist", b"identifier=a"), (b"if-none-exist", b"identifier=b")], "request.head_twice"),
        ([(b"content-length", b"0"), (b"transfer-encoding", b"chunked")], "request.two_lengths"),
        ([(b"content-length", b"2"), (b"transfer-encoding", b"chunked")], "request.two_lengths"),
    ],
)
@pytest.mark.parametrize("way", [("GET", "/fhir/Patient"), ("GET", "/fhir/Patient/p"), ("PUT", "/fhir/Patient/p")])
def test_a_head_that_says_two_things_is_refused(app: ASGIApp, bearer: tuple[bytes, bytes], headers: list[tuple[bytes, bytes]], code: str, way: tuple[str, str]) -> None:
    answer = asked(app, *way, bearer, *headers)
    assert (answer.status, codes(answer), head(answer, b"connection")) == (400, [code], b"close")


@pytest.mark.parametrize("path", ["/fhir/Patient", "/fhir/Patient/p", "/cases"])
def test_chunks_of_a_reading_are_refused_because_the_server_keeps_back_a_length_that_came_with_them(app: ASGIApp, bearer: tuple[bytes, bytes], path: str) -> None:
    assert asked(app, "GET", path, bearer, (b"transfer-encoding", b"chunked")).status == 400


def test_two_heads_are_refused_at_other_addresses_too(app: ASGIApp, bearer: tuple[bytes, bytes]) -> None:
    answer = asked(app, "GET", "/cases", bearer, bearer)
    assert answer.status == 400
    assert "Authorization" in answer.body.decode().title()
