"""Reading: from a patient's record and case to the facts as of a moment.

Main job: `read(resources, at, dictionary, case=…, confirmed=…) -> FactSet`. The order of the resources changes nothing.

The latest value at or before `at` counts; of two at the same moment the amended one, then the one issued later. What cannot be true, is
only words, or has no fitting unit is told and not used; a newer result above or below a limit makes the fact unknown rather than an older
one current.

**Source**: shared facts contract ("Reading from FHIR"). Elsewhere: observations in `measurement.py`, diagnosis in `diagnosis.py`,
treatment history in `treatment.py` and `lines.py`, the CRS episode in `episode.py`, windows in `series.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from baybridge.base.quantity import as_number
from baybridge.base.time import CHINA, full_years
from baybridge.documents.fact_reading import RecentExtreme
from baybridge.facts.course import Course, read_course
from baybridge.facts.diagnosis import is_read, read_conditions, read_diagnosis
from baybridge.facts.dictionary import Dictionary, Fact
from baybridge.facts.episode import GradeAt, read_episode
from baybridge.facts.exposure import read_exposures
from baybridge.facts.factset import FactSet, Odd, ReadFact, Status, Tie, UnreadCode
from baybridge.facts.fhir import Found, name_of, references, span, text, words
from baybridge.facts.given import read_given
from baybridge.facts.known import Known
from baybridge.facts.looks import Later, Timed, never_later, outdated
from baybridge.facts.measurement import Measured, Measurement, State, measure
from baybridge.facts.series import Window, read_windowed
from baybridge.facts.sums import measured_sums
from baybridge.facts.tied import Tied, coming_in, said_right, settled
from baybridge.facts.treatment import read_treatment
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.entry import Entry

__all__ = ["FactSet", "Odd", "ReadFact", "Status", "read"]

#: A reference to one of these leads into the patient's own record, so it must be there.
_OWN = frozenset(
    {"Observation", "Condition", "DiagnosticReport", "MedicationAdministration", "MedicationStatement", "Procedure", "Specimen"}
)
_STATES = {State.IMPLAUSIBLE: Status.IMPLAUSIBLE, State.PROPOSED: Status.PROPOSED, State.BOUND: Status.BOUND}
_NOTES = {
    Status.STALE: "facts.note.stale",
    Status.IMPLAUSIBLE: "facts.note.implausible",
    Status.PROPOSED: "facts.note.to_be_confirmed",
    Status.BOUND: "facts.note.bound",
}


def read(
    resources: Iterable[Mapping[str, object]] | Found,
    at: datetime,
    dictionary: Dictionary,
    case: Case | None = None,
    confirmed: Mapping[str, object] | None = None,
    *,
    windows: Mapping[str, float | None] | None = None,
    grade_at: GradeAt | None = None,
    zone: ZoneInfo = CHINA,
    remarks: bool = True,
    known: Known | None = None,
    bedside: bool = False,
) -> FactSet:
    """The facts of one patient as of `at`.

    `confirmed` maps a fact to the value that a person confirmed; `windows` overrides the hours for which a fact is used (None: for ever);
    `grade_at` answers the bounds of the CRS grade for bedside values, where the diagnosis is not left to the rule for fever. Without `remarks` nobody asks what of the
    record nothing reads and which references lead nowhere: the facts are the same. `known`: what single resources say by this dictionary, where somebody keeps it.
    `bedside`: of values of one moment that differ the worse counts (`tied.py`), and what came after an answer is not explained by it though both name one moment.
    """
    found, known = resources if isinstance(resources, Found) else Found(resources), known or Known(dictionary)
    measured, ties = settled_for(found, at, dictionary, case, known) if bedside else (measured_for(found, at, dictionary, case, known), ())
    exposures = read_exposures(found, at, dictionary.terms.treatments, case)
    course = read_course(found, at, dictionary.terms.treatments, exposures, case)
    facts, set_aside = _latest(measured, at, dictionary, windows or {})
    window = Window(measured, exposures, course, at, dictionary, zone)
    facts |= _derived(found, window, facts, grade_at, set_aside, known)
    facts |= _confirmed(confirmed or {}, case, measured, facts, windows or {}, at, dictionary)
    later = _entered_later(found, case) if bedside else never_later
    facts |= {name: replace(facts[name], status=Status.STALE, note="facts.note.before_finding") for name in outdated(facts, dictionary.explaining, later)}
    if remarks:
        _note_unread(found, measured, dictionary)
        _note_references(found, measured, known)
        _note_not_understood(found, measured)
    return FactSet(
        at=at,
        values={name: facts[name].value for name in sorted(facts) if facts[name].status is Status.USED and facts[name].value is not None},
        facts=dict(sorted(facts.items())),
        set_aside=tuple(sorted(set_aside, key=lambda f: (f.name, f.source, f.original))),
        odd=tuple(sorted(set(measured.odd))),
        unread=tuple(sorted(UnreadCode(*key, count) for key, count in measured.unread.items())),
        read_codes=dict(sorted(measured.read_codes.items())),
        ties=tuple(Tie(_reading(one.counts, one.counts.fact, Status.USED), tuple(_reading(o, o.fact, Status.UNKNOWN) for o in one.others)) for one in ties),
    )


def measured_for(found: Found, at: datetime, dictionary: Dictionary, case: Case | None, known: Known) -> Measured:
    """What was measured of a patient until a moment: in the record, at the bedside of the case, and in documents that persons read."""
    measured = _all_measured(found, at, dictionary, case, known)
    measured.measurements = measured_sums(measured, dictionary)
    return measured


def settled_for(found: Found, at: datetime, dictionary: Dictionary, case: Case | None, known: Known) -> tuple[Measured, tuple[Tied, ...]]:
    """The same as the bedside reads it: of values of one moment that differ the one that somebody said is right, else the worse; and those that nobody settled."""
    measured = _all_measured(found, at, dictionary, case, known)
    of_moments = settled(measured.measurements, dictionary, said_right(case, dictionary), coming_in(found, case))
    measured.measurements = list(of_moments.measurements)
    measured.measurements = measured_sums(measured, dictionary)
    return measured, of_moments.ties


def _all_measured(found: Found, at: datetime, dictionary: Dictionary, case: Case | None, known: Known) -> Measured:
    measured = measure(found, at, dictionary, known.said)
    measured.measurements += [*_assessed(case, at, dictionary, known), *_from_documents(case, at, dictionary)]
    return measured


def _entered_later(found: Found, case: Case | None) -> Later:
    """Whether a finding of the moment of an answer came after it: of another round, or filed after the round that answers. What is not known may have."""
    entered = {f"Event/{entry.origin.event_id}" for entry in case.of(ev.AssessmentRecorded)} if case is not None else set()
    came_at = coming_in(found, case)

    def later(finding: Timed, answer: Timed) -> bool:
        looks = {source for one in (finding, answer) if (source := getattr(one, "source", ""))}
        if len(looks) < 2 or not looks & entered:
            return False  # of one look: resources of one moment belong together
        answered, came = came_at(getattr(answer, "source", "")), came_at(getattr(finding, "source", ""))
        return answered is None or came is None or came > answered

    return later


def _note_not_understood(found: Found, measured: Measured) -> None:
    for resource in found.not_understood:
        measured.finding(resource, "modifierExtension" if resource.get("modifierExtension") else "implicitRules", "modifier_unknown")


def _assessed(case: Case | None, at: datetime, dictionary: Dictionary, known: Known) -> list[Measurement]:
    """The findings of bedside assessments that the case records."""
    found: list[Measurement] = []
    for entry in case.of(ev.AssessmentRecorded) if case is not None else ():
        if entry.event.assessed_at <= at:
            found += known.once("assessed", entry, partial(_found_in, entry, dictionary))
    return found


def _found_in(entry: Entry[ev.AssessmentRecorded], dictionary: Dictionary) -> list[Measurement]:
    """The findings of one assessment."""
    values, _ = read_given(dict(entry.event.findings), dictionary)
    at, source, issued = entry.event.assessed_at, f"Event/{entry.origin.event_id}", entry.origin.recorded_at
    return [Measurement(dictionary[name], value, at, source, original=str(value), issued=issued) for name, value in values.items()]


def _from_documents(case: Case | None, at: datetime, dictionary: Dictionary) -> Iterator[Measurement]:
    """The values that persons of this node read in documents of the case; no other node tells of any."""
    for entry in case.of(ev.ProposalConfirmed) if case is not None else ():
        event, number = entry.event, as_number(entry.event.value)
        if event.collected_at > at or number is None or entry.origin.told:
            continue
        values, _ = read_given({event.fact: {"value": number, "unit": event.unit}}, dictionary)
        for name, value in values.items():
            source, original = f"Event/{entry.origin.event_id}", f"{event.value} {event.unit}"
            yield Measurement(dictionary[name], value, event.collected_at, source, original=original, issued=entry.origin.recorded_at)


# --- the latest value of a fact -------------------------------------------------------------------------------------------


def _latest(
    measured: Measured, at: datetime, dictionary: Dictionary, windows: Mapping[str, float | None]
) -> tuple[dict[str, ReadFact], list[ReadFact]]:
    """The reading that stands for each fact, and those that were set aside."""
    by_fact: dict[str, list[Measurement]] = {}
    for measurement in measured.measurements:
        by_fact.setdefault(measurement.fact.name, []).append(measurement)
    facts: dict[str, ReadFact] = {}
    limits: dict[str, ReadFact] = {}
    set_aside: list[ReadFact] = []
    for name, found in by_fact.items():
        ranked = sorted(found, key=lambda m: m.order, reverse=True)
        best = next((m for m in ranked if m.state in {State.EXACT, State.BOUND}), ranked[0])
        facts |= {f.name: _reading(best, f, _status(best, f, at, windows)) for f in _readers(name, dictionary)}
        aside = [m for m in ranked if m is not best and m.state in {State.IMPLAUSIBLE, State.PROPOSED}]
        set_aside += [_reading(m, m.fact, _STATES[m.state]) for m in aside]
        limits |= _limits(dictionary[name], best, facts[name], dictionary)
    facts |= {name: _in_doubt(facts[name], dictionary) for name, at in measured.unusable.items() if _is_older(facts.get(name), at)}
    return {**limits, **facts}, set_aside


def _is_older(reading: ReadFact | None, than: datetime) -> bool:
    return reading is not None and reading.at is not None and reading.at < than


def _in_doubt(reading: ReadFact, dictionary: Dictionary) -> ReadFact:
    """An older reading beside a newer one that cannot be used: how the patient is now is then unknown; a laboratory value still stands."""
    known = reading.status in {Status.USED, Status.STALE, Status.BOUND} and dictionary[reading.name].of_the_moment
    return replace(reading, value=None, between=None, status=Status.UNKNOWN, note="facts.note.newer_unusable") if known else reading


def _readers(name: str, dictionary: Dictionary) -> list[Fact]:
    """The fact itself, and facts that are the same measurement used for another time (`of`)."""
    return [dictionary[name], *dictionary.also_read.get(name, ())]


def _status(measurement: Measurement, fact: Fact, at: datetime, windows: Mapping[str, float | None]) -> Status:
    limit = windows.get(fact.name, fact.max_age_h)
    if measurement.state is not State.EXACT:
        return _STATES[measurement.state]
    return Status.STALE if limit is not None and at - measurement.at > timedelta(hours=limit) else Status.USED


def _reading(measurement: Measurement, fact: Fact, status: Status) -> ReadFact:
    note = _NOTES.get(status, "")
    between = _possible(measurement.between, fact) if status is Status.BOUND else None
    return ReadFact(fact.name, measurement.value, fact.unit, measurement.original, measurement.at, measurement.source, status, note, between=between)


def _possible(between: tuple[float, float] | None, fact: Fact) -> tuple[float, float] | None:
    """What of a span can be true of a living person; None where nothing can, or nobody knows."""
    if between is None or fact.plausible is None:
        return None
    least, greatest = max(between[0], float(fact.plausible[0])), min(between[1], float(fact.plausible[1]))
    return (least, greatest) if least <= greatest else None


def _limits(fact: Fact, best: Measurement, reading: ReadFact, dictionary: Dictionary) -> dict[str, ReadFact]:
    """The limits of normal that the laboratory gave with the result that stands."""
    if best.state is not State.EXACT:
        return {}
    given = {"reference_high": best.reference_high, "reference_low": best.reference_low}
    return {
        f.name: ReadFact(f.name, float(limit), f.unit, str(limit), best.at, best.source, reading.status, reading.note)
        for f in dictionary.limits_of.get(fact.name, ())
        if (limit := given.get(f.how)) is not None
    }


# --- facts that follow from more than one thing ---------------------------------------------------------------------------


def _derived(
    found: Found, window: Window, facts: Mapping[str, ReadFact], grade_at: GradeAt | None, set_aside: list[ReadFact], known: Known
) -> dict[str, ReadFact]:
    measured, course, at, dictionary = window.measured, window.course, window.at, window.dictionary
    diagnosed = read_diagnosis(found, at, dictionary)
    set_aside += diagnosed.others
    for concept in window.exposures.unread:
        measured.nobody_reads("Medication", concept)
    answers: list[ReadFact | None] = [_age(found, at, window.zone, measured), diagnosed.main, _days_since(course, window)]
    ends = window.ends()
    answers += [read_windowed(fact, ends) for fact in dictionary.windowed]
    derived = {answer.name: answer for answer in answers if answer is not None}
    derived |= read_conditions(found, at, dictionary)
    derived |= read_treatment(found, at, dictionary, window.exposures, course, diagnosed.relapsed_source, known)
    derived |= read_episode(measured, course, at, dictionary, grade_at)
    return {name: reading for name, reading in derived.items() if name in dictionary and name not in facts}


def _age(found: Found, at: datetime, zone: ZoneInfo, measured: Measured) -> ReadFact | None:
    """Completed years; unknown where the birth date leaves two answers open."""
    for patient in found.of("Patient"):
        born = span(patient.get("birthDate"))
        if born is None:
            if patient.get("birthDate"):
                measured.finding(patient, "Patient.birthDate", "date_unreadable")
            continue
        today = at.astimezone(zone).date()
        oldest, youngest = full_years(born.first, today), full_years(born.last, today)
        if youngest < 0 or oldest != youngest:
            measured.finding(patient, "Patient.birthDate", "birth_date_open" if youngest >= 0 else "date_unreadable")
            continue
        return ReadFact("age", youngest, "a", text(patient.get("birthDate")), None, name_of(patient), Status.USED)
    return None


def _days_since(course: Course, window: Window) -> ReadFact | None:
    infusion = course.infusion
    if infusion is None:
        return None
    return ReadFact("days_since_infusion", window.day(window.at), "d", infusion.at.isoformat(), infusion.at, infusion.source, Status.USED)


def _confirmed(
    confirmed: Mapping[str, object],
    case: Case | None,
    measured: Measured,
    facts: Mapping[str, ReadFact],
    windows: Mapping[str, float | None],
    at: datetime,
    dictionary: Dictionary,
) -> dict[str, ReadFact]:
    """What a person confirmed who may state it. It is as old as the measurement that it rests on, else as the confirmation.

    A newer measurement and an assessment that was entered later take its place, and so does a worse value of the same hours.
    """
    values, _ = read_given(confirmed, dictionary)
    entries = case.confirmed_until(at) if case is not None else {}
    measured_at = {(m.fact.name, m.source): m.at for m in measured.measurements}
    read_: dict[str, ReadFact] = {}
    for name, value in values.items():
        entry, fact = entries.get(name), dictionary[name]
        if entry is not None and entry.origin.role not in fact.stated_by:
            continue
        of_at = measured_at.get((name, entry.event.basis), entry.origin.at) if entry else None
        if of_at is not None and (_newer(facts.get(name), fact, of_at) or (fact.of_the_moment and measured.unusable.get(name, of_at) > of_at)):
            continue
        if entry is not None and (_assessed_since(name, entry, measured) or _worse(facts.get(name), fact, value)):
            continue
        limit = windows.get(name, fact.max_age_h)
        stale = of_at is not None and limit is not None and at - of_at > timedelta(hours=limit)
        status = Status.STALE if stale else Status.USED
        source = f"Event/{entry.origin.event_id}" if entry else "confirmed"
        read_[name] = ReadFact(name, value, fact.unit, str(value), of_at, source, status, "facts.note.confirmed")
    return read_


def _newer(reading: ReadFact | None, fact: Fact, than: datetime) -> bool:
    """Whether a reading that can be used is a measurement after that moment."""
    return reading is not None and reading.status is Status.USED and fact.how == "latest" and reading.at is not None and reading.at > than


def _assessed_since(name: str, confirmed: Entry[ev.FindingConfirmed], measured: Measured) -> bool:
    """Whether an assessment of the same minute or later was entered after a finding was confirmed: people write minutes."""
    said_at = confirmed.origin.at.replace(second=0, microsecond=0)
    looks = (m for m in measured.measurements if m.fact.name == name and m.source.startswith("Event/") and m.issued is not None)
    return any(m.at >= said_at and m.issued is not None and m.issued > confirmed.origin.recorded_at for m in looks)


def _worse(reading: ReadFact | None, fact: Fact, stated: object) -> bool:
    """Whether the record of the same hours shows a worse extreme than somebody stated."""
    if reading is None or reading.status is not Status.USED or not isinstance(fact.read, RecentExtreme):
        return False
    if not isinstance(reading.value, int | float) or not isinstance(stated, int | float):
        return False
    return reading.value > stated if fact.read.extreme == "max" else reading.value < stated


# --- what is odd, and what nothing reads ----------------------------------------------------------------------------------


def _note_unread(found: Found, measured: Measured, dictionary: Dictionary) -> None:
    """Conditions and procedures by codes that nothing reads, and reports whose conclusion is words for a person."""
    for resource in found.of("Condition"):
        if not is_read(resource, dictionary):
            measured.nobody_reads("Condition", resource.get("code"))
    transplant = dictionary.terms.treatments.lines.transplant_text
    for resource in found.of("Procedure"):
        if not transplant.search(words(resource.get("code"))):
            measured.nobody_reads("Procedure", resource.get("code"))
    for resource in found.of("DiagnosticReport"):
        if text(resource.get("conclusion")):
            measured.nobody_reads("DiagnosticReport", resource.get("code"))


def _note_references(found: Found, measured: Measured, known: Known) -> None:
    """References into the patient's own record that lead nowhere."""
    for resource in found.all:
        if not any(_nowhere(reference, found) for reference in known.named(resource)):
            continue
        for path, reference in references(resource):
            kind = _nowhere(reference, found)
            if kind:
                measured.finding(resource, f"{resource.get('resourceType')}.{path}", "reference_to_nowhere", type=kind)


def _nowhere(reference: str, found: Found) -> str:
    """The type of a resource of the patient's own record that a reference names and that is not there; empty where nothing is amiss."""
    kind = reference.split("/_history")[0].split("/")[-2] if "/" in reference else ""
    return kind if kind in _OWN and not found.has(reference) else ""
