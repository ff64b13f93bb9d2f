"""Tumour lysis and haematotoxicity over time, on the counts that the windows give; the counting itself is tested with the facts."""

from __future__ import annotations

import pytest

from policy_documents import apply, fact_types, policy

CAIRO, HOWARD, ICAHT = "tls-cairo-bishop-2004", "tls-howard-2011", "icaht-2023"
RECORDED = {"infusion_recorded": True, "lymphodepletion_recorded": False}
NORMAL = {
    "age": 59, **RECORDED,
    "max_urate_tls_infusion": 310, "max_potassium_tls_infusion": 4.3, "max_phosphate_tls_infusion": 1.1, "min_calcium_tls_infusion": 2.2,
}  # fmt: skip
UNRECORDED = ("max_creatinine_ratio_tls_infusion", "worst_arrhythmia_tls_infusion", "worst_seizure_tls_infusion")


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "no-tls"),
        ({"max_urate": 476, "max_phosphate": 1.45}, "laboratory-tls"),
        ({"max_urate": 475, "max_phosphate": 1.45}, "no-tls"),
        ({"max_potassium": 6.0, "min_calcium": 1.75}, "laboratory-tls"),
        ({"max_potassium": 6.0, "min_calcium": 1.76}, "no-tls"),
        ({"max_potassium": 5.0, "baseline_potassium": 4.0, "max_urate": 500}, "laboratory-tls"),
        ({"max_potassium": 4.9, "baseline_potassium": 4.0, "max_urate": 500}, "no-tls"),
        ({"max_urate": 500, "max_potassium": 6.5, "max_phosphate": None, "min_calcium": None}, "laboratory-tls"),
        ({"max_urate": 500, "max_phosphate": None}, "undetermined"),
        ({"max_phosphate": None}, "no-tls"),
    ],
)
def test_laboratory_tls_of_cairo_and_bishop(changes, outcome):
    decision = apply(CAIRO, NORMAL | {f"{name}_tls_infusion": value for name, value in changes.items()})
    assert decision.outcome == outcome
    assert decision.values["grade"] == (None if outcome == "undetermined" else 0)
    assert (set(UNRECORDED) <= set(decision.missing)) is (outcome != "no-tls")


@pytest.mark.parametrize(
    ("finding", "value", "grade"),
    [
        ("max_creatinine_ratio", 1.4, 0), ("max_creatinine_ratio", 1.5, 1),
        ("max_creatinine_ratio", 1.6, 2), ("max_creatinine_ratio", 3.0, 2),
        ("max_creatinine_ratio", 3.5, 3), ("max_creatinine_ratio", 6.0, 3), ("max_creatinine_ratio", 6.1, 4),
        ("worst_arrhythmia", "no_intervention", 1), ("worst_arrhythmia", "life_threatening", 4),
        ("worst_seizure", "resolves_rapidly", 2), ("worst_seizure", "prolonged", 4),
    ],
)  # fmt: skip
def test_grades_of_cairo_and_bishop(finding, value, grade):
    laboratory = {"max_urate_tls_infusion": 500, "max_potassium_tls_infusion": 6.4}
    decision = apply(CAIRO, NORMAL | laboratory | {f"{finding}_tls_infusion": value})
    assert decision.outcome == ("clinical-tls" if grade else "laboratory-tls")
    assert decision.values["grade"] == grade


def test_the_window_around_lymphodepletion_counts_where_it_was_given():
    late = {name.replace("infusion", "lymphodepletion"): value for name, value in NORMAL.items() if name.endswith("tls_infusion")}
    late |= {"max_urate_tls_lymphodepletion": 500, "max_potassium_tls_lymphodepletion": 6.4}
    assert apply(CAIRO, NORMAL | late).outcome == "no-tls"
    assert apply(CAIRO, NORMAL | late | {"lymphodepletion_recorded": True}).outcome == "laboratory-tls"


HOWARD_NAMES = tuple(f"howard_{who}_abnormal_within_24h_{bound}_tls_infusion" for who in ("adult", "child") for bound in ("min", "max"))


