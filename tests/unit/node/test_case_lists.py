"""The lists of a node: what they are read from is what the cases say, it changes only when they do, and it is looked at again in slices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from acceptance.support import World
from baybridge.alliance.indicators import figures_of
from baybridge.journey.events import PreauthorisationAppealed
from baybridge.journey.stages import stage_of
from baybridge.node import cases, tables
from baybridge.node.integrity import projected
from baybridge.node.money import payer
from baybridge.node.people import reads
from baybridge.node.upkeep import projections
from unit.node.test_payer_at_a_node import OTHER, PAYER, a_node
from watch_world import CASE, Ward


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    found = Ward(tmp_path / "hk")
    projections.work_out_tasks(found.node)
    yield found
    found.node.storage.close()


def row(ward: Ward) -> Any:
    with ward.node.storage.reading() as connection:
        return connection.execute(select(tables.case_index).where(tables.case_index.c.case_id == CASE)).one()


# --- when a case changed --------------------------------------------------------------------------------------------


def test_looking_again_is_no_change_of_a_case(ward: Ward) -> None:
    before = row(ward).updated_at
    ward.now += timedelta(days=2)
    assert projections.refresh_due(ward.node, 10) == 1
    projections.refresh_all(ward.node, [CASE])
    assert row(ward).updated_at == before


def test_a_result_and_an_entry_are_changes(ward: Ward) -> None:
    before = row(ward).updated_at
    ward.observe("temperature", 37)
    filed = row(ward).updated_at
    assert filed > before
    ward.assess(temperature=36.9)
    assert row(ward).updated_at > filed


# --- in slices ------------------------------------------------------------------------------------------------------


def test_a_case_is_due_again_at_the_latest_after_a_while_and_not_before(ward: Ward) -> None:
    assert projections.refresh_due(ward.node, 10) == 0
    ward.now += timedelta(hours=2, seconds=1)
    assert projections.refresh_due(ward.node, 10) == 1
    assert projections.refresh_due(ward.node, 10) == 0
    projections.look_again(ward.node)
    assert projections.refresh_due(ward.node, 10) == 1


def test_a_case_that_was_put_to_sleep_is_looked_at_again(ward: Ward) -> None:
    """By a clock that ran ahead and was set back, or by somebody at the database."""
    asleep = update(tables.case_index).values(due_again_at="9999-01-01T00:00:00+00:00", tasks_stale=False)
    with ward.node.storage.writing() as connection:
        connection.execute(asleep)
    assert projections.refresh_due(ward.node, 10) == 1
    assert row(ward).due_again_at < (ward.now + timedelta(days=1)).isoformat()


def test_a_term_that_comes_turns_a_task_without_anybody_writing(ward: Ward) -> None:
    first = projections.task_rows(ward.node, CASE)
    ward.now += timedelta(days=40)
    assert projections.refresh_due(ward.node, 10) == 1
    assert projections.task_rows(ward.node, CASE) != first


def test_tasks_that_are_the_same_are_not_written_again(ward: Ward) -> None:
    def seals() -> list[Any]:
        with ward.node.storage.reading() as connection:
            return [tuple(one) for one in connection.execute(select(tables.seal).where(tables.seal.c.what.like("%task%")).order_by(tables.seal.c.what))]

    before = seals()
    projections.refresh_stale(ward.node, [CASE])
    assert before
    assert seals() == before


# --- tasks in pages -------------------------------------------------------------------------------------------------


def test_tasks_come_in_pages_the_red_ones_first(ward: Ward) -> None:
    ward.assess(temperature=39.6)
    ward.now += timedelta(days=9)
    projections.look_again(ward.node)
    projections.refresh_due(ward.node, 10)
    with ward.node.storage.reading() as connection:
        every = len(connection.execute(select(tables.task)).all())
        counts = projections.task_counts(connection, ward.now)
        assert sum(counts.values(), projections.TaskCount()).count == every
        for role, number in counts.items():
            whole = projections.task_list(connection, role, most=100)
            pages = [projections.task_list(connection, role, start=start, most=1) for start in range(number.count)]
            assert [one for page in pages for one in page] == list(whole)
            assert {one["role"] for one in whole} == {role}
            levels = [one["level"] in ("red", "stop") for one in whole]
            assert levels == sorted(levels, reverse=True)
            late = projections.task_list(connection, role, late_at=ward.now, most=100)
            assert len(late) == number.late
            others = projections.task_list(connection, role, others=True, most=100)
            assert len(whole) + len(others) == every


# --- what is kept is what the cases say -----------------------------------------------------------------------------


def test_a_payers_list_is_the_same_before_and_after_it_was_worked_out(tmp_path: Path) -> None:
    node, case_id = a_node(tmp_path / "hk")
    for who in (PAYER, OTHER, "nobody"):
        with node.storage.reading() as connection:
            assert connection.execute(select(tables.case_index.c.tasks_stale)).scalar_one()
            live = payer.parts_of(node, connection, who)
        projections.work_out_tasks(node)
        with node.storage.reading() as connection:
            assert not connection.execute(select(tables.case_index.c.tasks_stale)).scalar_one()
            assert payer.parts_of(node, connection, who) == live
            assert [one.case_id for one in live] == ([] if who == "nobody" else [case_id])
        with node.unit() as unit:
            unit.connection.execute(update(tables.case_index).values(tasks_stale=True))
    node.storage.close()


def test_grounds_that_somebody_typed_are_read_from_the_case_alone(tmp_path: Path) -> None:
    node, case_id = a_node(tmp_path / "hk")
    with node.unit() as unit:
        unit.append(case_id, [PreauthorisationAppealed(payer=OTHER, plan="basic", grounds="CANARY-GROUNDS")], node.system(), known=len(unit.events(case_id)))
        projections.project(unit, case_id)
    projections.work_out_tasks(node)
    with node.storage.reading() as connection:
        kept = connection.execute(select(tables.payer_case.c.waiting)).scalars().all()
        items = payer.worklist(payer.parts_of(node, connection, OTHER))
        shown = payer.with_grounds(node, connection, OTHER, items)
    assert items
    assert not any(b"CANARY" in one for one in kept)
    assert {one.grounds for one in shown} == {"CANARY-GROUNDS"}
    node.storage.close()


def test_indicators_of_a_case_that_an_older_version_wrote_are_worked_out_when_asked_and_then_kept(ward: Ward) -> None:
    expected = [figures_of(ward.case)]
    with ward.node.unit() as unit:
        unit.connection.execute(update(tables.case_index).values(figures=None, only_told=None, tasks_stale=True))
    with ward.node.storage.reading() as connection:
        assert cases.figures(connection) == expected
    projections.work_out_tasks(ward.node)
    assert row(ward).figures is not None
    with ward.node.storage.reading() as connection:
        assert cases.figures(connection) == expected
        assert list(projected.findings(connection)) == []


def test_figures_that_somebody_changed_are_found(ward: Ward) -> None:
    with ward.node.unit() as unit:
        unit.connection.execute(update(tables.case_index).values(figures=b'{"served":99,"repeated":0,"waits":[],"collected":true,"infused":true}'))
    with ward.node.storage.reading() as connection:
        assert [one.reason.code for one in projected.findings(connection)] == ["ledger.check.case_differs"]


def test_cases_come_in_pages_the_last_changed_first(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.refer()
    node = world.nodes["mo"]
    with node.storage.reading() as connection:
        every = cases.rows(connection)
        assert [one for start in range(len(every)) for one in cases.page(connection, "", start, 1)] == list(every)
        assert sum(cases.stage_counts(connection).values()) == len(every)
        case = node.case(world.case_id)
        assert case is not None
        stage = stage_of(case).value
        assert {one.stage for one in cases.page(connection, stage, 0, 10)} == {stage}
        assert cases.page(connection, "no-such-stage", 0, 10) == ()


def test_a_record_that_packages_alone_brought_stays_guarded_until_somebody_here_works_on_its_case(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.refer()
    world.deliver()
    node = world.nodes["hk"]
    with node.storage.reading() as connection:
        told = connection.execute(select(tables.case_index.c.only_told)).scalar_one()
        guarded = reads.guarded(connection)
    assert told
    assert guarded
    with node.unit() as unit:  # as a version of before left it
        unit.connection.execute(update(tables.case_index).values(only_told=None))
    with node.storage.reading() as connection:
        assert reads.guarded(connection) == guarded
