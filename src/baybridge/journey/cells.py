"""Cells on their way: collections, shipments, batches, bags in quarantine.

Main job: put together what two nodes recorded about one bag: sent here, received there.

**Units**: hours and degrees Celsius by name. Elsewhere: what is allowed with them is judged in `supply` and `bedside`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from baybridge.journey import events as ev
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import Event


@dataclass(frozen=True, slots=True)
class Collection:
    """One leukapheresis."""

    entry: Entry[ev.CellsCollected]

    @property
    def chain_of_identity(self) -> str:
        """The therapy event that it belongs to."""
        return self.entry.event.chain_of_identity

    @property
    def bags(self) -> tuple[str, ...]:
        """The bags that were filled."""
        return self.entry.event.bags

    @property
    def ended_at(self) -> datetime:
        """End of collection: the clock of fresh cells runs from here."""
        return self.entry.event.ended_at


@dataclass(frozen=True, slots=True)
class Shipment:
    """One shipment, as its sender and its receiver recorded it; either may be unknown yet."""

    shipment_id: str
    leg: ev.Leg
    chain_of_identity: str
    dispatched: Entry[ev.ShipmentDispatched] | None
    received: Entry[ev.ShipmentReceived] | None
    courier: Entry[ev.CourierNamed] | None = None
    confirmed: Entry[ev.CourierConfirmed] | None = None

    @property
    def left_under(self) -> str:
        """The seal under which the courier took the bags; empty where none is known here."""
        return self.courier.event.seal.strip() if self.courier else ""

    @property
    def other_seal(self) -> bool:
        """Whether the seal that was read at arrival is another than the one that it left under; False where either is unknown."""
        arrived = self.received.event.seal.strip() if self.received else ""
        return bool(self.left_under and arrived) and same_seal(self.left_under) != same_seal(arrived)

    @property
    def seal_unread(self) -> bool:
        """Whether the bags arrived without a seal being read though they left under one."""
        return self.received is not None and bool(self.left_under) and not self.received.event.seal.strip()

    @property
    def bags(self) -> tuple[str, ...]:
        """The bags that were sent, or arrived where the dispatch is unknown."""
        known = self.dispatched or self.received
        return known.event.bags if known else ()

    @property
    def under_way(self) -> bool:
        """Whether it left and has not arrived."""
        return self.received is None

    def hold_ends_at(self) -> datetime | None:
        """When the container's qualified hold time ends; None where it has none or it is unknown."""
        if self.dispatched is None or self.dispatched.event.remaining_hold_h is None:
            return None
        return self.dispatched.event.dispatched_at + timedelta(hours=self.dispatched.event.remaining_hold_h)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: begun, tested, then released or rejected."""

    batch: str
    chain_of_identity: str | None = None
    from_bags: tuple[str, ...] = ()
    started: Entry[ev.ManufactureStarted] | None = None
    tests: tuple[Entry[ev.ProductTested], ...] = ()
    released: Entry[ev.ProductReleased] | None = None
    rejected: Entry[ev.ProductRejected] | None = None
    late: tuple[Entry[ev.LateResultRecorded], ...] = ()  # results that came after the release

    @property
    def failed_late(self) -> tuple[Entry[ev.LateResultRecorded], ...]:
        """The results that came after the release and are out of their limit."""
        return tuple(entry for entry in self.late if entry.event.failed)

    @property
    def open(self) -> bool:
        """Whether it is neither released nor rejected."""
        return self.released is None and self.rejected is None


def same_seal(seal: str) -> str:
    """A seal's number as it is compared: without spaces and dashes, in capitals."""
    return "".join(char for char in seal.upper() if char.isalnum())


