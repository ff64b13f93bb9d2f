"""What a person is told on the own pages: a new message, an answer, a task that was given, a call that was missed.

Main job: `NOTIFY`, a consequence of the entries that somebody is told of; `unseen(connection, account)` for the bell, `of_account` for its page, `see` when it was
looked at; `unwanted` and `want`, which kinds a person leaves out.

A notification names a kind and a case and nothing else: no name, no value, no words of a message. Whether its person may still open the case is decided when it is
shown (`web/page/bell.py`). It leads to entries that stand on the case whatever becomes of it;
tasks and calls stand on their own pages whether or not somebody wants to be told. **Source**: convention of this project.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from baybridge.consent.helping import EVERYTHING
from baybridge.journey import events as ev
from baybridge.journey.case import Case, fold
from baybridge.journey.case_messages import message_of
from baybridge.journey.command import Role
from baybridge.journey.entry import Entry, tells
from baybridge.node import tables
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.people import accounts, helping
from baybridge.node.watch import board

if TYPE_CHECKING:
    from datetime import datetime

    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

Kind = Literal["message", "answer", "task", "call"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: How long one is kept. Convention of this project.
_KEPT = timedelta(days=90)
#: Most of one person that a page shows.
MOST = 100


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing that somebody is told: of which kind, about which case, since when, and whether it was looked at."""

    id: str
    at: str
    kind: str
    case_id: str
    seen: bool


# --- who is told ----------------------------------------------------------------------------------------------------


