"""Importing: a file of outside records comes in, opens or continues the cases of its patients, and reopens what a correction touches.

Main job: `import_upload(node, actor, name, content)` for the page and the command line alike; answers what became of the file and which cases it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection, insert, select

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import RecordsImported
from baybridge.node import handle, reopening, tables
from baybridge.node.clock import new_id
from baybridge.node.records import ImportReport, import_in_parts
from baybridge.record import store

if TYPE_CHECKING:
    from baybridge.node.node import Node

#: Which region issues a kind of identity document; the systems are those of the exchange contract's sample records.
_REGION_OF_IDENTITY = {"urn:hk:hkid": "HK", "urn:mo:bir": "MO", "urn:cn:resident-id": "CN"}
_REGIONS = {"CN": "CN", "CHN": "CN", "HK": "HK", "HKG": "HK", "MO": "MO", "MAC": "MO"}
_TEST_DATA = "HTEST"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file, and the case of each patient in it."""

    report: ImportReport
    cases: Mapping[str, str]  # patient id -> case id
    opened: tuple[str, ...]  # cases that this file opened

    def as_json(self) -> dict[str, Any]:
        """The answer as plain JSON."""
        return {**self.report.as_json(), "cases": dict(self.cases), "opened": list(self.opened)}


def import_upload(
    node: Node, actor: Actor, name: str, content: bytes | Path, on_progress: Callable[[int, int], None] | None = None
) -> Imported | Refusal:
    """File what can be read, open a case for each new patient, write into each case that records came."""
    limit = int(node.config.settings.get("BAYBRIDGE_MAX_UPLOAD_MB", "256")) * 1024 * 1024
    report = import_in_parts(node, actor, content, name=name, limit=limit, on_progress=on_progress)
    if not report.readable and not report.filed:
        sentences = (Reason("import.unreadable", {"problem": str(problem)}) for problem in report.problems[:20])
        return refuse(*sentences, category=Category.INVALID)
    cases, opened = {}, []
    for patient in report.patients:
        known = case_of(node, patient)
        case_id = known or _open(node, actor, patient)
        if isinstance(case_id, Refusal):
            return case_id
        cases[patient] = case_id
        if known is None:
            opened.append(case_id)
        _note(node, actor, report, patient, case_id)
    return Imported(report, cases, tuple(opened))


def case_of(node: Node, patient_id: str) -> str | None:
    """The case of a patient of this node's record."""
    with node.storage.reading() as connection:
        query = select(tables.case_index.c.case_id).where(tables.case_index.c.patient_id == patient_id)
        return connection.execute(query).scalar()


def _open(node: Node, actor: Actor, patient: str) -> str | Refusal:
    with node.storage.reading() as connection:
        given = {"patient_id": patient, **who(connection, patient)}
    by = Actor(actor.account, Role.SYSTEM if actor.role is not Role.COORDINATOR else actor.role, actor.organisation)
    done = node.handle(Command("OpenCase", new_id(node.now), given, by, new_id(node.now)))
    return done if isinstance(done, Refusal) else done.case_id


def who(connection: Connection, patient: str) -> dict[str, Any]:
    """Where a patient lives and whether the record marks test data, as far as the Patient resource says."""
    version = store.get(connection, "Patient", patient)
    resource: Mapping[str, Any] = orjson.loads(version.body) if version else {}
    countries = [_REGIONS.get(str(address.get("country", "")).upper()) for address in resource.get("address", ())]
    issued = [_REGION_OF_IDENTITY.get(str(identity.get("system", ""))) for identity in resource.get("identifier", ())]
    residence = next((region for region in (*countries, *issued) if region), "other")
    return {"residence": residence, "synthetic": is_test_data(connection, patient)}


def is_test_data(connection: Connection, patient: str) -> bool:
    """Whether the sender marked anything in this patient's record as test data."""
    resources = store.patient_resources(connection, patient)
    return any(tag.get("code") == _TEST_DATA for resource in resources for tag in (resource.get("meta") or {}).get("tag") or ())


def _note(node: Node, actor: Actor, report: ImportReport, patient: str, case_id: str) -> None:
    with node.unit() as unit:
        event = RecordsImported(file_sha256=report.file_sha256, resources=report.filed, problems=report.problem_count)
        unit.append(case_id, [event], actor, known=len(unit.events(case_id)))
        body = orjson.dumps(report.as_json(), default=str)
        unit.connection.execute(
            insert(tables.import_report).values(report=unit.new_id(), case_id=case_id, at=unit.at.isoformat(), body=body)
        )
        changed = [reference for owner, reference in report.changed if owner == patient]
        reopening.reopen(node, unit, case_id, changed, f"import {report.file_sha256[:12]}")
        handle.after_append(unit, case_id)
