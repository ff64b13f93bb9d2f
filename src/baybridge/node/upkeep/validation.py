"""A validation pack: what this software is to do where a patient could be harmed, by which tests that is shown, how they went, what it is made of.

Main job: `results_of(junit)` reads the results of a run of the tests; `pack(log, rules, results, made_of, software, at)` answers the pages by name, in Markdown.

Requirements are the controls of the hazard log and the worked cases of the policies, both of them documents of this software. A test without a result is told as not
run and counts as not shown: no result is never a good one.

**Source**: the form of results is that of JUnit as pytest writes it (`--junitxml`), https://docs.pytest.org/en/stable/how-to/output.html#creating-junitxml-format-files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from xml.etree import ElementTree

from baybridge.documents.hazards import Control, HazardLog, as_markdown
from baybridge.node.upkeep.parts import Part

Result = Literal["passed", "failed", "skipped", "not run"]
_WORST_FIRST: tuple[Result, ...] = ("failed", "not run", "skipped", "passed")


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy with its version, source, and how many worked cases stand in its document."""

    id: str
    version: str
    source: str
    cases: int


class UnreadableError(ValueError):
    """A file that holds no results of tests; says why."""


def results_of(junit: bytes) -> dict[str, Result]:
    """The result of each test by `path::name`, the worst of its parameters; UnreadableError where the file holds none."""
    if b"<!DOCTYPE" in junit or b"<!ENTITY" in junit:
        raise UnreadableError("a document type, which no results of tests have")
    try:
        root = ElementTree.fromstring(junit)  # noqa: S314 - without a document type there is nothing to expand
    except ElementTree.ParseError as problem:
        raise UnreadableError(f"no XML: {problem}") from None
    found: dict[str, Result] = {}
    for case in root.iter("testcase"):
        name = _name(case.get("classname", ""), case.get("name", ""))
        found[name] = _worst((_result(case), found.get(name, "passed")))
    if not found:
        raise UnreadableError("no test in it")
    return found


def _name(classname: str, name: str) -> str:
    """The test as the hazard log names it: tests.unit.base.test_x and test_y[a] are tests/unit/base/test_x.py::test_y."""
    return f"{classname.replace('.', '/')}.py::{name.partition('[')[0]}"


def _result(case: ElementTree.Element) -> Result:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def _worst(results: Iterable[Result]) -> Result:
    return min(results, key=_WORST_FIRST.index)


def shown(control: Control, results: Mapping[str, Result]) -> Result:
    """How the tests of a control went, the worst of them."""
    return _worst(results.get(test, "not run") for test in control.tests)


def pack(log: HazardLog, rules: Sequence[Rule], results: Mapping[str, Result], made_of: Sequence[Part], software: str, at: datetime) -> dict[str, str]:
    """The pages by file name."""
    return {
        "1-about.md": _page(_about(log, results, software, at)),
        "2-requirements.md": _page(_requirements(log, rules, results)),
        "3-results.md": _page(_results(results)),
        "4-hazards.md": as_markdown(log),
        "5-parts.md": _page(_parts(made_of)),
    }


def _page(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def _about(log: HazardLog, results: Mapping[str, Result], software: str, at: datetime) -> Iterator[str]:
    outcomes = [shown(control, results) for hazard in log.hazards for control in hazard.controls]
    yield from ("# Validation pack of Baybridge", "", f"Software: {software}. Made {at.isoformat(timespec='seconds')}.", "")
    yield f"{len(results)} tests: {_counts(results.values())}. {len(outcomes)} controls of {len(log.hazards)} hazards: {_counts(outcomes)}."
    yield from ("", "| page | holds |", "| --- | --- |")
    yield "| 2-requirements.md | each control of the hazard log with its tests and how they went; each policy with its source and worked cases |"
    yield "| 3-results.md | every test of the run with its result |"
    yield "| 4-hazards.md | the hazard log: cause, harm, estimates before and after, controls, known open points |"
    yield "| 5-parts.md | every package of the installation that made this pack, with version and licence |"
    yield from ("", "## What this is not", "")
    yield from (f"- {line}" for line in _IS_NOT)
    yield from ("", "## Judged at this site", "")
    yield from ("| | name, function | day | signature |", "| --- | --- | --- | --- |")
    yield from ("| Read and accepted for use here | | | |", "| Reviewed by quality | | | |")


_IS_NOT = (
    "No certificate and no declaration of conformity: nobody outside of the project has examined the software.",
    "No validation of the site: interfaces, devices, networks, documents of the site and its people are its own to try, with `baybridge protocol` and test patients.",
    "No proof that nothing else can go wrong: it shows what the hazard log names, as well as the named tests can show it.",
    "No statement about another version: the results hold for the commit that is named, and for the machine on which the tests ran.",
)


def _counts(results: Iterable[Result]) -> str:
    every = list(results)
    return ", ".join(f"{every.count(result)} {result}" for result in reversed(_WORST_FIRST))


def _requirements(log: HazardLog, rules: Sequence[Rule], results: Mapping[str, Result]) -> Iterator[str]:
    yield from ("# Requirements, and how each is shown", "", "## Controls of hazards", "")
    yield from ("| id | the software | where | test | result |", "| --- | --- | --- | --- | --- |")
    for hazard in log.hazards:
        for number, control in enumerate(hazard.controls, start=1):
            said = f"{hazard.id}.{number} | {_cell(control.what)} | `{control.where}`"
            for test in control.tests:
                yield f"| {said} | `{test}` | {results.get(test, 'not run')} |"
                said = " | | "
    yield from ("", "## Policies", "")
    yield "Each worked case is decided by every engine in `tests/spec` and `tests/house`; a site that lays its own document over one runs `baybridge check`."
    yield from ("", "| policy | version | source | worked cases |", "| --- | --- | --- | --- |")
    yield from (f"| {rule.id} | {rule.version} | {_cell(rule.source)} | {rule.cases} |" for rule in rules)


def _results(results: Mapping[str, Result]) -> Iterator[str]:
    yield from ("# Results of the tests", "", "| test | result |", "| --- | --- |")
    for name in sorted(results, key=lambda one: (_WORST_FIRST.index(results[one]), one)):
        yield f"| `{name}` | {results[name]} |"


def _parts(made_of: Sequence[Part]) -> Iterator[str]:
    yield from ("# Packages", "", "| package | version | licence |", "| --- | --- | --- |")
    yield from (f"| {one.name} | {one.version} | {_cell(one.licence)} |" for one in made_of)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
