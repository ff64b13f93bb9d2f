"""Taking in files of outside records: whole, once, and with every oddity told at its place.

Main job: `plan(connection, *files)` reads the files of a command once to decide under which id each resource is filed (`planning.py`);
`batches` reads one again and yields checked resources; `file_batch` points their references at those ids and stores one batch;
`left_out(connection, …)` tells, once all files are in, which references lead to what was announced and left out. The bad entry is told and
left out, the rest goes in.

- The same content again files nothing: importing a file twice, or going on after an interruption, is harmless.
- The same id twice in a file: identical content is a note; different content is told and both are kept as versions, the later one current; of versions that
  say when they were last updated (a history tells the newest first), an older one after a newer one is told and not used.
- An id that FHIR does not allow, or that something else here has: another is given, told, and the given one stays in `meta.extension`.
- A reference that can mean two people leaves its resource out; one that leads to what has not come is told, and meets it when it comes.

**Source**: FHIR R4, Bundle ("Resolving references in Bundles"). Elsewhere: formats in `reading.py`, form in `fhir/validate.py`, whose id
an id is in `sources.py`, what a reference means in `addresses.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from baybridge.record.feeds.orders import ResultOf
from baybridge.record.fhir.definitions import NOT_OFFERED, resource_types
from baybridge.record.fhir.narrative import without_narratives
from baybridge.record.fhir.validate import Problem, validate
from baybridge.record.fhir.wire import Json, taken_in, twice
from baybridge.record.identity.same import is_replaced, shared_identifiers
from baybridge.record.intake.addresses import Part
from baybridge.record.intake.birth_dates import keep_births
from baybridge.record.intake.earlier import EXPECTED, NEWER, TOLD, changed_values, in_order, keep_what_stands, sent_at
from baybridge.record.intake.earlier_codes import led_to_their_results, mark_doubted
from baybridge.record.intake.earlier_samples import parted_by_time
from baybridge.record.intake.planning import IMPORTED_ID, Plan, Planned, is_id, lasting, plan
from baybridge.record.intake.reading import Entry, Place, Source, Trouble, entries, is_told_alone
from baybridge.record.intake.resolving import Led, Open, resolved
from baybridge.record.intake.sources import keep, keep_addresses
from baybridge.record.store.store import Key, Version, current_patients, get_many, put_many
from baybridge.record.store.tables import search_value

__all__ = ["BATCH", "IMPORTED_ID", "Batch", "ImportProblem", "Plan", "batches", "file_batch", "lead", "left_out", "plan", "under_id"]

#: U+FFFD, which stands for what could not be decoded, and the private use area, where bytes of another set land. Source: Unicode 15.1, 23.5 and 23.8.
_MAY_BE_LOST = re.compile(rb"\xef\xbf\xbd|\xee|\xef[\x80-\xa3]|\\u")  # in UTF-8, or escaped
_LOST = re.compile("[\ufffd\ue000-\uf8ff]")
_NARRATIVE = "record.invalid.narrative"
BATCH = 500

#: Types whose identifier names one person, place or finding; bills and visits share theirs.
_ONE_EACH = frozenset(
    {"Patient", "RelatedPerson", "Practitioner", "Organization", "Observation", "Specimen", "DiagnosticReport", "Procedure", "Condition"}
)
#: What is nobody's without a subject that leads to a patient of this record.
_RESULTS = frozenset({"Observation", "DiagnosticReport"})


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """One oddity of a file: `error` left the resource out, `odd` did not, `file` means that nothing more could be read."""

    severity: str
    code: str
    file: str
    line: int | None
    entry: int | None
    resource: str  # its type; '' where not even that is known
    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        """The problem in one line, without a patient's value."""
        place = ", ".join(f"{name} {number}" for name, number in (("line", self.line), ("entry", self.entry)) if number is not None)
        where = ": ".join(part for part in (self.file, place, self.path) if part)
        return f"{where}: expected {self.expected}, found {self.found}"

    def as_json(self) -> dict[str, Any]:
        """The problem as plain JSON, without what is not known."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) not in (None, "")}


@dataclass(slots=True)
class Batch:
    """Checked resources in order with their places, and the problems met on the way."""

    resources: list[Json] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)  # until references are led
    rows: dict[tuple[Part, Key], None] | None = None  # which id of its source is which resource here; None until references are led
    announced: list[tuple[Key, ImportProblem]] = field(default_factory=list)  # told where what was announced is left out in the end
    problems: list[ImportProblem] = field(default_factory=list)
    entries: int = 0
    results: dict[Key, ResultOf] = field(default_factory=dict)  # what results of a laboratory's messages are known by beside their codes
    led: set[Key] = field(default_factory=set)  # ids of these that stand under another, because they are another's next version
    by_sample: set[Key] = field(default_factory=set)  # results that are known by the number of their sample
    doubted: dict[Key, tuple[Json, Place]] = field(default_factory=dict)  # what a change may mean that does not say which: the change, and its place


# --- second reading -------------------------------------------------------------------------------------------------


def batches(source: Source, made: Plan, size: int = BATCH, file: int = 0) -> Iterator[Batch]:
    """The resources of the plan's file of this number, checked, in batches that fit one transaction."""
    batch = Batch()
    for item, planned in zip(entries(source), made.entries[file], strict=True):
        batch.entries += not is_told_alone(item)
        if isinstance(item, Trouble):
            batch.problems.append(_trouble(source, item))
        else:
            _take(source, made, planned, item, batch)
        if batch.entries >= size:
            yield batch
            batch = Batch()
    yield batch


