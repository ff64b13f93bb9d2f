"""Coverage: from when on the log covers everything, and what an older node had that was not logged until then.

Main job: `begin(storage, rows)` at every opening of a node. The first time it logs what has no entry, as it stands on that day (purpose `baseline`), and then says
with the entry `coverage` that from here on whatever has none was put there behind the node's back. `covered_since(connection)` reads it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import structs
from sqlalchemy import Connection

from baybridge.ledger import log
from baybridge.node.integrity import seals
from baybridge.node.integrity.covered import COVERED, Way
from baybridge.node.integrity.rows import RowLog, fresh_salt
from baybridge.node.integrity.things import ROW, Thing, newest, things

if TYPE_CHECKING:
    from baybridge.node.storage import Storage

KIND, WHAT, BASELINE = "coverage", "first-logged/", "baseline"
#: What later versions of this software cover as well, and the entries that say from when on.
KIND_ALSO = "coverage-also"
_LOGGED = ("broken_glass", "restriction", "legal_hold", "record_read", "duty", "known_device", "second_factor", "account_change_asked", "erasure_asked")
_SEALED = tuple(name for name, one in COVERED.items() if one.way is Way.SEALED)
ALSO = (*_LOGGED, "neighbour_clearing", "courier_code", "ledger_finding", *_SEALED)


@dataclass(frozen=True, slots=True)
class Coverage:
    """When the log began to cover everything, at which position, and how many things were first logged then, as they stood."""

    at: datetime
    position: int
    first_logged: int


def begin(storage: Storage, rows: RowLog) -> None:
    """Log what has no entry yet, once in the life of a node."""
    with storage.reading() as connection:
        if covered_since(connection) is not None and not _also_missing(connection):
            return
    with storage.writing() as connection:
        missing = _also_missing(connection)
        if not missing:
            return  # another process was first
        first, count = covered_since(connection) is None, 0
        for portion in things(connection, rows):
            mine = portion if first else [thing for thing in portion if thing.kind == ROW and thing.what.partition("/")[0] in missing]
            count += len(log.append(connection, list(_unlogged(connection, rows, mine)), salt=fresh_salt)) if mine else 0
        for name in (name for name in missing if name in _SEALED):
            seals.start(connection, rows.pseudonym, name, rows.states(connection, COVERED[name]))
        if first:
            log.append(connection, [(rows.entry(KIND, f"{WHAT}{count}"), b"")], salt=fresh_salt)
        log.append(connection, [(rows.entry(KIND_ALSO, ",".join(missing)), b"")], salt=fresh_salt)


def _unlogged(connection: Connection, rows: RowLog, portion: list[Thing]) -> Iterator[tuple[log.Entry, bytes]]:
    known = newest(connection, portion)
    for thing in portion:
        if (thing.kind, thing.what) not in known:
            entry = rows.entry(thing.kind, thing.what, BASELINE)
            yield structs.replace(entry, subject=rows.pseudonym(thing.subject) if thing.subject else ""), thing.content


def _also_missing(connection: Connection) -> tuple[str, ...]:
    covered = also_covered(connection)
    return tuple(name for name in ALSO if name not in covered)


def also_covered(connection: Connection) -> frozenset[str]:
    """The tables of later versions that are covered by now."""
    return frozenset(name for found in log.entries_of(connection, "", KIND_ALSO) for name in found.entry.what.split(","))


def also_since(connection: Connection) -> int | None:
    """The position from which on readings, emergency accesses and restrictions are covered too; None where no version has opened the node that covers them."""
    found = log.entries_of(connection, "", KIND_ALSO)[:1]
    return found[0].position if found else None


def covered_since(connection: Connection) -> Coverage | None:
    """Since when the log covers everything; None for a node that no version has opened which does so."""
    found = log.entries_of(connection, "", KIND)[:1]
    return Coverage(found[0].entry.at, found[0].position, int(found[0].entry.what.removeprefix(WHAT))) if found else None
