"""A grade that may be 3 or more and is not certain, without a sign that calls: somebody looks now.

Main job: `pending(case, node)`: the latest grades of this node that ask for it; `waiting(case, node)`: these, and what came in and may hide a sign
(`asked_findings.py`); `asked_at(case, entry)`, since when one asks; `due_at(case, node, within)`, when somebody must have looked at the latest;
`to_review(case, node)`: those that a physician has to judge, because no fever counts.

It ends with an assessment that leaves no such grade, with a physician's own grade, with discharge or death, and while a call is open. An assessment after discharge asks
anew. A round that leaves the question open postpones nothing: the time runs from the first grade that asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from baybridge.journey import asked_findings
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.conditions import discharged, index_of
from baybridge.journey.entry import Entry
from baybridge.journey.events import GradeAssessed, GradeConfirmed

#: The sign that is none: nobody looked in time.
LATE = "RR-LATE"

#: The flag of a grade that counts no fever though signs may stand. Source: facts contract, crs-astct-2019.
REVIEW = "review_fever_rule"

#: From which grade somebody is told at once. Source: convention of this project; grade 3 is severe in Lee 2019, Tables 2 and 6.
ALERT_GRADE = 3


def pending(case: Case, node: str) -> tuple[Entry[GradeAssessed], ...]:
    """The latest grade of each scale that was made here, may be 3 or more, and nobody confirmed."""
    return tuple(entry for entry in _unconfirmed(case, node) if _asks(entry))


def _unconfirmed(case: Case, node: str) -> Iterator[Entry[GradeAssessed]]:
    """The latest grades of a living patient that were made here, and after discharge where the patient left."""
    left = case.discharge if discharged(case) else None
    for grade in case.grades.values() if case.alive else ():
        latest = grade.latest
        if grade.asks and latest.origin.node == node and (left is None or latest.origin.recorded_at > left.origin.recorded_at):
            yield latest


def _asks(entry: Entry[GradeAssessed]) -> bool:
    return entry.event.grade_min < ALERT_GRADE <= entry.event.grade_max


def reviews(entry: Entry[GradeAssessed]) -> bool:
    """Whether a physician has to judge the fever rule of a grade."""
    return REVIEW in entry.event.flags


def asked_at(case: Case, entry: Entry[GradeAssessed], asks: Callable[[Entry[GradeAssessed]], bool] = _asks, *, after: datetime | None = None) -> datetime:
    """Since when the latest grade of a scale asks: when the first of the grades was recorded that asked one after the other; of those recorded after a moment."""
    scale, since = entry.event.scale, entry.origin.recorded_at
    grades = sorted((one for one in case.of(GradeAssessed) if one.event.scale == scale), key=lambda one: one.event.assessed_at)
    said = [one.origin.at for one in case.of(GradeConfirmed) if one.event.scale == scale]
    for one in reversed(grades[: grades.index(entry)]):
        answered = not asks(one) or any(one.event.assessed_at <= at < entry.event.assessed_at for at in said)
        if answered or one.origin.node != entry.origin.node or (case.infused_at is not None and one.event.assessed_at < case.infused_at):
            break
        if after is None or one.origin.recorded_at > after:
            since = min(since, one.origin.recorded_at)
    return since


def asked_before(case: Case, call: Call, node: str) -> bool:
    """Whether some grade asked for somebody to look when a call was made, or does now, by what is known now."""
    entries = case.entries[: index_of(case, call.called)]
    then = replace(case, entries=entries, history=entries, struck=())
    return bool(pending(then, node) or pending(case, node))


def waiting(case: Case, node: str) -> tuple[Entry[GradeAssessed] | asked_findings.Asked, ...]:
    """Why somebody must look at once: such a grade, a sign that came with a date long past, or a finding that may raise a grade so far."""
    return (*pending(case, node), *asked_findings.urgent(case, node))


def to_review(case: Case, node: str) -> tuple[Entry[GradeAssessed], ...]:
    """The latest grades made here whose fever rule a physician has to judge: the grade alone may say less than the signs do."""
    return tuple(entry for entry in _unconfirmed(case, node) if reviews(entry))


def due_at(case: Case, node: str, within: timedelta) -> datetime | None:
    """When somebody must have looked: counted from when the first of these reasons came, or from the end of the last call; None where nothing asks for it.

    While a call is open its team is awaited. Of a call because nobody looked there is no second one until an assessment has left no such grade;
    where that call was closed without the team, until the next assessment that leaves one.
    """
    reasons = waiting(case, node)
    own = [call for call in case.rapid_responses if call.called.origin.node == node]
    stands = next((call for call in reversed(own) if LATE in call.levels and not call.mistaken), None)
    after: datetime | None = None
    if stands is not None and LATE not in stands.absent:
        closed = stands.closed if stands.arrived is None else None
        after = closed.origin.recorded_at if closed is not None else None
        reasons = tuple(entry for entry in reasons if after is not None and entry.origin.recorded_at > after)
    if not reasons or any(call.is_open for call in own):
        return None
    ended = [end.origin.recorded_at for call in own for end in (call.arrived, call.closed) if end is not None]
    grades = pending(case, node)
    since = [asked_at(case, entry, after=after) for entry in grades if entry in reasons]
    return max([min([*since, *(entry.origin.recorded_at for entry in reasons)]), *ended]) + within
