"""The state of a case as plain JSON: what stands, for those who compare cases and not for people.

Main job: `state_of(case, view)`. Every list is sorted by its id, and nothing is read from the clock but whether a task is late, so that two cases that stand alike
read alike.

**Units**: times ISO 8601 with offset, money in minor units of the currency beside it. Elsewhere: gathering tasks and decisions of a node in `node/case_state.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import NotRequired, TypedDict
from zoneinfo import ZoneInfo

from baybridge.base.json_value import JsonDict, JsonObject
from baybridge.documents.pathway import FollowUp
from baybridge.journey import asked_findings, claims
from baybridge.journey.calls import CallState, call_as_json
from baybridge.journey.case import Case
from baybridge.journey.corrected import settle
from baybridge.journey.corrections.money import changed_under
from baybridge.journey.course import Grade
from baybridge.journey.drug_history import FiledDose
from baybridge.journey.entry import Entry
from baybridge.journey.events import DrugGiven, GradeConfirmed
from baybridge.journey.moments import moment_of
from baybridge.journey.raising import RAISES
from baybridge.journey.refunds import refunds_of
from baybridge.journey.reserved_doses import reserved_doses
from baybridge.journey.schedule import next_visit, visits
from baybridge.journey.stages import stage_of
from baybridge.journey.task import Task


class GradeState(TypedDict):
    """A grade at a moment: what it is, between which it lies, since when."""

    grade: int | None
    grade_min: int
    grade_max: int
    at: str | None
    confirmed: NotRequired[JsonDict]
    newer: NotRequired[Sequence[str]]  # findings that came since and may change it: somebody looks now
    from_before: NotRequired[Sequence[JsonDict]]  # findings that the assessment did not state and that it rests on: fact, value, when it was found


class Grades(TypedDict):
    """The present grade of a scale, and the highest of this infusion."""

    current: GradeState
    highest: GradeState


class TaskState(TypedDict):
    """An open task."""

    step: str
    role: str
    due: str | None
    late: bool
    fact: NotRequired[str]  # the finding that asks for a look
    why: NotRequired[str]  # what asks for a look now: a grade, or a finding that is unusual, unusable, old, raises a grade, or may be another's


class EntryState(TypedDict):
    """An entry of the case, and whether it stands."""

    event_id: str
    type: str
    at: str | None
    recorded_at: str | None
    actor: str
    state: str


class CaseState(TypedDict):
    """The state of a case."""

    case: str
    stage: str
    product: str | None
    chains: list[str]
    dead: bool
    emergency: JsonDict | None
    grades: dict[str, Grades]
    calls: list[CallState]
    doses: list[JsonDict]
    reserved: JsonDict | None
    tasks: list[TaskState]
    visits: list[JsonObject]
    decisions: list[JsonDict]
    money: JsonDict
    entries: list[EntryState]


@dataclass(frozen=True, slots=True)
class View:
    """What the state shows beside the case itself.

    `tasks` are those that are open, `decisions` the node's kept ones by SHA-256 as (policy, outcome, whether it was made again); `now` is the moment by which a
    task is late, `follow_up` the schedule of visits, `filed` the doses that other systems filed and nobody entered.
    """

    tasks: Sequence[Task]
    decisions: Mapping[str, tuple[str, str, bool]]
    now: datetime
    zone: ZoneInfo
    follow_up: FollowUp
    filed: Sequence[FiledDose] = ()


def as_of(case: Case, at: datetime, zone: ZoneInfo) -> Case:
    """The case at an earlier moment by what is known: what had happened by then, whenever it was recorded."""
    happened = tuple(entry for entry in case.entries if moment_of(entry, zone) <= at)
    history = tuple(entry for entry in case.history if moment_of(entry, zone) <= at)
    return replace(case, entries=happened, history=history)


def state_of(case: Case, view: View) -> CaseState:
    """The whole state."""
    return {
        "case": case.case_id,
        "stage": stage_of(case).value,
        "product": case.product,
        "chains": sorted(case.chains),
        "dead": not case.alive,
        "emergency": _emergency(case),
        "grades": {scale: _grade(case, scale, grade, view.tasks) for scale, grade in sorted(case.grades.items())},
        "calls": [call_as_json(case.case_id, call) for call in sorted(case.rapid_responses, key=lambda call: call.call_id) if not call.mistaken],
        "doses": sorted((_dose(entry) for entry in case.drugs), key=lambda dose: str(dose["event_id"])),
        "reserved": _reserved(case, view.filed),
        "tasks": [_task(task, view.now) for task in sorted(view.tasks, key=lambda task: task.key)],
        "visits": sorted(_visits(case, view), key=lambda visit: str(visit["visit"])),
        "decisions": sorted(_decisions(case, view), key=lambda decision: (decision["policy"], decision["outcome"], decision["superseded"])),
        "money": {"quote": _quote(case), "claims": [*_claims(case)], "refunds": [*_refunds(case)]},
        "entries": sorted(_entries(case), key=lambda entry: entry["event_id"]),
    }


def _emergency(case: Case) -> JsonDict | None:
    """The emergency that stands, or stood, for the consent to care."""
    found = case.emergency
    return {"event_id": found.origin.event_id, "until": _text(found.event.until), "consent_overdue": case.consent_overdue} if found else None


# --- course ---------------------------------------------------------------------------------------------------------


def _grade(case: Case, scale: str, grade: Grade, tasks: Sequence[Task]) -> Grades:
    latest = grade.latest.event
    current: GradeState = {"grade": grade.grade, "grade_min": latest.grade_min, "grade_max": latest.grade_max, "at": _text(latest.assessed_at)}
    asked = {str(task.values["fact"]) for task in tasks if task.step in _MAY_CHANGE}
    newer = sorted(asked & RAISES[latest.scale].keys())
    if newer:
        current["newer"] = newer
    if latest.from_before:
        current["from_before"] = [{"fact": fact, "value": value, "at": _text(at)} for fact, value, at in latest.from_before]
    if grade.confirmed is not None:
        current["confirmed"] = {**_said(grade.confirmed), "overtaken": grade.overtaken}
    return {"current": current, "highest": _highest(case, scale, grade)}


def _said(entry: Entry[GradeConfirmed]) -> JsonDict:
    """Who said of a grade that it is another one or this, why and when."""
    signed = [one.account for one in entry.event.signed_by] or [entry.origin.actor]
    return {"grade": entry.event.grade, "computed": entry.event.computed, "by": [*signed], "reason": entry.event.reason, "at": _text(entry.origin.at)}


def _highest(case: Case, scale: str, grade: Grade) -> GradeState:
    """The highest certain grade of the episode and the highest that it can have been; `at`: when it was first certainly this high, or a physician said so."""
    since = case.infused_at
    computed = [e.event for e in case.grades_assessed if e.event.scale == scale and (since is None or e.event.assessed_at >= since)]
    reached = [event.assessed_at for event in computed if event.grade_min == grade.highest]
    at = min(reached) if reached else grade.confirmed.origin.at if grade.confirmed else None
    certain = grade.highest if grade.highest == grade.highest_most else None
    return {"grade": certain, "grade_min": grade.highest, "grade_max": grade.highest_most, "at": _text(at)}


def _dose(entry: Entry[DrugGiven]) -> JsonDict:
    return {"atc": entry.event.atc, "given_at": _text(entry.event.given_at), "event_id": entry.origin.event_id}


def _reserved(case: Case, filed: Sequence[FiledDose]) -> JsonDict | None:
    """The doses that are held, how many were entered since, those that only another system filed, and how many are left."""
    found = reserved_doses(case, filed)
    if found is None:
        return None
    event = found.event
    held: JsonDict = {"atc": event.atc, "doses": event.doses, "given": found.given, "left": found.left}
    if found.filed:
        held["filed"] = [{"given_at": _text(one.at), "source": one.source, "by": one.by} for one in found.filed]
    return {**held, "from_on": event.from_on.isoformat(), "until_on": event.until_on.isoformat()}


# --- what is to be done ---------------------------------------------------------------------------------------------


def _task(task: Task, now: datetime) -> TaskState:
    late = task.due_at is not None and task.due_at < now
    if task.step in _LOOKS:  # one word for what a nurse does, as on the board: whatever asks for it stands in `why`
        look: TaskState = {"step": "look_now", "role": task.role, "due": _text(task.due_at), "late": late, "why": _LOOKS[task.step]}
        if task.values.get("fact"):
            look["fact"] = str(task.values["fact"])
        return look
    return {"step": task.step, "role": task.role, "due": _text(task.due_at), "late": late}


#: Tasks about a finding by which a grade may be out of date.
_MAY_CHANGE = frozenset(f"finding_{why}" for why in asked_findings.OF_NOW)

#: What asks somebody to look at the patient now: a grade that may be high, or a finding. Source: contract K1.
_LOOKS = {"look_now": "grade", **{f"finding_{why}": why for why in ("unusual", "unusable", "old", "raises", "identity")}}


def _visits(case: Case, view: View) -> Iterator[JsonObject]:
    """The visits of the schedule before the next one, each done or missed, and the next, due, as the tasks say; made visits that no schedule has are done."""
    infused_at = case.infused_at
    if infused_at is None:
        return
    day_0 = infused_at.astimezone(view.zone).date()
    made = {entry.event.visit for entry in case.visits if entry.event.visited_on >= day_0}
    planned = list(islice(visits(day_0, view.follow_up), _MOST_VISITS))
    following = next_visit(case, view.follow_up, view.now.astimezone(view.zone).date(), view.zone)
    over = max((place + 1 for place, visit in enumerate(planned) if visit.code in made), default=0)
    for visit in planned[: max(over, planned.index(following))] if following in planned else planned[:over]:
        yield {"visit": visit.code, "due_on": visit.due_on.isoformat(), "state": "done" if visit.code in made else "missed"}
    yield from ({"visit": code, "due_on": None, "state": "done"} for code in made - {visit.code for visit in planned})
    if following is not None:
        yield {"visit": following.code, "due_on": following.due_on.isoformat(), "state": "due"}


#: More visits than anybody lives to make.
_MOST_VISITS = 200


def _decisions(case: Case, view: View) -> Iterator[JsonDict]:
    """What the standing entries cite, as far as this node keeps it."""
    mistaken = {call.call_id for call in case.rapid_responses if call.mistaken}
    events = [entry.event for entry in case.entries if not getattr(entry.event, "entry", "") and getattr(entry.event, "call_id", "") not in mistaken]
    cited = {getattr(event, "decision_sha256", "") for event in events}
    for sha256 in cited & view.decisions.keys():
        policy, outcome, superseded = view.decisions[sha256]
        yield {"policy": policy, "outcome": outcome, "superseded": superseded}


# --- money ----------------------------------------------------------------------------------------------------------


def _quote(case: Case) -> JsonDict | None:
    quote = case.quote.event if case.quote else None
    if quote is None:
        return None
    return {
        "quote_sha256": quote.quote_sha256,
        "currency": quote.currency,
        "gross_minor": quote.gross_minor,
        "patient_minor": quote.patient_minor,
        "entitled_minor": quote.entitled_minor,
        "valid_until": quote.valid_until.isoformat(),
        "agreement": quote.agreement,
        "firm": not quote.not_firm,
        "not_firm": list(quote.not_firm),
        "rests_on_changed": [*changed_under(case).get(case.quote.origin.event_id, ())] if case.quote else [],
    }


def _claims(case: Case) -> Iterator[JsonDict]:
    decided = claims.adjudicated(case)
    for claim_id, claim in sorted(claims.submitted(case).items()):
        answer = decided.get(claim_id)
        yield {
            "claim_id": claim_id,
            "payer": claim.payer,
            "plan": claim.plan,
            "currency": claim.currency,
            "amount_minor": sum(minor for _, _, minor in claim.lines),
            "outcome": answer.outcome if answer else None,
            "benefit_minor": answer.benefit_minor if answer else None,
            "paid_minor": claims.paid_for(case, claim_id),
        }


def _refunds(case: Case) -> Iterator[JsonDict]:
    currency = case.settlement.event.currency if case.settlement else None
    for refund in sorted(refunds_of(case), key=lambda one: one.recipient):
        yield {"recipient": refund.recipient, "due_minor": refund.due_minor, "received_minor": refund.received_minor, "currency": currency}


# --- entries --------------------------------------------------------------------------------------------------------


def _entries(case: Case) -> Iterator[EntryState]:
    """Everything that was recorded or told, with what became of it."""
    state = {struck.entry.origin.event_id: struck.state for struck in settle(case.history)[1]}
    for entry in case.history:
        origin = entry.origin
        yield {
            "event_id": origin.event_id,
            "type": type(entry.event).__name__,
            "at": _text(origin.at),
            "recorded_at": _text(origin.recorded_at),
            "actor": origin.actor,
            "state": state.get(origin.event_id, "standing"),
        }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
