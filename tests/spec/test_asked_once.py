"""What is unusual but possible is asked about once: each row spoils one entry, is refused with its question, and passes when the person says that it is meant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import case_world as w
from baybridge.journey.command import Role
from case_world import Step, World, codes

Make = Callable[[], World]


def days(world: World, ahead: int) -> str:
    return (world.now.date() + timedelta(days=ahead)).isoformat()


def hours(world: World, ago: float) -> str:
    return (world.now - timedelta(hours=ago)).isoformat()


def given(step: Step, **changes: Callable[[World], Any]) -> Step:
    """The step with some of its input worked out from the world."""
    return Step(step.name, step.node, step.role, 0, lambda world: {**step.input(world), **{name: made(world) for name, made in changes.items()}})


def accepted() -> World:
    return World().walk(*w.REFERRAL)


def ready() -> World:
    world = w.before_collection()
    world.now += timedelta(days=7)
    return world


def with_results() -> World:
    return w.at_plant().walk(w.START_BATCH, w.TEST)


def begun() -> World:
    return w.at_centre().walk(w.fitness("lymphodepletion"), w.LYMPHODEPLETE)


def later(make: Make, days_later: int) -> Make:
    def made() -> World:
        world = make()
        world.now += timedelta(days=days_later)
        return world

    return made


def prepared() -> World:
    return w.at_centre().walk(*w.READY)


def checked() -> World:
    return prepared().walk(w.CHECK)


def after(days_later: int) -> Make:
    return later(w.infused, days_later)


def watched() -> World:
    return w.infused().walk(w.WATCH)


def left() -> World:
    world = watched().walk(w.DISCHARGE)
    world.now += timedelta(hours=2)
    return world


VISIT = Step("RecordVisit", "hk", Role.PHYSICIAN, 0, lambda world: {"visit": "M3", "visited_on": world.now.date().isoformat()})
DEATH = Step("RecordDeath", "hk", Role.PHYSICIAN, 0, lambda world: {"died_on": world.now.date().isoformat()})
PAPER = w.PERMITS[0]
TRAVEL = Step("ArrangeTravel", "hk", Role.COORDINATOR, 0, {"papers": ["hk-entry"], "arrives_on": "2026-03-20"})

QUESTIONS: list[tuple[str, Make, Step, list[str]]] = [
    ("slot this year", accepted, given(w.RESERVE, collection_on=lambda o: days(o, 180)), []),
    ("slot in ten years", accepted, given(w.RESERVE, collection_on=lambda _: "2036-01-01"), ["supply.slot.far_ahead"]),
    ("paper of a year", accepted, given(PAPER, valid_to=lambda o: days(o, 366)), []),
    ("paper until the end of the century", accepted, given(PAPER, valid_to=lambda _: "2099-12-10"), ["supply.permit.long"]),
    ("paper that began long ago", accepted, given(PAPER, valid_from=lambda _: "1990-01-01"), ["supply.permit.long"]),
    ("board before the case", lambda: World().walk(w.OPEN, w.CONSENT, w.REFER), given(w.BOARD, decided_on=lambda _: "1990-01-01"), ["journey.board.before_case"]),
    ("collected weeks before the slot", ready, given(w.COLLECT, started_at=lambda o: hours(o, 24 * 20), ended_at=lambda o: hours(o, 24 * 20 - 3)),
     ["supply.collect.before_slot"]),
    ("collected the day before the slot", ready, given(w.COLLECT, started_at=lambda o: hours(o, 27), ended_at=lambda o: hours(o, 24)), ["supply.collect.before_slot"]),
    ("collected for thirty hours", ready, given(w.COLLECT, started_at=lambda o: hours(o, 30)), ["supply.collect.before_slot", "supply.collect.long"]),
    ("collected five litres", ready, given(w.COLLECT, volume_ml=lambda _: 4999), ["supply.collect.volume"]),
    ("a bag stays behind", w.collected, given(w.SHIP_OUT, bags=lambda _: ["bag-1"]), ["supply.ship.bags_left"]),
    ("the rest follows", lambda: w.collected().walk(given(w.SHIP_OUT, bags=lambda _: ["bag-1"], unusual=lambda _: True)),
     given(w.SHIP_OUT, bags=lambda _: ["bag-2"]), []),
    ("a product that keeps longer than its label lets it", with_results, given(w.RELEASE, expires_at=lambda o: (o.now + timedelta(days=400)).isoformat()),
     ["supply.release.expiry_long"]),
    ("a product that keeps for a year", with_results, given(w.RELEASE, expires_at=lambda o: (o.now + timedelta(days=365)).isoformat()), []),
    ("a way of ten days", w.released_with_papers, given(w.SHIP_BACK, expected_transit_h=lambda _: 240, remaining_hold_h=lambda _: 480), ["supply.ship.long_way"]),
    ("a shipper that holds for two months", w.released_with_papers, given(w.SHIP_BACK, remaining_hold_h=lambda _: 1440), ["supply.ship.long_hold"]),
    ("lymphodepletion over as it begins", begun, given(w.COMPLETE, completed_on=lambda o: o.now.date().isoformat()), ["bedside.lymphodeplete.too_short"]),
    ("lymphodepletion a day short", later(begun, 1), given(w.COMPLETE), ["bedside.lymphodeplete.too_short"]),
    ("lymphodepletion of three days", later(begun, 2), given(w.COMPLETE), []),
    ("lymphodepletion of three weeks", later(begun, 20), given(w.COMPLETE), ["bedside.lymphodeplete.too_long"]),
    ("doses held since last year", prepared, given(w.RESERVE_DRUGS, from_on=lambda _: "2025-12-21"), ["bedside.reserve.since_long"]),
    ("an arrival within weeks", accepted, TRAVEL, []),
    ("an arrival that is over", accepted, TRAVEL.but(arrives_on="2025-03-20"), ["matching.travel.another_day"]),
    ("an arrival in thirty years", accepted, TRAVEL.but(arrives_on="2056-03-20"), ["matching.travel.another_day"]),
    ("sent last year", w.released_with_papers, given(w.SHIP_BACK, dispatched_at=lambda _: "2025-03-25T09:00:00+08:00", planned_entry_on=lambda o: days(o, 0)),
     ["supply.ship.before_release", "supply.ship.long_ago"]),
    ("doses held until the end of the century", prepared, given(w.RESERVE_DRUGS, until_on=lambda _: "2099-12-21"), ["bedside.reserve.long"]),
    ("checked thirty hours ago", prepared, given(w.CHECK, checked_at=lambda o: hours(o, 30)), ["bedside.check.long_ago"]),
    ("thawed before the check", checked, given(w.THAW, thawed_at=lambda o: hours(o, 5)), ["bedside.thaw.before_check"]),
    ("thawed and never checked", prepared, w.THAW, ["bedside.thaw.before_check"]),
    ("thawed seven hours ago", checked, given(w.THAW, thawed_at=lambda o: hours(o, 7)), ["bedside.thaw.before_check", "bedside.thaw.long_ago"]),
    ("discharged twice", left, given(w.DISCHARGE), ["bedside.discharge.again"]),
    ("discharged before the last assessment", watched, given(w.DISCHARGE, discharged_on=lambda o: days(o, -3)), ["bedside.discharge.assessed_after"]),
    ("M3 after three months", after(91), VISIT, []),
    ("D28 after three months", after(91), VISIT.but(visit="D28"), ["followup.visit.off_window"]),
    ("M3 after two days", after(2), VISIT, ["followup.visit.off_window"]),
    ("a contact beside the schedule", after(2), VISIT.but(visit="unscheduled"), []),
    ("died before the discharge", left, given(DEATH, died_on=lambda o: days(o, -1)), ["followup.death.entries_after"]),
    ("died before the case", accepted, given(DEATH, died_on=lambda o: days(o, -30)), ["followup.death.entries_after"]),
    ("died on the day of the last entry", left, DEATH, []),
]  # fmt: skip


@pytest.mark.parametrize(("make", "step", "expected"), [row[1:] for row in QUESTIONS], ids=[row[0] for row in QUESTIONS])
def test_what_is_unusual_is_asked_about_and_then_taken(make: Make, step: Step, expected: list[str]) -> None:
    world = make()
    assert codes(world.judge(step)) == expected
    assert codes(world.judge(given(step, unusual=lambda _: True))) == []


def test_a_visit_off_its_window_is_told_the_window_and_what_the_day_fits() -> None:
    world = after(91)()
    (reason,) = world.judge(VISIT.but(visit="D28")).reasons
    day_0 = world.case.infused_at.date()
    assert reason.values == {"visit": "D28", "from": (day_0 + timedelta(21)).isoformat(), "to": (day_0 + timedelta(35)).isoformat(), "fits": "M3"}


def test_the_law_s_own_time_for_a_paper_is_not_asked_but_refused() -> None:
    world = accepted()
    papers = w.documents().folder("pathways")["border-papers"]
    legs = [{**leg, "papers": [{**paper, "valid_at_most_d": 90} for paper in leg["papers"]]} for leg in papers["legs"]]
    world.documents = {"pathways": {"border-papers": {**papers, "legs": legs}}}
    assert codes(world.judge(PAPER)) == []
    assert codes(world.judge(given(PAPER, valid_to=lambda o: days(o, 91), unusual=lambda _: True))) == ["supply.permit.longer_than_law"]


def test_a_last_day_before_the_first_is_refused_for_that_alone() -> None:
    """No number of days is told that nobody could have given."""
    world = begun()
    assert codes(world.judge(given(w.COMPLETE, completed_on=lambda o: days(o, -28)))) == ["journey.time.order"]


def test_one_day_is_asked_about_where_nobody_established_how_many_there_are() -> None:
    world = w.at_centre().walk(w.fitness("lymphodepletion"))
    other = ["gate.lymphodepletion.other_regimen"]
    world.walk(Step("SignException", "hk", Role.PHYSICIAN, 0, {"gate": "lymphodepletion", "codes": other, "note": "allergy"}))
    world.now += timedelta(hours=1)
    world.walk(Step("Lymphodeplete", "hk", Role.PHYSICIAN, 0, w.LYMPHODEPLETE.given).but(regimen="bendamustine", started_on=world.now.date().isoformat()))
    assert codes(world.judge(given(w.COMPLETE, completed_on=lambda o: o.now.date().isoformat()))) == ["bedside.lymphodeplete.one_day"]
