"""What a node works out from events and keeps in tables of its own, compared with them.

Main job: `findings(connection)`: the list of cases compared with the cases' events, and decisions that were made again with the events that say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, select

from baybridge.alliance.indicators import Figures, figures_of
from baybridge.base import decoding
from baybridge.base.outcome import Reason
from baybridge.journey.case import fold
from baybridge.journey.events import DecisionReopened, Recorded
from baybridge.journey.stages import stage_of
from baybridge.journey.stored import decode
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.directory.living_documents import STREAM
from baybridge.node.integrity.finding import DIFFERS, MISSING, UNLOGGED, Finding
from baybridge.node.people.reads import only_told

_INDEXED = ("patient_id", "stage", "product", "synthetic")


def findings(connection: Connection) -> Iterator[Finding]:
    """Every case's row, and decisions that were made again."""
    failed = set(connection.execute(select(tables.projection_failure.c.event_id)).scalars())
    rows = {row["case_id"]: dict(row) for row in connection.execute(select(tables.case_index)).mappings()}
    reopened: dict[str, str] = {}
    for case_id in streams.case_ids(connection):
        if case_id == STREAM:
            continue
        events = readable(connection, case_id)
        reopened |= _reopened(events)
        if f"index/{case_id}" not in failed and events:
            yield from _index(case_id, events, rows.pop(case_id, None))
    for case_id in rows:
        if f"index/{case_id}" not in failed and not streams.last_sequence(connection, case_id):
            yield _found(UNLOGGED, f"case/{case_id}", "ledger.check.case_unlogged")
    yield from _superseded(connection, reopened)


def readable(connection: Connection, case_id: str) -> list[Recorded]:
    """The events of a case that can be read; the log's own check says which cannot."""
    found = []
    for stored in streams.read(connection, case_id):
        try:
            found.append(decode(stored.body))
        except (msgspec.MsgspecError, KeyError, TypeError):
            continue
    return found


def _found(kind: str, what: str, code: str) -> Finding:
    return Finding(kind, what, Reason(code, {"what": what}))


# --- list of cases --------------------------------------------------------------------------------------------------


def _index(case_id: str, events: Sequence[Recorded], row: Mapping[str, object] | None) -> Iterator[Finding]:
    what = f"case/{case_id}"
    if row is None:
        yield _found(MISSING, what, "ledger.check.case_missing")
        return
    case = fold(events)
    expected = {"patient_id": case.patient_id or "", "stage": stage_of(case).value, "product": case.product, "synthetic": case.synthetic}
    figures = row["figures"]
    counted = isinstance(figures, bytes) and decoding.decode(figures, Figures) != figures_of(case)
    opened = row["only_told"] is not None and bool(row["only_told"]) is not only_told(events)  # by it a record is open to who has no part in it
    if counted or opened or any(row[name] != expected[name] for name in _INDEXED):
        yield _found(DIFFERS, what, "ledger.check.case_differs")


# --- decisions made again -------------------------------------------------------------------------------------------


def _reopened(events: Sequence[Recorded]) -> dict[str, str]:
    made = (item.event for item in events if isinstance(item.event, DecisionReopened))
    return {event.decision_sha256: event.new_decision_sha256 for event in made if event.new_decision_sha256}


def _superseded(connection: Connection, reopened: Mapping[str, str]) -> Iterator[Finding]:
    query = select(tables.decision.c.sha256, tables.decision.c.superseded_by)
    for row in connection.execute(query):
        if row.superseded_by != reopened.get(row.sha256):
            yield _found(DIFFERS, f"decision/{row.sha256}", "ledger.check.superseded_differs")
