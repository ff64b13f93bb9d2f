"""A sign-in that goes on elsewhere: what was begun here, kept until the same browser comes back, and taken once.

Main job: `begin(connection, begun, browser, at)` answers the key that travels, `take(connection, key, browser, at)` what was begun. The key is known to the browser and
the provider; the token of the browser stands in its cookie alone, so that what somebody else began is of no use. Rows are sealed, with their hash as associated data.

**Source**: RFC 9700, 4.7 (a state of one use, bound to the browser). Ten minutes, and how many are kept at once, are conventions of this project.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from baybridge.base import decoding
from baybridge.node.people import second_factor
from baybridge.node.tables import sign_in_begun as table

LASTS = timedelta(minutes=10)
MOST = 20_000  # rows, about 10 MB: whoever begins without end pushes out what was begun first, and never fills the disk


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What was begun: what for, which step comes next, where, and what only the one who began it knows."""

    what: Literal["sign-in", "bind", "invitation", "code", "passkey-set-up", "sign"]
    way: Literal["openid", "ldap", "code", "passkey"] = "openid"
    provider: str = ""
    to: str = "/"
    account: str = ""
    nonce: str = ""
    verifier: str = ""
    at: datetime | None = None
    invitation: str = ""


def begin(connection: Connection, begun: Begun, browser: str, at: datetime) -> str:
    """Keep it for ten minutes; the key by which it is taken again."""
    key = secrets.token_urlsafe(32)
    connection.execute(delete(table).where(table.c.expires_at < at.isoformat()))
    body = f"{_digest(browser)}\n{msgspec.json.encode(begun).decode()}"
    row = {"key_sha256": _digest(key), "body": second_factor.sealed(connection, _digest(key), body), "expires_at": (at + LASTS).isoformat()}
    connection.execute(insert(table).values(row))
    if connection.execute(select(func.count()).select_from(table)).scalar_one() > MOST:
        oldest = select(table.c.key_sha256).order_by(table.c.expires_at).limit(MOST // 10)
        connection.execute(delete(table).where(table.c.key_sha256.in_(oldest.scalar_subquery())))
    return key


def take(connection: Connection, key: str, browser: str, at: datetime) -> Begun | None:
    """What was begun under a key by this browser, which is used up; None where there is none, it is over, or another browser began it."""
    row = connection.execute(select(table).where(table.c.key_sha256 == _digest(key))).first()
    if row is None:
        return None
    owner, _, body = second_factor.opened(connection, row.key_sha256, row.body).partition("\n")
    if not hmac.compare_digest(owner, _digest(browser)):
        return None  # it stays for the browser that began it: nobody else ends it either
    connection.execute(delete(table).where(table.c.key_sha256 == row.key_sha256))
    return decoding.decode(body, Begun) if at < datetime.fromisoformat(row.expires_at) else None


def _digest(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()
