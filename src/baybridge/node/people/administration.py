"""Changes of accounts: who is added, invited, given or stripped of a role, disabled, reset. Every one goes through `change` and is an entry of the log.

Main job: `change(node, actor, what)` answers `Changed` or a refusal with every reason.

Elsewhere: the changes as values in `account_changes.py`, what speaks against one in `change_checks.py`, which take two persons in `two_administrators.py`, the list of
everybody in `account_list.py`, invitations in `invitations.py`. **Source**: contract K4.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import RowMapping, update

from baybridge.base.outcome import Category, Refusal, refuse
from baybridge.journey.command import Actor, Role
from baybridge.node.clock import new_id
from baybridge.node.people import account_list, accounts, invitations, passkeys, persons, second_factor
from baybridge.node.people.account_changes import (
    About,
    Add,
    Change,
    Changed,
    Disable,
    EndSession,
    Invite,
    Leaving,
    Reset,
    Roles,
    name_of,
    said_of,
)
from baybridge.node.people.account_list import row_of
from baybridge.node.people.change_checks import against
from baybridge.node.people.outside import identities
from baybridge.node.people.persons import Person
from baybridge.node.people.two_administrators import RECOVERY, is_recovery, second_administrator
from baybridge.node.tables import account as table
from baybridge.node.upkeep import given_tasks

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


def change(node: Node, actor: Actor, what: Change) -> Changed | Refusal:
    """Make one change of an account, or answer every reason against it."""
    with node.unit() as unit:
        return change_within(node, unit, actor, what)


def change_within(node: Node, unit: Unit, actor: Actor, what: Change) -> Changed | Refusal:
    """The same, within a unit of work that is open already."""
    reasons = tuple(against(node, unit.connection, what, unit.at))
    if reasons:
        unknown = any(reason.code == "accounts.unknown" for reason in reasons)
        return refuse(*reasons, category=Category.NOT_FOUND if unknown else Category.INVALID)
    waits = second_administrator(node, unit, actor, what)
    if waits is not None:
        return waits
    recovery = is_recovery(unit, actor, what)
    done = _made(node, unit, what)
    unit.log("account", "", name_of(what), said_of(what).encode(), actor, "administration")
    if recovery:
        unit.log("account", "", RECOVERY, said_of(what).encode(), actor, "administration")
    return done


def _made(node: Node, unit: Unit, what: Change) -> Changed:
    if isinstance(what, Add):
        return _add(node, unit, what)
    if isinstance(what, EndSession | Leaving | About):
        return _beside(node, unit, what)
    return _alter(node, unit, what)


def _add(node: Node, unit: Unit, what: Add) -> Changed:
    person_id = what.person_id or persons.new_id()
    if persons.found(unit.connection, person_id) is None:
        persons.add(unit.connection, Person(person_id, what.person, what.profession, what.registration))
    account = new_id(node.now)
    accounts.add_account(
        unit.connection, account=account, name=what.account, role=Role(what.roles[0]), organisation=what.organisation or node.site.organisation, password="",
        patient_id=what.patient_id, language=what.language or "en", person_id=person_id, also_roles=" ".join(what.roles[1:]) or None,
        leaves_at=_end_of(node, what.leaves_on or _last_day_ahead(node, unit, person_id)),
        invited=True,
    )  # fmt: skip
    return _invited(node, unit, account, what.account, person_id)


def _last_day_ahead(node: Node, unit: Unit, person_id: str) -> date | None:
    """The last day of a person who has one still to come: who leaves does so by a further account too."""
    days = account_list.last_days_of(unit.connection, person_id, node.site.zone).values()
    today = unit.at.astimezone(node.site.zone).date()
    return max((day for day in days if day and day >= today), default=None)


def _end_of(node: Node, last_day: date | None) -> str | None:
    """When the access of somebody ends who has this last day."""
    return datetime.combine(last_day + timedelta(days=1), time(), node.site.zone).isoformat() if last_day else None


def _beside(node: Node, unit: Unit, what: EndSession | Leaving | About) -> Changed:
    """What changes neither who may sign in now nor by what: one session, the last day, what is known of the person."""
    row = row_of(unit.connection, what.account)
    if row is None:
        raise LookupError("an account that nobody looked for before it is changed")
    if isinstance(what, EndSession):
        accounts.close_one(unit.connection, str(row["account"]), what.key, unit.at)
    elif isinstance(what, Leaving):
        unit.connection.execute(update(table).where(table.c.person_id == row["person_id"]).values(leaves_at=_end_of(node, what.on)))
    else:
        persons.describe(unit.connection, str(row["person_id"]), what.profession, what.registration)
    return Changed(str(row["name"]), str(row["person_id"]))


def _alter(node: Node, unit: Unit, what: Invite | Disable | Reset | Roles) -> Changed:
    row = row_of(unit.connection, what.account)
    if row is None:
        raise LookupError("an account that nobody looked for before it is changed")
    account = str(row["account"])
    values = _values_after(unit, account, row, what)
    if values:
        unit.connection.execute(update(table).where(table.c.account == account).values(**values))
    if not (isinstance(what, Roles) and not what.remove):
        accounts.close_sessions(unit.connection, account)
    if isinstance(what, Disable):
        given_tasks.give_back(unit, account)
    if isinstance(what, Invite) or (isinstance(what, Reset) and what.what == "password"):
        return _invited(node, unit, account, str(row["name"]), str(row["person_id"]))
    return Changed(str(row["name"]), str(row["person_id"]))


def _values_after(unit: Unit, account: str, row: RowMapping, what: Invite | Disable | Reset | Roles) -> dict[str, object]:
    """The columns of an account after a change; what belongs to it in other tables is ended here."""
    if isinstance(what, Disable):
        invitations.end_all(unit.connection, account, unit.at)
        return {"disabled": True, "disabled_because": what.reason.strip()}
    if isinstance(what, Roles):
        return {**_roles_after(accounts.roles_of(row), what)}
    if isinstance(what, Invite):
        return {"disabled": False, "disabled_because": None, "password_hash": "", "invited": True}
    if what.what == "second-factor":
        second_factor.turn_off(unit.connection, account)
        passkeys.remove(unit.connection, account)
    elif what.what == "outside":
        identities.unbind(unit.connection, account)
    return {"password_hash": ""} if what.what == "password" else {}


def _roles_after(has: tuple[Role, ...], what: Roles) -> dict[str, str | None]:
    after = [role for role in dict.fromkeys((*has, *(Role(name) for name in what.add))) if role.value not in what.remove]
    return {"role": after[0].value, "also_roles": " ".join(role.value for role in after[1:]) or None}


def _invited(node: Node, unit: Unit, account: str, name: str, person_id: str) -> Changed:
    token, ends = invitations.make(unit.connection, account, unit.at, node.people.invitation_hours)
    return Changed(name, person_id, token, ends.astimezone(node.site.zone))
