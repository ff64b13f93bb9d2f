"""The request over HTTP that is answered now: its id, by which a line of the log, an answer and the entries of the ledger that it wrote are found together.

Main job: `REQUEST`; `note(connection, positions)` keeps which entries a request wrote; `entries(connection, request)` finds them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar

from sqlalchemy import Connection, insert, select

from baybridge.ledger import log
from baybridge.node import tables

#: The id of the request that this code answers; empty outside of one.
REQUEST: ContextVar[str] = ContextVar("request", default="")
_ADD = insert(tables.entries_of_request)


def note(connection: Connection, positions: Sequence[int]) -> None:
    """Keep that the request of now wrote these entries, which follow each other."""
    if positions and REQUEST.get():
        connection.execute(_ADD, {"first": positions[0], "count": len(positions), "request": REQUEST.get()})


def entries(connection: Connection, request: str) -> list[log.Logged]:
    """The entries that a request wrote, in order."""
    table = tables.entries_of_request
    spans = connection.execute(select(table.c.first, table.c.count).where(table.c.request == request).order_by(table.c.first)).all()
    return [one for first, count in spans for one in log.entries(connection, first, first + count)]
