"""Resources that events of more than one part are rendered as: a decision, the case itself, a task, an encounter, a medication that was given.

**Source**: design section 6 (EpisodeOfCare and CarePlan; GuidanceResponse with the decision document as DocumentReference); FHIR R4.
Elsewhere: the writer and the data types in `writer.py`; what each event is rendered as, in `rendering.py` of its part.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.journey.fhir.writer import PRODUCT, Json, Writer, concept, identified_by_decision, identifier, organisation

_OUTCOME = "urn:baybridge:outcome"


def guidance(writer: Writer, policy: str, outcome: str, decision_sha256: str, *, reasons: tuple[str, ...] = (), purpose: str = "") -> Json:
    """Add a decision's GuidanceResponse and a pointer to its document; `undetermined` asks for more data."""
    document = writer.document(f"decision {policy}", identified_by_decision(decision_sha256), kind="decision")
    content = {
        "identifier": [identified_by_decision(decision_sha256)],
        "moduleUri": f"urn:baybridge:policy:{policy}",
        "status": "data-required" if outcome == "undetermined" else "success",
        "subject": writer.patient,
        "occurrenceDateTime": writer.at,
        "reasonCode": [concept(_OUTCOME, outcome), *({"text": purpose} for _ in range(bool(purpose)))],
        "reasonReference": [document],
        "note": [{"text": code} for code in reasons],
    }
    return writer.add("GuidanceResponse", content)


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


def _care_plan(writer: Writer, status: str, period: Mapping[str, object]) -> None:
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


def administered(writer: Writer, medication: Json, effective: Json, content: Json | None = None) -> Json:
    """Add a completed MedicationAdministration."""
    base = {
        "status": "completed",
        "medicationCodeableConcept": medication,
        "subject": writer.patient,
        **effective,
        "performer": [{"actor": writer.actor}],
    }
    return writer.add("MedicationAdministration", {**base, **(content or {})})


def encounter(writer: Writer, kind: str, period: Json, what: str) -> Json:
    """Add a finished Encounter of the episode."""
    content = {
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind},
        "type": [{"text": what}],
        "subject": writer.patient,
        "episodeOfCare": [writer.episode],
        "period": period,
        "serviceProvider": writer.node,
    }
    return writer.add("Encounter", content)
