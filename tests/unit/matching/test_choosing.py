"""Opening, confirming, eligibility, choice, referral."""

from __future__ import annotations

import pytest

import case_world as w
from baybridge.journey.command import Role
from baybridge.journey.stages import stage_of
from case_world import POLICY, PRODUCT, Step, World, codes

DECIDE = Step("DecideEligibility", "mo", Role.PHYSICIAN, 1, {})
CHOOSE = Step("ChooseProduct", "mo", Role.PHYSICIAN, 1, {"product": PRODUCT, "policy": POLICY})
THIRD_LINE = {"age": 60, "diagnosis": "hgbl", "relapsed_or_refractory": True, "lines_of_therapy": 3}


def test_every_label_policy_of_every_product_is_decided_once() -> None:
    world = World(facts=dict(THIRD_LINE)).walk(w.OPEN)
    events = world.do(DECIDE)
    policies = [event.policy for event in events]
    assert len(policies) == len(set(policies)) == 12
    outcomes = {event.policy: event.outcome for event in events}
    assert outcomes[POLICY] == "eligible"
    assert outcomes["eque-cel-mm-hk"] == "ineligible"
    assert outcomes["satri-cel-gastric-cn"] == "not-in-force"


def test_one_jurisdiction() -> None:
    world = World(facts=dict(THIRD_LINE)).walk(w.OPEN)
    assert [event.policy for event in world.do(DECIDE.but(jurisdiction="HK"))] == ["eque-cel-mm-hk"]
    assert codes(world.do(DECIDE.but(jurisdiction="MO"))) == ["matching.eligibility.no_policy"]


def test_unknown_facts_are_undetermined_not_ineligible() -> None:
    world = World(facts={**THIRD_LINE, "lines_of_therapy": None}).walk(w.OPEN)
    assert {event.policy: event.outcome for event in world.do(DECIDE)}[POLICY] == "undetermined"


def test_a_choice_rests_on_a_decision() -> None:
    world = World(facts=dict(THIRD_LINE)).walk(w.OPEN)
    assert codes(world.do(CHOOSE)) == ["matching.choose.undecided"]
    (event,) = world.walk(DECIDE).do(CHOOSE)
    assert event.exception_reason is None
    assert event.decision_sha256 == world.case.eligibility[POLICY].event.decision_sha256
    assert world.case.product == PRODUCT


def test_off_label_needs_a_physicians_reason() -> None:
    world = World(facts={**THIRD_LINE, "lines_of_therapy": 1}).walk(w.OPEN, DECIDE)
    assert codes(world.do(CHOOSE)) == ["matching.choose.not_eligible"]
    (event,) = world.do(CHOOSE.but(exception_reason="named-patient supply"))
    assert event.exception_reason == "named-patient supply"


def test_an_unverified_policy_entitles_to_nothing() -> None:
    world = World(facts=dict(THIRD_LINE)).walk(w.OPEN, DECIDE)
    step = CHOOSE.but(product="renikeolunsai", policy="renikeolunsai-lbcl-cn")
    assert codes(world.do(step)) == ["matching.choose.unverified"]


def test_a_policy_belongs_to_its_product() -> None:
    world = World(facts=dict(THIRD_LINE)).walk(w.OPEN, DECIDE)
    assert "matching.choose.policy_of_other" in codes(world.do(CHOOSE.but(product="tisagenlecleucel")))


@pytest.mark.parametrize(
    ("fact", "value", "expected"),
    [
        ("cldn18_2_positive", "true", []),
        ("diagnosis", "hgbl", []),
        ("lines_of_therapy", "3", []),
        ("diagnosis", "flu", ["journey.value.unfit"]),
        ("lines_of_therapy", "many", ["journey.value.unfit"]),
        ("shoe_size", 42, ["journey.value.fact_unknown"]),
    ],
)
def test_findings_are_confirmed_in_the_dictionarys_terms(fact: str, value: object, expected: list[str]) -> None:
    world = World().walk(w.OPEN)
    step = Step("ConfirmFinding", "mo", Role.PHYSICIAN, 0, {"fact": fact, "value": value, "basis": "pathology report"})
    assert codes(world.do(step)) == expected
    if not expected:
        assert not isinstance(world.case.confirmed[fact].event.value, str) or fact == "diagnosis"


