"""The clock of a case's alarms: when the next step of a call is due, and until when somebody must have looked.

Main job: `set_clock(unit, case, rules)` queues the moment in the transaction of the events from which it follows, so that it survives whatever ends the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from baybridge.documents.escalation import Escalation, EscalationStep, span
from baybridge.journey import look_now
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.node.consequences import queue

if TYPE_CHECKING:
    from baybridge.node.unit import Unit

#: The kind of consequence.
KIND = "alarm-clock"

#: The step that acknowledging does not stop.
LAST = "programme_director"


def steps_left(call: Call, rules: Escalation) -> Sequence[EscalationStep]:
    """The steps of a call that nobody was told of yet and that still run: none once the team has come; only the last once it is acknowledged."""
    if not call.is_open:
        return ()
    told = {entry.event.step for entry in call.notified}
    return [step for step in rules.steps if step.to not in told and (call.acknowledged is None or step.to == LAST)]


def set_clock(unit: Unit, case: Case, rules: Escalation) -> None:
    """The clock of a case as it now stands, in place of the earlier one."""
    name = f"clock/{case.case_id}"
    unit.follows[:] = [one for one in unit.follows if one.consequence_id != name]
    at = next_due(case, unit.site.node, rules)
    if at is None:
        queue.forget(unit.connection, name)
    else:
        unit.follow(KIND, case.case_id, not_before=at.astimezone(UTC), consequence_id=name)


def next_due(case: Case, node: str, rules: Escalation) -> datetime | None:
    """When something is due next: a step of a call, or a call because nobody looked; None where nothing is."""
    own = [call for call in case.rapid_responses if call.called.origin.node == node]
    times = [call.called.event.called_at + span(step.after) for call in own for step in steps_left(call, rules)]
    looked_by = look_now.due_at(case, node, span(rules.look_now_within)) if case.alive else None
    return min([*times, *([looked_by] if looked_by is not None else [])], default=None)
