"""Events of matching in FHIR: case, referral, confirmed findings, eligibility, choice of product, travel.

**Source**: design section 6 (EpisodeOfCare and CarePlan, GuidanceResponse, ServiceRequest); FHIR R4.
"""

from __future__ import annotations

from baybridge.journey import events as ev
from baybridge.journey.fhir.resources import episode, guidance, task
from baybridge.journey.fhir.writer import PRODUCT, Json, Writer, concept


def opened(_event: ev.CaseOpened, writer: Writer) -> None:
    """As EpisodeOfCare and CarePlan."""
    episode(writer, "planned")


def referred(event: ev.CaseReferred, writer: Writer) -> None:
    """As Task."""
    task(writer, "requested", "referral for CAR-T therapy", event.to_node, product=event.product)


def accepted(event: ev.CaseAccepted, writer: Writer) -> None:
    """As Task, EpisodeOfCare and CarePlan."""
    task(writer, "accepted", "referral for CAR-T therapy", writer.told.node, product=event.product)
    episode(writer, "active")


def declined(event: ev.CaseDeclined, writer: Writer) -> None:
    """As Task, EpisodeOfCare and CarePlan."""
    task(writer, "rejected", "referral for CAR-T therapy", writer.told.node, note=event.reason)
    episode(writer, "cancelled")


def proposed(event: ev.CaseProposed, writer: Writer) -> None:
    """As Task."""
    task(writer, "requested", "case proposed by another node", writer.told.node, product=event.product)


def taken_in(_event: ev.ProposedCaseAccepted, writer: Writer) -> None:
    """As Task."""
    task(writer, "accepted", "case proposed by another node", writer.told.node)


def not_taken_in(event: ev.ProposedCaseRefused, writer: Writer) -> None:
    """As Task."""
    task(writer, "rejected", "case proposed by another node", writer.told.node, note=event.reason)


_FINDING = "urn:baybridge:confirmed-finding"


def eligibility(event: ev.EligibilityDecided, writer: Writer) -> None:
    """As DocumentReference and GuidanceResponse."""
    guidance(writer, event.policy, event.outcome, event.decision_sha256)


def product(event: ev.ProductChosen, writer: Writer) -> None:
    """As ServiceRequest, DocumentReference, GuidanceResponse and Provenance."""
    request = writer.add(
        "ServiceRequest",
        {
            "status": "active",
            "intent": "order",
            "code": concept(PRODUCT, event.product),
            "subject": writer.patient,
            "authoredOn": writer.at,
            "requester": writer.actor,
            "note": [{"text": event.exception_reason}] if event.exception_reason else None,
        },
    )
    guidance(writer, event.policy, "exception" if event.exception_reason else "chosen", event.decision_sha256)
    writer.provenance([request], "product chosen")


def finding(event: ev.FindingConfirmed, writer: Writer) -> None:
    """As Observation."""
    value: Json
    if isinstance(event.value, bool):
        value = {"valueBoolean": event.value}
    elif isinstance(event.value, int):
        value = {"valueInteger": event.value}
    else:
        value = {"valueString": str(event.value)}
    code = concept(_FINDING, event.fact)
    writer.observation(code, writer.at, {**value, "note": [{"text": event.basis}] if event.basis else None})


def travel(event: ev.TravelArranged, writer: Writer) -> None:
    """As Appointment."""
    content = {
        "status": "proposed",  # R4 asks for a start time of a booked appointment, and only the day is known
        "description": "arrival",
        "created": writer.at,
        "comment": ", ".join(event.papers),
        "requestedPeriod": [{"start": event.arrives_on.isoformat()}],
        "participant": [{"actor": writer.patient, "status": "accepted"}],
    }
    writer.add("Appointment", content)
