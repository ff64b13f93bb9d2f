"""What rested on an entry that was put right, set aside or reinstated is made again: grades of later assessments, and decisions that read the entry.

Main job: `made_again`, a consequence of `EntryCorrected`, own or told by another node. What was worked out differently now is replaced at its own place, so that the case
reads as if the mistake had not been made; the decision of before stays, marked as made again.

Assessments are graded again in `grades.py`, as of their own time. **Source**: contract K2. Elsewhere: telling others in `telling.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import msgspec
import orjson
from sqlalchemy import RowMapping, select

from baybridge.facts.given import read_given
from baybridge.journey import look_now
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.checks import digest
from baybridge.journey.corrected import Struck
from baybridge.journey.corrections.correcting import before
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import (
    AssessmentRecorded,
    CallClosed,
    EligibilityDecided,
    EntryCorrected,
    EntryReinstated,
    Event,
    FitnessChecked,
    GradeAssessed,
    GradeConfirmed,
)
from baybridge.journey.look_now import LATE
from baybridge.node import tables
from baybridge.node.commands import reopening
from baybridge.node.commands.deciding import Deciding, LazyFacts
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.corrections.causes import cause_stands
from baybridge.node.corrections.grades import Made, found_when, grade_again
from baybridge.node.upkeep import projections
from baybridge.node.watch import signs, watching

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

def made_again(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Work out again what rested on the entries that were corrected; done twice, it finds nothing more to do."""
    case_id = consequence.case_id
    case = unit.case(case_id)
    struck = [one for one in case.struck if one.by.origin.event_id in consequence.events]
    again = _reinstated(case, consequence.events)
    if not struck and not again:
        return
    first = struck[0].by.event if struck else EntryCorrected(event_id=again[0].origin.event_id, action="void", reason="other")
    made = Made(unit, first.reason, f"entry {first.event_id}", first.event_id)
    changed = [*(one.entry for one in struck), *again]
    _grades(node, made, case, changed)
    closed = _calls(node, made, case, struck)
    if not made.events:  # a grade that changes queues its own consequence, which then finds the decisions that read it
        _decisions(node, made, case, changed)
    if made.events:
        made.append(node, case_id)
        if closed:
            watching.look_at(node, unit, case_id)  # a sign that stands by another entry calls again
        projections.project(unit, case_id)


def _reinstated(case: Case, events: Collection[str]) -> list[Entry[Event]]:
    """The entries of other nodes that count again by these events."""
    named = {entry.event.event_id for entry in case.history if tells(entry, EntryReinstated) and entry.origin.event_id in events and not entry.origin.told}
    return [entry for entry in case.entries if entry.origin.event_id in named]


MADE_AGAIN = ConsequenceRow("made-again", Lane.CASE, made_again, after=frozenset({EntryCorrected, EntryReinstated}))


# --- grades ---------------------------------------------------------------------------------------------------------


def _grades(node: Node, made: Made, case: Case, changed: Sequence[Entry[Event]]) -> None:
    """The grades of every assessment that was recorded here after one of the entries, or is of a later moment than one, as its rule answers now."""
    since = min(one.origin.recorded_at for one in changed)
    found = min((at for one in changed if (at := found_when(one.event)) is not None), default=None)
    for place, entry in enumerate(case.entries):
        if not isinstance(entry.event, AssessmentRecorded) or entry.origin.node != node.site.node:
            continue
        if entry.origin.recorded_at >= since or (found is not None and entry.event.assessed_at >= found):
            grade_again(node, made, case, place)


# --- calls ----------------------------------------------------------------------------------------------------------


def _calls(node: Node, made: Made, case: Case, struck: Sequence[Struck]) -> int:
    """Close the calls whose signs an assessment showed which does not hold, where no other entry shows one either; how many."""
    assessed = [one.entry.event for one in struck if isinstance(one.entry.event, AssessmentRecorded) and not one.entry.origin.told]
    named = {name for event in assessed for name, _ in event.findings}
    own = [call for call in case.rapid_responses if call.closed is None and call.called.origin.node == node.site.node]
    entered = [one for one in struck if not one.entry.origin.told and not one.by_record]  # what the record takes back ends no call by itself (`causes.py`)
    graded = any(isinstance(one.entry.event, AssessmentRecorded | GradeAssessed | GradeConfirmed) for one in entered)
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


def _decisions(node: Node, made: Made, case: Case, changed: Sequence[Entry[Event]]) -> None:
    """Every eligibility and fitness that read one of the entries, or a resource that renders it, as its policy answers now for its own moment."""
    read = [name for one in changed for name in _names(made.unit, case, one.origin.event_id)]
    for row in reopening.resting_on(made.unit, case.case_id, read):
        cited = [(place, e) for place, e in enumerate(case.entries) if isinstance(e.event, _ANSWERS) and e.event.decision_sha256 == row["sha256"]]
        if cited and not cited[0][1].origin.told and row["policy"] in node.policies.ids():
            _decided_again(node, made, case, cited[0], row)


#: What says the answer of a policy in the case; a physician's choice stays, and results are judged by what they are.
_ANSWERS = (EligibilityDecided, FitnessChecked)


def _decided_again(node: Node, made: Made, case: Case, cited: tuple[int, Entry[Event]], row: RowMapping) -> None:
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
    made.supersede(row["sha256"], new.sha256, entry.origin.event_id, changed=outcome != row["outcome"])
    made.replace(entry, msgspec.structs.replace(entry.event, outcome=outcome, decision_sha256=new.sha256))


def _names(unit: Unit, case: Case, event_id: str) -> list[str]:
    """What a decision that read an entry says it read: the event itself, or the resources that it was rendered as."""
    rows = unit.connection.execute(select(tables.rendered.c.resources).where(tables.rendered.c.case_id == case.case_id)).scalars()
    rendered = {name for row in rows for name in orjson.loads(row) if event_id in name}
    return [f"Event/{event_id}", *sorted(rendered)]
