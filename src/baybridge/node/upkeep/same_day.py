"""A slot that is taken, freed or told of: the tasks of every case that holds one of the same day are worked out again.

Main job: `SAME_DAY`, a consequence. Whoever is told of too many slots stands in `attention.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from baybridge.journey import events as ev
from baybridge.node import tables
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.upkeep import slots

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


def _others_of_the_day(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Mark the tasks of cases that hold a slot of a day which this case holds or held, from today on."""
    today = unit.at.astimezone(node.site.zone).date()
    reserved = (entry.event for entry in unit.case(consequence.case_id).history if isinstance(entry.event, ev.SlotReserved))
    days = {event.collection_on for event in reserved if event.collection_on >= today}
    cases = {slot.case_id for day in days for slot in slots.held_on(unit.connection, day)}
    if cases:
        index = tables.case_index
        unit.connection.execute(update(index).where(index.c.case_id.in_(sorted(cases))).values(tasks_stale=True))


SAME_DAY = ConsequenceRow(
    "same-day",
    Lane.LATER,
    _others_of_the_day,
    after=frozenset({ev.SlotReserved, ev.PackageReceived, ev.EntryCorrected, ev.ProductRejected, ev.QuarantineResolved, ev.Died}),
)
