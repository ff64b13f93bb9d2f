"""Calls of the rapid response team: who was notified, who acknowledged, when it came, how it ended.

`RapidResponseCalled` and `RapidResponseArrived` stand in `treatment.py`. A call of before this chapter has no `call_id`; it is named by its event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from baybridge.journey.chapters.envelope import Event

CloseReason = Literal["resolved", "raised-on-corrected-entry", "other-treatment"]


class CallNotified(Event, frozen=True, kw_only=True, tag=True):
    """Accounts were told of a call, by a step of the document `escalation`; `nobody_on_duty`: the roster named none, so everybody of the role was told."""

    call_id: str
    step: str
    accounts: tuple[str, ...]
    channel: str
    nobody_on_duty: bool = False


class CallAcknowledged(Event, frozen=True, kw_only=True, tag=True):
    """Somebody takes the call; the next steps of the escalation wait for the team's arrival alone."""

    call_id: str


class CallEscalated(Event, frozen=True, kw_only=True, tag=True):
    """Nobody acknowledged, or the team did not come: the next step of the escalation began."""

    call_id: str
    step: str


class SignAdded(Event, frozen=True, kw_only=True, tag=True):
    """A further sign, or one that rose, joined an open call."""

    call_id: str
    codes: tuple[str, ...]
    levels: tuple[tuple[str, int], ...] = ()
    seen_at: datetime | None = None
    decision_sha256: str = ""


class SignsAbsent(Event, frozen=True, kw_only=True, tag=True):
    """Signs of a call were looked for later and were absent; should one come back, it calls again."""

    call_id: str
    codes: tuple[str, ...]


class CallClosed(Event, frozen=True, kw_only=True, tag=True):
    """A physician ended a call, with the reason."""

    call_id: str
    reason: CloseReason
    note: str = ""


class CallCauseWithdrawn(Event, frozen=True, kw_only=True, tag=True):
    """What raised a call was corrected or withdrawn, and none of its signs is left of that moment; a physician closes the call, or keeps it."""

    call_id: str
    because: tuple[str, ...] = ()  # resources (Type/id) that were changed, where any are


class CallKept(Event, frozen=True, kw_only=True, tag=True):
    """A physician keeps a call whose cause was withdrawn, and says why."""

    call_id: str
    note: str


class FindingAsked(Event, frozen=True, kw_only=True, tag=True):
    """A finding came in that may hide a sign, and somebody is asked to look at the patient.

    Its value cannot be used; it shows a sign of a day long past; it is newer than the grade that stands and may raise it, to `grade_max` at most; it is
    unusual by itself; another of the same moment differs from it; it is newer than a death; or a record that may be this patient's shows a sign, of which nothing
    more is said.
    """

    fact: str
    why: Literal["unusable", "old", "raises", "unusual", "after_death", "identity", "tied"]
    resource: str  # Type/id, the question for `identity`; empty where it was refused and nothing of it was filed
    seen_at: datetime | None = None
    grade_max: int = 0
    calls: bool = False  # where nobody looks in time, the team is called


class FindingAnswered(Event, frozen=True, kw_only=True, tag=True):
    """What was asked of a finding is answered: by a later one that can be used, by its correction, by a grade that counts it, or by who says that a death is true."""

    fact: str
    why: Literal["unusable", "old", "raises", "unusual", "after_death", "tied"]


class AssessmentIntervalSet(Event, frozen=True, kw_only=True, tag=True):
    """A physician set how often this patient is assessed, at the standing grade of then."""

    every_h: int
    grade: int
    note: str


class IncidentReported(Event, frozen=True, kw_only=True, tag=True):
    """Somebody says that this system was wrong; quality looks at it."""

    incident_id: str
    about: Literal["alarm-wrong", "alarm-missing", "wrong-value", "wrong-words", "other"]
    note: str
    call_id: str = ""


class IncidentAnswered(Event, frozen=True, kw_only=True, tag=True):
    """Quality looked at an incident and says what follows."""

    incident_id: str
    answer: str
