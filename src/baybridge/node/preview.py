"""Preview: what a command would answer now, without doing it.

Main job: the sentence that would refuse a command is the tooltip of its disabled button; `would(node, case, actor, …)` judges with the same rules in a reading
transaction, so that page and `handle` cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from baybridge.base.outcome import Refusal
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Command
from baybridge.node import handle, transfers
from baybridge.node.clock import new_id
from baybridge.node.commands import COMMANDS
from baybridge.node.unit import Unit

if TYPE_CHECKING:
    from baybridge.node.node import Node


def would(node: Node, case: Case, actor: Actor, wanted: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Refusal | None]:
    """For each (command, input): the refusal it would meet now, or None where it would be done."""
    with node.storage.reading() as connection:
        unit = Unit(connection, node.site, node.now(), lambda: new_id(node.now), node.pseudonym, lambda _name: None)
        return [_one(node, unit, case, actor, name, given) for name, given in wanted]


def _one(node: Node, unit: Unit, case: Case, actor: Actor, name: str, given: Mapping[str, Any]) -> Refusal | None:
    kind = COMMANDS[name]
    command = Command(name, case.case_id, given, actor, "preview")
    refusal = handle.may(node, kind, command, case)
    if refusal is not None:
        return refusal
    read = handle.read_given(kind, given)
    if isinstance(read, Refusal):
        return None  # the form asks for the rest
    _, situation = handle.situate(node, unit, kind, case, command)
    if name == "Transfer":
        return transfers.preview(situation, read)
    verdict = kind.rule(situation, read)
    return verdict if isinstance(verdict, Refusal) else None
