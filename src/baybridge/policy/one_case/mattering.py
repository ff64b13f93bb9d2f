"""Which unknown facts can change an outcome that is not certain: asked of the outcome itself, not of how its rules are written.

Main job: `mattering(policy, facts, listed)`. A fact matters where two values of it, or one and not knowing it, all others the same, give two
outcomes. A few unknown facts are tried in every combination of values that any rule tells apart; of many, each is tried beside combinations
drawn from a fixed seed, and what is not found there to matter is tried as far as anything can differ (`turning.py`). What the rules wait for
(`listed`) stays where the tries do not suffice. The same facts give the same answer on every machine.

**Source**: decision contract, `missing`: facts that are unknown and still matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isfinite, prod
from random import Random

from baybridge.policy.document.shapes import Findings, Policy, Score
from baybridge.policy.language import expression as tree
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.interpret import Evaluation, exact_facts
from baybridge.policy.one_case.settle import representatives
from baybridge.policy.one_case.turning import Turning

MOST_COMBINATIONS = 1_500
DRAWN = 60  # combinations beside which a fact of many is tried
_SAMPLES = 12  # assignments on which values are told apart
_AROUND = (0.0, 0.999, 1.0, 1.001, 1_000.0)
_MEMO, _MEMO_TRIED, _MEMO_READ, _MEMO_FOUND, _MEMO_FORM = "values_told_apart", "tried_for_missing", "times_read", "found_to_matter", "what_is_compared"
_KEPT = 64  # answers of a policy that are kept: a page asks the same facts for several of its buttons, and again when it is read again


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One comparison anywhere in a policy: the facts that it reads, also through defined names, and the numbers that stand in it, with 1."""

    node: tree.Expression
    facts: frozenset[str]
    factors: frozenset[float]


@dataclass(frozen=True, slots=True)
class _Form:
    """What of a policy does not hang on anybody's facts; kept with the policy."""

    compared: tuple[_Comparison, ...]
    every: Mapping[str, Sequence[Value]]  # of each fact the values worth trying
    instead: frozenset[str]  # facts of which one stands for another that nobody knows: each matters also while the others stay unknown
    defaulted: frozenset[str]  # facts of conditions that have a value of the rule's own while nobody knows better


def tried(policy: Policy) -> bool:
    """Whether facts are tried: what the rules wait for is exact only where no fact stands twice and nothing is presumed."""
    known: bool | None = policy.memo.get(_MEMO_TRIED)
    if known is None:
        times = sum((_times_read(policy, rule.expression) for rule in policy.body.rules), Counter[str]())
        shared = any(count > 1 for count in times.values()) or _form(policy).instead
        presuming = policy.presumed or policy.unasked
        of_outcome_alone = not isinstance(policy.body, Findings | Score)  # else codes and printed bounds matter too
        policy.memo[_MEMO_TRIED] = known = bool(presuming or (shared and of_outcome_alone))
    return known


def mattering(policy: Policy, facts: Mapping[str, Value], listed: frozenset[str]) -> frozenset[str]:
    """The unknown facts that can change the outcome; `listed` are those that its rules wait for."""
    kept: dict[Hashable, frozenset[str]] = policy.memo.setdefault(_MEMO_FOUND, {})
    asked = (tuple(facts.items()), listed)
    found = kept.get(asked)
    if found is None:
        found = _mattering(policy, facts, listed)
        if len(kept) >= _KEPT:
            kept.clear()
        kept[asked] = found
    return found


