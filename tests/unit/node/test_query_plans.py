"""No question of the hot paths reads a whole table that grows with the node: asked of SQLite itself, for every statement that an assessment and the pages run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, Text, create_engine, event, insert, select, tuple_
from starlette.testclient import TestClient

import databases
from baybridge.app import application
from baybridge.base.key_list import key_list
from baybridge.node.watch import board
from baybridge.record.store import store
from watch_world import CASE, Ward

#: Has a row for each time that the node was restored, and its newest is asked for.
FEW = frozenset({"restoration"})
#: Tables with a row a case, which a list of cases reads whole.
LISTS = FEW | {"case_index", "task"}


@contextmanager
def statements(engine: Engine) -> Iterator[dict[str, Any]]:
    """Every statement that looks for rows while this lasts, with parameters of one run."""
    found: dict[str, Any] = {}

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, _context: object, many: bool) -> None:
        if statement.split(maxsplit=1)[0] in ("SELECT", "UPDATE", "DELETE", "WITH"):
            found[statement] = parameters[0] if many else parameters

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def whole_tables(engine: Engine, found: dict[str, Any], may: frozenset[str] = FEW) -> list[str]:
    """Steps of the plans that read a table to its end, other than those that may be read so."""
    wrong = []
    with engine.connect() as connection:
        for statement, parameters in found.items():
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
                step = str(row[3])
                if step.startswith("SCAN ") and "CONSTANT ROW" not in step and "(subquery" not in step and "VIRTUAL TABLE" not in step and step.split()[1] not in may:
                    wrong.append(f"{step}: {' '.join(statement.split())}")
    return wrong


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    found = Ward(tmp_path / "hk")
    yield found
    found.node.storage.close()


def test_a_bedside_assessment_and_an_observation_read_no_whole_table(ward: Ward) -> None:
    ward.observe("temperature", 37)
    with statements(ward.node.storage.engine) as found:
        ward.assess(temperature=39.5, oxygen_device="nasal_cannula", oxygen_flow=3, oxygen_reason="hypoxia")
        ward.observe("hemoglobin", 71)
    assert found
    assert whole_tables(ward.node.storage.engine, found) == []


def test_the_pages_of_a_case_read_no_whole_table(ward: Ward) -> None:
    for number in range(4):
        ward.observe("temperature", 37 + number, ago=timedelta(hours=number))
    ward.account("doctor")
    client = TestClient(application(ward.node, workers=False))
    client.post("/sign-in", data={"name": "doctor", "password": "a long enough password"})
    with statements(ward.node.storage.engine) as found:
        for tab in ("", "/facts", "/tests", "/bedside", "/timeline", "/funding", "/do/Assess"):
            assert client.get(f"/cases/{CASE}{tab}").status_code == 200
    assert whole_tables(ward.node.storage.engine, found) == []
    with statements(ward.node.storage.engine) as found:
        assert client.get("/cases").status_code == 200
        assert client.get("/").status_code == 200
    assert whole_tables(ward.node.storage.engine, found, LISTS) == []


def test_several_resources_are_each_found_by_the_index(ward: Ward) -> None:
    keys = [("Observation", "a"), ("Observation", "b"), ("Patient", "c")]
    with statements(ward.node.storage.engine) as found, ward.node.storage.reading() as connection:
        store.get_many(connection, keys)
        store.current_patients(connection, keys)
    assert len(found) == 2
    assert whole_tables(ward.node.storage.engine, found) == []


def test_a_whole_table_that_is_read_is_noticed(ward: Ward) -> None:
    with ward.node.storage.writing() as connection:
        connection.exec_driver_sql("DROP INDEX ix_call_board_state")
    with statements(ward.node.storage.engine) as found, ward.node.storage.reading() as connection:
        board.open_calls(connection)
    assert whole_tables(ward.node.storage.engine, found)


@pytest.mark.parametrize("kind", databases.KINDS)
def test_a_list_of_keys_finds_those_and_no_others(kind: str, tmp_path: Path) -> None:
    metadata = MetaData()
    table = Table("key_list_probe", metadata, Column("name", Text, primary_key=True), Column("place", BigInteger, primary_key=True))
    engine = create_engine(databases.url_of(kind, tmp_path))
    metadata.create_all(engine)
    names = ("plain", 'with "quotes" and \\', "字", "0", "null", "")
    with engine.begin() as connection:
        connection.execute(insert(table), [{"name": name, "place": place} for name in names for place in (0, 7, 2**40)])
        wanted = [(name, 7) for name in names] + [("plain", 2**40), ("absent", 0)]
        asked = tuple_(table.c.name, table.c.place).in_(key_list(wanted, Text, BigInteger))
        assert {tuple(row) for row in connection.execute(select(table).where(asked))} == {*wanted} - {("absent", 0)}
        nothing = tuple_(table.c.name, table.c.place).in_(key_list([], Text, BigInteger))
        assert connection.execute(select(table).where(nothing)).all() == []
    engine.dispose()