@pytest.mark.parametrize(
    ("age", "counts", "outcome"),
    [
        (59, (2, 2, 0, 0), "laboratory-tls"),
        (59, (1, 1, 2, 2), "no-tls"),
        (59, (1, 2, 0, 0), "undetermined"),
        (17, (0, 0, 2, 2), "laboratory-tls"),
        (17, (2, 2, 1, 1), "no-tls"),
        (None, (2, 2, 2, 2), "laboratory-tls"),
        (None, (2, 2, 0, 0), "undetermined"),
    ],
)
def test_laboratory_tls_of_howard(age, counts, outcome):
    assert apply(HOWARD, {"age": age, **RECORDED, **dict(zip(HOWARD_NAMES, counts, strict=True))}).outcome == outcome


def test_howard_gives_no_grade():
    assert "grade" not in apply(HOWARD, {"age": 59, **RECORDED}).values


def test_limits_of_howard_are_strict_and_stand_with_their_counts():
    limits = policy(HOWARD).fact_types
    assert set(HOWARD_NAMES) <= set(limits)
    assert fact_types()[HOWARD_NAMES[0]].type == "integer"


def _early(days: int, first: int = 5, **more: int) -> dict[str, object]:
    return {
        "days_since_infusion": 30,
        "early_follow_up_end_day": 30,
        "days_neutrophils_at_most_500_early": days,
        "days_neutrophils_at_most_100_early": 0,
        **({"first_day_neutrophils_at_most_500_early": first, "last_day_neutrophils_at_most_500_early": first + days - 1} if days else {}),
        **more,
    }


@pytest.mark.parametrize(
    ("facts", "grade"),
    [
        (_early(0), 0), (_early(1), 1), (_early(6), 1), (_early(7), 2), (_early(13), 2), (_early(14), 3),
        (_early(10, days_neutrophils_at_most_100_early=7), 3), (_early(16, days_neutrophils_at_most_100_early=14), 4),
        (_early(28, first=3), 4), (_early(27, first=4), 3), (_early(9, first=2, days_since_infusion=10), 2),
    ],
)  # fmt: skip
def test_early_haematotoxicity(facts, grade):
    decision = apply(ICAHT, facts)
    assert decision.outcome == f"grade-{grade}"
    assert decision.values["phase"] == "early"
    assert decision.values["days_at_most_500"] == facts["days_neutrophils_at_most_500_early"]


@pytest.mark.parametrize(("lowest", "grade"), [(1.51, 0), (1.5, 1), (1.2005, 1), (1.0, 2), (0.5, 3), (0.1, 4)])
def test_late_haematotoxicity(lowest, grade):
    decision = apply(ICAHT, _early(20) | {"days_since_infusion": 31, "second_lowest_neutrophils_late": lowest})
    assert (decision.outcome, decision.values["phase"]) == (f"grade-{grade}", "late")


@pytest.mark.parametrize(
    ("day", "below", "grade"),
    [
        (30, {50: 0, 20: 0}, 0), (30, {50: 1, 20: 0}, 1), (30, {50: 6, 20: 0}, 1), (30, {50: 7, 20: 0}, 2), (30, {50: 31, 20: 0}, 2),
        (30, {50: 7, 20: 1}, 3), (30, {50: 14, 20: 13}, 3), (30, {50: 14, 20: 14}, 4),
        (31, {100: 0, 50: 0, 20: 0}, 0), (60, {100: 1, 50: 0, 20: 0}, 1), (60, {100: 9, 50: 1, 20: 0}, 2),
        (100, {100: 9, 50: 9, 20: 1}, 3), (100, {100: 30, 50: 20, 20: 13}, 3), (365, {100: 30, 50: 20, 20: 14}, 4),
    ],
)  # fmt: skip
def test_thrombocytopenia(day, below, grade):
    """T-ICAHT (clinical reference 3.2)."""
    phase = "early" if day <= 30 else "late"
    decision = apply("t-icaht-2025", {"days_since_infusion": day} | {f"days_platelets_below_{limit}_{phase}": days for limit, days in below.items()})
    assert decision.outcome == f"grade-{grade}"
    assert (decision.values["phase"], decision.values["days_below_20"]) == (phase, below[20])


def test_thrombocytopenia_bounds_what_is_unknown():
    known = {"days_since_infusion": 20, "days_platelets_below_50_early": 3}
    decision = apply("t-icaht-2025", known)
    assert (decision.outcome, decision.values["grade_min"], decision.values["grade_max"]) == ("undetermined", 1, 4)
    assert decision.missing == ("days_platelets_below_20_early",)
