"""In which language a command says what it refuses and finds odd: as asked for, by the settings, by the terminal; English without any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from baybridge.base.outcome import Reason
from baybridge.cli.main import main
from baybridge.cli.policy_source import dictionary_of, documents_of
from baybridge.cli.records import one_line
from baybridge.documents.loader import Documents
from baybridge.facts.converted import said_in
from baybridge.language.texts import Texts
from baybridge.record.intake.importing import ImportProblem

LANGUAGES = ("en", "zh-Hans", "zh-Hant", "pt")
NOBODY = {"BAYBRIDGE_LANGUAGE": "", "LC_ALL": "", "LC_MESSAGES": "", "LANG": ""}
REFUSED = ("units", "g/L", "10*9/L", "1")


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env={**NOBODY, **environment})


def in_one_language(result: Result) -> str:
    (found,) = {language for language in LANGUAGES if Texts(Documents()).reason(language, _reason()) in result.output}
    return found


def _reason() -> Reason:
    answer = said_in("g/L", "10*9/L", "1", None, dictionary_of(documents_of(None)), digits=15)
    assert isinstance(answer, Reason)
    return answer


@pytest.mark.parametrize("language", LANGUAGES)
def test_as_asked_for_before_anything_else(language: str) -> None:
    result = run("--language", language, *REFUSED, BAYBRIDGE_LANGUAGE="en", LANG="pt_PT.UTF-8")
    assert (result.exit_code, in_one_language(result)) == (1, language)


@pytest.mark.parametrize(
    ("environment", "language"),
    [({}, "en"), ({"LANG": "C.UTF-8"}, "en"), ({"LANG": "zh_HK.UTF-8"}, "zh-Hant"), ({"LANG": "zh_CN.GB18030"}, "zh-Hans"), ({"LANG": "pt_PT@euro"}, "pt"),
     ({"LANG": "zh_HK.UTF-8", "LC_ALL": "pt_PT"}, "pt"), ({"LC_ALL": "pt_PT", "BAYBRIDGE_LANGUAGE": "zh-Hans"}, "zh-Hans"), ({"LANG": "xx_YY"}, "en")],
)  # fmt: skip
def test_by_the_settings_and_the_terminal(environment: dict[str, str], language: str) -> None:
    assert in_one_language(run(*REFUSED, **environment)) == language


def test_the_code_is_the_same_in_every_language_and_the_sentence_is_the_readers() -> None:
    told = {language: json.loads(run("--language", language, *REFUSED, "--json").stdout.splitlines()[0])["reasons"][0] for language in LANGUAGES}
    assert len({one["code"] for one in told.values()}) == 1
    assert len({one["text"] for one in told.values()}) == len(LANGUAGES)


def test_a_language_that_nobody_speaks_is_a_wrong_use() -> None:
    assert run("--language", "xx", *REFUSED).exit_code == 2


def test_facts_that_are_none_are_told_in_it(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text('{"temperature": "hot"}')
    said = {language: run("--language", language, "decide", "crs-astct-2019", "--facts", str(facts)).output for language in LANGUAGES}
    assert len(set(said.values())) == len(LANGUAGES)


def test_what_is_odd_in_a_file_says_place_and_sentence_in_it() -> None:
    problem = ImportProblem("odd", "record.import.unknown_unit", "x.json", None, 3, "Observation", "valueQuantity", "a unit of UCUM", "blob")
    lines = {language: one_line(Texts(Documents()), language, problem) for language in LANGUAGES}
    assert len(set(lines.values())) == len(LANGUAGES)
    assert "entry 3" in lines["en"]
    assert "entry" not in lines["zh-Hant"]


@pytest.mark.parametrize("command", [("recognise",), ("transfer", "check")])
def test_a_request_that_cannot_be_judged_is_told_in_it(tmp_path: Path, command: tuple[str, ...]) -> None:
    request = tmp_path / "request.json"
    request.write_text("{}")
    said = {language: run("--language", language, *command, str(request)) for language in LANGUAGES}
    assert {one.exit_code for one in said.values()} == {1}
    assert len({one.output for one in said.values()}) == len(LANGUAGES)
    assert ": expected " in said["en"].output
    assert "expected" not in said["pt"].output
