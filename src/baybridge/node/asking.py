"""The request over HTTP that is answered now: its id, by which a line of the log, an answer and the entries of the ledger that it wrote are found together.

Main job: `REQUEST`; `note(connection, positions, requests)` keeps which entries a request wrote; `entries(connection, request)` finds them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, select

from baybridge.base import plain_rows
from baybridge.ledger import log
from baybridge.node import tables

#: The id of the request that this code answers; empty outside of one.
REQUEST: ContextVar[str] = ContextVar("request", default="")


def note(connection: Connection, positions: Sequence[int], requests: Sequence[str]) -> None:
    """Keep which request wrote each of these entries, which follow each other; '' is none."""
    rows: list[plain_rows.Row] = []
    for request, some in groupby(zip(positions, requests, strict=True), key=itemgetter(1)):
        places = [position for position, _ in some]
        rows += [(places[0], len(places), request)] if request else []
    plain_rows.add(connection, tables.entries_of_request, ("first", "count", "request"), rows)


def entries(connection: Connection, request: str) -> list[log.Logged]:
    """The entries that a request wrote, in order."""
    table = tables.entries_of_request
    spans = connection.execute(select(table.c.first, table.c.count).where(table.c.request == request).order_by(table.c.first)).all()
    return [one for first, count in spans for one in log.entries(connection, first, first + count)]
