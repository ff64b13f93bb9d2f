"""A decision: the outcome of a policy over facts, with every reason, what is missing, and what would settle it.

Main job: `decide(policy, facts, subject=…, as_of=…) -> Decision`. Same policy, facts and moment: same bytes.

**Source**: design section 9, "A decision document". Elsewhere: `interpret.py` for truth, `verdict.py` for outcomes, `settle.py` for what to
ask next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from baybridge.base.time import CHINA
from baybridge.policy.interpret import Evaluation
from baybridge.policy.settle import would_settle
from baybridge.policy.shapes import NOT_IN_FORCE, UNDETERMINED, Criteria, Findings, Limits, Policy, Rule, Score
from baybridge.policy.types import MAX_INTEGER, FactType, Value
from baybridge.policy.verdict import Truths, driver, outcome, score_bounds, undecided

_NUMBERS = frozenset({"integer", "number"})


@dataclass(frozen=True, slots=True)
class Ground:
    """One rule of a decision: whether it holds (None: unknown), on which facts, on which source."""

    criterion: str
    holds: bool | None
    expression: str
    facts: Mapping[str, Value]
    source: str
    more: Mapping[str, Any] = field(default_factory=dict)  # severity, overridable, critical where the shape has them

    def as_json(self) -> dict[str, Any]:
        """The reason as plain JSON."""
        facts = {name: _json(value) for name, value in self.facts.items()}
        plain = {"criterion": self.criterion, "holds": self.holds, "expression": self.expression, "facts": facts, "source": self.source}
        return plain | dict(self.more)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says about a subject at a moment."""

    policy: str
    version: str
    policy_sha256: str
    subject: str | None
    as_of: datetime | date | None
    outcome: str
    values: Mapping[str, Any]
    reasons: tuple[Ground, ...]
    missing: tuple[str, ...]
    would_settle: tuple[tuple[str, ...], ...]
    sources: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The decision document of the contract, as plain JSON."""
        return {
            "policy": self.policy,
            "version": self.version,
            "policy_sha256": self.policy_sha256,
            "subject": self.subject,
            "as_of": _json(self.as_of),
            "outcome": self.outcome,
            "values": {name: _json(value) for name, value in self.values.items()},
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


def decide(policy: Policy, facts: Mapping[str, Value], *, subject: str | None = None, as_of: datetime | date | None = None) -> Decision:
    """The decision; facts absent or None are unknown, facts that the policy does not read are ignored.

    `as_of` outside the policy's dates of effect gives `not-in-force`; without `as_of` the dates are not looked at.
    Raises `FactsError` when a fact is not of its type or code set.
    """
    used = _used(policy, facts)
    against = _not_in_force(policy, as_of)
    if against is not None:
        return _decision(policy, subject, as_of, NOT_IN_FORCE, {}, (against,), (), ())
    evaluation = Evaluation(used, policy.define)
    truths = {rule.id: evaluation.holds(rule.expression) for rule in policy.body.rules}
    found = outcome(policy.body, truths)
    missing = _missing(policy, evaluation, truths)
    settling = would_settle(policy, used, missing) if found == UNDETERMINED else ()
    values = _values(policy, evaluation, truths)
    return _decision(policy, subject, as_of, found, values, _grounds(policy, used, truths), missing, settling)


def _decision(policy: Policy, subject: str | None, as_of: datetime | date | None, *found: Any) -> Decision:
    result, values, reasons, missing, settling = found
    cited = (*policy.sources, *(reason.source for reason in reasons))
    sources = tuple(dict.fromkeys(source for source in cited if source))
    return Decision(policy.id, policy.version, policy.sha256, subject, as_of, result, values, reasons, missing, settling, sources)


def _used(policy: Policy, facts: Mapping[str, Value]) -> dict[str, Value]:
    """The facts that the policy reads, refused where they are not of their type."""
    used = {name: facts.get(name) for name in policy.fact_names}
    problems = [problem for name, value in used.items() if (problem := _wrong(policy.fact_types[name], value))]
    if problems:
        raise FactsError(problems)
    return used


def _wrong(fact: FactType, value: Value) -> str | None:
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


def _missing(policy: Policy, evaluation: Evaluation, truths: Truths) -> tuple[str, ...]:
    """Facts that are unknown and still matter: to the outcome, to a number that is printed, or because they count only when recorded."""
    waiting = [rule.expression for rule in undecided(policy.body, truths)]
    waiting += [rule.expression for rule in policy.values if rule.kind in _NUMBERS]
    found = frozenset().union(*(evaluation.unknowns(node) for node in waiting))
    return tuple(sorted(found | _unrecorded(policy, evaluation)))


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
    looked_at = [*undecided(policy.body, truths), *(rule for rule in policy.values if rule.kind in _NUMBERS)]
    return unrecorded & frozenset().union(*(waiting.unknowns(rule.expression) for rule in looked_at))


def _values(policy: Policy, evaluation: Evaluation, truths: Truths) -> dict[str, Any]:
    values: dict[str, Any] = {}
    match policy.body:
        case Score(names=names) as body:
            bounds = score_bounds(body, truths)
            values |= {names.score: bounds.score, names.min: bounds.low, names.max: bounds.high}
            if names.driver is not None:
                values[names.driver] = driver(body, truths)
        case Findings(findings=rows):
            values["codes"] = sorted({row.code for row in rows if truths[row.rule.id] is True})
        case Limits(limits=limits):
            outside = [limit for limit in limits if truths[limit.rule.id] is False]
            values["outside"] = sorted(limit.rule.id for limit in outside)
            values["critical"] = any(limit.critical for limit in outside)
        case _:
            pass
    if policy.flags:
        values["flags"] = sorted({flag.id for flag in policy.flags if evaluation.holds(flag.expression)})
        values["flag"] = next(iter(values["flags"]), None)
    return values | {rule.id: evaluation.value(rule.expression) for rule in policy.values}


def _grounds(policy: Policy, used: Mapping[str, Value], truths: Truths) -> tuple[Ground, ...]:
    more = _more(policy)
    return tuple(_ground(rule, used, truths, more.get(rule.id, {})) for rule in policy.body.rules)


def _ground(rule: Rule, used: Mapping[str, Value], truths: Truths, more: Mapping[str, Any]) -> Ground:
    return Ground(rule.id, truths[rule.id], rule.written, {name: used[name] for name in rule.facts}, rule.source, more)


def _more(policy: Policy) -> dict[str, dict[str, Any]]:
    """What a reason carries beyond the common fields."""
    match policy.body:
        case Findings(findings=rows):
            return {row.rule.id: {"code": row.code, "severity": row.severity, "overridable": row.overridable} for row in rows}
        case Limits(limits=limits):
            return {limit.rule.id: {"critical": limit.critical} for limit in limits}
        case Criteria(criteria=criteria):
            return {item.rule.id: {"any_of": item.any_of} for item in criteria if item.any_of}
        case _:
            return {}


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