def _notify(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Tell whoever is concerned by these entries, each once."""
    case, wanted = fold(unit.events(consequence.case_id)), set(consequence.events)
    people = [row for row in unit.connection.execute(select(tables.account)).mappings() if not accounts.is_closed(row, unit.at)]
    entries = [entry for entry in case.entries if entry.origin.event_id in wanted]
    told = {(_about(entry), name, kind) for entry in entries for name, kind in _told_of(node, case, entry, people)}
    unit.connection.execute(delete(tables.notification).where(tables.notification.c.at < (unit.at - _KEPT).isoformat()))
    left_out = {name: unwanted(unit.connection, name) for name in {name for _, name, _ in told}}
    rows = [_row(unit.at, case.case_id, about, name, kind) for about, name, kind in sorted(told) if kind not in left_out[name]]
    if _add(unit.connection, rows):
        board.note_task(unit, case.case_id)


def _about(entry: Entry[ev.Event]) -> str:
    """What an entry tells of: a call is missed once, however many steps it takes."""
    return entry.event.call_id if tells(entry, ev.CallEscalated) else entry.origin.event_id


def _row(at: datetime, case_id: str, about: str, name: str, kind: str) -> dict[str, str]:
    return {"notification_id": f"{kind}/{about}/{name}", "account": name, "at": at.isoformat(), "kind": kind, "case_id": case_id}


def _add(connection: Connection, rows: Sequence[dict[str, str]]) -> int:
    """Add those that are not there yet; how many."""
    table = tables.notification
    there = set(connection.execute(select(table.c.notification_id).where(table.c.notification_id.in_([row["notification_id"] for row in rows]))).scalars())
    fresh = [row for row in rows if row["notification_id"] not in there]
    if fresh:
        connection.execute(insert(table), fresh)
    return len(fresh)


def _told_of(node: Node, case: Case, entry: Entry[ev.Event], people: Sequence[RowMapping]) -> Iterator[tuple[str, Kind]]:
    """Whom an entry concerns, never who recorded it."""
    found: Iterator[tuple[str, Kind]] = iter(())
    if tells(entry, ev.CaseMessageSent) and entry.event.to_node == node.site.node:
        found = _of_message(case, entry.event, people)
    elif tells(entry, ev.PatientAnswered):
        found = ((row["account"], "answer") for row in people if _reads_answer(node, case, entry.event.letter_id, row))
    elif tells(entry, ev.TaskGiven):
        found = iter([(entry.event.account, "task")])
    elif tells(entry, ev.CallEscalated):
        found = ((name, "call") for name in _missed(case, entry.event.call_id))
    known = {row["account"] for row in people}
    return ((name, kind) for name, kind in found if name in known and name != entry.origin.actor)


def _reads_answer(node: Node, case: Case, letter_id: str, row: RowMapping) -> bool:
    """Whether an account reads the answer to a letter: the patient's, and that of whoever helps, was let in, and wrote the letter or sees everything."""
    if not row["patient_id"] or row["patient_id"] != case.patient_id:
        return False
    if Role.CAREGIVER not in accounts.roles_of(row):
        return True
    opened = helping.opened_to_person(node, row["person_id"], case)
    wrote = any(one.origin.is_of(row["account"], row["person_id"]) for one in case.of(ev.PatientWrote) if one.event.letter_id == letter_id)
    return EVERYTHING in opened or (wrote and bool(opened))


def _of_message(case: Case, event: ev.CaseMessageSent, people: Sequence[RowMapping]) -> Iterator[tuple[str, Kind]]:
    """Who asked, where it is an answer; else who has the role that it is meant for, or answers for the case."""
    asked = message_of(case, event.answers) if event.answers else None
    theirs = {row["account"]: accounts.roles_of(row) for row in people if row["organisation"] == event.to_organisation and not row["patient_id"]}
    kind: Kind = "answer" if event.answers else "message"
    if asked is not None and asked.entry.origin.actor in theirs:
        yield asked.entry.origin.actor, kind
        return
    meant = [name for name, roles in theirs.items() if event.for_role in roles]
    yield from ((name, kind) for name in meant or [name for name, roles in theirs.items() if {Role.COORDINATOR, Role.PAYER} & set(roles)])


def _missed(case: Case, call_id: str) -> Collection[str]:
    """Whoever was told of a call and did not acknowledge it."""
    told = {name for entry in case.of(ev.CallNotified) if entry.event.call_id == call_id for name in entry.event.accounts}
    return told - {entry.origin.actor for entry in case.of(ev.CallAcknowledged) if entry.event.call_id == call_id}


NOTIFY = ConsequenceRow("notify", Lane.CASE, _notify, after=frozenset({ev.CaseMessageSent, ev.PatientAnswered, ev.TaskGiven, ev.CallEscalated}))


# --- what a person sees ---------------------------------------------------------------------------------------------


def unseen(connection: Connection, account: str) -> int:
    """How many a person has not looked at."""
    row = tables.notification.c
    return connection.execute(select(func.count()).where(row.account == account, row.seen_at.is_(None))).scalar() or 0


def of_account(connection: Connection, account: str) -> list[Notification]:
    """Those of a person, the newest first."""
    table = tables.notification
    rows = connection.execute(select(table).where(table.c.account == account).order_by(table.c.at.desc(), table.c.notification_id).limit(MOST))
    return [Notification(row.notification_id, row.at, row.kind, row.case_id, seen=row.seen_at is not None) for row in rows]


def see(connection: Connection, account: str, at: datetime, only: str = "") -> None:
    """Note that a person looked at all of the own, or at one."""
    table = tables.notification
    mine = table.c.account == account if not only else (table.c.account == account) & (table.c.notification_id == only)
    connection.execute(update(table).where(mine, table.c.seen_at.is_(None)).values(seen_at=at.isoformat()))


def unwanted(connection: Connection, account: str) -> frozenset[str]:
    """The kinds that a person leaves out."""
    table = tables.notification_rule
    return frozenset((connection.execute(select(table.c.unwanted).where(table.c.account == account)).scalar() or "").split())


def want(connection: Connection, account: str, kinds: Collection[str]) -> None:
    """Keep which kinds a person wants to be told of from now on."""
    table = tables.notification_rule
    connection.execute(delete(table).where(table.c.account == account))
    connection.execute(insert(table).values(account=account, unwanted=" ".join(kind for kind in KINDS if kind not in kinds)))


#: The page of a case to which each kind leads.
LEADS_TO: Mapping[str, str] = {"message": "messages", "answer": "messages", "task": "overview", "call": "bedside"}
