"""Two persons: what asks for a second one waits; another person in a role that may confirms it in time, once; both signatures stand in the event and its FHIR."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from click.testing import CliRunner
from sqlalchemy import select, update
from starlette.testclient import TestClient

import case_world as w
from acceptance.support import Clock
from baybridge.app import application
from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Refusal
from baybridge.cli.main import main
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import CellsCollected, ConfirmationAsked, ConfirmationDeclined, ResponseAssessed, Signature
from baybridge.journey.stored import decode, encode
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.clock import new_id
from baybridge.node.commands.done import Done
from baybridge.node.commands.table import COMMANDS
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.node import Node
from baybridge.node.people import accounts, administration
from baybridge.node.people.account_changes import Disable
from baybridge.node.upkeep.founding import found

CASE, PASSWORD = "case-1", "three plain words"
PEOPLE = {"doc": ("p-1", Role.PHYSICIAN), "doc-again": ("p-1", Role.PHYSICIAN), "doc-2": ("p-2", Role.PHYSICIAN), "nurse": ("p-3", Role.NURSE)}


@dataclass
class House:
    node: Node
    clock: Clock

    def actor(self, account: str) -> Actor:
        with self.node.storage.reading() as connection:
            found = accounts.open_actor(connection, account, self.clock())
        assert found is not None
        return found

    def give(self, account: str, name: str, given: dict[str, Any], command_id: str | None = None) -> Done | Refusal:
        return handle(self.node, Command(name, CASE, given, self.actor(account), command_id or new_id()))

    def ask(self, account: str = "doc", **more: Any) -> str:
        done = self.give(account, "AssessResponse", self.response(**more))
        assert isinstance(done, Done), done
        (asked,) = done.events
        assert isinstance(asked.event, ConfirmationAsked)
        return asked.event.confirmation_id

    def response(self, **more: Any) -> dict[str, Any]:
        return {"timepoint": "other", "criteria": "Lugano 2014", "category": "CR", "assessed_on": self.clock().date().isoformat(), **more}

    def confirm(self, account: str, confirmation: str, agrees: bool = True, note: str = "", command_id: str | None = None) -> Done | Refusal:
        return self.give(account, "ConfirmEntry", {"confirmation_id": confirmation, "agrees": agrees, "note": note}, command_id)

    def events(self, kind: type) -> list[Any]:
        return [item.event for item in self.node.events(CASE) if isinstance(item.event, kind)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "hk"
    found(folder, {"node": "hk", "organisation": "Hong Kong Centre", "jurisdiction": "HK", "city": "Hong Kong", "kinds": ["centre", "laboratory"]})
    world, clock = w.infused(), Clock()
    clock.moment = world.now + timedelta(days=3)
    node = Node(read_config(folder), now=clock)
    with node.unit() as unit:
        unit.append(CASE, [item.event for item in world.events], Actor("test", Role.SYSTEM, node.site.organisation), known=0)
    with node.storage.writing() as connection:
        for account, (person, role) in PEOPLE.items():
            known = {"person_id": person} if account == "doc-again" else {}
            accounts.add_account(connection, account=account, name=account, role=role, organisation=node.site.organisation, password=PASSWORD, **known)
            connection.execute(update(tables.account).where(tables.account.c.account == account).values(person_id=person))
    yield House(node, clock)
    node.storage.close()


def codes(answer: Done | Refusal) -> list[str]:
    return sorted(reason.code for reason in answer.reasons) if isinstance(answer, Refusal) else []


def test_nothing_happens_until_another_person_confirms_and_both_sign(house: House) -> None:
    confirmation = house.ask()
    assert house.events(ResponseAssessed) == []
    done = house.confirm("doc-2", confirmation)
    assert isinstance(done, Done)
    (response,) = house.events(ResponseAssessed)
    first, second = response.signed_by
    assert (first.person, first.account, first.role, first.meaning, first.method) == ("p-1", "doc", "physician", "read", "session")
    assert (second.person, second.account, second.confirmation_id) == ("p-2", "doc-2", confirmation)
    assert first.at < second.at
    assert [item.actor for item in done.events] == ["doc"], "whoever entered it recorded it"


def test_what_is_signed_is_the_input_as_it_was_shown(house: House) -> None:
    given = house.response()
    done = house.give("doc", "AssessResponse", given)
    assert isinstance(done, Done)
    event = done.events[0].event
    assert isinstance(event, ConfirmationAsked)
    assert event.given_sha256 == sha256_hex(canonical_bytes(given))
    shown = {"case": CASE, "command": "AssessResponse", "given": given, "meaning": "read"}
    assert event.signed_by[0].shown_sha256 == sha256_hex(canonical_bytes(shown))


def test_the_second_person_is_of_the_same_organisation_or_of_the_site() -> None:
    world, confirm = w.infused(), COMMANDS["ConfirmEntry"]
    first = Signature(person="p-1", account="payer-a", role="payer", meaning="approved", method="session", at=world.now)
    here = w.SITES["hk"].organisation
    asked = ConfirmationAsked(
        confirmation_id="c-1", command="CorrectEntry", given_sha256="0", expires_at=world.now + timedelta(minutes=15), meaning="approved",
        roles=("payer", "coordinator"), organisations=("Payer A", here), signed_by=(first,),
    )  # fmt: skip
    world.record("hk", asked)
    for role, organisation, expected in (
        (Role.PAYER, "Payer B", ["signing.confirm.organisation"]), (Role.PAYER, "Payer A", []), (Role.COORDINATOR, here, []),
    ):  # fmt: skip
        situation = world.situation_of("hk", Actor("other", role, organisation, person="p-2"))
        assert codes(confirm.rule(situation, confirm.given(confirmation_id="c-1", agrees=True))) == expected


def test_who_confirms_is_of_the_organisation_of_whoever_asked_or_of_the_site(house: House) -> None:
    house.ask()
    (asked,) = house.events(ConfirmationAsked)
    assert asked.organisations == ("Hong Kong Centre",)


NOT_THEM = [("doc", ["signing.confirm.same_person"]), ("doc-again", ["signing.confirm.same_person"]), ("nurse", ["signing.confirm.role"])]


@pytest.mark.parametrize(("account", "expected"), NOT_THEM)
def test_not_the_same_person_and_not_another_role(house: House, account: str, expected: list[str]) -> None:
    confirmation = house.ask()
    assert codes(house.confirm(account, confirmation)) == expected
    assert house.events(ResponseAssessed) == []
    assert isinstance(house.confirm("doc-2", confirmation), Done), "it still waits for the right one"


def test_once_and_in_time(house: House) -> None:
    confirmation = house.ask()
    assert isinstance(house.confirm("doc-2", confirmation), Done)
    assert codes(house.confirm("doc-2", confirmation)) == ["signing.confirm.answered"]
    late = house.ask(category="PR")
    house.clock.moment += timedelta(minutes=15)
    assert codes(house.confirm("doc-2", late)) == ["signing.confirm.over"]
    assert codes(house.confirm("doc-2", "no-such-thing")) == ["signing.confirm.unknown"]
    assert len(house.events(ResponseAssessed)) == 1


def test_times_are_those_of_the_document(house: House) -> None:
    within = house.node.people.confirmed_within
    assert [within(name) for name in ("Thaw", "CheckBedside", "Collect")] == [timedelta(minutes=5), timedelta(minutes=5), timedelta(minutes=15)]


def test_a_no_with_its_reason_ends_it(house: House) -> None:
    confirmation = house.ask()
    assert codes(house.confirm("doc-2", confirmation, agrees=False)) == ["signing.confirm.no_note"]
    assert isinstance(house.confirm("doc-2", confirmation, agrees=False, note="I read SD"), Done)
    (declined,) = house.events(ConfirmationDeclined)
    assert declined.note == "I read SD"
    assert codes(house.confirm("doc-2", confirmation)) == ["signing.confirm.answered"]
    assert house.events(ResponseAssessed) == []


def test_the_same_again_is_the_same_question_and_another_input_another(house: House) -> None:
    assert house.ask() == house.ask()
    assert house.ask() != house.ask(category="PR")
    assert house.ask() != house.ask("doc-2"), "somebody else enters it for himself"


def test_a_repeat_of_the_confirmation_answers_the_same(house: House) -> None:
    confirmation = house.ask()
    first, again = (house.confirm("doc-2", confirmation, command_id="c-1") for _ in range(2))
    assert isinstance(first, Done) and isinstance(again, Done)
    assert first.events == again.events and len(house.events(ResponseAssessed)) == 1


def test_what_is_refused_is_refused_before_anybody_is_asked(house: House) -> None:
    assert codes(house.give("doc", "AssessResponse", house.response(assessed_on="2999-01-01"))) == ["journey.time.future"]
    assert house.events(ConfirmationAsked) == []


def test_everything_is_judged_again_at_the_confirmation(house: House) -> None:
    confirmation = house.ask()
    death = {"died_on": house.clock().date().isoformat(), "cause": "disease"}
    answer = house.give("doc", "RecordDeath", death)
    assert isinstance(answer, Done), answer
    assert codes(house.confirm("doc-2", confirmation)) == ["journey.case.died"]


def test_an_account_that_was_closed_meanwhile_signed_nothing(house: House) -> None:
    confirmation = house.ask()
    administration.change(house.node, Actor("operator", Role.ADMINISTRATOR, "Hong Kong Centre"), Disable("doc", "left"))
    assert codes(house.confirm("doc-2", confirmation)) == ["signing.confirm.asker_gone"]


def test_without_a_person_nothing_is_asked_or_confirmed(house: House) -> None:
    operator = Actor("operator", Role.PHYSICIAN, house.node.site.organisation, via="shell")
    given = house.response()
    assert codes(handle(house.node, Command("AssessResponse", CASE, given, operator, "c"))) == ["signing.no_person"]
    said = {"confirmation_id": house.ask(), "agrees": True}
    assert codes(handle(house.node, Command("ConfirmEntry", CASE, said, operator, "d"))) == ["signing.confirm.nobody"]


def test_input_that_was_changed_behind_its_back_is_never_carried_out(house: House) -> None:
    confirmation = house.ask()
    with house.node.storage.writing() as connection:
        connection.execute(update(tables.confirmation).values(given=b'{"timepoint":"other","criteria":"x","category":"CR","assessed_on":"2026-03-01"}'))
    with pytest.raises(ValueError, match="not the one that was signed"):
        house.confirm("doc-2", confirmation)
    assert house.events(ResponseAssessed) == []


def test_which_commands_ask() -> None:
    asking = {name for name, row in COMMANDS.items() if row.second is not None}
    assert asking >= {"Collect", "CheckBedside", "Thaw", "Release", "AssessResponse", "ResolveQuarantine"}
    for name in ("Release", "ResolveQuarantine"):
        second = COMMANDS[name].second
        assert second is not None and second.among is not None
        for role in COMMANDS[name].roles - {Role.QUALITY}:
            situation = replace(w.infused().situation("sh", Role.QUALITY), actor=Actor("a", role, "o"))
            assert second.among(situation, None) == {Role.QUALITY}, "one of the two is of quality"


def test_the_second_person_stands_in_the_record(house: House) -> None:
    house.confirm("doc-2", house.ask())
    from baybridge.record.fhir import wire
    from baybridge.record.store import store

    with house.node.storage.reading() as connection:
        rows = connection.execute(select(tables.rendered)).mappings().all()
        names = [name for row in rows for name in json.loads(bytes(row["resources"])) if name.startswith("Observation")]
        found = store.get_many(connection, [tuple(name.split("/", 1)) for name in names])
        readings = [body for one in found.values() if (body := wire.parse(one.body)).get("method", {}).get("text") == "Lugano 2014"]
    assert [[one["identifier"]["value"] for one in body["performer"]] for body in readings] == [["doc", "doc-2"]]


def test_events_of_before_keep_their_bytes(house: House) -> None:
    old = w.infused().events
    assert all(b'"signed_by"' not in encode(item) and b'"person"' not in encode(item) for item in old)
    typed = json.loads(encode(next(item for item in old if isinstance(item.event, CellsCollected))))
    typed["event"] |= {"first_checker": "nurse one", "second_checker": "nurse two"}
    back = decode(canonical_bytes(typed))
    assert isinstance(back.event, CellsCollected)
    assert back.event.people(back.event.first_checker, back.event.second_checker) == ("nurse one", "nurse two")
    with house.node.storage.reading() as connection:
        assert all(encode(decode(one.body)) == one.body for one in streams.read(connection, CASE))


# --- doors ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with TestClient(application(house.node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as made:
        yield made


def bearer(house: House, account: str) -> dict[str, str]:
    with house.node.storage.writing() as connection:
        return {"authorization": f"Bearer {accounts.open_session(connection, account, house.clock()).token}"}


def test_at_the_same_device_by_service(house: House, client: TestClient) -> None:
    headers = bearer(house, "doc")
    stray = client.post("/do/AssessResponse", headers=headers, json={"case": CASE, "input": house.response()})
    assert stray.status_code == 400 and [(one["code"], one["where"]) for one in stray.json()["reasons"]] == [("request.unknown_key", "input")]
    asked = client.post("/do/AssessResponse", headers=headers, json={"case": CASE, "given": house.response()}).json()
    event = asked["events"][0]["event"]
    assert event["type"] == "ConfirmationAsked" and event.keys() >= {"confirmation_id", "command", "given_sha256", "expires_at"}
    given = {"confirmation_id": event["confirmation_id"], "agrees": True}
    wrong = client.post("/do/ConfirmEntry", headers=headers, json={"given": given, "second": {"account": "doc-2", "password": "no"}})
    assert wrong.status_code == 401
    by_device = client.post("/do/ConfirmEntry", headers=headers, json={"given": given, "second": {"account": "doc-2", "passkey": "x"}})
    assert (by_device.status_code, "/confirmations" in by_device.text) == (400, True), "it says where a passkey signs"
    done = client.post("/do/ConfirmEntry", headers=headers, json={"given": given, "second": {"account": "doc-2", "password": PASSWORD}})
    assert done.status_code == 200, done.text
    assert [one["method"] for one in done.json()["events"][0]["event"]["signed_by"]] == ["session", "password"]
    everything = (house.node.config.folder / "node.sqlite").read_bytes() + (house.node.config.folder / "node.sqlite-wal").read_bytes()
    assert PASSWORD.encode() not in everything


def test_a_code_of_the_second_factor_is_enough_and_works_once(house: House, client: TestClient) -> None:
    secret, headers = pyotp.random_base32(), bearer(house, "doc")
    with house.node.storage.writing() as connection:
        connection.execute(update(tables.account).where(tables.account.c.account == "doc-2").values(totp_secret=secret))
    code = pyotp.TOTP(secret).at(house.clock.moment)
    said = {"given": {"confirmation_id": house.ask(), "agrees": True}, "second": {"account": "doc-2", "code": code}}
    done = client.post("/do/ConfirmEntry", headers=headers, json=said)
    assert done.json()["events"][0]["event"]["signed_by"][1]["method"] == "code"
    said["given"]["confirmation_id"] = house.ask(category="PR")  # type: ignore[index]
    assert client.post("/do/ConfirmEntry", headers=headers, json=said).status_code == 401
    without = {**said, "second": {"account": "doc-again", "code": "123456"}}
    assert client.post("/do/ConfirmEntry", headers=headers, json=without).status_code == 401, "who has no second factor has no code"


def test_on_the_pages(house: House, client: TestClient) -> None:
    with house.node.storage.writing() as connection:
        session = accounts.open_session(connection, "doc", house.clock())
        other = accounts.open_session(connection, "doc-2", house.clock())
    client.cookies.set("baybridge", session.token)
    assert "physician" in client.get(f"/cases/{CASE}/do/AssessResponse").text.lower()
    sent = client.post(f"/cases/{CASE}/do/AssessResponse", data={"csrf": session.csrf, **house.response()})
    assert sent.status_code == 303 and "/confirmations/" in sent.headers["location"], sent.text[:500]
    here = sent.headers["location"]
    assert "Lugano 2014" in client.get(here).text
    assert "Nothing waits" not in client.get("/confirmations").text
    alone = client.post(here, data={"csrf": session.csrf, "agrees": "yes"})
    assert alone.status_code == 403
    client.cookies.set("baybridge", other.token)
    assert here in client.get("/confirmations").text
    done = client.post(here, data={"csrf": other.csrf, "agrees": "yes"})
    assert done.status_code == 303, done.text
    assert "doc-2" in client.get(f"/cases/{CASE}/timeline").text
    assert "doc-2" in client.get(f"/cases/{CASE}/followup").text
    assert "Nothing waits" in client.get("/confirmations").text


def test_what_was_typed_is_shown_to_who_asked_may_answer_or_opens_the_page_of_the_command(house: House, client: TestClient) -> None:
    here = f"/cases/{CASE}/confirmations/{house.ask()}"
    with house.node.storage.writing() as connection:
        for role in (Role.LABORATORY, Role.QUALITY):
            accounts.add_account(connection, account=role.value, name=role.value, role=role, organisation=house.node.site.organisation, password=PASSWORD)
        tokens = {name: accounts.open_session(connection, name, house.clock()).token for name in ("doc", "doc-again", "doc-2", "nurse", "quality", "laboratory")}
    for name, token in tokens.items():
        bearer = {"authorization": f"Bearer {token}"}
        for shown in (client.get(here, headers=bearer), client.post(here, headers=bearer, data={"agrees": "perhaps"})):
            assert ("Lugano 2014" in shown.text) is (name != "laboratory"), name
            assert (shown.status_code == 403) is (name == "laboratory"), name


def shell(house: House, *args: str, given: dict[str, Any], **settings: str) -> tuple[int, Any]:
    arguments = ["do", *args, "--node", str(house.node.config.folder), "--case", CASE, "--input", "-", "--json"]
    done = CliRunner().invoke(main, arguments, input=json.dumps(given), env=settings)
    return done.exit_code, json.loads(done.stdout) if done.stdout else done.output


def test_on_the_machine_with_an_account(house: House) -> None:
    settings = {"BAYBRIDGE_CLOCK_AHEAD": ""}
    given = {"timepoint": "other", "criteria": "Lugano 2014", "category": "CR", "assessed_on": "2026-03-30"}
    assert shell(house, "AssessResponse", given=given)[1]["reasons"][0]["code"] == "signing.no_person"
    code, said = shell(house, "AssessResponse", "--account", "doc", given=given, BAYBRIDGE_PASSWORD="wrong", **settings)
    assert (code, said["reasons"][0]["code"]) == (1, "accounts.wrong")
    code, said = shell(house, "AssessResponse", "--account", "doc", given=given, BAYBRIDGE_PASSWORD=PASSWORD, **settings)
    assert code == 0, said
    answer = {"confirmation_id": said["events"][0]["event"]["confirmation_id"], "agrees": True}
    code, said = shell(house, "ConfirmEntry", "--account", "doc-2", given=answer, BAYBRIDGE_PASSWORD=PASSWORD, **settings)
    assert code == 0, said
    assert [one["via"] for one in said["events"][0]["event"]["signed_by"]] == ["shell", "shell"]
    assert {item.via for item in house.node.events(CASE)[-1:]} == {"shell"}
