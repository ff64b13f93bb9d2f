"""Calls whose cause was corrected or withdrawn: they stay, say so, and ask a physician to close or keep them.

Main job: `withdrawn_causes`, a consequence of every corrected or deleted resource, of records that were unlinked, and of corrected entries. For each call of this node
that nobody closed, everything that can have been its cause is looked at again by what is known now (`cause_stands`); where none of its signs is left, the case says so.
A call of which one cause is left goes on, and its clock with it.

A call that an entered assessment raised is closed by the node itself (`again.py`): there the entry says what happened. Here a machine or another house took a value back,
and the patient may be ill all the same. **Source**: contract K1, K2.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from baybridge.facts.measurement import taken_at
from baybridge.journey import look_now
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.events import CallCauseWithdrawn, EntryCorrected, EntryReinstated, IdentityUndone, RapidResponseCalled, SignAdded
from baybridge.journey.look_now import LATE
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.upkeep import projections
from baybridge.node.watch import signs
from baybridge.node.watch.arrival import record_in_time
from baybridge.node.watch.moments import worth_a_look

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

def withdrawn_causes(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Say of each call whose signs are gone that its cause was withdrawn; done twice, it says it once."""
    case = unit.case(consequence.case_id)
    waiting = [call for call in case.rapid_responses if call.closed is None and call.withdrawn is None and call.called.origin.node == node.site.node]
    if not waiting:
        return
    gone = [call for call in waiting if not cause_stands(node, unit, case, call)]
    if gone:
        events = [CallCauseWithdrawn(call_id=call.call_id, because=consequence.resources) for call in gone]
        unit.append(consequence.case_id, events, node.system(), known=len(unit.events(consequence.case_id)))
        projections.project(unit, consequence.case_id)


WITHDRAWN_CAUSES = ConsequenceRow(
    "withdrawn-causes", Lane.CASE, withdrawn_causes, after=frozenset({EntryCorrected, EntryReinstated, IdentityUndone}), of_records="corrected"
)


def cause_stands(node: Node, unit: Unit, case: Case, call: Call) -> bool:
    """Whether a sign for which a call was made, or that joined it, is still there by what is known now.

    Looked at are the moments at which it was seen, those of every other entry of its time, and now. One that nobody saw, or that named no moment, cannot be gone.
    """
    if LATE in call.fresh and look_now.asked_before(case, call, node.site.node):
        return True
    moments = list(_seen(case, call))
    if not moments:
        return True
    resources = record_in_time(unit, case, node.dictionary)
    entered = (entry.event.assessed_at for entry in case.assessments)
    observed = (at for at in map(taken_at, resources.all) if at is not None)
    since = _since(case, call, min(moments))
    others = worth_a_look(node, resources, (at for at in (*entered, *observed) if since < at <= unit.at))
    return any(signs.look(node, case, resources, at, current=False).seen.levels.keys() & call.fresh for at in (*moments, *others, unit.at))


def _seen(case: Case, call: Call) -> Iterator[datetime]:
    """The moments at which signs of a call were seen."""
    told = [(one.event.call_id or one.origin.event_id, one.event.seen_at) for one in case.of(RapidResponseCalled)]
    told += [(one.event.call_id, one.event.seen_at) for one in case.of(SignAdded)]
    yield from (seen_at for name, seen_at in told if name in call.names and seen_at is not None)


def _since(case: Case, call: Call, first: datetime) -> datetime:
    """From when entries can be the cause of a call: after the call before it was answered, and no more than a day before it was seen."""
    answered = [end.origin.at for one in case.rapid_responses for end in (one.arrived, one.closed) if one is not call and not one.mistaken and end is not None]
    return max([first - timedelta(days=1), *(at for at in answered if at < first)])
