"""Whose account an identity elsewhere is: bound once by issuer and subject, by who holds the invitation or the account itself, never by a name or mail address.

Main job: `account_of(connection, issuer, subject)`, `bind`, `unbind`, `of_account`; `password_counts` says whether an account that is bound still signs in by its own
password. **Source**: OpenID Connect Core 1.0, 5.7 (issuer and subject together alone name a person for good).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.node.tables import outside_identity as table


@dataclass(frozen=True, slots=True)
class Identity:
    """One identity of an account elsewhere, as its owner and administrators see it."""

    issuer: str
    bound_at: str
    last_seen_at: str | None
    password_until: str
    held_roles: tuple[str, ...]


def account_of(connection: Connection, issuer: str, subject: str) -> str | None:
    """The account that is bound to an identity."""
    return connection.execute(select(table.c.account).where(table.c.issuer == issuer, table.c.subject == subject)).scalar()


def bind(connection: Connection, account: str, issuer: str, subject: str, at: datetime) -> Refusal | None:
    """Bind an account to an identity; refused where the identity is another account's, or the account has another one of the same issuer."""
    owner = account_of(connection, issuer, subject)
    if owner == account:
        return None
    if owner is not None:
        return refuse(Reason("sign_in.outside.bound_elsewhere"), category=Category.CONFLICT)
    if any(one.issuer == issuer for one in of_account(connection, account)):
        return refuse(Reason("sign_in.outside.bound_already"), category=Category.CONFLICT)
    row = {"issuer": issuer, "subject": subject, "account": account, "bound_at": at.isoformat(), "password_until": at.isoformat()}
    connection.execute(insert(table).values(row))
    return None


def unbind(connection: Connection, account: str, issuer: str = "") -> int:
    """Take the identities of an account away, or the one of an issuer; how many there were."""
    mine = (table.c.account == account, *((table.c.issuer == issuer,) if issuer else ()))
    return connection.execute(delete(table).where(*mine)).rowcount


def seen(connection: Connection, issuer: str, subject: str, at: datetime, *, password_days: int, held: frozenset[str]) -> None:
    """Note that somebody signed in by an identity: until when the own password counts now, and which roles wait for two administrators."""
    until = (at + timedelta(days=password_days)).isoformat()
    changed = {"password_until": until, "held_roles": " ".join(sorted(held)) or None, "last_seen_at": at.isoformat()}
    connection.execute(update(table).where(table.c.issuer == issuer, table.c.subject == subject).values(changed))


def of_account(connection: Connection, account: str) -> list[Identity]:
    """The identities of an account, by issuer."""
    rows = connection.execute(select(table).where(table.c.account == account).order_by(table.c.issuer))
    return [Identity(row.issuer, row.bound_at, row.last_seen_at, row.password_until, tuple((row.held_roles or "").split())) for row in rows]


def bound(connection: Connection) -> frozenset[str]:
    """The accounts that are bound to an identity elsewhere."""
    return frozenset(connection.execute(select(table.c.account)).scalars())


def password_counts(connection: Connection, account: str, at: datetime) -> bool:
    """Whether the account's own password counts: always where it is bound to nothing, else for the days after the last sign-in elsewhere that the document says."""
    until = connection.execute(select(func.max(table.c.password_until)).where(table.c.account == account)).scalar()
    return until is None or at < datetime.fromisoformat(until)
