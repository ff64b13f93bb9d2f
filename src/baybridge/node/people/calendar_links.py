"""A link by which an account's calendar program fetches visits and tasks without signing in: one an account, shown once, over after a year or when somebody ends it.

Main job: `make`, `end`, `of_account`, `entered` (who a token is, or a refusal that the log knows of). A token is kept only as its SHA-256; it opens the
calendar and nothing else.

Elsewhere: what the calendar holds, `web/case/calendar_link.py`. **Source**: how long it lasts, `data/access/people.yaml`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.time import start_of_day
from baybridge.consent.reading import Ground
from baybridge.journey.command import Actor, Role
from baybridge.node.people import accounts, reads, refused_entry
from baybridge.node.tables import calendar_link as table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

ACTION = "case.bedside"  # what the calendar of one case needs


@dataclass(frozen=True, slots=True)
class Link:
    """The link of an account as its owner and administrators see it; it opens nothing."""

    made_at: str
    ends_at: str


def make(node: Node, unit: Unit, actor: Actor) -> str:
    """The token of a new link, shown once; the one before it is over."""
    _end(unit.connection, actor.account)
    token = secrets.token_urlsafe(32)
    ends_at = unit.at + timedelta(days=node.people.calendar_link_days)
    row = {"account": actor.account, "token_sha256": accounts.digest(token), "made_at": unit.at.isoformat(), "ends_at": ends_at.isoformat()}
    unit.connection.execute(insert(table).values(row))
    unit.log("account", "", "calendar-link-made", actor.account.encode(), actor, "administration")
    return token


def end(unit: Unit, account: str, by: Actor) -> None:
    """End the link of an account, if it has one."""
    if _end(unit.connection, account):
        unit.log("account", "", "calendar-link-ended", account.encode(), by, "administration")


def _end(connection: Connection, account: str) -> bool:
    return connection.execute(delete(table).where(table.c.account == account)).rowcount > 0


def of_account(connection: Connection, account: str, at: datetime) -> Link | None:
    """The link of an account, while it counts."""
    row = connection.execute(select(table).where(table.c.account == account, table.c.ends_at > at.isoformat())).first()
    return Link(row.made_at, row.ends_at) if row is not None else None


def entered(node: Node, token: str) -> Actor | Refusal:
    """Who fetches a calendar by this token; a token that is unknown, replaced, ended or over, or of a closed account, is refused with its entry in the log."""
    with node.storage.reading() as connection:
        row = connection.execute(select(table).where(table.c.token_sha256 == accounts.digest(token))).first()
        actor = accounts.open_actor(connection, row.account, node.now()) if row is not None and datetime.fromisoformat(row.ends_at) > node.now() else None
        if actor is not None:
            return actor
    return over(node, str(row.account) if row is not None else "")


def over(node: Node, account: str) -> Refusal:
    """The refusal of a link that counts no more, with its entry in the log."""
    with node.unit(even_restored=True) as unit:
        refused_entry.note(unit, "calendar-refused", "calendar.link.over", account)
    return refuse(Reason("calendar.link.over"), category=Category.NOT_FOUND)


def note(node: Node, actor: Actor, case_ids: Sequence[str]) -> None:
    """A reading of each case that was fetched, once a day however often the program asks."""
    start = start_of_day(node.now().astimezone(node.site.zone).date(), node.site.zone)
    with node.storage.reading() as connection:
        noted = reads.noted_since(connection, actor.account, WHAT, case_ids, start)
    fresh = [case_id for case_id in case_ids if case_id not in noted]
    if fresh:
        on = Ground.OWN if actor.role is Role.PATIENT else Ground.RELATION
        node.note_readings(actor, fresh, WHAT, reads.purpose_of(node, ACTION, actor), on)


WHAT = "calendar.link"
