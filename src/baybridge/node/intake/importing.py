"""Importing: files of outside records come in, open or continue the cases of their patients, and reopen what a correction touches.

Main job: `import_files(node, actor, files)` for the command line, `import_upload` for one file of the page; each answers what became of a file and
which cases it belongs to. A file about one person opens that person's case; a file about several opens none unless it is asked for. A new
person who may be somebody known here opens no case: a person looks first (`identity.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Connection, insert

from baybridge.base.canonical import sha256_hex
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.exchange.card.health_card import looks_like_card
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import RecordsImported
from baybridge.node import tables
from baybridge.node.clock import new_id
from baybridge.node.consequences import queue
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.handle import handle_in
from baybridge.node.intake import cards, codes, identity
from baybridge.node.intake.opening import who
from baybridge.node.intake.records import ImportReport, import_together, source_of
from baybridge.node.intake.reports import Report
from baybridge.node.upkeep import projections
from baybridge.record.intake.planning import Plan
from baybridge.record.intake.reading import Source
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


_LARGEST_CARD = 1_000_000  # bytes; a card is a few thousand
_LEFT_ALONE_S = 60  # seconds after a batch in which nobody else finds the place of its records: the import that runs does


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file, and the case of each patient in it."""

    report: ImportReport
    cases: Mapping[str, str]  # patient id -> case id
    opened: tuple[str, ...]  # cases that this file opened
    waiting: tuple[str, ...] = ()  # patient ids that may be somebody known here: a person looks before a case is opened
    without_case: tuple[str, ...] = ()  # patient ids of a file about several people: nobody asked to open their cases

    def as_json(self) -> dict[str, object]:
        """The answer as plain JSON."""
        people = {"waiting": list(self.waiting), "without_case": list(self.without_case)}
        return {**self.report.as_json(), "cases": dict(self.cases), "opened": list(self.opened), **people}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that comes in: its name and its content."""

    name: str
    content: bytes | Path


def import_upload(
    node: Node,
    actor: Actor,
    name: str,
    content: bytes | Path,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    source: str = "",
    open_cases: bool = False,
) -> Imported | Refusal:
    """One file, as `import_files` takes it in."""
    return import_files(node, actor, [Upload(name, content)], on_progress, source=source, open_cases=open_cases)[0]


def import_files(
    node: Node,
    actor: Actor,
    uploads: Sequence[Upload],
    on_progress: Callable[[int, int], None] | None = None,
    *,
    source: str = "",
    open_cases: bool = False,
) -> list[Imported | Refusal]:
    """File what can be read of these files, planned together, and write into each case that records came; an answer each.

    `source` names the hospital whose ids they have, or the laboratory whose columns, codes and times: a document of the site's `data/feeds/`.
    A case is opened for the one person of a file, for several persons only with `open_cases`. A card that a patient carries is verified first
    and refused with every check that fails.
    """
    limit = int(node.config.settings.get("BAYBRIDGE_MAX_UPLOAD_MB", "256")) * 1024 * 1024
    feed = feeds(node).get(source) if source else None
    read = [_source_of(node, one, limit, feed, source) for one in uploads]
    with node.storage.reading() as connection:
        signed = codes.signed(connection)
    files = [one for one in read if not isinstance(one, Refusal)]
    places = _Places(actor, open_cases)
    reports = import_together(node, actor, files, source=source, on_progress=on_progress, signed=signed, filed=places.wait)
    queue.drain_of(node, [name for report in reports for name in report.queued])
    following = iter(reports)
    return [one if isinstance(one, Refusal) else _answer(node, actor, next(following), places.crowds or frozenset()) for one in read]


def _source_of(node: Node, upload: Upload, limit: int, feed: Mapping[str, object] | None, source: str) -> Source | Refusal:
    """A file as it is read: a card as its verified content; a table only where its laboratory is known."""
    if (card := _card_in(upload.content)) is not None:
        bundle = cards.as_bundle(node, card)
        return bundle if isinstance(bundle, Refusal) else source_of(bundle, f"{upload.name}.json", limit)
    if source and feed is None and upload.name.lower().removesuffix(".gz").endswith(".csv"):
        known = ", ".join(sorted(feeds(node))) or "–"
        return refuse(Reason("import.unknown_source", {"source": source[:60], "known": known}, where="source"), category=Category.INVALID)
    return source_of(upload.content, upload.name, limit, feed)


def _answer(node: Node, actor: Actor, report: ImportReport, crowds: frozenset[str]) -> Imported | Refusal:
    if not report.readable and not report.filed:
        sentences = (Reason("import.unreadable", {"problem": str(problem)}) for problem in report.problems[:20])
        return refuse(*sentences, category=Category.INVALID)
    return _placed(node, actor, report, crowds)


def _placed(node: Node, actor: Actor, report: ImportReport, crowds: frozenset[str]) -> Imported | Refusal:
    """Give each patient's records their place, now that the whole file is in."""
    if report.patients:
        with node.unit() as unit:
            identity.note_people(node, unit, report.patients)
            queue.forget(unit.connection, _run_id(report.file_sha256))
    told = report.as_json()
    cases: dict[str, str] = {}
    opened: list[str] = []
    waiting: list[str] = []
    without: list[str] = []
    for patient in report.patients:
        with node.unit() as unit:
            queue.forget(unit.connection, _place_id(report.file_sha256, patient))
            found = place(node, unit, actor, told, patient, may_open=patient not in crowds)
        if isinstance(found, Refusal):
            return found
        if found.cases:
            cases[patient] = found.cases[0]
        else:
            (waiting if found.waits else without).append(patient)
        opened += found.cases if found.opened else ()
    if not cases and not waiting:
        with node.unit() as unit:
            _keep_report(unit, told, None)
    return Imported(report, cases, tuple(opened), tuple(waiting), tuple(without))


