"""Reads by id whose decision is known: who reads which version of a resource, decided once and good until something changes that it rests on.

Main job: `KnownReads(node).find(token, kind, id)` answers the version that stands now with the reading that was decided before, in one question to the database;
`decide` works one out, as `interactions.read` does, and keeps it.

A decision is kept while nothing changes that it rests on (`people/access_memory.py`). What rests on an emergency access, what a role reads in part, and every
refusal is left to `interactions.py`.

SQLite alone: there a question costs less than handing it to another thread. Elsewhere: noting the reading, `people/noting.py`; HTTP, `api/fhir_reading.py`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection

from baybridge.consent.reading import Ground
from baybridge.journey.command import Role
from baybridge.node.fhir import kinds
from baybridge.node.fhir.seeing import Seeing
from baybridge.node.people import access, accounts
from baybridge.node.people.readings import Noted
from baybridge.record.store import store
from baybridge.record.store.store import Version

if TYPE_CHECKING:
    from baybridge.node.node import Node

#: Roles that are shown a part of what stands.
_IN_PART = (Role.PAYER, Role.MANUFACTURER)
_CURRENT = """
    SELECT (SELECT user_version FROM pragma_user_version), v.row, v.version, v.patient, v.recorded_at, v.deleted, v.sha256, v.body
    FROM resource_current c JOIN resource_version v ON v.row = c.row WHERE c.type = ? AND c.id = ?
"""


@dataclass(frozen=True, slots=True)
class Decided:
    """That a session reads a version until a moment, and what is to be noted of it: nothing where it is nobody's record."""

    until: datetime
    noted: tuple[Noted, ...]


class KnownReads:
    """The decided readings of one process that serves; `find` is asked on one thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._connection = node.storage.looking() if node.storage.engine.dialect.name == "sqlite" else None

    def find(self, token: str, kind: str, logical_id: str) -> tuple[Version, Decided] | Literal["undecided"] | None:
        """The current version with its decision; "undecided" where that is to be made, None where the ordinary way answers."""
        row = self._current(kind, logical_id)
        if row is None or row[5]:
            return None
        try:
            decided = self._node.access.under(row[0]).kept["read", token, row[1]]
        except KeyError:
            return "undecided"
        if not isinstance(decided, Decided) or decided.until <= self._node.now():
            return None
        return Version(kind, logical_id, row[2], row[3], row[4], deleted=False, sha256=row[6], body=row[7]), decided

    def decide(self, token: str, kind: str, logical_id: str) -> None:
        """Decide whether a session reads the current version, and remember it."""
        with self._node.storage.reading() as connection:
            row, version = store.current(connection, kind, logical_id)
            if version is not None:
                self._node.access.at(connection).once(("read", token, row), partial(_decided, self._node, connection, token, version))

    def _current(self, kind: str, logical_id: str) -> tuple[Any, ...] | None:
        try:
            return self._connection.execute(_CURRENT, (kind, logical_id)).fetchone() if self._connection is not None else None
        except sqlite3.Error:  # the ordinary way says what is wrong
            return None

    def close(self) -> None:
        """Close its connection."""
        if self._connection is not None:
            self._connection.close()


def _decided(node: Node, connection: Connection, token: str, version: Version) -> Decided | None:
    """The decision of a session's reading, where it is one that lasts."""
    session = accounts.session_of(connection, token, node.now())
    if session is None or accounts.must_enrol(session, node.people):
        return None
    actor = kinds.acting(session.actor.acting(access.roles("fhir.read")), "fhir.read", version.type)
    if actor is None or actor.role in _IN_PART or access.may("fhir.read", actor, node.site) is not None:
        return None
    seen = Seeing(node, connection, actor, "fhir.read")
    if seen.refusal(version.type, version) is not None or Ground.EMERGENCY in seen.grounds.values():
        return None
    what = f"read {version.type}"
    return Decided(session.until, tuple(Noted(actor, patient, what, purpose, on) for (purpose, patient), on in seen.grounds.items() if patient))
