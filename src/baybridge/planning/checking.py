"""Whether a plan keeps to its case: the constraints asked one by one of the plan as it is printed, without the solver's own rows.

Main job: `checks(schedule, assignments, unserved, objective, bound, first_come_objective)`, each constraint by name with whether it holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from baybridge.planning.written import Assignment, Schedule

_WEEK = 7


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so in every plan."""

    name: str
    holds: bool


def checks(
    schedule: Schedule, assignments: Sequence[Assignment], unserved: Sequence[str], objective: int, bound: int, first_come_objective: int
) -> list[Check]:
    """Every check, in the order of the contract."""
    looked = _Looked(schedule, assignments)
    found: list[tuple[str, bool]] = [
        ("each_case_once", looked.each_once(unserved)),
        ("acceptable_centre_and_product", looked.every(looked.acceptable)),
        ("collection_window", looked.every(looked.in_window)),
        ("chairs", looked.within(looked.chairs(), lambda where: schedule.centres[where].chairs)),
        ("starts", looked.within(looked.starts(), lambda where: schedule.plants[where].starts)),
        ("time_to_infusion", looked.every(looked.in_time)),
        ("beds", looked.within(looked.beds(), lambda where: schedule.centres[where].beds)),
        ("icu", looked.within(looked.icu(), lambda where: schedule.centres[where].icu)),
        ("horizon", looked.every(looked.inside)),
        ("objective", looked.objective(unserved) == objective),
        ("bound", bound <= objective),
        ("not_above_first_come", objective <= first_come_objective),
    ]
    return [Check(name, holds) for name, holds in found]


class _Looked:
    """An outsider's look at the assignments."""

    def __init__(self, schedule: Schedule, assignments: Sequence[Assignment]) -> None:
        self.schedule = schedule
        self.patients = {patient.id: patient for patient in schedule.patients}
        self.given = [(one.case, one.centre, one.plant, one.collection_week, one.infusion_week) for one in assignments]

    def every(self, asked: Callable[[str, str, str, int, int], bool]) -> bool:
        return all(asked(*one) for one in self.given)

    def each_once(self, unserved: Sequence[str]) -> bool:
        return sorted([*(one[0] for one in self.given), *unserved]) == sorted(self.patients)

    def acceptable(self, case: str, centre: str, plant: str, _: int, __: int) -> bool:
        return centre in self.patients[case].centres and self.schedule.plants[plant].product == self.patients[case].product

    def in_window(self, case: str, _: str, __: str, collection: int, ___: int) -> bool:
        return max(self.patients[case].ready, 0) <= collection <= self.patients[case].latest

    def in_time(self, _: str, centre: str, plant: str, collection: int, infusion: int) -> bool:
        schedule = self.schedule
        out, back = schedule.transit_days.get((centre, plant)), schedule.transit_days.get((plant, centre))
        if out is None or back is None:
            return False
        least = ceil((out + schedule.plants[plant].turnaround_days + back + schedule.lymphodepletion_days) / _WEEK)
        return least <= infusion - collection <= least + schedule.max_hold_weeks

    def inside(self, case: str, _: str, __: str, collection: int, infusion: int) -> bool:
        return collection >= 0 and infusion + self.patients[case].bed_weeks <= self.schedule.weeks

    def chairs(self) -> Iterator[tuple[str, int]]:
        return ((centre, collection) for _, centre, _, collection, _ in self.given)

    def starts(self) -> Iterator[tuple[str, int]]:
        return ((plant, collection) for _, _, plant, collection, _ in self.given)

    def beds(self) -> Iterator[tuple[str, int]]:
        return ((centre, week) for case, centre, _, _, infusion in self.given for week in range(infusion, infusion + self.patients[case].bed_weeks))

    def icu(self) -> Iterator[tuple[str, int]]:
        return ((centre, infusion) for case, centre, _, _, infusion in self.given if self.patients[case].severe)

    def within(self, used: Iterator[tuple[str, int]], capacity: Callable[[str], Sequence[int]]) -> bool:
        return all(0 <= week < self.schedule.weeks and count <= capacity(where)[week] for (where, week), count in Counter(used).items())

    def objective(self, unserved: Sequence[str]) -> int:
        served = sum(self.patients[case].urgency * (infusion - self.patients[case].ready) for case, _, _, _, infusion in self.given)
        return served + sum(self.patients[case].urgency * self.schedule.unserved_penalty for case in unserved)
