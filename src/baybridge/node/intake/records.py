"""Records of outside come in, and the record goes out again.

Main job: `import_file` files a FHIR file within one unit of work; `import_together` files the files of one command in several, so that others can
write meanwhile and an interrupted import goes on where it stopped; `import_in_parts` does so with one. Every version that is filed appends one
log entry. `export` yields the record as FHIR bulk NDJSON.

**Source**: design sections 4 (log) and 9 (import and export); FHIR Bulk Data Access, NDJSON files by type.
Elsewhere: reading, checking and filing in `record`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy import Connection

from baybridge.consent.reading import Ground
from baybridge.facts.units import UnitTable
from baybridge.journey.command import Actor, Role
from baybridge.node.intake.contradictions import leave_out_contradictions
from baybridge.node.intake.record_times import tell_times
from baybridge.node.intake.record_units import unknown_units
from baybridge.node.intake.reports import Report
from baybridge.node.intake.same_door import leave_out_unfit, tell_doses
from baybridge.node.intake.unused import tell_unused
from baybridge.node.integrity import things
from baybridge.node.people import reads
from baybridge.node.unit import Filed
from baybridge.record.feeds.code_mapping import with_mapping
from baybridge.record.fhir.references import patient_of
from baybridge.record.identity.documents import DocumentForms, unfit_numbers
from baybridge.record.intake.importing import BATCH, Batch, ImportProblem, batches, file_batch, lead, left_out, plan
from baybridge.record.intake.planning import Plan
from baybridge.record.intake.reading import DEFAULT_LIMIT, Place, Source
from baybridge.record.store import store
from baybridge.record.store.store import Version
from baybridge.record.store.subjects import subjects

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_FEEDS = (".csv", ".csv.gz", ".hl7", ".hl7.gz")
#: Problems that a report lists; further ones are counted.
_GRAVEST_FIRST = ("file", "error", "odd")
MOST_PROBLEMS = 5000

WriteLog = Callable[[str, str, str, bytes], None]  # kind, subject (patient id or ''), what, content


@dataclass(slots=True)
class ImportReport:
    """What became of a file: resources read, filed anew, filed as a next version, known already, left out; and every problem."""

    file: str
    file_sha256: str
    resources: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    patients: list[str] = field(default_factory=list)
    problems: list[ImportProblem] = field(default_factory=list)
    problem_count: int = 0
    readable: bool = True
    queued: list[str] = field(default_factory=list)  # consequences that are due
    source: str = ""  # whose ids the file has; '' where nobody said
    announced: list[tuple[tuple[str, str], ImportProblem]] = field(default_factory=list)  # told where what was announced is left out in the end

    @property
    def filed(self) -> int:
        """Resources of the file that now stand in the record."""
        return self.created + self.updated + self.unchanged

    def as_json(self) -> Report:
        """The report as plain JSON."""
        return {
            "file": self.file,
            "file_sha256": self.file_sha256,
            "resources": self.resources,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "patients": self.patients,
            "problem_count": self.problem_count,
            "readable": self.readable,
            "source": self.source,
            "problems": [problem.as_json() for problem in self.problems],
        }

    def add(self, batch: Batch, versions: list[Version]) -> None:
        """Count one batch."""
        self.resources += batch.entries
        for version in versions:
            setattr(self, version.change, getattr(self, version.change) + 1)
            if version.patient and version.patient not in self.patients:
                self.patients.append(version.patient)
        self.rejected += batch.entries - len(versions)
        self.announced += batch.announced
        self.tell(batch.problems)
        if any(problem.severity == "file" for problem in batch.problems):
            self.readable = False

    def tell(self, problems: Sequence[ImportProblem]) -> None:
        """Count problems, and list them up to a limit: what left something out before what is odd, so that no number of oddities hides it."""
        self.problem_count += len(problems)
        self.problems = sorted([*self.problems, *problems], key=lambda problem: _GRAVEST_FIRST.index(problem.severity))[:MOST_PROBLEMS]


def source_of(content: bytes | Path, name: str = "", limit: int = DEFAULT_LIMIT, feed: Mapping[str, object] | None = None) -> Source:
    """A file on disk, or bytes that were uploaded, as something that can be read twice; `feed` says how a laboratory means it."""
    if isinstance(content, Path):
        return Source(name or content.name, lambda: content.open("rb"), limit, feed)

    def opened() -> BinaryIO:
        return BytesIO(content)

    return Source(name or "upload", opened, limit, feed)


def import_file(
    unit: Unit,
    actor: Actor,
    content: bytes | Path,
    *,
    name: str = "",
    limit: int = DEFAULT_LIMIT,
    units: UnitTable | None = None,
    write_log: WriteLog | None = None,
) -> ImportReport:
    """File everything that can be read of a file, in the given unit of work, and answer what became of it.

    With `units`, results whose unit nobody knows are told. `write_log` replaces the node's own log.
    """
    source = source_of(content, name, limit)
    report = ImportReport(source.name, source.sha256())
    made = plan(unit.connection, source)
    for batch in batches(source, made):
        _tell_units(source, batch, units)
        file_part(unit, actor, source, batch, made, report, write_log)
    report.tell(left_out(unit.connection, made, report.announced))
    return report


def import_in_parts(
    node: Node,
    actor: Actor,
    content: bytes | Path,
    *,
    name: str = "",
    limit: int = DEFAULT_LIMIT,
    on_progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """The same in one unit of work per batch; `on_progress` is told how many of how many entries are done."""
    return import_together(node, actor, [source_of(content, name, limit)], on_progress=on_progress)[0]


def import_together(
    node: Node,
    actor: Actor,
    files: Sequence[Source],
    *,
    source: str = "",
    on_progress: Callable[[int, int], None] | None = None,
    signed: Mapping[tuple[str, str], Mapping[str, object]] | None = None,
    filed: Callable[[Unit, ImportReport, Plan], None] | None = None,
) -> list[ImportReport]:
    """File several files of one source that are planned together, in one unit of work per batch; one report each.

    A laboratory's feed goes in whole or not at all. `signed` are the code mappings that people signed here; they are applied. `filed` is called in the unit of each
    batch; what follows from the file is done once the whole of it is in.
    """
    with node.storage.reading() as connection:
        made = plan(connection, *files, source=source, ours=node.fhir_bases)
    reports: list[ImportReport] = []
    for number, file in enumerate(files):
        report = ImportReport(file.name, file.sha256(), source=source)
        for batch in batches(file, made, _portion(file, made), number):
            batch.resources = [with_mapping(resource, signed) for resource in batch.resources] if signed else batch.resources
            _tell_units(file, batch, node.dictionary.units)
            tell_unused(file, batch, node.dictionary)
            _tell_numbers(file, batch, node.document_forms)
            with node.storage.reading() as connection:
                lead(connection, file, batch, made)
                leave_out_contradictions(connection, file, batch, node.dictionary)
                tell_times(connection, file, batch, node.now(), is_feed=_is_feed(file))
                _tell_moved(connection, file, batch)
            with node.unit(drained=False) as unit:
                leave_out_unfit(node, unit, actor, file, batch, is_feed=_is_feed(file))
                brought = tuple(zip(batch.resources, batch.places, strict=True))
                file_part(unit, actor, file, batch, made, report)
                report.tell(tell_doses(node, unit, actor, file, brought))
                if filed is not None:
                    filed(unit, report, made)
            report.queued += unit.queued
            if on_progress is not None:
                on_progress(sum(one.resources for one in reports) + report.resources, made.count)
        reports.append(report)
    with node.storage.reading() as connection:
        for report in reports:
            report.tell(left_out(connection, made, report.announced))
    return reports


def _portion(file: Source, made: Plan) -> int:
    """How many entries go in at once: a laboratory's feed whole, other files in parts."""
    return max(made.count, 1) + 1 if _is_feed(file) else BATCH


