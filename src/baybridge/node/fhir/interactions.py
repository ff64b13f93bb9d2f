"""FHIR interactions of one person: authorised, logged, and with what follows from a change.

Main job: `read`, `find`, `everything`, `history` answer stored versions, `write` files what a client sends. Each looks at access first;
reading a patient's record appends one log entry; a changed resource makes again what rested on it. What the case's events wrote (tag
`urn:baybridge:projection`) can be read and not written.

**Source**: FHIR R4, RESTful API; design section 4 (access and log). Elsewhere: HTTP in `api/fhir.py`, transactions' references in
`node/fhir/bundle.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import select

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor, Role
from baybridge.node import tables
from baybridge.node.fhir import payer
from baybridge.node.intake.records import log_versions
from baybridge.node.people import access
from baybridge.node.upkeep import projections
from baybridge.record.fhir.definitions import resource_types
from baybridge.record.fhir.validate import errors, validate
from baybridge.record.fhir.wire import Json
from baybridge.record.store import store
from baybridge.record.store.search import Pairs, SearchResult, search
from baybridge.record.store.store import Version

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

PROJECTION = "urn:baybridge:projection"

#: Nobody's record, and of use to a patient who reads the own one.
_SHARED = frozenset({"Organization", "Practitioner", "PractitionerRole", "Location", "Medication", "HealthcareService"})

#: Types that ask a server to do something that this one does not do: filing them would promise it.
NOT_OFFERED = frozenset({"Subscription"})

Method = Literal["POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class Interaction:
    """One write: create (POST, the id is given here), update (PUT) or delete; `where` names it in refusals."""

    method: Method
    kind: str
    logical_id: str = ""
    resource: Json | None = None
    expected_version: int | None = None
    only_if_none: Pairs | None = None
    where: str = ""


# --- reading --------------------------------------------------------------------------------------------------------


def read(node: Node, actor: Actor | None, kind: str, logical_id: str, number: int | None = None) -> Version | Refusal:
    """One version of a resource, the current one without `number`."""
    with node.storage.reading() as connection:
        found = store.get(connection, kind, logical_id)
        version = found if number is None or found is None else store.get_version(connection, kind, logical_id, number)
    if actor is not None and actor.role is Role.PAYER:
        shown = payer.read(node, actor, version)
        if isinstance(shown, Version):
            _log_access(node, actor, [shown.patient], f"read {kind}")
        return shown
    refusal = _may_see(node, actor, found)
    if refusal is not None or actor is None:
        return refusal or _unknown(kind)
    if version is None:
        return _unknown(kind)
    _log_access(node, actor, [version.patient], f"read {kind}")
    return version


def history(node: Node, actor: Actor | None, kind: str, logical_id: str) -> list[Version] | Refusal:
    """Every version of a resource, the newest first."""
    with node.storage.reading() as connection:
        versions = store.history(connection, kind, logical_id)
    refusal = _may_see(node, actor, versions[0] if versions else None)
    if refusal is not None or actor is None:
        return refusal or _unknown(kind)
    if not versions:
        return _unknown(kind)
    _log_access(node, actor, [versions[0].patient], f"history {kind}")
    return versions


def find(node: Node, actor: Actor | None, kind: str, given: Pairs) -> SearchResult | Refusal:
    """A page of what a search finds; a patient finds the own record and nothing else."""
    refusal = access.may("fhir.search", actor, node.site)
    if refusal is not None or actor is None:
        return refusal or _unknown(kind)
    if kind not in resource_types():
        return _unknown(kind)
    if actor.role is Role.PAYER:
        found = payer.find(node, actor, kind, given)
        if isinstance(found, SearchResult):
            _log_access(node, actor, [version.patient for version in found.found], f"search {kind}")
        return found
    own = None
    if actor.role is Role.PATIENT and kind not in _SHARED:
        own = actor.patient_id or "-"
    elif actor.role is not Role.PATIENT and access.may_case("fhir.search", actor, node.site, None) is not None:
        return access.may_case("fhir.search", actor, node.site, None) or _unknown(kind)
    with node.storage.reading() as connection:
        result = search(connection, kind, given, patient=own)
    if not isinstance(result, Refusal):
        _log_access(node, actor, [version.patient for version in (*result.found, *result.included)], f"search {kind}")
    return result


def everything(node: Node, actor: Actor | None, patient_id: str, since: datetime | None = None) -> list[Version] | Refusal:
    """A patient's whole record, with what it names and nobody owns."""
    with node.storage.reading() as connection:
        found = store.get(connection, "Patient", patient_id)
        refusal = _may_see(node, actor, found)
        if refusal is not None or actor is None:
            return refusal or _unknown("Patient")
        if found is None or found.deleted:
            return _unknown("Patient")
        versions = store.patient_versions(connection, patient_id)
    _log_access(node, actor, [patient_id], "everything")
    stamp = store.time_text(since) if since is not None else ""
    return [version for version in versions if version.recorded_at > stamp]


def _may_see(node: Node, actor: Actor | None, version: Version | None) -> Refusal | None:
    if version is not None and version.patient == "" and version.type in _SHARED and actor is not None and actor.role is not Role.PAYER:
        return access.may("fhir.read", actor, node.site)
    return node.may_read(actor, "fhir.read", version.patient if version is not None and version.patient else None)


