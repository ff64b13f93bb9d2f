"""Events of treatment in FHIR: fitness, lymphodepletion, checks, infusion, assessments, grades, alerts, drugs, discharge, response.

**Source**: design section 6; shared facts contract, "Reading from FHIR" (codes that the facts reader reads back); clinical reference 9.1
(LOINC and UCUM of vital signs) and 9.3 (ATC).
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.journey import events as ev
from baybridge.journey.fhir.resources import administered, encounter, guidance
from baybridge.journey.fhir.writer import ATC, CHAIN, LOINC, OBSERVATION, PRODUCT, Json, Writer, account, concept, identifier, quantity

#: Fact -> (LOINC, UCUM) of the vital signs. Source: clinical reference 9.1.
VITAL_SIGNS = {
    "temperature": ("8310-5", "Cel"),
    "systolic_pressure": ("8480-6", "mm[Hg]"),
    "diastolic_pressure": ("8462-4", "mm[Hg]"),
    "mean_arterial_pressure": ("8478-0", "mm[Hg]"),
    "heart_rate": ("8867-4", "/min"),
    "respiratory_rate": ("9279-1", "/min"),
    "oxygen_saturation": ("59408-5", "%"),
    "arterial_oxygen_saturation": ("2708-6", "%"),
    "fio2": ("3150-0", "%"),
    "oxygen_flow": ("3151-8", "L/min"),
    "weight": ("29463-7", "kg"),
    "height": ("8302-2", "cm"),
    "body_surface_area": ("3140-1", "m2"),
}
#: Product -> ATC. Source: shared facts contract, "Infusion"; clinical reference 9.3.
PRODUCT_ATC = {
    "axicabtagene-ciloleucel": "L01XL03",
    "axi-cel": "L01XL03",
    "tisagenlecleucel": "L01XL04",
    "tisa-cel": "L01XL04",
    "ciltacabtagene-autoleucel": "L01XL05",
    "cilta-cel": "L01XL05",
}
#: Words of a regimen's name, drug, ATC. Source: clinical reference 9.3; ATC index for bendamustine.
_REGIMEN_DRUGS = (
    (frozenset({"flu", "fludarabine", "fc", "flucy"}), "fludarabine", "L01BB05"),
    (frozenset({"cy", "ctx", "cyclophosphamide", "fc", "flucy"}), "cyclophosphamide", "L01AA01"),
    (frozenset({"benda", "bendamustine"}), "bendamustine", "L01AA09"),
)
#: The grade from which a toxicity is an adverse event; 0 is none. Source: design section 6.
#: Codes of the policy `rapid-response`.
SIGNS = "urn:baybridge:rapid-response"
#: Ways of giving a drug.
ROUTE = "http://terminology.hl7.org/CodeSystem/v2-0162"
_ADVERSE_FROM = 1
_SCALES = {"crs-astct-2019": "crs-grade", "icans-astct-2019": "icans-grade"}
_EVENT_NAMES = {"crs-astct-2019": "cytokine release syndrome", "icans-astct-2019": "ICANS"}


def fitness(event: ev.FitnessChecked, writer: Writer) -> None:
    """As DocumentReference and GuidanceResponse."""
    guidance(writer, event.policy, event.outcome, event.decision_sha256, purpose=event.step)


def lymphodepletion(event: ev.LymphodepletionStarted, writer: Writer) -> None:
    """As MedicationAdministration and Provenance."""
    words = set("".join(char if char.isalpha() else " " for char in event.regimen.lower()).split())
    drugs = [(name, atc) for known, name, atc in _REGIMEN_DRUGS if words & known]
    note = {"note": [{"text": event.exception_reason}]} if event.exception_reason else {}
    day = {"effectiveDateTime": event.started_on.isoformat()}
    category = {"category": {"text": "lymphodepletion"}}
    given = [administered(writer, concept(ATC, atc, name), day, {**category, **note}) for name, atc in drugs]
    if not drugs:
        given.append(administered(writer, {"text": event.regimen}, day, {**category, **note}))
    signed = (("exception signed by", event.exception_signed_by),) if event.exception_signed_by else ()
    writer.provenance(given, f"lymphodepletion {event.regimen}", signed)


def lymphodepletion_completed(event: ev.LymphodepletionCompleted, writer: Writer) -> None:
    """As Procedure: the course is over."""
    content = {
        "status": "completed", "code": {"text": "lymphodepletion completed"}, "subject": writer.patient, "performedDateTime": event.completed_on.isoformat(),
    }  # fmt: skip
    writer.add("Procedure", content)


def lymphodepletion_omitted(event: ev.LymphodepletionOmitted, writer: Writer) -> None:
    """As Procedure that was not done, with the count that it rests on."""
    reason = {"text": f"white cells {event.white_cells:g} 10*9/L on {event.counted_on.isoformat()}"}
    writer.add("Procedure", {"status": "not-done", "code": {"text": "lymphodepletion"}, "subject": writer.patient, "statusReason": reason})


def reserved(event: ev.DrugsReserved, writer: Writer) -> None:
    """As MedicationRequest: doses held for this patient."""
    content = {
        "status": "active" if event.doses else "cancelled",
        "intent": "plan",
        "medicationCodeableConcept": concept(ATC, event.atc),
        "subject": writer.patient,
        "authoredOn": writer.at,
        "note": [{"text": event.shortage_reason}] if event.shortage_reason else None,
        "dispenseRequest": {"validityPeriod": {"start": event.from_on.isoformat(), "end": event.until_on.isoformat()}, "quantity": {"value": event.doses}},
    }
    writer.add("MedicationRequest", content)


def bedside(event: ev.BedsideChecked, writer: Writer) -> None:
    """As Procedure and Provenance."""
    made = writer.add(
        "Procedure",
        {
            "identifier": [identifier(CHAIN, event.chain_of_identity), identifier("urn:baybridge:bag", event.bag)],
            "status": "completed",
            "code": {"text": "bedside identity check"},
            "subject": writer.patient,
            "performedDateTime": event.checked_at.isoformat(),
            "performer": [{"actor": account(name)} for name in event.people(event.first_checker, event.second_checker)],
        },
    )
    people = tuple(zip(("first checker", "second checker"), event.people(event.first_checker, event.second_checker), strict=False))
    writer.provenance([made], "bedside check by two", people)


def thawed(event: ev.ProductThawed, writer: Writer) -> None:
    """As Procedure."""
    writer.add(
        "Procedure",
        {
            "identifier": [identifier("urn:baybridge:bag", event.bag)],
            "status": "completed",
            "code": {"text": "thawing of a bag"},
            "subject": writer.patient,
            "performedDateTime": event.thawed_at.isoformat(),
        },
    )


def infused(event: ev.Infused, writer: Writer) -> None:
    """As MedicationAdministration and Provenance."""
    atc = PRODUCT_ATC.get(event.product)
    codes = [{"system": PRODUCT, "code": event.product}, *([{"system": ATC, "code": atc}] if atc else [])]
    medication = {"coding": codes, "text": event.product}
    period = {"effectivePeriod": {"start": event.started_at.isoformat(), "end": event.ended_at.isoformat()}}
    names = (("urn:baybridge:batch", event.batch), ("urn:baybridge:bag", event.bag), (CHAIN, event.chain_of_identity))
    content = {
        "identifier": [identifier(system, value) for system, value in names],
        "note": None if event.entire_volume else [{"text": "not the entire volume was given"}],
    }
    writer.provenance([administered(writer, medication, period, content)], "infusion")


def drug(event: ev.DrugGiven, writer: Writer) -> None:
    """As MedicationAdministration."""
    effective = {"effectiveDateTime": event.given_at.isoformat()}
    dosage: dict[str, object] = {"text": event.dose} if event.dose else {}
    if event.route:
        dosage["route"] = concept(ROUTE, event.route)
    if event.dose_mg is not None:
        dosage["dose"] = quantity(event.dose_mg, "mg")
    elif event.amount is not None and event.unit:
        dosage["dose"] = quantity(event.amount, event.unit)
    content: dict[str, object] = {"dosage": dosage} if dosage else {}
    if event.note:
        content["note"] = [{"text": event.note}]
    administered(writer, concept(ATC, event.atc, event.name), effective, content)


def dose_doubted(event: ev.DoseDoubted, writer: Writer) -> None:
    """As Flag: a physician looks at the dose."""
    found = "no weight stands any more" if event.weight_kg is None else f"the weight is {event.weight_kg:g} kg"
    code = {"text": f"dose by another weight: {found}"}
    writer.add("Flag", {"status": "active", "code": code, "subject": writer.patient, "period": {"start": writer.at}, "author": writer.actor})


def dose_doubt_ended(_event: ev.DoseDoubtEnded, writer: Writer) -> None:
    """As Flag that is no longer active."""
    code = {"text": "the dose fits the weight"}
    writer.add("Flag", {"status": "inactive", "code": code, "subject": writer.patient, "period": {"end": writer.at}, "author": writer.actor})


def dose_reviewed(event: ev.DoseReviewed, writer: Writer) -> None:
    """As Flag that is no longer active, with a physician's word."""
    code = {"text": f"dose by another weight, reviewed: {event.follows}"}
    writer.add("Flag", {"status": "inactive", "code": code, "subject": writer.patient, "period": {"end": writer.at}, "author": writer.actor})


