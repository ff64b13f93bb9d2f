"""Exceptions and board decisions in FHIR: what a person decided where the road would have stopped.

**Source**: FHIR R4 (DetectedIssue with its mitigation, ServiceRequest); the manner of signing in Provenance.
"""

from __future__ import annotations

from baybridge.journey import events as ev
from baybridge.journey.fhir.writer import PRODUCT, Writer, concept


def exception(event: ev.GateExceptionSigned, writer: Writer) -> None:
    """As DetectedIssue and Provenance: what stood, and that a physician passed it."""
    made = writer.add(
        "DetectedIssue",
        {
            "status": "final",
            "code": {"text": f"exception at the gate before {event.gate}"},
            "patient": writer.patient,
            "identifiedDateTime": writer.at,
            "author": writer.actor,
            "detail": event.note,
            "evidence": [{"code": [concept("urn:baybridge:gate", code)]} for code in event.codes],
            "mitigation": [{"action": {"text": "passed by a physician's signature"}, "date": writer.at, "author": writer.actor}],
        },
    )
    writer.provenance([made], f"exception {event.gate}")


def board(event: ev.BoardDecided, writer: Writer) -> None:
    """As ServiceRequest and Provenance: a plan to treat, or one revoked."""
    made = writer.add(
        "ServiceRequest",
        {
            "status": "active" if event.decision == "treat" else "revoked",
            "intent": "plan",
            "code": concept(PRODUCT, event.product),
            "subject": writer.patient,
            "authoredOn": event.decided_on.isoformat(),
            "requester": writer.actor,
            "note": [{"text": event.note}],
        },
    )
    writer.provenance([made], "board decision")
