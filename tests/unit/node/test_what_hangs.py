"""What never ends holds up neither a call nor its escalation: a neighbour that never answers, a screening, a message on its way out of the building.

Lanes of consequences have threads of their own.
"""

from __future__ import annotations

import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from acceptance.support import World
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.options import screening
from baybridge.node.upkeep.worker import Worker
from baybridge.node.watch import leaving

_PATIENCE = 120.0  # the test fails where nothing comes, never because it comes slowly


class Hangs:
    """A line on which the other side never answers, until it is let go."""

    def __init__(self) -> None:
        self.entered, self.let_go = threading.Event(), threading.Event()

    def __call__(self, *_asked: Any) -> tuple[int, bytes]:
        self.entered.set()
        self.let_go.wait()
        raise ConnectionError("never answered")


def eventually(holds: Callable[[], object]) -> bool:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A patient of Macao who was infused in Hong Kong the day before."""
    made = World.new(tmp_path)
    made.refer()
    made.accept()
    with made.nodes["hk"].unit() as unit:
        at = unit.at - timedelta(hours=30)
        infused = ev.Infused(product="x", batch="b", bag="g", chain_of_identity="c", started_at=at, ended_at=at, entire_volume=True)
        unit.append(made.case_id, [infused], made.actor("hk", Role.NURSE), known=len(unit.events(made.case_id)))
    return made


def test_a_neighbour_that_hangs_delays_neither_a_call_nor_its_escalation(world: World) -> None:
    line = Hangs()
    world.nodes["hk"].transport = line
    with working(world, line):
        assert eventually(line.entered.is_set), "the worker asks its neighbours"
        calls_and_climbs(world, line)


def test_a_screening_that_hangs_delays_neither_a_call_nor_its_escalation(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Hangs()
    monkeypatch.setattr(screening, "catch_up", line)
    with working(world, line):
        assert eventually(line.entered.is_set), "the worker screens"
        calls_and_climbs(world, line)


def test_a_message_that_hangs_on_its_way_out_delays_neither_the_next_call_nor_its_escalation(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Hangs()
    monkeypatch.setattr(leaving, "adapter", lambda _node: types.SimpleNamespace(channel="file", send=line))
    with working(world, line):
        calls_and_climbs(world, line, before_it_climbs=lambda: eventually(line.entered.is_set))
        world.do("hk", Role.PHYSICIAN, "CloseCall", reason="resolved", signs_stand=True, note="invented")
        see(world, "s-2", 79)
        assert eventually(lambda: len(world.events("hk", ev.RapidResponseCalled)) == 2), "the next call waits for no message"
        assert not line.let_go.is_set()


@contextmanager
def working(world: World, line: Hangs) -> Iterator[None]:
    """The worker of Hong Kong runs; what hangs is let go at the end."""
    worker = Worker(world.nodes["hk"])
    worker.start()
    try:
        yield
    finally:
        line.let_go.set()
        worker.stop()


def calls_and_climbs(world: World, line: Hangs, before_it_climbs: Callable[[], object] = lambda: True) -> None:
    """A saturation of 80 % comes in: it calls, and unanswered it climbs, while the line hangs."""
    see(world, "s-1", 80)
    assert eventually(lambda: world.events("hk", ev.RapidResponseCalled)), "the call waits for nobody"
    assert before_it_climbs()
    world.clock.moment += timedelta(minutes=6)
    assert eventually(lambda: [one.step for one in world.events("hk", ev.CallEscalated)] == ["next"]), "nor does its escalation"
    assert not line.let_go.is_set()


def see(world: World, name: str, percent: int) -> None:
    """An oxygen saturation comes through FHIR."""
    seen = {
        "resourceType": "Observation", "id": name, "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "59408-5"}]},
        "subject": {"reference": f"Patient/{world.case('hk').patient_id}"}, "effectiveDateTime": world.clock().isoformat(),
        "valueQuantity": {"value": percent, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
    }  # fmt: skip
    write(world.nodes["hk"], world.actor("hk", Role.NURSE), [Interaction("PUT", "Observation", name, seen)])
