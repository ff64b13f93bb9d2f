"""Calling the rapid response team: one open call a case, what joins it, what calls again; who acknowledges, arrives and closes.

Main job: `follows(case, seen, …)`, the events that follow from what was seen; the rules of `AcknowledgeCall`, `ArriveRapidResponse` and `CloseCall`.

- One open call a case. A further sign, or one that rose, joins it (`SignAdded`).
- After the team has come a sign calls again only if a later look found it absent, or if it rose. A call that a physician closed without the team
  holds back nothing that is seen afterwards: the next entry with the sign calls again.
- A sign of an earlier moment that arrives late calls nobody for a sign of which the team was called since that moment; where a physician closed that call without the
  team, it calls unless it could be seen here when the call was closed.
- What is unknown ends nothing: a sign is absent only where it was looked for.

**Source**: policy `rapid-response`; the rules of repetition are conventions of this project. Elsewhere: reading signs from record and case, roster and escalation in
`node/watch/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.bedside.episode import BOUNDS, standing_facts
from baybridge.journey import look_now
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.checks import Moment, happened, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import (
    CallAcknowledged,
    CallCauseWithdrawn,
    CallClosed,
    CallEscalated,
    CallKept,
    CallNotified,
    CloseReason,
    Event,
    FindingAnswered,
    FindingAsked,
    RapidResponseArrived,
    RapidResponseCalled,
    Scale,
    SignAdded,
    SignsAbsent,
)
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in
from baybridge.journey.texts import Note
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.decide import Decision

#: A call that another node told of speaks for this one for as long.
_TOLD_HOLDS = timedelta(hours=24)

#: By how much a sign rose that is counted in percent or points; one step of any other. Convention: contract K1 names vasopressors, device and grade.
_RISES_BY: Mapping[str, int] = {"RR-SATURATION": 5, "RR-ICE-FALL": 3, "RR-CAPD": 5}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found: signs that call with how high each stands, signs that were looked for and absent.

    `at` is the moment of the finding; `current` says that it is the present state and not a moment before. `scale` and `grade_min` are the highest certain grade.
    `shown_at` says when what shows a sign was found last; a sign without a moment there was found at `at`. `in_view`: by call that a physician closed without the
    team, the signs of this moment that could be seen here when it was closed, with how high each stood then.
    """

    levels: Mapping[str, int]
    absent: frozenset[str]
    at: datetime
    current: bool = True
    scale: Scale | None = None
    grade_min: int = 0
    decision_sha256: str = ""
    shown_at: Mapping[str, datetime] = field(default_factory=dict)
    in_view: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Around:
    """Where and when signs are judged: this node, now, after how long a sign is late, and fresh identifiers."""

    node: str
    now: datetime
    late_after: timedelta
    new_id: Callable[[], str]
    not_before: datetime | None = None  # the infusion: calls of an earlier episode do not count


def follows(case: Case, seen: Seen, around: Around) -> tuple[Event, ...]:
    """What follows from a look: signs that are gone, a call, or a sign that joins the open one."""
    calls = [call for call in case.rapid_responses if not call.mistaken and (around.not_before is None or call.called.event.called_at >= around.not_before)]
    own = [call for call in calls if call.called.origin.node == around.node]
    levels = _uncovered(seen, calls)
    gone = tuple(_gone(own, seen)) if seen.current else ()
    standing = next((call for call in own if call.is_open), None)
    if standing is not None:
        added = {code: level for code, level in levels.items() if _joins(code, level, standing, own, seen)}
        return (*gone, *_added(standing, added, seen))
    elsewhere = {code for call in calls if call not in own and call.is_open and around.now - call.called.event.called_at < _TOLD_HOLDS for code in call.codes}
    fresh = {code for code, level in levels.items() if code not in elsewhere and _is_fresh(code, level, own, seen)}
    return (*gone, _called(levels, fresh, seen, around)) if fresh else gone


def _joins(code: str, level: int, standing: Call, own: Iterable[Call], seen: Seen) -> bool:
    """Whether a sign joins the open call: a further one that no call before answered, one that was absent or rose, or was found after its cause was withdrawn."""
    if code not in standing.levels:
        return _is_fresh(code, level, [call for call in own if call is not standing], seen)
    if code in standing.absent or rose(code, level, standing):
        return True
    return standing.withdrawn is not None and _found_after(code, standing.withdrawn.origin.at, seen)


