"""Washouts: how long collection waits after drugs and transplants.

Main job: `earliest_collection(doses, washouts, today)`; `running(drugs, washouts, on)`, what is not over yet, has no rule, or cannot be dated;
`drug_history(found, at, treatments, case)` reads the drugs of a record.

**Source**: `data/timing/washouts.yaml`. **Units**: calendar days of the centre; a dose of today counts in full.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from baybridge.documents.timing import EventWashout, Washout, Washouts
from baybridge.facts.exposure import read_exposures
from baybridge.facts.fhir import Found
from baybridge.facts.terms import Treatments
from baybridge.facts.treatment import read_transplants
from baybridge.journey.case import Case
from baybridge.journey.drug_history import DrugCourse, DrugHistory


@dataclass(frozen=True, slots=True)
class Wait:
    """One drug or event that collection waits for; `avoid` where waiting does not make it harmless."""

    of: str  # the class of the drug, or the event
    last_on: date
    until: date
    longer_until: date | None
    avoid: bool
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Collection:
    """The earliest day of collection, everything that was waited for, and drugs that nobody has a rule for."""

    on: date
    waits: tuple[Wait, ...]
    unruled: tuple[str, ...]

    @property
    def binding(self) -> tuple[Wait, ...]:
        """The waits that set the day."""
        return tuple(wait for wait in self.waits if wait.until == self.on)


def earliest_collection(
    doses: Iterable[tuple[str, date]], washouts: Washouts, today: date, events: Iterable[tuple[str, date]] = ()
) -> Collection:
    """The first day on which every washout is over; `doses` are (ATC, day of the last dose), `events` (name, day)."""
    last: dict[str, date] = {}
    for atc, on in doses:
        last[atc] = max(on, last.get(atc, on))
    ruled = {atc: _row(atc, washouts) for atc in last}
    waits = [_wait(row.class_, row, last[atc], avoid=row.avoid) for atc, row in ruled.items() if row is not None]
    known = {row.event: row for row in washouts.events}
    waits += [_wait(name, known[name], on) for name, on in events if name in known]
    on = max([today, *(wait.until for wait in waits)])
    unruled = tuple(sorted(atc for atc, row in ruled.items() if row is None and atc.startswith("L")))
    return Collection(on, tuple(sorted(waits, key=lambda wait: (-wait.until.toordinal(), wait.of))), unruled)


def _row(atc: str, washouts: Washouts) -> Washout | None:
    """The row of the longest prefix that fits."""
    fitting = [(len(prefix), row.days, row) for row in washouts.rows for prefix in row.atc if atc.startswith(prefix)]
    return max(fitting, key=lambda found: found[:2])[2] if fitting else None


def _wait(of: str, row: Washout | EventWashout, last_on: date, *, avoid: bool = False) -> Wait:
    later = last_on + timedelta(days=row.longer_days) if row.longer_days else None
    return Wait(of, last_on, last_on + timedelta(days=row.days), later, avoid, row.source, row.confidence or "low")


@dataclass(frozen=True, slots=True)
class Running:
    """What stands against collecting on a day: waits that are not over, drugs without a rule that were given lately, and drugs that cannot be dated."""

    waits: tuple[Wait, ...]
    unruled: tuple[str, ...]
    undated: bool


def running(drugs: DrugHistory, washouts: Washouts, on: date) -> Running:
    """What is not over on a day; a drug that is still given counts as given that day.

    A drug without a rule stands for as long as the longest interval that the document waits out (rows to avoid aside): nothing known asks for more.
    """
    doses = [(one.atc, min(one.last, on)) for one in drugs.courses if one.first <= on]
    found = earliest_collection(doses, washouts, on, [("transplant", day) for day in drugs.transplants])
    longest = max(row.days for row in washouts.rows if not row.avoid)
    last = {atc: max(day for name, day in doses if name == atc) for atc, _ in doses}
    unruled = tuple(atc for atc in found.unruled if on < last[atc] + timedelta(days=longest))
    return Running(tuple(wait for wait in found.waits if wait.until > on), unruled, not drugs.complete)


def drug_history(found: Found, at: datetime, treatments: Treatments, case: Case) -> DrugHistory:
    """The drugs of a record and case that began at or before a moment, and the days of transplants."""
    exposures = read_exposures(found, at, treatments, case)
    courses = tuple(DrugCourse(one.atc, one.start, one.last) for one in exposures.dated)
    return DrugHistory(courses, read_transplants(found, at, treatments), exposures.complete)
