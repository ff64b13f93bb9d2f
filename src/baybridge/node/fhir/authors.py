"""Who puts a final result right through FHIR: whoever filed it, a physician, or the laboratory that performed it.

Main job: `against(node, unit, actor, held)`, why somebody may neither replace nor delete a version that stands. Whoever filed it is read in the log.

A coordinator, a nurse or a laboratory whose result it is not says so to those: nobody's word stands for a finding that is another's. It is the rule of `CorrectEntry`
(contract K2) and of `stated_by` in `data/facts` for what comes by this door.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.laboratories import Laboratories
from baybridge.facts.fhir import items, mapping, text
from baybridge.facts.measurement import FINAL
from baybridge.journey.command import Actor, Role
from baybridge.ledger import log
from baybridge.node.integrity import things
from baybridge.record.store import store
from baybridge.record.store.store import Version

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

#: By type, the states in which what somebody said stands as said. Source: FHIR R4, ObservationStatus, DiagnosticReportStatus, MedicationAdministration status.
STANDS = {"Observation": FINAL, "DiagnosticReport": FINAL | {"appended"}, "MedicationAdministration": frozenset({"completed", "stopped"})}


def against(node: Node, unit: Unit, actor: Actor, held: Version) -> Refusal | None:
    """Why this person changes nothing of a version that stands; None where it may be changed, or stands for nobody's word."""
    if held.deleted or held.resource.get("status") not in STANDS.get(held.type, ()) or actor.role is Role.PHYSICIAN:
        return None
    if _filed_by(unit, held) == actor.account or (actor.role is Role.LABORATORY and held.type != "MedicationAdministration" and _performed_here(node, unit, held)):
        return None
    return refuse(Reason("record.not_theirs", {"type": held.type, "role": actor.role.value}, where=held.reference), category=Category.FORBIDDEN)


def _filed_by(unit: Unit, held: Version) -> str:
    """The account that filed a version; empty where the log does not say."""
    entry = log.newest_on(unit.connection, things.version_what(unit.pseudonym, held), {things.RECORD})
    return entry.entry.actor if entry is not None else ""


def _performed_here(node: Node, unit: Unit, held: Version) -> bool:
    """Whether a result names this site's laboratory as who performed it, or nobody."""
    names = set(_performers(unit, held))
    return not names or bool(names & _own_names(node))


def _own_names(node: Node) -> frozenset[str]:
    own = [row for row in node.documents.typed.the(Laboratories).laboratories if row.node == node.site.node]
    return frozenset({node.site.organisation, node.site.node}.union(*({row.id, *row.names} for row in own)))


def _performers(unit: Unit, held: Version) -> Iterator[str]:
    """Names and identifiers of the organisations that performed a result."""
    for performer in items(held.resource.get("performer")):
        reference = text(performer.get("reference"))
        if text(performer.get("type")) != "Organization" and "Organization/" not in reference:
            continue
        yield from filter(None, (text(performer.get("display")), text(mapping(performer.get("identifier")).get("value"))))
        logical_id = reference.rpartition("Organization/")[2].partition("/")[0]
        known = store.get(unit.connection, "Organization", logical_id) if logical_id else None
        if known is not None and not known.deleted:
            yield from filter(None, (text(known.resource.get("name")), *(text(one.get("value")) for one in items(known.resource.get("identifier")))))
        elif logical_id:
            yield logical_id
