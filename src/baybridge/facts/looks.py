"""Answers that make less of a finding: why oxygen is given, whether somebody is sedated, whether a fever has another cause.

Main job: `outdated(readings, explaining)`, the answers that are older than a finding of which they make less; `left_out(findings, known, explaining)`, those that a
new look does not repeat beside its findings. Both are unknown from then on: an old answer silences no new sign and lowers no grade. An answer that makes more of a
finding holds.

**Source**: the dictionary (`read: {explains: …}`); contract K1 (what is not known silences nothing). That an answer holds for its own look is a convention of this
project.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from baybridge.documents.fact_reading import Explains, Limit
from baybridge.documents.reading import converted
from baybridge.policy.language.types import Value


def explained_by(facts: Mapping[str, object]) -> Mapping[str, Explains]:
    """The rules of the documents of `data/facts`, by the name of the fact that answers."""
    read = {name: entry["read"] for name, entry in facts.items() if isinstance(entry, Mapping) and isinstance(entry.get("read"), Mapping)}
    return {name: converted(rule["explains"], Explains) for name, rule in read.items() if rule.get("explains")}


class Timed(Protocol):
    """A value and when it was found."""

    @property
    def value(self) -> Value:
        """The value."""

    @property
    def at(self) -> datetime | None:
        """The moment."""


#: Whether a finding came after an answer of the same moment, of another look.
Later = Callable[[Timed, Timed], bool]


def never_later(_: Timed, __: Timed) -> bool:
    """What is of one moment is of one look."""
    return False


def outdated(readings: Mapping[str, Timed], explaining: Mapping[str, Explains], later: Later = never_later) -> frozenset[str]:
    """The names of answers that are older than a finding which they explain; `later`, of a finding and an answer, decides where both name one moment."""
    return frozenset(name for name, rule in explaining.items() if name in readings and _is_older(readings[name], readings, rule, later))


def _is_older(answer: Timed, readings: Mapping[str, Timed], rule: Explains, later: Later) -> bool:
    answered_at = answer.at
    if answered_at is None:
        return False
    named = [(found, limit) for name, limit in rule.findings.items() if (found := readings.get(name)) is not None and found.at is not None]
    newer = [(found, limit) for found, limit in named if found.at is not None and (found.at > answered_at or (found.at == answered_at and later(found, answer)))]
    return bool(newer) and makes_less(answer.value, rule) and any(_within(found.value, limit) for found, limit in newer)


def left_out(findings: Mapping[str, object], known: Mapping[str, Value], explaining: Mapping[str, Explains]) -> dict[str, Value]:
    """The known answers that explain one of these findings and were not given with them, as unknown."""
    silent = {name: rule for name, rule in explaining.items() if name not in findings and makes_less(known.get(name), rule)}
    return {name: None for name, rule in silent.items() if any(one in findings and _within(findings[one], limit) for one, limit in rule.findings.items())}


def makes_less(answer: Value, rule: Explains) -> bool:
    """Whether an answer makes less of the findings that it explains."""
    if rule.up_to is not None and isinstance(answer, int | float) and not isinstance(answer, bool):
        return answer <= rule.up_to
    return any(answer == one and type(answer) is type(one) for one in rule.answers)


def _within(finding: object, limit: Limit) -> bool:
    """Whether a finding lies where an answer explains it; one that is not known may."""
    if not isinstance(finding, int | float) or isinstance(finding, bool):
        return True
    return (limit.above is None or finding > limit.above) and (limit.below is None or finding < limit.below)
