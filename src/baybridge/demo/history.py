"""The road of an invented patient, step by step, through the product's own commands and packages.

Main job: `ROAD` lists the steps; a `Walk` (in `walk.py`) carries them out on four nodes with a clock that the demo moves, and stops where a case should
stand. Nothing here writes to a database: every step is a command, an import or a delivery, as people and nodes would do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from baybridge.base.ids import ProductId
from baybridge.demo import patients
from baybridge.demo.money import claim, claim_decided, claim_followed, quote, refund
from baybridge.demo.walk import Walk
from baybridge.journey.case import Case
from baybridge.journey.command import Role, Site

#: Identifiers of the invented laboratories in the directory, by node.
LABORATORIES = {"mo": "mo", "gd": "gd", "hk": "hk"}

PURPOSES = ["CARE_REFERRAL", "RESULT_RECOGNITION", "COI_LOGISTICS", "CASE_STATUS", "CASE_MESSAGE"]
PRODUCTS = {
    "mm": ("equecabtagene-autoleucel", "eque-cel-mm-hk"),
    "dlbcl": ("axicabtagene-ciloleucel", "axi-cel-lbcl-3l-cn"),
    "dlbcl-early": ("axicabtagene-ciloleucel", "axi-cel-lbcl-2l-cn"),
}


Step = Callable[[Walk], None]


# --- before cells ---------------------------------------------------------------------------------------------------


def records(walk: Walk) -> None:
    """The home hospital imports its own record of the patient."""
    walk.file(walk.home, patients.bundle(walk.patient, walk.clock(), LABORATORIES[walk.home]))


def consent(walk: Walk) -> None:
    """The patient consents to care, sensitive data, crossing, finance, telling where the treatment stands; Macao's authority is told."""
    everyone = list(walk.nodes)
    for kind in ("care", "sensitive", "cross_border", "finance", "hk_sharing", "sharing_status"):
        named = {"recipients": everyone, "purposes": PURPOSES} if kind in ("sensitive", "cross_border") else {}
        walk.do(walk.home, Role.COORDINATOR, "RecordConsent", kind=kind, notice_version="2026-1", notice_language="zh-Hant", **named)
    if walk.nodes[walk.home].site.jurisdiction == "MO":
        walk.do(walk.home, Role.COORDINATOR, "RecordConsent", kind="mo_ground", notice_version="2026-1", notice_language="zh-Hant")
        walk.do(walk.home, Role.COORDINATOR, "NotifyAuthority", authority="DSPDP", reference="synthetic-1")


def eligibility(walk: Walk) -> None:
    """Every product in the catalogue is judged."""
    walk.do(walk.home, Role.PHYSICIAN, "DecideEligibility")


def refer(walk: Walk) -> None:
    """The case is offered to the treating centre, and the record goes with it."""
    product, _ = PRODUCTS[walk.patient.disease]
    walk.do(walk.home, Role.COORDINATOR, "ReferCase", to_node=walk.centre, product=product)
    if walk.crosses:
        walk.send(walk.home, walk.centre, "CARE_REFERRAL")


def ask_second_laboratory(walk: Walk) -> None:
    """Macao asks Guangzhou's laboratory to test too, where the patient is treated in Hong Kong."""
    if walk.home == "mo" and walk.centre == "hk":
        walk.send("mo", "gd", "CARE_REFERRAL")


def second_laboratory(walk: Walk) -> None:
    """Guangzhou tests, and its results go to the centre under the GBA contract."""
    if walk.home != "mo" or walk.centre != "hk":
        return
    bundle = patients.bundle(walk.patient, walk.clock(), LABORATORIES["gd"])
    kept = [entry for entry in bundle["entry"] if "-a-" in str(entry["resource"]["id"])]
    walk.file("gd", {**bundle, "entry": patients.renamed(kept, "a", "gz")})
    walk.send("gd", "hk", "RESULT_RECOGNITION")


