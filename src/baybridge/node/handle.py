"""The only way in: authorise, load, check, decide, append, then project.

Main job: `handle(node, command)` answers `Done` with the events that now stand, or a `Refusal` with every reason. Page, command line, HTTP and packages of
other nodes all come through here.

A command whose `command_id` was handled before answers what it answered then. A projection (FHIR rendering, tasks) that fails is recorded and
retried by the worker; it never undoes what happened.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Command
from baybridge.journey.judged import Judged
from baybridge.ledger import streams
from baybridge.node.commands import reopening
from baybridge.node.commands.done import Done, done_before, rests_on
from baybridge.node.commands.given import read_given
from baybridge.node.commands.judging import also_blocked, may, situate
from baybridge.node.commands.table import COMMANDS, CommandRow
from baybridge.node.intake import cards, identity
from baybridge.node.neighbours import proposals, transfers
from baybridge.node.people import reads
from baybridge.node.upkeep import projections

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

#: What follows a command in the same transaction: decisions made again, linked records brought in, cards made, a case opened in an emergency.
_FOLLOW_UPS = (proposals.follow_up, reopening.follow_up, identity.follow_up, cards.follow_up, reads.follow_up)


def handle(node: Node, command: Command) -> Done | Refusal:
    """Do what a command asks, or answer every reason why not."""
    try:
        return transfers.send(node, command) if command.name == "Transfer" else _handle(node, command)
    except streams.StreamConflictError:
        return refuse(Reason("command.changed_meanwhile"), category=Category.CONFLICT)


def _handle(node: Node, command: Command) -> Done | Refusal:
    kind = COMMANDS.get(command.name)
    if kind is None:
        known = ", ".join(sorted(COMMANDS))
        return refuse(Reason("command.unknown", {"command": command.name, "known": known}), category=Category.NOT_FOUND)
    given = read_given(kind, command.given)
    if kind.names_case and not isinstance(given, Refusal) and given.case:
        command = replace(command, case_id=given.case)
    with node.unit() as unit:
        repeated = streams.by_command(unit.connection, command.command_id)
        if repeated and kind.opens:  # the caller may not know the case that its first try opened
            command = replace(command, case_id=streams.case_of(unit.connection, repeated[0]) or command.case_id)
        events = unit.events(command.case_id)
        case = fold(events)
        refusal = may(node, kind, command, case if events else None, again=bool(repeated))
        if refusal is not None:
            return refusal
        if repeated:
            return done_before(command.case_id, events, repeated)
        if isinstance(given, Refusal):
            return also_blocked(node, unit, kind, case, command, given)
        return _decide_and_append(node, unit, kind, command, case, given, len(events))


def _decide_and_append(node: Node, unit: Unit, kind: CommandRow, command: Command, case: Case, given: Any, known: int) -> Done | Refusal:
    deciding, situation = situate(node, unit, kind, case, command)
    verdict = kind.rule(situation, given)
    unit.step("write.decided")
    if isinstance(verdict, Refusal):
        return verdict
    events = verdict.events if isinstance(verdict, Judged) else verdict
    for document in verdict.decisions if isinstance(verdict, Judged) else ():
        deciding.keep(document)
    recorded = unit.append(command.case_id, events, command.actor, known=known, command_id=command.command_id)
    kept = [unit.keep_decision(command.case_id, made) for sha256, made in deciding.made.items() if rests_on(events, sha256)]
    projections.project(unit, command.case_id)
    for follow_up in _FOLLOW_UPS:
        follow_up(node, unit, command, recorded)
    unit.step("write.before_commit")
    return Done(command.case_id, tuple(recorded), tuple(kept))