# --- the place of a patient's records -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a patient's records belong: the cases that use them, and whether one was opened for them; none where a person looks first."""

    cases: tuple[str, ...] = ()
    opened: bool = False
    waits: bool = False  # a person looks first


@dataclass(slots=True)
class _Places:
    """Queues, with each batch of a file, that the place of its patients' records is still to be found: an import that is killed leaves no record without a case.

    One row a patient, and one a file that says that the import still runs, which each batch renews.
    """

    actor: Actor
    open_cases: bool = False
    known: dict[str, int] = field(default_factory=dict)  # patients that are queued, by file
    crowds: frozenset[str] | None = None  # people of files about several, for whom no case is opened

    def wait(self, unit: Unit, report: ImportReport, made: Plan) -> None:
        """Queue the patients of this batch for the time after an import that ended early."""
        if self.crowds is None:
            self.crowds = frozenset() if self.open_cases else _crowds(unit.connection, made)
        later = unit.at + timedelta(seconds=_LEFT_ALONE_S)
        already = self.known.setdefault(report.file_sha256, 0)
        for file_sha256 in self.known:
            unit.follow(IMPORT_RUNS.name, "", not_before=later, consequence_id=_run_id(file_sha256))
        actor = {"account": self.actor.account, "role": self.actor.role.value, "organisation": self.actor.organisation, "person": self.actor.person}
        told = {**report.as_json(), "patients": [], "problems": []}
        for patient in report.patients[already:]:
            body = {"patient": patient, "actor": actor, "report": told, "may_open": patient not in self.crowds}
            unit.follow(PLACE_RECORD.name, "", body, not_before=later, consequence_id=_place_id(report.file_sha256, patient))
        self.known[report.file_sha256] = len(report.patients)


def _crowds(connection: Connection, made: Plan) -> frozenset[str]:
    """The people of files that are about several; of whom nothing but a reference came is not counted."""
    here = {name for kind, name in made.filed if kind == "Patient"} | set(store.patients(connection))
    files = [{made.patient_of(one) for one in file if one is not None} & here for file in made.entries]
    return frozenset(patient for people in files if len(people) > 1 for patient in people)


def _run_id(file_sha256: str) -> str:
    return sha256_hex(f"import\n{file_sha256}".encode())


def _place_id(file_sha256: str, patient: str) -> str:
    return sha256_hex(f"place\n{file_sha256}\n{patient}".encode())


