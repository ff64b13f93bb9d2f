"""Findings that come in and may hide a sign: what cannot be used, and what is dated long past, ask somebody to look; nothing of it is silent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey import look_now
from baybridge.journey.asked_findings import to_look
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import Discharged, FindingAsked
from baybridge.node.case_state import case_state
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.intake.importing import import_upload
from baybridge.node.upkeep.projections import open_tasks
from watch_world import CASE, PATIENT, Ward


def asked(ward: Ward) -> list[tuple[str, str]]:
    return [(entry.event.fact, entry.event.why) for entry in to_look(ward.case, ward.node.site.node)]


def tasks(ward: Ward) -> set[str]:
    with ward.node.storage.reading() as connection:
        return {task.key for task in open_tasks(ward.node, connection, ward.case, ward.now)}


def file(ward: Ward, fact: str, logical_id: str, **changes: Any) -> None:
    """An observation as changed, in a file."""
    done = import_upload(ward.node, ward.node.system(), f"{logical_id}.json", orjson.dumps(observation(ward, fact, logical_id, **changes), default=float))
    assert not isinstance(done, Refusal), done


def observation(ward: Ward, fact: str, logical_id: str, **changes: Any) -> dict[str, Any]:
    ward.now += timedelta(seconds=1)
    system, code = ward.node.dictionary[fact].codes[0]
    unit = ward.node.dictionary[fact].unit or "1"
    quantity = {"value": Decimal(97), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    resource = {
        "resourceType": "Observation", "id": logical_id, "status": "final", "code": {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": ward.now.isoformat(), "valueQuantity": quantity, **changes,
    }  # fmt: skip
    return {name: value for name, value in resource.items() if value is not None}


def quantity(value: str, unit: str) -> dict[str, Any]:
    return {"value": Decimal(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


UNUSABLE: list[tuple[str, dict[str, Any]]] = [
    ("temperature", {"valueQuantity": quantity("98.6", "Cel")}),
    ("oxygen_saturation", {"valueQuantity": quantity("900", "%")}),
    ("heart_rate", {"valueQuantity": quantity("-3", "/min")}),
    ("oxygen_saturation", {"valueQuantity": {"value": 86}}),
    ("oxygen_saturation", {"valueQuantity": quantity("86", "mm[Hg]")}),
    ("oxygen_saturation", {"valueQuantity": None, "valueString": "86 %"}),
    ("oxygen_saturation", {"valueQuantity": quantity("86", "%"), "status": "unknown"}),
    ("oxygen_saturation", {"valueQuantity": {**quantity("95", "%"), "comparator": "<"}}),
    ("oxygen_device", {"valueQuantity": None, "valueCodeableConcept": {"coding": [{"system": "urn:x", "code": "helmet"}]}}),
    ("oxygen_saturation", {"valueQuantity": quantity("79", "%"), "code": {"text": "SpO2"}}),
    ("oxygen_saturation", {"valueQuantity": quantity("79", "%"), "code": {"coding": [{"system": "http://snomed.info/sct", "code": "431314004"}]}}),
    *(
        ("oxygen_saturation", {"valueQuantity": quantity("79", "%"), "code": {"coding": [{**system, "code": "59408-5"}]}})
        for system in ({}, {"system": "http://loinc.org/"}, {"system": "LOINC"}, {"system": "urn:oid:2.16.840.1.113883.6.1"})
    ),
    ("oxygen_saturation", {"valueQuantity": quantity("79", "%"), "code": {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": "150456"}]}}),
    ("ice_score", {"valueQuantity": quantity("2", "1"), "code": {"coding": [{"system": "urn:elsewhere", "code": "ice-score"}]}}),
    ("heart_rate", {"valueQuantity": quantity("190", "/min"), "code": {"coding": [{"system": "urn:ward", "code": "7", "display": "Pulse rate"}]}}),
    ("oxygen_saturation", {"valueQuantity": None, "dataAbsentReason": {"text": "probe"}, "interpretation": [{"coding": [{"code": "LL"}]}]}),
]


@pytest.mark.parametrize(("fact", "changes"), UNUSABLE)
def test_a_value_that_cannot_be_used_asks_somebody_to_look(fact: str, changes: dict[str, Any], tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file(ward, fact, "o1", **changes)
    ward.round()
    assert asked(ward) == [(fact, "unusable")]
    assert f"finding_unusable:{fact}" in tasks(ward)
    ward.wait(hours=1)
    assert ward.calls == ()  # asks, and calls nobody by itself


def test_it_is_asked_once_for_each_finding_until_a_value_that_can_be_used_comes(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    for number in range(3):
        file(ward, "temperature", f"o{number}", valueQuantity=quantity("98.6", "Cel"))
        ward.round()
    assert [type(item.event).__name__ for item in ward.events].count("FindingAsked") == 1
    ward.observe("temperature", 37)
    ward.round()
    assert asked(ward) == []
    assert "finding_unusable:temperature" not in tasks(ward)
    file(ward, "temperature", "later", valueQuantity=quantity("102.2", "Cel"))
    ward.round()
    assert asked(ward) == [("temperature", "unusable")]


def test_an_assessment_that_states_the_finding_answers_and_another_does_not(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file(ward, "oxygen_saturation", "o1", valueQuantity=quantity("900", "%"))
    ward.round()
    ward.assess(blank=("oxygen_saturation",))
    assert asked(ward) == [("oxygen_saturation", "unusable")]
    ward.assess()
    assert asked(ward) == []
    ward.wait(hours=1)
    assert asked(ward) == []  # what was answered is not asked again


def test_the_correction_of_the_value_answers(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file(ward, "oxygen_saturation", "o1", valueQuantity=quantity("900", "%"))
    ward.round()
    file(ward, "oxygen_saturation", "o1", valueQuantity=quantity("900", "%"), status="entered-in-error")
    ward.round()
    assert asked(ward) == []


def test_a_value_of_a_laboratory_or_of_long_ago_asks_nobody(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file(ward, "hemoglobin", "o1", valueQuantity=quantity("13000", "g/L"))
    file(ward, "temperature", "o2", valueQuantity=quantity("98.6", "Cel"), effectiveDateTime=(ward.now - timedelta(days=3)).isoformat())
    ward.round()
    assert asked(ward) == []


@pytest.mark.parametrize("ago", [timedelta(hours=25), timedelta(days=31), timedelta(days=365)], ids=["a day", "a month", "a year"])
def test_a_sign_with_a_date_long_past_asks_and_calls_where_nobody_looks(ago: timedelta, tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.observe("oxygen_saturation", 84, ago=ago)
    ward.round()
    assert asked(ward) == [("oxygen_saturation", "old")]
    assert "finding_old:oxygen_saturation" in tasks(ward)
    assert ward.calls == ()
    ward.wait(minutes=16)
    assert [call.codes for call in ward.calls] == [(look_now.LATE,)]


def test_a_sign_with_a_date_long_past_calls_nobody_where_somebody_looked(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.observe("oxygen_saturation", 84, ago=timedelta(days=365))
    ward.round()
    ward.assess()
    ward.wait(minutes=30)
    assert (ward.calls, asked(ward)) == ((), [])


def test_a_well_history_asks_nobody_and_a_series_of_signs_asks_once(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.observe("oxygen_saturation", 97, ago=timedelta(days=40))
    ward.round()
    assert asked(ward) == []
    for hours in range(30, 40):
        ward.observe("oxygen_saturation", 84, ago=timedelta(hours=hours))
    ward.round()
    assert asked(ward) == [("oxygen_saturation", "old")]
    assert [type(item.event).__name__ for item in ward.events].count("FindingAsked") == 1


def test_a_history_for_which_the_team_was_called_asks_nobody(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.observe("oxygen_saturation", 84, logical_id="first")
    ward.round()
    seen_at = ward.now
    ward.give("ArriveRapidResponse", arrived_at=(ward.now + timedelta(seconds=1)).isoformat())
    ward.wait(hours=30)
    file(ward, "oxygen_saturation", "first", valueQuantity=quantity("85", "%"), effectiveDateTime=seen_at.isoformat(), status="corrected")
    ward.round()
    assert asked(ward) == []


def test_what_a_door_refuses_because_it_cannot_be_asks_too(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    monitor = Actor("monitor", Role.NURSE, ward.node.site.organisation)
    for number in range(2):
        sent = observation(ward, "oxygen_saturation", f"o{number}", valueQuantity=quantity("900", "%"))
        assert isinstance(write(ward.node, monitor, [Interaction("PUT", "Observation", f"o{number}", sent)]), Refusal)
        ward.round()
    assert asked(ward) == [("oxygen_saturation", "unusable")]
    ward.observe("heart_rate", 80)
    ward.round()
    assert asked(ward) == [("oxygen_saturation", "unusable")]
    ward.observe("oxygen_saturation", 97)
    ward.round()
    assert asked(ward) == []


@pytest.mark.parametrize(("comparator", "limit", "calls"), [("<", "88", True), ("<=", "89", True), ("<", "95", False), (">", "85", False), (">=", "94", False)])
def test_a_saturation_reported_within_limits_calls_where_every_value_in_them_is_a_sign(comparator: str, limit: str, calls: bool, tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file(ward, "oxygen_saturation", "o1", valueQuantity={**quantity(limit, "%"), "comparator": comparator})
    ward.round()
    assert [call.codes for call in ward.calls] == ([("RR-SATURATION",)] if calls else [])
    assert asked(ward) == [("oxygen_saturation", "unusable")]


def test_a_temperature_above_what_a_monitor_shows_is_a_fever(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess(blank=("temperature",), hypotension="vasopressor")
    file(ward, "temperature", "o1", valueQuantity={**quantity("41", "Cel"), "comparator": ">"})
    ward.round()
    assert {"RR-CRS"} <= {code for call in ward.calls for code in call.codes}


@pytest.mark.parametrize("taken", ["2036-03-08T09:00:00+08:00", "1800-01-01T09:00:00+08:00", "1950-01-01T09:00:00+08:00", None], ids=["ahead", "1800", "unborn", "none"])
def test_a_sign_of_a_time_that_cannot_be_calls_as_one_of_now(taken: str | None, tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file(ward, "oxygen_saturation", "o1", valueQuantity=quantity("84", "%"), effectiveDateTime=taken)
    ward.round()
    assert [call.codes for call in ward.calls] == [("RR-SATURATION",)]


# --- newer than the grade, and what somebody enters of a day long past -----------------------------------------------------------


def steps_of_discharge(ward: Ward) -> list[str]:
    """Why the patient does not leave now."""
    day = ward.now.astimezone(ward.node.site.zone).date()
    until = (day + timedelta(days=60)).isoformat()
    given = {"discharged_on": day.isoformat(), "stay_near_until": until, "no_driving_until": until, "caregiver": True, "emergency_card": True, "unusual": True}
    answer = ward.give("Discharge", Role.PHYSICIAN, **given)
    return [reason.code for reason in answer.reasons] if isinstance(answer, Refusal) else []


@pytest.mark.parametrize(
    ("fact", "value"),
    [("temperature", 40), ("ice_score", 6), ("arousal", "voice")],
)
def test_a_finding_that_is_newer_than_the_grade_and_may_raise_it_asks_for_an_assessment(fact: str, value: Any, tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess()
    ward.wait(minutes=30)
    ward.observe(fact, value)
    ward.round()
    assert asked(ward) == [(fact, "raises")]
    assert f"finding_raises:{fact}" in tasks(ward)
    assert "gate.discharge.newer_than_grade" in steps_of_discharge(ward)
    ward.assess(**{fact: value})
    assert asked(ward) == []
    ward.observe(fact, value)
    ward.round()
    assert asked(ward) == []  # the grade counts it


def test_a_flow_of_oxygen_that_is_newer_than_no_device_opens_the_grade_and_calls_where_nobody_looks(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess(temperature=38.4)
    ward.wait(minutes=30)
    ward.observe("oxygen_flow", 5)
    ward.round()
    assert asked(ward) == [("oxygen_flow", "raises")]
    with ward.node.storage.reading() as connection:
        assert ward.node.fact_set(connection, ward.case, ward.now).facts["oxygen_device"].status == "stale"
    ward.wait(minutes=16)
    assert [call.codes for call in ward.calls] == [(look_now.LATE,)]


def test_a_well_finding_and_a_fever_that_the_grade_counts_ask_nobody(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess(temperature=38.8)
    ward.wait(minutes=5)
    for fact, value in {"temperature": 39, "oxygen_flow": 0, "heart_rate": 90, "oxygen_saturation": 95}.items():
        ward.observe(fact, value)
        ward.round()
    assert asked(ward) == []


@pytest.mark.parametrize("ago", [timedelta(hours=24, minutes=3), timedelta(hours=25)])
def test_an_assessment_with_a_sign_dated_yesterday_asks_and_calls_where_nobody_looks(ago: timedelta, tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess(ago=ago, vasopressors=2, hypotension="vasopressor", oxygen_device="intubated", oxygen_reason=None, temperature=39.2)
    assert {why for _, why in asked(ward)} == {"old"}
    ward.give("Assess", findings={"temperature": 36.9}, another=True, assessed_at=ward.now.isoformat())
    assert {why for _, why in asked(ward)} == {"old"}
    ward.wait(minutes=16)
    assert [call.codes for call in ward.calls] == [(look_now.LATE,)]


def test_an_assessment_without_a_sign_dated_yesterday_is_asked_about_once(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    given = {"findings": {"temperature": 37.0}, "assessed_at": (ward.now - timedelta(hours=30)).isoformat()}
    refused = ward.give("Assess", **given)
    assert isinstance(refused, Refusal)
    assert [reason.code for reason in refused.reasons] == ["bedside.assess.long_ago"]
    assert not isinstance(ward.give("Assess", **given, unusual=True), Refusal)


def test_a_preliminary_finding_of_the_bedside_calls(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file(ward, "oxygen_saturation", "o1", valueQuantity=quantity("79", "%"), status="preliminary")
    ward.round()
    assert [call.codes for call in ward.calls] == [("RR-SATURATION",)]
    assert asked(ward) == []


@pytest.mark.parametrize("changes", [{"valueQuantity": None, "valueString": "79 %"}, {"valueQuantity": None, "valueInteger": 79}], ids=["words", "without unit"])
def test_a_value_of_before_does_not_stand_in_for_a_newer_one_that_cannot_be_used(changes: dict[str, Any], tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.observe("oxygen_saturation", 97)
    ward.wait(minutes=5)
    file(ward, "oxygen_saturation", "o1", **changes)
    ward.round()
    assert asked(ward) == [("oxygen_saturation", "unusable")]
    assert "gate.discharge.finding_open" in steps_of_discharge(ward)
    with ward.node.storage.reading() as connection:
        facts = ward.node.fact_set(connection, ward.case, ward.now)
    assert "oxygen_saturation" not in facts.values
    assert facts.facts["oxygen_saturation"].value is None


def test_an_assessment_of_before_answers_nothing(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file(ward, "oxygen_saturation", "o1", valueQuantity=quantity("900", "%"))
    ward.round()
    ward.assess(ago=timedelta(hours=3))
    assert asked(ward) == [("oxygen_saturation", "unusable")]


# --- of patients who went home, of a day without its time, unusual by itself ------------------------------------------------------


def home(ward: Ward) -> None:
    """The patient goes home after a round."""
    ward.assess(systolic_pressure=120)
    assert steps_of_discharge(ward) == []


@pytest.mark.parametrize(("fact", "changes"), UNUSABLE)
def test_of_a_patient_who_went_home_the_same_is_asked(fact: str, changes: dict[str, Any], tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    home(ward)
    file(ward, fact, "o1", **changes)
    ward.round()
    assert asked(ward) == [(fact, "unusable")]
    assert f"finding_unusable:{fact}" in tasks(ward)


def test_discharge_ends_what_was_asked_before_it(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file(ward, "oxygen_saturation", "o1", valueQuantity=quantity("900", "%"))
    ward.round()
    day = ward.now.astimezone(ward.node.site.zone).date()
    with ward.node.unit() as unit:
        left = Discharged(discharged_on=day, stay_near_until=day, caregiver=True, emergency_card=True)
        unit.append(CASE, [left], Actor("somebody", Role.PHYSICIAN, ward.node.site.organisation), known=len(unit.events(CASE)))
    assert asked(ward) == []


def test_a_grade_that_may_be_3_of_a_patient_who_went_home_asks_for_a_look(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    home(ward)
    ward.now += timedelta(hours=13)
    ward.assess(temperature=38.6, blank=("oxygen_device", "oxygen_reason"))
    assert "look_now" in tasks(ward)


def day_of(ward: Ward, ago: int) -> str:
    return (ward.now.astimezone(ward.node.site.zone).date() - timedelta(days=ago)).isoformat()


@pytest.mark.parametrize("ago", [0, 1])
def test_a_sign_that_names_its_day_alone_may_be_later_than_the_last_look_and_calls(ago: int, tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess()
    file(ward, "oxygen_saturation", "o1", valueQuantity=quantity("84", "%"), effectiveDateTime=day_of(ward, ago))
    ward.round()
    assert [call.codes for call in ward.calls] == [("RR-SATURATION",)]


@pytest.mark.parametrize("taken", [lambda ward: day_of(ward, 3), lambda ward: (ward.now - timedelta(hours=26)).isoformat()], ids=["day", "26 h"])
def test_a_sign_of_days_ago_asks_after_a_call_that_was_closed(taken: Any, tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.observe("oxygen_saturation", 82)
    ward.round()
    ward.give("CloseCall", Role.PHYSICIAN, reason="resolved", note="probe was off", signs_stand=True)
    ward.assess()
    file(ward, "oxygen_saturation", "o1", valueQuantity=quantity("84", "%"), effectiveDateTime=taken(ward))
    ward.round()
    assert asked(ward) == [("oxygen_saturation", "old")]


def test_a_shock_pressure_of_a_feed_asks_holds_discharge_and_calls_where_nobody_looks(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess()
    ward.observe("systolic_pressure", 45)
    ward.round()
    assert ("systolic_pressure", "unusual") in asked(ward)
    assert "finding_unusual:systolic_pressure" in tasks(ward)
    state = case_state(ward.node, CASE)
    assert isinstance(state, dict) and [task["why"] for task in state["tasks"] if task["step"] == "look_now"] == ["unusual"]
    assert {"gate.discharge.finding_open", "gate.discharge.unusual_sign"} <= set(steps_of_discharge(ward))
    ward.assess(systolic_pressure=112)
    assert (asked(ward), steps_of_discharge(ward)) == ([], [])


def test_nobody_looks_at_a_shock_pressure_and_the_team_is_called(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess()
    ward.observe("systolic_pressure", 45)
    ward.wait(minutes=1)
    ward.wait(minutes=16)
    assert [call.codes for call in ward.calls] == [(look_now.LATE,)]


def test_a_pulse_that_the_last_look_found_as_fast_asks_nobody_and_a_faster_one_does(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    findings = {"heart_rate": 150, "temperature": 38.8}
    ward.give("Assess", findings=findings, unusual=True, assessed_at=(ward.now + timedelta(seconds=1)).isoformat())
    ward.observe("heart_rate", 145)
    ward.round()
    assert ("heart_rate", "unusual") not in asked(ward)
    ward.observe("heart_rate", 175)
    ward.wait(minutes=20)
    assert ("heart_rate", "unusual") in asked(ward)


def test_an_assessment_dated_ahead_hides_none_that_follows(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess(ago=timedelta(minutes=-4))
    ward.assess(temperature=39.5, hypotension="fluids", ice_score=5)
    assert {scale: grade.latest.event.grade for scale, grade in ward.case.grades.items()} == {"crs-astct-2019": 2, "icans-astct-2019": 2}


# --- after a death ----------------------------------------------------------------------------------------------------------------


def die(ward: Ward, **more: Any) -> list[str]:
    answer = ward.give("RecordDeath", Role.PHYSICIAN, died_on=day_of(ward, 0), **more)
    return [reason.code for reason in answer.reasons] if isinstance(answer, Refusal) else []


def test_a_death_beside_an_open_call_is_asked_about_and_leaves_the_call_with_its_task(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess(seizure="prolonged")
    assert die(ward) == ["followup.death.call_open"]
    assert die(ward, unusual=True) == []
    assert {key.partition(":")[0] for key in tasks(ward)} >= {"rapid_response"}
    ward.give("CloseCall", Role.PHYSICIAN, reason="resolved", note="the patient died", signs_stand=True)
    assert "rapid_response" not in {key.partition(":")[0] for key in tasks(ward)}


def test_a_finding_that_is_newer_than_a_death_asks_whether_it_is_true(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    assert die(ward) == []
    ward.observe("oxygen_saturation", 70, ago=timedelta(minutes=30))
    ward.round()
    assert "finding_after_death:oxygen_saturation" not in tasks(ward)
    ward.observe("oxygen_saturation", 70)
    ward.round()
    assert "finding_after_death:oxygen_saturation" in tasks(ward)
    assert die(ward) == ["followup.death.finding_after"]
    assert die(ward, unusual=True) == []
    assert "finding_after_death:oxygen_saturation" not in tasks(ward)
    assert die(ward, unusual=True) == ["followup.death.already"]


# --- in a record that may be this patient's ---------------------------------------------------------------------------------------


def file_of_another(ward: Ward, *resources: dict[str, Any]) -> None:
    """A record of a person like ours, who names no document."""
    person = {"resourceType": "Patient", "id": "other", "birthDate": "1968-04-09", "name": [{"family": "Chan"}]}
    mine = [{**one, "subject": {"reference": "Patient/other"}} for one in resources]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in (person, *mine)]}
    done = import_upload(ward.node, ward.node.system(), "other.json", orjson.dumps(bundle, default=float))
    assert not isinstance(done, Refusal), done
    assert done.waiting == ("other",)


def due(ward: Ward, step: str) -> list[Any]:
    with ward.node.storage.reading() as connection:
        return [task.due_at for task in open_tasks(ward.node, connection, ward.case, ward.now) if task.step == step]


def test_a_sign_in_a_record_that_may_be_this_patients_asks_for_a_look_and_calls_where_nobody_looks(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess()
    file_of_another(ward, observation(ward, "oxygen_saturation", "o1", valueQuantity=quantity("83", "%")))
    ward.round()
    assert asked(ward) == [("", "identity")]
    assert any(key.startswith("finding_identity:") for key in tasks(ward))
    assert due(ward, "identity") == [ward.case.of(FindingAsked)[-1].origin.recorded_at]
    assert "gate.discharge.identity_open" in steps_of_discharge(ward)
    assert ward.calls == ()
    ward.wait(minutes=16)
    assert [call.codes for call in ward.calls] == [(look_now.LATE,)]


def test_a_sign_that_comes_while_nobody_said_whose_record_it_is_asks_once_and_a_look_answers(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file_of_another(ward)
    ward.round()
    assert asked(ward) == []
    assert due(ward, "identity") != [None]
    file_of_another(ward, observation(ward, "oxygen_saturation", "o1", valueQuantity=quantity("83", "%")))
    ward.round()
    assert asked(ward) == [("", "identity")]
    ward.give("Assess", findings={"weight": 71, "temperature": 36.9}, assessed_at=ward.now.isoformat())
    assert asked(ward) == [("", "identity")], "a weight and a temperature are no look at the patient"
    ward.assess()
    assert asked(ward) == []
    ward.wait(minutes=16)
    assert ward.calls == ()


def test_a_well_record_of_somebody_alike_asks_nobody_at_the_bedside(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    file_of_another(ward, observation(ward, "oxygen_saturation", "o1"))
    ward.round()
    assert asked(ward) == []
