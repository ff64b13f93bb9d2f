"""What corrections make of a case: what stands, what is struck through, and what another node may not correct."""

from __future__ import annotations

from datetime import date, timedelta

import case_world as w
from baybridge.journey import events as ev
from baybridge.journey.case import fold
from baybridge.journey.stages import stage_of
from baybridge.journey.state import as_of
from case_world import World


def visited(code: str, day: date) -> ev.FollowUpVisited:
    return ev.FollowUpVisited(visit=code, visited_on=day, alive=True, new_malignancy=None)


def world_with(*events: ev.Event) -> World:
    world = World()
    world.record("hk", *events)
    return world


def correct(world: World, event_id: str, node: str = "hk", replaced_by: str | None = None) -> None:
    action = "replace" if replaced_by else "void"
    world.record(node, ev.EntryCorrected(event_id=event_id, action=action, reason="wrong-value", replaced_by=replaced_by))  # type: ignore[arg-type]


def test_a_void_entry_counts_no_more_and_stays_in_the_history() -> None:
    world = world_with(ev.Died(died_on=date(2026, 3, 1), cause="unknown"))
    assert not world.case.alive
    correct(world, "hk-1")
    case = world.case
    assert case.alive and not case.entries
    assert [entry.origin.event_id for entry in case.history] == ["hk-1", "hk-2"]
    assert [(one.entry.origin.event_id, one.state) for one in case.struck] == [("hk-1", "voided")]


def test_a_replacement_stands_at_the_place_and_time_of_what_it_replaces() -> None:
    day = date(2026, 3, 1)
    world = world_with(visited("M60", day))
    world.now += timedelta(days=1)
    world.record("hk", visited("M3", day + timedelta(days=1)))
    world.now += timedelta(days=1)
    world.record("hk", visited("M2", day))
    correct(world, "hk-1", replaced_by="hk-3")
    entries = world.case.entries
    assert [entry.event.visit for entry in entries] == ["M2", "M3"]
    assert (entries[0].origin.event_id, entries[0].origin.recorded_at) == ("hk-3", w.START)


def test_a_replacement_that_is_void_leaves_nothing() -> None:
    world = world_with(visited("M60", date(2026, 3, 1)), visited("M2", date(2026, 3, 1)))
    correct(world, "hk-1", replaced_by="hk-2")
    correct(world, "hk-2")
    assert not world.case.entries
    assert [one.state for one in world.case.struck] == ["replaced", "voided"]


def test_another_node_does_not_correct_what_it_did_not_record() -> None:
    world = world_with(ev.Died(died_on=date(2026, 3, 1), cause="unknown"))
    correct(world, "hk-1", node="mo")
    assert not world.case.alive and not world.case.struck


def test_a_correction_of_nothing_and_a_circle_break_nothing() -> None:
    world = world_with(visited("M2", date(2026, 3, 1)), visited("M3", date(2026, 3, 2)))
    correct(world, "nowhere")
    correct(world, "hk-1", replaced_by="hk-2")
    correct(world, "hk-2", replaced_by="hk-1")
    assert world.case.entries == ()


def test_what_was_known_before_is_the_fold_until_then() -> None:
    world = world_with(ev.Died(died_on=date(2026, 3, 1), cause="unknown"))
    before = fold(list(world.events))
    correct(world, "hk-1")
    assert fold([item for item in world.events if item.sequence < 2]) == before


def test_as_of_reads_the_moment_at_which_something_happened_and_not_when_it_was_recorded() -> None:
    world = w.infused()
    infused_at = world.case.infused_at
    assert infused_at is not None
    world.now += timedelta(days=30)
    world.record("hk", ev.Died(died_on=world.now.date() - timedelta(days=10), cause="disease"))
    zone = w.SITES["hk"].zone
    assert not as_of(world.case, world.now - timedelta(days=5), zone).alive
    assert as_of(world.case, world.now - timedelta(days=15), zone).alive
    assert stage_of(as_of(world.case, infused_at - timedelta(minutes=1), zone)).value == "lymphodepleted"
