"""The slot: a collection day at the centre and a start at the plant, held together; the therapy event gets its id here.

Main job: the rule of `ReserveSlot`.

**Source**: chain of identity rules F2.1 (id before collection, one per therapy event) and F2.5 (a new therapy event has a new id);
logistics reference C3 (the path of import is chosen before collection).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.consent.emergency import may_be_cared_for
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.organisations import Organisations
from baybridge.journey.case import Case
from baybridge.journey.checks import Unusual, alive, asked_once, treating_here
from baybridge.journey.command import Gate, Role, Site, Situation, Verdict
from baybridge.journey.conditions import therapy_event_open
from baybridge.journey.custody import ONE_CHAIN
from baybridge.journey.entitlement import basis_fits, entitled
from baybridge.journey.events import SlotReserved
from baybridge.journey.gates import standing_at
from baybridge.journey.held_slots import HeldSlot, held_slot
from baybridge.journey.row import OF_CELLS, CommandRow, EventRow, reads, roles, told_in
from baybridge.supply import rendering
from baybridge.supply.chain import provisional_id

#: Answers the slots that are held on a day.
SlotsOn = Callable[[date], Sequence[HeldSlot]]


class ReserveSlot(Struct, frozen=True, kw_only=True):
    """Hold a collection day and a start at the plant."""

    plant_node: str
    collection_on: date
    supply_basis: Annotated[
        Literal["registered", "named_patient"] | None, Meta(description="how the product may be imported; needed where a border is crossed")
    ] = None
    unusual: Unusual = False


def reserve_slot_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any slot, whatever day is chosen."""
    yield from alive(situation)
    yield from treating_here(situation)
    if not may_be_cared_for(situation):
        yield Reason("supply.slot.no_care_consent")
    if situation.case.product is None:
        yield Reason("supply.slot.no_product")
    if therapy_event_open(situation.case):
        yield Reason("supply.slot.therapy_event_open", source=ONE_CHAIN)
    yield from standing_at(situation, _GATE)


def at_slot(situation: Situation) -> Iterator[Reason]:
    """What stands at the gate before a slot, whatever day and basis of supply are chosen."""
    if situation.case.product is not None:
        yield from entitled(situation, situation.case.product, "slot")


_GATE = Gate("slot", at_slot)


def reserve_slot(situation: Situation, given: ReserveSlot) -> Verdict:
    """The slot is held under a new chain-of-identity id."""
    against = (
        *reserve_slot_blocked(situation),
        *_plant(situation, given),
        *_day(situation, given),
        *_basis(situation, given),
        *asked_once(_far_ahead(situation, given), unusual=given.unusual),
    )
    if against:
        return refuse(*against)
    chain = provisional_id(situation.site.node, given.collection_on.year, situation.new_id())
    return (
        SlotReserved(
            plant_node=given.plant_node,
            product=situation.case.product or "",
            collection_on=given.collection_on,
            chain_of_identity=chain,
            supply_basis=given.supply_basis,
        ),
    )


def site_of(situation: Situation, node: str | None) -> Site | None:
    """This site or a neighbour, by node."""
    if node is None:
        return None
    return situation.site if node == situation.site.node else situation.neighbours.get(node)


def _plant(situation: Situation, given: ReserveSlot) -> Iterator[Reason]:
    plant = site_of(situation, given.plant_node)
    if plant is None or "plant" not in plant.kinds:
        yield Reason("supply.slot.plant_unknown", {"node": given.plant_node}, where="plant_node")
    elif plant.jurisdiction != situation.site.jurisdiction and given.supply_basis is None:
        yield Reason("supply.slot.supply_basis_missing", source="logistics reference C3", where="supply_basis")


def _day(situation: Situation, given: ReserveSlot) -> Iterator[Reason]:
    """A slot lies in the future, and neither centre nor plant holds as many of that day as it can."""
    if given.collection_on < situation.today:
        yield Reason("supply.slot.past", {"day": given.collection_on.isoformat()}, where="collection_on")
    yield from full(situation, given.collection_on, situation.site.node, given.plant_node)


def overbooked(situation: Situation) -> Iterator[Reason]:
    """Whether others hold the day of the case's slot already: two centres that knew nothing of each other's reserved it, and the plant learns of both."""
    if situation.record.slots_on is not None:
        yield from held_too_often(situation.case, situation.record.slots_on, situation.documents)


def held_too_often(case: Case, slots_on: SlotsOn, documents: DocumentSet) -> Iterator[Reason]:
    """The same of a case, whoever asks."""
    slot = held_slot(case)
    if slot is not None:
        yield from _full(case.case_id, slots_on(slot.on), documents, slot)


def full(situation: Situation, on: date, centre: str, plant: str) -> Iterator[Reason]:
    """A centre or plant that holds as many slots of other cases on a day as it can, by what is known here."""
    held = situation.record.slots_on(on) if situation.record.slots_on else ()
    wanted = HeldSlot(situation.case.case_id, centre, plant, on)
    yield from _full(situation.case.case_id, held, situation.documents, wanted)


def _full(case_id: str, held: Sequence[HeldSlot], documents: DocumentSet, wanted: HeldSlot) -> Iterator[Reason]:
    others = [slot for slot in held if slot.case_id != case_id]
    here, there = sum(slot.centre == wanted.centre for slot in others), sum(slot.plant == wanted.plant for slot in others)
    for what, node, count in (("centre", wanted.centre, here), ("plant", wanted.plant, there)):
        most = _most(documents, what, node)
        if most is not None and count >= most:
            values: dict[str, str | int] = {"day": wanted.on.isoformat(), "node": node, "held": count, "most": most}
            yield Reason(f"supply.slot.{what}_full", values, source="directory", where="collection_on")


def _far_ahead(situation: Situation, given: ReserveSlot) -> Iterator[Reason]:
    usual = situation.limits.plausible
    if given.collection_on > situation.today + timedelta(days=usual.slot_ahead_d):
        yield Reason("supply.slot.far_ahead", {"day": given.collection_on.isoformat(), "days": usual.slot_ahead_d}, source=usual.source, where="unusual")


def _most(documents: DocumentSet, what: str, node: str) -> int | None:
    """How many slots a centre or plant holds of one day; None where the directory does not say."""
    rows = (row.capacity for row in documents.the(Organisations).organisations if row.node == node and row.capacity is not None)
    said = [capacity.collections_per_day if what == "centre" else capacity.starts_per_day for capacity in rows]
    return min((most for most in said if most is not None), default=None)


def _basis(situation: Situation, given: ReserveSlot) -> Iterator[Reason]:
    """The basis of supply is one by which the product is had in this region; a wrong one is chosen anew, not signed."""
    product = situation.case.product
    if product is not None and not basis_fits(situation, product, given.supply_basis):
        values = {"product": product, "basis": given.supply_basis or "", "jurisdiction": situation.site.jurisdiction}
        yield Reason("supply.slot.basis_unfit", values, where="supply_basis")


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        ReserveSlot, reserve_slot, roles(Role.COORDINATOR),
        (EventRow(SlotReserved, rendering.slot, told_in("CARE_REFERRAL", "COI_LOGISTICS")),),
        page="cells",
        correction=OF_CELLS,
        step="slot",
        purpose="logistics",
        blocked=reserve_slot_blocked,
        needs=reads("slots_on"),
        place=10,
        gate=_GATE,
    ),
)
