"""Deciding on a patient's facts, and remembering what each decision rested on.

Main job: `Deciding.decide(policy_id, facts)` is what a rule receives in its `Situation`; every decision made is kept in `made` with the facts that
the policy could see and the resources they were read from, so that it can be recomputed, verified, and reopened when a result is corrected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.facts.reading import FactSet
from baybridge.journey.case import Case
from baybridge.journey.command import Decide
from baybridge.node.case_record import CaseRecord
from baybridge.node.unit import Made
from baybridge.policy.document.reader import Policy
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.decide import Decision, decide
from baybridge.rulebook.library import PolicyLibrary

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


class LazyFacts(Mapping[str, Value]):
    """Facts of a case that are read from the record when somebody first looks at one."""

    def __init__(self, read: Callable[[], FactSet]) -> None:
        self._read = read

    @cached_property
    def fact_set(self) -> FactSet:
        """The fact set, read now if nobody did."""
        return self._read()

    def __getitem__(self, name: str) -> Value:
        return self.fact_set.values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fact_set.values)

    def __len__(self) -> int:
        return len(self.fact_set.values)


class Deciding:
    """Makes decisions for one case at one moment and keeps them."""

    def __init__(
        self, library: PolicyLibrary, facts: LazyFacts, case_id: str, at: datetime, made: dict[str, Made] | None = None, *, settle: bool = True
    ) -> None:
        self._library = library
        self._facts = facts
        self._case_id = case_id
        self._at = at
        self._settle = settle  # what would settle a decision is searched; a page that only looks ahead does without
        self.made: dict[str, Made] = {} if made is None else made

    def over(self, facts: LazyFacts) -> Deciding:
        """The same over other facts of the case; what is made is kept together."""
        return Deciding(self._library, facts, self._case_id, self._at, self.made, settle=self._settle)

    def decide(self, policy_id: str, facts: Mapping[str, Value] | None = None, *, at: datetime | None = None) -> Decision:
        """The decision of a policy over the case's facts with `facts` laid over, as of `at` (now)."""
        moment = at or self._at
        policy = self._library.get(policy_id, moment)
        values = {**self._facts.fact_set.values, **(facts or {})}
        decision = decide(policy, values, subject=self._case_id, as_of=moment, settle=self._settle)
        self._keep(policy, decision, values, facts or {})
        return decision

    def keep(self, document: Mapping[str, object]) -> str:
        """Keep a decision that a part made itself (a recognition, a quote, a transfer check).

        A document about one resource names it in `resource` and rests on it.
        """
        sources = frozenset({str(document["resource"])}) if document.get("resource") else frozenset()
        made = Made(document, {}, sources, "")
        self.made[made.sha256] = made
        return made.sha256

    def _keep(self, policy: Policy, decision: Decision, values: Mapping[str, Value], given: Mapping[str, Value]) -> None:
        read = sorted(policy.fact_names)
        seen = {name: plain(values[name]) for name in read if values.get(name) is not None}
        read_facts = self._facts.fact_set.facts
        rested_on = [read_facts[name] for name in read if name not in given and name in read_facts]
        sources = {source for fact in rested_on for source in (fact.sources or (fact.source,))}
        document = decision.as_json()
        laid_over = {name: plain(value) for name, value in given.items()}
        self.made[sha256_hex(canonical_bytes(document))] = Made(document, seen, frozenset(filter(None, sources)), policy.text, laid_over)


def decided_at(node: Node, unit: Unit, case: Case, filed: CaseRecord, deciding: Deciding) -> Callable[[datetime], Decide]:
    """Deciding on the facts of a moment, of what `filed` knows; what is made is kept with the decisions of `deciding`."""

    def at(moment: datetime) -> Decide:
        facts = LazyFacts(lambda: node.fact_set(unit.connection, case, moment, filed))
        return Deciding(node.policies, facts, case.case_id, moment, deciding.made).decide

    return at


def plain(value: Value | Decimal) -> bool | int | float | str | None:
    """A fact's value as JSON: dates and times as text, decimals as numbers."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value
