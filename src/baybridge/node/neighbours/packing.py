"""Packing: what goes into a package to another node, and its place among those that wait.

Main job: `content_of` gathers the resources that a check let through and the events that the purpose tells; `queue` signs, seals and stores the package.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from sqlalchemy import insert

from baybridge.base.canonical import sha256_hex
from baybridge.documents import telling
from baybridge.exchange.transfer import whose
from baybridge.journey.case import Case, fold
from baybridge.journey.case_messages import PURPOSE as MESSAGES
from baybridge.journey.events import (
    ConsentRecorded,
    ConsentWithdrawn,
    Infused,
    PackageReceived,
    Recorded,
    StatusTold,
    Told,
    TransferAllowed,
)
from baybridge.journey.identities import linked
from baybridge.journey.judged import Parcel
from baybridge.journey.row import always
from baybridge.journey.stored import event_as_json
from baybridge.node import tables
from baybridge.node.commands.table import COMMANDS, EVENTS
from baybridge.node.integrity import things
from baybridge.node.neighbours import case_messages
from baybridge.node.neighbours import package as packages
from baybridge.record.fhir import wire
from baybridge.record.fhir.references import repointed

if TYPE_CHECKING:
    from baybridge.documents.loader import Documents
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


_CLAIM = "CLAIM"
#: Whoever is told an entry is told its correction, whatever the purpose.
_CORRECTED = whose.CORRECTED
#: What a payer's own node is told beside the money that names it: without it nothing says whether what is claimed was given.
_OF_EVERY_PAYER = _CORRECTED | {Infused.__name__}


def send(node: Node, unit: Unit, case_id: str, parcel: Parcel) -> TransferAllowed:
    """Pack a parcel with the events of the case that its purpose tells, and queue it; the event that says so."""
    return queue(node, unit, content_of(node, unit, parcel, unit.events(case_id)), parcel.decision_sha256)


def content_of(node: Node, unit: Unit, parcel: Parcel, events: Sequence[Recorded]) -> packages.Content:
    """A package of what a check let through, with the events that its purpose tells."""
    case = fold(events)
    rules = rules_of_telling(node.documents)
    without_patient = parcel.purpose in rules.without_patient
    to = node.neighbours[parcel.to_node].site
    payer = to.organisation if to.kinds == {"payer"} else None
    return packages.Content(
        package_id=unit.new_id(),
        kind=packages.TRANSFER,
        from_node=node.site.node,
        to_node=parcel.to_node,
        case_id=case.case_id,
        patient_id="" if without_patient else case.patient_id or "",
        synthetic=case.synthetic,
        purpose=parcel.purpose,
        route=parcel.route,
        codes=parcel.codes,
        sent_at=unit.at.isoformat(),
        decision=dict(parcel.decision),
        told=told(rules, parcel.purpose, events, without_patient=without_patient, payer=payer, node=node, to_node=parcel.to_node),
        resources=tuple(wire.write(_whole(node, resource, parcel.purpose, case)).decode() for resource in parcel.resources),
    )


def _whole(node: Node, resource: dict[str, Any], purpose: str, case: Case) -> object:
    """A resource as it goes: a message with the content of its files, anything else as this patient's."""
    return case_messages.with_files(node, case.case_id, resource) if purpose == MESSAGES else _as_this_patients(resource, case)


def _as_this_patients(resource: Mapping[str, object], case: Case) -> object:
    """A resource of a linked record as the patient's: the other node knows nobody else."""
    others = {f"Patient/{other}" for other in linked(case)}
    return repointed(resource, lambda text: f"Patient/{case.patient_id}" if text in others else None) if others else resource


@dataclass(frozen=True, slots=True)
class TellingRules:
    """Which events go with a package of which purpose, which kind of node alone can tell an event, and with which purposes the patient stays unnamed.

    `signed`: by type of event, of how many persons its command takes signatures whatever the input.
    """

    purposes: Mapping[str, frozenset[str]]
    only_from: Mapping[str, frozenset[str]]
    without_patient: frozenset[str]
    signed: Mapping[str, int]


