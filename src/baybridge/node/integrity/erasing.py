"""Erasing what the log speaks of, so that the log stays sound: the content goes together with the salt that its entry was hashed with.

Main job: `erase_event`, `erase_resource`, `erase_decisions`, `erase_packages`, `erase_in_reports`, each within a unit of work. That
something was there, when, by whom, and on which basis it was erased, stays; what it was cannot be guessed from the hash. Packs that were exported
before hold their own contents and salts, and go on verifying.

Elsewhere: who may have what erased, in `people/erasure.py`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import or_, select, update

from baybridge.journey.command import Actor
from baybridge.journey.events import Recorded
from baybridge.ledger import heads, log, streams
from baybridge.node import tables
from baybridge.node.integrity import things
from baybridge.node.unit import Filed
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.unit import Unit


def erase_event(unit: Unit, item: Recorded, actor: Actor, basis: bytes) -> list[str]:
    """Take an event's content away, and what it rendered; the resources (Type/id) that went with it."""
    streams.erase(unit.connection, item.case_id, item.sequence)
    _forget(unit, item.case_id, [(heads.EVENT_KIND, item.event_id)], actor, basis)
    row = tables.rendered
    body = unit.connection.execute(select(row.c.resources).where(row.c.event_id == item.event_id)).scalar()
    names: list[str] = orjson.loads(body) if body else []
    for name in names:
        erase_resource(unit, item.case_id, name, actor, basis)
    return names


def erase_resource(unit: Unit, case_id: str, name: str, actor: Actor, basis: bytes) -> int:
    """Take every version of a resource away; how many there were. Whoever received it is told that it is gone."""
    kind, _, logical_id = name.partition("/")
    versions = store.history(unit.connection, kind, logical_id)
    gone = store.erase(unit.connection, kind, logical_id)
    _forget(unit, case_id, [(things.RECORD, things.version_what(unit.pseudonym, one)) for one in versions], actor, basis)
    current = store.get(unit.connection, kind, logical_id)
    if gone and current is not None:
        unit.filed.append(Filed((_deleted(current),), "erased", case_id))
    return len(gone)


def _deleted(version: store.Version) -> store.Version:
    return store.Version(
        version.type, version.id, version.number, version.patient, version.recorded_at, deleted=True, sha256="", body=b"", change="deleted"
    )


def erase_packages(unit: Unit, case_id: str, package_ids: Sequence[str], actor: Actor, basis: bytes) -> None:
    """Take the content of packages away that came in; their receipts stay."""
    table = tables.incoming
    for package_id in package_ids:
        unit.connection.execute(update(table).where(table.c.package_id == package_id).values(signed=b""))
    _forget(unit, case_id, [(things.PACKAGE, things.package_what(unit.pseudonym, "in", one)) for one in package_ids], actor, basis)


def erase_decisions(unit: Unit, case_id: str, hashes: Sequence[str], actor: Actor, basis: bytes) -> None:
    """Take away what decisions that do not stand any more say, read and were given; that they were made, when, by which policy and with which outcome, stays."""
    table = tables.decision
    for sha256 in hashes:
        unit.connection.execute(update(table).where(table.c.sha256 == sha256).values(document=b"", facts=b"", given=b""))
    _forget(unit, case_id, [(kind, sha256) for sha256 in hashes for kind in (things.DECISION, things.BASIS)], actor, basis)


def erase_in_reports(unit: Unit, patient_id: str, case_ids: Sequence[str], types: Collection[str]) -> int:
    """Take out of the reports of a person's files the names of the files and what they say of resources of these types; how many reports changed.

    A report names a type and never an id, so everything of that type goes, and what has no type. Counts and the hash of the file stay.
    """
    table = tables.import_report
    waiting = table.c.case_id.is_(None)  # of a file that has no case yet; whose it is stands in it
    changed = 0
    for row in unit.connection.execute(select(table).where(or_(table.c.case_id.in_(list(case_ids)), waiting))).mappings().all():
        report = orjson.loads(row["body"])
        if row["case_id"] is None and patient_id not in report["patients"]:
            continue
        kept = [{**one, "file": ""} for one in report["problems"] if one.get("resource") and one["resource"] not in types]
        body = orjson.dumps({**report, "file": "", "problems": kept})
        unit.connection.execute(update(table).where(table.c.report == row["report"]).values(body=body))
        changed += 1
    return changed


def _forget(unit: Unit, case_id: str, named: Sequence[tuple[str, str]], actor: Actor, basis: bytes) -> None:
    """Erase the salts of the entries, and say so in the log."""
    found = (one for kind, what in named for one in log.entries_on(unit.connection, what, kind))
    positions = [one.position for one in found if one.salt is not None]
    stamp = log.Entry(
        kind=log.ERASURE,
        at=unit.at,
        node=unit.site.node,
        organisation=unit.site.organisation,
        actor=actor.account,
        role=actor.role.value,
        purpose="erasure",
        subject=unit.pseudonym(case_id) if case_id else "",
        what="",
    )
    log.erase(unit.connection, positions, stamp, basis, lambda: os.urandom(log.SALT_BYTES))
