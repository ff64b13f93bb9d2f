"""Hard stops: what must never happen to a patient, and the reason that is given instead.

Each row: where the case stands, the command, and exactly the codes of the refusal. The good road itself is the first test: every
stop below is one change away from it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

import case_world as w
from baybridge.base.outcome import Refusal
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.journey.held import Stage
from baybridge.journey.labels import Kind, labels
from baybridge.journey.stages import stage_of
from case_world import Step, World, codes

Make = Callable[[], World]


def test_the_good_road_ends_in_an_infusion() -> None:
    case = w.infused().case
    assert stage_of(case) is Stage.INFUSED
    assert case.infused_at is not None
    assert case.treating_node == "hk"
    assert case.plant_node == "sh"


def short(make: Make, *events: ev.Event, node: str = "hk") -> Make:
    """A world in which these events were recorded as well."""

    def made() -> World:
        world = make()
        world.record(node, *events)
        return world

    return made


def without_markers() -> World:
    return World().walk(*w.TO_COLLECTION)


def without_one_marker() -> World:
    world = World().walk(*w.TO_COLLECTION)
    world.recognise_markers(but="hbsag")
    return world


def with_old_markers() -> World:
    world = World().walk(*w.TO_COLLECTION)
    world.recognise_markers(days=2)
    return world


def markers_of_another_node() -> World:
    world = World().walk(*w.TO_COLLECTION)
    world.recognise_markers("mo")
    return world


def without_slot() -> World:
    world = World().walk(*w.REFERRAL, *w.PERMITS, w.fitness("collection"))
    world.recognise_markers()
    return world


def without_permits() -> World:
    world = World().walk(*w.REFERRAL, w.RESERVE, w.fitness("collection"))
    world.recognise_markers()
    return world


def withdrawn(make: Make) -> Make:
    def made() -> World:
        world = make()
        consent = world.case.consents[0]
        world.record("mo", ev.ConsentWithdrawn(consent_id=consent.consent_id, withdrawn_on=world.now.date()))
        return world

    return made


def dead(make: Make) -> Make:
    def made() -> World:
        world = make()
        world.record("hk", ev.Died(died_on=world.now.date(), cause="unknown"))
        return world

    return made


def waiting(make: Make, days: int) -> Make:
    def made() -> World:
        world = make()
        world.now += timedelta(days=days)
        return world

    return made


def checked() -> World:
    return treated().walk(w.CHECK)


#: Thawed without a check before it, which was asked about.
UNCHECKED = w.THAW.but(unusual=True)


def thawed() -> World:
    return checked().walk(w.THAW)


def without_label_limit(make: Make) -> Make:
    """A world in which no label of the product says how it is stored."""

    def made() -> World:
        world = make()
        product = w.documents().folder("products")[w.PRODUCT]
        world.documents = {**world.documents, "products": {w.PRODUCT: {**product, "storage_max_c": None}}}
        return world

    return made


def with_labels_elsewhere(make: Make, kind: Kind, *texts: str) -> Make:
    """A world in which another case of the node has these labels."""

    def made() -> World:
        world = make()
        world.elsewhere = labels(kind, texts)
        return world

    return made


def warm() -> World:
    """The product arrived at -125 degrees: above -130, so quarantined."""
    return w.released().walk(*w.PERMITS_BACK, w.SHIP_BACK, w.RECEIVE_CENTRE.but(warmest_c=-125.0, minutes_outside=5))


def discarded() -> World:
    world = warm()
    world.record("hk", ev.QuarantineResolved(bags=("product-1",), decision="discard", basis="maker's stability data"))
    return world


def expiring() -> World:
    """The product's label ends between the check and the infusion."""
    world = w.at_plant().walk(w.START_BATCH, w.TEST)
    expires = (world.now + timedelta(days=12)).isoformat()
    return world.walk(w.RELEASE.but(expires_at=expires), *w.BACK, *w.READY)


def with_results(**changes: str | None) -> Make:
    return lambda: w.at_plant().walk(w.START_BATCH, w.TEST.but(results=w.results(**changes)))


