"""A policy as a reader meets it: its rules in words, group by group, and its worked cases in words.

Main job: `groups(policy, saying)` for the rules of any shape, `terms` for the names it defines, `worked_cases` for its examples.

What the document says in words goes first; what its expressions say is generated (`rulebook/wording.py`), so that the two can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from baybridge.documents.source import plain
from baybridge.policy.document.shapes import Criteria, Expected, Findings, Limits, Policy, Rule, Score, Table, WorkedCase
from baybridge.policy.one_case.decide import DecisionDocument
from baybridge.rulebook.speaker import Saying
from baybridge.rulebook.wording import Wording

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Row:
    """One rule: what it gives, its text where one is written, its expression in words and as written, its source where it has its own."""

    id: str
    head: str
    text: str
    words: str
    written: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that stand together: a heading and a sentence about how they decide."""

    heading: str
    says: str
    rows: tuple[Row, ...]


def groups(policy: Policy, saying: Saying) -> tuple[Group, ...]:
    """The rules of a policy in document order."""
    return tuple(_groups(policy, saying, Wording(policy, saying)))


def rows(policy: Policy, saying: Saying) -> dict[str, Row]:
    """The rules of a policy by their ids."""
    return {row.id: row for group in groups(policy, saying) for row in group.rows}


def _groups(policy: Policy, saying: Saying, wording: Wording) -> Iterator[Group]:
    say, outcome = saying.say, saying.outcome
    match policy.body:
        case Criteria(criteria=criteria, holds=holds, fails=fails):
            shared = list(dict.fromkeys(item.any_of for item in criteria if item.any_of))
            notes = {name: say("policies.any_of", group=_LETTERS[shared.index(name) % len(_LETTERS)]) for name in shared}
            rows = tuple(_row(policy, item.rule, wording, note=notes.get(item.any_of or "", "")) for item in criteria)
            yield Group("", say("policies.all_must_hold", holds=outcome(holds), fails=outcome(fails)), rows)
        case Table(rows=lines, default=default):
            rows = tuple(_row(policy, line.rule, wording, outcome(line.outcome)) for line in lines)
            last = Row("default", outcome(default), say("policies.otherwise"), "", "", "")
            yield Group("", say("policies.first_row"), (*rows, last))
        case Score(domains=domains, combine=combine):
            yield Group("", say(f"policies.score_{combine}"), ())
            for domain in domains:
                rows = tuple(_row(policy, row.rule, wording, saying.number(row.points, None)) for row in domain.rows)
                yield Group(domain_name(domain.id, saying), "", rows)
        case Limits(limits=limits):
            rows = tuple(_row(policy, limit.rule, wording, note=say("policies.critical") if limit.critical else "") for limit in limits)
            yield Group("", say("policies.all_limits", holds=outcome("within"), fails=outcome("outside")), rows)
        case Findings(findings=findings):
            rows = tuple(_row(policy, row.rule, wording, row.code, _severity(row.severity, saying), _sentence(row.code, saying)) for row in findings)
            yield Group("", say("policies.all_findings"), rows)


def domain_name(domain: str, saying: Saying) -> str:
    """What a domain of a score is called."""
    key = f"driver.{domain}"
    return saying.say(key) if saying.known(key) else saying.fact(domain)


def _severity(severity: str, saying: Saying) -> str:
    key = f"severity.{severity}"
    return saying.say(key) if saying.known(key) else severity


def _sentence(code: str, saying: Saying) -> str:
    """What a finding's code says to people, where a part has a sentence for it."""
    keys = (f"recognition.code.{code}", f"exchange.code.{code}")
    return next((saying.say(key, node="…") for key in keys if saying.known(key)), "")


def _row(policy: Policy, rule: Rule, wording: Wording, head: str = "", note: str = "", text: str = "") -> Row:
    source = "" if rule.source == policy.sources[0] else rule.source
    return Row(rule.id, head, text or text_of(rule, wording), wording.words(rule.expression), rule.written, source, note)


def text_of(rule: Rule, wording: Wording) -> str:
    """What the document, or a finding's own sentence, says of the rule in the reader's language; empty where nothing is written."""
    return rule.text.get(wording.language) or ""


