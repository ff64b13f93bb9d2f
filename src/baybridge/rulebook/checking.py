"""Checking policy documents as their authors do: every problem of form, type, unit and code, and every worked case that fails.

Main job: `check_documents(documents, dictionary, file)` over one file, or over all policies; `unnoticed(policy, dictionary)`, what could be changed in a
policy without any of its worked cases failing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from baybridge.base.time import parse_instant_or_day
from baybridge.documents.loader import Documents, read_text
from baybridge.documents.plan import SHAPES
from baybridge.documents.problems import PolicyProblems, Problem, path_of
from baybridge.documents.source import Source, plain, read_yaml
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.given import read_given
from baybridge.funding.plans.checking import check, known_from
from baybridge.language.languages import languages_of
from baybridge.language.texts import Texts
from baybridge.policy.document.cases import differences
from baybridge.policy.document.reader import load, worked_cases
from baybridge.policy.document.shapes import Policy, Table, TableRow, WorkedCase
from baybridge.policy.language.expression import Literal_, Node
from baybridge.policy.language.types import FactType, Value
from baybridge.policy.one_case.decide import Decision, decide
from baybridge.rulebook.library import fact_types, policies_of
from baybridge.rulebook.mutation import mutations

_WRONG_FORM = "policy.problem.wrong_form"


@dataclass(frozen=True, slots=True)
class Report:
    """What a check looked at and what it found."""

    policies: int
    cases: int
    problems: tuple[Problem, ...]
    unnoticed: tuple[str, ...] = ()
    notes: tuple[Problem, ...] = ()  # nothing is wrong, and yet somebody may want it otherwise: a title that a language lacks, a row that is never reached

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON."""
        problems = [problem.as_json() for problem in self.problems]
        notes = [problem.as_json() for problem in self.notes]
        return {"policies": self.policies, "cases": self.cases, "problems": problems, "unnoticed": list(self.unnoticed), "notes": notes}


def check_documents(documents: Documents, dictionary: Dictionary, file: Path | None = None, *, mutate: bool = False) -> Report:
    """Check one file, or every policy; worked cases of a document are run when the document itself is sound.

    With `mutate` each threshold, operator and date is changed in turn; those that no worked case notices are listed as unnoticed.
    """
    types = fact_types(documents)
    loaded: list[Policy] = []
    problems: list[Problem] = []
    texts = Texts(documents)
    for origin, text in [(str(file), read_text(file))] if file is not None else _shipped(documents, types):
        plan = _plan_report(origin, text, documents, texts) if file is not None else None  # no shipped policy is a document of money
        if plan is not None:
            return plan
        try:
            loaded.append(load(text, origin, types))
        except PolicyProblems as found:
            cases = worked_cases(text, origin)
            problems += [*found.problems, *(one for case in cases for one in _fact_problems(origin, case, dictionary, texts))]
    for policy in loaded:
        for case in policy.cases:
            problems += _case_problems(policy, case, dictionary, texts)
    noticed = [line for policy in loaded for line in unnoticed(policy, dictionary)] if mutate and not problems else []
    languages = tuple(languages_of(documents.folder))
    notes = tuple(one for policy in loaded for one in _notes(policy, languages))
    return Report(len(loaded), sum(len(policy.cases) for policy in loaded), tuple(sorted(problems)), tuple(noticed), notes)


def _plan_report(origin: str, text: str, documents: Documents, texts: Texts) -> Report | None:
    """What the checker of plans says of a document of money, at its places; None for a policy over facts."""
    try:
        source = read_yaml(text, origin)
    except PolicyProblems:
        return None
    document = source.document
    if not isinstance(document, dict) or document.get("shape") not in SHAPES:
        return None
    cases = document.get("cases")
    return Report(1, len(cases) if isinstance(cases, list) else 0, tuple(sorted({*source.problems, *plan_problems(source, documents, texts)})))


def plan_problems(source: Source, documents: Documents, texts: Texts) -> Iterator[Problem]:
    """Every problem that the checker of plans finds in a document of money, at its line and field."""
    for reason in check(source.document, known_from(documents)):
        expected = f"{reason.where or 'the document'} to be in order"
        yield source.problem(_WRONG_FORM, path_of(reason.where), expected, texts.reason("en", reason))


