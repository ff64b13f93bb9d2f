"""The cases that were read last, so that one request does not read a case from its bytes four times.

Main job: `CaseMemory.events(stored)` and `.case(stored)` answer for the rows of a stream that the caller has just read. What is kept counts only while every row is
the same to the byte: an event that was appended, put right or erased is read anew, whichever process wrote it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

from baybridge.journey.case import Case, fold
from baybridge.journey.events import Recorded
from baybridge.journey.stored import decode_stored
from baybridge.ledger.streams import StoredEvent

_MOST = 32  # cases: what a handful of people look at now


@dataclass(frozen=True)
class _Read:
    """Rows of one stream with their envelopes, and their case once somebody asked for it."""

    stored: tuple[StoredEvent, ...]
    events: tuple[Recorded, ...]

    @cached_property
    def case(self) -> Case:
        return fold(self.events)


class CaseMemory:
    """Envelopes and cases by the bytes that they were read from; safe for many threads, because nothing in it changes."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[str, _Read] = OrderedDict()

    def events(self, stored: Sequence[StoredEvent]) -> tuple[Recorded, ...]:
        """The envelopes of a whole stream."""
        return self._read(stored).events if stored else ()

    def case(self, stored: Sequence[StoredEvent]) -> Case | None:
        """The case of a whole stream; None where nothing stands in it."""
        return self._read(stored).case if stored else None

    def _read(self, stored: Sequence[StoredEvent]) -> _Read:
        rows, case_id = tuple(stored), stored[0].case_id
        with self._lock:
            before = self._kept.get(case_id)
        if before is not None and before.stored == rows:
            found = before
        else:
            known = dict(zip(before.stored, before.events, strict=True)) if before is not None else {}
            found = _Read(rows, tuple(known.get(row) or decode_stored(row) for row in rows))
        with self._lock:
            self._kept[case_id] = found
            self._kept.move_to_end(case_id)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found