@lru_cache(maxsize=1)
def _signed_acts() -> Mapping[str, int]:
    """The fewest signatures with which any command makes an event, where it takes any."""
    fewest: dict[str, int] = {}
    for row in COMMANDS.values():
        persons = 2 if row.second is not None and row.second.when is always else 1 if row.signed else 0
        for event in row.events:
            name = event.event.__name__
            fewest[name] = min(persons, fewest.get(name, persons))
    return {name: persons for name, persons in fewest.items() if persons}


def _laid(ours: Mapping[str, Collection[str]], site: Mapping[str, Collection[str]]) -> Mapping[str, Collection[str]]:
    return {**ours, **site}


def rules_of_telling(documents: Documents) -> TellingRules:
    """What the rows of the events say (`told`, `only_from`), with a site's own lists laid over by purpose and by kind of node."""
    document = documents.typed.the(telling.Told)
    purposes: dict[str, set[str]] = {}
    only_from: dict[str, set[str]] = {}
    for row in EVENTS.values():
        for purpose in row.told:
            purposes.setdefault(purpose, set()).add(row.event.__name__)
        if row.only_from is not None:
            only_from.setdefault(row.only_from, set()).add(row.event.__name__)
    return TellingRules(
        {name: frozenset(kinds) | _CORRECTED for name, kinds in _laid(purposes, document.purposes).items()},
        {name: frozenset(kinds) for name, kinds in _laid(only_from, document.only_from).items()},
        frozenset(document.without_patient),
        _signed_acts(),
    )


def told(
    rules: TellingRules,
    purpose: str,
    events: Sequence[Recorded],
    *,
    without_patient: bool,
    payer: str | None = None,
    node: Node | None = None,
    to_node: str = "",
) -> tuple[dict[str, object], ...]:
    """The events of a case that go with a package of this purpose, those that others told included, each with its origin.

    A node that is nothing but a payer is told of money what names it as the payer, and of nobody else's; and that the product was given.
    """
    wanted = rules.purposes.get(purpose, frozenset())
    every = as_told(None, events)
    chosen = _meant_for(node, to_node, [item for item in every if item.event.get("type") in wanted])
    if node is not None:
        chosen = _signed(node, events, chosen)
        takers = {item.event.get("consent_id"): item.node for item in every if item.event.get("type") == ConsentRecorded.__name__}
        chosen = [item for item in chosen if may_be_told(node, item) and not _of_anothers_consent(item, takers)]
    if payer is not None and purpose == _CLAIM:
        chosen = [item for item in chosen if item.event.get("payer") == payer or item.event.get("type") in _OF_EVERY_PAYER]
    chosen = _corrections_of_told(chosen)
    if without_patient:
        chosen = [msgspec.structs.replace(item, event=_nobodys(item.event)) for item in chosen if node is None or _still_signed(node, item)]
    return tuple(msgspec.to_builtins(item) for item in sorted(chosen, key=lambda item: item.recorded_at))


def _meant_for(node: Node | None, to_node: str, items: Sequence[Told]) -> list[Told]:
    """These with the last status, and the last word about a message, that this node wrote for the receiver, and no other: what is for somebody else goes to nobody."""
    meant = [item for item in items if _is_status(item) or case_messages.is_word(item.event)]
    own = [item for item in meant if node is not None and item.node == node.site.node and item.event.get("to_node") == to_node]
    last = [*[item for item in own if _is_status(item)][-1:], *[item for item in own if not _is_status(item)][-1:]]
    return [item for item in items if item not in meant or item in last]


def _is_status(item: Told) -> bool:
    return item.event.get("type") == StatusTold.__name__


def _nobodys(event: dict[str, object]) -> dict[str, object]:
    """An event without whose case it is, and without what a physician wrote about the patient in words."""
    words = whose.WORDS.get(str(event.get("type")), ())
    return {**event, **{word: "" for word in words if event.get(word)}}


