"""The courier between two sites: named by the giver, confirmed by a code, and the seal that left against the seal that came."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

import case_world as w
from baybridge.journey import events as ev
from baybridge.journey.case import fold
from baybridge.journey.command import Role
from baybridge.journey.events import Signature
from baybridge.node.commands.table import COMMANDS
from baybridge.node.upkeep.attention import attention
from case_world import SITES, Step, World, codes

NAMED = {"courier": "Driver 4", "waybill": "W-1", "seal": "S-100"}


def last(world: World) -> str:
    return world.case.shipments[-1].shipment_id


HAND = Step("HandToCourier", "hk", Role.COORDINATOR, 0.1, lambda w_: {**NAMED, "shipment_id": last(w_), "handed_at": w_.now.isoformat()})
CONFIRM = Step("ConfirmCourier", "hk", Role.COORDINATOR, 0.1, lambda w_: {"shipment_id": last(w_), "code": "12345678"})


def shipped() -> World:
    world = World().walk(*w.TO_COLLECTION)
    world.recognise_markers()
    return world.walk(w.COLLECT, w.SHIP_OUT)


def signed(world: World) -> World:
    """The dispatch carries the giver's signature, as a node writes it."""
    by = Signature(person="p-1", account="a", role="coordinator", meaning="handed_over", method="session", at=world.now, shown_sha256="0" * 64)
    world.events = [_signed(item, by) if isinstance(item.event, ev.ShipmentDispatched) else item for item in world.events]
    return world


def _signed(item: Any, by: Signature) -> Any:
    return msgspec.structs.replace(item, event=msgspec.structs.replace(item.event, signed_by=(by,)))


def steps(world: World, node: str = "hk") -> set[str]:
    return {task.step for task in attention(world.case, SITES[node])}


def test_giver_and_receiver_sign_each_at_the_own_node_and_nobody_types_a_name() -> None:
    assert (COMMANDS["Ship"].signed, COMMANDS["ReceiveShipment"].signed, COMMANDS["HandToCourier"].signed) == ("handed_over", "taken_over", "handed_over")


def test_a_courier_is_named_and_confirms_and_the_giver_is_asked_until_then() -> None:
    world = signed(shipped())
    assert "courier" in steps(world)
    world.walk(HAND)
    assert "courier" not in steps(world) and "courier_code" in steps(world)
    shipment = world.case.shipments[-1]
    assert shipment.courier is not None and shipment.confirmed is None
    world.walk(CONFIRM)
    assert world.case.shipments[-1].confirmed is not None
    assert not {"courier", "courier_code"} & steps(world)


def test_shipments_of_before_couriers_were_named_ask_nobody() -> None:
    assert "courier" not in steps(shipped())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (dict.fromkeys(NAMED, " "), ["supply.courier.no_courier", "supply.courier.no_seal", "supply.courier.no_waybill"]),
        ({"shipment_id": "other"}, ["supply.courier.not_from_here"]),
        ({"handed_at": "2030-01-01T00:00:00Z"}, ["journey.time.future"]),
        ({"handed_at": "2020-01-01T00:00:00Z"}, ["supply.courier.another_time"]),
        ({"handed_at": "2020-01-01T00:00:00Z", "unusual": True}, []),
    ],
)
def test_every_reason_against_naming(changes: dict[str, str], expected: list[str]) -> None:
    assert codes(shipped().judge(HAND.but(**changes))) == expected


@pytest.mark.parametrize("state", ["wrong", "over", "tries", "none"])
def test_a_code_that_is_not_right_confirms_nothing(state: Any) -> None:
    world = shipped().walk(HAND)
    world.code = state
    assert codes(world.judge(CONFIRM)) == [f"supply.courier.code_{state}"]


def test_nothing_is_confirmed_before_a_courier_is_named_nor_twice_nor_elsewhere() -> None:
    world = shipped()
    assert codes(world.judge(CONFIRM)) == ["supply.courier.unnamed"]
    world.walk(HAND, CONFIRM)
    assert codes(world.judge(CONFIRM)) == ["supply.courier.confirmed"]
    assert codes(world.judge(HAND)) == ["supply.courier.confirmed"]
    assert codes(world.judge(CONFIRM.at("sh").by(Role.MANUFACTURER))) == ["supply.courier.not_from_here"]


