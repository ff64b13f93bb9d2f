"""What a file says against itself: a score beside items that do not sum to it.

Main job: `leave_out_contradictions` takes the score out of a batch before it is filed and tells it at its place; the items go in.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from baybridge.facts.dictionary import Dictionary
from baybridge.facts.sums import concerns, contradicting
from baybridge.record.intake.importing import Batch, ImportProblem
from baybridge.record.intake.reading import Source
from baybridge.record.store import store


def leave_out_contradictions(connection: Connection, source: Source, batch: Batch, dictionary: Dictionary) -> None:
    """Leave out a score that contradicts its items of the same moment, in the file or in the record, and tell it; the items go in."""
    coming = [resource for resource in batch.resources if concerns(resource, dictionary)]
    if not coming:
        return
    patients = {str((resource.get("subject") or {}).get("reference", "")).removeprefix("Patient/") for resource in coming}
    held = [one.resource for patient in sorted(patients - {""}) for one in store.of_patient(connection, "Observation", patient)]
    newer = {resource["id"] for resource in coming}
    against = contradicting([*coming, *(one for one in held if one["id"] not in newer)], dictionary)
    kept = [(resource, place) for resource, place in zip(batch.resources, batch.places, strict=True) if _name(resource) not in against]
    for resource, place in zip(batch.resources, batch.places, strict=True):
        if _name(resource) in against:
            expected, found = "a score that is the sum of its items", "another score, or items that are incomplete"
            where = place.path or "Observation"
            code = "bedside.assess.ice_contradicts"
            batch.problems.append(ImportProblem("error", code, source.name, place.line, place.entry, "Observation", where, expected, found))
    batch.resources, batch.places = [resource for resource, _ in kept], [place for _, place in kept]


def _name(resource: Mapping[str, object]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
