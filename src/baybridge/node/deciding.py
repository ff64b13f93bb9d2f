"""Deciding on a patient's facts, and remembering what each decision rested on.

Main job: `Deciding.decide(policy_id, facts)` is what a rule receives in its `Situation`; every decision made is kept in `made` with the facts that
the policy could see and the resources they were read from, so that it can be recomputed, verified, and reopened when a result is corrected.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.facts.reading import FactSet
from baybridge.node.unit import Made
from baybridge.policy.decide import Decision, decide
from baybridge.policy.document import Policy


class Deciding:
    """Makes decisions for one case at one moment and keeps them."""

    def __init__(self, library: Any, fact_set: FactSet, case_id: str, at: datetime) -> None:
        self._library = library
        self._fact_set = fact_set
        self._case_id = case_id
        self._at = at
        self.made: dict[str, Made] = {}

    def decide(self, policy_id: str, facts: Mapping[str, Any] | None = None, *, at: datetime | None = None) -> Decision:
        """The decision of a policy over the case's facts with `facts` laid over, as of `at` (now)."""
        moment = at or self._at
        policy: Policy = self._library.get(policy_id, moment.date())
        values = {**self._fact_set.values, **(facts or {})}
        decision = decide(policy, values, subject=self._case_id, as_of=moment)
        self._keep(policy, decision, values, frozenset(facts or ()))
        return decision

    def keep(self, document: Mapping[str, Any], sources: frozenset[str] = frozenset(), facts: Mapping[str, Any] | None = None) -> str:
        """Keep a decision that a part made itself (a recognition, a quote, a transfer check)."""
        made = Made(document, facts or {}, sources, "")
        self.made[made.sha256] = made
        return made.sha256

    def _keep(self, policy: Policy, decision: Decision, values: Mapping[str, Any], given: frozenset[str]) -> None:
        read = sorted(policy.fact_names)
        seen = {name: plain(values[name]) for name in read if values.get(name) is not None}
        sources = {self._fact_set.facts[name].source for name in read if name not in given and name in self._fact_set.facts}
        document = decision.as_json()
        self.made[sha256_hex(canonical_bytes(document))] = Made(document, seen, frozenset(filter(None, sources)), policy.text)


def plain(value: Any) -> Any:
    """A fact's value as JSON: dates and times as text, decimals as numbers."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value
