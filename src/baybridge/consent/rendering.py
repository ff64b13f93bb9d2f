"""Events of consent in FHIR: recorded, withdrawn, an authority notified.

**Source**: design section 6 (Consent); FHIR R4. A consent stands under its own id, so that the withdrawal is a new version of it.
"""

from __future__ import annotations

from baybridge.journey import events as ev
from baybridge.journey.fhir.writer import Json, Writer, concept, day, identifier, organisation

_CONSENT = "urn:baybridge:consent"
_PERSON = "urn:baybridge:person"


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
        "performer": [writer.patient if given.given_by == "patient" else {"type": "RelatedPerson", "display": given.given_by}],
        "organization": [writer.node],
        "policyRule": {"text": f"notice {given.notice_version} ({given.notice_language})"},
        "provision": {key: value for key, value in provision.items() if value},
    }
    return writer.add("Consent", content, logical_id=consent_id(given.consent_id))


def consent_id(given: str) -> str:
    """A consent's logical id."""
    safe = "".join(char if (char.isalnum() and char.isascii()) or char in "-." else "-" for char in given)
    return f"consent-{safe}"[:64]


def present_period(start: str | None, end: str | None) -> dict[str, object]:
    """A Period with what is known of it."""
    return {key: value for key, value in (("start", start), ("end", end)) if value}


def consented(event: ev.ConsentRecorded, writer: Writer) -> None:
    """As Consent and Provenance."""
    withdrawn = any(entry.event.consent_id == event.consent_id for entry in writer.case.of(ev.ConsentWithdrawn))
    made = _consent(writer, event, "inactive" if withdrawn else "active")
    writer.provenance([made], "consent recorded")


def withdrawn(event: ev.ConsentWithdrawn, writer: Writer) -> None:
    """As Provenance."""
    given = next((entry.event for entry in writer.case.of(ev.ConsentRecorded) if entry.event.consent_id == event.consent_id), None)
    if given is not None:
        _consent(writer, given, "inactive")
    target = {"reference": f"Consent/{consent_id(event.consent_id)}"}
    writer.provenance([target], f"consent withdrawn from {event.withdrawn_on.isoformat()}")


def emergency(event: ev.EmergencyRecorded, writer: Writer) -> None:
    """As Flag, until it ends, and Provenance with both physicians."""
    content = {
        "status": "active",
        "category": [{"text": "emergency treatment without consent"}],
        "code": {"text": f"emergency treatment: {event.reason}; presumed will: {event.presumed_will}"},
        "subject": writer.patient,
        "period": {"start": writer.at, "end": event.until.isoformat()},
        "author": writer.actor,
    }
    writer.provenance([writer.add("Flag", content)], "emergency in place of the consent to care")


def capacity(event: ev.CapacityStated, writer: Writer) -> None:
    """As Observation and Provenance."""
    content = {
        "status": "final",
        "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", "exam")],
        "code": {"text": "capacity to decide"},
        "subject": writer.patient,
        "effectiveDateTime": event.seen_at.isoformat(),
        "performer": [writer.actor],
        "valueBoolean": event.can_decide,
        "note": [{"text": event.note}],
    }
    made = writer.add("Observation", content)
    writer.provenance([made], "capacity to decide")


def notified(event: ev.AuthorityNotified, writer: Writer) -> None:
    """As Communication."""
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


def broken(event: ev.GlassBroken, writer: Writer) -> None:
    """As AuditEvent, the standard's "break the glass". Source: HL7 v3 ActReason, BTG."""
    content = {
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "urn:baybridge:audit", "code": "break-glass"}],
        "action": "R",
        "recorded": writer.told.recorded_at.isoformat(),
        "outcome": "0",
        "purposeOfEvent": [concept("http://terminology.hl7.org/CodeSystem/v3-ActReason", "BTG", event.reason)],
        "agent": [{"who": writer.actor, "requestor": True}],
        "source": {"observer": writer.node},
        "entity": [{"what": writer.patient}] if writer.patient_reference else [],
    }
    writer.add("AuditEvent", content)


def reviewed(event: ev.GlassReviewed, writer: Writer) -> None:
    """As Provenance."""
    target = {"identifier": identifier("urn:baybridge:event", event.event_id)}
    writer.provenance([target], f"emergency access {'justified' if event.justified else 'not justified'}: {event.note}")


def caregiver_allowed(event: ev.CaregiverAllowed, writer: Writer) -> None:
    """As Consent for a delegatee, under an id of the case and the person, and Provenance."""
    ends = (one for one in writer.case.of(ev.CaregiverEnded) if one.event.person_id == event.person_id)
    ended = any(one.origin.recorded_at >= writer.told.recorded_at for one in ends)
    writer.provenance([_caregiver(writer, event, "inactive" if ended else "active")], f"{event.capacity} allowed")


def caregiver_ended(event: ev.CaregiverEnded, writer: Writer) -> None:
    """As a new version of that Consent, and Provenance."""
    allowed = next((one.event for one in reversed(writer.case.of(ev.CaregiverAllowed)) if one.event.person_id == event.person_id), None)
    if allowed is not None:
        _caregiver(writer, allowed, "inactive")
    writer.provenance([{"reference": f"Consent/{_access_id(writer, event.person_id)}"}], "access of somebody who helps ended")


def _caregiver(writer: Writer, event: ev.CaregiverAllowed, status: str) -> Json:
    period = present_period(None, day(event.valid_until))
    who = {"type": "RelatedPerson", "identifier": identifier(_PERSON, event.person_id), "display": event.capacity}
    content = {
        "status": status,
        "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [concept("urn:baybridge:consent-kind", event.capacity)],
        "patient": writer.patient,
        "dateTime": writer.at,
        "performer": [writer.patient if event.given_by == "patient" else {"type": "RelatedPerson", "display": event.given_by}],
        "organization": [writer.node],
        "policyRule": {"text": "access of somebody who helps the patient"},
        "provision": {
            "type": "permit",
            "actor": [{"role": concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "DELEGATEE"), "reference": who}],
            **({"period": period} if period else {}),
        },
    }
    return writer.add("Consent", content, logical_id=_access_id(writer, event.person_id))


def _access_id(writer: Writer, person_id: str) -> str:
    """The logical id of what one person may see of one case."""
    return consent_id(f"{person_id}-{writer.case.case_id}")


def request_made(event: ev.RequestMade, writer: Writer) -> None:
    """As Communication."""
    _about_a_request(writer, f"request of the person: {event.right}", event.received_at.isoformat())


def entries_named(_event: ev.EntriesNamed, writer: Writer) -> None:
    """As Communication."""
    _about_a_request(writer, "request of the person: entries named", writer.at)


def request_answered(event: ev.RequestAnswered, writer: Writer) -> None:
    """As Communication."""
    _about_a_request(writer, f"request of the person: {event.right}, {event.outcome}", writer.at)


def _about_a_request(writer: Writer, what: str, at: str) -> None:
    """What was asked and answered, without the words of either: those stay in the case."""
    writer.add("Communication", {"status": "completed", "subject": writer.patient, "sent": at, "reasonCode": [{"text": what}]})
