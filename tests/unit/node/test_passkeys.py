"""Passkeys: set up by their owner, asked after the password or alone where the site says so, bound to the configured address; what lets nobody in."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Actor, Role
from baybridge.ledger.tables import log_entry
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import account_list, accounts, administration, passkey_entry, passkeys, proving
from baybridge.node.people.account_changes import Reset
from baybridge.node.upkeep.founding import found
from soft_device import Device, text

HOME, PASSWORD = "http://localhost:8080", "three plain words"


@dataclass
class Clock:
    moment: datetime = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@dataclass
class House:
    node: Node
    clock: Clock

    def browser(self, **more: Any) -> TestClient:
        return TestClient(application(self.node, workers=False), base_url=HOME, follow_redirects=False, **more)

    def logged(self, what: str) -> int:
        with self.node.storage.reading() as connection:
            return len(connection.execute(select(log_entry.c.position).where(log_entry.c.what == what)).all())

    def account(self, name: str) -> str:
        with self.node.storage.reading() as connection:
            row = account_list.row_of(connection, name)
            assert row is not None
            return str(row["account"])


def opened(tmp_path: Path, url: str = HOME, alone: bool = False) -> House:
    people = [{"name": name, "role": role, "password": PASSWORD} for name, role in (("boss", "administrator"), ("nurse", "nurse"), ("doctor", "physician"))]
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"], "accounts": people, "url": url})
    if alone:
        (tmp_path / "node" / "data" / "access").mkdir(parents=True, exist_ok=True)
        (tmp_path / "node" / "data" / "access" / "people.yaml").write_text(yaml.safe_dump({"id": "people", "second_factor": {"passkey_alone": True}}))
    clock = Clock()
    return House(Node(read_config(tmp_path / "node"), now=clock), clock)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = opened(tmp_path)
    yield made
    made.node.storage.close()


def asks(page: Any) -> tuple[str, dict[str, Any]]:
    """The key and the options of a page that asks a device."""
    key = re.search(r'name="key" value="([^"]+)"', page.text)
    options = re.search(r'data-options="([^"]+)"', page.text)
    assert key, page.text
    assert options, page.text
    return key[1], json.loads(html.unescape(options[1]))


def csrf(browser: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get("/account").text)
    return found[1] if found else ""


def password(browser: TestClient, name: str = "nurse", **more: str) -> Any:
    if "baybridge" in browser.cookies:
        browser.cookies.delete("baybridge")  # signed out: a form without the token of a session is none of its own
    return browser.post("/sign-in", data={"name": name, "password": PASSWORD, **more})


def with_passkey(house: House, name: str = "nurse", **lies: Any) -> Device:
    """A device that has a passkey of an account."""
    browser, device = house.browser(), Device()
    answer = password(browser, name)
    assert answer.status_code == 303, answer.text
    page = browser.post("/account/passkeys", data={"csrf": csrf(browser), "name": "own phone"})
    key, options = asks(page)
    done = browser.post("/account/passkeys/made", data={"csrf": csrf(browser), "key": key, "answer": device.makes(options, **lies)})
    assert done.status_code in (200, 303), done.text
    return device


def enter(browser: TestClient, device: Device, name: str = "nurse", **lies: Any) -> Any:
    key, options = asks(password(browser, name))
    return browser.post("/sign-in/passkey", data={"key": key, "answer": device.answers(options, **lies)})


def is_in(browser: TestClient) -> bool:
    return browser.get("/account").status_code == 200


def test_the_passkey_is_asked_after_the_password(house: House) -> None:
    device, browser = with_passkey(house), house.browser()
    page = password(browser)
    assert (page.status_code, is_in(browser)) == (200, False), "the password alone opens nothing any more"
    assert enter(browser, device).headers["location"] == "/"
    assert is_in(browser)
    with house.node.storage.reading() as connection:
        assert next(one for one in account_list.listed(connection, house.node.now()) if one.account == "nurse").second_factor
    assert house.browser().post("/session", json={"name": "nurse", "password": PASSWORD}).status_code == 401, "nor by the service"


def test_the_first_one_brings_recovery_codes_that_count_once(house: House) -> None:
    browser, device = house.browser(), Device()
    password(browser)
    key, options = asks(browser.post("/account/passkeys", data={"csrf": csrf(browser), "name": "own phone"}))
    page = browser.post("/account/passkeys/made", data={"csrf": csrf(browser), "key": key, "answer": device.makes(options)}).text
    codes = re.findall(r'<li class="id large">([^<]+)</li>', page)
    assert len(codes) == 8
    lost = house.browser()
    assert password(lost, code=codes[0]).status_code == 303
    assert password(house.browser(), code=codes[0]).status_code == 401
    assert password(house.browser(), code="123456").status_code == 401


LIES: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://evil.example"},
    "the address that the request came by": {"origin": "http://127.0.0.1:8080"},
    "another party": {"party": "evil.example"},
    "another challenge": {"challenge": text(b"x" * 32)},
    "another key": {"key": ec.generate_private_key(ec.SECP256R1())},
    "nobody present": {"flags": 0x00},
    "present and not verified": {"flags": 0x01},
    "what was made instead of asked": {"kind": "webauthn.create"},
    "another person's handle": {"handle": b"x" * 32},
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_does_not_hold_lets_nobody_in(house: House, lie: str) -> None:
    device, browser = with_passkey(house), house.browser()
    assert enter(browser, device, **LIES[lie]).status_code == 401
    assert not is_in(browser)
    assert house.logged("passkey-refused") == 1
    assert enter(browser, device).status_code == 303, "the true one still does"


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", "x" * 100_000, '{"id":"a","rawId":"a","type":"public-key","response":{}}', "é"])
def test_what_is_no_answer_is_refused(house: House, answer: str) -> None:
    with_passkey(house)
    browser = house.browser()
    key, _ = asks(password(browser))
    assert browser.post("/sign-in/passkey", data={"key": key, "answer": answer}).status_code in (401, 413)


MADE_ELSEWHERE = [{"origin": "https://evil.example"}, {"party": "evil.example"}, {"challenge": text(b"x" * 32)}, {"flags": 0x01}, {"kind": "webauthn.get"}]


@pytest.mark.parametrize("lie", MADE_ELSEWHERE)
def test_a_passkey_that_was_made_elsewhere_is_not_kept(house: House, lie: dict[str, Any]) -> None:
    browser, device = house.browser(), Device()
    password(browser)
    key, options = asks(browser.post("/account/passkeys", data={"csrf": csrf(browser), "name": "own phone"}))
    assert browser.post("/account/passkeys/made", data={"csrf": csrf(browser), "key": key, "answer": device.makes(options, **lie)}).status_code == 401
    with house.node.storage.reading() as connection:
        assert passkeys.of_account(connection, house.account("nurse")) == []


def test_the_passkey_of_another_account_opens_nothing(house: House) -> None:
    """After one's password the other's device answers; and the other's password is not known."""
    mine, theirs = with_passkey(house), with_passkey(house, "doctor")
    browser = house.browser()
    assert enter(browser, theirs, "nurse").status_code == 401
    assert not is_in(browser)
    assert enter(browser, mine, "nurse").status_code == 303


