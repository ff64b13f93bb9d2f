"""Projections: the FHIR rendering, the index and the tasks of a case, made again from its events.

Main job: `project(node, unit, case_id)` after every change. A projection that fails is written to `projection_failure` with its reason and
tried again by the worker (`retry`), which takes the row away when it succeeds; the events stand whatever happens here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import orjson
from sqlalchemy import Connection, RowMapping, bindparam, delete, func, insert, or_, select, update

from baybridge.alliance.indicators import figures_of
from baybridge.base.time import start_of_day
from baybridge.consent.deciding import age_of, deciding_of, thresholds
from baybridge.journey.case import Case
from baybridge.journey.events import Recorded
from baybridge.journey.held_tasks import holders
from baybridge.journey.pathway import tasks
from baybridge.journey.proposals import waits
from baybridge.journey.stages import stage_of
from baybridge.journey.task import Task
from baybridge.journey.ward import in_care
from baybridge.node import tables
from baybridge.node.commands.deciding import LazyFacts
from baybridge.node.fhir.rendering import render
from baybridge.node.integrity import things
from baybridge.node.money import payer
from baybridge.node.outage import StorageProblem
from baybridge.node.people import reads
from baybridge.node.unit import system_actor
from baybridge.node.upkeep import given_tasks, slots, sparing
from baybridge.node.upkeep.attention import attention, doubtful_withdrawals, messages, others_consents, overbooked, persons_requests
from baybridge.node.watch import board
from baybridge.policy.language.types import Value
from baybridge.record.store import store
from baybridge.record.store.store import Version

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


_AT_ONCE = 400  # of them in one question, below the parameter limits of both databases
#: Asked with every write, so they are written once.
_RENDERED = select(tables.rendered.c.event_id).where(tables.rendered.c.case_id == bindparam("case"))
_ADD_RENDERED, _ADD_INDEX = insert(tables.rendered), insert(tables.case_index)
_FAILED = select(tables.projection_failure.c.event_id, tables.projection_failure.c.attempts).where(
    tables.projection_failure.c.event_id.in_(bindparam("projections", expanding=True))
)
_INDEXED = select(tables.case_index).where(tables.case_index.c.case_id == bindparam("case"))


def project(unit: Unit, case_id: str) -> None:
    """Bring every projection of a case up to date."""
    events, case = unit.known(case_id)
    done = set(unit.connection.execute(_RENDERED, {"case": case_id}).scalars())
    fresh = [recorded for recorded in events if recorded.event_id not in done]
    listed, on_board, saved = (f"{what}/{case_id}" for what in ("index", "board", "spared"))
    failed = failures(unit, [*(recorded.event_id for recorded in fresh), listed, on_board, saved])
    render_events(unit, case, fresh, failed)
    with guarded(unit, case_id, listed, failed):
        index(unit, case, events, changed=bool(fresh))
    with guarded(unit, case_id, on_board, failed):
        board.keep(unit, case, stage_of(case).value)
    with guarded(unit, case_id, saved, failed):
        sparing.record(unit, case)
    unit.step("write.projected")


def render_events(unit: Unit, case: Case, fresh: Sequence[Recorded], failed: Mapping[str, int]) -> None:
    """Store the FHIR rendering of events that have none yet; a failure is recorded, not raised.

    All of them go at once; where one fails, each goes alone, so that the others stand.
    """
    together = _rendered_together(unit, case, fresh) if len(fresh) > 1 and not failed else None
    if together is not None:
        _log_renderings(unit, case, together)
        return
    for recorded in fresh:
        with guarded(unit, case.case_id, recorded.event_id, failed):
            _log_renderings(unit, case, _render(unit, case, [recorded]))


def _rendered_together(unit: Unit, case: Case, events: Sequence[Recorded]) -> list[Version] | None:
    """The versions that were filed for these events in one go; None, and nothing of it stands, where one of them fails."""
    with suppress(Exception), savepoint(unit.connection):
        return _render(unit, case, events)
    return None


def _render(unit: Unit, case: Case, events: Sequence[Recorded]) -> list[Version]:
    """Store the rendering of these events; the versions that were filed."""
    reference = f"Patient/{case.patient_id}" if case.patient_id else ""
    made = [(recorded.event_id, render(recorded, case, reference)) for recorded in events]
    versions = store.put_many(unit.connection, [resource for _, resources in made for resource in resources], at=unit.at)
    names = {event_id: orjson.dumps([f"{resource['resourceType']}/{resource['id']}" for resource in resources]) for event_id, resources in made}
    rows = [{"event_id": event_id, "case_id": case.case_id, "resources": found} for event_id, found in names.items()]
    unit.connection.execute(_ADD_RENDERED, rows)
    return versions


def _log_renderings(unit: Unit, case: Case, versions: Sequence[Version]) -> None:
    for version in (one for one in versions if one.change != "unchanged"):
        unit.log(things.RECORD, case.case_id, things.version_what(unit.pseudonym, version), version.body, system_actor(unit.site))


def failures(unit: Unit, projections: Sequence[str]) -> Mapping[str, int]:
    """How often each of these projections failed in a row, where it did."""
    parts = (projections[start : start + _AT_ONCE] for start in range(0, len(projections), _AT_ONCE))
    return {one.event_id: one.attempts for part in parts for one in unit.connection.execute(_FAILED, {"projections": part})}


@contextmanager
def guarded(unit: Unit, case_id: str, what: str, failed: Mapping[str, int]) -> Iterator[None]:
    """One projection that can fail alone: the failure is recorded, a success takes an earlier failure away; `failed` are the case's failures of before."""
    row = tables.projection_failure
    attempts = failed.get(what)
    try:
        with savepoint(unit.connection):
            yield
    except Exception as problem:  # noqa: BLE001 - whatever a projection does, the event stands; the worker retries and says so
        unit.connection.execute(delete(row).where(row.c.event_id == what))
        failure = {"event_id": what, "case_id": case_id, "problem": type(problem).__name__, "attempts": (attempts or 0) + 1}
        unit.connection.execute(insert(row).values(failure))
        return
    if attempts:
        unit.connection.execute(delete(row).where(row.c.event_id == what))


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Part of a transaction that can be undone alone."""
    connection.exec_driver_sql("SAVEPOINT part")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT part")
        connection.exec_driver_sql("RELEASE SAVEPOINT part")
        raise
    connection.exec_driver_sql("RELEASE SAVEPOINT part")


def index(unit: Unit, case: Case, events: Sequence[Recorded], *, changed: bool) -> None:
    """The case's row in the list of cases; where nothing happened and nothing differs it stays as it is, with the moment of its last change."""
    wanted: dict[str, object] = {
        "patient_id": case.patient_id or "",
        "stage": stage_of(case).value,
        "product": case.product,
        "synthetic": case.synthetic,
        **_of_upgrade(case, events),
    }
    row = unit.connection.execute(_INDEXED, {"case": case.case_id}).mappings().first()
    if row is None:
        fresh = {"case_id": case.case_id, "updated_at": unit.at.isoformat(), "tasks_stale": True, "due_again_at": ""}
        unit.connection.execute(_ADD_INDEX, {**wanted, **fresh})
    elif changed:
        now = {"updated_at": unit.at.isoformat(), "tasks_stale": True, "due_again_at": ""}
        unit.connection.execute(update(tables.case_index).where(tables.case_index.c.case_id == case.case_id).values(**wanted, **now))
    elif any(row[name] != value for name, value in wanted.items()):
        unit.connection.execute(update(tables.case_index).where(tables.case_index.c.case_id == case.case_id).values(**wanted))