def test_another_courier_confirms_anew() -> None:
    world = shipped().walk(HAND, HAND.but(courier="Driver 5"), CONFIRM)
    shipment = world.case.shipments[-1]
    assert shipment.courier is not None and shipment.courier.event.courier == "Driver 5"
    assert shipment.confirmed is not None
    early = shipped().walk(HAND, CONFIRM)
    early.record("hk", ev.CourierNamed(shipment_id=last(early), courier="Driver 6", waybill="W-2", seal="S-2", handed_at=early.now))
    early.events[-1] = replace_time(early)
    assert early.case.shipments[-1].confirmed is None, "the word of one courier is not that of another"


def replace_time(world: World) -> Any:

    return msgspec.structs.replace(world.events[-1], recorded_at=world.now + timedelta(minutes=1))


def test_another_seal_than_it_left_under_keeps_the_bags_in_quarantine() -> None:
    world = shipped().walk(HAND, CONFIRM)
    (received,) = world.judge(w.RECEIVE_PLANT.but(seal="s 100"))
    assert "seal_other" not in received.findings
    (received,) = world.judge(w.RECEIVE_PLANT.but(seal="S-101"))
    assert "seal_other" in received.findings and received.disposition == "quarantined"


@pytest.mark.parametrize("read", ["", "  "])
def test_a_seal_that_nobody_read_is_asked_for_and_keeps_the_bags_in_quarantine(read: str) -> None:
    world = shipped().walk(HAND, CONFIRM)
    assert codes(world.judge(w.RECEIVE_PLANT.but(seal=read))) == ["supply.receive.seal_unread"]
    (received,) = world.judge(w.RECEIVE_PLANT.but(seal=read, unusual=True))
    assert ("seal_unread" in received.findings, received.disposition) == (True, "quarantined")
    (without,) = shipped().judge(w.RECEIVE_PLANT.but(seal=read))
    assert without.disposition == "accepted", "where no courier was named no seal is known"


def test_a_seal_that_nobody_read_before_the_courier_was_told_is_asked_of_quality() -> None:
    world = shipped().walk(w.RECEIVE_PLANT)
    assert "seal_unread" not in steps(world, "sh")
    world.record("hk", ev.CourierNamed(shipment_id=last(world), courier="Driver 4", waybill="W-1", seal="S-100", handed_at=world.now))
    assert "seal_unread" in steps(world, "sh")
    assert "seal_unread" not in steps(world, "hk")


@pytest.mark.parametrize("step", [w.COLLECT, w.START_BATCH, w.RELEASE])
def test_the_chain_of_identity_is_no_label_of_a_bag_or_batch(step: Step) -> None:
    worlds = {"Collect": lambda: World().walk(*w.TO_COLLECTION), "StartManufacture": w.at_plant, "Release": lambda: w.at_plant().walk(w.START_BATCH, w.TEST)}
    world = worlds[step.name]()
    world.recognise_markers() if step.name == "Collect" else None
    chain = world.chain()
    typed = {"Collect": {"bags": [chain.lower(), "bag-2"]}, "StartManufacture": {"batch": chain}, "Release": {"bags": [f" {chain}"]}}[step.name]
    expected = "journey.label.batch_is_chain" if step.name == "StartManufacture" else "journey.label.bag_is_chain"
    assert expected in codes(world.judge(step.but(**typed)))


def test_the_courier_may_be_told_after_the_receipt_and_the_seal_is_compared_all_the_same() -> None:
    world = shipped().walk(HAND, CONFIRM)
    hand, confirm = world.events[-2:]
    world.events = world.events[:-2]
    world.do(w.RECEIVE_PLANT.but(seal="S-101"))
    rest = world.events[:]
    for order in itertools.permutations([hand, confirm]):
        late = replace(world, events=[*rest, *order])
        (shipment,) = late.case.shipments
        assert shipment.other_seal and shipment.confirmed is not None
        assert "seal_other" in {task.step for task in attention(fold(late.events), SITES["sh"])}
