"""A dose that went by a weight which proves to be another one is asked of a physician, by whatever door it comes; a weight far from those of before is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.journey.doubted_doses import doubted_doses
from baybridge.node.fhir.interactions import Interaction
from baybridge.node.upkeep.projections import open_tasks
from baybridge.record.store import store
from watch_world import Ward

TOCILIZUMAB, DEXAMETHASONE = "L04AC07", "H02AB02"


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path / "hk")
    yield ward
    ward.node.storage.close()


def dose(ward: Ward, role: Role = Role.PHYSICIAN, **given: Any) -> str:
    """The entry of a dose of now."""
    told = {"atc": TOCILIZUMAB, "route": "IV", "given_at": ward.now.isoformat(), **given}
    done = ward.give("GiveDrug", role, **told)
    assert not isinstance(done, Refusal), [reason.code for reason in done.reasons]
    ward.round()
    return next(item.event_id for item in reversed(ward.events) if isinstance(item.event, ev.DrugGiven))


def waiting(ward: Ward) -> list[tuple[str, float | None]]:
    """The doses that wait, each with the weight by what is known now."""
    return [(one.entry, one.asked.event.weight_kg) for one in doubted_doses(ward.case, ward.node.site.node)]


def tasks(ward: Ward) -> list[str]:
    """The titles of the tasks about doses."""
    with ward.node.storage.reading() as connection:
        return [task.title for task in open_tasks(ward.node, connection, ward.case, ward.now) if task.step == "dose_doubted"]


def correct(ward: Ward, entry: str, action: str = "replace", role: Role = Role.PHYSICIAN, **given: Any) -> Any:
    told = {"event_id": entry, "action": action, "reason": "wrong-value", "note": "", **({"given": given} if given else {})}
    done = ward.give("CorrectEntry", role, **told)
    assert not isinstance(done, Refusal), [reason.code for reason in done.reasons]
    ward.round()
    return done


def weighed(ward: Ward, weight: float, **more: Any) -> str:
    ward.assess(weight=weight, **more)
    return next(item.event_id for item in reversed(ward.events) if isinstance(item.event, ev.AssessmentRecorded))


def kilograms(value: float) -> dict[str, Any]:
    return {"value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}


def test_a_weight_that_is_put_right_makes_the_dose_a_question(ward: Ward) -> None:
    entry = weighed(ward, 83)
    given = dose(ward, mg_per_kg=8)
    assert waiting(ward) == []
    assessment = next(item.event for item in ward.events if item.event_id == entry)
    findings = {**dict(assessment.findings), "weight": 38}
    correct(ward, entry, role=Role.NURSE, findings=findings, assessed_at=assessment.assessed_at.isoformat(), another=True, unusual=True)
    assert waiting(ward) == [(given, 38)]
    assert tasks(ward) == ["journey.task.dose_doubted"]
    assert ward.case.drugs[-1].event.dose_mg == 664, "what was given stays what was given"


def test_put_right_again_it_is_no_question_any_more(ward: Ward) -> None:
    ward.observe("weight", 83, logical_id="w-1")
    given = dose(ward, mg_per_kg=8)
    ward.amend("w-1", status="corrected", valueQuantity=kilograms(38))
    assert waiting(ward) == [(given, 38)]
    ward.amend("w-1", status="corrected", valueQuantity=kilograms(83))
    assert waiting(ward) == []
    assert tasks(ward) == []


@pytest.mark.parametrize("way", ["entered in error", "deleted", "another patient's"])
def test_a_weight_that_is_taken_back_leaves_the_dose_without_one(ward: Ward, way: str) -> None:
    ward.observe("weight", 60, logical_id="w-1")
    given = dose(ward, mg_per_kg=8)
    if way == "entered in error":
        ward.amend("w-1", status="entered-in-error")
    elif way == "deleted":
        ward.send(Interaction("DELETE", "Observation", "w-1", None, reason="wrong-patient"))
    else:
        with ward.node.storage.writing() as connection:
            store.put(connection, {"resourceType": "Patient", "id": "other", "birthDate": "1970-01-01"}, at=ward.now)
        ward.amend("w-1", subject={"reference": "Patient/other"})
    assert waiting(ward) == [(given, None)]
    assert tasks(ward) == ["journey.task.dose_without_weight"]


def test_a_weight_of_before_that_comes_late_counts_and_one_of_later_does_not(ward: Ward) -> None:
    ward.observe("weight", 60, ago=timedelta(hours=30))
    given = dose(ward, mg_per_kg=8)
    ward.now += timedelta(hours=2)
    ward.observe("weight", 72)
    ward.round()
    assert waiting(ward) == [], "who gained weight since was given the right dose"
    ward.observe("weight", 70, ago=timedelta(hours=3))
    ward.round()
    assert waiting(ward) == [(given, 70)]


def test_rounding_and_the_most_of_one_dose_are_no_question(ward: Ward) -> None:
    ward.observe("weight", 120, logical_id="w-1")
    dose(ward, mg_per_kg=8)
    ward.amend("w-1", status="corrected", valueQuantity=kilograms(105))
    assert waiting(ward) == [], "800 mg by either weight"
    ward.amend("w-1", status="corrected", valueQuantity=kilograms(60))
    assert [weight for _, weight in waiting(ward)] == [60]


def test_milligrams_of_tocilizumab_are_held_against_a_weight_that_comes_later(ward: Ward) -> None:
    given = dose(ward, dose_mg=600)
    ward.observe("weight", 40)
    ward.round()
    assert waiting(ward) == [(given, 40)]


def test_a_drug_by_weight_that_is_no_mass_follows_too(ward: Ward) -> None:
    ward.observe("weight", 60, logical_id="w-1")
    given = dose(ward, atc="B01AB01", name="heparin", amount=80, unit="[iU]/kg", unusual=True)
    ward.amend("w-1", status="corrected", valueQuantity=kilograms(40))
    assert waiting(ward) == [(given, 40)]


def test_a_physician_answers_it_once(ward: Ward) -> None:
    ward.observe("weight", 83, logical_id="w-1")
    given = dose(ward, mg_per_kg=8)
    ward.amend("w-1", status="corrected", valueQuantity=kilograms(60))
    nurse = ward.give("ReviewDose", follows="seen")
    assert isinstance(nurse, Refusal)
    assert [reason.code for reason in ward.give("ReviewDose", Role.PHYSICIAN, follows=" ").reasons] == ["bedside.dose_review.no_note"]
    assert [reason.code for reason in ward.give("ReviewDose", Role.PHYSICIAN, follows="seen", dose_entry="e-0").reasons] == ["bedside.dose_review.another"]
    done = ward.give("ReviewDose", Role.PHYSICIAN, follows="liver enzymes and counts daily; the next dose is 480 mg")
    assert [item.event for item in done.events] == [ev.DoseReviewed(dose_entry=given, weight_kg=60, follows="liver enzymes and counts daily; the next dose is 480 mg")]
    ward.round()
    assert (waiting(ward), tasks(ward)) == ([], [])
    ward.amend("w-1", status="corrected", valueQuantity=kilograms(61))
    assert waiting(ward) == [(given, 61)], "another weight is another question"


def test_a_dose_that_is_put_right_is_held_against_the_weight_of_now(ward: Ward) -> None:
    ward.observe("weight", 83, logical_id="w-1")
    given = dose(ward, mg_per_kg=8)
    ward.amend("w-1", status="corrected", valueQuantity=kilograms(60))
    correct(ward, given, atc=TOCILIZUMAB, route="IV", mg_per_kg=8, given_at=ward.case.drugs[-1].event.given_at.isoformat(), unusual=True)
    assert (waiting(ward), ward.case.drugs[-1].event.dose_mg) == ([], 480)


def test_a_dose_that_was_never_given_asks_nobody(ward: Ward) -> None:
    ward.observe("weight", 83, logical_id="w-1")
    given = dose(ward, mg_per_kg=8)
    ward.amend("w-1", status="corrected", valueQuantity=kilograms(60))
    correct(ward, given, action="void")
    assert (waiting(ward), tasks(ward)) == ([], [])


@pytest.mark.parametrize(("weight", "asked"), [(163, True), (36, True), (70, False), (56, False)])
def test_a_weight_far_from_those_of_before_is_asked_about(ward: Ward, weight: float, asked: bool) -> None:
    weighed(ward, 63)
    ward.now += timedelta(days=9)
    answer = ward.give("Assess", findings={"temperature": 36.7, "weight": weight}, assessed_at=ward.now.isoformat())
    assert ([reason.code for reason in answer.reasons] if isinstance(answer, Refusal) else []) == (["bedside.weight.far"] if asked else [])
    meant = ward.give("Assess", findings={"temperature": 36.7, "weight": weight}, assessed_at=ward.now.isoformat(), unusual=True, another=True)
    assert not isinstance(meant, Refusal)


def test_a_far_weight_beside_a_sign_calls_and_stays_a_question(ward: Ward) -> None:
    weighed(ward, 63)
    ward.now += timedelta(hours=12)
    done = ward.give("Assess", findings={"vasopressors": 2, "hypotension": "vasopressor", "weight": 163}, assessed_at=ward.now.isoformat())
    assert not isinstance(done, Refusal)
    assert ward.calls
    recorded = next(item.event for item in done.events if isinstance(item.event, ev.AssessmentRecorded))
    assert recorded.asked == ("unusual_weight",)


def test_a_dose_by_a_far_weight_is_asked_about_by_whatever_door_it_came(ward: Ward) -> None:
    ward.observe("weight", 63, ago=timedelta(days=3))
    ward.observe("weight", 163)
    ward.round()
    told = {"atc": TOCILIZUMAB, "route": "IV", "given_at": ward.now.isoformat()}
    by_weight = ward.give("GiveDrug", Role.PHYSICIAN, mg_per_kg=4, **told)
    assert [reason.code for reason in by_weight.reasons] == ["bedside.drug.far_weight"]
    assert [dict(reason.values) for reason in by_weight.reasons] == [{"weight": "163", "known": "63"}]
    assert not isinstance(ward.give("GiveDrug", Role.PHYSICIAN, atc=DEXAMETHASONE, route="IV", dose_mg=10, given_at=ward.now.isoformat()), Refusal)
    assert not isinstance(ward.give("GiveDrug", Role.PHYSICIAN, mg_per_kg=4, unusual=True, **told), Refusal)
