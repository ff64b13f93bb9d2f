"""Accounts and sessions: who signs in, with password and second factor.

Main job: `sign_in` answers a session or one refusal that does not say which part was wrong; `session_of` turns a token into who it is.

A session token is kept only as its SHA-256. Wrong attempts make the next one wait, at most a minute: a guesser gets about a thousand tries a day, and nobody can
shut a nurse out for longer; who has the right second factor, or comes from a device from which the account signed in before, does not wait for others' failures.
Elsewhere: changes of accounts in `administration.py`, passwords in `passwords.py`. **Source**: design section 4; NIST SP 800-63B, 5.2.2 (throttling; the numbers
are ours).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING

from sqlalchemy import Connection, RowMapping, bindparam, delete, exists, insert, select, update

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor, Role
from baybridge.node.people import passwords, persons, second_factor
from baybridge.node.people.outside import identities
from baybridge.node.people.persons import Person
from baybridge.node.tables import account as accounts
from baybridge.node.tables import calendar_link as links
from baybridge.node.tables import known_device as devices
from baybridge.node.tables import passkey as passkeys
from baybridge.node.tables import session as sessions
from baybridge.node.tables import sign_in_attempt as attempts

if TYPE_CHECKING:
    from baybridge.documents.people import People
    from baybridge.node.storage import Storage

SESSION_HOURS = 12
_FRESH = timedelta(minutes=10)  # convention of this project
_REMEMBERED = timedelta(days=1)  # how long a session that is over is known
_KEY = 16  # characters of the hash of a token that name a session
#: Attempts that wait for nothing; then the wait doubles from a second to the longest, until nobody tried for an hour.
_FREE_ATTEMPTS, _LONGEST_WAIT_S, _FORGOTTEN_AFTER = 5, 60, timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person: who, the token to send, the token that forms carry, the language of the pages.

    `device` is the token of this browser, to be sent along at the next sign-in.
    """

    actor: Actor
    name: str
    csrf: str
    language: str
    until: datetime  # when it ends by itself, or its person leaves
    token: str = ""
    device: str = ""
    unprotected: bool = False  # it has no second factor, and none was used where the person signed in
    invited: bool = False
    provider: str = ""  # where the person signed in, if not here


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
    person_id: str | None = None,
    **more: str | bool | None,
) -> None:
    """Store a new account, of a new person unless one is named; the caller has checked that the name is free. Without a password nobody signs in by it."""
    if person_id is None:
        person_id = persons.new_id()
        persons.add(connection, Person(person_id, name))
    row = {
        "account": account,
        "name": name,
        "role": role.value,
        "organisation": organisation,
        "password_hash": passwords.hashed(password) if password else "",
        "totp_secret": second_factor.sealed(connection, account, totp_secret) if totp_secret else None,
        "patient_id": patient_id,
        "language": language,
        "disabled": False,
        "person_id": person_id,
        **more,
    }
    connection.execute(insert(accounts).values(row))


def sign_in(
    storage: Storage, name: str, password: str, code: str, at: datetime, *, device: str = "", kind: str = "", hours: float = SESSION_HOURS
) -> Session | Refusal:
    """A new session of the account that name, password and (where set) one-time code belong to; `device` is the token that this browser was given before.

    An attempt is counted before it is looked at, so that many at once are no way around the wait, and the costly look at the password holds nothing up.
    """
    held_up = waits(storage, name, code, device, at)
    if held_up is not None:
        return held_up
    with storage.reading() as connection:
        right = _is_password(connection, name, password)
    if not right:
        return _wrong()
    with storage.writing(even_restored=True) as connection:
        account = _accepted(connection, name, code, at)
        if isinstance(account, Refusal):
            return account
        forget_attempts(connection, name)
        connection.execute(update(accounts).where(accounts.c.account == account).values(last_sign_in=at.isoformat()))
        known = remember_device(connection, account, device, at)
        return replace(open_session(connection, account, at, hours=hours, device=kind), device=known)


def waits(storage: Storage, name: str, code: str, device: str, at: datetime) -> Refusal | None:
    """The refusal of an attempt that has to wait; None where it may be made, which is then counted."""
    with storage.writing(even_restored=True) as connection:
        wait_s = counted(connection, name, at)
    if not wait_s or _has_code(storage, name, code, at):
        return None
    with storage.reading() as connection:
        account = connection.execute(select(accounts.c.account).where(accounts.c.name == name)).scalar()
        if account is not None and is_known(connection, account, device):
            return None
    return refuse(Reason("accounts.wait", {"seconds": wait_s}), category=Category.UNAUTHENTICATED)


