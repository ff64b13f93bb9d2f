"""The accounts of a node as an administrator sees them: whose each is, whether it signs in, and where it is signed in.

Main job: `listed`, `row_of`, `state_of`, `sessions`, `last_days`, `last_days_of`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal
from unicodedata import normalize

from sqlalchemy import Connection, RowMapping, select

from baybridge.base.json_value import JsonDict
from baybridge.node.people import accounts
from baybridge.node.people.calendar_links import Link, of_account
from baybridge.node.people.outside import identities
from baybridge.node.tables import account as table
from baybridge.node.tables import person as persons_table

State = Literal["invited", "active", "disabled", "left"]


@dataclass(frozen=True, slots=True)
class Listed:
    """An account as an administrator sees it."""

    account: str
    person_id: str
    name: str
    roles: tuple[str, ...]
    organisation: str
    state: State
    second_factor: bool
    last_sign_in: str | None

    def as_json(self) -> JsonDict:
        """The row of the contract."""
        return {**asdict(self), "roles": list(self.roles)}


def row_of(connection: Connection, name: str) -> RowMapping | None:
    """The account of a sign-in name, or of its own id."""
    found = connection.execute(select(table).where(table.c.name == name)).mappings().first()
    return found or connection.execute(select(table).where(table.c.account == name)).mappings().first()


def spelling(name: str) -> str:
    """A name as people compare it, and a directory does: small and capital letters, forms of letters and blanks do not count. Source: RFC 4518, 2."""
    return " ".join(normalize("NFKC", name).casefold().split())


def spelt_here(connection: Connection, name: str) -> str | None:
    """The sign-in name that is here already and differs in spelling alone."""
    return next((one for one in connection.execute(select(table.c.name)).scalars() if spelling(one) == spelling(name)), None)


def last_days(connection: Connection, zone: tzinfo) -> dict[str, date]:
    """The last day on which an account signs in, by sign-in name, of those that have one."""
    rows = connection.execute(select(table.c.name, table.c.leaves_at).where(table.c.leaves_at.is_not(None)))
    return {row.name: _day_before(row.leaves_at, zone) for row in rows}


def last_days_of(connection: Connection, person_id: str, zone: tzinfo) -> dict[str, date | None]:
    """The last day of each account of a person, by sign-in name; None of one that has none."""
    rows = connection.execute(select(table.c.name, table.c.leaves_at).where(table.c.person_id == person_id))
    return {row.name: _day_before(row.leaves_at, zone) if row.leaves_at else None for row in rows}


def _day_before(leaves_at: str, zone: tzinfo) -> date:
    return (datetime.fromisoformat(leaves_at).astimezone(zone) - timedelta(days=1)).date()


def sessions(connection: Connection, at: datetime) -> dict[str, list[accounts.OpenSession]]:
    """The open sessions of every account that has one, by sign-in name."""
    found = {row.name: accounts.sessions_of(connection, row.account, at) for row in connection.execute(select(table.c.account, table.c.name))}
    return {name: open_ones for name, open_ones in found.items() if open_ones}


def calendar_links_of(connection: Connection, at: datetime) -> dict[str, Link]:
    """The links of calendars that count, by sign-in name."""
    found = {row.name: of_account(connection, row.account, at) for row in connection.execute(select(table.c.account, table.c.name))}
    return {name: link for name, link in found.items() if link is not None}


def identities_of(connection: Connection) -> dict[str, list[identities.Identity]]:
    """Who the accounts that sign in elsewhere are there, by sign-in name."""
    bound = identities.bound(connection)
    rows = connection.execute(select(table.c.account, table.c.name).where(table.c.account.in_(sorted(bound))))
    return {row.name: identities.of_account(connection, row.account) for row in rows}


def state_of(row: RowMapping, at: datetime, bound: frozenset[str]) -> State:
    """Whether an account signs in now, and why not; `bound` are the accounts that sign in elsewhere."""
    if row["disabled"]:
        return "disabled"
    if row["leaves_at"] is not None and datetime.fromisoformat(row["leaves_at"]) <= at:
        return "left"
    return "active" if row["password_hash"] or row["account"] in bound else "invited"


def listed(connection: Connection, at: datetime) -> list[Listed]:
    """Every account, by sign-in name."""
    bound = identities.bound(connection)
    query = select(table, persons_table.c.name.label("of")).outerjoin(persons_table, persons_table.c.person_id == table.c.person_id)
    return [
        Listed(
            account=row["name"],
            person_id=row["person_id"] or "",
            name=row["of"] or row["name"],
            roles=tuple(role.value for role in accounts.roles_of(row)),
            organisation=row["organisation"],
            state=state_of(row, at, bound),
            second_factor=bool(row["totp_secret"]) or accounts.has_passkey(connection, row["account"]),
            last_sign_in=row["last_sign_in"],
        )
        for row in connection.execute(query.order_by(table.c.name)).mappings()
    ]
