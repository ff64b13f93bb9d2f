"""Accounts belong to persons: added by invitation, given roles, disabled, reset; the last administrator stays; every change is in the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyotp
import pytest
from click.testing import CliRunner
from sqlalchemy import delete, func, select, update
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.cli.main import main
from baybridge.journey.command import Actor, Command, Role
from baybridge.ledger import log
from baybridge.ledger.tables import log_entry
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.node import Node
from baybridge.node.people import account_list, accounts, administration, invitations, persons, proving, second_factor, two_administrators
from baybridge.node.people.account_changes import Add, Change, Changed, Disable, Invite, Reset, Roles
from baybridge.node.upkeep.founding import found
from baybridge.record.store import store

PASSWORD = "three plain words"


class Clock:
    moment = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    boss = {"name": "boss", "role": "administrator", "password": "right-one"}
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"], "accounts": [boss]})
    made = Node(read_config(tmp_path / "node"), now=Clock())
    yield made
    made.storage.close()


def do(node: Node, what: Change) -> Changed:
    done = administration.change(node, Actor("operator", Role.ADMINISTRATOR, "Hospital"), what)
    assert isinstance(done, Changed), done
    return done


def codes(node: Node, what: Change) -> list[str]:
    done = administration.change(node, Actor("operator", Role.ADMINISTRATOR, "Hospital"), what)
    return sorted(reason.code for reason in done.reasons) if isinstance(done, Refusal) else []


def add(node: Node, account: str = "nurse", roles: tuple[str, ...] = ("nurse",), **more: Any) -> Changed:
    return do(node, Add(account=account, person=more.pop("person", "Wong"), roles=roles, **more))


def state(node: Node, account: str) -> account_list.Listed:
    with node.storage.reading() as connection:
        return next(one for one in account_list.listed(connection, node.now()) if one.account == account)


def enter(node: Node, account: str, password: str = PASSWORD) -> accounts.Session | Refusal:
    return accounts.sign_in(node.storage, account, password, "", node.now())


def test_an_invitation_works_once_and_sets_the_password(node: Node) -> None:
    made = add(node)
    assert state(node, "nurse").state == "invited"
    assert isinstance(enter(node, "nurse", ""), Refusal), "nobody signs in without a password"
    assert invitations.accept(node, made.invitation, PASSWORD) is not None
    assert state(node, "nurse").state == "active"
    assert not isinstance(enter(node, "nurse"), Refusal)
    assert isinstance(invitations.accept(node, made.invitation, "another plain word"), Refusal)
    assert isinstance(enter(node, "nurse", "another plain word"), Refusal)


def test_an_invitation_ends_after_its_hours_and_by_a_newer_one(node: Node) -> None:
    first = add(node)
    second = do(node, Invite("nurse"))
    assert isinstance(invitations.accept(node, first.invitation, PASSWORD), Refusal)
    node.now.moment += timedelta(hours=72)  # type: ignore[attr-defined]
    assert isinstance(invitations.accept(node, second.invitation, PASSWORD), Refusal)


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "nursenursenu", "x" * 1001, "with a \x00 in the middle"])
def test_a_password_that_anybody_guesses_is_refused_and_the_invitation_stays(node: Node, password: str) -> None:
    made = add(node)
    assert isinstance(invitations.accept(node, made.invitation, password), Refusal)
    assert not isinstance(invitations.accept(node, made.invitation, PASSWORD), Refusal)


def test_two_accounts_may_be_one_person_and_another_name_is_none(node: Node) -> None:
    first = add(node)
    second = add(node, "nurse-2", person_id=first.person_id)
    assert first.person_id == second.person_id
    assert codes(node, Add(account="x", person="Chan", roles=("nurse",), person_id=first.person_id)) == ["accounts.other_person"]
    assert add(node, "nurse-3").person_id != first.person_id


BAD = [
    (Add(account="boss", person="A", roles=("nurse",)), ["accounts.exists"]),
    (Add(account="BOSS", person="A", roles=("nurse",)), ["staff.spelt_otherwise"]),
    (Add(account="ｂｏｓｓ", person="A", roles=("nurse",)), ["staff.spelt_otherwise"]),
    (Add(account="a", person="A", roles=("nurse",), leaves_on=date(9999, 12, 31)), ["accounts.leaves_too_late"]),
    (Add(account=" ", person="A\nB", roles=()), ["accounts.bad_name", "accounts.bad_name", "accounts.no_role"]),
    (Add(account="a", person="A", roles=("system", "king")), ["accounts.unknown_role", "accounts.unknown_role"]),
    (Add(account="a", person="A", roles=("patient",)), ["accounts.patient"]),
    (Add(account="a", person="A", roles=("nurse", "patient"), patient_id="p"), ["accounts.patient", "accounts.unknown_patient"]),
    (Add(account="a", person="A", roles=("nurse",), language="xx", leaves_on=date(2026, 3, 7)), ["accounts.language", "accounts.left_already"]),
    (Invite("nobody"), ["accounts.unknown"]),
    (Invite("boss"), ["accounts.has_password"]),
    (Disable("nobody", ""), ["accounts.unknown"]),
    (Roles("boss", (), ("administrator",)), ["accounts.last_administrator", "accounts.no_role"]),
    (Roles("boss", ("nurse",), ("administrator",)), ["accounts.last_administrator"]),
    (Disable("boss", " "), ["accounts.last_administrator", "accounts.reason_needed"]),
]


@pytest.mark.parametrize(("what", "expected"), BAD)
def test_every_reason_against_a_change(node: Node, what: Change, expected: list[str]) -> None:
    before = size(node)
    assert codes(node, what) == expected
    assert size(node) == before, "nothing was written"


def size(node: Node) -> int:
    with node.storage.reading() as connection:
        return log.size(connection)


def test_disabling_ends_sessions_and_invitations_at_once(node: Node) -> None:
    made = add(node)
    invitations.accept(node, made.invitation, PASSWORD)
    session = enter(node, "nurse")
    assert not isinstance(session, Refusal)
    waiting = do(node, Reset("nurse", "password"))
    do(node, Disable("nurse", "left the hospital"))
    with node.storage.reading() as connection:
        assert accounts.session_of(connection, session.token, node.now()) is None
    assert isinstance(invitations.accept(node, waiting.invitation, PASSWORD), Refusal)
    assert isinstance(enter(node, "nurse"), Refusal)
    assert state(node, "nurse").state == "disabled"
    assert codes(node, Disable("nurse", "another reason")) == ["accounts.disabled_already"], "the first reason stays"
    assert do(node, Invite("nurse")).invitation, "who comes back is invited anew"


def test_an_account_that_waits_for_its_password_is_no_second_administrator(node: Node) -> None:
    made = deputy_asked_by(node, "boss")
    assert codes(node, Disable("boss", "left")) == ["accounts.last_administrator"]
    invitations.accept(node, made.invitation, PASSWORD)
    assert codes(node, Disable("boss", "left")) == []
    assert isinstance(administration.change(node, actor_of(node, "deputy"), Disable("boss", "left")), Changed), "the other one agrees"
    assert codes(node, Roles("deputy", ("nurse",), ("administrator",))) == ["accounts.last_administrator"]


def actor_of(node: Node, name: str) -> Actor:
    with node.storage.reading() as connection:
        ids = {name: account for account, name in accounts.names(connection).items()}
        found_one = accounts.open_actor(connection, ids[name], node.now())
    assert found_one is not None
    return found_one


def deputy_asked_by(node: Node, name: str) -> Changed:
    made = administration.change(node, actor_of(node, name), Add(account="deputy", person="Wong", roles=("administrator",)))
    assert isinstance(made, Changed), made
    return made


def test_after_the_last_day_nobody_signs_in(node: Node) -> None:
    made = add(node, leaves_on=date(2026, 3, 8))
    invitations.accept(node, made.invitation, PASSWORD)
    session = enter(node, "nurse")
    assert not isinstance(session, Refusal)
    node.now.moment = datetime(2026, 3, 8, 16, 0, tzinfo=UTC)  # type: ignore[attr-defined]  # midnight in Hong Kong
    assert isinstance(enter(node, "nurse"), Refusal)
    assert state(node, "nurse").state == "left"
    with node.storage.reading() as connection:
        assert accounts.session_of(connection, session.token, node.now()) is None


def test_several_roles_and_one_that_is_taken_ends_the_sessions(node: Node) -> None:
    made = add(node, roles=("nurse", "quality"))
    invitations.accept(node, made.invitation, PASSWORD)
    session = enter(node, "nurse")
    assert not isinstance(session, Refusal)
    assert (session.actor.role, session.actor.also) == (Role.NURSE, {Role.QUALITY})
    assert session.actor.acting({Role.QUALITY}).roles == session.actor.roles
    do(node, Roles("nurse", ("pharmacist",), ("nurse",)))
    assert state(node, "nurse").roles == ("quality", "pharmacist")
    with node.storage.reading() as connection:
        assert accounts.session_of(connection, session.token, node.now()) is None


def test_a_device_from_which_somebody_signed_in_does_not_wait_for_others_failures(node: Node) -> None:
    session = enter(node, "boss", "right-one")
    assert not isinstance(session, Refusal) and session.device
    for _ in range(7):
        enter(node, "boss", "wrong")
    known = accounts.sign_in(node.storage, "boss", "right-one", "", node.now(), device=session.device)
    assert not isinstance(known, Refusal)
    for _ in range(7):
        enter(node, "boss", "wrong")
    assert isinstance(accounts.sign_in(node.storage, "boss", "right-one", "", node.now(), device="guessed"), Refusal)


def test_every_change_is_an_entry_and_tampering_is_seen(node: Node) -> None:
    made = add(node)
    do(node, Disable("nurse", "left"))
    with node.storage.reading() as connection:
        said = [one.entry.what for one in log.entries_of(connection, "", "account")]
    assert said[-2:] == ["add", "disable"]
    assert made.invitation not in str(said)


def test_an_account_of_before_becomes_its_own_person(node: Node) -> None:
    with node.storage.writing() as connection:
        connection.execute(update(tables.account).values(person_id=None))
        connection.execute(delete(tables.person))
    node.storage.close()
    again = Node(read_config(node.config.folder), now=node.now)
    with again.storage.reading() as connection:
        account = connection.execute(select(tables.account.c.account)).scalar_one()
        assert persons.person_of(connection, account)
        assert connection.execute(select(func.count()).select_from(tables.person)).scalar() == 1
    again.storage.close()


# --- the command and the page ---------------------------------------------------------------------------------------


def run(node: Node, *args: str) -> tuple[int, Any]:
    done = CliRunner().invoke(main, ["user", *args, "--node", str(node.config.folder), "--json"])
    return done.exit_code, json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.output


def test_the_command_prints_what_the_contract_says(node: Node) -> None:
    code, made = run(node, "add", "doc", "--person", "Dr Two", "--role", "physician", "--role", "quality")
    assert code == 0 and set(made) == {"account", "person_id", "invitation", "expires_at"} and made["account"] == "doc"
    code, rows = run(node, "list")
    assert code == 0
    assert rows[1] == {
        "account": "doc", "person_id": made["person_id"], "name": "Dr Two", "roles": ["physician", "quality"], "organisation": "Hospital", "state": "invited",
        "second_factor": False, "last_sign_in": None,
    }  # fmt: skip
    assert run(node, "disable", "boss", "--reason", "x")[0] == 1
    assert run(node, "roles", "doc", "--remove", "quality")[1]["roles"] == ["physician"]
    assert run(node, "disable", "doc", "--reason", "left")[1]["state"] == "disabled"
    assert run(node, "reset", "doc")[0] == 2


def test_the_page_takes_an_invitation_and_signs_in(node: Node) -> None:
    made = add(node)
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        assert "nurse" in client.get(f"/sign-in/invitation?token={made.invitation}").text
        differ = client.post("/sign-in/invitation", data={"token": made.invitation, "password": PASSWORD, "again": "other"})
        assert differ.status_code == 400
        done = client.post("/sign-in/invitation", data={"token": made.invitation, "password": PASSWORD, "again": PASSWORD})
        assert (done.status_code, done.headers["location"]) == (303, "/account")
        assert client.get("/account").status_code == 200
        assert client.get(f"/sign-in/invitation?token={made.invitation}").status_code == 403


# --- second factor by role, sessions, the next person, a form that is not lost -----------------------------------------


@pytest.fixture
def client(node: Node) -> Iterator[TestClient]:
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as made:
        yield made


def invited(node: Node, account: str, roles: tuple[str, ...]) -> None:
    made = add(node, account, roles)
    assert not isinstance(invitations.accept(node, made.invitation, PASSWORD), Refusal)


def token_of(node: Node, account: str) -> str:
    session = enter(node, account)
    assert not isinstance(session, Refusal)
    return session.token


def test_without_the_second_factor_that_the_role_asks_for_there_is_nothing_but_enrolling(node: Node, client: TestClient) -> None:
    invited(node, "nurse", ("nurse",))
    headers = {"authorization": f"Bearer {token_of(node, 'nurse')}"}
    assert client.get("/cases", headers=headers).headers["location"] == "/account"
    refused = client.post("/do/OpenCase", headers=headers, json={"given": {}})
    assert (refused.status_code, refused.json()["reasons"][0]["code"]) == (403, "accounts.second.needed")
    assert client.get("/fhir/Patient", headers=headers).status_code == 403
    assert client.post("/account/second-factor", headers=headers).status_code == 303
    with node.storage.reading() as connection:
        account = connection.execute(select(tables.account.c.account).where(tables.account.c.name == "nurse")).scalar_one()
        secret = second_factor.state_of(connection, account).pending_secret
    assert client.post("/account/second-factor/confirm", headers=headers, data={"code": pyotp.TOTP(secret).at(node.now())}).status_code == 200
    assert client.get("/cases", headers=headers).status_code == 200


def test_founding_accounts_and_other_roles_are_not_asked(node: Node, client: TestClient) -> None:
    boss = enter(node, "boss", "right-one")
    assert not isinstance(boss, Refusal)
    assert client.get("/accounts", headers={"authorization": f"Bearer {boss.token}"}).status_code == 200
    with node.unit() as unit:
        store.put(unit.connection, {"resourceType": "Patient", "id": "x"}, at=unit.at)
    made = do(node, Add(account="p", person="P", roles=("patient",), patient_id="x"))
    invitations.accept(node, made.invitation, PASSWORD)
    assert client.get("/cases", headers={"authorization": f"Bearer {token_of(node, 'p')}"}).status_code == 200


def test_on_the_machine_too(node: Node) -> None:
    invited(node, "nurse", ("nurse",))
    refused = proving.prove(node, "nurse", PASSWORD, "", via="shell")
    assert isinstance(refused, Refusal) and refused.reasons[0].code == "accounts.second.needed"


def cookie(client: TestClient, session: accounts.Session) -> accounts.Session:
    client.cookies.set("baybridge", session.token)
    return session


def founded(node: Node, *names: str) -> list[accounts.Session]:
    with node.storage.writing() as connection:
        for name in names:
            accounts.add_account(connection, account=name, name=name, role=Role.COORDINATOR, organisation="Hospital", password=PASSWORD)
        return [accounts.open_session(connection, name, node.now()) for name in names]


def test_own_sessions_are_listed_and_ended(node: Node, client: TestClient) -> None:
    (here,) = founded(node, "desk")
    with node.storage.writing() as connection:
        there = accounts.open_session(connection, "desk", node.now(), device="iPhone")
    cookie(client, here)
    assert "iPhone" in client.get("/account").text
    client.post("/account/sessions/end", data={"csrf": here.csrf, "key": accounts.key_of(there.token)})
    with node.storage.reading() as connection:
        assert accounts.session_of(connection, there.token, node.now()) is None
        assert accounts.session_of(connection, here.token, node.now()) is not None


def test_the_next_person_comes_to_the_same_page_in_one_step(node: Node, client: TestClient) -> None:
    (desk,) = founded(node, "desk")
    cookie(client, desk)
    assert "/hand-over" in client.get("/cases").text
    done = client.post("/hand-over", data={"csrf": desk.csrf, "to": "/cases"})
    assert done.headers["location"] == "/sign-in?to=%2Fcases"
    with node.storage.reading() as connection:
        assert accounts.session_of(connection, desk.token, node.now()) is None


def opened_case(node: Node) -> str:
    command = Command("OpenCase", "case", {"patient_id": "p", "residence": "MO", "synthetic": True}, Actor("desk", Role.COORDINATOR, "Hospital"), "c-1")
    assert not isinstance(handle(node, command), Refusal)
    return "/cases/case/do/RecordConsent"


TYPED = {"kind": "care", "notice_version": "typed with care", "notice_language": "pt"}


@pytest.mark.parametrize("how", ["expired", "handed over", "another person is here"])
def test_a_form_that_was_typed_before_is_given_back_to_the_same_account_alone(node: Node, client: TestClient, how: str) -> None:
    desk, other = founded(node, "desk", "other")
    form = opened_case(node)
    cookie(client, desk)
    if how == "expired":
        node.now.moment += timedelta(hours=13)  # type: ignore[attr-defined]
    else:
        with node.storage.writing() as connection:
            accounts.close_session(connection, desk.token, node.now())
    if how == "another person is here":
        cookie(client, other)
    sent = client.post(form, data={"csrf": desk.csrf, **TYPED})
    to_sign_in = 303, f"/sign-in?to={quote(form, safe='')}&kept=yes"
    assert (sent.status_code, sent.headers.get("location", "")) == ((403, "") if how == "another person is here" else to_sign_in)
    with node.storage.writing() as connection:
        again, stranger = (accounts.open_session(connection, name, node.now()) for name in ("desk", "other"))
    cookie(client, stranger)
    assert "typed with care" not in client.get(form).text
    cookie(client, again)
    assert "typed with care" in client.get(form).text
    assert client.post(form, data={"csrf": again.csrf, **TYPED}).status_code == 303
    assert "typed with care" not in client.get(form).text


def test_a_form_without_the_token_of_a_session_is_not_kept(node: Node, client: TestClient) -> None:
    (desk,) = founded(node, "desk")
    form = opened_case(node)
    assert client.post(form, data={"csrf": "guessed", **TYPED}).status_code == 401
    assert client.post(form, data={"csrf": desk.csrf, **TYPED}).status_code == 401, "that session is not over"
    with node.storage.reading() as connection:
        assert connection.execute(select(tables.kept_form)).all() == []


def test_an_account_with_several_roles_comes_in_by_the_one_that_a_door_asks_for(node: Node, client: TestClient) -> None:
    (desk,) = founded(node, "desk")
    do(node, Roles("desk", ("quality",)))
    headers = {"authorization": f"Bearer {desk.token}"}
    assert client.get("/indicators", headers=headers).status_code == 200
    cookie(client, desk)
    client.post("/account/role", data={"csrf": desk.csrf, "role": "quality"})
    with node.storage.reading() as connection:
        session = accounts.session_of(connection, desk.token, node.now())
    assert session is not None and session.actor.role is Role.QUALITY


# --- administrators -------------------------------------------------------------------------------------------------


def test_two_administrators_change_who_is_one(node: Node) -> None:
    assert not isinstance(invitations.accept(node, deputy_asked_by(node, "boss").invitation, PASSWORD), Refusal)
    invited(node, "nurse", ("nurse",))
    boss, deputy = actor_of(node, "boss"), actor_of(node, "deputy")
    what = Roles("nurse", ("administrator",))
    assert codes(node, what) == ["accounts.administrator_by_account"]
    asked = administration.change(node, boss, what)
    assert isinstance(asked, Changed) and asked.as_json() == {"account": "nurse", "person_id": "", "state": "asked"}
    again = administration.change(node, boss, what)
    assert isinstance(again, Refusal) and again.reasons[0].code == "accounts.same_person"
    assert state(node, "nurse").roles == ("nurse",)
    assert isinstance(administration.change(node, deputy, what), Changed)
    assert state(node, "nurse").roles == ("nurse", "administrator")


def test_from_the_shell_the_role_of_administrators_is_theirs_alone(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAYBRIDGE_PASSWORD", "right-one")
    monkeypatch.setenv("BAYBRIDGE_CODE", "")
    invited(node, "nurse", ("nurse",))
    new = ("add", "deputy", "--person", "Dr Two", "--role", "administrator")
    for given in (("roles", "nurse", "--add", "administrator"), new):
        code, told = run(node, *given)
        assert (code, [reason["code"] for reason in told["reasons"]]) == (1, ["accounts.administrator_by_account"])
    plain = CliRunner().invoke(main, ["user", "roles", "nurse", "--add", "administrator", "--node", str(node.config.folder)])
    assert "give --account with your own sign-in name" in plain.stderr and "within 15 minutes" in plain.stderr
    assert state(node, "nurse").roles == ("nurse",)
    assert [one[0] for one in (run(node, *new, "--account", "nurse"), run(node, *new, "--account", "boss"))] == [1, 0]
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="third", name="third", role=Role.ADMINISTRATOR, organisation="Hospital", password="right-one")
    asks = ("roles", "nurse", "--add", "administrator", "--account")
    assert run(node, *asks[:-1])[0] == 1
    assert run(node, *asks, "boss")[1]["state"] == "asked"
    assert run(node, *asks, "boss")[1]["reasons"][0]["code"] == "accounts.same_person"
    assert state(node, "nurse").roles == ("nurse",)
    assert run(node, *asks, "third")[1]["roles"] == ["nurse", "administrator"]


def test_the_account_of_an_administrator_is_given_back_by_two_persons(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAYBRIDGE_PASSWORD", "right-one")
    monkeypatch.setenv("BAYBRIDGE_CODE", "")
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="third", name="third", role=Role.ADMINISTRATOR, organisation="Hospital", password="right-one")
    for what in (("reset", "third", "--second-factor"), ("reset", "third", "--password")):
        assert run(node, *what)[1]["state"] == "asked"
        assert run(node, *what)[1]["reasons"][0]["code"] == "accounts.same_person"
        assert state(node, "third").state == "active"
        assert run(node, *what, "--account", "boss")[0] == 0
    assert state(node, "third").state == "invited"
    assert run(node, "disable", "third", "--reason", "left")[0] == 0
    assert run(node, "invite", "third")[1]["state"] == "asked"
    assert state(node, "third").state == "disabled"
    assert "invitation" in run(node, "invite", "third", "--account", "boss")[1]


def test_an_administrator_alone_takes_no_other_one_s_account(node: Node) -> None:
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="third", name="third", role=Role.ADMINISTRATOR, organisation="Hospital", password="right-one")
    boss = actor_of(node, "boss")
    done = administration.change(node, boss, Reset("third", "password", "lost"))
    assert isinstance(done, Changed) and done.asked and not done.invitation
    again = administration.change(node, boss, Reset("third", "password", "lost, really"))
    assert isinstance(again, Refusal) and again.reasons[0].code == "accounts.same_person"


def test_the_only_administrator_is_let_in_again_by_the_machine_s_operator_and_everybody_who_must_know_sees_it(node: Node, client: TestClient) -> None:
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="q", name="q", role=Role.QUALITY, organisation="Hospital", password="right-one")
        assert two_administrators.recovered_at(connection, node.now()) is None
    session = enter(node, "q", "right-one")
    assert not isinstance(session, Refusal)
    cookie(client, session)
    assert "let an administrator in alone" not in client.get("/account").text
    assert "invitation" in run(node, "reset", "boss", "--password")[1]
    assert "let an administrator in alone" in client.get("/account").text
    with node.storage.reading() as connection:
        assert connection.execute(select(log_entry.c.what).where(log_entry.c.what == "recovery")).scalars().all() == ["recovery"]


def test_the_operator_alone_closes_no_administrator_to_be_let_in_by_the_other(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAYBRIDGE_PASSWORD", "right-one")
    monkeypatch.setenv("BAYBRIDGE_CODE", "")
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="third", name="third", role=Role.ADMINISTRATOR, organisation="Hospital", password="right-one")
    close = ("disable", "boss", "--reason", "left")
    assert run(node, *close)[1]["state"] == "asked"
    assert run(node, "disable", "boss", "--reason", "left, really")[1]["reasons"][0]["code"] == "accounts.same_person"
    assert run(node, "reset", "third", "--password")[1]["state"] == "asked", "there is another administrator"
    assert (state(node, "boss").state, state(node, "third").state) == ("active", "active")
    assert run(node, *close, "--account", "third")[0] == 0
    assert state(node, "boss").state == "disabled"
    with node.storage.reading() as connection:
        assert two_administrators.recovered_at(connection, node.now()) is None, "two persons did it"


def test_two_persons_join_roles_that_sign(node: Node) -> None:
    """One administrator alone makes nobody who could sign as two: in one account, or in two of one person."""
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="third", name="third", role=Role.ADMINISTRATOR, organisation="Hospital", password="right-one")
    boss, third = actor_of(node, "boss"), actor_of(node, "third")

    def asked(what: Add | Roles) -> bool:
        done = administration.change(node, boss, what)
        assert isinstance(done, Changed), done
        return done.asked

    both = Add(account="both", person="Wong", roles=("physician", "nurse"))
    assert asked(both)
    again = administration.change(node, boss, both)
    assert isinstance(again, Refusal) and again.reasons[0].code == "accounts.same_person"
    assert isinstance(administration.change(node, third, both), Changed)
    assert not asked(Add(account="one", person="Chan", roles=("physician", "coordinator"))), "one role that signs"
    assert asked(Roles("one", ("nurse",)))
    assert asked(Add(account="two", person="Chan", person_id=state(node, "one").person_id, roles=("quality",)))
    assert not asked(Roles("both", (), ("nurse",))), "taking one away takes nobody else"


def test_the_only_administrator_joins_roles_alone(node: Node) -> None:
    """Where a second administrator is missing there is nobody to ask; the log says who did it."""
    done = administration.change(node, actor_of(node, "boss"), Add(account="both", person="Wong", roles=("physician", "nurse")))
    assert isinstance(done, Changed) and not done.asked


def test_while_a_node_has_no_administrator_the_machine_s_operator_makes_the_first_one(node: Node) -> None:
    with node.storage.writing() as connection:
        connection.execute(delete(tables.account))
    assert run(node, "add", "first", "--person", "Dr One", "--role", "administrator")[0] == 0


def test_an_account_of_a_patient_reads_a_record_that_is_here(node: Node) -> None:
    given = ("add", "p", "--person", "P", "--role", "patient", "--patient")
    code, told = run(node, *given, "nosuch")
    assert (code, [reason["code"] for reason in told["reasons"]]) == (1, ["accounts.unknown_patient"])
    with node.unit() as unit:
        store.put(unit.connection, {"resourceType": "Patient", "id": "x"}, at=unit.at)
    assert run(node, *given, "x")[0] == 0


def test_the_page_of_the_administrator(node: Node, client: TestClient) -> None:
    session = enter(node, "boss", "right-one")
    assert not isinstance(session, Refusal)
    cookie(client, session)
    form = {"csrf": session.csrf, "account": "nurse", "person": "Wong", "role": "nurse"}
    added = client.post("/accounts/add", data=form)
    assert added.status_code == 200 and "/sign-in/invitation?token=" in added.text
    assert "/sign-in/invitation?token=" not in client.get("/accounts").text, "shown once"
    assert "There is an account with this sign-in name" in client.post("/accounts/add", data=form).text
    client.post("/accounts/change", data={"csrf": session.csrf, "account": "nurse", "what": "roles", "role": ["quality", "physician"]})
    assert set(state(node, "nurse").roles) == {"quality", "physician"}
    assert client.post("/accounts/change", data={"csrf": session.csrf, "account": "nurse", "what": "disable", "because": " "}).status_code == 400
    client.post("/accounts/change", data={"csrf": session.csrf, "account": "nurse", "what": "disable", "because": "left"})
    assert state(node, "nurse").state == "disabled"
    assert client.post("/accounts/change", data={"csrf": session.csrf, "account": "nurse", "what": "crown"}).status_code == 400
