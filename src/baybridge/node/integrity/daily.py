"""The daily check of the ledger: what it came to is kept, and shown to administrator and quality.

Main job: `DAILY_CHECK`, a consequence that queues itself again for the next day; `begin(node)` queues the first; `latest(connection)`.

The check reads one consistent view of the database and holds up no writer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection, delete, insert, select

from baybridge.base.outcome import Reason
from baybridge.node import tables
from baybridge.node.consequences import queue
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.integrity import check as checking
from baybridge.node.integrity.rows import RowLog

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_EVERY = timedelta(days=1)
_KEPT = 30  # latest results
_MOST_SHOWN = 50  # findings that a result keeps; all are counted
_ROW = "ledger-check"


@dataclass(frozen=True, slots=True)
class Result:
    """What one check came to: when, how much was hashed again, how many findings, and the first of them."""

    checked_at: datetime
    entries: int
    count: int
    findings: tuple[Reason, ...]


def _check(node: Node, _consequence: Consequence) -> checking.Checked:
    with node.storage.reading() as connection:
        return checking.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now))


def _keep(node: Node, unit: Unit, consequence: Consequence, found: checking.Checked) -> None:
    """Keep the result, and come again tomorrow."""
    del node
    reasons = [{"code": one.reason.code, "values": dict(one.reason.values)} for one in found.findings[:_MOST_SHOWN]]
    body = orjson.dumps({"entries": found.entries, "checked": found.checked, "count": len(found.findings), "findings": reasons})
    table = tables.ledger_finding
    unit.connection.execute(insert(table).values(checked_at=unit.at.isoformat(), sound=not found.findings, body=body))
    kept = unit.connection.execute(select(table.c.checked_at).order_by(table.c.checked_at.desc()).limit(_KEPT)).scalars().all()
    unit.connection.execute(delete(table).where(table.c.checked_at.not_in(kept)))
    unit.follow(consequence.kind, "", not_before=unit.at + _EVERY, consequence_id=_ROW)


DAILY_CHECK = ConsequenceRow("check-ledger", Lane.LATER, _keep, prepare=_check)


def begin(node: Node) -> None:
    """Queue the check where none waits."""
    with node.storage.reading() as connection:
        if queue.not_before(connection, _ROW) is not None:
            return
    with node.unit(drained=False) as unit:
        unit.follow(DAILY_CHECK.name, "", consequence_id=_ROW)


def latest(connection: Connection) -> Result | None:
    """The latest result; None before the first check."""
    table = tables.ledger_finding
    row = connection.execute(select(table).order_by(table.c.checked_at.desc()).limit(1)).first()
    if row is None:
        return None
    said: dict[str, Any] = orjson.loads(row.body)
    reasons = tuple(Reason(one["code"], one["values"]) for one in said["findings"])
    return Result(datetime.fromisoformat(row.checked_at), said["entries"], said["count"], reasons)
