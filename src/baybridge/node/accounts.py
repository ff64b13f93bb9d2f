"""Accounts and sessions: who signs in, with password and second factor.

Main job: `sign_in` answers a session or one refusal that does not say which part was wrong; `actor_of` turns a token into an `Actor`.

Passwords are argon2id; a session token is kept only as its SHA-256. **Source**: design section 4.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, insert, select, update

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor, Role
from baybridge.node import second_factor
from baybridge.node.tables import account as accounts
from baybridge.node.tables import session as sessions

SESSION_HOURS = 12
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash(secrets.token_hex(8))  # so that an unknown name costs the same time as a wrong password


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person: who, the token to send, the token that forms carry, the language of the pages."""

    actor: Actor
    name: str
    csrf: str
    language: str
    token: str = ""


def add_account(
    connection: Connection,
    *,
    account: str,
    name: str,
    role: Role,
    organisation: str,
    password: str,
    patient_id: str | None = None,
    language: str = "en",
    totp_secret: str | None = None,
) -> None:
    """Store a new account; the caller has checked that the name is free."""
    row = {
        "account": account,
        "name": name,
        "role": role.value,
        "organisation": organisation,
        "password_hash": _HASHER.hash(password),
        "totp_secret": totp_secret,
        "patient_id": patient_id,
        "language": language,
        "disabled": False,
    }
    connection.execute(insert(accounts).values(row))


def check_password(connection: Connection, name: str, password: str, code: str, at: datetime) -> str | Refusal:
    """The account that belongs to a name, password and (where set) one-time code; one refusal for every way to be wrong."""
    row = connection.execute(select(accounts).where(accounts.c.name == name)).mappings().first()
    wrong = refuse(Reason("accounts.wrong"), category=Category.UNAUTHENTICATED)
    try:
        _HASHER.verify(row["password_hash"] if row else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return wrong
    if row is None or row["disabled"]:
        return wrong
    if row["totp_secret"] and not second_factor.accepts(connection, row["account"], row["totp_secret"], code, at):
        return wrong
    return str(row["account"])


def proves(connection: Connection, account: str, password: str, code: str, at: datetime) -> bool:
    """Whether a signed-in person gives the account's password and code once more, for what needs more than a session."""
    name = connection.execute(select(accounts.c.name).where(accounts.c.account == account)).scalar()
    return name is not None and not isinstance(check_password(connection, name, password, code, at), Refusal)


def open_session(connection: Connection, account: str, at: datetime) -> Session:
    """A new session of an account; the token is shown once."""
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    connection.execute(
        insert(sessions).values(
            token_sha256=_digest(token),
            account=account,
            csrf=csrf,
            created_at=at.isoformat(),
            expires_at=(at + timedelta(hours=SESSION_HOURS)).isoformat(),
        )
    )
    found = session_of(connection, token, at)
    if found is None:
        raise RuntimeError("a session that was just opened cannot be read back")
    return Session(found.actor, found.name, csrf, found.language, token)


def session_of(connection: Connection, token: str, at: datetime) -> Session | None:
    """The session of a token, or None where it is unknown, ended or its account is closed."""
    query = (
        select(accounts, sessions.c.csrf, sessions.c.expires_at)
        .join(sessions, sessions.c.account == accounts.c.account)
        .where(sessions.c.token_sha256 == _digest(token))
    )
    row = connection.execute(query).mappings().first()
    if row is None or row["disabled"] or datetime.fromisoformat(row["expires_at"]) <= at:
        return None
    actor = Actor(row["account"], Role(row["role"]), row["organisation"], row["patient_id"])
    return Session(actor, row["name"], row["csrf"], row["language"])


def close_session(connection: Connection, token: str) -> None:
    """End a session now."""
    connection.execute(sessions.delete().where(sessions.c.token_sha256 == _digest(token)))


def set_language(connection: Connection, account: str, language: str) -> None:
    """The language of an account's pages."""
    connection.execute(update(accounts).where(accounts.c.account == account).values(language=language))


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