def test_a_case_opens_once() -> None:
    assert codes(World().walk(w.OPEN).do(w.OPEN)) == ["matching.open.already"]


def test_a_referral_needs_a_centre_a_product_and_consent() -> None:
    world = World().walk(w.OPEN)
    assert codes(world.do(w.REFER.but(to_node="sh", product="elixir"))) == [
        "matching.refer.centre_unknown",
        "matching.refer.no_care_consent",
        "matching.refer.product_unknown",
    ]


def test_only_the_centre_that_was_asked_accepts_and_once() -> None:
    world = World().walk(w.OPEN, w.CONSENT, w.REFER, w.BOARD, w.BOARD.at("gd"))
    assert codes(world.do(w.ACCEPT.at("gd"))) == ["matching.accept.not_offered"]
    world.walk(w.ACCEPT)
    assert codes(world.do(w.ACCEPT)) == ["matching.accept.already"]


def test_declining_says_why() -> None:
    world = World().walk(w.OPEN, w.CONSENT, w.REFER)
    step = Step("DeclineCase", "hk", Role.PHYSICIAN, 1, {"reason": ""})
    assert codes(world.do(step)) == ["matching.decline.no_reason"]
    assert stage_of(world.walk(step.but(reason="no bed")).case).value == "declined"


@pytest.mark.parametrize(
    ("fact", "value", "role", "expected"),
    [
        ("age", 5, Role.PHYSICIAN, ["matching.confirm.computed"]),
        ("age", 5, Role.LABORATORY, ["matching.confirm.computed"]),
        ("ice_drop_24h", 0, Role.PHYSICIAN, ["matching.confirm.computed"]),
        ("crs_grade_min", 0, Role.PHYSICIAN, ["matching.confirm.computed"]),
        ("viability", 90, Role.PHYSICIAN, ["matching.confirm.computed"]),
        ("capd_score", 0, Role.LABORATORY, ["matching.confirm.not_theirs"]),
        ("sedated", True, Role.LABORATORY, ["matching.confirm.not_theirs"]),
        ("oxygen_reason", "comfort", Role.LABORATORY, ["matching.confirm.not_theirs"]),
        ("vasopressors", 0, Role.LABORATORY, ["matching.confirm.not_theirs"]),
        ("vasopressors", 0, Role.PHYSICIAN, []),
        ("her2_positive", True, Role.LABORATORY, []),
        ("ferritin", 300, Role.LABORATORY, []),
    ],
)
def test_a_finding_is_stated_by_who_may_know_it_and_nobody_states_what_is_computed(fact: str, value: object, role: Role, expected: list[str]) -> None:
    given = {"fact": fact, "value": value, "basis": "Observation/o1"}
    assert codes(World().walk(w.OPEN).do(Step("ConfirmFinding", "mo", role, 0, given))) == expected


@pytest.mark.parametrize(
    ("fact", "value", "checked", "expected"),
    [
        ("ferritin", 2_000_000, False, ["journey.value.implausible"]),
        ("ferritin", 2_000_000, True, []),
        ("ice_score", 11, True, ["journey.value.implausible"]),
        ("ferritin", "high", True, ["journey.value.unfit"]),
    ],
)
def test_a_measurement_outside_its_range_stands_only_where_a_person_checked_it(fact: str, value: object, checked: bool, expected: list[str]) -> None:
    world = World().walk(w.OPEN)
    given = {"fact": fact, "value": value, "basis": "Observation/o1", "outside_range": checked}
    assert codes(world.do(Step("ConfirmFinding", "mo", Role.PHYSICIAN, 0, given))) == expected
