"""The queue of what follows from a write: rows that stand or fall with it, and are done at least once after any restart.

Main job: `keep(unit)` at the end of every unit of work queues what follows from its events and resources; `drain(node)` does what is due, lane by lane. A node
drains at the end of each unit that queued something, so that its user sees the effect, and its worker at start and all the time. Where many write at one moment,
`left_after` does it in their transaction instead, once for all of them, and leaves the rest to be queued.

A consequence is done in a unit of its own, which takes its row away: killed before the commit it is done again, after it never. One that fails stays, with its problem,
and is tried again later and later; it stops no other. One writer at a time makes sure that no row is done by two at once.

**Units**: waits in seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection, Row, bindparam, case, delete, insert, or_, select, update

from baybridge.journey.command import Actor
from baybridge.journey.events import PackageReceived, Recorded
from baybridge.node import tables
from baybridge.node.consequences.row import ORDER, Consequence, ConsequenceRow, Lane
from baybridge.node.consequences.touched import cases_touched, cases_waiting
from baybridge.node.outage import StorageProblem, problem_of
from baybridge.node.storage import BESIDE_ACCESS
from baybridge.node.unit import Filed
from baybridge.record.store.store import Version

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_LOG = logging.getLogger("baybridge.consequences")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1, 300
#: What a user's command does of what it queued, before it answers.
AT_ONCE = (Lane.ALARM, Lane.CASE)
#: What a command line does before it ends; programs of the site, which may take long, are the worker's.
OF_A_COMMAND = tuple(lane for lane in ORDER if lane not in (Lane.SLOW, Lane.READER))
_ROWS_AT_ONCE = 400  # in one question
_CLOCK_SLACK = timedelta(minutes=1)
Kinds = Mapping[str, ConsequenceRow]


# --- queueing -------------------------------------------------------------------------------------------------------


def following(unit: Unit, kinds: Kinds) -> list[Consequence]:
    """What follows from what a unit wrote."""
    return [*_of_events(unit, kinds, unit.appended), *_of_records(unit, kinds, unit.filed), *unit.follows]


def keep(unit: Unit, kinds: Kinds, found: Sequence[Consequence]) -> list[str]:
    """Queue what follows from a unit, in its transaction; the ids of the rows that are due now."""
    rows = [_row(unit, kinds, one) for one in found]
    if rows:
        for replaced in (one.consequence_id for one in found if one.consequence_id):
            forget(unit.connection, replaced)
        unit.connection.execute(insert(tables.consequence), rows)
        unit.step("consequence.queued")
    return [str(row["consequence_id"]) for row in rows if str(row["not_before"]) <= unit.at.isoformat()]


def left_after(node: Node, unit: Unit) -> list[Consequence]:
    """Do within a unit what follows from the resources that it filed and a user expects to see; what is left to be queued.

    One that fails takes back what it wrote, and is queued as any other.
    """
    kinds, events, records = node.consequence_kinds, 0, 0
    left: list[Consequence] = []
    waiting: list[Consequence] = []
    while True:
        waiting += [*_of_events(unit, kinds, unit.appended[events:]), *_of_records(unit, kinds, unit.filed[records:])]
        events, records = len(unit.appended), len(unit.filed)
        if not waiting:
            return [*left, *unit.follows]
        one = waiting.pop(min(range(len(waiting)), key=lambda place: ORDER.index(kinds[waiting[place].kind].lane)))
        if not _is_done_within(node, unit, kinds[one.kind], one):
            left.append(one)


def _is_done_within(node: Node, unit: Unit, kind: ConsequenceRow, consequence: Consequence) -> bool:
    if kind.lane not in AT_ONCE or kind.of_records == "none" or kind.prepare is not None:
        return False
    try:
        with unit.apart():
            kind.carry_out(node, unit, consequence, None)
    except StorageProblem:
        raise
    except Exception as problem:
        if problem_of(problem) is not None:
            raise
        _LOG.warning("%s failed with what it follows: %s", kind.name, type(problem).__name__)
        return False
    return True


def _row(unit: Unit, kinds: Kinds, one: Consequence) -> dict[str, object]:
    return {
        "consequence_id": one.consequence_id or unit.new_id(),
        "lane": kinds[one.kind].lane.value,
        "kind": one.kind,
        "case_id": one.case_id,
        "body": orjson.dumps(dict(one.body), option=orjson.OPT_SORT_KEYS),
        "queued_at": unit.at.isoformat(),
        "not_before": (one.not_before or unit.at).isoformat(),
        "attempts": 0,
        "last_problem": None,
    }


def _of_events(unit: Unit, kinds: Kinds, appended: Sequence[Recorded]) -> Iterator[Consequence]:
    for kind in kinds.values() if appended else ():
        names = {event.__name__ for event in kind.after}
        found: dict[tuple[str, str], list[str]] = {}  # by case, and by the node that told it
        for recorded in appended if names else ():
            if type(recorded.event).__name__ in names:
                found.setdefault((recorded.case_id, ""), []).append(recorded.event_id)
            for event_id, name in _news(unit, recorded):
                if name in names:
                    found.setdefault((recorded.case_id, recorded.event.from_node), []).append(event_id)  # type: ignore[attr-defined]
        yield from (Consequence(kind.name, case_id, {"events": ids, "by": by}) for (case_id, by), ids in found.items())


def _news(unit: Unit, recorded: Recorded) -> list[tuple[str, str]]:
    """(id, type) of what a package tells that no package before it told."""
    if not isinstance(recorded.event, PackageReceived) or not recorded.event.told:
        return []
    if recorded.event_id not in unit.news:
        before = [one.event for one in unit.events(recorded.case_id) if one.sequence < recorded.sequence]
        known = {told.event_id for event in before if isinstance(event, PackageReceived) for told in event.told}
        unit.news[recorded.event_id] = [(told.event_id, str(told.event.get("type", ""))) for told in recorded.event.told if told.event_id not in known]
    return unit.news[recorded.event_id]


def _of_records(unit: Unit, kinds: Kinds, those: Sequence[Filed]) -> Iterator[Consequence]:
    wanted = [kind for kind in kinds.values() if kind.of_records != "none"]
    for filed in _gathered(those):
        touched = cases_touched(unit.connection, filed.versions)
        _stale(unit, tuple(touched))
        corrected = {version.reference for version in filed.versions if version.change in ("updated", "deleted")}
        if filed.case_id:
            touched[filed.case_id] = list(dict.fromkeys((*touched.get(filed.case_id, ()), *(version.reference for version in filed.versions))))
        for case_id, names in touched.items():
            for kind in wanted:
                mine = [name for name in names if kind.of_records == "any" or name in corrected]
                if mine:
                    yield Consequence(kind.name, case_id, {"resources": mine, "because": filed.because, "by": filed.by})
        for case_id in cases_waiting(unit.connection, filed.versions):
            yield from (Consequence(kind.name, case_id, {"because": filed.because, "by": filed.by}) for kind in wanted if kind.of_records == "any")


def _gathered(filed: Sequence[Filed]) -> Iterator[Filed]:
    """What was filed for the same reason, as one."""
    versions: dict[tuple[str, str, str], list[Version]] = {}
    for one in filed:
        versions.setdefault((one.because, one.case_id, one.by), []).extend(one.versions)
    yield from (Filed(tuple(some), *why) for why, some in versions.items())


def _stale(unit: Unit, case_ids: Sequence[str]) -> None:
    """These cases changed, and their tasks are to be worked out again."""
    for start in range(0, len(case_ids), _ROWS_AT_ONCE):
        unit.connection.execute(_STALE, {"cases": case_ids[start : start + _ROWS_AT_ONCE], "at": unit.at.isoformat()})


_STALE = (
    update(tables.case_index)
    .where(tables.case_index.c.case_id.in_(bindparam("cases", expanding=True)))
    .values(tasks_stale=True, updated_at=bindparam("at"))
    .execution_options(**BESIDE_ACCESS)
)


def forget(connection: Connection, consequence_id: str) -> bool:
    """Take a row away because its work was done, or is no longer wanted; whether it was there."""
    return connection.execute(delete(tables.consequence).where(tables.consequence.c.consequence_id == consequence_id)).rowcount > 0


# --- doing ----------------------------------------------------------------------------------------------------------


def drain(node: Node, lanes: Sequence[Lane] = ORDER) -> int:
    """Do what is due in these lanes, the first lane first; how many were done. What fails is left for its next time."""
    count, failed = 0, set[str]()
    while (row := _next(node, lanes, failed)) is not None:
        if _do(node, row) is None:
            failed.add(row.consequence_id)
        else:
            count += 1
    return count


def drain_of(node: Node, ids: Sequence[str]) -> None:
    """Do what a unit has just queued and what follows from that, in the lanes whose effect a user expects to see; the rest is the worker's."""
    left = _rows_of(node, ids)
    while left:
        left.sort(key=_place)
        left += _rows_of(node, _do(node, left.pop(0)) or ())