def _mattering(policy: Policy, facts: Mapping[str, Value], listed: frozenset[str]) -> frozenset[str]:
    quiet = frozenset((*policy.recorded_only, *policy.presumed, *policy.unasked)) | _form(policy).defaulted
    read = {name for rule in policy.body.rules for name in rule.facts}
    unknown = sorted(name for name in read if facts.get(name) is None and (name in listed or name not in quiet))
    instead = _form(policy).instead
    values = {**_values(policy), **_computed(policy, facts, unknown)}
    known_at_all = not (policy.presumed or policy.unasked)  # there a fact that stays unknown is never like one that somebody says
    values = {name: (*some, None) if known_at_all or name in instead else some for name, some in values.items()}
    if prod(len(values[name]) for name in unknown) <= MOST_COMBINATIONS:
        return _of_all(policy, facts, unknown, values, instead)
    return _of_some(policy, facts, unknown, values, (listed, instead))


def _of_all(
    policy: Policy, facts: Mapping[str, Value], unknown: Sequence[str], values: Mapping[str, Sequence[Value]], instead: frozenset[str]
) -> frozenset[str]:
    form = compiled(policy)
    found = {
        chosen: form.outcome(form.truths((dict(facts) | dict(zip(unknown, chosen, strict=True))).get))
        for chosen in product(*(values[name] for name in unknown))
    }
    matters = set()
    for place, name in enumerate(unknown):
        known = [at for at, other in enumerate(unknown) if at != place and other not in instead]
        beside = ((chosen, outcome) for chosen, outcome in found.items() if all(chosen[at] is not None for at in known))
        first: dict[tuple[Value, ...], str] = {}
        if any(first.setdefault((*chosen[:place], *chosen[place + 1 :]), outcome) != outcome for chosen, outcome in beside):
            matters.add(name)
    return frozenset(matters)


def _of_some(
    policy: Policy, facts: Mapping[str, Value], unknown: Sequence[str], values: Mapping[str, Sequence[Value]], sets: tuple[frozenset[str], frozenset[str]]
) -> frozenset[str]:
    """Of many: what draws find to matter, and of the rest what every way of knowing the others finds, or what is `listed` where those are too many."""
    (listed, instead), form, random = sets, compiled(policy), Random(0)  # noqa: S311 - drawn from a fixed seed, nothing secret
    beside = {name: tuple(value for value in some if value is not None or name in instead) for name, some in values.items()}
    drawn = [dict(facts) | {name: random.choice(beside[name]) for name in unknown} for _one in range(DRAWN)]

    def turns(name: str, given: Mapping[str, Value]) -> bool:
        tried = dict(given)
        outcomes = set[str]()
        for value in values[name]:
            tried[name] = value
            outcomes.add(form.outcome(form.truths(tried.get)))
            if len(outcomes) > 1:
                return True
        return False

    found = {name for name in unknown if any(turns(name, given) for given in drawn)}
    turning = Turning(policy, facts, values)
    for name in (one for one in unknown if one not in found):
        can = turning.can(name, {other: beside[other] for other in unknown if other != name})
        if can or (can is None and name in listed):
            found.add(name)
    return frozenset(found)


def _values(policy: Policy) -> Mapping[str, Sequence[Value]]:
    """Of each fact one value of every kind that any comparison tells apart, found on assignments from a fixed seed; kept with the policy."""
    known: Mapping[str, Sequence[Value]] | None = policy.memo.get(_MEMO)
    if known is None:
        every = _form(policy).every
        policy.memo[_MEMO] = known = _told_apart(policy, every, every)
    return known


def _computed(policy: Policy, facts: Mapping[str, Value], unknown: Sequence[str]) -> dict[str, Sequence[Value]]:
    """Values of unknown facts that are compared with a multiple of facts that are known (three times an upper limit)."""
    known = {name: (value,) for name, value in facts.items() if value is not None}
    around: dict[str, set[float]] = {}
    every = _form(policy).every
    for compared in _form(policy).compared:
        beside = [value for name in compared.facts if isinstance(value := facts.get(name), int | float) and not isinstance(value, bool)]
        if beside:
            limits = {value * factor for value in beside for factor in compared.factors}
            limits |= {value / factor for value in beside for factor in compared.factors if factor}
            for name in (one for one in compared.facts & set(unknown) if policy.fact_types[one].type in ("number", "integer")):
                around.setdefault(name, set()).update(limits)
    asked = {name: (*every[name], *_around(policy, name, limits)) for name, limits in around.items()}
    return _told_apart(policy, asked, {**every, **asked, **known}) if asked else {}


