"""Somebody who helps a patient, at a whole node: nothing is open before the patient lets them in, only what was named after, and nothing when it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Refused, World
from baybridge.app import application
from baybridge.base.ids import mark_of
from baybridge.base.outcome import Refusal
from baybridge.exchange.evidence.verify import verify_file
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import (
    AuthorityNotified,
    CaregiverAllowed,
    CaseReferred,
    ConfirmationDeclined,
    ConsentWithdrawn,
    EntryReinstated,
    GateExceptionSigned,
    IdentityLinked,
    IdentityQuestioned,
    PatientWrote,
)
from baybridge.node.clock import new_id
from baybridge.node.fhir import interactions
from baybridge.node.fhir.interactions import Interaction
from baybridge.node.handle import handle
from baybridge.node.neighbours.evidence import evidence_pack
from baybridge.node.people import accounts, notifications, persons

CARE = {"kind": "care", "notice_version": "1", "notice_language": "zh-Hant"}
PAPER = "birth certificate, paper file 3"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World.new(tmp_path)
    world.refer()
    return world


def account(world: World, role: Role, name: str = "Ana", patient: str | None = None) -> tuple[str, str, Actor]:
    """An account with a session: (person, token, the actor)."""
    node = world.nodes["mo"]
    person, account = persons.new_id(), new_id(world.clock)
    patient = patient if patient is not None else world.case("mo").patient_id
    with node.storage.writing() as connection:
        persons.add(connection, persons.Person(person, name))
        accounts.add_account(
            connection, account=account, name=account, role=role, organisation=node.site.organisation, password="", password_hash="-", patient_id=patient,
            person_id=person,
        )
        token = accounts.open_session(connection, account, node.now()).token
    return person, token, Actor(account, role, node.site.organisation, patient, person)


def again(world: World, actor: Actor) -> str:
    """A new session: one of days ago is over."""
    node = world.nodes["mo"]
    with node.storage.writing() as connection:
        return accounts.open_session(connection, actor.account, node.now()).token


def client(world: World, token: str) -> TestClient:
    return TestClient(application(world.nodes["mo"], workers=False), base_url="http://127.0.0.1", follow_redirects=False, headers={"authorization": f"Bearer {token}"})


def statuses(world: World, token: str, *paths: str) -> dict[str, int]:
    with client(world, token) as browser:
        return {path: browser.get(f"/cases/{world.case_id}{path}").status_code for path in paths}


def do(world: World, actor: Actor, name: str, **given: Any) -> Any:
    return handle(world.nodes["mo"], Command(name, world.case_id, given, actor, new_id(world.clock)))


def codes(done: object) -> list[str]:
    assert isinstance(done, Refusal), done
    return [reason.code for reason in done.reasons]


PAGES = ("", "/watch", "/calendar.ics", "/facts", "/tests", "/cells", "/bedside", "/timeline", "/funding", "/sharing", "/looked", "/attachments", "/evidence", "/options")
EVERY = (*PAGES, "/state.json", "/card", "/flowsheet", "/identity", "/followup", "/looked.json", "/evidence.json", "/eligibility")


def test_an_account_alone_opens_nothing(world: World) -> None:
    _, token, _ = account(world, Role.CAREGIVER)
    assert set(statuses(world, token, *EVERY).values()) == {403}
    with client(world, token) as browser:
        assert browser.get("/").headers["location"] == "/cases"
        assert "has not let you in yet" in browser.get("/cases").text
        assert browser.get("/fhir/Patient").status_code == 403
        assert browser.get(f"/fhir/Patient/{world.case('mo').patient_id}").status_code == 403
        assert world.case_id not in browser.get("/cases.csv").text


def test_the_patient_lets_somebody_in_who_sees_what_was_named_and_no_more(world: World) -> None:
    person, token, _ = account(world, Role.CAREGIVER)
    _, _, patient = account(world, Role.PATIENT, "the patient")
    assert not isinstance(do(world, patient, "AllowCaregiver", person_id=person, shows=["money"]), Refusal)
    seen = statuses(world, token, *EVERY)
    assert {path for path, status in seen.items() if status == 200} == {"", "/watch", "/calendar.ics", "/funding"}
    assert set(seen.values()) == {200, 403}
    with client(world, token) as browser:
        page = re.sub(r"\s+", " ", browser.get(f"/cases/{world.case_id}").text)
        assert browser.get("/").headers["location"] == f"/cases/{world.case_id}"
    assert "You read this for the person you help." in page and "What it costs, and who pays" in page
    assert "What you allowed" not in page and "Who looked at your record" not in page and "/tests" not in page
    assert not isinstance(do(world, patient, "AllowCaregiver", person_id=person, shows=["results", "papers"]), Refusal)
    opened = {path for path, status in statuses(world, token, *EVERY).items() if status == 200}
    assert "/funding" not in opened and {"/facts", "/tests", "/cells", "/bedside", "/timeline", "/attachments"} <= opened
    assert opened.isdisjoint({"/sharing", "/looked", "/evidence", "/state.json", "/identity"})


def test_it_ends_by_the_patient_by_the_helper_and_by_its_day(world: World) -> None:
    person, token, helper = account(world, Role.CAREGIVER)
    other, _, _ = account(world, Role.CAREGIVER, "Rui")
    _, _, patient = account(world, Role.PATIENT, "the patient")
    today = world.clock().date()
    for ending in ("patient", "helper", "day"):
        until = today + timedelta(days=2) if ending == "day" else None
        done = do(world, patient, "AllowCaregiver", person_id=person, **({"valid_until": until.isoformat()} if until else {}))
        assert not isinstance(done, Refusal), done
        assert statuses(world, token, "")[""] == 200, ending
        if ending == "day":
            world.clock.moment += timedelta(days=4)
        else:
            assert not isinstance(do(world, patient if ending == "patient" else helper, "EndCaregiver", person_id=person), Refusal)
        assert statuses(world, again(world, helper), "", "/watch") == {"": 403, "/watch": 403}, ending
    assert codes(do(world, patient, "EndCaregiver", person_id=other)) == ["command.not_in_set"]
    do(world, patient, "AllowCaregiver", person_id=other)
    do(world, patient, "AllowCaregiver", person_id=person)
    for guessed in (other, "p-unknown"):
        refused = do(world, helper, "EndCaregiver", person_id=guessed)
        assert codes(refused) == ["command.not_in_set"]
        assert refused.reasons[0].values["known"] == person, "who else helps is not told"


def test_who_was_let_in_writes_to_the_team_under_the_own_name_and_does_nothing_else(world: World) -> None:
    person, token, helper = account(world, Role.CAREGIVER)
    _, _, patient = account(world, Role.PATIENT, "the patient")
    assert codes(do(world, helper, "WriteToTeam", text="may I come?")) == ["access.relation"]
    do(world, patient, "AllowCaregiver", person_id=person)
    assert not isinstance(do(world, helper, "WriteToTeam", text="She is very tired."), Refusal)
    (letter,) = world.case("mo").of(PatientWrote)
    assert letter.origin.role == "caregiver"
    with client(world, token) as browser:
        assert "Written by: caregiver" in browser.get(f"/cases/{world.case_id}").text
        for command in ("AllowCaregiver", "RecordConsent", "AssessmentRecorded", "RecordAssessment", "AnswerPatient"):
            assert browser.get(f"/cases/{world.case_id}/do/{command}").status_code in (403, 404), command
    for name, given in (("AllowCaregiver", {"person_id": person}), ("RecordConsent", CARE), ("AnswerPatient", {"letter_id": letter.event.letter_id, "answer": "go"})):
        assert codes(do(world, helper, name, **given)) == ["access.command"], name


def test_a_caregiver_of_another_patient_and_an_account_of_staff_are_not_let_in(world: World) -> None:
    stranger, token, _ = account(world, Role.CAREGIVER, "Eva", patient="pat-other")
    nurse, _, _ = account(world, Role.NURSE, "Nurse")
    _, _, patient = account(world, Role.PATIENT, "the patient")
    for person in (stranger, nurse, "p-unknown"):
        assert "command.not_in_set" in codes(do(world, patient, "AllowCaregiver", person_id=person)) or "consent.caregiver.no_account" in codes(
            do(world, patient, "AllowCaregiver", person_id=person)
        )
    assert "consent.caregiver.nobody" in codes(do(world, patient, "AllowCaregiver", person_id=""))
    assert set(statuses(world, token, *EVERY).values()) == {403}


def test_a_consent_is_not_taken_back_by_a_caregiver(world: World) -> None:
    person, _, helper = account(world, Role.CAREGIVER)
    _, _, patient = account(world, Role.PATIENT, "the patient")
    do(world, patient, "AllowCaregiver", person_id=person)
    consent = world.case("mo").consents[0].consent_id
    for given_by in ("patient", "guardian", "representative"):
        assert "consent.giver.own_capacity" in codes(do(world, helper, "WithdrawConsent", consent_id=consent, given_by=given_by, by_document=PAPER))
    assert not world.case("mo").of(ConsentWithdrawn)


def test_a_guardian_is_let_in_by_the_hospital_until_the_child_comes_of_age(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    bundle = world.bundle()
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"]["birthDate"] = "2008-03-04"  # the clock of the tests begins on 2 March 2026: a child for two more days
    world.file("mo", bundle)
    world.do("mo", Role.COORDINATOR, "RecordConsent", **CARE, given_by="guardian", by_document=PAPER)
    person, token, guardian = account(world, Role.CAREGIVER)
    _, _, child = account(world, Role.PATIENT, "the child")
    assert "consent.caregiver.staff_records" in codes(do(world, child, "AllowCaregiver", person_id=person, capacity="guardian", given_by="guardian", by_document=PAPER))
    with pytest.raises(Refused) as raised:
        world.do("mo", Role.COORDINATOR, "AllowCaregiver", person_id=person, capacity="guardian")
    assert set(raised.value.codes) == {"consent.caregiver.says_itself", "consent.giver.minor"}
    world.do("mo", Role.COORDINATOR, "AllowCaregiver", person_id=person, capacity="guardian", given_by="guardian", by_document=PAPER)
    assert set(statuses(world, token, *PAGES).values()) == {200}
    consent = world.case("mo").consents[0].consent_id
    world.clock.moment = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)  # the birthday has begun in Macao
    assert set(statuses(world, again(world, guardian), *PAGES).values()) == {403}
    assert codes(do(world, guardian, "WithdrawConsent", consent_id=consent, given_by="guardian", by_document=PAPER)) == ["access.relation"]


def test_a_birth_date_that_is_put_right_or_stands_in_a_linked_record_ends_what_a_guardian_sees(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    child = {"resourceType": "Patient", "id": "child", "name": [{"text": "丙 (synthetic)"}], "birthDate": "2015-01-01"}
    world.file("mo", [child])
    person, token, _ = account(world, Role.CAREGIVER)
    world.do("mo", Role.COORDINATOR, "AllowCaregiver", person_id=person, capacity="guardian", given_by="guardian", by_document=PAPER)
    node, seen = world.nodes["mo"], [statuses(world, token, "")[""]]
    for born in ("2005-01-01", "2015-01-01"):
        put = Interaction("PUT", "Patient", "child", {**child, "birthDate": born})
        assert not isinstance(interactions.write(node, world.actor("mo", Role.COORDINATOR), [put]), Refusal)
        seen.append(statuses(world, token, "")[""])
    world.file("mo", [{"resourceType": "Patient", "id": "other", "name": [{"text": "丙丁 (synthetic)"}], "birthDate": "2006-01-01"}])
    with node.unit() as unit:
        asked = IdentityQuestioned(question="q", other="other", verdict="unsure", score=0, reasons=())
        said = IdentityLinked(question="q", basis="confirmed", seen="x", note="the same person")
        unit.append(world.case_id, [asked, said], node.system(), known=len(unit.events(world.case_id)))
    seen.append(statuses(world, token, "")[""])
    assert seen == [200, 403, 200, 403]


def test_nobody_is_a_guardian_where_the_age_is_not_known(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    bundle = world.bundle()
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"].pop("birthDate", None)
    world.file("mo", bundle)
    person, _, _ = account(world, Role.CAREGIVER)
    with pytest.raises(Refused) as raised:
        world.do("mo", Role.COORDINATOR, "AllowCaregiver", person_id=person, capacity="guardian", given_by="guardian", by_document=PAPER)
    assert raised.value.codes == ["consent.caregiver.age_unknown"]


def test_a_representative_sees_while_the_patient_cannot_decide(world: World) -> None:
    person, token, _ = account(world, Role.CAREGIVER)
    stated = {"seen_at": world.clock().isoformat(), "note": "drowsy"}
    world.do("mo", Role.PHYSICIAN, "StateCapacity", can_decide=False, **stated)
    world.do("mo", Role.NURSE, "AllowCaregiver", person_id=person, capacity="representative", given_by="representative", by_document=PAPER)
    assert statuses(world, token, "/facts", "/sharing") == {"/facts": 200, "/sharing": 200}
    world.clock.moment += timedelta(hours=1)
    world.do("mo", Role.PHYSICIAN, "StateCapacity", can_decide=True, seen_at=world.clock().isoformat(), note="clear again")
    assert statuses(world, token, "", "/facts", "/sharing") == {"": 403, "/facts": 403, "/sharing": 403}
    assert world.case("mo").of(CaregiverAllowed)


def test_who_looked_names_the_reading_of_somebody_who_helps(world: World) -> None:
    person, token, _ = account(world, Role.CAREGIVER)
    _, own, patient = account(world, Role.PATIENT, "the patient")
    do(world, patient, "AllowCaregiver", person_id=person)
    statuses(world, token, "")
    with client(world, own) as browser:
        seen = browser.get(f"/cases/{world.case_id}/looked").text
        first = re.sub(r"\s+", " ", browser.get(f"/cases/{world.case_id}").text)
    assert "Helps the patient, who let this person in" in seen
    assert "Who helps you" in first and "Ana" in first


def test_after_the_death_of_the_patient_nothing_is_open(world: World) -> None:
    person, token, _ = account(world, Role.CAREGIVER)
    _, _, patient = account(world, Role.PATIENT, "the patient")
    do(world, patient, "AllowCaregiver", person_id=person)
    world.do("mo", Role.PHYSICIAN, "RecordDeath", died_on=world.clock().date().isoformat(), cause="disease")
    assert set(statuses(world, token, *PAGES).values()) == {403}


def test_a_caregiver_reads_the_own_letters_and_not_those_of_the_patient(world: World) -> None:
    person, token, helper = account(world, Role.CAREGIVER)
    other, others, _ = account(world, Role.CAREGIVER, "Rui")
    _, own, patient = account(world, Role.PATIENT, "the patient")
    do(world, patient, "AllowCaregiver", person_id=person, shows=["results", "money", "papers"])
    do(world, patient, "AllowCaregiver", person_id=other, shows=["results"])
    do(world, patient, "WriteToTeam", text="Do not tell my family.")
    do(world, helper, "WriteToTeam", text="She eats well.")
    for letter in world.case("mo").of(PatientWrote):
        answer = "We keep it." if letter.origin.role == "patient" else "Good to hear."
        world.do("mo", Role.NURSE, "AnswerPatient", letter_id=letter.event.letter_id, answer=answer)
    said = {"Do not tell my family.", "We keep it.", "She eats well.", "Good to hear."}
    for session, seen in ((token, {"She eats well.", "Good to hear."}), (others, set()), (own, said)):
        with client(world, session) as browser:
            for page in ("", "/timeline"):
                text = browser.get(f"/cases/{world.case_id}{page}").text
                assert {one for one in said if one in text} == seen, page


def test_an_earlier_moment_opens_nothing_that_is_closed_now(world: World) -> None:
    person, token, _ = account(world, Role.CAREGIVER)
    _, _, patient = account(world, Role.PATIENT, "the patient")
    do(world, patient, "AllowCaregiver", person_id=person, shows=["money", "papers"])
    then = {"at": world.clock().isoformat()}
    with client(world, token) as browser:
        assert "What it costs, and who pays" in browser.get(f"/cases/{world.case_id}").text
        do(world, patient, "AllowCaregiver", person_id=person)
        page = browser.get(f"/cases/{world.case_id}", params=then)
        assert page.status_code == 200
        assert "What it costs, and who pays" not in page.text and "/attachments" not in page.text


def test_who_was_shown_results_reads_no_prices(world: World) -> None:
    person, token, _ = account(world, Role.CAREGIVER)
    _, _, patient = account(world, Role.PATIENT, "the patient")
    priced = {}
    for shows in (["results"], ["results", "money"]):
        do(world, patient, "AllowCaregiver", person_id=person, shows=shows)
        with client(world, token) as browser:
            priced[len(shows)] = ["You would pay" in browser.get(f"/cases/{world.case_id}/options?by={by}").text for by in ("status", "pays")]
    assert priced == {1: [False, False], 2: [True, True]}


def test_a_laboratory_reads_the_options_without_prices(world: World) -> None:
    shown = {}
    for role in (Role.PHYSICIAN, Role.LABORATORY):
        _, token, _ = account(world, role, role.value, patient="")
        with client(world, token) as browser:
            page = browser.get(f"/cases/{world.case_id}/options")
            shown[role] = (page.status_code, "1,200,000" in page.text, "by=pays" in page.text)
    assert shown == {Role.PHYSICIAN: (200, True, True), Role.LABORATORY: (200, False, False)}


def test_a_caregiver_is_shown_no_consent_to_take_back(world: World) -> None:
    person, token, _ = account(world, Role.CAREGIVER)
    _, own, patient = account(world, Role.PATIENT, "the patient")
    do(world, patient, "AllowCaregiver", person_id=person, shows=["results", "money", "papers"])
    with client(world, token) as browser:
        form = browser.get(f"/cases/{world.case_id}/do/WithdrawConsent").text
    assert "eHealth sharing in Hong Kong" not in form and "A consent is taken back by the guardian or representative" in form
    with client(world, own) as browser:
        assert "eHealth sharing in Hong Kong" in browser.get(f"/cases/{world.case_id}/do/WithdrawConsent").text


def test_entries_are_shown_by_what_was_named_and_corrections_with_what_they_put_right(world: World) -> None:
    """What has no row is closed to who was not shown everything: consents, identity, signatures, tasks, signed exceptions."""
    person, token, _ = account(world, Role.CAREGIVER)
    _, own, patient = account(world, Role.PATIENT, "the patient")
    do(world, patient, "AllowCaregiver", person_id=person, shows=["results"])
    notified = world.case("mo").of(AuthorityNotified)[0].origin.event_id
    referred = world.case("mo").of(CaseReferred)[0].origin.event_id
    world.do("mo", Role.COORDINATOR, "CorrectEntry", event_id=notified, action="void", reason="other", note="of-a-notice")
    until = world.clock() + timedelta(days=2)
    with world.nodes["mo"].unit() as unit:
        written = (
            EntryReinstated(event_id=referred, note="of-a-referral"),
            ConfirmationDeclined(confirmation_id="c", command="IssueQuote", note="of-a-signature"),
            GateExceptionSigned(gate="collection", codes=("gate.x",), regarding="r", note="of-an-exception", valid_until=until),
        )
        unit.append(world.case_id, written, world.nodes["mo"].system(), known=len(unit.events(world.case_id)))
    notes = ("of-a-notice", "of-a-referral", "of-a-signature", "of-an-exception")
    for session, seen in ((token, ["of-a-referral"]), (own, [*notes])):
        with client(world, session) as browser:
            text = "".join(browser.get(f"/cases/{world.case_id}{page}").text for page in ("", "/timeline", "/facts"))
        assert [note for note in notes if note in text] == seen


def test_nobody_lets_in_oneself(world: World) -> None:
    person, _, _ = account(world, Role.CAREGIVER)
    nurse = Actor("nurse", Role.NURSE, world.nodes["mo"].site.organisation, person=person)
    assert codes(do(world, nurse, "AllowCaregiver", person_id=person)) == ["consent.caregiver.oneself"]


def test_the_bell_tells_of_an_answer_to_the_own_letter_and_only_who_is_let_in(world: World) -> None:
    person, _, helper = account(world, Role.CAREGIVER)
    _, _, stranger = account(world, Role.CAREGIVER, "Rui")
    _, _, patient = account(world, Role.PATIENT, "the patient")
    node, told = world.nodes["mo"], []
    for writer in (patient, helper, helper):
        if not told:
            do(world, patient, "AllowCaregiver", person_id=person)
        do(world, writer, "WriteToTeam", text="Is fever to be told?")
        if len(told) == 2:
            do(world, patient, "EndCaregiver", person_id=person)
        letter = world.case("mo").of(PatientWrote)[-1].event.letter_id
        world.do("mo", Role.NURSE, "AnswerPatient", letter_id=letter, answer="Yes.")
        with node.storage.reading() as connection:
            told.append([notifications.unseen(connection, one.account) for one in (patient, helper, stranger)])
    assert told == [[1, 0, 0], [2, 1, 0], [3, 1, 0]]


def test_a_pack_of_evidence_says_that_there_are_letters_and_not_what_they_say(world: World) -> None:
    _, _, patient = account(world, Role.PATIENT, "the patient")
    do(world, patient, "WriteToTeam", text="Do not tell my family.")
    letter = world.case("mo").of(PatientWrote)[0].event.letter_id
    world.do("mo", Role.NURSE, "AnswerPatient", letter_id=letter, answer="We keep it.")
    pack = evidence_pack(world.nodes["mo"], world.case_id)
    assert b"Do not tell my family." not in pack and b"We keep it." not in pack
    assert verify_file(pack, None, None).ok


def test_the_bell_tells_nothing_of_a_case_that_is_closed_again(world: World) -> None:
    """What was told stays told to who may still open the case, and to nobody else; a forged or old notification leads nowhere."""
    person, token, helper = account(world, Role.CAREGIVER)
    _, _, patient = account(world, Role.PATIENT, "the patient")
    do(world, patient, "AllowCaregiver", person_id=person)
    do(world, helper, "WriteToTeam", text="Is fever to be told?")
    world.do("mo", Role.NURSE, "AnswerPatient", letter_id=world.case("mo").of(PatientWrote)[-1].event.letter_id, answer="Yes.")
    node = world.nodes["mo"]
    with node.storage.reading() as connection:
        (told,) = notifications.of_account(connection, helper.account)
    with client(world, token) as browser:
        assert "Notifications: 1 new" in browser.get("/notifications/number?language=en").text
        assert told.id in browser.get("/notifications").text
        do(world, patient, "EndCaregiver", person_id=person)
        assert "none new" in browser.get("/notifications/number?language=en").text
        page = browser.get("/notifications").text
        assert told.id not in page and mark_of(world.case_id) not in page
        assert browser.post("/notifications/open", data={"notification": told.id}).headers["location"] == "/notifications"
    with node.storage.reading() as connection:
        assert [one.seen for one in notifications.of_account(connection, helper.account)] == [False]


def test_a_form_tells_somebody_who_helps_nothing_of_the_consents(world: World) -> None:
    """The form of a command that a role may give is filled in with what of the case is open to its reader."""
    person, token, _ = account(world, Role.CAREGIVER)
    _, mine, patient = account(world, Role.PATIENT, "the patient")
    do(world, patient, "AllowCaregiver", person_id=person)
    standing = [one.consent_id for one in world.case("mo").consents]
    assert standing
    forms = {}
    for who, opener in (("helper", token), ("patient", mine)):
        with client(world, opener) as browser:
            forms[who] = browser.get(f"/cases/{world.case_id}/do/WithdrawConsent").text
    assert [one for one in standing if one in forms["helper"]] == []
    assert [one for one in standing if one in forms["patient"]] != []