def _is_feed(file: Source) -> bool:
    return file.feed is not None or file.name.lower().endswith(_FEEDS)


def file_part(
    unit: Unit, actor: Actor, source: Source, batch: Batch, made: Plan, report: ImportReport, write_log: WriteLog | None = None
) -> None:
    """File one batch, write the log, and count it."""
    versions = file_batch(unit.connection, source, batch, made, at=unit.at)
    changed = [version for version in versions if version.change != "unchanged"]
    if write_log is None:
        log_versions(unit, actor, changed, because=f"import {report.file_sha256[:12]}")
    else:
        for version in changed:
            write_log(things.RECORD, version.patient, things.version_what(unit.pseudonym, version), version.body)
    report.add(batch, versions)


def _tell_units(source: Source, batch: Batch, units: UnitTable | None) -> None:
    if units is None:
        return
    for resource, place in zip(batch.resources, batch.places, strict=True):
        for path, found in unknown_units(resource, units):
            batch.problems.append(_odd(source, resource, place, "unknown_unit", path, "a UCUM unit", found))


def _tell_moved(connection: Connection, source: Source, batch: Batch) -> None:
    """Say what comes for another patient than the one whose it is here: it leaves that record, and somebody must know."""
    coming = [(str(resource["resourceType"]), str(resource["id"])) for resource in batch.resources]
    held = store.current_patients(connection, coming)
    for key, resource, place in zip(coming, batch.resources, batch.places, strict=True):
        now = patient_of(resource)
        if key[0] != "Patient" and now and held.get(key) and held[key] != now:
            expected, found = "the patient whose it is here", "another patient, to whom it goes with this version"
            batch.problems.append(_odd(source, resource, place, "moved", "subject", expected, found))