def assessed(event: ev.AssessmentRecorded, writer: Writer) -> None:
    """As Observation."""
    at = event.assessed_at.isoformat()
    for fact, value in event.findings:
        if fact in VITAL_SIGNS and not isinstance(value, bool | str):
            loinc, unit = VITAL_SIGNS[fact]
            writer.observation(concept(LOINC, loinc), at, {"valueQuantity": quantity(value, unit)}, category="vital-signs")
        else:
            affirmed = {"note": [{"text": "affirmed as before"}]} if fact in event.as_before else {}
            writer.observation(concept(OBSERVATION, fact.replace("_", "-")), at, {**_value(value), **affirmed})


def _value(value: object) -> dict[str, object]:
    """A finding's value: true or false, a whole number, another number, or a code."""
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    if isinstance(value, float):
        return {"valueQuantity": quantity(value, "1")}
    return {"valueCodeableConcept": concept(OBSERVATION, str(value))}


def graded(event: ev.GradeAssessed, writer: Writer) -> None:
    """As Observation, AdverseEvent, DocumentReference and GuidanceResponse."""
    at = event.assessed_at.isoformat()
    bounds = (("grade-min", event.grade_min), ("grade-max", event.grade_max))
    parts: list[Json] = [{"code": concept(OBSERVATION, name), "valueInteger": grade} for name, grade in bounds]
    if event.driver:
        parts.append({"code": concept(OBSERVATION, "grade-driver"), "valueString": event.driver})
    unknown = concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown")
    value: Json = {"valueInteger": event.grade} if event.grade is not None else {"dataAbsentReason": unknown}
    notes = [f"missing: {', '.join(event.missing)}"] if event.missing else []
    notes += [f"rests on {fact} {_written(found)} of {at.isoformat()}, before this assessment" for fact, found, at in event.from_before or ()]
    content = {**value, "component": parts, "note": [{"text": text} for text in notes] or None}
    grade = writer.observation(concept(OBSERVATION, _SCALES[event.scale]), at, content)
    if event.grade_min >= _ADVERSE_FROM:
        _adverse(writer, event, grade)
    guidance(writer, event.scale, event.outcome, event.decision_sha256)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _adverse(writer: Writer, event: ev.GradeAssessed, grade: Mapping[str, object]) -> None:
    content = {
        "actuality": "actual",
        "event": concept("urn:baybridge:toxicity", event.scale, _EVENT_NAMES[event.scale]),
        "subject": writer.patient,
        "date": event.assessed_at.isoformat(),
        "recordedDate": writer.told.recorded_at.isoformat(),
        "recorder": writer.actor,
        # resultingCondition admits conditions only
        "extension": [{"url": "urn:baybridge:grade", "valueReference": grade}],
    }
    writer.add("AdverseEvent", content)


