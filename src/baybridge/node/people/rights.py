"""Who may do what: the roles of each person, and the commands of each role with who confirms them, from the table of commands itself.

Main job: `of_people(connection, at)`, `of_roles()`. Which pages a role reads stands in `access.py`; whose case it is decides beside the role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from baybridge.base.json_value import JsonDict
from baybridge.journey.command import Role
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people.account_changes import ASSIGNABLE
from baybridge.node.people.account_list import Listed, listed
from baybridge.node.tables import account, person


@dataclass(frozen=True, slots=True)
class OfPerson:
    """A person with every account, and the last day on which one of them signs in, where that is known."""

    person_id: str
    name: str
    profession: str
    registration: str
    leaves_at: str | None
    accounts: tuple[Listed, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles in which the person acts now, by whichever account."""
        return tuple(sorted({role for one in self.accounts if one.state == "active" for role in one.roles}))

    def as_json(self) -> JsonDict:
        """As the command prints it."""
        accounts = [{"account": one.account, "state": one.state, "roles": list(one.roles), "organisation": one.organisation} for one in self.accounts]
        return {
            "person_id": self.person_id, "name": self.name, "profession": self.profession, "registration": self.registration, "leaves_at": self.leaves_at,
            "roles": list(self.roles), "accounts": [*accounts],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Right:
    """A command that a role gives; `confirmed_by` are the roles of which another person confirms it, some of them only for some inputs."""

    command: str
    signed: bool
    confirmed_by: tuple[str, ...]

    def as_json(self) -> JsonDict:
        """As the command prints it."""
        return {"command": self.command, "signed": self.signed, "confirmed_by": list(self.confirmed_by)}


def of_people(connection: Connection, at: datetime) -> list[OfPerson]:
    """Every person who has an account, by name."""
    accounts: dict[str, list[Listed]] = {}
    for one in listed(connection, at):
        accounts.setdefault(one.person_id, []).append(one)
    about = {row.person_id: row for row in connection.execute(select(person))}
    leaves: dict[str, str] = {}
    for row in connection.execute(select(account.c.person_id, account.c.leaves_at).where(account.c.leaves_at.is_not(None))):
        leaves[row.person_id] = min(row.leaves_at, leaves.get(row.person_id, row.leaves_at))
    found = []
    for who, own in accounts.items():
        known = about.get(who)
        profession, registration = (known.profession or "", known.registration or "") if known is not None else ("", "")
        found.append(OfPerson(who, own[0].name, profession, registration, leaves.get(who), tuple(own)))
    return sorted(found, key=lambda one: (one.name.casefold(), one.person_id))


def of_roles() -> dict[Role, tuple[Right, ...]]:
    """The commands of each role that an account can have, by name."""
    return {role: tuple(_right(name) for name in sorted(COMMANDS) if role in COMMANDS[name].roles) for role in ASSIGNABLE}


def _right(name: str) -> Right:
    row = COMMANDS[name]
    confirms = () if row.second is None else tuple(sorted(role.value for role in row.second.roles or row.roles))
    return Right(name, bool(row.signed or row.second), confirms)
