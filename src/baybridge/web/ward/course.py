"""What a flowsheet is made of: the values of a case over time, drugs, grades, and the axis of time that the reader chose.

Main job: `course_of(view)`; `time_of(view, course)`. Elsewhere: pictures in `drawing.py`, the page in `flowsheet_page.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from baybridge.base.time import start_of_day
from baybridge.documents.recognition import Methods
from baybridge.documents.terms import Drugs
from baybridge.facts.charted import Charted, Use, charted
from baybridge.facts.exposure import filed_doses
from baybridge.facts.fhir import Found, name_of, words
from baybridge.journey.corrected import Struck
from baybridge.journey.entry import Entry, Origin, tells
from baybridge.journey.events import DrugGiven, GradeAssessed, GradeConfirmed
from baybridge.web.case.view import CaseView
from baybridge.web.ward.drawing import Time
from baybridge.web.ward.panels import FACTS

#: By its name in the address: how far back the axis goes; None: since the infusion, or since the first value.
RANGES: dict[str, timedelta | None] = {"24h": timedelta(hours=24), "72h": timedelta(hours=72), "7d": timedelta(days=7), "infusion": None, "all": None}
_LEAST = timedelta(hours=4)
#: Where nothing was measured at all.
_EMPTY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Dose:
    """One drug that was given."""

    name: str
    dose: str
    at: datetime
    source: str
    struck: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """Everything that the flowsheet of a case shows; times may be None where nobody can tell them."""

    values: tuple[Charted, ...]
    doses: tuple[Dose, ...]
    grades: tuple[Entry[GradeAssessed], ...]
    confirmed: tuple[Entry[GradeConfirmed], ...]
    struck: Mapping[str, Struck]  # what does not hold any more, by the id of the entry
    affirmed: frozenset[tuple[str, str]]  # source and finding of what was not seen anew and affirmed as before

    def moments(self) -> list[datetime]:
        """When something was measured, given or graded."""
        values = (one.at for one in self.values if one.at is not None and one.use in (Use.USED, Use.BOUND))
        return [*values, *(one.at for one in self.doses if not one.struck), *(one.event.assessed_at for one in self.grades)]


def course_of(view: CaseView) -> Course:
    """The course as known at the moment that the page shows."""
    node, case = view.asked.node, view.case
    found = Found(view.look.unit.record(case).from_outside)
    known = node.record_memory.known(case.patient_id or "", node.dictionary)
    methods = node.documents.typed.one(Methods, "recognition", "methods")
    by_method = frozenset(code for group in methods.groups for code in group.loinc)
    values = charted(found, view.now, node.dictionary, case, FACTS, known, by_method)
    grades = sorted((entry for entry in case.grades_assessed if entry.event.assessed_at <= view.now), key=lambda entry: entry.event.assessed_at)
    struck = {one.entry.origin.event_id: one for one in case.struck}
    affirmed = frozenset((f"Event/{one.origin.event_id}", name) for one in case.assessments for name in one.event.as_before)
    return Course(values, _doses(view, found), tuple(grades), case.of(GradeConfirmed), struck, affirmed)


def _doses(view: CaseView, found: Found) -> tuple[Dose, ...]:
    """What persons entered, and what other systems filed with a moment."""
    drugs = view.asked.node.documents.typed.the(Drugs).drugs
    entered = [Dose(one.event.name, one.event.dose, one.event.given_at, f"Event/{one.origin.event_id}") for one in view.case.drugs]
    treatments = view.asked.node.dictionary.terms.treatments
    filed = filed_doses(found, treatments, view.case)
    outside = {name_of(one): one for one in found.of("MedicationAdministration")} if filed else {}
    entered += [Dose(one.name, one.dose, one.given_at, f"Event/{origin.event_id}", struck=True) for one, origin in _struck(view)]
    called = {one.source: words(found.medication(outside[one.source])) for one in filed}
    told = [Dose(view.reader.title(drugs[one.atc].names) if one.atc in drugs else called[one.source] or one.atc, "", one.at, one.source) for one in filed]
    return tuple(sorted((one for one in (*entered, *told) if one.at <= view.now), key=lambda one: (one.at, one.name)))


def _struck(view: CaseView) -> list[tuple[DrugGiven, Origin]]:
    """Doses that somebody struck through since."""
    return [(one.entry.event, one.entry.origin) for one in view.case.struck if tells(one.entry, DrugGiven)]


def time_of(view: CaseView, course: Course, chosen: str) -> Time:
    """The axis that the reader chose; it ends at the moment that the page shows."""
    zone, end = view.asked.node.site.zone, view.now
    back = RANGES[chosen]
    infused_at = view.case.infused_at
    if back is not None:
        start = end - back
    elif chosen == "infusion" and infused_at is not None:
        start = start_of_day(infused_at.astimezone(zone).date(), zone)
    else:
        first = min(course.moments(), default=end - _EMPTY)
        start = start_of_day(first.astimezone(zone).date(), zone)
    return Time(min(start, end - _LEAST), end, zone)


def chosen_range(view: CaseView, asked_for: str) -> str:
    """The range that the reader named, else since the infusion, else everything."""
    usual = "infusion" if view.case.infused_at is not None else "all"
    return asked_for if asked_for in RANGES and (asked_for != "infusion" or usual == "infusion") else usual


def within(time: Time, values: Sequence[Charted]) -> list[Charted]:
    """The values whose moment lies on the axis."""
    return [one for one in values if one.at is not None and time.holds(one.at)]
