"""The courier between two sites: named with waybill, seal and time by the giver, who signs, and confirmed by the courier's one-time code.

Main job: the rules of `HandToCourier` and `ConfirmCourier`. A courier has no account, so nobody types a name as if it were a signature: the code is made for one
shipment, shown once to whoever hands it over, and said back by the courier. The receiver signs at the own node (`ReceiveShipment`).

Cells that wait for nothing else wait for no code: what is missing is a task at the giver, and the receiver sees it. **Source**: chain of identity rule F2.2;
21 CFR 11.50. Elsewhere: making and checking codes in `node/commands/courier_codes.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.journey.case import Case
from baybridge.journey.cells import Shipment
from baybridge.journey.checks import Moment, Unusual, asked_once, happened, ordered, said
from baybridge.journey.command import Role, Site, Situation, Verdict
from baybridge.journey.custody import SCANNED
from baybridge.journey.events import CourierConfirmed, CourierNamed
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CELLS, OF_CELLS, CommandRow, Correction, EventRow, reads, roles, told_in
from baybridge.supply import rendering
from baybridge.supply.shipping import alive_or_arriving


class HandToCourier(Struct, frozen=True, kw_only=True):
    """The bags of a shipment were given to a courier who has no account here."""

    shipment_id: str
    courier: Annotated[str, Meta(description="who took them, as the courier's own pass says")]
    waybill: Annotated[str, Meta(description="number of the waybill")]
    seal: Annotated[str, Meta(description="number of the seal")]
    handed_at: Moment
    unusual: Unusual = False


class ConfirmCourier(Struct, frozen=True, kw_only=True):
    """The courier says the one-time code: the bags were taken over."""

    shipment_id: str
    code: Annotated[str, Meta(description="the one-time code, as the courier says it")]


def none_to_hand_over(situation: Situation) -> Iterator[Reason]:
    """No shipment left from here that a courier has still to take over."""
    yield from alive_or_arriving(situation)
    if not any(shipment.confirmed is None for shipment in shipments_from(situation.case, situation.site)):
        yield Reason("supply.courier.none_waits")


def none_to_confirm(situation: Situation) -> Iterator[Reason]:
    """No courier is named who has still to confirm."""
    if not any(shipment.courier is not None and shipment.confirmed is None for shipment in shipments_from(situation.case, situation.site)):
        yield Reason("supply.courier.none_named")


def hand_to_courier(situation: Situation, given: HandToCourier) -> Verdict:
    """The courier is named, or every reason against."""
    asked = asked_once(_another_time(situation, given), unusual=given.unusual)
    against = (*alive_or_arriving(situation), *_named(given), *_from_here(situation, given), *asked)
    if against:
        return refuse(*against)
    words = {name: getattr(given, name).strip() for name in ("courier", "waybill", "seal")}
    return (CourierNamed(shipment_id=given.shipment_id, handed_at=given.handed_at, **words),)


def _named(given: HandToCourier) -> Iterator[Reason]:
    for name in ("courier", "waybill", "seal"):
        if not said(getattr(given, name)):
            yield Reason(f"supply.courier.no_{name}", source=SCANNED, where=name)


def _from_here(situation: Situation, given: HandToCourier) -> Iterator[Reason]:
    yield from happened(situation, handed_at=given.handed_at)
    shipment = shipment_from(situation.case, situation.site, given.shipment_id)
    if shipment is None:
        yield Reason("supply.courier.not_from_here", where="shipment_id")
        return
    if shipment.confirmed is not None:
        yield Reason("supply.courier.confirmed", where="shipment_id")
    if shipment.received is not None:
        yield from ordered(given.handed_at, shipment.received.event.received_at, "handed_at", "received_at")


def _another_time(situation: Situation, given: HandToCourier) -> Iterator[Reason]:
    """The bags were handed over long before or after they left."""
    shipment, usual = shipment_from(situation.case, situation.site, given.shipment_id), situation.limits.plausible
    left = shipment.dispatched.event.dispatched_at if shipment is not None and shipment.dispatched is not None else given.handed_at
    if given.handed_at <= situation.now and abs(given.handed_at - left) > timedelta(hours=usual.told_within_h):
        values: dict[str, str | int] = {"handed": given.handed_at.isoformat(), "left": left.isoformat(), "hours": usual.told_within_h}
        yield Reason("supply.courier.another_time", values, source=usual.source, where="unusual")


def confirm_courier(situation: Situation, given: ConfirmCourier) -> Verdict:
    """The courier confirmed, or why the code says nothing."""
    against = [*alive_or_arriving(situation), *against_code(situation.case, situation.site, given.shipment_id)]
    if not against:
        state = situation.record.courier_code(given.shipment_id, given.code) if situation.record.courier_code else "none"
        if state != "right":
            against.append(Reason(f"supply.courier.code_{state}", where="code"))
    return refuse(*against) if against else (CourierConfirmed(shipment_id=given.shipment_id, confirmed_at=situation.now),)


def against_code(case: Case, site: Site, shipment_id: str) -> Iterator[Reason]:
    """What stands against a code for the courier of a shipment."""
    shipment = shipment_from(case, site, shipment_id)
    if shipment is None:
        yield Reason("supply.courier.not_from_here", where="shipment_id")
    elif shipment.courier is None:
        yield Reason("supply.courier.unnamed", where="shipment_id")
    elif shipment.confirmed is not None:
        yield Reason("supply.courier.confirmed", where="shipment_id")


def shipments_from(case: Case, site: Site) -> tuple[Shipment, ...]:
    """The shipments that left from this node."""
    return tuple(s for s in case.shipments if s.dispatched is not None and s.dispatched.origin.node == site.node)


def shipment_from(case: Case, site: Site, shipment_id: str) -> Shipment | None:
    """The shipment of an id that left from this node."""
    return next((shipment for shipment in shipments_from(case, site) if shipment.shipment_id == shipment_id), None)


def unconfirmed(case: Case, site: Site) -> tuple[Shipment, ...]:
    """Shipments that left from this node and whose courier did not confirm; older ones, of before couriers were named, are none."""
    mine = (s for s in shipments_from(case, site) if s.dispatched is not None and s.dispatched.event.signed_by)
    return tuple(shipment for shipment in mine if shipment.confirmed is None)


def last_from_here(context: FormContext) -> Mapping[str, object]:
    """The last shipment from here whose courier did not confirm; the code is never filled in."""
    waiting = unconfirmed(context.case, context.site)
    return {"shipment_id": waiting[-1].shipment_id if waiting else None, "handed_at": context.now}


_GIVERS = roles(Role.COORDINATOR, Role.NURSE, Role.PHARMACIST, Role.MANUFACTURER)

#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        HandToCourier, hand_to_courier, _GIVERS,
        (EventRow(CourierNamed, rendering.courier_named, told_in("COI_LOGISTICS")),),
        page="cells",
        correction=OF_CELLS,
        kinds=CELLS,
        purpose="logistics",
        blocked=none_to_hand_over,
        place=42,
        signed="handed_over",
        prefill=last_from_here,
        choices={"shipment_id": "shipments_from_here"},
    ),
    CommandRow(
        ConfirmCourier, confirm_courier, _GIVERS,
        (EventRow(CourierConfirmed, rendering.courier_confirmed, told_in("COI_LOGISTICS")),),
        page="cells",
        correction=Correction(Role.QUALITY),
        kinds=CELLS,
        purpose="logistics",
        blocked=none_to_confirm,
        place=43,
        needs=reads("courier_code"),
        prefill=last_from_here,
        choices={"shipment_id": "shipments_from_here"},
    ),
)
