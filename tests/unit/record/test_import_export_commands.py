"""`baybridge import` and `baybridge export`: what is printed, where, and with which exit code."""

from __future__ import annotations

import gzip
import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from baybridge.cli import main
from baybridge.node import tables
from baybridge.node.intake import records
from baybridge.node.intake.records import import_file, import_in_parts
from baybridge.node.node import open_node
from baybridge.node.upkeep.founding import found
from baybridge.record.fhir.wire import parse
from baybridge.record.intake.importing import ImportProblem
from baybridge.record.store import store

PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1970-01-02"}
RESULT = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/p"}}


@pytest.fixture
def folder(tmp_path):
    found(tmp_path / "mo", {"node": "mo", "organisation": "Macao Hospital", "jurisdiction": "MO", "kinds": ["centre"]})
    return tmp_path / "mo"


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def lines(*resources):
    return "\n".join(json.dumps(resource) for resource in resources).encode()


def test_a_bad_resource_is_reported_and_the_command_succeeds(folder, tmp_path):
    path = tmp_path / "in.ndjson"
    path.write_bytes(lines(PATIENT, {**RESULT, "effectiveDateTime": "2026-02-30"}, {**RESULT, "id": "o2"}))
    done = run("import", folder, path)
    assert done.exit_code == 0
    assert "3 entries, 2 new, 0 changed, 0 known already, 1 left out, 1 problems" in done.stdout
    assert "error: line 2: Observation.effectiveDateTime: " in done.stderr
    report = json.loads(run("import", folder, path, "--json").stdout)
    assert (report["created"], report["unchanged"], report["rejected"]) == (0, 2, 1)
    assert report["problems"] == [
        {
            "severity": "error",
            "code": "record.invalid.format",
            "file": "in.ndjson",
            "line": 2,
            "resource": "Observation",
            "path": "Observation.effectiveDateTime",
            "expected": "a day that exists, or a time with offset such as 2026-03-08T09:00:00+08:00",
            "found": "2026-02-30",
        }
    ]


def test_a_later_part_of_a_file_with_an_error_is_told_before_the_oddities_of_an_earlier_one(monkeypatch):
    monkeypatch.setattr(records, "MOST_PROBLEMS", 3)
    told = {severity: ImportProblem(severity, "x", "in.ndjson", 1, None, "", "", "", "") for severity in ("odd", "error", "file")}
    report = records.ImportReport("in.ndjson", "0" * 64)
    for batch in (["odd"] * 5, ["odd", "error"], ["file"]):
        report.tell([told[severity] for severity in batch])
    assert [problem.severity for problem in report.problems] == ["file", "error", "odd"] and report.problem_count == 8


def test_what_was_left_out_is_told_before_what_is_odd_however_much_of_that_there_is(folder, tmp_path, monkeypatch):
    odd = [{**RESULT, "id": f"o{number}", "performer": [{"reference": "Practitioner/none"}]} for number in range(30)]
    path = tmp_path / "in.ndjson"
    path.write_bytes(lines(PATIENT, *odd) + b'\n{"resourceType": "Observation", "id": "torn", "sta')
    told = run("import", folder, path).stderr.splitlines()
    assert "error: line 32" in told[0] and "more" in told[-1]
    assert [line.split(":")[0].strip() for line in told[1:-1]] == ["odd"] * 19
    monkeypatch.setattr(records, "MOST_PROBLEMS", 10)
    report = json.loads(run("import", folder, path, "--json").stdout)
    assert [problem["severity"] for problem in report["problems"]] == ["error"] + ["odd"] * 9 and report["problem_count"] == 31


@pytest.mark.parametrize("content", [b"hello", gzip.compress(lines(PATIENT), mtime=0)[:-8], None])
def test_a_file_that_cannot_be_read_at_all_fails_and_the_others_go_in(folder, tmp_path, content):
    bad, good = tmp_path / "bad.json", tmp_path / "good.json.gz"
    if content is not None:
        bad.write_bytes(content)
    good.write_bytes(gzip.compress(lines(PATIENT)))
    done = run("import", folder, bad, good)
    assert done.exit_code == 1
    assert "bad.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert "good.json.gz: 1 entries, 1 new" in done.stdout


