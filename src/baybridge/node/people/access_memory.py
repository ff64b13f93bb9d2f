"""What was decided of who may read what, kept while nothing changes that it rests on.

Main job: `AccessMemory(node).at(connection)` answers what is remembered under the standing of a transaction: the stamp of the database, which every
transaction renews that may have changed who reads what, of this process or another one (`Storage.access_stamp`); the documents in force; the day of the site. Under
another standing nothing is remembered. `under(stamp)` and `session(token)` do the same outside of a transaction.

Kept is what no clock ends: no emergency access, and of a session until when it lasts. In a write transaction, and on PostgreSQL, which has no such stamp, nothing is.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from baybridge.node.people import accounts

if TYPE_CHECKING:
    from baybridge.node.directory.living_documents import LivingDocuments
    from baybridge.node.node import Node

_MOST = 50_000  # things under one standing
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """Under what decisions are kept: the stamp of the database, the documents, and the day of the site from its beginning to its end."""

    stamp: int
    documents: LivingDocuments
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was decided under one standing; several threads may ask at once, and then decide the same twice."""

    standing: Standing | None = None
    kept: dict[Hashable, object] = field(default_factory=dict)

    def once(self, key: Hashable, decide: Callable[[], T], lasts: Callable[[T], bool] = lambda _found: True) -> T:
        """What was decided under this key, or is decided now and kept where it `lasts`."""
        try:
            return cast("T", self.kept[key])
        except KeyError:
            found = decide()
            if lasts(found) and len(self.kept) < _MOST:
                self.kept[key] = found
            return found

    def each(self, keys: Sequence[K], decide: Callable[[Sequence[K]], Sequence[T]]) -> dict[K, T]:
        """The same of several; what is not remembered is decided together."""
        found = {key: cast("T", self.kept[key]) for key in keys if key in self.kept}
        lacking = [key for key in keys if key not in found]
        decided = dict(zip(lacking, decide(lacking), strict=True)) if lacking else {}
        if len(self.kept) + len(decided) < _MOST:
            for key, one in decided.items():
                self.kept[key] = one
        return found | decided


def _day(moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The beginning and the end of a moment's day in a zone."""
    midnight = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    following = (midnight + timedelta(days=1)).replace(fold=0)  # the next day's own midnight, however many hours the day has
    return midnight.astimezone(UTC), following.astimezone(UTC)


class AccessMemory:
    """What one node remembers of access."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._remembered = Remembered()
        self._lock = threading.Lock()
        self._looking: sqlite3.Connection | None = None

    def at(self, connection: Connection) -> Remembered:
        """What is remembered under the standing that a transaction sees."""
        stamp = self._node.storage.access_stamp(connection)
        return Remembered() if stamp is None else self.under(stamp)

    def under(self, stamp: int) -> Remembered:
        """What is remembered under a stamp of the database."""
        node, remembered = self._node, self._remembered
        now, before = node.now(), remembered.standing
        if before is None or before.stamp != stamp or before.documents is not node.documents or not before.begins <= now < before.ends:
            self._remembered = remembered = Remembered(Standing(stamp, node.documents, *_day(now, node.site.zone)))
        return remembered

    def session(self, token: str) -> accounts.Session | None:
        """The session of a token, or None where it is unknown, ended or its account is closed."""
        node, stamp = self._node, self._node.storage.access_stamp_now()
        key = ("session", token)
        known = self.under(stamp).kept.get(key) if stamp is not None else None
        if isinstance(known, accounts.Session) and known.until > node.now():
            return known
        with node.storage.reading() as connection:
            found = accounts.session_of(connection, token, node.now())
            if found is not None:
                self.at(connection).once(key, lambda: found)
        return found
