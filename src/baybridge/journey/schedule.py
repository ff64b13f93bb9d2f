"""Follow-up visits that never end.

Main job: `next_visit(case, schedule, on)`: the visit to make next. While the patient lives and was infused there always is one.

**Source**: `follow_up` in `data/pathways/standard.yaml`. **Units**: months after day 0; days of tolerance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, islice, pairwise
from zoneinfo import ZoneInfo

from baybridge.base.time import CHINA, add_months
from baybridge.documents.pathway import FollowUp
from baybridge.journey.case import Case

#: More visits than anybody lives to make; what was made is looked for among these.
_LOOK_AHEAD = 200
#: How many visits ahead a contact may be named. Convention of this project: M60 typed for M6 would move the next visit by years.
_EARLY = 3


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit: its code, the day that it is due, and the tolerance around it."""

    code: str
    due_on: date
    window_d: int
    contact_only: bool = False

    @property
    def early_from(self) -> date:
        """The first day on which it counts as on time."""
        return self.due_on - timedelta(days=self.window_d)

    @property
    def late_after(self) -> date:
        """The last day on which it counts as on time."""
        return self.due_on + timedelta(days=self.window_d)

    def holds(self, day: date) -> bool:
        """Whether a contact on this day is this visit, on time."""
        return self.early_from <= day <= self.late_after


def visits(day_0: date, schedule: FollowUp) -> Iterator[Visit]:
    """All visits after an infusion, in order, without end."""
    month = 0
    for row in schedule.visits:
        month = row.months or month
        due_on = add_months(day_0, month) if row.months is not None else day_0 + timedelta(days=row.days or 0)
        yield Visit(row.visit, due_on, row.window_d)
    for later in schedule.then:
        step, until = later.every_months, later.until_month
        months = count(month + step, step) if until is None else range(month + step, until + 1, step)
        for due in months:
            yield Visit(f"M{due}", add_months(day_0, due), later.window_d, later.contact)
            month = due


def nameable(day_0: date, schedule: FollowUp, on: date) -> tuple[Visit, ...]:
    """The visits that a contact on a day can be: those due by then, and the next few, which may be made early."""
    planned = list(islice(visits(day_0, schedule), _LOOK_AHEAD))
    later = [visit for visit in planned if visit.due_on > on]
    return (*(visit for visit in planned if visit.due_on <= on), *later[:_EARLY])


def next_visit(case: Case, schedule: FollowUp, on: date, zone: ZoneInfo = CHINA) -> Visit | None:
    """The visit to make next, as of a day: the first after the last one made whose successor is not due yet.

    A visit that was missed gives way to the one after it. None after death or without an infusion.
    """
    if not case.alive or case.infused_at is None:
        return None
    day_0 = case.infused_at.astimezone(zone).date()
    made = {entry.event.visit for entry in case.visits if entry.event.visited_on >= day_0}
    for visit, after in pairwise(_after_those_made(visits(day_0, schedule), made)):
        if after.due_on > on:
            return visit
    raise AssertionError("the schedule has no end")


def _after_those_made(planned: Iterator[Visit], made: set[str]) -> Iterator[Visit]:
    """The planned visits after the latest that was made."""
    ahead = list(islice(planned, _LOOK_AHEAD))
    last = max((place for place, visit in enumerate(ahead) if visit.code in made), default=-1)
    yield from ahead[last + 1 :]
    yield from planned
