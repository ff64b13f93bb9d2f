"""An emergency stands for the consent to care for a day, and for nothing else; afterwards the patient's own is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import case_world as w
from baybridge.base.outcome import Refusal
from baybridge.consent.emergency import in_force
from baybridge.consent.grants import consents_for
from baybridge.documents.pathway import Pathway
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.journey.corrections.resting import rests_on
from baybridge.journey.pathway import tasks
from baybridge.node.commands.table import COMMANDS
from case_world import SITES, Step, World, codes

SAID = {"reason": "intubated, nobody to be asked", "presumed_will": "signed up for this therapy", "note": "withdrew before the plan changed"}
RECORD = Step("RecordEmergency", "hk", Role.PHYSICIAN, 0, SAID)
COLLECT = replace(w.COLLECT, hours=0).but(unusual=True)  # days before the slot: what is asked about there is not what these are about
MISSING = "supply.collect.no_care_consent"


def withdrawn(world: World) -> World:
    world.record("mo", ev.ConsentWithdrawn(consent_id=world.case.consents[0].consent_id, withdrawn_on=world.now.date()))
    return world


def to_collection() -> World:
    world = World().walk(*w.TO_COLLECTION)
    world.recognise_markers()
    return withdrawn(world)


def open_steps(world: World, node: str = "hk") -> dict[str, Any]:
    found = tasks(world.situation(node, Role.PHYSICIAN).documents.pathway, world.case, world.facts, world.now, SITES[node])
    return {task.step: task for task in found}


def test_collection_waits_for_consent_or_an_emergency_and_not_longer_than_a_day() -> None:
    world = to_collection()
    assert codes(world.judge(COLLECT)) == [MISSING]
    world.walk(RECORD)
    assert codes(world.judge(COLLECT)) == []
    world.now += timedelta(hours=24, minutes=-1)
    assert MISSING not in codes(world.judge(COLLECT))
    world.now += timedelta(minutes=1)
    assert MISSING in codes(world.judge(COLLECT))


def test_it_stands_at_the_node_where_it_was_signed_and_for_no_transfer() -> None:
    world = to_collection().walk(RECORD)
    told = tuple(as_told(entry) for entry in world.case.history)
    assert in_force(world.case, world.now) is not None
    assert in_force(replace(world.case, entries=told, history=told), world.now) is None
    assert consents_for(world.case, "hk", "CARE_REFERRAL", world.now.date()).care is False


def as_told(entry: Any) -> Any:
    return replace(entry, origin=replace(entry.origin, package_id="package-1"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"reason": " "}, ["consent.emergency.no_reason"]),
        ({"presumed_will": ""}, ["consent.emergency.no_will"]),
        ({"note": ""}, ["consent.emergency.withdrawn"]),
        ({"reason": "", "presumed_will": "", "note": ""}, ["consent.emergency.no_reason", "consent.emergency.no_will", "consent.emergency.withdrawn"]),
    ],
)
def test_every_reason_is_said(changes: dict[str, str], expected: list[str]) -> None:
    assert codes(to_collection().judge(RECORD.but(**changes))) == expected


def test_none_is_signed_while_consent_or_another_emergency_stands() -> None:
    assert codes(World().walk(*w.TO_COLLECTION).judge(RECORD)) == ["consent.emergency.consented"]
    world = to_collection().walk(RECORD)
    assert codes(world.judge(RECORD)) == ["consent.emergency.already"]
    world.now += timedelta(hours=24)
    assert not isinstance(world.judge(RECORD), Refusal)


def test_two_physicians_sign() -> None:
    second = COMMANDS["RecordEmergency"].second
    world = to_collection()
    assert second is not None
    situation = world.situation("hk", Role.PHYSICIAN)
    assert second.when(situation, None)
    assert second.who(COMMANDS["RecordEmergency"], situation, None) == {Role.PHYSICIAN}


def test_consent_is_asked_for_and_turns_red_after_a_day() -> None:
    world = to_collection().walk(RECORD)
    task = open_steps(world)["consent_after_emergency"]
    assert (task.level, task.due_at, task.commands) == ("plan", world.now + timedelta(hours=24), ("RecordConsent",))
    world.now += timedelta(hours=25)
    assert open_steps(world)["consent_after_emergency"].level == "red"
    world.walk(w.CONSENT.at("hk"))
    assert "consent_after_emergency" not in open_steps(world)
    assert not world.case.consent_overdue


def test_what_was_done_in_the_emergency_rests_on_it_and_what_was_consented_to_does_not() -> None:
    world = to_collection().walk(RECORD)
    emergency = world.case.emergency
    assert emergency is not None
    world.walk(COLLECT)
    resting = rests_on(world.case, [emergency.origin.event_id], SITES["hk"].zone)
    assert ev.CellsCollected in {type(entry.event) for entry in resting}
    consented = to_collection().walk(RECORD, w.CONSENT.at("hk"), COLLECT)
    emergency = consented.case.emergency
    assert emergency is not None
    assert rests_on(consented.case, [emergency.origin.event_id], SITES["hk"].zone) == ()


def test_the_step_of_the_pathway_is_red_when_late() -> None:
    pathway: Pathway = World().situation("hk", Role.PHYSICIAN).documents.pathway
    step = next(step for step in pathway.steps if step.step == "consent_after_emergency")
    assert (step.late_level, step.site) == ("red", "any")
