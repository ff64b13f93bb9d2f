"""Visits for life, second malignancies, death.

Main job: the rules of `ScheduleFollowUp`, `RecordVisit`, `ReportSecondMalignancy` and `RecordDeath`.

**Source**: clinical reference 7.1 (never close a patient, only change the cadence), 7.3 (what to collect on a second malignancy:
the tumour is tested for the transgene, maker and authority are told), 7.4 (cadence).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Category, Reason, refuse
from baybridge.followup import rendering
from baybridge.journey import asked_findings
from baybridge.journey import events as ev
from baybridge.journey.checks import Unusual, alive, asked_once, happened, local_day, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import Died, FollowUpScheduled, FollowUpVisited, SecondMalignancyReported
from baybridge.journey.moments import moment_of
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import ANYWHERE, CLINICAL, CommandRow, Correction, EventRow, roles, told_in
from baybridge.journey.schedule import nameable, next_visit

SCHEDULE = "standard"
#: A contact beside the schedule; it moves no visit.
UNSCHEDULED = "unscheduled"

#: Groups of second malignancy. Source: clinical reference 7.3.
Malignancy = Literal["t_cell", "mds", "aml", "b_cell", "solid", "non_melanoma_skin", "other"]


class ScheduleFollowUp(Struct, frozen=True, kw_only=True):
    """Visits are planned, without an end."""

    schedule: Annotated[str, Meta(description="the pathway whose schedule it is")] = SCHEDULE


class RecordVisit(Struct, frozen=True, kw_only=True):
    """A follow-up contact took place."""

    visit: Annotated[str, Meta(description="code of a visit of the schedule, for example M6, or unscheduled")]
    visited_on: date
    alive: bool = True
    new_malignancy: Annotated[bool | None, Meta(description="asked and answered; nothing where it was not asked")] = None
    unusual: Unusual = False


class ReportSecondMalignancy(Struct, frozen=True, kw_only=True):
    """A second primary malignancy."""

    kind: Malignancy
    found_on: date
    transgene_tested: Annotated[bool | None, Meta(description="whether the tumour was tested for the transgene")] = None


class RecordDeath(Struct, frozen=True, kw_only=True):
    """The patient died."""

    died_on: date
    cause: Literal["disease", "non_relapse", "unknown"] = "unknown"
    unusual: Unusual = False


def schedule_follow_up(situation: Situation, given: ScheduleFollowUp) -> Verdict:
    """The schedule stands, with the first visit that is due."""
    document = situation.documents.schedule(given.schedule)
    against = [*_living_infused(situation)]
    if document is None:
        against.append(Reason("followup.schedule.unknown", {"schedule": given.schedule}, where="schedule"))
    if against or document is None:
        return refuse(*against)
    first = next_visit(situation.case, document.follow_up, situation.today, situation.site.zone)
    due = first.due_on if first else situation.today
    return (FollowUpScheduled(schedule=given.schedule, first_due_on=due),)


def _infused(situation: Situation) -> Iterator[Reason]:
    if not situation.case.infusions:
        yield Reason("followup.visit.not_infused")


def _living_infused(situation: Situation) -> Iterator[Reason]:
    yield from alive(situation)
    yield from _infused(situation)


def record_visit(situation: Situation, given: RecordVisit) -> Verdict:
    """The contact stands; a death is recorded as a death, not as a visit."""
    against = [*_living_infused(situation), *happened(situation, visited_on=given.visited_on)]
    infused_at = situation.case.infused_at
    if infused_at is not None and given.visited_on < local_day(situation, infused_at):
        against.append(Reason("followup.visit.before_infusion", where="visited_on"))
    against.extend(_visit(situation, given))
    against.extend(asked_once((*_off_window(situation, given), *_made_before(situation, given)), unusual=given.unusual))
    if not given.alive:
        against.append(Reason("followup.visit.record_death", where="alive"))
    if against:
        return refuse(*against)
    return (FollowUpVisited(visit=given.visit.strip(), visited_on=given.visited_on, alive=True, new_malignancy=given.new_malignancy),)


def _visit(situation: Situation, given: RecordVisit) -> Iterator[Reason]:
    """The visit is one of the schedule that can be made by then, or one beside it."""
    infused_at = situation.case.infused_at
    document = situation.documents.schedule(situation.case.follow_up.event.schedule if situation.case.follow_up else SCHEDULE)
    if not said(given.visit):
        yield Reason("followup.visit.no_code", where="visit")
    elif document is not None and infused_at is not None and given.visit.strip() != UNSCHEDULED:
        known = [visit.code for visit in nameable(local_day(situation, infused_at), document.follow_up, given.visited_on)]
        if given.visit.strip() not in known:
            yield Reason("followup.visit.not_due", {"visit": given.visit.strip()[:20], "known": ", ".join((*known[-4:], UNSCHEDULED))}, where="visit")


def _made_before(situation: Situation, given: RecordVisit) -> Iterator[Reason]:
    """The same visit stands already, or one of the same day."""
    for entry in situation.case.of(FollowUpVisited):
        same = entry.event.visit == given.visit.strip() != UNSCHEDULED
        if same or entry.event.visited_on == given.visited_on:
            yield Reason("followup.visit.again", {"visit": entry.event.visit, "day": entry.event.visited_on.isoformat()}, where="visit")
            return


def beside_other_visits(situation: Situation, given: RecordVisit, old: FollowUpVisited) -> Iterator[Reason]:
    """The same visit, or one of the same day, was recorded since."""
    if (old.visit, old.visited_on) != (given.visit.strip(), given.visited_on):
        yield from asked_once(_made_before(situation, given), unusual=given.unusual)


def _off_window(situation: Situation, given: RecordVisit) -> Iterator[Reason]:
    """The day lies outside the window of the visit that it is named after."""
    infused_at = situation.case.infused_at
    document = situation.documents.schedule(situation.case.follow_up.event.schedule if situation.case.follow_up else SCHEDULE)
    if infused_at is None or document is None:
        return
    day_0 = local_day(situation, infused_at)
    if given.visited_on < day_0:
        return  # refused anyway
    planned = nameable(day_0, document.follow_up, given.visited_on)
    named = next((visit for visit in planned if visit.code == given.visit.strip()), None)
    if named is not None and not named.holds(given.visited_on):
        fits = next((visit.code for visit in planned if visit.holds(given.visited_on)), UNSCHEDULED)
        values = {"visit": named.code, "from": named.early_from.isoformat(), "to": named.late_after.isoformat(), "fits": fits}
        yield Reason("followup.visit.off_window", values, where="unusual")


def report_second_malignancy(situation: Situation, given: ReportSecondMalignancy) -> Verdict:
    """The report stands, after death too."""
    against = [*_infused(situation), *happened(situation, found_on=given.found_on)]
    infused_at = situation.case.infused_at
    if infused_at is not None and given.found_on < local_day(situation, infused_at):
        against.append(Reason("followup.malignancy.before_infusion", where="found_on"))
    if against:
        return refuse(*against)
    return (SecondMalignancyReported(kind=given.kind, found_on=given.found_on, transgene_tested=given.transgene_tested),)


def died_before(situation: Situation) -> Iterator[Reason]:
    """A death stands already, and nothing came that is newer."""
    if situation.case.died_on is not None and not asked_findings.after_death(situation.case, situation.site.node):
        yield Reason("followup.death.already")


def record_death(situation: Situation, given: RecordDeath) -> Verdict:
    """Open tasks end; what follows a death begins."""
    if situation.case.died_on is not None:
        return _said_again(situation, given)
    against = [*happened(situation, died_on=given.died_on)]
    later = max((entry.event.ended_at for entry in situation.case.infusions), default=None)
    if later is not None and given.died_on < local_day(situation, later):
        against.append(Reason("followup.death.before_infusion", where="died_on"))
    against.extend(asked_once((*_seen_alive_after(situation, given.died_on), *_seen_alive_that_day(situation, given.died_on)), unusual=given.unusual))
    return refuse(*against) if against else (Died(died_on=given.died_on, cause=given.cause),)


def _said_again(situation: Situation, given: RecordDeath) -> Verdict:
    """A death is recorded once; where a finding came that is newer, the same day said again answers that the death is true."""
    doubted = asked_findings.after_death(situation.case, situation.site.node)
    if not doubted or given.died_on != situation.case.died_on:
        return refuse(Reason("followup.death.already"), category=Category.CONFLICT)
    if not given.unusual:
        values: dict[str, str | int] = {"facts": ", ".join(sorted(entry.event.fact for entry in doubted))}
        return refuse(Reason("followup.death.finding_after", values, where="unusual"))
    return tuple(ev.FindingAnswered(fact=entry.event.fact, why="after_death") for entry in doubted)


def _seen_alive_that_day(situation: Situation, died_on: date) -> Iterator[Reason]:
    """The patient came to a visit on the day, or the team is awaited: it may be another's death."""
    if died_on in {entry.event.visited_on for entry in situation.case.visits if entry.event.alive}:
        yield Reason("followup.death.seen_that_day", {"day": died_on.isoformat()}, where="unusual")
    if situation.case.open_rapid_response is not None:
        yield Reason("followup.death.call_open", where="unusual")


