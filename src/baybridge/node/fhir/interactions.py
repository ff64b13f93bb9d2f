"""FHIR interactions of one person: authorised, logged, and with what follows from a change.

Main job: `read`, `find`, `everything`, `history` answer stored versions, `write` files what a client sends. Each looks at access first;
reading a patient's record appends one log entry; a changed resource makes again what rested on it. What the case's events wrote (tag
`urn:baybridge:projection`) can be read and not written.

**Source**: FHIR R4, RESTful API; design section 4 (access and log). Elsewhere: HTTP in `api/fhir.py`, transactions' references in
`node/fhir/bundle.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any, Literal, get_args

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.consent.reading import Ground
from baybridge.facts.fhir import Found
from baybridge.facts.measurement import FINAL, State, may_give, measure
from baybridge.facts.sums import concerns, contradicting
from baybridge.journey.chapters.corrections import CorrectionReason
from baybridge.journey.command import Actor, Role
from baybridge.journey.fhir.writer import PROJECTION
from baybridge.journey.values import IMPLAUSIBLE
from baybridge.node.fhir import authors, kinds, payer, posted_doses
from baybridge.node.fhir.seeing import Seeing, unknown
from baybridge.node.intake.records import log_versions
from baybridge.node.integrity import things
from baybridge.node.people import access, noting, reads
from baybridge.node.people.readings import Noted
from baybridge.node.watch import watching
from baybridge.node.watch.signs import OF_SIGNS
from baybridge.record.fhir import signed
from baybridge.record.fhir.definitions import MADE_HERE, NOT_OFFERED, resource_types
from baybridge.record.fhir.subset import Subset, is_part
from baybridge.record.fhir.validate import Problem, errors, validate
from baybridge.record.fhir.wire import Json
from baybridge.record.fhir.wire import write as written
from baybridge.record.identity.documents import is_born_otherwise
from baybridge.record.identity.known import is_another, kept, known_states
from baybridge.record.store import store
from baybridge.record.store.search import Pairs, SearchResult
from baybridge.record.store.store import Version

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

Method = Literal["POST", "PUT", "DELETE"]

#: Why something is deleted, as an entry is corrected for; "other" says nothing without a note, which goes where corrections are typed.
DELETE_REASONS = tuple(reason for reason in get_args(CorrectionReason) if reason != "other")


@dataclass(frozen=True, slots=True)
class Interaction:
    """One write: create (POST, the id is given here), update (PUT) or delete, which says why; `where` names it in refusals."""

    method: Method
    kind: str
    logical_id: str = ""
    resource: Json | None = None
    expected_version: int | None = None
    only_if_none: Pairs | None = None
    where: str = ""
    reason: str = ""  # one of DELETE_REASONS
    chosen_by: Pairs | None = None  # of an update or delete: the search that finds at most one, in the place of an id


# --- reading --------------------------------------------------------------------------------------------------------


def read(node: Node, actor: Actor | None, kind: str, logical_id: str, number: int | None = None) -> Version | Refusal:
    """One version of a resource, the current one without `number`; each version is read as the record of the patient that it had."""
    actor = kinds.acting(actor, "fhir.read", kind)
    with node.storage.reading() as connection:
        found = store.get(connection, kind, logical_id)
        version = found if number is None or found is None else store.get_version(connection, kind, logical_id, number)
        seen = Seeing(node, connection, actor, "fhir.read")
        if actor is not None and actor.role is Role.PAYER:
            shown = seen.closed(kind) or payer.read(node, actor, version)
            grounds = {(seen.purpose(kind), patient): Ground.PAYER for held in seen.patients([version] if version else []) for patient in held}
        else:
            refusal = seen.refusal(kind, version)
            if refusal is not None or version is None:
                return refusal or unknown(kind)
            shown, grounds = seen.as_read(version), seen.grounds
    if actor is not None and isinstance(shown, Version):
        _log_access(node, actor, grounds, f"read {kind}")
    return shown


def history(node: Node, actor: Actor | None, kind: str, logical_id: str) -> list[Version] | Refusal:
    """The versions of a resource that this actor may see, the newest first, and of one patient alone: what it said of another before it moved stays with the other.

    Who may see both reads such a version by its number.
    """
    actor = kinds.acting(actor, "fhir.read", kind)
    with node.storage.reading() as connection:
        versions = store.history(connection, kind, logical_id)
        seen = Seeing(node, connection, actor, "fhir.read")
        refusals = [seen.refusal(kind, version) for version in versions] or [seen.refusal(kind, None)]
        shown = store.of_one_patient([version for version, refusal in zip(versions, refusals, strict=False) if refusal is None])
        about = seen.about(shown)
    refusal = refusals[0]
    if actor is None or not shown:
        return refusal or unknown(kind)
    _log_access(node, actor, about, f"history {kind}")
    return [seen.as_read(version) for version in shown]


def find(node: Node, actor: Actor | None, kind: str, given: Pairs) -> SearchResult | Refusal:
    """A page of what a search finds; a patient finds the own record and nothing else. Whatever comes along passes the check of a direct read."""
    actor = kinds.acting(actor, "fhir.search", kind)
    refusal = access.may("fhir.search", actor, node.site) if not _has_glass(node, actor) else None
    if refusal is not None or actor is None:
        return refusal or unknown(kind)
    if kind not in resource_types():
        return unknown(kind)
    with node.storage.reading() as connection:
        seen = Seeing(node, connection, actor, "fhir.search")
        refusal = seen.against_search(kind, given)
        if refusal is not None:
            return refusal
        if actor.role is Role.PAYER:
            return _found_by_payer(node, actor, kind, given, seen.purpose(kind))
        result = seen.search(kind, given, only=seen.only(kind), without=seen.without(kind))
        if isinstance(result, Refusal):
            return result
        shown = seen.shown(result.found)
        seen.asked_about(kind, _named(kind, given))
        hidden = len(result.found) - len(shown)  # names somebody where no search parameter looks
        result = replace(result, found=shown, included=seen.shown(result.included), total=result.total - hidden)
    _log_access(node, actor, seen.grounds, " ".join(["search", kind, *sorted({version.type for version in result.included} - {kind})]))
    found = tuple(_in_part(seen.as_read(version), result.subset) for version in result.found)
    return replace(result, found=found, included=tuple(map(seen.as_read, result.included)))


def _in_part(version: Version, subset: Subset | None) -> Version:
    """A version with the elements alone that a search asks for."""
    return version if subset is None else replace(version, body=written(subset.of(version.resource)))


def _found_by_payer(node: Node, actor: Actor, kind: str, given: Pairs, purpose: str) -> SearchResult | Refusal:
    found = payer.find(node, actor, kind, given)
    if isinstance(found, SearchResult):
        _log_access(node, actor, {(purpose, version.patient): Ground.PAYER for version in found.found}, f"search {kind}")
    return found


def _named(kind: str, given: Pairs) -> list[str]:
    """The ids of patients that a search names."""
    by = {"patient", "subject"} if kind != "Patient" else {"_id"}
    texts = (part for name, value in given if name.partition(":")[0] in by for part in value.split(","))
    return list(dict.fromkeys(text.rpartition("Patient/")[2] for text in texts))[:_MOST_NAMED]


_MOST_NAMED = 100  # patients of one search that are noted although nothing of them was shown


def everything(node: Node, actor: Actor | None, patient_id: str, since: datetime | None = None) -> list[Version] | Refusal:
    """A patient's whole record, with what it names and nobody owns."""
    with node.storage.reading() as connection:
        found = store.get(connection, "Patient", patient_id)
        seen = Seeing(node, connection, actor, "fhir.read")
        refusal = seen.refusal("Patient", found)
        if refusal is not None or actor is None:
            return refusal or unknown("Patient")
        if found is None or found.deleted:
            return unknown("Patient")
        versions = seen.shown(store.patient_versions(connection, patient_id))
    _log_access(node, actor, seen.grounds, "everything")
    stamp = store.time_text(since) if since is not None else ""
    return [version for version in versions if version.recorded_at > stamp]


