"""Slots of one day over the cases of a node: own ones and those that other nodes told of, each until its therapy event is over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec

import case_world as w
from baybridge.journey import events as ev
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import PackageReceived, Told
from baybridge.node.consequences import queue
from baybridge.node.consequences.row import Lane
from baybridge.node.node import open_node
from baybridge.node.upkeep.founding import found
from baybridge.node.upkeep.projections import project, task_rows
from baybridge.node.upkeep.slots import held_on


def test_a_slot_that_another_node_told_of_counts_as_an_own_one(tmp_path: Path) -> None:
    found(tmp_path / "sh", {"node": "sh", "organisation": "Shanghai Plant", "jurisdiction": "CN", "city": "Shanghai", "kinds": ["plant"]})
    world = w.World().walk(*w.REFERRAL, w.RESERVE)
    day = world.case.slot.event.collection_on
    node = open_node(tmp_path / "sh", now=lambda: world.now)
    system = Actor("test", Role.SYSTEM, node.site.organisation)
    dead = ev.Died(died_on=world.now.date(), cause="unknown")
    with node.unit() as unit:
        unit.append("own", [item.event for item in world.events], system, known=0)
        unit.append("over", [*(item.event for item in world.events), dead], system, known=0)
        unit.append("told", [package(world)], system, known=0)
        unit.append("other-day", [ev.SlotReserved(plant_node="sh", product="p", collection_on=day + timedelta(days=1), chain_of_identity="c")], system, known=0)
    with node.storage.reading() as connection:
        held = {(slot.case_id, slot.centre, slot.plant) for slot in held_on(connection, day)}
    node.storage.close()
    assert held == {("own", "sh", "sh"), ("told", "hk", "sh")}


def package(world: w.World) -> PackageReceived:
    """A package of the centre that tells of its slot."""
    told = tuple(
        Told(event_id=item.event_id, node=item.node, at=item.at, recorded_at=item.recorded_at, actor="", role=item.role, event=msgspec.to_builtins(item.event))
        for item in world.events
    )
    return PackageReceived(package_id="package-1", from_node="hk", purpose="COI_LOGISTICS", route="R0", content_sha256="0" * 64, resources=0, told=told)


ONE_A_DAY = """
id: organisations
organisations:
  - {id: sh, node: sh, kinds: [plant], name: "Plant", jurisdiction: CN, city: Shanghai, capacity: {starts_per_day: 1, source: "test", as_of: 2026-01-01}, source: "test"}
"""


def test_a_plant_with_more_slots_than_it_takes_is_told_at_every_case_of_the_day(tmp_path: Path) -> None:
    found(tmp_path / "sh", {"node": "sh", "organisation": "Shanghai Plant", "jurisdiction": "CN", "city": "Shanghai", "kinds": ["plant"]})
    (tmp_path / "sh" / "data" / "directory").mkdir(parents=True)
    (tmp_path / "sh" / "data" / "directory" / "organisations.yaml").write_text(ONE_A_DAY, encoding="utf-8")
    world = w.World().walk(*w.REFERRAL, w.RESERVE)
    node = open_node(tmp_path / "sh", now=lambda: world.now)
    system = Actor("test", Role.SYSTEM, node.site.organisation)

    def tasks(case: str) -> list[tuple[str, str]]:
        return [(str(row["role"]), str(row["level"])) for row in task_rows(node, case) if row["step"] == "overbooked"]

    def file(case: str) -> None:
        with node.unit() as unit:
            unit.append(case, [package(world)], system, known=0)
            project(unit, case)
        queue.drain(node, tuple(Lane))

    file("first")
    assert tasks("first") == []
    file("second")
    assert tasks("first") == tasks("second") == [("manufacturer", "red")]
    with node.unit() as unit:
        unit.append("second", [ev.Died(died_on=world.now.date(), cause="unknown")], system, known=1)
        project(unit, "second")
    queue.drain(node, tuple(Lane))
    assert tasks("first") == []
    node.storage.close()