def _next(node: Node, lanes: Sequence[Lane], without: set[str]) -> Row[object] | None:
    """The row to be done next: by lane, then as they were queued."""
    table = tables.consequence
    rank = case({lane.value: place for place, lane in enumerate(ORDER)}, value=table.c.lane, else_=len(ORDER))
    now = node.now()
    ahead = table.c.queued_at > (now + _CLOCK_SLACK).isoformat()  # by a clock that was set back since: whatever waits by it would come late
    due = select(table).where(table.c.lane.in_([lane.value for lane in lanes]), or_(table.c.not_before <= now.isoformat(), ahead))
    due = due.where(table.c.consequence_id.not_in(without)) if without else due
    with node.storage.reading() as connection:
        return connection.execute(due.order_by(rank, table.c.queued_at, table.c.consequence_id).limit(1)).first()


def _rows_of(node: Node, ids: Sequence[str]) -> list[Row[object]]:
    """The rows among these that are done at once."""
    if not ids:
        return []
    table, found = tables.consequence, list[Row[Any]]()
    with node.storage.reading() as connection:
        for start in range(0, len(ids), _ROWS_AT_ONCE):
            mine = table.c.consequence_id.in_(ids[start : start + _ROWS_AT_ONCE])
            found += connection.execute(select(table).where(mine, table.c.lane.in_([lane.value for lane in AT_ONCE]))).all()
    return found


