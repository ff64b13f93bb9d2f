"""A grade that may be 3 or more and is not certain, without a sign that calls: somebody looks now.

Main job: `pending(case, node)`: the latest grades of this node that ask for it; `waiting(case, node)`: these, and signs that came with a date long past
(`asked_findings.py`); `due_at(case, node, within)`, when somebody must have looked at the latest;
`to_review(case, node)`: those that a physician has to judge, because no fever counts.

It ends with an assessment that leaves no such grade, with a physician's own grade, with discharge or death, and while a call is open.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from baybridge.journey import asked_findings
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.conditions import discharged, index_of
from baybridge.journey.entry import Entry
from baybridge.journey.events import GradeAssessed

#: The sign that is none: nobody looked in time.
LATE = "RR-LATE"

#: The flag of a grade that counts no fever though signs may stand. Source: facts contract, crs-astct-2019.
REVIEW = "review_fever_rule"

#: Source: clinical reference 14, time-critical alerts.
ALERT_GRADE = 3


def pending(case: Case, node: str) -> tuple[Entry[GradeAssessed], ...]:
    """The latest grade of each scale that was made here, may be 3 or more, and nobody confirmed."""
    if discharged(case) or not case.alive:
        return ()
    latest = [grade.latest for grade in case.grades.values() if grade.confirmed is None]
    return tuple(entry for entry in latest if entry.origin.node == node and entry.event.grade_min < ALERT_GRADE <= entry.event.grade_max)


def asked_before(case: Case, call: Call, node: str) -> bool:
    """Whether some grade asked for somebody to look when a call was made, or does now, by what is known now."""
    entries = case.entries[: index_of(case, call.called)]
    then = replace(case, entries=entries, history=entries, struck=())
    return bool(pending(then, node) or pending(case, node))


def waiting(case: Case, node: str) -> tuple[Entry[GradeAssessed] | asked_findings.Asked, ...]:
    """Why somebody must look at once: such a grade, or a sign that came with a date long past."""
    return (*pending(case, node), *asked_findings.of_old(case, node))


def to_review(case: Case, node: str) -> tuple[Entry[GradeAssessed], ...]:
    """The latest grades made here whose fever rule a physician has to judge: the grade alone may say less than the signs do."""
    if discharged(case) or not case.alive:
        return ()
    latest = [grade.latest for grade in case.grades.values() if grade.confirmed is None]
    return tuple(entry for entry in latest if entry.origin.node == node and REVIEW in entry.event.flags)


def due_at(case: Case, node: str, within: timedelta) -> datetime | None:
    """When somebody must have looked: counted from when the first of these reasons came, or from the end of the last call; None where nothing asks for it.

    While a call is open its team is awaited. Of a call because nobody looked there is no second one until an assessment has left no such grade;
    where that call was closed without the team, until the next assessment that leaves one.
    """
    reasons = waiting(case, node)
    own = [call for call in case.rapid_responses if call.called.origin.node == node]
    stands = next((call for call in reversed(own) if LATE in call.levels and not call.mistaken), None)
    if stands is not None and LATE not in stands.absent:
        closed = stands.closed if stands.arrived is None else None
        reasons = tuple(entry for entry in reasons if closed is not None and entry.origin.recorded_at > closed.origin.recorded_at)
    if not reasons or any(call.is_open for call in own):
        return None
    ended = [end.origin.recorded_at for call in own for end in (call.arrived, call.closed) if end is not None]
    return max([min(entry.origin.recorded_at for entry in reasons), *ended]) + within
