"""What every event is, and its envelope: who recorded it, where and when."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that happened to a case."""


class Told(Struct, frozen=True, kw_only=True):
    """An event that another node told of, with where and when it was recorded there."""

    event_id: str
    node: str
    at: datetime
    recorded_at: datetime
    actor: str
    role: str
    event: dict[str, object]
    signature: str = ""  # of the node that recorded it, over `told_bytes`; empty where a version before this one told it


class Recorded(Struct, frozen=True, kw_only=True):
    """The envelope: who recorded which event of which case, where and when."""

    event_id: str
    case_id: str
    sequence: int
    at: datetime
    recorded_at: datetime
    node: str
    organisation: str
    actor: str
    role: str
    event: Event
