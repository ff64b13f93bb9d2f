"""The patient as the watch sees it, for whatever a person enters: `watch_of(…)` is what rules find in `situation.bedside`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from baybridge.journey.case import Case
from baybridge.journey.command import Bedside, FoundAt
from baybridge.node.case_record import CaseRecord
from baybridge.node.commands.deciding import Deciding, LazyFacts
from baybridge.node.watch.arrival import bedside_facts, found_at

if TYPE_CHECKING:
    from baybridge.node.node import Node


def watch_of(node: Node, case: Case, at: datetime, record: CaseRecord, deciding: Deciding, present: Case | None = None) -> Bedside:
    """The patient at a moment, read when a rule asks; decisions are kept with those of `deciding`. What was found at one moment is read by `present`, else by `case`."""

    def read_at(moment: datetime) -> Bedside:
        facts = LazyFacts(lambda: bedside_facts(node, case, record, at, moment))
        return Bedside(
            facts,
            deciding.over(facts).decide,
            lambda moment: found_at(node, present or case, record, at, moment),
            lambda policy, moment: _before(node, facts, policy, moment),
            read_at,
        )

    return read_at(at)


def _before(node: Node, facts: LazyFacts, policy: str, moment: datetime) -> tuple[FoundAt, ...]:
    """What a policy reads of how the patient is that was found before the minute of a moment, in order of names."""
    minute, found = moment.replace(second=0, microsecond=0), facts.fact_set
    known = (found.facts[name] for name in sorted(node.policies.get(policy, moment).fact_names) if name in found.values and name in node.dictionary)
    return tuple(
        (one.name, one.value, one.at)
        for one in known
        if node.dictionary[one.name].of_the_moment and isinstance(one.value, bool | int | float | str) and one.at is not None and one.at < minute
    )
