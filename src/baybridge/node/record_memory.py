"""The records that were read last, so that a page or a bedside assessment does not parse hundreds of resources several times.

Main job: `RecordMemory.resources(patient_id, versions)` answers the parsed resources of versions that the caller has just read from the store. What is kept counts
only where the stored bytes are the same: a version that was filed, deleted or erased is read anew, whichever process wrote it. `known` is what single resources say.

Nobody changes a resource that he got from here: a test walks a case and compares every one with its bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import cast

from baybridge.base.resource import Resource
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.known import Known
from baybridge.record.store.store import Version

_MOST = 32  # patients: what a handful of people look at now


@dataclass(slots=True)
class _Read:
    """The resources of one patient by the bytes they were read from, and what they say."""

    by_body: dict[bytes, Resource]
    known: Known | None = None


class RecordMemory:
    """Parsed resources by patient and bytes; safe for many threads, because nobody changes what is in it."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[str, _Read] = OrderedDict()

    def resources(self, patient_id: str, versions: Sequence[Version]) -> list[Resource]:
        """The parsed resources of versions, in their order."""
        with self._lock:
            before = self._kept.get(patient_id)
        known = before.by_body if before is not None else {}
        found = [known.get(version.body) or cast("Resource", version.resource) for version in versions]
        by_body = {version.body: resource for version, resource in zip(versions, found, strict=True)}
        self._keep(patient_id, _Read(by_body, before.known.only(found) if before is not None and before.known is not None else None))
        return found

    def known(self, patient_id: str, dictionary: Dictionary) -> Known:
        """What the resources of a patient say by a dictionary, as far as somebody asked."""
        with self._lock:
            read = self._kept.get(patient_id)
            if read is None:
                return Known(dictionary)
            if read.known is None or read.known.dictionary is not dictionary:
                read.known = Known(dictionary)
            return read.known

    def bodies(self) -> Iterable[tuple[bytes, Resource]]:
        """Every resource that is kept, with the bytes that it was read from."""
        with self._lock:
            return [pair for read in self._kept.values() for pair in read.by_body.items()]

    def _keep(self, patient_id: str, read: _Read) -> None:
        with self._lock:
            self._kept[patient_id] = read
            self._kept.move_to_end(patient_id)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
