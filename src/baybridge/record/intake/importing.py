"""Taking in a file of outside records: whole, once, and with every oddity told at its place.

Main job: `plan(connection, source)` reads the file once to decide under which id each resource is filed (`planning.py`); `batches` reads
it again and yields checked resources with references pointed at those ids; `file_batch` stores one batch. The bad entry is told and left
out, the rest goes in.

- The same content again files nothing: importing a file twice, or going on after an interruption, is harmless.
- The same id twice in a file: identical content is a note; different content is told and both are kept as versions, the later one current.
- An id that FHIR does not allow, or that something else here has: another is given, told, and the given one stays in `meta.extension`.

**Source**: FHIR R4, Bundle ("Resolving references in Bundles"). Elsewhere: formats in `reading.py`, form in `fhir/validate.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from baybridge.record.fhir.definitions import resource_types
from baybridge.record.fhir.narrative import without_narratives
from baybridge.record.fhir.references import local_part, references, repointed
from baybridge.record.fhir.validate import Problem, validate
from baybridge.record.fhir.wire import Json, taken_in, twice
from baybridge.record.identity.same import shared_identifiers
from baybridge.record.intake.earlier import TOLD, in_order, sent_at
from baybridge.record.intake.planning import Head, Plan, given_owner, id_without_one, is_id, plan
from baybridge.record.intake.reading import Entry, Place, Source, Trouble, entries
from baybridge.record.store.store import Key, Version, get_many, put_many
from baybridge.record.store.tables import search_value

__all__ = ["BATCH", "IMPORTED_ID", "Batch", "ImportProblem", "Plan", "batches", "file_batch", "plan"]

_NARRATIVE = "record.invalid.narrative"
IMPORTED_ID = "urn:baybridge:imported-id"
BATCH = 500

#: Types whose identifier names one person, place or finding; bills and visits share theirs.
_ONE_EACH = frozenset(
    {"Patient", "RelatedPerson", "Practitioner", "Organization", "Observation", "Specimen", "DiagnosticReport", "Procedure", "Condition"}
)


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
    problems: list[ImportProblem] = field(default_factory=list)
    entries: int = 0


# --- second reading -------------------------------------------------------------------------------------------------


def batches(source: Source, made: Plan, size: int = BATCH) -> Iterator[Batch]:
    """The file's resources, checked and with their references resolved, in batches that fit one transaction."""
    batch = Batch()
    for item in entries(source):
        batch.entries += 1
        if isinstance(item, Trouble):
            batch.problems.append(_trouble(source, item))
        else:
            _take(source, made, item, batch)
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


def _take(source: Source, made: Plan, entry: Entry, batch: Batch) -> None:
    try:
        resource = taken_in(entry.raw)
    except ValueError as error:
        whole = entry.place == Place()
        batch.problems.append(_trouble(source, Trouble(entry.place, "not_json", "JSON in UTF-8", str(error), whole=whole)))
        return
    kind = _kind_of(resource)
    problems = (*_keys_twice(entry, resource), *validate(resource, entry.place.path))
    problems = _without_id_problem(resource, problems, entry.place.path)
    if any(problem.code == _NARRATIVE for problem in problems):
        resource, problems = without_narratives(resource), tuple(map(_as_left_out, problems))
    batch.problems += [_problem(source, entry.place, kind, problem) for problem in problems]
    if any(problem.severity == "error" for problem in problems):
        return
    batch.resources.append(_as_filed(made, entry, resource, batch, partial(_note, source, entry, kind)))
    batch.places.append(entry.place)


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


def _note(source: Source, entry: Entry, kind: str, code: str, path: str, expected: str, found: str) -> ImportProblem:
    return _odd(source, entry.place, kind, code, path, expected, found)


def _odd(source: Source, place: Place, kind: str, code: str, path: str, expected: str, found: str) -> ImportProblem:
    where = f"{place.path or kind}.{path}"
    return ImportProblem("odd", f"record.import.{code}", source.name, place.line, place.entry, kind, where, expected, found)


