"""What every event is, its signatures, and its envelope: who recorded it, where and when."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Signature(Struct, frozen=True, kw_only=True):
    """One act of signing: who, in which role, meaning what, when, and how the person proved who it is.

    `shown_sha256` is the SHA-256 over the canonical JSON of what was signed: case, command, input, meaning. `confirmation_id` is set where it answers a
    confirmation that somebody asked for. **Source**: 21 CFR 11.50 (name, date and time, meaning), 11.70 (linked to the record), 11.200 (means of proof).
    """

    person: str
    account: str
    role: str
    meaning: str
    method: str  # session, password, code, passkey
    at: datetime
    shown_sha256: str = ""
    confirmation_id: str = ""
    via: str = ""


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that happened to a case; `signed_by` where the law of the house asks for signatures."""

    signed_by: tuple[Signature, ...] = ()

    def people(self, *typed: str | None) -> tuple[str, ...]:
        """The accounts that signed it; of an event of before, the names that were typed."""
        return tuple(one.account for one in self.signed_by) or tuple(name for name in typed if name)


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
    person: str = ""  # whose account it was; empty where nobody signed in
    via: str = ""  # shell, where it was no page and no service
