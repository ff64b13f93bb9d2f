"""Nobody lets bags out of quarantine alone: a receipt by which they are held is put right by two persons, one of them of quality."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import case_world as w
from acceptance.support import Clock
from baybridge.base.outcome import Refusal
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import ConfirmationAsked, ShipmentReceived
from baybridge.node.clock import new_id
from baybridge.node.commands.done import Done
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found

CASE, PLANT = "case-1", "Shanghai Plant"
PEOPLE = {"quality": Role.QUALITY, "quality-2": Role.QUALITY, "maker": Role.MANUFACTURER, "maker-2": Role.MANUFACTURER}


class Dock:
    """A plant at which collected cells arrive."""

    def __init__(self, folder: Path) -> None:
        found(folder, {"node": "sh", "organisation": PLANT, "jurisdiction": "CN", "city": "Shanghai", "kinds": ["plant"]})
        world, self.clock = w.collected().walk(w.SHIP_OUT), Clock()
        world.now += timedelta(hours=20)
        self.clock.moment = world.now + timedelta(minutes=5)
        self.given = w.RECEIVE_PLANT.input(world)
        self.node = Node(read_config(folder), now=self.clock)
        with self.node.unit() as unit:
            unit.append(CASE, [item.event for item in world.events], Actor("test", Role.SYSTEM, PLANT), known=0)
        with self.node.storage.writing() as connection:
            for account, role in PEOPLE.items():
                accounts.add_account(connection, account=account, name=account, role=role, organisation=PLANT, password="three plain words")

    def give(self, account: str, name: str, given: dict[str, Any]) -> Done | Refusal:
        with self.node.storage.reading() as connection:
            actor = accounts.open_actor(connection, account, self.clock())
        assert actor is not None
        return handle(self.node, Command(name, CASE, given, actor, new_id()))

    def receive(self, **more: Any) -> str:
        done = self.give("maker", "ReceiveShipment", {**self.given, **more})
        assert isinstance(done, Done), done
        return next(item.event_id for item in done.events if isinstance(item.event, ShipmentReceived))

    def correct(self, account: str, entry: str, given: dict[str, Any] | None = None) -> Done | Refusal:
        told = {"event_id": entry, "action": "replace" if given else "void", "reason": "wrong-value", "given": given}
        return self.give(account, "CorrectEntry", told)

    @property
    def case(self) -> Case:
        case = self.node.case(CASE)
        assert case is not None
        return case


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Dock]:
    made = Dock(tmp_path / "sh")
    yield made
    made.node.storage.close()


def asked_of(done: Done | Refusal) -> ConfirmationAsked:
    assert isinstance(done, Done), done
    (asked,) = [item.event for item in done.events]
    assert isinstance(asked, ConfirmationAsked)
    return asked


@pytest.mark.parametrize("account", ["maker", "quality"])
@pytest.mark.parametrize("way", ["replaced", "struck through"])
def test_who_received_the_bags_lets_none_of_them_out_alone(dock: Dock, account: str, way: str) -> None:
    entry = dock.receive(seal_intact=False)
    held = dock.case.quarantined
    assert held
    asked_of(dock.correct(account, entry, {**dock.given, "seal_intact": True} if way == "replaced" else None))
    assert dock.case.quarantined == held


def test_of_the_two_one_is_of_quality(dock: Dock) -> None:
    entry = dock.receive(seal_intact=False)
    asked = asked_of(dock.correct("maker", entry, {**dock.given, "seal_intact": True}))
    answer = {"confirmation_id": asked.confirmation_id, "agrees": True}
    assert isinstance(dock.give("maker-2", "ConfirmEntry", answer), Refusal)
    assert dock.case.quarantined
    assert isinstance(dock.give("quality", "ConfirmEntry", answer), Done)
    assert not dock.case.quarantined


def test_what_is_in_no_quarantine_is_put_right_by_one(dock: Dock) -> None:
    entry = dock.receive()
    done = dock.correct("maker", entry, {**dock.given, "warmest_c": 6.0})
    assert isinstance(done, Done)
    assert not [item.event for item in done.events if isinstance(item.event, ConfirmationAsked)]
    held = dock.correct("maker", next(e.origin.event_id for e in dock.case.of(ShipmentReceived)), {**dock.given, "seal_intact": False})
    assert isinstance(held, Done)
    assert dock.case.quarantined, "into quarantine goes what one person finds"
