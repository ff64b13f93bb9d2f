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
from baybridge.node.consequences import queue
from baybridge.node.money import payer
from baybridge.node.neighbours import transfers, witnessing
from baybridge.node.options import screening
from baybridge.node.upkeep import projections
from baybridge.node.watch import board
from baybridge.record.store import store
from baybridge.record.store.search import SearchResult, search
from watch_world import CASE, PATIENT, Ward

#: Do not grow with cases: times that the node was restored, addresses of sources, what failed and waits to be tried again, trials.
FEW = frozenset({"restoration", "source_address", "projection_failure", "trial", "trial_review"})
#: Tables with a row a case or a few, which are counted or whose newest rows are read, in the order of an index.
LISTS = FEW | {"case_index", "task"}
#: What is read whole by whoever looks at the log: neighbours, and the newest checkpoint and refused packages.
LOG = FEW | {"checkpoint", "witness", "refused_package", "told_restoration"}


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


def test_fhir_reads_no_whole_table(ward: Ward) -> None:
    ward.account("doctor")
    observation = {
        "resourceType": "Observation", "status": "final", "subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": "2026-06-01T09:00:00+08:00",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "valueQuantity": {"value": 91, "system": "http://unitsofmeasure.org", "code": "g/L"},
    }  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": observation, "request": {"method": "POST", "url": "Observation"}}] * 3}
    client = TestClient(application(ward.node, workers=False))
    token = client.post("/session", json={"name": "doctor", "password": "a long enough password"}).json()["token"]
    client.headers["authorization"] = f"Bearer {token}"
    with statements(ward.node.storage.engine) as found:
        made = client.post("/fhir/Observation", json=observation)
        assert made.status_code == 201
        name = made.headers["location"].rpartition("/Observation/")[2].partition("/")[0]
        assert client.put(f"/fhir/Observation/{name}", json={**observation, "id": name, "issued": "2026-06-01T10:00:00Z"}).status_code == 200
        assert client.post("/fhir", json=bundle).status_code == 200
        for address in (
            f"Observation/{name}", f"Observation/{name}/_history/1", f"Observation/{name}/_history", f"Patient/{PATIENT}/$everything",
            f"Observation?patient={PATIENT}&code=718-7&date=gt2020-01-01&_sort=-date", "Observation?code=718-7", "Patient?name=a",
            f"Observation?subject=Patient/{PATIENT}&_include=Observation:patient&_revinclude=Provenance:target",
        ):  # fmt: skip
            assert client.get(f"/fhir/{address}").status_code == 200, address
    assert whole_tables(ward.node.storage.engine, found) == []


def test_a_search_by_patient_and_code_lists_nothing_that_only_shares_the_code(ward: Ward) -> None:
    ward.observe("temperature", 37)
    with statements(ward.node.storage.engine) as found, ward.node.storage.reading() as connection:
        result = search(connection, "Observation", [("patient", PATIENT), ("code", "8310-5")])
        assert isinstance(result, SearchResult)
        assert result.total == 1
    with ward.node.storage.engine.connect() as connection:
        for statement, parameters in found.items():
            plan = [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            assert sum(step.startswith("LIST SUBQUERY") for step in plan) <= 1, plan


def test_the_page_of_the_log_reads_no_whole_table(ward: Ward) -> None:
    ward.account("doctor")
    client = TestClient(application(ward.node, workers=False))
    client.post("/sign-in", data={"name": "doctor", "password": "a long enough password"})
    with statements(ward.node.storage.engine) as found:
        for page in ("/log", "/search?q=a"):
            assert client.get(page).status_code == 200
    assert whole_tables(ward.node.storage.engine, found, LOG) == []


def test_a_round_of_the_worker_and_a_payers_list_read_no_whole_table(ward: Ward) -> None:
    node = ward.node
    projections.work_out_tasks(node)
    node.reserve.bring_in(node)
    with statements(node.storage.engine) as found:
        ward.now += timedelta(hours=3)
        assert projections.refresh_due(node, 20) == 1
        for work in (projections.work_out_tasks, transfers.deliver, witnessing.sign_checkpoint, screening.catch_up, queue.drain, projections.retry):
            work(node)
        with node.storage.reading() as connection:
            payer.parts_of(node, connection, "Somebody")
            projections.task_list(connection, "nurse", most=20)
    assert whole_tables(node.storage.engine, found) == []


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