def test_an_answer_counts_once_for_ten_minutes_and_in_its_browser(house: House) -> None:
    device, browser = with_passkey(house), house.browser()
    key, options = asks(password(browser))
    answer = device.answers(options)
    assert house.browser().post("/sign-in/passkey", data={"key": key, "answer": answer}).status_code == 401, "another browser"
    assert browser.post("/sign-in/passkey", data={"key": key, "answer": answer}).status_code == 303
    browser.cookies.delete("baybridge")
    assert browser.post("/sign-in/passkey", data={"key": key, "answer": answer}).status_code == 401, "again"
    late, options = asks(password(browser))
    house.clock.moment += timedelta(minutes=10)
    assert browser.post("/sign-in/passkey", data={"key": late, "answer": device.answers(options)}).status_code == 401


def test_a_counter_that_does_not_rise_ends_the_passkey(house: House) -> None:
    device = with_passkey(house)
    assert enter(house.browser(), device, count=5).status_code == 303
    copied = enter(house.browser(), device, count=5)
    assert (copied.status_code, "copied" in copied.text) == (401, True)
    assert house.logged("passkey-copied") == 1
    with house.node.storage.reading() as connection:
        assert [one.copied for one in passkeys.of_account(connection, house.account("nurse"))] == [True]


def test_a_device_without_counter_goes_on(house: House) -> None:
    device = with_passkey(house)
    for _ in range(2):
        assert enter(house.browser(), device, count=0).status_code == 303


def test_one_is_added_and_removed_soon_after_signing_in_alone(house: House) -> None:
    device, browser = with_passkey(house), house.browser()
    enter(browser, device)
    house.clock.moment += timedelta(minutes=11)
    assert browser.post("/account/passkeys", data={"csrf": csrf(browser), "name": "another"}).status_code == 409
    assert browser.post("/account/passkeys/remove", data={"csrf": csrf(browser), "passkey": text(device.credential_id)}).status_code == 409
    enter(browser, device)
    other = house.browser()
    enter(other, with_passkey(house, "doctor"), "doctor")
    assert other.post("/account/passkeys/remove", data={"csrf": csrf(other), "passkey": text(device.credential_id)}).status_code == 303
    with house.node.storage.reading() as connection:
        assert len(passkeys.of_account(connection, house.account("nurse"))) == 1, "nobody removes another's"


def test_the_same_passkey_is_kept_once(house: House) -> None:
    device = with_passkey(house)
    browser = house.browser()
    enter(browser, device)
    key, options = asks(browser.post("/account/passkeys", data={"csrf": csrf(browser), "name": "again"}))
    assert [one["id"] for one in options["excludeCredentials"]] == [text(device.credential_id)]
    assert browser.post("/account/passkeys/made", data={"csrf": csrf(browser), "key": key, "answer": device.makes(options)}).status_code == 409