def place_record(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Give a patient's records their place after an import that did not come to it."""
    by, patient, report = consequence.body["actor"], consequence.body["patient"], consequence.body["report"]
    runs_until = queue.not_before(unit.connection, _run_id(report["file_sha256"]))
    if runs_until is not None and runs_until > unit.at:
        unit.follow(consequence.kind, "", consequence.body, not_before=runs_until, consequence_id=consequence.consequence_id)
        return
    identity.note_people(node, unit, (patient,))
    actor, may_open = Actor(by["account"], Role(by["role"]), by["organisation"], person=by["person"]), consequence.body.get("may_open", True)
    found = place(node, unit, actor, report, patient, may_open=may_open)
    if isinstance(found, Refusal):
        raise RuntimeError("no case could be opened for records that came in")


PLACE_RECORD = ConsequenceRow("place-record", Lane.CASE, place_record)
#: A row that says that an import still runs; nothing follows from it.
IMPORT_RUNS = ConsequenceRow("import-runs", Lane.LATER, lambda _node, _unit, _consequence: None)


def place(node: Node, unit: Unit, actor: Actor, report: Report, patient: str, *, may_open: bool = True) -> Place | Refusal:
    """Write into each case of a patient that records came, and open one where there is none; the same file again changes nothing.

    No case is opened where nobody asked for it (`may_open`), nor for whom nothing but a reference came.
    """
    stands = identity.standing(node, unit.connection, patient)
    mine = _asked(node, unit, actor, report, patient, stands) if stands.waits else stands.cases
    if stands.waits and not mine:
        return Place(waits=True)
    opened = not mine
    if opened and not (may_open and store.current_patients(unit.connection, [("Patient", patient)])):
        return Place()
    if opened:
        made = _open(node, unit, actor, patient)
        if isinstance(made, Refusal):
            return made
        mine = (made,)
    for case_id in mine:
        _note(unit, actor, report, case_id)
    return Place(mine, opened)


def _card_in(content: bytes | Path) -> bytes | None:
    """The content of a file that is a patient's card; None for any other."""
    if isinstance(content, Path):
        if content.stat().st_size > _LARGEST_CARD:
            return None
        content = content.read_bytes()
    return content if len(content) <= _LARGEST_CARD and looks_like_card(content) else None


def feeds(node: Node) -> Mapping[str, Mapping[str, object]]:
    """How each laboratory that this site knows means its files, by name."""
    return node.documents.typed.written("feeds")


def _asked(
    node: Node, unit: Unit, actor: Actor, report: Report, patient: str, stands: identity.Standing
) -> tuple[str, ...]:
    """Ask whose record it is; the cases that use it at once. The report waits with the record."""
    kept = _keep_report(unit, report, None)
    unit.log("import", "", kept, orjson.dumps(report, default=str), actor)
    return identity.ask(node, unit, patient, stands.found, kept)


def _open(node: Node, unit: Unit, actor: Actor, patient: str) -> str | Refusal:
    given = {"patient_id": patient, **who(unit.connection, patient, node.regions)}
    by = Actor(actor.account, Role.SYSTEM if actor.role is not Role.COORDINATOR else actor.role, actor.organisation)
    done = handle_in(node, unit, Command("OpenCase", new_id(node.now), given, by, new_id(node.now)))
    return done if isinstance(done, Refusal) else done.case_id


def _note(unit: Unit, actor: Actor, report: Report, case_id: str) -> None:
    event = RecordsImported(file_sha256=report["file_sha256"], resources=identity.filed_of(report), problems=report["problem_count"])
    if not report["created"] and not report["updated"] and any(item.event == event for item in unit.events(case_id)):
        return  # the same file again changes nothing
    unit.append(case_id, [event], actor, known=len(unit.events(case_id)))
    _keep_report(unit, report, case_id)
    projections.project(unit, case_id)


def _keep_report(unit: Unit, report: Report, case_id: str | None) -> str:
    name, body = unit.new_id(), orjson.dumps(report, default=str)
    unit.connection.execute(insert(tables.import_report).values(report=name, case_id=case_id, at=unit.at.isoformat(), body=body))
    return name
