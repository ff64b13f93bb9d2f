"""The effect of another document on this node's own population in words: who moves, because of which rule, which worked cases fail.

Main job: `effect_of(asked, result, saying)`, `examples_of` and `reach_of`, for the pages that try a threshold and that compare two documents.

People who may not read the cases are told no small numbers and no names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from baybridge.http.doors import Asked
from baybridge.node.options.what_if import MOST_CASES, SMALLEST, Tried, of_record, population, sees_cases
from baybridge.policy.document.shapes import Policy
from baybridge.rulebook import view
from baybridge.rulebook.effect import Changes
from baybridge.rulebook.speaker import Saying
from baybridge.rulebook.wording import Wording
from baybridge.web.case.view import name_of


@dataclass(frozen=True, slots=True)
class Move:
    """How many go from one answer to another because of some rules; who, where the reader may know."""

    old: str
    new: str
    because: tuple[str, ...]
    count: str
    who: tuple[tuple[str, str], ...]  # address and name


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes here, in words."""

    says: str
    looked_at: str
    moves: tuple[Move, ...]
    unchanged: tuple[str, ...]


def effect_of(asked: Asked, old: Policy, result: Tried, saying: Saying) -> Effect:
    """Who moves from which answer of the old document to which because of which rules of either, as far as this reader may know."""
    changes = result.changes or Changes()
    open_ = sees_cases(asked.node, asked.person)
    rules = {rule.id: Wording(policy, saying).words(rule.expression) for policy in (old, result.policy) for rule in policy.body.rules}
    by_move: dict[tuple[str, str, tuple[str, ...]], list[Mapping[str, str]]] = {}
    for subject in changes.subjects:
        by_move.setdefault((subject["old"], subject["new"], tuple(subject["because"])), []).append(subject)
    moves = tuple(
        Move(
            saying.outcome(old),
            saying.outcome(new),
            tuple(rules[rule] for rule in because),
            _told(len(subjects), saying, exactly=open_),
            tuple(_who(asked, subjects)) if open_ else (),
        )
        for (old, new, because), subjects in sorted(by_move.items(), key=lambda item: -len(item[1]))
    )
    hidden = not open_ and min([SMALLEST, *result.unchanged.values(), *map(len, by_move.values())]) < SMALLEST
    same = [] if hidden else Counter(result.unchanged).most_common()
    unchanged = tuple(saying.say("what_if.outcome_count", outcome=saying.outcome(name), count=_told(number, saying, exactly=open_)) for name, number in same)
    return Effect(_summary(changes, saying, hidden=hidden, exactly=open_), _looked_at(result, saying), moves, unchanged)


def _looked_at(result: Tried, saying: Saying) -> str:
    said = saying.say("what_if.looked_at")
    if result.changes is None or not result.limited:
        return said
    return f"{said} {saying.say('what_if.limited', count=saying.number(result.changes.rows, None), all=saying.number(result.population, None))}"


def _told(number: int, saying: Saying, *, exactly: bool) -> str:
    return saying.number(number, None) if exactly or number >= SMALLEST else saying.say("what_if.few", smallest=SMALLEST)


def _summary(changes: Changes, saying: Saying, *, hidden: bool, exactly: bool) -> str:
    if not changes.rows:
        return saying.say("what_if.no_cases")
    if not changes.subjects:
        return saying.say("what_if.nobody")
    if hidden:
        return saying.say("what_if.some_changed", count=_told(changes.rows, saying, exactly=exactly))
    return saying.say("what_if.changed", changed=saying.number(len(changes.subjects), None), count=saying.number(changes.rows, None))


def _who(asked: Asked, subjects: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    for subject in subjects:
        case = asked.node.case(subject["subject"])
        if case is not None:
            yield f"/cases/{case.case_id}/facts", name_of(asked, case)


def examples_of(result: Tried, saying: Saying) -> list[tuple[view.Example, tuple[str, ...]]]:
    """The worked cases that no longer come out, each with what comes out."""
    return [
        (view.example(result.policy, case, saying), view.came_out(case, found.as_json() if found else None, saying))
        for case, found in result.failing
    ]


def reach_of(asked: Asked, policy: Policy, saying: Saying) -> str:
    """How many cases a look would read, said before it is taken; empty where the record holds none of the facts."""
    if not of_record(asked.node, policy):
        return ""
    count, open_ = population(asked.node, asked.person), sees_cases(asked.node, asked.person)
    if count > MOST_CASES:
        return saying.say("what_if.reach_limited", most=saying.number(MOST_CASES, None), count=saying.number(count, None))
    return saying.say("what_if.reach", count=_told(count, saying, exactly=open_ or count == 0), most=saying.number(MOST_CASES, None))
