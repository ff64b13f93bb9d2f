"""Events of recognition and identity in FHIR: results recognised or repeated, overrides, comparisons, decisions made again; other records, code mappings.

A question of identity is a Task, its answer a Linkage of both Patients with who said so.

**Source**: design section 6 (GuidanceResponse); FHIR R4, Linkage (source is the case's Patient, alternate the other record; inactive once refused or
taken back).
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.journey import events as ev
from baybridge.journey.fhir.resources import guidance, task
from baybridge.journey.fhir.writer import Json, Writer, concept, identified_by_decision
from baybridge.journey.row import EventRow


def recognised(event: ev.ResultRecognised, writer: Writer) -> None:
    """As DocumentReference, GuidanceResponse and Provenance."""
    guidance(writer, "test-recognition", event.outcome, event.decision_sha256, reasons=event.codes, purpose=event.purpose)
    writer.provenance([_result(event.result_id)], f"recognised for {event.purpose}")


def repeat(event: ev.RepeatRequested, writer: Writer) -> None:
    """As DocumentReference, GuidanceResponse and ServiceRequest."""
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


def override_proposed(event: ev.OverrideProposed, writer: Writer) -> None:
    """As Task."""
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


def override_declined(event: ev.OverrideDeclined, writer: Writer) -> None:
    """As Task."""
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


def compared(event: ev.ParallelTestCompared, writer: Writer) -> None:
    """As DocumentReference, GuidanceResponse and Provenance."""
    outcome = "agrees" if event.agrees else "differs"
    guidance(writer, "parallel-test", outcome, event.decision_sha256, reasons=(event.note,), purpose=event.purpose)
    writer.provenance([_result(event.repeat_id), _result(event.result_id)], f"parallel test compared for {event.purpose}")


def _result(result_id: str) -> Json:
    """An outside result: by reference where its id is one, else by identifier."""
    if "/" in result_id:
        return {"reference": result_id}
    return {"type": "Observation", "identifier": {"system": "urn:baybridge:result", "value": result_id}}


def reopened(event: ev.DecisionReopened, writer: Writer) -> None:
    """As DocumentReference, GuidanceResponse and Provenance."""
    outcome = "outcome-changed" if event.outcome_changed else "outcome-unchanged"
    answer = guidance(writer, "decision-reopened", outcome, event.new_decision_sha256, reasons=(event.because,))
    document = writer.document("decision before the correction", identified_by_decision(event.decision_sha256), kind="superseded decision")
    writer.provenance([answer, document], "decision made again after a correction")


def _other(writer: Writer, question: str) -> str:
    asked = (entry.event for entry in writer.case.of(ev.IdentityQuestioned) if entry.event.question == question)
    return next((f"Patient/{event.other}" for event in asked), "")


def whose(event: ev.IdentityQuestioned, writer: Writer) -> None:
    """As Task."""
    task(writer, "requested", "say whether another record is this patient's", None, note=", ".join(event.reasons))


def _linkage(writer: Writer, question: str, *, active: bool) -> Mapping[str, object]:
    """One Linkage a question; the newest answer stands."""
    other = _other(writer, question)
    alternate = [{"type": "alternate", "resource": {"reference": other}}] if other else []
    items = [{"type": "source", "resource": writer.patient}, *alternate]
    content = {"active": active, "author": writer.node, "item": items}
    return writer.add("Linkage", content, logical_id=f"linkage-{question}"[:64])


def linked(event: ev.IdentityLinked, writer: Writer) -> None:
    """As Linkage and Provenance."""
    writer.provenance([_linkage(writer, event.question, active=True)], f"record linked: identity {event.basis}")


def not_the_same(event: ev.IdentityRefused, writer: Writer) -> None:
    """As Linkage and Provenance."""
    writer.provenance([_linkage(writer, event.question, active=False)], f"record of another person: {event.because}")


def undone(event: ev.IdentityUndone, writer: Writer) -> None:
    """As Linkage and Provenance."""
    writer.provenance([_linkage(writer, event.question, active=False)], f"link undone: {event.because}")


def reread(event: ev.ResultsReread, writer: Writer) -> None:
    """As DocumentReference and Provenance."""
    document = writer.document(
        f"results read anew as LOINC {event.loinc}: {event.results}{' (mapping taken back)' if event.undone else ''}",
        {"system": "urn:baybridge:mapping", "value": event.mapping},
        kind="code mapping",
    )
    writer.provenance([document], "code mapping undone" if event.undone else "code mapping signed")


#: Events that follow no command of this part: made by the node when a result changes, a record arrives, or a mapping is signed.
EVENT_ROWS = (
    EventRow(ev.DecisionReopened, reopened, computed=True),
    EventRow(ev.IdentityQuestioned, whose, computed=True),
    EventRow(ev.ResultsReread, reread),
)
