"""Whose record came in, at a node: what waits, what a confirmation brings, what an undone link takes away and whom it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from acceptance.support import Refused, World, read_resource
from baybridge.journey.command import Role
from baybridge.journey.events import (
    CorrectionReceived,
    DecisionReopened,
    IdentityLinked,
    IdentityQuestioned,
    IdentityUndone,
    RecordsImported,
    RepeatRequested,
    ResultRecognised,
)
from baybridge.journey.identities import identities_of
from baybridge.node import tables
from baybridge.node.upkeep.projections import task_rows

MO = "urn:mo:bir"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path)
    made.file("mo", made.bundle())
    return made


def person(patient_id: str, **changes: Any) -> dict[str, Any]:
    """What another desk writes of the world's patient: simplified script, no document."""
    plain = {"resourceType": "Patient", "id": patient_id, "name": [{"text": "试甲"}], "gender": "female", "birthDate": "1966-05-03"}
    return {**plain, **changes}


def result(patient_id: str, name: str = "lab-creat", value: float = 64) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": f"Patient/{patient_id}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "effectiveDateTime": "2026-03-01T20:00:00+08:00", "issued": "2026-03-01T21:00:00+08:00",
        "valueQuantity": {"value": value, "unit": "umol/L", "system": "http://unitsofmeasure.org", "code": "umol/L"},
        "performer": [{"type": "Organization", "display": "Synthetic Macao Hospital"}],
    }  # fmt: skip


def question(world: World, node: str = "mo") -> str:
    return identities_of(world.case(node))[-1].question


def creatinine(world: World) -> Any:
    return world.nodes["mo"].facts(world.case("mo")).values["creatinine"]


def test_a_stranger_opens_a_case(world: World) -> None:
    answer = world.file("mo", [person("other", name=[{"text": "李小明"}], birthDate="1980-01-01")])
    assert (len(answer.opened), answer.waiting) == (1, ())
    assert identities_of(world.case("mo")) == ()


def test_who_may_be_known_waits_for_a_person_and_opens_no_case(world: World) -> None:
    answer = world.file("mo", [person("other"), result("other")])
    assert (dict(answer.cases), answer.opened, answer.waiting) == ({}, (), ("other",))
    (asked,) = world.events("mo", IdentityQuestioned)
    assert (asked.verdict, asked.reasons) == ("unsure", ("name.same", "birth.same", "sex.same"))
    assert creatinine(world) == 78  # nothing of the other record counts yet
    assert "identity" in {task["step"] for task in task_rows(world.nodes["mo"], world.case_id)}


def test_the_same_file_again_asks_nothing_more(world: World) -> None:
    for _ in range(2):
        assert world.file("mo", [person("other"), result("other")]).waiting == ("other",)
    assert len(world.events("mo", IdentityQuestioned)) == 1


def test_documented_identity_links_by_itself(world: World) -> None:
    answer = world.file("mo", [person("other", identifier=[{"system": MO, "value": "9000001(0)"}]), result("other")])
    assert (dict(answer.cases), answer.opened, answer.waiting) == ({"other": world.case_id}, (), ())
    (linked,) = world.events("mo", IdentityLinked)
    assert (linked.basis, linked.seen) == ("documented", "")
    assert creatinine(world) == 64


@pytest.mark.parametrize("documents", [{}, {"identifier": [{"system": MO, "value": "9000001(0)"}]}], ids=["by name", "by document"])
def test_a_third_record_is_asked_about_once_where_two_are_one_case_already(world: World, documents: dict[str, Any]) -> None:
    world.file("mo", [person("other", identifier=[{"system": MO, "value": "9000001(0)"}])])
    answer = world.file("mo", [person("third", **documents), result("third")])
    assert (answer.opened, len(world.events("mo", IdentityQuestioned))) == ((), 2)
    assert answer.waiting == ("third",) or dict(answer.cases) == {"third": world.case_id}


