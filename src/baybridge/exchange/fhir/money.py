"""Events of money in FHIR: quote, payment, outcome settlement and refunds that arrived; pre-authorisation in `preauthorisation.py`, claims in `claims.py`.

**Source**: design section 6 (Coverage, Claim, ClaimResponse, PaymentReconciliation, Contract, Invoice); FHIR R4.
**Units**: minor units become decimals with two places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from baybridge.exchange.fhir.claims import CLAIM, claim_reference, payer_of
from baybridge.exchange.fhir.claims import RENDERERS as CLAIM_RENDERERS
from baybridge.exchange.fhir.deciding import guidance
from baybridge.exchange.fhir.parts import Json, Writer, concept, identifier, money
from baybridge.exchange.fhir.preauthorisation import RENDERERS as PREAUTHORISATION_RENDERERS
from baybridge.journey import events as ev

_QUOTE = "urn:baybridge:quote"


def _quoted(event: ev.QuoteIssued, writer: Writer) -> None:
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
            "note": [{"text": f"valid until {event.valid_until.isoformat()}"}],
        },
    )
    if event.agreement:
        _contract(writer, event.agreement, "offered", invoice)


def _contract(writer: Writer, agreement: str, status: str, about: Json, *, number: Json | None = None, applies: Json | None = None) -> Json:
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


def _paid(event: ev.BenefitPaid, writer: Writer) -> None:
    detail = []
    if event.for_claim is not None:
        kind = concept("http://terminology.hl7.org/CodeSystem/payment-type", "payment")
        request = claim_reference(writer, event.for_claim)
        detail.append({"type": kind, "request": request, "amount": money(event.amount_minor, event.currency)})
    _payment(writer, event.claim_id, event.payer, event.amount_minor, event.currency, detail)


def _payment(writer: Writer, claim_id: str, payer: str, minor: int, currency: str, detail: list[Json], *, status: str = "active", on: date | None = None) -> Json:
    """A payment; `draft` where it is due and nothing says that it was made."""
    content = {
        "identifier": [identifier(CLAIM, claim_id)],
        "status": status,
        "created": writer.at,
        "paymentIssuer": payer_of(payer),
        "requestor": writer.node,
        "outcome": "complete",
        "paymentDate": (on or writer.told.at.date()).isoformat(),
        "paymentAmount": money(minor, currency),
        "detail": detail,
    }
    return writer.add("PaymentReconciliation", content)


def _applied(event: ev.AssistanceApplied, writer: Writer) -> None:
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


def _enrolled(event: ev.AgreementEnrolled, writer: Writer) -> None:
    about = {"type": "Invoice", "identifier": identifier(_QUOTE, event.quote_sha256)}
    number = identifier("urn:baybridge:enrolment", event.enrolment_id)
    _contract(writer, event.agreement, "executed", about, number=number, applies={"start": event.enrolled_on.isoformat()})


def _settled(event: ev.OutcomeSettled, writer: Writer) -> None:
    detail = [
        {
            "type": concept("http://terminology.hl7.org/CodeSystem/payment-type", "adjustment"),
            "payee": payer_of(payee),
            "amount": money(minor, event.currency),
        }
        for payee, minor in event.allocation
    ]
    payment = _payment(writer, f"refund {writer.told.event_id}", event.agreement, event.refund_minor, event.currency, detail, status="draft")
    _contract(writer, event.agreement, "executed", payment)
    guidance(writer, event.agreement, event.outcome, event.decision_sha256, reasons=(event.code,))


def _refunded(event: ev.RefundReceived, writer: Writer) -> None:
    kind = concept("http://terminology.hl7.org/CodeSystem/payment-type", "adjustment")
    detail = [{"type": kind, "payee": payer_of(event.recipient), "date": event.received_on.isoformat(), "amount": money(event.amount_minor, event.currency)}]
    number = f"refund {event.recipient} {event.reference}"
    _payment(writer, number, event.agreement, event.amount_minor, event.currency, detail, on=event.received_on)


RENDERERS: Mapping[type[ev.Event], Callable[[Any, Writer], None]] = {
    ev.QuoteIssued: _quoted,
    ev.BenefitPaid: _paid,
    ev.AssistanceApplied: _applied,
    ev.AgreementEnrolled: _enrolled,
    ev.OutcomeSettled: _settled,
    ev.RefundReceived: _refunded,
    **PREAUTHORISATION_RENDERERS,
    **CLAIM_RENDERERS,
}
