"""One thing that happened, with where and when it was recorded; told events are read here.

Main job: turn `Recorded` envelopes, and the `Told` ones inside `PackageReceived`, into one list of entries without doubles.

An event of a type that this version does not know (a newer node told it) is kept whole in `Unread`, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeGuard, TypeVar

import msgspec

from baybridge.base import decoding
from baybridge.journey.events import EVENT_TYPES, Event, PackageReceived, Recorded, Told

E = TypeVar("E", bound=Event, covariant=True)
K = TypeVar("K", bound=Event)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who recorded an event, where and when; `package_id` is set where another node told of it."""

    event_id: str
    node: str
    organisation: str
    actor: str
    role: str
    at: datetime
    recorded_at: datetime
    package_id: str | None = None
    person: str = ""  # whose account it was, where this node knows

    def is_of(self, account: str, person: str) -> bool:
        """Whether this account or person recorded it: two accounts of one person are one person."""
        return self.actor == account or (bool(person) and self.person == person)

    @property
    def told(self) -> bool:
        """Whether another node told of it."""
        return self.package_id is not None


@dataclass(frozen=True, slots=True)
class Entry(Generic[E]):
    """An event and its origin."""

    event: E
    origin: Origin


def tells(entry: Entry[Event], kind: type[K]) -> TypeGuard[Entry[K]]:
    """Whether an entry's event is of a kind."""
    return isinstance(entry.event, kind)


@dataclass(frozen=True, slots=True)
class Unread:
    """A told event that this version cannot read, kept as it came."""

    told: Told
    package_id: str


def type_of(content: Mapping[str, object]) -> type[Event] | None:
    """The type that a plain JSON object names as its `type`; None where it is not one that this version knows.

    An object is read as its own type, not as one of all of them: looking through so many takes a hundred times as long.
    """
    name = content.get("type")
    return EVENT_TYPES.get(name) if isinstance(name, str) else None


def read_event(content: dict[str, object]) -> Event | None:
    """The event of a plain JSON object with its `type`; None where type or form is not one that this version knows."""
    kind = type_of(content)
    try:
        return None if kind is None else decoding.convert(content, kind)
    except msgspec.ValidationError:
        return None


def unfold(events: Iterable[Recorded]) -> tuple[tuple[Entry[Event], ...], tuple[Unread, ...]]:
    """Entries in the order in which this node learnt of them, each event once, and what could not be read."""
    envelopes = tuple(events)
    own = {recorded.event_id for recorded in envelopes}
    seen: set[str] = set()
    entries: list[Entry[Any]] = []
    unread: list[Unread] = []
    for recorded in envelopes:
        if recorded.event_id in seen:
            continue
        seen.add(recorded.event_id)
        entries.append(_own(recorded))
        for item in _told(recorded):
            if item.told.event_id in own or item.told.event_id in seen:
                continue
            seen.add(item.told.event_id)
            entry = _entry(item)
            if entry is None:
                unread.append(item)
            else:
                entries.append(entry)
    return tuple(entries), tuple(unread)


def _own(recorded: Recorded) -> Entry[Event]:
    origin = Origin(
        recorded.event_id, recorded.node, recorded.organisation, recorded.actor, recorded.role, recorded.at, recorded.recorded_at, person=recorded.person
    )
    return Entry(recorded.event, origin)


def _told(recorded: Recorded) -> Iterator[Unread]:
    if isinstance(recorded.event, PackageReceived):
        for told in recorded.event.told:
            yield Unread(told, recorded.event.package_id)


def _entry(item: Unread) -> Entry[Event] | None:
    told = item.told
    event = read_event(told.event)
    if event is None:
        return None
    origin = Origin(told.event_id, told.node, told.node, told.actor, told.role, told.at, told.recorded_at, item.package_id)
    return Entry(event, origin)
