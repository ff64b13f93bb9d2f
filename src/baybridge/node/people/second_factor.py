"""The second factor of an account: enrolled with a code, recovered with codes that work once, turned off by its owner or an administrator.

Main job: `begin`, `confirm`, `turn_off`, `accepts` over an open connection. A one-time code works once; recovery codes are kept as hashes only.

Secrets stand sealed in the database (`factor_key.py`).

**Source**: RFC 6238 (TOTP: 30 seconds, 6 digits, SHA-1, as authenticators expect), section 5.2 (a code is accepted once).
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import pyotp
from sqlalchemy import Connection, Table, delete, func, insert, select, update

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.node.people.factor_key import Sealer, is_sealed
from baybridge.node.storage import Storage
from baybridge.node.tables import account as accounts
from baybridge.node.tables import recovery_code as recovery
from baybridge.node.tables import second_factor as factors

_PERIOD = 30  # seconds of one code. Source: RFC 6238
_WINDOW = (-1, 0, 1)  # periods by which a clock may be off
_RECOVERY_CODES = 8
_GROUPS, _LETTERS = 4, 4
_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # without letters that read alike


@dataclass(frozen=True, slots=True)
class State:
    """Whether a second factor is on, waits for its first code, and how many recovery codes are left."""

    on: bool
    pending_secret: str
    recovery_left: int


def state_of(connection: Connection, account: str) -> State:
    """How the second factor of an account stands."""
    secret = connection.execute(select(accounts.c.totp_secret).where(accounts.c.account == account)).scalar()
    waiting = connection.execute(select(factors.c.pending_secret).where(factors.c.account == account)).scalar()
    unused = select(func.count()).select_from(recovery).where(recovery.c.account == account, recovery.c.used_at.is_(None))
    return State(bool(secret), opened(connection, account, waiting or ""), int(connection.execute(unused).scalar() or 0))


def begin(connection: Connection, account: str) -> str:
    """A fresh secret that waits for its first code; what is on stays on until then."""
    secret = pyotp.random_base32()
    kept = sealed(connection, account, secret)
    if connection.execute(select(factors.c.account).where(factors.c.account == account)).first():
        connection.execute(update(factors).where(factors.c.account == account).values(pending_secret=kept))
    else:
        connection.execute(insert(factors), {"account": account, "pending_secret": kept, "last_period": 0})
    return secret


def confirm(connection: Connection, account: str, code: str, at: datetime) -> tuple[str, ...] | Refusal:
    """Turn the waiting secret on with a code that it gives; the recovery codes, shown once."""
    state = state_of(connection, account)
    if not state.pending_secret:
        return refuse(Reason("accounts.second.not_begun"), category=Category.INVALID)
    period = _period(state.pending_secret, code, at)
    if period is None:
        return refuse(Reason("accounts.second.wrong_code", where="code"), category=Category.INVALID)
    connection.execute(update(accounts).where(accounts.c.account == account).values(totp_secret=sealed(connection, account, state.pending_secret)))
    connection.execute(update(factors).where(factors.c.account == account).values(pending_secret=None, last_period=period))
    return fresh_codes(connection, account)


def fresh_codes(connection: Connection, account: str) -> tuple[str, ...]:
    """Recovery codes, shown once; the ones before end."""
    codes = tuple("-".join(_group() for _ in range(_GROUPS)) for _ in range(_RECOVERY_CODES))
    connection.execute(delete(recovery).where(recovery.c.account == account))
    connection.execute(insert(recovery), [{"account": account, "code_sha256": _digest(one)} for one in codes])
    return codes


def turn_off(connection: Connection, account: str) -> None:
    """No second factor any more; recovery codes end too."""
    connection.execute(update(accounts).where(accounts.c.account == account).values(totp_secret=None))
    connection.execute(delete(factors).where(factors.c.account == account))
    connection.execute(delete(recovery).where(recovery.c.account == account))


def accepts(connection: Connection, account: str, kept: str, code: str, at: datetime) -> bool:
    """Whether a one-time or recovery code is right and was not used before; it is used up. `kept` is the secret as the database has it."""
    period = _period(opened(connection, account, kept), code, at)
    if period is None:
        return _recovers(connection, account, code, at)
    last = connection.execute(select(factors.c.last_period).where(factors.c.account == account)).scalar()
    if last is not None and period <= last:
        return False
    if last is None:
        connection.execute(insert(factors), {"account": account, "pending_secret": None, "last_period": period})
    else:
        connection.execute(update(factors).where(factors.c.account == account).values(last_period=period))
    return True


def is_current(connection: Connection, account: str, kept: str, code: str, at: datetime) -> bool:
    """Whether a one-time code is one of now; nothing is used up. `kept` is the secret as the database has it."""
    return _period(opened(connection, account, kept), code, at) is not None


# --- secrets as they are kept ---------------------------------------------------------------------------------------


def sealed(connection: Connection, account: str, secret: str) -> str:
    """A secret as the database keeps it; storage that no node opened has no key and keeps it as it is."""
    sealer: Sealer | None = connection.info.get("sealer")
    return sealer.seal(account, secret) if sealer is not None else secret


def opened(connection: Connection, account: str, kept: str) -> str:
    """The secret behind what the database keeps; empty where there is none or it cannot be opened."""
    sealer: Sealer | None = connection.info.get("sealer")
    return sealer.open(account, kept) if sealer is not None and kept else kept


def seal_all(storage: Storage) -> None:
    """Seal what an older version kept in clear."""
    with storage.reading() as connection:
        clear = any(not is_sealed(kept) for _, _, kept in _kept(connection))
    if not clear:
        return
    with storage.writing() as connection:
        for table, account, kept in _kept(connection):
            if not is_sealed(kept):
                column = "totp_secret" if table is accounts else "pending_secret"
                connection.execute(update(table).where(table.c.account == account).values({column: sealed(connection, account, kept)}))


def _kept(connection: Connection) -> list[tuple[Table, str, str]]:
    on = connection.execute(select(accounts.c.account, accounts.c.totp_secret).where(accounts.c.totp_secret.is_not(None)))
    waiting = connection.execute(select(factors.c.account, factors.c.pending_secret).where(factors.c.pending_secret.is_not(None)))
    return [*((accounts, row[0], row[1]) for row in on), *((factors, row[0], row[1]) for row in waiting)]


def _period(secret: str, code: str, at: datetime) -> int | None:
    """The period whose code this is; None where it is none of the near ones."""
    if not secret:
        return None
    now, given = int(at.timestamp()) // _PERIOD, "".join(code.split())
    right = (now + off for off in _WINDOW if hmac.compare_digest(pyotp.TOTP(secret).at((now + off) * _PERIOD), given))
    return next(right, None) if given.isascii() else None


def _recovers(connection: Connection, account: str, code: str, at: datetime) -> bool:
    mine = (recovery.c.account == account, recovery.c.code_sha256 == _digest(code), recovery.c.used_at.is_(None))
    return connection.execute(update(recovery).where(*mine).values(used_at=at.isoformat())).rowcount == 1


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))


def _digest(code: str) -> str:
    return sha256("".join(c for c in code.upper() if c.isalnum()).encode()).hexdigest()
