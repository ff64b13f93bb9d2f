"""The CRS episode after an infusion, and windowed facts around it."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from baybridge.base.time import parse_instant
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.factset import FactSet
from baybridge.facts.reading import read
from baybridge.facts.series import longest_run

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
DAY_ZERO = parse_instant("2026-03-02T10:00:00+08:00")
INFUSION = {
    "resourceType": "MedicationAdministration",
    "id": "infusion",
    "status": "completed",
    "medicationCodeableConcept": {"coding": [{"system": "urn:baybridge:product", "code": "equecabtagene-autoleucel"}]},
    "effectiveDateTime": DAY_ZERO.isoformat(),
}
LOINC = {
    "temperature": ("8310-5", "Cel"),
    "urate": ("14933-6", "umol/L"),
    "potassium": ("2823-3", "mmol/L"),
    "phosphate": ("14879-1", "mmol/L"),
    "calcium": ("2000-8", "mmol/L"),
    "albumin": ("1751-7", "g/L"),
    "creatinine": ("14682-9", "umol/L"),
    "neutrophils": ("751-8", "10*9/L"),
    "ferritin": ("2276-4", "ng/mL"),
    "platelets": ("777-3", "10*9/L"),
}


def measured(name: str, value: float, day: float, unit: str | None = None, **more: Any) -> dict[str, Any]:
    code, own = LOINC[name]
    at = (DAY_ZERO + timedelta(days=day)).isoformat()
    quantity = {"value": value, "unit": unit or own}
    base = {"resourceType": "Observation", "id": f"{name}-{day}", "status": "final", "effectiveDateTime": at, "valueQuantity": quantity}
    return {**base, "code": {"coding": [{"system": "http://loinc.org", "code": code}]}, **more}


def finding(code: str, value: Any, day: float) -> dict[str, Any]:
    said = (
        {"valueBoolean": value}
        if isinstance(value, bool)
        else {"valueCodeableConcept": {"coding": [{"system": "urn:baybridge:observation", "code": value}]}}
    )
    at = (DAY_ZERO + timedelta(days=day)).isoformat()
    coding = [{"system": "urn:baybridge:observation", "code": code}]
    return {
        "resourceType": "Observation",
        "id": f"{code}-{day}",
        "status": "final",
        "effectiveDateTime": at,
        "code": {"coding": coding},
        **said,
    }


def given(atc: str, day: float, **more: Any) -> dict[str, Any]:
    at = (DAY_ZERO + timedelta(days=day)).isoformat()
    concept = {"coding": [{"system": "http://www.whocc.no/atc", "code": atc}]}
    base = {"resourceType": "MedicationAdministration", "id": f"{atc}-{day}", "status": "completed", "effectiveDateTime": at}
    return {**base, "medicationCodeableConcept": concept, **more}


def fever(day: float, value: float = 38.6, attributable: bool | None = True) -> list[dict[str, Any]]:
    said = [] if attributable is None else [finding("fever-attributable", attributable, day)]
    return [measured("temperature", value, day), *said]


def clear(day: float) -> list[dict[str, Any]]:
    return [measured("temperature", 36.8, day), finding("hypotension", "none", day), finding("oxygen-device", "none", day)]


def after(day: float, *resources: Any, infusion: bool = True) -> FactSet:
    flat = [r for item in resources for r in (item if isinstance(item, list) else [item])]
    return read([*([INFUSION] if infusion else []), *flat], DAY_ZERO + timedelta(days=day), DICTIONARY)


EPISODES: list[tuple[str, float, list[Any], bool | None, bool | None]] = [
    ("no temperature since infusion", 1, [], None, None),
    ("a temperature before infusion says nothing", 1, [fever(-1)], None, None),
    ("no fever", 2, [clear(1.9)], False, False),
    ("37.9 is no fever", 2, [fever(1.9, 37.9)], False, False),
    ("38.0 is", 2, [fever(1.9, 38.0)], True, False),
    ("a fever explained otherwise", 2, [fever(1.9, 39.0, False)], False, False),
    ("a fever whose cause was not recorded", 2, [fever(1.9, 39.0, None)], None, False),
    ("the same with a drug since", 2, [fever(1.5, 39.0, None), given("N02BE01", 1.8)], None, None),
    ("tocilizumab since", 3, [fever(2), given("L04AC07", 2.5)], True, True),
    ("any corticosteroid", 3, [fever(2), given("H02AB04", 2.5)], True, True),
    ("paracetamol", 3, [fever(2), given("N02BE01", 2.1)], True, True),
    ("an NSAID", 3, [fever(2), given("M01AE01", 2.1)], True, True),
    ("another drug", 3, [fever(2), given("J01DH02", 2.1)], True, False),
    ("given at the moment of the diagnosis", 3, [fever(2), given("L04AC07", 2)], True, True),
    ("before the diagnosis", 3, [fever(2), given("L04AC07", 1.5)], True, False),
    ("not given", 3, [fever(2), given("L04AC07", 2.5, status="not-done")], True, False),
    ("fever gone, still the episode", 4, [fever(2), given("L04AC07", 2.5), clear(3)], True, True),
    ("clear for 72 hours", 6.5, [fever(2), given("L04AC07", 2.5), clear(3), clear(4), clear(5), clear(6)], False, False),
    ("not clear throughout", 6.5, [fever(2), clear(3), [*fever(4), finding("hypotension", "none", 4)], clear(5), clear(6)], True, False),
    ("signs not assessed are not clear", 6.5, [fever(2), measured("temperature", 36.8, 3), measured("temperature", 36.8, 6)], True, False),
]


@pytest.mark.parametrize(("name", "day", "resources", "diagnosed", "suppressed"), EPISODES, ids=lambda c: c if isinstance(c, str) else "")
def test_episode(name: str, day: float, resources: list[Any], diagnosed: bool | None, suppressed: bool | None) -> None:
    values = after(day, *resources).values
    assert values.get("crs_diagnosed") is diagnosed
    assert values.get("fever_suppressed") is suppressed


def test_without_infusion_nothing_is_known_of_crs() -> None:
    values = after(3, fever(2), infusion=False).values
    assert "crs_diagnosed" not in values
    assert "days_since_infusion" not in values


def test_a_new_infusion_begins_a_new_episode() -> None:
    second = {**INFUSION, "id": "second", "effectiveDateTime": (DAY_ZERO + timedelta(days=30)).isoformat()}
    values = after(31, fever(2), second, clear(30.5)).values
    assert values["crs_diagnosed"] is False
    assert values["days_since_infusion"] == 1


def test_a_grade_that_was_recorded_is_a_diagnosis() -> None:
    grade = {**finding("crs-grade", True, 2), "valueInteger": 1}
    del grade["valueBoolean"]
    assert after(3, grade).values["crs_diagnosed"] is True


def test_bounds_of_a_grade_can_take_the_place_of_the_rule_for_fever() -> None:
    resources = [INFUSION, *clear(2)]
    at = DAY_ZERO + timedelta(days=2.1)
    assert read(resources, at, DICTIONARY, grade_at=lambda values: (1, 1)).values["crs_diagnosed"] is True
    assert "crs_diagnosed" not in read(resources, at, DICTIONARY, grade_at=lambda values: (0, 2)).values


@pytest.mark.parametrize("code", ["L01XL03", "L01XL04", "L01XL05"])
def test_day_zero_by_atc(code: str) -> None:
    assert after(5, given(code, 0), infusion=False).values["days_since_infusion"] == 5


def test_an_infusion_that_was_not_completed_is_none() -> None:
    assert "days_since_infusion" not in after(5, given("L01XL03", 0, status="in-progress"), infusion=False).values


# --- tumour lysis ---------------------------------------------------------------------------------------------------------


def test_window_ends_belong_to_it() -> None:
    values = after(
        20, measured("urate", 500, -3), measured("urate", 900, -3.01), measured("urate", 510, 7), measured("urate", 901, 7.01)
    ).values
    assert values["max_urate_tls_infusion"] == 510
    assert values["baseline_urate_tls_infusion"] == 500, "the last value before the treatment, also inside the window"


def test_lymphodepletion_window() -> None:
    doses = [given("L01BB05", -5), given("L01BB05", -4), given("L01AA01", -15)]
    values = after(20, *doses, measured("potassium", 6.1, -8), measured("potassium", 4.0, -8.01)).values
    assert values["lymphodepletion_recorded"] is True
    assert values["max_potassium_tls_lymphodepletion"] == 6.1
    assert values["baseline_potassium_tls_lymphodepletion"] == values["baseline_potassium_tls_infusion"] == 6.1, "the last before the first dose"
    assert "max_potassium_tls_infusion" not in values


@pytest.mark.parametrize(("day", "known"), [(-0.01, True), (0, False), (-14, True), (-14.01, False)])
def test_the_baseline_is_the_last_value_before_treatment_and_at_most_14_days_old(day: float, known: bool) -> None:
    assert ("baseline_potassium_tls_infusion" in after(5, measured("potassium", 4.4, day)).values) is known


def test_creatinine_in_multiples_of_its_limit() -> None:
    limit = {"referenceRange": [{"high": {"value": 104, "unit": "umol/L"}}]}
    values = after(9, measured("creatinine", 156, 2), measured("creatinine", 80, -10, **limit)).values
    assert values["max_creatinine_ratio_tls_infusion"] == pytest.approx(1.5)
    assert "max_creatinine_ratio_tls_infusion" not in after(9, measured("creatinine", 156, 2)).values


HOWARD: list[tuple[str, list[Any], int, int]] = [
    ("nothing measured", [], 0, 4),
    ("8.0 mg/dL of urate is not above 8.0 mg/dL", [measured("urate", 8.0, 1, "mg/dL")], 0, 3),
    ("8.1 is", [measured("urate", 8.1, 1, "mg/dL")], 1, 4),
    ("475.9 umol/L is above 475.8", [measured("urate", 475.9, 1)], 1, 4),
    ("4.5 mg/dL of phosphate is not above", [measured("phosphate", 4.5, 1, "mg/dL")], 0, 3),
    ("1.45 mmol/L is not above 1.453", [measured("phosphate", 1.45, 1)], 0, 3),
    ("1.46 is", [measured("phosphate", 1.46, 1)], 1, 4),
    ("6.0 of potassium is not above", [measured("potassium", 6.0, 1)], 0, 3),
    ("two within 24 hours", [measured("urate", 500, 1), measured("potassium", 6.5, 2)], 2, 4),
    ("two further apart", [measured("urate", 500, 1), measured("potassium", 6.5, 2.01)], 1, 3),
    ("calcium without albumin is not usable", [measured("calcium", 1.5, 1)], 0, 4),
    ("calcium corrected for a low albumin", [measured("calcium", 1.5, 1), measured("albumin", 20, 1)], 0, 3),
    ("calcium low when corrected", [measured("calcium", 1.5, 1), measured("albumin", 40, 1)], 1, 4),
]


@pytest.mark.parametrize(("name", "resources", "low", "high"), HOWARD, ids=lambda c: c if isinstance(c, str) else "")
def test_howard_counts(name: str, resources: list[Any], low: int, high: int) -> None:
    values = after(9, *resources).values
    assert values["howard_adult_abnormal_within_24h_min_tls_infusion"] == low
    assert values["howard_adult_abnormal_within_24h_max_tls_infusion"] == high


def test_cairo_bishop_reads_the_published_boundary_from_either_unit() -> None:
    assert after(9, measured("urate", 8.0, 1, "mg/dL")).values["max_urate_tls_infusion"] == 476
    assert after(9, measured("phosphate", 4.5, 1, "mg/dL")).values["max_phosphate_tls_infusion"] == 1.45


# --- runs of days ---------------------------------------------------------------------------------------------------------

RUNS: list[tuple[str, dict[int, float], tuple[int, int] | None]] = [
    ("none low", {0: 2.0, 5: 2.0}, None),
    ("a single day", {0: 2.0, 1: 0.5, 2: 2.0}, (1, 1)),
    ("0.501 is above", {0: 0.501}, None),
    ("a gap of two days is joined and counted", {1: 0.1, 2: 2.0, 3: 2.0, 4: 0.1}, (1, 4)),
    ("a gap of three days ends it", {1: 0.1, 2: 2.0, 3: 2.0, 4: 2.0, 5: 0.1}, (1, 1)),
    ("missing days are interpolated", {1: 0.1, 5: 0.1}, (1, 5)),
    ("interpolation crosses the threshold", {0: 0.0, 4: 2.0}, (0, 1)),
    ("nothing is extrapolated", {3: 0.1}, (3, 3)),
    ("the longest", {0: 0.1, 1: 3.0, 2: 3.0, 3: 3.0, 4: 0.1, 5: 0.1}, (4, 5)),
    ("the earliest of two", {0: 0.1, 1: 3.0, 2: 3.0, 3: 3.0, 4: 0.1}, (0, 0)),
]


@pytest.mark.parametrize(("name", "by_day", "run"), RUNS, ids=lambda c: c if isinstance(c, str) else "")
def test_longest_run(name: str, by_day: dict[int, float], run: tuple[int, int] | None) -> None:
    assert longest_run(by_day, 0.5, 3) == run


def test_neutropenia_is_counted_by_the_lowest_of_a_day() -> None:
    values = after(40, *[measured("neutrophils", v, d) for d, v in [(1, 2.0), (2, 0.4), (2.2, 2.0), (3, 0.4), (4, 2.0)]]).values
    assert values["days_neutrophils_at_most_500_early"] == 2
    assert values["first_day_neutrophils_at_most_500_early"] == 2
    assert values["last_day_neutrophils_at_most_500_early"] == 3
    assert values["days_neutrophils_at_most_100_early"] == 0
    assert "days_neutrophils_at_most_500_early" not in after(40).values


def test_only_what_is_known_yet() -> None:
    low = [measured("neutrophils", 0.4, d) for d in range(2, 12)]
    assert after(5.5, *low).values["days_neutrophils_at_most_500_early"] == 4


def test_late_counts_need_two_values() -> None:
    assert "second_lowest_neutrophils_late" not in after(60, measured("neutrophils", 0.4, 40)).values
    values = after(60, measured("neutrophils", 0.4, 40), measured("neutrophils", 0.9, 50), measured("neutrophils", 0.1, 29)).values
    assert values["second_lowest_neutrophils_late"] == 0.9


def below(name: str, limit: float, day: float, comparator: str = "<") -> dict[str, Any]:
    said = measured(name, limit, day)
    said["valueQuantity"]["comparator"] = comparator
    return said


def test_a_count_reported_as_below_the_limit_of_the_scale_is_a_low_day() -> None:
    counts = [measured("neutrophils", 3.0, 1), *(below("neutrophils", 0.1, day) for day in range(2, 16)), measured("neutrophils", 3.0, 16)]
    values = after(40, *counts).values
    assert values["days_neutrophils_at_most_500_early"] == values["days_neutrophils_at_most_100_early"] == 14
    assert values["first_day_neutrophils_at_most_500_early"] == 2


@pytest.mark.parametrize(
    ("limit", "comparator", "at_most_500", "at_most_100"),
    [
        (0.5, "<", (4, 4), (0, 4)), (0.2, "<=", (4, 4), (0, 4)), (0.6, "<", (0, 4), (0, 4)),
        (0.1, ">", (0, 4), (0, 0)), (0.5, ">", (0, 0), (0, 0)), (0.5, ">=", (0, 4), (0, 0)),
    ],
)  # fmt: skip
def test_a_count_that_may_lie_on_either_side_of_the_limit_counts_in_the_greatest_number_alone(
    limit: float, comparator: str, at_most_500: tuple[int, int], at_most_100: tuple[int, int]
) -> None:
    values = after(3, *(below("neutrophils", limit, day, comparator) for day in (0, 1, 2, 3))).values
    for name, (least, most) in (("500", at_most_500), ("100", at_most_100)):
        assert values[f"days_neutrophils_at_most_{name}_early"] == least
        assert values[f"days_neutrophils_at_most_{name}_early_max"] == most


@pytest.mark.parametrize(
    ("first", "second", "known"),
    [
        (below("neutrophils", 0.1, 40), below("neutrophils", 0.1, 50), True),
        (measured("neutrophils", 0.4, 40), below("neutrophils", 0.1, 50), True),
        (measured("neutrophils", 0.05, 40), below("neutrophils", 0.5, 50), False),
        (measured("neutrophils", 0.4, 40), below("neutrophils", 1.5, 50, ">"), True),
        (measured("neutrophils", 0.4, 40), below("neutrophils", 1.0, 50, ">"), False),
    ],
)
def test_a_late_count_below_a_limit_is_known_within_one_step_of_the_scale(first: Any, second: Any, known: bool) -> None:
    assert ("second_lowest_neutrophils_late" in after(60, first, second).values) is known


def test_an_extreme_is_unknown_where_a_value_beyond_a_limit_may_be_it() -> None:
    assert after(9, measured("urate", 400, 1), below("urate", 12, 2)).values["max_urate_tls_infusion"] == 400
    assert "max_urate_tls_infusion" not in after(9, measured("urate", 400, 1), below("urate", 700, 2, ">")).values


def test_howard_counts_a_value_beyond_its_limit_for_certain_or_perhaps() -> None:
    for said, low, high in [(below("urate", 8.0, 1, ">"), 0, 4), (below("urate", 700, 1, ">"), 1, 4), (below("urate", 12, 1), 0, 3)]:
        values = after(9, said).values
        assert values["howard_adult_abnormal_within_24h_min_tls_infusion"] == low
        assert values["howard_adult_abnormal_within_24h_max_tls_infusion"] == high


def platelets(*counts: tuple[float, float]) -> list[dict[str, Any]]:
    return [measured("platelets", value, day) for day, value in counts]


BELOW_50: list[tuple[str, list[tuple[float, float]], int | None]] = [
    ("none measured", [], None),
    ("none low", [(1, 90), (5, 50)], 0),
    ("apart days add up", [(1, 49), (2, 90), (8, 90), (9, 30), (10, 90)], 2),
    ("missing days are interpolated", [(1, 80), (5, 40), (5.1, 90), (6, 90)], 1),
    ("the lowest of a day counts", [(3, 40), (3.2, 90), (4, 90)], 1),
    ("the last count is kept for three days", [(4, 10)], 4),
    ("no count is kept beyond the early period", [(29, 10)], 2),
    ("day 30 is early, day 31 is not", [(30, 10), (31, 10)], 1),
    ("the day of infusion is early, the day before is not", [(-1, 10), (0, 10), (1, 90)], 1),
]


@pytest.mark.parametrize(("name", "counts", "days"), BELOW_50, ids=lambda c: c if isinstance(c, str) else "")
def test_thrombocytopenia_counts_every_low_day(name: str, counts: list[tuple[float, float]], days: int | None) -> None:
    assert after(60, *platelets(*counts)).values.get("days_platelets_below_50_early") == days


def test_late_thrombocytopenia_needs_two_counts_of_day_31_to_100() -> None:
    one = after(150, *platelets((30, 10), (60, 15), (101, 15)))
    assert not [name for name in one.values if name.startswith("days_platelets_below") and "_late" in name]
    two = after(150, *platelets((60, 15), (62, 60), (101, 15))).values
    assert [two[f"days_platelets_below_{limit}_late"] for limit in (100, 50, 20)] == [6, 2, 1], "the last count is kept for three days"


RECOVERY: list[tuple[str, list[tuple[float, float]], list[dict[str, Any]], int | None]] = [
    ("three days of 20", [(5, 10), (6, 20), (7, 20), (8, 20)], [], 6),
    ("two days are not enough", [(5, 10), (6, 20), (7, 20)], [], None),
    ("a low day begins anew", [(5, 20), (6, 20), (7, 19), (8, 20), (10, 20)], [], 8),
    ("seven days after a transfusion", [(5, 40), (20, 40)], [given("B05AX02", 5)], 13),
    ("a transfusion within the three days", [(5, 40), (8, 40)], [given("B05AX02", 7)], None),
    ("another blood product does not matter", [(5, 40), (8, 40)], [given("B05AX01", 7)], 5),
]


@pytest.mark.parametrize(("name", "counts", "drugs", "day"), RECOVERY, ids=lambda c: c if isinstance(c, str) else "")
def test_platelet_recovery(name: str, counts: list[tuple[float, float]], drugs: list[dict[str, Any]], day: int | None) -> None:
    read_all = given("N02BE01", 1)
    assert after(40, *platelets(*counts), *drugs, read_all).values.get("platelet_recovery_day") == day


def test_platelet_recovery_is_unknown_where_no_drug_or_not_every_drug_was_read() -> None:
    counts = platelets((5, 40), (8, 40))
    unread = {**given("N02BE01", 2), "id": "unread", "medicationCodeableConcept": {"text": "platelets, apheresis"}}
    assert "platelet_recovery_day" not in after(40, *counts).values
    assert "platelet_recovery_day" not in after(40, *counts, given("N02BE01", 1), unread).values


def test_days_with_steroids_since_infusion() -> None:
    dexamethasone = [given("H02AB02", day) for day in (-1, 1, 1.2, 3)]
    assert after(3.5, *dexamethasone).values["steroid_days_since_infusion"] == 2
    assert after(2, *dexamethasone).values["steroid_days_since_infusion"] == 1
    assert after(3.5, given("N02BE01", 1)).values["steroid_days_since_infusion"] == 0
    assert "steroid_days_since_infusion" not in after(3.5).values
    assert "steroid_days_since_infusion" not in after(3.5, *dexamethasone, infusion=False).values


def test_creatinine_of_exactly_half_above_its_limit_is_so_in_either_unit() -> None:
    high = {"referenceRange": [{"high": {"value": 0.53, "unit": "mg/dL"}}]}
    assert after(3, measured("creatinine", 0.795, 1, "mg/dL", **high)).values["max_creatinine_ratio_tls_infusion"] == 1.5


def test_recent_windows() -> None:
    values = after(3, fever(1.5, 39.2), clear(2.9), given("H02AB02", 1)).values
    assert values["max_temperature_48h"] == 39.2
    assert values["systemic_steroid_last_72h"] is True
    assert values["cytotoxic_last_14d"] is False
    assert "systemic_steroid_last_72h" not in after(3, clear(2.9), infusion=False).values


def test_fall_of_ice() -> None:
    def ice(score: int, day: float) -> dict[str, Any]:
        said = {**finding("ice-score", True, day), "valueInteger": score}
        del said["valueBoolean"]
        return said

    assert after(3, ice(10, 2.2), ice(7, 2.9)).values["ice_drop_24h"] == 3
    assert "ice_drop_24h" not in after(3, ice(7, 2.9)).values


@pytest.mark.parametrize(
    ("before", "later", "baseline"),
    [
        ({"method": {"text": "Roche"}}, {"method": {"text": "roche "}}, 400.0),
        ({"method": {"text": "Roche"}}, {"method": {"text": "Abbott"}}, None),
        ({"performer": [{"display": "Lab A"}]}, {"performer": [{"display": "Lab A"}]}, 400.0),
        ({"performer": [{"display": "Lab A"}]}, {"performer": [{"display": "Lab B"}]}, None),
        ({}, {}, None),
    ],
)
def test_a_baseline_of_an_analyte_that_depends_on_the_method_is_known_only_within_one_method(before: Any, later: Any, baseline: float | None) -> None:
    found = after(6, measured("ferritin", 400, -1, **before), measured("ferritin", 900, 5, **later))
    assert found.values.get("ferritin_at_infusion") == baseline
    assert found.values["ferritin"] == 900


def test_days_exactly_at_a_limit_by_interpolation_count() -> None:
    """Against whole numbers alone: counts in hundredths, every pair up to 2.00, up to ten days apart, limits 0.1 and 0.5."""
    wrong, at_limit = [], 0
    for left, right, gap in product(range(0, 201, 5), range(0, 201, 5), range(2, 11)):
        for limit in (10, 50):
            low = [day for day in range(gap + 1) if left * (gap - day) + right * day <= limit * gap]
            at_limit += any(left * (gap - day) + right * day == limit * gap for day in range(1, gap))
            expected = (low[0], low[-1]) if low else None
            if longest_run({0: left / 100, gap: right / 100}, limit / 100, 3) != expected:
                wrong.append((left, right, gap, limit))
    assert wrong == []
    assert at_limit > 500
