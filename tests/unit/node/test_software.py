"""What `baybridge --version` says: version, commit, schema; the commit of a checkout is read as git keeps it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from baybridge.cli.main import main
from baybridge.node import software
from baybridge.node.schema.version import NEWEST

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_version_names_commit_and_schema() -> None:
    said = CliRunner().invoke(main, ["--version"]).output
    assert re.fullmatch(rf"baybridge \S+, commit ([0-9a-f]{{12}}|unknown), schema {NEWEST}\n", said)


def packed(git: Path) -> None:
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs\n{'f' * 40} refs/heads/other\n{COMMIT} refs/heads/main\n")


def loose(git: Path) -> None:
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "main").write_text(f"{COMMIT}\n")


def detached(git: Path) -> None:
    (git / "HEAD").write_text(f"{COMMIT}\n")


@pytest.mark.parametrize("kept", [packed, loose, detached])
def test_the_commit_of_a_checkout(kept: object, tmp_path: Path) -> None:
    git = tmp_path / ".git"
    git.mkdir()
    kept(git)  # type: ignore[operator]
    assert software._of_checkout(git) == COMMIT


def test_the_commit_of_a_linked_checkout(tmp_path: Path) -> None:
    git, linked = tmp_path / "main" / ".git", tmp_path / "main" / ".git" / "linked" / "other"
    linked.mkdir(parents=True)
    packed(git)
    (linked / "HEAD").write_text("ref: refs/heads/main\n")
    (linked / "commondir").write_text("../..\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".git").write_text("gitdir: ../main/.git/linked/other\n")
    assert software._of_checkout(tmp_path / "other" / ".git") == COMMIT


def test_a_package_without_either_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "_PACKAGE", tmp_path / "site-packages" / "baybridge")
    assert software.commit() == "unknown"
