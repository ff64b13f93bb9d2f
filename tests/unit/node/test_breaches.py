"""The register of breaches: clocks that run from when it was known, nothing changed or taken away, and nobody enters who may not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import update
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.cli.main import main
from baybridge.journey.command import Actor, Role
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.intake.importing import import_upload
from baybridge.node.integrity import check as checking
from baybridge.node.integrity.rows import RowLog
from baybridge.node.neighbours import witnessing
from baybridge.node.node import Node
from baybridge.node.people import accounts, breach_changes, breaches
from baybridge.node.people.breaches import Breach, Close, Entry, Note, NotNeeded, Open, Persons, Reopen, Told
from baybridge.node.upkeep.founding import found

HERE = "Hospital"
WORDS = "a list of patients was left in a taxi"
RULES = ("mo-authority", "mo-persons", "partners")


@dataclass
class House:
    node: Node
    clock: Clock
    breach: str = ""
    known: datetime = field(default_factory=lambda: datetime(2026, 3, 1, 20, 0, tzinfo=UTC))

    def enter(self, what: Entry, role: Role = Role.QUALITY, organisation: str = HERE) -> Breach | Refusal:
        done = breach_changes.change(self.node, Actor("q", role, organisation, person="q"), what, self.breach)
        if isinstance(done, Breach):
            self.breach = done.breach_id
        return done

    def open(self, **given: Any) -> Breach | Refusal:
        return self.enter(Open(**{"what": WORDS, "kind": "confidentiality", "known_at": self.known, **given}))

    def told(self, rule: str, hours: float = 5, **given: Any) -> Breach | Refusal:
        return self.enter(Told(**{"rule": rule, "told_at": self.known + timedelta(hours=hours), "reference": "letter 7", **given}))

    def state(self) -> dict[str, str]:
        with self.node.storage.reading() as connection:
            (one,) = [one for one in breaches.register(self.node, connection) if one.breach_id == self.breach]
        return {clock.rule.id: clock.state for clock in one.clocks}

    def later(self, hours: float) -> House:
        self.clock.moment = self.known + timedelta(hours=hours)
        return self


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    folder, clock = tmp_path / "node", Clock()
    found(folder, {"node": "mo", "organisation": HERE, "jurisdiction": "MO", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=clock)
    for patient in ("own", "two"):
        bundle = record(patient, node.now())
        bundle["entry"][0]["resource"]["name"] = [{"text": patient}]
        bundle["entry"][0]["resource"].pop("identifier")
        import_upload(node, Actor("first", Role.COORDINATOR, HERE), "r.json", json.dumps(bundle).encode())
    return House(node, clock)


def codes(answer: Breach | Refusal) -> list[str]:
    return sorted(reason.code for reason in answer.reasons) if isinstance(answer, Refusal) else []


# --- clocks ---------------------------------------------------------------------------------------------------------


def test_every_clock_runs_from_when_it_was_known_and_is_late_after_its_hours(house: House) -> None:
    assert codes(house.open(patients=("own",), complete=True)) == []
    assert house.state() == dict.fromkeys(RULES, "open")
    assert house.later(23.99).state()["partners"] == "open"
    assert house.later(24.01).state()["partners"] == "late"
    assert house.state()["mo-authority"] == "open"
    assert set(house.later(72.01).state().values()) == {"late"}


def test_told_in_time_told_late_and_not_needed(house: House) -> None:
    house.open(patients=("own",), complete=True)
    house.later(30)
    house.told("mo-authority", 20)
    house.told("partners", 25)
    house.enter(NotNeeded(rule="mo-persons", because="the list was empty, as photographs show"))
    assert house.state() == {"mo-authority": "told", "mo-persons": "not_needed", "partners": "told_late"}


def test_not_knowing_whose_data_it_is_keeps_the_clock_of_persons_open(house: House) -> None:
    house.open(patients=("own",))
    house.later(10)
    assert codes(house.told("mo-persons")) == []
    assert house.state()["mo-persons"] == "open", "perhaps there are more"
    house.enter(Persons(complete=True))
    assert house.state()["mo-persons"] == "told"
    house.enter(Persons(patients=("two",), complete=True))
    assert house.state()["mo-persons"] == "open", "a person who was found later was not told with the first"
    house.told("mo-persons", 6, patients=("two",))
    assert house.state()["mo-persons"] == "told"
    assert codes(house.told("mo-persons", 7)) == ["breach.already"]


def test_more_persons_without_saying_that_they_are_all_open_it_again(house: House) -> None:
    house.open(patients=("own",), complete=True)
    house.later(10)
    house.told("mo-persons")
    house.enter(Persons(patients=("two",)))
    assert house.state()["mo-persons"] == "open"


def test_a_breach_is_closed_once_nobody_has_to_be_told_and_everybody_is_known(house: House) -> None:
    house.open(patients=("own",))
    house.later(10)
    assert codes(house.enter(Close(because="locks were changed"))) == ["breach.persons_open", "breach.runs", "breach.runs", "breach.runs"]
    house.enter(Persons(complete=True))
    for rule in RULES:
        house.told(rule)
    assert codes(house.enter(Close(because="locks were changed"))) == []
    assert codes(house.enter(Persons(patients=("two",)))) == ["breach.closed"]
    assert codes(house.enter(Note(text="the taxi driver wrote"))) == []
    assert codes(house.enter(Reopen(because="there was a second list"))) == []
    assert codes(house.enter(Reopen(because="there was a second list"))) == ["breach.not_closed"]
    assert codes(house.enter(Persons(patients=("two",)))) == []


def test_the_site_s_document_says_the_hours(house: House, tmp_path: Path) -> None:
    house.open(patients=("own",), complete=True)
    own = house.node.config.folder / "data" / "breaches"
    own.mkdir(parents=True)
    (own / "mo.yaml").write_text(
        "id: mo\nsource: counsel\njurisdiction: [MO]\nrules:\n"
        "  - {id: mo-authority, whom: authority, name: {en: DSPDP}, hours: 2, duty: law, source: counsel, confidence: high}\n"
    )
    other = House(Node(read_config(house.node.config.folder), now=house.clock), house.clock, house.breach)
    assert other.later(3).state() == {"mo-authority": "late", "partners": "open"}


# --- what is refused ------------------------------------------------------------------------------------------------


def test_who_may(house: House) -> None:
    for role in (Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR, Role.PATIENT, Role.PAYER, Role.ALLIANCE):
        assert codes(house.enter(Open(what=WORDS, kind="integrity", known_at=house.known), role)) == ["access.command"], role
    assert codes(house.enter(Open(what=WORDS, kind="integrity", known_at=house.known), Role.QUALITY, "Another hospital")) == ["access.command"]
    assert codes(house.enter(Open(what=WORDS, kind="integrity", known_at=house.known), Role.ADMINISTRATOR)) == []


def test_every_reason_at_once_and_nothing_is_kept(house: House) -> None:
    ahead = house.clock() + timedelta(days=1)
    refused = house.open(what=" ", known_at=ahead, happened_at=ahead + timedelta(days=1), patients=("own", "nobody"))
    assert codes(refused) == ["breach.future", "breach.future", "breach.known_before", "breach.patient_unknown", "breach.words"]
    with house.node.storage.reading() as connection:
        assert breaches.register(house.node, connection) == ()


@pytest.mark.parametrize("year", [1, 1999, 3000, 9999])
def test_a_time_that_cannot_be_is_no_time(house: House, year: int) -> None:
    assert codes(house.open(known_at=datetime(year, 1, 1, tzinfo=UTC))) == ["breach.bad_time"]
    assert codes(house.open(happened_at=datetime(year, 1, 1))) == ["breach.bad_time"]  # noqa: DTZ001 - a time without offset is what is tried


def test_the_same_breach_twice_is_asked_about(house: House) -> None:
    house.open()
    assert codes(House(house.node, house.clock).open()) == ["breach.again"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"rule": "nobody"}, ["breach.rule_unknown"]),
        ({"reference": " "}, ["breach.no_reference"]),
        ({"told_at": datetime(2026, 2, 1, tzinfo=UTC)}, ["breach.told_before"]),
        ({"told_at": datetime(2027, 2, 1, tzinfo=UTC)}, ["breach.future"]),
        ({"patients": ("own",)}, ["breach.names_nobody"]),
        ({"rule": "mo-persons", "patients": ("two",)}, ["breach.not_concerned"]),
    ],
)
def test_what_was_told_is_told_of_this_breach(house: House, given: dict[str, Any], expected: list[str]) -> None:
    house.open(patients=("own",), complete=True)
    house.later(30)
    assert codes(house.told(**{"rule": "mo-authority", **given})) == expected


def test_persons_are_told_only_where_somebody_is_named(house: House) -> None:
    house.open()
    house.later(30)
    assert codes(house.told("mo-persons")) == ["breach.nobody_known"]


def test_another_breach_s_id_or_none_is_not_found(house: House) -> None:
    house.open()
    for breach in ("", "no-such-breach"):
        assert codes(House(house.node, house.clock, breach).enter(Note(text="something was found out"))) == ["breach.unknown"]


# --- what was entered stands ----------------------------------------------------------------------------------------


def test_an_entry_that_is_changed_behind_the_node_s_back_is_found(house: House) -> None:
    house.open(patients=("own",), complete=True)
    node = house.node
    witnessing.sign_checkpoint(node)

    def findings() -> list[str]:
        with node.storage.reading() as connection:
            return [one.kind for one in checking.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now)).findings]

    assert findings() == []
    with node.storage.engine.begin() as connection:
        connection.execute(update(tables.breach_entry).values(at="2026-03-05T00:00:00+00:00"))
    assert findings() == ["differs"]


# --- command and page -----------------------------------------------------------------------------------------------


def shell(house: House, *arguments: str, status: int = 0, password: str = "a long password", name: str = "privacy") -> Any:
    account = () if arguments[0] == "list" else ("--account", name)
    given = ["breach", *arguments, "--node", str(house.node.config.folder), *account, "--json"]
    answer = CliRunner().invoke(main, given, env={"BAYBRIDGE_PASSWORD": password, "BAYBRIDGE_CODE": ""})
    assert answer.exit_code == status, answer.output + answer.stderr
    return json.loads(answer.stdout)


def test_the_register_is_kept_from_the_shell(house: House) -> None:
    with house.node.storage.writing() as connection:
        for name, role in (("privacy", Role.QUALITY), ("nurse", Role.NURSE)):
            accounts.add_account(connection, account=name, name=name, role=role, organisation=HERE, password="a long password")
    ago = (datetime.now(UTC) - timedelta(hours=30)).isoformat()
    opening = ("open", "--what", WORDS, "--kind", "confidentiality", "--known-at", ago, "--patient", "Patient/own")
    assert shell(house, *opening, status=1, password="wrong")["reasons"][0]["code"] == "accounts.wrong"
    assert shell(house, *opening, status=1, name="nurse")["reasons"][0]["code"] == "access.command"
    made = shell(house, *opening)
    assert (made["state"], made["patients"], made["complete"]) == ("late", ["own"], False)
    shell(house, "persons", made["breach"], "--all-known")
    now = datetime.now(UTC).isoformat()
    for rule in RULES:
        shell(house, "told", made["breach"], "--rule", rule, "--at", now, "--reference", "letter 7")
    closed = shell(house, "close", made["breach"], "--because", "locks were changed")
    assert closed["state"] == "closed"
    (listed,) = shell(house, "list")
    assert {clock["rule"]: clock["state"] for clock in listed["clocks"]}["partners"] == "told_late"


def test_a_breach_known_on_a_date_runs_from_the_start_of_that_day_at_the_site(house: House) -> None:
    with house.node.storage.writing() as connection:
        accounts.add_account(connection, account="privacy", name="privacy", role=Role.QUALITY, organisation=HERE, password="a long password")
    made = shell(house, "open", "--what", WORDS, "--kind", "confidentiality", "--known-at", "2026-03-02", "--happened-at", "2026-03-01")
    assert datetime.fromisoformat(made["known_at"]) == datetime(2026, 3, 1, 16, 0, tzinfo=UTC)


def test_a_late_breach_fails_the_list(house: House) -> None:
    house.open(known_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert shell(house, "list", status=1)[0]["state"] == "late"


def page_of(house: House, role: Role, language: str = "en") -> tuple[TestClient, str]:
    name = f"{role.value}-{language}"
    with house.node.storage.writing() as connection:
        accounts.add_account(connection, account=name, name=name, role=role, organisation=HERE, password="-")
        token = accounts.open_session(connection, name, house.node.now()).token
    client = TestClient(application(house.node, workers=False), base_url="http://127.0.0.1", follow_redirects=False)
    client.headers["cookie"] = f"baybridge={token}; language={language}"
    return client, client.get("/breaches").text


def test_the_privacy_role_enters_and_tells_on_the_page(house: House) -> None:
    client, first = page_of(house, Role.QUALITY)
    csrf = re.findall(r'name="csrf" value="([^"]+)"', first)[-1]
    given = {"csrf": csrf, "what": WORDS, "kind": "confidentiality", "known_at": "2026-03-02T04:00", "patients": "own\n\n", "complete": "yes"}
    refused = client.post("/breaches", data={**given, "kind": "", "what": "x", "known_at": "soon"})
    assert refused.status_code == 400
    assert "Choose the kind of breach." in refused.text and "Give a day and time" in refused.text
    assert "own\n" in refused.text, "what was typed is given back"
    entered = client.post("/breaches", data=given)
    assert entered.status_code == 200, entered.text[:3000]
    assert WORDS in entered.text and "Persons known to be concerned: 1." in entered.text
    breach = re.findall(r'action="/breaches/([^"]+)"', entered.text)[0]
    assert client.post(f"/breaches/{breach}", data={"what": "note", "because": "no token"}).status_code == 403
    house.later(100)
    client, late = page_of(house, Role.ADMINISTRATOR)  # the first session is over
    assert "Breaches in which somebody should have been told by now: 1." in late
    csrf = re.findall(r'name="csrf" value="([^"]+)"', late)[-1]
    told = client.post(f"/breaches/{breach}", data={"csrf": csrf, "what": "told", "rule": "mo-authority", "told_at": "2026-03-05T10:00", "reference": "letter 7"})
    assert "told late" in told.text
    assert client.post(f"/breaches/{breach}", data={"csrf": csrf, "what": "close", "because": "nothing more to do"}).status_code == 409


@pytest.mark.parametrize(("language", "said"), [("zh-Hans", "个人信息泄露登记册"), ("zh-Hant", "個人資料外洩登記冊"), ("pt", "Registo de violações de dados pessoais")])
def test_the_page_speaks_every_language(house: House, language: str, said: str) -> None:
    house.open(patients=("own",), complete=True)
    house.later(100)
    _, page = page_of(house, Role.ADMINISTRATOR, language)
    assert said in page
    assert "breach." not in re.sub(r'(id|for|action|href)="[^"]*"', "", page), "no key is shown for a word"


def test_script_in_words_is_shown_as_words(house: House) -> None:
    house.open(what="<script>alert(1)</script> was on the screen")
    _, page = page_of(house, Role.QUALITY)
    assert "<script>alert" not in page


def test_others_do_not_hear_of_it(house: House) -> None:
    house.open(known_at=datetime(2026, 1, 1, tzinfo=UTC))
    client, answer = page_of(house, Role.NURSE)
    assert WORDS not in answer
    assert "should have been told" not in client.get("/").text


def test_the_clocks_of_the_region_where_a_person_lives_run_too(house: House) -> None:
    bundle = record("own", house.node.now())
    patient = {**bundle["entry"][0]["resource"], "name": [{"text": "own"}], "address": [{"country": "CN"}]}
    patient.pop("identifier")
    body = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}).encode()
    import_upload(house.node, Actor("first", Role.COORDINATOR, HERE), "r.json", body)
    house.open(patients=("two",), complete=False)
    assert set(house.state()) == set(RULES)
    house.enter(Persons(patients=("own",), complete=True))
    assert set(house.state()) == {*RULES, "cn-authority", "cn-persons"}
    assert house.later(25).state()["cn-authority"] == "late"
