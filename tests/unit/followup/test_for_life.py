"""Hand-over, visits, second malignancy, death."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import case_world as w
from baybridge.journey.command import Role
from baybridge.journey.schedule import next_visit
from baybridge.node.upkeep.attention import attention
from case_world import Step, World, codes

DISCHARGE = w.DISCHARGE
HAND_OVER = Step("HandOver", "hk", Role.COORDINATOR, 24, {"to_node": "mo"})
ACCEPT = Step("AcceptFollowUp", "mo", Role.COORDINATOR, 24, {"from_node": "hk"})
SCHEDULE = Step("ScheduleFollowUp", "mo", Role.COORDINATOR, 1, {})
DEATH = Step("RecordDeath", "mo", Role.PHYSICIAN, 1, lambda world: {"died_on": world.now.date().isoformat(), "cause": "unknown"})


def visit(code: str, **more: Any) -> Step:
    return Step("RecordVisit", "mo", Role.PHYSICIAN, 24, lambda world: {"visit": code, "visited_on": world.now.date().isoformat(), "unusual": True, **more})


def home() -> World:
    return w.infused().walk(w.WATCH, DISCHARGE, HAND_OVER, ACCEPT)


def test_the_treating_node_follows_until_the_other_has_accepted() -> None:
    world = w.infused().walk(w.WATCH, DISCHARGE, HAND_OVER)
    assert world.case.follow_up_node == "hk"
    world.walk(ACCEPT)
    assert world.case.follow_up_node == "mo"


def test_hand_over_after_discharge_to_a_centre() -> None:
    assert codes(w.infused().do(HAND_OVER)) == ["followup.handover.not_discharged"]
    assert codes(w.infused().walk(w.WATCH, DISCHARGE).do(HAND_OVER.but(to_node="sh"))) == ["followup.handover.centre_unknown"]


def test_follow_up_is_accepted_from_who_offered_it_and_once() -> None:
    world = w.infused().walk(w.WATCH, DISCHARGE, HAND_OVER)
    assert codes(world.do(ACCEPT.but(from_node="gd"))) == ["followup.accept.not_offered"]
    assert codes(world.do(ACCEPT.at("gd"))) == ["followup.accept.not_offered"]
    world.walk(ACCEPT)
    assert codes(world.do(ACCEPT)) == ["followup.accept.already"]


def test_the_schedule_begins_with_the_next_visit() -> None:
    world = home()
    (event,) = world.do(SCHEDULE)
    assert world.case.infused_at is not None
    assert event.first_due_on == (world.case.infused_at.astimezone(w.SITES["mo"].zone) + timedelta(days=28)).date()
    assert codes(world.do(SCHEDULE.but(schedule="never"))) == ["followup.schedule.unknown"]


def test_a_visit_with_a_death_is_recorded_as_a_death() -> None:
    assert codes(home().do(visit("D28", alive=False))) == ["followup.visit.record_death"]


def test_visits_move_on_and_a_second_malignancy_is_reported_even_after_death() -> None:
    world = home().walk(visit("D28"), visit("M2"), DEATH.but(unusual=True))  # the visit was of the same day
    report = Step(
        "ReportSecondMalignancy", "mo", Role.PHYSICIAN, 1, lambda world: {"kind": "t_cell", "found_on": world.now.date().isoformat()}
    )
    assert codes(world.do(report)) == []
    assert codes(world.do(visit("M3"))) == ["journey.case.died"]


def test_a_malignancy_before_the_infusion_is_not_a_second_one() -> None:
    report = Step("ReportSecondMalignancy", "mo", Role.PHYSICIAN, 1, {"kind": "aml", "found_on": "2020-01-01"})
    assert codes(home().do(report)) == ["followup.malignancy.before_infusion"]


def test_one_dies_once_and_not_in_the_future() -> None:
    world = home()
    future = (world.now + timedelta(days=3)).date().isoformat()
    assert codes(world.do(DEATH.but(died_on=future))) == ["journey.time.future"]
    world.walk(DEATH)
    assert codes(world.do(DEATH)) == ["followup.death.already"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("D28", []),
        ("M3", []),
        ("unscheduled", []),
        ("M6", ["followup.visit.not_due"]),
        ("M60", ["followup.visit.not_due"]),
        ("m2", ["followup.visit.not_due"]),
        (" ", ["followup.visit.no_code"]),
    ],
)
def test_a_visit_is_one_that_can_have_been_made_by_then(code: str, expected: list[str]) -> None:
    assert codes(home().do(visit(code))) == expected


def test_a_contact_beside_the_schedule_moves_no_visit() -> None:
    world = home().walk(SCHEDULE)
    before = next_visit(world.case, world.situation("mo", Role.PHYSICIAN).documents.pathway.follow_up, world.now.date())
    world.walk(visit("unscheduled"))
    assert next_visit(world.case, world.situation("mo", Role.PHYSICIAN).documents.pathway.follow_up, world.now.date()) == before


def test_a_visit_that_stands_already_is_asked_about() -> None:
    world = home().walk(visit("D28"))
    again = visit("D28", new_malignancy=True, unusual=False)
    assert "followup.visit.again" in codes(world.do(again))
    assert codes(world.do(again.but(unusual=True))) == []


def test_a_new_cancer_at_a_visit_asks_a_physician_until_it_is_reported() -> None:
    world = home().walk(visit("D28", new_malignancy=True))

    def asked() -> list[tuple[str, tuple[str, ...]]]:
        return [(task.role, task.commands) for task in attention(world.case, w.SITES["mo"]) if task.step == "malignancy"]

    assert asked() == [("physician", ("ReportSecondMalignancy",))]
    world.walk(Step("ReportSecondMalignancy", "mo", Role.PHYSICIAN, 1, lambda world: {"kind": "t_cell", "found_on": world.now.date().isoformat()}))
    assert asked() == []
