"""The beds of this node: who is in care and what a board says of each, from the events, and for doses that are held from administrations of the record.

Main job: `Ward(node).beds()`. Which cases may be in care is asked of the index, of open calls and of the tasks; each is folded once and kept until an event is added
to it or the rules of escalation are read again, so that a board of sixty beds that is refreshed each second folds what changed. A case whose tasks were not worked out
since its last event is always looked at, so that a patient is not missing because a projection is late.

No name stands here; who may see a bed is decided by whoever shows it. **Units**: moments with zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from baybridge.consent.reading import Ground
from baybridge.documents.escalation import Escalation, span
from baybridge.facts.exposure import filed_doses
from baybridge.facts.fhir import Found
from baybridge.journey import asked_findings, look_now, ward
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.command import Actor
from baybridge.journey.conditions import discharged
from baybridge.journey.drug_history import FiledDose
from baybridge.journey.events import GradeAssessed, Scale
from baybridge.journey.identities import linked
from baybridge.journey.intervals import assessment_due, every_h, ice_due
from baybridge.journey.reserved_doses import Reserved, reserved_doses
from baybridge.journey.ward import Trend
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.case_record import CaseRecord
from baybridge.node.people import reads
from baybridge.node.watch import board
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

#: Scales of a ward, in the order in which they are shown.
SCALES: tuple[Scale, ...] = ("crs-astct-2019", "icans-astct-2019")

#: For how long a board that is open is one reading of each patient. Convention of this project.
_SHIFT = timedelta(hours=12)

#: Stages between lymphodepletion and discharge.
_STAGES = ("lymphodepleted", "infused")


@dataclass(frozen=True, slots=True)
class Standing:
    """One scale of one patient: what stands at least and at most, the highest of the episode likewise, when it was assessed, and how it moved."""

    low: int
    high: int
    highest: int
    highest_most: int
    assessed_at: datetime
    trend: Trend
    newer: tuple[str, ...] = ()  # findings that came since and may change it
    latest: GradeAssessed | None = None  # the computed grade


@dataclass(frozen=True, slots=True)
class ToLook:
    """A finding for which somebody looks at the patient now: which, why as `FindingAsked` says it, and until when."""

    fact: str
    why: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Bed:
    """One patient in care; the case is that of the latest event."""

    case: Case
    at_home: bool
    infused_at: datetime | None
    prepared_on: date | None
    grades: Mapping[str, Standing]
    every_h: int | None  # hours between two assessments now; None before the infusion
    assessment_due_at: datetime | None
    ice_due_at: datetime | None
    look_due_at: datetime | None  # when somebody must have looked, because a grade may be 3 or more or a finding came that may be a sign
    look_for_grade: bool
    looks: tuple[ToLook, ...]  # findings that came and that somebody has to look at now
    reserved: Reserved | None
    calls: tuple[Call, ...]

    @property
    def at_most(self) -> int | None:
        """The highest grade that may stand; None where nothing was assessed."""
        return max((one.high for one in self.grades.values()), default=None)

    @property
    def due_at(self) -> datetime | None:
        """When the first of what is due is due."""
        return min(filter(None, (self.assessment_due_at, self.ice_due_at, self.look_due_at, *(one.due_at for one in self.looks))), default=None)


@dataclass(frozen=True, slots=True)
class _Kept:
    sequence: int
    rules: Escalation
    bed: Bed | None


@dataclass(frozen=True, slots=True)
class _Doses:
    """What other systems filed of a patient, by the versions of administrations that it was read from."""

    key: tuple[tuple[str, int], ...]
    case: Case
    found: tuple[FiledDose, ...]


def filed_of(node: Node, connection: Connection, case: Case, at: datetime | None = None) -> tuple[FiledDose, ...]:
    """The doses that other systems filed of a case's patient and nobody entered, as known at a moment (now)."""
    record = CaseRecord(connection, case, at or node.now(), node.record_memory).from_outside
    return filed_doses(Found(record), node.dictionary.terms.treatments, case)


