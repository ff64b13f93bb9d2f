"""Findings that came in and may hide a sign: somebody looks at the patient, once for each finding and kind of doubt.

Main job: `to_look(case, node)`, what is asked at this node and nobody answered; `urgent(case, node)`, those that call where nobody answers in time;
`newer(case, node, scale)`, the findings by which a grade may be out of date.
An assessment of then or later that states the finding answers, and so does a finding that a person confirmed, or a later value that can be used; what shows a
sign of a day long past is answered by an assessment of now, a record that may be this patient's by one that states pressure, oxygen and mind, and which of two values of
one moment is right by a physician's word or by what puts one right. Discharge ends what was asked before it, and death everything; what comes of a patient at home is
asked.

**Source**: contract K1 (not knowing silences nothing); that it is asked, and of whom, is a convention of this project.
"""

from __future__ import annotations

from baybridge.journey.case import Case
from baybridge.journey.entry import Entry
from baybridge.journey.events import (
    AssessmentRecorded,
    Died,
    Discharged,
    Event,
    FindingAnswered,
    FindingAsked,
    FindingConfirmed,
    IdentityLinked,
    IdentityRefused,
    IdentityUndone,
    Scale,
)
from baybridge.journey.raising import RAISES

Asked = Entry[FindingAsked]

#: From this grade somebody looks at once. Source: contract K1.
_ALERT_GRADE = 3


#: What whoever looks at a patient without knowing what for states, one finding of each row.
#: Source: convention of this project, the rows by which CRS and ICANS are graded.
_A_LOOK = (
    frozenset({"hypotension", "systolic_pressure", "vasopressors", "vasopressin"}),
    frozenset({"oxygen_device", "oxygen_flow", "oxygen_saturation", "arterial_oxygen_saturation"}),
    frozenset({"ice_score", "capd_score", "arousal"}),
)


def to_look(case: Case, node: str) -> tuple[Asked, ...]:
    """The questions of this node that stand, one for each finding and kind of doubt."""
    if not case.alive or not case.did(FindingAsked):
        return ()
    standing: dict[tuple[str, str], Asked] = {}
    for entry in case.entries:
        event = entry.event
        if isinstance(event, Discharged):
            standing = {}
        elif isinstance(event, FindingAsked):
            if entry.origin.node == node and event.why != "after_death":
                standing.setdefault((event.fact or event.resource, event.why), entry)  # type: ignore[arg-type] # the entry of that event
        else:
            standing = {key: asked for key, asked in standing.items() if not _answers(event, asked)}
    return tuple(standing.values())


def urgent(case: Case, node: str) -> tuple[Asked, ...]:
    """The questions about signs that are dated long ago, which the patient may show now, about findings that may raise a grade to one that calls, and others."""
    return tuple(entry for entry in to_look(case, node) if entry.event.why == "old" or entry.event.calls or entry.event.grade_max >= _ALERT_GRADE)


def newer(case: Case, node: str, scale: Scale) -> tuple[str, ...]:
    """The findings that a grade reads of which something came that nobody looked at since: the grade may be out of date."""
    read = RAISES[scale]
    return tuple(dict.fromkeys(entry.event.fact for entry in to_look(case, node) if entry.event.why in OF_NOW and entry.event.fact in read))


#: Questions about a finding of now.
OF_NOW = frozenset({"raises", "unusable", "unusual"})


def after_death(case: Case, node: str) -> tuple[Asked, ...]:
    """The questions of this node whether a death is true, because a finding came that is newer, one for each finding; who says the death again answers them."""
    standing: dict[str, Asked] = {}
    for entry in case.entries if not case.alive else ():
        event = entry.event
        if isinstance(event, Died):
            standing = {}
        elif isinstance(event, FindingAsked) and event.why == "after_death" and entry.origin.node == node:
            standing.setdefault(event.fact, entry)  # type: ignore[arg-type] # the entry of that event
        elif isinstance(event, FindingAnswered) and event.why == "after_death":
            standing.pop(event.fact, None)
    return tuple(standing.values())


def _answers(event: Event, asked: Asked) -> bool:
    fact, why = asked.event.fact, asked.event.why
    if why == "tied":  # what is found later says not which of two values of before was right
        return isinstance(event, FindingAnswered) and (event.fact, event.why) == (fact, why)
    if why == "identity" and isinstance(event, IdentityLinked | IdentityRefused | IdentityUndone):
        return event.question == asked.event.resource
    if isinstance(event, AssessmentRecorded):
        if why == "identity":
            looked = all(row & dict(event.findings).keys() for row in _A_LOOK)
            return looked and event.assessed_at >= asked.origin.recorded_at.replace(second=0, microsecond=0)
        since = asked.origin.recorded_at if why == "old" else asked.event.seen_at
        stated = fact in dict(event.findings)
        return stated and (since is None or event.assessed_at >= since.replace(second=0, microsecond=0))  # people write minutes
    if isinstance(event, FindingConfirmed):
        return event.fact == fact
    return isinstance(event, FindingAnswered) and (event.fact, event.why) == (fact, why)
