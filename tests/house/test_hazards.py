"""The hazard log is true: the page is what the file renders, each control stands in a module and is proved by tests that exist, severe harm has two."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

import baybridge
from baybridge.cli.main import main
from baybridge.documents.hazards import Hazard, HazardLog, as_markdown
from baybridge.documents.loader import Documents

ROOT = Path(__file__).parents[2]
LOG = Documents().typed.the(HazardLog)
LANGUAGES = {"en", "zh-Hans", "zh-Hant", "pt"}


@cache
def named_in(file: str) -> frozenset[str]:
    """The tests that a file defines, read and not run."""
    path = ROOT / file
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"))


def missing_tests(hazard: Hazard) -> list[str]:
    named = [test for control in hazard.controls for test in control.tests]
    return [test for test in named if test.partition("::")[2] not in named_in(test.partition("::")[0])]


def stands_on_one(hazard: Hazard) -> bool:
    """Whether no two controls are proved each by a test in a file that does not prove the other, and nothing says why."""
    files = [{test.partition("::")[0] for test in control.tests} for control in hazard.controls]
    independent = any(one - other and other - one for place, one in enumerate(files) for other in files[place + 1 :])
    return not independent and not hazard.single_control


def test_the_page_is_what_the_file_renders() -> None:
    assert (ROOT / "docs" / "safety.md").read_text("utf-8") == as_markdown(LOG)


def test_the_command_prints_and_writes_it(tmp_path: Path) -> None:
    target = tmp_path / "safety.md"
    assert CliRunner().invoke(main, ["safety", "--write", str(target)]).exit_code == 0
    assert CliRunner().invoke(main, ["safety"]).output == target.read_text("utf-8") == as_markdown(LOG)
    assert CliRunner().invoke(main, ["safety", "--write", str(tmp_path / "none" / "safety.md")]).exit_code == 1


@pytest.mark.parametrize("hazard", LOG.hazards, ids=lambda hazard: hazard.id)
def test_each_control_stands_somewhere_and_is_proved(hazard: Hazard) -> None:
    assert missing_tests(hazard) == []
    source = Path(baybridge.__file__).parent
    assert [control.where for control in hazard.controls if not (source / control.where).is_file()] == []


@pytest.mark.parametrize("hazard", LOG.hazards, ids=lambda hazard: hazard.id)
def test_severe_harm_has_two_controls_or_says_why_not(hazard: Hazard) -> None:
    worst = {hazard.before.severity, hazard.after.severity}
    assert not (worst & LOG.scale.severe and stands_on_one(hazard))


def test_controls_do_not_make_anything_worse() -> None:
    severity, likelihood = ([level.code for level in levels] for levels in (LOG.scale.severity, LOG.scale.likelihood))
    for one in LOG.hazards:
        assert severity.index(one.after.severity) <= severity.index(one.before.severity), one.id
        assert likelihood.index(one.after.likelihood) <= likelihood.index(one.before.likelihood), one.id


def test_titles_and_levels_are_named_in_every_language() -> None:
    titles = [LOG.title, *(one.title for one in (*LOG.scale.severity, *LOG.scale.likelihood, *LOG.hazards))]
    assert [title for title in titles if set(title) != LANGUAGES or not all(title.values())] == []


def test_these_checks_can_fail() -> None:
    hazard = LOG.hazards[0]
    first = hazard.controls[0]
    away = msgspec.structs.replace(first, tests=("tests/house/test_hazards.py::test_nothing",))
    assert missing_tests(msgspec.structs.replace(hazard, controls=(away,))) == ["tests/house/test_hazards.py::test_nothing"]
    alone = msgspec.structs.replace(hazard, controls=(first, first))
    assert stands_on_one(alone)
    assert not stands_on_one(msgspec.structs.replace(alone, single_control="the only one there can be"))
    never = msgspec.structs.replace(hazard, id="H99", after=msgspec.structs.replace(hazard.after, likelihood="never"))
    twice = msgspec.structs.replace(LOG, hazards=(hazard, hazard, never))
    wordless = msgspec.structs.replace(LOG, hazards=(msgspec.structs.replace(hazard, title={"pt": "perigo"}),))
    assert [where for where, _, _ in wordless.contradictions()] == [("hazards", 0, "title")]
    assert [where for where, _, _ in twice.contradictions()] == [("hazards", 1, "id"), ("hazards", 2, "after", "likelihood")]
