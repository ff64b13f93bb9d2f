"""The same over TLS: guesses wait and are in the log, the right person is not held up by them, and connections that say nothing shut nobody out. A served process."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from sqlalchemy import func, select

from acceptance.test_serving import Served, certify
from baybridge.journey.command import Actor, Role
from baybridge.ledger.tables import log_entry
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import administration
from baybridge.node.people.account_changes import Add, Changed
from baybridge.node.upkeep.founding import found

PASSWORD = "three plain words"
IDLE = 300


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tls")
    people = [{"name": name, "role": role, "password": PASSWORD} for name, role in (("boss", "administrator"), ("nurse", "nurse"), ("doctor", "physician"))]
    found(folder / "node", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"], "accounts": people})
    certificate, key = certify(folder, 1)
    running = Served(folder / "node", "--certificate", str(certificate), "--key", str(key), BAYBRIDGE_BODY_SILENCE_SECONDS="0.2", BAYBRIDGE_HEADER_SECONDS="60")
    yield running
    running.stop()


@pytest.fixture
def node(served: Served) -> Iterator[Node]:
    made = Node(read_config(served.folder))
    yield made
    made.storage.close()


def browser(served: Served) -> httpx.Client:
    return httpx.Client(base_url=served.url, verify=False, trust_env=False, timeout=60, follow_redirects=False)


def sign_in(client: httpx.Client, name: str, password: str) -> httpx.Response:
    return client.post("/sign-in", data={"name": name, "password": password})


def logged(node: Node, what: str) -> int:
    with node.storage.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(log_entry).where(log_entry.c.what == what)).scalar_one())


def secure(served: Served) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", served.port), timeout=60))


def test_guesses_wait_and_are_in_the_log_and_the_right_person_comes_in(served: Served, node: Node) -> None:
    with browser(served) as own, browser(served) as stranger:
        assert sign_in(own, "nurse", PASSWORD).status_code == 303, "from this device she signed in before"
        token = own.cookies["baybridge"]
        own.cookies.delete("baybridge")  # the browser was closed; what makes its device known stays
        before = logged(node, "sign-in-refused")
        assert [sign_in(stranger, "nurse", f"guess-{number}").status_code for number in range(7)] == [401] * 7
        assert "accounts.wait" in stranger.post("/session", json={"name": "nurse", "password": "guess"}).text
        assert before < logged(node, "sign-in-refused") <= before + 8
        assert sign_in(own, "nurse", PASSWORD).status_code == 303, "not held up by the failures of others"
        assert sign_in(stranger, "doctor", PASSWORD).status_code == 303, "nor is anybody else"
    cookie = next(line for line in sign_in(browser(served), "doctor", PASSWORD).headers.get_list("set-cookie") if line.startswith("baybridge="))
    assert token not in cookie and {"secure", "httponly"} <= {part.strip().lower() for part in cookie.split(";")}


def test_what_counts_no_more_is_refused_and_noted(served: Served, node: Node) -> None:
    made = administration.change(node, Actor("operator", Role.ADMINISTRATOR, "Hospital"), Add(account="new", person="Wong", roles=("nurse",)))
    assert isinstance(made, Changed)
    given = {"token": made.invitation, "password": PASSWORD, "again": PASSWORD}
    with browser(served) as client, browser(served) as thief:
        assert client.post("/sign-in/invitation", data=given).status_code == 303
        assert thief.post("/sign-in/invitation", data=given).status_code == 403, "an invitation counts once"
        stolen = {"cookie": f"baybridge={client.cookies['baybridge']}"}
        page = client.get("/account").text
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        assert client.post("/sign-out", data={"csrf": csrf}).status_code == 303
        assert thief.get("/account", headers=stolen).status_code != 200, "what was signed out opens nothing"
    assert logged(node, "invitation-refused") >= 1
    assert logged(node, "session-refused") >= 1


def test_connections_that_say_nothing_do_not_stop_the_node(served: Served) -> None:
    with ExitStack() as held:
        for number in range(IDLE):
            one = held.enter_context(socket.create_connection(("127.0.0.1", served.port)))
            one.sendall(b"" if number % 2 else b"\x16\x03\x01\x02\x00\x01\x00\x01")  # nothing, or the beginning of a handshake
        for number in range(IDLE // 10):
            shaken = held.enter_context(secure(served))
            shaken.sendall(b"" if number % 2 else b"GET / HTTP/1.1\r\nHost: x")
        assert served.get("/health/live").status_code == 200
        with browser(served) as client:
            assert sign_in(client, "doctor", PASSWORD).status_code == 303


def test_a_body_that_stops_is_answered_and_its_connection_closed(served: Served) -> None:
    with secure(served) as one:
        one.sendall(b"POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        answer = b""
        while part := one.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 408")


def test_plain_words_on_the_port_of_tls_open_nothing(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as one:
        one.sendall(b"POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        assert not one.recv(64).startswith(b"HTTP")
    assert served.get("/health/live").status_code == 200
