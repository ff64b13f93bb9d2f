"""The roster: who is on duty for which specialty, and whom a step of the escalation reaches.

Main job: `read_roster(rows)` checks a given roster, `set_roster` puts it in place of the earlier one, `on_duty` and `reached` answer who is there at a moment.

**Units**: `from` and `until` ISO 8601 with offset; a duty begins at `from` and has ended at `until`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

import orjson
from sqlalchemy import Connection, RowMapping, delete, insert, select

from baybridge.base.json_value import JsonDict
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.time import parse_instant
from baybridge.documents.escalation import Escalation, Specialty
from baybridge.journey.command import Actor, Role
from baybridge.node import tables
from baybridge.node.people.accounts import roles_of
from baybridge.node.unit import Unit

SPECIALTIES: tuple[str, ...] = get_args(Specialty)
_KEYS = ("specialty", "account", "from", "until", "order", "deputy")


@dataclass(frozen=True, slots=True)
class Duty:
    """One row: an account on duty for a specialty; `deputy` is who stands in where it does not answer."""

    specialty: str
    account: str
    from_at: datetime
    until_at: datetime
    order: int
    deputy: str | None = None

    def as_json(self, names: Mapping[str, str] | None = None) -> JsonDict:
        """The row as it is given; `names` are what accounts type to sign in."""
        known = names or {}
        deputy = known.get(self.deputy, self.deputy) if self.deputy is not None else None
        account = known.get(self.account, self.account)
        return dict(zip(_KEYS, (self.specialty, account, self.from_at.isoformat(), self.until_at.isoformat(), self.order, deputy), strict=True))


@dataclass(frozen=True, slots=True)
class Reached:
    """The accounts of a step; `nobody_on_duty` where the roster named none and everybody of role physician is told."""

    accounts: tuple[str, ...]
    nobody_on_duty: bool = False


def read_roster(given: object, accounts: Mapping[str, str]) -> tuple[Duty, ...] | Refusal:
    """A given roster, or every reason against it; `accounts` are the active ones of this node by id and by the name that is typed to sign in."""
    if not isinstance(given, list):
        return refuse(Reason("roster.not_a_list", where="roster"), category=Category.INVALID)
    read = [_row(row, place, accounts) for place, row in enumerate(given, start=1)]
    reasons = [reason for row in read if isinstance(row, list) for reason in row]
    return refuse(*reasons, category=Category.INVALID) if reasons else tuple(row for row in read if isinstance(row, Duty))


def _row(row: object, place: int, accounts: Mapping[str, str]) -> Duty | list[Reason]:
    if not isinstance(row, Mapping):
        return [Reason("roster.not_a_row", {"row": place}, where=f"{place}")]
    wrong = [Reason("roster.unknown_key", {"row": place, "key": str(key)[:40]}, where=f"{place}.{key}"[:60]) for key in row if key not in _KEYS]
    if row.get("specialty") not in SPECIALTIES:
        wrong.append(Reason("roster.specialty", {"row": place, "known": ", ".join(SPECIALTIES)}, where=f"{place}.specialty"))
    named = [key for key in ("account", "deputy") if key == "account" or row.get(key) is not None]
    wrong += [Reason("roster.account", {"row": place}, where=f"{place}.{key}") for key in named if str(row.get(key)) not in accounts]
    times = [_instant(row.get(key)) for key in ("from", "until")]
    if times[0] is None or times[1] is None or times[0] >= times[1]:
        wrong.append(Reason("roster.times", {"row": place}, where=f"{place}.from"))
    order = row.get("order", 1)
    if not isinstance(order, int) or isinstance(order, bool) or order < 0:
        wrong.append(Reason("roster.order", {"row": place}, where=f"{place}.order"))
    if wrong or times[0] is None or times[1] is None:
        return wrong
    deputy = accounts[str(row["deputy"])] if row.get("deputy") is not None else None
    return Duty(str(row["specialty"]), accounts[str(row["account"])], times[0], times[1], int(str(order)), deputy)


def _instant(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else None
    try:
        return parse_instant(str(value))
    except ValueError:
        return None


def set_roster(unit: Unit, rows: Sequence[Duty], actor: Actor) -> None:
    """Put a roster in place of the earlier one; the log keeps that and by whom."""
    table = tables.duty
    unit.connection.execute(delete(table))
    stored = [
        {
            "row": place,
            "specialty": row.specialty,
            "account": row.account,
            "from_at": row.from_at.isoformat(),
            "until_at": row.until_at.isoformat(),
            "order": row.order,
            "deputy": row.deputy,
        }
        for place, row in enumerate(rows, start=1)
    ]
    if stored:
        unit.connection.execute(insert(table), stored)
    unit.log("roster", "", unit.new_id(), orjson.dumps([row.as_json() for row in rows]), actor, "administration")


def roster(connection: Connection, at: datetime | None = None) -> tuple[Duty, ...]:
    """The roster as it was set last, or those on duty at a moment."""
    rows = connection.execute(select(tables.duty).order_by(tables.duty.c.row)).mappings()
    found = [
        Duty(row["specialty"], row["account"], *_from_to(row["from_at"], row["until_at"]), row["order"], row["deputy"])
        for row in rows
    ]
    return tuple(duty for duty in found if at is None or duty.from_at <= at < duty.until_at)


def _from_to(from_at: str, until_at: str) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(from_at), datetime.fromisoformat(until_at)


def on_duty(connection: Connection, rules: Escalation, at: datetime) -> tuple[str, ...]:
    """Who is on duty, in the order in which they are told: by specialty of the document, by the roster's order, each before the deputy."""
    rank: dict[str, int] = {specialty: place for place, specialty in enumerate(rules.specialties)}
    there = sorted((duty for duty in roster(connection, at) if duty.specialty in rank), key=lambda duty: (rank[duty.specialty], duty.order))
    active = set(active_accounts(connection).values())
    named = [account for duty in there for account in (duty.account, duty.deputy) if account is not None and account in active]
    return tuple(dict.fromkeys(named))


