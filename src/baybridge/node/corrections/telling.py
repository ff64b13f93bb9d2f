"""Nodes that were told of an entry are told that it was put right.

Main job: `tell_entries`, a consequence of `EntryCorrected`, own or told by another node: for every node and purpose with which the entry went out, a package of the kind
"correction" with the correction, and with what stands instead where the check of a transfer allows it now. Without that permission the correction goes alone, so that
nobody goes on with what is known to be wrong. A result that came after the release of a batch (`tell_late_results`) goes the same road.

**Source**: PIPL articles 46 and 47, PDPO DPP2 (a recipient is told of a correction), as the data law reference B puts them. Elsewhere: corrected results of the record in
`node/neighbours/telling.py`, what a purpose tells in `packing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from baybridge.exchange.transfer import sending
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Command, Situation
from baybridge.journey.corrected import Struck
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import EntryCorrected, EntryReinstated, LateResultRecorded, ProductReleased, Recorded, Told, TransferAllowed
from baybridge.node.commands import judging
from baybridge.node.commands.deciding import Deciding
from baybridge.node.commands.table import COMMANDS
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours import packing, telling
from baybridge.node.upkeep import projections

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_TRANSFER, _CARE = "Transfer", "CARE_REFERRAL"


@dataclass(frozen=True, slots=True)
class _Told:
    """To whom, with which purpose, and the ids of the events that go along: corrections, and what stands instead."""

    to_node: str
    purpose: str
    corrections: frozenset[str]
    instead: frozenset[str]


def tell_entries(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Queue the corrections to whoever was told of the entries, but not to who brought them; the case says what was sent."""
    case_id, by = consequence.case_id, consequence.body.get("by") or None
    events = unit.events(case_id)
    case = fold(events)
    struck = [one for one in case.struck if one.by.origin.event_id in consequence.events and one.by.origin.node == one.entry.origin.node]
    sent = [event for told in _whom(node, case, struck, by) for event in _send(node, unit, events, case, told)]
    if sent:
        unit.append(case_id, sent, node.system(), known=len(unit.events(case_id)))
        projections.project(unit, case_id)


TELL_ENTRIES = ConsequenceRow("tell-entries", Lane.CASE, tell_entries, after=frozenset({EntryCorrected}))


def tell_set_aside(node: Node, unit: Unit, consequence: Consequence) -> None:
    """The node whose entry was set aside or reinstated here is shown it: a package without data of the patient, with the purpose that brought the entry."""
    events = unit.events(consequence.case_id)
    case = fold(events)
    told_here = {entry.origin.event_id: entry.origin for entry in case.history if entry.origin.told}
    purposes = {entry.event.package_id: entry.event.purpose for entry in case.packages}
    fresh = {item.event_id: item for item in packing.as_told(node, events) if item.event_id in consequence.events and item.node == node.site.node}
    going: dict[tuple[str, str], list[Told]] = {}
    for item in fresh.values():
        about = told_here.get(str(item.event.get("event_id")))
        if about is not None and about.node in node.neighbours:
            going.setdefault((about.node, purposes.get(about.package_id or "", _CARE)), []).append(item)
    for (to_node, purpose), items in going.items():
        notice = telling.notice(node, unit, case, to_node, purpose, packages.CORRECTION)
        packing.queue(node, unit, msgspec.structs.replace(notice, told=tuple(msgspec.to_builtins(item) for item in items)), "")


TELL_SET_ASIDE = ConsequenceRow("tell-set-aside", Lane.CASE, tell_set_aside, after=frozenset({EntryCorrected, EntryReinstated}))


