"""Writes of one moment in one transaction: no update lost, nothing done twice, one that is refused spoils no other, and a kill in the middle leaves nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import select

import databases
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import CaseOpened
from baybridge.ledger import log
from baybridge.node import tables
from baybridge.node.consequences import queue
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.fhir import interactions
from baybridge.node.fhir.interactions import Interaction
from baybridge.node.integrity import things
from baybridge.node.node import Node, open_node
from baybridge.node.outage import GivenUp, StorageProblem
from baybridge.node.steps import Walk
from baybridge.node.together import Together
from baybridge.node.unit import Unit
from baybridge.node.upkeep import projections
from baybridge.node.upkeep.founding import found
from baybridge.record.store import store
from baybridge.record.store.store import Version
from killing import killed

WRITERS, EACH = 8, 5
PHYSICIAN = Actor("somebody", Role.PHYSICIAN, "Hospital")


@pytest.fixture(params=databases.KINDS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    node = founded(tmp_path, request.param)
    yield node
    node.storage.close()


def founded(folder: Path, kind: str) -> Node:
    profile = {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]}
    found(folder / "hk", profile, databases.url_of(kind, folder))
    return open_node(folder / "hk")


def patient(name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "name": [{"family": "Chan"}], **more}


def observation(value: int, of: str = "p", **more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "2857-1"}]}
    number = {"value": value, "unit": "ng/mL", "system": "http://unitsofmeasure.org", "code": "ng/mL"}
    return {"resourceType": "Observation", "status": "final", "code": code, "subject": {"reference": f"Patient/{of}"}, "valueQuantity": number, **more}


def write(node: Node, *writes: Interaction) -> list[Version | None] | Refusal:
    return interactions.write(node, PHYSICIAN, writes)


def put(node: Node, resource: dict[str, Any], expected: int | None = None) -> list[Version | None] | Refusal:
    return write(node, Interaction("PUT", resource["resourceType"], resource["id"], resource, expected))


def current(node: Node, kind: str, logical_id: str) -> Version | None:
    with node.storage.reading() as connection:
        return store.get(connection, kind, logical_id)


def sound(node: Node) -> None:
    """The log holds one entry for each version, in the order in which the versions were filed, and its tree is whole."""
    with node.storage.reading() as connection:
        versions = list(store.every_version(connection))
        entries = [one.entry.what for one in log.entries_of_kind(connection, things.RECORD)]
        assert entries == [things.version_what(node.pseudonym, version) for version in versions]
        size, root = log.size_and_root(connection)
        assert size == len(list(log.entries(connection, 0, size)))
        assert root
        for position in range(size):
            assert log.proof(connection, position, size) is not None


class Held:
    """A piece of work that holds the turn of a node's writes, so that whatever comes meanwhile is one group."""

    def __init__(self, node: Node, pool: ThreadPoolExecutor) -> None:
        self.together, self.free, begun = node._writes, threading.Event(), threading.Event()

        def holds(_unit: Unit) -> None:
            begun.set()
            assert self.free.wait(60)

        self.first: Future[None] = pool.submit(node.write, holds)
        assert begun.wait(60)

    def until(self, waiting: int) -> None:
        """Let go once so many wait."""
        while len(self.together._waiting) < waiting:
            threading.Event().wait(0.005)
        self.free.set()
        self.first.result(60)


def at_one_moment(node: Node, works: list[Callable[[], Any]]) -> list[Any]:
    """What each answers, or raises, where all of them are carried out in one transaction."""
    with ThreadPoolExecutor(len(works) + 1) as pool:
        held = Held(node, pool)
        futures = []
        for place, work in enumerate(works, start=1):
            futures.append(pool.submit(work))
            while len(node._writes._waiting) < place:
                assert not futures[-1].done(), futures[-1].result()
                threading.Event().wait(0.005)
        held.until(len(works))
        return [future.exception(60) or future.result(60) for future in futures]


# --- no update lost, none done twice --------------------------------------------------------------------------------


def test_many_who_add_to_one_number_by_if_match_lose_nothing(node: Node) -> None:
    put(node, patient("p"))
    put(node, observation(0, id="o"))

    def adds(_writer: int) -> int:
        tries = 0
        for _ in range(EACH):
            while True:
                tries += 1
                held = current(node, "Observation", "o")
                assert held is not None
                value = int(held.resource["valueQuantity"]["value"])
                done = put(node, observation(value + 1, id="o"), held.number)
                if not isinstance(done, Refusal):
                    break
                assert [reason.code for reason in done.reasons] == ["record.version_conflict"]
        return tries

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(adds, range(WRITERS))) >= WRITERS * EACH
    last = current(node, "Observation", "o")
    assert last is not None
    assert (last.resource["valueQuantity"]["value"], last.number) == (WRITERS * EACH, WRITERS * EACH + 1)
    sound(node)


