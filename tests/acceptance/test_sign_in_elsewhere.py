"""Signing in by a provider of OpenID Connect that somebody else wrote: bound by invitation or by the owner, roles by groups, and what an attacker tries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
import yaml
from sqlalchemy import select, update
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Actor, Role
from baybridge.ledger.tables import log_entry
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import account_list, administration, invitations, second_factor
from baybridge.node.people.account_changes import Add, Changed, Disable, Reset, Roles
from baybridge.node.people.outside import identities, secrets
from baybridge.node.upkeep.founding import found
from openid_provider import CLIENT, SECRET, TWO, Provider, started

HOME = "http://127.0.0.1:8080"
BACK = f"{HOME}/sign-in/outside/hospital/back"
PASSWORD = "three plain words"
GROUPS = {"cart-physicians": ["physician"], "cart-nurses": ["nurse"], "cart-desk": ["coordinator"], "it": ["administrator"]}
BOTH = {"acr": TWO, "amr": ["pwd", "otp"]}


@dataclass
class Clock:
    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class House:
    node: Node
    provider: Provider
    clock: Clock

    def browser(self) -> TestClient:
        return TestClient(application(self.node, workers=False), base_url=HOME, follow_redirects=False)

    def add(self, account: str = "wong", roles: tuple[str, ...] = ("nurse",), **more: Any) -> str:
        done = administration.change(self.node, operator(), Add(account=account, person=more.pop("person", "Wong"), roles=roles, **more))
        assert isinstance(done, Changed), done
        return done.invitation

    def begin(self, browser: TestClient, path: str = "/sign-in/outside/hospital") -> str:
        answer = browser.get(path)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def enter(self, browser: TestClient, who: str) -> Any:
        """Sign in there and come back; the answer."""
        return browser.get(self.provider.walked(self.begin(browser), who))

    def accept(self, browser: TestClient, token: str, who: str) -> Any:
        """Take an invitation by signing in there."""
        page = browser.post("/sign-in/invitation/outside", data={"token": token, "provider": "hospital"}).text
        return browser.get(self.provider.walked(link_of(page), who))

    def row(self, account: str) -> account_list.Listed:
        with self.node.storage.reading() as connection:
            return next(one for one in account_list.listed(connection, self.node.now()) if one.account == account)

    def held(self, account: str) -> tuple[str, ...]:
        with self.node.storage.reading() as connection:
            row = account_list.row_of(connection, account)
            assert row is not None
            return identities.of_account(connection, row["account"])[0].held_roles

    def logged(self, what: str) -> int:
        with self.node.storage.reading() as connection:
            return len(connection.execute(select(log_entry.c.position).where(log_entry.c.what == what)).all())


def operator() -> Actor:
    return Actor("operator", Role.ADMINISTRATOR, "Hospital")


def link_of(page: str) -> str:
    found = re.search(r'<a class="button" href="([^"]+)"', page)
    assert found, page
    return found[1].replace("&amp;", "&")


def is_in(browser: TestClient) -> bool:
    return browser.get("/account").status_code == 200


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with started(tmp_path_factory.mktemp("provider"), BACK) as made:
        yield made


def document(issuer: str, **more: Any) -> str:
    one = {
        "title": {"en": "Hospital account"}, "issuer": issuer, "client_id": CLIENT, "scopes": ["openid", "profile", "groups"], "groups": GROUPS,
        "second_factor": {"acr": [TWO], "amr": ["otp"]}, **more,
    }  # fmt: skip
    return yaml.safe_dump({"id": "sign-in", "openid_connect": {"hospital": one}})


@pytest.fixture
def house(tmp_path: Path, provider: Provider) -> Iterator[House]:
    folder = tmp_path / "node"
    boss = {"name": "boss", "role": "administrator", "password": PASSWORD}
    found(folder, {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"], "accounts": [boss]})
    (folder / "data" / "access").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "access" / "sign-in.yaml").write_text(document(provider.issuer))
    secrets.keep(folder, "hospital", SECRET)
    clock = Clock()
    node = Node(read_config(folder), now=clock)
    provider.says(u1={"claims": {"groups": ["cart-nurses"], "email": "a@x"}, **BOTH}, u2={"claims": {"groups": ["cart-nurses"], "email": "a@x"}, **BOTH})
    yield House(node, provider, clock)
    node.storage.close()


def test_whoever_was_invited_signs_in_there_from_then_on(house: House) -> None:
    browser = house.browser()
    answer = house.accept(browser, house.add(), "u1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert is_in(browser), "the provider asked for a second factor, so none is set up here first"
    assert (house.row("wong").state, house.row("wong").last_sign_in is not None) == ("active", True)
    again = house.browser()
    assert house.enter(again, "u1").status_code == 303
    assert is_in(again)
    assert again.get("/cases").status_code == 200


def test_the_wanted_page_comes_next_and_never_one_elsewhere(house: House) -> None:
    house.accept(house.browser(), house.add(), "u1")
    for to, leads in (("/cases", "/cases"), ("https://evil.example/", "/"), ("//evil.example", "/"), ("/\\evil.example", "/")):
        browser = house.browser()
        url = house.begin(browser, f"/sign-in/outside/hospital?to={to}")
        assert browser.get(house.provider.walked(url, "u1")).headers["location"] == leads


def test_two_persons_with_one_mail_address_are_two(house: House) -> None:
    """The address that the provider names is nobody's proof."""
    house.accept(house.browser(), house.add(), "u1")
    other = house.browser()
    answer = house.enter(other, "u2")
    assert answer.status_code == 401
    assert "No account of this node is bound" in answer.text
    assert not is_in(other)


