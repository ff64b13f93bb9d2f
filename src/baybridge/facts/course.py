"""The course around an infusion: infusions, drugs against toxicity, and what the case's events say of them.

Main job: `read_course(found, at, treatments, case) -> Course`.

**Source**: shared facts contract ("Infusion"): a completed administration coded as a CAR-T in ATC or with the catalogue's identifier; its start is day 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from baybridge.base.time import CHINA
from baybridge.facts.exposure import read_exposures
from baybridge.facts.fhir import Found, codings, mapping, moment, name_of
from baybridge.facts.lines import Response
from baybridge.facts.terms import Treatments
from baybridge.journey import events as ev
from baybridge.journey.case import Case


@dataclass(frozen=True, slots=True, order=True)
class Happened:
    """Something with a moment and a source."""

    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Course:
    """Infusions (oldest first), doses that suppress fever, lymphodepletion days, responses, grades, death."""

    infusions: tuple[Happened, ...] = ()
    suppressions: tuple[Happened, ...] = ()
    lymphodepletions: tuple[date, ...] = ()
    lymphodepletion_at: Happened | None = None
    responses: tuple[Response, ...] = ()
    grades: tuple[tuple[Happened, int], ...] = field(default=())
    died_on: date | None = None

    @property
    def infusion(self) -> Happened | None:
        """The infusion that counts: the latest."""
        return self.infusions[-1] if self.infusions else None


def read_course(found: Found, at: datetime, treatments: Treatments, case: Case | None) -> Course:
    """The course as of `at`, from the record and, where there is one, the case."""
    infusions = _infusions(found, at, treatments)
    suppressions = _suppressions(found, at, treatments)
    days: list[date] = []
    if case is not None:
        infusions |= {e.event.started_at: _source(e.origin.event_id) for e in case.of(ev.Infused) if e.event.started_at <= at}
        given = [e for e in case.of(ev.DrugGiven) if e.event.given_at <= at]
        suppressions |= {
            Happened(e.event.given_at, _source(e.origin.event_id)) for e in given if treatments.is_class(e.event.atc, "fever_suppressing")
        }
        days = [e.event.started_on for e in case.of(ev.LymphodepletionStarted) if e.event.started_on <= at.astimezone(CHINA).date()]
    ordered = tuple(sorted(Happened(moment_, source) for moment_, source in infusions.items()))
    return Course(
        infusions=ordered,
        suppressions=tuple(sorted(suppressions)),
        lymphodepletions=tuple(sorted(days)),
        lymphodepletion_at=_lymphodepletion(found, at, ordered, treatments),
        responses=_responses(case, at),
        grades=_grades(case, at),
        died_on=_death(found, at, case),
    )


def _source(event_id: str) -> str:
    return f"Event/{event_id}"


def _infusions(found: Found, at: datetime, treatments: Treatments) -> dict[datetime, str]:
    infusions: dict[datetime, str] = {}
    for resource in found.of("MedicationAdministration"):
        listed = codings(found.medication(resource))
        product = any(c.system == treatments.product_system for c in listed)
        coded = any(c.system in treatments.atc_systems and treatments.is_class(c.code, "car_t") for c in listed)
        period = mapping(resource.get("effectivePeriod"))
        started = moment(resource.get("effectiveDateTime") or period.get("start"))
        if (product or coded) and resource.get("status") == "completed" and started and started <= at:
            infusions.setdefault(started, name_of(resource))
    return infusions


def _suppressions(found: Found, at: datetime, treatments: Treatments) -> set[Happened]:
    given = set()
    for resource in found.of("MedicationAdministration"):
        listed = codings(found.medication(resource))
        suppresses = any(c.system in treatments.atc_systems and treatments.is_class(c.code, "fever_suppressing") for c in listed)
        period = mapping(resource.get("effectivePeriod"))
        started = moment(resource.get("effectiveDateTime") or period.get("start"))
        if suppresses and resource.get("status") in {"completed", "in-progress", "stopped"} and started and started <= at:
            given.add(Happened(started, name_of(resource)))
    return given


def _lymphodepletion(found: Found, at: datetime, infusions: tuple[Happened, ...], treatments: Treatments) -> Happened | None:
    """The first dose of lymphodepletion of the episode: within the days before its infusion."""
    if not infusions:
        return None
    day_zero = infusions[-1].at
    doses = [
        Happened(e.at, e.source)
        for e in read_exposures(found, at, treatments).dated
        if treatments.is_class(e.atc, "lymphodepleting") and e.at <= day_zero
    ]
    return min((d for d in doses if (day_zero - d.at).days <= treatments.lines.lymphodepletion_days), default=None)


def _responses(case: Case | None, at: datetime) -> tuple[Response, ...]:
    if case is None:
        return ()
    today = at.astimezone(CHINA).date()
    assessed = [e for e in case.of(ev.ResponseAssessed) if e.event.assessed_on <= today]
    return tuple(Response(e.event.category, e.event.assessed_on, True, _source(e.origin.event_id)) for e in assessed)  # noqa: FBT003


def _grades(case: Case | None, at: datetime) -> tuple[tuple[Happened, int], ...]:
    """Grades of CRS that were recorded: a physician's, or a computed one that is certain."""
    if case is None:
        return ()
    computed = [
        (Happened(e.event.assessed_at, _source(e.origin.event_id)), e.event.grade_min)
        for e in case.of(ev.GradeAssessed)
        if e.event.scale == "crs-astct-2019" and e.event.assessed_at <= at and e.event.grade is not None
    ]
    confirmed = [
        (Happened(e.origin.at, _source(e.origin.event_id)), e.event.grade)
        for e in case.of(ev.GradeConfirmed)
        if e.event.scale == "crs-astct-2019" and e.origin.at <= at
    ]
    return tuple(sorted([*computed, *confirmed]))


def _death(found: Found, at: datetime, case: Case | None) -> date | None:
    told = [e.event.died_on for e in case.of(ev.Died)] if case is not None else []
    told += [d.astimezone(CHINA).date() for r in found.of("Patient") for d in [moment(r.get("deceasedDateTime"))] if d]
    return min((day for day in told if day <= at.astimezone(CHINA).date()), default=None)