def _uncovered(seen: Seen, calls: Iterable[Call]) -> dict[str, int]:
    """The signs of a look; those of a moment before the present without the ones of which the team was called since."""
    covered = set() if seen.current else {code for call in calls for code in _covered(call, seen)}
    return {code: level for code, level in seen.levels.items() if code not in covered}


def _covered(call: Call, seen: Seen) -> frozenset[str]:
    """The signs of an earlier moment of which the team was called since; a physician who closed the call without the team judged those alone that could be seen then."""
    made, codes = call.called.event.called_at, frozenset(call.codes)
    if not closed_alone(call):
        return codes if made >= seen.at else frozenset()
    judged = seen.in_view.get(call.call_id, {})
    return frozenset(code for code in codes & judged.keys() if not higher(code, seen.levels.get(code, 0), judged[code]))


def closed_alone(call: Call) -> bool:
    """Whether a call was closed without the team."""
    return call.closed is not None and call.arrived is None


def _gone(own: Iterable[Call], seen: Seen) -> Iterator[Event]:
    for call in own:
        codes = tuple(sorted((set(call.codes) - call.absent) & seen.absent))
        if codes:
            yield SignsAbsent(call_id=call.call_id, codes=codes)


def _is_fresh(code: str, level: int, own: Iterable[Call], seen: Seen) -> bool:
    """Whether a sign calls: it never did in this episode, was absent since, or rose; or its last call was closed without the team, and it was found again."""
    last = next((call for call in reversed(tuple(own)) if code in call.levels), None)
    if last is None or code in last.absent or rose(code, level, last):
        return True
    return last.arrived is None and last.closed is not None and _found_after(code, last.closed.origin.at, seen)


def _found_after(code: str, closed_at: datetime, seen: Seen) -> bool:
    """Whether what shows a sign was found after a call was closed, or is what has just arrived of a moment before."""
    shown_at = seen.shown_at.get(code, seen.at)
    return shown_at > closed_at or (not seen.current and shown_at >= seen.at)


def rose(code: str, level: int, call: Call) -> bool:
    """Whether a sign stands higher than it ever did in a call."""
    return higher(code, level, call.levels.get(code, 0))


def higher(code: str, level: int, before: int) -> bool:
    """Whether a sign stands higher than before by as much as counts."""
    return level >= before + _RISES_BY.get(code, 1)


def _added(call: Call, added: Mapping[str, int], seen: Seen) -> tuple[Event, ...]:
    if not added:
        return ()
    levels = tuple(sorted(added.items()))
    return (SignAdded(call_id=call.call_id, codes=tuple(sorted(added)), levels=levels, seen_at=seen.at, decision_sha256=seen.decision_sha256),)


def _called(levels: Mapping[str, int], fresh: Iterable[str], seen: Seen, around: Around) -> Event:
    return RapidResponseCalled(
        scale=seen.scale,
        grade_min=seen.grade_min,
        called_at=around.now,
        call_id=around.new_id(),
        codes=tuple(sorted(levels)),
        fresh=tuple(sorted(fresh)),
        late=around.now - seen.at > around.late_after,
        levels=tuple(sorted(levels.items())),
        seen_at=seen.at,
        decision_sha256=seen.decision_sha256,
    )


# --- commands -------------------------------------------------------------------------------------------------------------


class AcknowledgeCall(Struct, frozen=True, kw_only=True):
    """A physician takes the call."""

    call_id: Annotated[str, Meta(description="the open call without it")] = ""


class ArriveRapidResponse(Struct, frozen=True, kw_only=True):
    """The team is at the bedside."""

    arrived_at: Moment
    call_id: Annotated[str, Meta(description="the open call without it")] = ""


class CloseCall(Struct, frozen=True, kw_only=True):
    """A physician ends a call without the team, or after it."""

    reason: CloseReason
    note: Note = ""
    signs_stand: Annotated[bool, Meta(description="true where the latest findings still show a sign and the call is closed all the same")] = False
    call_id: Annotated[str, Meta(description="the open call without it")] = ""