def _tell_numbers(source: Source, batch: Batch, forms: DocumentForms) -> None:
    """Say which document numbers of people document nobody; a table says it at its line already."""
    if source.name.lower().removesuffix(".gz").endswith(".csv"):
        return
    for resource, place in zip(batch.resources, batch.places, strict=True):
        if resource["resourceType"] == "Patient":
            for number in unfit_numbers(resource, forms):
                expected, path = "the form and the check character of the document", f"identifier[{number}].value"
                batch.problems.append(_odd(source, resource, place, "document_number", path, expected, "another; the number documents nobody"))


def _odd(source: Source, resource: dict[str, object], place: Place, code: str, path: str, expected: str, found: str) -> ImportProblem:
    kind = str(resource["resourceType"])
    where = f"{place.path or kind}.{path}"
    return ImportProblem("odd", f"record.import.{code}", source.name, place.line, place.entry, kind, where, expected, found)


# --- log ------------------------------------------------------------------------------------------------------------


def log_versions(unit: Unit, actor: Actor, versions: list[Version], purpose: str = "care", because: str = "") -> None:
    """One log entry for each version that was filed; ids are pseudonyms, because an outside id may be personal. What follows is queued with the unit."""
    if versions:
        unit.filed.append(Filed(tuple(versions), because))
    for version in versions:
        unit.log(things.RECORD, version.patient, things.version_what(unit.pseudonym, version), version.body, actor, purpose)


# --- out ------------------------------------------------------------------------------------------------------------


def export(node: Node, since: datetime | None = None) -> Iterator[tuple[str, bytes]]:
    """(type, one NDJSON line) of every current resource, by type, or only of those filed after `since`.

    Whoever's data goes out has it in the own list of who looked, before the first line is handed on. What holds data of somebody in `kept_back` stays.
    """
    with node.storage.reading() as connection:
        closed = kept_back(node, connection)
        going = sorted({patient for _kind, _version, of in _outgoing(connection, since, closed) for patient in of})
        for start in range(0, len(going), BATCH):
            actor = Actor("operator", Role.SYSTEM, node.site.organisation, via="shell")
            node.note_readings(actor, going[start : start + BATCH], "export", "administration", Ground.RELATION)
        for kind, version, _of in _outgoing(connection, since, closed):
            yield kind, version.body + b"\n"


def kept_back(node: Node, connection: Connection) -> frozenset[str]:
    """The patients of whom nothing is exported, because they asked that their data be used for care alone."""
    return frozenset() if "administration" in node.people.restricted else reads.restricted(connection)


def _outgoing(connection: Connection, since: datetime | None, closed: frozenset[str]) -> Iterator[tuple[str, Version, frozenset[str]]]:
    """Type, version and patients of what goes out."""
    for kind in sorted(store.count(connection)):
        filed = store.changed_since(connection, since, kind)
        while some := list(islice(filed, BATCH)):
            yield from ((kind, version, of) for version, of in zip(some, subjects(connection, some), strict=True) if closed.isdisjoint(of))
