"""The state of a case at this node, as of a moment and by what was known at another.

Main job: `case_state(node, case_id, at, known_at)`: `at` looks back by what is known now, `known_at` by what was known then; both may be given.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.time import parse_instant_or_day
from baybridge.journey.case import Case
from baybridge.journey.events import DrugsReserved
from baybridge.journey.state import CaseState, View, as_of, state_of
from baybridge.node import tables
from baybridge.node.upkeep.projections import open_tasks
from baybridge.node.watch import roster
from baybridge.node.watch.listing import named
from baybridge.node.watch.ward import filed_of

if TYPE_CHECKING:
    from baybridge.node.node import Node


def case_state(node: Node, case_id: str, at: datetime | None = None, known_at: datetime | None = None) -> CaseState | Refusal:
    """The state of a case, or a refusal where this node has no such case, or did not know it then."""
    known = node.case(case_id, known_at)
    if known is None:
        return refuse(Reason("command.no_case"), category=Category.NOT_FOUND)
    case = as_of(known, at, node.site.zone) if at is not None else known
    moment = at or known_at or node.now()
    with node.storage.reading() as connection:
        view = View(
            tasks=open_tasks(node, connection, case, moment),
            decisions=_decisions(connection, case, known_at),
            now=moment,
            zone=node.site.zone,
            follow_up=node.documents.typed.pathway.follow_up,
            filed=[one for one in filed_of(node, connection, case, known_at) if one.at <= moment] if case.did(DrugsReserved) else (),
        )
        names = roster.sign_in_names(connection)
    state = state_of(case, view)
    return {**state, "calls": [named(call, names) for call in state["calls"]]}


def _decisions(connection: Connection, case: Case, known_at: datetime | None) -> dict[str, tuple[str, str, bool]]:
    """The kept decisions of a case; one that was made again later than `known_at` was not known to be."""
    table = tables.decision
    rows = connection.execute(select(table.c.sha256, table.c.policy, table.c.outcome, table.c.superseded_by).where(table.c.case_id == case.case_id)).all()
    made_again = {entry.event.decision_sha256 for entry in case.reopened} if known_at is not None else {row.sha256 for row in rows if row.superseded_by}
    return {row.sha256: (row.policy, row.outcome, row.sha256 in made_again) for row in rows}


def moment(node: Node, text: str | None) -> datetime | None:
    """A time or day that somebody asked for; a day means its end here. ValueError where it is neither."""
    if not text:
        return None
    found = parse_instant_or_day(text, node.site.zone)
    is_day = len(text) == len("2026-03-08")
    return datetime.combine(found.astimezone(node.site.zone).date(), time.max, node.site.zone) if is_day else found


def state_for(node: Node, case_id: str, at: str | None, known_at: str | None) -> CaseState | Refusal:
    """The state of a case for times as people write them; a time that is none is refused with what was expected."""
    problems, moments = [], []
    for name, text in (("at", at), ("known_at", known_at)):
        try:
            moments.append(moment(node, text))
        except (ValueError, OverflowError) as problem:
            problems.append(Reason("journey.time.unread", {"field": name, "problem": str(problem)}, where=name))
    return refuse(*problems, category=Category.INVALID) if problems else case_state(node, case_id, *moments)
