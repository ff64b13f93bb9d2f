"""One unit of work on a case: what a command decided, or what a package of another node brought, done in one transaction.

Main job: `carry_out(node, unit, work)` queues the parcels, appends the events, keeps the decisions that they cite, does what belongs to them, and brings the
projections up to date. Commands (`handle.py`), packages and receipts (`neighbours/transfers.py`) all end here.

A projection (FHIR rendering, index) that fails is recorded and tried again by the worker; it never undoes what happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baybridge.node.commands.done import Done, rests_on
from baybridge.node.intake import cards, identity
from baybridge.node.neighbours import packing, proposals
from baybridge.node.people import reads, requests
from baybridge.node.unit import Brought, Unit, Work
from baybridge.node.upkeep import projections
from baybridge.node.watch import watching

if TYPE_CHECKING:
    from baybridge.node.node import Node

__all__ = ["Brought", "Work", "carry_out"]

#: What is part of the write itself: proposed cases filed, linked records brought in or asked about, cards made, a case opened in an emergency,
#: what the answer to a person's request grants, and the call for a sign that was just entered. What only follows from it is queued (`consequences/`).
_FOLLOW_UPS = (proposals.follow_up, identity.follow_up, cards.follow_up, reads.follow_up, requests.follow_up, watching.follow_up)


def carry_out(node: Node, unit: Unit, work: Work) -> Done:
    """Write what was decided; the events that now stand, and the decisions that were kept."""
    said = work.verdict.events
    recorded = unit.append(work.case_id, said, work.actor, known=work.known, command_id=work.command_id, event_ids=work.verdict.event_ids)
    sent = [packing.send(node, unit, work.case_id, parcel) for parcel in work.verdict.parcels]  # with what was just said
    known, part = work.known + len(said), len(said)
    recorded += unit.append(work.case_id, sent, work.actor, known=known, command_id=work.command_id, part=part)
    kept = [unit.keep_decision(work.case_id, made) for sha256, made in work.made.items() if rests_on((*said, *sent), sha256)]
    for follow_up in _FOLLOW_UPS:
        follow_up(node, unit, work, recorded)
    projections.project(unit, work.case_id)
    return Done(work.case_id, tuple(recorded), tuple(kept))
