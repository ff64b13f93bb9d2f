"""Reopening: a corrected result makes again what rested on it, and tells who received it.

Main job: `reopen(node, unit, case_id, changed, …)`: every decision that read one of the changed resources is made again; where the answer differs the
case says so and asks for attention; every node that received the resource is sent the correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.federation import package as packages
from baybridge.journey.case import fold
from baybridge.journey.command import Actor, Command
from baybridge.journey.events import DecisionReopened, Event, Recorded
from baybridge.node import tables
from baybridge.node.deciding import Deciding, LazyFacts
from baybridge.record import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


def reopen(node: Node, unit: Unit, case_id: str, changed: Sequence[str], actor: Actor, because: str) -> list[Recorded]:
    """Make again what rested on changed resources (Type/id), and queue the correction to whoever received them."""
    if not changed:
        return []
    events: list[Event] = [*_decide_again(node, unit, case_id, changed, because)]
    events += _tell(node, unit, case_id, changed)
    return unit.append(case_id, events, actor, known=len(unit.events(case_id))) if events else []


def _decide_again(node: Node, unit: Unit, case_id: str, changed: Sequence[str], because: str) -> list[Event]:
    rows = unit.connection.execute(
        select(tables.decision)
        .join(tables.decision_source, tables.decision_source.c.sha256 == tables.decision.c.sha256)
        .where(tables.decision.c.case_id == case_id, tables.decision_source.c.resource.in_(list(changed)))
        .where(tables.decision.c.superseded_by.is_(None))
        .distinct()
    ).mappings()
    case = fold(unit.events(case_id))
    deciding = Deciding(node.policies, LazyFacts(lambda: node.fact_set(unit.connection, case, unit.at)), case_id, unit.at)
    return [event for row in rows.all() for event in _again(node, unit, deciding, dict(row), because)]


def _again(node: Node, unit: Unit, deciding: Deciding, row: dict[str, Any], because: str) -> list[Event]:
    if row["policy"] not in node.policies.ids():
        return [DecisionReopened(decision_sha256=row["sha256"], new_decision_sha256="", outcome_changed=True, because=because)]
    decision = deciding.decide(row["policy"])
    made = deciding.made[sha256_hex(canonical_bytes(decision.as_json()))]
    sha256 = unit.keep_decision(row["case_id"], made)
    if sha256 == row["sha256"]:
        return []
    unit.supersede(row["sha256"], sha256)
    changed = decision.outcome != row["outcome"]
    return [DecisionReopened(decision_sha256=row["sha256"], new_decision_sha256=sha256, outcome_changed=changed, because=because)]


def _tell(node: Node, unit: Unit, case_id: str, changed: Sequence[str]) -> list[Event]:
    rows = unit.connection.execute(select(tables.outgoing).where(tables.outgoing.c.case_id == case_id)).mappings().all()
    events: list[Event] = []
    for row in {(row["to_node"]): row for row in rows if set(orjson.loads(row["resources"])) & set(changed)}.values():
        sent = set(orjson.loads(row["resources"])) & set(changed)
        events.append(_correction(node, unit, case_id, row["to_node"], sorted(sent)))
    return events


def _correction(node: Node, unit: Unit, case_id: str, to_node: str, names: Sequence[str]) -> Event:
    from baybridge.node.transfers import queue

    versions = [store.get(unit.connection, *name.split("/")) for name in names]
    case = fold(unit.events(case_id))
    sent = next(t.sent.event for t in reversed(case.transfers) if t.sent.event.to_node == to_node)
    content = packages.Content(
        package_id=unit.new_id(),
        kind="correction",
        from_node=node.site.node,
        to_node=to_node,
        case_id=case_id,
        patient_id=case.patient_id or "",
        synthetic=case.synthetic,
        purpose=sent.purpose,
        route=sent.route,
        codes=sent.codes,
        sent_at=unit.at.isoformat(),
        decision={},
        told=(),
        resources=tuple(version.body.decode() for version in versions if version is not None and not version.deleted),
    )
    return queue(node, unit, content, sent.decision_sha256)


def follow_up(node: Node, unit: Unit, command: Command, recorded: Sequence[Recorded]) -> None:
    """What follows a command in the same transaction: a withdrawn consent is told to every node that received data under it."""
    del node, unit, command, recorded
