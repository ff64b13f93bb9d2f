"""Calls whose cause was corrected or withdrawn: they stay, say so, and ask a physician to close or keep them.

Main job: `withdrawn_causes`, a consequence of every corrected or deleted resource, of records that were unlinked, and of corrected entries. For each call of this node
that nobody closed, the moments at which its signs were seen are looked at again by what is known now; where none of its signs is left, nor stands now, the case says so.

A call that an entered assessment raised is closed by the node itself (`again.py`): there the entry says what happened. Here a machine or another house took a value back,
and the patient may be ill all the same. **Source**: contract K1, K2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from baybridge.journey.calls import Call
from baybridge.journey.case import Case, fold
from baybridge.journey.events import CallCauseWithdrawn, EntryCorrected, IdentityUndone, SignAdded
from baybridge.journey.look_now import LATE
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.upkeep import projections
from baybridge.node.watch import signs

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_Looking = Callable[[datetime], signs.Look]


def withdrawn_causes(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Say of each call whose signs are gone that its cause was withdrawn; done twice, it says it once."""
    case = fold(unit.events(consequence.case_id))
    waiting = [call for call in case.rapid_responses if call.closed is None and call.withdrawn is None and call.called.origin.node == node.site.node]
    if not waiting:
        return
    resources = node.outside_record(unit.connection, case, unit.at)
    gone = [call for call in waiting if not _stands(case, call, unit.at, lambda at: signs.look(node, case, resources, at, current=False))]
    if gone:
        events = [CallCauseWithdrawn(call_id=call.call_id, because=consequence.resources) for call in gone]
        unit.append(consequence.case_id, events, node.system(), known=len(unit.events(consequence.case_id)))
        projections.project(unit, consequence.case_id)


WITHDRAWN_CAUSES = ConsequenceRow(
    "withdrawn-causes", Lane.CASE, withdrawn_causes, after=frozenset({EntryCorrected, IdentityUndone}), of_records="corrected"
)


def _stands(case: Case, call: Call, now: datetime, look: _Looking) -> bool:
    """Whether a sign of the call is still there, of a moment at which one was seen or now; one that nobody saw, or that named no moment, cannot be gone."""
    if LATE in call.codes:
        return True
    moments = list(_moments(case, call))
    return not moments or any(look(at).seen.levels.keys() & set(call.codes) for at in (*moments, now))


def _moments(case: Case, call: Call) -> Iterator[datetime]:
    if call.called.event.seen_at is not None:
        yield call.called.event.seen_at
    yield from (e.event.seen_at for e in case.of(SignAdded) if e.event.call_id == call.call_id and e.event.seen_at is not None)
