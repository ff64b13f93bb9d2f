"""Checking policy documents as their authors do: every problem of form, type, unit and code, and every worked case that fails.

Main job: `check_documents(documents, dictionary, file)` over one file, or over all policies; `unnoticed(policy, dictionary)`, what could be changed in a
policy without any of its worked cases failing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from baybridge.base.time import parse_instant_or_day
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.given import read_given
from baybridge.node.documents import Documents, fact_types, read_text
from baybridge.node.texts import Texts
from baybridge.policy.cases import differences
from baybridge.policy.decide import Decision, decide
from baybridge.policy.document import load
from baybridge.policy.mutate import mutations
from baybridge.policy.shapes import Policy, WorkedCase
from baybridge.policy.source import plain
from baybridge.policy.types import FactType, PolicyProblems, Problem, Value


@dataclass(frozen=True, slots=True)
class Report:
    """What a check looked at and what it found."""

    policies: int
    cases: int
    problems: tuple[Problem, ...]
    unnoticed: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        problems = [problem.as_json() for problem in self.problems]
        return {"policies": self.policies, "cases": self.cases, "problems": problems, "unnoticed": list(self.unnoticed)}


def check_documents(documents: Documents, dictionary: Dictionary, file: Path | None = None, *, mutate: bool = False) -> Report:
    """Check one file, or every policy; worked cases of a document are run when the document itself is sound.

    With `mutate` each threshold, operator and date is changed in turn; those that no worked case notices are listed as unnoticed.
    """
    types = fact_types(documents)
    loaded: list[Policy] = []
    problems: list[Problem] = []
    for origin, text in [(str(file), read_text(file))] if file is not None else _shipped(documents, types):
        try:
            loaded.append(load(text, origin, types))
        except PolicyProblems as found:
            problems += found.problems
    texts = Texts(documents)
    for policy in loaded:
        for case in policy.cases:
            problems += _case_problems(policy, case, dictionary, texts)
    noticed = [line for policy in loaded for line in unnoticed(policy, dictionary)] if mutate and not problems else []
    return Report(len(loaded), sum(len(policy.cases) for policy in loaded), tuple(problems), tuple(noticed))


def unnoticed(policy: Policy, dictionary: Dictionary) -> Iterator[str]:
    """Each change of one threshold, operator or date that no worked case of the policy notices."""
    cases = [(case, _moment(case), read_given(plain(case.facts), dictionary)[0]) for case in policy.cases]
    for mutation in mutations(policy):
        if not any(_notices(mutation.policy, *case) for case in cases):
            yield str(mutation)


def failing(policy: Policy, dictionary: Dictionary) -> Iterator[tuple[WorkedCase, Decision | None]]:
    """The worked cases of a policy that do not come out, each with what comes out; None where its facts cannot be read."""
    for case in policy.cases:
        facts, problems = read_given(plain(case.facts), dictionary)
        decision = None if problems else decide(policy, facts, as_of=_moment(case), settle="would_settle" in case.expect)
        if decision is None or differences(case, decision):
            yield case, decision


def _notices(policy: Policy, case: WorkedCase, at: datetime | None, facts: Mapping[str, Value]) -> bool:
    settle = "would_settle" in case.expect
    return bool(differences(case, decide(policy, facts, as_of=at, settle=settle)))


def _moment(case: WorkedCase) -> datetime | None:
    return None if case.at is None else parse_instant_or_day(case.at)


def _shipped(documents: Documents, types: dict[str, FactType]) -> Iterator[tuple[str, str]]:
    library = documents.policies(types)
    for policy_id in library.ids():
        for file in library.files(policy_id):
            yield str(file), read_text(file)


def _case_problems(policy: Policy, case: WorkedCase, dictionary: Dictionary, texts: Texts) -> Iterator[Problem]:
    def problem(expected: str, found: str) -> Problem:
        return Problem(policy.origin, case.line, 1, "policy.problem.worked_case", f"worked case {case.name!r} to give {expected}", found)

    values, wrong = read_given(plain(case.facts), dictionary)
    for reason in wrong:
        yield problem("a decision", texts.reason("en", reason))
    try:
        at = _moment(case)
    except ValueError as error:
        yield problem("a decision", str(error))
        return
    if not wrong:
        settle = "would_settle" in case.expect
        for line in differences(case, decide(policy, values, as_of=at, settle=settle)):
            yield problem(*_expected_and_found(line))


def _expected_and_found(line: str) -> tuple[str, str]:
    name, _, rest = line.partition(": expected ")
    expected, _, found = rest.rpartition(", found ")
    return f"{name} {expected}", found
