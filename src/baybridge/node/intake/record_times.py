"""Times of results and of what was done that cannot be: after they came in or were reported, before the patient was born, before 1900; results without any.

Main job: `tell_times` tells each of a file at its place, `told_times` each of what FHIR wrote, `doubtful_places` those of a package. The resource
goes in, and a result of such a time is not used (`facts/measurement.py`); the watch takes a sign of such a time for one of now
(`watch/arrival.py`), because a wrong clock silences nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from baybridge.base.outcome import Reason
from baybridge.facts.fhir import mapping, moment
from baybridge.facts.measurement import birth_of, time_doubt
from baybridge.record.fhir.dates import says_no_time
from baybridge.record.identity.documents import is_born_otherwise
from baybridge.record.intake.earlier import EXPECTED, TOLD
from baybridge.record.intake.importing import Batch, ImportProblem
from baybridge.record.intake.reading import Source
from baybridge.record.store import store
from baybridge.record.store.store import Version

#: The elements that say when something was found or done. What is planned may lie ahead.
_ELEMENTS: Mapping[str, tuple[str, ...]] = {
    "Observation": ("effective", "issued"),
    "DiagnosticReport": ("effective", "issued"),
    "MedicationAdministration": ("effective",),
    "Procedure": ("performed",),
    "Immunization": ("occurrence",),
    "Condition": ("onset", "recordedDate"),
    "Specimen": ("collection.collected", "receivedTime"),
}
#: Not done yet, so that its time may lie ahead.
_PLANNED = frozenset({"preparation", "registered", "in-progress", "on-hold", "not-done"})
_FOUND = {"time_ahead": "a time after it came in", "time_before_birth": "a time before the birth of the patient", "time_before_1900": "a time before 1900",
          "time_after_report": "a time after it was reported"}  # fmt: skip
_CODE = "record.import.time_beyond"
_NO_TIME = "record.import.no_time"
_UNDATED = "when it was found, taken or issued", "nothing; no result without a time is used"
_BIRTH = "record.import.birth_number"
_EXPECTED = "a time from the birth of the patient to now, and not after its report"
#: When the same resource says that it was reported, which is after what it reports.
_REPORTED = {"Observation": "issued", "DiagnosticReport": "issued", "Specimen": "receivedTime"}


def tell_times(connection: Connection, source: Source, batch: Batch, now: datetime, *, is_feed: bool) -> None:
    """Tell each time of a batch that cannot be, and each result without any, at its place."""
    timed = [(resource, place) for resource, place in zip(batch.resources, batch.places, strict=True) if resource["resourceType"] in _ELEMENTS]
    born = _births(connection, batch, {_patient(resource) for resource, _ in timed}) if timed else {}
    for resource, place in timed:
        for path, found in _beyond(resource, now, born.get(_patient(resource))):
            kind = str(resource["resourceType"])
            where = f"{place.path or kind}.{path}"
            batch.problems.append(ImportProblem("odd", _CODE, source.name, place.line, place.entry, kind, where, _EXPECTED, found))
        if says_no_time(resource) and not is_feed:  # the feed's reader tells it at the column or field where it is missing
            where = f"{place.path or 'Observation'}.effective"
            batch.problems.append(ImportProblem("odd", _NO_TIME, source.name, place.line, place.entry, "Observation", where, *_UNDATED))


def told_times(connection: Connection, versions: Sequence[Version | None], now: datetime) -> list[list[Reason]]:
    """What is told of each version that was written: every time that cannot be, and a birth date that is another than the identity number's."""
    timed = {version.patient for version in versions if version is not None and not version.deleted and version.type in _ELEMENTS and version.patient}
    held = store.get_many(connection, [("Patient", patient) for patient in sorted(timed)])
    born = {version.id: birth_of([version.resource]) for version in held.values() if not version.deleted}
    return [_told_of(version, born, now) if version is not None and not version.deleted else [] for version in versions]


def _told_of(version: Version, born: Mapping[str, datetime | None], now: datetime) -> list[Reason]:
    if version.type == "Patient" and version.change != "unchanged" and is_born_otherwise(version.resource):
        return [Reason(_BIRTH, dict(zip(("expected", "found"), (EXPECTED["birth_number"][1], TOLD["birth_number"]), strict=True)), where="Patient.birthDate")]
    if version.type not in _ELEMENTS:
        return []
    if says_no_time(version.resource):
        return [Reason(_NO_TIME, dict(zip(("expected", "found"), _UNDATED, strict=True)), where="Observation.effective")]
    found = _beyond(version.resource, now, born.get(version.patient))
    return [Reason(_CODE, {"expected": _EXPECTED, "found": what}, where=f"{version.type}.{path}") for path, what in found]


def doubtful_places(connection: Connection, names: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Where times stand that cannot be in resources of this record, such as `Observation.effectiveDateTime`, each place once."""
    keys = [(kind, logical_id) for kind, _, logical_id in (name.partition("/") for name in dict.fromkeys(names)) if kind in _ELEMENTS]
    timed = [version for version in store.get_many(connection, keys).values() if not version.deleted]
    born = {one.id: birth_of([one.resource]) for one in store.get_many(connection, [("Patient", name) for name in sorted({v.patient for v in timed} - {""})]).values()}
    return tuple(sorted({f"{one.type}.{path}" for one in timed for path, _found in _beyond(one.resource, now, born.get(one.patient))}))


def _beyond(resource: Mapping[str, object], now: datetime, born: datetime | None) -> Iterator[tuple[str, str]]:
    """The times of a resource that cannot be: where, and what they are instead."""
    reported = moment(resource.get(_REPORTED.get(str(resource["resourceType"]), "")))
    for path, at in _times(resource):
        doubt = time_doubt(at, now, born, reported)
        if doubt is not None and not (doubt == "time_ahead" and resource.get("status") in _PLANNED):
            yield path, _FOUND[doubt]


def _patient(resource: Mapping[str, object]) -> str:
    owner = mapping(resource.get("subject") or resource.get("patient"))
    return str(owner.get("reference") or "").removeprefix("Patient/")


def _births(connection: Connection, batch: Batch, patients: set[str]) -> dict[str, datetime | None]:
    """The birth of each patient, as this batch says it or as it stands here."""
    coming = {str(one["id"]): one for one in batch.resources if one["resourceType"] == "Patient"}
    held = store.get_many(connection, [("Patient", name) for name in sorted(patients - coming.keys() - {""})])
    known = {**{key[1]: version.resource for key, version in held.items() if not version.deleted}, **coming}
    return {name: birth_of([known[name]]) for name in patients if name in known}


def _times(resource: Mapping[str, object]) -> Iterator[tuple[str, datetime]]:
    """The times that a resource says, with their paths; a period by both ends."""
    for path in _ELEMENTS[str(resource["resourceType"])]:
        before, _, name = path.rpartition(".")
        holder = mapping(resource.get(before)) if before else resource
        period = mapping(holder.get(f"{name}Period"))
        said = {name: holder.get(name), f"{name}DateTime": holder.get(f"{name}DateTime"), f"{name}Instant": holder.get(f"{name}Instant")}
        said |= {f"{name}Period.{end}": period.get(end) for end in ("start", "end")}
        prefix = f"{before}." if before else ""
        yield from ((f"{prefix}{key}", at) for key, value in said.items() if (at := moment(value)) is not None)
