"""The patient as the watch sees it, for whatever a person enters: `watch_of(…)` is what rules find in `situation.bedside`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from baybridge.journey.case import Case
from baybridge.journey.command import Bedside
from baybridge.node.case_record import CaseRecord
from baybridge.node.commands.deciding import Deciding, LazyFacts
from baybridge.node.watch.arrival import bedside_facts, found_at

if TYPE_CHECKING:
    from baybridge.node.node import Node


def watch_of(node: Node, case: Case, at: datetime, record: CaseRecord, deciding: Deciding) -> Bedside:
    """The patient at a moment, read when a rule asks; decisions are kept with those of `deciding`."""
    facts = LazyFacts(lambda: bedside_facts(node, case, record.from_outside, at))
    return Bedside(facts, deciding.over(facts).decide, lambda moment: found_at(node, case, record.from_outside, at, moment))
