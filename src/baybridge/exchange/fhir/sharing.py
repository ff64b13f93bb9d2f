"""Events of referral, consent and sharing in FHIR: episode, consents, transfers and packages.

**Source**: design section 6 (EpisodeOfCare and CarePlan; Consent; Provenance with AuditEvent and DocumentReference); FHIR R4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from baybridge.exchange.fhir.deciding import guidance
from baybridge.exchange.fhir.parts import PRODUCT, Json, Writer, concept, day, identifier, organisation
from baybridge.journey import events as ev

_CONSENT = "urn:baybridge:consent"
_AUDIT = "http://terminology.hl7.org/CodeSystem/audit-event-type"


# --- the case -------------------------------------------------------------------------------------------------------


def episode(writer: Writer, status: str, *, ended_on: str | None = None) -> Json:
    """The case as an EpisodeOfCare and its CarePlan, under the case's id: the last event that changes them stands."""
    opened = writer.case.opened
    start = opened.origin.at if opened else writer.told.at
    period = {"start": start.isoformat(), **({"end": ended_on} if ended_on else {})}
    content = {
        "identifier": [identifier("urn:baybridge:case", writer.case_id)],
        "status": status,
        "type": [{"text": "CAR-T therapy"}],
        "patient": writer.patient,
        "managingOrganization": writer.node,
        "period": period,
    }
    made = writer.add("EpisodeOfCare", content, logical_id=writer.case_id)
    _care_plan(writer, status, period)
    return made


_PLAN_STATUS = {"planned": "draft", "active": "active", "cancelled": "revoked", "finished": "completed"}


def _care_plan(writer: Writer, status: str, period: Json) -> None:
    product = writer.case.product
    content = {
        "identifier": [identifier("urn:baybridge:case", writer.case_id)],
        "status": _PLAN_STATUS[status],
        "intent": "plan",
        "title": "CAR-T pathway",
        "subject": writer.patient,
        "period": period,
        "author": writer.node,
        "activity": [{"detail": {"status": "in-progress", "code": concept(PRODUCT, product)}}] if product else None,
    }
    writer.add("CarePlan", content, logical_id=f"{writer.case_id}-plan"[:64])


def _opened(_event: ev.CaseOpened, writer: Writer) -> None:
    episode(writer, "planned")


def task(writer: Writer, status: str, what: str, owner: str | None, *, product: str = "", note: str = "") -> Json:
    """Add a Task about the patient."""
    content = {
        "status": status,
        "intent": "order",
        "code": {"text": what},
        "for": writer.patient,
        "authoredOn": writer.at,
        "requester": writer.node,
        "owner": organisation(owner) if owner else None,
        "reasonCode": concept(PRODUCT, product) if product else None,
        "note": [{"text": note}] if note else None,
    }
    return writer.add("Task", content)


def _referred(event: ev.CaseReferred, writer: Writer) -> None:
    task(writer, "requested", "referral for CAR-T therapy", event.to_node, product=event.product)


def _accepted(event: ev.CaseAccepted, writer: Writer) -> None:
    task(writer, "accepted", "referral for CAR-T therapy", writer.told.node, product=event.product)
    episode(writer, "active")


def _declined(event: ev.CaseDeclined, writer: Writer) -> None:
    task(writer, "rejected", "referral for CAR-T therapy", writer.told.node, note=event.reason)
    episode(writer, "cancelled")


def _imported(event: ev.RecordsImported, writer: Writer) -> None:
    document = writer.document(
        f"imported records: {event.resources} resources, {event.problems} problems",
        identifier("urn:baybridge:file", event.file_sha256),
        kind="imported records",
        content_type="application/fhir+json",
    )
    writer.provenance([document], "records imported")


# --- consent --------------------------------------------------------------------------------------------------------


def _consent(writer: Writer, given: ev.ConsentRecorded, status: str) -> Json:
    period = present_period(None, day(given.valid_until))
    provision: Json = {
        "type": "permit",
        "actor": [{"role": {"text": "recipient"}, "reference": organisation(node)} for node in given.recipients],
        "purpose": [{"system": "urn:baybridge:purpose", "code": purpose} for purpose in given.purposes],
        **({"period": period} if period else {}),
    }
    content = {
        "identifier": [identifier(_CONSENT, given.consent_id)],
        "status": status,
        "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [concept("urn:baybridge:consent-kind", given.kind)],
        "patient": writer.patient,
        "dateTime": writer.at,
        "performer": [writer.patient],
        "organization": [writer.node],
        "policyRule": {"text": f"notice {given.notice_version} ({given.notice_language})"},
        "provision": {key: value for key, value in provision.items() if value},
    }
    return writer.add("Consent", content, logical_id=consent_id(given.consent_id))


def consent_id(given: str) -> str:
    """A consent's logical id."""
    safe = "".join(char if (char.isalnum() and char.isascii()) or char in "-." else "-" for char in given)
    return f"consent-{safe}"[:64]


