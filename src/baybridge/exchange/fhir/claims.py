"""Claims in FHIR: submitted, adjudicated, appealed.

**Source**: design section 6 (Claim, ClaimResponse, ExplanationOfBenefit); FHIR R4. An appeal is a Claim related to the one it is about.
**Units**: minor units become decimals with two places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from baybridge.exchange.fhir.parts import Json, Writer, concept, identifier, money
from baybridge.journey import events as ev

CLAIM_TYPE = concept("http://terminology.hl7.org/CodeSystem/claim-type", "institutional")
PRIORITY = concept("http://terminology.hl7.org/CodeSystem/processpriority", "normal")
CLAIM = "urn:baybridge:claim"
_ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"

#: The processing of a claim that was decided, whatever the decision: `partial` and `error` would say that it was not worked through.
#: Source: FHIR R4 value set remittance-outcome.
PROCESSED = "complete"


def payer_of(name: str) -> Json:
    """A payer as an organisation."""
    return {"type": "Organization", "identifier": identifier("urn:baybridge:payer", name)}


def coverage_id(writer: Writer, payer: str, plan: str) -> str:
    """The id of a plan's Coverage in this case."""
    safe = "".join(char if (char.isalnum() and char.isascii()) or char in "-." else "-" for char in f"{payer}-{plan}")
    return f"{writer.case_id[:36]}-{safe}"[:64]


def add_coverage(writer: Writer, payer: str, plan: str) -> Json:
    """The plan as Coverage, the same resource whenever it is told."""
    content = {
        "status": "active",
        "beneficiary": writer.patient,
        "payor": [payer_of(payer)],
        "class": [{"type": concept("http://terminology.hl7.org/CodeSystem/coverage-class", "plan"), "value": plan}],
    }
    return writer.add("Coverage", content, logical_id=coverage_id(writer, payer, plan))


def claim_reference(writer: Writer, claim_id: str) -> Json:
    """The claim of that id, as a resource where this case knows it."""
    sent = next((entry for entry in writer.case.of(ev.ClaimSubmitted) if entry.event.claim_id == claim_id), None)
    logical = {"identifier": identifier(CLAIM, claim_id)}
    return {"reference": f"Claim/{sent.origin.event_id}-1", **logical} if sent else {"type": "Claim", **logical}


def _submitted(event: ev.ClaimSubmitted, writer: Writer) -> None:
    coverage = add_coverage(writer, event.payer, event.plan)
    total = sum(minor for _, _, minor in event.lines)
    content = _about(writer, event.payer, coverage) | {
        "identifier": [identifier(CLAIM, event.claim_id)],
        "provider": writer.node,
        "priority": PRIORITY,
        "billablePeriod": {"start": event.service_on.isoformat(), "end": event.service_on.isoformat()},
        "item": [
            {
                "sequence": n,
                "category": {"text": category},
                "productOrService": {"text": name},
                "servicedDate": event.service_on.isoformat(),
                "net": money(minor, event.currency),
            }
            for n, (name, category, minor) in enumerate(event.lines, 1)
        ],
        "total": money(total, event.currency),
    }
    writer.add("Claim", content)


def _about(writer: Writer, payer: str, coverage: Json) -> Json:
    return {
        "status": "active",
        "type": CLAIM_TYPE,
        "use": "claim",
        "patient": writer.patient,
        "created": writer.at,
        "insurer": payer_of(payer),
        "insurance": [{"sequence": 1, "focal": True, "coverage": coverage}],
    }


def _adjudicated(event: ev.ClaimAdjudicated, writer: Writer) -> None:
    coverage = {"reference": f"Coverage/{coverage_id(writer, event.payer, event.plan)}"}
    claim = claim_reference(writer, event.claim_id)
    notes = [{"text": text} for text in (*event.codes, event.reason) if text]
    amounts = (("submitted", _claimed(event, writer)), ("benefit", event.benefit_minor))
    total = [{"category": concept(_ADJUDICATION, name), "amount": money(minor, event.currency)} for name, minor in amounts if minor is not None]
    about = _about(writer, event.payer, coverage) | {"outcome": PROCESSED, "disposition": event.outcome, "total": total}
    used = [{"category": {"text": name}, "amount": money(minor, event.used_currency)} for name, minor in event.used]
    response = writer.add("ClaimResponse", {**about, "request": claim, "processNote": notes})
    explained = {name: value for name, value in about.items() if name != "insurance"}
    writer.add(
        "ExplanationOfBenefit",
        explained
        | {
            "insurance": [{"focal": True, "coverage": coverage}],
            "provider": writer.node,
            "claim": claim,
            "claimResponse": response,
            "adjudication": used,
            "processNote": notes,
        },
    )


def _claimed(event: ev.ClaimAdjudicated, writer: Writer) -> int | None:
    """The charges of the claim that was decided, where this case knows it."""
    sent = next((entry.event for entry in writer.case.of(ev.ClaimSubmitted) if entry.event.claim_id == event.claim_id), None)
    return sum(minor for _, _, minor in sent.lines) if sent else None


def _appealed(event: ev.AppealFiled, writer: Writer) -> None:
    claim = next((entry.event for entry in writer.case.of(ev.ClaimSubmitted) if entry.event.claim_id == event.claim_id), None)
    plan = claim.plan if claim else "unknown"
    content = _about(writer, event.payer, {"reference": f"Coverage/{coverage_id(writer, event.payer, plan)}"}) | {
        "provider": writer.node,
        "priority": PRIORITY,
        "related": [{"claim": claim_reference(writer, event.claim_id), "relationship": {"text": "appeal"}}],
        "supportingInfo": [{"sequence": 1, "category": {"text": "grounds"}, "valueString": event.grounds}],
    }
    writer.add("Claim", content)


RENDERERS: Mapping[type[ev.Event], Callable[[Any, Writer], None]] = {
    ev.ClaimSubmitted: _submitted,
    ev.ClaimAdjudicated: _adjudicated,
    ev.AppealFiled: _appealed,
}
