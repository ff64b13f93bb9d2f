"""`baybridge trials`: a registry's file is checked without a node, filed at one, and refused with every reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from baybridge.cli.main import main
from baybridge.demo.trials import SEARCH
from baybridge.node.upkeep.founding import found


@pytest.fixture
def search(tmp_path: Path) -> Path:
    file = tmp_path / "search.json"
    file.write_text(json.dumps({**SEARCH, "nextPageToken": "x"}), encoding="utf-8")
    return file


def test_a_file_is_checked_without_a_node(search: Path) -> None:
    done = CliRunner().invoke(main, ["trials", "import", str(search)])
    assert done.exit_code == 0, done.output
    assert "readable: NCT99999901, NCT99999902, NCT99999903" in done.output
    assert "further pages" in done.output


def test_a_file_is_filed_and_listed(search: Path, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    found(folder, {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    done = CliRunner().invoke(main, ["trials", "import", str(search), "--node", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["new"] == ["NCT99999901", "NCT99999902", "NCT99999903"]
    listed = json.loads(CliRunner().invoke(main, ["trials", "list", "--node", str(folder), "--json"]).stdout)
    assert {row["criteria"] for row in listed} == {"unreviewed"}


def test_a_file_without_a_study_exits_1_with_every_reason(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    study = {"protocolSection": {"identificationModule": {"nctId": "X"}, "statusModule": {"overallStatus": "OPEN"}}}
    file.write_text(json.dumps(study), encoding="utf-8")
    done = CliRunner().invoke(main, ["trials", "import", str(file)])
    assert done.exit_code == 1
    assert "identificationModule.nctId: expected NCT and eight digits" in done.output
    assert "statusModule.overallStatus: expected one of" in done.output