COLLECTION = [
    ("no slot, hence no chain of identity", without_slot, w.COLLECT, ["supply.collect.no_slot"]),
    ("permit missing on the day of entry", without_permits, w.COLLECT, ["supply.permit.missing"]),
    ("day of entry not said", w.before_collection, w.COLLECT.but(planned_entry_on=None), ["supply.collect.entry_day_missing"]),
    ("permit ended before the day of entry", w.before_collection, w.COLLECT.but(planned_entry_on="2026-12-01"), ["supply.permit.missing"]),
    ("no infectious markers", without_markers, w.COLLECT, ["gate.collection.marker_missing"]),
    ("one infectious marker missing", without_one_marker, w.COLLECT, ["gate.collection.marker_missing"]),
    ("markers recognised by another centre", markers_of_another_node, w.COLLECT, ["gate.collection.marker_missing"]),
    ("markers out of their window", with_old_markers, w.COLLECT, ["gate.collection.marker_expired"]),
    ("wrong chain of identity on the label", w.before_collection, w.COLLECT.but(chain_of_identity="OTHER"), ["supply.collect.wrong_chain"]),
    ("patient not identified", w.before_collection, w.COLLECT.but(identity_checked=False), ["supply.collect.identity_unchecked"]),
    ("the same bag label twice", w.before_collection, w.COLLECT.but(bags=["bag-1", "bag-1"]), ["supply.collect.bag_reused"]),
    ("a bag label of an earlier collection", w.collected, w.COLLECT.but(bags=["bag-1"]), ["supply.collect.bag_reused"]),
    ("the same bag label, written otherwise", w.collected, w.COLLECT.but(bags=[" BAG-1"]), ["supply.collect.bag_reused"]),
    ("a bag label of another patient", with_labels_elsewhere(w.before_collection, "bag", "BAG-2"), w.COLLECT, ["journey.label.bag_of_another_case"]),
    ("care consent withdrawn", withdrawn(w.before_collection), w.COLLECT, ["supply.collect.no_care_consent"]),
    ("after death", dead(w.before_collection), w.COLLECT, ["journey.case.died"]),
    (
        "everything at once: every reason is given",
        without_permits,
        w.COLLECT.but(chain_of_identity="OTHER", bags=[], identity_checked=False),
        [
            "supply.collect.identity_unchecked",
            "supply.collect.no_bags",
            "supply.collect.wrong_chain",
            "supply.permit.missing",
        ],
    ),
]

SHIPPING = [
    ("wrong bag leaves", w.collected, w.SHIP_OUT.but(bags=["bag-9"]), ["supply.ship.not_collected"]),
    (
        "wrong chain leaves",
        w.collected,
        w.SHIP_OUT.but(chain_of_identity="OTHER"),
        ["supply.ship.not_collected", "supply.ship.wrong_chain"],
    ),
    ("no logger", w.collected, w.SHIP_OUT.but(logger_id=" "), ["supply.ship.no_logger"]),
    ("transit past 72 hours", w.collected, w.SHIP_OUT.but(expected_transit_h=80), ["supply.ship.too_late"]),
    ("sent twice", lambda: w.collected().walk(w.SHIP_OUT), w.SHIP_OUT, ["supply.ship.already_sent"]),
    ("sent by the wrong site", w.collected, w.SHIP_OUT.at("sh").by(Role.MANUFACTURER), ["supply.ship.wrong_site"]),
    ("product not released", w.at_plant, w.SHIP_BACK, ["supply.permit.missing", "supply.ship.not_released"]),
    ("product without papers", w.released, w.SHIP_BACK, ["supply.permit.missing"]),
    (
        "dry shipper holds less than twice the transit",
        lambda: w.released().walk(*w.PERMITS_BACK),
        w.SHIP_BACK.but(remaining_hold_h=79),
        ["supply.ship.hold_too_short"],
    ),
    (
        "dry shipper's hold unknown",
        lambda: w.released().walk(*w.PERMITS_BACK),
        w.SHIP_BACK.but(remaining_hold_h=None),
        ["supply.ship.hold_unknown"],
    ),
]

