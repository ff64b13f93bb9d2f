"""Cells as another node tells of them: whether it fits what is known of the case.

Main job: `against(known, both, items, sender, latest)` gives every reason why a told event names another chain of identity, was on the way before the
case was opened, arrives before it left, or releases a batch that was never made or tested. An arrival that is in quarantine may name any label: that is why it is there.

**Source**: chain of custody rules F2. Elsewhere: whose word it is in `whose.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from baybridge.base.outcome import Reason
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.entry import read_event
from baybridge.journey.events import Told

_OF_A_CHAIN = (ev.CellsCollected, ev.ShipmentDispatched, ev.ShipmentReceived, ev.ManufactureStarted, ev.ProductReleased, ev.ProductRejected)
_ON_THE_WAY = (ev.ShipmentDispatched, ev.ShipmentReceived, ev.CourierNamed, ev.CourierConfirmed)
#: Times at which something happened; ends of validity and plans lie ahead.
_HAPPENED = (
    "started_at", "ended_at", "dispatched_at", "handed_at", "confirmed_at", "received_at",
    "checked_at", "thawed_at", "assessed_at", "given_at", "called_at", "arrived_at",
)  # fmt: skip


def against(known: Case, both: Case, items: Sequence[Told], sender: str, latest: datetime) -> Iterator[Reason]:
    """Every reason against one of these told events; `both` is the case with what they tell, `latest` the latest moment at which something can have happened."""
    heard = {entry.origin.event_id for entry in known.history}
    for item in items:
        event = read_event(item.event)
        if event is None or item.event_id in heard:
            continue
        made = _never_made(event, both) if item.node == sender else ()
        parts = (*_ahead(event, latest), *_before_the_case(event, both), *_chain(event, both), *_before_it_left(event, both), *made)
        if parts:
            yield Reason("federation.does_not_fit", {"event": type(event).__name__, "node": item.node, "parts": ", ".join(parts)})


def _ahead(event: ev.Event, latest: datetime) -> Iterator[str]:
    times = ((name, getattr(event, name, None)) for name in _HAPPENED)
    yield from (name for name, value in times if isinstance(value, datetime) and value.tzinfo is not None and value > latest)


def _before_the_case(event: ev.Event, both: Case) -> Iterator[str]:
    """No cells of a case were on the way before the case was opened."""
    if both.opened is None or not isinstance(event, _ON_THE_WAY):
        return
    times = ((name, getattr(event, name, None)) for name in _HAPPENED)
    yield from (name for name, value in times if isinstance(value, datetime) and value.tzinfo is not None and value < both.opened.origin.at)


def _chain(event: ev.Event, both: Case) -> Iterator[str]:
    chains = {entry.event.chain_of_identity for entry in both.history if isinstance(entry.event, ev.SlotReserved)}
    is_aside = isinstance(event, ev.ShipmentReceived) and event.disposition == "quarantined"
    if isinstance(event, _OF_A_CHAIN) and chains and not is_aside and event.chain_of_identity not in chains:
        yield "chain_of_identity"


def _before_it_left(event: ev.Event, both: Case) -> Iterator[str]:
    if not isinstance(event, ev.ShipmentReceived):
        return
    left = [one.dispatched.event.dispatched_at for one in both.shipments if one.shipment_id == event.shipment_id and one.dispatched is not None]
    if any(event.received_at < moment for moment in left):
        yield "received_at"


def _never_made(event: ev.Event, both: Case) -> Iterator[str]:
    """A plant that releases tells what it made and tested too; whoever hands a release on may have been told of that alone."""
    if not isinstance(event, ev.ProductReleased):
        return
    entries = [entry.event for entry in both.history]
    made = any(isinstance(one, ev.ManufactureStarted) and (one.batch, one.chain_of_identity) == (event.batch, event.chain_of_identity) for one in entries)
    tested = any(isinstance(one, ev.ProductTested) and one.batch == event.batch for one in entries)
    yield from (name for name, there in (("ManufactureStarted", made), ("ProductTested", tested)) if not there)