def _of_upgrade(case: Case, events: Sequence[Recorded]) -> dict[str, object]:
    """What a row of before has empty."""
    return {"figures": msgspec.json.encode(figures_of(case)), "only_told": reads.only_told(events)}


def refresh_tasks(node: Node, unit: Unit, case: Case) -> tuple[Task, ...]:
    """The case's open tasks as of now, in place of the earlier ones; nothing is written where they are the same."""
    row = tables.task
    found = open_tasks(node, unit.connection, case, unit.at)
    wanted = [_task_row(case.case_id, task) for task in found]
    before = [dict(item) for item in unit.connection.execute(select(row).where(row.c.case_id == case.case_id)).mappings()]
    if sorted(before, key=_task_key) != sorted(wanted, key=_task_key):
        unit.connection.execute(delete(row).where(row.c.case_id == case.case_id))
        if wanted:
            unit.connection.execute(insert(row), wanted)
    return found


def _task_row(case_id: str, task: Task) -> dict[str, object]:
    due = task.due_at.astimezone(UTC).isoformat() if task.due_at else None
    body = msgspec.json.encode(task)
    return {"case_id": case_id, "task": task.key, "role": task.role, "due_at": due, "body": body, "urgent": task.level in ("red", "stop"), "holder": task.holder or None}