def _unknown(kind: str) -> Refusal:
    shown = kind if kind in resource_types() else "resource"
    return refuse(Reason("record.not_found", {"type": shown}), category=Category.NOT_FOUND)


def _log_access(node: Node, actor: Actor, patients: Iterable[str], what: str) -> None:
    subjects = [patient for patient in dict.fromkeys(patients) if patient]
    if not subjects:
        return

    def noted(unit: Unit) -> None:
        for patient in subjects:
            unit.log("access", patient, what, what.encode(), actor)

    node.note_reading(actor, subjects, what, "care", noted)


# --- writing --------------------------------------------------------------------------------------------------------


def write(node: Node, actor: Actor | None, interactions: Sequence[Interaction]) -> list[Version | None] | Refusal:
    """Do all of it in one transaction or none of it; the answer is one version each, None for deleting what was not there."""
    refusal = access.may("fhir.write", actor, node.site)
    if refusal is not None or actor is None:
        return refusal or _unknown("")
    reasons = [reason for interaction in interactions for reason in form_reasons(interaction)]
    if reasons:
        return refuse(*reasons, category=Category.INVALID)
    try:
        with node.unit() as unit:
            done = [_or_stop(_one(unit, interaction)) for interaction in interactions]
            _follow_up(node, unit, actor, [version for version in done if version is not None and version.change != "unchanged"])
    except _Stop as stop:
        return stop.refusal
    return done


class _Stop(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


def _or_stop(answer: Version | Refusal | None) -> Version | None:
    if isinstance(answer, Refusal):
        raise _Stop(answer)
    return answer


def form_reasons(interaction: Interaction) -> list[Reason]:
    """Why what was sent cannot be filed as it is: form, type, id, and tags that only this node writes."""
    if interaction.method == "DELETE":
        return []
    resource: Any = interaction.resource
    where = interaction.where
    if interaction.kind in NOT_OFFERED:
        return [Reason("record.not_offered", {"type": interaction.kind}, where=where)]
    reasons = [
        Reason(problem.code, {"expected": problem.expected, "found": problem.found}, where=problem.path)
        for problem in errors(validate(resource, where))
    ]
    if not isinstance(resource, dict) or reasons:
        return reasons
    if resource.get("resourceType") != interaction.kind:
        reasons.append(_mismatch("resourceType", interaction.kind, where))
    if interaction.method == "PUT" and resource.get("id") != interaction.logical_id:
        reasons.append(_mismatch("id", "the id of the address", where))
    if is_projection(resource):
        reasons.append(Reason("record.projection", where=f"{where}.meta.tag".lstrip(".")))
    return reasons


def _mismatch(element: str, expected: str, where: str) -> Reason:
    values = {"expected": expected, "found": "another one"}
    return Reason("record.address_mismatch", {"element": element, **values}, where=f"{where}.{element}".lstrip("."))


def is_projection(resource: Json) -> bool:
    """Whether a resource is the rendering of a case's event."""
    meta = resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    return isinstance(tags, list) and any(isinstance(tag, dict) and tag.get("system") == PROJECTION for tag in tags)


def _one(unit: Unit, interaction: Interaction) -> Version | Refusal | None:
    if interaction.method == "POST":
        return _create(unit, interaction)
    held = store.get(unit.connection, interaction.kind, interaction.logical_id)
    if held is not None and not held.deleted and is_projection(held.resource):
        return refuse(Reason("record.projection", where=interaction.where))
    if interaction.method == "DELETE":
        kind, logical_id, expected = interaction.kind, interaction.logical_id, interaction.expected_version
        return store.remove(unit.connection, kind, logical_id, at=unit.at, expected_version=expected)
    return store.put(unit.connection, interaction.resource or {}, at=unit.at, expected_version=interaction.expected_version)


def _create(unit: Unit, interaction: Interaction) -> Version | Refusal:
    if interaction.only_if_none is not None:
        known = search(unit.connection, interaction.kind, interaction.only_if_none)
        if isinstance(known, Refusal):
            return known
        if known.total > 1:
            return refuse(Reason("record.several_match", {"type": interaction.kind}, where=interaction.where), category=Category.CONFLICT)
        if known.found:
            return replace(known.found[0], change="unchanged")
    resource = {**(interaction.resource or {}), "id": interaction.logical_id or unit.new_id()}
    return store.put(unit.connection, resource, at=unit.at)


def _case_of(unit: Unit, patient: str) -> str | None:
    row = tables.case_index
    found: str | None = unit.connection.execute(select(row.c.case_id).where(row.c.patient_id == patient)).scalar()
    return found


def _follow_up(node: Node, unit: Unit, actor: Actor, versions: Sequence[Version]) -> None:
    """Log what was filed; make again the decisions that rested on it; bring the cases of its patients up to date."""
    from baybridge.node.commands import reopening

    log_versions(unit, actor, list(versions))
    for patient in dict.fromkeys(version.patient for version in versions if version.patient):
        case_id = _case_of(unit, patient)
        if case_id is not None:
            corrected = [v.reference for v in versions if v.patient == patient and v.change in ("updated", "deleted")]
            reopening.reopen(node, unit, case_id, corrected, "correction through FHIR")
            projections.project(unit, case_id)
