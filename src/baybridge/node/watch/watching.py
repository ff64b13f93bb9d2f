"""The watch: whenever an assessment or an observation comes, by whatever door, the signs are looked at, and what follows is written at once.

Main job: `look_at(node, unit, case_id, moments)` looks at a case as of moments that something arrived for, and as of now. `follow_up` does so in the transaction of what
a person entered; `LOOK` for whatever was filed or told or corrected, by any other door; `CLOCK` does what is due: the next step of a call, the call where nobody looked.

An alarm is one transaction: the call, who is told, the clock of the next step. Looking twice makes nothing twice, because what follows is judged by the case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from baybridge.bedside.calls import Around, Seen, follows
from baybridge.bedside.episode import infusion_may_be_untold
from baybridge.documents.escalation import span
from baybridge.facts.fhir import Found
from baybridge.facts.measurement import AHEAD, birth_of, taken_at
from baybridge.journey import events as ev
from baybridge.journey import look_now
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.entry import Entry, read_event
from baybridge.journey.identities import identities_of
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.people import reads
from baybridge.node.upkeep import projections
from baybridge.node.watch import asking, clocks, leaving, roster, signs
from baybridge.node.watch.arrival import in_time, moment_of, record_in_time
from baybridge.node.watch.moments import worth_a_look
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit, Work

#: Keeps what follows from a look and answers the case with it.
Write = Callable[[Case, Sequence[ev.Event], signs.Look], Case]


# --- looking --------------------------------------------------------------------------------------------------------------


def watched(node: Node, case: Case) -> bool:
    """Whether signs of this case call here: a living patient of whom an infusion is recorded, or whom another node treats that told of none yet, at a centre."""
    infused = bool(case.infusions) or infusion_may_be_untold(case, node.site.node)
    return infused and case.alive and "centre" in node.site.kinds


def look_at(node: Node, unit: Unit, case_id: str, moments: Iterable[datetime] = (), *, command_id: str | None = None, part: int = 0) -> list[ev.Recorded]:
    """Look at a case as of earlier moments, of now, and of moments to which another node dated something ahead; write what follows, and set its clock."""
    case = unit.case(case_id)
    recorded: list[ev.Recorded] = []

    def write(case: Case, made: Sequence[ev.Event], found: signs.Look) -> Case:
        recorded.extend(_write(node, unit, case, made, found, command_id, part + len(recorded)))
        return unit.case(case_id)

    if watched(node, case):
        case = look_through(node, case, record_in_time(unit, case, node.dictionary), list(moments), _around(node, unit, case), write)
        waiting = _of_waiting(node, unit, case)
        recorded += _append(node, unit, case, waiting, command_id, part + len(recorded)) if waiting else []
        case = unit.case(case_id) if waiting else case
    clocks.set_clock(unit, case, node.escalation)
    return recorded


def look_through(node: Node, case: Case, resources: Found, told: Sequence[datetime], around: Around, write: Write) -> Case:
    """Look at earlier moments, the present and moments ahead, in order; `write` keeps what follows from each and answers the case with it."""
    now = around.now
    present = max([now, *(at for at in told if at <= now + AHEAD)])
    state: signs.Look | None = None
    for at in [*worth_a_look(node, resources, _looked_back(node, case, told, now)), present, *sorted({at for at in told if at > present})]:
        found = signs.look(node, case, resources, at, current=at == present)
        state = found if at == present else state
        seen = found.seen if at >= present else replace(found.seen, in_view=signs.in_view(node, case, resources, at))
        made = follows(case, seen, around)
        case = write(case, made, found) if made else case
    if state is None:
        return case
    history = now - span(node.escalation.history_after)
    since = max(case.infused_at or history, history)
    questions = [
        *asking.of_unusable(case, node.site.node, state.facts, resources.all, since, node.dictionary),
        *asking.of_raised(case, node.site.node, state),
        *asking.of_unusual(case, node.site.node, state.facts, resources.all, node.escalation.unusual),
        *asking.of_ties(case, node.site.node, state.facts, case.infused_at or history),
    ]
    return write(case, questions, state) if questions else case


def nobody_looked(node: Node, case: Case, around: Around) -> tuple[ev.Event, ...]:
    """What follows where nobody looked at the patient in the time that there was."""
    late_at = look_now.due_at(case, node.site.node, span(node.escalation.look_now_within))
    if not watched(node, case) or late_at is None or late_at > around.now:
        return ()
    return follows(case, Seen({look_now.LATE: 1}, frozenset(), late_at), around)


def _of_waiting(node: Node, unit: Unit, case: Case) -> list[ev.Event]:
    """What is asked of records that may be this patient's and that nobody filed in a case that is watched: each that shows a sign, once, without what it says."""
    asked = {entry.event.resource for entry in case.of(ev.FindingAsked) if entry.event.why == "identity"}
    waiting = [item for item in identities_of(case) if item.state == "open" and item.asked.origin.node == node.site.node and item.question not in asked]
    mine = [item for item in waiting if _shows_a_sign(node, unit, item.other)]
    return [ev.FindingAsked(fact="", why="identity", resource=item.question, seen_at=unit.at, calls=True) for item in mine]


