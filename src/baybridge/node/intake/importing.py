"""Importing: a file of outside records comes in, opens or continues the cases of its patients, and reopens what a correction touches.

Main job: `import_upload(node, actor, name, content)` for the page and the command line alike; answers what became of the file and which cases it
belongs to. A new person who may be somebody known here opens no case: a person looks first (`identity.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import insert

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.exchange.card.health_card import looks_like_card
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import RecordsImported
from baybridge.node import tables
from baybridge.node.clock import new_id
from baybridge.node.commands import reopening
from baybridge.node.handle import handle
from baybridge.node.intake import cards, codes, identity
from baybridge.node.intake.opening import who
from baybridge.node.intake.records import ImportReport, import_in_parts
from baybridge.node.upkeep import projections

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


_LARGEST_CARD = 1_000_000  # bytes; a card is a few thousand


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
    report = import_in_parts(node, actor, content, name=name, limit=limit, on_progress=on_progress, feed=feed, signed=signed)
    if not report.readable and not report.filed:
        sentences = (Reason("import.unreadable", {"problem": str(problem)}) for problem in report.problems[:20])
        return refuse(*sentences, category=Category.INVALID)
    if report.patients:
        with node.unit() as unit:
            identity.note_people(node, unit, report.patients)
    cases: dict[str, str] = {}
    opened, waiting = [], []
    for patient in report.patients:
        stands = identity.standing(node, patient)
        mine = _asked(node, actor, report, patient, stands) if stands.waits else stands.cases
        if stands.waits and not mine:
            waiting.append(patient)
            continue
        if not mine:
            made = _open(node, actor, patient)
            if isinstance(made, Refusal):
                return made
            mine = (made,)
            opened.append(made)
        cases[patient] = mine[0]
        for case_id in mine:
            _note(node, actor, report, patient, case_id)
    return Imported(report, cases, tuple(opened), tuple(waiting))


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


def _asked(node: Node, actor: Actor, report: ImportReport, patient: str, stands: identity.Standing) -> tuple[str, ...]:
    """Ask whose record it is; the cases that use it at once. The report waits with the record."""
    with node.unit() as unit:
        kept = _keep_report(unit, report, None)
        unit.log("import", "", kept, orjson.dumps(report.as_json(), default=str), actor)
        return identity.ask(node, unit, patient, stands.found, kept)


def _open(node: Node, actor: Actor, patient: str) -> str | Refusal:
    with node.storage.reading() as connection:
        given = {"patient_id": patient, **who(connection, patient, node.regions)}
    by = Actor(actor.account, Role.SYSTEM if actor.role is not Role.COORDINATOR else actor.role, actor.organisation)
    done = handle(node, Command("OpenCase", new_id(node.now), given, by, new_id(node.now)))
    return done if isinstance(done, Refusal) else done.case_id


def _note(node: Node, actor: Actor, report: ImportReport, patient: str, case_id: str) -> None:
    with node.unit() as unit:
        event = RecordsImported(file_sha256=report.file_sha256, resources=report.filed, problems=report.problem_count)
        if not report.created and not report.updated and any(item.event == event for item in unit.events(case_id)):
            return  # the same file again changes nothing
        unit.append(case_id, [event], actor, known=len(unit.events(case_id)))
        _keep_report(unit, report, case_id)
        changed = [reference for owner, reference in report.changed if owner == patient]
        reopening.reopen(node, unit, case_id, changed, f"import {report.file_sha256[:12]}")
        projections.project(unit, case_id)


def _keep_report(unit: Unit, report: ImportReport, case_id: str | None) -> str:
    name, body = unit.new_id(), orjson.dumps(report.as_json(), default=str)
    unit.connection.execute(insert(tables.import_report).values(report=name, case_id=case_id, at=unit.at.isoformat(), body=body))
    return name
