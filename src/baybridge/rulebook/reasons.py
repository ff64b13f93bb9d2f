"""Why a decision differs between two versions of a policy.

Main job: `causes(old, new, old_truths, new_truths)`: the criteria whose change alone would undo the new outcome, else all that changed.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.policy.document.shapes import Criteria, Limits, Policy
from baybridge.policy.one_case.verdict import Truths, outcome


def causes(old: Policy, new: Policy, old_truths: Truths, new_truths: Truths) -> tuple[str, ...]:
    """Ids of the rules behind a changed outcome, in document order; empty where no rule changed (only outcomes' names did).

    A rule counts as a cause when the new policy with the old truth of that rule alone no longer gives the new outcome, or, for a rule
    that was removed, when the old policy without it no longer gives the old one. Where several only together make the change, all
    changed rules are named.
    """
    after = outcome(new.body, new_truths)
    before = outcome(old.body, old_truths)
    changed: list[str] = []
    alone: list[str] = []
    for rule in new.body.rules:
        was = old_truths[rule.id] if rule.id in old_truths else _neutral(new)[rule.id]
        if was is not new_truths[rule.id]:
            changed.append(rule.id)
            if outcome(new.body, {**new_truths, rule.id: was}) != after:
                alone.append(rule.id)
    for rule in old.body.rules:
        neutral = _neutral(old)[rule.id]
        if rule.id not in new_truths and old_truths[rule.id] is not neutral:
            changed.append(rule.id)
            if outcome(old.body, {**old_truths, rule.id: neutral}) != before:
                alone.append(rule.id)
    return tuple(alone or changed)


def _neutral(policy: Policy) -> Mapping[str, bool]:
    """The truth with which each rule changes nothing: true for what must hold, false for what adds."""
    match policy.body:
        case Criteria(criteria=criteria):
            return {item.rule.id: item.any_of is None for item in criteria}
        case Limits():
            return {rule.id: True for rule in policy.body.rules}
        case _:
            return {rule.id: False for rule in policy.body.rules}
