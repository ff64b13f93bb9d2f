"""A validation pack shows each control with its tests as they went; what was not run, was skipped or failed is never shown as good."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from baybridge.cli.main import main
from baybridge.documents.hazards import HazardLog
from baybridge.documents.loader import Documents
from baybridge.node.upkeep import validation

TESTS = sorted({test for hazard in Documents().typed.the(HazardLog).hazards for control in hazard.controls for test in control.tests})


def junit(folder: Path, tests: list[str], inside: dict[str, str] | None = None) -> Path:
    rows = [(test.partition(".py::")[0].replace("/", "."), test.partition("::")[2], (inside or {}).get(test, "")) for test in tests]
    body = "".join(f'<testcase classname="{place}" name="{name}[a]">{more}</testcase><testcase classname="{place}" name="{name}[b]"/>' for place, name, more in rows)
    (folder / "results.xml").write_text(f"<testsuites><testsuite>{body}</testsuite></testsuites>")
    return folder / "results.xml"


def run(results: Path, out: Path) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["validation", "--results", str(results), "--out", str(out)])
    return done.exit_code, done.output


def test_with_every_test_passed_the_pack_names_requirements_results_hazards_and_parts(tmp_path: Path) -> None:
    code, said = run(junit(tmp_path, TESTS), tmp_path / "pack")
    assert (code, "5 pages" in said) == (0, True), said
    pages = {path.name: path.read_text() for path in (tmp_path / "pack").iterdir()}
    assert "No certificate" in pages["1-about.md"] and "0 failed" in pages["1-about.md"]
    assert all(f"`{test}` | passed |" in pages["2-requirements.md"] for test in TESTS)
    assert "crs-astct-2019" in pages["2-requirements.md"] and "webauthn" in pages["5-parts.md"] and "## H01" in pages["4-hazards.md"]
    assert run(junit(tmp_path, TESTS), tmp_path / "pack")[0] == 1, "a pack that is there is not written over"


@pytest.mark.parametrize(("inside", "result"), [("<failure/>", "failed"), ("<error/>", "failed"), ("<skipped/>", "skipped"), (None, "not run")])
def test_a_control_whose_test_did_not_pass_is_not_shown(tmp_path: Path, inside: str | None, result: str) -> None:
    first, rest = TESTS[0], TESTS[1:]
    code, said = run(junit(tmp_path, TESTS if inside else rest, {first: inside or ""}), tmp_path / "pack")
    assert (code, "not shown: H" in said) == (1, True)
    assert f"`{first}` | {result} |" in (tmp_path / "pack" / "2-requirements.md").read_text()


@pytest.mark.parametrize("content", ["", "no xml", "<testsuites/>", '<!DOCTYPE x [<!ENTITY a "b">]><testsuites/>'])
def test_a_file_without_results_makes_no_pack(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.xml").write_text(content)
    code, said = run(tmp_path / "results.xml", tmp_path / "pack")
    assert (code, "expected results of tests" in said, (tmp_path / "pack").exists()) == (1, True, False)


def test_the_worst_of_a_tests_parameters_is_its_result() -> None:
    case = '<testcase classname="tests.unit.a" name="test_b[{}]">{}</testcase>'
    body = case.format("1", "") + case.format("2", "<failure/>") + case.format("3", "<skipped/>")
    assert validation.results_of(f"<testsuites>{body}</testsuites>".encode()) == {"tests/unit/a.py::test_b": "failed"}
