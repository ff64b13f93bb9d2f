"""The reports of files that were taken in, as this node keeps them.

Main job: `reports(connection, case_id)`, the newest first. Elsewhere: how one comes about in `importing.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, select

from baybridge.node.tables import import_report


def reports(connection: Connection, case_id: str, until: datetime | None = None) -> list[dict[str, Any]]:
    """The reports of a case, the newest first, up to a moment where one is given; each with `at`, when its file came in (ISO 8601)."""
    row = import_report.c
    query = select(row.at, row.body).where(row.case_id == case_id).order_by(row.at.desc())
    found = connection.execute(query if until is None else query.where(row.at <= until.isoformat()))
    return [{**orjson.loads(body), "at": at} for at, body in found]