def _has_glass(node: Node, actor: Actor | None) -> bool:
    return actor is not None and bool(reads.glass(node, actor))


def _log_access(node: Node, actor: Actor, grounds: Mapping[tuple[str, str], Ground], what: str) -> None:
    """Note what was read in the lists of the patients, now or with whatever else is gathered."""
    found = [Noted(actor, patient, what, purpose, ground) for (purpose, patient), ground in grounds.items() if patient]
    gathering = noting.gathering()
    if gathering is None:
        noting.note(node, found)
    else:
        gathering += found


def left_out(actor: Actor | None) -> tuple[str, ...]:
    """The types that a patient's whole record leaves out for the role of whoever reads it."""
    return tuple(sorted(kinds.closed_kinds(actor.role))) if actor is not None else ()


# --- writing --------------------------------------------------------------------------------------------------------


def write(node: Node, actor: Actor | None, interactions: Sequence[Interaction], odd: Sequence[list[Reason]] = ()) -> list[Version | None] | Refusal:
    """Do all of it in one transaction or none of it; the answer is one version each, None for deleting what was not there.

    `odd`, one list for each, gets what is odd in the form of what was sent and is filed all the same.
    """
    actor = writer(actor, interactions)
    refusal = against_writing(node, actor, interactions)
    if refusal is not None or actor is None:
        return refusal or unknown("")
    each = zip_longest(interactions, odd)
    reasons = [reason for interaction, beside in each if interaction is not None for reason in form_reasons(interaction, beside)]
    if reasons:
        return refuse(*reasons, category=Category.INVALID)
    seen: dict[tuple[str, str], Ground] = {}
    try:
        done = node.write(partial(_written, node, actor, interactions, seen))
    except _Stop as stop:
        watching.ask_of_refused(node, stop.findings)
        return stop.refusal
    by_search = (interaction.kind for interaction in interactions if interaction.only_if_none or interaction.chosen_by)
    _log_access(node, actor, seen, " ".join(["match", *dict.fromkeys(by_search)]))
    return done