def _task_key(row: Mapping[str, object]) -> str:
    return str(row["task"])


def task_rows(node: Node, case_id: str | None = None) -> list[dict[str, object]]:
    """The open tasks of one case or all, soonest first; of cases where something happened since, worked out now."""
    with suppress(StorageProblem):  # what was known of the tasks is better than nothing while the database takes nothing
        work_out_tasks(node, case_id)
    row = tables.task
    query = select(row).order_by(row.c.due_at.is_(None), row.c.due_at, row.c.case_id, row.c.task)
    with node.storage.reading() as connection:
        found = connection.execute(query if case_id is None else query.where(row.c.case_id == case_id)).mappings().all()
    return [_shown(item) for item in found]


def _shown(item: RowMapping) -> dict[str, object]:
    return {**orjson.loads(item["body"]), "case_id": item["case_id"]}


@dataclass(frozen=True, slots=True)
class TaskCount:
    """How many tasks there are, and how many of them are late."""

    count: int = 0
    late: int = 0

    def __add__(self, other: TaskCount) -> TaskCount:
        return TaskCount(self.count + other.count, self.late + other.late)


def task_counts(connection: Connection, now: datetime) -> dict[str, TaskCount]:
    """The open tasks of this node by role."""
    row = tables.task.c
    late = func.count().filter(row.due_at < now.astimezone(UTC).isoformat())
    return {role: TaskCount(count, found) for role, count, found in connection.execute(select(row.role, func.count(), late).group_by(row.role))}


def task_list(
    connection: Connection, role: str, *, others: bool = False, late_at: datetime | None = None, start: int = 0, most: int
) -> tuple[dict[str, object], ...]:
    """The open tasks of a role, or of all others, or those that are late at a moment, so many from a place on.

    Those whose clock has turned red come before all others, then the soonest due; those without a day last.
    """
    row = tables.task
    wanted = select(row).where(row.c.role != role if others else row.c.role == role)
    if late_at is not None:
        wanted = wanted.where(row.c.due_at < late_at.astimezone(UTC).isoformat())
    order = (row.c.urgent.is_(True).desc(), row.c.due_at.is_(None), row.c.due_at, row.c.case_id, row.c.task)
    return tuple(map(_shown, connection.execute(wanted.order_by(*order).offset(start).limit(most)).mappings()))


def tasks_of(connection: Connection, account: str) -> tuple[dict[str, object], ...]:
    """The open tasks that an account has, in the same order."""
    row = tables.task
    order = (row.c.urgent.is_(True).desc(), row.c.due_at.is_(None), row.c.due_at, row.c.case_id, row.c.task)
    return tuple(map(_shown, connection.execute(select(row).where(row.c.holder == account).order_by(*order)).mappings()))


def work_out_tasks(node: Node, case_id: str | None = None) -> None:
    """Work out the tasks of one case or all where something happened since they were."""
    index = tables.case_index.c
    stale = select(index.case_id).where(index.tasks_stale)
    with node.storage.reading() as connection:
        waiting = connection.execute(stale if case_id is None else stale.where(index.case_id == case_id)).scalars().all()
    refresh_stale(node, waiting)


def refresh_stale(node: Node, case_ids: Sequence[str]) -> None:
    """Work out the tasks of these cases, and what waits for payers in them; what is as it was is not written again."""
    index_row = tables.case_index
    for case_id in case_ids:
        with node.unit() as unit:
            later: dict[str, object] = {"due_again_at": (unit.at + _SOON).isoformat()}
            with guarded(unit, case_id, f"tasks/{case_id}", failures(unit, [f"tasks/{case_id}"])):
                events, case = unit.known(case_id)
                unit.connection.execute(update(index_row).where(index_row.c.case_id == case_id, index_row.c.figures.is_(None)).values(_of_upgrade(case, events)))
                found = refresh_tasks(node, unit, case)
                payer.keep(node, unit, case)
                later = {"tasks_stale": False, "due_again_at": _due_again(node, case, found, unit.at).isoformat()}
            unit.connection.execute(update(index_row).where(index_row.c.case_id == case_id).values(**later))


