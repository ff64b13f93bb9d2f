"""The cells: slot, chain of identity, papers, collection, shipments with their clocks and temperatures, manufacture, tests, release.

Main job: `cells(view)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from baybridge.documents.pathway import Clocks
from baybridge.journey.case import Case
from baybridge.journey.cells import Collection, Shipment, discarded_of
from baybridge.journey.events import QuarantineResolved
from baybridge.supply.slots import overbooked
from baybridge.web.case.batch_tests import made
from baybridge.web.case.view import CaseView


@dataclass(frozen=True, slots=True)
class Clock:
    """Hours since collection, or until a container's hold ends, with the level that they have reached."""

    hours: float
    level: str  # plan, amber, red, stop
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """A shipment with the clocks that run on it."""

    shipment: Shipment
    clocks: tuple[tuple[str, Clock], ...]


def cells(view: CaseView) -> Response:
    """Everything about the cells, and what can be done with them here."""
    case = view.case
    documents = view.decisions(test.event.decision_sha256 for batch in case.batches for test in batch.tests)
    return view.render(
        "cells.html",
        shipments=[Sent(shipment, tuple(_clocks(view, shipment))) for shipment in case.shipments],
        batches=[made(view, batch, documents) for batch in case.batches],
        quarantined=sorted(case.quarantined),
        discarded=discarded_of(case.entries),
        resolved=case.of(QuarantineResolved),
        overbooked=[] if case.bags_at_plant else [view.reader.reason(reason) for reason in overbooked(view.look.situation(frozenset({"slots_on"})))],
        fresh=_fresh(view),
        actions=view.buttons(),
    )


def _alarms(view: CaseView) -> Clocks:
    return view.asked.node.documents.typed.pathway.alarms


def _fresh(view: CaseView) -> list[tuple[Collection, Clock]]:
    """Fresh cells that are not at the plant yet, with their clock."""
    arrived = view.case.bags_at_plant
    used = _made_into_product(view.case)
    waiting = [one for one in view.case.collections if not set(one.bags) <= arrived and one.chain_of_identity not in used]
    return [(collection, fresh_clock(_alarms(view), collection.ended_at, view.now)) for collection in waiting]


def _made_into_product(case: Case) -> frozenset[str]:
    """The therapy events whose cells were received by a plant, whether or not that was told here: a batch, a product on its way or an infusion says so."""
    batches = {batch.chain_of_identity for batch in case.batches if batch.chain_of_identity}
    on_its_way = {shipment.chain_of_identity for shipment in case.shipments_on("to_centre")}
    return frozenset(batches | on_its_way | {entry.event.chain_of_identity for entry in case.infusions})


def fresh_clock(alarms: Clocks, ended_at: datetime, at: datetime) -> Clock:
    """How old fresh cells are at a moment, by the limits of the pathway."""
    limits = alarms.fresh_cells
    hours = (at - ended_at).total_seconds() / 3600
    level = next((name for name, least in (("stop", limits.stop_h), ("red", limits.red_h), ("amber", limits.amber_h)) if hours >= least), "plan")
    return Clock(hours, level, ended_at + timedelta(hours=limits.stop_h))


def _clocks(view: CaseView, shipment: Shipment) -> list[tuple[str, Clock]]:
    until = shipment.received.event.received_at if shipment.received else view.now
    clocks = []
    collection = next((one for one in view.case.collections if set(one.bags) & set(shipment.bags)), None)
    if shipment.leg == "to_plant" and collection is not None:
        clocks.append(("fresh_cells", fresh_clock(_alarms(view), collection.ended_at, until)))
    ends_at = shipment.hold_ends_at()
    if ends_at is not None:
        left = (ends_at - until).total_seconds() / 3600
        limits = _alarms(view).dry_shipper
        level = "stop" if left <= 0 else "red" if left < limits.red_h else "amber" if left < limits.amber_h else "plan"
        clocks.append(("hold", Clock(left, level, ends_at)))
    return clocks