def writer(actor: Actor | None, interactions: Sequence[Interaction]) -> Actor | None:
    """Whoever writes, in the role that may write all of it."""
    action = "fhir.delete" if any(interaction.method == "DELETE" for interaction in interactions) else "fhir.write"
    return kinds.acting(actor, action, *(interaction.kind for interaction in interactions))


def against_writing(node: Node, actor: Actor | None, interactions: Sequence[Interaction]) -> Refusal | None:
    """Why this actor writes none of it, by role and type alone: asked before any condition is looked at, which would tell what there is."""
    refusal = access.may("fhir.write", actor, node.site)
    if refusal is None and any(interaction.method == "DELETE" for interaction in interactions):
        refusal = access.may("fhir.delete", actor, node.site)
    if refusal is not None or actor is None:
        return refusal
    asked = dict.fromkeys(interaction.kind for interaction in interactions)
    return next((closed for kind in asked if (closed := kinds.refusal(actor.role, kind)) is not None), None)


def _written(
    node: Node, actor: Actor, interactions: Sequence[Interaction], grounds: dict[tuple[str, str], Ground], unit: Unit
) -> list[Version | None]:
    """All of it filed and logged in a unit of work; `_Stop` where anything is refused. `grounds`: whose records a condition showed, and on what ground."""
    done: list[Version | None] = []
    seen = Seeing(node, unit.connection, actor, "fhir.read")
    for plain, alike in groupby(interactions, key=_is_plain):
        some = list(alike)
        done += _created(unit, some) if plain else [_or_stop(_one(node, unit, actor, seen, interaction)) for interaction in some]
    grounds |= seen.grounds
    _stop_impossible(node, done)
    _or_stop(_contradictions(node, unit, done))
    changed = [version for version in done if version is not None and version.change != "unchanged"]
    log_versions(unit, actor, [version for version in changed if not version.deleted], because="correction through FHIR")
    for interaction in interactions:
        if interaction.method != "DELETE":
            continue
        gone = [version for version in changed if version.deleted and version.reference == f"{interaction.kind}/{interaction.logical_id}"]
        log_versions(unit, actor, gone, because=f"deleted: {interaction.reason}")
        for version in gone:
            unit.log("deletion", "", things.version_what(unit.pseudonym, version), interaction.reason.encode(), actor)
    return done


def _is_plain(interaction: Interaction) -> bool:
    """Whether a write is a create that nothing stands against: under a new id, on no condition, of no dose."""
    return interaction.method == "POST" and interaction.only_if_none is None and interaction.kind != "MedicationAdministration"


def _created(unit: Unit, interactions: Sequence[Interaction]) -> list[Version]:
    """The first versions of new resources, filed in one go."""
    resources = [{**(interaction.resource or {}), "id": interaction.logical_id or unit.new_id()} for interaction in interactions]
    return store.put_many(unit.connection, resources, at=unit.at, new_ids=True)


