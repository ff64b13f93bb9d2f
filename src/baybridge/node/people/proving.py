"""Proving who one is for one act, without a session: the second person at the same device, and whoever gives a command on the machine.

Main job: `prove(node, account, password, code)`. What was given is kept nowhere; a failure is counted like one of signing in, and is an entry of the log.

A password alone, or a code of the second factor alone, proves a second person beside somebody who is signed in (21 CFR 11.200: the account is the other part). On the
machine (`via="shell"`) nobody else is signed in: there both are asked, where the account has a second factor.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor
from baybridge.node.people import accounts, passwords, second_factor
from baybridge.node.people.outside import identities
from baybridge.node.tables import account as table

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


def prove(node: Node, name: str, password: str, code: str, *, via: Literal["", "shell"] = "") -> Actor | Refusal:
    """Who it is, or one refusal that does not say which part was wrong."""
    held_up = accounts.waits(node.storage, name, code, "", node.now())
    if held_up is not None:
        return held_up
    with node.storage.reading() as connection:
        kept = connection.execute(select(table.c.password_hash).where(table.c.name == name)).scalar()
    right = passwords.matches(kept, password) if password or via else bool(code)
    with node.unit(even_restored=True) as unit:
        actor = _proved(unit, name, password, code, whole=bool(via)) if right else None
        if actor is None:
            unit.log("account", "", "proof-refused", name.encode(errors="replace"), node.system(), "administration")
            return refuse(Reason("accounts.wrong", where="account"), category=Category.UNAUTHENTICATED)
        if accounts.unprotected(unit.connection, actor, node.people):
            return refuse(Reason("accounts.second.needed", where="account"), category=Category.FORBIDDEN)
        accounts.forget_attempts(unit.connection, name)
    return replace(actor, method="code" if code and not password else "password", via=via)


def own(node: Node, account: str, password: str, code: str) -> Refusal | None:
    """Why a signed-in person has not proved by password and code once more who it is; None where that is proved. Counted, so that an open session is no way to guess."""
    with node.storage.reading() as connection:
        name = str(connection.execute(select(table.c.name).where(table.c.account == account)).scalar())
    held_up = accounts.waits(node.storage, name, code, "", node.now())
    if held_up is not None:
        return held_up
    with node.unit(even_restored=True) as unit:
        if accounts.proves(unit.connection, account, password, code, unit.at):
            accounts.forget_attempts(unit.connection, name)
            return None
        unit.log("account", "", "proof-refused", account.encode(), node.system(), "administration")
    return refuse(Reason("accounts.second.not_proven"), category=Category.INVALID)


def _proved(unit: Unit, name: str, password: str, code: str, *, whole: bool) -> Actor | None:
    row = unit.connection.execute(select(table.c.account, table.c.totp_secret).where(table.c.name == name)).first()
    if row is None:
        return None
    by_device = accounts.has_passkey(unit.connection, row.account)  # its recovery codes count here
    needed = (whole and (row.totp_secret or by_device)) or not password
    if needed and not ((row.totp_secret or by_device) and second_factor.accepts(unit.connection, row.account, row.totp_secret or "", code, unit.at)):
        return None
    if password and not identities.password_counts(unit.connection, row.account, unit.at):
        return None
    return accounts.open_actor(unit.connection, row.account, unit.at)