def _trouble(source: Source, item: Trouble) -> ImportProblem:
    place = item.place
    severity = "file" if item.whole else "odd" if item.odd else "error"
    return ImportProblem(
        severity, f"record.import.{item.code}", source.name, place.line, place.entry, "", place.path, item.expected, item.found
    )


def _take(source: Source, made: Plan, planned: Planned | None, entry: Entry, batch: Batch) -> None:
    try:
        resource = taken_in(entry.raw)
    except ValueError as error:
        whole = entry.place == Place()
        batch.problems.append(_trouble(source, Trouble(entry.place, "not_json", "JSON in UTF-8", str(error), whole=whole)))
        return
    kind = _kind_of(resource)
    problems = (*_keys_twice(entry, resource), *validate(resource, entry.place.path), *_not_offered(entry, kind))
    problems = _without_id_problem(resource, problems, entry.place.path)
    if any(problem.code == _NARRATIVE for problem in problems):
        resource, problems = without_narratives(resource), tuple(map(_as_left_out, problems))
    batch.problems += [_problem(source, entry.place, kind, problem) for problem in problems]
    if any(problem.severity == "error" for problem in problems):
        return
    if planned is None:
        batch.problems.append(_trouble(source, Trouble(entry.place, "not_fhir", "an object with resourceType", "another kind of value")))
        return
    if planned.is_undecided:
        batch.problems.append(_several_persons(source, entry.place, kind))
        return
    if entry.from_feed and kind == "Patient":
        resource["id"] = lasting(resource["id"])
    batch.problems += _told_of_whole(source, entry, kind, resource)
    if _is_older(made, planned.key, resource):
        batch.problems.append(_odd(source, entry.place, kind, "older_version", "meta.lastUpdated", "versions, each later than the one before", TOLD["older_message"]))
        return
    batch.problems += _other_id(source, entry, planned, resource.get("id"))
    batch.resources.append(under_id(planned.key, resource))
    batch.places.append(entry.place)
    batch.planned.append(planned)
    if entry.result is not None:
        batch.results[planned.key] = entry.result
    if entry.by_sample:
        batch.by_sample.add(planned.key)


def _is_older(made: Plan, key: Key, resource: Json) -> bool:
    """Whether this command brought a later version of a resource already: a history tells the newest first. **Source**: FHIR R4, http.html#history."""
    said = (resource.get("meta") or {}).get("lastUpdated")
    if not isinstance(said, str):
        return False
    at = datetime.fromisoformat(said)
    newest = made.newest.setdefault(key, at)
    made.newest[key] = max(newest, at)
    return at < newest


def _several_persons(source: Source, place: Place, kind: str) -> ImportProblem:
    """Nothing is filed of a person whose number several bear: under neither of them would it be right."""
    where, expected, found = f"{place.path or kind}.name", "the name and the birth date of one of them", "those of none or of several, or none given"
    return ImportProblem("error", "record.import.several_persons", source.name, place.line, place.entry, kind, where, expected, found)


def _kind_of(resource: object) -> str:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    return kind if isinstance(kind, str) and kind in resource_types() else ""


def _keys_twice(entry: Entry, resource: object) -> Iterator[Problem]:
    """A key that comes twice with two values leaves the resource out: nobody knows which was meant."""
    for path, same in twice(entry.raw, resource):
        where = f"{entry.place.path or _kind_of(resource)}.{path}".lstrip(".")
        yield Problem(
            "odd" if same else "error", "record.key_twice", where, "each key once", "the same value twice" if same else "two values"
        )


