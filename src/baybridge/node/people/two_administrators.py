"""When a change of an account takes two administrators, and what the operator of the machine does alone.

Main job: `second_administrator` answers the first of two, or refuses; `administrators`, `last_administrator`, `would_stay`, `recovered_at`.

Who is an administrator is changed by two of them, where there are two; the account of one is given back and closed by two persons too, and so is an account, or a person,
given two roles that sign. What the operator of the machine does alone to the account of the only administrator is a recovery: an entry of its own in the log, and red on
the pages of those who must know (`recovered_at`). **Source**: that roles which sign are joined by two is a convention of this project.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Connection, RowMapping, insert, select

from baybridge.base.canonical import sha256_hex
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor, Role
from baybridge.ledger.tables import log_entry
from baybridge.node.people import accounts
from baybridge.node.people.account_changes import Add, Change, Changed, Disable, Invite, Leaving, Reset, Roles, name_of, said_of
from baybridge.node.people.account_list import row_of, state_of
from baybridge.node.people.outside import identities
from baybridge.node.tables import account as table
from baybridge.node.tables import account_change_asked as asked_changes

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_TWO = 2
_OPERATOR = "operator"  # of the machine, who has no account
#: Roles whose word another person confirms: one person with two of them could be both.
SIGNING = frozenset({Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.LABORATORY, Role.MANUFACTURER, Role.QUALITY})
RECOVERY = "recovery"
_SHOWN_FOR = timedelta(days=30)  # convention of this project: as long as a month's rota, so that everybody who must know was there


def second_administrator(node: Node, unit: Unit, actor: Actor, what: Change) -> Changed | Refusal | None:
    """What the first of two administrators is answered, or a refusal; None where it may be done.

    Who is an administrator is changed by two of them where there are two, by the only one alone, and by the operator of the machine while there is none. Whoever lets
    somebody in by the account of an administrator could be that administrator, and whoever closes it could be the only one left: that takes two too, of whom the operator
    may be one, while there is another administrator. So does an account by which one person could sign as two, where there are two administrators.
    """
    owner, changes_who = _whose_administration(unit, what), _names_administrator(what)
    if not (changes_who or owner or _joins_roles(unit.connection, what)):
        return None
    there = {*administrators(unit.connection, unit.at).values()} - {owner}
    if not there:
        return None
    if not actor.person and owner is None and changes_who:
        minutes = int(node.people.confirmed_within("user").total_seconds() // 60)
        return refuse(Reason("accounts.administrator_by_account", {"minutes": minutes}), category=Category.FORBIDDEN)
    return _asked_of_another(node, unit, actor, what) if owner is not None or len(there) >= _TWO else None


def _asked_of_another(node: Node, unit: Unit, actor: Actor, what: Change) -> Changed | Refusal | None:
    """What the first of two persons is answered; None where this one is the second."""
    plain = replace(what, reason="") if isinstance(what, Reset | Disable) else what  # each says why in own words
    digest, person = sha256_hex(f"{name_of(what)}\n{said_of(plain)}".encode()), actor.person or _OPERATOR
    asked = unit.connection.execute(select(asked_changes).where(asked_changes.c.change_sha256 == digest)).first()
    within = asked is not None and unit.at - datetime.fromisoformat(asked.asked_at) <= node.people.confirmed_within("user")
    if asked is not None and within and asked.person == person:
        return refuse(Reason("accounts.same_person"), category=Category.FORBIDDEN)
    unit.connection.execute(asked_changes.delete().where(asked_changes.c.change_sha256 == digest))
    if within:
        return None
    unit.connection.execute(insert(asked_changes).values(change_sha256=digest, person=person, asked_at=unit.at.isoformat()))
    unit.log("account", "", f"{name_of(what)}-asked", said_of(what).encode(), actor, "administration")
    row = row_of(unit.connection, what.account)
    return Changed(str(row["name"]) if row is not None else what.account, "", asked=True)


def _names_administrator(what: Change) -> bool:
    """Whether a change says who is an administrator."""
    names = {*what.roles} if isinstance(what, Add) else {*what.add, *what.remove} if isinstance(what, Roles) else set()
    return Role.ADMINISTRATOR.value in names


def _whose_administration(unit: Unit, what: Change) -> str | None:
    """The person of an administrator's account that a change closes, or by which it lets somebody in; None of every other change."""
    if isinstance(what, Disable):
        row = row_of(unit.connection, what.account)
        return administrators(unit.connection, unit.at).get(row["account"]) if row is not None else None
    if isinstance(what, Leaving):  # a day brought forward closes, a later one lets in again
        row = row_of(unit.connection, what.account)
        is_one = row is not None and any(Role.ADMINISTRATOR in accounts.roles_of(one) for one in _of_person(unit.connection, row))
        return str(row["person_id"]) if row is not None and is_one else None
    return _lets_in(unit.connection, what)


