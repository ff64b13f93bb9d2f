"""The case in FHIR R4: every event as the resources that any FHIR client can read.

Main job: `render(recorded, case, patient_reference)` answers the resources of one event, the same for the same event. They are a read-only
projection: `meta.tag` says so (`urn:baybridge:projection`), and `HTEST` where the patient is invented. The facts reader reads
assessments, drugs, infusions and responses back from them.

**Source**: design section 6; FHIR R4. Events that another node told are rendered too, with their own node and time.
Elsewhere: the pieces in `journey/fhir/`; what each event is rendered as stands in its row, beside the rule (`rendering.py` of each part).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from baybridge.facts.fhir import items, mapping
from baybridge.journey.case import Case
from baybridge.journey.entry import Entry, read_event
from baybridge.journey.events import EntryCorrected, EntryReinstated, Event, PackageReceived, Recorded
from baybridge.journey.fhir.writer import PROJECTION, Told, Writer
from baybridge.node.commands.table import EVENTS
from baybridge.node.fhir.kinds import correction_of
from baybridge.record.fhir.in_error import entered_in_error
from baybridge.record.fhir.references import PATIENT_EXTENSION, patient_of

Resource = dict[str, object]
CORRECTION = "urn:baybridge:correction"
HTEST = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST", "display": "test health data"}

def render(recorded: Recorded, case: Case, patient_reference: str) -> list[Resource]:
    """The resources of one event; `patient_reference` is Patient/id, or '' where this node knows only the cells."""
    found: list[Resource] = []
    for told in _tellings(recorded):
        if isinstance(told.event, EntryCorrected):
            found += _struck(told.event.event_id, case, patient_reference)
        elif isinstance(told.event, EntryReinstated):
            event_id = told.event.event_id
            found += [one for entry in case.entries if entry.origin.event_id == event_id for one in _rendered(_as_told(entry), case, patient_reference)]
        found += _rendered(_at_its_place(told, case), case, patient_reference)
    return found


def _at_its_place(told: Told, case: Case) -> Told:
    """An event that stands instead of a struck one happened when that one did."""
    if not any(one.by.event.replaced_by == told.event_id for one in case.struck):
        return told
    return next((replace(told, at=entry.origin.at) for entry in case.entries if entry.origin.event_id == told.event_id), told)


def _rendered(told: Told, case: Case, patient_reference: str) -> list[dict[str, object]]:
    row = EVENTS.get(type(told.event))
    if row is None:
        return []
    writer = Writer(told, case, patient_reference)
    row.fhir(told.event, writer)
    return [_marked(resource, told, case, patient_reference) for resource in writer.resources]


# --- what does not hold ---------------------------------------------------------------------------------------------


def _struck(event_id: str, case: Case, patient_reference: str) -> list[dict[str, object]]:
    """The resources of a struck entry as entered in error; one that other entries write too reads as the last that stands has it."""
    struck = next((one.entry for one in case.struck if one.entry.origin.event_id == event_id), None)
    if struck is None:
        return []
    whole = replace(case, entries=case.history)
    made = _rendered(_as_told(struck), whole, patient_reference)
    shared = {_key(resource) for resource in made if not str(resource["id"]).startswith(event_id)}
    again: dict[tuple[str, str], Resource] = {}
    for entry in case.entries if shared else ():
        again |= {_key(resource): resource for resource in _rendered(_as_told(entry), case, patient_reference) if _key(resource) in shared}
    return [again.get(_key(resource)) or _in_error(resource) for resource in made]


def _key(resource: Resource) -> tuple[str, str]:
    return str(resource["resourceType"]), str(resource["id"])


def _as_told(entry: Entry[Event]) -> Told:
    origin = entry.origin
    return Told(origin.event_id, entry.event, origin.at, origin.recorded_at, origin.node, origin.actor, origin.role)


def _in_error(resource: Resource) -> Resource:
    """Said by its status where the type has one, and by a tag for every type."""
    meta = mapping(resource["meta"])
    return {**entered_in_error(resource), "meta": {**meta, "tag": [*items(meta["tag"]), {"system": CORRECTION, "code": "entered-in-error"}]}}


# --- tellings -------------------------------------------------------------------------------------------------------


def _tellings(recorded: Recorded) -> Iterator[Told]:
    """The event itself, and the ones that a package told."""
    yield Told(recorded.event_id, recorded.event, recorded.at, recorded.recorded_at, recorded.node, recorded.actor, recorded.role)
    if isinstance(recorded.event, PackageReceived):
        for told in recorded.event.told:
            event = read_event(told.event)
            if event is not None:
                yield Told(told.event_id, event, told.at, told.recorded_at, told.node, told.actor, told.role)


def _tagged_as(event: Event, case: Case) -> str:
    """The name of an event; of a correction with that of the entry which it is about, so that it is open to whoever reads such entries (`kinds.py`)."""
    name = type(event).__name__
    if not isinstance(event, EntryCorrected | EntryReinstated):
        return name
    about = next((entry for entry in case.history if entry.origin.event_id == event.event_id), None)
    return correction_of(name, type(about.event).__name__) if about is not None else name


def _marked(resource: Resource, told: Told, case: Case, patient_reference: str) -> dict[str, object]:
    tags: list[dict[str, str]] = [{"system": PROJECTION, "code": _tagged_as(told.event, case)}]
    if case.synthetic:
        tags.append(HTEST)
    meta = {"source": f"urn:baybridge:event:{told.event_id}", "tag": tags}
    marked = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta, **resource}
    if patient_reference and not patient_of(marked):
        extension = {"url": PATIENT_EXTENSION, "valueReference": {"reference": patient_reference}}
        marked["extension"] = [*items(marked.get("extension")), extension]
    return marked
