"""What a passkey opens: a session after the password, or alone where the site says so, and one act of signing.

Main job: `enter(node, key, answer, …)` and `prove(node, key, answer, …)`. Elsewhere: passkeys themselves in `passkeys.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor
from baybridge.node.people import accounts, passkeys, refused_entry
from baybridge.node.people.outside.begun import Begun
from baybridge.node.people.passkeys import Asked
from baybridge.node.tables import account as table
from baybridge.node.tables import passkey

if TYPE_CHECKING:
    from baybridge.node.node import Node


@dataclass(frozen=True, slots=True)
class Entered:
    """A session, and where it leads."""

    session: accounts.Session
    to: str


def after_password(node: Node, name: str, to: str, browser: str) -> Asked | None:
    """What the device of somebody is asked whose password was right; None where this node has no passkeys any more."""
    with node.storage.writing(even_restored=True) as connection:
        account = connection.execute(select(table.c.account).where(table.c.name == name)).scalar()
        return passkeys.ask(node, connection, Begun(what="sign-in", account=str(account), to=to), browser) if account else None


def alone(node: Node, to: str, browser: str) -> Asked | Refusal:
    """What a device is asked that signs in by itself, where the site says that it does."""
    if not node.people.second_factor.passkey_alone or passkeys.party(node) is None:
        return refuse(Reason("accounts.passkey.not_alone"), category=Category.NOT_FOUND)
    with node.storage.writing(even_restored=True) as connection:
        return passkeys.ask(node, connection, Begun(what="sign-in", to=to), browser) or refuse(Reason("accounts.passkey.not_alone"), category=Category.NOT_FOUND)


def enter(node: Node, key: str, answer: str, browser: str, *, kind: str = "", known: str = "") -> Entered | Refusal:
    """A session of the account whose passkey answered; `known` is the token of a browser from which somebody signed in before."""
    with node.unit(even_restored=True) as unit:
        found = passkeys.answered(node, unit, key, answer, browser, ("sign-in",))
        if isinstance(found, Refusal):
            return found
        account, begun = found
        if not begun.account and not node.people.second_factor.passkey_alone:
            return refuse(Reason("accounts.passkey.not_alone"), category=Category.NOT_FOUND)
        name = unit.connection.execute(select(table.c.name).where(table.c.account == account)).scalar()
        if name is None or accounts.open_actor(unit.connection, account, unit.at) is None:
            refused_entry.note(unit, "passkey-refused", "sign_in.outside.closed", account)
            return refuse(Reason("sign_in.outside.closed"), category=Category.UNAUTHENTICATED)
        accounts.forget_attempts(unit.connection, name)
        unit.connection.execute(update(table).where(table.c.account == account).values(last_sign_in=unit.at.isoformat()))
        device = accounts.remember_device(unit.connection, account, known, unit.at)
        session = accounts.open_session(unit.connection, account, unit.at, hours=node.people.session_hours, device=kind, provider=begun.provider)
        return Entered(replace(session, device=device), begun.to)


def to_sign(node: Node, confirmation_id: str, browser: str) -> Asked | None:
    """What a device is asked for one act of signing; None where nobody has a passkey here."""
    with node.storage.reading() as connection:
        if connection.execute(select(passkey.c.account).limit(1)).first() is None:
            return None
    with node.storage.writing(even_restored=True) as connection:
        return passkeys.ask(node, connection, Begun(what="sign", to=confirmation_id), browser)


def prove(node: Node, key: str, answer: str, browser: str, confirmation_id: str) -> Actor | Refusal:
    """Who signs by passkey what was shown; one that was asked for something else signs nothing."""
    with node.unit() as unit:
        found = passkeys.answered(node, unit, key, answer, browser, ("sign",))
        if isinstance(found, Refusal):
            return found
        account, begun = found
        actor = accounts.open_actor(unit.connection, account, unit.at)
        if begun.to != confirmation_id or actor is None:
            refused_entry.note(unit, "passkey-refused", "accounts.passkey.over", account)
            return refuse(Reason("accounts.passkey.over"), category=Category.UNAUTHENTICATED)
        return replace(actor, method="passkey")