def test_a_twin_with_the_documents_of_the_other_is_never_linked_by_itself(world: World) -> None:
    twin = person("twin", name=[{"text": "试乙"}], identifier=[{"system": MO, "value": "9000001(0)"}])
    assert world.file("mo", [twin]).waiting == ("twin",)


def test_a_confirmed_record_counts_and_its_file_is_told(world: World) -> None:
    world.file("mo", [person("other"), result("other")])
    world.do("mo", Role.COORDINATOR, "ConfirmIdentity", question=question(world), seen="identity_document")
    assert creatinine(world) == 64
    assert len(world.events("mo", RecordsImported)) == 2
    world.do("mo", Role.PHYSICIAN, "RecogniseResults", purpose="LD_FITNESS")
    assert "lab-creat" in {event.result_id for event in world.events("mo", ResultRecognised)}
    assert world.file("mo", [result("other", "lab-creat-2", 61)]).cases == {"other": world.case_id}
    assert read_resource(world.nodes["mo"], f"Linkage/linkage-{question(world)}")["active"] is True


def test_a_refused_record_gets_a_case_of_its_own(world: World) -> None:
    world.file("mo", [person("other"), result("other")])
    world.do("mo", Role.PHYSICIAN, "RefuseIdentity", question=question(world), because="asked the laboratory")
    with world.nodes["mo"].storage.reading() as connection:
        cases = connection.execute(select(tables.case_index.c.case_id).where(tables.case_index.c.patient_id == "other")).scalars().all()
    assert len(cases) == 1
    told = [item.event for item in world.nodes["mo"].events(cases[0]) if isinstance(item.event, RecordsImported)]
    assert len(told) == 1
    assert world.file("mo", [result("other", "lab-2")]).cases == {"other": cases[0]}
    assert creatinine(world) == 78


def test_an_undone_link_takes_back_what_rested_on_it_and_tells_the_other_node(world: World) -> None:
    world.file("mo", [person("other"), result("other")])
    world.do("mo", Role.COORDINATOR, "ConfirmIdentity", question=question(world), seen="asked_laboratory")
    world.do("mo", Role.PHYSICIAN, "RecogniseResults", purpose="LD_FITNESS")
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    world.consent()
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    world.deliver("mo")
    assert read_resource(world.nodes["hk"], "Observation/lab-creat")["subject"] == {"reference": f"Patient/{world.patient}"}
    assert world.nodes["hk"].facts(world.case("hk")).values["creatinine"] == 64

    world.do("mo", Role.QUALITY, "UndoIdentity", question=question(world), because="the laboratory mixed up two people")
    (undone,) = world.events("mo", IdentityUndone)
    assert undone.because == "the laboratory mixed up two people"
    assert creatinine(world) == 78
    last = [event for event in world.events("mo", RepeatRequested) if event.result_id == "lab-creat"][-1]
    assert "MR-001" in last.codes
    assert "lab-creat" not in {entry.event.result_id for entry in world.case("mo").recognised}
    assert any(event.because.startswith("identity ") for event in world.events("mo", DecisionReopened))
    assert read_resource(world.nodes["mo"], "Observation/lab-creat")["status"] == "final"  # it is somebody's result, only not this patient's
    world.deliver("mo")
    assert [event.resource for event in world.events("hk", CorrectionReceived)] == ["Observation/lab-creat"]
    assert read_resource(world.nodes["hk"], "Observation/lab-creat")["status"] == "entered-in-error"
    assert world.nodes["hk"].facts(world.case("hk")).values["creatinine"] == 78


def test_a_package_asks_whether_its_patient_is_known_here(world: World) -> None:
    case_of_hong_kong = world.case_id
    world.case_id = ""
    world.file("hk", [person("known", identifier=[{"system": MO, "value": "90000010"}]), result("known", "hk-creat", 70)])
    world.case_id = case_of_hong_kong
    world.consent()
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    world.deliver("mo")
    (identity,) = identities_of(world.case("hk"))
    assert (identity.other, identity.state, identity.answers[0].event.basis) == ("known", "linked", "documented")
    assert world.nodes["hk"].facts(world.case("hk")).values["creatinine"] == 70


