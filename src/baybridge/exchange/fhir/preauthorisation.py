"""Asking a payer before treatment, in FHIR: the eligibility check of the coverage and the claim for pre-authorisation, their answers, an appeal.

Main job: `RENDERERS` of `PreauthorisationRequested`, `PreauthorisationAnswered`, `PreauthorisationAppealed`.

**Source**: design section 6 (Coverage, CoverageEligibilityRequest/Response, Claim, ClaimResponse); FHIR R4. A refusal was processed to its end, so
its `outcome` is complete; what was decided stands in `disposition` and in the amounts. **Units**: minor units become decimals with two places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from baybridge.exchange.fhir.claims import CLAIM_TYPE, PRIORITY, PROCESSED, add_coverage, coverage_id, payer_of
from baybridge.exchange.fhir.parts import Json, Writer, concept, identifier, money
from baybridge.journey import events as ev

_QUOTE = "urn:baybridge:quote"
_ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"
_BENEFIT_TYPE = concept("http://terminology.hl7.org/CodeSystem/benefit-type", "benefit")

#: Whether the plan covers, and whether it asks to be asked. Source: FHIR R4, eligibilityrequest-purpose.
_PURPOSE = ["benefits", "auth-requirements"]


def _requested(event: ev.PreauthorisationRequested, writer: Writer) -> None:
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


def _answered(event: ev.PreauthorisationAnswered, writer: Writer) -> None:
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


def _appealed(event: ev.PreauthorisationAppealed, writer: Writer) -> None:
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


RENDERERS: Mapping[type[ev.Event], Callable[[Any, Writer], None]] = {
    ev.PreauthorisationRequested: _requested,
    ev.PreauthorisationAnswered: _answered,
    ev.PreauthorisationAppealed: _appealed,
}
