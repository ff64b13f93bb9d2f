"""When the next round is due: a round that leaves something open postpones nothing, and a call's interval stays until its signs were seen gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey import events as ev
from baybridge.journey.command import Actor, Role
from baybridge.journey.intervals import assessment_due, every_h, ice_due, is_urgent
from baybridge.journey.task import Task
from baybridge.node.upkeep.projections import open_tasks
from watch_world import CASE, WELL, Ward


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path / "hk")


def due(ward: Ward) -> datetime | None:
    return assessment_due(ward.case, ward.node.escalation.assessment)


def task_due(ward: Ward, step: str) -> datetime | None:
    return next(task.due_at for task in tasks_of(ward) if task.step == step)


def tasks_of(ward: Ward) -> tuple[Task, ...]:
    with ward.node.storage.reading() as connection:
        return tuple(open_tasks(ward.node, connection, ward.case, ward.now))


@pytest.mark.parametrize(
    "blank", [("temperature",), ("hypotension", "vasopressors", "vasopressin"), ("oxygen_device",)], ids=lambda blank: blank[0]
)
def test_a_round_that_leaves_something_open_does_not_postpone_the_next(blank: tuple[str, ...], ward: Ward) -> None:
    ward.assess()
    whole = due(ward)
    ward.wait(hours=2)
    ward.assess(blank=blank)
    assert every_h(ward.case, ward.node.escalation.assessment) == 4
    assert due(ward) == whole == task_due(ward, "monitor")
    ward.assess()
    assert due(ward) == ward.now + timedelta(hours=4)


def test_the_score_alone_moves_its_own_clock_and_not_that_of_the_round(ward: Ward) -> None:
    ward.assess()
    whole = due(ward)
    ward.wait(hours=2)
    ward.assess(blank=tuple(name for name in WELL if name != "ice_score"))
    assert due(ward) == whole
    assert ice_due(ward.case, ward.node.escalation.assessment) == ward.now + timedelta(hours=8)


def test_an_old_round_entered_late_does_not_bring_the_clock_back(ward: Ward) -> None:
    ward.assess()
    whole = due(ward)
    ward.assess(ago=timedelta(hours=3))
    assert due(ward) == whole


def test_the_interval_of_a_call_stays_until_its_signs_were_seen_gone(ward: Ward) -> None:
    rules = ward.node.escalation.assessment
    ward.assess(oxygen_saturation=84)
    assert every_h(ward.case, rules) == 1
    ward.now += timedelta(minutes=4)
    ward.give("ArriveRapidResponse", arrived_at=ward.now.isoformat())
    assert every_h(ward.case, rules) == 1
    ward.wait(hours=14)
    ward.assess(blank=("oxygen_saturation",))
    assert (every_h(ward.case, rules), is_urgent(ward.case, rules)) == (1, True)
    ward.assess()
    assert every_h(ward.case, rules) == 4


def test_the_interval_of_a_call_ends_with_a_physicians_word(ward: Ward) -> None:
    rules = ward.node.escalation.assessment
    ward.assess(oxygen_saturation=84)
    ward.give("ArriveRapidResponse", arrived_at=ward.now.isoformat())
    answer = ward.give("SetAssessmentInterval", Role.PHYSICIAN, every_h=2, note="in intensive care", unusual=True)
    assert not isinstance(answer, Refusal)
    assert every_h(ward.case, rules) == 2
    assert not isinstance(ward.give("CloseCall", Role.PHYSICIAN, reason="other-treatment", note="in intensive care", signs_stand=True), Refusal)
    assert every_h(ward.case, rules) == 2


def test_nobody_leaves_on_a_round_that_left_something_open(ward: Ward) -> None:
    ward.wait(hours=20)
    ward.assess(blank=("temperature",))
    day = ward.now.astimezone(ward.node.site.zone).date()
    until = (day + timedelta(days=60)).isoformat()
    answer = ward.give(
        "Discharge", Role.PHYSICIAN, discharged_on=day.isoformat(), stay_near_until=until, no_driving_until=until, caregiver=True, emergency_card=True, unusual=True
    )
    assert "gate.discharge.not_assessed" in [reason.code for reason in answer.reasons]


# --- what is no look, and who went home ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("findings", [{"weight": 71}, {"creatinine": 80}, {"weight": 71, "height": 170}], ids=lambda found: "+".join(found))
def test_what_says_nothing_of_the_present_state_is_no_look(findings: dict[str, float], ward: Ward) -> None:
    ward.assess(temperature=38.4, hypotension="fluids")
    physicians = ward.give("ConfirmGrade", Role.PHYSICIAN, scale="crs-astct-2019", grade=3, reason="worse than it looks")
    assert not isinstance(physicians, Refusal)
    clocks, grades = (due(ward), ice_due(ward.case, ward.node.escalation.assessment)), dict(ward.case.grades)
    ward.wait(minutes=30)
    answer = ward.give("Assess", findings=findings, assessed_at=ward.now.isoformat())
    assert not isinstance(answer, Refusal), [reason.code for reason in answer.reasons]
    assert (due(ward), ice_due(ward.case, ward.node.escalation.assessment)) == clocks
    assert dict(ward.case.grades) == grades, "no grade was made of it, and the physician's own stands"


def test_a_weight_as_the_first_entry_asks_nobody_to_look_at_a_grade(ward: Ward) -> None:
    answer = ward.give("Assess", findings={"weight": 71}, assessed_at=ward.now.isoformat())
    assert [type(item.event).__name__ for item in answer.events] == ["AssessmentRecorded"]
    ward.wait(minutes=20)
    assert ward.calls == ()


def test_a_score_of_before_that_is_entered_late_moves_no_clock(ward: Ward) -> None:
    ward.assess()
    expected = ice_due(ward.case, ward.node.escalation.assessment)
    ward.assess(ago=timedelta(hours=5))
    assert ice_due(ward.case, ward.node.escalation.assessment) == expected


def leave(ward: Ward) -> None:
    """The patient goes home, and three days pass."""
    today = ward.now.astimezone(ward.node.site.zone).date()
    left = ev.Discharged(discharged_on=today, stay_near_until=today + timedelta(days=28))
    with ward.node.unit() as unit:
        unit.append(CASE, [left], Actor("p", Role.PHYSICIAN, ward.node.site.organisation), known=len(unit.events(CASE)))
    ward.now += timedelta(days=3)


@pytest.mark.parametrize("step", ["monitor", "monitor_ice"])
def test_what_is_asked_of_a_patient_at_home_is_not_overdue_when_it_is_asked_first(step: str, ward: Ward) -> None:
    ward.assess()
    leave(ward)
    assert step not in {task.step for task in tasks_of(ward)}
    ward.observe("oxygen_saturation", 84)
    ward.round()
    at = task_due(ward, step)
    assert at is not None and at > ward.now


def test_a_round_at_home_that_leaves_something_open_postpones_nothing(ward: Ward) -> None:
    ward.assess()
    leave(ward)
    ward.assess(ice_score=8, blank=("temperature",))
    first = task_due(ward, "monitor")
    assert first == ward.now + timedelta(hours=4)
    ward.wait(hours=2)
    ward.assess(ice_score=8, blank=("temperature",))
    assert task_due(ward, "monitor") == first


def test_a_grade_of_yesterday_that_is_entered_now_is_confirmed_within_hours_of_now(ward: Ward) -> None:
    ward.assess(temperature=38.4, ago=timedelta(hours=20))
    assert task_due(ward, "confirm_grade") == ward.now + timedelta(hours=8)