def confirmed(event: ev.GradeConfirmed, writer: Writer) -> None:
    """As Observation."""
    note = [{"text": event.reason}] if event.reason else None
    code = concept(OBSERVATION, f"{_SCALES[event.scale]}-confirmed")
    writer.observation(code, writer.at, {"valueInteger": event.grade, "note": note})


def called(event: ev.RapidResponseCalled, writer: Writer) -> None:
    """As Flag, Task and Communication."""
    at = event.called_at.isoformat()
    grade = f"{_EVENT_NAMES[event.scale]} grade {event.grade_min} or more" if event.scale else ""
    text = "; ".join(filter(None, (grade, ", ".join(event.codes)))) or "rapid response"
    alert = {"text": text, **({"coding": [{"system": SIGNS, "code": code} for code in event.codes]} if event.codes else {})}
    flag = writer.add(
        "Flag",
        {"status": "active", "code": alert, "subject": writer.patient, "period": {"start": at}, "author": writer.actor},
    )
    call = writer.add(
        "Task",
        {
            "status": "requested",
            "intent": "order",
            "priority": "stat",
            "code": {"text": "rapid response"},
            "focus": flag,
            "for": writer.patient,
            "authoredOn": at,
            "requester": writer.actor,
        },
    )
    communication = {"status": "completed", "priority": "stat", "subject": writer.patient, "about": [flag, call], "sent": at}
    writer.add("Communication", {**communication, "payload": [{"contentString": text}]})


