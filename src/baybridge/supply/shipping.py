"""On the road: bags leave with their papers and logger, and arrive as what left, or not at all.

Main job: the rules of `Ship`, `ReceiveShipment` and `ResolveQuarantine`.

**Source**: chain of identity rules F2.2 (scan by giver and receiver; mismatch: hard stop, quarantine), F4 (temperature, dry
shipper), logistics reference C1 and C3 (papers, logger, clocks). Elsewhere: temperature bands in `temperature.py`, papers in `permits.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.journey.case import Case
from baybridge.journey.cells import Shipment, discarded_of, same_seal
from baybridge.journey.checks import Moment, Unusual, alive, asked_once, happened, local_day, longer_than, ordered, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.custody import FAILED, RELEASE, SCANNED, STORAGE
from baybridge.journey.events import Leg, QuarantineResolved, ShipmentDispatched, ShipmentReceived
from baybridge.journey.labels import chain_for_label
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CELLS, OF_CELLS, CommandRow, EventRow, Second, labels_of, roles, told_in, with_quality
from baybridge.journey.texts import Note
from baybridge.supply import rendering
from baybridge.supply.permits import missing_papers
from baybridge.supply.slots import site_of
from baybridge.supply.temperature import Reading, contradicts, judge_fresh, judge_product, quarantines

Hours = Annotated[int, Meta(ge=0, le=10_000)]
#: Between liquid nitrogen and the hottest place that a box can stand in.
Logged = Annotated[float, Meta(ge=-200, le=100)]



class Ship(Struct, frozen=True, kw_only=True):
    """Bags leave with a courier."""

    leg: Leg
    chain_of_identity: Annotated[str, Meta(description="as scanned")]
    bags: Annotated[tuple[str, ...], Meta(description="as scanned")]
    container: str
    logger_id: str
    dispatched_at: Moment
    expected_transit_h: Annotated[int, Meta(gt=0, le=1000)]
    remaining_hold_h: Annotated[Hours | None, Meta(description="qualified hold time of the dry shipper that is left")] = None
    planned_entry_on: Annotated[date | None, Meta(description="day at the border; day of dispatch where left out")] = None
    unusual: Unusual = False


class ReceiveShipment(Struct, frozen=True, kw_only=True):
    """Bags arrived; what was scanned and what the logger said."""

    shipment_id: str
    chain_of_identity: Annotated[str, Meta(description="as scanned")]
    bags: Annotated[tuple[str, ...], Meta(description="as scanned")]
    received_at: Moment
    warmest_c: Logged
    coldest_c: Logged
    minutes_outside: Annotated[int, Meta(ge=0, description="above the product's limit; for fresh cells outside 0 to 10 degrees")]
    seal_intact: bool
    seal: Annotated[str, Meta(description="number of the seal as read; another than it left under, or none where it left under one, keeps the bags in quarantine")] = ""
    quarantine: Annotated[bool, Meta(description="take bags whose identity does not match into quarantine")] = False
    unusual: Unusual = False


class ResolveQuarantine(Struct, frozen=True, kw_only=True):
    """Quality decides on bags in quarantine."""

    bags: tuple[str, ...]
    decision: Literal["use", "discard"]
    basis: Note


# --- leaving --------------------------------------------------------------------------------------------------------


def none_to_ship(situation: Situation) -> Iterator[Reason]:
    """No bag of this case is here that was not sent on: none collected at the centre, none released at the plant."""
    yield from alive(situation)
    case, here = situation.case, situation.site.node
    bags = {bag for one in case.collections if one.entry.origin.node == here for bag in one.bags}
    bags |= {bag for one in case.batches if one.released and one.released.origin.node == here for bag in one.released.event.bags}
    if not bags - {bag for shipment in case.shipments for bag in shipment.bags}:
        yield Reason("supply.ship.nothing_here")


def ship(situation: Situation, given: Ship) -> Verdict:
    """The bags leave under a new shipment id, or every reason against."""
    against = (
        *alive(situation),
        *_sender(situation, given),
        *_load(situation, given),
        *_outfit(given),
        *_road(situation, given),
        *asked_once((*_left(situation, given), *_long_way(situation, given), *_long_ago(situation, given)), unusual=given.unusual),
    )
    if against:
        return refuse(*against)
    return (
        ShipmentDispatched(
            shipment_id=situation.new_id(),
            leg=given.leg,
            to_node=_destination(situation, given.leg) or "",
            chain_of_identity=given.chain_of_identity,
            bags=given.bags,
            container=given.container.strip(),
            logger_id=given.logger_id.strip(),
            dispatched_at=given.dispatched_at,
            remaining_hold_h=given.remaining_hold_h,
        ),
    )


def _destination(situation: Situation, leg: Leg) -> str | None:
    return situation.case.plant_node if leg == "to_plant" else situation.case.treating_node


def _sender(situation: Situation, given: Ship) -> Iterator[Reason]:
    case = situation.case
    origin = case.treating_node if given.leg == "to_plant" else case.plant_node
    if case.slot is None:
        yield Reason("supply.ship.no_slot")
    elif origin is not None and origin != situation.site.node:
        yield Reason("supply.ship.wrong_site", {"leg": given.leg, "node": origin}, where="leg")
    if site_of(situation, _destination(situation, given.leg)) is None:
        yield Reason("supply.ship.destination_unknown", {"leg": given.leg})


def _load(situation: Situation, given: Ship) -> Iterator[Reason]:
    case = situation.case
    bags = set(given.bags)
    if given.chain_of_identity != case.chain_of_identity:
        yield Reason("supply.ship.wrong_chain", source=SCANNED, where="chain_of_identity")
    if not bags or len(bags) != len(given.bags):
        yield Reason("supply.ship.no_bags", where="bags")
    if bags & case.quarantined:
        yield Reason("supply.ship.quarantined", source=STORAGE, where="bags")
    if any(bags & set(shipment.bags) for shipment in case.shipments_on(given.leg)):
        yield Reason("supply.ship.already_sent", where="bags")
    yield from (_collected(situation, given) if given.leg == "to_plant" else _released(situation, given))


def _collected(situation: Situation, given: Ship) -> Iterator[Reason]:
    here = {bag for c in situation.case.collections if c.chain_of_identity == given.chain_of_identity for bag in c.bags}
    if not set(given.bags) <= here:
        yield Reason("supply.ship.not_collected", source=SCANNED, where="bags")


def _released(situation: Situation, given: Ship) -> Iterator[Reason]:
    batches = {bag: situation.case.batch_of_bag(bag) for bag in given.bags}
    released = {bag: b.released.event for bag, b in batches.items() if b is not None and b.released is not None}
    if len(released) < len(batches):
        yield Reason("supply.ship.not_released", source=RELEASE, where="bags")
    if any(event.chain_of_identity != given.chain_of_identity for event in released.values()):
        yield Reason("supply.ship.wrong_bag", source=SCANNED, where="bags")
    arrival = given.dispatched_at + timedelta(hours=given.expected_transit_h)
    if any(event.expires_at <= arrival for event in released.values()):
        yield Reason("supply.ship.expires_on_the_way", where="bags")


def _left(situation: Situation, given: Ship) -> Iterator[Reason]:
    """Bags of the same therapy event that stay behind: neither in this shipment nor sent before, in quarantine or given."""
    case = situation.case
    if given.leg == "to_plant":
        there = {bag for c in case.collections if c.chain_of_identity == given.chain_of_identity for bag in c.bags}
    else:
        releases = (b.released.event for b in case.batches if b.released and b.released.event.chain_of_identity == given.chain_of_identity)
        there = {bag for event in releases for bag in event.bags}
    sent = {bag for shipment in case.shipments_on(given.leg) for bag in shipment.bags}
    left = there - sent - case.quarantined - set(given.bags)
    if left and set(given.bags) <= there:
        yield Reason("supply.ship.bags_left", {"bags": ", ".join(sorted(left))}, source=SCANNED, where="unusual")


def _long_way(situation: Situation, given: Ship) -> Iterator[Reason]:
    """A longer way than cells travel, or a longer hold than a container has."""
    usual = situation.limits.plausible
    if given.expected_transit_h > usual.transit_h:
        yield Reason("supply.ship.long_way", {"found": given.expected_transit_h, "hours": usual.transit_h}, source=usual.source, where="unusual")
    if given.remaining_hold_h is not None and given.remaining_hold_h > usual.hold_h:
        yield Reason("supply.ship.long_hold", {"found": given.remaining_hold_h, "hours": usual.hold_h}, source=usual.source, where="unusual")


def _long_ago(situation: Situation, given: Ship) -> Iterator[Reason]:
    """The bags left long before it is entered, or before they were released."""
    usual, at = situation.limits.plausible, given.dispatched_at
    if longer_than(at, situation.now, usual.told_within_h):
        yield Reason("supply.ship.long_ago", {"at": at.isoformat(), "hours": usual.told_within_h}, source=usual.source, where="unusual")
    batches = (situation.case.batch_of_bag(bag) for bag in given.bags) if given.leg == "to_centre" else ()
    released = [batch.released.origin.at for batch in batches if batch is not None and batch.released is not None]
    if released and at < max(released):
        yield Reason("supply.ship.before_release", {"at": at.isoformat(), "released": max(released).isoformat()}, source=RELEASE, where="unusual")


def _outfit(given: Ship) -> Iterator[Reason]:
    if not said(given.logger_id):
        yield Reason("supply.ship.no_logger", source="logistics reference C3", where="logger_id")
    if not said(given.container):
        yield Reason("supply.ship.no_container", where="container")


def _road(situation: Situation, given: Ship) -> Iterator[Reason]:
    yield from happened(situation, dispatched_at=given.dispatched_at)
    yield from _hold(situation, given)
    if given.leg == "to_plant":
        yield from _fresh_clock(situation, given)
    there = site_of(situation, _destination(situation, given.leg))
    if there is not None:
        day = given.planned_entry_on or local_day(situation, given.dispatched_at)
        yield from missing_papers(situation, given.leg, (situation.site.jurisdiction, there.jurisdiction), day)


def _hold(situation: Situation, given: Ship) -> Iterator[Reason]:
    """The container holds at least twice the expected transit; fresh cells travel in a box whose hold may be unknown."""
    factor = int(situation.limits.dry_shipper.hold_factor)
    needed = factor * given.expected_transit_h
    if given.remaining_hold_h is None:
        if given.leg == "to_centre":
            yield Reason("supply.ship.hold_unknown", {"needed_h": needed}, source=STORAGE, where="remaining_hold_h")
    elif given.remaining_hold_h < needed:
        values = {"needed_h": needed, "remaining_h": given.remaining_hold_h}
        yield Reason("supply.ship.hold_too_short", values, source=STORAGE, where="remaining_hold_h")


def _fresh_clock(situation: Situation, given: Ship) -> Iterator[Reason]:
    stop_h = situation.documents.pathway.alarms.fresh_cells.stop_h
    for collection in situation.case.collections:
        if collection.chain_of_identity != given.chain_of_identity:
            continue
        yield from ordered(collection.ended_at, given.dispatched_at, "ended_at", "dispatched_at")
        arrival = given.dispatched_at + timedelta(hours=given.expected_transit_h)
        if arrival > collection.ended_at + timedelta(hours=stop_h):
            yield Reason("supply.ship.too_late", {"stop_h": stop_h}, source="logistics reference C3", where="expected_transit_h")


# --- arriving -------------------------------------------------------------------------------------------------------


def receive_shipment(situation: Situation, given: ReceiveShipment) -> Verdict:
    """The bags are accepted, or in quarantine for what the log says; bags that are not those sent are a hard stop."""
    known = next((s for s in situation.case.shipments if s.shipment_id == given.shipment_id), None)
    mismatch = tuple(_mismatch(situation, given, known))
    against = (*alive_or_arriving(situation), *_arrival(situation, given, known), *(() if given.quarantine else mismatch))
    if against:
        return refuse(*against)
    findings = (*(reason.code for reason in mismatch), *_findings(situation, given, known))
    return (
        ShipmentReceived(
            shipment_id=given.shipment_id,
            leg=_leg(situation, known),
            chain_of_identity=given.chain_of_identity,
            bags=given.bags,
            received_at=given.received_at,
            warmest_c=given.warmest_c,
            coldest_c=given.coldest_c,
            minutes_outside=given.minutes_outside,
            seal_intact=given.seal_intact,
            disposition="quarantined" if quarantines(findings) or given.quarantine else "accepted",
            findings=findings,
            seal=given.seal.strip(),
        ),
    )


def alive_or_arriving(situation: Situation) -> Iterator[Reason]:
    """A shipment that is under way is received even when the patient has died meanwhile."""
    yield from (reason for reason in alive(situation) if reason.code != "journey.case.died")


def _leg(situation: Situation, known: Shipment | None) -> Leg:
    if known is not None:
        return known.leg
    return "to_plant" if "plant" in situation.site.kinds else "to_centre"


def _mismatch(situation: Situation, given: ReceiveShipment, known: Shipment | None) -> Iterator[Reason]:
    if known is None or known.dispatched is None:
        yield Reason("supply.receive.dispatch_unknown", source=SCANNED, where="shipment_id")
    elif known.dispatched.event.to_node != situation.site.node:
        yield Reason("supply.receive.wrong_site", {"node": known.dispatched.event.to_node}, source=SCANNED, where="shipment_id")
    if given.chain_of_identity not in situation.case.chains or (known and given.chain_of_identity != known.chain_of_identity):
        yield Reason("supply.receive.wrong_chain", source=SCANNED, where="chain_of_identity")
    if known is not None and known.dispatched is not None and sorted(given.bags) != sorted(known.bags):
        yield Reason("supply.receive.wrong_bag", source=SCANNED, where="bags")


def _arrival(situation: Situation, given: ReceiveShipment, known: Shipment | None) -> Iterator[Reason]:
    yield from happened(situation, received_at=given.received_at)
    if not given.bags:
        yield Reason("supply.receive.no_bags", where="bags")
    yield from chain_for_label(situation.case, "bag", given.bags, "bags")
    if known is not None and known.received is not None:
        yield Reason("supply.receive.already", where="shipment_id")
    if known is not None and known.dispatched is not None:
        yield from ordered(known.dispatched.event.dispatched_at, given.received_at, "dispatched_at", "received_at")
    yield from asked_once(_arrival_unusual(situation, given, known), unusual=given.unusual)
    if _contradicts(situation, given, known):
        yield Reason("supply.receive.log_contradicts", where="minutes_outside")


def _arrival_unusual(situation: Situation, given: ReceiveShipment, known: Shipment | None) -> Iterator[Reason]:
    """The bags arrived long before it is entered, or were longer on the way than any are."""
    usual = situation.limits.plausible
    if known is not None and known.left_under and not said(given.seal):
        yield Reason("supply.receive.seal_unread", source=SCANNED, where="unusual")
    if longer_than(given.received_at, situation.now, usual.told_within_h):
        yield Reason("supply.receive.long_ago", {"at": given.received_at.isoformat(), "hours": usual.told_within_h}, source=usual.source, where="unusual")
    if known is not None and known.dispatched is not None and longer_than(known.dispatched.event.dispatched_at, given.received_at, usual.transit_h):
        yield Reason("supply.receive.long_way", {"hours": usual.transit_h}, source=usual.source, where="unusual")


def _reading(given: ReceiveShipment) -> Reading:
    return Reading(given.warmest_c, given.coldest_c, given.minutes_outside)


def _contradicts(situation: Situation, given: ReceiveShipment, known: Shipment | None) -> bool:
    """Whether the log cannot be true; without a known label limit only the extremes are compared."""
    if _leg(situation, known) == "to_plant":
        fresh = situation.limits.fresh_cells
        return contradicts(_reading(given), fresh.outer_coldest_c, fresh.outer_warmest_c)
    limit = _storage_limit(situation, given.bags)
    if limit is None:
        return given.coldest_c > given.warmest_c
    return contradicts(_reading(given), None, limit)


def _storage_limit(situation: Situation, bags: tuple[str, ...]) -> float | None:
    """The strictest label limit of the released batches that these bags belong to; None where one is unknown."""
    batches = [situation.case.batch_of_bag(bag) for bag in bags]
    known = [b.released.event.storage_max_c for b in batches if b is not None and b.released is not None]
    return min(known) if known and len(known) == len(batches) else None


def _findings(situation: Situation, given: ReceiveShipment, known: Shipment | None) -> tuple[str, ...]:
    seal = (*(() if given.seal_intact else ("seal_broken",)), *_other_seal(given, known))
    if _leg(situation, known) == "to_plant":
        clock = situation.documents.pathway.alarms.fresh_cells
        return (*seal, *judge_fresh(_reading(given), _age_h(situation, given), situation.limits.fresh_cells, clock))
    limit = _storage_limit(situation, given.bags)
    if limit is None:
        return (*seal, "product_limit_unknown")
    return (*seal, *judge_product(_reading(given), limit, situation.limits.product))


def _other_seal(given: ReceiveShipment, known: Shipment | None) -> tuple[str, ...]:
    """Whether the seal is another than it left under, or was not read though it left under one."""
    left = known.left_under if known is not None else ""
    if not left or not said(given.seal):
        return ("seal_unread",) if left else ()
    return ("seal_other",) if same_seal(left) != same_seal(given.seal) else ()


def _age_h(situation: Situation, given: ReceiveShipment) -> float | None:
    ends = [c.ended_at for c in situation.case.collections if set(c.bags) & set(given.bags)]
    return (given.received_at - min(ends)).total_seconds() / 3600 if ends else None


# --- quarantine -----------------------------------------------------------------------------------------------------


def none_held(situation: Situation) -> Iterator[Reason]:
    """No bag is in quarantine that was not decided on."""
    yield from alive_or_arriving(situation)
    if not situation.case.quarantined - discarded_of(situation.case.entries):
        yield Reason("supply.quarantine.none_held")


def resolve_quarantine(situation: Situation, given: ResolveQuarantine) -> Verdict:
    """Quality lets the bags be used, or discards them; never without a stated basis."""
    against = [*alive_or_arriving(situation)]
    if not given.bags or not set(given.bags) <= situation.case.quarantined:
        against.append(Reason("supply.quarantine.not_held", where="bags"))
    if set(given.bags) & discarded_of(situation.case.entries):
        against.append(Reason("supply.quarantine.discarded", source=STORAGE, where="bags"))
    if not said(given.basis):
        against.append(Reason("supply.quarantine.no_basis", source=STORAGE, where="basis"))
    if given.decision == "use" and set(given.bags) & _of_nobody(situation):
        against.append(Reason("supply.quarantine.identity_unproven", source=SCANNED, where="bags"))
    if given.decision == "use" and (other := set(given.bags) & _of_another_chain(situation.case) - _of_nobody(situation)):
        against.append(Reason("supply.quarantine.other_chain", {"bags": ", ".join(sorted(other))}, source=SCANNED, where="bags"))
    if given.decision == "use" and set(given.bags) & _failed(situation):
        against.append(Reason("supply.quarantine.failed_critical", source=FAILED, where="bags"))
    return refuse(*against) if against else (QuarantineResolved(bags=given.bags, decision=given.decision, basis=given.basis.strip()),)


def _failed(situation: Situation) -> set[str]:
    """Bags whose batch failed after its release in what lets nobody use it."""
    failed = (b for b in situation.case.batches if any(entry.event.critical for entry in b.failed_late))
    return {bag for batch in failed if batch.released is not None for bag in batch.released.event.bags}


def _of_nobody(situation: Situation) -> set[str]:
    """Bags in quarantine that this case neither collected nor released."""
    ours = {bag for c in situation.case.collections for bag in c.bags}
    return {bag for bag in situation.case.quarantined if bag not in ours and situation.case.batch_of_bag(bag) is None}


def _of_another_chain(case: Case) -> set[str]:
    """Bags that arrived under another chain of identity than the one of their collection or batch: whose they are is not known before their label is read right."""
    collected = {(bag, c.chain_of_identity) for c in case.collections for bag in c.bags}
    released = {(bag, b.chain_of_identity) for b in case.batches if b.released is not None for bag in b.released.event.bags}
    arrived = {(bag, entry.event.chain_of_identity) for entry in case.of(ShipmentReceived) for bag in entry.event.bags}
    return {bag for bag, _ in arrived - collected - released}


def quarantined_bags(context: FormContext) -> Mapping[str, object]:
    """The bags that wait for a decision."""
    return {"bags": tuple(sorted(context.case.quarantined))}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        Ship, ship, roles(Role.COORDINATOR, Role.NURSE, Role.PHARMACIST, Role.MANUFACTURER),
        (EventRow(ShipmentDispatched, rendering.dispatched, told_in("COI_LOGISTICS")),),
        page="cells",
        correction=OF_CELLS,
        kinds=CELLS,
        step="ship_to_plant",
        purpose="logistics",
        blocked=none_to_ship,
        place=40,
        scanned=labels_of(Ship),
        signed="handed_over",
    ),
    CommandRow(
        ReceiveShipment, receive_shipment, roles(Role.COORDINATOR, Role.NURSE, Role.PHARMACIST, Role.LABORATORY, Role.MANUFACTURER),
        (EventRow(ShipmentReceived, rendering.arrived, told_in("COI_LOGISTICS")),),
        page="cells",
        correction=OF_CELLS,
        kinds=CELLS,
        step="receive_at_plant",
        purpose="logistics",
        blocked=alive_or_arriving,
        place=50,
        scanned=labels_of(ReceiveShipment),
        signed="taken_over",
    ),
    CommandRow(
        ResolveQuarantine, resolve_quarantine, roles(Role.MANUFACTURER, Role.QUALITY),
        (EventRow(QuarantineResolved, rendering.quarantine, told_in("COI_LOGISTICS")),),
        page="cells",
        correction=OF_CELLS,
        kinds=CELLS,
        step="quarantine",
        purpose="quality",
        blocked=none_held,
        place=60,
        prefill=quarantined_bags,
        second=Second("approved", among=with_quality, entered="decided"),
    ),
)
