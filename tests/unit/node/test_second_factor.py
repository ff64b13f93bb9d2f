"""The second factor: enrolled on a page with a code, each code once, recovered once, turned off by its owner or an administrator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock
from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.ledger import log
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import accounts, second_factor
from baybridge.node.upkeep.founding import found

CODE = re.compile(r"[A-Z2-9]{4}(?:-[A-Z2-9]{4}){3}")


@pytest.fixture
def node(tmp_path: Path) -> Node:
    found(tmp_path / "mo", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]})
    made = Node(read_config(tmp_path / "mo"), now=Clock())
    with made.storage.writing() as connection:
        for name, role in (("nurse", Role.NURSE), ("admin", Role.ADMINISTRATOR)):
            accounts.add_account(connection, account=name, name=name, role=role, organisation="Hospital", password="right")
    return made


@pytest.fixture
def client(node: Node) -> Iterator[TestClient]:
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=True) as found_client:
        yield found_client


def signs_in(client: TestClient, name: str, code: str = "") -> bool:
    client.cookies.clear()
    answer = client.post("/sign-in", data={"name": name, "password": "right", "code": code}, follow_redirects=False)
    return answer.status_code == 303


def csrf(client: TestClient, path: str = "/account") -> str:
    found_text = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found_text is not None
    return found_text[1]


def secret_of(node: Node, account: str) -> str:
    with node.storage.reading() as connection:
        return second_factor.state_of(connection, account).pending_secret


def enrolled(node: Node, client: TestClient) -> tuple[str, list[str]]:
    """The secret and recovery codes of the nurse, after enrolment on the page."""
    assert signs_in(client, "nurse")
    shown = client.post("/account/second-factor", data={"csrf": csrf(client)}).text
    secret = secret_of(node, "nurse")
    assert "<svg" in shown and secret[:4] in shown
    assert signs_in(client, "nurse")  # nothing is on before the first code
    wrong = client.post("/account/second-factor/confirm", data={"csrf": csrf(client), "code": "abc"})
    assert wrong.status_code == 422 or wrong.status_code == 400
    done = client.post("/account/second-factor/confirm", data={"csrf": csrf(client), "code": pyotp.TOTP(secret).at(node.now())})
    assert done.status_code == 200
    codes = CODE.findall(done.text)
    assert len(set(codes)) == 8
    assert CODE.findall(client.get("/account").text) == []  # shown once
    return secret, codes


def later(node: Node, **span: int) -> None:
    assert isinstance(node.now, Clock)
    node.now.moment += timedelta(**span)


def test_signing_in_then_asks_for_a_code_and_each_works_once(node: Node, client: TestClient) -> None:
    secret, _ = enrolled(node, client)
    assert not signs_in(client, "nurse")
    later(node, seconds=60)
    code = pyotp.TOTP(secret).at(node.now())
    assert signs_in(client, "nurse", f"{code[:3]} {code[3:]}")
    assert not signs_in(client, "nurse", code)
    later(node, seconds=60)
    assert signs_in(client, "nurse", pyotp.TOTP(secret).at(node.now()))


def test_a_recovery_code_works_once_however_it_is_written(node: Node, client: TestClient) -> None:
    _, codes = enrolled(node, client)
    assert signs_in(client, "nurse", codes[0].lower().replace("-", " "))
    assert not signs_in(client, "nurse", codes[0])
    assert signs_in(client, "nurse", codes[1])
    assert "6" in client.get("/account").text


def test_its_owner_turns_it_off_with_password_and_code(node: Node, client: TestClient) -> None:
    _, codes = enrolled(node, client)
    refused = client.post("/account/second-factor/off", data={"csrf": csrf(client), "password": "wrong", "code": codes[0]})
    assert refused.status_code in (400, 422)
    assert not signs_in(client, "nurse")
    assert signs_in(client, "nurse", codes[1])
    client.post("/account/second-factor/off", data={"csrf": csrf(client), "password": "right", "code": codes[2]})
    assert signs_in(client, "nurse")


def test_an_administrator_turns_it_off_says_why_and_ends_the_sessions(node: Node, client: TestClient) -> None:
    enrolled(node, client)
    nurse = client.cookies["baybridge"]
    assert signs_in(client, "admin")
    form = csrf(client, "/accounts")
    silent = client.post("/accounts/change", data={"csrf": form, "what": "second-factor", "account": "nobody", "because": " "})
    assert silent.status_code in (400, 422)
    with node.storage.reading() as connection:
        assert second_factor.state_of(connection, "nurse").on
        before = log.size(connection)
    client.post("/accounts/change", data={"csrf": form, "what": "second-factor", "account": "nurse", "because": "lost the phone"})
    with node.storage.reading() as connection:
        assert log.size(connection) > before
        assert accounts.session_of(connection, nurse, node.now()) is None
    assert signs_in(client, "nurse")
