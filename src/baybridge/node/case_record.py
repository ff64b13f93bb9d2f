"""The record of a case: its patient's resources with those of linked patients, as of a moment.

Main job: `CaseRecord(connection, case, at, memory).resources`, read when somebody first asks and once. What a situation, its facts and a page look at is one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TypeVar, cast

import orjson
from sqlalchemy import Connection, select

from baybridge.base.resource import Resource
from baybridge.journey.case import Case
from baybridge.journey.fhir.writer import read_from_case
from baybridge.journey.identities import linked
from baybridge.node import tables
from baybridge.node.record_memory import RecordMemory
from baybridge.record.fhir import wire
from baybridge.record.store import store

T = TypeVar("T")


class CaseRecord:
    """The record of a case as of a moment, read when somebody first asks and once: rules and facts of one situation look at the same."""

    def __init__(self, connection: Connection, case: Case, at: datetime, memory: RecordMemory) -> None:
        self._connection = connection
        self._case = case
        self._at = at
        self._memory = memory
        self._made: dict[Hashable, object] = {}

    @cached_property
    def resources(self) -> list[Resource]:
        """As `case_resources`; nobody changes what stands in it."""
        return case_resources(self._connection, self._case, self._at, self._memory)

    @cached_property
    def from_outside(self) -> list[Resource]:
        """What of it does not only render the case's own events; nothing without a patient."""
        return [resource for resource in self.resources if not read_from_case(resource)] if self._case.patient_id else []


    def once(self, key: Hashable, make: Callable[[Sequence[Resource]], T]) -> T:
        """What is made of the resources from outside, made once for a key."""
        if key not in self._made:
            self._made[key] = make(self.from_outside)
        return cast("T", self._made[key])


def case_resources(connection: Connection, case: Case, at: datetime, memory: RecordMemory) -> list[Resource]:
    """The resources of a case: its patient's record, and what its events rendered where the patient is not known here."""
    if case.patient_id:
        return patient_record(connection, case, at, memory)
    rows = connection.execute(select(tables.rendered.c.resources).where(tables.rendered.c.case_id == case.case_id)).scalars()
    keys = [tuple(name.split("/", 1)) for row in rows for name in orjson.loads(row)]
    versions = store.get_many(connection, list(dict.fromkeys(keys)))
    return [wire.parse(version.body) for version in versions.values() if not version.deleted]


def patient_record(connection: Connection, case: Case, at: datetime, memory: RecordMemory) -> list[Resource]:
    """A patient's record with the records that are linked to it; the other Patient itself stays out, so that nobody has two birth dates."""

    def of(patient_id: str) -> list[Resource]:
        return memory.resources(patient_id, store.patient_versions(connection, patient_id, at))

    found = of(case.patient_id or "")
    for other in sorted(linked(case)):
        theirs = of(other)
        found += [resource for resource in theirs if resource["resourceType"] != "Patient" and not read_from_case(resource)]
    return found
