"""The course around an infusion: infusions, drugs against toxicity, and what the case's events say of them.

Main job: `read_course(found, at, treatments, case) -> Course`.

**Source**: shared facts contract ("Infusion"): a completed administration coded as a CAR-T in ATC or with the catalogue's identifier;
its start is day 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from baybridge.base.time import CHINA, start_of_day
from baybridge.facts.exposure import Exposures
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


def read_course(found: Found, at: datetime, treatments: Treatments, exposures: Exposures, case: Case | None) -> Course:
    """The course as of `at`, from the record and, where there is one, the case."""
    infusions = _infusions(found, at, treatments)
    given = [e for e in exposures.dated if e.administered and treatments.is_class(e.atc, "fever_suppressing")]
    days: list[date] = []
    if case is not None:
        told = {e.event.started_at: _source(e.origin.event_id) for e in case.of(ev.Infused) if e.event.started_at <= at}
        infusions = {**told, **infusions}
        days = [e.event.started_on for e in case.of(ev.LymphodepletionStarted) if e.event.started_on <= at.astimezone(CHINA).date()]
    ordered = tuple(sorted(Happened(moment_, source) for moment_, source in infusions.items()))
    return Course(
        infusions=ordered,
        suppressions=tuple(sorted(Happened(e.at, e.source) for e in given)),
        lymphodepletions=tuple(sorted(days)),
        lymphodepletion_at=_lymphodepletion(exposures, ordered, tuple(sorted(days)), treatments),
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


def _lymphodepletion(
    exposures: Exposures, infusions: tuple[Happened, ...], told: tuple[date, ...], treatments: Treatments
) -> Happened | None:
    """The first dose of lymphodepletion of the episode: within the days before its infusion, else the last day that the case tells."""
    if not infusions:
        return Happened(start_of_day(told[-1]), "") if told else None
    day_zero, before = infusions[-1].at, timedelta(days=treatments.lines.lymphodepletion_days)
    doses = [Happened(e.at, e.source) for e in exposures.dated if treatments.is_class(e.atc, "lymphodepleting")]
    doses += [Happened(start_of_day(day), "") for day in told] if not doses else []
    return min((d for d in doses if timedelta(0) <= day_zero - d.at <= before), default=None)


def _responses(case: Case | None, at: datetime) -> tuple[Response, ...]:
    if case is None:
        return ()
    today = at.astimezone(CHINA).date()
    assessed = [e for e in case.of(ev.ResponseAssessed) if e.event.assessed_on <= today]
    return tuple(Response(e.event.category, e.event.assessed_on, exact=True, source=_source(e.origin.event_id)) for e in assessed)


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
