"""Why a patient has no plan, and what would give one.

Main job: `why_unserved(schedule, place, plans, chosen)`: what no date within the horizon can mend, else what is full in the plan that lacks the fewest units beside what
the others take, the earliest infusion first. One more of each that is named would serve.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from baybridge.base.outcome import Reason
from baybridge.planning.plans import Need, Plan, capacity_of, cost_of, needs_of, unserved_cost
from baybridge.planning.written import Schedule


def why_unserved(schedule: Schedule, place: int, plans: Sequence[Plan], chosen: Mapping[int, Plan]) -> list[Reason]:
    """The reasons, each with what would serve."""
    if not plans:
        return [_impossible(schedule, place)]
    patient = schedule.patients[place]
    without = unserved_cost(schedule, patient)
    worth = [plan for plan in plans if cost_of(plan, patient) < without or not patient.urgency]
    if not worth:
        soonest = min(plans, key=lambda plan: plan.infusion)
        return [Reason("planning.costs_more", {"weeks": soonest.infusion - patient.ready, "penalty": schedule.unserved_penalty})]
    taken: Counter[Need] = Counter(need for other, plan in chosen.items() for need in needs_of(plan, schedule.patients[other]))
    lacking = [(plan, [need for need in needs_of(plan, patient) if taken[need] >= capacity_of(schedule, need)]) for plan in worth]
    _, lacks = min(lacking, key=lambda one: (len(one[1]), one[0].infusion, one[0].collection))
    return [Reason(f"planning.full.{kind}", {"where": where, "week": schedule.monday(week).isoformat()}) for kind, where, week in lacks]


def _impossible(schedule: Schedule, place: int) -> Reason:
    """What leaves a patient without any plan, whatever is free."""
    patient = schedule.patients[place]
    plants = [plant.id for plant in schedule.plants.values() if plant.product == patient.product]
    if not patient.centres:
        return Reason("planning.no_centre")
    if not plants:
        return Reason("planning.no_plant", {"product": patient.product})
    leads = [lead for centre in patient.centres for plant in plants if (lead := schedule.lead_weeks(centre, plant)) is not None]
    if not leads:
        return Reason("planning.no_way")
    if patient.latest < 0:
        return Reason("planning.window_over")
    return Reason("planning.too_late", {"needed": max(patient.ready, 0) + min(leads) + patient.bed_weeks, "weeks": schedule.weeks})
