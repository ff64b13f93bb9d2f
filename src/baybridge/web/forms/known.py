"""What a case already says about a command's input.

Main job: `known(asked, kind, case)` answers values by field. Codes that are to be scanned are known here, so that a preview can judge them, but a form leaves
them empty (`SCANNED`): a code that fills itself in checks nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec.structs import fields

from baybridge.journey.case import Case
from baybridge.node.commands.table import CommandKind
from baybridge.web.forms.known_money import known_money

if TYPE_CHECKING:
    from baybridge.http.doors import Asked

#: What is read from a label, never from the screen. Source: policy reference F2, rules 2 and 3.
SCANNED = frozenset({"chain_of_identity", "bag", "bags", "from_bags", "wrist_band", "order"})

_NOW = (
    "started_at", "ended_at", "received_at", "dispatched_at", "checked_at", "thawed_at", "assessed_at", "given_at", "arrived_at", "use_at",
)  # fmt: skip
_TODAY = ("started_on", "notified_on", "discharged_on", "visited_on", "assessed_on", "withdrawn_on", "event_date", "found_on", "planned_entry_on", "valid_from")


def known(asked: Asked, kind: CommandKind, case: Case | None) -> dict[str, Any]:
    """Values by field, as far as clock, node and case say them."""
    found = _clock(asked)
    if case is not None:
        found |= _case(asked, case) | _cells(case) | _by_command(asked, kind, case)
    names = {field.name for field in fields(kind.given)}
    return {name: value for name, value in found.items() if name in names and value not in (None, "", ())}


def to_scan(kind: CommandKind) -> frozenset[str]:
    """The fields of a command that are scanned, and therefore never filled in."""
    labels = frozenset({"bag", "bags", "chain_of_identity"})
    made_here = frozenset({"ResolveQuarantine", "Release"})
    return (SCANNED & kind.codes) | (labels & kind.codes) if kind.name not in made_here else frozenset()


def _clock(asked: Asked) -> dict[str, Any]:
    now = asked.node.now().astimezone(asked.node.site.zone).replace(second=0, microsecond=0)
    found: dict[str, Any] = dict.fromkeys(_NOW, now) | dict.fromkeys(_TODAY, now.date())
    return found | {
        "stay_near_until": now.date() + timedelta(weeks=4),
        "collection_on": now.date() + timedelta(days=7),
        "arrives_on": now.date() + timedelta(days=5),
        "notice_language": asked.language,
    }


def _case(asked: Asked, case: Case) -> dict[str, Any]:
    standing = [consent for consent in case.consents if consent.withdrawn_on is None]
    here = asked.node.site.node
    return {
        "product": case.product,
        "chain_of_identity": case.chain_of_identity,
        "order": case.chain_of_identity,
        "wrist_band": case.chain_of_identity,
        "plant_node": case.plant_node or next((n.site.node for n in asked.node.neighbours.values() if "plant" in n.site.kinds), None),
        "consent_id": standing[-1].consent_id if standing else None,
        "leg": "to_plant" if case.treating_node == here else "to_centre",
    }


def _cells(case: Case) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for collection in case.collections:
        found |= {"bags": collection.bags, "from_bags": collection.bags}
    for batch in case.batches:
        found["batch"] = batch.batch
        if batch.released is not None:
            bags = batch.released.event.bags
            found |= {"bags": bags, "bag": bags[0] if bags else None}
    for shipment in case.shipments:
        if shipment.under_way:
            found |= {"shipment_id": shipment.shipment_id, "bags": shipment.bags}
    return found


def _by_command(asked: Asked, kind: CommandKind, case: Case) -> dict[str, Any]:
    if kind.name == "ResolveQuarantine":
        return {"bags": tuple(sorted(case.quarantined))}
    if kind.name == "Collect":
        return {"bags": None}
    if kind.name in ("Release", "StartManufacture"):
        return {"bags": None, **({"batch": None} if kind.name == "StartManufacture" else {})}
    if kind.part == "funding":
        return known_money(asked, kind, case)
    if kind.name == "CheckFitness":
        return {"step": _next_step(case)}
    if kind.name == "AcceptFollowUp":
        return {"from_node": case.treating_node}
    if kind.name == "HandOver":
        return {"to_node": case.owner_node if case.owner_node != asked.node.site.node else None}
    return _bedside(asked, kind, case)


def _bedside(asked: Asked, kind: CommandKind, case: Case) -> dict[str, Any]:
    if kind.name == "Lymphodeplete":
        label = asked.node.documents.folder("products").get(case.product or "", {}).get("lymphodepletion") or {}
        text = label.get("text") or {}
        return {"regimen": text.get(asked.language) or text.get("en")}
    if kind.name == "AssessResponse":
        return {"timepoint": "D28" if "D28" not in case.responses else "M3", "criteria": next((e.event.criteria for e in case.responses.values()), None)}
    if kind.name == "ConfirmGrade":
        scale = next((name for name, grade in case.grades.items() if grade.latest.event.grade is not None), None)
        return {"scale": scale}
    if kind.name == "RecordVisit":
        return {"visit": next((code for code in ("D28", "M2", "M3", "M6", "M9", "M12") if code not in {e.event.visit for e in case.visits}), None)}
    return {}


def _next_step(case: Case) -> str:
    if case.lymphodepletion is not None:
        return "infusion"
    return "lymphodepletion" if case.collections else "collection"


def as_text(value: Any, asked: Asked) -> str:
    """A value as a form field shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(asked.node.site.zone).strftime("%Y-%m-%dT%H:%M")
    if isinstance(value, list | tuple):
        return "\n".join(str(item) for item in value)
    return str(value)
