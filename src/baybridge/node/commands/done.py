"""What the node answers when a command was done.

Main job: `Done`, and `done_before` for a command that comes again: the same content is answered the same, other content under the same id is a conflict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Command
from baybridge.journey.events import Event, Recorded
from baybridge.ledger import streams
from baybridge.node.commands.table import EVENTS
from baybridge.node.tables import command_given

if TYPE_CHECKING:
    from baybridge.node.unit import Unit

#: Fields by which events point to decisions.
_CITES = ("decision_sha256", "quote_sha256", "new_decision_sha256")


@dataclass(frozen=True, slots=True)
class Done:
    """What now stands: the case, the events that were appended, the decisions they rest on."""

    case_id: str
    events: tuple[Recorded, ...]
    decisions: tuple[str, ...] = ()


def keep_given(unit: Unit, command: Command, given: object) -> None:
    """Keep a keyed digest of what a command asked, where it led to events."""
    if any(streams.by_command(unit.connection, command.command_id)):
        unit.connection.execute(insert(command_given).values(command_id=command.command_id, digest=_digest(unit, command, given)))


def _digest(unit: Unit, command: Command, given: object) -> str:
    """Of who asked and of the input as it was read, so that the order of its fields and what was left out do not matter."""
    content = command.given if isinstance(given, Refusal) else given
    plain = msgspec.to_builtins(content)
    return unit.pseudonym(sha256_hex(canonical_bytes({"account": command.actor.account, "command": command.name, "given": plain})))


def done_before(unit: Unit, command: Command, given: object, events: Sequence[Recorded], repeated: Sequence[str]) -> Done | Refusal:
    """What a command answered the first time; a conflict where its id was used on another case, or for something else."""
    case_id = command.case_id
    found = tuple(event for event in events if event.event_id in repeated)
    if not found:
        return refuse(Reason("command.id_used"), category=Category.CONFLICT)
    table = command_given
    kept = unit.connection.execute(select(table.c.digest).where(table.c.command_id == command.command_id)).scalar()
    if kept is not None and kept != _digest(unit, command, given):  # a command of an earlier version kept none
        return refuse(Reason("command.id_content"), category=Category.CONFLICT)
    refusal = next((refuses(item.event) for item in found if (refuses := EVENTS[type(item.event)].refuses)), None)
    if refusal is not None:
        return refusal
    decisions = dict.fromkeys(sha256 for item in found for name in _CITES if (sha256 := getattr(item.event, name, None)))
    return Done(case_id, found, tuple(decisions))


def rests_on(events: Sequence[Event], sha256: str) -> bool:
    """Whether one of the events points to a decision."""
    return any(getattr(event, name, None) == sha256 for event in events for name in _CITES)
