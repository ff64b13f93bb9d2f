"""`missing` of every policy that gives one outcome against trying: worked cases of the documents with a few facts taken away, every other value tried.

Beside the values that a comparison's own numbers suggest, each number is tried as a multiple of the known facts that it is compared with (an upper limit).
A fact that counts as a value while nobody says otherwise is not asked for; of facts that stand for each other, each is tried while the others stay unknown.
"""

from __future__ import annotations

from itertools import product
from math import prod
from random import Random
from typing import Any

import pytest

from baybridge.policy.document.shapes import UNDETERMINED, Findings, Policy, Score
from baybridge.policy.language import expression as tree
from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.decide import decide
from policy_documents import DATA, policy
from soak_counts import examples

ALL = {path.stem: policy(path.stem) for path in sorted((DATA / "policies").rglob("*.yaml"))}
#: Their facts hang together (a count and its bounds): the values are chosen by hand in `test_missing_against_trying.py`.
BY_HAND = {"icaht-2023", "t-icaht-2025", "tls-howard-2011", "tls-cairo-bishop-2004"}
#: Every unknown of a transfer's route counts against, so that the route is never open.
OPEN = sorted(name for name, one in ALL.items() if not isinstance(one.body, Findings) and name not in BY_HAND | {"transfer-route"})
MOST = 20_000  # combinations of one example
TIMES = (0.01, 0.07, 0.13, 0.25, 0.4, 0.6, 0.999, 1, 1.001, 1.7, 2.5, 4, 8, 15, 10_000)  # between the multiples that are usual, and between what they divide to


def numbers_of(one: Policy, name: str, facts: dict[str, Any]) -> set[float]:
    """The numbers in each comparison that reads the fact, and multiples of the known facts in it."""
    roots = (*one.define.values(), *(rule.expression for rule in one.body.rules))
    compared = [part for root in roots for node in tree.walk(root) if isinstance(node, tree.Compare) for part in [written_out(one, node)] if name in facts_of(one, node)]
    found = {float(part.value) for nodes in compared for part in nodes if isinstance(part, tree.Literal_) and isinstance(part.value, int | float)}
    beside = {facts.get(part.name) for nodes in compared for part in nodes if isinstance(part, tree.Fact)}
    multiples = {value * by for value in beside if isinstance(value, int | float) and not isinstance(value, bool) for by in TIMES}
    return {0.0, 1.0} | {number + by for number in found for by in (-1, -0.01, 0, 0.01, 1)} | multiples


def written_out(one: Policy, node: tree.Expression) -> list[tree.Expression]:
    parts = (one.define[node.name],) if isinstance(node, tree.Defined) else tree.children(node)
    return [node, *(inner for part in parts for inner in written_out(one, part))]


def values_of(one: Policy, name: str, facts: dict[str, Any]) -> tuple[Any, ...]:
    kind = one.fact_types[name]
    if kind.type == "boolean":
        return True, False
    if kind.type not in ("number", "integer"):
        return kind.values or tuple(sorted({case.facts[name] for case in one.cases if case.facts.get(name) is not None}))
    near = numbers_of(one, name, facts)
    return tuple(sorted({int(number) for number in near} if kind.type == "integer" else near))


def of_few_kinds(one: Policy, name: str, facts: dict[str, Any], unknown: list[str], random: Random) -> tuple[Any, ...]:
    """Of the values, one of each kind that the rules tell apart beside some values of the other unknown facts."""
    form, kinds = compiled(one), {}
    others = {other: values_of(one, other, facts) for other in unknown if other != name}
    beside = [{other: random.choice((*some, None)) for other, some in others.items()} for _one in range(60)]
    for value in values_of(one, name, facts):
        kinds.setdefault(tuple(tuple(form.truths((facts | more | {name: value}).get)) for more in beside), value)
    return tuple(kinds.values())


def facts_of(one: Policy, node: tree.Expression) -> set[str]:
    if isinstance(node, tree.Fact):
        return {node.name}
    return set().union(*(facts_of(one, part) for part in ((one.define[node.name],) if isinstance(node, tree.Defined) else tree.children(node))))


def first_known(one: Policy) -> list[tree.Coalesce]:
    roots = (*one.define.values(), *(rule.expression for rule in one.body.rules))
    return [node for root in roots for node in tree.walk(root) if isinstance(node, tree.Coalesce)]


def stand_for_each_other(one: Policy) -> set[str]:
    several = [node for node in first_known(one) if not any(isinstance(term, tree.Literal_ | tree.Case) for term in node.terms)]
    return set().union(*(names for node in several if len(names := facts_of(one, node)) > 1))


def not_asked(one: Policy) -> set[str]:
    """What counts as a value while nobody says otherwise, or only where somebody recorded it."""
    defaulted = set().union(*(facts_of(one, node) for node in first_known(one) if isinstance(node.terms[-1], tree.Literal_)))
    return defaulted | set(one.presumed) | set(one.unasked) | set(one.recorded_only)


@pytest.mark.parametrize("name", OPEN)
def test_what_is_missing_is_what_can_change_the_outcome(name: str) -> None:
    one, form = ALL[name], compiled(ALL[name])
    read = sorted({fact for rule in one.body.rules for fact in rule.facts} - not_asked(one))
    printed = {fact for rule in one.values if rule.id not in one.told for fact in rule.facts} | {rule.id for rule in one.asked}
    instead, presuming = stand_for_each_other(one), bool(one.presumed or one.unasked)
    looked_at = 0
    for number in examples(25, f"missing of {name}", 2_000):
        random = Random(number)
        unknown = sorted(random.sample(read, min(len(read), random.randint(1, 4))))
        case = random.choice(one.cases).facts if one.cases else {}
        facts = {fact: None if fact in unknown else case.get(fact) for fact in one.fact_types}
        unknown = [fact for fact in read if facts[fact] is None]
        decision = decide(one, facts, settle=False)
        extra = set(decision.missing) - not_asked(one) - printed
        if isinstance(one.body, Score) and not presuming:  # its printed bounds wait for more than its band
            extra = set()
        if decision.outcome != UNDETERMINED:
            assert not extra, (number, facts)
            continue
        tried = {fact: (*of_few_kinds(one, fact, facts, unknown, random), *([None] if not presuming or fact in instead else [])) for fact in unknown}
        if prod(map(len, tried.values())) > MOST:
            continue
        looked_at += 1
        found = {chosen: form.outcome(form.truths((facts | dict(zip(unknown, chosen, strict=True))).get)) for chosen in product(*tried.values())}
        expected = {fact for place, fact in enumerate(unknown) if changes(place, found, [at for at, other in enumerate(unknown) if other not in instead])}
        assert expected <= set(decision.missing), (number, sorted(expected - set(decision.missing)), facts)
        assert extra <= expected, (number, sorted(extra - expected), facts)
    assert looked_at, "some example was undetermined, and tried"


def changes(place: int, found: dict[tuple[Any, ...], str], known: list[int]) -> bool:
    """Whether two values at a place, the others known and the same, give two outcomes."""
    first: dict[tuple[Any, ...], str] = {}
    beside = [(chosen, outcome) for chosen, outcome in found.items() if all(at == place or chosen[at] is not None for at in known)]
    return any(first.setdefault((*chosen[:place], *chosen[place + 1 :]), outcome) != outcome for chosen, outcome in beside)
