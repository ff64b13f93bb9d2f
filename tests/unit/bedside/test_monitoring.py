"""Assessments, grades, the rapid response team, tocilizumab, response."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import case_world as w
from baybridge.bedside.monitoring import ConfirmGrade, below_what_is_seen
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.loader import Documents
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.command import Role
from baybridge.journey.odd_findings import questions, to_ask
from baybridge.node.commands.table import COMMANDS
from bedside_findings import AWAKE, FEBRILE
from case_world import Step, World, codes

#: Nobody was asked about fever before: what the case says of diagnosis and treatment has to be used.
WELL = {name: value for name, value in (FEBRILE | AWAKE).items() if name not in {"crs_diagnosed", "fever_suppressed"}} | {"temperature": 36.8}


def assess(hours: float = 1, **changes: Any) -> Step:
    findings = {name: value for name, value in {**WELL, **changes}.items() if value is not None}
    return Step("Assess", "hk", Role.NURSE, hours, lambda world: {"findings": findings, "assessed_at": world.now.isoformat()})


def grades(events: Any) -> dict[str, ev.GradeAssessed]:
    return {event.scale: event for event in events if isinstance(event, ev.GradeAssessed)}


def test_a_well_patient_is_grade_0_on_both_scales() -> None:
    found = grades(w.infused().do(assess()))
    assert {scale: grade.grade for scale, grade in found.items()} == {"crs-astct-2019": 0, "icans-astct-2019": 0}


def test_the_papers_example_is_grade_3() -> None:
    """39.5 degrees, one vasopressor, low-flow cannula: grade 3, driver hypotension."""
    world = w.infused()
    events = world.do(
        assess(
            temperature=39.5,
            hypotension="vasopressor",
            vasopressors=1,
            oxygen_device="nasal_cannula",
            oxygen_flow=3,
            oxygen_reason="hypoxia",
        )
    )
    assert (grades(events)["crs-astct-2019"].grade, grades(events)["crs-astct-2019"].driver) == (3, "hypotension")


def test_the_lower_bound_stands_though_the_grade_is_undetermined() -> None:
    events = w.infused().do(
        assess(temperature=39.0, hypotension="vasopressor", vasopressors=1, vasopressin=None, oxygen_device=None, oxygen_reason=None)
    )
    grade = grades(events)["crs-astct-2019"]
    assert (grade.grade, grade.grade_min) == (None, 3)


def test_a_high_upper_bound_alone_names_what_is_missing() -> None:
    events = w.infused().do(assess(temperature=39.0, oxygen_device=None, oxygen_reason=None))
    grade = grades(events)["crs-astct-2019"]
    assert grade.grade_max >= 3 > grade.grade_min
    assert "oxygen_device" in grade.missing


def test_the_team_arrives_once_at_a_call() -> None:
    world = w.infused()
    world.record("hk", ev.RapidResponseCalled(called_at=world.now, call_id="c", codes=("RR-SEIZURE",)))
    arrive = Step("ArriveRapidResponse", "hk", Role.NURSE, 0.1, lambda world: {"arrived_at": world.now.isoformat()})
    world.walk(arrive)
    assert codes(world.do(arrive)) == ["bedside.rapid_response.none_open"]
    assert world.case.rapid_responses[0].state == "arrived"


def test_signs_after_a_diagnosis_without_fever_are_flagged_for_a_physician() -> None:
    world = w.infused().walk(assess(temperature=39.0))
    grade = grades(world.do(assess(temperature=36.5, hypotension="fluids", fever_suppressed=False)))["crs-astct-2019"]
    assert (grade.grade, grade.flags) == (0, ("review_fever_rule",))
    assert grades(world.do(assess(temperature=36.5)))["crs-astct-2019"].flags == ()


def test_fever_is_not_needed_once_crs_was_treated() -> None:
    world = w.infused().walk(assess(temperature=39.0), tocilizumab(1))
    grade = grades(world.do(assess(temperature=36.5, hypotension="fluids")))["crs-astct-2019"]
    assert grade.grade == 2


def test_without_treatment_no_fever_is_no_crs() -> None:
    grade = grades(w.infused().do(assess(temperature=36.5, hypotension="fluids")))["crs-astct-2019"]
    assert grade.grade == 0


def test_forms_send_text_and_it_is_read_by_the_dictionary() -> None:
    findings = [[name, str(value).lower() if isinstance(value, bool) else str(value)] for name, value in WELL.items()]
    step = Step("Assess", "hk", Role.NURSE, 1, lambda world: {"findings": findings, "assessed_at": world.now.isoformat()})
    assert grades(w.infused().do(step))["crs-astct-2019"].grade == 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"temperature": "hot"}, "journey.value.unfit"),
        ({"temperature": 395}, "journey.value.implausible"),
        ({"seizure": "maybe"}, "journey.value.unfit"),
        ({"sedated": "perhaps"}, "journey.value.unfit"),
        ({"ice_score": 8.5}, "journey.value.unfit"),
        ({"mood": "good"}, "journey.value.fact_unknown"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_recorded(changes: dict[str, Any], expected: str) -> None:
    world = w.infused()
    before = len(world.events)
    assert codes(world.do(assess(**changes))) == [expected]
    assert len(world.events) == before


ICE = {"ice_orientation": 4, "ice_naming": 3, "ice_command": 1, "ice_writing": 1, "ice_attention": 1}


def test_the_ice_score_is_the_sum_of_its_items_and_is_graded_by_it() -> None:
    events = w.infused().do(assess(ice_score=None, **(ICE | {"ice_orientation": 0, "ice_naming": 0, "ice_command": 0})))
    assert grades(events)["icans-astct-2019"].grade == 3
    assert dict(events[0].findings)["ice_score"] == 2


@pytest.mark.parametrize("items", [dict.fromkeys(ICE, 0), {"ice_naming": 3}, ICE | {"ice_writing": 0}])
def test_a_score_beside_items_that_say_otherwise_is_refused(items: dict[str, int]) -> None:
    assert codes(w.infused().do(assess(ice_score=10, **items))) == ["bedside.assess.ice_contradicts"]


def test_the_same_assessment_within_half_an_hour_is_asked_about() -> None:
    world = w.infused().walk(assess())
    again = assess(0.2)
    assert codes(world.do(again)) == ["bedside.assess.again"]
    assert codes(world.do(again.but(another=True))) == []
    assert codes(world.do(assess(0.1, temperature=37.1))) == []
    assert codes(world.do(assess(1, temperature=37.1))) == []


def test_a_sign_is_never_asked_about_twice() -> None:
    sign = assess(0.1, seizure="prolonged")
    assert codes(w.infused().walk(sign).do(sign)) == []


LIMITS = DocumentSet(Documents().folder).escalation.unusual


def asked(case: Case) -> tuple[str, ...]:
    return to_ask(case, "hk", LIMITS)


def test_findings_that_contradict_each_other_are_recorded_and_asked_about() -> None:
    world = w.infused().walk(assess(vasopressors=2))
    assert asked(world.case) == ("no_hypotension_vasopressor",)
    world.walk(assess(oxygen_flow=15))
    assert asked(world.case) == ("no_device_flow",)
    world.walk(assess())
    assert asked(world.case) == ()


def test_the_same_drug_within_half_an_hour_is_asked_about() -> None:
    given = {"atc": "H02AB02", "name": "dexamethasone", "dose_mg": 10, "route": "IV"}
    drug = Step("GiveDrug", "hk", Role.NURSE, 0.2, lambda world: {**given, "given_at": world.now.isoformat()})
    world = w.infused().walk(drug)
    assert codes(world.do(drug)) == ["bedside.drug.again"]
    assert codes(world.do(drug.but(another=True))) == []


def test_incomplete_items_alone_are_recorded_and_leave_the_score_unknown() -> None:
    events = w.infused().do(assess(ice_score=None, ice_naming=0, ice_writing=0))
    assert "ice_score" not in dict(events[0].findings)
    assert grades(events)["icans-astct-2019"].grade_max >= 3


def test_no_grade_before_the_infusion() -> None:
    assert codes(w.at_centre().do(assess())) == ["bedside.assess.not_infused"]


def test_a_physician_confirms_or_says_why_not() -> None:
    world = w.infused().walk(assess(temperature=39.0))
    step = Step("ConfirmGrade", "hk", Role.PHYSICIAN, 0, {"scale": "crs-astct-2019", "grade": 2})
    assert codes(world.do(step)) == ["bedside.confirm.no_reason"]
    (event,) = world.do(step.but(reason="rigors and one fluid bolus"))
    assert (event.computed, event.grade) == (1, 2)
    assert world.case.grades["crs-astct-2019"].grade == 2
    assert codes(world.do(step.but(grade=1))) == []


def test_grade_5_is_refused_for_whoever_lives() -> None:
    world = w.infused().walk(assess(temperature=39.0))
    assert codes(world.do(Step("ConfirmGrade", "hk", Role.PHYSICIAN, 0, {"scale": "crs-astct-2019", "grade": 5, "reason": "x"}))) == ["bedside.confirm.alive"]


def confirmed(world: World, grade: int, *, persons: int) -> None:
    signed = tuple(ev.Signature(person=f"p{n}", account=f"a{n}", role="physician", meaning="decided", method="session", at=world.now) for n in range(persons))
    world.record("hk", ev.GradeConfirmed(scale="icans-astct-2019", grade=grade, computed=4, reason="x", signed_by=signed))


@pytest.mark.parametrize(("persons", "standing"), [(0, 3), (1, 3), (2, 0)])
def test_one_physician_lowers_no_grade_below_what_is_seen(persons: int, standing: int) -> None:
    world = w.infused().walk(assess(seizure="resolves_rapidly"))
    confirmed(world, 0, persons=persons)
    grade = world.case.grades["icans-astct-2019"]
    assert (grade.grade, grade.at_most) == (0, standing)


def test_a_grade_below_what_is_seen_needs_another_physician() -> None:
    world = w.infused().walk(assess(seizure="resolves_rapidly"))
    situation = world.situation("hk", Role.PHYSICIAN)
    assert [below_what_is_seen(situation, ConfirmGrade(scale="icans-astct-2019", grade=grade, reason="x")) for grade in (2, 3, 4)] == [True, False, False]
    second = COMMANDS["ConfirmGrade"].second
    assert second is not None and second.roles == {Role.PHYSICIAN} and second.when is below_what_is_seen


def test_the_highest_of_an_episode_is_open_where_an_assessment_was() -> None:
    world = w.infused().walk(assess(temperature=39.2, hypotension_attributable=None, vasopressors=2, hypotension="vasopressor"), assess())
    grade = world.case.grades["crs-astct-2019"]
    assert grade.highest < grade.highest_most == 4


def test_signs_after_crs_are_open_until_somebody_says_whether_fever_was_treated() -> None:
    """Clinical reference C2: no drug in the record does not say that none was given."""
    signs: dict[str, Any] = {"temperature": 36.9, "hypotension": "vasopressor", "vasopressors": 2}
    world = w.infused().walk(assess(temperature=39.0))
    grade = grades(world.do(assess(24, **signs)))["crs-astct-2019"]
    assert (grade.grade, grade.grade_min, grade.grade_max, grade.missing) == (None, 0, 4, ("fever_suppressed",))
    world = w.infused().walk(assess(temperature=39.0))
    assert grades(world.do(assess(24, **signs, fever_suppressed=True)))["crs-astct-2019"].grade == 4
    assert grades(w.infused().walk(assess(temperature=39.0)).do(assess(24)))["crs-astct-2019"].grade == 0


def test_the_episode_keeps_its_maximum() -> None:
    world = w.infused().walk(assess(temperature=39.0, hypotension="fluids"), tocilizumab(1), assess(24))
    grade = world.case.grades["crs-astct-2019"]
    assert (grade.latest.event.grade, grade.highest) == (0, 2)


# --- tocilizumab (clinical reference 2.1) ---------------------------------------------------------------------------


def tocilizumab(hours: float, **more: Any) -> Step:
    given = {"atc": "L04AC07", "name": "tocilizumab", "dose_mg": 520, **more}
    return Step("GiveDrug", "hk", Role.NURSE, hours, lambda world: {**given, "given_at": world.now.isoformat()})


ROWS = [
    ("8 hours apart", (1, 8), []),
    ("under 8 hours", (1, 7.9), ["bedside.drug.tocilizumab_interval"]),
    ("three in 24 hours", (1, 8, 8), []),
    ("four in 24 hours", (1, 8, 8, 7.9), ["bedside.drug.tocilizumab_24_h", "bedside.drug.tocilizumab_interval"]),
    ("a fourth after 24 hours", (1, 8, 8, 8), []),
    ("a fifth in the episode", (1, 24, 24, 24, 24), ["bedside.drug.tocilizumab_episode"]),
]


@pytest.mark.parametrize(("hours", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_tocilizumab_limits(hours: tuple[float, ...], expected: list[str]) -> None:
    world = w.infused().walk(*(tocilizumab(after) for after in hours[:-1]))
    assert codes(world.do(tocilizumab(hours[-1]))) == expected


def test_a_dose_is_at_most_800_mg() -> None:
    assert codes(w.infused().do(tocilizumab(1, dose_mg=801))) == ["bedside.drug.tocilizumab_dose"]
    assert codes(w.infused().do(tocilizumab(1, dose_mg=800))) == []


def test_a_physician_passes_a_limit_with_a_reason_that_stands_in_the_event() -> None:
    world = w.infused().walk(tocilizumab(1))
    again = tocilizumab(2, override_reason="refractory shock")
    assert codes(world.judge(again)) == ["bedside.drug.override_not_physician"]
    (event,) = world.do(again.by(Role.PHYSICIAN))
    assert event.override_reason == "refractory shock"


def test_doses_before_this_infusion_belong_to_another_episode() -> None:
    world = w.at_centre().walk(*(tocilizumab(24) for _ in range(4)), *w.TREATMENT)
    assert codes(world.do(tocilizumab(24))) == []


def test_icans_without_crs_is_no_indication() -> None:
    world = w.infused().walk(assess(ice_score=5))
    assert codes(world.do(tocilizumab(1))) == ["bedside.drug.tocilizumab_icans_alone"]


# --- leaving and response -------------------------------------------------------------------------------------------


def response(days: float, **more: Any) -> Step:
    def given(world: World) -> dict[str, Any]:
        return {
            "timepoint": "M3",
            "criteria": "Lugano 2014",
            "category": "CR",
            "assessed_on": world.now.date().isoformat(),
            **more,
        }

    return Step("AssessResponse", "hk", Role.PHYSICIAN, days * 24, given)


@pytest.mark.parametrize(("days", "inside"), [(75, False), (76, True), (104, True), (105, False)])
def test_month_3_has_its_window(days: int, inside: bool) -> None:
    found = codes(w.infused().do(response(days)))
    assert found == ([] if inside else ["bedside.response.outside_window"])
    if not inside:
        assert codes(w.infused().do(response(days, window_reason="scanner broken"))) == []


@pytest.mark.parametrize(
    ("timepoint", "days", "refused"),
    [
        ("M6", 167, ["bedside.response.outside_window"]),
        ("M6", 168, []),
        ("M6", 196, []),
        ("M12", 334, ["bedside.response.outside_window"]),
        ("M12", 395, []),
        ("M12", 28, ["bedside.response.other_timepoint"]),
        ("D28", 90, ["bedside.response.other_timepoint"]),
        ("other", 60, []),
    ],
)
def test_each_time_point_has_its_window_and_takes_no_day_of_another(timepoint: str, days: int, refused: list[str]) -> None:
    assert codes(w.infused().do(response(days, timepoint=timepoint))) == refused
    with_a_reason = codes(w.infused().do(response(days, timepoint=timepoint, window_reason="scanner broken")))
    assert with_a_reason == [code for code in refused if code == "bedside.response.other_timepoint"]


@pytest.mark.parametrize(
    ("product", "diagnosis", "criteria", "fits"),
    [
        ("axicabtagene-ciloleucel", None, "Lugano 2014", True),
        ("axicabtagene-ciloleucel", "dlbcl", "RECIST 1.1", False),
        ("axicabtagene-ciloleucel", None, "IMWG 2016", False),
        ("tisagenlecleucel", None, "B-ALL response", True),
        ("tisagenlecleucel", "b_all", "B-ALL response", True),
        ("tisagenlecleucel", "b_all", "Lugano 2014", False),
        ("equecabtagene-autoleucel", "mm", "IMWG 2016", True),
        ("satricabtagene-autoleucel", "gastric", "RECIST 1.1", True),
        ("a-product-of-the-site", None, "IMWG 2016", True),
    ],
)
def test_criteria_read_the_disease_that_is_treated(product: str, diagnosis: str | None, criteria: str, fits: bool) -> None:
    world = w.infused()
    world.facts["diagnosis"] = diagnosis
    world.record("hk", ev.ProductChosen(product=product, policy=w.POLICY, decision_sha256="0" * 64))
    assert codes(world.do(response(90, criteria=criteria))) == ([] if fits else ["bedside.response.other_disease"])


def test_nobody_leaves_while_the_team_is_called() -> None:
    world = w.infused().walk(assess(temperature=39.0, hypotension="vasopressor", vasopressors=1))
    world.record("hk", ev.RapidResponseCalled(called_at=world.now, call_id="c", codes=("RR-VASOPRESSOR",)))
    leave = Step(
        "Discharge",
        "hk",
        Role.PHYSICIAN,
        24,
        lambda world: {
            "discharged_on": world.now.date().isoformat(),
            "stay_near_until": (world.now + timedelta(days=29)).date().isoformat(),
            "no_driving_until": (world.now + timedelta(days=57)).date().isoformat(),
            "caregiver": True,
            "emergency_card": True,
        },
    )
    assert codes(world.do(leave)) == ["bedside.discharge.rapid_response_open", "gate.discharge.toxicity"]


def test_findings_that_do_not_fit_are_asked_about_once_and_the_answer_is_kept() -> None:
    odd = assess(oxygen_device="none", oxygen_flow=4)
    assert codes(w.infused().do(odd)) == ["bedside.assess.odd_pair"]
    world = w.infused().walk(odd.but(unusual=True))
    assert world.case.assessments[-1].event.meant == ("no_device_flow",)
    assert asked(world.case) == ()


def test_a_pair_of_which_one_half_is_a_sign_is_taken_at_once_and_asked_about_afterwards() -> None:
    odd = assess(hypotension="none", vasopressors=2)
    world = w.infused().walk(odd)
    assert asked(world.case) == ("no_hypotension_vasopressor",)
    assert asked(world.walk(odd.but(unusual=True, another=True)).case) == ()


def test_a_question_stays_beside_a_later_one_until_each_is_answered() -> None:
    world = w.infused().walk(assess(vasopressors=2))
    findings = {"oxygen_device": "none", "oxygen_flow": 15}
    world.walk(Step("Assess", "hk", Role.NURSE, 1, lambda world: {"findings": findings, "assessed_at": world.now.isoformat()}))
    assert asked(world.case) == ("no_hypotension_vasopressor", "no_device_flow")
    world.walk(assess(oxygen_device="nasal_cannula", oxygen_reason="hypoxia", hypotension=None, vasopressors=None, vasopressin=None))
    assert asked(world.case) == ("no_hypotension_vasopressor",)
    assert asked(world.walk(assess(hypotension="vasopressor", vasopressors=2)).case) == ()


def test_while_a_sign_stands_findings_that_are_none_are_asked_about_before() -> None:
    world = w.infused().walk(assess(vasopressors=1, hypotension="vasopressor"))
    findings = {"oxygen_device": "none", "oxygen_flow": 4}
    odd = Step("Assess", "hk", Role.NURSE, 1, lambda world: {"findings": findings, "assessed_at": world.now.isoformat()})
    assert codes(world.do(odd)) == ["bedside.assess.odd_pair"]
    assert codes(world.walk(odd.but(unusual=True)).do(odd.but(unusual=True))) == []


@pytest.mark.parametrize(
    ("found", "pairs"),
    [
        ({"systolic_pressure": 50}, ["no_hypotension_systolic", "unusual_systolic_pressure"]),
        ({"systolic_pressure": 89.5, "hypotension": "fluids"}, ["unusual_systolic_pressure"]),
        ({"systolic_pressure": 91}, []),
        ({"heart_rate": 180}, ["unusual_heart_rate"]),
        ({"heart_rate": 130}, []),
        ({"respiratory_rate": 48}, ["unusual_respiratory_rate"]),
        ({"temperature": 34}, ["unusual_temperature"]),
        ({"oxygen_device": "intubated", "oxygen_reason": "comfort", "oxygen_saturation": 95}, ["intubated_comfort"]),
        ({"oxygen_device": "high_flow_nasal_cannula", "oxygen_reason": "comfort", "oxygen_saturation": 90}, ["comfort_saturation"]),
        ({"oxygen_device": "face_mask", "oxygen_reason": "comfort", "oxygen_saturation": 96}, []),
    ],
)
def test_what_is_unusual_or_does_not_fit_is_asked_about_once(found: dict[str, object], pairs: list[str]) -> None:
    step = assess(**found)
    verdict = w.infused().do(step)
    asked_about = [reason.values.get("pair") or f"unusual_{reason.values['fact']}" for reason in verdict.reasons] if pairs else []
    assert asked_about == pairs
    world = w.infused().walk(step.but(unusual=True))
    assert world.case.assessments[-1].event.meant == tuple(pairs)
    assert asked(world.case) == ()


def test_vital_signs_beside_a_sign_are_taken_at_once_and_asked_about_afterwards() -> None:
    world = w.infused().walk(assess(vasopressors=1, hypotension="vasopressor", heart_rate=180))
    assert asked(world.case) == ("unusual_heart_rate",)
    assert asked(world.walk(assess(vasopressors=1, hypotension="vasopressor")).case) == ("unusual_heart_rate",)
    assert asked(world.walk(assess(vasopressors=1, hypotension="vasopressor", heart_rate=90)).case) == ()


def test_limits_of_grown_ups_are_asked_of_nobody_younger_and_of_whoever_has_no_age() -> None:
    assert [list(questions({"heart_rate": 150}, LIMITS, age)) for age in (3, 16, None)] == [[], ["unusual_heart_rate"], ["unusual_heart_rate"]]
