"""A neighbour that takes a package and never answers holds up neither a call nor its escalation: lanes of consequences have threads of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from acceptance.support import World
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.upkeep.worker import Worker

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


def test_a_neighbour_that_hangs_delays_neither_a_call_nor_its_escalation(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.refer()
    world.accept()
    node, line = world.nodes["hk"], Hangs()
    with node.unit() as unit:
        at = unit.at - timedelta(hours=30)
        infused = ev.Infused(product="x", batch="b", bag="g", chain_of_identity="c", started_at=at, ended_at=at, entire_volume=True)
        unit.append(world.case_id, [infused], world.actor("hk", Role.NURSE), known=len(unit.events(world.case_id)))
    node.transport = line
    worker = Worker(node)
    worker.start()
    try:
        assert eventually(line.entered.is_set), "the worker asks its neighbours"
        seen = {
            "resourceType": "Observation", "id": "s-1", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "59408-5"}]},
            "subject": {"reference": f"Patient/{world.case('hk').patient_id}"}, "effectiveDateTime": world.clock().isoformat(),
            "valueQuantity": {"value": 80, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
        }  # fmt: skip
        write(node, world.actor("hk", Role.NURSE), [Interaction("PUT", "Observation", "s-1", seen)])
        assert eventually(lambda: world.events("hk", ev.RapidResponseCalled)), "the call waits for no neighbour"
        world.clock.moment += timedelta(minutes=6)
        assert eventually(lambda: [one.step for one in world.events("hk", ev.CallEscalated)] == ["next"]), "nor does its escalation"
        assert not line.let_go.is_set()
    finally:
        line.let_go.set()
        worker.stop()
