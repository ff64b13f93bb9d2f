"""Events of money in FHIR: quote, assistance, payment, enrolment, outcome settlement and refunds that arrived; claims in `claims/rendering.py`.

**Source**: design section 6 (PaymentReconciliation, Contract, Invoice); FHIR R4.
**Units**: minor units become decimals with two places.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.funding.claims.rendering import payer_of, payment
from baybridge.journey import events as ev
from baybridge.journey.fhir.resources import guidance
from baybridge.journey.fhir.writer import Writer, concept, identifier, money

_QUOTE = "urn:baybridge:quote"


def quoted(event: ev.QuoteIssued, writer: Writer) -> None:
    """As Invoice and Contract."""
    parts = (("patient", event.patient_minor), ("entitled", event.entitled_minor))
    invoice = writer.add(
        "Invoice",
        {
            "identifier": [identifier(_QUOTE, event.quote_sha256)],
            "status": "draft",
            "type": {"text": "quote"},
            "subject": writer.patient,
            "date": writer.at,
            "issuer": writer.node,
            "totalPriceComponent": [
                {"type": "informational", "code": {"text": name}, "amount": money(minor, event.currency)} for name, minor in parts
            ],
            "totalGross": money(event.gross_minor, event.currency),
            "note": [{"text": f"valid until {event.valid_until.isoformat()}"}, *([{"text": "not firm: eligibility open"}] if event.not_firm else [])],
        },
    )
    if event.agreement:
        _contract(writer, event.agreement, "offered", invoice)


def _contract(
    writer: Writer,
    agreement: str,
    status: str,
    about: Mapping[str, object],
    *,
    number: Mapping[str, object] | None = None,
    applies: Mapping[str, object] | None = None,
) -> Mapping[str, object]:
    named = identifier("urn:baybridge:agreement", agreement)
    content = {
        "identifier": [named, number] if number else [named],
        "status": status,
        "subject": [writer.patient],
        "authority": [writer.node],
        "type": {"text": "outcome agreement"},
        "applies": applies,
        "supportingInfo": [about],
    }
    return writer.add("Contract", content)


def applied(event: ev.AssistanceApplied, writer: Writer) -> None:
    """As Task."""
    writer.add(
        "Task",
        {
            "identifier": [identifier(_QUOTE, event.quote_sha256)],
            "status": "requested",
            "intent": "order",
            "code": {"text": "application for assistance"},
            "for": writer.patient,
            "authoredOn": writer.at,
            "requester": writer.node,
            "owner": payer_of(event.payer),
            "description": event.fund,
            "input": [{"type": {"text": "paper"}, "valueString": paper} for paper in event.enclosed],
        },
    )


def enrolled(event: ev.AgreementEnrolled, writer: Writer) -> None:
    """As Contract."""
    about = {"type": "Invoice", "identifier": identifier(_QUOTE, event.quote_sha256)}
    number = identifier("urn:baybridge:enrolment", event.enrolment_id)
    _contract(writer, event.agreement, "executed", about, number=number, applies={"start": event.enrolled_on.isoformat()})


def settled(event: ev.OutcomeSettled, writer: Writer) -> None:
    """As PaymentReconciliation, Contract, DocumentReference and GuidanceResponse."""
    detail = [
        {
            "type": concept("http://terminology.hl7.org/CodeSystem/payment-type", "adjustment"),
            "payee": payer_of(payee),
            "amount": money(minor, event.currency),
        }
        for payee, minor in event.allocation
    ]
    due = payment(writer, f"refund {writer.told.event_id}", event.agreement, event.refund_minor, event.currency, detail, status="draft")
    _contract(writer, event.agreement, "executed", due)
    guidance(writer, event.agreement, event.outcome, event.decision_sha256, reasons=(event.code,))


def refunded(event: ev.RefundReceived, writer: Writer) -> None:
    """As PaymentReconciliation."""
    kind = concept("http://terminology.hl7.org/CodeSystem/payment-type", "adjustment")
    detail = [{"type": kind, "payee": payer_of(event.recipient), "date": event.received_on.isoformat(), "amount": money(event.amount_minor, event.currency)}]
    number = f"refund {event.recipient} {event.reference}"
    payment(writer, number, event.agreement, event.amount_minor, event.currency, detail, on=event.received_on)
