"""A rule's answer where more follows than events: decision documents that they cite, parcels to other nodes, an answer of no that is kept.

Main job: let a rule of a part say every effect as a value. `node/work.py` carries them out in one transaction: it keeps each document under its SHA-256, and
packs, seals and queues each parcel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baybridge.base.outcome import Refusal
from baybridge.journey.events import Event


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a check lets go to another node; the event `TransferAllowed` says that it was queued.

    `resources` are whole and already minimised for `purpose`; `decision` is the document of the check, `decision_sha256` its SHA-256.
    """

    to_node: str
    purpose: str
    route: str
    codes: tuple[str, ...]
    resources: tuple[dict[str, Any], ...]
    decision: Mapping[str, Any]
    decision_sha256: str


@dataclass(frozen=True, slots=True)
class Judged:
    """Events that follow, the decision documents (plain JSON) whose SHA-256 the events cite, and the parcels that go out.

    `event_ids` names the events that others of them point to, in order, "" where any id will do. With `refusal` whoever asked is answered no, and the events
    stand as the record of it.
    """

    events: tuple[Event, ...]
    decisions: tuple[Mapping[str, Any], ...] = ()
    parcels: tuple[Parcel, ...] = ()
    refusal: Refusal | None = None
    event_ids: tuple[str, ...] = ()