def accept(walk: Walk) -> None:
    """The centre takes the case, judges eligibility for itself and chooses the product."""
    product, policy = PRODUCTS[walk.patient.disease]
    if walk.centre == "hk" and walk.patient.disease != "mm":
        day = walk.clock().date().isoformat()
        walk.do(walk.centre, Role.PHYSICIAN, "RecordBoardDecision", product=product, decision="treat", decided_on=day, note="synthetic: named patient")
    walk.do(walk.centre, Role.PHYSICIAN, "AcceptCase", product=product)
    walk.do(walk.centre, Role.PHYSICIAN, "DecideEligibility")
    reason = "synthetic: decided by the board on the mainland label" if walk.centre == "hk" and walk.patient.disease != "mm" else None
    walk.do(walk.centre, Role.PHYSICIAN, "ChooseProduct", product=product, policy=policy, exception_reason=reason)


def recognise(walk: Walk) -> None:
    """Which outside results serve for collection; the centre repeats what does not."""
    use_at = (walk.clock() + timedelta(days=2)).isoformat()
    walk.do(walk.centre, Role.PHYSICIAN, "RecogniseResults", purpose="APH_IDM", use_at=use_at)
    walk.do(walk.centre, Role.PHYSICIAN, "RecogniseResults", purpose="APH_FITNESS", use_at=use_at)


def repeat(walk: Walk) -> None:
    """The centre draws again what does not serve, and judges it; infectious markers that serve are not repeated."""
    bundle = patients.bundle(walk.patient, walk.clock(), LABORATORIES[walk.centre])
    kept = [entry for entry in bundle["entry"] if "-a-" in str(entry["resource"]["id"]) and not patients.is_marker(entry["resource"])]
    walk.file(walk.centre, {**bundle, "entry": patients.renamed(kept, "a", f"{walk.centre}2")})
    use_at = (walk.clock() + timedelta(days=1)).isoformat()
    walk.do(walk.centre, Role.PHYSICIAN, "RecogniseResults", purpose="APH_FITNESS", use_at=use_at)


def slot(walk: Walk) -> None:
    """A collection day and a start at the plant, and the papers for the border."""
    day = (walk.clock() + timedelta(days=1)).date()
    walk.do(walk.centre, Role.COORDINATOR, "ArrangeTravel", papers=["hk-entry", "lodging"], arrives_on=day.isoformat())
    basis = {"supply_basis": "registered" if walk.patient.disease == "mm" else "named_patient"} if walk.centre == "hk" else {}
    walk.do(walk.centre, Role.COORDINATOR, "ReserveSlot", plant_node=walk.plant, collection_on=day.isoformat(), **basis)
    papers(walk, walk.centre, "to_plant", ("special_article", "carrier"))


def papers(walk: Walk, node: str, leg: str, kinds: Sequence[str]) -> None:
    """Papers of a leg, where the leg crosses a border."""
    if walk.nodes[walk.centre].site.jurisdiction == walk.nodes[walk.plant].site.jurisdiction:
        return
    start = walk.clock().date()
    for kind in kinds:
        span = {"valid_from": start.isoformat(), "valid_to": (start + timedelta(days=80)).isoformat()}
        walk.do(node, Role.COORDINATOR, "RecordPermit", kind=kind, leg=leg, number=f"SYNTH-{kind[:3].upper()}-{walk.patient.number:03d}", **span)


# --- cells ----------------------------------------------------------------------------------------------------------


def fit_for(walk: Walk, step: str) -> None:
    """Blood is drawn, a physician looks at the patient, writes down what no laboratory measures, and judges fitness for a step."""
    walk.file(walk.centre, patients.blood(walk.patient, walk.clock() - timedelta(hours=3), LABORATORIES[walk.centre], step[:4]))
    for fact, value in SEEN[step].items():
        walk.do(walk.centre, Role.PHYSICIAN, "ConfirmFinding", fact=fact, value=value, basis="synthetic: ward round")
    walk.do(walk.centre, Role.PHYSICIAN, "CheckFitness", step=step)