RECEIPT = [
    (
        "wrong bag arrives",
        lambda: w.collected().walk(w.SHIP_OUT),
        w.RECEIVE_PLANT.but(bags=["bag-1", "bag-3"]),
        ["supply.receive.wrong_bag"],
    ),
    (
        "wrong chain arrives",
        lambda: w.collected().walk(w.SHIP_OUT),
        w.RECEIVE_PLANT.but(chain_of_identity="OTHER"),
        ["supply.receive.wrong_chain"],
    ),
    ("a shipment that nobody sent", w.collected, w.RECEIVE_PLANT.but(shipment_id="none"), ["supply.receive.dispatch_unknown"]),
    ("received twice", w.at_plant, w.RECEIVE_PLANT, ["supply.receive.already"]),
    (
        "a log that cannot be true",
        lambda: w.collected().walk(w.SHIP_OUT),
        w.RECEIVE_PLANT.but(warmest_c=15.0, minutes_outside=0),
        ["supply.receive.log_contradicts"],
    ),
    (
        "manufacture from bags that did not arrive",
        w.at_plant,
        w.START_BATCH.but(from_bags=["bag-1", "bag-9"]),
        ["supply.manufacture.not_received"],
    ),
    (
        "manufacture under a wrong chain",
        w.at_plant,
        w.START_BATCH.but(chain_of_identity="X"),
        ["supply.manufacture.not_received", "supply.manufacture.wrong_chain"],
    ),
    (
        "manufacture from quarantined bags",
        lambda: w.collected().walk(w.SHIP_OUT, w.RECEIVE_PLANT.but(coldest_c=-1.0, minutes_outside=10)),
        w.START_BATCH,
        ["supply.manufacture.quarantined"],
    ),
]

RELEASING = [
    ("a bag label of another patient", with_labels_elsewhere(with_results(), "bag", "product-1"), w.RELEASE, ["journey.label.bag_of_another_case"]),
    ("a product bag labelled as the collected one", with_results(), w.RELEASE.but(bags=["bag-1"]), ["supply.release.bags"]),
    ("a batch number of another patient", with_labels_elsewhere(w.at_plant, "batch", "Batch-1"), w.START_BATCH, ["journey.label.batch_of_another_case"]),
    ("an expiry in a hundred years", with_results(), w.RELEASE.but(expires_at="2126-03-01T00:00:00+08:00", unusual=True), ["supply.release.expiry_impossible"]),
    ("storage of a product without a label limit at +40", without_label_limit(with_results()), w.RELEASE.but(storage_max_c=40.0), ["supply.release.storage_too_warm"]),
    ("storage colder than can be", with_results(), w.RELEASE.but(storage_max_c=-300.0), ["supply.release.storage_impossible"]),
    ("release without tests", lambda: w.at_plant().walk(w.START_BATCH), w.RELEASE, ["supply.release.untested"]),
    ("release with sterility unknown", with_results(sterility_negative=None), w.RELEASE, ["supply.release.unknown_attributes"]),
    ("release without a certificate", with_results(), w.RELEASE.but(certificate=""), ["supply.release.no_certificate"]),
    ("release past its expiry", with_results(), w.RELEASE.but(expires_at="2026-03-01T00:00:00+08:00"), ["supply.release.expired"]),
    ("storage warmer than the label", with_results(), w.RELEASE.but(storage_max_c=-80.0), ["supply.release.storage_above_label"]),
    ("release of a rejected batch", lambda: with_results(viability="40")().walk(w.RELEASE), w.RELEASE, ["supply.release.rejected"]),
    ("release of a batch that was never begun", w.at_plant, w.RELEASE.but(batch="batch-9"), ["supply.release.batch_unknown"]),
]

def fit(make: Make, step: str = "lymphodepletion") -> Make:
    """A world in which a physician found the patient fit for a step."""
    return lambda: make().walk(w.fitness(step))


def with_facts(make: Make, **facts: object) -> Make:
    """A world whose facts changed since."""

    def made() -> World:
        world = make()
        world.facts.update(facts)
        return world

    return made


LYMPHODEPLETION = [
    ("before release", fit(w.at_plant), w.LYMPHODEPLETE, ["gate.lymphodepletion.not_received", "gate.lymphodepletion.not_released"]),
    ("released, not received", fit(w.released), w.LYMPHODEPLETE, ["gate.lymphodepletion.not_received"]),
    ("received too warm", fit(warm), w.LYMPHODEPLETE, ["bedside.lymphodeplete.quarantined"]),
    ("product expired", waiting(fit(w.at_centre), 200), w.LYMPHODEPLETE, ["bedside.lymphodeplete.expired"]),
    ("care consent withdrawn", withdrawn(fit(w.at_centre)), w.LYMPHODEPLETE, ["bedside.lymphodeplete.no_care_consent"]),
    ("fitness never checked", w.at_centre, w.LYMPHODEPLETE, ["gate.lymphodepletion.fitness_unchecked"]),
    ("unfit", fit(with_facts(w.at_centre, active_infection=True)), w.LYMPHODEPLETE, ["gate.lymphodepletion.unfit"]),
    ("every bag was given", w.infused, w.LYMPHODEPLETE, ["gate.lymphodepletion.all_given"]),
    ("unfit since the check", with_facts(fit(w.at_centre), active_infection=True), w.LYMPHODEPLETE, ["gate.lymphodepletion.unfit"]),
    ("fitness open", fit(with_facts(w.at_centre, lvef=None)), w.LYMPHODEPLETE, ["gate.lymphodepletion.fitness_open"]),
    ("a fact expired since the check", with_facts(fit(w.at_centre), lvef=None), w.LYMPHODEPLETE, ["gate.lymphodepletion.fitness_open"]),
    ("another regimen than the product's", fit(w.at_centre), w.LYMPHODEPLETE.but(regimen="bendamustine"), ["gate.lymphodepletion.other_regimen"]),
    ("a regimen that is none", fit(w.at_centre), w.LYMPHODEPLETE.but(regimen="chemo"), ["bedside.lymphodeplete.no_regimen"]),
]


