"""When an observation counts for the watch: at its own time where that can be, else when it came in.

Main job: `record_in_time(unit, case)`, the record of a patient in which an observation without a time, one dated ahead of the clock and one
dated before the patient's birth stand at the moment at which they were filed; `moment_of(version, now, born)` answers that moment for one of them.

A sign whose time is missing or wrong is a sign all the same; what is not known silences nobody. Everything else reads such an observation as before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from baybridge.base.resource import Resource
from baybridge.facts.fhir import mapping, moment
from baybridge.facts.measurement import taken_at
from baybridge.journey.case import Case
from baybridge.node.case_record import from_outside

if TYPE_CHECKING:
    from baybridge.node.unit import Unit

#: How far the clock of a monitor or another node may run ahead: what it measured is the present all the same.
AHEAD = timedelta(hours=1)
_TIMES = ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "effectiveTiming")


def record_in_time(unit: Unit, case: Case) -> list[Resource]:
    """The record of a case's patient as filed now, each observation at a time that can be."""
    now, resources = unit.at, from_outside(unit.record(case), case)
    born = birth_of(resources)
    return [_in_time(resource, now, born) if resource["resourceType"] == "Observation" else resource for resource in resources]


def birth_of(resources: Sequence[Mapping[str, object]]) -> datetime | None:
    """The start of the day on which the patient was born; None where it is not known."""
    dates = (moment(resource.get("birthDate")) for resource in resources if resource.get("resourceType") == "Patient")
    return next((at for at in dates if at is not None), None)


def moment_of(resource: Mapping[str, object], now: datetime, born: datetime | None) -> datetime | None:
    """When an observation was made, by its own word where that can be, else when it was filed."""
    said = taken_at(resource)
    if said is not None and said <= now + AHEAD and (born is None or said >= born):
        return said
    return moment(mapping(resource.get("meta")).get("lastUpdated"))


def _in_time(resource: Resource, now: datetime, born: datetime | None) -> Resource:
    at = moment_of(resource, now, born)
    if at is None or at == taken_at(resource):
        return resource
    kept: dict[str, Any] = {name: value for name, value in resource.items() if name not in _TIMES}
    return cast("Resource", {**kept, "effectiveDateTime": at.isoformat()})
