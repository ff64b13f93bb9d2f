"""Events of exchange in FHIR: transfers allowed and refused, packages, receipts, corrections, imported records.

**Source**: design section 6 (Provenance with AuditEvent and DocumentReference); FHIR R4.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.journey import events as ev
from baybridge.journey.fhir.resources import guidance
from baybridge.journey.fhir.writer import Writer, identifier, organisation
from baybridge.journey.row import EventRow

_AUDIT = "http://terminology.hl7.org/CodeSystem/audit-event-type"


def _audit(writer: Writer, subtype: str, outcome: str, entities: list[Mapping[str, object]], other_node: str, *, receiving: bool) -> None:
    here = {"who": writer.node, "requestor": not receiving}
    there = {"who": organisation(other_node), "requestor": receiving}
    content = {
        "type": {"system": _AUDIT, "code": "rest"},
        "subtype": [{"system": "urn:baybridge:audit", "code": subtype}],
        "action": "E",
        "recorded": writer.told.recorded_at.isoformat(),
        "outcome": outcome,
        "agent": [here, there],
        "source": {"observer": writer.node},
        "entity": [{"what": entity} for entity in entities] + ([{"what": writer.patient}] if writer.patient_reference else []),
    }
    writer.add("AuditEvent", content)


def _package(writer: Writer, package_id: str, content_sha256: str, resources: int) -> Mapping[str, object]:
    made = writer.document(f"package of {resources} resources", identifier("urn:baybridge:package", package_id), kind="transfer package")
    writer.resources[-1]["identifier"].append(identifier("urn:baybridge:content", content_sha256))
    return made


def allowed(event: ev.TransferAllowed, writer: Writer) -> None:
    """As DocumentReference, GuidanceResponse, Provenance and AuditEvent."""
    document = _package(writer, event.package_id, event.content_sha256, event.resources)
    guidance(writer, "transfer-check", "allowed", event.decision_sha256, reasons=event.codes, purpose=f"{event.purpose} {event.route}")
    writer.provenance([document], f"transfer to {event.to_node}")
    _audit(writer, "transfer-allowed", "0", [document], event.to_node, receiving=False)


def refused(event: ev.TransferRefused, writer: Writer) -> None:
    """As DocumentReference, GuidanceResponse and AuditEvent."""
    guidance(writer, "transfer-check", "refused", event.decision_sha256, reasons=event.codes, purpose=f"{event.purpose} {event.route}")
    _audit(writer, "transfer-refused", "4", [], event.to_node, receiving=False)


def status(event: ev.StatusTold, writer: Writer) -> None:
    """As CarePlan: one activity a step; sums are told in the event alone."""
    steps = [
        {"detail": {"status": "completed", "scheduledString": step.done_on.isoformat(), "description": f"{step.stage} at {step.node}"}} for step in event.steps
    ]
    content = {
        "status": "active",
        "intent": "plan",
        "title": f"where the case stands, for {event.to_node}",
        "subject": writer.patient,
        "author": writer.node,
        **({"activity": steps} if steps else {}),
    }
    writer.add("CarePlan", content)


def receipt(event: ev.TransferReceived, writer: Writer) -> None:
    """As DocumentReference and Provenance."""
    package = identifier("urn:baybridge:package", event.package_id)
    document = writer.document("receipt of a package", identifier("urn:baybridge:receipt", event.receipt_sha256), kind="receipt")
    writer.resources[-1]["context"] = {"related": [{"type": "DocumentReference", "identifier": package}]}
    writer.provenance([document], "receipt received")


def received(event: ev.PackageReceived, writer: Writer) -> None:
    """As DocumentReference, Provenance and AuditEvent."""
    document = _package(writer, event.package_id, event.content_sha256, event.resources)
    writer.provenance([document], f"package received from {event.from_node}")
    _audit(writer, "package-received", "0", [document], event.from_node, receiving=True)


def correction(event: ev.CorrectionReceived, writer: Writer) -> None:
    """As Provenance."""
    named = identifier("urn:baybridge:result", event.resource)
    corrected = {"reference": event.resource} if "/" in event.resource else {"identifier": named}
    writer.provenance([corrected], f"corrected by {event.from_node}")


def imported(event: ev.RecordsImported, writer: Writer) -> None:
    """As DocumentReference and Provenance."""
    document = writer.document(
        f"imported records: {event.resources} resources, {event.problems} problems",
        identifier("urn:baybridge:file", event.file_sha256),
        kind="imported records",
        content_type="application/fhir+json",
    )
    writer.provenance([document], "records imported")


#: Events that follow no command: what comes from outside, and the receipts for what was sent.
EVENT_ROWS = (
    EventRow(ev.RecordsImported, imported),
    EventRow(ev.TransferReceived, receipt, computed=True),
    EventRow(ev.PackageReceived, received, computed=True),
    EventRow(ev.CorrectionReceived, correction, computed=True),
)