def _place(row: Row[object]) -> tuple[int, str, str]:
    return (ORDER.index(Lane(row.lane)), row.queued_at, row.consequence_id)


def _do(node: Node, row: Row[object]) -> list[str] | None:
    """Do one; the ids that it queued in turn. None where it failed."""
    consequence = Consequence(row.kind, row.case_id, orjson.loads(row.body), None, row.consequence_id, row.attempts)
    try:
        kind = node.consequence_kinds[row.kind]
        prepared = kind.prepare(node, consequence) if kind.prepare is not None else None
        with node.unit(urgent=kind.lane is Lane.ALARM, drained=False) as unit:
            if forget(unit.connection, row.consequence_id):  # else somebody else has just done it
                kind.carry_out(node, unit, consequence, prepared)
            unit.step("consequence.done")
    except StorageProblem:
        raise
    except Exception as problem:  # noqa: BLE001 - whatever one consequence does, the write stands and the others go on; it is tried again
        _LOG.warning("%s failed: %s", row.kind, type(problem).__name__)
        _failed(node, row, type(problem).__name__)
        return None
    return list(unit.queued)


def _failed(node: Node, row: Row[object], problem: str) -> None:
    wait = min(_FIRST_WAIT_S * 2 ** min(row.attempts, 16), _LONGEST_WAIT_S)
    table = tables.consequence
    with node.unit(drained=False) as unit:
        queued = min(row.queued_at, unit.at.isoformat())
        values = {"attempts": row.attempts + 1, "queued_at": queued, "last_problem": problem, "not_before": (unit.at + timedelta(seconds=wait)).isoformat()}
        unit.connection.execute(update(table).where(table.c.consequence_id == row.consequence_id).values(**values))


def try_now(node: Node, consequence_id: str, actor: Actor) -> bool | None:
    """Do one that waits, now; whether it was done, None where it waits no more. Who asked stands in the log."""
    table = tables.consequence
    with node.storage.reading() as connection:
        row = connection.execute(select(table).where(table.c.consequence_id == consequence_id)).first()
    if row is None:
        return None
    with node.unit(drained=False) as unit:
        unit.log("consequence", row.case_id, f"tried/{row.kind}", consequence_id.encode(), actor, "administration")
    return _do(node, row) is not None


# --- looking --------------------------------------------------------------------------------------------------------


def waiting(connection: Connection, case_id: str | None = None, kind: str | None = None) -> list[Consequence]:
    """What waits, oldest first: of a case, of a kind, or all of it."""
    table = tables.consequence
    query = select(table).order_by(table.c.queued_at, table.c.consequence_id)
    query = query if case_id is None else query.where(table.c.case_id == case_id)
    query = query if kind is None else query.where(table.c.kind == kind)
    rows = connection.execute(query)
    return [
        Consequence(row.kind, row.case_id, orjson.loads(row.body), datetime.fromisoformat(row.not_before), row.consequence_id, row.attempts) for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Failing:
    """One that failed and is tried again: its kind, lane and case, what kind of failure it was, how often, and when it is tried next."""

    consequence_id: str
    kind: str
    lane: str
    case_id: str
    problem: str
    attempts: int
    queued_at: datetime
    next_at: datetime


def failing(connection: Connection) -> list[Failing]:
    """What failed at least once and waits, the lane that matters most first. The problem is a kind of failure: its message could quote a record."""
    table = tables.consequence
    rank = case({lane.value: place for place, lane in enumerate(ORDER)}, value=table.c.lane, else_=len(ORDER))
    rows = connection.execute(select(table).where(table.c.attempts > 0).order_by(rank, table.c.queued_at, table.c.consequence_id))
    return [
        Failing(
            row.consequence_id, row.kind, row.lane, row.case_id, row.last_problem or "", row.attempts,
            datetime.fromisoformat(row.queued_at), datetime.fromisoformat(row.not_before),
        )
        for row in rows
    ]  # fmt: skip


def not_before(connection: Connection, consequence_id: str) -> datetime | None:
    """The moment before which a row is not done; None where it does not wait."""
    found = connection.execute(select(tables.consequence.c.not_before).where(tables.consequence.c.consequence_id == consequence_id)).scalar()
    return datetime.fromisoformat(found) if found else None
