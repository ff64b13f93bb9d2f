"""Events as bytes: what the ledger keeps and the evidence pack shows.

Main job: `encode` gives canonical JSON of a `Recorded` envelope, `decode` reads it back; an event type of a newer node is kept as it came.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from baybridge.base import decoding
from baybridge.base.canonical import canonical_bytes
from baybridge.journey.entry import type_of
from baybridge.journey.events import Event, Recorded
from baybridge.ledger.streams import StoredEvent


class UnknownEvent(Event, frozen=True, kw_only=True):
    """An event whose type this version does not know; kept whole."""

    body: dict[str, Any]


def event_from_json(body: dict[str, object]) -> Event:
    """An event from its JSON body with `type`; unknown types are kept."""
    kind = type_of(body)
    return UnknownEvent(body=body) if kind is None else decoding.convert(body, kind, strict=False)


def event_as_json(event: Event) -> dict[str, object]:
    """The JSON body of an event, with `type`."""
    if isinstance(event, UnknownEvent):
        return event.body
    body: dict[str, object] = msgspec.to_builtins(event)
    return body if body["signed_by"] else {name: value for name, value in body.items() if name != "signed_by"}


def encode(recorded: Recorded) -> bytes:
    """Canonical JSON (RFC 8785) of an envelope."""
    plain = msgspec.to_builtins(msgspec.structs.replace(recorded, event=Event()))
    said = {name: value for name, value in plain.items() if value != "" or name not in _SINCE_PERSONS}
    return canonical_bytes({**said, "event": event_as_json(recorded.event)})


ERASED = "Erased"


def decode_stored(stored: StoredEvent) -> Recorded:
    """The envelope of a stored event; of one whose content the law had erased, that it was there, when, and of which type."""
    if stored.body:
        return decode(stored.body)
    return Recorded(
        event_id=stored.event_id,
        case_id=stored.case_id,
        sequence=stored.sequence,
        at=datetime.fromisoformat(stored.at),
        recorded_at=datetime.fromisoformat(stored.recorded_at),
        node="",
        organisation="",
        actor="",
        role="system",
        event=UnknownEvent(body={"type": ERASED, "of": stored.type}),
    )


def decode(body: bytes) -> Recorded:
    """The envelope of canonical JSON."""
    plain = msgspec.json.decode(body)
    event = event_from_json(plain.pop("event"))
    envelope = decoding.convert({**plain, "event": {}}, _Envelope)
    return Recorded(event=event, **{name: getattr(envelope, name) for name in _Envelope.__struct_fields__ if name != "event"})


#: Parts of the envelope that events of before do not have; left out where they say nothing, so that those keep their bytes.
_SINCE_PERSONS = ("person", "via")
_Envelope = msgspec.defstruct(
    "_Envelope",
    [
        (field.name, field.type) if field.required else (field.name, field.type, field.default)
        for field in msgspec.structs.fields(Recorded)
        if field.name != "event"
    ]
    + [("event", dict[str, Any])],
    kw_only=True,
)