def arrived(event: ev.RapidResponseArrived, writer: Writer) -> None:
    """As Task."""
    _call_task(writer, event.call_id, "completed", {"executionPeriod": {"start": event.arrived_at.isoformat()}})


def acknowledged(event: ev.CallAcknowledged, writer: Writer) -> None:
    """As Task."""
    _call_task(writer, event.call_id, "accepted", {"owner": writer.actor})


def closed(event: ev.CallClosed, writer: Writer) -> None:
    """As Task."""
    reason = {"statusReason": {"text": f"{event.reason}: {event.note}" if event.note else event.reason}}
    _call_task(writer, event.call_id, "cancelled", reason)


def cause_withdrawn(event: ev.CallCauseWithdrawn, writer: Writer) -> None:
    """As the call's Task with a note, and Provenance."""
    _call_task(writer, event.call_id, "on-hold", {"note": [{"text": "what raised this call was corrected or withdrawn: a physician closes or keeps it"}]})


def kept(event: ev.CallKept, writer: Writer) -> None:
    """As the call's Task, in progress by a physician's word."""
    _call_task(writer, event.call_id, "in-progress", {"owner": writer.actor, "note": [{"text": event.note}]})


def _call_task(writer: Writer, call_id: str, status: str, more: Mapping[str, object]) -> None:
    """The call's own Task, as it now stands."""
    calls = [call for call in writer.case.rapid_responses if call_id in ("", call.call_id)]
    task = {"status": status, "intent": "order", "priority": "stat", "code": {"text": "rapid response"}, "for": writer.patient, "authoredOn": writer.at}
    writer.add("Task", {**task, **more}, logical_id=f"{calls[-1].called.origin.event_id}-1" if calls else None)


def notified(event: ev.CallNotified, writer: Writer) -> None:
    """As Communication."""
    told = {"status": "completed", "priority": "stat", "subject": writer.patient, "sent": writer.at, "recipient": [account(name) for name in event.accounts]}
    writer.add("Communication", {**told, "payload": [{"contentString": f"rapid response: {event.step}"}]})


