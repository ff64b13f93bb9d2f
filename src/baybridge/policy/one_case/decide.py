"""A decision: the outcome of a policy over facts, with every reason, what is missing, and what would settle it.

Main job: `decide(policy, facts, subject=…, as_of=…) -> Decision`. Same policy, facts and moment: same bytes.

**Source**: design section 9, "A decision document". Elsewhere: `interpret.py` for truth, `verdict.py` for outcomes, `settle.py` for what to
ask next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NotRequired, TypedDict

from baybridge.base.canonical import MAX_INTEGER
from baybridge.base.time import CHINA
from baybridge.policy.document.shapes import NOT_IN_FORCE, UNDETERMINED, Findings, Limits, Policy, Rule, Score
from baybridge.policy.language.types import FactType, Value
from baybridge.policy.one_case.compiled import Compiled, compiled
from baybridge.policy.one_case.ground import Ground, GroundDocument, plain_value
from baybridge.policy.one_case.interpret import Evaluation, exact_facts
from baybridge.policy.one_case.mattering import mattering, tried
from baybridge.policy.one_case.settle import would_settle
from baybridge.policy.one_case.verdict import Truths, driver, undecided

_NUMBERS = frozenset({"integer", "number"})


class DecisionDocument(TypedDict):
    """A decision as plain JSON, as the contract writes it; `confidence` is that of the policy, where somebody added it."""

    policy: str
    version: str
    policy_sha256: str
    subject: str | None
    as_of: str | None
    outcome: str
    values: dict[str, Any]
    reasons: list[GroundDocument]
    missing: list[str]
    would_settle: list[list[str]]
    sources: list[str]
    confidence: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says about a subject at a moment."""

    policy: str
    version: str
    policy_sha256: str
    subject: str | None
    as_of: datetime | date | None
    outcome: str
    values: Mapping[str, Any]  # numbers, codes and lists of codes, by the shape of the policy
    reasons: tuple[Ground, ...]
    missing: tuple[str, ...]
    would_settle: tuple[tuple[str, ...], ...]
    sources: tuple[str, ...]

    def as_json(self) -> DecisionDocument:
        """The decision document of the contract, as plain JSON."""
        return {
            "policy": self.policy,
            "version": self.version,
            "policy_sha256": self.policy_sha256,
            "subject": self.subject,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "outcome": self.outcome,
            "values": {name: plain_value(value) for name, value in self.values.items()},
            "reasons": [reason.as_json() for reason in self.reasons],
            "missing": list(self.missing),
            "would_settle": [list(names) for names in self.would_settle],
            "sources": list(self.sources),
        }


