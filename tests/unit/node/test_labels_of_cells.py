"""A label of cells belongs to one case of a node: own ones and told ones count, voided ones are free, and a neighbour cannot put it on another patient's cells."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import case_world as w
from baybridge.journey import events as ev
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import Recorded
from baybridge.journey.labels import Label, labels, labels_in
from baybridge.node.node import Node, open_node
from baybridge.node.upkeep.founding import found
from baybridge.node.upkeep.labels import elsewhere
from unit.node.test_held_slots import package

ASKED = labels("bag", ["BAG-1 ", "product-1", "bag-9"]) | labels("batch", ["batch-1"])


@pytest.fixture
def node(tmp_path: Path) -> Any:
    found(tmp_path / "sh", {"node": "sh", "organisation": "Shanghai Plant", "jurisdiction": "CN", "city": "Shanghai", "kinds": ["plant"]})
    made = open_node(tmp_path / "sh", now=lambda: w.START + timedelta(days=90))
    yield made
    made.storage.close()


def stands(node: Node, case_id: str, *events: Any) -> None:
    with node.unit() as unit:
        unit.append(case_id, list(events), Actor("test", Role.SYSTEM, node.site.organisation), known=len(unit.events(case_id)))


def taken(node: Node, case_id: str = "mine") -> frozenset[Label]:
    with node.storage.reading() as connection:
        return elsewhere(connection, case_id, ASKED)


def test_labels_of_another_case_are_found_however_they_are_written_and_own_ones_are_not(node: Node) -> None:
    world = w.released()
    stands(node, "other", *(item.event for item in world.events))
    assert taken(node) == ASKED - labels("bag", ["bag-9"])
    assert taken(node, "other") == frozenset()
    assert world.chain().casefold() in {label.text for label in labels_in(world.case) if label.kind == "chain"}


def test_labels_that_a_neighbour_told_count_as_own_ones(node: Node) -> None:
    stands(node, "told", package(w.released()))
    assert taken(node) == ASKED - labels("bag", ["bag-9"])


def test_label_of_an_entry_that_was_voided_is_free(node: Node) -> None:
    collected = ev.CellsCollected(chain_of_identity="c", bags=("bag-9",), started_at=w.START, ended_at=w.START, volume_ml=100)
    stands(node, "other", collected)
    assert taken(node) == labels("bag", ["bag-9"])
    with node.unit() as unit:
        (entry,) = unit.events("other")
    assert isinstance(entry, Recorded)
    stands(node, "other", ev.EntryCorrected(event_id=entry.event_id, action="void", reason="wrong-patient", note="labelled twice"))
    assert taken(node) == frozenset()


def test_label_that_is_a_part_of_another_is_not_it(node: Node) -> None:
    stands(node, "other", ev.CellsCollected(chain_of_identity="c", bags=("bag-90", "a bag-9"), started_at=w.START, ended_at=w.START, volume_ml=100))
    assert taken(node) == frozenset()


def test_no_word_of_the_other_case_is_told() -> None:
    world = w.before_collection()
    world.elsewhere = labels("bag", ["bag-1"])
    (reason,) = world.judge(w.COLLECT.but(started_at=(world.now - timedelta(hours=4)).isoformat(), unusual=True)).reasons
    assert dict(reason.values) == {"labels": "bag-1"}
    assert msgspec.to_builtins(reason.where) == "bags"
