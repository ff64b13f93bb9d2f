"""Slots that are held on a day: what a new one is counted against.

Main job: `HeldSlot`, and `held_slot(case)`, the slot of a case that still leads to an infusion. Elsewhere: gathering those of every case of a node in
`node/upkeep/slots.py`, the capacity of centres and plants in the directory (`documents/organisations.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from baybridge.journey.case import Case
from baybridge.journey.conditions import therapy_event_open


@dataclass(frozen=True, slots=True)
class HeldSlot:
    """A collection day at a centre and a start at a plant that one case holds, whichever node reserved it."""

    case_id: str
    centre: str
    plant: str
    on: date


def held_slot(case: Case) -> HeldSlot | None:
    """The slot that a case holds; None where it has none, the patient died, or the therapy event is over."""
    slot = case.slot
    if slot is None or not case.alive or not therapy_event_open(case):
        return None
    return HeldSlot(case.case_id, slot.origin.node, slot.event.plant_node, slot.event.collection_on)
