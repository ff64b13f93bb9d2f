"""Reviewing a trial: lines become rules of the expression language, checked against the dictionary; what nobody made a rule stays text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from baybridge.demo.trials import SEARCH
from baybridge.documents.loader import Documents
from baybridge.matching.registry import read_study
from baybridge.matching.reviewing import MOST_LINES, Line, check, lines_of, policy_text, problems, read_policy, unread
from baybridge.policy.document.shapes import Policy
from baybridge.policy.one_case.decide import decide
from baybridge.rulebook.library import fact_types

FACTS = fact_types(Documents())
TRIAL = read_study(SEARCH["studies"][0])
LINES = (
    Line("ECOG 0 or 1", excludes=False, reading="rule", when="ecog <= 1"),
    Line("Active infection", excludes=True, reading="rule", when="active_infection"),
    Line("Two of three scores", excludes=True, reading="rule", when="lvef < 45 OR neutrophils < 1"),
    Line("Consent", excludes=False, reading="formality"),
    Line("Judgement of the investigator", excludes=False),
)


def policy(lines: tuple[Line, ...] = LINES) -> Policy:
    found = read_policy(TRIAL, lines, 3, FACTS)
    assert isinstance(found, Policy), found
    return found


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"ecog": 1, "active_infection": False, "lvef": 60, "neutrophils": 2}, "eligible"),
        ({"ecog": 2, "active_infection": False, "lvef": 60, "neutrophils": 2}, "ineligible"),
        ({"ecog": 1, "active_infection": True, "lvef": 60, "neutrophils": 2}, "ineligible"),
        ({"ecog": 1, "active_infection": False, "lvef": 40, "neutrophils": None}, "ineligible"),
        ({"ecog": 1, "active_infection": None, "lvef": 60, "neutrophils": 2}, "undetermined"),
        ({}, "undetermined"),
    ],
)
def test_an_exclusion_says_what_excludes(facts: dict[str, object], outcome: str) -> None:
    assert decide(policy(), facts).outcome == outcome  # type: ignore[arg-type]


def test_each_rule_keeps_the_published_words_and_lines_for_a_person_are_counted() -> None:
    decision = decide(policy(), {}).as_json()
    assert [reason["criterion"] for reason in decision["reasons"]] == ["line-1", "line-2", "line-3"]
    assert [rule.text["en"] for rule in policy().body.rules] == [line.text for line in LINES[:3]]
    assert unread(LINES) == 1


def test_the_registrys_limits_of_age_are_proposed() -> None:
    assert [(line.when, line.reading) for line in lines_of(TRIAL)[:2]] == [("age >= 18", "rule"), ("age <= 75", "rule")]
    assert unread(lines_of(TRIAL)) == len(TRIAL.published)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("ege >= 18", "a fact of the dictionary"),
        ("neutrophils >= 'x'", "a value of type number"),
        ("diagnosis = 'flu'", "a code of diagnosis"),
        ("lvef + 1", "a condition"),
        ("age >=", "a complete expression"),
        ("ecog <= 1) OR (ecog > 1", "expression"),
        ("__import__('os')", ""),
    ],
)
def test_a_rule_that_cannot_be_used_says_why_at_its_line(when: str, expected: str) -> None:
    lines = (LINES[0], replace(LINES[1], when=when))
    (found,) = {problem.place for problem in problems(lines, FACTS)}
    assert found == 2
    assert any(expected in problem.expected for problem in problems(lines, FACTS))
    assert not isinstance(read_policy(TRIAL, lines, 1, FACTS), Policy)


def test_every_wrong_line_is_told() -> None:
    lines = (replace(LINES[0], when="ege = 1"), LINES[1], replace(LINES[2], when=""))
    assert [problem.place for problem in problems(lines, FACTS)] == [1, 3]


def test_a_review_without_a_rule_or_with_too_many_lines_is_refused() -> None:
    assert [problem.code for problem in problems(LINES[3:], FACTS)] == ["matching.review.no_rule"]
    assert [problem.code for problem in problems((LINES[0],) * (MOST_LINES + 1), FACTS)] == ["matching.review.too_many"]


def test_a_rule_that_can_be_used_has_no_problem() -> None:
    assert list(check("age BETWEEN 18 AND 75 AND NOT hiv_positive_30d", FACTS)) == []


def test_words_of_the_registry_cannot_break_the_document() -> None:
    odd = Line('"; id: x\n- {when: "true"} # \u2028', excludes=False, reading="rule", when="ecog <= 1")
    assert [rule.id for rule in policy((odd,)).body.rules] == ["line-1"]
    assert policy_text(TRIAL, (odd,), 1).count("when:") >= 1