def test_an_identity_belongs_to_one_account(house: House) -> None:
    house.accept(house.browser(), house.add(), "u1")
    answer = house.accept(house.browser(), house.add("chan", person="Chan"), "u1")
    assert answer.status_code == 409
    assert house.row("chan").state == "invited", "the invitation still counts for who it is for"


def test_an_invitation_that_is_over_binds_nobody(house: House) -> None:
    token = house.add()
    browser = house.browser()
    page = browser.post("/sign-in/invitation/outside", data={"token": token, "provider": "hospital"}).text
    assert invitations.accept(house.node, token, PASSWORD) is not None
    answer = browser.get(house.provider.walked(link_of(page), "u1"))
    assert answer.status_code == 401
    assert not is_in(browser)
    assert browser.post("/sign-in/invitation/outside", data={"token": "x", "provider": "hospital"}).status_code == 403


# --- what an attacker tries -----------------------------------------------------------------------------------------


def test_a_code_of_another_browser_opens_nothing(house: House) -> None:
    """The code of somebody's own sign-in, laid into another browser, signs nobody in there."""
    house.accept(house.browser(), house.add(), "u1")
    attacker, victim = house.browser(), house.browser()
    answer = house.provider.walked(house.begin(attacker), "u1")
    house.begin(victim)  # has a cookie of its own
    assert victim.get(answer).status_code == 401
    assert not is_in(victim)
    assert house.browser().get(answer).status_code == 401, "nor in one without a cookie"
    assert attacker.get(answer).status_code == 303, "the one who began it is not disturbed"


def test_a_state_counts_once_and_for_ten_minutes(house: House) -> None:
    house.accept(house.browser(), house.add(), "u1")
    browser = house.browser()
    answer = house.provider.walked(house.begin(browser), "u1")
    assert browser.get(answer).status_code == 303
    browser.cookies.delete("baybridge")
    assert browser.get(answer).status_code == 401
    assert not is_in(browser)
    late = house.provider.walked(house.begin(browser), "u1")
    house.clock.ahead = timedelta(minutes=10)
    assert browser.get(late).status_code == 401
    assert house.logged("sign-in-refused") == 2


@pytest.mark.parametrize("change", [{"iss": "https://elsewhere.example"}, {"iss": None}, {"code": "made-up"}, {"code": None}, {"state": "made-up"}, {"state": None}])
def test_an_answer_that_was_changed_lets_nobody_in(house: House, change: dict[str, str | None]) -> None:
    house.accept(house.browser(), house.add(), "u1")
    browser = house.browser()
    given = {name: values[0] for name, values in parse_qs(urlsplit(house.provider.walked(house.begin(browser), "u1")).query).items()} | change
    answer = browser.get("/sign-in/outside/hospital/back", params={name: value for name, value in given.items() if value is not None})
    assert answer.status_code == 401
    assert not is_in(browser)


def test_a_code_of_one_sign_in_is_not_taken_in_another(house: House) -> None:
    """Code from one sign-in with the state of another: verifier and nonce do not fit."""
    house.accept(house.browser(), house.add(), "u1")
    browser = house.browser()
    first, second = (urlsplit(house.provider.walked(house.begin(browser), "u1")).query for _ in range(2))
    mixed = {"code": parse_qs(first)["code"][0], "state": parse_qs(second)["state"][0], "iss": parse_qs(second)["iss"][0]}
    assert browser.get("/sign-in/outside/hospital/back", params=mixed).status_code == 401
    assert not is_in(browser)


def test_who_says_no_there_comes_back_with_words(house: House) -> None:
    browser = house.browser()
    answer = browser.get(house.provider.walked(house.begin(browser), "nobody"))
    assert answer.status_code == 401
    assert "did not let you in" in answer.text


def test_a_closed_account_stays_closed(house: House) -> None:
    house.accept(house.browser(), house.add(), "u1")
    administration.change(house.node, operator(), Disable("wong", "left"))
    browser = house.browser()
    assert house.enter(browser, "u1").status_code == 401
    assert not is_in(browser)


