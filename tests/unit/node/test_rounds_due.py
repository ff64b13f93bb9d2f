"""When the next round is due: a round that leaves something open postpones nothing, and a call's interval stays until its signs were seen gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey.command import Role
from baybridge.journey.intervals import assessment_due, every_h, ice_due, is_urgent
from baybridge.node.upkeep.projections import open_tasks
from watch_world import WELL, Ward


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path / "hk")


def due(ward: Ward) -> datetime | None:
    return assessment_due(ward.case, ward.node.escalation.assessment)


def task_due(ward: Ward, step: str) -> datetime | None:
    with ward.node.storage.reading() as connection:
        return next(task.due_at for task in open_tasks(ward.node, connection, ward.case, ward.now) if task.step == step)


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
