"""Readings of many threads are noted in few transactions: each stands when its call returns, in its own request's name, and one that fails fails alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

import databases
from baybridge.consent.reading import Ground
from baybridge.journey.command import Actor, Role
from baybridge.ledger import log
from baybridge.node import asking, tables
from baybridge.node.integrity import readings
from baybridge.node.integrity.finding import DIFFERS, MISSING
from baybridge.node.node import Node, open_node
from baybridge.node.outage import StorageProblem
from baybridge.node.people import reads
from baybridge.node.together import Together
from baybridge.node.unit import Unit
from baybridge.node.upkeep.founding import found

MANY = 40
ACTOR = Actor("somebody", Role.PHYSICIAN, "Hospital")


@pytest.fixture(params=databases.KINDS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    profile = {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]}
    found(tmp_path / "hk", profile, databases.url_of(request.param, tmp_path))
    node = open_node(tmp_path / "hk")
    yield node
    node.storage.close()


def noted(node: Node) -> list[str]:
    with node.storage.reading() as connection:
        return list(connection.execute(select(tables.record_read.c.patient_id)).scalars())


def test_every_reading_stands_when_its_call_returns_and_in_its_requests_name(node: Node) -> None:
    def read(number: int) -> bool:
        asking.REQUEST.set(f"request-{number}")
        node.record_access(ACTOR, f"p{number}", "read Observation", "care")
        return f"p{number}" in noted(node)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(read, range(MANY)))
    assert sorted(noted(node)) == sorted(f"p{number}" for number in range(MANY))
    with node.storage.reading() as connection:
        for number in range(MANY):
            mine = asking.entries(connection, f"request-{number}")
            assert [one.entry.subject for one in mine] == [node.pseudonym(f"p{number}")]
        assert len(log.entries_of(connection, node.pseudonym("p0"), "access")) == 1


def test_readings_of_one_moment_that_say_the_same_are_each_found_in_the_log(node: Node) -> None:
    def twenty(unit: Unit) -> None:
        for _ in range(20):
            reads.note(unit, ACTOR, "p", "", "read Observation", "care", Ground.RELATION)

    Together(node.unit).do(twenty)
    with node.storage.reading() as connection:
        assert list(readings.findings(connection, node.pseudonym, 0)) == []
    with node.unit() as unit:
        first = unit.connection.execute(select(tables.record_read.c.read_id).order_by(tables.record_read.c.read_id)).scalars().first()
        unit.connection.execute(update(tables.record_read).where(tables.record_read.c.read_id == first).values(ground="own"))
    with node.storage.reading() as connection:
        assert [one.kind for one in readings.findings(connection, node.pseudonym, 0)] == [DIFFERS]
    with node.unit() as unit:
        unit.connection.execute(delete(tables.record_read).where(tables.record_read.c.read_id == first))
    with node.storage.reading() as connection:
        assert [one.kind for one in readings.findings(connection, node.pseudonym, 0)] == [MISSING]


def test_those_that_come_meanwhile_go_in_one_transaction(node: Node) -> None:
    begun, go_on, units = threading.Event(), threading.Event(), list[int]()

    @contextmanager
    def slow() -> Iterator[Unit]:
        with node.unit() as unit:
            units.append(1)
            if len(units) == 1:
                begun.set()
                assert go_on.wait(30)
            yield unit

    notes = Together(slow)
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(notes.do, lambda _unit: None)
        assert begun.wait(30)
        others = [pool.submit(notes.do, lambda _unit: None) for _ in range(10)]
        while len(notes._waiting) < len(others):
            threading.Event().wait(0.01)
        go_on.set()
        for one in (first, *others):
            one.result(30)
    assert len(units) == 2


def test_one_that_fails_fails_alone(node: Node) -> None:
    def fails(_unit: Unit) -> None:
        raise ZeroDivisionError

    def reads_one(unit: Unit) -> None:
        reads.note(unit, ACTOR, "good", "", "read Observation", "care", Ground.RELATION)

    blocked, free = threading.Event(), threading.Event()

    def blocks(_unit: Unit) -> None:
        blocked.set()
        assert free.wait(30)

    notes = Together(node.unit)
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(notes.do, blocks)
        assert blocked.wait(30)
        bad, good = pool.submit(notes.do, fails), pool.submit(notes.do, reads_one)
        while len(notes._waiting) < 2:
            threading.Event().wait(0.01)
        free.set()
        first.result(30)
        good.result(30)
        with pytest.raises(ZeroDivisionError):
            bad.result(30)
    assert noted(node) == ["good"]


def test_what_the_database_does_not_take_is_told_to_everybody(node: Node) -> None:
    @contextmanager
    def away() -> Iterator[Unit]:
        raise StorageProblem("away")
        yield  # a context manager

    def unit() -> AbstractContextManager[Unit]:
        return away()

    notes = Together(unit)
    with ThreadPoolExecutor(8) as pool:
        for one in [pool.submit(notes.do, lambda _unit: None) for _ in range(8)]:
            with pytest.raises(StorageProblem):
                one.result(30)
    assert noted(node) == []
