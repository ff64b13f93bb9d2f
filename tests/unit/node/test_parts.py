"""The bill of materials: what is installed, with its licence, and what advisories say of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baybridge.cli.main import main
from baybridge.node.upkeep.doctor import examine
from baybridge.node.upkeep.parts import advisories_in, cyclonedx, faults, parts, read_advisories
from watch_world import Ward

FOUND = parts()
VERSION = {one.name: one.version for one in FOUND}


def advisory(package: str = "Starlette", versions: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "TEST-1", "summary": "invented", "affected": [{"package": {"name": package, "ecosystem": "PyPI"}, "versions": versions or []}], **more}


def test_everything_that_is_needed_is_listed_with_version_and_licence_and_no_tool_of_the_developers() -> None:
    assert FOUND[0].name == "baybridge" and {"starlette", "sqlalchemy", "cryptography", "anyio"} <= VERSION.keys()
    assert not {"pytest", "ruff", "mypy"} & VERSION.keys()
    assert [one.name for one in FOUND if not one.licence or not one.version] == []


@pytest.mark.parametrize(
    ("given", "states"),
    [
        (advisory(versions=[VERSION["starlette"]]), ["concerns"]),
        (advisory(versions=["0.0.1"]), []),
        (advisory(), ["open"]),
        (advisory("starlette_", versions=[VERSION["starlette"]]), []),
        (advisory(versions=[VERSION["starlette"]], withdrawn="2026-01-01T00:00:00Z"), []),
        ({**advisory(), "affected": [{"package": {"name": "starlette", "ecosystem": "npm"}}]}, []),
    ],
)
def test_an_advisory_concerns_a_version_or_is_open_and_never_silently_none(given: Any, states: list[str]) -> None:
    assert [one.state for one in faults(FOUND, read_advisories(json.dumps({"vulns": [given]}).encode()))] == states


@pytest.mark.parametrize("text", ["no json", "{}", '{"x": 1}', "[1]", '["words"]', '{"vulns": {}}', '{"vulns": [{"summary": "x"}]}', "null", '"x"'])
def test_a_file_that_holds_no_advisories_is_refused_and_never_reads_as_no_faults(tmp_path: Path, text: str) -> None:
    file = tmp_path / "advisories.json"
    file.write_text(text)
    done = CliRunner().invoke(main, ["parts", "--advisories", str(file)])
    assert (done.exit_code, "Expected the form of OSV" in done.output) == (1, True)
    kept = advisories_in(tmp_path)
    assert kept is not None
    assert kept.advisories is None


def test_one_advisory_alone_is_read() -> None:
    assert [one.state for one in faults(FOUND, read_advisories(json.dumps(advisory()).encode()))] == ["open"]


def test_the_bill_of_materials_refers_to_what_it_lists() -> None:
    bill = json.loads(json.dumps(cyclonedx(FOUND, faults(FOUND, [advisory()]), datetime(2026, 6, 1, tzinfo=UTC))))
    listed = {one["bom-ref"] for one in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert {one["ref"] for one in bill["dependencies"]} == listed
    assert {ref for one in bill["dependencies"] for ref in one["dependsOn"]} <= listed
    assert {affected["ref"] for one in bill["vulnerabilities"] for affected in one["affects"]} <= listed


def test_the_command_answers_1_where_something_is_known_and_says_that_nobody_looked(tmp_path: Path) -> None:
    file = tmp_path / "advisories.json"
    file.write_text(json.dumps([advisory(versions=[VERSION["starlette"]])]))
    done = CliRunner().invoke(main, ["parts", "--advisories", str(file), "--json"])
    assert done.exit_code == 1 and [one["package"] for one in json.loads(done.output)["faults"]] == ["starlette"]
    none = CliRunner().invoke(main, ["parts"])
    assert none.exit_code == 0 and "nobody looked for known faults" in none.output


def test_the_protocol_names_every_package_and_check_and_has_lines_to_sign(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    done = CliRunner().invoke(main, ["protocol", str(ward.folder)])
    checks = {finding.check for finding in examine(ward.folder)}
    assert checks and [check for check in checks if f"| {check} |" not in done.output] == []
    assert [one.name for one in FOUND if f"| {one.name} | {one.version} |" not in done.output] == []
    assert "Reviewed by" in done.output and "Chan" not in done.output
    assert done.exit_code == (1 if "NOT as expected" in done.output else 0)
    other = CliRunner().invoke(main, ["--language", "pt", "protocol", str(ward.folder)]).output
    assert "Revisto por" in other
    assert other.count("\n") == done.output.count("\n"), "the same lines in another language"
    assert set(done.output.splitlines()) & set(other.splitlines()) <= {line for line in other.splitlines() if not line.startswith(("#", "- ["))}
