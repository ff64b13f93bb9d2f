"""The law of corrections over random histories: what stands reads like a history without the voided entry, or with the replaced one; the history itself stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

import case_world as w
from baybridge.base.outcome import Refusal
from baybridge.journey import events as ev
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Role
from baybridge.journey.pathway import tasks
from baybridge.journey.state import View, state_of
from baybridge.node.commands.table import COMMANDS
from baybridge.node.corrections.making import commands_making
from case_world import Step, World

PATHWAY = w.documents().typed.pathway
#: Ids, which differ from history to history.
_IDS = frozenset({"event_id", "call_id"})


def now(world: World) -> str:
    return world.now.isoformat()


def today(world: World) -> str:
    return world.now.date().isoformat()


FEVER = {"temperature": 38.6, "fever_attributable": True}
ASSESS = Step("Assess", "hk", Role.NURSE, 8, lambda world: {"findings": FEVER, "assessed_at": now(world)})
PRESSURE = ASSESS.but(findings={**FEVER, "hypotension": "fluids", "hypotension_attributable": True, "oxygen_device": "none"})
DRUG = Step("GiveDrug", "hk", Role.NURSE, 1, lambda world: {"atc": "L04AC07", "name": "tocilizumab", "dose_mg": 520, "given_at": now(world)})
DISCHARGE = Step(
    "Discharge", "hk", Role.PHYSICIAN, 24 * 9, lambda world: {"discharged_on": today(world), "stay_near_until": (world.now + timedelta(weeks=3)).date().isoformat()}
)  # fmt: skip
PLAN = Step("ScheduleFollowUp", "hk", Role.COORDINATOR, 1, {})
VISIT = Step("RecordVisit", "hk", Role.PHYSICIAN, 24 * 20, lambda world: {"visit": "D28", "visited_on": today(world)})
VISIT_2 = VISIT.but(visit="M2")
TYPED = VISIT.but(visit="M3")
DEATH = Step("RecordDeath", "hk", Role.PHYSICIAN, 1, lambda world: {"died_on": today(world)})
FIT = Step("CheckFitness", "hk", Role.PHYSICIAN, 1, {"step": "collection"})
FOUND = Step("ConfirmFinding", "hk", Role.PHYSICIAN, 1, {"fact": "ecog", "value": 1, "basis": "seen"})
TRAVEL = Step("ArrangeTravel", "hk", Role.COORDINATOR, 1, lambda world: {"papers": ["s2-visa"], "arrives_on": today(world)})
RESOLVE = Step("ResolveQuarantine", "hk", Role.QUALITY, 1, {"bags": ["product-1"], "decision": "use", "basis": "maker"})
GOOD = (*w.TO_COLLECTION, *w.TO_PLANT, *w.AT_PLANT, *w.BACK, *w.TREATMENT, ASSESS, PRESSURE, DRUG, ASSESS, DISCHARGE, PLAN, VISIT, VISIT_2)
EXTRA = (*GOOD, TYPED, FOUND, TRAVEL, RESOLVE, DEATH, FIT, ASSESS, DRUG)

roads = st.tuples(
    st.integers(4, len(GOOD)), st.sets(st.integers(4, len(GOOD) - 1), max_size=2), st.lists(st.tuples(st.integers(0, 40), st.sampled_from(EXTRA)), max_size=4)
).map(lambda drawn: _road(*drawn))


def _road(length: int, left_out: set[int], inserted: list[tuple[int, Step]]) -> list[Step]:
    road = [step for place, step in enumerate(GOOD[:length]) if place not in left_out]
    for place, step in inserted:
        road.insert(min(place, len(road)), step)
    return road


@dataclass(frozen=True)
class Done:
    """A step that went well: its input, when, the ids of its events, and how many ids were used by then."""

    step: Step
    given: dict[str, Any]
    at: datetime
    ids: tuple[str, ...]
    counter: int


def walk(road: list[Step]) -> tuple[World, list[Done]]:
    """A world that walked a road, and what went well of it."""
    world, done = World(), []
    for step in road:
        world.now += timedelta(hours=step.hours)
        if step.name == "Collect" and not world.case.recognised:
            world.recognise_markers()
            done.append(Done(MARKERS, {}, world.now, (), world.counter))
        before, counter = len(world.events), world.counter
        given_now = msgspec.to_builtins(step.input(world))
        verdict = attempt(world, step, given_now)
        if not isinstance(verdict, Refusal):
            done.append(Done(step, given_now, world.now, tuple(item.event_id for item in world.events[before:]), counter))
    return world, done


#: Results that the node judged by itself; no person entered them.
MARKERS = Step("", "hk", Role.SYSTEM, 0, {})


def attempt(world: World, step: Step, given_now: dict[str, Any]) -> Any:
    return world.do(Step(step.name, step.node, step.role, 0, given_now))


def again(done: list[Done], until: datetime, without: int | None = None, instead: dict[str, Any] | None = None) -> World:
    """The same history at the same times without one step, or with another input to it."""
    world = World()
    for number, one in enumerate(done):
        world.now, world.counter = one.at, one.counter
        if one.step is MARKERS:
            world.recognise_markers()
            continue
        if number == without and instead is None:
            continue
        verdict = attempt(world, one.step, instead if number == without and instead is not None else one.given)
        assert not isinstance(verdict, Refusal), (one.step.name, w.codes(verdict), "went well with the entry that was voided, and nothing said that it rests on it")
    world.now = until
    return world


def correct(world: World, one: Done, action: str, instead: dict[str, Any] | None = None) -> Any:
    """Put an entry right, as the role that answers for it at the site that made it."""
    recorded = next(item for item in world.events if item.event_id == one.ids[0])
    rows = commands_making(type(recorded.event))
    role = rows[0].correction.role if rows else None
    if role is None:
        return None
    named = {"event_id": one.ids[0], "action": action, "reason": "wrong-value"}
    if instead is not None:
        named["given"] = instead  # type: ignore[assignment]
    return world.do(Step("CorrectEntry", one.step.node, role if role in COMMANDS["CorrectEntry"].roles else one.step.role, 0, named))


def state(case: Case, at: datetime) -> list[dict[str, Any]]:
    """The state at every site, without what differs from history to history: entries and ids."""
    found = []
    for site in w.SITES.values():
        view = View(tasks(PATHWAY, case, {}, at, site, w.documents().typed.escalation), {}, at, site.zone, PATHWAY.follow_up)
        whole = state_of(case, view)
        found.append(_plain({name: value for name, value in whole.items() if name != "entries"}))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if name not in _IDS}
    return sorted((_plain(item) for item in value), key=repr) if isinstance(value, list) else value


@settings(max_examples=150, deadline=None)
@given(roads, st.data())
def test_a_voided_entry_leaves_the_state_of_a_history_without_it(road: list[Step], data: st.DataObject) -> None:
    world, done = walk(road)
    numbers = [number for number, one in enumerate(done) if one.ids]
    assume(numbers)
    number = data.draw(st.sampled_from(numbers))
    before = list(world.events)
    verdict = correct(world, done[number], "void")
    event(f"{done[number].step.name}: {'not correctable' if verdict is None else ' '.join(w.codes(verdict)) or 'voided'}")
    if verdict is None or isinstance(verdict, Refusal):
        assert world.events == before
        return
    assert state(world.case, world.now) == state(again(done, world.now, number).case, world.now)
    assert world.events[: len(before)] == before, "the history stays"
    assert fold(world.events[: len(before)]) == fold(before), "what was known before is still known"


INSTEAD: dict[str, dict[str, Any]] = {
    "RecordVisit": {"visit": "M3"},
    "GiveDrug": {"dose_mg": 400},
    "Assess": {"findings": {"temperature": 38.1, "fever_attributable": True, "hypotension": "none", "oxygen_device": "none"}},
    "Collect": {"volume_ml": 200},
    "RecordPermit": {"number": "another"},
    "Ship": {"container": "box-9"},
    "ReceiveShipment": {"minutes_outside": 0},
    "ReserveSlot": {"supply_basis": "registered"},
    "ConfirmFinding": {"value": 2},
    "Lymphodeplete": {"regimen": "FC"},
    "ReferCase": {"product": "relmacabtagene-autoleucel"},
}


@settings(max_examples=150, deadline=None)
@given(roads, st.data())
def test_a_replaced_entry_leaves_the_state_of_a_history_with_the_other(road: list[Step], data: st.DataObject) -> None:
    world, done = walk(road)
    numbers = [number for number, one in enumerate(done) if one.step.name in INSTEAD]
    assume(numbers)
    number = data.draw(st.sampled_from(numbers))
    instead = {**done[number].given, **INSTEAD[done[number].step.name]}
    before = list(world.events)
    verdict = correct(world, done[number], "replace", instead)
    event(f"{done[number].step.name}: {' '.join(w.codes(verdict)) or 'replaced'}")
    if verdict is None or isinstance(verdict, Refusal):
        assert world.events == before
        return
    assert state(world.case, world.now) == state(again(done, world.now, number, instead).case, world.now)


def test_the_law_can_fail() -> None:
    world, done = walk(list(GOOD))
    other = again(done, world.now, next(number for number, one in enumerate(done) if one.step is VISIT))
    assert state(world.case, world.now) != state(other.case, world.now)


def test_what_rests_on_an_entry_is_named_newest_first() -> None:
    world, done = walk(list(GOOD))
    infusion = next(one for one in done if one.step.name == "Infuse")
    verdict = correct(world, infusion, "void")
    assert isinstance(verdict, Refusal)
    named = next(reason.values["event_ids"] for reason in verdict.reasons if reason.code == "correction.depends")
    kinds = [type(next(item.event for item in world.events if item.event_id == name)) for name in named]
    assert kinds[:3] == [ev.FollowUpVisited, ev.FollowUpVisited, ev.FollowUpScheduled] and ev.DrugGiven not in kinds
