"""Accounts and sessions: who signs in, with password and second factor.

Main job: `sign_in` answers a session or one refusal that does not say which part was wrong; `session_of` turns a token into who it is.

Passwords are argon2id; a session token is kept only as its SHA-256. Wrong attempts make the next one wait, at most a minute: a guesser gets about a thousand
tries a day, and nobody can shut a nurse out for longer. **Source**: design section 4; NIST SP 800-63B, 5.2.2 (throttling; the numbers are ours).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING, Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, insert, select, update

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor, Role
from baybridge.node.people import second_factor
from baybridge.node.tables import account as accounts
from baybridge.node.tables import session as sessions
from baybridge.node.tables import sign_in_attempt as attempts

if TYPE_CHECKING:
    from baybridge.node.storage import Storage

SESSION_HOURS = 12
#: Attempts that wait for nothing; then the wait doubles from a second to the longest, until nobody tried for an hour.
_FREE_ATTEMPTS, _LONGEST_WAIT_S, _FORGOTTEN_AFTER = 5, 60, timedelta(hours=1)
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


def sign_in(storage: Storage, name: str, password: str, code: str, at: datetime) -> Session | Refusal:
    """A new session of the account that name, password and (where set) one-time code belong to.

    An attempt is counted before it is looked at, so that many at once are no way around the wait, and the costly look at the password holds nothing up.
    """
    with storage.writing() as connection:
        wait_s = _counted(connection, _digest(name), at)
    if wait_s and not _has_code(storage, name, code, at):
        return refuse(Reason("accounts.wait", {"seconds": wait_s}), category=Category.UNAUTHENTICATED)
    with storage.reading() as connection:
        right = _is_password(connection, name, password)
    if not right:
        return _wrong()
    with storage.writing() as connection:
        account = _accepted(connection, name, code, at)
        if isinstance(account, Refusal):
            return account
        connection.execute(delete(attempts).where(attempts.c.name_sha256 == _digest(name)))
        return open_session(connection, account, at)


def _has_code(storage: Storage, name: str, code: str, at: datetime) -> bool:
    """Whether the one-time code of a name is right: who has it is not held up by the failures of others. It is used up only with the right password."""
    with storage.reading() as connection:
        secret = connection.execute(select(accounts.c.totp_secret).where(accounts.c.name == name)).scalar()
    return bool(secret) and second_factor.is_current(str(secret), code, at)


def _counted(connection: Connection, name_sha256: str, at: datetime) -> int:
    """Seconds that an attempt has to wait; 0 where it may be made, which is then counted."""
    row = connection.execute(select(attempts).where(attempts.c.name_sha256 == name_sha256)).first()
    last = datetime.fromisoformat(row.last_at) if row is not None else None
    if row is not None and last is not None and last > at:  # the clock was set back: nobody waits for what it said before
        last = at
        connection.execute(update(attempts).where(attempts.c.name_sha256 == name_sha256).values(last_at=at.isoformat()))
    failed = row.failed if row is not None and last is not None and at - last < _FORGOTTEN_AFTER else 0
    if last is not None and failed >= _FREE_ATTEMPTS:
        ready = last + timedelta(seconds=min(_LONGEST_WAIT_S, 2 ** min(failed - _FREE_ATTEMPTS, 6)))
        if at < ready:
            return ceil((ready - at).total_seconds())
    old = (at - _FORGOTTEN_AFTER).isoformat()
    connection.execute(delete(attempts).where((attempts.c.name_sha256 == name_sha256) | (attempts.c.last_at < old)))
    connection.execute(insert(attempts).values(name_sha256=name_sha256, failed=failed + 1, last_at=at.isoformat()))
    return 0


def _wrong() -> Refusal:
    return refuse(Reason("accounts.wrong"), category=Category.UNAUTHENTICATED)


def _is_password(connection: Connection, name: str, password: str) -> bool:
    """Whether a password is the one of a name; a name that nobody has costs the same time."""
    kept = connection.execute(select(accounts.c.password_hash).where(accounts.c.name == name)).scalar()
    try:
        return _HASHER.verify(kept or _NOBODY, password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def check_password(connection: Connection, name: str, password: str, code: str, at: datetime) -> str | Refusal:
    """The account that belongs to a name, password and (where set) one-time code; one refusal for every way to be wrong."""
    if not _is_password(connection, name, password):
        return _wrong()
    return _accepted(connection, name, code, at)


def _accepted(connection: Connection, name: str, code: str, at: datetime) -> str | Refusal:
    """The account of a name whose password was right, if it is open and the one-time code is right where one is set."""
    row = connection.execute(select(accounts).where(accounts.c.name == name)).mappings().one()
    if row["disabled"] or (row["totp_secret"] and not second_factor.accepts(connection, row["account"], row["totp_secret"], code, at)):
        return _wrong()
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


def close_sessions(connection: Connection, account: str) -> None:
    """End every session of an account now."""
    connection.execute(sessions.delete().where(sessions.c.account == account))


def names(connection: Connection) -> dict[str, str]:
    """The name of every account."""
    return {row.account: row.name for row in connection.execute(select(accounts.c.account, accounts.c.name))}


def of_organisation(connection: Connection, organisation: str) -> list[dict[str, Any]]:
    """The accounts of an organisation by name, each as its columns without what proves who it is."""
    shown = [column for column in accounts.c if column.name not in ("password_hash", "totp_secret")]
    mine = select(*shown).where(accounts.c.organisation == organisation).order_by(accounts.c.name)
    return [dict(row) for row in connection.execute(mine).mappings()]


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