def _shows_a_sign(node: Node, unit: Unit, patient: str) -> bool:
    """Whether the record of a person in no watched case shows a sign of the last hours, or a finding that asks somebody to look."""
    if any(watched(node, unit.case(case_id)) for case_id in reads.cases_of(unit.connection, patient)):
        return False
    resources, since = in_time(store.patient_resources(unit.connection, patient), unit.at, node.dictionary), _history(node, unit)
    taken = (taken_at(one) for one in resources.of("Observation") if asking.watched_facts(one, node.dictionary))
    moments = worth_a_look(node, resources, {at for at in taken if at is not None and since <= at <= unit.at} | {unit.at})
    looks = [signs.shown_by_itself(node, resources, at) for at in moments]
    return any(codes for _, codes in looks) or asking.in_doubt(looks[-1][0], resources.all, since, node.dictionary, node.escalation.unusual)


def _looked_back(node: Node, case: Case, moments: Iterable[datetime], now: datetime) -> set[datetime]:
    """Moments before now, since the infusion, that are no history yet."""
    since = now - span(node.escalation.history_after)
    begun = case.infused_at or since
    return {at for at in moments if max(since, begun) <= at < now}


def _around(node: Node, unit: Unit, case: Case) -> Around:
    return Around(node.site.node, unit.at, span(node.escalation.late_after), unit.new_id, case.infused_at)


def _write(node: Node, unit: Unit, case: Case, made: Sequence[ev.Event], found: signs.Look, command_id: str | None, part: int) -> list[ev.Recorded]:
    """Append what follows from a look, with the decision that it cites and those who are told at once."""
    for sha256, decision in found.made.items():
        if any(getattr(event, "decision_sha256", "") == sha256 for event in made):
            unit.keep_decision(case.case_id, decision)
    return _append(node, unit, case, [*made, *_first_steps(node, unit, made)], command_id, part)


def _append(node: Node, unit: Unit, case: Case, events: Sequence[ev.Event], command_id: str | None = None, part: int = 0) -> list[ev.Recorded]:
    """Append events of the watch; what is to leave the building is queued in the same transaction."""
    known = len(unit.events(case.case_id))
    recorded = unit.append(case.case_id, events, node.system(), known=known, command_id=command_id, part=part)
    codes = {call.call_id: call.codes for call in case.rapid_responses} | {one.call_id: one.codes for one in events if isinstance(one, ev.RapidResponseCalled)}
    for event in events:
        if isinstance(event, ev.CallNotified):
            said = {"call": event.call_id, "case": case.case_id, "step": event.step, "accounts": list(event.accounts), "at": unit.at.isoformat()}
            leaving.queue_message(unit, case.case_id, {**said, "codes": list(codes.get(event.call_id, ()))})
    return recorded


def _first_steps(node: Node, unit: Unit, made: Sequence[ev.Event]) -> list[ev.Event]:
    """Who is told in the moment of a call."""
    called = [event for event in made if isinstance(event, ev.RapidResponseCalled)]
    at_once = [step for step in node.escalation.steps if not span(step.after)]
    return [_told(node, unit, event.call_id, step.to) for event in called for step in at_once]


def _told(node: Node, unit: Unit, call_id: str, step: str) -> ev.CallNotified:
    """Whom a step of a call reaches now."""
    found = roster.reached(unit.connection, node.escalation, step, unit.at)
    return ev.CallNotified(call_id=call_id, step=step, accounts=found.accounts, channel="page", nobody_on_duty=found.nobody_on_duty)


# --- with what a person entered -------------------------------------------------------------------------------------------

#: What a person says of a patient's state.
_OF_THE_BEDSIDE = (ev.AssessmentRecorded, ev.GradeConfirmed)
#: What starts or stops a clock without a look.
_OF_CLOCKS = (ev.CallAcknowledged, ev.RapidResponseArrived, ev.CallClosed, ev.Discharged, ev.Died)


