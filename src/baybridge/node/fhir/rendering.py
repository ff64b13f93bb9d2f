"""The case in FHIR R4: every event as the resources that any FHIR client can read.

Main job: `render(recorded, case, patient_reference)` answers the resources of one event, the same for the same event. They are a read-only
projection: `meta.tag` says so (`urn:baybridge:projection`), and `HTEST` where the patient is invented. The facts reader reads
assessments, drugs, infusions and responses back from them.

**Source**: design section 6; FHIR R4. Events that another node told are rendered too, with their own node and time.
Elsewhere: the pieces in `journey/fhir/`; what each event is rendered as stands in its row, beside the rule (`rendering.py` of each part).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baybridge.journey.case import Case
from baybridge.journey.entry import read_event
from baybridge.journey.events import PackageReceived, Recorded
from baybridge.journey.fhir.writer import PROJECTION, Told, Writer
from baybridge.node.commands.table import EVENTS
from baybridge.record.fhir.references import PATIENT_EXTENSION, patient_of

Resource = dict[str, Any]
HTEST = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST", "display": "test health data"}

def render(recorded: Recorded, case: Case, patient_reference: str) -> list[Resource]:
    """The resources of one event; `patient_reference` is Patient/id, or '' where this node knows only the cells."""
    found = []
    for told in _tellings(recorded):
        writer = Writer(told, case, patient_reference)
        EVENTS[type(told.event)].fhir(told.event, writer)
        found += [_marked(resource, told, case, patient_reference) for resource in writer.resources]
    return found


def _tellings(recorded: Recorded) -> Iterator[Told]:
    """The event itself, and the ones that a package told."""
    yield Told(recorded.event_id, recorded.event, recorded.at, recorded.recorded_at, recorded.node, recorded.actor, recorded.role)
    if isinstance(recorded.event, PackageReceived):
        for told in recorded.event.told:
            event = read_event(told.event)
            if event is not None:
                yield Told(told.event_id, event, told.at, told.recorded_at, told.node, told.actor, told.role)


def _marked(resource: Resource, told: Told, case: Case, patient_reference: str) -> Resource:
    tags: list[dict[str, str]] = [{"system": PROJECTION, "code": type(told.event).__name__}]
    if case.synthetic:
        tags.append(HTEST)
    meta = {"source": f"urn:baybridge:event:{told.event_id}", "tag": tags}
    marked = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta, **resource}
    if patient_reference and not patient_of(marked):
        extension = {"url": PATIENT_EXTENSION, "valueReference": {"reference": patient_reference}}
        marked["extension"] = [*marked.get("extension", []), extension]
    return marked