def _told_of_whole(source: Source, entry: Entry, kind: str, resource: Json) -> Iterator[ImportProblem]:
    """What of a resource reaches nobody although nothing in it is wrong: a result of a person who is only inside it or only numbered, and a Bundle inside a Bundle."""
    if kind == "Bundle" and entry.place.entry is not None:
        found = "a Bundle inside it; its entries were not taken in"
        yield _odd(source, entry.place, kind, "bundle_inside", "entry", "resources", found)
    if kind == "Patient" and resource.get("active") is False:  # the dead too are called so: what was measured stays true. Source: FHIR R4, Patient.active
        yield _odd(source, entry.place, kind, "patient_inactive", "active", "a person whose record is in use", "one whose record is not; its results are used")
    if kind == "Patient" and is_replaced(resource):
        expected, found = "a person whose record is not replaced", "one whose record another replaces; its results stay with it until a person links the two"
        yield _odd(source, entry.place, kind, "patient_replaced", "link", expected, found)
    subject = resource.get("subject") if kind in _RESULTS else None
    if isinstance(subject, dict) and str(subject.get("reference") or "#").startswith("#"):
        found = "one that stands inside the result" if subject.get("reference") else "an identifier or a name alone"
        yield _odd(source, entry.place, kind, "of_nobody", "subject", "a patient of the results", found)
    raw = bytes(entry.raw)
    if _MAY_BE_LOST.search(raw) and (path := _lost_in(resource)):
        expected, found = "text as it was written", "characters that were lost, or that only their writer can read"
        yield _odd(source, entry.place, kind, "lost_characters", path, expected, found)


