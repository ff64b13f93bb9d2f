"""Events of deciding in FHIR: eligibility, choice of product, recognition of results, decisions made again, confirmed findings.

**Source**: design section 6 (GuidanceResponse, with the decision document as DocumentReference); FHIR R4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from baybridge.exchange.fhir.parts import PRODUCT, Json, Writer, concept, identified_by_decision
from baybridge.journey import events as ev

_FINDING = "urn:baybridge:confirmed-finding"
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


def _eligibility(event: ev.EligibilityDecided, writer: Writer) -> None:
    guidance(writer, event.policy, event.outcome, event.decision_sha256)


def _fitness(event: ev.FitnessChecked, writer: Writer) -> None:
    guidance(writer, event.policy, event.outcome, event.decision_sha256, purpose=event.step)


def _product(event: ev.ProductChosen, writer: Writer) -> None:
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


def _recognised(event: ev.ResultRecognised, writer: Writer) -> None:
    guidance(writer, "test-recognition", event.outcome, event.decision_sha256, reasons=event.codes, purpose=event.purpose)
    writer.provenance([_result(event.result_id)], f"recognised for {event.purpose}")


def _repeat(event: ev.RepeatRequested, writer: Writer) -> None:
    guidance(writer, "test-recognition", "repeat", event.decision_sha256, reasons=event.codes, purpose=event.purpose)
    writer.add(
        "ServiceRequest",
        {
            "status": "active",
            "intent": "order",
            "code": concept("http://loinc.org", event.loinc),
            "subject": writer.patient,
            "authoredOn": writer.at,
            "requester": writer.actor,
            "reasonCode": [{"text": code} for code in event.codes],
            "supportingInfo": [_result(event.result_id)],
        },
    )


def _override_proposed(event: ev.OverrideProposed, writer: Writer) -> None:
    task = {
        "status": "requested",
        "intent": "proposal",
        "code": {"text": f"countersign {event.direction} ({event.code}) for {event.purpose}"},
        "focus": _result(event.result_id),
        "for": writer.patient,
        "authoredOn": writer.at,
        "requester": writer.actor,
        "note": [{"text": event.note}, *({"text": code} for code in event.codes)],
    }
    writer.add("Task", task)


def _override_declined(event: ev.OverrideDeclined, writer: Writer) -> None:
    task = {
        "status": "rejected",
        "intent": "proposal",
        "code": {"text": f"override for {event.purpose} not countersigned"},
        "focus": _result(event.result_id),
        "for": writer.patient,
        "authoredOn": writer.at,
        "requester": writer.actor,
        "note": [{"text": event.note}],
    }
    writer.add("Task", task)


def _compared(event: ev.ParallelTestCompared, writer: Writer) -> None:
    outcome = "agrees" if event.agrees else "differs"
    guidance(writer, "parallel-test", outcome, event.decision_sha256, reasons=(event.note,), purpose=event.purpose)
    writer.provenance([_result(event.repeat_id), _result(event.result_id)], f"parallel test compared for {event.purpose}")


def _result(result_id: str) -> Json:
    """An outside result: by reference where its id is one, else by identifier."""
    if "/" in result_id:
        return {"reference": result_id}
    return {"type": "Observation", "identifier": {"system": "urn:baybridge:result", "value": result_id}}


def _reopened(event: ev.DecisionReopened, writer: Writer) -> None:
    outcome = "outcome-changed" if event.outcome_changed else "outcome-unchanged"
    answer = guidance(writer, "decision-reopened", outcome, event.new_decision_sha256, reasons=(event.because,))
    document = writer.document("decision before the correction", identified_by_decision(event.decision_sha256), kind="superseded decision")
    writer.provenance([answer, document], "decision made again after a correction")


def _finding(event: ev.FindingConfirmed, writer: Writer) -> None:
    value: Json
    if isinstance(event.value, bool):
        value = {"valueBoolean": event.value}
    elif isinstance(event.value, int):
        value = {"valueInteger": event.value}
    else:
        value = {"valueString": str(event.value)}
    code = concept(_FINDING, event.fact)
    writer.observation(code, writer.at, {**value, "note": [{"text": event.basis}] if event.basis else None})


RENDERERS: Mapping[type[ev.Event], Callable[[Any, Writer], None]] = {
    ev.EligibilityDecided: _eligibility,
    ev.FitnessChecked: _fitness,
    ev.ProductChosen: _product,
    ev.ResultRecognised: _recognised,
    ev.RepeatRequested: _repeat,
    ev.OverrideProposed: _override_proposed,
    ev.OverrideDeclined: _override_declined,
    ev.ParallelTestCompared: _compared,
    ev.DecisionReopened: _reopened,
    ev.FindingConfirmed: _finding,
}
