"""What a command is judged by: who may give it, and the situation that its rule sees.

Main job: `may(node, kind, command, case)` and `situate(node, unit, kind, case, command)`; `handle.py`, transfers, previews of buttons and decisions that
are made again all judge by these.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.funding.payer.worklist import payers_in
from baybridge.journey.case import Case
from baybridge.journey.command import Command, Situation
from baybridge.journey.proposals import waits
from baybridge.node.commands.deciding import Deciding, LazyFacts, decided_at
from baybridge.node.commands.table import GATES, CommandRow
from baybridge.node.corrections.making import making
from baybridge.node.people import helping
from baybridge.node.watch.bedside import watch_of

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


def may(node: Node, kind: CommandRow, command: Command, case: Case | None, *, again: bool = False) -> Refusal | None:
    """Whether this actor may give this command here, now; `again` where it was given before, and the case that it opens is there."""
    reasons = []
    actor = command.actor
    refusal = helping.may_case(node, "case.command", actor, case, payers_of(node, case))
    if refusal is not None and not kind.unrelated and not (kind.opens and actor.organisation == node.site.organisation):
        return refusal
    if actor.role not in kind.roles and actor.role.value not in ("system", "node"):
        roles = ", ".join(sorted(role.value for role in kind.roles))
        reasons.append(Reason("access.command", {"command": kind.name, "roles": roles, "role": actor.role.value}))
        return refuse(*reasons, category=Category.FORBIDDEN)
    if kind.kinds and not kind.kinds & node.site.kinds:
        return refuse(Reason("access.node_kind", {"command": kind.name, "kinds": ", ".join(sorted(kind.kinds))}), category=Category.FORBIDDEN)
    if case is None and not kind.opens:
        return refuse(Reason("command.no_case"), category=Category.NOT_FOUND)
    if case is not None and waits(case) and kind.step != "proposed":
        return refuse(Reason("command.proposed"), category=Category.CONFLICT)
    if case is not None and kind.opens and not again:
        return refuse(Reason("command.case_exists"), category=Category.CONFLICT)
    return None


def payers_of(node: Node, case: Case | None) -> frozenset[str]:
    """Payers that were asked about a case, claimed from, or refund under its agreement, and may therefore see their part of its funding."""
    return payers_in(case, node.documents.typed.plans) if case else frozenset()


def situate(node: Node, unit: Unit, kind: CommandRow, case: Case, command: Command, *, settle: bool = True) -> tuple[Deciding, Situation]:
    """The situation in which a command is judged, and the memory of decisions made in it."""
    filed = unit.record(case)
    facts = LazyFacts(lambda: node.fact_set(unit.connection, case, unit.at, filed))
    deciding = Deciding(node.policies, facts, command.case_id, unit.at, settle=settle)
    record = node.record_material(unit.connection, kind.needs, case, unit.at, filed)
    if "making" in kind.needs:
        record = replace(record, making=making(node, unit, deciding))
    situation = Situation(
        case=case,
        facts=facts,
        now=unit.at,
        actor=command.actor,
        site=node.site,
        neighbours={name: neighbour.site for name, neighbour in node.neighbours.items()},
        decide=deciding.decide,
        documents=node.documents.typed,
        new_id=unit.new_id,
        gates=GATES,
        record=record,
        watch=watch_of(node, case, unit.at, filed, deciding),
        decide_at=decided_at(node, unit, case, filed, deciding),
    )
    return deciding, situation


def also_blocked(node: Node, unit: Unit, kind: CommandRow, case: Case, command: Command, unread: Refusal) -> Refusal:
    """What is wrong with the input, and what stands against the command whatever its input: every reason at once."""
    _, situation = situate(node, unit, kind, case, command)
    return Refusal(unread.category, (*unread.reasons, *kind.blocked(situation)))
