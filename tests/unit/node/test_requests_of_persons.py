"""What a person asks of the own data: received with its clock, answered in time, carried out by the same rules as the commands, told to the person."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from acceptance.support import World, resource_of
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.consent.requests import open_requests, requests_of
from baybridge.journey import events as ev
from baybridge.journey.command import Actor, Command, Role
from baybridge.node.clock import new_id
from baybridge.node.commands.done import Done
from baybridge.node.fhir.rendering import render
from baybridge.node.handle import handle
from baybridge.node.integrity import check as checking
from baybridge.node.integrity.rows import RowLog
from baybridge.node.neighbours import witnessing
from baybridge.node.people import accounts, erasure, reads, requests
from baybridge.node.upkeep.projections import open_tasks

WORDS = "Please send me everything that you hold about me."
REFUSED = {"outcome": "refused", "because": "Needed for your treatment.", "basis": "PIPL article 47", "remedy": "DSPDP"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path / "network")
    made.file("mo", made.bundle())
    made.consent()
    return made


def site(world: World) -> str:
    return world.nodes["mo"].site.organisation


def quality(world: World, name: str = "anna") -> Actor:
    """Somebody of quality who signed in, with an account: a second person is looked up by it."""
    node = world.nodes["mo"]
    with node.storage.writing() as connection:
        if accounts.open_actor(connection, name, node.now()) is None:
            accounts.add_account(connection, account=name, name=name, role=Role.QUALITY, organisation=site(world), password="-", person_id=f"p-{name}")
    return Actor(name, Role.QUALITY, site(world), person=f"p-{name}")


def patient(world: World) -> Actor:
    return Actor("patient", Role.PATIENT, site(world), world.patient, person="p-patient")


def give(world: World, actor: Actor, name: str, **given: Any) -> Done | Refusal:
    node = world.nodes["mo"]
    return handle(node, Command(name, world.case_id, given, actor, new_id(node.now)))


def ask(world: World, right: str, words: str = WORDS) -> str:
    done = give(world, patient(world), "MakeRequest", right=right, words=words)
    assert isinstance(done, Done), done
    return done.events[0].event_id


def codes(answer: object) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [reason.code for reason in answer.reasons]


def confirmed(world: World, asked: Done | Refusal, by: str = "bela") -> Done | Refusal:
    assert isinstance(asked, Done), asked
    (event,) = [item.event for item in asked.events]
    assert isinstance(event, ev.ConfirmationAsked)
    return give(world, quality(world, by), "ConfirmEntry", confirmation_id=event.confirmation_id, agrees=True, note="")


def case(world: World) -> Any:
    return world.case("mo")


def tasks(world: World) -> dict[str, str]:
    node = world.nodes["mo"]
    with node.storage.reading() as connection:
        return {task.step: task.role for task in open_tasks(node, connection, case(world), node.now()) if task.step.startswith("request")}


def sound(world: World) -> list[str]:
    node = world.nodes["mo"]
    witnessing.sign_checkpoint(node)
    with node.storage.reading() as connection:
        return [f"{one.kind} {one.what}" for one in checking.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now)).findings]


def platelets(world: World) -> str:
    return f"Observation/{resource_of(world.bundle(), '-a-plt')['id']}"


# --- asking and its clock -------------------------------------------------------------------------------------------


def test_a_request_waits_with_its_clock_and_is_late_after_its_last_day(world: World) -> None:
    ask(world, "copy")
    node = world.nodes["mo"]
    (row,) = requests.register(node)
    assert (row.state, row.clock.rule.days, row.clock.rule.confidence, row.patient_id) == ("open", 30, "low", world.patient)  # type: ignore[union-attr]
    assert tasks(world) == {"request": "quality"}
    world.clock.moment = row.clock.due_at - timedelta(minutes=1)  # type: ignore[union-attr]
    assert requests.register(node)[0].state == "open"
    world.clock.moment += timedelta(minutes=2)
    assert requests.register(node)[0].state == "late"
    assert isinstance(give(world, quality(world), "AnswerRequest", request_id=row.request.id, outcome="granted", because="Sent by post."), Done)
    (answered,) = requests.register(node)
    assert (answered.state, answered.late) == ("granted", True), "an answer past the day stays told as late"
    assert tasks(world) == {}


def test_what_makes_no_sense_is_refused_with_every_reason(world: World) -> None:
    assert codes(give(world, patient(world), "MakeRequest", right="copy", words="x")) == ["consent.request.words"]
    ask(world, "copy")
    assert codes(give(world, patient(world), "MakeRequest", right="copy", words=f" {WORDS} ")) == ["consent.request.again"]
    ahead = (world.clock.moment + timedelta(days=1)).isoformat()
    given = {"right": "copy", "words": "no", "channel": "letter", "received_at": ahead, "made_by": "guardian"}
    assert codes(give(world, quality(world), "EnterRequest", **given)) == ["consent.request.words", "consent.request.future", "consent.giver.document_missing"]
    assert codes(give(world, quality(world), "AnswerRequest", request_id="nothing", outcome="refused", because="no")) == [
        "consent.request.unknown", "consent.request.words",
    ]  # fmt: skip
    assert codes(give(world, Actor("d", Role.PHYSICIAN, site(world), person="d"), "AnswerRequest", **REFUSED, request_id="x")) == ["access.command"]


def test_the_clock_runs_from_when_a_letter_came(world: World) -> None:
    came = world.clock.moment - timedelta(days=31)
    given = {"right": "copy", "words": WORDS, "channel": "letter", "received_at": came.isoformat()}
    assert isinstance(give(world, quality(world), "EnterRequest", **given), Done)
    assert requests.register(world.nodes["mo"])[0].state == "late"


def test_a_caregiver_asks_for_nothing_in_the_patients_name(world: World) -> None:
    actor = Actor("helper", Role.CAREGIVER, site(world), world.patient, person="p-helper")
    assert isinstance(give(world, actor, "MakeRequest", right="erasure", words="erase all of it please"), Refusal)
    assert requests_of(case(world)) == ()


def test_a_caregiver_reads_who_may_ask_and_has_no_form_that_always_refuses(world: World, client: Any) -> None:
    assert client("helper", f"/cases/{world.case_id}/requests").status_code == 403
    form = client("helper", f"/cases/{world.case_id}/do/MakeRequest?right=copy")
    assert 'name="words"' not in form.text and "who decides for the patient, asks for this" in form.text


def test_nothing_is_asked_in_the_name_of_who_died_and_a_relative_is_heard(world: World, client: Any) -> None:
    node, request = world.nodes["mo"], ask(world, "correction", "that day is wrong, it was later")
    day = node.now().astimezone(node.site.zone).date()
    with node.unit() as unit:
        unit.append(world.case_id, [ev.Died(died_on=day - timedelta(days=2), cause="disease")], node.system(), known=len(unit.events(world.case_id)))
    assert codes(give(world, patient(world), "MakeRequest", right="copy", words=WORDS)) == ["consent.request.died"]
    page = client("patient", f"/cases/{world.case_id}/requests")
    assert "do/MakeRequest" not in page.text
    entered = {"right": "copy", "words": WORDS, "channel": "letter"}
    assert codes(give(world, quality(world), "EnterRequest", **entered)) == ["consent.request.died"]
    before = (node.now() - timedelta(days=2)).isoformat()
    assert isinstance(give(world, quality(world), "EnterRequest", **entered, received_at=before), Done), "it came before"
    relative = {"made_by": "representative", "by_document": "proof of kinship, folder 12"}
    assert isinstance(give(world, quality(world), "EnterRequest", **{**entered, "words": "A copy of my mother's file."}, **relative), Done)
    assert isinstance(give(world, quality(world), "NameEntries", request_id=request, what=[platelets(world)]), Done)
    assert isinstance(give(world, quality(world), "AnswerRequest", request_id=request, **REFUSED), Done)


# --- restriction ----------------------------------------------------------------------------------------------------


def test_a_restriction_holds_with_its_answer_and_a_later_refusal_lifts_that_one_alone(world: World) -> None:
    node, request = world.nodes["mo"], ask(world, "restriction", "use it for my care alone")
    assert codes(give(world, quality(world), "AnswerRequest", request_id=request, **{**REFUSED, "outcome": "partly"})) == ["consent.request.no_part"]
    for _ in range(2):
        assert isinstance(give(world, quality(world), "AnswerRequest", request_id=request, outcome="granted", because="Used for care alone."), Done)
    with node.storage.reading() as connection:
        assert reads.is_restricted(connection, world.patient)
        assert len(erasure.marks(connection, world.patient)) == 1
    assert isinstance(give(world, quality(world), "AnswerRequest", request_id=request, **REFUSED), Done)
    with node.storage.reading() as connection:
        assert not reads.is_restricted(connection, world.patient)
    assert erasure.restrict(node, world.patient, "by letter", quality(world)) is True
    assert isinstance(give(world, quality(world), "AnswerRequest", request_id=request, **REFUSED), Done)
    with node.storage.reading() as connection:
        assert reads.is_restricted(connection, world.patient), "a restriction that another way brought is not lifted by a refusal"
    assert sound(world) == []


# --- correction -----------------------------------------------------------------------------------------------------


def test_a_correction_is_granted_once_the_entry_was_put_right_by_who_may(world: World) -> None:
    entry = next(item.event_id for item in world.nodes["mo"].events(world.case_id) if isinstance(item.event, ev.AuthorityNotified))
    request = ask(world, "correction", "that day is wrong, it was later")
    grant = {"request_id": request, "outcome": "granted", "because": "It was put right."}
    assert codes(give(world, quality(world), "AnswerRequest", **grant)) == ["consent.request.name_first"]
    assert codes(give(world, quality(world), "NameEntries", request_id=request, what=["another", "Observation/of-nobody"])) == ["consent.request.not_theirs"] * 2
    assert isinstance(give(world, quality(world), "NameEntries", request_id=request, what=[entry]), Done)
    assert set(tasks(world)) == {"request", "request_correct"}
    assert codes(give(world, quality(world), "AnswerRequest", **grant)) == ["consent.request.not_put_right"]
    author = next(item.actor for item in world.nodes["mo"].events(world.case_id) if item.event_id == entry)
    done = give(world, Actor(author, Role.COORDINATOR, site(world), person=author), "CorrectEntry", event_id=entry, action="void", reason="wrong-time", note="asked")
    assert isinstance(done, Done), done
    (said,) = [one for one in render(done.events[0], case(world), "") if one["resourceType"] == "Provenance" and one["id"].startswith(done.events[0].event_id)]
    assert "EntryCorrected.AuthorityNotified" in [tag["code"] for tag in said["meta"]["tag"]], "FHIR opens it to who reads such entries"
    assert set(tasks(world)) == {"request"}, "whoever corrects is asked no more, and the request stays open until it is answered"
    assert isinstance(give(world, quality(world), "AnswerRequest", **grant), Done)
    assert open_requests(case(world)) == ()


def test_who_is_refused_is_told_the_law_and_to_whom_to_turn(world: World) -> None:
    request = ask(world, "correction", "that is not my blood group")
    assert codes(give(world, quality(world), "AnswerRequest", request_id=request, outcome="refused", because="It was measured twice.")) == [
        "consent.request.no_basis", "consent.request.no_remedy",
    ]  # fmt: skip
    assert isinstance(give(world, quality(world), "AnswerRequest", request_id=request, **REFUSED), Done)
    assert case(world).last(ev.RequestAnswered).event.remedy == "DSPDP"


# --- erasure --------------------------------------------------------------------------------------------------------


def erasing(world: World, request: str, *what: str) -> dict[str, Any]:
    return {"request_id": request, "outcome": "granted", "because": "Erased as you asked.", "basis": "Law 8/2005 article 11", "what": list(what)}


def test_an_erasure_takes_a_second_person_and_the_log_stays_sound(world: World) -> None:
    request, name = ask(world, "erasure", "erase my platelet count"), platelets(world)
    asked = give(world, quality(world), "AnswerRequest", **erasing(world, request, name))
    assert world.nodes["mo"].facts(case(world)).values.get("platelets") is not None, "nothing goes before the second person agrees"
    assert isinstance(confirmed(world, asked, "anna"), Refusal), "the same person does not agree with herself"
    done = confirmed(world, asked)
    assert isinstance(done, Done), done
    answer = case(world).last(ev.RequestAnswered).event
    assert ([one.meaning for one in answer.signed_by], answer.what) == (["erased", "agreed_to_erase"], (name,))
    assert world.nodes["mo"].facts(case(world)).values.get("platelets") is None
    assert b'"value":142' not in (world.folder / "mo" / "node.sqlite").read_bytes()
    assert sound(world) == []
    assert codes(give(world, quality(world), "AnswerRequest", request_id=request, **REFUSED)) == ["consent.request.erased_already"]


def test_who_agrees_reads_what_is_erased_and_what_was_asked(world: World, client: Any) -> None:
    request = ask(world, "erasure", "erase my platelet count")
    asked = give(world, quality(world), "AnswerRequest", **erasing(world, request, platelets(world)))
    assert isinstance(asked, Done)
    waits = f"/cases/{world.case_id}/confirmations/{asked.events[0].event.confirmation_id}"  # type: ignore[union-attr]
    page = client("anna", waits).text
    assert "Nothing has happened yet" in page
    assert "erase my platelet count" in page and "142\u00a0×10⁹/L" in page.replace(" ×", "\u00a0×")
    register = client("anna", "/requests").text
    assert "erasure" in register and "試甲" in register, "the register says whose request it is"
    assert isinstance(confirmed(world, asked), Done)
    done = client("anna", waits).text
    assert "Entered by" in done and "Nothing has happened yet" not in done and "()" not in done


def test_a_hold_refuses_with_the_rules_name_when_it_is_asked_and_when_it_is_agreed(world: World) -> None:
    node, request, name = world.nodes["mo"], ask(world, "erasure", "erase my platelet count"), platelets(world)
    asked = give(world, quality(world), "AnswerRequest", **erasing(world, request, name))
    assert erasure.hold(node, world.patient, "a proceeding", quality(world)) is True
    assert codes(confirmed(world, asked)) == ["person.erase.legal_hold"]
    refused = give(world, quality(world), "AnswerRequest", **erasing(world, request, name))
    assert isinstance(refused, Refusal)
    assert (refused.reasons[0].code, refused.reasons[0].values["rule"]) == ("person.erase.legal_hold", "legal-hold")
    assert node.facts(case(world)).values.get("platelets") is not None
    assert [one.answer for one in requests_of(case(world))] == [None]


def test_nothing_of_another_person_and_nothing_unnamed_is_erased(world: World) -> None:
    request = ask(world, "erasure", "erase my platelet count")
    assert codes(give(world, quality(world), "AnswerRequest", **erasing(world, request))) == ["person.erase.nothing"]
    assert codes(give(world, quality(world), "AnswerRequest", **erasing(world, request, "Observation/of-somebody"))) == ["person.erase.not_theirs"]
    assert codes(give(world, quality(world), "AnswerRequest", request_id=request, **REFUSED, what=[platelets(world)])) == ["consent.request.nothing_erased"]


# --- what a request tells nobody else ------------------------------------------------------------------------------


def test_a_request_makes_no_site_treat_the_patient(world: World) -> None:
    assert {ev.RequestMade.__name__, ev.EntriesNamed.__name__, ev.RequestAnswered.__name__} <= set(reads._OF_MACHINES)


# --- pages ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(world: World) -> Iterator[Any]:
    from starlette.testclient import TestClient

    node = world.nodes["mo"]
    quality(world)
    with node.storage.writing() as connection:
        accounts.add_account(
            connection, account="patient", name="P", role=Role.PATIENT, organisation=site(world), password="-", patient_id=world.patient, person_id="p-patient"
        )
        accounts.add_account(
            connection, account="helper", name="H", role=Role.CAREGIVER, organisation=site(world), password="-", patient_id=world.patient, person_id="p-helper"
        )
        tokens = {name: accounts.open_session(connection, name, node.now()).token for name in ("anna", "patient", "helper")}
    let_in = ev.CaregiverAllowed(person_id="p-helper", capacity="caregiver", shows=("results",), valid_until=None)
    with node.unit() as unit:
        unit.append(world.case_id, [let_in], node.system(), known=len(unit.events(world.case_id)))

    with TestClient(application(node, workers=False), follow_redirects=False) as made:
        yield lambda who, address, language="en": made.get(
            address, headers={"authorization": f"Bearer {tokens[who]}", "accept": "text/html", "accept-language": language}
        )


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant", "pt"])
def test_pages_show_the_request_to_both_sides(world: World, client: Any, language: str) -> None:
    request = ask(world, "correction", "that day is wrong, it was later")
    ask(world, "erasure", "<b>erase</b> my platelet count")
    for who in ("anna", "patient"):
        page = client(who, f"/cases/{world.case_id}/requests", language)
        assert page.status_code == 200, page.text[:400]
        assert "that day is wrong" in page.text and "&lt;b&gt;erase" in page.text and "<b>erase" not in page.text
        form = client(who, f"/cases/{world.case_id}/do/MakeRequest?right=copy", language)
        assert form.status_code == (200 if who == "patient" else 403)
    register = client("anna", "/requests", language)
    assert register.status_code == 200 and f"#r-{request}" in register.text
    form = client("anna", f"/cases/{world.case_id}/do/NameEntries?request_id={request}&what=a&what=b", language)
    assert "a\nb" in form.text
    assert client("patient", "/requests").status_code == 403


def test_the_copy_is_one_file_for_the_person_and_the_privacy_role(world: World, client: Any) -> None:
    for who in ("anna", "patient"):
        answer = client(who, f"/cases/{world.case_id}/copy.zip")
        assert answer.headers["content-type"] == "application/zip"
        names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert {"record.json", "events.json", "decisions.json", "who-looked.json", "copy.html"} <= set(names)
    with world.nodes["mo"].storage.reading() as connection:
        looked = [one.what for one in reads.looked(connection, world.patient, world.case_id)]
    assert looked.count("case.copy") == 2
