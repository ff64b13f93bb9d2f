"""Gates of the road: what must hold before accepting, reserving, collecting, infusing and discharging, one row for each reason.

Each row changes one thing of a case that would pass; the codes are exactly those of the refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace as replace_struct

import case_world as w
from baybridge.base.time import parse_instant
from baybridge.documents.document_set import DocumentSet
from baybridge.journey import events as ev
from baybridge.journey.alarms import alarms
from baybridge.journey.command import Role
from baybridge.journey.conditions import discharged
from baybridge.journey.corrections.resting import rests_on
from baybridge.journey.drug_history import DrugCourse, DrugHistory
from baybridge.journey.events import Signature
from baybridge.journey.exceptions import SignException, asks_two
from baybridge.node.commands.table import COMMANDS
from case_world import SITES, Step, World, codes

P = Role.PHYSICIAN
LABEL = "relma-cel-lbcl-cn"
PRODUCT = "relmacabtagene-autoleucel"
REFER_HERE = w.REFER.but(to_node="gd", product=PRODUCT)
ACCEPT_HERE = w.ACCEPT.at("gd").but(product=PRODUCT)
BOARD_HERE = w.BOARD.at("gd").but(product=PRODUCT)


class Judged(World):
    """A world in which a label answers what a test says."""

    outcome = "eligible"

    def decide(self, policy: str, facts: Any = None, **more: Any) -> Any:
        decision = super().decide(policy, facts, **more)
        return type("Said", (), {"outcome": self.outcome})() if policy == LABEL or policy.startswith("relma-cel") else decision


def referred(outcome: str) -> World:
    world = Judged().walk(w.OPEN, w.CONSENT, REFER_HERE)
    world.outcome = outcome  # type: ignore[attr-defined]
    return world


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("eligible", []),
        ("ineligible", ["gate.accept.not_eligible"]),
        ("not-in-force", ["gate.accept.not_eligible"]),
        ("undetermined", ["gate.accept.eligibility_open"]),
    ],
)
def test_a_case_is_accepted_for_a_product_whose_label_covers_the_patient_today(outcome: str, expected: list[str]) -> None:
    assert codes(referred(outcome).judge(ACCEPT_HERE)) == expected


def test_a_board_may_decide_otherwise_and_decide_again() -> None:
    world = referred("ineligible").walk(BOARD_HERE)
    assert codes(world.judge(ACCEPT_HERE)) == []
    world.walk(BOARD_HERE.but(decision="do_not_treat"))
    assert codes(world.judge(ACCEPT_HERE)) == ["gate.accept.board_against", "gate.accept.not_eligible"]


def test_a_board_of_another_centre_or_about_another_product_decides_nothing_here() -> None:
    world = referred("ineligible").walk(BOARD_HERE.but(product=w.PRODUCT))
    assert codes(world.judge(ACCEPT_HERE)) == ["gate.accept.not_eligible"]


def test_a_product_that_the_centre_does_not_offer_or_the_region_does_not_have() -> None:
    world = World().walk(w.OPEN, w.CONSENT, w.REFER.but(product="satricabtagene-autoleucel"), w.BOARD.but(product="satricabtagene-autoleucel"))
    assert codes(world.judge(w.ACCEPT.but(product="satricabtagene-autoleucel"))) == ["gate.accept.not_offered", "gate.accept.status_open"]


def test_a_centre_that_the_directory_says_nothing_of_offers_nothing_that_is_known() -> None:
    world = World().walk(w.OPEN, w.CONSENT, w.REFER, w.BOARD)
    said_nothing = [{**row, "offers": None} if row.get("node") == "hk" else row for row in w.documents().folder("directory")["organisations"]["organisations"]]
    directory = w.documents().folder("directory")
    rows = [row for row in directory["organisations"]["organisations"] if row.get("node") != "hk"]
    for known in (rows, said_nothing):
        world.documents = {"directory": {**directory, "organisations": {**directory["organisations"], "organisations": known}}}
        assert codes(world.judge(w.ACCEPT)) == ["gate.accept.offer_unknown"]


def test_a_physician_passes_and_the_exception_is_about_the_product() -> None:
    world = referred("ineligible")
    sign = Step("SignException", "gd", P, 0.5, {"gate": "accept", "codes": ["gate.accept.not_eligible"], "note": "no other way"})
    world.walk(sign)
    assert codes(world.judge(ACCEPT_HERE)) == []
    other = codes(world.judge(ACCEPT_HERE.but(product=w.PRODUCT)))
    assert any(code.startswith("gate.accept.") for code in other), "signed for one product, not for another"


# --- collection -----------------------------------------------------------------------------------------------------


def given(atc: str, days_ago: int) -> Callable[[World], DrugHistory]:
    """A drug whose last dose was some days before the collection."""

    def made(world: World) -> DrugHistory:
        last = world.now.date() - timedelta(days=days_ago)
        return DrugHistory((DrugCourse(atc, last, last),))

    return made


WASHOUTS = [
    ("methylprednisolone 2 days ago", given("H02AB04", 2), ["gate.collection.washout"]),
    ("methylprednisolone 3 days ago", given("H02AB04", 3), []),
    ("ipilimumab is a checkpoint inhibitor", given("L01FX04", 41), ["gate.collection.washout"]),
    ("ipilimumab, six weeks later", given("L01FX04", 42), []),
    ("a drug of cancer without a rule", given("L01FX07", 10), ["gate.collection.washout_no_rule"]),
    ("such a drug, long ago", given("L01FX07", 200), []),
    ("a drug that is none of cancer", given("A02BC01", 0), []),
    ("a transplant 99 days ago", lambda world: DrugHistory(transplants=(world.now.date() - timedelta(days=99),)), ["gate.collection.washout"]),
    ("a drug that nobody can read", lambda _: DrugHistory(complete=False), ["gate.collection.washout_undated"]),
]


@pytest.mark.parametrize(("read", "expected"), [row[1:] for row in WASHOUTS], ids=[row[0] for row in WASHOUTS])
def test_washouts_are_over_before_collection(read: Any, expected: list[str]) -> None:
    world = w.before_collection()
    world.now += timedelta(hours=w.COLLECT.hours)
    world.drugs = read(world)
    assert codes(world.judge(w.COLLECT)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"active_infection": True}, ["gate.collection.unfit"]),
        ({"lymphocytes": None}, ["gate.collection.fitness_open"]),
    ],
)
def test_fitness_for_collection_holds_on_the_facts_of_the_day(facts: dict[str, Any], expected: list[str]) -> None:
    world = w.before_collection()
    world.facts.update(facts)
    assert codes(world.do(w.COLLECT)) == expected


def test_markers_that_the_law_asks_for_are_passed_by_no_signature() -> None:
    world = World().walk(*w.TO_COLLECTION)
    limits = w.documents().folder("pathways")["cold-chain"]
    world.documents = {"pathways": {"cold-chain": {**limits, "infectious_markers": {**limits["infectious_markers"], "statutory_in": ["HK"]}}}}
    assert codes(world.do(w.COLLECT)) == ["supply.collect.marker_missing"]
    sign = Step("SignException", "hk", P, 0, {"gate": "collection", "codes": [], "note": "urgent"})
    assert "supply.collect.marker_missing" in codes(world.do(sign))


def sign(gate: str, *codes_signed: str) -> Step:
    return Step("SignException", "hk", P, 0, {"gate": gate, "codes": list(codes_signed), "note": "as it was on that day"})


def test_what_stood_at_the_time_of_a_collection_is_signed_for_though_it_stands_no_more() -> None:
    world = w.before_collection()
    world.now += timedelta(hours=w.COLLECT.hours)
    world.drugs = given("H02AB04", 3)(world)
    yesterday = {"started_at": (world.now - timedelta(hours=24)).isoformat(), "ended_at": (world.now - timedelta(hours=20)).isoformat(), "unusual": True}
    assert codes(world.judge(w.COLLECT)) == []
    assert codes(world.judge(w.COLLECT.but(**yesterday))) == ["gate.collection.washout"]
    world.walk(sign("collection", "gate.collection.washout"))
    assert codes(world.judge(w.COLLECT.but(**yesterday))) == []
    assert codes(world.judge(sign("collection", "gate.collection.fitness_unchecked"))) == ["journey.exception.not_standing", "journey.exception.nothing_stands"]


# --- doses against CRS ----------------------------------------------------------------------------------------------

TOCILIZUMAB = Step("GiveDrug", "hk", P, 0, lambda world: {"atc": "L04AC07", "dose_mg": 480, "route": "IV", "given_at": world.now.isoformat()})


def held(doses: int, **more: Any) -> World:
    """Everything before the check at the bedside is there, with so many doses reserved."""
    steps = [step.but(doses=doses, **more) if step is w.RESERVE_DRUGS else step for step in w.READY]
    return w.at_centre().walk(*(step for step in steps if step is not w.EXCEPTION))


SHORTAGE = {"shortage_next_within_h": 8, "shortage_reason": "declared shortage"}
CHECKS = [
    ("two held, two seen", lambda: held(2), 2, []),
    ("two held, one seen", lambda: held(2), 1, ["bedside.check.tocilizumab_missing"]),
    ("one held in a declared shortage, one seen", lambda: held(1, **SHORTAGE), 1, []),
    ("one held in a declared shortage, none seen", lambda: held(1, **SHORTAGE), 0, ["bedside.check.tocilizumab_missing"]),
    ("one held in a shortage, the next within a day", lambda: held(1, **(SHORTAGE | {"shortage_next_within_h": 24})), 1, ["bedside.check.tocilizumab_missing"]),
    ("one held, which a physician signed", lambda: held(1).walk(sign("infusion", "gate.infusion.drugs_not_reserved", "gate.infusion.no_interval")), 1, []),
]


@pytest.mark.parametrize(("make", "seen", "expected"), [row[1:] for row in CHECKS], ids=[row[0] for row in CHECKS])
def test_the_check_at_the_bedside_asks_for_as_many_doses_as_the_gate_does(make: Callable[[], World], seen: int, expected: list[str]) -> None:
    assert codes(make().judge(w.CHECK.but(tocilizumab_doses=seen))) == expected


def test_a_dose_that_was_given_after_an_infusion_is_none_that_was_missing_before_it() -> None:
    world = w.at_centre().walk(*w.READY, w.CHECK, w.THAW)
    started = world.now + timedelta(minutes=3)
    times = {"started_at": started.isoformat(), "ended_at": (started + timedelta(minutes=10)).isoformat()}
    world.now += timedelta(hours=10)
    world.walk(TOCILIZUMAB)
    assert codes(world.judge(w.INFUSE.but(**times))) == [], "the infusion is entered after the dose that followed it"
    before = w.at_centre().walk(*w.READY, TOCILIZUMAB, w.CHECK)
    assert codes(before.judge(w.THAW)) == ["gate.infusion.drugs_not_reserved"]


def test_an_infusion_too_early_by_the_label_is_recorded_once_it_was_signed_for() -> None:
    world = w.at_centre().walk(*w.READY[:-1])
    world.documents = label_of_hong_kong("lymphodepletion_end", 4, 6)
    thawed = world.now + timedelta(minutes=30)
    world.walk(w.CHECK)
    world.now += timedelta(hours=24)
    late = w.THAW.but(thawed_at=thawed.isoformat(), unusual=True)
    assert codes(world.judge(late)) == ["gate.infusion.too_early"]
    assert codes(world.judge(w.THAW)) == []
    world.walk(sign("infusion", "gate.infusion.too_early"))
    assert codes(world.judge(late)) == []


# --- days that cannot be --------------------------------------------------------------------------------------------

DAYS: list[tuple[str, Callable[[], World], Step, dict[str, Any], list[str]]] = [
    (
        "lymphodepletion before the cells were collected", lambda: w.at_centre().walk(w.fitness("lymphodepletion")), w.LYMPHODEPLETE,
        {"started_on": "2026-03-01"}, ["bedside.lymphodeplete.before_collection", "gate.lymphodepletion.before_receipt"],
    ),
    ("a collection of three days", w.before_collection, w.COLLECT, {"started_at": "2026-03-06T09:00:00+08:00", "unusual": True}, ["supply.collect.too_long"]),
]  # fmt: skip


@pytest.mark.parametrize(("make", "step", "changes", "expected"), [row[1:] for row in DAYS], ids=[row[0] for row in DAYS])
def test_a_day_is_held_against_the_case(make: Callable[[], World], step: Step, changes: dict[str, Any], expected: list[str]) -> None:
    world = make()
    world.now += timedelta(hours=step.hours)
    assert codes(world.judge(step.but(**changes))) == expected


def given_at(started: str) -> ev.Infused:
    at = parse_instant(started)
    return ev.Infused(product=w.PRODUCT, batch="b", bag="c", chain_of_identity="d", started_at=at, ended_at=at, entire_volume=True)


@pytest.mark.parametrize(("started", "expected"), [("2026-04-02T01:00:00+08:00", False), ("2026-04-01T17:00:00+00:00", False), ("2026-04-01T23:00:00+08:00", True)])
def test_a_discharge_before_an_infusion_is_none_after_it(started: str, expected: bool) -> None:
    """One hour past midnight is the same day in every zone that it is written in."""
    world = World()
    world.record("hk", given_at(started))
    world.record("hk", ev.Discharged(discharged_on=date(2026, 4, 1), stay_near_until=date(2026, 5, 1)))
    assert discharged(world.case) is expected


def test_of_a_discharge_on_the_day_of_an_infusion_the_later_one_counts() -> None:
    world = World()
    left = ev.Discharged(discharged_on=date(2026, 4, 1), stay_near_until=date(2026, 5, 1))
    world.record("hk", left)
    world.record("hk", given_at("2026-04-01T12:00:00+08:00"))
    assert not discharged(world.case)
    world.record("hk", left)
    assert discharged(world.case)


# --- the interval before the infusion -------------------------------------------------------------------------------


def label_of_hong_kong(anchor: str, first: int, last: int, policies: tuple[str, ...] = ()) -> dict[str, Any]:
    times = w.documents().folder("timing")["label-times"]
    row = {"product": w.PRODUCT, "label": "HK", "anchor": anchor, "from_day": first, "to_day": last, "policies": policies, "source": "test", "confidence": "high"}
    return {"timing": {"label-times": {**times, "infusion": [*times["infusion"], row]}}}


INTERVALS = [
    ("two days after the end, two asked", "lymphodepletion_end", 2, 4, []),
    ("three asked", "lymphodepletion_end", 4, 6, ["gate.infusion.too_early"]),
    ("one at most", "lymphodepletion_end", 0, 1, ["gate.infusion.too_late"]),
    ("five days after the start", "lymphodepletion_start", 5, 7, []),
    ("six asked after the start", "lymphodepletion_start", 6, 7, ["gate.infusion.too_early"]),
]


@pytest.mark.parametrize(("anchor", "first", "last", "expected"), [row[1:] for row in INTERVALS], ids=[row[0] for row in INTERVALS])
def test_the_days_of_the_label_that_speaks_here_count_from_its_anchor(anchor: str, first: int, last: int, expected: list[str]) -> None:
    world = w.at_centre().walk(*(step for step in w.READY if step is not w.EXCEPTION))
    world.documents = label_of_hong_kong(anchor, first, last)
    started, completed = world.case.last(ev.LymphodepletionStarted), world.case.last(ev.LymphodepletionCompleted)
    assert started is not None
    assert completed is not None
    assert ((world.now.date() - completed.event.completed_on).days, (world.now.date() - started.event.started_on).days) == (3, 5)
    assert codes(world.judge(w.THAW.but(unusual=True))) == expected


def test_the_label_of_another_indication_does_not_speak() -> None:
    world = w.at_centre().walk(*(step for step in w.READY if step is not w.EXCEPTION))
    world.documents = label_of_hong_kong("lymphodepletion_end", 0, 9, ("some-other-indication",))
    assert codes(world.judge(w.THAW.but(unusual=True))) == ["gate.infusion.no_interval"]


# --- discharge ------------------------------------------------------------------------------------------------------

def grade(scale: str, least: int, most: int) -> ev.GradeAssessed:
    return ev.GradeAssessed(
        scale=scale, outcome="x", grade=least if least == most else None, grade_min=least, grade_max=most, driver=None, missing=(),  # type: ignore[arg-type]
        assessed_at=w.START, decision_sha256="0",
    )  # fmt: skip


def leaving(**changes: Any) -> Step:
    def given(world: World) -> dict[str, Any]:
        assert world.case.infused_at is not None
        day0 = world.case.infused_at.date()
        days = {"stay_near_until": (day0 + timedelta(days=29)).isoformat(), "no_driving_until": (day0 + timedelta(days=57)).isoformat()}
        return {"discharged_on": world.now.date().isoformat(), **days, "caregiver": True, "emergency_card": True, **changes}

    return Step("Discharge", "hk", P, 0, given)


def watched(*grades: ev.GradeAssessed) -> World:
    """Ten days after the infusion, assessed just now with these grades."""
    world = w.infused()
    world.now += timedelta(days=10)
    world.record("hk", ev.AssessmentRecorded(assessed_at=world.now, findings=tuple(w.OBSERVED.items())))
    for one in grades:
        world.record("hk", ev.GradeAssessed(**{name: getattr(one, name) for name in one.__struct_fields__} | {"assessed_at": world.now}))
    return world


DISCHARGES = [
    ("everything is there", watched, {}, []),
    ("CRS of grade 2", lambda: watched(grade("crs-astct-2019", 2, 2)), {}, ["gate.discharge.toxicity"]),
    ("ICANS of 0 to 3", lambda: watched(grade("icans-astct-2019", 0, 3)), {}, ["gate.discharge.toxicity"]),
    ("CRS of grade 1", lambda: watched(grade("crs-astct-2019", 1, 1)), {}, []),
    ("no caregiver", watched, {"caregiver": False}, ["gate.discharge.no_caregiver"]),
    ("no emergency card", watched, {"emergency_card": False}, ["gate.discharge.no_emergency_card"]),
    ("two weeks near, as another country's label says", watched, {"stay_near_until": "2026-04-14"}, ["gate.discharge.near_too_short"]),
    ("days without driving not said", watched, {"no_driving_until": None}, ["gate.discharge.driving_too_short"]),
]


@pytest.mark.parametrize(("make", "changes", "expected"), [row[1:] for row in DISCHARGES], ids=[row[0] for row in DISCHARGES])
def test_discharge(make: Callable[[], World], changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(make().judge(leaving(**changes))) == expected


def test_nobody_who_was_not_looked_at_today_is_discharged() -> None:
    world = watched()
    world.now += timedelta(hours=25)
    assert codes(world.judge(leaving())) == ["gate.discharge.not_assessed"]


def test_what_depends_on_the_form_can_be_signed_beside_what_stands() -> None:
    world = watched().walk(Step("SignException", "hk", P, 0, {"gate": "discharge", "codes": ["gate.discharge.no_caregiver"], "note": "the ward's nurse goes along"}))
    assert codes(world.judge(leaving(caregiver=False))) == []


def test_the_analyst_of_a_batch_does_not_release_it() -> None:
    world = w.at_plant().walk(w.START_BATCH, w.TEST.by(Role.QUALITY))
    assert codes(world.do(w.RELEASE)) == ["supply.release.reviewer_is_analyst"]


CRITICAL = ("identity_matched", "car_identity_confirmed", "mycoplasma_negative", "sterility_negative", "rcl_negative")


@pytest.mark.parametrize(("attribute", "failed"), [*((name, "false") for name in CRITICAL), ("endotoxin", "9"), ("viability", "40")])
def test_a_failed_result_stands_whatever_is_measured_later(attribute: str, failed: str) -> None:
    world = w.at_plant().walk(w.START_BATCH, w.TEST.but(results=w.results(**{attribute: failed})))
    (again,) = world.do(w.TEST)
    assert again.outcome == "outside", "a good result after a failed one does not hide it"
    (event,) = world.do(w.RELEASE)
    assert isinstance(event, ev.ProductRejected)
    assert event.failed == (attribute,)


def test_a_later_result_stands_where_the_earlier_one_was_within_its_limit_and_may_fail() -> None:
    world = w.at_plant().walk(w.START_BATCH, w.TEST, w.TEST.but(results=w.results(sterility_negative="false")))
    (event,) = world.do(w.RELEASE)
    assert isinstance(event, ev.ProductRejected)


def test_a_failed_result_that_was_struck_through_stands_no_more() -> None:
    world = w.at_plant().walk(w.START_BATCH, w.TEST.but(results=w.results(sterility_negative="false")), w.TEST)
    failed = next(entry for entry in world.case.of(ev.ProductTested))
    world.record("sh", ev.EntryCorrected(event_id=failed.origin.event_id, action="void", reason="wrong-value"), role=Role.QUALITY)
    (event,) = world.do(w.RELEASE)
    assert isinstance(event, ev.ProductReleased)


def test_a_result_that_stands_twice_in_one_entry_is_refused() -> None:
    world = w.at_plant().walk(w.START_BATCH)
    assert codes(world.do(w.TEST.but(results=[*w.results(), ["sterility_negative", "false", "-"]]))) == ["supply.test.twice"]


def test_the_analyst_does_not_sign_a_release_as_second_person_either() -> None:
    world = w.at_plant().walk(w.START_BATCH, w.TEST)
    world.now += timedelta(hours=2)
    asked = msgspec.convert(w.RELEASE.input(world), COMMANDS["Release"].given)
    first, second = (
        Signature(person=f"{role}-sh", account=f"{role}-sh", role=role, meaning="x", method="session", at=world.now) for role in ("quality", "manufacturer")
    )
    situation = replace(world.situation("sh", Role.QUALITY), signed_by=(first, second))
    assert codes(COMMANDS["Release"].rule(situation, asked)) == ["supply.release.second_is_analyst"]
    situation = replace(situation, signed_by=(first,))
    assert codes(COMMANDS["Release"].rule(situation, asked)) == []


def test_whoever_wrote_another_result_in_the_place_of_one_does_not_release() -> None:
    world = w.at_plant().walk(w.START_BATCH, w.TEST.but(results=w.results(sterility_negative="false")))
    failed = next(entry for entry in world.case.of(ev.ProductTested))
    good = replace_struct(failed.event, results=tuple(tuple(row) for row in w.results()), outcome="within")
    world.record("sh", good, role=Role.QUALITY)
    instead = ev.EntryCorrected(event_id=failed.origin.event_id, action="replace", reason="wrong-value", replaced_by=f"sh-{len(world.events)}")
    world.record("sh", instead, role=Role.QUALITY)
    assert codes(world.do(w.RELEASE)) == ["supply.release.reviewer_is_analyst"]


def test_an_exception_of_a_node_that_does_not_treat_the_patient_is_none() -> None:
    sign = Step("SignException", "mo", P, 0, {"gate": "infusion", "codes": [], "note": "from home"})
    assert "journey.case.treated_elsewhere" in codes(w.at_centre().do(sign))


# --- fitness --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["banana", "fitness-collection", "fitness-trial-cartitude-1", "fitness-trial-hr001"])
def test_fitness_for_a_step_is_judged_by_the_policy_that_the_site_names_for_it(policy: str) -> None:
    world = w.at_centre()
    assert codes(world.judge(w.fitness("infusion").but(policy=policy))) == ["bedside.fitness.other_policy"]
    assert codes(world.judge(w.fitness("infusion").but(policy="fitness-infusion"))) == []


def test_a_check_by_a_gate_of_a_trial_opens_no_gate() -> None:
    world = w.at_centre().walk(w.fitness("lymphodepletion"), w.LYMPHODEPLETE, w.COMPLETE, w.RESERVE_DRUGS)
    world.facts["hypotension"] = world.facts["vasopressors"] = None
    world.walk(w.fitness("infusion"))
    by_trial = ev.FitnessChecked(step="infusion", policy="fitness-trial-cartitude-1", outcome="fit", decision_sha256="0" * 64)
    world.record("hk", by_trial, role=P)
    assert "gate.infusion.fitness_open" in [reason.code for reason in w.GATES["infusion"].standing(world.situation("hk", P))]


def fitness_checks(world: World, step: str) -> list[str]:
    return [entry.origin.event_id for entry in world.case.of(ev.FitnessChecked) if entry.event.step == step]


@pytest.mark.parametrize(
    ("step", "rests"),
    [
        ("collection", ["CellsCollected"]),
        ("lymphodepletion", ["LymphodepletionStarted"]),
        ("infusion", ["GateExceptionSigned", "Infused", "ProductThawed"]),
    ],
)
def test_what_passed_on_a_check_of_fitness_rests_on_it(step: str, rests: list[str]) -> None:
    world = w.at_centre()
    for earlier in ("undetermined", "fit"):
        world.record("hk", ev.FitnessChecked(step="infusion", policy="fitness-infusion", outcome=earlier, decision_sha256="0" * 64), role=P)
        world.record("hk", ev.FitnessChecked(step="infusion", policy="fitness-infusion", outcome="undetermined", decision_sha256="0" * 64), role=P)
    world.walk(*w.TREATMENT)
    found = rests_on(world.case, {fitness_checks(world, step)[-1]}, SITES["hk"].zone)
    assert set(rests) <= {type(entry.event).__name__ for entry in found}


def test_a_check_that_a_later_one_replaced_carries_nothing() -> None:
    world = w.at_centre()
    world.record("hk", ev.FitnessChecked(step="infusion", policy="fitness-infusion", outcome="fit", decision_sha256="0" * 64), role=P)
    world.walk(*w.TREATMENT)
    assert rests_on(world.case, {fitness_checks(world, "infusion")[0]}, SITES["hk"].zone) == ()


def test_a_result_is_read_in_its_unit_however_people_spell_it() -> None:
    spelt = {"car_t_dose_per_kg": "×10⁶/kg", "endotoxin": "EU/mL", "viability": "%"}
    world = w.at_plant().walk(w.START_BATCH)
    assert codes(world.do(w.TEST.but(results=[[name, value, spelt.get(name, unit)] for name, value, unit in w.results()]))) == []
    other = [[name, value, "mg/L" if name == "endotoxin" else unit] for name, value, unit in w.results()]
    assert codes(w.at_plant().walk(w.START_BATCH).do(w.TEST.but(results=other))) == ["supply.test.unit"]


@pytest.mark.parametrize("field", ["stay_near_until", "no_driving_until"])
def test_a_day_far_after_the_discharge_is_asked_about(field: str) -> None:
    far = (watched().now.date() + timedelta(days=3000)).isoformat()
    assert codes(watched().judge(leaving(**{field: far}))) == ["bedside.discharge.far_ahead"]
    assert codes(watched().judge(leaving(**{field: far}, unusual=True))) == []


# --- results that come after the release ----------------------------------------------------------------------------


def late(world: World, attribute: str = "sterility_negative", value: str = "false") -> Step:
    return Step("RecordLateResult", "sh", Role.LABORATORY, 1, {"batch": "batch-1", "results": [[attribute, value, "-"]]})


def test_a_late_result_is_recorded_of_a_released_batch_alone() -> None:
    assert codes(w.at_plant().walk(w.START_BATCH, w.TEST).do(late(w.released()))) == ["supply.late.no_released_batch", "supply.late.not_released"]
    (event,) = w.released().do(late(w.released(), value="true"))
    assert (event.failed, event.critical, event.outcome) == ((), False, "undetermined")


def test_a_batch_that_fails_sterility_after_its_release_stops_every_step_and_no_signature_passes() -> None:
    world = w.at_centre().walk(late(w.released()))
    assert {"bedside.lymphodeplete.failed_late", "bedside.lymphodeplete.quarantined"} <= set(codes(world.walk(w.fitness("lymphodepletion")).do(w.LYMPHODEPLETE)))
    ready = w.at_centre().walk(*w.READY, w.CHECK, w.THAW).walk(late(w.released()))
    ready.now += timedelta(minutes=30)
    against = set(codes(ready.do(w.CHECK.but(checked_at=ready.now.isoformat()))))
    assert {"bedside.bag.quarantined", "bedside.bag.failed_late"} <= against
    assert not any(code.startswith("gate.") for code in against)
    assert {"quarantine", "late_failure"} <= {task.step for task in alarms_of(ready, "hk")}
    use = Step("ResolveQuarantine", "hk", Role.QUALITY, 1, {"bags": ["product-1"], "decision": "use", "basis": "retest"})
    assert codes(ready.do(use)) == ["supply.quarantine.failed_critical"]
    assert codes(ready.do(use.but(decision="discard"))) == []


def test_a_late_failure_that_is_not_critical_waits_for_quality() -> None:
    world = w.at_centre().walk(late(w.released(), "viability", "40"))
    assert world.case.quarantined == {"product-1"}
    use = Step("ResolveQuarantine", "hk", Role.QUALITY, 1, {"bags": ["product-1"], "decision": "use", "basis": "decided by the maker"})
    assert codes(world.do(use)) == []


def test_a_late_failure_counts_though_the_products_own_specification_forgot_the_test() -> None:
    world = w.released()
    own = dict(w.documents().folder("policies")["spec-axicabtagene-ciloleucel"])
    own["limits"] = [limit for limit in own["limits"] if limit["fact"] != "sterility_negative"]
    world.documents = {"policies": {**w.documents().folder("policies"), own["id"]: own}}
    (event,) = world.do(late(world))
    assert (event.failed, event.critical, event.outcome) == (("sterility_negative",), True, "outside")


def test_cells_are_collected_for_an_open_therapy_event_and_asked_about_once_manufacture_began() -> None:
    world = w.at_plant().walk(w.START_BATCH)
    again = w.COLLECT.but(bags=["bag-8"], started_at=world.now.isoformat(), ended_at=world.now.isoformat())
    assert codes(world.judge(again)) == ["supply.collect.begun"]
    assert codes(world.judge(again.but(unusual=True))) == []
    assert "supply.collect.over" in codes(w.infused().judge(w.COLLECT.but(bags=["bag-8"])))


def test_suspected_iec_hs_that_nobody_graded_holds_the_patient_back() -> None:
    world = w.infused().walk(w.WATCH)
    world.facts |= {"ferritin": 12000, "ferritin_upper_limit": 300, "fibrinogen": 0.9}
    assert codes(world.judge(w.DISCHARGE)) == ["gate.discharge.iec_hs_ungraded"]
    world.facts["iec_hs_grade"] = 1
    assert codes(world.judge(w.DISCHARGE)) == []


def test_a_bag_that_was_given_is_in_no_quarantine_and_one_that_is_left_is() -> None:
    world = w.at_plant().walk(w.START_BATCH, w.TEST, w.RELEASE.but(bags=["product-1", "product-2"]))
    world.walk(*w.PERMITS_BACK, w.SHIP_BACK.but(bags=["product-1", "product-2"]), w.RECEIVE_CENTRE.but(bags=["product-1", "product-2"]), *w.TREATMENT)
    world.walk(late(world))
    assert world.case.quarantined == {"product-2"}


def test_what_was_given_before_the_result_was_known_is_recorded_all_the_same() -> None:
    world = w.at_centre().walk(*w.READY, w.CHECK, w.THAW)
    started = world.now + timedelta(minutes=3)
    world.walk(late(world))
    infused = w.INFUSE.but(started_at=started.isoformat(), ended_at=(started + timedelta(minutes=10)).isoformat())
    assert codes(world.do(infused)) == []
    before = w.at_centre().walk(*w.READY, late(w.released()))
    yesterday = (before.now - timedelta(hours=3)).isoformat()
    assert {"bedside.bag.failed_late", "bedside.bag.quarantined"} <= set(codes(before.judge(w.CHECK.but(checked_at=yesterday)))), "a typed time opens nothing"
    later = world.now.isoformat()
    assert "bedside.bag.failed_late" in codes(world.do(w.INFUSE.but(started_at=later, ended_at=later)))


def alarms_of(world: World, node: str) -> list[Any]:
    return [task for task in alarms(world.case, world.now, SITES[node], DocumentSet(world.folder).pathway) if task.level == "red"]


# --- consent to care ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "before", "code"),
    [
        (w.ACCEPT, (w.OPEN, w.CONSENT, w.REFER, w.BOARD), "matching.accept.no_care_consent"),
        (w.RESERVE, w.REFERRAL, "supply.slot.no_care_consent"),
    ],
)
def test_without_consent_to_care_nothing_is_accepted_or_reserved(step: Step, before: tuple[Step, ...], code: str) -> None:
    world = World().walk(*before)
    assert codes(world.judge(step)) == []
    (consent,) = world.case.consents
    world.record("mo", ev.ConsentWithdrawn(consent_id=consent.consent_id, withdrawn_on=world.now.date()))
    assert codes(world.judge(step)) == [code]
    world.record("hk", ev.EmergencyRecorded(reason="shock", presumed_will="wants it", note="", until=world.now + timedelta(hours=24)))
    assert codes(world.judge(step)) == []


# --- what belongs before the infusion -------------------------------------------------------------------------------

_GONE_BY = {
    "CheckBedside": "bedside.bag.none_waits", "Thaw": "bedside.bag.none_waits", "CheckFitness": "journey.stage.given", "RecordPermit": "journey.stage.given",
    "ArrangeTravel": "journey.stage.given", "ReferCase": "matching.refer.already_accepted", "ResolveQuarantine": "supply.quarantine.none_held",
    "AcknowledgeCall": "bedside.call.none_to_take", "ArriveRapidResponse": "bedside.rapid_response.none_open", "CloseCall": "bedside.call.none_to_close",
    "KeepCall": "bedside.call.none_to_keep", "AnswerIncident": "bedside.incident.none_open", "AppealClaim": "funding.claim.none_adjudicated",
    "AcceptFollowUp": "followup.accept.nothing_offered", "Ship": "supply.ship.nothing_here", "ConfirmCourier": "supply.courier.none_named",
}  # fmt: skip


@pytest.mark.parametrize("command", sorted(_GONE_BY))
def test_a_command_that_makes_no_sense_after_the_infusion_says_why(command: str) -> None:
    row = COMMANDS[command]
    assert [reason.code for reason in row.blocked(w.infused().situation("hk", sorted(row.roles)[0]))] == [_GONE_BY[command]]


@pytest.mark.parametrize("command", ["CheckBedside", "Thaw", "AssessResponse", "ReportSecondMalignancy", "HandOver", "Ship", "HandToCourier", "WithdrawConsent"])
def test_a_command_that_makes_no_sense_yet_says_why(command: str) -> None:
    row = COMMANDS[command]
    assert any(row.blocked(World().walk(w.OPEN).situation("hk", sorted(row.roles)[0])))


# --- a dose of several bags -----------------------------------------------------------------------------------------


def two_bags(arrived: list[str]) -> World:
    """A product of two bags was released; these of them came."""
    world = w.at_plant().walk(w.START_BATCH, w.TEST, w.RELEASE.but(bags=["product-1", "product-2"]), *w.PERMITS_BACK)
    return world.walk(w.SHIP_BACK.but(bags=arrived, unusual=True), w.RECEIVE_CENTRE.but(bags=arrived), w.fitness("lymphodepletion"))


def test_lymphodepletion_waits_for_every_bag_of_the_dose() -> None:
    begin = w.LYMPHODEPLETE
    assert codes(two_bags(["product-1", "product-2"]).judge(begin)) == []
    one = two_bags(["product-1"])
    assert codes(one.judge(begin)) == ["gate.lymphodepletion.bags_missing"]
    assert asks_two(one.situation("hk", P), SignException(gate="lymphodepletion", codes=("gate.lymphodepletion.bags_missing",), note="x"))
    one.walk(sign("lymphodepletion", "gate.lymphodepletion.bags_missing"))
    assert codes(one.judge(begin)) == []


@pytest.mark.parametrize(("decision", "expected"), [("use", []), ("discard", ["gate.lymphodepletion.bags_missing"])])
def test_a_bag_in_quarantine_or_discarded_leaves_the_dose_incomplete(decision: Any, expected: list[str]) -> None:
    world = two_bags(["product-1", "product-2"])
    arrived = world.case.last(ev.ShipmentReceived)
    assert arrived is not None
    world.record("hk", replace_struct(arrived.event, bags=("product-2",), disposition="quarantined"))
    assert codes(world.judge(w.LYMPHODEPLETE)) == ["gate.lymphodepletion.bags_missing"]
    world.record("hk", ev.QuarantineResolved(bags=("product-2",), decision=decision, basis="as quality saw it"))
    assert codes(world.judge(w.LYMPHODEPLETE)) == expected


def test_no_bag_is_thawed_while_another_of_the_dose_cannot_be_given() -> None:
    world = two_bags(["product-1", "product-2"]).walk(*w.READY[1:], w.CHECK)
    assert codes(world.judge(w.THAW)) == []
    arrived = world.case.last(ev.ShipmentReceived)
    assert arrived is not None
    world.record("hk", replace_struct(arrived.event, bags=("product-2",), disposition="quarantined"))
    assert codes(world.judge(w.THAW)) == ["gate.infusion.bags_missing"]
    world.walk(sign("infusion", "gate.infusion.bags_missing", "gate.infusion.no_interval"))
    assert codes(world.judge(w.THAW)) == []


# --- what is entered late is judged as of its own time -----------------------------------------------------------------

UNFIT: dict[str, Any] = {"active_infection": True}


def ready(gate: str) -> tuple[World, Step, str]:
    """A case whose next step is that of a gate, its command, and the field that says when it was done."""
    if gate == "collection":
        return w.before_collection(), w.COLLECT, "started_at"
    if gate == "lymphodepletion":
        return w.at_centre().walk(w.fitness("lymphodepletion")), w.LYMPHODEPLETE, "started_on"
    return w.at_centre().walk(*w.READY, w.CHECK, w.THAW), w.INFUSE, "started_at"


@pytest.mark.parametrize("gate", ["collection", "lymphodepletion", "infusion"])
def test_who_became_unfit_after_a_step_was_fit_for_it(gate: str) -> None:
    world, step, _ = ready(gate)
    world.now += timedelta(hours=step.hours)
    given = step.input(world)
    world.now += timedelta(days=1 if gate == "lymphodepletion" else 0, minutes=5)
    world.turn(**UNFIT)
    assert codes(world.judge(step.but(**given, **({"unusual": True} if gate == "collection" else {})))) == []


@pytest.mark.parametrize("gate", ["collection", "lymphodepletion", "infusion"])
def test_who_is_fit_by_now_was_not_where_the_step_was_made_before(gate: str) -> None:
    world, step, _ = ready(gate)
    world.facts.update(UNFIT)
    world.now += timedelta(hours=step.hours)
    given = step.input(world) | ({"unusual": True} if gate == "collection" else {})
    world.now += timedelta(days=1 if gate == "lymphodepletion" else 0, minutes=5)
    world.turn(active_infection=False)
    assert codes(world.judge(step.but(**given))) == [f"gate.{gate}.unfit"]
    world.walk(sign(gate, f"gate.{gate}.unfit", *(["gate.infusion.no_interval"] if gate == "infusion" else [])))
    assert codes(world.judge(step.but(**given))) == []


# --- a grade of IEC-HS ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("grades", "expected"), [([2], ["gate.discharge.toxicity"]), ([2, 1], []), ([1], []), ([0, 3], ["gate.discharge.toxicity"])])
def test_a_grade_of_iec_hs_stands_until_another_is_stated_however_old_it_is(grades: list[int], expected: list[str]) -> None:
    world = w.infused()
    for one in grades:
        world.now += timedelta(days=2)
        world.record("hk", ev.AssessmentRecorded(assessed_at=world.now, findings=tuple({**w.OBSERVED, "iec_hs_grade": one}.items())))
    world.now += timedelta(days=3)
    world.record("hk", ev.AssessmentRecorded(assessed_at=world.now, findings=tuple(w.OBSERVED.items())))
    assert codes(world.judge(leaving())) == expected


@pytest.mark.parametrize(("elsewhere", "here", "expected"), [(3, None, ["gate.discharge.toxicity"]), (1, 3, []), (3, 1, ["gate.discharge.toxicity"]), (1, None, [])])
def test_a_grade_of_iec_hs_that_only_another_system_stated_stands_too(elsewhere: int, here: int | None, expected: list[str]) -> None:
    world = w.infused()
    if here is not None:
        world.record("hk", ev.AssessmentRecorded(assessed_at=world.now, findings=tuple({**w.OBSERVED, "iec_hs_grade": here}.items())))
    world.now += timedelta(days=2)
    world.facts |= {"iec_hs_grade_standing": elsewhere, "iec_hs_graded_at": world.now}
    world.now += timedelta(days=3)
    world.record("hk", ev.AssessmentRecorded(assessed_at=world.now, findings=tuple(w.OBSERVED.items())))
    assert codes(world.judge(leaving())) == expected


# --- what an exception covers ---------------------------------------------------------------------------------------


def toxic(world: World, scale: str, least: int) -> World:
    graded = grade(scale, least, least)
    world.record("hk", ev.GradeAssessed(**{name: getattr(graded, name) for name in graded.__struct_fields__} | {"assessed_at": world.now}))
    return world


@pytest.mark.parametrize(
    ("scale", "least", "expected"),
    [
        ("crs-astct-2019", 2, []),
        ("crs-astct-2019", 1, []),
        ("crs-astct-2019", 3, ["gate.discharge.toxicity"]),
        ("icans-astct-2019", 2, ["gate.discharge.toxicity"]),
    ],
)
def test_an_exception_covers_what_stood_and_not_what_came_under_the_same_code(scale: str, least: int, expected: list[str]) -> None:
    world = watched(grade("crs-astct-2019", 2, 2)).walk(sign("discharge", "gate.discharge.toxicity"))
    world.now += timedelta(hours=1)
    assert codes(toxic(world, scale, least).judge(leaving())) == expected


def test_an_exception_for_one_drug_passes_no_other_and_for_one_dose_too_few_not_for_two() -> None:
    world = w.before_collection()
    world.now += timedelta(hours=w.COLLECT.hours)
    world.drugs = given("H02AB04", 1)(world)
    world.walk(sign("collection", "gate.collection.washout"))
    assert codes(world.judge(w.COLLECT)) == []
    world.drugs = DrugHistory((*world.drugs.courses, *given("L01AA01", 3)(world).courses))
    assert codes(world.judge(w.COLLECT)) == ["gate.collection.washout"]
    ready = held(1).walk(sign("infusion", "gate.infusion.drugs_not_reserved", "gate.infusion.no_interval"), w.CHECK.but(tocilizumab_doses=1))
    assert codes(ready.judge(w.THAW)) == []
    assert codes(ready.walk(TOCILIZUMAB).judge(w.THAW)) == ["gate.infusion.drugs_not_reserved"]


def test_an_exception_for_a_patient_who_is_unfit_in_one_way_passes_no_other() -> None:
    world = w.at_centre().walk(w.fitness("lymphodepletion"))
    world.facts["active_infection"] = True
    world.walk(sign("lymphodepletion", "gate.lymphodepletion.unfit"))
    assert codes(world.judge(w.LYMPHODEPLETE)) == []
    world.facts["active_gvhd"] = True
    assert codes(world.judge(w.LYMPHODEPLETE)) == ["gate.lymphodepletion.unfit"]
    world.facts |= {"active_infection": False, "active_gvhd": False}
    assert codes(world.judge(w.LYMPHODEPLETE)) == []


def test_an_exception_that_was_signed_before_anything_stood_passes_nothing_that_came_since() -> None:
    world = w.at_centre().walk(w.fitness("lymphodepletion"), sign("lymphodepletion", "gate.lymphodepletion.unfit"))
    world.facts["active_infection"] = True
    assert codes(world.judge(w.LYMPHODEPLETE)) == ["gate.lymphodepletion.unfit"], "nobody who signed has read what makes the patient unfit"
    world.walk(sign("lymphodepletion", "gate.lymphodepletion.unfit"))
    assert codes(world.judge(w.LYMPHODEPLETE)) == []


def test_an_exception_of_before_what_stood_was_kept_covers_its_codes() -> None:
    world = watched(grade("crs-astct-2019", 2, 2))
    until = world.now + timedelta(hours=24)
    world.record("hk", ev.GateExceptionSigned(gate="discharge", codes=("gate.discharge.toxicity",), regarding=world.chain(), note="x", valid_until=until))
    assert codes(toxic(world, "icans-astct-2019", 2).judge(leaving())) == []


# --- days and times of a case that are unusual are asked about once ---------------------------------------------------


def test_a_notice_to_an_authority_from_before_the_case_is_asked_about_once() -> None:
    world = w.before_collection()
    early = {"reference": "N-1", "notified_on": (w.START.date() - timedelta(days=400)).isoformat()}
    notice = Step("NotifyAuthority", "mo", Role.COORDINATOR, 0, early)
    assert codes(world.judge(notice)) == ["journey.time.before_case"]
    assert codes(world.judge(notice.but(unusual=True))) == []
    assert codes(world.judge(notice.but(notified_on=world.now.date().isoformat()))) == []
    assert codes(world.judge(notice.but(notified_on=(world.now.date() + timedelta(days=2)).isoformat(), unusual=True))) == ["journey.time.future"]


@pytest.mark.parametrize(
    ("hours", "after", "expected"),
    [(0, 0, []), (0, 7, ["supply.receive.long_ago"]), (120, 0, ["supply.receive.long_way"]), (-50, 0, ["journey.time.order", "supply.receive.long_ago"])],
)
def test_an_arrival_long_ago_or_after_a_very_long_way_is_asked_about_once(hours: float, after: float, expected: list[str]) -> None:
    world = w.released().walk(*w.PERMITS_BACK, w.SHIP_BACK)
    world.now += timedelta(hours=w.RECEIVE_CENTRE.hours + max(hours, 0))
    given = {"received_at": (world.now + timedelta(hours=min(hours, 0))).isoformat()}
    world.now += timedelta(hours=after)
    assert codes(world.judge(w.RECEIVE_CENTRE.but(**given))) == expected
    if "journey.time.order" not in expected:
        assert codes(world.judge(w.RECEIVE_CENTRE.but(**given, unusual=True))) == []
