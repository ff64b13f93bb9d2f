"""A scheduling case as outsiders write it.

Main job: `read(value)` answers the case with its dates as weeks, `read_previous(value)` a plan that was printed before; both raise `FormError` with every problem at
its field.

Week 0 begins on `horizon_start`, a Monday; every list of capacities has one number a week. **Units**: whole weeks; days of transit, turnaround and lymphodepletion as
written, a part of a day allowed.

**Source**: the scheduling contract (`docs/planning.md`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import ceil
from typing import Annotated, TypeVar

from msgspec import Meta

from baybridge.base import decoding
from baybridge.documents.problems import WRONG_VALUE, Problem
from baybridge.documents.requests import Count, FormError, Request, Text, require

T = TypeVar("T", bound=Request)
_WEEK = 7
#: More weeks than this are a slip, and so are more days than this of one way, of manufacture or of lymphodepletion; ten years.
_MOST_WEEKS, _MOST_DAYS = 520, 3650

#: Above these the solver's arithmetic, or its memory, would be the limit: weights, and ways through for all patients together.
_MOST_WEIGHT, _MOST_WAYS = 10_000, 500_000

Weight = Annotated[int, Meta(ge=0, le=_MOST_WEIGHT)]
Days = Annotated[float, Meta(ge=0, le=_MOST_DAYS)]
FromOne = Annotated[int, Meta(ge=1, le=_MOST_WEEKS)]


class WrittenCentre(Request, frozen=True, kw_only=True):
    """A treatment centre with what it can do in each week."""

    id: Text
    region: Text | None = None
    chairs: list[Count]
    beds: list[Count]
    icu: list[Count]


class WrittenPlant(Request, frozen=True, kw_only=True):
    """A plant that makes one product."""

    id: Text
    product: Text
    starts: list[Count]
    turnaround_days: Days


class WrittenPatient(Request, frozen=True, kw_only=True):
    """A patient who waits."""

    id: Text
    product: Text
    centres: list[Text]
    urgency: Weight
    ready_on: date
    latest_collection_on: date
    bed_weeks: FromOne
    predicted_severe: bool


class WrittenAssignment(Request, frozen=True, kw_only=True):
    """One patient of a plan that was printed before."""

    case: Text
    centre: Text
    plant: Text
    collection_week: Count
    infusion_week: Count


class WrittenPrevious(Request, frozen=True, kw_only=True):
    """A plan that was printed before, over the same weeks."""

    assignments: list[WrittenAssignment]


class WrittenSchedule(Request, frozen=True, kw_only=True):
    """The whole case; the last three have the values of the contract where they are left out."""

    horizon_start: date
    weeks: FromOne
    centres: list[WrittenCentre]
    plants: list[WrittenPlant]
    transit_days: dict[str, Days]
    cases: list[WrittenPatient]
    lymphodepletion_days: Days | None = None
    max_hold_weeks: Annotated[int, Meta(ge=0, le=_MOST_WEEKS)] | None = None
    unserved_penalty: Weight | None = None


@dataclass(frozen=True, slots=True)
class Centre:
    """A centre: collections, beds and severe cases that may begin, each by week."""

    id: str
    chairs: tuple[int, ...]
    beds: tuple[int, ...]
    icu: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plant:
    """A plant: manufacturing starts by week, and days from a start to release."""

    id: str
    product: str
    starts: tuple[int, ...]
    turnaround_days: Fraction


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient: ready from week `ready`, collected in a week up to `latest`; a week before week 0 is below zero."""

    id: str
    product: str
    centres: tuple[str, ...]
    urgency: int
    ready_on: date
    ready: int
    latest: int
    bed_weeks: int
    severe: bool


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where and when one patient is collected, made for and infused, as a plan says it."""

    case: str
    centre: str
    plant: str
    collection_week: int
    infusion_week: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is planned, over how many weeks, by which constants."""

    horizon_start: date
    weeks: int
    centres: Mapping[str, Centre]
    plants: Mapping[str, Plant]
    transit_days: Mapping[tuple[str, str], Fraction]
    patients: tuple[Patient, ...]
    lymphodepletion_days: Fraction
    max_hold_weeks: int
    unserved_penalty: int

    def monday(self, week: int) -> date:
        """The first day of a week."""
        return self.horizon_start + timedelta(weeks=week)

    def lead_weeks(self, centre: str, plant: str) -> int | None:
        """Whole weeks from collection to the first possible infusion by this way; None where one of the two ways has no transit."""
        out, back = self.transit_days.get((centre, plant)), self.transit_days.get((plant, centre))
        if out is None or back is None:
            return None
        return ceil((out + self.plants[plant].turnaround_days + back + self.lymphodepletion_days) / _WEEK)


