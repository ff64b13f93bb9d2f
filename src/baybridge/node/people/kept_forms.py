"""A form that was typed before its session was over: kept for its account alone, and given back after the same account signs in again.

Main job: `keep(node, csrf, path, fields)`, `found`, `drop`. The form's own token says whose session it was. What was typed is kept for a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Connection, delete, insert, select

from baybridge.node.people import accounts
from baybridge.node.tables import kept_form as table

if TYPE_CHECKING:
    from baybridge.node.node import Node

_KEPT_FOR = timedelta(days=1)
#: Never kept: what proves who somebody is, and what belongs to one sending of the form.
_LEFT_OUT = frozenset({"csrf", "command_id", "password", "code", "account"})


@dataclass(frozen=True, slots=True)
class Kept:
    """What was typed, as names and texts in order, and when it was sent."""

    fields: tuple[tuple[str, str], ...]
    at: datetime


def keep(node: Node, csrf: str, path: str, fields: Sequence[tuple[str, str]]) -> bool:
    """Keep a form whose session is over since a day at most; False where its token is of no such session."""
    typed = [(name, text) for name, text in fields if name not in _LEFT_OUT and text]
    with node.storage.writing() as connection:
        account = accounts.ended(connection, csrf, node.now())
        if account is None:
            return False
        connection.execute(delete(table).where(table.c.kept_at < (node.now() - _KEPT_FOR).isoformat()))
        drop(connection, account, path)
        row = {"account": account, "path": path, "fields": orjson.dumps(typed), "kept_at": node.now().isoformat()}
        connection.execute(insert(table).values(row))
    return True


def found(connection: Connection, account: str, path: str) -> Kept | None:
    """What an account typed into the form at an address, and could not send."""
    row = connection.execute(select(table).where(table.c.account == account, table.c.path == path)).first()
    if row is None:
        return None
    return Kept(tuple((str(name), str(text)) for name, text in orjson.loads(row.fields)), datetime.fromisoformat(row.kept_at))


def drop(connection: Connection, account: str, path: str) -> None:
    """Forget it: it was sent, or is not wanted."""
    connection.execute(delete(table).where(table.c.account == account, table.c.path == path))