class Ward:
    """The beds of a node, kept while nothing changes; safe for many threads, because nothing in a bed changes."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = Lock()
        self._kept: Mapping[str, _Kept] = {}
        self._noted: dict[tuple[str, str], datetime] = {}  # when this process noted that an account saw a case
        self._doses: Mapping[str, _Doses] = {}

    def beds(self) -> list[Bed]:
        """Everybody in care now, in the order of their cases."""
        rules = self._node.escalation
        with self._lock:
            before = self._kept
        with self._node.storage.reading() as connection:
            heads = streams.last_sequences(connection, candidates(connection))
            kept = {case_id: self._bed(connection, case_id, sequence, rules, before.get(case_id)) for case_id, sequence in heads.items()}
            beds = [one.bed for one in kept.values() if one.bed is not None]
            doses = self._filed_doses(connection, [bed for bed in beds if bed.reserved is not None])
        with self._lock:
            self._kept, self._doses = kept, doses
        return [replace(bed, reserved=reserved_doses(bed.case, doses[bed.case.case_id].found)) if bed.case.case_id in doses else bed for bed in beds]

    def _filed_doses(self, connection: Connection, beds: Sequence[Bed]) -> Mapping[str, _Doses]:
        """The doses that other systems filed of patients for whom some are held, by case; a record is read again where an administration of it changed."""
        patients = {bed.case.case_id: {bed.case.patient_id or "", *linked(bed.case)} - {""} for bed in beds}
        versions = store.of_patients(connection, "MedicationAdministration", sorted(set().union(*patients.values()))) if patients else []
        found: dict[str, _Doses] = {}
        for bed in beds:
            key = tuple(sorted((one.id, one.number) for one in versions if one.patient in patients[bed.case.case_id]))
            before = self._doses.get(bed.case.case_id)
            if key:
                same = before is not None and before.key == key and before.case is bed.case
                found[bed.case.case_id] = before if before is not None and same else _Doses(key, bed.case, filed_of(self._node, connection, bed.case))
        return found

    def note(self, actor: Actor, seen: Sequence[tuple[Case, Ground]], purpose: str) -> None:
        """Note in the list of each patient that this account saw the board, once a shift: a board that stays open is one reading."""
        now = self._node.now()
        with self._lock:
            self._noted = {key: at for key, at in self._noted.items() if now - at < _SHIFT}
            fresh = [(case, ground) for case, ground in seen if (actor.account, case.case_id) not in self._noted]
        if not fresh:
            return

        def noted(unit: Unit) -> None:
            for case, ground in fresh:
                reads.note(unit, actor, case.patient_id or "", case.case_id, "ward", purpose, ground)

        self._node.note_reading(actor, [case.case_id for case, _ in fresh], "ward", purpose, noted)
        with self._lock:
            self._noted.update({(actor.account, case.case_id): now for case, _ in fresh})

    def _bed(self, connection: Connection, case_id: str, sequence: int, rules: Escalation, before: _Kept | None) -> _Kept:
        if before is not None and before.sequence == sequence and before.rules is rules:
            return before
        case = self._node.case_memory.case(streams.read(connection, case_id))
        node = self._node.site.node
        return _Kept(sequence, rules, bed_of(case, node, rules) if case is not None and ward.in_care(case, node) else None)


def candidates(connection: Connection) -> list[str]:
    """The cases that may be in care: by their stage, by an open call, by the task to assess, or because something happened and nobody worked out their tasks since."""
    index, task = tables.case_index, tables.task
    by_stage = select(index.c.case_id).where(index.c.stage.in_(_STAGES) | index.c.tasks_stale)
    watched = select(task.c.case_id).where(task.c.task == "monitor")
    found = [*connection.execute(by_stage).scalars(), *connection.execute(watched).scalars()]
    return sorted({*found, *(call.case_id for call in board.open_calls(connection))})


def bed_of(case: Case, node: str, rules: Escalation) -> Bed:
    """What a board says of a case."""
    waits = ward.prepared(case, node)  # what an earlier infusion brought is none of the one to come
    infused = case.infused_at is not None and not waits
    begun = case.lymphodepletion
    return Bed(
        case=case,
        at_home=not waits and discharged(case),
        infused_at=case.infused_at if infused else None,
        prepared_on=begun.event.started_on if begun is not None else None,
        grades={scale: _standing(case, scale, node) for scale in SCALES if scale in case.grades and not waits},
        every_h=every_h(case, rules.assessment) if infused else None,
        assessment_due_at=assessment_due(case, rules.assessment) if infused else None,
        ice_due_at=ice_due(case, rules.assessment) if infused else None,
        look_due_at=look_now.due_at(case, node, span(rules.look_now_within)),
        look_for_grade=bool(look_now.pending(case, node)),
        looks=tuple(_looks(case, node, span(rules.look_now_within))) if infused or not waits else (),
        reserved=reserved_doses(case),
        calls=tuple(call for call in case.rapid_responses if call.is_open and call.called.origin.node == node),
    )


def _looks(case: Case, node: str, within: timedelta) -> Iterator[ToLook]:
    """The questions that stand, each as its task says."""
    for entry in asked_findings.to_look(case, node):
        yield ToLook(entry.event.fact, entry.event.why, entry.origin.recorded_at + within)


def _standing(case: Case, scale: Scale, node: str) -> Standing:
    """A grade as it stands: a physician alone lowers nothing below what the findings show, as everywhere."""
    grade = case.grades[scale]
    said = grade.confirmed.event.grade if grade.confirmed is not None else None
    high = grade.at_most
    low = min(high, max(said, grade.latest.event.grade_min)) if said is not None else grade.latest.event.grade_min
    newer = asked_findings.newer(case, node, scale)
    return Standing(low, high, grade.highest, grade.highest_most, grade.latest.event.assessed_at, ward.trend_of(case, scale), newer, grade.latest.event)
