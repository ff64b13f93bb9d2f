"""The ledger of what recognition spared: one row a result that serves here instead of a repeated test.

Main job: `record(unit, case)` writes a case's rows from the decisions that stand, within the transaction that changed it; `rows(connection, case_id)` reads
them back. Prices and turnarounds are those of the decision documents, so that the same events always give the same rows. What another node decided
is counted there, not here.

Elsewhere: adding up in `recognition/savings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection, delete, insert, select

from baybridge.journey.case import Case
from baybridge.node import tables
from baybridge.recognition.savings import Spared

if TYPE_CHECKING:
    from baybridge.node.unit import Unit

_COLUMNS = ("case_id", "result_id", "used_in", "measured_in", "decided_on", "body")
_KEPT = ("loinc", "purposes", "price", "turnaround")


def record(unit: Unit, case: Case) -> None:
    """Write the rows of a case anew where they changed; most events spare no test."""
    row = tables.spared_test
    found = spared_by(case, _documents(unit.connection, case), unit.site.zone)
    values = [
        {
            "case_id": one.case_id,
            "result_id": one.result_id,
            "used_in": one.used_in,
            "measured_in": one.measured_in,
            "decided_on": one.decided_on,
            "body": orjson.dumps({name: getattr(one, name) for name in _KEPT}),
        }
        for one in found
    ]
    stands = unit.connection.execute(select(*(row.c[name] for name in _COLUMNS)).where(row.c.case_id == case.case_id))
    if {tuple(one) for one in stands} == {tuple(one[name] for name in _COLUMNS) for one in values}:
        return
    unit.connection.execute(delete(row).where(row.c.case_id == case.case_id))
    if values:
        unit.connection.execute(insert(row), values)


def spared_by(case: Case, documents: Mapping[str, Mapping[str, Any]], zone: ZoneInfo) -> tuple[Spared, ...]:
    """What the standing decisions of this node spared, one row a result and region; `documents` by SHA-256."""
    found: dict[tuple[str, str], Spared] = {}
    for entry in case.recognised:
        spared = documents.get(entry.event.decision_sha256, {}).get("spared")
        if spared is None or entry.origin.told:
            continue
        event = entry.event
        key = (event.result_id, spared["used_in"])
        first = found.get(key)
        found[key] = Spared(
            case_id=case.case_id,
            result_id=event.result_id,
            loinc=event.loinc,
            purposes=(*(first.purposes if first else ()), event.purpose),
            measured_in=spared["measured_in"],
            used_in=spared["used_in"],
            decided_on=first.decided_on if first else _day(entry.origin.at, zone),
            price=first.price if first else spared["price"],
            turnaround=first.turnaround if first else spared["turnaround"],
        )
    return tuple(found.values())


def _day(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).date().isoformat()


def _documents(connection: Connection, case: Case) -> dict[str, Mapping[str, Any]]:
    wanted = sorted({entry.event.decision_sha256 for entry in case.recognised if not entry.origin.told})
    query = select(tables.decision.c.sha256, tables.decision.c.document).where(tables.decision.c.sha256.in_(wanted))
    return {row.sha256: orjson.loads(row.document) for row in connection.execute(query) if row.document}


def rows(connection: Connection, case_id: str | None = None) -> tuple[Spared, ...]:
    """The ledger, of one case or of all, by day."""
    row = tables.spared_test
    query = select(row).order_by(row.c.decided_on, row.c.case_id, row.c.result_id)
    if case_id is not None:
        query = query.where(row.c.case_id == case_id)
    return tuple(_spared(dict(found)) for found in connection.execute(query).mappings())


def _spared(row: Mapping[str, Any]) -> Spared:
    body = orjson.loads(row["body"])
    plain = {name: row[name] for name in ("case_id", "result_id", "measured_in", "used_in", "decided_on")}
    return Spared(**plain, loinc=body["loinc"], purposes=tuple(body["purposes"]), price=body["price"], turnaround=body["turnaround"])