def _lost_in(value: object, path: str = "") -> str:
    """The path of the first text with such characters."""
    if isinstance(value, str):
        return path if not value.isascii() and _LOST.search(value) else ""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next(filter(None, (_lost_in(item, f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}".lstrip(".")) for name, item in inside)), "")


def _not_offered(entry: Entry, kind: str) -> Iterator[Problem]:
    if kind in NOT_OFFERED:
        yield Problem("error", "record.import.not_offered", entry.place.path or kind, "a resource that this node acts on", kind)


def _as_left_out(problem: Problem) -> Problem:
    """A narrative that is not plain costs the narrative, not the resource."""
    return replace(problem, severity="odd", code="record.import.narrative") if problem.code == _NARRATIVE else problem


def _without_id_problem(resource: Any, problems: tuple[Problem, ...], path: str) -> tuple[Problem, ...]:
    """An id that FHIR does not allow leaves nothing out: another one is given, and that is told."""
    mine = f"{path or resource.get('resourceType') if isinstance(resource, dict) else path}.id"
    return tuple(problem for problem in problems if problem.path != mine)


def _problem(source: Source, place: Place, kind: str, problem: Problem) -> ImportProblem:
    return ImportProblem(
        problem.severity, problem.code, source.name, place.line, place.entry, kind, problem.path, problem.expected, problem.found
    )


def _odd(source: Source, place: Place, kind: str, code: str, path: str, expected: str, found: str) -> ImportProblem:
    where = f"{place.path or kind}.{path}"
    return ImportProblem("odd", f"record.import.{code}", source.name, place.line, place.entry, kind, where, expected, found)


def _other_id(source: Source, entry: Entry, planned: Planned, given: object) -> Iterator[ImportProblem]:
    """That another id was given; that two hospitals use one id is the usual thing and not told of each resource."""
    if given is not None and given != planned.key[1] and (planned.is_parted or not is_id(given)):
        code = "id_taken" if is_id(given) else "id_invalid"
        expected = "1 to 64 of A-Z a-z 0-9 - . that nothing else here has"
        yield _odd(source, entry.place, planned.key[0], code, "id", expected, "another id was given")


def under_id(key: Key, resource: Json) -> Json:
    """The resource under its id here; the id it came with is kept where another was given."""
    kind, given = resource["resourceType"], resource.get("id")
    if given == key[1]:
        return resource
    meta = dict(resource.get("meta") or {})
    if given is not None:
        meta["extension"] = [*meta.get("extension", []), {"url": IMPORTED_ID, "valueString": str(given)}]
    rest = {name: value for name, value in resource.items() if name not in ("resourceType", "id", "meta")}
    return {"resourceType": kind, "id": key[1], **({"meta": meta} if meta else {}), **rest}


# --- filing ---------------------------------------------------------------------------------------------------------


def lead(connection: Connection, source: Source, batch: Batch, made: Plan) -> None:
    """Point the references of a batch at what they mean; what leads nowhere is told, what can mean two things is left out."""
    led = resolved(connection, made, batch.planned, batch.resources)
    batch.problems += [_nowhere(source, batch, item) for item in led.nowhere]
    batch.announced += [(key, _nowhere(source, batch, item)) for item, key in led.announced]
    _drop_several(source, batch, led)
    batch.planned, batch.rows = [], led.rows


def file_batch(connection: Connection, source: Source, batch: Batch, made: Plan, *, at: datetime) -> list[Version]:
    """Store a batch; ids that come twice and references that lead nowhere, or to several, are added to its problems."""
    if batch.rows is None:
        lead(connection, source, batch, made)
    told = [*keep_births(connection, batch), *led_to_their_results(connection, batch), *parted_by_time(connection, batch), *in_order(connection, batch)]
    told += changed_values(connection, batch, {number for number, _kind, _code in told})
    batch.problems += [_odd(source, batch.places[number], kind, code, *EXPECTED.get(code, NEWER), TOLD[code]) for number, kind, code in told]
    mark_doubted(connection, batch)
    keep_what_stands(connection, batch, made.of_messages)
    before = {key: version for key, version in get_many(connection, _twice(batch, made)).items() if not version.deleted}
    versions = put_many(connection, batch.resources, at=at)
    made.stands |= {(version.type, version.id) for version in versions}
    batch.announced = [(key, problem) for key, problem in batch.announced if key not in made.stands and key not in batch.led]
    keep(connection, batch.rows or {})
    keep_addresses(connection, made.bases)
    batch.problems += _duplicates(source, batch, versions, made, before)
    batch.problems += _same_identifiers(connection, source, batch)
    return versions


def _drop_several(source: Source, batch: Batch, led: Led) -> None:
    """Leave out what refers to an id that is two things of its source: nobody knows which is meant."""
    for place, path in led.several:
        kind, where = batch.planned[place].key[0], batch.places[place]
        code, expected = "record.import.reference_several", "an id that is one resource of its source"
        at = f"{where.path or kind}.{path}"
        batch.problems.append(ImportProblem("error", code, source.name, where.line, where.entry, kind, at, expected, "two of them"))
    dropped = {place for place, _path in led.several}
    kept = [place for place in range(len(batch.places)) if place not in dropped]
    batch.resources, batch.places = [led.resources[place] for place in kept], [batch.places[place] for place in kept]


def _nowhere(source: Source, batch: Batch, at: Open) -> ImportProblem:
    found = f"none of type {at.kind} has that id" if at.kind else "none has that address"
    kind, place = batch.planned[at.place].key[0], batch.places[at.place]
    if at.elsewhere:
        others = ", ".join(filter(None, at.elsewhere))
        code = "reference_of_source" if others else "reference_of_own"
        return _odd(source, place, kind, code, at.path, "a resource of the source that the import names", others or "this record's own id")
    return _odd(source, place, kind, "reference_nowhere", at.path, "a resource of these files or of this record", found)


def left_out(connection: Connection, made: Plan, announced: list[tuple[Key, ImportProblem]]) -> list[ImportProblem]:
    """Once every file is in: the references to what these files announced and what then was left out."""
    absent = {key for key, _problem in announced} - made.stands
    held = current_patients(connection, sorted(absent))
    return [problem for key, problem in announced if key in absent and key not in held]


def _twice(batch: Batch, made: Plan) -> list[Key]:
    keys = [(resource["resourceType"], resource["id"]) for resource in batch.resources]
    return [key for key in dict.fromkeys(keys) if made.filed.get(key, 0) > 1]


def _duplicates(source: Source, batch: Batch, versions: list[Version], made: Plan, before: dict[Key, Version]) -> list[ImportProblem]:
    found = []
    seen: set[Key] = set()
    for version, place, resource in zip(versions, batch.places, batch.resources, strict=True):
        key = (version.type, version.id)
        if made.filed.get(key, 0) > 1 and (key in seen or key in before) and sent_at(resource) is None:  # messages come in an order of their own
            told = "the same content, taken once" if version.change == "unchanged" else "other content, both kept as versions"
            found.append(_odd(source, place, version.type, "duplicate_id", "id", "an id that comes once", told))
        seen.add(key)
    return found


def _same_identifiers(connection: Connection, source: Source, batch: Batch) -> list[ImportProblem]:
    """Resources of this batch whose identifier another resource of their type has too."""
    found = []
    for resource, place in zip(batch.resources, batch.places, strict=True):
        identifiers = shared_identifiers(resource.get("identifier")) if resource["resourceType"] in _ONE_EACH else set()
        if identifiers and _others_with(connection, resource["resourceType"], resource["id"], identifiers):
            kind = resource["resourceType"]
            expected = f"an identifier that one {kind} has"
            found.append(_odd(source, place, kind, "same_identifier", "identifier", expected, f"another {kind} has it too"))
    return found


def _others_with(connection: Connection, kind: str, logical_id: str, identifiers: set[str]) -> bool:
    table = search_value
    pairs = [identifier.partition("|") for identifier in sorted(identifiers)]
    is_same = or_(*(and_(table.c.system == system, table.c.value == value) for system, _bar, value in pairs))
    mine = (table.c.type == kind, table.c.param == "identifier", table.c.id != logical_id, is_same)
    return connection.execute(select(table.c.id).where(*mine).limit(1)).first() is not None
