"""Claims and pre-authorisation in FHIR: asked, answered and appealed before treatment; submitted, adjudicated and appealed after it.

**Source**: design section 6 (Coverage, CoverageEligibilityRequest/Response, Claim, ClaimResponse, ExplanationOfBenefit); FHIR R4. An appeal is a Claim
related to the one it is about. A refusal was processed to its end, so its `outcome` is complete; what was decided stands in `disposition` and in
the amounts. **Units**: minor units become decimals with two places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from baybridge.journey import events as ev
from baybridge.journey.fhir.writer import Json, Writer, concept, identifier, money

CLAIM_TYPE = concept("http://terminology.hl7.org/CodeSystem/claim-type", "institutional")
PRIORITY = concept("http://terminology.hl7.org/CodeSystem/processpriority", "normal")
CLAIM = "urn:baybridge:claim"
_ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"
#: The processing of a claim that was decided, whatever the decision: `partial` and `error` would say that it was not worked through.
#: Source: FHIR R4 value set remittance-outcome.
PROCESSED = "complete"
_QUOTE = "urn:baybridge:quote"
_BENEFIT_TYPE = concept("http://terminology.hl7.org/CodeSystem/benefit-type", "benefit")
#: Whether the plan covers, and whether it asks to be asked. Source: FHIR R4, eligibilityrequest-purpose.
_PURPOSE = ["benefits", "auth-requirements"]


def payer_of(name: str) -> Mapping[str, object]:
    """A payer as an organisation."""
    return {"type": "Organization", "identifier": identifier("urn:baybridge:payer", name)}


def coverage_id(writer: Writer, payer: str, plan: str) -> str:
    """The id of a plan's Coverage in this case."""
    safe = "".join(char if (char.isalnum() and char.isascii()) or char in "-." else "-" for char in f"{payer}-{plan}")
    return f"{writer.case_id[:36]}-{safe}"[:64]


def add_coverage(writer: Writer, payer: str, plan: str) -> Mapping[str, object]:
    """The plan as Coverage, the same resource whenever it is told."""
    content = {
        "status": "active",
        "beneficiary": writer.patient,
        "payor": [payer_of(payer)],
        "class": [{"type": concept("http://terminology.hl7.org/CodeSystem/coverage-class", "plan"), "value": plan}],
    }
    return writer.add("Coverage", content, logical_id=coverage_id(writer, payer, plan))


def claim_reference(writer: Writer, claim_id: str) -> dict[str, object]:
    """The claim of that id, as a resource where this case knows it."""
    sent = next((entry for entry in writer.case.of(ev.ClaimSubmitted) if entry.event.claim_id == claim_id), None)
    logical = {"identifier": identifier(CLAIM, claim_id)}
    return {"reference": f"Claim/{sent.origin.event_id}-1", **logical} if sent else {"type": "Claim", **logical}


def submitted(event: ev.ClaimSubmitted, writer: Writer) -> None:
    """As Coverage and Claim."""
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


def _about(writer: Writer, payer: str, coverage: Mapping[str, object]) -> dict[str, object]:
    return {
        "status": "active",
        "type": CLAIM_TYPE,
        "use": "claim",
        "patient": writer.patient,
        "created": writer.at,
        "insurer": payer_of(payer),
        "insurance": [{"sequence": 1, "focal": True, "coverage": coverage}],
    }


def adjudicated(event: ev.ClaimAdjudicated, writer: Writer) -> None:
    """As ClaimResponse and ExplanationOfBenefit."""
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


def appealed(event: ev.AppealFiled, writer: Writer) -> None:
    """As Claim."""
    claim = next((entry.event for entry in writer.case.of(ev.ClaimSubmitted) if entry.event.claim_id == event.claim_id), None)
    plan = claim.plan if claim else "unknown"
    content = _about(writer, event.payer, {"reference": f"Coverage/{coverage_id(writer, event.payer, plan)}"}) | {
        "provider": writer.node,
        "priority": PRIORITY,
        "related": [{"claim": claim_reference(writer, event.claim_id), "relationship": {"text": "appeal"}}],
        "supportingInfo": [{"sequence": 1, "category": {"text": "grounds"}, "valueString": event.grounds}],
    }
    writer.add("Claim", content)