def treated() -> World:
    return w.at_centre().walk(*w.READY)


def unready(*left_out: str) -> Make:
    """Before the infusion, with some steps of the preparation left out by name."""
    return lambda: w.at_centre().walk(*(step for step in w.READY if step.name not in left_out))


BEDSIDE = [
    ("wrong patient", treated, w.CHECK.but(wrist_band="patient-2"), ["bedside.check.wrong_patient"]),
    ("wrong order", treated, w.CHECK.but(order="OTHER"), ["bedside.check.wrong_order"]),
    ("wrong bag", treated, w.CHECK.but(bag="product-9"), ["bedside.bag.not_received", "bedside.bag.not_released"]),
    ("collected cells instead of the product", treated, w.CHECK.but(bag="bag-1"), ["bedside.bag.not_received", "bedside.bag.not_released"]),
    ("wrong chain on the bag", treated, w.CHECK.but(chain_of_identity="OTHER"), ["bedside.bag.wrong_chain", "bedside.check.wrong_order"]),
    ("name not stated", treated, w.CHECK.but(name_stated=False), ["bedside.check.name_not_stated"]),
    ("birth date not stated", treated, w.CHECK.but(birth_date_stated=False), ["bedside.check.birth_date_not_stated"]),
    ("one dose of tocilizumab", treated, w.CHECK.but(tocilizumab_doses=1), ["bedside.check.tocilizumab_missing"]),
    ("expired", waiting(expiring, 30), w.CHECK, ["bedside.bag.expired"]),
    ("out of temperature", warm, w.CHECK, ["bedside.bag.quarantined"]),
    ("discarded", discarded, w.CHECK, ["bedside.bag.quarantined"]),
    ("not received", w.released, w.CHECK, ["bedside.bag.not_received"]),
    ("in another hospital", treated, w.CHECK.at("mo"), ["journey.case.treated_elsewhere"]),
    ("after death", dead(treated), w.CHECK, ["journey.case.died"]),
]

def warm_and_ready() -> World:
    world = w.at_centre().walk(*w.READY)
    world.record("hk", ev.ShipmentReceived(
        shipment_id="again", leg="to_centre", chain_of_identity=world.chain(), bags=("product-1",), received_at=world.now, warmest_c=-100.0, coldest_c=-190.0,
        minutes_outside=60, seal_intact=True, disposition="quarantined",
    ))  # fmt: skip
    return world


def without_drugs() -> World:
    """The doses were released after the exception was signed: a new code stands again."""
    return treated().walk(w.RESERVE_DRUGS.but(doses=0))


THAWING = [
    (
        "thaw before anything was prepared",
        w.at_centre,
        UNCHECKED,
        ["gate.infusion.drugs_not_reserved", "gate.infusion.fitness_unchecked", "gate.infusion.lymphodepletion_missing"],
    ),
    ("thaw twice", thawed, w.THAW, ["bedside.thaw.already"]),
    ("thaw a wrong bag", checked, UNCHECKED.but(bag="bag-1"), ["bedside.bag.not_received", "bedside.bag.not_released"]),
    ("thaw out of quarantine", warm_and_ready, UNCHECKED, ["bedside.bag.quarantined"]),
    ("thaw before the last dose", unready("CompleteLymphodepletion", "SignException"), UNCHECKED, ["gate.infusion.lymphodepletion_incomplete"]),
    ("thaw without drugs against CRS", without_drugs, UNCHECKED, ["gate.infusion.drugs_not_reserved"]),
    ("thaw where no label says the interval", unready("SignException"), UNCHECKED, ["gate.infusion.no_interval"]),
    ("thaw a day after the exception ended", waiting(treated, 2), UNCHECKED, ["gate.infusion.no_interval"]),
]

