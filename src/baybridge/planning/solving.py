"""The best choice of plans, proven: an integer programme solved by HiGHS.

Main job: `best(schedule, plans)`, the choice with the least objective and the bound that proves it; `fewest_moves(…)`, among choices within a share of the best one
the one that changes the fewest former plans. One variable a plan; a row a patient and a row a capacity that plans compete for.

**Source**: HiGHS through `scipy.optimize.milp` (Huangfu and Hall, Math Prog Comp 2018;10:119).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from baybridge.planning.plans import Need, Plan, capacity_of, cost_of, needs_of, objective_of, unserved_cost
from baybridge.planning.written import Schedule

#: Objectives are whole numbers: a bound above one by less than this is that number.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Solved:
    """A choice by the patients' places, its objective, and the least that any choice can have."""

    chosen: Mapping[int, Plan]
    objective: int
    bound: int


class NotSolvedError(RuntimeError):
    """The solver ended without a plan."""


def best(schedule: Schedule, plans: Sequence[Sequence[Plan]], fixed: Mapping[int, Plan]) -> Solved:
    """The choice with the least objective; plans that are `fixed` stand."""
    scale = _scale(schedule)
    chosen, bound = _Problem(schedule, plans, fixed).solved(lambda plan: scale * _change(schedule, plan) - _free(schedule, plan))
    return Solved(chosen, objective_of(schedule, chosen), ceil(bound / scale + objective_of(schedule, {}) - _ROUNDING))


def fewest_moves(schedule: Schedule, plans: Sequence[Sequence[Plan]], former: Mapping[int, Plan], most: float, fixed: Mapping[int, Plan]) -> Mapping[int, Plan]:
    """Among choices whose objective is at most `most`, the one that changes the fewest of the former plans, and of these the best.

    How many can be kept is looked for by halves, since a limit on the objective itself makes the problem far harder than one on the plans that are kept.
    """
    problem, scale = _Problem(schedule, plans, fixed), _scale(schedule)

    def kept(plan: Plan) -> int:
        return int(former.get(plan.patient) == plan)

    def near(least: int) -> Mapping[int, Plan] | None:
        """The best choice that keeps at least so many, where it is near enough."""
        found = problem.solved(lambda plan: scale * _change(schedule, plan) - _free(schedule, plan), (lambda plan: -kept(plan), -float(least)))[0]
        return found if objective_of(schedule, found) <= most else None

    least, stride = sum(map(kept, problem.solved(lambda plan: -kept(plan))[0].values())), 1
    too_many = least + 1
    while (chosen := near(least)) is None:
        too_many, least, stride = least, max(0, least - stride), 2 * stride
    while too_many - (least := sum(map(kept, chosen.values()))) > 1:
        middle = (too_many + least) // 2
        if (other := near(middle)) is None:
            too_many = middle
        else:
            chosen = other
    return chosen


def _change(schedule: Schedule, plan: Plan) -> int:
    """By how much a plan changes the objective of the choice in which nobody has one."""
    patient = schedule.patients[plan.patient]
    return cost_of(plan, patient) - unserved_cost(schedule, patient)


def _free(schedule: Schedule, plan: Plan) -> int:
    """1 for the plan of a patient without urgency, who counts for nothing in the objective and is served where nobody else goes without for it."""
    return int(schedule.patients[plan.patient].urgency == 0)


def _scale(schedule: Schedule) -> int:
    """By how much the objective is multiplied, so that all who count for nothing together weigh less than 1 of it."""
    return 1 + sum(patient.urgency == 0 for patient in schedule.patients)


class _Problem:
    """The rows and columns of a case."""

    def __init__(self, schedule: Schedule, plans: Sequence[Sequence[Plan]], fixed: Mapping[int, Plan]) -> None:
        self.schedule = schedule
        self.columns = [plan for some in plans for plan in some]
        self.least = [float(fixed.get(plan.patient) == plan) for plan in self.columns]
        self.rows: list[list[int]] = []
        self.most: list[float] = []
        by_patient: dict[int, list[int]] = defaultdict(list)
        by_need: dict[Need, list[int]] = defaultdict(list)
        for column, plan in enumerate(self.columns):
            by_patient[plan.patient].append(column)
            for need in needs_of(plan, schedule.patients[plan.patient]):
                by_need[need].append(column)
        for columns in by_patient.values():
            self._row(columns, 1)
        for need, columns in by_need.items():
            if len({self.columns[column].patient for column in columns}) > capacity_of(schedule, need):
                self._row(columns, capacity_of(schedule, need))

    def _row(self, columns: list[int], most: int) -> None:
        self.rows.append(columns)
        self.most.append(float(most))

    def solved(self, cost: Callable[[Plan], int], limit: tuple[Callable[[Plan], int], float] | None = None) -> tuple[dict[int, Plan], float]:
        """The cheapest choice by patient, and the bound of the solver; `limit` is a sum over plans that may not be exceeded."""
        if not self.columns:
            return {}, 0.0
        places = [(row, column, 1.0) for row, columns in enumerate(self.rows) for column in columns]
        most = list(self.most)
        if limit is not None:
            each, sum_of_all = limit
            places += [(len(most), column, float(each(plan))) for column, plan in enumerate(self.columns)]
            most.append(sum_of_all)
        rows, columns, values = zip(*places, strict=True)
        matrix = csr_array((np.asarray(values), (np.asarray(rows), np.asarray(columns))), shape=(len(most), len(self.columns)))
        found = milp(
            np.asarray([float(cost(plan)) for plan in self.columns]),
            integrality=np.ones(len(self.columns)),
            bounds=Bounds(np.asarray(self.least), np.ones(len(self.columns))),
            constraints=LinearConstraint(matrix, -np.inf, np.asarray(most)),
            options={"mip_rel_gap": 0.0},
        )
        if found.x is None:
            raise NotSolvedError(str(found.message))
        chosen = {plan.patient: plan for plan, used in zip(self.columns, found.x, strict=True) if used > 1 / 2}
        return chosen, float(found.mip_dual_bound if found.mip_dual_bound is not None else found.fun)
