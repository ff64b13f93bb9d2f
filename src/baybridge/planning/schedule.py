"""A plan of collections and infusions over centres and plants, with its proof, its check and what stands against those who have none.

Main job: `plan(schedule, previous)`. With a previous plan the new one is, among those within 2 in 100 of the best and not above first come first served, the one that
changes the fewest of its patients; collections of week 0 stay, as far as they still fit.

**Source**: the scheduling contract (`docs/planning.md`). **Units**: weeks from week 0, seconds of the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from baybridge.base.outcome import Reason
from baybridge.planning.checking import Check, checks
from baybridge.planning.first_come import first_come
from baybridge.planning.plans import Need, Plan, capacity_of, needs_of, objective_of, plans_of
from baybridge.planning.reasons import why_unserved
from baybridge.planning.solving import best, fewest_moves
from baybridge.planning.written import Assignment, Schedule

#: How far above the best objective a plan may lie that moves fewer. Source: the scheduling contract.
_NEAR = 1.02


@dataclass(frozen=True, slots=True)
class Moved:
    """A patient whose previous plan does not stand, with the new one where there is one."""

    case: str
    before: Assignment
    after: Assignment | None


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan of a case."""

    assignments: tuple[Assignment, ...]
    unserved: tuple[tuple[str, tuple[Reason, ...]], ...]
    objective: int
    bound: int
    first_come_objective: int
    checks: tuple[Check, ...]
    moved: tuple[Moved, ...] | None  # None without a previous plan
    seconds: float


def plan(schedule: Schedule, previous: Sequence[Assignment] | None = None) -> Planned:
    """The proven best plan, or with a previous one the plan that moves the fewest."""
    began = perf_counter()
    plans = plans_of(schedule)
    before = _still_possible(schedule, plans, previous or ())
    frozen = _frozen(schedule, before)
    solved = best(schedule, plans, frozen)
    first = objective_of(schedule, first_come(schedule, plans, frozen))
    chosen = solved.chosen
    if previous is not None:
        chosen = fewest_moves(schedule, plans, before, max(solved.objective, min(_NEAR * solved.objective, first)), frozen)
    objective = objective_of(schedule, chosen)
    assignments = tuple(_assignment(schedule, chosen[place]) for place in sorted(chosen))
    left = [place for place in range(len(plans)) if place not in chosen]
    unserved = tuple((schedule.patients[place].id, tuple(why_unserved(schedule, place, plans[place], chosen))) for place in left)
    checked = checks(schedule, assignments, [case for case, _ in unserved], objective, solved.bound, first)
    moved = None if previous is None else tuple(_moved(schedule, previous, assignments))
    return Planned(assignments, unserved, objective, solved.bound, first, tuple(checked), moved, perf_counter() - began)


def _assignment(schedule: Schedule, one: Plan) -> Assignment:
    return Assignment(schedule.patients[one.patient].id, one.centre, one.plant, one.collection, one.infusion)


# --- a previous plan ------------------------------------------------------------------------------------------------


def _still_possible(schedule: Schedule, plans: Sequence[Sequence[Plan]], previous: Sequence[Assignment]) -> dict[int, Plan]:
    """The previous plans that the case still allows, by the patients' places."""
    wanted = {one.case: one for one in previous}
    return {one.patient: one for some in plans for one in some if wanted.get(schedule.patients[one.patient].id) == _assignment(schedule, one)}


def _frozen(schedule: Schedule, before: Mapping[int, Plan]) -> dict[int, Plan]:
    """Previous plans whose collection lies within seven days of the first Monday, the most urgent first, as far as there is room for them."""
    frozen: dict[int, Plan] = {}
    taken: Counter[Need] = Counter()
    for place in sorted(before, key=lambda place: (-schedule.patients[place].urgency, schedule.patients[place].ready_on)):
        needs = needs_of(before[place], schedule.patients[place])
        if before[place].collection == 0 and all(taken[need] < capacity_of(schedule, need) for need in needs):
            frozen[place] = before[place]
            taken.update(needs)
    return frozen


def _moved(schedule: Schedule, previous: Sequence[Assignment], assignments: Sequence[Assignment]) -> list[Moved]:
    """Whose week or place changes, and who has no plan any more; not who left the case."""
    here, now = {patient.id for patient in schedule.patients}, {one.case: one for one in assignments}
    return [Moved(one.case, one, now.get(one.case)) for one in previous if one.case in here and now.get(one.case) != one]
