"""Reviewing a trial: a person turns published lines into rules over facts, and says which lines stay to be read.

Main job: `policy_text(trial, lines, version, …)` writes the reviewed lines as a policy document of shape `criteria`; `problems(…)` answers everything that is
wrong, line by line. A rule of an exclusion line says what excludes; it is turned round in the policy.

A line is a rule, for a person to read at each screening, or a formality that decides nothing (consent, visits). What nobody read yet is for a person.
**Source**: docs/architecture.md, "A policy document".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import yaml

from baybridge.documents.problems import PolicyProblems
from baybridge.language.languages import FALLBACK
from baybridge.matching.trials import Trial
from baybridge.policy.document.reader import load
from baybridge.policy.document.shapes import Policy
from baybridge.policy.language.types import FactType

Reading = Literal["rule", "person", "formality"]
READINGS: tuple[Reading, ...] = ("rule", "person", "formality")
#: More rules than this in one trial are refused rather than kept: nobody reads them.
MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One published line and what a person made of it; `when` is the rule in the expression language."""

    text: str
    excludes: bool
    reading: Reading = "person"
    when: str = ""


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong with one line: its place among the lines, a dotted code, and what was expected and found."""

    place: int
    code: str
    expected: str = ""
    found: str = ""
    hint: str = ""


def lines_of(trial: Trial) -> tuple[Line, ...]:
    """The published lines before anybody reviewed them, with the registry's own limits of age as proposed rules."""
    limits = (("Minimum age", ">=", trial.minimum_age), ("Maximum age", "<=", trial.maximum_age))
    return (
        *(Line(f"{words} {age:g} years", excludes=False, reading="rule", when=f"age {sign} {age:g}") for words, sign, age in limits if age),
        *(Line(text, excludes=False) for text in trial.inclusion),
        *(Line(text, excludes=True) for text in trial.exclusion),
    )


def policy_id(trial_id: str) -> str:
    """The policy of a trial's reviewed criteria."""
    return f"trial-{trial_id.lower()}"


def unread(lines: Sequence[Line]) -> int:
    """How many lines a person must still read at each screening."""
    return sum(line.reading == "person" for line in lines)


def policy_text(trial: Trial, lines: Sequence[Line], version: int) -> str:
    """The reviewed lines as a policy document; every rule keeps the published words as its text."""
    rules = [
        {"id": f"line-{place}", "when": f"NOT ({line.when})" if line.excludes else line.when, "text": {FALLBACK: line.text}}
        for place, line in enumerate(lines, 1)
        if line.reading == "rule"
    ]
    document = {
        "id": policy_id(trial.trial_id),
        "version": str(version),
        "shape": "criteria",
        "title": {FALLBACK: trial.title},
        "source": f"ClinicalTrials.gov {trial.trial_id}, criteria reviewed by a person",
        "confidence": "medium",
        "jurisdiction": [],
        "outcomes": {"holds": "eligible", "fails": "ineligible"},
        "criteria": rules,
        "cases": [],
    }
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=1000)


def read_policy(trial: Trial, lines: Sequence[Line], version: int, facts: Mapping[str, FactType]) -> Policy | tuple[LineProblem, ...]:
    """The policy of reviewed lines, or everything that is wrong with them."""
    against = tuple(problems(lines, facts))
    return against or load(policy_text(trial, lines, version), policy_id(trial.trial_id), facts)


def problems(lines: Sequence[Line], facts: Mapping[str, FactType]) -> Iterator[LineProblem]:
    """Everything that is wrong with reviewed lines; each rule is judged alone, so that its problem is told at its line."""
    if len(lines) > MOST_LINES:
        yield LineProblem(0, "matching.review.too_many", expected=str(MOST_LINES), found=str(len(lines)))
        return
    rules = [line for line in lines if line.reading == "rule"]
    if not rules:
        yield LineProblem(0, "matching.review.no_rule")
    for place, line in enumerate(lines, 1):
        if line.reading == "rule" and not line.when.strip():
            yield LineProblem(place, "matching.review.rule_empty")
        elif line.reading == "rule":
            yield from check(line.when, facts, place)


def check(when: str, facts: Mapping[str, FactType], place: int = 0) -> Iterator[LineProblem]:
    """What is wrong with one rule against the dictionary of facts; nothing where it can be used."""
    rule = {"id": "line", "when": when, "text": {"en": "-"}}
    outcomes = {"holds": "eligible", "fails": "ineligible"}
    document = {"id": "check", "version": "1", "shape": "criteria", "title": {"en": "-"}, "source": "-", "confidence": "medium", "outcomes": outcomes, "criteria": [rule]}
    try:
        load(yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=10_000), "check", facts)
    except PolicyProblems as found:
        for problem in found.problems:
            yield LineProblem(place, problem.code, problem.expected, problem.found, problem.hint)