def is_known(connection: Connection, account: str, device: str) -> bool:
    """Whether an account signed in from the browser of this token before."""
    query = select(devices.c.account).where(devices.c.account == account, devices.c.device_sha256 == digest(device))
    return bool(device) and connection.execute(query).first() is not None


def remember_device(connection: Connection, account: str, device: str, at: datetime) -> str:
    """The token of this browser, known for this account from now on."""
    token = device or secrets.token_urlsafe(24)
    there = select(devices.c.account).where(devices.c.account == account, devices.c.device_sha256 == digest(token))
    if connection.execute(there).first() is None:
        connection.execute(insert(devices).values(device_sha256=digest(token), account=account, since_at=at.isoformat()))
    return token


def _has_code(storage: Storage, name: str, code: str, at: datetime) -> bool:
    """Whether the one-time code of a name is right: who has it is not held up by the failures of others. It is used up only with the right password."""
    with storage.reading() as connection:
        row = connection.execute(select(accounts.c.account, accounts.c.totp_secret).where(accounts.c.name == name)).first()
        return row is not None and bool(row.totp_secret) and second_factor.is_current(connection, row.account, row.totp_secret, code, at)


def counted(connection: Connection, name: str, at: datetime) -> int:
    """Seconds that an attempt for a name has to wait; 0 where it may be made, which is then counted."""
    name_sha256 = digest(name)
    row = connection.execute(select(attempts).where(attempts.c.name_sha256 == name_sha256)).first()
    last = datetime.fromisoformat(row.last_at) if row is not None else None
    if row is not None and last is not None and last > at:  # the clock was set back: nobody waits for what it said before
        last = at
        connection.execute(update(attempts).where(attempts.c.name_sha256 == name_sha256).values(last_at=at.isoformat()))
    failed = row.failed if row is not None and last is not None and at - last < _FORGOTTEN_AFTER else 0
    wait_s = _wait_s(failed, last, at) if last is not None else 0
    if wait_s:
        return wait_s
    old = (at - _FORGOTTEN_AFTER).isoformat()
    connection.execute(delete(attempts).where((attempts.c.name_sha256 == name_sha256) | (attempts.c.last_at < old)))
    connection.execute(insert(attempts).values(name_sha256=name_sha256, failed=failed + 1, last_at=at.isoformat()))
    return 0


def has_to_wait(connection: Connection, name: str, at: datetime) -> bool:
    """Whether an attempt for a name has to wait now; it is not counted."""
    row = connection.execute(select(attempts).where(attempts.c.name_sha256 == digest(name))).first()
    return row is not None and _wait_s(row.failed, min(datetime.fromisoformat(row.last_at), at), at) > 0


def _wait_s(failed: int, last: datetime, at: datetime) -> int:
    """Seconds that are left of the wait after so many attempts, the last of them then."""
    if failed < _FREE_ATTEMPTS or at - last >= _FORGOTTEN_AFTER:
        return 0
    ready = last + timedelta(seconds=min(_LONGEST_WAIT_S, 2 ** min(failed - _FREE_ATTEMPTS, 6)))
    return max(0, ceil((ready - at).total_seconds()))


def forget_attempts(connection: Connection, name: str) -> None:
    """Count the attempts for a name from the start again: the right one came."""
    connection.execute(delete(attempts).where(attempts.c.name_sha256 == digest(name)))


def _wrong() -> Refusal:
    return refuse(Reason("accounts.wrong"), category=Category.UNAUTHENTICATED)


def _is_password(connection: Connection, name: str, password: str) -> bool:
    """Whether a password is the one of a name; a name that nobody has costs the same time."""
    return passwords.matches(connection.execute(select(accounts.c.password_hash).where(accounts.c.name == name)).scalar(), password)


def check_password(connection: Connection, name: str, password: str, code: str, at: datetime) -> str | Refusal:
    """The account that belongs to a name, password and (where set) one-time code; one refusal for every way to be wrong."""
    if not _is_password(connection, name, password):
        return _wrong()
    return _accepted(connection, name, code, at)


