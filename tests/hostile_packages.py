"""Packages as a neighbour that is not honest would make them: sealed and signed by its own key, with whatever it likes inside."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import msgspec

from acceptance.support import World
from baybridge.base.outcome import Refusal
from baybridge.exchange.transfer.check import check_transfer, rules_of
from baybridge.node import tables
from baybridge.node.clock import new_id
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours import packing, transfers
from baybridge.policy.one_case.decide import decide


def content_of(world: World) -> packages.Content:
    """What Macao sent to Hong Kong."""
    with world.nodes["mo"].storage.reading() as connection:
        sealed = bytes(connection.execute(tables.outgoing.select().order_by(tables.outgoing.c.created_at)).mappings().first()["sealed"])  # type: ignore[index]
    hk = world.nodes["hk"]
    opened = packages.open_sealed(sealed, hk.config.sealing_key, {name: one.signing_keys for name, one in hk.neighbours.items()}, "hk")
    assert isinstance(opened, packages.Opened)
    return opened.content


def sent(world: World, sender: str, to: str, **changes: Any) -> bytes | Refusal:
    """A package of a neighbour, made from Macao's and changed, as its own key signs it; what the receiver answers."""
    changes = {"package_id": new_id(), "from_node": sender, "to_node": to, **changes}
    if "resources" in changes and "decision" not in changes:
        names = sorted("/".join(str(json.loads(text).get(key)) for key in ("resourceType", "id")) for text in changes["resources"])
        about = {"kept": names, "subject": changes.get("case_id", world.case_id)}
        made = checked(world, sender, to, about)
        changes = {"decision": made, "route": made["route"], "codes": tuple(made["codes"]), **changes}
    content = msgspec.structs.replace(content_of(world), **changes)
    sealed = packages.seal(packages.content_bytes(content), world.nodes[sender].config.signing_key, world.nodes[sender].neighbours[to].sealing_key)
    return transfers.receive(world.nodes[to], sealed)


def checked(world: World, sender: str, to: str, about: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Macao's check as a sender would have made it of what it sends to a node, with parts of its request changed."""
    before = content_of(world).decision
    request = deepcopy(before["request"])
    exporter, importer = (world.nodes[name].site for name in (sender, to))
    request["exporter"] |= {"name": sender, "jurisdiction": exporter.jurisdiction, "gd9": exporter.gd9, "ciio": exporter.ciio}
    request["importer"] |= {"name": to, "jurisdiction": importer.jurisdiction, "gd9": importer.gd9}
    if {sender, to} != {"mo", "hk"}:
        request["contract"] = None
    for part, fields in changes.items():
        request[part] = {**request[part], **fields} if isinstance(fields, dict) else fields
    node = world.nodes[to]
    rules = rules_of(lambda name, facts: decide(node.policies.get(name), facts), node.documents.typed)
    return {**before, **check_transfer(request, rules).as_json(), "request": request, **about}


def codes(answer: bytes | Refusal) -> set[str]:
    return {reason.code for reason in answer.reasons} if isinstance(answer, Refusal) else set()


def told(world: World, node: str, **event: Any) -> dict[str, Any]:
    """An event as a node would tell it today."""
    at = world.clock().isoformat()
    persons = range(packing.rules_of_telling(world.nodes[node].documents).signed.get(event["type"], 0))
    event = {"signed_by": [signature(f"person-{number}", at) for number in persons], **event} if persons else event
    return {"event_id": new_id(), "node": node, "at": at, "recorded_at": at, "actor": "a", "role": "coordinator", "event": event}


def signature(person: str, at: str) -> dict[str, Any]:
    """One act of signing."""
    return {"person": person, "account": person, "role": "quality", "meaning": "approved", "method": "password", "at": at}


def result(patient: str, name: str = "forged", **more: Any) -> str:
    body = {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, "subject": {"reference": f"Patient/{patient}"}}
    return json.dumps({**body, **more})


NOTHING = {"told": (), "resources": (), "decision": {}}
