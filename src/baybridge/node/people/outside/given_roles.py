"""Roles that somebody's groups elsewhere give, at each sign-in: a group that is gone takes its role away here, and what needs two administrators waits for them.

Main job: `apply(unit, account, named, provider, groups)`. The document says which groups give which roles; a role that no group of it gives stays the
administrators'. Nobody becomes an administrator by a group, nor gets a second role that signs: both are held and shown until two administrators give them. The last
active administrator stays one.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from baybridge.base.canonical import canonical_bytes
from baybridge.documents.sign_in import Elsewhere
from baybridge.journey.command import Role
from baybridge.node.people import accounts
from baybridge.node.people.access import is_personal
from baybridge.node.people.two_administrators import SIGNING, last_administrator, last_to_stay
from baybridge.node.tables import account as table
from baybridge.node.unit import Unit, system_actor
from baybridge.node.upkeep import given_tasks


@dataclass(frozen=True, slots=True)
class Given:
    """What followed for an account: roles it got, lost, and those that wait for two administrators. Without a role left it is closed."""

    got: frozenset[str]
    lost: frozenset[str]
    held: frozenset[str]
    closed: bool


def apply(unit: Unit, account: str, named: str, provider: Elsewhere, groups: tuple[str, ...]) -> Given:
    """Give and take the roles of an account by the groups of its person; every change is in the log, and ends the sessions where a role is lost."""
    row = unit.connection.execute(select(table).where(table.c.account == account)).mappings().one()
    has = [role.value for role in accounts.roles_of(row)]
    if is_personal(has):
        return Given(frozenset(), frozenset(), frozenset(), closed=False)  # of a record, not of a group
    mapped, governed = provider.mapped(groups), provider.governed
    lost = {role for role in has if role in governed and role not in mapped}
    if Role.ADMINISTRATOR in lost and (last_administrator(unit.connection, account, unit.at) or last_to_stay(unit.connection, account, unit.at)):
        lost.discard(Role.ADMINISTRATOR)
    fresh = mapped - {*has}
    held = _held(unit, account, str(row["person_id"]), {*has} - lost, fresh)
    after = [*(role for role in has if role not in lost), *sorted(fresh - held)]
    given = Given(frozenset(fresh - held), frozenset(lost), frozenset(held), closed=not after)
    if not (given.got or given.lost):
        return given
    if after:
        changed: dict[str, object] = {"role": after[0], "also_roles": " ".join(after[1:]) or None}
    else:
        changed = {"disabled": True, "disabled_because": f"{named}: none of its groups gives a role"}
    unit.connection.execute(update(table).where(table.c.account == account).values(changed))
    if lost:
        accounts.close_sessions(unit.connection, account)
    if given.closed:
        given_tasks.give_back(unit, account)
    told = {"account": account, "provider": named, **{name: sorted(getattr(given, name)) for name in ("got", "lost", "held")}, "closed": given.closed}
    unit.log("account", "", "roles-by-groups", canonical_bytes(told), system_actor(unit.site), "administration")
    return given


def _held(unit: Unit, account: str, person: str, kept: set[str], fresh: frozenset[str]) -> frozenset[str]:
    """The roles that no group gives by itself: the administrator's, and those by which one person could sign as two."""
    held = {role for role in fresh if role == Role.ADMINISTRATOR}
    others = unit.connection.execute(select(table).where(table.c.person_id == person, table.c.account != account)).mappings()
    signs = {role.value for one in others for role in accounts.roles_of(one)} & {*SIGNING} | (kept & {*SIGNING})
    joining = fresh & {*SIGNING}
    return frozenset(held | joining) if len(signs | joining) > 1 else frozenset(held)