def _accepted(connection: Connection, name: str, code: str, at: datetime) -> str | Refusal:
    """The account of a name whose password was right, if it is open and the one-time code is right where one is set."""
    row = connection.execute(select(accounts).where(accounts.c.name == name)).mappings().first()
    if row is None or is_closed(row, at):
        return _wrong()
    by_device = has_passkey(connection, row["account"])
    if by_device and not code:
        return refuse(Reason("accounts.passkey.needed"), category=Category.UNAUTHENTICATED)
    if (row["totp_secret"] or by_device) and not second_factor.accepts(connection, row["account"], row["totp_secret"] or "", code, at):
        return _wrong()
    if not identities.password_counts(connection, row["account"], at):
        return refuse(Reason("sign_in.outside.password_over"), category=Category.UNAUTHENTICATED)
    return str(row["account"])


def has_passkey(connection: Connection, account: str) -> bool:
    """Whether an account has a passkey that counts."""
    return connection.execute(select(passkeys.c.account).where(passkeys.c.account == account, passkeys.c.copied_at.is_(None)).limit(1)).first() is not None


def is_closed(row: RowMapping, at: datetime) -> bool:
    """Whether an account is disabled, or its person has left."""
    return bool(row["disabled"]) or (row["leaves_at"] is not None and datetime.fromisoformat(row["leaves_at"]) <= at)


def proves(connection: Connection, account: str, password: str, code: str, at: datetime) -> bool:
    """Whether a signed-in person gives the account's password and code once more, for what needs more than a session."""
    name = connection.execute(select(accounts.c.name).where(accounts.c.account == account)).scalar()
    return name is not None and not isinstance(check_password(connection, name, password, code, at), Refusal)


def open_session(
    connection: Connection, account: str, at: datetime, *, hours: float = SESSION_HOURS, device: str = "", provider: str = "", strong: bool = False
) -> Session:
    """A new session of an account, on a kind of device; the token is shown once. `strong`: a second factor was used at the `provider` where the person signed in."""
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    connection.execute(delete(sessions).where(sessions.c.expires_at < (at - _REMEMBERED).isoformat()))
    connection.execute(
        insert(sessions).values(
            token_sha256=digest(token),
            account=account,
            csrf=csrf,
            created_at=at.isoformat(),
            expires_at=(at + timedelta(hours=hours)).isoformat(),
            device=device or None,
            provider=provider or None,
            strong=strong,
        )
    )
    found = session_of(connection, token, at)
    if found is None:
        raise RuntimeError("a session that was just opened cannot be read back")
    return replace(found, token=token)


_BY_DEVICE = exists().where(passkeys.c.account == accounts.c.account, passkeys.c.copied_at.is_(None))
#: Asked by every request, so it is written once.
_OF_TOKEN = (
    select(accounts, sessions.c.csrf, sessions.c.expires_at, sessions.c.role.label("acting"), sessions.c.provider, sessions.c.strong, _BY_DEVICE.label("by_device"))
    .join(sessions, sessions.c.account == accounts.c.account)
    .where(sessions.c.token_sha256 == bindparam("token"))
)


def session_of(connection: Connection, token: str, at: datetime) -> Session | None:
    """The session of a token, or None where it is unknown, ended or its account is closed."""
    row = connection.execute(_OF_TOKEN, {"token": digest(token)}).mappings().first()
    if row is None or is_closed(row, at) or datetime.fromisoformat(row["expires_at"]) <= at:
        return None
    actor = _actor(row)
    if row["acting"] in actor.also:
        actor = actor.acting({Role(row["acting"])})
    unprotected = not (row["totp_secret"] or row["strong"] or row["by_device"])
    invited, provider = bool(row["invited"]), row["provider"] or ""
    until = min(datetime.fromisoformat(moment) for moment in (row["expires_at"], row["leaves_at"]) if moment is not None)
    return Session(actor, row["name"], row["csrf"], row["language"], until, unprotected=unprotected, invited=invited, provider=provider)


def must_enrol(session: Session, people: People) -> bool:
    """Whether a role of the account asks for a second factor, which it does not have yet: until then it does nothing but set one up.

    Accounts of a node's founding, and of a version before invitations, are asked where the site's document says so.
    """
    return session.unprotected and _asked_for(session.actor, people, invited=session.invited)


def unprotected(connection: Connection, actor: Actor, people: People) -> bool:
    """The same of an account without a session."""
    row = connection.execute(select(accounts.c.invited, accounts.c.totp_secret).where(accounts.c.account == actor.account)).first()
    protected = row is not None and (row.totp_secret or has_passkey(connection, actor.account))
    return row is not None and not protected and _asked_for(actor, people, invited=bool(row.invited))