INFUSING = [
    ("not checked at the bedside", lambda: treated().walk(UNCHECKED), w.INFUSE, ["bedside.infuse.no_check"]),
    ("not thawed", checked, w.INFUSE, ["bedside.infuse.not_thawed"]),
    (
        "another bag than was checked",
        thawed,
        w.INFUSE.but(bag="product-9"),
        [
            "bedside.bag.not_received",
            "bedside.bag.not_released",
            "bedside.infuse.no_check",
            "bedside.infuse.not_thawed",
        ],
    ),
    ("wrong chain on the bag", thawed, w.INFUSE.but(chain_of_identity="OTHER"), ["bedside.bag.wrong_chain", "bedside.infuse.no_check"]),
    (
        "before lymphodepletion",
        w.at_centre,
        w.INFUSE,
        [
            "bedside.infuse.no_check", "bedside.infuse.not_thawed", "gate.infusion.drugs_not_reserved", "gate.infusion.fitness_unchecked",
            "gate.infusion.lymphodepletion_missing",
        ],
    ),
    ("label time after thaw over", lambda: _later(thawed, 4), w.INFUSE, ["bedside.infuse.check_too_old", "bedside.infuse.thaw_time_over"]),
    (
        "unreleased and not here",
        w.at_plant,
        w.INFUSE,
        [
            "bedside.bag.not_received",
            "bedside.bag.not_released",
            "bedside.infuse.no_check",
            "bedside.infuse.not_thawed",
            "gate.infusion.drugs_not_reserved",
            "gate.infusion.fitness_unchecked",
            "gate.infusion.lymphodepletion_missing",
        ],
    ),
    (
        "expired meanwhile, and the reservation and exception with it",
        waiting(expiring, 30),
        w.INFUSE,
        ["bedside.bag.expired", "bedside.infuse.no_check", "bedside.infuse.not_thawed", "gate.infusion.drugs_not_reserved", "gate.infusion.no_interval"],
    ),
    (
        "out of temperature",
        warm,
        w.INFUSE,
        [
            "bedside.bag.quarantined",
            "bedside.infuse.no_check",
            "bedside.infuse.not_thawed",
            "gate.infusion.drugs_not_reserved",
            "gate.infusion.fitness_unchecked",
            "gate.infusion.lymphodepletion_missing",
        ],
    ),
    ("given already", w.infused, w.INFUSE, ["bedside.bag.already_given"]),
    ("care consent withdrawn", withdrawn(thawed), w.INFUSE, ["bedside.infuse.no_care_consent"]),
]


def _later(make: Make, hours: float) -> World:
    world = make()
    world.now += timedelta(hours=hours)
    return world


ROWS = [*COLLECTION, *SHIPPING, *RECEIPT, *RELEASING, *LYMPHODEPLETION, *BEDSIDE, *THAWING, *INFUSING]


def test_labels_and_storage_that_are_as_they_should_be_stop_nothing() -> None:
    assert codes(with_labels_elsewhere(w.before_collection, "batch", "bag-2")().do(w.COLLECT)) == [], "a batch of another patient has the name of a bag"
    assert codes(without_label_limit(with_results())().do(w.RELEASE.but(storage_max_c=-150.0))) == []


@pytest.mark.parametrize(("make", "step", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_stop(make: Make, step: Step, expected: list[str]) -> None:
    world = make()
    before = len(world.events)
    verdict = world.do(step)
    assert codes(verdict) == sorted(expected)
    assert isinstance(verdict, Refusal)
    assert len(world.events) == before


SIGN = Step("SignException", "hk", Role.PHYSICIAN, 0.5, {"gate": "lymphodepletion", "codes": ["gate.lymphodepletion.not_received"], "note": "rapid progression"})


def test_a_signed_exception_passes_the_gate_for_a_day_and_for_its_codes_alone() -> None:
    world = fit(w.released)().walk(SIGN)
    assert codes(world.judge(w.LYMPHODEPLETE.but(started_on=world.now.date().isoformat()))) == []
    world.facts["active_infection"] = True
    assert codes(world.judge(w.LYMPHODEPLETE.but(started_on=world.now.date().isoformat()))) == ["gate.lymphodepletion.unfit"]
    world.facts["active_infection"] = False
    world.now += timedelta(hours=24)
    assert codes(world.judge(w.LYMPHODEPLETE)) == ["gate.lymphodepletion.not_received"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"codes": []}, ["gate.lymphodepletion.not_received", "journey.exception.not_all"]),
        ({"codes": ["gate.lymphodepletion.not_received", "gate.lymphodepletion.fitness_unchecked"]}, ["journey.exception.not_standing"]),
        ({"note": " "}, ["journey.exception.no_note"]),
        ({"gate": "accept", "codes": []}, ["journey.exception.not_now", "journey.exception.nothing_stands"]),
    ],
)
def test_an_exception_names_what_stands_no_more_and_no_less(changes: dict[str, object], expected: list[str]) -> None:
    assert codes(fit(w.released)().do(SIGN.but(**changes))) == expected