def _of_person(connection: Connection, row: RowMapping) -> list[RowMapping]:
    """Every account of the person of an account."""
    return [*connection.execute(select(table).where(table.c.person_id == row["person_id"])).mappings()]


def would_stay(connection: Connection, row: RowMapping, at: datetime) -> bool:
    """Whether an active administrator who has no last day is there beside the person of an account, or that person is none."""
    there = administrators(connection, at)
    if row["person_id"] not in there.values():
        return True
    others = [account for account, person in there.items() if person != row["person_id"]]
    return connection.execute(select(table.c.account).where(table.c.account.in_(others), table.c.leaves_at.is_(None)).limit(1)).first() is not None


def _lets_in(connection: Connection, what: Change) -> str | None:
    """The person of an administrator's account by which a change lets somebody in who has its password or its second factor no more; None of every other change."""
    row = row_of(connection, what.account) if isinstance(what, Invite) or (isinstance(what, Reset) and what.what != "sessions") else None
    return str(row["person_id"]) if row is not None and Role.ADMINISTRATOR in accounts.roles_of(row) else None


def _joins_roles(connection: Connection, what: Change) -> bool:
    """Whether one person holds two roles that sign by this change, whichever accounts they have, and did not before by the same."""
    if not isinstance(what, Add | Roles):
        return False
    row = row_of(connection, what.account)
    person = what.person_id if isinstance(what, Add) else row["person_id"] if row is not None else None
    rows = connection.execute(select(table).where(table.c.person_id == person)).mappings().all() if person else []
    before = {role for one in rows for role in accounts.roles_of(one)} & SIGNING
    added = {*(what.roles if isinstance(what, Add) else what.add)}
    fresh = {role for role in SIGNING if role.value in added} - before
    return bool(fresh) and len(before | fresh) >= _TWO


def administrators(connection: Connection, at: datetime) -> dict[str, str]:
    """The accounts that are active administrators, each with its person."""
    rows, bound = connection.execute(select(table)).mappings(), identities.bound(connection)
    return {row["account"]: row["person_id"] for row in rows if state_of(row, at, bound) == "active" and Role.ADMINISTRATOR in accounts.roles_of(row)}


def last_administrator(connection: Connection, account: str, at: datetime) -> bool:
    """Whether an account is the only active administrator."""
    return set(administrators(connection, at)) == {account}


def last_to_stay(connection: Connection, account: str, at: datetime) -> bool:
    """Whether an account is the only active administrator whose person has no last day."""
    staying = select(table.c.account).where(table.c.account.in_([*administrators(connection, at)]), table.c.leaves_at.is_(None))
    return set(connection.execute(staying).scalars()) == {account}


def is_recovery(unit: Unit, actor: Actor, what: Change) -> bool:
    """Whether the operator of the machine alone changes who is an administrator, or lets somebody in as one, where there was one before."""
    owner = _whose_administration(unit, what)
    if actor.person or not (owner or _names_administrator(what)):
        return False
    others = {*administrators(unit.connection, unit.at).values()} - {owner}
    return not others and any(Role.ADMINISTRATOR in accounts.roles_of(row) for row in unit.connection.execute(select(table)).mappings())


def recovered_at(connection: Connection, at: datetime) -> datetime | None:
    """When the operator of the machine last let an administrator in alone, while that is to be seen by everybody who must know."""
    entry = log_entry.c
    last = connection.execute(select(entry.body).where(entry.what == RECOVERY, entry.kind == "account").order_by(entry.position.desc()).limit(1)).scalar()
    when = datetime.fromisoformat(orjson.loads(last)["at"]) if last else None
    return when if when is not None and at - when <= _SHOWN_FOR else None