def shipments_of(
    sent: Sequence[Entry[ev.ShipmentDispatched]],
    arrived: Sequence[Entry[ev.ShipmentReceived]],
    couriers: Sequence[Entry[ev.CourierNamed]] = (),
    confirmed: Sequence[Entry[ev.CourierConfirmed]] = (),
) -> tuple[Shipment, ...]:
    """Dispatches, couriers and receipts joined by shipment id, in whatever order they were learnt; a confirmation is of the courier named before it."""
    found: dict[str, Shipment] = {}
    for entry in sent:
        key = entry.event.shipment_id
        found.setdefault(key, Shipment(key, entry.event.leg, entry.event.chain_of_identity, entry, None))
    for receipt in arrived:
        key = receipt.event.shipment_id
        known = found.get(key, Shipment(key, receipt.event.leg, receipt.event.chain_of_identity, None, None))
        found[key] = replace(known, received=known.received or receipt)
    return tuple(_with_courier(shipment, couriers, confirmed) for shipment in found.values())


def _with_courier(shipment: Shipment, couriers: Sequence[Entry[ev.CourierNamed]], confirmed: Sequence[Entry[ev.CourierConfirmed]]) -> Shipment:
    named = [entry for entry in couriers if entry.event.shipment_id == shipment.shipment_id]
    last = max(named, key=lambda entry: entry.origin.recorded_at, default=None)
    since = last.origin.recorded_at if last else None
    said = [e for e in confirmed if e.event.shipment_id == shipment.shipment_id and since is not None and e.origin.recorded_at >= since]
    return replace(shipment, courier=last, confirmed=said[0] if said else None)


def quarantined_of(entries: Iterable[Entry[Event]]) -> frozenset[str]:
    """Bags that arrived into quarantine, or whose batch failed after its release while they were not given, and were not cleared for use since."""
    every = tuple(entries)
    bags = {entry.event.batch: set(entry.event.bags) for entry in every if tells(entry, ev.ProductReleased)}
    given = {entry.event.bag for entry in every if tells(entry, ev.Infused)}
    held: set[str] = set()
    for entry in every:
        event = entry.event
        if isinstance(event, ev.LateResultRecorded) and event.failed:
            held.update(bags.get(event.batch, set()) - given)
        if isinstance(event, ev.ShipmentReceived) and event.disposition == "quarantined":
            held.update(event.bags)
        if isinstance(event, ev.QuarantineResolved) and event.decision == "use":
            held.difference_update(event.bags)
        if isinstance(event, ev.QuarantineResolved) and event.decision == "discard":
            held.update(event.bags)
    return frozenset(held)


def discarded_of(entries: Iterable[Entry[Event]]) -> frozenset[str]:
    """Bags that quality discarded."""
    decided = [e.event for e in entries if isinstance(e.event, ev.QuarantineResolved)]
    return frozenset(bag for event in decided if event.decision == "discard" for bag in event.bags)


def batches_of(entries: Iterable[Entry[ev.Event]]) -> tuple[Batch, ...]:
    """Batches from what plant and centre recorded, in order of first mention."""
    found: dict[str, Batch] = {}
    for entry in entries:
        event = entry.event
        if not isinstance(event, ev.ManufactureStarted | ev.ProductTested | ev.ProductReleased | ev.ProductRejected | ev.LateResultRecorded):
            continue
        known = found.get(event.batch, Batch(event.batch))
        if tells(entry, ev.ManufactureStarted):
            known = replace(known, chain_of_identity=entry.event.chain_of_identity, from_bags=entry.event.from_bags, started=entry)
        elif tells(entry, ev.ProductTested):
            known = replace(known, tests=(*known.tests, entry))
        elif tells(entry, ev.ProductReleased):
            known = replace(known, chain_of_identity=entry.event.chain_of_identity, released=entry)
        elif tells(entry, ev.ProductRejected):
            known = replace(known, chain_of_identity=entry.event.chain_of_identity, rejected=entry)
        elif tells(entry, ev.LateResultRecorded):
            known = replace(known, late=(*known.late, entry))
        found[known.batch] = known
    return tuple(found.values())
