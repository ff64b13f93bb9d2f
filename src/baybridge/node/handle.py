"""The only way in: authorise, load, check, decide, append, then project.

Main job: `handle(node, command)` answers `Done` with the events that now stand, or a `Refusal` with every reason. Page, command line and HTTP all come
through here. A package of another node is no command: it is opened, checked and judged in `neighbours/transfers.py`; what it brings is written by the same
unit of work (`work.py`) as what a command decided.

A command whose `command_id` was handled before answers what it answered then; with other content it is a conflict.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.case import Case
from baybridge.journey.command import Command
from baybridge.ledger import streams
from baybridge.node.commands import signing
from baybridge.node.commands.done import Done, done_before, keep_given
from baybridge.node.commands.given import read_given
from baybridge.node.commands.judging import also_blocked, may
from baybridge.node.commands.table import COMMANDS, CommandRow
from baybridge.signing.confirming import ConfirmEntry

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


def handle(node: Node, command: Command) -> Done | Refusal:
    """Do what a command asks, or answer every reason why not."""
    try:
        return _handle(node, command)
    except streams.StreamConflictError:
        return refuse(Reason("command.changed_meanwhile"), category=Category.CONFLICT)


def _handle(node: Node, command: Command) -> Done | Refusal:
    if command.name not in COMMANDS:
        known = ", ".join(sorted(COMMANDS))
        return refuse(Reason("command.unknown", {"command": command.name, "known": known}), category=Category.NOT_FOUND)
    with node.unit() as unit:
        return handle_in(node, unit, command)


def handle_in(node: Node, unit: Unit, command: Command) -> Done | Refusal:
    """The same within a unit of work that does more; StreamConflictError where somebody else was faster."""
    kind = COMMANDS[command.name]
    command = replace(command, actor=command.actor.acting(kind.roles))
    given = read_given(kind, command.given)
    if kind.names_case and (named := getattr(given, "case", "")):
        command = replace(command, case_id=named)
    if isinstance(given, ConfirmEntry) and not unit.events(command.case_id):  # a case that is named and another one is told so by the rule
        command = replace(command, case_id=signing.case_of(unit.connection, given.confirmation_id) or command.case_id)
    repeated = streams.by_command(unit.connection, command.command_id)
    if repeated and kind.opens:  # the caller may not know the case that its first try opened
        command = replace(command, case_id=streams.case_of(unit.connection, repeated[0]) or command.case_id)
    events, case = unit.known(command.case_id)
    refusal = may(node, kind, command, case if case.entries or case.unread else None, again=bool(repeated))
    if refusal is not None:
        return refusal
    if repeated:
        return done_before(unit, command, given, events, repeated)
    if isinstance(given, Refusal):
        return also_blocked(node, unit, kind, case, command, given)
    done = _decide_and_append(node, unit, kind, command, case, given, len(events))
    keep_given(unit, command, given)
    return done


def _decide_and_append(node: Node, unit: Unit, kind: CommandRow, command: Command, case: Case, given: object, known: int) -> Done | Refusal:
    done = signing.decided(node, unit, kind, command, case, given, known)
    if isinstance(done, Refusal) or not isinstance(given, ConfirmEntry) or not given.agrees:
        return done
    return signing.confirm(node, unit, command, case, given, known)
