"""Projections: the FHIR rendering, the index and the tasks of a case, made again from its events.

Main job: `project(node, unit, case_id)` after every change. A projection that fails is written to `projection_failure` with its reason and
tried again by the worker (`retry`), which takes the row away when it succeeds; the events stand whatever happens here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import orjson
from sqlalchemy import Connection, delete, insert, select, update

from baybridge.consent.deciding import age_of, deciding_of, thresholds
from baybridge.journey.case import Case, fold
from baybridge.journey.events import Recorded
from baybridge.journey.pathway import tasks
from baybridge.journey.proposals import waits
from baybridge.journey.stages import stage_of
from baybridge.journey.task import Task
from baybridge.node import tables
from baybridge.node.commands.deciding import LazyFacts
from baybridge.node.fhir.rendering import render
from baybridge.node.integrity import things
from baybridge.node.outage import StorageProblem
from baybridge.node.unit import system_actor
from baybridge.node.upkeep import sparing
from baybridge.node.upkeep.attention import attention, doubtful_withdrawals, others_consents
from baybridge.node.watch import board
from baybridge.policy.language.types import Value
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


def project(unit: Unit, case_id: str) -> None:
    """Bring every projection of a case up to date."""
    events = unit.events(case_id)
    case = fold(events)
    render_events(unit, case, events)
    with guarded(unit, case_id, f"index/{case_id}"):
        index(unit, case)
    with guarded(unit, case_id, f"board/{case_id}"):
        board.keep(unit, case, stage_of(case).value)
    with guarded(unit, case_id, f"spared/{case_id}"):
        sparing.record(unit, case)
    unit.step("write.projected")


def render_events(unit: Unit, case: Case, events: Sequence[Recorded]) -> None:
    """Store the FHIR rendering of the events that have none yet; a failure is recorded, not raised."""
    known = select(tables.rendered.c.event_id).where(tables.rendered.c.case_id == case.case_id)
    done = set(unit.connection.execute(known).scalars())
    reference = f"Patient/{case.patient_id}" if case.patient_id else ""
    for recorded in events:
        if recorded.event_id in done:
            continue
        with guarded(unit, case.case_id, recorded.event_id):
            resources = render(recorded, case, reference)
            versions = store.put_many(unit.connection, resources, at=unit.at)
            made = orjson.dumps([f"{resource['resourceType']}/{resource['id']}" for resource in resources])
            row = {"event_id": recorded.event_id, "case_id": case.case_id, "resources": made}
            unit.connection.execute(insert(tables.rendered).values(row))
            for version in (one for one in versions if one.change != "unchanged"):
                unit.log(things.RECORD, case.case_id, things.version_what(unit.pseudonym, version), version.body, system_actor(unit.site))


@contextmanager
def guarded(unit: Unit, case_id: str, what: str) -> Iterator[None]:
    """One projection that can fail alone: the failure is recorded, a success takes an earlier failure away."""
    row = tables.projection_failure
    attempts = unit.connection.execute(select(row.c.attempts).where(row.c.event_id == what)).scalar()
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


def index(unit: Unit, case: Case) -> None:
    """The case's row in the list of cases."""
    row = tables.case_index
    unit.connection.execute(delete(row).where(row.c.case_id == case.case_id))
    unit.connection.execute(
        insert(row).values(
            case_id=case.case_id,
            patient_id=case.patient_id or "",
            stage=stage_of(case).value,
            product=case.product,
            synthetic=case.synthetic,
            updated_at=unit.at.isoformat(),
            tasks_stale=True,
        )
    )


def refresh_tasks(node: Node, unit: Unit, case: Case) -> None:
    """The case's open tasks as of now, in place of the earlier ones."""
    row = tables.task
    unit.connection.execute(delete(row).where(row.c.case_id == case.case_id))
    for task in open_tasks(node, unit.connection, case, unit.at):
        due = task.due_at.isoformat() if task.due_at else None
        body = msgspec.json.encode(task)
        unit.connection.execute(insert(row).values(case_id=case.case_id, task=task.key, role=task.role, due_at=due, body=body))


def task_rows(node: Node, case_id: str | None = None) -> list[dict[str, object]]:
    """The open tasks of one case or all, soonest first; of cases where something happened since, worked out now."""
    with suppress(StorageProblem):  # what was known of the tasks is better than nothing while the database takes nothing
        work_out_tasks(node, case_id)
    row = tables.task
    query = select(row).order_by(row.c.due_at.is_(None), row.c.due_at, row.c.case_id, row.c.task)
    with node.storage.reading() as connection:
        found = connection.execute(query if case_id is None else query.where(row.c.case_id == case_id)).mappings().all()
    return [{**orjson.loads(item["body"]), "case_id": item["case_id"]} for item in found]


def work_out_tasks(node: Node, case_id: str | None = None) -> None:
    """Work out the tasks of one case or all where something happened since they were."""
    index = tables.case_index.c
    stale = select(index.case_id).where(index.tasks_stale)
    with node.storage.reading() as connection:
        waiting = connection.execute(stale if case_id is None else stale.where(index.case_id == case_id)).scalars().all()
    refresh_stale(node, waiting)


def refresh_stale(node: Node, case_ids: Sequence[str]) -> None:
    """Work out the tasks of these cases."""
    for case_id in case_ids:
        with node.unit() as unit, guarded(unit, case_id, f"tasks/{case_id}"):
            refresh_tasks(node, unit, unit.case(case_id))
            index = tables.case_index
            unit.connection.execute(update(index).where(index.c.case_id == case_id).values(tasks_stale=False))


def open_tasks(node: Node, connection: Connection, case: Case, at: datetime, facts: Mapping[str, Value] | None = None) -> tuple[Task, ...]:
    """What somebody at this node must do next for a case; `facts` are the case's as of then, where the caller has them."""
    if waits(case):
        return tuple(attention(case, node.site))
    documents = node.documents.typed
    if facts is None:
        facts = LazyFacts(lambda: node.fact_set(connection, case, at))
    planned = tasks(documents.pathway, case, facts, at, node.site, documents.escalation)
    return (*attention(case, node.site), *_others_consents(node, case, facts, at), *planned)


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