def _notes(policy: Policy, languages: Sequence[str]) -> Iterator[Problem]:
    """The languages in which a policy has no title, and the rows of a table that a row above always keeps from being reached."""
    hidden = tuple(_hidden(policy.body)) if isinstance(policy.body, Table) else ()
    untitled = [language for language in languages if language not in policy.title]
    if not hidden and not untitled:
        return
    source = read_yaml(policy.text, policy.origin)
    for index, (row, before) in hidden:
        why = "asks the same" if row.rule.written == before.rule.written else "always holds"
        source.report(_WRONG_FORM, ("rows", index), "a row that can be reached", f"one below {before.rule.id}, which {why}", "put it higher, or leave it out")
    for language in untitled:
        source.report(_WRONG_FORM, ("title",), f"a title in {language}", "none", "its readers see the English title or the id")
    yield from source.problems


def _hidden(table: Table) -> Iterator[tuple[int, tuple[TableRow, TableRow]]]:
    for index, row in enumerate(table.rows):
        above = (one for one in table.rows[:index] if one.rule.written == row.rule.written or _always(one.rule.expression))
        if (before := next(above, None)) is not None:
            yield index, (row, before)


def _always(expression: Node) -> bool:
    return isinstance(expression, Literal_) and expression.value is True


def unnoticed(policy: Policy, dictionary: Dictionary) -> Iterator[str]:
    """Each change of one threshold, operator or date that no worked case of the policy notices."""
    cases = [(case, _moment(case), read_given(plain(case.facts), dictionary)[0]) for case in policy.cases]
    for mutation in mutations(policy):
        if not any(_differences(mutation.policy, *case) for case in cases):
            yield str(mutation)


def failing(policy: Policy, dictionary: Dictionary) -> Iterator[tuple[WorkedCase, Decision | None]]:
    """The worked cases of a policy that do not come out, each with what comes out; None where its facts cannot be read."""
    for case in policy.cases:
        facts, problems = read_given(plain(case.facts), dictionary)
        decision = None if problems else decide(policy, facts, as_of=_moment(case), settle="would_settle" in case.expect)
        if decision is None or differences(case, decision):
            yield case, decision


def _differences(policy: Policy, case: WorkedCase, at: datetime | None, facts: Mapping[str, Value]) -> tuple[str, ...]:
    """One line for each expectation that is not met; what a case does not expect is not looked for."""
    settle = "would_settle" in case.expect
    return differences(case, decide(policy, facts, as_of=at, settle=settle, asking=settle or "missing" in case.expect))


def _moment(case: WorkedCase) -> datetime | None:
    return None if case.at is None else parse_instant_or_day(case.at)


def _shipped(documents: Documents, types: dict[str, FactType]) -> Iterator[tuple[str, str]]:
    library = policies_of(documents, types)
    for policy_id in library.ids():
        for file in library.files(policy_id):
            yield str(file), read_text(file)


def _case_problems(policy: Policy, case: WorkedCase, dictionary: Dictionary, texts: Texts) -> Iterator[Problem]:
    """What is wrong with the facts and the moment of a worked case, and every way in which the decision is another than expected."""
    wrong = [*_fact_problems(policy.origin, case, dictionary, texts)]
    yield from wrong
    try:
        at = _moment(case)
    except ValueError as error:
        expected, _, found = str(error).partition(", found ")
        yield _problem(policy.origin, case, "at", expected.removeprefix("expected "), found)
        return
    if not wrong:
        values, _ = read_given(plain(case.facts), dictionary)
        for line in _differences(policy, case, at, values):
            name, expected, found = _expected_and_found(line)
            yield _problem(policy.origin, case, f"expect.{name}", f"worked case {case.name!r} to give {name} {expected}", found)


def _fact_problems(origin: str, case: WorkedCase, dictionary: Dictionary, texts: Texts) -> Iterator[Problem]:
    """What is wrong with the facts of a worked case, whatever the rules say."""
    _, wrong = read_given(plain(case.facts), dictionary)
    for reason in wrong:
        unknown = reason.where not in dictionary
        yield _problem(origin, case, f"facts.{reason.where}{':' if unknown else ''}", f"facts of worked case {case.name!r} that can be read", texts.reason("en", reason))


def _problem(origin: str, case: WorkedCase, name: str, expected: str, found: str) -> Problem:
    """A problem at a name of a worked case, or at the case."""
    line, column = case.places.get(name) or case.places[""]
    return Problem(origin, line, column, "policy.problem.worked_case", expected, found)


def _expected_and_found(line: str) -> tuple[str, str, str]:
    name, _, rest = line.partition(": expected ")
    expected, _, found = rest.rpartition(", found ")
    return name, expected, found

