"""The slots that this node knows of, over all its cases.

Main job: `held_on(connection, day)`, read within the transaction in which a slot is reserved: a writer holds the node's one lock, so that two slots cannot both
take the last place. A slot that another node reserved counts as soon as it was told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection

from baybridge.journey.events import PackageReceived, SlotReserved
from baybridge.journey.held_slots import HeldSlot, held_slot
from baybridge.ledger import streams
from baybridge.node.people import reads

_KINDS = (SlotReserved.__name__, PackageReceived.__name__)


def held_on(connection: Connection, day: date) -> Sequence[HeldSlot]:
    """Every slot of a day that is held, by case; only cases are folded in which an event names the day."""
    named = day.isoformat().encode()
    stored = streams.of_types(connection, _KINDS, having=_KINDS, since="")
    cases = dict.fromkeys(one.case_id for one in stored if named in one.body)
    slots = (held_slot(reads.fold_case(connection, case_id)) for case_id in cases)
    return [slot for slot in slots if slot is not None and slot.on == day]
