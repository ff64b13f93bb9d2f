"""What to ask for next: the smallest sets of missing facts that could make an outcome certain.

Main job: `would_settle(policy, facts, missing)`.

A set is tried with representative values: every code, both truths, each number that a rule compares with and points around and
between them, dates around those in the rules. A set is listed when some values of it make the outcome certain, no smaller part of it
does, and it is found within a bounded effort (sets up to three facts first; a fixed number of trials), so that the answer is the same
on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations, islice, pairwise, product

from baybridge.base.time import start_of_day
from baybridge.policy.document.shapes import UNDETERMINED, Policy
from baybridge.policy.language import expression as tree
from baybridge.policy.language.types import FactType, Value
from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.interpret import shift

MAX_SET = 3
MAX_ANSWERS = 50
MAX_VALUES_OF_A_FACT = 24
MAX_TRIALS_OF_A_SET = 400
MAX_TRIALS = 2_000
MAX_DAYS = 4_000  # of a number in a rule that is tried as a distance between dates
_ANY_DAY = date(2026, 1, 1)

Sets = tuple[tuple[str, ...], ...]


def would_settle(policy: Policy, facts: Mapping[str, Value], missing: tuple[str, ...]) -> Sets:
    """Inclusion-minimal sets of missing facts that could settle the outcome: cheapest first, then smallest, then by name."""
    search = _Search(policy, facts, missing)
    found: list[frozenset[str]] = []
    for names in _candidates(policy, missing):
        if len(found) >= MAX_ANSWERS or search.trials_left <= 0:
            break
        if not any(known <= set(names) for known in found) and search.settles(names):
            found = [known for known in found if not known > set(names)] + [frozenset(names)]
    if not found and missing and search.settles(missing, trials=MAX_TRIALS_OF_A_SET):
        found = [_without_superfluous(search, missing)]
    return tuple(sorted((tuple(sorted(names)) for names in found), key=lambda names: _rank(policy, names)))


def representatives(policy: Policy) -> dict[str, tuple[Value, ...]]:
    """Values worth trying for every fact that a policy reads."""
    return _Representatives(policy, {}).of(policy.fact_types)


def _rank(policy: Policy, names: tuple[str, ...]) -> tuple[float, int, tuple[str, ...]]:
    return (sum(policy.fact_types[name].cost for name in names), len(names), names)


def _candidates(policy: Policy, missing: tuple[str, ...]) -> list[tuple[str, ...]]:
    sets = [names for size in range(1, MAX_SET + 1) for names in combinations(missing, size)]
    return sorted(sets, key=lambda names: _rank(policy, names))


def _without_superfluous(search: _Search, names: tuple[str, ...]) -> frozenset[str]:
    kept = list(names)
    for name in names:
        fewer = tuple(other for other in kept if other != name)
        if fewer and search.settles(fewer, trials=MAX_TRIALS_OF_A_SET):
            kept.remove(name)
    return frozenset(kept)


class _Search:
    """Tries values of unknown facts."""

    def __init__(self, policy: Policy, facts: Mapping[str, Value], missing: tuple[str, ...]) -> None:
        self.trials_left = MAX_TRIALS
        form = compiled(policy)
        self._truths, self._outcome = form.truths, form.outcome
        self.facts = {name: value for name, value in facts.items() if value is not None}
        self.values = _Representatives(policy, self.facts).of(missing)

    def settles(self, names: tuple[str, ...], trials: int | None = None) -> bool:
        """Whether some values of these facts make the outcome certain."""
        bound = MAX_TRIALS_OF_A_SET if trials is None else trials
        given: dict[str, Value] = dict(self.facts)
        for chosen in islice(product(*(self.values[name] for name in names)), bound):
            self.trials_left -= 1
            given |= dict(zip(names, chosen, strict=True))
            if self._outcome(self._truths(given.get)) != UNDETERMINED:
                return True
            if self.trials_left <= 0 and trials is None:
                return False
        return False


@dataclass(frozen=True, slots=True)
class _Reach:
    """What one comparison touches, also through defined names."""

    facts: frozenset[str]
    literals: frozenset[Value]


class _Representatives:
    """Values worth trying for each fact, made from what the rules compare it with."""

    def __init__(self, policy: Policy, facts: Mapping[str, Value]) -> None:
        self.policy, self.facts = policy, facts
        self._named: dict[str, _Reach] = {}
        self.literals: dict[str, set[Value]] = {}
        for root in (*policy.define.values(), *(rule.expression for rule in policy.body.rules)):
            for node in tree.walk(root):
                if isinstance(node, tree.Compare | tree.In):
                    self._note(self._reach(node))

    def of(self, names: Iterable[str]) -> dict[str, tuple[Value, ...]]:
        """Representative values by fact."""
        return {name: self._values(self.policy.fact_types[name]) for name in names}

    def _note(self, reach: _Reach) -> None:
        known = {value for name in reach.facts if (value := self.facts.get(name)) is not None}
        for name in reach.facts:
            self.literals.setdefault(name, set()).update(reach.literals | known)

    def _reach(self, node: tree.Expression) -> _Reach:
        if isinstance(node, tree.Defined):
            if node.name not in self._named:
                self._named[node.name] = self._reach(self.policy.define[node.name])
            return self._named[node.name]
        parts = [self._reach(child) for child in tree.children(node)]
        facts = frozenset({node.name} if isinstance(node, tree.Fact) else ())
        literals = frozenset({node.value} if isinstance(node, tree.Literal_) and node.value is not None else ())
        return _Reach(facts.union(*(part.facts for part in parts)), literals.union(*(part.literals for part in parts)))

    def _values(self, fact: FactType) -> tuple[Value, ...]:
        literals = self.literals.get(fact.name, set())
        numbers = sorted({value for value in literals if isinstance(value, int | float) and not isinstance(value, bool)})
        match fact.type:
            case "boolean":
                found: Iterable[Value] = (True, False)
            case "code" if fact.values:
                found = fact.values
            case "code" | "text":
                texts = sorted(value for value in literals if isinstance(value, str))
                found = (*texts, "~".join(("", *texts)))
            case "integer":
                found = _whole_numbers(numbers)
            case "number":
                found = _fractions(numbers)
            case _:
                timed = fact.type == "instant"
                moments = [value for value in literals if isinstance(value, date) and isinstance(value, datetime) is timed]
                any_moment = start_of_day(_ANY_DAY) if timed else _ANY_DAY
                found = _moments(moments or [any_moment], numbers)
        return tuple(islice(dict.fromkeys(found), MAX_VALUES_OF_A_FACT))


def _whole_numbers(numbers: list[int | float]) -> Iterator[int]:
    for number in numbers:
        yield from (int(number // 1), int(number // 1) + 1, int(number // 1) - 1)
    yield from (0, 1, 100)


def _fractions(numbers: list[int | float]) -> Iterator[int | float]:
    yield from numbers
    yield from ((low + high) / 2 for low, high in pairwise(numbers))
    if numbers:
        yield from (numbers[0] - 1, numbers[-1] + 1)
    yield from (0, 1, 100)


def _moments(moments: list[date], numbers: list[int | float]) -> Iterator[Value]:
    days = sorted({0, *(int(number) for number in numbers if abs(number) < MAX_DAYS)})
    for moment in sorted(moments, key=lambda moment: moment.isoformat()):
        for day in days:
            for away in (day, day + 1, -day, -day - 1):
                found = shift(moment, away, "DAY")
                if found is not None:
                    yield found
