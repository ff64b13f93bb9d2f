"""What a patient writes is answered by a person; a sign to watch for tells the patient to call and is a red task until somebody answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from acceptance.support import World
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.followup.letters import letters_of
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import PatientWrote
from baybridge.node.clock import new_id
from baybridge.node.commands.done import Done
from baybridge.node.handle import handle
from baybridge.node.people import accounts
from baybridge.node.upkeep.projections import task_rows


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World.new(tmp_path)
    world.file("mo", world.bundle())
    world.consent()
    return world


def give(world: World, name: str, role: Role = Role.PATIENT, patient: str | None = None, **given: object) -> Done | Refusal:
    node = world.nodes["mo"]
    own = patient or world.case("mo").patient_id
    actor = Actor("p", role, node.site.organisation, patient_id=own if role is Role.PATIENT else None, person="p")
    return handle(node, Command(name, world.case_id, given, actor, new_id(world.clock)))


def codes(answer: Done | Refusal) -> list[str]:
    assert isinstance(answer, Refusal)
    return [reason.code for reason in answer.reasons]


def tasks(world: World) -> dict[str, tuple[str, str]]:
    return {str(row["step"]): (str(row["role"]), str(row["level"])) for row in task_rows(world.nodes["mo"], world.case_id) if str(row["step"]).startswith("letter")}


def page(world: World, role: Role, path: str = "") -> str:
    node, name = world.nodes["mo"], new_id(world.clock)
    patient = world.case("mo").patient_id if role is Role.PATIENT else None
    with node.storage.writing() as connection:
        accounts.add_account(connection, account=name, name=name, role=role, organisation=node.site.organisation, password="", password_hash="-", patient_id=patient)
        token = accounts.open_session(connection, name, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:
        return client.get(f"/cases/{world.case_id}{path}?language=en", headers={"authorization": f"Bearer {token}"}).text


def letter(answer: Done | Refusal) -> PatientWrote:
    assert isinstance(answer, Done) and isinstance(answer.events[0].event, PatientWrote)
    return answer.events[0].event


def test_a_question_is_a_task_until_it_is_answered_and_the_patient_reads_the_answer(world: World) -> None:
    wrote = letter(give(world, "WriteToTeam", text="  May I eat before the test?  "))
    assert (wrote.text, wrote.watched) == ("May I eat before the test?", ())
    assert tasks(world) == {"letter": ("coordinator", "amber")}
    assert "May I eat before the test?" in page(world, Role.COORDINATOR)
    assert isinstance(give(world, "AnswerPatient", Role.COORDINATOR, letter_id=wrote.letter_id, answer="Yes, a light meal."), Done)
    assert tasks(world) == {}
    shown = page(world, Role.PATIENT)
    assert "Yes, a light meal." in shown and "Call now." not in shown
    assert codes(give(world, "AnswerPatient", Role.NURSE, letter_id=wrote.letter_id, answer="again")) == ["followup.letter.none_open"]


def test_a_sign_to_watch_for_says_whom_to_call_and_is_a_red_task_of_the_nurse(world: World) -> None:
    wrote = letter(give(world, "WriteToTeam", watched=["fever", "fever"]))
    assert wrote.watched == ("fever",)
    assert tasks(world) == {"letter_signs": ("nurse", "red")}
    shown = page(world, Role.PATIENT)
    assert "Fever: 38 °C or more. Call now." in shown and 'role="alert"' in shown
    said = {"letter_id": wrote.letter_id, "answer": "Called; the patient comes in.", "dealing": "sent_to_hospital"}
    assert isinstance(give(world, "AnswerPatient", Role.NURSE, **said), Done)
    shown = page(world, Role.PATIENT)
    assert "Call now." not in shown and "Sent to hospital" in shown and tasks(world) == {}


def test_a_sign_is_not_ended_by_a_word_nor_by_who_cannot_judge_it(world: World) -> None:
    wrote = letter(give(world, "WriteToTeam", watched=["fever"], text="I am hot"))
    said = {"letter_id": wrote.letter_id, "answer": "ok"}
    assert codes(give(world, "AnswerPatient", Role.NURSE, **said)) == ["followup.letter.not_dealt"]
    assert codes(give(world, "AnswerPatient", Role.NURSE, **said, dealing="ok")) == ["command.not_in_set"]
    assert codes(give(world, "AnswerPatient", Role.COORDINATOR, **said, dealing="no_danger")) == ["followup.letter.sign_clinical"]
    assert codes(give(world, "AnswerPatient", Role.COORDINATOR, **said)) == ["followup.letter.sign_clinical", "followup.letter.not_dealt"]
    assert tasks(world) == {"letter_signs": ("nurse", "red")} and "Call now." in page(world, Role.PATIENT)
    form = page(world, Role.NURSE, "/do/AnswerPatient")
    assert "Spoke with the patient: no danger found" in form
    assert isinstance(give(world, "AnswerPatient", Role.PHYSICIAN, **said, dealing="no_danger"), Done)
    assert tasks(world) == {}


def test_an_empty_letter_an_unknown_sign_and_another_persons_letter_are_refused(world: World) -> None:
    assert codes(give(world, "WriteToTeam", text="   ")) == ["followup.letter.empty"]
    assert codes(give(world, "WriteToTeam", watched=["headache"])) == ["command.not_in_set"]
    assert codes(give(world, "WriteToTeam", patient="somebody-else", text="hello")) == ["access.relation"]
    assert codes(give(world, "WriteToTeam", Role.NURSE, text="hello")) == ["access.command"]
    assert letters_of(world.case("mo")) == ()


def test_a_letter_stays_at_the_hospital_to_which_it_was_written(world: World) -> None:
    give(world, "WriteToTeam", text="a private line")
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    world.deliver("mo")
    assert letters_of(world.case("hk")) == () and letters_of(world.case("mo"))


def test_a_letter_is_written_in_lines_and_read_in_lines(world: World) -> None:
    assert '<textarea id="f-text"' in page(world, Role.PATIENT, "/do/WriteToTeam")
    letter(give(world, "WriteToTeam", text="first line\nsecond line"))
    assert "first line\nsecond line" in page(world, Role.PATIENT)
