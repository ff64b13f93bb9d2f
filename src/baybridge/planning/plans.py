"""Every plan that a patient could have: where collected and made, in which week collected and infused.

Main job: `plans_of(schedule)`, by patient, each within the windows, ways and horizon of the case; what the plans take of centres and plants is `needs_of`.
**Units**: weeks from week 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from baybridge.planning.written import Patient, Schedule

Kind = Literal["chairs", "starts", "beds", "icu"]
#: One unit of one capacity in one week: (kind, centre or plant, week).
Need = tuple[Kind, str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """One way through for one patient."""

    patient: int  # place in the case
    centre: str
    plant: str
    collection: int
    infusion: int


def plans_of(schedule: Schedule) -> list[list[Plan]]:
    """By patient, in order of infusion, then of collection, then as centres and plants are written."""
    return [sorted(_plans(schedule, place, patient), key=lambda plan: (plan.infusion, plan.collection)) for place, patient in enumerate(schedule.patients)]


def _plans(schedule: Schedule, place: int, patient: Patient) -> Iterator[Plan]:
    for centre in patient.centres:
        for plant in schedule.plants.values():
            lead = schedule.lead_weeks(centre, plant.id) if plant.product == patient.product else None
            if lead is None:
                continue
            for collection in range(max(patient.ready, 0), min(patient.latest, schedule.weeks - 1) + 1):
                for infusion in range(collection + lead, collection + lead + schedule.max_hold_weeks + 1):
                    if infusion + patient.bed_weeks <= schedule.weeks:
                        yield Plan(place, centre, plant.id, collection, infusion)


def needs_of(plan: Plan, patient: Patient) -> list[Need]:
    """What a plan takes, one unit each."""
    beds: list[Need] = [("beds", plan.centre, week) for week in range(plan.infusion, plan.infusion + patient.bed_weeks)]
    severe: list[Need] = [("icu", plan.centre, plan.infusion)] if patient.severe else []
    return [("chairs", plan.centre, plan.collection), ("starts", plan.plant, plan.collection), *beds, *severe]


def capacity_of(schedule: Schedule, need: Need) -> int:
    """How many units there are."""
    kind, where, week = need
    if kind == "starts":
        return schedule.plants[where].starts[week]
    centre = schedule.centres[where]
    return {"chairs": centre.chairs, "beds": centre.beds, "icu": centre.icu}[kind][week]


def cost_of(plan: Plan, patient: Patient) -> int:
    """Urgency times the weeks from the week in which the patient is ready to infusion."""
    return patient.urgency * (plan.infusion - patient.ready)


def unserved_cost(schedule: Schedule, patient: Patient) -> int:
    """What it counts that a patient has no plan."""
    return patient.urgency * schedule.unserved_penalty


def objective_of(schedule: Schedule, chosen: Mapping[int, Plan]) -> int:
    """The objective of a choice: plans of patients by their place, the others without one."""
    return sum(
        cost_of(chosen[place], patient) if place in chosen else unserved_cost(schedule, patient) for place, patient in enumerate(schedule.patients)
    )
