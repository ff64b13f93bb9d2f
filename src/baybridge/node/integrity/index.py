"""The search index under the rules of now: a node that an older version filled is indexed again once, and the log says so.

Main job: `keep_current(storage, rows)` at every opening of a node; `is_current(connection)` tells the check of the ledger whether what is stored can be compared
with what the rules answer. A difference before that is the rules', not anybody's tampering.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from baybridge.ledger import log
from baybridge.node.integrity.rows import RowLog, fresh_salt
from baybridge.record.store import store
from baybridge.record.store.indexing import RULES

if TYPE_CHECKING:
    from baybridge.node.storage import Storage

KIND, WHAT = "index", "search-rules/"


def is_current(connection: Connection) -> bool:
    """Whether everything stored was indexed by the rules of now."""
    found = log.entries_of(connection, "", KIND)
    return bool(found) and found[-1].entry.what == f"{WHAT}{RULES}"


def to_make_again(connection: Connection, rows: RowLog) -> None:
    """Say in the log that the search values are not to be believed; the next opening of the node makes them again from the records."""
    log.append(connection, [(rows.entry(KIND, f"{WHAT}none"), b"")], salt=fresh_salt)


def keep_current(storage: Storage, rows: RowLog) -> None:
    """Index everything again where the rules changed since it was done."""
    with storage.reading() as connection:
        if is_current(connection):
            return
    with storage.writing() as connection:
        if is_current(connection):
            return  # another process was first
        store.index_again(connection)
        log.append(connection, [(rows.entry(KIND, f"{WHAT}{RULES}"), b"")], salt=fresh_salt)