def preauthorisation_requested(event: ev.PreauthorisationRequested, writer: Writer) -> None:
    """As Coverage, Claim and CoverageEligibilityRequest."""
    coverage = add_coverage(writer, event.payer, event.plan)
    claim = {
        "identifier": [identifier(_QUOTE, event.quote_sha256)],
        "status": "active",
        "type": CLAIM_TYPE,
        "use": "preauthorization",
        "patient": writer.patient,
        "created": writer.at,
        "insurer": payer_of(event.payer),
        "provider": writer.node,
        "priority": PRIORITY,
        "insurance": [{"sequence": 1, "focal": True, "coverage": coverage}],
        "total": money(event.amount_minor, event.currency),
    }
    writer.add("Claim", claim)
    writer.add(
        "CoverageEligibilityRequest",
        {
            "identifier": [identifier(_QUOTE, event.quote_sha256)],
            "status": "active",
            "priority": PRIORITY,
            "purpose": _PURPOSE,
            "patient": writer.patient,
            "created": writer.at,
            "provider": writer.node,
            "insurer": payer_of(event.payer),
            "insurance": [{"focal": True, "coverage": coverage}],
        },
    )


def _request_id(writer: Writer, payer: str, plan: str) -> str | None:
    """The event of the last request before this to a payer about a plan; None where this case does not know it."""
    requests = (e for e in writer.case.of(ev.PreauthorisationRequested) if e.origin.recorded_at <= writer.told.recorded_at)
    found = [e for e in requests if (e.event.payer, e.event.plan) == (payer, plan)]
    return found[-1].origin.event_id if found else None


def preauthorisation_answered(event: ev.PreauthorisationAnswered, writer: Writer) -> None:
    """As ClaimResponse and CoverageEligibilityResponse."""
    coverage = {"reference": f"Coverage/{coverage_id(writer, event.payer, event.plan)}"}
    request, given = _request_id(writer, event.payer, event.plan), event.answer != "refused"
    amount = money(event.amount_minor, event.currency)
    about: Json = {
        "status": "active",
        "patient": writer.patient,
        "created": writer.at,
        "insurer": payer_of(event.payer),
        "outcome": PROCESSED,
        "disposition": event.answer,
    }
    writer.add(
        "ClaimResponse",
        {
            **about,
            "type": CLAIM_TYPE,
            "use": "preauthorization",
            "request": {"reference": f"Claim/{request}-1"} if request else None,
            "preAuthRef": writer.told.event_id if given else None,
            "insurance": [{"sequence": 1, "focal": True, "coverage": coverage}],
            "total": [{"category": concept(_ADJUDICATION, "benefit"), "amount": amount}],
            "processNote": [{"text": event.reason}] if event.reason else None,
        },
    )
    item = {"authorizationRequired": True, "benefit": [{"type": _BENEFIT_TYPE, "allowedMoney": amount}]}
    reference = f"CoverageEligibilityRequest/{request}-2"
    writer.add(
        "CoverageEligibilityResponse",
        {
            **about,
            "purpose": _PURPOSE,
            "request": {"reference": reference} if request else {"type": "CoverageEligibilityRequest", "display": "told by another node"},
            "insurance": [{"coverage": coverage, **({"inforce": True} if given else {}), "item": [item]}],
            "preAuthRef": writer.told.event_id if given else None,
        },
    )


def preauthorisation_appealed(event: ev.PreauthorisationAppealed, writer: Writer) -> None:
    """As Claim."""
    request = _request_id(writer, event.payer, event.plan)
    related = {"claim": {"reference": f"Claim/{request}-1"}} if request else {}
    content = {
        "status": "active",
        "type": CLAIM_TYPE,
        "use": "preauthorization",
        "patient": writer.patient,
        "created": writer.at,
        "insurer": payer_of(event.payer),
        "provider": writer.node,
        "priority": PRIORITY,
        "related": [{**related, "relationship": {"text": "appeal"}}],
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": f"Coverage/{coverage_id(writer, event.payer, event.plan)}"}}],
        "supportingInfo": [{"sequence": 1, "category": {"text": "grounds"}, "valueString": event.grounds}],
    }
    writer.add("Claim", content)


def paid(event: ev.BenefitPaid, writer: Writer) -> None:
    """As PaymentReconciliation."""
    detail = []
    if event.for_claim is not None:
        kind = concept("http://terminology.hl7.org/CodeSystem/payment-type", "payment")
        request = claim_reference(writer, event.for_claim)
        detail.append({"type": kind, "request": request, "amount": money(event.amount_minor, event.currency)})
    payment(writer, event.claim_id, event.payer, event.amount_minor, event.currency, detail)


def payment(writer: Writer, claim_id: str, payer: str, minor: int, currency: str, detail: Sequence[Json], *, status: str = "active", on: date | None = None) -> Json:
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