def test_an_administrator_ends_them_with_the_second_factor(house: House) -> None:
    device = with_passkey(house)
    administration.change(house.node, Actor("operator", Role.ADMINISTRATOR, "Hospital"), Reset("nurse", "second-factor", "lost"))
    browser = house.browser()
    assert password(browser).status_code == 303
    assert is_in(browser)
    assert device.credential_id


def test_a_code_of_an_authenticator_serves_instead(house: House) -> None:
    from baybridge.node.people import second_factor

    with_passkey(house)
    with house.node.storage.writing() as connection:
        secret = second_factor.begin(connection, house.account("nurse"))
        second_factor.confirm(connection, house.account("nurse"), pyotp.TOTP(secret).at(house.node.now()), house.node.now())
    house.clock.moment += timedelta(seconds=60)
    assert password(house.browser(), code=pyotp.TOTP(secret).at(house.node.now())).status_code == 303
    assert asks(password(house.browser())), "and without one the passkey is asked"


def test_a_command_on_the_machine_is_not_given_by_the_password_alone(house: House) -> None:
    assert not hasattr(proving.prove(house.node, "nurse", PASSWORD, "", via="shell"), "reasons")
    with_passkey(house)
    assert hasattr(proving.prove(house.node, "nurse", PASSWORD, "", via="shell"), "reasons")


def test_alone_only_where_the_site_says_so(house: House, tmp_path: Path) -> None:
    device = with_passkey(house)
    assert house.browser().get("/sign-in/passkey").status_code == 404
    assert "/sign-in/passkey" not in house.browser().get("/sign-in").text
    other = opened(tmp_path / "alone", alone=True)
    device = with_passkey(other)
    browser = other.browser()
    assert "/sign-in/passkey" in browser.get("/sign-in").text
    key, options = asks(browser.get("/sign-in/passkey?to=//evil.example"))
    assert "allowCredentials" not in options or options["allowCredentials"] == []
    answer = browser.post("/sign-in/passkey", data={"key": key, "answer": device.answers(options)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert is_in(browser)
    stranger = other.browser()
    key, options = asks(stranger.get("/sign-in/passkey"))
    assert stranger.post("/sign-in/passkey", data={"key": key, "answer": Device().answers(options)}).status_code == 401
    other.node.storage.close()


@pytest.mark.parametrize(("url", "name"), [
    ("https://node.hospital.example", "node.hospital.example"), ("https://node.hospital.example:8443", "node.hospital.example"), ("http://localhost:1", "localhost"),
    ("http://node.hospital.example", None), ("https://10.1.2.3", None), ("https://[::1]:8443", None),
])  # fmt: skip
def test_passkeys_are_for_the_configured_name(tmp_path: Path, url: str, name: str | None) -> None:
    house = opened(tmp_path, url)
    here = passkeys.party(house.node)
    assert (here.name if here else None) == name
    if here is None:
        browser = house.browser()
        password(browser)
        assert browser.post("/account/passkeys", data={"csrf": csrf(browser), "name": "x"}).status_code == 409
    house.node.storage.close()


def test_one_act_is_signed_by_passkey_and_no_other(house: House) -> None:
    device = with_passkey(house, "doctor")
    asked = passkey_entry.to_sign(house.node, "confirmation-1", "browser")
    assert asked is not None
    options = json.loads(asked.options)
    actor = passkey_entry.prove(house.node, asked.key, device.answers(options), "browser", "confirmation-1")
    assert isinstance(actor, Actor)
    assert (actor.account, actor.method, actor.role) == (house.account("doctor"), "passkey", Role.PHYSICIAN)
    again = passkey_entry.to_sign(house.node, "confirmation-1", "browser")
    assert again is not None
    assert not isinstance(passkey_entry.prove(house.node, again.key, device.answers(json.loads(again.options)), "browser", "confirmation-2"), Actor)
    step, options = asks(password(browser := house.browser(), "doctor"))
    answer = device.answers(options)
    assert not isinstance(passkey_entry.prove(house.node, step, answer, browser.cookies["baybridge-begun"], "confirmation-1"), Actor), "a sign-in signs nothing"


def test_no_session_outlives_a_closed_account(house: House) -> None:
    from baybridge.node.people.account_changes import Disable

    device, browser = with_passkey(house), house.browser()
    key, options = asks(password(browser))
    administration.change(house.node, Actor("operator", Role.ADMINISTRATOR, "Hospital"), Disable("nurse", "left"))
    assert browser.post("/sign-in/passkey", data={"key": key, "answer": device.answers(options)}).status_code == 401
    with house.node.storage.reading() as connection:
        assert accounts.sessions_of(connection, house.account("nurse"), house.node.now()) == []