def test_of_those_who_replace_the_same_version_at_one_moment_the_first_does(node: Node) -> None:
    put(node, patient("p"))
    put(node, observation(0, id="o"))
    answers = at_one_moment(node, [lambda value=value: put(node, observation(value, id="o"), 1) for value in range(1, 7)])
    assert [isinstance(answer, Refusal) for answer in answers] == [False] + [True] * 5
    last = current(node, "Observation", "o")
    assert last is not None and (last.resource["valueQuantity"]["value"], last.number) == (1, 2)
    sound(node)


def test_a_condition_that_nothing_matches_yet_is_met_once(node: Node) -> None:
    identifier = {"identifier": [{"system": "urn:lab", "value": "7"}]}
    condition = (("identifier", "urn:lab|7"),)

    def creates() -> list[Version | None] | Refusal:
        return write(node, Interaction("POST", "Patient", "", {"resourceType": "Patient", **identifier}, None, condition))

    answers = at_one_moment(node, [creates] * 6)
    made = [answer[0] for answer in answers]
    assert [version.change for version in made] == ["created"] + ["unchanged"] * 5
    assert len({version.id for version in made}) == 1
    with node.storage.reading() as connection:
        assert len(store.patients(connection)) == 1
    sound(node)


def test_creates_of_many_threads_stand_once_each_in_the_order_of_the_log(node: Node) -> None:
    put(node, patient("p"))

    def creates(number: int) -> str:
        done = write(node, Interaction("POST", "Observation", "", observation(number)), Interaction("POST", "Observation", "", observation(number + 1000)))
        assert isinstance(done, list)
        for version in done:
            assert version is not None
            there = current(node, "Observation", version.id)  # it stands when it is answered
            assert there is not None and there.sha256 == version.sha256
        return str(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(creates, range(WRITERS * EACH)))
    with node.storage.reading() as connection:
        found = [int(version.resource["valueQuantity"]["value"]) for version in store.of_patient(connection, "Observation", "p")]
    assert sorted(found) == sorted([*range(WRITERS * EACH), *range(1000, 1000 + WRITERS * EACH)])
    sound(node)


def test_writes_that_go_together_and_commands_that_go_alone_take_turns(node: Node) -> None:
    put(node, patient("p"))

    def alone(number: int) -> None:
        with node.unit() as unit:
            unit.append(f"case-{number}", [CaseOpened(patient_id="p", residence="HK", synthetic=True)], node.system(), known=0)
            projections.project(unit, f"case-{number}")

    def beside(number: int) -> None:
        assert isinstance(write(node, Interaction("POST", "Observation", "", observation(number))), list)

    with ThreadPoolExecutor(WRITERS) as pool:
        for future in [pool.submit(work, number) for number in range(2 * EACH) for work in (alone, beside)]:
            future.result(60)
    with node.storage.reading() as connection:
        assert len(store.of_patient(connection, "Observation", "p")) == 2 * EACH
        assert connection.execute(select(tables.case_index.c.case_id)).all()
    sound(node)


# --- one alone ------------------------------------------------------------------------------------------------------


def test_what_one_wrote_before_it_was_refused_is_taken_back_and_the_others_stand_at_the_first_go(node: Node) -> None:
    runs: list[str] = []

    def files(name: str, problem: Exception | None = None) -> Callable[[Unit], str]:
        def work(unit: Unit) -> str:
            runs.append(name)
            interactions.log_versions(unit, PHYSICIAN, store.put_many(unit.connection, [patient(name)], at=unit.at))
            if problem is not None:
                raise problem
            return name

        return work

    works = [lambda work=work: node.write(work) for work in (files("a"), files("b", ZeroDivisionError()), files("c"), files("d", StorageProblem("full")), files("e"))]
    answers = at_one_moment(node, works)
    assert answers[0::2] == ["a", "c", "e"]
    assert [type(answer) for answer in answers[1::2]] == [ZeroDivisionError, StorageProblem]
    assert runs == ["a", "b", "c", "d", "e"]
    with node.storage.reading() as connection:
        assert store.patients(connection) == ["a", "c", "e"]
    sound(node)


def test_where_the_database_gives_the_transaction_up_nothing_stands_and_nobody_is_told_otherwise(node: Node) -> None:
    def files(unit: Unit) -> None:
        interactions.log_versions(unit, PHYSICIAN, store.put_many(unit.connection, [patient("a")], at=unit.at))

    def loses(unit: Unit) -> None:
        unit.connection.exec_driver_sql("ROLLBACK")  # as a database does that finds its disk full
        raise StorageProblem("full")

    answers = at_one_moment(node, [lambda: node.write(files), lambda: node.write(loses), lambda: node.write(files)])
    assert [(type(answer), answer.kind) for answer in answers] == [(GivenUp, "full")] * 3
    with node.storage.reading() as connection:
        assert store.patients(connection) == []
    put(node, patient("b"))
    sound(node)


