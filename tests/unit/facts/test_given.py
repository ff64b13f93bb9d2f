"""Facts that somebody gives are checked, converted, or refused with every problem, and no value is repeated."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.given import read_given

DOCUMENTS = Documents()
EXTRA: dict[str, Any] = {
    "day_of_birth": {"type": "date"},
    "seen_at": {"type": "instant"},
    "remark": {"type": "text"},
}
DICTIONARY = Dictionary.from_documents({**DOCUMENTS.folder("facts"), **EXTRA}, DOCUMENTS.folder("terms"))


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("temperature", 38.5, 38.5),
        ("temperature", 38, 38),
        ("creatinine", {"value": 1.1, "unit": "mg/dL"}, 97.24),
        ("temperature", {"value": 100.4, "unit": "[degF]"}, 38.0),
        ("age", 57, 57),
        ("age", 11.5, 11.5),
        ("age", {"value": 138, "unit": "mo"}, 11.5),
        ("ecog", 1.0, 1),
        ("ice_score", 10, 10),
        ("capd_score", 0, 0),
        ("vasopressors", {"value": 2, "unit": "1"}, 2),
        ("sedated", False, False),
        ("seizure", "none", "none"),
        ("day_of_birth", "1968-04-09", date(1968, 4, 9)),
        ("remark", "x", "x"),
    ],
)
def test_read(name: str, given: object, value: object) -> None:
    values, problems = read_given({name: given}, DICTIONARY)
    assert problems == []
    assert values == {name: value}
    assert type(values[name]) is type(value)


def test_null_and_absent_are_unknown() -> None:
    assert read_given({"temperature": None, "creatinine": {"value": None, "unit": "mg/dL"}}, DICTIONARY) == ({}, [])


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("temprature", 38, "unknown_name_close"),
        ("zzzzzz", 38, "unknown_name"),
        ("temperature", "38", "expected_number"),
        ("temperature", True, "expected_number"),
        ("temperature", [38], "expected_number"),
        ("temperature", float("inf"), "not_finite"),
        ("temperature", {"value": 38, "unit": "mg/L"}, "unit_mismatch"),
        ("temperature", {"value": 38, "unit": 5}, "unit_missing"),
        ("temperature", {"value": 38}, "expected_number"),
        ("temperature", {"value": "38", "unit": "Cel"}, "expected_number"),
        ("temperature", 2**53, "too_large"),
        ("crp", {"value": 10**30, "unit": "mg/dL"}, "too_large"),
        ("days_since_infusion", 10**30, "too_large"),
        ("oxygen_flow", -1, "negative"),
        ("creatinine", {"value": -0.1, "unit": "mg/dL"}, "negative"),
        ("temperature", {"value": -1, "unit": "[degF]"}, "negative"),
        ("vasopressors", 2.5, "not_whole"),
        ("vasopressors", -1, "off_scale"),
        ("ice_score", 11, "off_scale"),
        ("capd_score", 33, "off_scale"),
        ("sedated", 0, "expected_boolean"),
        ("sedated", "false", "expected_boolean"),
        ("sedated", {"value": True, "unit": "1"}, "expected_boolean"),
        ("seizure", "maybe", "code_unknown"),
        ("seizure", 1, "expected_code"),
        ("day_of_birth", "2026-02-30", "expected_date"),
        ("day_of_birth", 7, "expected_date"),
        ("seen_at", "2026-03-08T09:00:00", "expected_instant"),
        ("remark", 5, "expected_text"),
    ],
)
def test_refused(name: str, given: object, code: str) -> None:
    values, problems = read_given({name: given}, DICTIONARY)
    assert values == {}
    assert [(p.code, p.where) for p in problems] == [(f"facts.given.{code}", name)]


def test_a_close_name_is_suggested() -> None:
    _, problems = read_given({"creatinin": 5}, DICTIONARY)
    assert problems[0].values["close"] == "creatinine"


def test_every_problem_is_reported_and_the_rest_is_read() -> None:
    values, problems = read_given({"sedated": 1, "ecog": 1.5, "temperature": 38.1}, DICTIONARY)
    assert values == {"temperature": 38.1}
    assert [p.where for p in problems] == ["ecog", "sedated"]


def test_no_problem_repeats_what_was_given() -> None:
    canary = "CANARY-Chan-Tai-Man"
    _, problems = read_given({"seizure": canary, "sedated": canary, "temperature": canary, "day_of_birth": canary}, DICTIONARY)
    assert len(problems) == 4
    assert canary not in str(problems)


def test_every_problem_has_its_sentence() -> None:
    sentences = DOCUMENTS.translations("en")
    kinds = ["number", "integer", "boolean", "code", "text", "date", "instant"]
    codes = ["unknown_name", "unknown_name_close", "unit_missing", "unit_mismatch", "not_whole", "off_scale", "not_finite", "too_large", "negative", "code_unknown"]
    codes.append("implausible")
    for code in [*codes, *(f"expected_{k}" for k in kinds)]:
        assert f"facts.given.{code}" in sentences
