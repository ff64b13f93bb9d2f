"""Whose data a resource holds: every patient that it names, not only the one whose record it is filed in.

Main job: `subjects(connection, versions)`. A Group, a List or an Appointment can name several patients, directly or by resources of theirs; who may not see all of
them sees none of it.

Elsewhere: whose record a resource is filed in, `references.patient_of`; who may see whom, in the node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from baybridge.record.fhir.references import local_part, named_in
from baybridge.record.fhir.wire import Json
from baybridge.record.store import store
from baybridge.record.store.store import Version

Key = tuple[str, str]


def named(resource: Json) -> tuple[frozenset[str], frozenset[Key]]:
    """The patients that a resource names, and the other resources of this store that it names, contained ones included.

    A Patient that names another one by `link` says that both are one person: that is no second patient.
    """
    if resource.get("resourceType") == "Patient":
        resource = {name: value for name, value in resource.items() if name != "link"}
    keys = {part for text in named_in(resource) if (part := local_part(text)) is not None}
    return frozenset(key[1] for key in keys if key[0] == "Patient"), frozenset(key for key in keys if key[0] != "Patient")


def subjects(connection: Connection, versions: Sequence[Version]) -> list[frozenset[str]]:
    """For each version the patients whose data it holds: of its record, named by it, or of the records of what it names; empty where it is nobody's."""
    pairs = [named(version.resource) if version.body else (frozenset(), frozenset()) for version in versions]
    owners = _owners(connection, (key for _patients, keys in pairs for key in keys))
    return [
        frozenset({version.patient, *patients, *(owners.get(key, "") for key in keys)} - {""})
        for version, (patients, keys) in zip(versions, pairs, strict=True)
    ]


def _owners(connection: Connection, keys: Iterable[Key]) -> dict[Key, str]:
    return store.current_patients(connection, sorted(set(keys)))
