"""First come, first served: the plan that a list by date of readiness would give, for comparison.

Main job: `first_come(schedule, plans, fixed)`: in order of `ready_on`, then as written, each patient takes the plan with the earliest infusion for which everything is
left. Plans that are `fixed` stand before anybody chooses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from baybridge.planning.plans import Need, Plan, capacity_of, needs_of
from baybridge.planning.written import Schedule


def first_come(schedule: Schedule, plans: Sequence[Sequence[Plan]], fixed: Mapping[int, Plan]) -> dict[int, Plan]:
    """The plans of those who get one, by their place in the case."""
    chosen = dict(fixed)
    taken: Counter[Need] = Counter(need for place, plan in fixed.items() for need in needs_of(plan, schedule.patients[place]))
    waiting = (place for place in range(len(plans)) if place not in fixed)
    for place in sorted(waiting, key=lambda place: schedule.patients[place].ready_on):
        for plan in plans[place]:
            needs = needs_of(plan, schedule.patients[place])
            if all(taken[need] < capacity_of(schedule, need) for need in needs):
                taken.update(needs)
                chosen[place] = plan
                break
    return chosen
