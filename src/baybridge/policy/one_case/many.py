"""Many policies over one patient's facts: the outcome of each, with the conditions of one form computed together.

Main job: `Many(policies)` is made once; `outcomes(facts)` answers the outcome of every policy, in their order.

Rules of labels and trials mostly compare a fact with a constant: all constants that a fact is compared with stand in one array and are
compared in one step. What joins conditions (AND, OR, NOT, that all criteria must hold) is computed level by level over all policies in
Kleene's logic: false is 0, unknown 1, true 2; AND is the least, OR the greatest, NOT is 2 minus. Every other condition is generated code,
written once however many policies share it.

Exact: whole numbers that a rule or a fact can have are below 2**53, so that a 64-bit fraction carries each of them as it is; dates are
compared by their day's number. Agreement with one decision after the other is tested with random policies.

Elsewhere: reasons are made by `decide.py` for the policies that somebody opens; many patients are a table, `engines/population.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from typing import cast

import numpy as np
from numpy.typing import NDArray

from baybridge.policy.document.shapes import UNDETERMINED, Criteria, Findings, Limits, Policy
from baybridge.policy.language import expression as tree
from baybridge.policy.language.types import FactType, Value
from baybridge.policy.one_case import generate
from baybridge.policy.one_case.compiled import TruthsOf, compiled, function_of
from baybridge.policy.one_case.decide import FactsError, wrong_value

_TRUTHS = (False, None, True)  # by their number
_NUMBER = {False: 0, None: 1, True: 2}
_COMPARE: Mapping[str, np.ufunc] = {
    "=": np.equal, "<>": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal
}  # fmt: skip
_TURNED: Mapping[str, tree.Operator] = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ORDERED = frozenset({"integer", "number", "date"})
Numbers = NDArray[np.int64]


class Many:
    """Policies of one dictionary, ready for one patient after the other."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        """Raises ValueError where two policies take a fact to be of two types."""
        self.policies = tuple(policies)
        self.fact_types = _shared_types(self.policies)
        truths = _Truths(self.fact_types)
        roots = [_root(policy) for policy in self.policies]
        places = [
            [truths.place(node, number) for node in (nodes if root is None else (root,))]
            for number, (nodes, root) in enumerate(zip((_rules(policy) for policy in self.policies), roots, strict=True))
        ]
        self._steps = truths.steps(self.policies)
        self._size = truths.size
        self._ruled = [number for number, root in enumerate(roots) if root is not None]
        self._places = np.array([truths.final[places[number][0]] for number in self._ruled], dtype=np.int64)
        self._words = np.array([_words(self.policies[number]) for number in self._ruled], dtype=object).reshape(-1, 3)
        self._others = [
            (number, compiled(self.policies[number]).outcome, np.array([truths.final[place] for place in places[number]], dtype=np.int64))
            for number, root in enumerate(roots)
            if root is None
        ]

    def outcomes(self, facts: Mapping[str, Value]) -> tuple[str, ...]:
        """The outcome of each policy; dates of effect are not looked at. Raises `FactsError` where a fact is not of its type."""
        used = {name: facts.get(name) for name in self.fact_types}
        problems = [problem for name, value in used.items() if (problem := wrong_value(self.fact_types[name], value))]
        if problems:
            raise FactsError(problems)
        truths = np.empty(self._size, dtype=np.int8)
        for step in self._steps:
            step(truths, used)
        found: list[str] = [""] * len(self.policies)
        chosen = self._words[np.arange(len(self._ruled)), truths[self._places]]
        for number, outcome in zip(self._ruled, chosen.tolist(), strict=True):
            found[number] = outcome
        for number, outcome_of, places in self._others:
            found[number] = outcome_of(tuple(_TRUTHS[truth] for truth in truths[places].tolist()))
        return tuple(found)


Step = Callable[[NDArray[np.int8], Mapping[str, Value]], None]


class _Truths:
    """Every condition of all policies, each once, in the order in which they are computed."""

    def __init__(self, fact_types: Mapping[str, FactType]) -> None:
        self._types = fact_types
        self._places: dict[Hashable, int] = {}
        self._levels: list[int] = []
        self._limits: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)  # by fact and sign: place and constant
        self._written: dict[int | None, list[tuple[int, tree.Expression]]] = defaultdict(list)  # by policy where one is needed
        self._joined: dict[tuple[int, type, int], list[tuple[int, list[int]]]] = defaultdict(list)  # by level, kind and number of parts
        self.final: list[int] = []

    @property
    def size(self) -> int:
        """How many conditions there are."""
        return len(self._levels)

    def place(self, node: tree.Expression, policy: int) -> int:
        """Where the truth of a condition will stand, in order of asking."""
        own = policy if any(isinstance(part, tree.Defined) for part in tree.walk(node)) else None  # a name means what its policy says
        key = (own, node)
        if key not in self._places:
            self._places[key] = self._new(node, policy, own)
        return self._places[key]

    def _new(self, node: tree.Expression, policy: int, own: int | None) -> int:
        if isinstance(node, tree.And | tree.Or | tree.Not):
            parts = [self.place(part, policy) for part in tree.children(node)]
            found = self._next(1 + max(self._levels[part] for part in parts))
            self._joined[self._levels[found], type(node), len(parts)].append((found, parts))
            return found
        found = self._next(0)
        limit = _limit(node, self._types)
        if limit is None:
            self._written[own].append((found, node))
        else:
            name, sign, constant = limit
            self._limits[name, sign].append((found, constant))
        return found

    def _next(self, level: int) -> int:
        self._levels.append(level)
        return len(self._levels) - 1

    def steps(self, policies: Sequence[Policy]) -> list[Step]:
        """What computes all truths; afterwards `final` says where the truth of each place stands."""
        self.final, begin, made = [0] * self.size, 0, []
        for (name, sign), limits in self._limits.items():
            begin, end = self._put(begin, [place for place, _ in limits])
            made.append(_comparing(name, _COMPARE[sign], np.array([constant for _, constant in limits]), begin - len(limits), end))
        for own, conditions in self._written.items():
            begin, end = self._put(begin, [place for place, _ in conditions])
            define, types = (policies[own].define, policies[own].fact_types) if own is not None else ({}, self._types)
            of = cast("TruthsOf", function_of("answers", *generate.answers("answers", define, types, [node for _, node in conditions])))
            made.append(_answering(of, begin - len(conditions), end))
        for (_, kind, _), joined in sorted(self._joined.items(), key=lambda item: item[0][0]):
            begin, end = self._put(begin, [place for place, _ in joined])
            parts = np.array([[self.final[part] for part in parts] for _, parts in joined], dtype=np.int64).T.copy()
            made.append(_joining(kind, parts, begin - len(joined), end))
        return made

    def _put(self, begin: int, places: list[int]) -> tuple[int, int]:
        end = begin + len(places)
        for final, place in enumerate(places, start=begin):
            self.final[place] = final
        return end, end


def _comparing(name: str, compare: np.ufunc, limits: NDArray[np.float64], begin: int, end: int) -> Step:
    """A fact compared with all its constants."""

    def step(truths: NDArray[np.int8], facts: Mapping[str, Value]) -> None:
        value = facts[name]
        if value is None:
            truths[begin:end] = 1
        else:
            truths[begin:end] = compare(_scalar(value), limits)
            truths[begin:end] *= 2

    return step


def _answering(of: TruthsOf, begin: int, end: int) -> Step:
    """Conditions of generated code."""

    def step(truths: NDArray[np.int8], facts: Mapping[str, Value]) -> None:
        truths[begin:end] = [_NUMBER[truth] for truth in of(facts.get)]

    return step


def _joining(kind: type, parts: Numbers, begin: int, end: int) -> Step:
    """AND, OR or NOT of truths that stand already; `parts` has a row for the first part of each, one for the second, and so on."""
    join = np.maximum.reduce if kind is tree.Or else np.minimum.reduce

    def step(truths: NDArray[np.int8], _: Mapping[str, Value]) -> None:
        found = join(truths[parts], axis=0)
        truths[begin:end] = 2 - found if kind is tree.Not else found

    return step


def _limit(node: tree.Expression, types: Mapping[str, FactType]) -> tuple[str, str, float] | None:
    """Fact, sign and constant of a condition that compares a fact with a number or a date; None for any other."""
    if not isinstance(node, tree.Compare):
        return None
    left, right, sign = node.left, node.right, node.operator
    if isinstance(left, tree.Literal_):
        left, right, sign = right, left, _TURNED[sign]
    if not isinstance(left, tree.Fact) or types[left.name].type not in _ORDERED:
        return None
    if not isinstance(right, tree.Literal_) or right.value is None:
        return None
    return left.name, sign, _scalar(right.value)


def _scalar(value: Value) -> float:
    """A number, or the number of a date's day, as the arrays hold them."""
    return float(value.toordinal() if isinstance(value, date) else value)  # type: ignore[arg-type]