#: What a physician sees on the ward, by the step that it is asked for.
SEEN: Mapping[str, Mapping[str, Any]] = {
    "collection": {"active_infection": False},
    "lymphodepletion": {
        "active_infection": False, "active_gvhd": False, "max_temperature_48h": 36.9, "lvef": 61, "oxygen_saturation": 98, "pregnancy_excluded": True,
    },
    "infusion": {
        "active_infection": False, "active_gvhd": False, "max_temperature_48h": 36.8, "oxygen_saturation": 97, "uncontrolled_arrhythmia": False,
        "hypotension": "none",
    },
}


def sign(walk: Walk, gate: str, *codes: str, note: str) -> None:
    """A physician passes a gate where no label of the region says what it asks for."""
    walk.do(walk.centre, Role.PHYSICIAN, "SignException", gate=gate, codes=list(codes), note=note)


def fit_to_collect(walk: Walk) -> None:
    """Fitness for collection, before it begins: it is judged as of then."""
    fit_for(walk, "collection")


def collect(walk: Walk) -> None:
    """Leukapheresis under the chain-of-identity id, checked by two."""
    walk.bags = [f"APH-{walk.patient.number:03d}-{letter}" for letter in "AB"]
    ended = walk.clock()
    walk.do(
        walk.centre,
        Role.NURSE,
        "Collect",
        chain_of_identity=walk.case(walk.centre).chain_of_identity,
        bags=walk.bags,
        started_at=(ended - timedelta(hours=4)).isoformat(),
        ended_at=ended.isoformat(),
        volume_ml=210,
        identity_checked=True,
        planned_entry_on=(ended + timedelta(hours=8)).date().isoformat(),
    )


def ship_cells(walk: Walk) -> None:
    """The cells leave for the plant; it learns what logistics needs and no more."""
    walk.do(
        walk.centre,
        Role.COORDINATOR,
        "Ship",
        leg="to_plant",
        chain_of_identity=walk.case(walk.centre).chain_of_identity,
        bags=walk.bags,
        container="Box 7",
        logger_id=f"LOG-{walk.patient.number:03d}",
        dispatched_at=walk.clock().isoformat(),
        expected_transit_h=18,
        remaining_hold_h=72,
    )
    to_courier(walk, walk.centre, Role.COORDINATOR)
    walk.send(walk.centre, walk.plant, "COI_LOGISTICS")


def to_courier(walk: Walk, node: str, role: Role) -> None:
    """The courier is named and confirms by the one-time code."""
    walk.clock.advance(seconds=60)
    shipment = shipment_from(walk.case(node), walk.nodes[node].site)
    number = walk.patient.number
    named = {"courier": "Synthetic Couriers, driver 4", "waybill": f"SYN-{number:03d}", "seal": f"S-{number:03d}"}
    walk.do(node, role, "HandToCourier", shipment_id=shipment, handed_at=walk.clock().isoformat(), **named)
    walk.do(node, role, "ConfirmCourier", shipment_id=shipment, code=walk.courier_code(node, role, shipment))


def shipment_from(case: Case, site: Site) -> str:
    """The last shipment that left from a node."""
    mine = (s for s in reversed(case.shipments) if s.dispatched is not None and s.dispatched.origin.node == site.node)
    return next(mine).shipment_id


def receive_cells(walk: Walk) -> None:
    """The plant scans and accepts what left."""
    arrive(walk, walk.plant, "to_plant", warmest_c=6.1, coldest_c=3.2)
    walk.send(walk.plant, walk.centre, "COI_LOGISTICS")


def arrive(walk: Walk, node: str, leg: str, warmest_c: float, coldest_c: float) -> None:
    """A shipment is received."""
    shipment = next(item for item in reversed(walk.case(node).shipments) if item.leg == leg)
    walk.do(
        node,
        Role.MANUFACTURER if node == walk.plant else Role.PHARMACIST,
        "ReceiveShipment",
        shipment_id=shipment.shipment_id,
        chain_of_identity=shipment.chain_of_identity,
        bags=list(shipment.bags),
        received_at=walk.clock().isoformat(),
        warmest_c=warmest_c,
        coldest_c=coldest_c,
        minutes_outside=0,
        seal_intact=True,
        seal=shipment.left_under,
    )