def _whom(node: Node, case: Case, struck: Sequence[Struck], by: str | None) -> list[_Told]:
    """Every node that was sent a package after the entry was known here, with a purpose that tells such entries."""
    rules = packing.rules_of_telling(node.documents)
    places = {entry.origin.event_id: place for place, entry in enumerate(case.history)}
    found: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for place, entry in enumerate(case.history):
        sent = entry.event
        if not isinstance(sent, TransferAllowed) or entry.origin.told or sent.to_node in (by, node.site.node) or sent.to_node not in node.neighbours:
            continue
        kinds = rules.purposes.get(sent.purpose, frozenset())
        for one in struck:
            event_id = one.entry.origin.event_id
            if type(one.entry.event).__name__ in kinds and places[event_id] < place:
                corrections, instead = found.setdefault((sent.to_node, sent.purpose), (set(), set()))
                corrections.add(one.by.origin.event_id)
                instead |= {one.by.event.replaced_by} - {None}  # type: ignore[arg-type]
    return [_Told(to_node, purpose, frozenset(c), frozenset(i)) for (to_node, purpose), (c, i) in found.items()]


def tell_late_results(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Every node that was told of the release is told at once of a result that came after it, by the same road as a correction."""
    case_id, by = consequence.case_id, consequence.body.get("by") or None
    events = unit.events(case_id)
    case = fold(events)
    late = [entry for batch in case.batches for entry in batch.late if entry.origin.event_id in consequence.events]
    sent = [event for told in _whom_late(node, case, late, by) for event in _send(node, unit, events, case, told)]
    if sent:
        unit.append(case_id, sent, node.system(), known=len(unit.events(case_id)))
        projections.project(unit, case_id)


TELL_LATE_RESULTS = ConsequenceRow("tell-late-results", Lane.CASE, tell_late_results, after=frozenset({LateResultRecorded}))


def _whom_late(node: Node, case: Case, late: Sequence[Entry[LateResultRecorded]], by: str | None) -> list[_Told]:
    """Every node that was sent a package after the release was known here, with a purpose that tells of releases and of what came after."""
    kinds = packing.rules_of_telling(node.documents).purposes
    releases = {e.event.batch: place for place, e in enumerate(case.history) if tells(e, ProductReleased)}
    found: dict[tuple[str, str], set[str]] = {}
    for place, entry in enumerate(case.history):
        sent = entry.event
        if not isinstance(sent, TransferAllowed) or entry.origin.told or sent.to_node in (by, node.site.node) or sent.to_node not in node.neighbours:
            continue
        if {ProductReleased.__name__, LateResultRecorded.__name__} <= kinds.get(sent.purpose, frozenset()):
            known = {one.origin.event_id for one in late if releases.get(one.event.batch, place) < place}
            found.setdefault((sent.to_node, sent.purpose), set()).update(known)
    return [_Told(to_node, purpose, frozenset(ids), frozenset()) for (to_node, purpose), ids in found.items() if ids]


def _send(node: Node, unit: Unit, events: Sequence[Recorded], case: Case, told: _Told) -> list[TransferAllowed]:
    situation, deciding = _situation(node, unit, case)
    given = sending.Transfer(to_node=told.to_node, purpose=told.purpose)
    judgement = sending.judge(situation, given)
    sha256 = unit.keep_decision(case.case_id, deciding.made[deciding.keep(judgement.decision)])
    if judgement.allowed:
        content = packing.content_of(node, unit, sending.parcel_of(given, judgement), events)
        going = _only(content.told, told.corrections | told.instead)
        whole = msgspec.structs.replace(content, kind=packages.CORRECTION, told=going)
        return [packing.queue(node, unit, whole, sha256)] if going else []
    rules = packing.rules_of_telling(node.documents)
    every = packing.told(rules, told.purpose, events, without_patient=True, node=node)
    notice = telling.notice(node, unit, case, told.to_node, told.purpose, packages.CORRECTION)
    packing.queue(node, unit, msgspec.structs.replace(notice, told=_only(every, told.corrections)), "")
    return []


def _situation(node: Node, unit: Unit, case: Case) -> tuple[Situation, Deciding]:
    """What a transfer is judged by, without anything of the record: entries go and no resources."""
    deciding, situation = judging.situate(node, unit, COMMANDS[_TRANSFER], case, Command(_TRANSFER, case.case_id, {}, node.system(), ""))
    return replace(situation, record=replace(situation.record, resources=())), deciding


def _only(told: Sequence[Mapping[str, object]], event_ids: frozenset[str]) -> tuple[Mapping[str, object], ...]:
    return tuple(dict(item) for item in told if item["event_id"] in event_ids)