def _root(policy: Policy) -> tree.Expression | None:
    """The one condition that decides the outcome; None for shapes that look at each rule."""
    match policy.body:
        case Criteria(groups=groups):
            return _all_of(tree.And, [_all_of(tree.Or, [member.rule.expression for member in group]) for group in groups])
        case Limits():
            return _all_of(tree.And, _rules(policy))
        case Findings():
            return _all_of(tree.Or, _rules(policy))
        case _:
            return None


def _all_of(kind: Callable[[tuple[tree.Expression, ...]], tree.Expression], parts: Sequence[tree.Expression]) -> tree.Expression:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _rules(policy: Policy) -> list[tree.Expression]:
    return [rule.expression for rule in policy.body.rules]


def _words(policy: Policy) -> tuple[str, str, str]:
    """The outcome where the deciding condition is false, unknown, true."""
    match policy.body:
        case Criteria(holds=yes, fails=no) | Findings(found=yes, clear=no):
            return no, UNDETERMINED, yes
        case _:
            return "outside", UNDETERMINED, "within"


def _shared_types(policies: Iterable[Policy]) -> dict[str, FactType]:
    found: dict[str, FactType] = {}
    for policy in policies:
        for name, fact in policy.fact_types.items():
            if found.setdefault(name, fact) != fact:
                raise ValueError(f"expected policies of one dictionary, found the fact {name} with two types")
    return found
