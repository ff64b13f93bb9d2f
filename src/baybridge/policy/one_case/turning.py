"""Whether one unknown fact can change an outcome: tried with the others known one after the other, as far as anything can still differ.

Main job: `Turning(policy, facts, values)`; its `can(name)` is exact while tries are left, and None after that. Used where the unknown facts are too
many for every combination of them.

Facts whose being unknown is a value of its own (what COALESCE, IS NULL or a later branch of CASE reads) are tried first: only when they are known
does a part of the rules that is certain stay as it is whatever else becomes known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from baybridge.policy.document.shapes import UNDETERMINED, Policy, Score
from baybridge.policy.language import expression as tree
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.verdict import domain_bounds

MOST_TRIES = 20_000  # of one decision
_MEMO = "parts_of_the_rules"


@dataclass(frozen=True, slots=True)
class _Part:
    """Rules that act on an outcome together: a domain of a score, or one rule; `places` are theirs in document order."""

    places: tuple[int, ...]
    facts: frozenset[str]


class Turning:
    """Tries the facts of one decision; `values` are those worth trying of each unknown fact."""

    def __init__(self, policy: Policy, facts: Mapping[str, Value], values: Mapping[str, Sequence[Value]]) -> None:
        self.policy, self.form, self.values = policy, compiled(policy), values
        self.facts, self.tries = dict(facts), MOST_TRIES
        self.parts, self.sudden = _parts(policy)

    def can(self, name: str, others: Mapping[str, Sequence[Value]]) -> bool | None:
        """Whether two values of the fact, all others the same, give two outcomes; None where the tries do not suffice to say."""
        self.name = name
        self.mine = [part for part in self.parts if name in part.facts]
        near = frozenset().union(*(part.facts for part in self.mine))
        order = sorted(others, key=lambda one: (one not in near, one not in self.sudden, one))
        known = dict(self.facts)
        return self._turns(known, [(one, others[one]) for one in order])

    def _turns(self, known: dict[str, Value], left: Sequence[tuple[str, Sequence[Value]]]) -> bool | None:
        """The answer once the facts that are `left` are known in any way."""
        self.tries -= len(self.values[self.name])
        if self.tries < 0:
            return None
        truths = []
        for value in self.values[self.name]:
            known[self.name] = value
            truths.append(self.form.truths(known.get))
        sudden = {one for one, _ in left if one in self.sudden}
        outcomes = {self.form.outcome(one) for one in truths}
        if not left or (not sudden and UNDETERMINED not in outcomes):
            return len(outcomes) > 1
        if not sudden and len(outcomes - {UNDETERMINED}) > 1:
            return True
        if self._is_the_same(truths, sudden):
            return False
        (first, some), *rest = left
        answers: list[bool | None] = []
        for value in some:
            known[first] = value
            answers.append(self._turns(known, rest))
            if answers[-1] is not False:
                break
        known[first] = None
        return answers[-1]

    def _is_the_same(self, truths: Sequence[tuple[bool | None, ...]], sudden: set[str]) -> bool:
        """Whether every part that reads the fact is certain already, and the same for each of its values."""
        for part in self.mine:
            if sudden & part.facts:
                return False
            said = [self._certain(part, one) for one in truths]
            if None in said or any(one != said[0] for one in said):
                return False
        return True

    def _certain(self, part: _Part, truths: tuple[bool | None, ...]) -> object:
        """What a part says where nothing can change it: the points of a domain, the truth of a rule; None where something can."""
        if not isinstance(self.policy.body, Score):
            return truths[part.places[0]]
        domain = next(one for place, one in enumerate(self.policy.body.domains) if self.parts[place] is part)
        bounds = domain_bounds(domain, dict(zip((row.rule.id for row in domain.rows), (truths[place] for place in part.places), strict=True)))
        return bounds.score


def _parts(policy: Policy) -> tuple[tuple[_Part, ...], frozenset[str]]:
    """The parts of a policy's rules in document order, and the facts whose being unknown is a value; kept with the policy."""
    known: tuple[tuple[_Part, ...], frozenset[str]] | None = policy.memo.get(_MEMO)
    if known is None:
        roots = (*policy.define.values(), *(rule.expression for rule in policy.body.rules))
        sudden = frozenset(name for root in roots for node in tree.walk(root) for term in _sudden(node) for name in _facts(policy, term))
        policy.memo[_MEMO] = known = (tuple(_of_body(policy)), sudden)
    return known


def _of_body(policy: Policy) -> Iterator[_Part]:
    body, place = policy.body, 0
    for size in [len(domain.rows) for domain in body.domains] if isinstance(body, Score) else [1] * len(body.rules):
        places = tuple(range(place, place + size))
        yield _Part(places, frozenset().union(*(body.rules[one].facts for one in places)))
        place += size


def _sudden(node: tree.Expression) -> Sequence[tree.Expression]:
    """The terms of a node whose being unknown is a value of its own."""
    if isinstance(node, tree.Coalesce):
        return node.terms
    if isinstance(node, tree.IsNull):
        return (node.term,)
    if isinstance(node, tree.Case):
        goes_on = len(node.branches) > 1 or not (isinstance(node.otherwise, tree.Literal_) and node.otherwise.value is None)
        return tuple(condition for condition, _ in node.branches) if goes_on else ()
    return ()


def _facts(policy: Policy, node: tree.Expression) -> frozenset[str]:
    if isinstance(node, tree.Fact):
        return frozenset({node.name})
    parts = (policy.define[node.name],) if isinstance(node, tree.Defined) else tree.children(node)
    return frozenset().union(*(_facts(policy, part) for part in parts))
