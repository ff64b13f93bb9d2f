"""Tasks that persons have: who can have one, and what becomes of them when an account signs in no more.

Main job: `staff(connection, site, at)`, the accounts that can have a task, with their roles; `give_back(unit, account)` when one is closed.

Elsewhere: the rules in `journey/held_tasks.py`, the lists in `projections.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from baybridge.journey.command import Site
from baybridge.journey.events import TaskGivenBack
from baybridge.journey.held_tasks import holders
from baybridge.node import tables
from baybridge.node.people import accounts

if TYPE_CHECKING:
    from baybridge.node.unit import Unit


def staff(connection: Connection, site: Site, at: datetime) -> Mapping[str, frozenset[str]]:
    """The accounts of this organisation that sign in now, with their roles."""
    rows = accounts.of_organisation(connection, site.organisation)
    return {row["account"]: frozenset(role.value for role in accounts.roles_of(row)) for row in rows if not accounts.is_closed(row, at)}


def signing_in(connection: Connection, names: Collection[str], site: Site, at: datetime) -> frozenset[str]:
    """Which of these accounts are of this organisation and sign in now."""
    account = tables.account
    rows = connection.execute(select(account).where(account.c.account.in_(sorted(names)))).mappings()
    return frozenset(row["account"] for row in rows if row["organisation"] == site.organisation and not accounts.is_closed(row, at))


def called(connection: Connection, names: Collection[str]) -> dict[str, str]:
    """What the person of each of these accounts is called."""
    account, person = tables.account.c, tables.person.c
    named = select(account.account, account.name, person.name.label("of")).outerjoin(tables.person, person.person_id == account.person_id)
    rows = connection.execute(named.where(account.account.in_(sorted(names)))) if names else ()
    return {row.account: row.of or row.name for row in rows}


def give_back(unit: Unit, account: str) -> None:
    """Give every task that an account has back to its role, as entries of the cases."""
    from baybridge.node.unit import system_actor
    from baybridge.node.upkeep import projections  # both read this module

    named = unit.connection.execute(select(tables.task.c.case_id).where(tables.task.c.holder == account).distinct()).scalars().all()
    for case_id in named:
        events, case = unit.known(case_id)
        mine = [TaskGivenBack(task=task) for task, holder in holders(case, unit.site.node).items() if holder == account]
        if mine:
            unit.append(case_id, mine, system_actor(unit.site), known=len(events))
            projections.project(unit, case_id)
