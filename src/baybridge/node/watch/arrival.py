"""When an observation counts for the watch: at its own time where that can be, else when it came in.

Main job: `record_in_time(unit, case)`, the record of a patient in which an observation without a time, one dated after it was filed and one
dated before the patient's birth stand at the moment at which they were filed; `bedside_facts(…)`, the facts that are read of it, by which signs, grades and calls are
judged, by the watch and by whatever a person enters; `moment_of(version, now, born)` answers that moment for one of them. One that names a
day, month or year alone counts as of its end: it may be later than the look that found nothing.

A sign whose time is missing or wrong is a sign all the same; what is not known silences nobody. A finding of the bedside (`asking.WATCHED`) that its sender calls
preliminary counts here as it stands: this is the one place that says so. Everything else reads final values alone (`facts/measurement.FINAL`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from baybridge.base.resource import Resource
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.factset import FactSet
from baybridge.facts.fhir import Found
from baybridge.facts.measurement import State, birth_of, filed_at, last_moment, taken_at, time_doubt
from baybridge.facts.reading import settled_for
from baybridge.journey.case import Case
from baybridge.node.case_record import CaseRecord
from baybridge.node.watch.asking import watched_facts
from baybridge.node.watch.signs import facts_in_time
from baybridge.policy.language.types import Value

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_TIMES = ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "effectiveTiming")


def record_in_time(unit: Unit, case: Case, dictionary: Dictionary) -> Found:
    """The record of a case's patient as filed now, each observation at a time that can be, and preliminary ones of the bedside as they stand."""
    return _record_in_time(unit.record(case), unit.at, dictionary)


def _record_in_time(record: CaseRecord, now: datetime, dictionary: Dictionary) -> Found:
    """The same of a record, placed once for all who look at it as filed by `now`."""
    return record.once(("in time", now), lambda resources: in_time(resources, now, dictionary))


def bedside_facts(node: Node, case: Case, record: CaseRecord, now: datetime, at: datetime | None = None) -> FactSet:
    """The facts of a patient as the watch reads them now, of what was filed by now; or of what had been found until a moment before."""
    return facts_in_time(node, case, _record_in_time(record, now, node.dictionary), at or now)


def found_at(node: Node, case: Case, record: CaseRecord, now: datetime, at: datetime) -> Mapping[str, Value]:
    """By fact, what was found at just that moment as the watch reads it now: the worse of what differs."""
    known = node.record_memory.known(case.patient_id or "", node.dictionary)
    measured, _ = settled_for(_record_in_time(record, now, node.dictionary), at, node.dictionary, case, known)
    return {one.fact.name: one.value for one in measured.measurements if one.at == at and one.state is State.EXACT}


def in_time(resources: Sequence[Resource], now: datetime, dictionary: Dictionary) -> Found:
    """These resources as `record_in_time` answers them."""
    born = birth_of(resource for resource in resources if resource["resourceType"] == "Patient")
    placed = (_as_it_stands(_in_time(resource, now, born), dictionary) if resource["resourceType"] == "Observation" else resource for resource in resources)
    return Found(placed)


def _as_it_stands(resource: Resource, dictionary: Dictionary) -> Resource:
    preliminary = resource.get("status") == "preliminary" and watched_facts(resource, dictionary)
    return cast("Resource", {**resource, "status": "final"}) if preliminary else resource


def moment_of(resource: Mapping[str, object], now: datetime, born: datetime | None) -> datetime | None:
    """When an observation was made, by its own word where that can be, else when it was filed."""
    said, filed = taken_at(resource), filed_at(resource)
    if said is None or time_doubt(said, filed or now, born) is not None:
        return filed
    last = last_moment(resource)
    return said if last is None else max(said, min(last, filed or now))


def _in_time(resource: Resource, now: datetime, born: datetime | None) -> Resource:
    at = moment_of(resource, now, born)
    if at is None or at == taken_at(resource):
        return resource
    kept: dict[str, Any] = {name: value for name, value in resource.items() if name not in _TIMES}
    return cast("Resource", {**kept, "effectiveDateTime": at.isoformat()})