def follow_up(node: Node, unit: Unit, work: Work, recorded: list[ev.Recorded]) -> None:
    """In the transaction of a command that tells of the bedside: look; the events of a call join `recorded`, so that who entered it sees them."""
    news = [one.event for one in recorded]
    moments = [event.assessed_at for event in news if isinstance(event, ev.AssessmentRecorded)]
    if any(isinstance(event, _OF_THE_BEDSIDE) for event in news):
        entered = {f"Event/{one.event_id}": one.event.assessed_at for one in recorded if isinstance(one.event, ev.AssessmentRecorded)}
        old = {name: at for name, at in entered.items() if at < _history(node, unit)}
        recorded += _ask_of_old(node, unit, work.case_id, old, command_id=work.command_id, part=len(recorded)) if old else []
        recorded += look_at(node, unit, work.case_id, moments, command_id=work.command_id, part=len(recorded))
    elif any(isinstance(event, _OF_CLOCKS) for event in news):
        clocks.set_clock(unit, unit.case(work.case_id), node.escalation)


# --- with whatever comes by another door ----------------------------------------------------------------------------------

_OF_RECORDS = ("Observation/", "MedicationAdministration/")


def _look(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Look at a case because of resources that were filed, or of what another node told."""
    names = [name for name in consequence.resources if name.startswith(_OF_RECORDS)]
    if consequence.resources and not names:
        return
    if _ask_of_the_dead(node, unit, consequence, names):
        return
    moments, gone = _moments_of(unit, names)
    told = _told_moments(unit, consequence)
    asked = [] if consequence.body.get("by") else _ask_of_old(node, unit, consequence.case_id, _old_observations(node, unit, names))
    if names and not gone and not asked and all(at < _history(node, unit) for at in moments):
        return  # an older record says nothing of today
    if look_at(node, unit, consequence.case_id, [*moments, *told]) or asked:
        projections.project(unit, consequence.case_id)


def _ask_of_the_dead(node: Node, unit: Unit, consequence: Consequence, names: Sequence[str]) -> bool:
    """Ask whether a death is true of which a newer finding came; whether the patient of the case is recorded as dead."""
    case = unit.case(consequence.case_id)
    died = case.last(ev.Died)
    if died is None:
        return False
    if case.infusions and "centre" in node.site.kinds and not consequence.body.get("by"):
        questions = list(asking.of_the_dead(case, node.site.node, _newer_than_death(node, unit, died, names)))
        if questions:
            _append(node, unit, case, questions)
            projections.project(unit, case.case_id)
    return True


def _newer_than_death(node: Node, unit: Unit, died: Entry[ev.Died], names: Sequence[str]) -> dict[str, dict[str, datetime]]:
    """Of these observations those that say a finding of after the day of death, or of after the death was recorded: by name and fact, when."""
    keys = [("Observation", name.removeprefix("Observation/")) for name in names if name.startswith("Observation/")]
    found: dict[str, dict[str, datetime]] = {}
    for version in store.get_many(unit.connection, keys).values():
        at = None if version.deleted else moment_of(version.resource, unit.at, None)
        if at is None or not asking.is_said(version.resource):
            continue
        if at > died.origin.recorded_at or at.astimezone(node.site.zone).date() > died.event.died_on:
            found[version.reference] = dict.fromkeys(asking.watched_facts(version.resource, node.dictionary), at)
    return found


def _history(node: Node, unit: Unit) -> datetime:
    """The moment before which what comes belongs to the history."""
    return unit.at - span(node.escalation.history_after)


def _ask_of_old(
    node: Node, unit: Unit, case_id: str, arrived: Mapping[str, datetime], *, command_id: str | None = None, part: int = 0
) -> list[ev.Recorded]:
    """Ask of signs that come with a date long past: the history of a patient, or the present with a wrong date. `arrived`: by name, when they say they were seen."""
    case = unit.case(case_id)
    if not arrived or not watched(node, case):
        return []
    resources = record_in_time(unit, case, node.dictionary)
    asked: list[ev.Recorded] = []
    for at in worth_a_look(node, resources, arrived.values()):
        here = frozenset(name for name, taken in arrived.items() if taken == at)
        questions = list(asking.of_old(case, node.site.node, signs.look(node, case, resources, at, current=False), here))
        if questions:
            asked += _append(node, unit, case, questions, command_id, part + len(asked))
            case = unit.case(case_id)
    return asked


def _old_observations(node: Node, unit: Unit, names: Sequence[str]) -> dict[str, datetime]:
    """Of these observations those that could show a sign and are history by their own word: by name, when they say they were made."""
    keys = [("Observation", name.removeprefix("Observation/")) for name in names if name.startswith("Observation/")]
    versions = [one for one in store.get_many(unit.connection, keys).values() if not one.deleted and asking.watched_facts(one.resource, node.dictionary)]
    patients = store.get_many(unit.connection, sorted({("Patient", one.patient) for one in versions if one.patient}))
    born = {logical_id: birth_of([version.resource]) for (_, logical_id), version in patients.items()}
    taken = {one.reference: moment_of(one.resource, unit.at, born.get(one.patient)) for one in versions}
    return {name: at for name, at in taken.items() if at is not None and at < _history(node, unit)}


def _moments_of(unit: Unit, names: Sequence[str]) -> tuple[list[datetime], bool]:
    """The moments that these observations speak of, or at which they came in, and whether one of them is gone or names none."""
    keys = [(kind, logical_id) for kind, _, logical_id in (name.partition("/") for name in names)]
    found = store.get_many(unit.connection, keys)
    patients = store.get_many(unit.connection, sorted({("Patient", version.patient) for version in found.values() if version.patient}))
    born = {logical_id: birth_of([version.resource]) for (_, logical_id), version in patients.items()}
    moments = [None if version.deleted else moment_of(version.resource, unit.at, born.get(version.patient)) for version in found.values()]
    return [at for at in moments if at is not None], None in moments or len(found) < len(keys)


def ask_of_refused(node: Node, findings: Sequence[tuple[str, str]]) -> None:
    """Somebody looks at patients of whom a finding was refused because it cannot be: (patient, fact). Whoever sent it may be a machine."""
    if not findings:
        return
    with node.unit() as unit:
        for patient in dict.fromkeys(patient for patient, _ in findings):
            for case_id in reads.cases_of(unit.connection, patient):
                case = unit.case(case_id)
                questions = list(asking.of_refused(case, node.site.node, [fact for one, fact in findings if one == patient], unit.at))
                if questions and watched(node, case):
                    _append(node, unit, case, questions)
                    projections.project(unit, case_id)


def _told_moments(unit: Unit, consequence: Consequence) -> list[datetime]:
    """The moments of assessments that a package told."""
    ids = set(consequence.events)
    packages = [one.event for one in unit.events(consequence.case_id) if one.event_id in ids and isinstance(one.event, ev.PackageReceived)] if ids else []
    told = [read_event(item.event) for package in packages for item in package.told]
    return [event.assessed_at for event in told if isinstance(event, ev.AssessmentRecorded)]


LOOK = ConsequenceRow(
    "look-for-signs",
    Lane.ALARM,
    _look,
    after=frozenset({
        ev.PackageReceived, ev.EntryCorrected, ev.EntryReinstated, ev.FindingConfirmed, ev.ProposalConfirmed, ev.IdentityQuestioned, ev.IdentityLinked, ev.IdentityUndone,
        ev.Infused, ev.LateResultRecorded,
    }),
    of_records="any",
)


# --- when a clock has run out ---------------------------------------------------------------------------------------------


def _run_out(node: Node, unit: Unit, consequence: Consequence) -> None:
    """The steps of calls that are due, and a call where nobody looked in time."""
    case = unit.case(consequence.case_id)
    own = [call for call in case.rapid_responses if call.called.origin.node == node.site.node]
    events = [event for call in own for event in _steps_due(node, unit, call)]
    made = nobody_looked(node, case, _around(node, unit, case))
    events += [*made, *_first_steps(node, unit, made)]
    if events:
        _append(node, unit, case, events)
        projections.project(unit, consequence.case_id)
    clocks.set_clock(unit, unit.case(consequence.case_id), node.escalation)


def _steps_due(node: Node, unit: Unit, call: Call) -> list[ev.Event]:
    events: list[ev.Event] = []
    for step in clocks.steps_left(call, node.escalation):
        if call.called.event.called_at + span(step.after) > unit.at:
            continue
        if span(step.after):
            events.append(ev.CallEscalated(call_id=call.call_id, step=step.to))
        events.append(_told(node, unit, call.call_id, step.to))
    return events


CLOCK = ConsequenceRow(clocks.KIND, Lane.ALARM, _run_out)
