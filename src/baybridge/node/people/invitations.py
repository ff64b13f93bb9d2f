"""Invitations: how an account gets its password. Each is shown once, works once and for some hours; the newest alone counts.

Main job: `make` for an administrator, `account_of` and `accept` for who was invited. Only the SHA-256 of a token is kept.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select, update

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.node.people import passwords, refused_entry
from baybridge.node.tables import account as accounts
from baybridge.node.tables import invitation as invitations
from baybridge.node.tables import session as sessions

if TYPE_CHECKING:
    from baybridge.node.node import Node


def make(connection: Connection, account: str, at: datetime, hours: float) -> tuple[str, datetime]:
    """A fresh invitation of an account, and when it ends; the ones before it end now."""
    token, ends = secrets.token_urlsafe(24), at + timedelta(hours=hours)
    end_all(connection, account, at)
    row = {"token_sha256": _digest(token), "account": account, "made_at": at.isoformat(), "expires_at": ends.isoformat()}
    connection.execute(insert(invitations).values(row))
    return token, ends


def end_all(connection: Connection, account: str, at: datetime) -> None:
    """No invitation of an account counts any more."""
    mine = (invitations.c.account == account, invitations.c.ended_at.is_(None))
    connection.execute(update(invitations).where(*mine).values(ended_at=at.isoformat()))


def account_of(connection: Connection, token: str, at: datetime) -> str | None:
    """The account that an invitation is for; None where it is unknown, used, over, or the account is disabled or its person has left."""
    query = (
        select(invitations.c.account, invitations.c.expires_at, accounts.c.leaves_at)
        .join(accounts, accounts.c.account == invitations.c.account)
        .where(invitations.c.token_sha256 == _digest(token), invitations.c.ended_at.is_(None), accounts.c.disabled.is_(False))
    )
    row = connection.execute(query).first()
    ends = [datetime.fromisoformat(moment) for moment in (row.expires_at, row.leaves_at) if moment] if row is not None else []
    return str(row.account) if row is not None and at < min(ends) else None


def name_of(connection: Connection, token: str, at: datetime) -> str:
    """The sign-in name that an invitation is for; empty where it counts no more."""
    account = account_of(connection, token, at) if token else None
    return str(connection.execute(select(accounts.c.name).where(accounts.c.account == account)).scalar()) if account else ""


def accept(node: Node, token: str, password: str) -> str | Refusal:
    """Set the password of the account that was invited; the account, or why not. The invitation is used up with the password alone."""
    digest = ""
    with node.storage.reading() as connection:
        account = account_of(connection, token, node.now())
        name = connection.execute(select(accounts.c.name).where(accounts.c.account == account)).scalar()
    if account is not None:
        weak = passwords.against(password, str(name), node.people.password_at_least)
        if weak is not None:
            return refuse(weak, category=Category.INVALID)
        digest = passwords.hashed(password)  # outside the transaction: it takes long on purpose
    with node.unit() as unit:
        if account is None or account_of(unit.connection, token, unit.at) != account:
            return refuse(Reason("accounts.invitation.over"), category=Category.FORBIDDEN)
        end_all(unit.connection, account, unit.at)
        unit.connection.execute(sessions.delete().where(sessions.c.account == account))
        unit.connection.execute(update(accounts).where(accounts.c.account == account).values(password_hash=digest))
        unit.log("account", "", "invitation-accepted", account.encode(), node.system(), "administration")
    return account


def refused(node: Node, token: str) -> Refusal:
    """The refusal of an invitation that is unknown, used or over, or of somebody who signs in no more, with its entry in the log."""
    with node.storage.reading() as connection:
        account = connection.execute(select(invitations.c.account).where(invitations.c.token_sha256 == _digest(token))).scalar()
    refused_entry.note_alone(node, "invitation-refused", "accounts.invitation.over", str(account or ""))
    return refuse(Reason("accounts.invitation.over"), category=Category.FORBIDDEN)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