def _asked_for(actor: Actor, people: People, *, invited: bool) -> bool:
    rule = people.second_factor
    return bool(invited or rule.also_of_founding_accounts) and bool({role.value for role in actor.roles} & {*rule.required_for})


def open_actor(connection: Connection, account: str, at: datetime) -> Actor | None:
    """Who acts by an account that signs in now; None where it is closed."""
    row = connection.execute(select(accounts).where(accounts.c.account == account)).mappings().first()
    return _actor(row) if row is not None and not is_closed(row, at) else None


def roles_of(row: RowMapping) -> tuple[Role, ...]:
    """The roles of an account, the first one first."""
    return tuple(dict.fromkeys((Role(row["role"]), *(Role(name) for name in (row["also_roles"] or "").split()))))


def _actor(row: RowMapping) -> Actor:
    first, *others = roles_of(row)
    return Actor(row["account"], first, row["organisation"], row["patient_id"], row["person_id"] or "", frozenset(others))


def close_session(connection: Connection, token: str, at: datetime) -> None:
    """End a session now; whose it was is known for a day, so that a form that was typed in it is given back."""
    connection.execute(update(sessions).where(sessions.c.token_sha256 == digest(token), sessions.c.expires_at > at.isoformat()).values(expires_at=at.isoformat()))


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its owner and administrators see it; `key` names it and opens nothing."""

    key: str
    device: str
    created_at: str
    expires_at: str


def sessions_of(connection: Connection, account: str, at: datetime) -> list[OpenSession]:
    """The open sessions of an account, the newest first."""
    mine = select(sessions).where(sessions.c.account == account, sessions.c.expires_at > at.isoformat()).order_by(sessions.c.created_at.desc())
    return [OpenSession(row.token_sha256[:_KEY], row.device or "", row.created_at, row.expires_at) for row in connection.execute(mine)]


def close_one(connection: Connection, account: str, key: str, at: datetime) -> bool:
    """End one open session of an account by its key; whether there was one."""
    mine = (sessions.c.account == account, sessions.c.token_sha256.startswith(key, autoescape=True), sessions.c.expires_at > at.isoformat())
    return len(key) == _KEY and connection.execute(update(sessions).where(*mine).values(expires_at=at.isoformat())).rowcount > 0


def is_fresh(connection: Connection, token: str, at: datetime) -> bool:
    """Whether the session of a token began a few minutes ago: whoever holds it has just proved who it is."""
    since = connection.execute(select(sessions.c.created_at).where(sessions.c.token_sha256 == digest(token))).scalar()
    return since is not None and at - datetime.fromisoformat(since) <= _FRESH


def key_of(token: str) -> str:
    """The key that names the session of a token."""
    return digest(token)[:_KEY]


def act_as(connection: Connection, token: str, role: Role | None) -> None:
    """The role in which the account of a session acts from now on; None: its first."""
    connection.execute(update(sessions).where(sessions.c.token_sha256 == digest(token)).values(role=role.value if role else None))


def ended(connection: Connection, csrf: str, at: datetime) -> str | None:
    """The account of a session that is over since a day at most, by the token of its forms; None otherwise."""
    row = connection.execute(select(sessions).where(sessions.c.csrf == csrf, sessions.c.expires_at <= at.isoformat())).first()
    over_since = at - datetime.fromisoformat(row.expires_at) if row is not None else None
    return str(row.account) if row is not None and over_since is not None and over_since <= _REMEMBERED else None


def close_sessions(connection: Connection, account: str) -> None:
    """End every session of an account now, and the link of its calendar."""
    connection.execute(sessions.delete().where(sessions.c.account == account))
    connection.execute(delete(links).where(links.c.account == account))


def names(connection: Connection) -> dict[str, str]:
    """The name of every account."""
    return {row.account: row.name for row in connection.execute(select(accounts.c.account, accounts.c.name))}


def language_of(connection: Connection, account: str) -> str:
    """The language of an account's pages."""
    return str(connection.execute(select(accounts.c.language).where(accounts.c.account == account)).scalar_one())


def of_organisation(connection: Connection, organisation: str) -> Sequence[RowMapping]:
    """The accounts of an organisation by name, each as its columns without what proves who it is."""
    shown = [column for column in accounts.c if column.name not in ("password_hash", "totp_secret")]
    mine = select(*shown).where(accounts.c.organisation == organisation).order_by(accounts.c.name)
    return connection.execute(mine).mappings().all()


def digest(token: str) -> str:
    """What is kept of a token, or of what was typed as a name."""
    return sha256(token.encode()).hexdigest()
