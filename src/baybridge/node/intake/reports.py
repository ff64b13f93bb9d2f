"""The reports of files that were taken in, as this node keeps them.

Main job: `reports(connection, case_id)`, the newest first. Elsewhere: how one comes about in `importing.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict

import orjson
from sqlalchemy import Connection, select

from baybridge.node.tables import import_report


class Report(TypedDict):
    """What became of a file, as it is kept."""

    file: str
    file_sha256: str
    resources: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    patients: list[str]
    problem_count: int
    readable: bool
    source: NotRequired[str]
    problems: list[dict[str, object]]  # each with its severity and code, and where as far as that is known


class KeptReport(Report):
    """A report with when its file came in (ISO 8601)."""

    at: str


def reports(connection: Connection, case_id: str, until: datetime | None = None) -> list[KeptReport]:
    """The reports of a case, the newest first, up to a moment where one is given; each with `at`, when its file came in (ISO 8601)."""
    row = import_report.c
    query = select(row.at, row.body).where(row.case_id == case_id).order_by(row.at.desc())
    found = connection.execute(query if until is None else query.where(row.at <= until.isoformat()))
    read: list[tuple[str, Report]] = [(at, orjson.loads(body)) for at, body in found]
    return [{**report, "at": at} for at, report in read]
