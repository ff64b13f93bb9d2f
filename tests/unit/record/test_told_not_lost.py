"""What comes in well formed and would reach nobody is told: results of persons who are only inside them, Bundles in Bundles, tables without lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from baybridge.record.intake.importing import batches, file_batch, plan
from baybridge.record.intake.reading import Source
from baybridge.record.store import store
from baybridge.record.store.tables import metadata

AT = datetime(2026, 3, 8, 9, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"text": "Chan Tai Man"}], "birthDate": "1980-01-01"}
FEED = {
    "id": "cn", "zone": "Asia/Shanghai", "identifier_system": "urn:cn:resident-id", "codes": {"PLT": {"loinc": "777-3", "unit": "10*9/L"}},
    "columns": {"patient": "p", "name": "n", "birth_date": "b", "code": "c", "value": "v", "unit": "u", "collected_at": "t", "status": "s"},
}  # fmt: skip
HEADINGS = "p,n,b,c,v,u,t,s\n"


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as opened:
        yield opened


def told(connection: Connection, name: str, text: str, feed: dict[str, Any] | None = None) -> list[str]:
    source = Source(name, lambda: BytesIO(text.encode()), feed=feed)
    made, problems = plan(connection, source), []
    for batch in batches(source, made):
        file_batch(connection, source, batch, made, at=AT)
        problems += [problem.code.removeprefix("record.import.") for problem in batch.problems]
    return problems


def result(**more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "777-3"}]}
    return {"resourceType": "Observation", "id": "o1", "status": "final", "code": code, "subject": {"reference": "Patient/p1"}, **more}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


@pytest.mark.parametrize(
    ("resource", "codes"),
    [
        (result(), []),
        (result(subject={"reference": "#c"}, contained=[{"resourceType": "Patient", "id": "c"}]), ["of_nobody"]),
        (result(subject={"identifier": {"system": "urn:x", "value": "1"}}), ["of_nobody"]),
        (result(subject={"display": "Chan"}), ["of_nobody"]),
        (bundle(result()), ["bundle_inside"]),
    ],
)
def test_of_fhir(connection: Connection, resource: dict[str, Any], codes: list[str]) -> None:
    assert told(connection, "x.json", json.dumps(bundle(PATIENT, resource))) == codes


def line(number: str, value: str = "250") -> str:
    return f"{number},Zhang San,1949-12-31,PLT,{value},10*9/L,2026-03-08 09:00,final\n"


def test_a_table_without_lines(connection: Connection) -> None:
    assert told(connection, "x.csv", HEADINGS, FEED) == ["csv_no_lines"]
    assert told(connection, "x.csv", HEADINGS + "\n,,,,,,,\n", FEED) == ["csv_no_lines"]


@pytest.mark.parametrize("written", ["11010519491231002x", "１１０１０５１９４９１２３１００２X"])
def test_one_document_is_one_person_whatever_its_letters(connection: Connection, written: str) -> None:
    assert told(connection, "x.csv", HEADINGS + line("11010519491231002X"), FEED) == []
    assert told(connection, "y.csv", HEADINGS + line(written, "20").replace("09:00", "10:00"), FEED) == []
    (patient,) = store.changed_since(connection, None, "Patient")
    assert {one.patient for one in store.changed_since(connection, None, "Observation")} == {patient.id}