class FactsError(ValueError):
    """Facts that are not of their type; one line each, without the value."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


def decide(
    policy: Policy,
    facts: Mapping[str, Value],
    *,
    subject: str | None = None,
    as_of: datetime | date | None = None,
    settle: bool = True,
    asking: bool = True,
) -> Decision:
    """The decision; facts absent or None are unknown, facts that the policy does not read are ignored.

    `as_of` outside the policy's dates of effect gives `not-in-force`; without `as_of` the dates are not looked at.
    With `settle` false nothing is searched and `would_settle` is empty; with `asking` false `missing` is empty too, for whoever looks at the outcome alone.
    Raises `FactsError` when a fact is not of its type or code set.
    """
    form = compiled(policy)
    used = _used(policy, form, facts)
    against = _not_in_force(policy, as_of)
    if against is not None:
        sources = tuple(dict.fromkeys((*policy.sources, against.source)))
        return _decision(policy, subject, as_of, NOT_IN_FORCE, {}, (against,), (), (), sources)
    truths = form.truths(used.get)
    found = form.outcome(truths)
    missing = _missing(policy, used, truths) if asking and None in used.values() else ()
    settling = would_settle(policy, used, missing) if settle and asking and found == UNDETERMINED else ()
    values = _values(form, used, truths)
    if asking and found == UNDETERMINED and policy.asked:
        missing = tuple(sorted({*missing, *_asked(policy, used)}))
    return _decision(policy, subject, as_of, found, values, form.grounds(truths, used), missing, settling, form.sources)


def _decision(
    policy: Policy,
    subject: str | None,
    as_of: datetime | date | None,
    outcome: str,
    values: Mapping[str, object],
    reasons: tuple[Ground, ...],
    missing: tuple[str, ...],
    settling: tuple[tuple[str, ...], ...],
    sources: tuple[str, ...],
) -> Decision:
    return Decision(policy.id, policy.version, policy.sha256, subject, as_of, outcome, values, reasons, missing, settling, sources)


def _used(policy: Policy, form: Compiled, facts: Mapping[str, Value]) -> dict[str, Value]:
    """The facts that the policy reads, refused where they are not of their type."""
    used, sound = form.used(facts)
    problems = [] if sound else [problem for name, value in used.items() if (problem := wrong_value(policy.fact_types[name], value))]
    if problems:
        raise FactsError(problems)
    return used


def wrong_value(fact: FactType, value: Value) -> str | None:
    """What is wrong with a value of a fact, without telling the value."""
    if value is None or (_kind(value) == fact.type or (fact.type == "number" and _kind(value) == "integer")):
        return None
    if fact.type == "code" and isinstance(value, str):
        return (
            None
            if not fact.values or value in fact.values
            else f"{fact.name}: expected one of {', '.join(fact.values)}, found another code"
        )
    return f"{fact.name}: expected {fact.type}, found {_kind(value) or 'something else'}"


def _kind(value: object) -> str | None:
    if isinstance(value, int | float) and (not math.isfinite(value) or (isinstance(value, int) and abs(value) > MAX_INTEGER)):
        return "number that is too large"
    names = {bool: "boolean", int: "integer", float: "number", str: "text", date: "date"}
    if isinstance(value, datetime):
        return "instant" if value.tzinfo is not None else "time without offset"
    return names.get(type(value))


def _not_in_force(policy: Policy, as_of: datetime | date | None) -> Ground | None:
    """Why the policy does not apply at that moment; None when it does."""
    if as_of is None:
        return None
    day = as_of.astimezone(CHINA).date() if isinstance(as_of, datetime) else as_of
    source = policy.sources[0]
    if policy.in_force_from is not None and day < policy.in_force_from:
        return Ground("in_force_from", False, f"as_of >= DATE '{policy.in_force_from}'", {}, source)  # noqa: FBT003 - a truth value
    if policy.in_force_to is not None and day > policy.in_force_to:
        return Ground("in_force_to", False, f"as_of <= DATE '{policy.in_force_to}'", {}, source)  # noqa: FBT003 - a truth value
    return None


def _missing(policy: Policy, used: Mapping[str, Value], truths: tuple[bool | None, ...]) -> tuple[str, ...]:
    """Facts that are unknown and still matter: to the outcome, to a number that is printed, or because they count only when recorded."""
    evaluation = Evaluation(exact_facts(used, policy.fact_types), policy.define)
    waiting = undecided(policy.body, _by_id(policy, truths)) if None in truths else ()
    found: frozenset[str] = frozenset().union(*(evaluation.unknowns(rule.expression) for rule in waiting))
    if waiting and tried(policy):
        found = mattering(policy, used, found - frozenset(policy.unasked))
    numbers = frozenset().union(*(evaluation.unknowns(rule.expression) for rule in _numbers(policy)))
    return tuple(sorted(found | numbers | _unrecorded(policy, evaluation)))


def _asked(policy: Policy, used: Mapping[str, Value]) -> Iterator[str]:
    """What would narrow a count that is known within bounds alone."""
    evaluation = Evaluation(exact_facts(used, policy.fact_types), policy.define)
    return (rule.id for rule in policy.asked if evaluation.holds(rule.expression) is True)


def _numbers(policy: Policy) -> tuple[Rule, ...]:
    """The printed numbers that somebody may want to be known."""
    return tuple(rule for rule in policy.values if rule.kind in _NUMBERS and rule.id not in policy.told)


def _by_id(policy: Policy, truths: tuple[bool | None, ...]) -> Truths:
    return {rule.id: truth for rule, truth in zip(policy.body.rules, truths, strict=True)}


def _unrecorded(policy: Policy, evaluation: Evaluation) -> frozenset[str]:
    """Facts that count only when recorded, were not, and that the outcome or a printed number looks at.

    Asked as if none of their kind were recorded: one finding that decides does not make the others less worth recording.
    """
    awaited = frozenset(policy.recorded_only)
    unrecorded = frozenset(name for name in awaited if evaluation.facts.get(name) is None)
    if not unrecorded:
        return unrecorded
    rest = {name: value for name, value in evaluation.facts.items() if name not in awaited}
    waiting = Evaluation(rest, policy.define, awaited)
    truths = {rule.id: waiting.holds(rule.expression) for rule in policy.body.rules}
    looked_at = [*undecided(policy.body, truths), *_numbers(policy)]
    return unrecorded & frozenset().union(*(waiting.unknowns(rule.expression) for rule in looked_at))


def _values(form: Compiled, used: Mapping[str, Value], truths: tuple[bool | None, ...]) -> dict[str, object]:
    values: dict[str, Any] = {}
    policy = form.policy
    match policy.body:
        case Score(names=names) as body:
            low, high = form.bounds(truths)
            values |= {names.score: low if low == high else None, names.min: low, names.max: high}
            if names.driver is not None:
                values[names.driver] = driver(body, _by_id(policy, truths)) if low > 0 else None
        case Findings(findings=rows):
            values["codes"] = sorted({row.code for row, truth in zip(rows, truths, strict=True) if truth is True})
        case Limits(limits=limits):
            outside = [limit for limit, truth in zip(limits, truths, strict=True) if truth is False]
            values["outside"] = sorted(limit.rule.id for limit in outside)
            values["critical"] = any(limit.critical for limit in outside)
        case _:
            pass
    if policy.flags or policy.values:
        values |= _formulas(form, used)
    return values


def _formulas(form: Compiled, used: Mapping[str, Value]) -> dict[str, object]:
    """The flags that hold and the printed values."""
    found = form.formulas(used.get)
    count = len(form.flag_ids)
    printed: dict[str, object] = dict(zip(form.value_ids, found[count:], strict=True))
    if not count:
        return printed
    flags = sorted({name for name, holds in zip(form.flag_ids, found, strict=False) if holds})
    return {"flags": flags, "flag": next(iter(flags), None), **printed}
