"""When an event happened, by its own word: the moment at which it is read in a case as of a time.

Main job: `moment_of(entry, zone)`. What says no time of its own happened when it was recorded.

**Units**: aware times; an event that says a day alone happened at the start of that day at the node.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from baybridge.base.time import start_of_day
from baybridge.journey import events as ev
from baybridge.journey.entry import Entry
from baybridge.journey.events import Event

#: Fields that say when an event happened, in order of preference; plans, due days and ends of validity are no such moments.
_MOMENTS = (
    "assessed_at", "checked_at", "thawed_at", "given_at", "arrived_at", "called_at", "dispatched_at", "received_at", "ended_at", "started_at",
    "started_on", "visited_on", "assessed_on", "found_on", "died_on", "discharged_on", "withdrawn_on", "notified_on", "enrolled_on", "received_on",
)  # fmt: skip
#: The event is the beginning of what it says.
_BY_TYPE: dict[type[ev.Event], str] = {ev.Infused: "started_at"}


def moment_of(entry: Entry[Event], zone: ZoneInfo) -> datetime:
    """The moment at which an entry happened."""
    event = entry.event
    named = _BY_TYPE.get(type(event))
    for name in (named,) if named else _MOMENTS:
        said = getattr(event, name, None)
        if isinstance(said, datetime):
            return said
        if isinstance(said, date):
            return start_of_day(said, zone)
    return entry.origin.at
