"""Telling: nodes that have data of a case learn what became of it.

Main job: `correct` sends a corrected result to every node that received it, checked and minimised as any transfer; `withdraw` tells a withdrawn consent to
every node that exchanged data of this case. The receiver's receipt is the proof, on both sides.

A correction that may not be sent any more (a consent ended) is told without its content, so that nobody goes on with what is known to be wrong.
**Source**: PIPL articles 46 and 47, PDPO DPP2 (a recipient is told of a correction), as the data law reference B puts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import orjson
from sqlalchemy import select

from baybridge.exchange.transfer import sending
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Command
from baybridge.journey.events import ConsentRecorded, ConsentWithdrawn, Event
from baybridge.journey.identities import linked
from baybridge.node import tables
from baybridge.node.commands import judging
from baybridge.node.commands.table import COMMANDS
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours import packing
from baybridge.node.upkeep import projections
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_CONSENT = frozenset({ConsentRecorded.__name__, ConsentWithdrawn.__name__})
_TRANSFER = "Transfer"


# --- corrections ----------------------------------------------------------------------------------------------------


def correct(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Queue the corrections to whoever received changed resources, but not to who brought them; the case says so."""
    case_id, by = consequence.case_id, consequence.body.get("by") or None
    had = list(_had(unit, case_id, consequence.resources, by))
    events = [event for to_node, purpose, names in had for event in _correct(node, unit, case_id, to_node, purpose, names)]
    if events:
        unit.append(case_id, events, node.system(), known=len(unit.events(case_id)))
        projections.project(unit, case_id)


TELL_CORRECTION = ConsequenceRow("tell-correction", Lane.CASE, correct, of_records="corrected")


def _had(unit: Unit, case_id: str, changed: Sequence[str], brought_by: str | None) -> Iterator[tuple[str, str, list[str]]]:
    """(node, purpose, names here) of every sending that held one of the changed resources."""
    case = unit.case(case_id)
    purposes = {transfer.sent.event.package_id: transfer.sent.event.purpose for transfer in case.transfers}
    had: dict[tuple[str, str], set[str]] = {}
    for row in unit.connection.execute(select(tables.outgoing).where(tables.outgoing.c.case_id == case_id)).mappings():
        purpose = purposes.get(row["package_id"])
        if purpose is not None and row["to_node"] != brought_by:
            had.setdefault((row["to_node"], purpose), set()).update(orjson.loads(row["resources"]))
    for (to_node, purpose), sent in had.items():
        names = [name for name in changed if _sent_as(name, sent)]
        if names:
            yield to_node, purpose, sorted(names)


def _sent_as(name: str, sent: set[str]) -> bool:
    """Whether a resource went along; a patient may have gone under a pseudonym."""
    return name in sent or (name.startswith("Patient/") and any(one.startswith("Patient/") for one in sent))


def _correct(node: Node, unit: Unit, case_id: str, to_node: str, purpose: str, names: Sequence[str]) -> Iterator[Event]:
    if to_node not in node.neighbours:
        return
    events = unit.events(case_id)
    case = fold(events)
    held = [name for name in names if _stands(unit, case, name)]
    gone = tuple(name for name in names if name not in held)
    given = sending.Transfer(to_node=to_node, purpose=purpose, resources=tuple(held))
    if held:
        command = Command(_TRANSFER, case_id, {}, node.system(), "")
        deciding, situation = judging.situate(node, unit, COMMANDS[_TRANSFER], case, command)
        judgement = sending.judge(situation, given)
        sha256 = unit.keep_decision(case_id, deciding.made[deciding.keep(judgement.decision)])
        if judgement.allowed:
            content = packing.content_of(node, unit, sending.parcel_of(given, judgement), events)
            whole = msgspec.structs.replace(content, kind=packages.CORRECTION, corrected=tuple(names), gone=gone)
            yield packing.queue(node, unit, whole, sha256)
            return
        yield sending.refused_by(given, judgement)
    told_of = notice(node, unit, case, to_node, purpose, packages.CORRECTION)
    packing.queue(node, unit, msgspec.structs.replace(told_of, corrected=tuple(names), gone=gone), "")


def _stands(unit: Unit, case: Case, name: str) -> bool:
    """Whether a resource is there and still this case's: one that proved to be another person's is gone from it."""
    version = store.get(unit.connection, *name.split("/", 1))
    if version is None or version.deleted:
        return False
    return not version.patient or case.patient_id is None or version.patient in {case.patient_id, *linked(case)}


def notice(node: Node, unit: Unit, case: Case, to_node: str, purpose: str, kind: str) -> packages.Content:
    """A package that holds no data of the patient."""
    return packages.Content(
        package_id=unit.new_id(),
        kind=kind,
        from_node=node.site.node,
        to_node=to_node,
        case_id=case.case_id,
        patient_id="",
        synthetic=case.synthetic,
        purpose=purpose,
        route="",
        codes=(),
        sent_at=unit.at.isoformat(),
        decision={},
        told=(),
        resources=(),
    )


# --- withdrawn consents ---------------------------------------------------------------------------------------------


def withdraw(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Tell withdrawals, own or told, to every node that exchanged data of the case, but not to who brought them."""
    case_id, event_ids, brought_by = consequence.case_id, consequence.events, consequence.body.get("by") or None
    events = unit.events(case_id)
    every = packing.as_told(node, events)
    fresh = [item for item in every if item.event_id in event_ids and item.event.get("type") == ConsentWithdrawn.__name__]
    if not fresh:
        return
    consents = {item.event["consent_id"] for item in fresh}
    told = [item for item in every if item.event.get("type") in _CONSENT and item.event["consent_id"] in consents]
    case = fold(events)
    for to_node, purpose in _partners(case).items():
        if to_node != brought_by and to_node in node.neighbours:
            told_of = notice(node, unit, case, to_node, purpose, packages.WITHDRAWAL)
            plain = tuple(msgspec.to_builtins(item) for item in told if packing.may_be_told(node, item))
            packing.queue(node, unit, msgspec.structs.replace(told_of, told=plain), "")


TELL_WITHDRAWAL = ConsequenceRow("tell-withdrawal", Lane.CASE, withdraw, after=frozenset({ConsentWithdrawn}))


def _partners(case: Case) -> dict[str, str]:
    """Every node that sent or received data of this case, with the purpose of the last package."""
    received = {entry.event.from_node: entry.event.purpose for entry in case.packages if not entry.origin.told}
    return received | {transfer.sent.event.to_node: transfer.sent.event.purpose for transfer in case.transfers}


def told_beyond(content: packages.Content, purposes: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Types of events that a package tells although its kind or purpose does not let it."""
    allowed = _CONSENT if content.kind == packages.WITHDRAWAL else purposes.get(content.purpose, frozenset())
    yield from (item["event"].get("type", "") for item in content.told if item["event"].get("type", "") not in allowed)