# --- the own account ------------------------------------------------------------------------------------------------


def local(house: House, browser: TestClient, name: str) -> str:
    """Sign in with the password; the token of its forms."""
    assert browser.post("/sign-in", data={"name": name, "password": PASSWORD}).status_code == 303
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get("/account").text)
    assert found
    return found[1]


def test_an_account_is_bound_by_its_owner_with_the_password_once_more(house: House) -> None:
    assert invitations.accept(house.node, house.add(), PASSWORD) is not None
    browser = house.browser()
    csrf = local(house, browser, "wong")
    wrong = browser.post("/account/outside", data={"csrf": csrf, "provider": "hospital", "password": "wrong"})
    assert wrong.status_code in (400, 403)
    with house.node.storage.writing() as connection:  # its role asks for a second factor first
        connection.execute(update(tables.account).where(tables.account.c.name == "wong").values(invited=None))
    page = browser.post("/account/outside", data={"csrf": csrf, "provider": "hospital", "password": PASSWORD}).text
    answer = browser.get(house.provider.walked(link_of(page), "u1"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert house.logged("identity-bound") == 1
    another = house.browser()
    assert house.enter(another, "u1").status_code == 303
    ended = browser.post("/account/outside/end", data={"csrf": csrf, "issuer": house.provider.issuer, "password": PASSWORD})
    assert ended.status_code == 303
    assert house.enter(house.browser(), "u1").status_code == 401


def test_binding_is_not_finished_in_another_session(house: House) -> None:
    """Somebody lays their own identity under another's account: the session that comes back must be the one that began."""
    for name in ("wong", "chan"):
        assert invitations.accept(house.node, house.add(name, person=name), PASSWORD) is not None
    with house.node.storage.writing() as connection:
        connection.execute(update(tables.account).values(invited=None))
    browser = house.browser()
    csrf = local(house, browser, "wong")
    page = browser.post("/account/outside", data={"csrf": csrf, "provider": "hospital", "password": PASSWORD}).text
    back = house.provider.walked(link_of(page), "u1")
    browser.cookies.delete("baybridge")
    local(house, browser, "chan")
    assert browser.get(back).status_code == 401
    assert house.logged("identity-bound") == 0


def test_a_second_factor_set_here_is_asked_where_none_was_used_there(house: House) -> None:
    browser = house.browser()
    house.accept(browser, house.add(), "u1")
    with house.node.storage.writing() as connection:
        row = account_list.row_of(connection, "wong")
        assert row is not None
        secret = second_factor.begin(connection, row["account"])
        codes = second_factor.confirm(connection, row["account"], pyotp.TOTP(secret).at(house.node.now()), house.node.now())
    assert isinstance(codes, tuple)
    house.provider.says(u1={"claims": {"groups": ["cart-nurses"]}})
    fresh = house.browser()
    page = house.enter(fresh, "u1")
    assert page.status_code == 200
    assert not is_in(fresh)
    key = re.search(r'name="key" value="([^"]+)"', page.text)
    assert key
    assert house.browser().post("/sign-in/code", data={"key": key[1], "code": codes[0]}).status_code == 401, "nor in another browser"
    wrong = fresh.post("/sign-in/code", data={"key": key[1], "code": "000000"})
    assert wrong.status_code == 401
    assert fresh.post("/sign-in/code", data={"key": key[1], "code": codes[0]}).status_code == 401, "a key counts once"
    another = re.search(r'name="key" value="([^"]+)"', wrong.text)
    assert another
    assert fresh.post("/sign-in/code", data={"key": another[1], "code": codes[0]}).status_code == 303
    assert is_in(fresh)


def test_without_a_second_factor_anywhere_one_is_set_up_first(house: House) -> None:
    house.provider.says(u1={"claims": {"groups": ["cart-nurses"]}})
    browser = house.browser()
    house.accept(browser, house.add(), "u1")
    assert (browser.get("/account").status_code, browser.get("/cases").status_code) == (200, 303)


def test_signing_out_leads_to_signing_out_there(house: House) -> None:
    browser = house.browser()
    house.accept(browser, house.add(), "u1")
    csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get("/account").text)
    assert csrf
    answer = browser.post("/sign-out", data={"csrf": csrf[1]})
    assert answer.headers["location"] == "/sign-in/outside/hospital/leave"
    assert not is_in(browser)
    there = urlsplit(link_of(browser.get("/sign-in/outside/hospital/leave").text))
    assert (f"{there.scheme}://{there.netloc}", parse_qs(there.query)["post_logout_redirect_uri"]) == (house.provider.issuer, [f"{HOME}/sign-in"])
    assert "id_token_hint" not in there.query, "no personal data in an address"


# --- roles ----------------------------------------------------------------------------------------------------------


def test_a_role_dropped_there_is_dropped_here_at_the_next_sign_in(house: House) -> None:
    browser = house.browser()
    house.accept(browser, house.add(roles=("nurse", "coordinator", "payer")), "u1")
    assert house.row("wong").roles == ("nurse", "payer"), "no group gives coordinator; payer is named by no group and stays the administrators'"
    house.provider.says(u1={"claims": {"groups": ["cart-desk"]}, **BOTH})
    assert is_in(browser)
    house.enter(house.browser(), "u1")
    assert house.row("wong").roles == ("payer", "coordinator")
    assert not is_in(browser), "sessions with the old role end"
    assert house.logged("roles-by-groups") == 2


def test_who_has_no_role_left_is_closed_and_told(house: House) -> None:
    browser = house.browser()
    house.accept(browser, house.add(), "u1")
    house.provider.says(u1={"claims": {"groups": ["others"]}, **BOTH})
    answer = house.enter(house.browser(), "u1")
    assert answer.status_code == 403
    assert "None of your groups" in answer.text
    assert house.row("wong").state == "disabled"
    assert not is_in(browser)


def test_groups_that_are_not_said_are_not_none(house: House) -> None:
    browser = house.browser()
    house.accept(browser, house.add(), "u1")
    house.provider.says(u1={"claims": {}, **BOTH})
    answer = house.enter(house.browser(), "u1")
    assert answer.status_code == 401
    assert "says nothing of your groups" in answer.text
    assert house.row("wong").roles == ("nurse",)
    assert is_in(browser)


def test_no_group_makes_an_administrator_nor_joins_roles_that_sign(house: House) -> None:
    house.provider.says(u1={"claims": {"groups": ["cart-nurses", "cart-physicians", "it"]}, **BOTH})
    browser = house.browser()
    house.accept(browser, house.add(), "u1")
    assert house.row("wong").roles == ("nurse",)
    assert house.held("wong") == ("administrator", "physician")
    done = administration.change(house.node, operator(), Roles("wong", add=("physician",)))
    assert isinstance(done, Changed)
    house.enter(house.browser(), "u1")
    assert house.row("wong").roles == ("nurse", "physician"), "what administrators gave and a group gives stands"
    assert house.held("wong") == ("administrator",)


def test_the_last_administrator_stays_one(house: House) -> None:
    with house.node.storage.writing() as connection:
        identities.bind(connection, str(account_list.row_of(connection, "boss")["account"]), house.provider.issuer, "u1", house.node.now())  # type: ignore[index]
    assert house.enter(house.browser(), "u1").status_code == 303
    assert "administrator" in house.row("boss").roles


# --- when the provider is down --------------------------------------------------------------------------------------


def test_while_the_provider_is_down_passwords_of_here_count_for_some_days(house: House, tmp_path: Path) -> None:
    assert invitations.accept(house.node, house.add(), PASSWORD) is not None
    with house.node.storage.writing() as connection:
        connection.execute(update(tables.account).where(tables.account.c.name == "wong").values(invited=None))
        row = account_list.row_of(connection, "wong")
        assert row is not None
        identities.bind(connection, row["account"], house.provider.issuer, "u1", house.node.now())
    browser = house.browser()
    assert browser.post("/sign-in", data={"name": "wong", "password": PASSWORD}).status_code == 401, "it never signed in there"
    assert house.enter(house.browser(), "u1").status_code == 303
    assert browser.post("/sign-in", data={"name": "wong", "password": PASSWORD}).status_code == 303
    house.clock.ahead = timedelta(days=7)
    over = house.browser().post("/sign-in", data={"name": "wong", "password": PASSWORD})
    assert over.status_code == 401
    assert "signs in at its organisation" in over.text
    assert house.browser().post("/sign-in", data={"name": "boss", "password": PASSWORD}).status_code == 303, "who is bound to nothing signs in as before"
    administration.change(house.node, operator(), Reset("wong", "outside", "the provider is gone"))
    assert house.browser().post("/sign-in", data={"name": "wong", "password": PASSWORD}).status_code == 303


def test_a_provider_that_does_not_answer_is_told_beside_the_form(tmp_path: Path) -> None:
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    (tmp_path / "node" / "data" / "access").mkdir(parents=True, exist_ok=True)
    (tmp_path / "node" / "data" / "access" / "sign-in.yaml").write_text(document("http://127.0.0.1:9"))
    node = Node(read_config(tmp_path / "node"))
    browser = TestClient(application(node, workers=False), base_url=HOME, follow_redirects=False)
    answer = browser.get("/sign-in/outside/hospital")
    assert answer.status_code == 503
    assert "Hospital account does not answer" in answer.text
    assert 'name="password"' in answer.text
    assert browser.get("/sign-in/outside/nowhere").status_code == 404
    node.storage.close()
