"""The board: which calls stand, and what changed lately, for pages that are told without being loaded again.

Main job: `keep(unit, case, stage)` brings the board of a case up to date and notes what changed; `open_calls` answers those that a banner shows; `since` the changes
after a number, None where some of them are no longer kept.

No name and no value stands here; who may see a case's changes is asked when they are sent. **Units**: changes are kept for an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.node import tables

if TYPE_CHECKING:
    from baybridge.node.unit import Unit

#: Source: contract of live pages: an hour.
KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A call as a banner shows it."""

    call_id: str
    case_id: str
    called_at: datetime
    state: str
    codes: tuple[str, ...]

    @property
    def shown_as(self) -> str:
        """Which call, and how it stands: what a page that shows it itself leaves out of the banner of all."""
        return shown_as(self.call_id, self.state, self.codes)


def shown_as(call_id: str, state: str, codes: Sequence[str]) -> str:
    """The same of a call of a case."""
    return f"{call_id}.{state}.{len(codes)}"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that changed: its number, its kind (call, board, task), what, of which case, and how it stands now."""

    number: int
    kind: str
    what: str
    case_id: str
    state: str
    at: str


def keep(unit: Unit, case: Case, stage: str) -> None:
    """The board of a case, as its events now say."""
    table = tables.call_board
    before = {row.call_id: (row.state, row.codes) for row in unit.connection.execute(_OF_CASE, {"case": case.case_id})}
    own = [call for call in case.rapid_responses if call.called.origin.node == unit.site.node]
    notes: list[tuple[str, str, str]] = []  # kind, what, how it stands
    for call in own:
        stands = (call.state, " ".join(call.codes))
        if call.call_id not in before:
            unit.connection.execute(insert(table).values(_row(case, call)))
        elif before[call.call_id] != stands:
            unit.connection.execute(update(table).where(table.c.call_id == call.call_id).values(state=stands[0], codes=stands[1]))
        if before.get(call.call_id) != stands:
            notes.append(("call", call.call_id, call.state))
    for gone in before.keys() - {call.call_id for call in own}:
        unit.connection.execute(delete(table).where(table.c.call_id == gone))
        notes.append(("call", gone, "corrected"))
    _note(unit, case.case_id, [*notes, ("board", case.case_id, stage), ("task", case.case_id, "changed")])


def _row(case: Case, call: Call) -> dict[str, str]:
    said = {"call_id": call.call_id, "case_id": case.case_id, "called_at": call.called.event.called_at.isoformat()}
    return {**said, "state": call.state, "codes": " ".join(call.codes)}


def note_task(unit: Unit, case_id: str) -> None:
    """Have open pages look at tasks and notifications of a case again."""
    _note(unit, case_id, [("task", case_id, "changed")])


def _note(unit: Unit, case_id: str, notes: Sequence[tuple[str, str, str]]) -> None:
    """Note what changed, and forget what is no longer kept."""
    at = unit.at.isoformat()
    unit.connection.execute(_FORGET, {"old": (unit.at - KEPT).isoformat()})
    unit.connection.execute(_ADD, [{"at": at, "kind": kind, "what": what, "case_id": case_id, "state": state} for kind, what, state in notes])


#: Asked by every page and with every write, so they are written once.
_FORGET = delete(tables.live_event).where(
    tables.live_event.c.at < bindparam("old"), tables.live_event.c.number < select(func.max(tables.live_event.c.number)).scalar_subquery()
)
_ADD = insert(tables.live_event)
_OF_CASE = select(tables.call_board).where(tables.call_board.c.case_id == bindparam("case"))
_OPEN = (
    select(tables.call_board)
    .where(tables.call_board.c.state.in_(("open", "acknowledged")))
    .order_by(tables.call_board.c.called_at, tables.call_board.c.call_id)
)
_LAST = select(func.max(tables.live_event.c.number))


def open_calls(connection: Connection, case_id: str | None = None) -> list[Shown]:
    """The calls whose team is awaited, of one case or all, the oldest first."""
    rows = connection.execute(_OPEN if case_id is None else _OPEN.where(tables.call_board.c.case_id == case_id))
    return [Shown(row.call_id, row.case_id, datetime.fromisoformat(row.called_at), row.state, tuple(row.codes.split())) for row in rows]


def last_number(connection: Connection) -> int:
    """The number of the latest change; 0 where nothing ever changed."""
    return connection.execute(_LAST).scalar() or 0


def since(connection: Connection, number: int) -> list[Change] | None:
    """The changes after a number, in order; None where some of them are no longer kept, or the number is not one of this node's."""
    table = tables.live_event
    first = connection.execute(select(func.min(table.c.number))).scalar() or 0
    if number > last_number(connection) or number + 1 < first:
        return None
    rows = connection.execute(select(table).where(table.c.number > number).order_by(table.c.number))
    return [Change(row.number, row.kind, row.what, row.case_id, row.state, row.at) for row in rows]
