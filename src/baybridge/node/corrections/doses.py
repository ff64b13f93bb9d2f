"""Doses follow the weight: one that was corrected, taken back, filed late or moved to another patient makes those that went by it a question to a physician.

Main job: `DOSES_FOLLOW`, a consequence of whatever says another weight. Each dose of this node that goes by a weight is held against the weight of the moment at which it
was entered, as it is known now (`bedside/dose_review.py`). The dose itself stays: it was given. **Source**: contract K2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from baybridge.bedside.dose_review import goes_by_weight, in_doubt
from baybridge.documents.limits import Tocilizumab
from baybridge.journey.case import Case
from baybridge.journey.doubted_doses import last_said
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import (
    AssessmentRecorded,
    DoseDoubted,
    DoseDoubtEnded,
    DoseReviewed,
    DrugGiven,
    EntryCorrected,
    EntryReinstated,
    Event,
    FindingConfirmed,
    IdentityLinked,
    IdentityUndone,
    ProposalConfirmed,
)
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.upkeep import projections
from baybridge.node.watch.arrival import bedside_facts
from baybridge.node.watch.asking import facts_named
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_WEIGHT = "weight"


def _follow(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Hold the doses against the weight as it is known now; done twice, it says it once."""
    case, rules = unit.case(consequence.case_id), node.documents.typed.limits.tocilizumab
    mine = [entry for entry in case.drugs if entry.origin.node == node.site.node and goes_by_weight(entry.event, rules)]
    if not mine or not _says_a_weight(node, unit, case, consequence):
        return
    events = [event for entry in mine for event in _of_dose(node, unit, case, entry, rules)]
    if events:
        unit.append(case.case_id, events, node.system(), known=len(unit.events(case.case_id)))
        projections.project(unit, case.case_id)


def _of_dose(node: Node, unit: Unit, case: Case, entry: Entry[DrugGiven], rules: Tocilizumab) -> Iterator[DoseDoubted | DoseDoubtEnded]:
    """What is said of a dose by the weight as it is known now, where that is not what was said last."""
    said = last_said(case, node.site.node).get(entry.origin.event_id)
    weight = _weight(node, unit, case, entry)
    if not in_doubt(entry.event, weight, rules):
        if said is not None and tells(said, DoseDoubted):
            yield DoseDoubtEnded(dose_entry=entry.origin.event_id)
    elif said is None or tells(said, DoseDoubtEnded) or ((tells(said, DoseDoubted) or tells(said, DoseReviewed)) and said.event.weight_kg != weight):
        yield DoseDoubted(dose_entry=entry.origin.event_id, weight_kg=weight)


def _weight(node: Node, unit: Unit, case: Case, entry: Entry[DrugGiven]) -> float | None:
    """The weight of the moment at which a dose was entered; where it was entered without one and none was known then, that of now."""
    moments = (entry.origin.at,) if entry.event.weight_kg is not None else (entry.origin.at, unit.at)
    read = (bedside_facts(node, case, unit.record(case), unit.at, at).values.get(_WEIGHT) for at in moments)
    return next((float(one) for one in read if isinstance(one, int | float) and not isinstance(one, bool)), None)


def _says_a_weight(node: Node, unit: Unit, case: Case, consequence: Consequence) -> bool:
    """Whether what was written may tell another weight of an earlier moment."""
    events = [entry.event for entry in case.history if entry.origin.event_id in consequence.events] if consequence.events else []
    if any(isinstance(event, EntryCorrected | EntryReinstated | IdentityLinked | IdentityUndone) or _of_weight(event) for event in events):
        return True
    keys = [("Observation", name.removeprefix("Observation/")) for name in consequence.resources if name.startswith("Observation/")]
    return any(one.deleted or _WEIGHT in facts_named(one.resource, node.dictionary) for one in store.get_many(unit.connection, keys).values())


def _of_weight(event: Event) -> bool:
    if isinstance(event, AssessmentRecorded):
        return _WEIGHT in dict(event.findings)
    return isinstance(event, FindingConfirmed | ProposalConfirmed) and getattr(event, "fact", _WEIGHT) == _WEIGHT


_AFTER: frozenset[type[Event]] = frozenset({
    AssessmentRecorded, FindingConfirmed, ProposalConfirmed, EntryCorrected, EntryReinstated, IdentityLinked, IdentityUndone,
})  # fmt: skip
DOSES_FOLLOW = ConsequenceRow("doses-follow", Lane.CASE, _follow, after=_AFTER, of_records="any")
