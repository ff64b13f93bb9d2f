"""Who changes outcome between two policies, for rows that are in memory.

Main job: `compare_rows(old, new, rows, subject)`. Tables in files, larger than memory, are compared by `tables.py` with the same answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from baybridge.policy.document.shapes import Policy
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.compiled import compiled
from baybridge.rulebook.reasons import causes


@dataclass(slots=True)
class Changes:
    """Who changes outcome between two policies: counts of all, and subjects as `{"subject", "old", "new", "because"}`, of large tables the first ones."""

    rows: int = 0
    changed: int = 0
    because: Counter[tuple[str, str, tuple[str, ...]]] = field(default_factory=Counter)  # old outcome, new outcome, criteria
    subjects: list[dict[str, Any]] = field(default_factory=list)

    def most_first(self) -> list[tuple[tuple[str, str, tuple[str, ...]], int]]:
        """What changed and how often, in the same order each time."""
        return sorted(self.because.items(), key=lambda item: (-item[1], item[0]))


def compare_rows(old: Policy, new: Policy, rows: list[tuple[str, Mapping[str, Value]]]) -> tuple[Changes, Counter[str]]:
    """The effect for subjects with their facts, every fact of its type: all who change, and the others by outcome."""
    changes, unchanged = Changes(rows=len(rows)), Counter[str]()
    before, after = compiled(old), compiled(new)
    for subject, facts in rows:
        old_truths, new_truths = before.truths(facts.get), after.truths(facts.get)
        was, is_now = before.outcome(old_truths), after.outcome(new_truths)
        if was == is_now:
            unchanged[was] += 1
            continue
        because = causes(old, new, _by_rule(old, old_truths), _by_rule(new, new_truths))
        changes.changed += 1
        changes.because[was, is_now, because] += 1
        changes.subjects.append({"subject": subject, "old": was, "new": is_now, "because": list(because)})
    return changes, unchanged


def _by_rule(policy: Policy, truths: Iterable[bool | None]) -> dict[str, bool | None]:
    return {rule.id: truth for rule, truth in zip(policy.body.rules, truths, strict=True)}
