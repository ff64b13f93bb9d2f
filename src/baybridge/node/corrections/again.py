"""What rested on an entry that was put right, set aside or reinstated is made again: grades of later assessments, and decisions that read the entry.

Main job: `made_again`, a consequence of `EntryCorrected`, own or told by another node. What was worked out differently now is replaced at its own place, so that the case
reads as if the mistake had not been made; the decision of before stays, marked as made again.

Assessments are graded again as of their own time by the rule that graded them. **Source**: contract K2. Elsewhere: telling others in `telling.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import orjson
from sqlalchemy import RowMapping, select

from baybridge.base.outcome import Refusal
from baybridge.facts.given import read_given
from baybridge.journey import look_now
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.checks import digest
from baybridge.journey.command import Actor, Role
from baybridge.journey.corrected import Struck
from baybridge.journey.corrections.correcting import before
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import (
    AssessmentRecorded,
    CallClosed,
    DecisionReopened,
    EligibilityDecided,
    EntryCorrected,
    EntryReinstated,
    Event,
    FitnessChecked,
    GradeAssessed,
    GradeConfirmed,
)
from baybridge.journey.judged import Judged
from baybridge.journey.look_now import LATE
from baybridge.node import tables
from baybridge.node.commands import reopening
from baybridge.node.commands.deciding import Deciding, LazyFacts
from baybridge.node.commands.table import COMMANDS
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.corrections.causes import cause_stands
from baybridge.node.corrections.making import making
from baybridge.node.upkeep import projections
from baybridge.node.watch import signs, watching

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_ASSESS = "Assess"


@dataclass(slots=True)
class _Made:
    """What is made again: events in order, each with the id that it is to have ('' for any)."""

    unit: Unit
    cause: EntryCorrected
    events: list[Event] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def add(self, event: Event, event_id: str = "") -> None:
        """One more event."""
        self.events.append(event)
        self.ids.append(event_id)

    def replace(self, old: Entry[Event], new: Event) -> None:
        """What stands at the place of an entry from now on."""
        new_id = self.unit.new_id()
        self.add(EntryCorrected(event_id=old.origin.event_id, action="replace", reason=self.cause.reason, replaced_by=new_id))
        self.add(new, new_id)


def made_again(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Work out again what rested on the entries that were corrected; done twice, it finds nothing more to do."""
    case_id = consequence.case_id
    case = unit.case(case_id)
    struck = [one for one in case.struck if one.by.origin.event_id in consequence.events]
    again = _reinstated(case, consequence.events)
    if not struck and not again:
        return
    first = struck[0].by.event if struck else EntryCorrected(event_id=again[0].origin.event_id, action="void", reason="other")
    made = _Made(unit, first)
    changed = [*(one.entry for one in struck), *again]
    _grades(node, made, case, changed)
    closed = _calls(node, made, case, struck)
    if not made.events:  # a grade that changes queues its own consequence, which then finds the decisions that read it
        _decisions(node, made, case, changed)
    if made.events:
        unit.append(case_id, made.events, node.system(), known=len(unit.events(case_id)), event_ids=made.ids)
        if closed:
            watching.look_at(node, unit, case_id)  # a sign that stands by another entry calls again
        projections.project(unit, case_id)


def _reinstated(case: Case, events: Collection[str]) -> list[Entry[Event]]:
    """The entries of other nodes that count again by these events."""
    named = {entry.event.event_id for entry in case.history if tells(entry, EntryReinstated) and entry.origin.event_id in events and not entry.origin.told}
    return [entry for entry in case.entries if entry.origin.event_id in named]


MADE_AGAIN = ConsequenceRow("made-again", Lane.CASE, made_again, after=frozenset({EntryCorrected, EntryReinstated}))


# --- grades ---------------------------------------------------------------------------------------------------------


def _grades(node: Node, made: _Made, case: Case, changed: Sequence[Entry[Event]]) -> None:
    """The grades of every assessment that was recorded here after one of the entries, as its rule answers now."""
    since = min(one.origin.recorded_at for one in changed)
    for place, entry in enumerate(case.entries):
        if isinstance(entry.event, AssessmentRecorded) and entry.origin.node == node.site.node and entry.origin.recorded_at >= since:
            _graded_again(node, made, case, place)


def _graded_again(node: Node, made: _Made, case: Case, place: int) -> None:
    origin, assessed = case.entries[place].origin, _assessment(case, place)
    deciding = Deciding(node.policies, LazyFacts(lambda: node.fact_set(made.unit.connection, case, made.unit.at)), case.case_id, made.unit.at)
    actor = Actor(origin.actor, Role(origin.role), origin.organisation)
    given = {"findings": dict(assessed.findings), "assessed_at": assessed.assessed_at.isoformat(), "another": True, "unusual": True}
    verdict = making(node, made.unit, deciding).again(COMMANDS[_ASSESS], before(case, place), origin.at, actor, given)
    if isinstance(verdict, Refusal):
        return  # today's rule would not take it at all; what was recorded stands
    fresh = {event.scale: event for event in (verdict.events if isinstance(verdict, Judged) else verdict) if isinstance(event, GradeAssessed)}
    for old in _grades_of(case, place):
        new = fresh.get(old.event.scale)
        if new is None or new == old.event:
            continue
        made.unit.keep_decision(case.case_id, deciding.made[new.decision_sha256])
        _superseded(made, old.event.decision_sha256, new.decision_sha256, changed=new.outcome != old.event.outcome)
        made.replace(old, new)