def bands(policy: Policy, saying: Saying) -> tuple[str, ...]:
    """Which scores give which outcome; nothing where the score is the outcome."""
    body = policy.body
    if not isinstance(body, Score) or len(body.bands) < 2:
        return ()
    return tuple(
        saying.say("policies.band_rest", outcome=saying.outcome(band.outcome))
        if band.up_to is None
        else saying.say("policies.band_up_to", points=saying.number(band.up_to, None), outcome=saying.outcome(band.outcome))
        for band in body.bands
    )


def terms(policy: Policy, saying: Saying) -> tuple[Row, ...]:
    """The names that the document defines, each with what it stands for."""
    wording = Wording(policy, saying)
    return tuple(Row(name, wording.name_of(name) or name, "", wording.words(node), "", "") for name, node in policy.define.items())


def marks(policy: Policy, saying: Saying) -> tuple[Row, ...]:
    """Flags, then printed values."""
    wording = Wording(policy, saying)
    flags = (Row(rule.id, _named(saying, "policy.flag", rule.id), text_of(rule, wording), wording.words(rule.expression), rule.written, "") for rule in policy.flags)
    values = (Row(rule.id, _named(saying, "policy.value", rule.id), "", wording.words(rule.expression), rule.written, "") for rule in policy.values)
    return (*flags, *values)


def _named(saying: Saying, prefix: str, name: str) -> str:
    key = f"{prefix}.{name}"
    return saying.say(key) if saying.known(key) else name


@dataclass(frozen=True, slots=True)
class Example:
    """A worked case: its name, its moment, the facts given, what must come out."""

    name: str
    at: str
    facts: tuple[tuple[str, str], ...]
    expected: tuple[str, ...]


def worked_cases(policy: Policy, saying: Saying) -> tuple[Example, ...]:
    """The document's own examples in words."""
    return tuple(example(policy, case, saying) for case in policy.cases)


def example(policy: Policy, case: WorkedCase, saying: Saying) -> Example:
    """One worked case in words."""
    facts = tuple((saying.fact(name), fact_value(policy, name, value, saying)) for name, value in plain(case.facts).items())
    return Example(case.name.replace("_", " "), case.at or "", facts, tuple(_expected(case.expect, saying)))


def fact_value(policy: Policy, name: str, value: object, saying: Saying) -> str:
    """A given value in words, with the unit of its fact."""
    if isinstance(value, Mapping):
        return saying.figures.quantity(value.get("value"), value.get("unit"))
    fact = policy.fact_types.get(name)
    return said(value, saying, fact.unit if fact else None)


def said(value: object, saying: Saying, unit: str | None = None) -> str:
    """A plain value in words."""
    if value is None:
        return saying.say("policy.words.nothing")
    if isinstance(value, bool):
        return saying.say("policy.words.true" if value else "policy.words.false")
    if isinstance(value, int | float):
        return saying.number(value, unit)
    if isinstance(value, list | tuple):
        return saying.say("policy.words.separator").join(said(part, saying) for part in value) or "–"
    text = str(value)
    key = f"driver.{text}"
    words = saying.say(key) if saying.known(key) else saying.code(text)
    return saying.fact(text) if words == text and text in saying.dictionary else words


def colon(saying: Saying) -> str:
    """What stands between a name and its value in the reader's language."""
    return saying.say("page.colon")


def came_out(case: WorkedCase, found: DecisionDocument | None, saying: Saying) -> tuple[str, ...]:
    """What a decision document says of the things that a worked case expects, in the same words; nothing where there was no decision."""
    if found is None:
        return ()
    same = Expected()
    if "outcome" in case.expect:
        same["outcome"] = found["outcome"]
    if "missing" in case.expect:
        same["missing"] = found["missing"]
    if case.expect.get("values"):
        same["values"] = {name: found["values"].get(name) for name in case.expect["values"]}
    return tuple(_expected(same, saying))


def _expected(expect: Expected, saying: Saying) -> Iterator[str]:
    if "outcome" in expect:
        yield saying.outcome(expect["outcome"])
    values = expect.get("values") or {}
    for name, value in values.items():
        if value is not None and value != [] and not (name == "flag" and "flags" in values):
            yield f"{_named(saying, 'policy.value', name)}{colon(saying)}{said(value, saying)}"
    if expect.get("missing"):
        yield f"{saying.say('policies.missing')}{colon(saying)}{saying.say('policy.words.separator').join(map(saying.fact, expect['missing']))}"
