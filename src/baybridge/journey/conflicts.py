"""What another node told differently from what holds here.

Main job: `conflicts_of(case)`, over the values of which a case can have only one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.held import Conflict

E = TypeVar("E", bound=ev.Event)


def _differing(case: Case, field: str, kind: type[E], value: Callable[[E], object]) -> Iterator[Conflict]:
    kept = case.last(kind)
    if kept is None or kept.origin.told:
        return
    for entry in case.of(kind):
        if entry.origin.told and value(entry.event) != value(kept.event):
            yield Conflict(field, kept.origin, entry.origin)


def conflicts_of(case: Case) -> tuple[Conflict, ...]:
    """Each told value that differs from the one that was recorded here."""
    return (
        *_differing(case, "patient_id", ev.CaseOpened, lambda event: event.patient_id),
        *_differing(case, "residence", ev.CaseOpened, lambda event: event.residence),
        *_differing(case, "product", ev.ProductChosen, lambda event: event.product),
        *_differing(case, "slot", ev.SlotReserved, lambda event: (event.chain_of_identity, event.collection_on, event.plant_node)),
        *_differing(case, "died_on", ev.Died, lambda event: event.died_on),
    )
