"""Which of two messages about one result is newer, and what a withdrawn report takes back.

Main job: `in_order(connection, batch)` brings the resources of a laboratory's messages in the order in which they were sent, so that an old message
that comes late, or once more, never undoes a correction; and takes back the results of a report that was withdrawn as a whole.

**Source**: HL7 v2.5.1, 7.4.1.25 (OBR-25) and 7.4.2.11 (OBX-11); order by MSH-7 (`feeds/hl7v2_fhir.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from baybridge.record.feeds.hl7v2_fhir import SENT_AT
from baybridge.record.fhir.wire import content_sha256
from baybridge.record.identity.known import OF_A_MESSAGE, WHO, kept
from baybridge.record.store.store import Key, Version, get_many, history

if TYPE_CHECKING:
    from baybridge.record.intake.importing import Batch
    from baybridge.record.intake.reading import Place

Json = dict[str, Any]
#: What is told of a version that is not simply newer.
TOLD = {
    "older_message": "an older one; what stands was kept",
    "same_moment": "one of the same moment that says something else; the later in the file stands",
    "preliminary_after_final": "a preliminary one; what stands was kept",
}
#: Where an oddity of a version stands, and what was expected there.
NEWER = "meta", "a message newer than the one that stands"
EXPECTED = {"preliminary_after_final": ("status", "a final result stands: a correction of it (OBX-11 C), or that it is taken back")}
#: A result that its source called complete is replaced by a correction only. Source: HL7 v2.5.1, table 0085 (C: replaces a final result).
_COMPLETE = ("final", "corrected", "amended")
_BEFORE_COMPLETE = ("registered", "preliminary")
_TAKEN_BACK = ("entered-in-error", "cancelled")


def sent_at(resource: Mapping[str, Any]) -> datetime | None:
    """When the message was sent that a resource came with; None where it came otherwise."""
    for item in (resource.get("meta") or {}).get("extension") or ():
        if item.get("url") == SENT_AT:
            return datetime.fromisoformat(str(item.get("valueDateTime")))
    return None


def in_order(connection: Connection, batch: Batch) -> list[tuple[int, str, str]]:
    """Replace each version that is older than what stands by what stands.

    What is to be told as (place in the batch, its type, code): an older version that nobody saw before, and one that says something else
    about the same moment: nobody knows which holds, and the later of the file stands.
    """
    dated = [(number, key_of(resource), at) for number, resource in enumerate(batch.resources) if (at := sent_at(resource)) is not None]
    stored = _standing(connection, (key for _, key, _ in dated))
    stands = {key: version.resource for key, version in stored.items()}
    told: list[tuple[int, str, str]] = []
    older: list[Json] = []
    for number, key, at in dated:
        before = sent_at(stands[key]) if key in stands else None
        if key in stands and _takes_finality(stands[key], batch.resources[number]):
            told.append((number, key[0], "preliminary_after_final"))
            batch.resources[number] = stands[key]
            continue
        if before is None or before <= at:
            if before == at and content_sha256(stands[key]) != content_sha256(batch.resources[number]):
                told.append((number, key[0], "same_moment"))
            stands[key] = batch.resources[number]
            continue
        older.append(batch.resources[number])
        batch.resources[number] = stands[key]
        if key not in stored or content_sha256(older[-1]) not in {version.sha256 for version in history(connection, *key)}:
            told.append((number, key[0], "older_message"))
    _withdrawn(connection, batch, stored, older)
    return told


def _takes_finality(before: Mapping[str, Any], resource: Mapping[str, Any]) -> bool:
    """Whether a result that its source called complete would become a preliminary one, or one that is awaited."""
    is_result = resource["resourceType"] == "Observation"
    return is_result and before.get("status") in _COMPLETE and resource.get("status") in _BEFORE_COMPLETE


def keep_what_stands(connection: Connection, batch: Batch, of_messages: Collection[Key]) -> None:
    """Give each Patient what it leaves out and what stands: who a person is; of a laboratory's message also death and address."""
    keys = [key_of(resource) for resource in batch.resources if resource["resourceType"] == "Patient"]
    stands = {key: version.resource for key, version in _standing(connection, keys).items()}
    for number, resource in enumerate(batch.resources):
        key = key_of(resource)
        if key[0] == "Patient":
            stands[key] = kept(resource, stands.get(key, {}), OF_A_MESSAGE if key in of_messages else WHO)
            batch.resources[number] = stands[key]


def _withdrawn(connection: Connection, batch: Batch, stored: Mapping[Key, Version], older: list[Json]) -> None:
    """Add the results of each report that was taken back without naming them: those that any version of it named."""
    reports = [
        (resource, place)
        for resource, place in zip(batch.resources, batch.places, strict=True)
        if resource["resourceType"] == "DiagnosticReport"
        and sent_at(resource)
        and resource.get("status") in _TAKEN_BACK
        and not resource.get("result")
    ]
    for report, place in reports:
        key = key_of(report)
        met = [one for one in (*batch.resources, *older) if key_of(one) == key]
        met += [version.resource for version in history(connection, *key) if not version.deleted] if key in stored else []
        _take_back(connection, batch, report, sorted({name for one in met for name in _results(one)}), place)


def _results(report: Mapping[str, Any]) -> Iterator[Key]:
    for item in report.get("result") or ():
        kind, _, name = str(item.get("reference") or "").partition("/")
        if kind == "Observation" and name:
            yield kind, name


def _take_back(connection: Connection, batch: Batch, report: Json, names: list[Key], place: Place) -> None:
    at, extension = sent_at(report), report["meta"]["extension"]
    current = {key: version.resource for key, version in _standing(connection, names).items()}
    current |= {key_of(resource): resource for resource in batch.resources if key_of(resource) in set(names)}
    for resource in current.values():
        before = sent_at(resource)
        if resource.get("status") in _TAKEN_BACK or (before and at and before > at):
            continue
        meta = {**(resource.get("meta") or {}), "extension": extension}
        batch.resources.append({**resource, "status": report["status"], "meta": meta})
        batch.places.append(place)
        batch.entries += 1


def _standing(connection: Connection, keys: Iterable[Key]) -> dict[Key, Version]:
    return {key: version for key, version in get_many(connection, sorted(set(keys))).items() if not version.deleted}


def key_of(resource: Mapping[str, Any]) -> Key:
    """Type and id."""
    return resource["resourceType"], resource["id"]