def reached(connection: Connection, rules: Escalation, to: str, at: datetime) -> Reached:
    """Whom a step reaches at a moment; never nobody while there is an active physician."""
    there = on_duty(connection, rules, at)
    active = active_accounts(connection)
    directors = tuple(active[name] for name in rules.programme_director if name in active)
    chosen = {"first": there[:1], "next": there[1:2], "all": there, "programme_director": directors}[to]
    return Reached(chosen) if chosen else Reached(physicians(connection), nobody_on_duty=True)


def active_accounts(connection: Connection) -> dict[str, str]:
    """The active accounts of staff, by id and by the name that is typed to sign in."""
    return {name: row["account"] for row in _active(connection) if not set(roles_of(row)) <= _OUTSIDE for name in (row["name"], row["account"])}


#: Roles that are told of no patient's alarm.
_OUTSIDE = frozenset({Role.PATIENT, Role.CAREGIVER, Role.PAYER, Role.MANUFACTURER, Role.ALLIANCE})


def sign_in_names(connection: Connection) -> dict[str, str]:
    """What each account types to sign in, which is how people who run the node name it."""
    table = tables.account
    return {row.account: row.name for row in connection.execute(select(table.c.account, table.c.name))}


def physicians(connection: Connection) -> tuple[str, ...]:
    """Every active account of role physician."""
    return tuple(row["account"] for row in _active(connection) if Role.PHYSICIAN in roles_of(row))


def _active(connection: Connection) -> Sequence[RowMapping]:
    """Accounts that sign in: neither disabled nor left."""
    table = tables.account
    return connection.execute(select(table).where(~table.c.disabled).order_by(table.c.account)).mappings().all()


def problems(connection: Connection, rules: Escalation, at: datetime) -> Iterator[Reason]:
    """What the administrator mends: nobody on duty now, no programme director."""
    if not on_duty(connection, rules, at):
        yield Reason("roster.nobody_on_duty")
    if not any(name in active_accounts(connection) for name in rules.programme_director):
        yield Reason("roster.no_director")