Note = Callable[[str, str, str, str], ImportProblem]


def _as_filed(made: Plan, entry: Entry, resource: Json, batch: Batch, note: Note) -> Json:
    """The resource under its id, references resolved, the id it came with kept where another was given."""
    kind, given = resource["resourceType"], resource.get("id")
    key = _planned(made, entry, resource)
    if given != key[1] and given is not None:
        code = "id_taken" if is_id(given) else "id_invalid"
        batch.problems.append(note(code, "id", "1 to 64 of A-Z a-z 0-9 - . that nothing else here has", "another id was given"))
    filed: Json = repointed(resource, lambda text: _resolved(made, text))
    if given == key[1]:
        return filed
    meta = dict(filed.get("meta") or {})
    if given is not None:
        meta["extension"] = [*meta.get("extension", []), {"url": IMPORTED_ID, "valueString": str(given)}]
    rest = {name: value for name, value in filed.items() if name not in ("resourceType", "id", "meta")}
    return {"resourceType": kind, "id": key[1], **({"meta": meta} if meta else {}), **rest}


def _planned(made: Plan, entry: Entry, resource: Json) -> Key:
    kind, given = resource["resourceType"], resource.get("id")
    if entry.full_url in made.by_url and made.by_url[entry.full_url][0] == kind:
        return made.by_url[entry.full_url]
    head = Head(**{name: resource.get(name) for name in Head.__struct_fields__})
    found = made.by_key.get((kind, given if isinstance(given, str) else "", given_owner(head)))
    if given and found is not None:
        return found
    return kind, id_without_one(head, entry)


def _resolved(made: Plan, text: str) -> str | None:
    if text.startswith("#"):
        return None
    base, slash, version = text.partition("/_history/")
    key = made.by_url.get(base)
    if key is None and "?identifier=" in text:
        kind, _query, identifier = text.partition("?identifier=")
        key = made.by_identifier.get((kind, identifier))
    if key is None:
        part = local_part(base)
        key = made.moved.get(part) if part is not None else None
    return f"{key[0]}/{key[1]}{slash}{version}" if key is not None else None


# --- filing ---------------------------------------------------------------------------------------------------------


def file_batch(connection: Connection, source: Source, batch: Batch, made: Plan, *, at: datetime) -> list[Version]:
    """Store a batch; ids that come twice and references that lead nowhere are added to its problems."""
    batch.problems += [
        _odd(source, batch.places[number], kind, code, "meta", "a message newer than the one that stands", TOLD[code])
        for number, kind, code in in_order(connection, batch)
    ]
    before = {key: version for key, version in get_many(connection, _twice(batch, made)).items() if not version.deleted}
    versions = put_many(connection, batch.resources, at=at)
    batch.problems += _duplicates(source, batch, versions, made, before)
    batch.problems += _nowhere(connection, source, batch, made)
    batch.problems += _same_identifiers(connection, source, batch)
    return versions


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


def _nowhere(connection: Connection, source: Source, batch: Batch, made: Plan) -> list[ImportProblem]:
    open_ends: list[tuple[Key | None, str, Place, str]] = []
    for resource, place in zip(batch.resources, batch.places, strict=True):
        for text, path in references(resource):
            part = local_part(text)
            if (part is not None and part not in made.filed) or text.startswith("urn:uuid:") or "?" in text.split("://")[0]:
                open_ends.append((part, path, place, resource["resourceType"]))
    held = get_many(connection, sorted({part for part, *_rest in open_ends if part is not None}))
    return [
        _odd(source, place, kind, "reference_nowhere", path, "a resource of this file or of this record", _absent(part))
        for part, path, place, kind in open_ends
        if part is None or part not in held or held[part].deleted
    ]


def _absent(part: Key | None) -> str:
    return f"none of type {part[0]} has that id" if part else "none has that address"


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