def test_each_refusal_names_every_reason(world: World) -> None:
    world.file("mo", [person("other", birthDate="1966-03-05")])
    with pytest.raises(Refused) as wrong_role:
        world.do("mo", Role.NURSE, "ConfirmIdentity", question=question(world), seen="passport")
    assert wrong_role.value.codes == ["access.command"]
    with pytest.raises(Refused) as unexplained:
        world.do("mo", Role.COORDINATOR, "ConfirmIdentity", question=question(world), seen="passport")
    assert unexplained.value.codes == ["recognition.identity.note_needed"]
    with pytest.raises(Refused) as silent:
        world.do("mo", Role.COORDINATOR, "UndoIdentity", question="none", because=" ")
    assert silent.value.codes == ["recognition.identity.none_linked"] or set(silent.value.codes) == {
        "recognition.identity.unknown", "recognition.identity.because_needed",
    }  # fmt: skip
    world.do("mo", Role.COORDINATOR, "ConfirmIdentity", question=question(world), seen="passport", note="the laboratory swapped day and month")
    with pytest.raises(Refused) as again:
        world.do("mo", Role.COORDINATOR, "ConfirmIdentity", question=question(world), seen="passport", note="again")
    assert again.value.codes == ["recognition.identity.linked_already"]
    with pytest.raises(Refused) as linked:
        world.do("mo", Role.COORDINATOR, "RefuseIdentity", question=question(world), because=" ")
    assert set(linked.value.codes) == {"recognition.identity.undo_first", "recognition.identity.because_needed"}


def test_people_filed_before_there_was_an_index_are_found(world: World) -> None:
    with world.nodes["mo"].storage.writing() as connection:
        connection.execute(tables.identity_key.delete())
    assert world.file("mo", [person("other")]).waiting == ("other",)


def test_people_of_an_index_that_was_made_otherwise_are_found(world: World) -> None:
    """An index of before names were compared as they are now: its mark alone stays, and every person is brought up to date."""
    key = tables.identity_key
    with world.nodes["mo"].storage.writing() as connection:
        people = connection.execute(select(key.c.patient).distinct()).scalars().all()
        connection.execute(key.delete())
        connection.execute(key.insert(), [{"key": "indexed:", "patient": one} for one in people])
    assert world.file("mo", [person("other")]).waiting == ("other",)


# --- one number, two people -----------------------------------------------------------------------------------------


def test_a_patient_whose_name_and_birth_date_both_change_is_never_overwritten(world: World) -> None:
    """The other person is filed apart and asked about; the results of the file go with the other person."""
    before = read_resource(world.nodes["mo"], f"Patient/{world.patient}")
    other = person(world.patient, name=[{"text": "李小明"}], birthDate="1988-05-05", identifier=before["identifier"])
    answer = world.file("mo", [other, result(world.patient)])
    (waiting,) = answer.waiting
    kept = read_resource(world.nodes["mo"], f"Patient/{world.patient}")
    assert (kept["name"], kept["birthDate"]) == (before["name"], before["birthDate"])
    assert waiting != world.patient
    assert creatinine(world) == 78
    (asked,) = world.events("mo", IdentityQuestioned)
    assert {"name.different", "birth.different"} <= set(asked.reasons)


@pytest.mark.parametrize("changes", [{"name": [{"text": "李小明"}]}, {"birthDate": "1966-05-04"}])
def test_a_name_or_a_birth_date_alone_may_be_put_right(world: World, changes: dict[str, Any]) -> None:
    before = read_resource(world.nodes["mo"], f"Patient/{world.patient}")
    world.file("mo", [{**before, **changes}])
    assert read_resource(world.nodes["mo"], f"Patient/{world.patient}") | changes == read_resource(world.nodes["mo"], f"Patient/{world.patient}")
