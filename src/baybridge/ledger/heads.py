"""Case heads: the log's own word on how many events a case has, and which.

Main job: a log entry that names every event of a case by sequence and position, so that a file of the case cannot leave out its tail or its
middle.

Elsewhere: `node` writes a head with the events of a command, or before it exports a case; `exchange/evidence/verify.py` and `checking.py` compare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs
from sqlalchemy import Connection

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.ledger import log
from baybridge.ledger.log import Entry, Logged

KIND = "case-head"
EVENT_KIND = "event"


def event_id_of(entry: Entry) -> str:
    """The event id in an entry's `what`, alone or as Type/event_id."""
    return entry.what.rpartition("/")[2]


def statement(case_id: str, subject: str, events: Sequence[tuple[str, int]]) -> dict[str, object]:
    """What a head says of the (event id, position in the log) of a case's events in order of their sequence."""
    named = [[sequence, event_id, position] for sequence, (event_id, position) in enumerate(events, start=1)]
    return {
        "case_id": case_id,
        "subject": subject,
        "count": len(named),
        "last_position": events[-1][1] if events else None,
        "events_sha256": sha256_hex(canonical_bytes(named)),
    }


def content(case_id: str, subject: str, logged: Sequence[Logged]) -> bytes:
    """The content of a head over the event entries of a case, in the order of the log."""
    return canonical_bytes(statement(case_id, subject, [(event_id_of(one.entry), one.position) for one in logged]))


def what(count: int) -> str:
    """The `what` of a head over that many events."""
    return f"events/{count}"


def write(connection: Connection, case_id: str, stamp: Entry, salt: Callable[[], bytes]) -> int:
    """Append a head over all events of a case unless the newest one says the same; its position.

    `stamp` says who, where, when and which subject; its kind and what are set here.
    """
    logged = log.entries_of(connection, stamp.subject, EVENT_KIND)
    newest = log.entries_of(connection, stamp.subject, KIND)[-1:]
    if newest and newest[0].entry.what == what(len(logged)):
        return newest[0].position
    entry = structs.replace(stamp, kind=KIND, what=what(len(logged)))
    return log.append(connection, [(entry, content(case_id, stamp.subject, logged))], salt)[0]
