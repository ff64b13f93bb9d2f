"""Which unknown facts can change an outcome that is not certain: asked of the outcome itself, not of how its rules are written.

Main job: `mattering(policy, facts, listed)`. A fact matters where two values of it, all others the same, give two outcomes. A few unknown facts
are tried in every combination of values that any rule tells apart; of many, each is tried beside combinations drawn from a fixed seed:
what is found there to matter is added, and what the rules wait for (`listed`) stays. The same facts give the same answer on every machine.

**Source**: decision contract, `missing`: facts that are unknown and still matter.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import product
from math import prod
from random import Random

from baybridge.policy.document.shapes import Policy
from baybridge.policy.language import expression as tree
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.interpret import Evaluation, exact_facts
from baybridge.policy.one_case.settle import representatives

MOST_COMBINATIONS = 1_500
DRAWN = 60  # combinations beside which a fact of many is tried
_SAMPLES = 12  # assignments on which values are told apart
_MEMO = "values_told_apart"


def mattering(policy: Policy, facts: Mapping[str, Value], listed: frozenset[str]) -> frozenset[str]:
    """The unknown facts that can change the outcome; `listed` are those that its rules wait for."""
    quiet = frozenset((*policy.recorded_only, *policy.presumed, *policy.unasked))
    read = {name for rule in policy.body.rules for name in rule.facts}
    unknown = sorted(name for name in read if facts.get(name) is None and (name in listed or name not in quiet))
    values = _values(policy)
    if prod(len(values[name]) for name in unknown) <= MOST_COMBINATIONS:
        return _of_all(policy, facts, unknown, values)
    return listed & read | _of_some(policy, facts, unknown, values)


def _of_all(policy: Policy, facts: Mapping[str, Value], unknown: Sequence[str], values: Mapping[str, Sequence[Value]]) -> frozenset[str]:
    form = compiled(policy)
    found = {
        chosen: form.outcome(form.truths((dict(facts) | dict(zip(unknown, chosen, strict=True))).get))
        for chosen in product(*(values[name] for name in unknown))
    }
    matters = set()
    for place, name in enumerate(unknown):
        first: dict[tuple[Value, ...], str] = {}
        if any(first.setdefault((*chosen[:place], *chosen[place + 1 :]), outcome) != outcome for chosen, outcome in found.items()):
            matters.add(name)
    return frozenset(matters)


def _of_some(policy: Policy, facts: Mapping[str, Value], unknown: Sequence[str], values: Mapping[str, Sequence[Value]]) -> frozenset[str]:
    form, random = compiled(policy), Random(0)  # noqa: S311 - drawn from a fixed seed, nothing secret
    matters = set()
    for name in unknown:
        for _one in range(DRAWN):
            given = dict(facts) | {other: random.choice(values[other]) for other in unknown}
            if len({form.outcome(form.truths((given | {name: value}).get)) for value in values[name]}) > 1:
                matters.add(name)
                break
    return frozenset(matters)


def _values(policy: Policy) -> Mapping[str, Sequence[Value]]:
    """Of each fact one value of every kind that any comparison tells apart, found on assignments from a fixed seed; kept with the policy."""
    known: Mapping[str, Sequence[Value]] | None = policy.memo.get(_MEMO)
    if known is None:
        random, every = Random(0), representatives(policy)  # noqa: S311 - drawn from a fixed seed, nothing secret
        drawn = [{name: random.choice(some) for name, some in every.items()} for _one in range(_SAMPLES)]
        roots = (*policy.define.values(), *(rule.expression for rule in policy.body.rules))
        compared = [node for root in roots for node in tree.walk(root) if isinstance(node, tree.Compare | tree.In)]
        reads = [_facts_of(policy, node) for node in compared]
        apart: dict[str, Sequence[Value]] = {}
        for name, some in every.items():
            nodes = [node for node, names in zip(compared, reads, strict=True) if name in names]
            kinds: dict[Hashable, Value] = {}
            for value in some:
                looks = [Evaluation(exact_facts(given | {name: value}, policy.fact_types), policy.define) for given in drawn]
                said = tuple(look.value(node) for look in looks for node in nodes)
                kinds.setdefault(value if isinstance(value, bool) else said, value)
            apart[name] = tuple(kinds.values())
        policy.memo[_MEMO] = known = apart
    return known


def _facts_of(policy: Policy, node: tree.Expression) -> frozenset[str]:
    """The facts that an expression reads, also through defined names."""
    if isinstance(node, tree.Fact):
        return frozenset({node.name})
    parts = (policy.define[node.name],) if isinstance(node, tree.Defined) else tree.children(node)
    return frozenset().union(*(_facts_of(policy, part) for part in parts))