def escalated(event: ev.CallEscalated, writer: Writer) -> None:
    """As Communication."""
    told = {"status": "completed", "priority": "stat", "subject": writer.patient, "sent": writer.at}
    writer.add("Communication", {**told, "payload": [{"contentString": f"rapid response escalated: {event.step}"}]})


def sign_added(event: ev.SignAdded, writer: Writer) -> None:
    """As Flag."""
    code = {"text": ", ".join(event.codes), "coding": [{"system": SIGNS, "code": name} for name in event.codes]}
    writer.add("Flag", {"status": "active", "code": code, "subject": writer.patient, "period": {"start": writer.at}, "author": writer.actor})


def signs_absent(event: ev.SignsAbsent, writer: Writer) -> None:
    """As Flag that is no longer active."""
    code = {"text": f"absent: {', '.join(event.codes)}"}
    writer.add("Flag", {"status": "inactive", "code": code, "subject": writer.patient, "period": {"end": writer.at}, "author": writer.actor})


def finding_asked(event: ev.FindingAsked, writer: Writer) -> None:
    """As Flag: somebody looks at the patient."""
    code = {"text": f"look at the patient: {event.fact or 'a sign'} ({event.why})"}
    writer.add("Flag", {"status": "active", "code": code, "subject": writer.patient, "period": {"start": writer.at}, "author": writer.actor})


def finding_answered(event: ev.FindingAnswered, writer: Writer) -> None:
    """As Flag that is no longer active."""
    code = {"text": f"answered: {event.fact} ({event.why})"}
    writer.add("Flag", {"status": "inactive", "code": code, "subject": writer.patient, "period": {"end": writer.at}, "author": writer.actor})


def interval_set(event: ev.AssessmentIntervalSet, writer: Writer) -> None:
    """As ServiceRequest."""
    timing = {"repeat": {"frequency": 1, "period": event.every_h, "periodUnit": "h"}}
    order = {"status": "active", "intent": "order", "code": {"text": "bedside assessment"}, "subject": writer.patient, "authoredOn": writer.at}
    writer.add("ServiceRequest", {**order, "requester": writer.actor, "occurrenceTiming": timing, "note": [{"text": event.note}]})


def incident(event: ev.IncidentReported, writer: Writer) -> None:
    """As Communication; what was written stays with quality."""
    told = {"status": "completed", "subject": writer.patient, "sent": writer.at, "reasonCode": [{"text": f"incident: {event.about}"}]}
    writer.add("Communication", told)


def incident_answered(event: ev.IncidentAnswered, writer: Writer) -> None:
    """As Communication."""
    told = {"status": "completed", "subject": writer.patient, "sent": writer.at, "reasonCode": [{"text": f"incident {event.incident_id} answered"}]}
    writer.add("Communication", told)


def response(event: ev.ResponseAssessed, writer: Writer) -> None:
    """As Observation."""
    code = {"coding": [{"system": LOINC, "code": "97509-4", "display": "Cancer disease progression"}]}
    content = {
        "valueCodeableConcept": concept("urn:baybridge:response", event.category),
        "method": {"text": event.criteria},
        "note": [{"text": event.timepoint}],
        "performer": [account(name) for name in event.people(event.first_reader, event.second_reader)],
    }
    writer.observation(code, event.assessed_on.isoformat(), content, category="therapy")


def discharged(event: ev.Discharged, writer: Writer) -> None:
    """As Encounter and Flag."""
    encounter(writer, "IMP", {"end": event.discharged_on.isoformat()}, "inpatient stay for CAR-T therapy")
    period = {"start": event.discharged_on.isoformat(), "end": event.stay_near_until.isoformat()}
    writer.add("Flag", {"status": "active", "code": {"text": "stays near the centre"}, "subject": writer.patient, "period": period})