#: A patient in care is looked at as often as every case was before there were slices, everybody else as the first hours of a stale result allow.
#: Source: convention of this project; what follows from a write, an alarm or an escalation waits for none of them.
_SOON, _LATER = timedelta(minutes=5), timedelta(hours=2)


def _due_again(node: Node, case: Case, found: Sequence[Task], at: datetime) -> datetime:
    """When the tasks may be others although nothing happens: at a term, at the site's midnight, and after a while, for facts grow old."""
    midnight = start_of_day(at.astimezone(node.site.zone).date() + timedelta(days=1), node.site.zone)
    terms = (task.due_at for task in found if task.due_at is not None and task.due_at > at)
    return min(at + (_SOON if in_care(case, node.site.node) else _LATER), midnight, *terms).astimezone(UTC)


def refresh_due(node: Node, most: int) -> int:
    """Look again at the cases whose tasks may be others by now, so many at most, the one that is longest due first; how many.

    None waits longer than `_LATER`, whatever its row says: a clock that was set back, or somebody at the database, put no case to sleep.
    """
    row, now = tables.case_index.c, node.now().astimezone(UTC)
    due = or_(row.due_again_at <= now.isoformat(), row.due_again_at > (now + _LATER).isoformat())
    with node.storage.reading() as connection:
        names = connection.execute(select(row.case_id).where(due, row.tasks_stale.is_(False)).order_by(row.due_again_at).limit(most)).scalars().all()
    refresh_stale(node, names)
    return len(names)


def look_again(node: Node) -> None:
    """Every case is due, because the rules changed by which tasks are worked out."""
    with node.storage.writing() as connection:
        connection.execute(update(tables.case_index).values(due_again_at=""))


def open_tasks(node: Node, connection: Connection, case: Case, at: datetime, facts: Mapping[str, Value] | None = None) -> tuple[Task, ...]:
    """What somebody at this node must do next for a case, and who has it; `facts` are the case's as of then, where the caller has them."""
    found, held = _open_tasks(node, connection, case, at, facts), holders(case, node.site.node)
    if not held:
        return found
    here = given_tasks.signing_in(connection, set(held.values()), node.site, at)
    return tuple(msgspec.structs.replace(task, holder=name) if (name := held.get(task.key, "")) in here else task for task in found)


def _open_tasks(node: Node, connection: Connection, case: Case, at: datetime, facts: Mapping[str, Value] | None) -> tuple[Task, ...]:
    if waits(case):
        return tuple(attention(case, node.site))
    documents = node.documents.typed
    if facts is None:
        facts = LazyFacts(lambda: node.fact_set(connection, case, at))
    planned = tasks(documents.pathway, case, facts, at, node.site, documents.escalation)
    today = at.astimezone(node.site.zone).date()
    days = overbooked(case, node.site, partial(slots.held_on, connection), documents, today)
    asked = messages(case, node.site, node.people.answered_within)
    rights = persons_requests(case, node.site, documents)
    return (*attention(case, node.site), *asked, *days, *rights, *_others_consents(node, case, facts, at), *planned)


def _others_consents(node: Node, case: Case, facts: Mapping[str, Value], at: datetime) -> Iterator[Task]:
    """The tasks about consents that others gave or that a patient took back who could not decide; the patient's age is read only where there may be such."""
    if not case.alive or all(consent.given_by == "patient" and consent.withdrawn_on is None for consent in case.consents):
        return
    now = deciding_of(case, age_of(facts.get("age")), *thresholds(node.documents.typed, node.site.jurisdiction))
    yield from others_consents(case, node.site, at.astimezone(node.site.zone).date(), now)
    yield from doubtful_withdrawals(case, node.site, now)


def refresh_all(node: Node, case_ids: Sequence[str]) -> None:
    """Tasks and failed renderings of many cases, each in its own unit; the worker calls it."""
    for case_id in case_ids:
        with node.unit() as unit:
            project(unit, case_id)
    refresh_stale(node, case_ids)


def retry(node: Node) -> int:
    """Try again what failed; how many cases were tried."""
    with node.storage.reading() as connection:
        case_ids = connection.execute(select(tables.projection_failure.c.case_id).distinct()).scalars().all()
    refresh_all(node, case_ids)
    return len(case_ids)
