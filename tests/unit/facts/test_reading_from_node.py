"""From a node's folder to facts and decisions, as the command line asks for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baybridge.cli.facts import facts
from baybridge.journey.command import Actor, Role
from baybridge.node.intake.records import import_in_parts
from baybridge.node.node import open_node
from baybridge.node.reading import UnknownPatientError, decide_for_patient, facts_for_patient
from baybridge.node.upkeep.founding import found

NOON = "2026-03-08T12:00:00+08:00"


def observation(name: str, code: str, value: float, unit: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": NOON,
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place: Path = tmp_path_factory.mktemp("node") / "mo"
    found(place, {"node": "mo", "organisation": "Synthetic", "jurisdiction": "MO", "kinds": ["centre"]})
    resources = [
        {"resourceType": "Patient", "id": "p1", "birthDate": "1968-04-09", "name": [{"text": "CANARY-NAME"}]},
        observation("o1", "14804-9", 300, "U/L"),
        observation("o2", "2160-0", 1.1, "mg/dL"),
        observation("o3", "777-3", 100, "10*9/L"),
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
    node = open_node(place)
    import_in_parts(node, Actor("operator", Role.SYSTEM, "Synthetic"), json.dumps(bundle).encode(), name="f.json")
    return place


def test_facts_of_a_moment_before_the_import(folder: Path) -> None:
    read = facts_for_patient(folder, "p1", "2026-03-09T12:00:00+08:00")
    assert read.values["creatinine"] == pytest.approx(97.24)
    assert read.values["age"] == 57
    assert read.facts["ldh"].source == "Observation/o1"


def test_later_they_are_stale(folder: Path) -> None:
    assert "creatinine" not in facts_for_patient(folder, "Patient/p1", "2026-03-12").values


def test_decision(folder: Path) -> None:
    decision = decide_for_patient(folder, "easix", "p1", "2026-03-09")
    assert decision["outcome"] == "computed"
    assert decision["values"]["easix"] == pytest.approx(300 * 1.1 / 100)
    assert decision["as_of"] == "2026-03-09T00:00:00+08:00"


def test_nobody_by_that_id(folder: Path) -> None:
    with pytest.raises(UnknownPatientError, match="no patient with that id"):
        facts_for_patient(folder, "nobody", NOON)


def test_an_access_is_in_the_log(folder: Path) -> None:
    from sqlalchemy import func, select

    from baybridge.ledger.tables import metadata

    table = metadata.tables["log_entry"] if "log_entry" in metadata.tables else next(t for t in metadata.sorted_tables if "log" in t.name)

    def entries() -> int:
        with open_node(folder).storage.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    before = entries()
    facts_for_patient(folder, "p1", NOON)
    assert entries() == before + 1


def test_command(folder: Path) -> None:
    runner = CliRunner()
    plain = runner.invoke(facts, ["p1", "--node", str(folder), "--at", NOON])
    assert plain.exit_code == 0
    assert "97.24\u00a0µmol/L" in plain.output
    assert "Observation/o2" in plain.output
    assert "CANARY-NAME" not in plain.output
    answer = json.loads(runner.invoke(facts, ["p1", "--node", str(folder), "--at", NOON, "--json"]).output)
    assert answer["values"]["platelets"] == 100.0
    assert answer["facts"]["platelets"] == {
        "fact": "platelets",
        "value": 100.0,
        "unit": "10*9/L",
        "original": "100 10*9/L",
        "at": NOON,
        "source": "Observation/o3",
        "sources": ["Observation/o3"],
        "status": "used",
        "note": "",
    }


def test_command_says_in_one_line_what_is_wrong(folder: Path) -> None:
    result = CliRunner().invoke(facts, ["nobody", "--node", str(folder)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