def present_period(start: str | None, end: str | None) -> Json:
    """A Period with what is known of it."""
    return {key: value for key, value in (("start", start), ("end", end)) if value}


def _consented(event: ev.ConsentRecorded, writer: Writer) -> None:
    withdrawn = any(entry.event.consent_id == event.consent_id for entry in writer.case.of(ev.ConsentWithdrawn))
    made = _consent(writer, event, "inactive" if withdrawn else "active")
    writer.provenance([made], "consent recorded")


def _withdrawn(event: ev.ConsentWithdrawn, writer: Writer) -> None:
    given = next((entry.event for entry in writer.case.of(ev.ConsentRecorded) if entry.event.consent_id == event.consent_id), None)
    if given is not None:
        _consent(writer, given, "inactive")
    target = {"reference": f"Consent/{consent_id(event.consent_id)}"}
    writer.provenance([target], f"consent withdrawn from {event.withdrawn_on.isoformat()}")


def _notified(event: ev.AuthorityNotified, writer: Writer) -> None:
    content = {
        "identifier": [identifier("urn:baybridge:notification", event.reference)],
        "status": "completed",
        "category": [{"text": "notification of an authority"}],
        "subject": writer.patient,
        "recipient": [{"type": "Organization", "display": event.authority}],
        "sender": writer.node,
        "sent": writer.told.recorded_at.isoformat(),
    }
    writer.add("Communication", content)


# --- transfers ------------------------------------------------------------------------------------------------------


def _audit(writer: Writer, subtype: str, outcome: str, entities: list[Json], other_node: str, *, receiving: bool) -> None:
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


def _package(writer: Writer, package_id: str, content_sha256: str, resources: int) -> Json:
    made = writer.document(f"package of {resources} resources", identifier("urn:baybridge:package", package_id), kind="transfer package")
    writer.resources[-1]["identifier"].append(identifier("urn:baybridge:content", content_sha256))
    return made


def _allowed(event: ev.TransferAllowed, writer: Writer) -> None:
    document = _package(writer, event.package_id, event.content_sha256, event.resources)
    guidance(writer, "transfer-check", "allowed", event.decision_sha256, reasons=event.codes, purpose=f"{event.purpose} {event.route}")
    writer.provenance([document], f"transfer to {event.to_node}")
    _audit(writer, "transfer-allowed", "0", [document], event.to_node, receiving=False)


def _refused(event: ev.TransferRefused, writer: Writer) -> None:
    guidance(writer, "transfer-check", "refused", event.decision_sha256, reasons=event.codes, purpose=f"{event.purpose} {event.route}")
    _audit(writer, "transfer-refused", "4", [], event.to_node, receiving=False)


def _receipt(event: ev.TransferReceived, writer: Writer) -> None:
    package = identifier("urn:baybridge:package", event.package_id)
    document = writer.document("receipt of a package", identifier("urn:baybridge:receipt", event.receipt_sha256), kind="receipt")
    writer.resources[-1]["context"] = {"related": [{"type": "DocumentReference", "identifier": package}]}
    writer.provenance([document], "receipt received")


def _received(event: ev.PackageReceived, writer: Writer) -> None:
    document = _package(writer, event.package_id, event.content_sha256, event.resources)
    writer.provenance([document], f"package received from {event.from_node}")
    _audit(writer, "package-received", "0", [document], event.from_node, receiving=True)


def _correction(event: ev.CorrectionReceived, writer: Writer) -> None:
    named = identifier("urn:baybridge:result", event.resource)
    corrected = {"reference": event.resource} if "/" in event.resource else {"identifier": named}
    writer.provenance([corrected], f"corrected by {event.from_node}")


def _handed_over(event: ev.HandedOver, writer: Writer) -> None:
    task(writer, "requested", "follow-up for life", event.to_node)


def _follow_up(_event: ev.FollowUpAccepted, writer: Writer) -> None:
    task(writer, "accepted", "follow-up for life", writer.told.node)
    episode(writer, "active")


RENDERERS: Mapping[type[ev.Event], Callable[[Any, Writer], None]] = {
    ev.CaseOpened: _opened,
    ev.CaseReferred: _referred,
    ev.CaseAccepted: _accepted,
    ev.CaseDeclined: _declined,
    ev.RecordsImported: _imported,
    ev.ConsentRecorded: _consented,
    ev.ConsentWithdrawn: _withdrawn,
    ev.AuthorityNotified: _notified,
    ev.TransferAllowed: _allowed,
    ev.TransferRefused: _refused,
    ev.TransferReceived: _receipt,
    ev.PackageReceived: _received,
    ev.CorrectionReceived: _correction,
    ev.HandedOver: _handed_over,
    ev.FollowUpAccepted: _follow_up,
}