def batch(walk: Walk) -> str:
    """The batch number of this walk."""
    return f"B26{walk.patient.number:03d}"


def manufacture(walk: Walk) -> None:
    """A batch is begun."""
    chain = walk.case(walk.plant).chain_of_identity
    walk.do(walk.plant, Role.MANUFACTURER, "StartManufacture", chain_of_identity=chain, batch=batch(walk), from_bags=walk.bags)


def test_product(walk: Walk) -> None:
    """Tests against the specification; the batch waits for quality."""
    walk.do(walk.plant, Role.LABORATORY, "TestProduct", batch=batch(walk), results=release_results(walk))


def release(walk: Walk) -> None:
    """Quality releases the batch."""
    product = walk.nodes[walk.plant].documents.typed.products[ProductId(walk.case(walk.plant).product or "")]
    by_hand = {} if product.storage_max_c is not None else {"storage_max_c": -150.0}  # invented label where none is established
    walk.do(
        walk.plant,
        Role.QUALITY,
        "Release",
        batch=batch(walk),
        bags=[f"CAR-{walk.patient.number:03d}-1"],
        expires_at=(walk.clock() + timedelta(days=180)).isoformat(),
        certificate=f"COA-{batch(walk)}",
        **by_hand,
    )


def final_result(walk: Walk, attribute: str) -> None:
    """The final result of a test on whose interim result the product was released."""
    walk.do(walk.plant, Role.QUALITY, "RecordLateResult", batch=batch(walk), results=[list(RELEASE[attribute])])


def release_results(walk: Walk) -> list[list[str]]:
    """Invented release results within the specification of the product."""
    policies = walk.nodes[walk.plant].policies
    product = walk.case(walk.plant).product or ""
    name = f"spec-{product}" if f"spec-{product}" in policies.ids() else "release-generic"
    return [list(RELEASE[fact]) for fact in policies.get(name).fact_names if fact in RELEASE]


#: Invented results, (attribute, value, unit), all within the generic specification.
RELEASE: Mapping[str, tuple[str, str, str]] = {
    "appearance_conforms": ("appearance_conforms", "true", "-"),
    "bag_integrity_conforms": ("bag_integrity_conforms", "true", "-"),
    "identity_matched": ("identity_matched", "true", "-"),
    "car_identity_confirmed": ("car_identity_confirmed", "true", "-"),
    "viability": ("viability", "91", "%"),
    "cd3_purity": ("cd3_purity", "97", "%"),
    "car_positive": ("car_positive", "38", "%"),
    "dose_within_label": ("dose_within_label", "true", "-"),
    "vector_copy_number": ("vector_copy_number", "2.1", "1"),
    "potency_conforms": ("potency_conforms", "true", "-"),
    "car_t_dose_per_kg": ("car_t_dose_per_kg", "1.9", "10*6/kg"),
    "car_t_dose": ("car_t_dose", "124", "10*6"),
    "endotoxin": ("endotoxin", "0.4", "[EU]/mL"),
    "mycoplasma_negative": ("mycoplasma_negative", "true", "-"),
    "sterility_negative": ("sterility_negative", "true", "-"),
    "rcl_negative": ("rcl_negative", "true", "-"),
}


def ship_product(walk: Walk) -> None:
    """The product leaves for the centre with its papers."""
    papers(walk, walk.plant, "to_centre", ("export", "import_licence"))
    event = walk.case(walk.plant).batches[-1].released.event  # type: ignore[union-attr]
    walk.do(
        walk.plant,
        Role.MANUFACTURER,
        "Ship",
        leg="to_centre",
        chain_of_identity=event.chain_of_identity,
        bags=list(event.bags),
        container="Dry shipper 12",
        logger_id=f"LOG-P-{walk.patient.number:03d}",
        dispatched_at=walk.clock().isoformat(),
        expected_transit_h=30,
        remaining_hold_h=220,
    )
    to_courier(walk, walk.plant, Role.MANUFACTURER)
    walk.send(walk.plant, walk.centre, "COI_LOGISTICS")