def test_what_was_imported_is_exported_and_may_come_in_again(folder, tmp_path):
    path = tmp_path / "in.json"
    path.write_bytes(lines(PATIENT))
    run("import", folder, path)
    exported = run("export", folder)
    assert exported.exit_code == 0
    kinds = [json.loads(line)["resourceType"] for line in exported.stdout.splitlines()]
    assert "Patient" in kinds
    assert kinds == sorted(kinds)
    assert run("export", folder, "--since", "2099-01-01").stdout == ""
    assert run("export", folder, "--since", "soon").exit_code == 2
    manifest = json.loads(run("export", folder, "--out", tmp_path / "out", "--json").stdout)
    assert {"type": "Patient", "file": "Patient.ndjson", "count": 1} in manifest["output"]
    again = json.loads(run("import", folder, tmp_path / "out" / "Patient.ndjson", "--json").stdout)
    assert again["unchanged"] == 1


def test_whose_record_is_exported_is_told_so_and_the_files_are_the_owners_alone(folder, tmp_path):
    path = tmp_path / "in.json"
    path.write_bytes(lines(PATIENT, RESULT, {**PATIENT, "id": "q"}))
    run("import", folder, path)
    assert run("export", folder, "--since", "2099-01-01").exit_code == 0
    assert looked(folder) == []
    assert run("export", folder, "--out", tmp_path / "out").exit_code == 0
    assert looked(folder) == [("p", "export", "administration"), ("q", "export", "administration")]
    assert {one.stat().st_mode & 0o777 for one in (tmp_path / "out").iterdir()} == {0o600}
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700


def test_nothing_is_exported_of_who_asked_for_use_in_care_alone(folder, tmp_path):
    path = tmp_path / "in.json"
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": [{"entity": {"reference": f"Patient/{one}"}} for one in "pq"]}
    path.write_bytes(lines(PATIENT, RESULT, {**PATIENT, "id": "q"}, group))
    run("import", folder, path)
    assert run("person", "restrict", "p", "--node", folder, "--reason", "asked for it").exit_code == 0
    done = run("export", folder)
    assert [(one["resourceType"], one["id"]) for one in map(json.loads, done.stdout.splitlines())] == [("Patient", "q")]
    assert "care alone: 1" in done.stderr
    assert looked(folder) == [("q", "export", "administration")]


def looked(folder):
    node = open_node(folder)
    with node.storage.reading() as connection:
        found = [(row.patient_id, row.what, row.purpose) for row in connection.execute(select(tables.record_read))]
    node.storage.close()
    return sorted(found)


def test_an_interrupted_import_goes_on_where_it_stopped(folder, tmp_path):
    path = tmp_path / "many.ndjson"
    path.write_bytes(lines(PATIENT, *({**RESULT, "id": f"o{n}"} for n in range(1200))))
    node = open_node(folder)

    def stop(done, of):
        assert of == 1201
        if done >= 1000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_in_parts(node, node.system(), path, on_progress=stop)
    with node.storage.reading() as connection:
        assert store.count(connection) == {"Observation": 999, "Patient": 1}
    report = import_in_parts(node, node.system(), path)
    assert (report.created, report.unchanged) == (201, 1000)


def test_one_unit_of_work_is_all_or_nothing(folder):
    node = open_node(folder)
    with pytest.raises(ZeroDivisionError), node.unit() as unit:
        import_file(unit, node.system(), lines(PATIENT))
        raise ZeroDivisionError
    with node.storage.reading() as connection:
        assert store.count(connection) == {}


def test_a_correction_is_counted_as_one(folder):
    node = open_node(folder)
    import_in_parts(node, node.system(), lines(PATIENT, RESULT))
    report = import_in_parts(node, node.system(), lines(PATIENT, {**RESULT, "status": "corrected"}))
    assert (report.created, report.updated) == (0, 1)
    with node.storage.reading() as connection:
        assert parse(store.get(connection, "Observation", "o").body)["status"] == "corrected"


def test_a_score_that_contradicts_its_items_is_left_out_and_told(folder, tmp_path):
    subject = {"reference": "Patient/p"}

    def ice(code, value):
        coding = {"coding": [{"system": "urn:baybridge:observation", "code": code}]}
        more = {"status": "final", "code": coding, "subject": subject, "valueInteger": value, "effectiveDateTime": "2026-03-08T08:00:00Z"}
        return {"resourceType": "Observation", "id": f"{code}-{value}", **more}

    items = [ice(code, 0) for code in ("ice-orientation", "ice-naming", "ice-command", "ice-writing", "ice-attention")]
    file = tmp_path / "ice.ndjson"
    file.write_bytes(lines({"resourceType": "Patient", "id": "p"}, *items, ice("ice-score", 10)))
    report = json.loads(run("import", folder, file, "--json").stdout)
    assert [problem["code"] for problem in report["problems"] if problem["severity"] == "error"] == ["bedside.assess.ice_contradicts"]
    assert (report["created"], report["rejected"]) == (6, 1)
