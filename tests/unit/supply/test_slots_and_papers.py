"""Slots, papers and shipments beyond the hard stops."""

from __future__ import annotations

from datetime import timedelta

import case_world as w
from baybridge.documents.border_papers import BorderPapers
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.journey.held_slots import HeldSlot, held_slot
from baybridge.supply.permits import papers_needed
from baybridge.supply.slots import overbooked
from case_world import Step, codes


def test_a_slot_gives_the_therapy_event_its_id() -> None:
    (event,) = w.World().walk(*w.REFERRAL).do(w.RESERVE)
    assert event.chain_of_identity.startswith("LOCAL-CH0")
    assert event.product == w.PRODUCT


def test_one_therapy_event_at_a_time_and_a_new_id_after_a_rejection() -> None:
    world = w.World().walk(*w.REFERRAL, w.RESERVE)
    assert codes(world.do(w.RESERVE)) == ["supply.slot.therapy_event_open"]
    first = world.chain()
    world.record("sh", ev.ProductRejected(batch="b", chain_of_identity=first, failed=("viability",), decision_sha256=""))
    world.walk(w.RESERVE)
    assert world.chain() != first
    assert world.case.chains == {first, world.chain()}


def test_a_plant_must_be_one_and_a_border_needs_a_way_of_import() -> None:
    world = w.World().walk(*w.REFERRAL)
    assert codes(world.do(w.RESERVE.but(plant_node="gd"))) == ["supply.slot.plant_unknown"]
    assert codes(world.do(w.RESERVE.but(supply_basis=None))) == ["supply.slot.supply_basis_missing"]


def test_a_slot_waits_for_acceptance_at_this_node() -> None:
    world = w.World().walk(w.OPEN, w.CONSENT, w.REFER, w.BOARD)
    assert codes(world.do(w.RESERVE)) == ["journey.case.not_accepted"]
    world.walk(w.ACCEPT, w.BOARD.at("mo"))
    assert codes(world.do(w.RESERVE.at("mo"))) == ["journey.case.treated_elsewhere"]


def test_a_slot_lies_ahead_and_is_supplied_by_a_way_that_the_product_has_here() -> None:
    world = w.World().walk(*w.REFERRAL)
    assert codes(world.do(w.RESERVE.but(collection_on="2026-03-01"))) == ["supply.slot.past"]
    assert codes(world.do(w.RESERVE.but(supply_basis="registered"))) == ["supply.slot.basis_unfit"]


def test_a_day_that_is_full_is_refused_with_every_reason_and_the_next_one_is_not() -> None:
    world = w.World().walk(*w.REFERRAL)
    day = world.now.date() + timedelta(days=7)
    centre, plant = "supply.slot.centre_full", "supply.slot.plant_full"
    world.held = [HeldSlot("case-2", "hk", "sh", day), HeldSlot("case-3", "hk", "sh", day), HeldSlot("case-1", "hk", "sh", day)]
    assert codes(world.judge(w.RESERVE)) == [], "one is left, and the own slot is none of others"
    world.held = [HeldSlot(f"case-{number}", "hk", "elsewhere", day) for number in range(2, 5)]
    assert codes(world.judge(w.RESERVE)) == [centre]
    world.held = [HeldSlot(f"case-{number}", "mo", "sh", day) for number in range(2, 8)]
    assert codes(world.judge(w.RESERVE)) == [plant], "other centres take the plant's starts"
    world.held = [*world.held, *(HeldSlot(f"case-{number}", "hk", "sh", day) for number in range(8, 11))]
    assert codes(world.judge(w.RESERVE)) == [centre, plant]
    assert codes(world.judge(w.RESERVE.but(collection_on=(day + timedelta(days=1)).isoformat()))) == []


def test_a_slot_that_others_took_unknown_to_the_centre_is_shown_where_both_are_known() -> None:
    world = w.World().walk(*w.REFERRAL, w.RESERVE)
    slot = world.case.slot
    assert slot is not None
    day = slot.event.collection_on
    assert list(overbooked(world.situation("sh", Role.MANUFACTURER))) == []
    world.held = [HeldSlot(f"case-{number}", "mo", "sh", day) for number in range(2, 8)]
    assert [reason.code for reason in overbooked(world.situation("sh", Role.MANUFACTURER))] == ["supply.slot.plant_full"]