def _assessment(case: Case, place: int) -> AssessmentRecorded:
    event = case.entries[place].event
    if not isinstance(event, AssessmentRecorded):
        raise TypeError(f"expected an assessment, found {type(event).__name__}")
    return event


def _grades_of(case: Case, place: int) -> Iterator[Entry[GradeAssessed]]:
    """The grades that stand for the assessment at a place."""
    assessed_at, seen = _assessment(case, place).assessed_at, set[str]()
    for entry in case.entries[place + 1 :]:
        if tells(entry, GradeAssessed) and entry.event.assessed_at == assessed_at and entry.event.scale not in seen:
            seen.add(entry.event.scale)
            yield entry


def _superseded(made: _Made, old: str, new: str, *, changed: bool) -> None:
    if old == new:
        return
    made.unit.supersede(old, new)
    made.add(
        DecisionReopened(
            decision_sha256=old, new_decision_sha256=new, outcome_changed=changed, because=f"entry {made.cause.event_id}", entry=made.cause.event_id
        )
    )


# --- calls ----------------------------------------------------------------------------------------------------------


def _calls(node: Node, made: _Made, case: Case, struck: Sequence[Struck]) -> int:
    """Close the calls whose signs an assessment showed which does not hold, where no other entry shows one either; how many."""
    assessed = [one.entry.event for one in struck if isinstance(one.entry.event, AssessmentRecorded) and not one.entry.origin.told]
    named = {name for event in assessed for name, _ in event.findings}
    own = [call for call in case.rapid_responses if call.closed is None and call.called.origin.node == node.site.node]
    graded = any(isinstance(one.entry.event, AssessmentRecorded | GradeAssessed | GradeConfirmed) and not one.entry.origin.told for one in struck)
    mistaken = [call for call in own if (named & _findings_of(call) or (graded and _for_no_grade(node, case, call))) and not cause_stands(node, made.unit, case, call)]
    for call in mistaken:
        made.add(CallClosed(call_id=call.call_id, reason="raised-on-corrected-entry", note=""))
    return len(mistaken)


def _for_no_grade(node: Node, case: Case, call: Call) -> bool:
    """Whether a call was made because nobody looked, and by what is known now no grade asked anybody to look then."""
    return call.fresh == {LATE} and not look_now.asked_before(case, call, node.site.node)


def _findings_of(call: Call) -> frozenset[str]:
    """The findings that can have shown the signs of a call."""
    return frozenset(name for code in call.fresh for name in signs.SHOWN_BY.get(code, ()))


# --- decisions ------------------------------------------------------------------------------------------------------


def _decisions(node: Node, made: _Made, case: Case, changed: Sequence[Entry[Event]]) -> None:
    """Every eligibility and fitness that read one of the entries, or a resource that renders it, as its policy answers now for its own moment."""
    read = [name for one in changed for name in _names(made.unit, case, one.origin.event_id)]
    for row in reopening.resting_on(made.unit, case.case_id, read):
        cited = [(place, e) for place, e in enumerate(case.entries) if isinstance(e.event, _ANSWERS) and e.event.decision_sha256 == row["sha256"]]
        if cited and not cited[0][1].origin.told and row["policy"] in node.policies.ids():
            _decided_again(node, made, case, cited[0], row)


#: What says the answer of a policy in the case; a physician's choice stays, and results are judged by what they are.
_ANSWERS = (EligibilityDecided, FitnessChecked)


def _decided_again(node: Node, made: _Made, case: Case, cited: tuple[int, Entry[Event]], row: RowMapping) -> None:
    place, entry = cited
    at, then = entry.origin.at, before(case, place)
    deciding = Deciding(node.policies, LazyFacts(lambda: node.fact_set(made.unit.connection, then, at)), case.case_id, at)
    given = orjson.loads(row["given"])
    values, _ = read_given({name: value for name, value in given.items() if value is not None}, node.dictionary)
    decision = deciding.decide(row["policy"], {**given, **values})
    new = deciding.made[digest(decision)]
    if new.sha256 == row["sha256"]:
        return
    made.unit.keep_decision(case.case_id, new)
    outcome = str(new.document["outcome"])
    _superseded(made, row["sha256"], new.sha256, changed=outcome != row["outcome"])
    made.replace(entry, msgspec.structs.replace(entry.event, outcome=outcome, decision_sha256=new.sha256))


def _names(unit: Unit, case: Case, event_id: str) -> list[str]:
    """What a decision that read an entry says it read: the event itself, or the resources that it was rendered as."""
    rows = unit.connection.execute(select(tables.rendered.c.resources).where(tables.rendered.c.case_id == case.case_id)).scalars()
    rendered = {name for row in rows for name in orjson.loads(row) if event_id in name}
    return [f"Event/{event_id}", *sorted(rendered)]
