"""Event streams: what happened to each case, in order, never changed.

Main job: append events behind the ones that the writer has seen, or say that somebody else was faster; read a case back byte for byte.

**Units**: the first event of a case has sequence 1; `expected_sequence` is the last one that the writer saw, 0 for a new case.
Elsewhere: events are bytes here; `journey/events.py` knows their meaning, `node/handle.py` writes them and maps a conflict to a refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from baybridge.ledger.tables import event


class StoredEvent(Struct, frozen=True, kw_only=True):
    """One event as it is kept: envelope columns for finding it, and the canonical JSON of the whole envelope as `body`.

    `command_id` is the command that it came from, so that a repeat of the command is found; `body` is empty where the law had it erased.
    """

    event_id: str
    case_id: str
    sequence: int
    type: str
    at: str
    recorded_at: str
    body: bytes
    command_id: str | None = None


class StreamConflictError(Exception):
    """Somebody else appended to the case, or the same command was done before; nothing of this append may be kept."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"expected the case to end at sequence {expected}, found {found}")
        self.expected = expected
        self.found = found


def append(connection: Connection, stored: Sequence[StoredEvent], expected_sequence: int, part: int = 0) -> None:
    """Append events of one case whose sequences follow `expected_sequence`; `part`: how many events the same command led to before these.

    StreamConflictError if the case does not end there, or if the same command or event is already in it; the caller then rolls back.
    ValueError if the events are not of one case or not numbered one by one.
    """
    if not stored:
        return
    case_id = stored[0].case_id
    for number, one in enumerate(stored, start=expected_sequence + 1):
        if one.sequence != number or one.case_id != case_id:
            raise ValueError(f"expected sequence {number} of one case, found sequence {one.sequence}")
    found = last_sequence(connection, case_id)
    if found != expected_sequence:
        raise StreamConflictError(expected_sequence, found)
    try:
        connection.execute(_ADD, _rows(stored, part))
    except IntegrityError:
        raise StreamConflictError(expected_sequence, found) from None


def _rows(stored: Sequence[StoredEvent], before: int) -> list[dict[str, object]]:
    parts: dict[str | None, int] = {}
    rows = []
    for one in stored:
        part = parts[one.command_id] = parts.get(one.command_id, before - 1) + 1
        row = {name: getattr(one, name) for name in one.__struct_fields__}
        rows.append({**row, "command_part": None if one.command_id is None else part})
    return rows


_FIELDS = StoredEvent.__struct_fields__
_COLUMNS = tuple(event.c[name] for name in _FIELDS)
#: Asked all the time, so they are written once.
_OF_CASE = select(*_COLUMNS).where(event.c.case_id == bindparam("case")).order_by(event.c.sequence)
_OF_COMMAND = select(event.c.event_id).where(event.c.command_id == bindparam("command")).order_by(event.c.case_id, event.c.sequence)
_ADD = insert(event)
_LAST_OF_CASE = select(func.max(event.c.sequence)).where(event.c.case_id == bindparam("case"))


def _stored(row: Sequence[Any]) -> StoredEvent:
    event_id, case_id, sequence, kind, at, recorded_at, body, command_id = row  # in the order of the fields
    return StoredEvent(
        event_id=event_id, case_id=case_id, sequence=sequence, type=kind, at=at, recorded_at=recorded_at, body=body, command_id=command_id
    )


def read(connection: Connection, case_id: str, upto: int | None = None) -> list[StoredEvent]:
    """The events of a case in order, up to and including sequence `upto`."""
    query = _OF_CASE if upto is None else _OF_CASE.where(event.c.sequence <= upto)
    return [_stored(row) for row in connection.execute(query, {"case": case_id})]


def last_sequence(connection: Connection, case_id: str) -> int:
    """The sequence of the latest event of a case, 0 if it has none."""
    found = connection.execute(_LAST_OF_CASE, {"case": case_id}).scalar()
    return found or 0


def last_sequences(connection: Connection, case_ids: Sequence[str]) -> dict[str, int]:
    """The sequence of the latest event of each of these cases, in their order; cases without one are left out."""
    found = {case_id: last_sequence(connection, case_id) for case_id in case_ids}
    return {case_id: sequence for case_id, sequence in found.items() if sequence}


def by_command(connection: Connection, command_id: str) -> list[str]:
    """The ids of the events that a command already led to, in order, so that a repeat answers the same; empty if it is new."""
    return list(connection.execute(_OF_COMMAND, {"command": command_id}).scalars())


def together(connection: Connection, event_id: str) -> list[str]:
    """The ids of the events that one command led to, in order, by the id of one of them; that one alone where no command led to it."""
    of = select(event.c.command_id).where(event.c.event_id == event_id).scalar_subquery()
    query = select(event.c.event_id).where(event.c.command_id == of).order_by(event.c.case_id, event.c.sequence)
    return list(connection.execute(query).scalars()) or [event_id]


def case_ids(connection: Connection) -> list[str]:
    """Every case that has an event, sorted."""
    return list(connection.execute(select(event.c.case_id).distinct().order_by(event.c.case_id)).scalars())


def cases_with(connection: Connection, types: Sequence[str], *, among: Sequence[str] | None = None) -> list[str]:
    """Every case, or those of `among`, that has an event of one of these types, sorted."""
    query = select(event.c.case_id).where(event.c.type.in_(types)).distinct()
    return _of_cases(connection, query, among)


def cases_of_only(connection: Connection, types: Sequence[str], *, having: str, among: Sequence[str] | None = None) -> list[str]:
    """Every case, or those of `among`, with an event of type `having` that has none of a type outside `types`, sorted."""
    other = event.alias("other")
    beyond = select(other.c.event_id).where(other.c.case_id == event.c.case_id, other.c.type.not_in(types)).exists()
    query = select(event.c.case_id).where(event.c.type == having, ~beyond).distinct()
    return _of_cases(connection, query, among)


_CASES_AT_ONCE = 400  # in one question, below the parameter limits of both databases


def _of_cases(connection: Connection, query: Select[str], among: Sequence[str] | None) -> list[str]:
    """The cases that a question finds, of all or of some."""
    if among is None:
        return list(connection.execute(query.order_by(event.c.case_id)).scalars())
    parts = (among[start : start + _CASES_AT_ONCE] for start in range(0, len(among), _CASES_AT_ONCE))
    return sorted(name for part in parts for name in connection.execute(query.where(event.c.case_id.in_(part))).scalars())


def of_types(connection: Connection, types: Sequence[str], *, having: Sequence[str], since: str) -> list[StoredEvent]:
    """Every event of `types`, by case and in order, of the cases that have an event of `having` recorded at or after `since` (ISO 8601)."""
    recent = select(event.c.case_id).where(event.c.type.in_(having), event.c.recorded_at >= since)
    query = select(*_COLUMNS).where(event.c.type.in_(types), event.c.case_id.in_(recent)).order_by(event.c.case_id, event.c.sequence)
    return [_stored(row) for row in connection.execute(query)]


def case_of(connection: Connection, event_id: str) -> str | None:
    """The case that an event belongs to; None if there is no such event."""
    found: str | None = connection.execute(select(event.c.case_id).where(event.c.event_id == event_id)).scalar()
    return found


def erase(connection: Connection, case_id: str, sequence: int) -> None:
    """Empty the body of an event whose erasure the law demands; its place, type and times stay. Erase its salt too (`log.erase`)."""
    connection.execute(update(event).where(event.c.case_id == case_id, event.c.sequence == sequence).values(body=b""))