class KeepCall(Struct, frozen=True, kw_only=True):
    """A physician keeps a call although what raised it was corrected or withdrawn."""

    note: Annotated[Note, Meta(description="why the team is needed all the same")]
    call_id: Annotated[str, Meta(description="the call whose cause was withdrawn without it")] = ""


def none_to_take(situation: Situation) -> Iterator[Reason]:
    """No call is open that nobody has taken."""
    if not any(call.is_open and call.acknowledged is None for call in situation.case.rapid_responses):
        yield Reason("bedside.call.none_to_take")


def none_awaited(situation: Situation) -> Iterator[Reason]:
    """The team of no call is awaited."""
    if situation.case.open_rapid_response is None:
        yield Reason("bedside.rapid_response.none_open")


def none_to_close(situation: Situation) -> Iterator[Reason]:
    """Every call is closed already, or none was made."""
    if all(call.closed is not None for call in situation.case.rapid_responses):
        yield Reason("bedside.call.none_to_close")


def none_to_keep(situation: Situation) -> Iterator[Reason]:
    """No call lost its cause."""
    if not any(call.asks for call in situation.case.rapid_responses):
        yield Reason("bedside.call.none_to_keep")


def acknowledge_call(situation: Situation, given: AcknowledgeCall) -> Verdict:
    """The open call is taken; a second time changes nothing and is said."""
    call = _named(situation, given.call_id)
    if call is None or not call.is_open:
        return refuse(_none_open(situation, given.call_id))
    if call.acknowledged is not None:
        return refuse(Reason("bedside.call.acknowledged_before", where="call_id"))
    return (CallAcknowledged(call_id=call.call_id),)


def arrive_rapid_response(situation: Situation, given: ArriveRapidResponse) -> Verdict:
    """The team arrived at an open call."""
    against = [*happened(situation, arrived_at=given.arrived_at)]
    call = _named(situation, given.call_id)
    if call is None or not call.is_open:
        against.append(_none_open(situation, given.call_id))
    elif given.arrived_at < call.called.event.called_at.replace(second=0, microsecond=0):  # people write minutes
        against.append(Reason("bedside.rapid_response.before_call", where="arrived_at"))
    return refuse(*against) if against or call is None else (RapidResponseArrived(arrived_at=given.arrived_at, call_id=call.call_id),)


def _none_open(situation: Situation, call_id: str) -> Reason:
    """Why a call cannot be answered: it is none of this patient, it is over, or none is open."""
    if not call_id:
        return Reason("bedside.rapid_response.none_open", where="call_id")
    mine = any(call_id in call.names for call in situation.case.rapid_responses)
    return Reason("bedside.call.over" if mine else "bedside.call.unknown", where="call_id")


def close_call(situation: Situation, given: CloseCall) -> Verdict:
    """A call ends by a physician's word, and with a note on how it was resolved or treated; while a sign stands and the team did not come, it is asked about once."""
    call = _named(situation, given.call_id)
    against = []
    if call is None or call.closed is not None:
        against.append(Reason("bedside.call.unknown" if call is None and given.call_id else "bedside.call.none_to_close", where="call_id"))
    standing = signs_now(situation, call) if call is not None and call.is_open else ()
    if standing and not given.signs_stand:
        against.append(Reason("bedside.call.signs_stand", {"codes": ", ".join(standing)}, where="signs_stand", source="contract K1"))
    if not said(given.note) and (standing or given.reason != "raised-on-corrected-entry"):
        against.append(Reason(_NO_NOTE[given.reason], where="note"))
    return refuse(*against) if against or call is None else (CallClosed(call_id=call.call_id, reason=given.reason, note=given.note.strip()),)


def keep_call(situation: Situation, given: KeepCall) -> Verdict:
    """The call goes on, by a physician's word."""
    asking = [call for call in situation.case.rapid_responses if call.asks and given.call_id in ("", call.call_id)]
    against = []
    if not asking:
        against.append(Reason("bedside.call.none_to_keep", where="call_id"))
    if not said(given.note):
        against.append(Reason("bedside.call.no_reason_to_keep", where="note"))
    return refuse(*against) if against else (CallKept(call_id=asking[-1].call_id, note=given.note.strip()),)


_NO_NOTE: Mapping[CloseReason, str] = {
    "other-treatment": "bedside.call.no_note",
    "resolved": "bedside.call.no_resolution",
    "raised-on-corrected-entry": "bedside.call.no_resolution",
}