class _Stop(Exception):
    def __init__(self, refusal: Refusal, findings: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__()
        self.refusal = refusal
        self.findings = findings  # (patient, fact) of what was refused because it cannot be


def _or_stop(answer: Version | Refusal | None) -> Version | None:
    if isinstance(answer, Refusal):
        raise _Stop(answer)
    return answer


def _of_form(problem: Problem) -> Reason:
    return Reason(problem.code, {"expected": problem.expected, "found": problem.found}, where=problem.path)


def form_reasons(interaction: Interaction, odd: list[Reason] | None = None) -> list[Reason]:
    """Why what was sent cannot be filed as it is: form, type, id, and tags that only this node writes; `odd` gets what is filed all the same and should be told."""
    if interaction.kind in MADE_HERE:
        return [Reason("record.made_here", {"type": interaction.kind}, where=interaction.where)]
    if interaction.method == "DELETE":
        where, known = interaction.where or "X-Baybridge-Reason", ", ".join(DELETE_REASONS)
        return [] if interaction.reason in DELETE_REASONS else [Reason("record.delete.reason", {"known": known}, where=where)]
    resource: Any = interaction.resource
    where = interaction.where
    if interaction.kind in NOT_OFFERED:
        return [Reason("record.not_offered", {"type": interaction.kind}, where=where)]
    problems = validate(resource, where)
    reasons = list(map(_of_form, errors(problems)))
    if odd is not None:
        odd += [_of_form(problem) for problem in problems if problem.severity != "error"]
    if not isinstance(resource, dict) or reasons:
        return reasons
    if resource.get("resourceType") != interaction.kind:
        reasons.append(mismatch("resourceType", interaction.kind, where))
    if interaction.method == "PUT" and resource.get("id") != interaction.logical_id:
        reasons.append(mismatch("id", "the id of the address", where))
    if is_projection(resource):
        reasons.append(Reason("record.projection", where=f"{where}.meta.tag".lstrip(".")))
    if is_part(resource):
        reasons.append(Reason("record.part", where=f"{where}.meta.tag".lstrip(".")))
    return reasons


def mismatch(element: str, expected: str, where: str) -> Reason:
    """That an element says another resource than the address under which it is to be filed."""
    values = {"expected": expected, "found": "another one"}
    return Reason("record.address_mismatch", {"element": element, **values}, where=f"{where}.{element}".lstrip("."))


def is_projection(resource: dict[str, object]) -> bool:
    """Whether a resource is the rendering of a case's event."""
    meta = resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    return isinstance(tags, list) and any(isinstance(tag, dict) and tag.get("system") == PROJECTION for tag in tags)


def _one(node: Node, unit: Unit, actor: Actor, seen: Seeing, interaction: Interaction) -> Version | Refusal | None:
    against = posted_doses.against(node, unit, actor, interaction.resource) if interaction.kind == "MedicationAdministration" and interaction.resource else ()
    if against:
        return refuse(*against, category=Category.INVALID)
    if interaction.method == "POST":
        return _create(unit, seen, interaction)
    if interaction.chosen_by is not None:
        chosen = _chosen(seen, interaction, interaction.chosen_by)
        if not isinstance(chosen, Interaction):
            return chosen
        interaction = chosen
    held = store.get(unit.connection, interaction.kind, interaction.logical_id)
    if held is not None and not held.deleted and (closed := seen.against(held)) is not None:
        return closed
    answer = _next(unit, interaction, held)
    changes = isinstance(answer, Version) and answer.change != "unchanged"
    return (authors.against(node, unit, actor, held) if changes and held is not None else None) or answer


def _chosen(seen: Seeing, interaction: Interaction, criteria: Pairs) -> Interaction | Refusal | None:
    """A conditional update or delete as one of what its search finds, or as a create where it finds nothing; None where there is nothing to delete.

    Its id was found out before, so that others of its Bundle can refer to it: where the search finds another one by now, it is to be sent again.
    """
    known = seen.search(interaction.kind, criteria)
    if isinstance(known, Refusal):
        return known
    if known.total > 1:
        return refuse(Reason("record.several_match", {"type": interaction.kind}, where=interaction.where), category=Category.CONFLICT)
    if not known.found:
        nothing_yet = 0 if interaction.expected_version is None else interaction.expected_version
        return None if interaction.method == "DELETE" else replace(interaction, expected_version=nothing_yet)
    if known.found[0].id != interaction.logical_id:
        return refuse(Reason("record.match_meanwhile", {"type": interaction.kind}, where=interaction.where), category=Category.CONFLICT)
    return seen.refusal(interaction.kind, known.found[0]) or interaction  # that it is there is answered, hence read


def _next(unit: Unit, interaction: Interaction, held: Version | None) -> Version | Refusal | None:
    """What becomes of a resource that may be there, or be gone."""
    if held is not None and not held.deleted and is_projection(held.resource):
        return refuse(Reason("record.projection", where=interaction.where))
    if held is not None and not held.deleted and interaction.method == "PUT" and interaction.kind == "Patient":
        return _next_of_person(unit, interaction, held)
    if interaction.method == "DELETE":
        stands_for = signed.stands_for(held.resource) if held is not None and not held.deleted else ""
        if stands_for:
            return refuse(Reason(f"record.delete.{stands_for}", where=interaction.where), category=Category.CONFLICT)
        kind, logical_id, expected = interaction.kind, interaction.logical_id, interaction.expected_version
        return store.remove(unit.connection, kind, logical_id, at=unit.at, expected_version=expected)
    return store.put(unit.connection, interaction.resource or {}, at=unit.at, expected_version=interaction.expected_version)


def _next_of_person(unit: Unit, interaction: Interaction, held: Version) -> Version | Refusal:
    """The next version of a Patient: never another person's, whatever was left out between; who it is stays where the version says nothing of it."""
    resource = interaction.resource or {}
    if is_another(resource, known_states(store.lasting_versions(store.history(unit.connection, "Patient", held.id)))):
        return refuse(Reason("record.identity.other_person", where=interaction.where), category=Category.CONFLICT)
    person = kept(resource, held.resource)
    if is_born_otherwise(person) and held.resource.get("birthDate") and not is_born_otherwise({**person, "birthDate": held.resource.get("birthDate")}):
        return refuse(Reason("record.identity.birth_number", where=f"{interaction.where}.birthDate".lstrip(".")), category=Category.CONFLICT)
    return store.put(unit.connection, person, at=unit.at, expected_version=interaction.expected_version)


def _stop_impossible(node: Node, versions: Sequence[Version | None]) -> None:
    """Nothing is filed where a finding of the bedside is outside what can be, which the same finding typed is refused for too; filed it would be read as nothing."""
    reasons: list[Reason] = []
    findings: list[tuple[str, str]] = []
    bedside = _OF_THE_BEDSIDE.union(node.dictionary.sums, *node.dictionary.sums.values())
    for version in versions:
        if version is None or version.deleted or version.type != "Observation":
            continue
        resource = version.resource
        if resource.get("status") not in FINAL or not may_give(resource, bedside, node.dictionary):
            continue
        timed = {**resource, "effectiveDateTime": version.recorded_at}  # of an observation without a time too
        for one in measure(Found([timed]), datetime.max.replace(tzinfo=UTC), node.dictionary).measurements:
            span = one.fact.plausible
            if one.state is State.IMPLAUSIBLE and span is not None and one.fact.name in bedside:
                values = {"fact": one.fact.name, "low": str(span[0]), "high": str(span[1]), "unit": one.fact.unit or ""}
                reasons.append(Reason(IMPLAUSIBLE, values, where=version.reference))
                findings.append((version.patient, one.fact.name))
    if reasons:
        raise _Stop(refuse(*reasons, category=Category.INVALID), tuple(dict.fromkeys(findings)))


#: Findings that show a sign, temperature and pressure; totals and their items come from the dictionary.
_OF_THE_BEDSIDE = OF_SIGNS | {"systolic_pressure"}


def _contradictions(node: Node, unit: Unit, versions: Sequence[Version | None]) -> Refusal | None:
    """Why nothing is filed: a score that contradicts its items, which came with it or stand in the record for the same moment."""
    patients = {one.patient for one in versions if one is not None and not one.deleted and concerns(one.resource, node.dictionary)}
    held = [version.resource for patient in sorted(patients) for version in store.of_patient(unit.connection, "Observation", patient)]
    found = contradicting((resource for resource in held if not is_projection(resource)), node.dictionary)
    reasons = [Reason("bedside.assess.ice_contradicts", said, where=name) for name, said in sorted(found.items())]
    return refuse(*reasons, category=Category.INVALID) if reasons else None


def _create(unit: Unit, seen: Seeing, interaction: Interaction) -> Version | Refusal:
    if interaction.only_if_none is not None:
        known = seen.search(interaction.kind, interaction.only_if_none)
        if isinstance(known, Refusal):
            return known
        if known.total > 1:
            return refuse(Reason("record.several_match", {"type": interaction.kind}, where=interaction.where), category=Category.CONFLICT)
        if known.found and interaction.logical_id not in ("", known.found[0].id):  # others in its Bundle refer to what will not be created
            return refuse(Reason("record.match_meanwhile", {"type": interaction.kind}, where=interaction.where), category=Category.CONFLICT)
        mine = store.get(unit.connection, interaction.kind, interaction.logical_id) if interaction.logical_id else None
        there = known.found[0] if known.found else mine
        if there is not None:  # it is answered, hence read
            return seen.refusal(interaction.kind, there) or replace(there, change="unchanged")
    resource = {**(interaction.resource or {}), "id": interaction.logical_id or unit.new_id()}
    return store.put(unit.connection, resource, at=unit.at)
