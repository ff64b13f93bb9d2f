"""Who is told of calls on every page, and which.

Main job: `is_told(asked)`, `may_see(asked, case_id)`, `shown(asked)`, `duty_problems(asked)` for the administrator. No name stands in any of it.
"""

from __future__ import annotations

from baybridge.base.outcome import Reason, Refusal
from baybridge.http.doors import Asked
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.command import Role
from baybridge.node.people import access, reads
from baybridge.node.watch import board, roster


def may_see(asked: Asked, case_id: str, known: Case | None = None) -> bool:
    """Whether this person may read what happens at the bedside of a case; `known`: the case as it stands now, where it was just read."""
    case = known or asked.node.case(case_id)
    return case is not None and not isinstance(reads.for_case(asked.node, "case.bedside", asked.actor, case, frozenset()), Refusal)


#: What says that the team was called, or why: for those alone who may read what happens at the bedside.
_CALL_EVENTS = (
    ev.RapidResponseCalled,
    ev.RapidResponseArrived,
    ev.CallNotified,
    ev.CallAcknowledged,
    ev.CallEscalated,
    ev.SignAdded,
    ev.SignsAbsent,
    ev.CallClosed,
    ev.CallCauseWithdrawn,
    ev.CallKept,
    ev.FindingAsked,
    ev.FindingAnswered,
    ev.IncidentReported,
    ev.IncidentAnswered,
)
_CALL_STEPS = frozenset({
    "rapid_response", "look_now", "call_cause", "odd_findings", "finding_unusable", "finding_old",
    "finding_raises", "finding_unusual", "finding_after_death", "finding_identity", "finding_tied", "incident",
})  # fmt: skip


def of_calls(event: ev.Event) -> bool:
    """Whether an event tells of a call."""
    return isinstance(event, _CALL_EVENTS)


def step_of_calls(step: str) -> bool:
    """Whether a task tells of a call."""
    return step in _CALL_STEPS


def is_told(asked: Asked) -> bool:
    """Whether this person's pages are live."""
    return asked.session is not None and access.may("live", asked.actor, asked.node.site) is None


def shown(asked: Asked) -> tuple[list[board.Shown], int | None]:
    """The open calls that this person may see, and the number after which changes are told to an open page; nothing and None where none are."""
    if not is_told(asked):
        return [], None
    with asked.node.storage.reading() as connection:
        found, number = board.open_calls(connection), board.last_number(connection)
    return [call for call in found if may_see(asked, call.case_id)], number


def duty_problems(asked: Asked) -> tuple[Reason, ...]:
    """What is wrong with who is told of a call, for the administrator of a centre."""
    if asked.actor is None or asked.actor.role is not Role.ADMINISTRATOR or "centre" not in asked.node.site.kinds:
        return ()
    with asked.node.storage.reading() as connection:
        return tuple(roster.problems(connection, asked.node.escalation, asked.node.now()))
