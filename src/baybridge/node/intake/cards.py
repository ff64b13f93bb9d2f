"""Cards that patients carry, at a node: signing one, keeping it in the record, checking one that is shown, and taking its results in.

Main job: `follow_up` makes the card that a command decided on; `checked(node, data)` verifies a card offline against the keys that this node
knows (its own, its neighbours', and the site's `data/card-issuers/`); `as_bundle` its results as FHIR with where they come from.

The card itself is a DocumentReference of the record: it names the patient, and can be erased as the record can.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson

from baybridge.base.canonical import canonical_bytes
from baybridge.base.outcome import Category, Refusal, refuse
from baybridge.exchange.card.health_card import Card, card_file, issue_in_codes, read_card
from baybridge.exchange.card.report import signer_of, verify_card
from baybridge.exchange.evidence.report import VerifyReport
from baybridge.exchange.evidence.trust import Trust, TrustedNode, read_trust
from baybridge.exchange.transfer.content import SIGNED
from baybridge.journey.case import Case
from baybridge.journey.events import HealthCardIssued, Recorded
from baybridge.node.intake.records import log_versions
from baybridge.record.fhir.wire import write
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit, Work

MEDIA_TYPE = "application/smart-health-card"
FOLDER = "card-issuers"  # of a site's data: further issuers that it trusts
_CARD = "urn:baybridge:health-card"


# --- issuing --------------------------------------------------------------------------------------------------------


def follow_up(node: Node, unit: Unit, work: Work, recorded: Sequence[Recorded]) -> None:
    """Make and keep each card that was decided on, in the same transaction."""
    for item in recorded:
        if isinstance(item.event, HealthCardIssued):
            _keep(node, unit, work, unit.case(work.case_id), item.event)


def _keep(node: Node, unit: Unit, work: Work, case: Case, event: HealthCardIssued) -> None:
    patient = store.get(unit.connection, "Patient", case.patient_id or "")
    found = store.get_many(unit.connection, [("Observation", name) for name in event.results])
    results = [found[("Observation", name)].resource for name in event.results if ("Observation", name) in found]
    if patient is None or len(results) < len(event.results):
        raise RuntimeError("a card was decided on over results that are not in the record")
    tokens = issue_in_codes(patient.resource, results, issuer=event.issuer, at=unit.at, key=node.card_key)
    attachment = {"contentType": MEDIA_TYPE, "data": b64encode(card_file(tokens)).decode("ascii")}
    document = {
        "resourceType": "DocumentReference",
        "id": event.card,
        "identifier": [{"system": _CARD, "value": event.card}],
        "status": "current",
        "type": {"text": "SMART Health Card"},
        "subject": {"reference": f"Patient/{case.patient_id}"},
        "date": unit.at.isoformat(),
        "content": [{"attachment": attachment}],
    }
    log_versions(unit, work.actor, [one for one in store.put_many(unit.connection, [document], at=unit.at) if one.change != "unchanged"])


def kept(node: Node, card: str) -> tuple[bytes, tuple[str, ...]] | None:
    """The file of a card that this node issued and its tokens; None where it is not in the record."""
    with node.storage.reading() as connection:
        version = store.get(connection, "DocumentReference", card)
    if version is None or version.deleted:
        return None
    data = b64decode(version.resource["content"][0]["attachment"]["data"])
    return data, tuple(orjson.loads(data)["verifiableCredential"])


# --- checking -------------------------------------------------------------------------------------------------------


def trust(node: Node) -> Trust:
    """The issuers whose keys this node knows: itself, its neighbours, and those that the site lists."""
    config = node.config
    own = {"node": node.site.node, "issuer": config.issuer, "keys": list(node.keys.shown.card_keys)}
    near = [{"node": name, "issuer": one.issuer, "keys": list(one.card_keys)} for name, one in node.neighbours.items() if one.card_keys]
    listed = [document for document in node.documents.typed.written(FOLDER).values() if document.get("keys")]
    nodes: list[TrustedNode] = list(read_trust({"nodes": [own, *near, *listed]}).nodes)
    return Trust(tuple(nodes))


def checked(node: Node, data: bytes, further: Trust | None = None) -> VerifyReport:
    """Every check of a card that is shown, without asking anybody; `further` are issuers that the person who checks knows beside this node."""
    return verify_card(data, Trust((*trust(node).nodes, *(further.nodes if further else ()))), node.now())


def as_bundle(node: Node, data: bytes) -> bytes | Refusal:
    """The results of a verified card as a FHIR Bundle, tagged with who signed, each card with its Provenance; the same card gives the same."""
    report = checked(node, data)
    cards = read_card(data)
    if not report.ok or isinstance(cards, Refusal):
        return refuse(*report.problems, category=Category.INVALID)
    known = trust(node).nodes
    entries = [resource for card in cards for resource in _resources(card, known)]
    unique = {(resource["resourceType"], resource["id"]): resource for resource in entries}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in unique.values()]}
    return write(bundle)  # numbers digit for digit


def _resources(card: Card, known: tuple[TrustedNode, ...]) -> list[dict[str, object]]:
    by = signer_of(card, known)
    tags = [{"system": SIGNED, "code": by.node}] if by is not None and by.node else []
    patient = next((dict(item) for item in card.resources if item.get("resourceType") == "Patient"), {"resourceType": "Patient"})
    patient_id = _id("Patient", card.issuer, canonical_bytes(orjson.loads(write(patient))).decode())
    subject = {"reference": f"Patient/{patient_id}"}
    results = []
    for item in card.resources:
        if item.get("resourceType") == "Observation":
            name = _id("Observation", card.issuer, patient_id, orjson.dumps(dict(item), default=float, option=orjson.OPT_SORT_KEYS).decode())
            results.append({**item, "id": name, "subject": subject, **({"meta": {"tag": tags}} if tags else {})})
    return [{**patient, "id": patient_id}, *results, _provenance(card, results, by)]


def _provenance(card: Card, results: Sequence[Mapping[str, object]], by: TrustedNode | None) -> dict[str, object]:
    at = datetime.fromtimestamp(card.issued_at or 0, UTC)  # a card that holds has one
    agent: dict[str, object] = {"type": "Organization", "identifier": {"system": "urn:baybridge:card-issuer", "value": card.issuer}}
    if by is not None and by.node:
        agent["display"] = by.node
    return {
        "resourceType": "Provenance",
        "id": _id("Provenance", card.sha256),
        "target": [{"reference": f"Observation/{item['id']}"} for item in results],
        "recorded": at.isoformat(),
        "activity": {"text": "signed as SMART Health Card, carried by the patient"},
        "agent": [{"who": agent}],
        "entity": [{"role": "source", "what": {"identifier": {"system": "urn:baybridge:card-sha256", "value": card.sha256}}}],
    }


def _id(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:32]
