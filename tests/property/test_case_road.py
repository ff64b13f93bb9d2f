"""Whatever people do in whatever order: no infusion without release, receipt and check; the same history is the same case."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

import case_world as w
from baybridge.base.outcome import Refusal
from baybridge.base.time import CHINA
from baybridge.journey import events as ev
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Role
from baybridge.journey.conflicts import conflicts_of
from baybridge.journey.events import PackageReceived, Recorded, Told
from baybridge.journey.pathway import tasks
from baybridge.journey.stages import stage_of
from case_world import Step, World

DEATH = Step("RecordDeath", "hk", Role.PHYSICIAN, 1, lambda world: {"died_on": world.now.astimezone(CHINA).date().isoformat()})
RESOLVE = Step("ResolveQuarantine", "hk", Role.QUALITY, 1, {"bags": ["product-1"], "decision": "use", "basis": "maker"})
GOOD = (*w.TO_COLLECTION, *w.TO_PLANT, *w.AT_PLANT, *w.BACK, *w.TREATMENT)

SPOILED = (
    w.RECEIVE_CENTRE.but(warmest_c=-100.0, minutes_outside=90),
    w.RECEIVE_CENTRE.but(bags=["stranger"], quarantine=True),
    w.RECEIVE_PLANT.but(warmest_c=20.0, minutes_outside=300),
    w.TEST.but(results=w.results(viability="30")),
    w.TEST.but(results=w.results(sterility_negative=None)),
    w.CHECK.but(bag="bag-1"),
    w.INFUSE.but(bag="bag-1"),
    w.LYMPHODEPLETE,
    w.EXCEPTION.but(gate="lymphodepletion", codes=["gate.lymphodepletion.not_received"]),
    w.RESERVE_DRUGS.but(doses=0),
    RESOLVE,
    RESOLVE.but(decision="discard"),
    DEATH,
)

#: Mostly the good road with steps left out, repeated, swapped or spoiled; sometimes any order at all.
roads = st.one_of(
    st.lists(st.sampled_from((*GOOD, *SPOILED)), max_size=30),
    st.tuples(
        st.sets(st.integers(0, len(GOOD) - 1), max_size=3),
        st.lists(st.tuples(st.integers(0, len(GOOD)), st.sampled_from(SPOILED)), max_size=3),
    ).map(lambda drawn: spoil(*drawn)),
)


def spoil(left_out: set[int], inserted: list[tuple[int, Step]]) -> list[Step]:
    road = [step for place, step in enumerate(GOOD) if place not in left_out]
    for place, step in inserted:
        road.insert(min(place, len(road)), step)
    return road


def walk(road: list[Step], markers: bool = True) -> World:
    world = World()
    for step in road:
        if step.name == "Collect" and markers:
            world.recognise_markers()
        world.do(step)
    return world


def infusion_is_safe(case: Case) -> bool:
    return all(
        (batch := case.batch_of_bag(entry.event.bag)) is not None
        and batch.released is not None
        and batch.rejected is None
        and batch.released.event.expires_at > entry.event.ended_at
        and entry.event.bag in case.bags_at_centre
        and any(check.event.bag == entry.event.bag and check.event.checked_at <= entry.event.started_at for check in case.bedside_checks)
        and case.lymphodepletion is not None
        and case.did(ev.LymphodepletionCompleted)
        for entry in case.infusions
    )


@settings(max_examples=120, deadline=None)
@given(roads)
def test_no_road_leads_to_an_infusion_without_release_receipt_and_check(road: list[Step]) -> None:
    assert infusion_is_safe(walk(road).case)


def test_the_property_can_fail() -> None:
    world = w.at_plant()
    moment = world.now
    world.record(
        "hk",
        ev.Infused(product="x", batch="b", bag="bag-1", chain_of_identity="c", started_at=moment, ended_at=moment, entire_volume=True),
    )
    assert not infusion_is_safe(world.case)


@settings(max_examples=60, deadline=None)
@given(roads)
def test_a_refusal_changes_nothing_and_says_why(road: list[Step]) -> None:
    world = World()
    for step in road:
        before = list(world.events)
        verdict = world.do(step)
        if isinstance(verdict, Refusal):
            assert verdict.reasons
            assert world.events == before
            assert all("." in reason.code for reason in verdict.reasons)


@settings(max_examples=60, deadline=None)
@given(roads)
def test_the_same_history_is_the_same_case(road: list[Step]) -> None:
    events = walk(road).events
    assert state(fold(events)) == state(fold(list(events)))
    assert fold(events) == fold(events)


def tell(recorded: Recorded) -> Told:
    return Told(
        event_id=recorded.event_id,
        node=recorded.node,
        at=recorded.at,
        recorded_at=recorded.recorded_at,
        actor=recorded.actor,
        role=recorded.role,
        event=msgspec.to_builtins(recorded.event),
    )


def package(told: list[Told], number: int, at: Any) -> Recorded:
    event = PackageReceived(
        package_id=f"p{number}", from_node="hk", purpose="CARE_REFERRAL", route="R9", content_sha256="0", resources=0, told=tuple(told)
    )
    return Recorded(
        event_id=f"package-{number}",
        case_id="case-1",
        sequence=1000 + number,
        at=at,
        recorded_at=at,
        node="mo",
        organisation="Macao Hospital",
        actor="node",
        role="node",
        event=event,
    )


@settings(max_examples=60, deadline=None)
@given(roads, st.data())
def test_told_twice_is_told_once(road: list[Step], data: st.DataObject) -> None:
    """A node that is told of a history in one package, or in many that repeat each other, knows the same case."""
    world = walk(road)
    told = [tell(recorded) for recorded in world.events]
    split = data.draw(st.integers(0, len(told)))
    again = data.draw(st.lists(st.sampled_from(told[:split]), max_size=10)) if split else []
    once = fold([package(told, 1, world.now)])
    many = fold([package(told[:split], 1, world.now), package([*again, *told], 2, world.now), package(told, 3, world.now)])
    assert state(once) == state(many)


@settings(max_examples=60, deadline=None)
@given(roads.filter(lambda road: bool(walk(road).events)))
def test_what_comes_back_to_its_teller_changes_nothing(road: list[Step]) -> None:
    world = walk(road)
    echoed = [*world.events, package([tell(recorded) for recorded in world.events], 1, world.now)]
    assert state(fold(echoed)) == state(fold(world.events))


def state(case: Case) -> tuple[Any, ...]:
    """What pages and rules see of a case."""
    return (
        stage_of(case),
        case.patient_id,
        case.product,
        case.treating_node,
        case.chain_of_identity,
        case.quarantined,
        case.bags_at_centre,
        case.infused_at,
        [batch.batch for batch in case.batches],
        [shipment.shipment_id for shipment in case.shipments],
        [consent.consent_id for consent in case.consents],
        case.died_on,
        conflicts_of(case),
    )


AFTER_DEATH = {"death_tell", "death_settle", "death_shipment", "quarantine", "final_result", "malignancy_tell", "malignancy_test"}


@settings(max_examples=60, deadline=None)
@given(roads, st.integers(0, 4000))
def test_after_death_only_its_own_tasks_are_open(road: list[Step], days: int) -> None:
    world = walk([*road, DEATH] if road else [w.OPEN, DEATH])
    pathway = w.documents().typed.pathway
    for site in w.SITES.values():
        open_now = tasks(pathway, world.case, {}, world.now + timedelta(days=days), site)
        assert {task.step for task in open_now} <= AFTER_DEATH


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60 * 365))
def test_while_the_patient_lives_a_visit_is_always_due(days: int) -> None:
    world = _infused()
    pathway = w.documents().typed.pathway
    found = tasks(pathway, world.case, {}, world.now + timedelta(days=days), w.SITES["hk"])
    assert [task.step for task in found].count("visit") == 1


_KEPT: list[World] = []


def _infused() -> World:
    if not _KEPT:
        _KEPT.append(w.infused())
    return _KEPT[0]


@settings(max_examples=60, deadline=None)
@given(roads, st.integers(0, 400))
def test_tasks_are_a_function_of_case_and_time(road: list[Step], days: int) -> None:
    world = walk(road)
    pathway = w.documents().typed.pathway
    now = world.now + timedelta(days=days)
    for site in w.SITES.values():
        once = tasks(pathway, world.case, world.facts, now, site)
        assert once == tasks(pathway, fold(world.events), world.facts, now, site)
        assert len({task.key for task in once}) == len(once)
