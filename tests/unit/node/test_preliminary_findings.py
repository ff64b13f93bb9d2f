"""A finding of the bedside that its sender calls preliminary counts as it stands wherever signs, grades and calls are judged, and nowhere else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey import events as ev
from baybridge.journey.asked_findings import to_look
from baybridge.journey.command import Actor, Role
from baybridge.journey.look_now import pending
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.intake.importing import import_upload
from watch_world import PATIENT, Ward, events_of

BY_FILE, BY_FHIR = "file", "fhir"


def observed(ward: Ward, fact: str, logical_id: str, value: float, status: str = "preliminary", door: str = BY_FILE) -> None:
    """A number of the bedside, by one of the doors."""
    ward.now += timedelta(seconds=1)
    system, code = ward.node.dictionary[fact].codes[0]
    unit = ward.node.dictionary[fact].unit or "1"
    resource: dict[str, Any] = {
        "resourceType": "Observation", "id": logical_id, "status": status, "code": {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": ward.now.isoformat(),
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }  # fmt: skip
    done = (
        import_upload(ward.node, ward.node.system(), f"{logical_id}.json", orjson.dumps(resource))
        if door == BY_FILE
        else write(ward.node, Actor("monitor", Role.NURSE, ward.node.site.organisation), [Interaction("PUT", "Observation", logical_id, resource)])
    )
    assert not isinstance(done, Refusal), done
    ward.round()


def closing(ward: Ward, **more: Any) -> list[str]:
    answer = ward.give("CloseCall", Role.PHYSICIAN, reason="resolved", note="saturation is back", **more)
    return [reason.code for reason in answer.reasons] if isinstance(answer, Refusal) else []


def leaving(ward: Ward) -> Any:
    day = ward.now.astimezone(ward.node.site.zone).date()
    until = (day + timedelta(days=60)).isoformat()
    given = {"discharged_on": day.isoformat(), "stay_near_until": until, "no_driving_until": until, "caregiver": True, "emergency_card": True, "unusual": True}
    return ward.give("Discharge", Role.PHYSICIAN, **given)


@pytest.mark.parametrize("door", [BY_FILE, BY_FHIR])
def test_a_call_is_not_closed_over_a_newer_preliminary_sign(door: str, tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    observed(ward, "oxygen_saturation", "o1", 84, "final", door)
    observed(ward, "oxygen_saturation", "o2", 82, door=door)
    assert closing(ward) == ["bedside.call.signs_stand"]
    assert closing(ward, signs_stand=True) == []


def test_a_call_is_closed_where_the_newest_value_shows_no_sign(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    observed(ward, "oxygen_saturation", "o1", 84, "final")
    observed(ward, "oxygen_saturation", "o2", 97)
    assert closing(ward) == []


def test_an_assessment_is_graded_beside_preliminary_findings(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    observed(ward, "vasopressors", "o1", 2)
    given = {"temperature": 39.2, "fever_attributable": True, "hypotension": "vasopressor", "hypotension_attributable": True, "oxygen_device": "none"}
    entered = events_of(ward.give("Assess", findings=given, assessed_at=ward.now.isoformat()))
    (crs,) = [event for event in entered if isinstance(event, ev.GradeAssessed) and event.scale == "crs-astct-2019"]
    assert (crs.grade_min, crs.grade_max) == (4, 4)


def test_nobody_leaves_with_a_preliminary_sign(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess()
    observed(ward, "oxygen_saturation", "o1", 84)
    answer = leaving(ward)
    assert "gate.discharge.sign" in [reason.code for reason in answer.reasons]


def test_nobody_leaves_with_a_preliminary_finding_that_is_unusual(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess()
    observed(ward, "heart_rate", "o1", 150)
    answer = leaving(ward)
    assert "gate.discharge.unusual_sign" in [reason.code for reason in answer.reasons]


def test_what_a_patient_at_home_sends_calls_and_asks(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess()
    assert not isinstance(leaving(ward), Refusal)
    observed(ward, "oxygen_saturation", "o1", 900)
    assert [entry.event.fact for entry in to_look(ward.case, ward.node.site.node)] == ["oxygen_saturation"]
    observed(ward, "oxygen_saturation", "o2", 84)
    assert [call.codes for call in ward.calls] == [("RR-SATURATION",)]
    assert closing(ward) == ["bedside.call.signs_stand"]


def test_an_assessment_after_discharge_that_leaves_a_grade_open_asks(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.assess()
    assert not isinstance(leaving(ward), Refusal)
    assert not pending(ward.case, ward.node.site.node)
    ward.wait(hours=30)
    ward.assess(temperature=38.9, hypotension=None, vasopressors=None, vasopressin=None, oxygen_device=None, oxygen_saturation=None)
    assert [entry.event.scale for entry in pending(ward.case, ward.node.site.node)] == ["crs-astct-2019"]


def test_fitness_and_whatever_is_no_bedside_reads_final_values_alone(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    observed(ward, "oxygen_saturation", "o1", 97)
    observed(ward, "creatinine", "o2", 300)
    with ward.node.storage.reading() as connection:
        values = ward.node.fact_set(connection, ward.case, ward.now).values
    assert not {"oxygen_saturation", "creatinine"} & values.keys()
    assert ward.calls == ()


@pytest.mark.parametrize("door", [BY_FILE, BY_FHIR])
@pytest.mark.parametrize("status", ["final", "preliminary"])
def test_a_grade_of_iec_hs_that_only_another_system_filed_stands_until_another_is_stated(door: str, status: str, tmp_path: Path) -> None:
    """A value of the bedside holds for a day; a grade does not become good by growing old."""
    ward = Ward(tmp_path / "hk")
    observed(ward, "iec_hs_grade", "o1", 2, status, door)
    ward.now += timedelta(days=5)
    ward.assess()
    answer = leaving(ward)
    assert isinstance(answer, Refusal)
    told = [dict(reason.values) for reason in answer.reasons if reason.code == "gate.discharge.toxicity"]
    assert [(one["scale"], one["grade"]) for one in told] == [("iec-hs", 2)]
    ward.assess(iec_hs_grade=0)
    ward.now += timedelta(days=2)
    ward.assess()
    assert not isinstance(leaving(ward), Refusal), "a physician stated another since"