#: What is recorded of somebody who lives.
_ALIVE = (
    ev.CaseOpened, ev.CellsCollected, ev.LymphodepletionStarted, ev.LymphodepletionCompleted, ev.BedsideChecked, ev.AssessmentRecorded, ev.DrugGiven,
    ev.RapidResponseArrived, ev.GradeConfirmed, ev.FitnessChecked, ev.Discharged, ev.ResponseAssessed, ev.FollowUpVisited,
)  # fmt: skip


def _seen_alive_after(situation: Situation, died_on: date) -> Iterator[Reason]:
    """Entries of a living patient stand after the day."""
    zone = situation.site.zone
    days = [moment_of(entry, zone).astimezone(zone).date() for entry in situation.case.entries if isinstance(entry.event, _ALIVE)]
    later = [day for day in days if day > died_on]
    if later:
        values: dict[str, str | int] = {"day": died_on.isoformat(), "count": len(later), "last": max(later).isoformat()}
        yield Reason("followup.death.entries_after", values, where="unusual")


def next_contact(context: FormContext) -> Mapping[str, object]:
    """The first visit of the first year that did not take place."""
    done = {entry.event.visit for entry in context.case.visits}
    return {"visit": next((code for code in _FIRST_YEAR if code not in done), None)}


_FIRST_YEAR = ("D28", "M2", "M3", "M6", "M9", "M12")


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        ScheduleFollowUp, schedule_follow_up, roles(Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE),
        (EventRow(FollowUpScheduled, rendering.scheduled, told_in("CARE_REFERRAL")),),
        page="followup",
        correction=CLINICAL,
        step="schedule_follow_up",
        blocked=_living_infused,
        place=40,
    ),
    CommandRow(
        RecordVisit, record_visit, roles(Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE),
        (EventRow(FollowUpVisited, rendering.visited, told_in("CARE_REFERRAL", "QUALITY_REGISTRY")),),
        page="followup",
        correction=CLINICAL,
        step="visit",
        blocked=_living_infused,
        beside=beside_other_visits,
        place=50,
        prefill=next_contact,
    ),
    CommandRow(
        ReportSecondMalignancy, report_second_malignancy, roles(Role.PHYSICIAN),
        (EventRow(SecondMalignancyReported, rendering.malignancy, told_in("CARE_REFERRAL", "PHARMACOVIGILANCE")),),
        page="followup",
        correction=Correction(Role.PHYSICIAN, second="always"),
        blocked=_infused,
        place=60,
    ),
    CommandRow(
        RecordDeath, record_death, roles(Role.COORDINATOR, Role.PHYSICIAN),
        (EventRow(Died, rendering.died, told_in("CARE_REFERRAL", "OBA_OUTCOME", "QUALITY_REGISTRY", "PHARMACOVIGILANCE")),),
        page="followup",
        correction=Correction(Role.PHYSICIAN, second="always"),
        kinds=ANYWHERE,
        blocked=died_before,
        place=70,
    ),
)