def _still_signed(node: Node, item: Told) -> bool:
    """Whether the signature of another node holds when words are left out; over the patient's identifier it does not go."""
    return item.node == node.site.node or _nobodys(item.event) == {**item.event, **({"patient_id": ""} if "patient_id" in item.event else {})}


def _corrections_of_told(items: Sequence[Told]) -> list[Told]:
    """These events with the corrections of them and of no other."""
    entries = {item.event_id for item in items if item.event.get("type") not in _CORRECTED}
    return [item for item in items if item.event.get("type") not in _CORRECTED or item.event.get("event_id") in entries]


def _of_anothers_consent(item: Told, takers: Mapping[object, str]) -> bool:
    """A withdrawal that the patient gave to another node than the one that took the consent: it goes in a notice of its own, which is that node's to hear."""
    return item.event.get("type") == ConsentWithdrawn.__name__ and takers.get(item.event.get("consent_id"), item.node) != item.node


def may_be_told(node: Node, item: Told) -> bool:
    """Whether an event of another node may be handed on: it counts only with the signature of the node that recorded it."""
    kind = str(item.event.get("type"))
    needs = whose.relation_of(kind, node.documents.typed.the(telling.Whose)) is not None or kind in _CORRECTED
    return item.node == node.site.node or bool(item.signature) or not needs


def as_told(node: Node | None, events: Sequence[Recorded]) -> list[Told]:
    """Every event that this node knows of a case, its own, signed by it, and those of others, as it would tell it."""
    own = [
        Told(
            event_id=item.event_id,
            node=item.node,
            at=item.at,
            recorded_at=item.recorded_at,
            actor=item.actor,
            role=item.role,
            event=_without_note(event_as_json(item.event)),
        )
        for item in events
    ]
    if node is not None:
        own = _signed(node, events, own)
    heard = (item for recorded in events if isinstance(recorded.event, PackageReceived) for item in recorded.event.told)
    every: dict[str, Told] = {item.event_id: item for item in own}
    for item in heard:
        every.setdefault(item.event_id, item)
    return list(every.values())


def _signed(node: Node, events: Sequence[Recorded], items: Sequence[Told]) -> list[Told]:
    """These with our signature on what this node recorded."""
    mine = {item.event_id for item in events}
    return [packages.attest(events[0].case_id, item, node.keys.signing) if item.event_id in mine else item for item in items]


def _without_note(event: dict[str, object]) -> dict[str, object]:
    """A correction is told without the note, which is written for the own staff."""
    return {**event, "note": ""} if event.get("type") in _CORRECTED else event


def queue(node: Node, unit: Unit, content: packages.Content, decision_sha256: str) -> TransferAllowed:
    """Sign and seal a content, put it among the outgoing packages; the event that says so."""
    payload = packages.content_bytes(content)
    sealed = packages.seal(payload, node.keys.signing, node.neighbours[content.to_node].sealing_key)
    names = [reference_of(orjson.loads(text)) for text in content.resources]
    row = {
        "package_id": content.package_id,
        "case_id": content.case_id,
        "to_node": content.to_node,
        "created_at": unit.at.isoformat(),
        "sealed": sealed,
        "content_sha256": sha256_hex(payload),
        "resources": orjson.dumps(names),
    }
    unit.connection.execute(insert(tables.outgoing).values(row))
    unit.log(things.PACKAGE, content.case_id, things.package_what(unit.pseudonym, "out", content.package_id), things.package(row), node.system())
    unit.step("transfer.queued")
    return TransferAllowed(
        package_id=content.package_id,
        to_node=content.to_node,
        purpose=content.purpose,
        route=content.route,
        codes=content.codes,
        decision_sha256=decision_sha256,
        content_sha256=sha256_hex(payload),
        resources=len(content.resources),
        corrects=content.kind == packages.CORRECTION and not content.corrected,
    )


def reference_of(resource: Mapping[str, object]) -> str:
    """Type/id of a resource."""
    return f"{resource['resourceType']}/{resource['id']}"