def test_where_the_commit_fails_nobody_is_acknowledged(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = node.storage._end

    def fails(connection: Any, how: str) -> None:
        if how == "COMMIT":
            raise StorageProblem("full")
        ends(connection, how)

    with ThreadPoolExecutor(4) as pool:
        held = Held(node, pool)
        futures = [pool.submit(put, node, patient(name)) for name in ("a", "b")]
        while len(node._writes._waiting) < 2:
            threading.Event().wait(0.005)
        monkeypatch.setattr(node.storage, "_end", fails)
        held.free.set()
        for future in (held.first, *futures):
            with pytest.raises(StorageProblem):
                future.result(60)
    monkeypatch.undo()
    assert [current(node, "Patient", name) for name in ("a", "b")] == [None, None]
    put(node, patient("c"))
    sound(node)


# --- what follows ---------------------------------------------------------------------------------------------------


def with_case(node: Node) -> None:
    put(node, patient("p"))
    with node.unit() as unit:
        unit.append("case", [CaseOpened(patient_id="p", residence="HK", synthetic=True)], node.system(), known=0)
        projections.project(unit, "case")


def with_kind(node: Node, lane: Lane, do: Callable[..., object]) -> None:
    row = ConsequenceRow("of-a-test", lane, do, of_records="any")
    node.__dict__["consequence_kinds"] = MappingProxyType({**node.consequence_kinds, row.name: row})


def test_what_follows_from_several_is_done_once_with_them(node: Node) -> None:
    with_case(node)
    done: list[tuple[str, ...]] = []
    with_kind(node, Lane.CASE, lambda _node, _unit, consequence: done.append(consequence.resources))
    answers = at_one_moment(node, [lambda n=n: put(node, observation(n, id=f"o{n}")) for n in range(3)])
    assert not any(isinstance(answer, Refusal) for answer in answers)
    assert done == [("Observation/o0", "Observation/o1", "Observation/o2")]
    with node.storage.reading() as connection:
        assert queue.waiting(connection, kind="of-a-test") == []


def test_what_follows_and_fails_leaves_the_write_and_is_tried_again(node: Node) -> None:
    with_case(node)
    tries: list[Consequence] = []

    def fails(_node: Node, unit: Unit, consequence: Consequence) -> None:
        tries.append(consequence)
        store.put_many(unit.connection, [patient("by-mistake")], at=unit.at)
        raise ZeroDivisionError

    with_kind(node, Lane.CASE, fails)
    assert not isinstance(put(node, observation(1, id="o")), Refusal)
    assert len(tries) == 2  # with the write, and once more in a unit of its own
    assert current(node, "Patient", "by-mistake") is None
    with node.storage.reading() as connection:
        assert [(one.kind, one.attempts) for one in queue.waiting(connection, kind="of-a-test")] == [("of-a-test", 1)]
    sound(node)


def test_what_must_be_prepared_or_can_wait_is_queued(node: Node) -> None:
    with_case(node)
    done: list[str] = []
    with_kind(node, Lane.LATER, lambda *_given: done.append("later"))
    put(node, observation(1, id="o"))
    with node.storage.reading() as connection:
        assert len(queue.waiting(connection, kind="of-a-test")) == 1
    assert done == []


# --- killed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["write.log", "write.committed"])
def test_a_kill_in_the_middle_leaves_all_of_a_group_or_nothing_and_none_was_acknowledged(tmp_path: Path, step: str) -> None:
    founded(tmp_path, "sqlite").storage.close()
    told = tmp_path / "told"

    def work() -> None:
        node, units = open_node(tmp_path / "hk"), list[int]()

        def unit() -> AbstractContextManager[Unit]:
            units.append(1)
            node.step = Walk(step if len(units) == 2 else "").step  # the one that holds the turn goes by, the group behind it dies
            return node.unit(within=True)

        group, begun, free = Together(unit), threading.Event(), threading.Event()

        def holds(_unit: Unit) -> None:
            begun.set()
            assert free.wait(60)

        def files(number: int) -> Callable[[Unit], None]:
            return lambda unit: interactions.log_versions(unit, PHYSICIAN, store.put_many(unit.connection, [patient(f"p{number}")], at=unit.at))

        with ThreadPoolExecutor(WRITERS + 1) as pool:
            pool.submit(group.do, holds)
            assert begun.wait(60)
            for number in range(WRITERS):
                pool.submit(group.do, files(number)).add_done_callback(lambda _future: told.write_text("acknowledged"))
            while len(group._waiting) < WRITERS:
                threading.Event().wait(0.005)
            free.set()

    killed(work)
    node = open_node(tmp_path / "hk")
    with node.storage.reading() as connection:
        assert len(store.patients(connection)) == (0 if step == "write.log" else WRITERS)
    assert not told.exists()
    put(node, patient("afterwards"))
    sound(node)
    node.storage.close()
