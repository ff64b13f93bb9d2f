"""Signing in: wrong attempts make the next one wait, never longer than a minute, and many at once are no way around it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Role
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found

START = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    made = Node(read_config(tmp_path / "node"), now=lambda: START)
    with made.storage.writing() as connection:
        for name in ("nurse", "doctor"):
            accounts.add_account(connection, account=name, name=name, role=Role.NURSE, organisation="Hospital", password="right-one")
    yield made


def tried(node: Node, password: str, after_s: float, name: str = "nurse") -> str | int:
    """What an attempt gives: the name of who is in, the code of the refusal, or the seconds to wait."""
    done = accounts.sign_in(node.storage, name, password, "", START + timedelta(seconds=after_s))
    if not isinstance(done, Refusal):
        return done.name
    (reason,) = done.reasons
    return int(reason.values["seconds"]) if reason.code == "accounts.wait" else reason.code


def test_five_wrong_attempts_are_free_then_each_waits_longer(node: Node) -> None:
    assert [tried(node, "wrong", 0) for _ in range(5)] == ["accounts.wrong"] * 5
    assert tried(node, "right-one", 0.5) == 1  # the right one waits too: whoever guesses must not learn of it
    assert tried(node, "wrong", 1) == "accounts.wrong"
    assert (tried(node, "right-one", 1.5), tried(node, "right-one", 3)) == (2, "nurse")


def test_nobody_waits_longer_than_a_minute_and_an_hour_forgets(node: Node) -> None:
    at = 0.0
    for _ in range(30):
        assert tried(node, "wrong", at) == "accounts.wrong"
        at += 60
    assert tried(node, "wrong", at - 59) == 59
    assert tried(node, "wrong", at + 3600) == "accounts.wrong"
    assert [tried(node, "wrong", at + 3600) for _ in range(4)] == ["accounts.wrong"] * 4
    assert tried(node, "wrong", at + 3600) == 1


def test_who_was_right_begins_anew_and_others_do_not_wait(node: Node) -> None:
    assert [tried(node, "wrong", 0) for _ in range(5)] == ["accounts.wrong"] * 5
    assert tried(node, "right-one", 0, "doctor") == "doctor"
    assert tried(node, "right-one", 10) == "nurse"
    assert [tried(node, "wrong", 10) for _ in range(5)] == ["accounts.wrong"] * 5


def test_a_name_that_nobody_has_waits_alike_and_is_not_kept(node: Node) -> None:
    assert [tried(node, "wrong", 0, "my-secret-typed-as-a-name") for _ in range(5)] == ["accounts.wrong"] * 5
    assert tried(node, "wrong", 0, "my-secret-typed-as-a-name") == 1
    with node.storage.reading() as connection:
        kept = connection.execute(select(tables.sign_in_attempt)).all()
    assert len(kept) == 1 and "my-secret" not in str(kept)


def test_what_is_an_hour_old_is_thrown_away(node: Node) -> None:
    assert tried(node, "wrong", 0, "somebody") == "accounts.wrong"
    assert tried(node, "wrong", 3601, "somebody-else") == "accounts.wrong"
    with node.storage.reading() as connection:
        assert len(connection.execute(select(tables.sign_in_attempt)).all()) == 1


def test_attempts_at_once_are_all_counted(node: Node) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: tried(node, "wrong", 0), range(20)))
    assert answers.count("accounts.wrong") == 5
    assert answers.count(1) == 15


SAID = [("en", "Too many wrong attempts"), ("zh-Hant", "錯誤次數過多"), ("zh-Hans", "错误次数过多"), ("pt", "Demasiadas tentativas")]


@pytest.mark.parametrize(("language", "words"), SAID)
def test_page_and_service_say_it(node: Node, language: str, words: str) -> None:
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        wrong = {"name": "nurse", "password": "wrong"}
        assert [client.post("/sign-in", data=wrong).status_code for _ in range(5)] == [401] * 5
        page = client.post("/sign-in", data=wrong, headers={"cookie": f"language={language}"})
        assert page.status_code == 401 and words in page.text
        service = client.post("/session", json=wrong)
        assert service.status_code == 401 and "accounts.wait" in service.text


FORMS = [
    ({"account": "nurse", "password": "right-one"}, ["request.sign_in.unknown", "request.sign_in.missing"]),
    ({"name": "nurse", "password": "right-one", "otp": "1"}, ["request.sign_in.unknown"]),
    ({"password": "right-one"}, ["request.sign_in.missing"]),
    ({"name": "nurse"}, ["request.sign_in.missing"]),
    ({"name": 7, "password": None}, ["request.sign_in.missing", "request.sign_in.missing"]),
    (["nurse"], ["request.sign_in.not_object"]),
]


@pytest.mark.parametrize(("body", "expected"), FORMS)
def test_a_sign_in_of_another_form_is_told_and_is_no_failed_one(node: Node, body: object, expected: list[str]) -> None:
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:
        for _ in range(6):
            answer = client.post("/session", json=body)
            assert (answer.status_code, [reason["code"] for reason in answer.json()["reasons"]]) == (400, expected)
        if "request.sign_in.unknown" in expected:
            assert "name, password, code" in answer.text
        with node.storage.reading() as connection:
            assert connection.execute(select(tables.sign_in_attempt)).all() == []
        assert client.post("/session", json={"name": "nurse", "password": "right-one"}).status_code == 200


ADDRESSES = [
    ("/policies/crs-astct-2019/what-if?t1=38.5", "/policies/crs-astct-2019/what-if?t1=38.5"),
    ("/", "/"),
    ("", "/"),
    ("//elsewhere.example/", "/"),
    ("/\\elsewhere.example", "/"),
    ("https://elsewhere.example/", "/"),
    ("/a\r\nset-cookie: x", "/"),
]


@pytest.mark.parametrize(("to", "leads_to"), ADDRESSES)
def test_signing_in_leads_to_the_page_that_was_asked_for_and_never_elsewhere(node: Node, to: str, leads_to: str) -> None:
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        done = client.post("/sign-in", data={"name": "nurse", "password": "right-one", "to": to})
        assert (done.status_code, done.headers["location"]) == (303, leads_to)


def test_who_is_not_signed_in_comes_back_to_the_page_after_a_slip(node: Node) -> None:
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=True) as client:
        asked = client.get("/policies?q=astct&kind=grades")
        assert 'name="to" value="/policies?q=astct&amp;kind=grades"' in asked.text
        slip = client.post("/sign-in", data={"name": "nurse", "password": "wrong", "to": "/policies?q=astct&kind=grades"})
        assert 'name="to" value="/policies?q=astct&amp;kind=grades"' in slip.text


def test_a_clock_that_is_set_back_asks_for_no_longer_wait(node: Node) -> None:
    year = 365 * 24 * 3600
    assert [tried(node, "wrong", 0) for _ in range(15)].count("accounts.wrong") == 5
    waited = tried(node, "right-one", -year)
    assert isinstance(waited, int) and waited <= 60
    assert tried(node, "right-one", waited - year) == "nurse"


def test_a_right_password_with_a_right_code_is_not_held_up_by_the_failures_of_others(node: Node) -> None:
    secret = pyotp.random_base32()
    with node.storage.writing() as connection:
        connection.execute(update(tables.account).where(tables.account.c.account == "nurse").values(totp_secret=secret))
    at = START + timedelta(seconds=0.5)
    assert [tried(node, "wrong", 0) for _ in range(5)] == ["accounts.wrong"] * 5
    assert tried(node, "right-one", 0.5) == 1
    code = pyotp.TOTP(secret).at(at)
    wrong = accounts.sign_in(node.storage, "nurse", "wrong", code, at)
    assert isinstance(wrong, Refusal)
    done = accounts.sign_in(node.storage, "nurse", "right-one", code, at)
    assert not isinstance(done, Refusal)