def test_an_exception_of_an_earlier_therapy_event_covers_nothing_of_the_next() -> None:
    world = fit(w.released)().walk(SIGN)
    old = world.chain()
    world.record("sh", ev.ProductRejected(batch="batch-1", chain_of_identity=old, failed=("viability",), decision_sha256="0"))
    world.record("hk", ev.SlotReserved(plant_node="sh", product=w.PRODUCT, collection_on=world.now.date(), chain_of_identity="LOCAL-HK-NEXT"))
    assert "gate.lymphodepletion.not_received" in codes(world.judge(w.LYMPHODEPLETE))


def test_a_batch_out_of_specification_is_rejected_and_never_released() -> None:
    world = with_results(viability="40")()
    (event,) = world.do(w.RELEASE)
    assert isinstance(event, ev.ProductRejected)
    assert event.failed == ("viability",)
    assert stage_of(world.case) is Stage.OUT_OF_SPECIFICATION


def test_a_batch_out_of_specification_is_rejected_even_where_another_attribute_is_unknown() -> None:
    world = with_results(viability="40", sterility_negative=None)()
    (event,) = world.do(w.RELEASE)
    assert isinstance(event, ev.ProductRejected)


def test_bags_of_uncertain_identity_go_into_quarantine_and_cannot_be_cleared() -> None:
    world = w.collected().walk(w.SHIP_OUT)
    (event,) = world.do(w.RECEIVE_PLANT.but(bags=["stranger"], quarantine=True))
    assert event.disposition == "quarantined"
    assert event.findings == ("supply.receive.wrong_bag", "fresh_age_unknown")
    resolve = Step("ResolveQuarantine", "sh", Role.QUALITY, 1, {"bags": ["stranger"], "decision": "use", "basis": "looks right"})
    assert codes(world.do(resolve)) == ["supply.quarantine.identity_unproven"]


def test_a_bag_that_arrived_under_another_chain_of_identity_is_cleared_by_nobody() -> None:
    world = w.released_with_papers().walk(w.SHIP_BACK)
    (event,) = world.do(w.RECEIVE_CENTRE.but(chain_of_identity="OTHER", quarantine=True))
    assert (event.disposition, event.findings) == ("quarantined", ("supply.receive.wrong_chain",))
    resolve = Step("ResolveQuarantine", "hk", Role.QUALITY, 1, {"bags": ["product-1"], "decision": "use", "basis": "it is ours"})
    assert codes(world.judge(resolve)) == ["supply.quarantine.other_chain"]
    assert codes(world.judge(resolve.but(decision="discard"))) == []


def test_a_discarded_bag_is_used_by_no_other_decision() -> None:
    world = warm()
    decide = Step("ResolveQuarantine", "hk", Role.QUALITY, 1, {"bags": ["product-1"], "decision": "discard", "basis": "too warm"})
    assert codes(world.walk(decide).judge(decide.but(decision="use"))) == ["supply.quarantine.discarded"]


def test_the_chain_of_identity_typed_for_a_bag_is_not_received_even_into_quarantine() -> None:
    world = w.collected().walk(w.SHIP_OUT)
    assert codes(world.judge(w.RECEIVE_PLANT.but(bags=[world.chain()], quarantine=True))) == ["journey.label.bag_is_chain"]


def test_quality_may_clear_an_excursion_with_its_basis() -> None:
    world = warm()
    resolve = Step(
        "ResolveQuarantine", "hk", Role.QUALITY, 1, {"bags": ["product-1"], "decision": "use", "basis": "maker's stability data"}
    )
    assert codes(world.judge(resolve.but(basis=""))) == ["supply.quarantine.no_basis"]
    assert stage_of(world.walk(resolve, *w.TREATMENT).case) is Stage.INFUSED


def test_second_wrist_band_form_the_chain_of_identity_id_serves() -> None:
    world = treated()
    assert codes(world.do(w.CHECK.but(wrist_band=world.chain()))) == []