def read(value: object) -> Schedule:
    """The case; raises `FormError` with every problem in it."""
    written = _taken(value, WrittenSchedule)
    problems = list(_problems(written))
    if problems:
        raise FormError(problems)
    days, weeks, penalty = written.lymphodepletion_days, written.max_hold_weeks, written.unserved_penalty
    return Schedule(
        horizon_start=written.horizon_start,
        weeks=written.weeks,
        centres={one.id: Centre(one.id, tuple(one.chairs), tuple(one.beds), tuple(one.icu)) for one in written.centres},
        plants={one.id: Plant(one.id, one.product, tuple(one.starts), _exact(one.turnaround_days)) for one in written.plants},
        transit_days={_way(name): _exact(one) for name, one in written.transit_days.items()},
        patients=tuple(_patient(one, written.horizon_start) for one in written.cases),
        lymphodepletion_days=Fraction(5) if days is None else _exact(days),
        max_hold_weeks=4 if weeks is None else weeks,
        unserved_penalty=52 if penalty is None else penalty,
    )


def read_previous(value: object) -> tuple[Assignment, ...]:
    """The assignments of a plan that was printed before; raises `FormError` with every problem in it."""
    written = _taken(value, WrittenPrevious).assignments
    problems = list(_twice("assignments", [one.case for one in written]))
    if problems:
        raise FormError(problems)
    return tuple(Assignment(one.case, one.centre, one.plant, one.collection_week, one.infusion_week) for one in written)


def _taken(value: object, kind: type[T]) -> T:
    return decoding.convert(require(value, kind), kind)


def _patient(one: WrittenPatient, start: date) -> Patient:
    ready, latest = ((day - start).days // _WEEK for day in (one.ready_on, one.latest_collection_on))  # the last Monday on or before the day
    return Patient(one.id, one.product, tuple(dict.fromkeys(one.centres)), one.urgency, one.ready_on, ready, latest, one.bed_weeks, one.predicted_severe)


def _exact(days: float) -> Fraction:
    """A number as it was written: 0.1 is a tenth."""
    return Fraction(str(days))


def _way(name: str) -> tuple[str, str]:
    start, _, end = name.partition(">")
    return start.strip(), end.strip()


# --- what the types cannot say --------------------------------------------------------------------------------------


def _problems(written: WrittenSchedule) -> Iterator[Problem]:
    if written.horizon_start.weekday() != 0:
        yield _problem("horizon_start", "a Monday", "another day of the week")
    centres, plants = [one.id for one in written.centres], [one.id for one in written.plants]
    yield from _twice("centres", centres)
    yield from _twice("plants", plants)
    yield from _twice("cases", [one.id for one in written.cases])
    for both in sorted({*centres} & {*plants}):
        yield _problem("plants", "another id than those of the centres", repr(both))
    for place, centre in enumerate(written.centres):
        for name, each in (("chairs", centre.chairs), ("beds", centre.beds), ("icu", centre.icu)):
            yield from _each_week(f"centres[{place}].{name}", each, written.weeks)
    for place, plant in enumerate(written.plants):
        yield from _each_week(f"plants[{place}].starts", plant.starts, written.weeks)
    for name in written.transit_days:
        if _way(name) not in {way for centre in centres for plant in plants for way in ((centre, plant), (plant, centre))}:
            yield _problem(f"transit_days.{name}", '"centre>plant" or "plant>centre" of the case', repr(name))
    yield from _of_patients(written.cases, centres)
    if (ways := _ways(written)) > _MOST_WAYS:
        yield _problem("cases", f"at most {_MOST_WAYS} ways through for all together: fewer weeks, shorter windows or less hold", f"{ways}")


def _ways(written: WrittenSchedule) -> int:
    """How many ways through the patients have at most."""
    held = min(written.weeks, 1 + (written.max_hold_weeks if written.max_hold_weeks is not None else 4))
    made = Counter(plant.product for plant in written.plants)
    windows = (min(written.weeks, 1 + max(0, (one.latest_collection_on - one.ready_on).days) // _WEEK + 1) for one in written.cases)
    return sum(window * held * len(one.centres) * made[one.product] for one, window in zip(written.cases, windows, strict=True))


def _each_week(field: str, numbers: Sequence[int], weeks: int) -> Iterator[Problem]:
    if len(numbers) != weeks:
        yield _problem(field, f"{weeks} numbers, one a week", f"{len(numbers)}")


def _of_patients(written: Sequence[WrittenPatient], centres: Sequence[str]) -> Iterator[Problem]:
    for place, one in enumerate(written):
        for centre in one.centres:
            if centre not in centres:
                yield _problem(f"cases[{place}].centres", "ids of the centres of the case", repr(centre))
        if one.latest_collection_on < one.ready_on:
            yield _problem(f"cases[{place}].latest_collection_on", "a day that is not before ready_on", "an earlier one")


def _twice(field: str, ids: Sequence[str]) -> Iterator[Problem]:
    for name in sorted({one for one in ids if ids.count(one) > 1}):
        yield _problem(field, "each id once", f"{name!r} twice or more")


def _problem(field: str, expected: str, found: str) -> Problem:
    return Problem("", 0, 0, WRONG_VALUE, expected, found, "", field)
