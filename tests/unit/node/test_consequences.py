"""What follows from a write: queued with it, done at least once, found for every case that a resource ever touched; a kind that fails or is slow stops no other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from acceptance.support import World, resource_of
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.journey.identities import identities_of
from baybridge.node.consequences import queue
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.consequences.table import CONSEQUENCES
from baybridge.node.consequences.touched import cases_touched
from baybridge.node.fhir import interactions
from baybridge.node.node import Node
from baybridge.node.upkeep import projections
from baybridge.record.store import store


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.new(tmp_path)


def put(world: World, resource: dict[str, Any]) -> None:
    change = interactions.Interaction("PUT", resource["resourceType"], resource["id"], resource)
    done = interactions.write(world.nodes["mo"], world.actor("mo", Role.PHYSICIAN), [change])
    assert isinstance(done, list), done


def second_case(world: World, patient: str) -> str:
    """A further case of a patient, as an earlier version of this software opened it."""
    node = world.nodes["mo"]
    with node.unit() as unit:
        case_id = unit.new_id()
        unit.append(case_id, [ev.CaseOpened(patient_id=patient, residence="MO", synthetic=True)], node.system(), known=0)
        projections.project(unit, case_id)
    return case_id


def stranger() -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "other", "name": [{"text": "李小明"}], "gender": "male", "birthDate": "1980-01-01"}


def of_case(world: World, case_id: str, kind: type) -> list[Any]:
    return [item.event for item in world.nodes["mo"].events(case_id) if isinstance(item.event, kind)]


# --- every case -----------------------------------------------------------------------------------------------------


def test_a_result_that_moves_to_another_patient_reopens_what_rested_on_it_and_is_gone_at_whoever_got_it(world: World) -> None:
    bundle = world.refer()
    world.file("mo", [stranger()])
    result = resource_of(bundle, "-l2")
    rested = {event.decision_sha256 for event in world.events("mo", ev.EligibilityDecided)}
    put(world, {**result, "subject": {"reference": "Patient/other"}})
    reopened = world.events("mo", ev.DecisionReopened)
    assert reopened and {event.decision_sha256 for event in reopened} <= rested
    assert {event.because for event in reopened} == {"correction through FHIR"}
    world.deliver("mo")
    assert [event.resource for event in world.events("hk", ev.CorrectionReceived)] == [f"MedicationStatement/{result['id']}"]
    with world.nodes["hk"].storage.reading() as connection:
        held = store.get(connection, "MedicationStatement", result["id"])
    assert held is not None
    assert (held.resource["status"], held.patient) == ("entered-in-error", world.patient), "nothing of the other person went there"


def test_a_correction_in_a_linked_record_reopens_the_case_that_uses_it(world: World) -> None:
    world.file("mo", world.bundle())
    linked = {"resourceType": "Patient", "id": "other", "name": [{"text": "试甲"}], "gender": "female", "birthDate": "1966-05-03"}
    creatinine = resource_of(world.bundle(), "-a-creat") | {"id": "lab-creat", "subject": {"reference": "Patient/other"}}
    world.file("mo", [linked, creatinine])
    world.do("mo", Role.COORDINATOR, "ConfirmIdentity", question=identities_of(world.case("mo"))[-1].question, seen="identity_document")
    world.do("mo", Role.PHYSICIAN, "RecogniseResults", purpose="LD_FITNESS")
    assert "lab-creat" in {event.result_id for event in world.events("mo", ev.ResultRecognised, ev.RepeatRequested)}
    put(world, {**creatinine, "status": "entered-in-error"})
    assert [event.because for event in world.events("mo", ev.DecisionReopened)] == ["correction through FHIR"]


def test_a_correction_reopens_every_case_of_a_patient(world: World) -> None:
    bundle = world.bundle()
    world.file("mo", bundle)
    first, second = world.case_id, second_case(world, world.patient)
    for case_id in (first, second):
        world.case_id = case_id
        world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    diagnosis = resource_of(bundle, "-dx")
    put(world, {**diagnosis, "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "C90.0"}]}})
    assert of_case(world, first, ev.DecisionReopened) and of_case(world, second, ev.DecisionReopened)


def test_the_lookup_finds_the_cases_of_whoever_had_a_resource(world: World) -> None:
    bundle = world.bundle()
    world.file("mo", bundle)
    world.file("mo", [stranger()])
    result = resource_of(bundle, "-a-plt")
    put(world, {**result, "subject": {"reference": "Patient/other"}})
    with world.nodes["mo"].storage.reading() as connection:
        version = store.get(connection, "Observation", result["id"])
        assert version is not None
        found = cases_touched(connection, [version])
    assert len(found) == 2 and world.case_id in found
    assert set(map(tuple, found.values())) == {(f"Observation/{result['id']}",)}


# --- the queue ------------------------------------------------------------------------------------------------------


def kinds(node: Node, *rows: ConsequenceRow) -> None:
    """The node with further kinds of consequences."""
    node.__dict__["consequence_kinds"] = {**CONSEQUENCES, **{row.name: row for row in rows}}


def noting(seen: list[str], name: str) -> Callable[[Node, Any, Consequence], None]:
    return lambda _node, _unit, _consequence: seen.append(name)


def test_lanes_are_done_in_their_order_and_the_last_one_is_the_workers(world: World) -> None:
    world.file("mo", world.bundle())
    node, seen = world.nodes["mo"], list[str]()
    after = frozenset({ev.ConsentRecorded})
    kinds(node, *(ConsequenceRow(lane.value, lane, noting(seen, lane.value), after=after) for lane in (Lane.LATER, Lane.CASE, Lane.ALARM)))
    world.do("mo", Role.COORDINATOR, "RecordConsent", kind="care", notice_version="1", notice_language="en")
    assert seen == ["alarm", "case"]
    assert queue.drain(node) == 1
    assert seen == ["alarm", "case", "later"]
    assert queue.drain(node) == 0


def test_what_fails_waits_longer_each_time_stops_no_other_and_undoes_nothing(world: World) -> None:
    world.file("mo", world.bundle())
    node, seen, tried = world.nodes["mo"], list[str](), list[int]()

    def fail(_node: Node, unit: Any, consequence: Consequence) -> None:
        tried.append(consequence.attempts)
        unit.append(consequence.case_id, [ev.RecordsImported(file_sha256="0" * 64, resources=1, problems=0)], node.system(), known=len(unit.events(consequence.case_id)))
        if consequence.attempts < 2:
            raise ValueError("no")

    after = frozenset({ev.ConsentRecorded})
    kinds(node, ConsequenceRow("fails", Lane.ALARM, fail, after=after), ConsequenceRow("works", Lane.CASE, noting(seen, "works"), after=after))
    world.do("mo", Role.COORDINATOR, "RecordConsent", kind="care", notice_version="1", notice_language="en")
    assert (seen, tried, len(world.events("mo", ev.ConsentRecorded)), len(world.events("mo", ev.RecordsImported))) == (["works"], [0], 1, 1)
    assert queue.drain(node) == 0, "not at once again"
    with node.storage.reading() as connection:
        assert [one.attempts for one in queue.waiting(connection, world.case_id, "fails")] == [1]
    for _ in range(2):
        world.clock.moment += timedelta(seconds=10)
        queue.drain(node)
    assert (tried, len(world.events("mo", ev.RecordsImported))) == ([0, 1, 2], 2)


def test_what_lies_ahead_is_done_at_its_time(world: World) -> None:
    world.file("mo", world.bundle())
    node, seen = world.nodes["mo"], list[str]()
    kinds(node, ConsequenceRow("call", Lane.ALARM, noting(seen, "call")))
    with node.unit() as unit:
        unit.follow("call", world.case_id, not_before=unit.at + timedelta(minutes=5))
    assert queue.drain(node) == 0
    world.clock.moment += timedelta(minutes=5)
    assert queue.drain(node) == 1 and seen == ["call"]


def test_what_a_clock_queued_that_was_set_back_since_is_not_late(world: World) -> None:
    world.file("mo", world.bundle())
    node, seen = world.nodes["mo"], list[str]()
    kinds(node, ConsequenceRow("call", Lane.ALARM, noting(seen, "call")))
    world.clock.moment += timedelta(hours=2)
    with node.unit() as unit:
        unit.follow("call", world.case_id, not_before=unit.at + timedelta(minutes=5))
    world.clock.moment -= timedelta(hours=2)
    assert queue.drain(node) == 1 and seen == ["call"]


def test_one_that_fails_under_a_clock_that_was_set_back_waits_like_any_other(world: World) -> None:
    world.file("mo", world.bundle())
    node = world.nodes["mo"]

    def fail(*_given: Any) -> None:
        raise ValueError("not yet")

    kinds(node, ConsequenceRow("fails", Lane.LATER, fail))
    world.clock.moment += timedelta(hours=2)
    with node.unit() as unit:
        unit.follow("fails", world.case_id)
    world.clock.moment -= timedelta(hours=2)
    queue.drain(node)
    queue.drain(node)
    with node.storage.reading() as connection:
        assert [one.attempts for one in queue.waiting(connection, world.case_id, "fails")] == [1]


def test_the_same_row_again_replaces_the_one_that_waits(world: World) -> None:
    world.file("mo", world.bundle())
    node, seen = world.nodes["mo"], list[str]()
    kinds(node, ConsequenceRow("call", Lane.ALARM, noting(seen, "call")))
    for minutes in (1, 2):
        with node.unit() as unit:
            unit.follow("call", world.case_id, not_before=unit.at + timedelta(minutes=minutes), consequence_id="once")
    world.clock.moment += timedelta(minutes=5)
    assert queue.drain(node) == 1 and seen == ["call"]


def test_a_write_that_fails_leaves_nothing_to_be_done(world: World) -> None:
    world.file("mo", world.bundle())
    node = world.nodes["mo"]
    kinds(node, ConsequenceRow("call", Lane.ALARM, noting([], "call")))
    with pytest.raises(ValueError, match="no"), node.unit() as unit:
        unit.follow("call", world.case_id)
        raise ValueError("no")
    with node.storage.reading() as connection:
        assert queue.waiting(connection) == []


def test_records_queue_for_their_case_and_what_was_only_created_is_no_correction(world: World) -> None:
    bundle = world.bundle()
    world.file("mo", bundle)
    node, seen = world.nodes["mo"], list[tuple[str, tuple[str, ...]]]()

    def see(_node: Node, _unit: Any, consequence: Consequence) -> None:
        seen.append((consequence.kind, consequence.resources))

    kinds(node, ConsequenceRow("any", Lane.CASE, see, of_records="any"), ConsequenceRow("corrected", Lane.CASE, see, of_records="corrected"))
    result = resource_of(bundle, "-a-plt")
    put(world, {**result, "id": "new-one"})
    assert seen == [("any", ("Observation/new-one",))]
    put(world, {**result, "valueQuantity": {**result["valueQuantity"], "value": 20}})
    name = f"Observation/{result['id']}"
    assert sorted(seen[1:]) == [("any", (name,)), ("corrected", (name,))]


def test_work_that_takes_long_is_prepared_without_the_writer_so_that_an_alarm_goes_before_it(world: World) -> None:
    world.file("mo", world.bundle())
    node, seen = world.nodes["mo"], list[str]()
    started, may_end = threading.Event(), threading.Event()

    def prepare(_node: Node, _consequence: Consequence) -> str:
        started.set()
        assert may_end.wait(30)
        return "slow"

    slow = ConsequenceRow("slow", Lane.LATER, lambda _node, _unit, _one, prepared: seen.append(prepared), prepare=prepare)
    kinds(node, slow, ConsequenceRow("alarm", Lane.ALARM, noting(seen, "alarm"), after=frozenset({ev.ConsentRecorded})))
    with node.unit() as unit:
        unit.follow("slow", world.case_id)
    thread = threading.Thread(target=lambda: queue.drain(node, (Lane.LATER,)))
    thread.start()
    assert started.wait(30)
    world.do("mo", Role.COORDINATOR, "RecordConsent", kind="care", notice_version="1", notice_language="en")
    assert seen == ["alarm"]
    may_end.set()
    thread.join(30)
    assert seen == ["alarm", "slow"]


def test_an_urgent_writer_goes_before_those_that_wait(world: World) -> None:
    node, order = world.nodes["mo"], list[str]()
    inside, leave = threading.Event(), threading.Event()

    def write(name: str, *, urgent: bool = False) -> None:
        with node.storage.writing(urgent=urgent):
            order.append(name)

    def first() -> None:
        with node.storage.writing():
            inside.set()
            assert leave.wait(30)

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert inside.wait(30)
    threads += [threading.Thread(target=write, args=(f"plain {number}",)) for number in range(5)]
    threads.append(threading.Thread(target=write, args=("urgent",), kwargs={"urgent": True}))
    for thread in threads[1:]:
        thread.start()
    while node.storage._queued < 6:
        pass
    leave.set()
    for thread in threads:
        thread.join(30)
    assert order[0] == "urgent" and len(order) == 6


# --- imports --------------------------------------------------------------------------------------------------------


def test_an_import_that_ends_before_its_cases_are_written_is_completed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from baybridge.node.intake import importing

    def killed(*_anything: Any) -> None:
        raise SystemExit

    node = world.nodes["mo"]
    with monkeypatch.context() as patched:
        patched.setattr(importing, "_placed", killed)
        with pytest.raises(SystemExit):
            world.file("mo", world.bundle())
    with node.storage.reading() as connection:
        assert not queue.waiting(connection, kind="none")
        assert {one.kind for one in queue.waiting(connection)} == {"place-record", "import-runs"}
    assert queue.drain(node) == 0, "the import may still be at work"
    world.clock.moment += timedelta(minutes=2)
    assert queue.drain(node) == 2
    with node.storage.reading() as connection:
        cases = [row.case_id for row in connection.exec_driver_sql("SELECT case_id FROM case_index WHERE patient_id = 'test-mo-1'")]
    assert len(cases) == 1
    assert len(of_case(world, cases[0], ev.RecordsImported)) == 1
    assert world.file("mo", world.bundle()).cases == {world.patient: cases[0]}


def test_every_row_of_the_table_is_named_once_and_can_be_done() -> None:
    assert all(name == row.name and callable(row.do) for name, row in CONSEQUENCES.items())
    assert replace(Consequence("a", "b"), body={"events": ["1"]}).events == ("1",)
