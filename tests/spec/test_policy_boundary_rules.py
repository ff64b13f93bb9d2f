"""The footnote rules of grading, C1 to C20 and N1 to N11: those that no table in `test_grades.py` names."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import yaml

from baybridge.journey.course import grades_of
from bedside_findings import AWAKE, FEBRILE
from policy_documents import DATA, apply, policy

CRS, ICANS = "crs-astct-2019", "icans-astct-2019"
HYPOXIA = {"oxygen_reason": "hypoxia"}


def same_grade(name, facts, more):
    """The decision is the same whatever these other facts say."""
    before, after = apply(name, facts), apply(name, facts | more)
    assert after.as_json() == before.as_json()
    assert not set(more) & set(policy(name).fact_types)
    return before.outcome


def test_c4_organ_toxicity_does_not_influence_the_grade():
    assert same_grade(CRS, FEBRILE, {"creatinine": 900.0, "alt": 2000.0, "uncontrolled_arrhythmia": True}) == "grade-1"


def test_c5_a_syndrome_without_fever_at_its_onset_is_none():
    afebrile = {"temperature": 37.0, "hypotension": "vasopressor", "vasopressors": 2, "oxygen_device": "cpap", **HYPOXIA}
    assert apply(CRS, FEBRILE | afebrile).outcome == "grade-0"


def test_c6_fourteen_days_are_advice_and_no_limit():
    assert same_grade(CRS, FEBRILE, {"days_since_infusion": 15, "infusion_day": 15}) == "grade-1"
    assert "14 days" in policy(CRS).notes


def test_c10_the_dose_of_a_vasopressor_is_irrelevant():
    supported = FEBRILE | {"hypotension": "vasopressor", "vasopressors": 1}
    assert same_grade(CRS, supported, {"vasopressor_dose": "high", "norepinephrine_dose": 5.0}) == "grade-3"


@pytest.mark.parametrize("change", [{"oxygen_reason": "home_therapy"}, {"oxygen_reason": "hypoxia", "hypoxia_attributable": False}])
def test_c17_oxygen_at_the_baseline_does_not_count(change):
    assert apply(CRS, FEBRILE | {"oxygen_device": "nasal_cannula", "oxygen_flow": 2.0} | change).outcome == "grade-1"


@pytest.mark.parametrize(
    ("running", "exchange", "grade", "flag"),
    [(2, None, 4, None), (2, False, 4, None), (2, True, 3, "review_vasopressor_exchange"), (3, True, 4, None)],
)
def test_c18_an_overlap_of_under_an_hour_counts_as_one_only_where_it_is_recorded(running, exchange, grade, flag):
    decision = apply(CRS, FEBRILE | {"hypotension": "vasopressor", "vasopressors": running, "vasopressor_exchange": exchange})
    assert (decision.outcome, decision.values["flag"]) == (f"grade-{grade}", flag)
    assert decision.missing == ()


def assessed(scale, grade, hour):
    """An assessment of the case, as far as its grades are concerned."""
    event = SimpleNamespace(scale=scale, grade_min=grade, grade_max=grade, assessed_at=datetime(2026, 3, 1, hour, tzinfo=UTC))
    return SimpleNamespace(event=event, origin=SimpleNamespace(event_id=f"{scale}-{hour}"))


def hours_to_the_next_assessment():
    """When the next look at a patient is due on the ward."""
    pathway = yaml.safe_load((DATA / "pathways" / "standard.yaml").read_text("utf-8"))
    steps = [step for part in pathway.values() if isinstance(part, list) for step in part if isinstance(step, dict)]
    return next(step["due"]["hours"] for step in steps if step.get("step") == "monitor")


def test_c20_the_next_look_is_due_within_a_shift_and_the_highest_of_the_episode_stays():
    assert hours_to_the_next_assessment() <= 8
    grades = grades_of([assessed(CRS, 1, 1), assessed(CRS, 3, 9), assessed(CRS, 1, 17)], [], None)
    assert (grades[CRS].latest.event.grade_min, grades[CRS].highest) == (1, 3)


def test_n9_neither_grade_raises_the_other():
    only_icans = {name: value for name, value in AWAKE.items() if name not in policy(CRS).fact_types}
    only_crs = {name: value for name, value in FEBRILE.items() if name not in policy(ICANS).fact_types}
    assert same_grade(CRS, FEBRILE, only_icans | {"seizure": "prolonged"}) == "grade-1"
    assert same_grade(ICANS, AWAKE, only_crs | {"vasopressors": 3}) == "grade-0"


def test_n10_late_neurotoxicity_of_another_kind_is_no_icans():
    others = {"parkinsonism": True, "cranial_nerve_palsy": True, "guillain_barre": True, "peripheral_neuropathy": True}
    assert same_grade(ICANS, AWAKE, others) == "grade-0"


def test_n11_an_assessment_is_due_more_often_than_daily_and_without_an_ice_score_the_grade_is_open():
    assert hours_to_the_next_assessment() <= 24
    decision = apply(ICANS, AWAKE | {"ice_score": None})
    assert (decision.outcome, "ice_score" in decision.missing) == ("undetermined", True)
