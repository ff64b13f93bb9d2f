"""What the node answers when a command was done.

Main job: `Done`, and `done_before` for a command that comes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.events import Event, Recorded
from baybridge.node.commands.table import EVENTS

#: Fields by which events point to decisions.
_CITES = ("decision_sha256", "quote_sha256", "new_decision_sha256")


@dataclass(frozen=True, slots=True)
class Done:
    """What now stands: the case, the events that were appended, the decisions they rest on."""

    case_id: str
    events: tuple[Recorded, ...]
    decisions: tuple[str, ...] = ()


def done_before(case_id: str, events: Sequence[Recorded], repeated: Sequence[str]) -> Done | Refusal:
    """What a command answered the first time; a conflict where its id was used on another case."""
    found = tuple(event for event in events if event.event_id in repeated)
    if not found:
        return refuse(Reason("command.id_used"), category=Category.CONFLICT)
    refusal = next((refuses(item.event) for item in found if (refuses := EVENTS[type(item.event)].refuses)), None)
    if refusal is not None:
        return refusal
    decisions = dict.fromkeys(sha256 for item in found for name in _CITES if (sha256 := getattr(item.event, name, None)))
    return Done(case_id, found, tuple(decisions))


def rests_on(events: Sequence[Event], sha256: str) -> bool:
    """Whether one of the events points to a decision."""
    return any(getattr(event, name, None) == sha256 for event in events for name in _CITES)