def test_a_slot_is_held_until_the_therapy_event_is_over() -> None:
    world = w.World().walk(*w.REFERRAL)
    assert held_slot(world.case) is None
    world.walk(w.RESERVE)
    slot = world.case.slot
    assert slot is not None
    assert held_slot(world.case) == HeldSlot("case-1", "hk", "sh", slot.event.collection_on)
    rejected = w.World().walk(*w.REFERRAL, w.RESERVE)
    rejected.record("sh", ev.ProductRejected(batch="b", chain_of_identity=rejected.chain(), failed=("viability",), decision_sha256=""))
    assert held_slot(rejected.case) is None
    world.record("hk", ev.Died(died_on=world.now.date(), cause="unknown"))
    assert held_slot(world.case) is None


def test_papers_by_leg_and_border() -> None:
    document = w.documents().typed.the(BorderPapers)
    needed = {
        leg: {kind for kind, _ in papers_needed(document, leg, *ends)}
        for leg, ends in (("to_plant", ("HK", "CN")), ("to_centre", ("CN", "HK")))
    }
    assert needed == {"to_plant": {"special_article", "carrier"}, "to_centre": {"export", "import_licence"}}
    assert papers_needed(document, "to_plant", "CN", "CN") == ()
    assert {kind for kind, _ in papers_needed(document, "to_plant", "MO", "CN", before="collection")} == {"special_article"}


def test_a_drug_needs_no_special_article_permit_on_its_way_back() -> None:
    document = w.documents().typed.the(BorderPapers)
    for end in ("HK", "MO"):
        assert "special_article" not in {kind for kind, _ in papers_needed(document, "to_centre", "CN", end)}


def test_papers_with_wrong_dates() -> None:
    world = w.World().walk(w.OPEN)
    step = w.permit("export", "to_centre", "mo")
    assert codes(world.do(step.but(valid_to="2025-01-01"))) == ["supply.permit.dates"]
    assert codes(world.do(step.but(valid_from="2024-01-01", valid_to="2025-01-01", number=" "))) == [
        "supply.permit.expired",
        "supply.permit.number_missing",
    ]


def test_an_excursion_is_received_into_quarantine_by_the_products_own_limit() -> None:
    shipped = w.released().walk(*w.PERMITS_BACK, w.SHIP_BACK)
    (event,) = shipped.do(w.RECEIVE_CENTRE.but(warmest_c=-140.0, minutes_outside=10))
    assert (event.disposition, event.findings) == ("quarantined", ("product_band_1",))


def test_a_broken_seal_is_received_into_quarantine() -> None:
    shipped = w.released().walk(*w.PERMITS_BACK, w.SHIP_BACK)
    (event,) = shipped.do(w.RECEIVE_CENTRE.but(seal_intact=False))
    assert (event.disposition, event.findings) == ("quarantined", ("seal_broken",))


def test_cells_after_72_hours_are_received_into_quarantine() -> None:
    world = w.collected().walk(w.SHIP_OUT)
    late = Step("ReceiveShipment", "sh", Role.MANUFACTURER, 90, w.RECEIVE_PLANT.given)
    (event,) = world.do(late)
    assert event.findings == ("fresh_too_old",)
    assert event.disposition == "quarantined"


def test_results_are_read_by_the_dictionary() -> None:
    world = w.at_plant().walk(w.START_BATCH)
    wrong = [["viability", "high", "-"], ["endotoxin", "0.1", "EU/kg"], ["colour", "blue", "-"], ["cd3_purity", "300", "%"]]
    assert codes(world.do(w.TEST.but(results=wrong))) == [
        "journey.value.fact_unknown",
        "journey.value.implausible",
        "journey.value.unfit",
        "supply.test.unit",
    ]


def test_a_second_batch_is_not_judged_by_the_results_of_the_first() -> None:
    world = w.at_plant().walk(w.START_BATCH, w.TEST)
    world.facts.update({"viability": 91, "sterility_negative": True})  # as the record would show them
    second = w.START_BATCH.but(batch="batch-2")
    world.walk(second, w.TEST.but(batch="batch-2", results=w.results(sterility_negative=None, viability=None)))
    assert codes(world.do(w.RELEASE.but(batch="batch-2", bags=["product-2"]))) == ["supply.release.unknown_attributes"]


def test_a_clock_that_a_site_changed_changes_the_hard_stop() -> None:
    world = w.collected()
    pathway = world.folder("pathways")["standard"]
    stricter = {**pathway, "alarms": {**pathway["alarms"], "fresh_cells": {"amber_h": 12, "red_h": 18, "stop_h": 22}}}
    world.documents = {"pathways": {"standard": stricter}}
    assert codes(world.do(w.SHIP_OUT)) == ["supply.ship.too_late"]
