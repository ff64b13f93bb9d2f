"""What is refused of somebody who wants in stands in the log, for the account that it was tried at, and no stranger makes the log grow without end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Role
from baybridge.ledger.tables import log_entry
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import accounts, administration, invitations, proving
from baybridge.node.people.account_changes import Add, Changed, Disable
from baybridge.node.people.outside import begun
from baybridge.node.people.outside.begun import Begun
from baybridge.node.upkeep.founding import found

PASSWORD = "three plain words"


class Clock:
    moment = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def node(tmp_path: Path, clock: Clock) -> Iterator[Node]:
    people = [{"name": name, "role": role, "password": PASSWORD} for name, role in (("boss", "administrator"), ("nurse", "nurse"))]
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"], "accounts": people})
    made = Node(read_config(tmp_path / "node"), now=clock)
    yield made
    made.storage.close()


@pytest.fixture
def browser(node: Node) -> Iterator[TestClient]:
    with TestClient(application(node, workers=False), follow_redirects=False) as client:
        yield client


def logged(node: Node, what: str) -> int:
    with node.storage.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(log_entry).where(log_entry.c.what == what)).scalar_one())


def invited(node: Node) -> str:
    made = administration.change(node, Actor("operator", Role.ADMINISTRATOR, "Hospital"), Add(account="new", person="Wong", roles=("nurse",)))
    assert isinstance(made, Changed)
    return made.invitation


def sign_in(browser: TestClient, name: str, password: str) -> int:
    return browser.post("/sign-in", data={"name": name, "password": password}).status_code


def test_a_wrong_password_is_in_the_log_by_page_and_by_service(node: Node, browser: TestClient) -> None:
    assert sign_in(browser, "nurse", "wrong") == 401
    assert browser.post("/session", json={"name": "nurse", "password": "wrong"}).status_code == 401
    assert logged(node, "sign-in-refused") == 2
    assert sign_in(browser, "nurse", PASSWORD) == 303
    assert logged(node, "sign-in-refused") == 2


def test_names_that_nobody_has_are_noted_together_and_hide_no_attempt_at_an_account(node: Node, browser: TestClient) -> None:
    for number in range(9):
        assert sign_in(browser, f"nobody-{number}", "wrong") == 401
    assert logged(node, "sign-in-refused") == 5, "as often as attempts at one name are counted"
    sign_in(browser, "nurse", "wrong")
    assert logged(node, "sign-in-refused") == 6


@pytest.mark.parametrize("how", ["made up", "used", "over", "of somebody who was closed"])
def test_an_invitation_that_counts_no_more_is_refused_and_noted(node: Node, browser: TestClient, clock: Clock, how: str) -> None:
    token = invited(node)
    if how == "made up":
        token = "made-up"
    elif how == "used":
        invitations.accept(node, token, PASSWORD)
    elif how == "over":
        clock.moment += timedelta(days=30)
    else:
        administration.change(node, Actor("operator", Role.ADMINISTRATOR, "Hospital"), Disable("new", "left"))
    assert browser.get("/sign-in/invitation", params={"token": token}).status_code == 403
    assert logged(node, "invitation-refused") == 1
    assert browser.post("/sign-in/invitation", data={"token": token, "password": PASSWORD, "again": PASSWORD}).status_code == 403
    assert logged(node, "invitation-refused") == 2


@pytest.mark.parametrize("way", ["cookie", "bearer"])
def test_a_session_that_is_over_is_refused_and_noted(node: Node, browser: TestClient, clock: Clock, way: str) -> None:
    session = accounts.sign_in(node.storage, "nurse", PASSWORD, "", node.now())
    assert isinstance(session, accounts.Session)
    head = {"cookie": f"baybridge={session.token}"} if way == "cookie" else {"authorization": f"Bearer {session.token}"}
    assert browser.get("/account", headers=head).status_code == 200
    clock.moment += timedelta(hours=13)
    assert browser.get("/sign-in", headers=head).status_code == 200
    assert logged(node, "session-refused") == 0, "a page for everybody refuses nobody"
    for _ in range(9):
        assert browser.get("/account", headers=head).status_code != 200
    assert logged(node, "session-refused") == 5
    assert browser.get("/account").status_code == 303
    assert logged(node, "session-refused") == 5, "who brought no session had none refused"


def test_an_entry_of_a_refusal_holds_neither_name_nor_what_was_typed(node: Node, browser: TestClient) -> None:
    sign_in(browser, "my-secret-typed-as-a-name", "my-secret")
    with node.storage.reading() as connection:
        body = connection.execute(select(log_entry.c.body).where(log_entry.c.what == "sign-in-refused")).scalar_one()
    assert orjson.loads(body)["role"] == "system"
    assert b"secret" not in body


def test_an_open_session_is_no_way_to_guess_the_password(node: Node) -> None:
    with node.storage.reading() as connection:
        account = str(connection.execute(select(tables.account.c.account).where(tables.account.c.name == "nurse")).scalar_one())
    for _ in range(5):
        against = proving.own(node, account, "wrong", "")
        assert against is not None and against.reasons[0].code == "accounts.second.not_proven"
    assert logged(node, "proof-refused") == 5
    waits = proving.own(node, account, PASSWORD, "")
    assert isinstance(waits, Refusal) and waits.reasons[0].code == "accounts.wait"


def test_what_strangers_begin_does_not_fill_the_disk(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun, "MOST", 20)
    with node.storage.writing() as connection:
        for _ in range(60):
            key = begun.begin(connection, Begun(what="sign-in"), "browser", node.now())
        kept = connection.execute(select(func.count()).select_from(tables.sign_in_begun)).scalar_one()
        assert kept <= 20
        assert begun.take(connection, key, "browser", node.now()) is not None, "the newest is there"
