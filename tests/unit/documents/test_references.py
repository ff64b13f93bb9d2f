"""What a site's documents name of each other exists, and the unit of a fact is one of UCUM; else it is a problem at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from baybridge.documents.loader import Documents, packaged_data
from baybridge.node.commands.table import COMMANDS
from baybridge.rulebook.references import broken_references
from baybridge.rulebook.site_documents import check_site


def test_ours_name_nothing_that_is_not_there() -> None:
    assert list(broken_references(Documents(), packaged_data(), COMMANDS)) == []


@pytest.mark.parametrize(
    ("file", "text", "line", "field", "found", "code"),
    [
        ("products/a.yaml", "id: axicabtagene-ciloleucel\nspecification: spec-none\n", 2, "specification", "spec-none", "reference"),
        ("pathways/a.yaml", "id: cold-chain\nfitness:\n  collection: fitness-none\n", 3, "fitness.collection", "fitness-none", "reference"),
        ("timing/a.yaml", "id: recovery\npolicy: none-such\n", 2, "policy", "none-such", "reference"),
        ("facts/a.yaml", "ldh:\n  unit: Units\n", 2, "ldh.unit", "Units", "unit"),
    ],
)
def test_a_name_or_unit_that_nothing_bears_keeps_a_set_out_of_force(tmp_path: Path, file: str, text: str, line: int, field: str, found: str, code: str) -> None:
    path = tmp_path / file
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    report = check_site(tmp_path, COMMANDS)
    (problem,) = (one for one in report.bars if one.file == str(path))
    assert (problem.line, problem.field, problem.found, problem.code) == (line, field, found, f"document.problem.unknown_{code}")
    assert report.problems == report.bars


@pytest.mark.parametrize(
    ("ours", "theirs", "part", "found", "hint"),
    [
        ("commands: [DecideEligibility]", "commands: [DecideEligibilty]", "commands[0]", "DecideEligibilty", "did you mean DecideEligibility?"),
        ("after: [consent_care, eligibility]", "after: [consent_care, eligability]", "after[1]", "eligability", "did you mean eligibility?"),
        ("ended_by: [collect]", "ended_by: [colect]", "ended_by[0]", "colect", "did you mean collect?"),
        ("only_if: [not_accepted]", "only_if: [not_excepted]", "only_if[0]", "not_excepted", "did you mean not_accepted?"),
        ("done_by: [{event: RecordsImported}]", "done_by: [{event: RecordImported}]", "done_by[0].event", "RecordImported", "did you mean RecordsImported?"),
    ],
)
def test_a_step_of_a_pathway_names_what_is_there(tmp_path: Path, ours: str, theirs: str, part: str, found: str, hint: str) -> None:
    text = (packaged_data() / "pathways" / "standard.yaml").read_text(encoding="utf-8").replace(ours, theirs, 1)
    path = tmp_path / "pathways" / "own.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    report = check_site(tmp_path, COMMANDS)
    (problem,) = report.bars
    line = next(number for number, written in enumerate(text.splitlines(), start=1) if theirs in written)
    assert (problem.file, problem.line, problem.found, problem.hint) == (str(path), line, found, hint)
    assert problem.field.startswith("steps[")
    assert problem.field.endswith(f"].{part}")


def test_a_name_that_the_site_itself_brings_is_known(tmp_path: Path) -> None:
    ours = next(packaged_data().rglob("spec-axicabtagene-ciloleucel.yaml")).read_text("utf-8")
    for file, text in {
        "products/a.yaml": "id: axicabtagene-ciloleucel\nspecification: spec-own\n",
        "policies/own.yaml": ours.replace("id: spec-axicabtagene-ciloleucel", "id: spec-own"),
    }.items():
        path = tmp_path / file
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    assert check_site(tmp_path, COMMANDS).bars == ()