def receive_product(walk: Walk) -> None:
    """The centre scans and accepts the product."""
    arrive(walk, walk.centre, "to_centre", warmest_c=-158.0, coldest_c=-187.0)
    walk.send(walk.centre, walk.plant, "COI_LOGISTICS")


# --- treatment ------------------------------------------------------------------------------------------------------


def lymphodeplete(walk: Walk) -> None:
    """Fitness is checked, lymphodepletion begins after release and receipt."""
    fit_for(walk, "lymphodepletion")
    walk.do(walk.centre, Role.PHYSICIAN, "Lymphodeplete", regimen="flu-cy", started_on=walk.today(walk.centre).isoformat())
    until = (walk.today(walk.centre) + timedelta(days=21)).isoformat()
    walk.do(walk.centre, Role.PHARMACIST, "ReserveDrugs", atc="L04AC07", doses=2, from_on=walk.today(walk.centre).isoformat(), until_on=until)


def complete(walk: Walk) -> None:
    """The last dose of lymphodepletion."""
    walk.do(walk.centre, Role.NURSE, "CompleteLymphodepletion", completed_on=walk.today(walk.centre).isoformat())


def infuse(walk: Walk) -> None:
    """Fitness, the interval that no label of the region says, bedside check by two, thaw, infusion: day 0."""
    fit_for(walk, "infusion")
    sign(walk, "infusion", "gate.infusion.no_interval", note="synthetic: interval of the pivotal trial")
    case = walk.case(walk.centre)
    chain, bag = case.chain_of_identity, case.batches[-1].released.event.bags[0]  # type: ignore[union-attr]
    checked = {"wrist_band": chain, "order": chain, "chain_of_identity": chain, "bag": bag, "name_stated": True, "birth_date_stated": True}
    walk.do(walk.centre, Role.NURSE, "CheckBedside", **checked, tocilizumab_doses=2, checked_at=walk.clock().isoformat())
    walk.do(walk.centre, Role.PHARMACIST, "Thaw", chain_of_identity=chain, bag=bag, thawed_at=walk.clock().isoformat())
    walk.clock.advance(minutes=20)
    started = walk.clock() - timedelta(minutes=12)
    times = {"started_at": started.isoformat(), "ended_at": walk.clock().isoformat()}
    walk.do(walk.centre, Role.NURSE, "Infuse", chain_of_identity=chain, bag=bag, **times, entire_volume=True)


WELL: Mapping[str, Any] = {
    "temperature": 36.8, "fever_attributable": True, "hypotension": "none", "vasopressors": 0, "vasopressin": False, "hypotension_attributable": True,
    "oxygen_device": "none", "oxygen_reason": "none", "hypoxia_attributable": True, "ice_score": 10, "arousal": "spontaneous", "sedated": False,
    "seizure": "none", "deep_focal_motor_weakness": False, "cerebral_edema": "none", "raised_icp_sign": False, "intracranial_hemorrhage": False,
}


def assess(walk: Walk, **findings: object) -> None:
    """A bedside assessment: a well patient but for what is given."""
    walk.do(walk.centre, Role.NURSE, "Assess", findings={**WELL, **findings}, assessed_at=walk.clock().isoformat())


def monitor(walk: Walk) -> None:
    """Fever on the third day."""
    assess(walk, temperature=38.6)


def treat(walk: Walk) -> None:
    """Low-flow oxygen a day later, then tocilizumab."""
    assess(walk, temperature=38.9, oxygen_device="nasal_cannula", oxygen_flow=3, oxygen_reason="hypoxia", ice_score=9)
    given_at = walk.clock().isoformat()
    walk.do(walk.centre, Role.NURSE, "GiveDrug", atc="L04AC07", name="tocilizumab", mg_per_kg=8.0, given_at=given_at)


def worsen(walk: Walk) -> None:
    """One case calls the rapid response team."""
    assess(walk, temperature=39.2, hypotension="vasopressor", vasopressors=1, ice_score=2)


def recover(walk: Walk) -> None:
    """All signs gone; at the plant the culture for sterility has ended."""
    assess(walk)
    final_result(walk, "sterility_negative")