def signs_now(situation: Situation, call: Call) -> tuple[str, ...]:
    """The signs that the latest findings show, and whether somebody still has to look where that is why the call was made."""
    late = {look_now.LATE} if look_now.LATE in call.codes and look_now.waiting(situation.case, situation.site.node) else set()
    return tuple(sorted(late.union(signs_found(situation))))


def signs_found(situation: Situation) -> tuple[str, ...]:
    """The signs that the latest findings show."""
    return tuple(sorted(str(code) for code in _signs(situation).values.get("codes", ())))


def _signs(situation: Situation) -> Decision:
    facts = standing_facts(situation, situation.now)
    bounds = {name: _at_least(situation, scale, facts) for scale, name in BOUNDS.items()}
    return situation.bedside.decide("rapid-response", {**facts, **bounds})


def signs_not_seen_gone(situation: Situation) -> tuple[str, ...]:
    """Signs of the patient since the infusion for which the team came and that no later look found absent: that nobody looked does not say that they are gone."""
    infused_at, node = situation.case.infused_at, situation.site.node
    own = [call for call in situation.case.rapid_responses if call.called.origin.node == node and call.arrived is not None and call.closed is None]
    since = [call for call in own if not call.mistaken and (infused_at is None or call.called.event.called_at >= infused_at)]
    last = {code: call for call in since for code in call.codes}
    shown = {reason.criterion for reason in _signs(situation).reasons} | {look_now.LATE}
    return tuple(sorted(code for code, call in last.items() if code not in call.absent and code in shown))


def _at_least(situation: Situation, scale: Scale, facts: Mapping[str, Value]) -> int:
    """The lower bound of a grade now; a physician's own grade may raise it."""
    grade = situation.case.grades.get(scale)
    own = grade.confirmed.event.grade if grade is not None and grade.confirmed is not None else 0
    return max(own, int(situation.bedside.decide(scale, facts).values.get("grade_min") or 0))


def _named(situation: Situation, call_id: str) -> Call | None:
    """The call of that name; without one the open call, else the last."""
    calls = situation.case.rapid_responses
    if call_id:
        return next((call for call in calls if call_id in call.names), None)
    return situation.case.open_rapid_response or (calls[-1] if calls else None)


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        AcknowledgeCall, acknowledge_call, roles(Role.PHYSICIAN),
        (EventRow(CallAcknowledged, rendering.acknowledged),),
        page="bedside",
        correction=CLINICAL,
        step="rapid_response",
        blocked=none_to_take,
        button=None,
    ),
    CommandRow(
        ArriveRapidResponse, arrive_rapid_response, roles(Role.PHYSICIAN, Role.NURSE),
        (EventRow(RapidResponseArrived, rendering.arrived, told_in("CARE_REFERRAL")),),
        page="bedside",
        correction=CLINICAL,
        step="rapid_response",
        blocked=none_awaited,
        button=None,
    ),
    CommandRow(
        CloseCall, close_call, roles(Role.PHYSICIAN),
        (EventRow(CallClosed, rendering.closed, told_in("CARE_REFERRAL")),),
        page="bedside",
        correction=CLINICAL,
        step="rapid_response",
        blocked=none_to_close,
        button=None,
    ),
    CommandRow(
        KeepCall, keep_call, roles(Role.PHYSICIAN),
        (EventRow(CallKept, rendering.kept),),
        page="bedside",
        correction=CLINICAL,
        blocked=none_to_keep,
        button=None,
    ),
)

#: Events that follow from what was seen, and from the clock; no person enters them.
EVENT_ROWS = (
    EventRow(RapidResponseCalled, rendering.called, told_in("CARE_REFERRAL"), computed=True),
    EventRow(CallNotified, rendering.notified, computed=True),
    EventRow(CallEscalated, rendering.escalated, computed=True),
    EventRow(SignAdded, rendering.sign_added, told_in("CARE_REFERRAL"), computed=True),
    EventRow(SignsAbsent, rendering.signs_absent, computed=True),
    EventRow(CallCauseWithdrawn, rendering.cause_withdrawn, computed=True),
    EventRow(FindingAsked, rendering.finding_asked, computed=True),
    EventRow(FindingAnswered, rendering.finding_answered, computed=True),
)
