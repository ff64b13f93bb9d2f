"""This system was wrong: who was at the bedside says so, and quality answers.

Main job: the rules of `ReportIncident` and `AnswerIncident`; `open_incidents(case)`, those that quality has not looked at.

**Source**: convention of this project, in the manner of ISO 14971 (information from use goes back into the hazard log).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.journey.case import Case
from baybridge.journey.checks import said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.entry import Entry
from baybridge.journey.events import IncidentAnswered, IncidentReported
from baybridge.journey.row import CLINICAL, CommandRow, Correction, EventRow, never_blocked, roles
from baybridge.journey.texts import Note


class ReportIncident(Struct, frozen=True, kw_only=True):
    """Somebody says that this system was wrong."""

    about: Literal["alarm-wrong", "alarm-missing", "wrong-value", "wrong-words", "other"]
    note: Annotated[Note, Meta(description="what happened, without a name")]
    call_id: str = ""


class AnswerIncident(Struct, frozen=True, kw_only=True):
    """Quality says what it found and what follows."""

    incident_id: str
    answer: Note


def report_incident(situation: Situation, given: ReportIncident) -> Verdict:
    """An entry for quality; a note says what happened."""
    if not said(given.note):
        return refuse(Reason("bedside.incident.no_note", where="note"))
    known = {call.call_id for call in situation.case.rapid_responses}
    if given.call_id and given.call_id not in known:
        return refuse(Reason("bedside.call.unknown", where="call_id"))
    return (IncidentReported(incident_id=situation.new_id(), about=given.about, note=given.note.strip(), call_id=given.call_id),)


def none_to_answer(situation: Situation) -> Iterator[Reason]:
    """Every incident is answered."""
    if not any(open_incidents(situation.case)):
        yield Reason("bedside.incident.none_open")


def answer_incident(situation: Situation, given: AnswerIncident) -> Verdict:
    """An open incident is answered once."""
    against = []
    if given.incident_id not in {entry.event.incident_id for entry in open_incidents(situation.case)}:
        against.append(Reason("bedside.incident.none_open", where="incident_id"))
    if not said(given.answer):
        against.append(Reason("bedside.incident.no_answer", where="answer"))
    return refuse(*against) if against else (IncidentAnswered(incident_id=given.incident_id, answer=given.answer.strip()),)


def open_incidents(case: Case) -> Iterator[Entry[IncidentReported]]:
    """Incidents that quality has not answered."""
    answered = {entry.event.incident_id for entry in case.of(IncidentAnswered)}
    return (entry for entry in case.of(IncidentReported) if entry.event.incident_id not in answered)


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        ReportIncident, report_incident, roles(Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.COORDINATOR, Role.QUALITY),
        (EventRow(IncidentReported, rendering.incident),),
        page="bedside",
        correction=CLINICAL,
        blocked=never_blocked,
        place=90,
        button="after",
    ),
    CommandRow(
        AnswerIncident, answer_incident, roles(Role.QUALITY),
        (EventRow(IncidentAnswered, rendering.incident_answered),),
        page="bedside",
        correction=Correction(Role.QUALITY),
        blocked=none_to_answer,
        place=95,
        button="after",
    ),
)
