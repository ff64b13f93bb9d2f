"""Importing: a file of outside records comes in, opens or continues the cases of its patients, and reopens what a correction touches.

Main job: `import_upload(node, actor, name, content)` for the page and the command line alike; answers what became of the file and which cases it
belongs to. A new person who may be somebody known here opens no case: a person looks first (`identity.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import insert

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
from baybridge.node.intake.records import ImportReport, import_in_parts
from baybridge.node.upkeep import projections

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

    def as_json(self) -> dict[str, Any]:
        """The answer as plain JSON."""
        return {**self.report.as_json(), "cases": dict(self.cases), "opened": list(self.opened), "waiting": list(self.waiting)}


def import_upload(
    node: Node,
    actor: Actor,
    name: str,
    content: bytes | Path,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    source: str = "",
) -> Imported | Refusal:
    """File what can be read, open a case for each new patient, write into each case that records came.

    `source` names the laboratory whose columns, codes and times the file has: a document of the site's `data/feeds/`. A card that a
    patient carries is verified first and refused with every check that fails.
    """
    if (card := _card_in(content)) is not None:
        bundle = cards.as_bundle(node, card)
        return bundle if isinstance(bundle, Refusal) else _take_in(node, actor, f"{name}.json", bundle, on_progress, None)
    feed = feeds(node).get(source) if source else None
    if source and feed is None:
        known = ", ".join(sorted(feeds(node))) or "–"
        return refuse(Reason("import.unknown_source", {"source": source[:60], "known": known}, where="source"), category=Category.INVALID)
    return _take_in(node, actor, name, content, on_progress, feed)


def _take_in(
    node: Node,
    actor: Actor,
    name: str,
    content: bytes | Path,
    on_progress: Callable[[int, int], None] | None,
    feed: Mapping[str, Any] | None,
) -> Imported | Refusal:
    limit = int(node.config.settings.get("BAYBRIDGE_MAX_UPLOAD_MB", "256")) * 1024 * 1024
    with node.storage.reading() as connection:
        signed = codes.signed(connection)
    places = _Places(actor)
    report = import_in_parts(node, actor, content, name=name, limit=limit, on_progress=on_progress, feed=feed, signed=signed, filed=places.wait)
    queue.drain_of(node, report.queued)
    if not report.readable and not report.filed:
        sentences = (Reason("import.unreadable", {"problem": str(problem)}) for problem in report.problems[:20])
        return refuse(*sentences, category=Category.INVALID)
    return _placed(node, actor, report)


def _placed(node: Node, actor: Actor, report: ImportReport) -> Imported | Refusal:
    """Give each patient's records their place, now that the whole file is in."""
    if report.patients:
        with node.unit() as unit:
            identity.note_people(node, unit, report.patients)
            queue.forget(unit.connection, _run_id(report.file_sha256))
    told = report.as_json()
    cases: dict[str, str] = {}
    opened: list[str] = []
    waiting: list[str] = []
    for patient in report.patients:
        with node.unit() as unit:
            queue.forget(unit.connection, _place_id(report.file_sha256, patient))
            found = place(node, unit, actor, told, patient)
        if isinstance(found, Refusal):
            return found
        if found.cases:
            cases[patient] = found.cases[0]
        else:
            waiting.append(patient)
        opened += found.cases if found.opened else ()
    return Imported(report, cases, tuple(opened), tuple(waiting))


# --- the place of a patient's records -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a patient's records belong: the cases that use them, and whether one was opened for them; none where a person looks first."""

    cases: tuple[str, ...] = ()
    opened: bool = False


@dataclass(slots=True)
class _Places:
    """Queues, with each batch of a file, that the place of its patients' records is still to be found: an import that is killed leaves no record without a case.

    One row a patient, and one that says that the import still runs, which each batch renews.
    """

    actor: Actor
    known: set[str] = field(default_factory=set)

    def wait(self, unit: Unit, report: ImportReport) -> None:
        """Queue the patients of this batch for the time after an import that ended early."""
        later = unit.at + timedelta(seconds=_LEFT_ALONE_S)
        unit.follow(IMPORT_RUNS.name, "", not_before=later, consequence_id=_run_id(report.file_sha256))
        actor = {"account": self.actor.account, "role": self.actor.role.value, "organisation": self.actor.organisation, "person": self.actor.person}
        told = {**report.as_json(), "patients": [], "problems": []}
        for patient in report.patients[len(self.known) :]:
            body = {"patient": patient, "actor": actor, "report": told}
            unit.follow(PLACE_RECORD.name, "", body, not_before=later, consequence_id=_place_id(report.file_sha256, patient))
            self.known.add(patient)


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
    found = place(node, unit, Actor(by["account"], Role(by["role"]), by["organisation"], person=by["person"]), report, patient)
    if isinstance(found, Refusal):
        raise RuntimeError("no case could be opened for records that came in")


PLACE_RECORD = ConsequenceRow("place-record", Lane.CASE, place_record)
#: A row that says that an import still runs; nothing follows from it.
IMPORT_RUNS = ConsequenceRow("import-runs", Lane.LATER, lambda _node, _unit, _consequence: None)


def place(node: Node, unit: Unit, actor: Actor, report: Mapping[str, Any], patient: str) -> Place | Refusal:
    """Write into each case of a patient that records came, and open one where there is none; the same file again changes nothing."""
    stands = identity.standing(node, unit.connection, patient)
    mine = _asked(node, unit, actor, report, patient, stands) if stands.waits else stands.cases
    if stands.waits and not mine:
        return Place()
    opened = not mine
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


def feeds(node: Node) -> Mapping[str, Any]:
    """How each laboratory that this site knows means its files, by name."""
    return node.documents.folder("feeds")


def _asked(
    node: Node, unit: Unit, actor: Actor, report: Mapping[str, Any], patient: str, stands: identity.Standing
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


def _note(unit: Unit, actor: Actor, report: Mapping[str, Any], case_id: str) -> None:
    event = RecordsImported(file_sha256=report["file_sha256"], resources=identity.filed_of(report), problems=report["problem_count"])
    if not report["created"] and not report["updated"] and any(item.event == event for item in unit.events(case_id)):
        return  # the same file again changes nothing
    unit.append(case_id, [event], actor, known=len(unit.events(case_id)))
    _keep_report(unit, report, case_id)
    projections.project(unit, case_id)


def _keep_report(unit: Unit, report: Mapping[str, Any], case_id: str | None) -> str:
    name, body = unit.new_id(), orjson.dumps(report, default=str)
    unit.connection.execute(insert(tables.import_report).values(report=name, case_id=case_id, at=unit.at.isoformat(), body=body))
    return name