def _around(policy: Policy, name: str, limits: Iterable[float]) -> tuple[float, ...]:
    """Each limit, a little less, a little more, and far more than all."""
    found = {limit * by for limit in limits for by in _AROUND if isfinite(limit * by)}
    return tuple(sorted(map(float, map(int, found)) if policy.fact_types[name].type == "integer" else found))


def _told_apart(policy: Policy, asked: Mapping[str, Sequence[Value]], every: Mapping[str, Sequence[Value]]) -> dict[str, Sequence[Value]]:
    """Of each fact asked for, one value of every kind that any comparison tells apart beside values of `every`."""
    random = Random(0)  # noqa: S311 - drawn from a fixed seed, nothing secret
    drawn = [exact_facts({name: random.choice(some) for name, some in every.items()}, policy.fact_types) for _one in range(_SAMPLES)]
    apart: dict[str, Sequence[Value]] = {}
    for name, some in asked.items():
        nodes = [compared.node for compared in _form(policy).compared if name in compared.facts]
        kinds: dict[Hashable, Value] = {}
        for value in some:
            exact = exact_facts({name: value}, policy.fact_types)
            looks = [Evaluation(given | exact, policy.define) for given in drawn]
            said = tuple(look.value(node) for look in looks for node in nodes)
            kinds.setdefault(value if isinstance(value, bool) else said, value)
        apart[name] = tuple(kinds.values())
    return apart


def _form(policy: Policy) -> _Form:
    known: _Form | None = policy.memo.get(_MEMO_FORM)
    if known is None:
        roots = (*policy.define.values(), *(rule.expression for rule in policy.body.rules))
        nodes = [node for root in roots for node in tree.walk(root)]
        compared = tuple(
            _Comparison(node, _facts_of(policy, node), _factors(node)) for node in nodes if isinstance(node, tree.Compare | tree.In)
        )
        first_known = [node for node in nodes if isinstance(node, tree.Coalesce)]
        known = _Form(compared, representatives(policy), _instead(policy, first_known), _defaulted(policy, first_known))
        policy.memo[_MEMO_FORM] = known
    return known


def _factors(node: tree.Expression) -> frozenset[float]:
    return frozenset((1.0, *(float(one.value) for one in tree.walk(node) if isinstance(one, tree.Literal_) and isinstance(one.value, int | float))))


def _instead(policy: Policy, first_known: Sequence[tree.Coalesce]) -> frozenset[str]:
    alternatives = [node for node in first_known if not any(isinstance(term, tree.Literal_ | tree.Case) for term in node.terms)]
    return frozenset(name for node in alternatives if len(names := _facts_of(policy, node)) > 1 for name in names)


def _defaulted(policy: Policy, first_known: Sequence[tree.Coalesce]) -> frozenset[str]:
    return frozenset(name for node in first_known if isinstance(node.terms[-1], tree.Literal_) for name in _facts_of(policy, node))


def _times_read(policy: Policy, node: tree.Expression) -> Counter[str]:
    """How often an expression reads each fact, also through defined names; each of these is counted once and kept with the policy."""
    if isinstance(node, tree.Fact):
        return Counter({node.name: 1})
    if isinstance(node, tree.Defined):
        known: dict[str, Counter[str]] = policy.memo.setdefault(_MEMO_READ, {})
        if node.name not in known:
            known[node.name] = _times_read(policy, policy.define[node.name])
        return known[node.name]
    return sum((_times_read(policy, part) for part in tree.children(node)), Counter[str]())


def _facts_of(policy: Policy, node: tree.Expression) -> frozenset[str]:
    """The facts that an expression reads, also through defined names."""
    return frozenset(_times_read(policy, node))