def discharge(walk: Walk) -> None:
    """The patient leaves hospital and stays near."""
    assess(walk)
    today = walk.clock().astimezone(walk.nodes[walk.centre].site.zone).date()
    days = {"stay_near_until": (today + timedelta(days=19)).isoformat(), "no_driving_until": (today + timedelta(days=47)).isoformat()}
    walk.do(walk.centre, Role.PHYSICIAN, "Discharge", discharged_on=today.isoformat(), **days, caregiver=True, emergency_card=True)


def day_28(walk: Walk) -> None:
    """Response at day 28; at the plant the culture for mycoplasma has ended."""
    respond(walk, "D28", "PR" if walk.patient.number % 3 else "CR")
    final_result(walk, "mycoplasma_negative")


def month_3(walk: Walk) -> None:
    """Response at month 3, read by two, and the outcome agreement settled."""
    respond(walk, "M3", "SD" if walk.patient.number % 4 == 0 else "CR")
    if walk.patient.disease != "mm":
        walk.do(walk.centre, Role.COORDINATOR, "SettleOutcome")


def respond(walk: Walk, timepoint: str, category: str) -> None:
    """A response assessment."""
    criteria = "IMWG 2016" if walk.patient.disease == "mm" else "Lugano 2014"
    walk.do(
        walk.centre,
        Role.PHYSICIAN,
        "AssessResponse",
        timepoint=timepoint,
        criteria=criteria,
        category=category,
        assessed_on=walk.clock().date().isoformat(),
    )


def hand_over(walk: Walk) -> None:
    """Care goes home; the home node follows for life."""
    if walk.crosses:
        walk.do(walk.centre, Role.COORDINATOR, "HandOver", to_node=walk.home)
        walk.send(walk.centre, walk.home, "CARE_REFERRAL")
        walk.do(walk.home, Role.COORDINATOR, "AcceptFollowUp", from_node=walk.centre)
    walk.do(walk.home, Role.COORDINATOR, "ScheduleFollowUp")
    if walk.crosses:
        walk.send(walk.home, walk.centre, "CARE_REFERRAL")


@dataclass(frozen=True, slots=True)
class Stop:
    """A step of the road and how long after the one before it is taken."""

    step: Step
    after: timedelta = timedelta(minutes=30)

    @property
    def name(self) -> str:
        """The step's name."""
        return self.step.__name__


#: Invented intervals; the 11 days of manufacture and 5 of lymphodepletion lie within published ranges.
ROAD: tuple[Stop, ...] = (
    Stop(records),
    Stop(consent),
    Stop(eligibility),
    Stop(refer),
    Stop(ask_second_laboratory),
    Stop(second_laboratory, timedelta(days=1)),
    Stop(accept),
    Stop(recognise, timedelta(hours=6)),
    Stop(repeat, timedelta(hours=3)),
    Stop(quote),
    Stop(slot),
    Stop(fit_to_collect, timedelta(hours=22)),
    Stop(collect, timedelta(hours=4)),
    Stop(ship_cells, timedelta(hours=2)),
    Stop(receive_cells, timedelta(hours=15)),
    Stop(manufacture, timedelta(hours=6)),
    Stop(test_product, timedelta(days=10, hours=20)),
    Stop(release, timedelta(hours=4)),
    Stop(ship_product, timedelta(days=1)),
    Stop(receive_product, timedelta(hours=28)),
    Stop(lymphodeplete, timedelta(days=1)),
    Stop(complete, timedelta(days=2)),
    Stop(infuse, timedelta(days=3)),
    Stop(monitor, timedelta(days=3)),
    Stop(treat, timedelta(days=1)),
    Stop(recover, timedelta(days=2)),
    Stop(discharge, timedelta(days=7)),
    Stop(claim, timedelta(days=1)),
    Stop(claim_decided, timedelta(days=3)),
    Stop(claim_followed, timedelta(days=2)),
    Stop(day_28, timedelta(days=9)),
    Stop(month_3, timedelta(days=62)),
    Stop(refund, timedelta(days=1)),
    Stop(hand_over, timedelta(days=1)),
)
WORSE = Stop(worsen, timedelta(hours=9))
