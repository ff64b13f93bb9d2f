"""The manual of rules is true: its documents check, its commands run as shown, and it names every document that is shipped."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from baybridge.cli.main import main
from baybridge.documents.loader import Documents
from baybridge.rulebook.library import fact_types, policies_of

MANUAL = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
DOCUMENTS = Documents()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", MANUAL, re.MULTILINE | re.DOTALL)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the manual names."""
    monkeypatch.chdir(tmp_path)
    document, more = blocks("yaml")
    (tmp_path / "our-gate.yaml").write_text(document, "utf-8")
    (tmp_path / "more.yaml").write_text(more, "utf-8")
    (tmp_path / "wrong.yaml").write_text(document.replace("lvef >= 45", "lvfe >= 45"), "utf-8")
    (tmp_path / "facts.json").write_text('{"lvef": 61, "egfr": 52}', "utf-8")
    pl.DataFrame({"lvef": [61.0, 44.0], "egfr": [52.0, 90.0], "alt": [20.0, 20.0], "alt_upper_limit": [40.0, 40.0]}).write_parquet(tmp_path / "table.parquet")
    return tmp_path


def test_every_command_runs_and_prints_what_is_shown(desk: Path) -> None:
    ran = 0
    for block in blocks("console"):
        for command, shown in re.findall(r"^\$ baybridge (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE):
            if ran == 1:  # the manual has added the worked cases by now
                (desk / "our-gate.yaml").write_text((desk / "our-gate.yaml").read_text("utf-8") + (desk / "more.yaml").read_text("utf-8"), "utf-8")
            done = CliRunner().invoke(main, command.split())
            assert done.exit_code == (1 if "wrong" in command else 0), (command, done.output)
            for line in shown.splitlines():
                assert line in done.output, (command, line, done.output)
            if ran == 1:
                assert "no worked case notices" not in done.output
            ran += 1
    assert ran == 6
    assert pl.read_parquet(desk / "answers.parquet")["outcome"].to_list() == ["fit", "unfit"]


def test_every_shipped_document_is_named_and_every_named_one_is_shipped() -> None:
    table = MANUAL[MANUAL.index("## What is shipped") : MANUAL.index("Not shipped")]
    named = set(re.findall(r"`([a-z0-9-]+)`", table))
    assert named == set(policies_of(DOCUMENTS, fact_types(DOCUMENTS)).ids())
