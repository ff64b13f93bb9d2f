"""When: how long to wait before collection, and the earliest infusion that is realistic.

Main job: `earliest_collection(doses, washouts, today)`; `earliest_infusion(…)`; `first_day(…)` turns a "no" of today into "not yet" with its day.

**Source**: `data/timing/washouts.yaml`, `data/timing/vein-to-vein.yaml`. **Units**: calendar days of the centre; a dose of today counts in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from baybridge.documents.timing import EventWashout, VeinToVein, Washout, Washouts


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


@dataclass(frozen=True, slots=True)
class Infusion:
    """The earliest realistic day, its range, and what it rests on; an assumption is shown as one."""

    on: date
    range: tuple[date, date] | None
    source: str
    confidence: str


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


def earliest_infusion(product: str, collection_on: date, document: VeinToVein) -> Infusion:
    """The day that follows from the earliest collection and the time that making the product took elsewhere."""
    row = document.products.get(product, document.default)
    span = row.range_days
    ends = (collection_on + timedelta(days=span[0]), collection_on + timedelta(days=span[1])) if span else None
    return Infusion(collection_on + timedelta(days=row.median_days), ends, row.source, row.confidence or "low")


def first_day(holds_on: Callable[[date], bool], start: date, within_days: int) -> date | None:
    """The first day from `start` on which something holds, looked for day by day; None where it does not within that time."""
    days = (start + timedelta(days=number) for number in range(within_days + 1))
    return next((day for day in days if holds_on(day)), None)
