"""Events of follow-up in FHIR: hand-over, the schedule for life, visits, second malignancies, death.

**Source**: design section 6 (CarePlan, Encounter, Condition and AdverseEvent); FHIR R4.
"""

from __future__ import annotations

from baybridge.journey import events as ev
from baybridge.journey.fhir.resources import encounter, episode, task
from baybridge.journey.fhir.writer import OBSERVATION, Writer, concept


def handed_over(event: ev.HandedOver, writer: Writer) -> None:
    """As Task."""
    task(writer, "requested", "follow-up for life", event.to_node)


def follow_up(_event: ev.FollowUpAccepted, writer: Writer) -> None:
    """As Task, EpisodeOfCare and CarePlan."""
    task(writer, "accepted", "follow-up for life", writer.told.node)
    episode(writer, "active")


def scheduled(event: ev.FollowUpScheduled, writer: Writer) -> None:
    """As CarePlan."""
    content = {
        "status": "active",
        "intent": "plan",
        "title": f"follow-up for life: {event.schedule}",
        "subject": writer.patient,
        "period": {"start": event.first_due_on.isoformat()},
        "author": writer.node,
    }
    writer.add("CarePlan", content)


def letter(_event: ev.PatientWrote, writer: Writer) -> None:
    """As Communication; what was written stays in the case."""
    writer.add("Communication", {"status": "completed", "subject": writer.patient, "sent": writer.at, "reasonCode": [{"text": "letter of the patient"}]})


def letter_answered(_event: ev.PatientAnswered, writer: Writer) -> None:
    """As Communication; what was written stays in the case."""
    writer.add("Communication", {"status": "completed", "subject": writer.patient, "sent": writer.at, "reasonCode": [{"text": "answer to the patient"}]})


def visited(event: ev.FollowUpVisited, writer: Writer) -> None:
    """As Encounter and Observation."""
    day = event.visited_on.isoformat()
    encounter(writer, "AMB", {"start": day, "end": day}, f"follow-up visit {event.visit}")
    writer.observation(concept(OBSERVATION, "alive"), day, {"valueBoolean": event.alive})
    if event.new_malignancy is not None:
        writer.observation(concept(OBSERVATION, "new-malignancy"), day, {"valueBoolean": event.new_malignancy})


_TESTED = {True: "transgene tested", False: "transgene not tested", None: "not known whether the transgene was tested"}


def malignancy(event: ev.SecondMalignancyReported, writer: Writer) -> None:
    """As Condition and AdverseEvent."""
    clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    condition = writer.add(
        "Condition",
        {
            "clinicalStatus": concept(clinical, "active"),
            "code": {"text": event.kind},
            "subject": writer.patient,
            "onsetDateTime": event.found_on.isoformat(),
            "recordedDate": writer.at,
            "note": [{"text": _TESTED[event.transgene_tested]}],
        },
    )
    writer.add(
        "AdverseEvent",
        {
            "actuality": "actual",
            "event": {"text": "second primary malignancy"},
            "subject": writer.patient,
            "date": event.found_on.isoformat(),
            "resultingCondition": [condition],
            "recorder": writer.actor,
        },
    )


def died(event: ev.Died, writer: Writer) -> None:
    """As Observation, EpisodeOfCare and CarePlan."""
    day = event.died_on.isoformat()
    writer.observation(concept(OBSERVATION, "death"), day, {"valueCodeableConcept": concept("urn:baybridge:cause-of-death", event.cause)})
    episode(writer, "finished", ended_on=day)
