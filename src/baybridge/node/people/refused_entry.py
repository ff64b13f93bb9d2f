"""What was refused of somebody who wanted in, as an entry of the log: a password, a code, an invitation or a session that counts no more.

Main job: `sign_in` is the way in with a password, noted where it is refused; `note(unit, what, code, account)` is the entry of every other way, `dead_session` that of a
request. Entries are written as often as attempts are counted, for each account, and for what belongs to none together: no stranger makes the log grow without end.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from baybridge.base.outcome import Refusal
from baybridge.node.outage import StorageProblem
from baybridge.node.people import accounts
from baybridge.node.tables import account as account_table
from baybridge.node.tables import session as sessions
from baybridge.node.unit import Unit, system_actor

if TYPE_CHECKING:
    from baybridge.node.node import Node

_A_STEP = "accounts.passkey.needed"  # the password was right, and the device is asked next


def sign_in(node: Node, name: str, password: str, code: str, *, device: str = "", kind: str = "") -> accounts.Session | Refusal:
    """A new session for name, password and code, or a refusal that the log knows of."""
    opened = accounts.sign_in(node.storage, name, password, code, node.now(), device=device, kind=kind, hours=node.people.session_hours)
    if isinstance(opened, Refusal) and opened.reasons[0].code != _A_STEP:
        with suppress(StorageProblem), node.unit(even_restored=True) as unit:  # always: a name that nobody has is to take as long
            note(unit, "sign-in-refused", opened.reasons[0].code, _account_of(unit.connection, name))
    return opened


def note(unit: Unit, what: str, code: str, account: str = "") -> None:
    """An entry of a refusal, and the account that it was tried at; empty where it belongs to none."""
    if not accounts.counted(unit.connection, _counts_as(what, account), unit.at):
        unit.log("account", "", what, f"{account}\n{code}".encode(), system_actor(unit.site), "administration")


def dead_session(node: Node, token: str) -> None:
    """The entry of a request that came with a session which is over, ended or was never one."""
    with node.storage.reading() as connection:
        account = str(connection.execute(select(sessions.c.account).where(sessions.c.token_sha256 == accounts.digest(token))).scalar() or "")
    note_alone(node, "session-refused", "access.sign_in", account)


def note_alone(node: Node, what: str, code: str, account: str = "") -> None:
    """The same in a unit of its own; who tries without end takes no writer's turn by it, and what cannot be noted is refused all the same."""
    with node.storage.reading() as connection:
        if accounts.has_to_wait(connection, _counts_as(what, account), node.now()):
            return
    with suppress(StorageProblem), node.unit(even_restored=True) as unit:
        note(unit, what, code, account)


def _counts_as(what: str, account: str) -> str:
    return f"{what} {account}"


def _account_of(connection: Connection, name: str) -> str:
    return str(connection.execute(select(account_table.c.account).where(account_table.c.name == name)).scalar() or "")
