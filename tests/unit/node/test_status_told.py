"""What happened at another node is told under the patient's own consent to it, or is said not to be told; it never reads as nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from acceptance.support import PURPOSES, Refused, World
from baybridge.app import application
from baybridge.base.time import CHINA
from baybridge.journey.command import Role
from baybridge.journey.events import StatusStep, StatusTold, TransferAllowed, TransferRefused
from baybridge.journey.held import Stage
from baybridge.journey.status import elsewhere_of, stage_shown, still_ahead
from baybridge.node.clock import new_id
from baybridge.node.people import accounts
from told_status import STATUS, consents, reserve


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.new(tmp_path)


def told(world: World, node: str) -> list[StatusTold]:
    return [entry.event for entry in world.case(node).of(StatusTold) if entry.origin.told]


def test_the_home_hospital_is_told_what_happens_elsewhere(world: World) -> None:
    consents(world, status=True)
    world.deliver("hk")
    day = reserve(world)
    world.deliver("hk")
    (hong_kong,) = (one for one in elsewhere_of(world.case("mo"), "mo", CHINA, world.clock().date()) if one.node == "hk")
    assert hong_kong.told_at is not None
    assert [step.stage for step in hong_kong.steps] == ["accepted", "slot_reserved", "collected"]
    assert (hong_kong.steps[-1].planned, hong_kong.steps[-1].done_on) == (True, day)
    assert stage_shown(world.case("mo"), "mo", CHINA) is Stage.SLOT_RESERVED
    assert {step.node for one in told(world, "mo") for step in one.steps} == {"hk"}  # what Macao said itself does not come back


def test_without_that_consent_nothing_is_told_and_the_page_says_so(world: World) -> None:
    consents(world, status=False)
    reserve(world)
    world.deliver("hk")
    (hong_kong,) = (one for one in elsewhere_of(world.case("mo"), "mo", CHINA, world.clock().date()) if one.node == "hk")
    assert (hong_kong.told_at, hong_kong.steps, told(world, "mo")) == (None, (), [])
    assert not [event for event in world.events("hk", TransferRefused) if event.purpose == STATUS]


def test_care_does_not_stand_for_the_consent_that_the_purpose_names(world: World) -> None:
    consents(world, status=False)
    with pytest.raises(Refused) as refused:
        world.do("hk", Role.COORDINATOR, "Transfer", to_node="mo", purpose=STATUS)
    assert refused.value.codes == ["exchange.code.DT-011"]


def test_what_else_stands_against_it_is_noted_once(world: World) -> None:
    consents(world, status=True, purposes=PURPOSES)
    reserve(world)
    noted = [event for event in world.events("hk", TransferRefused) if event.purpose == STATUS]
    assert [event.codes for event in noted] == [("DT-013",)]


def test_a_status_is_told_once_and_sent_by_hand_again(world: World) -> None:
    consents(world, status=True)
    sent = len([event for event in world.events("hk", TransferAllowed) if event.purpose == STATUS])
    world.do("hk", Role.COORDINATOR, "NotifyAuthority", authority="DSPDP", reference="test-2")
    assert len([event for event in world.events("hk", TransferAllowed) if event.purpose == STATUS]) == sent
    done = world.do("hk", Role.COORDINATOR, "Transfer", to_node="mo", purpose=STATUS)
    assert [type(item.event) for item in done.events] == [StatusTold, TransferAllowed]
    world.deliver("hk")
    assert told(world, "mo")[-1] == done.events[0].event


def test_a_withdrawn_consent_ends_it(world: World) -> None:
    consents(world, status=True)
    given = next(one for one in world.case("mo").consents if one.kind == "sharing_status")
    world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=given.consent_id)
    world.deliver("mo")
    before = len(world.events("hk", StatusTold))
    reserve(world)
    assert len(world.events("hk", StatusTold)) == before


def shown(world: World, node: str, role: Role, path: str) -> str:
    there, name = world.nodes[node], new_id(world.clock)
    patient = world.case(node).patient_id if role is Role.PATIENT else None
    with there.storage.writing() as connection:
        accounts.add_account(connection, account=name, name=name, role=role, organisation=there.site.organisation, password="", password_hash="-", patient_id=patient)
        token = accounts.open_session(connection, name, there.now()).token
    with TestClient(application(there, workers=False), base_url="http://127.0.0.1") as client:
        return client.get(f"/cases/{world.case_id}{path}?language=en", headers={"authorization": f"Bearer {token}"}).text


PAGES = [("mo", Role.COORDINATOR, ""), ("mo", Role.COORDINATOR, "/funding"), ("mo", Role.PATIENT, ""), ("hk", Role.COORDINATOR, "/funding")]


def test_what_was_told_before_the_consent_was_withdrawn_is_never_shown_as_what_holds_now(world: World) -> None:
    consents(world, status=True)
    reserve(world)
    world.deliver("hk")
    world.deliver("mo")
    for node, role, path in PAGES:
        page = shown(world, node, role, path)
        assert "not told since" not in page, (node, role, path)
    given = next(one for one in world.case("mo").consents if one.kind == "sharing_status")
    world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=given.consent_id)
    world.deliver("mo")
    for node, role, path in PAGES:
        page = shown(world, node, role, path)
        assert "; not told since" in page and "As told on " in page and "may be otherwise" in page, (node, role, path)
        assert ">Told on " not in page and "None yet, as they told us" not in page, (node, role, path)


def test_a_status_without_a_step_that_is_known_here_otherwise_is_old(world: World) -> None:
    consents(world, status=True)
    world.deliver("hk")
    case = world.case("mo")
    entries = tuple(
        replace(entry, event=msgspec.structs.replace(entry.event, steps=())) if isinstance(entry.event, StatusTold) and entry.origin.told else entry
        for entry in case.entries
    )
    (now,) = (one for one in elsewhere_of(case, "mo", CHINA, world.clock().date()) if one.node == "hk")
    (old,) = (one for one in elsewhere_of(replace(case, entries=entries), "mo", CHINA, world.clock().date()) if one.node == "hk")
    assert (now.stopped, old.stopped) == (False, True)


def test_a_status_holds_no_label_of_cells_and_no_result(world: World) -> None:
    consents(world, status=True)
    reserve(world)
    world.deliver("hk")
    chain = world.case("hk").chain_of_identity
    assert chain is not None and world.case("mo").chain_of_identity is None
    assert chain not in str(told(world, "mo"))


def test_what_was_planned_is_gone_once_it_is_told_as_done_and_a_later_plan_stays() -> None:
    def collected(day: int, *, planned: bool) -> StatusStep:
        return StatusStep(stage="collected", done_on=date(2026, 3, day), node="hk", planned=planned)

    first, done, again = collected(9, planned=True), collected(10, planned=False), collected(30, planned=True)
    assert still_ahead([first, done, again]) == [done, again]
    assert still_ahead([first]) == [first]
