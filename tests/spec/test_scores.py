"""CAR-HEMATOTOX and the EASIX family as published, with the units that laboratories of the region report."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_documents import apply

NORMAL = {"platelets": 200, "neutrophils": 3.0, "hemoglobin": 120, "crp": 5, "ferritin": 300}


@pytest.mark.parametrize(
    ("fact", "value", "points"),
    [
        ("platelets", 176, 0), ("platelets", 175, 1), ("platelets", 75, 1), ("platelets", 74, 2),
        ("neutrophils", 1.2, 0), ("neutrophils", 1.19, 1),
        ("hemoglobin", 90, 0), ("hemoglobin", 89, 1),
        ("crp", 29.9, 0), ("crp", 30, 1),
        ("ferritin", 649, 0), ("ferritin", 650, 1), ("ferritin", 2000, 1), ("ferritin", 2001, 2),
    ],
)  # fmt: skip
def test_points_of_car_hematotox(fact, value, points):
    decision = apply("car-hematotox", NORMAL | {fact: value})
    assert decision.values["score"] == points
    assert decision.outcome == ("low" if points <= 1 else "high")


def test_crp_is_not_read_in_mg_per_dl():
    assert apply("car-hematotox", NORMAL | {"crp": 3.1}).values["score"] == 0


LIMITS = {"platelets": 2, "neutrophils": 1, "hemoglobin": 1, "crp": 1, "ferritin": 2}
WORST = {"platelets": 20, "neutrophils": 0.2, "hemoglobin": 60, "crp": 200, "ferritin": 9000}


@given(st.fixed_dictionaries({name: st.sampled_from([None, "normal", "worst"]) for name in NORMAL}))
def test_a_missing_value_leaves_the_band_open_only_where_it_could_change_it(chosen):
    facts = {name: {"normal": NORMAL[name], "worst": WORST[name]}[how] for name, how in chosen.items() if how}
    low = sum(LIMITS[name] for name, how in chosen.items() if how == "worst")
    high = low + sum(LIMITS[name] for name, how in chosen.items() if how is None)
    decision = apply("car-hematotox", facts)
    assert (decision.values["score_min"], decision.values["score_max"]) == (low, high)
    assert decision.outcome == ("low" if high <= 1 else "high" if low >= 2 else "undetermined")


@pytest.mark.parametrize(
    ("facts", "easix", "m_easix", "s_easix"),
    [
        ({"ldh": 300, "creatinine": 88.4, "platelets": 150, "crp": 50}, 2.0, 10.0, 2.0),
        ({"ldh": 250, "creatinine": 70.72, "platelets": 100, "crp": 12}, 2.0, 3.0, 2.5),
        ({"ldh": 300, "creatinine": 88.4, "platelets": 150}, 2.0, None, 2.0),
        ({"ldh": 300, "platelets": 150, "crp": 50}, None, 10.0, 2.0),
        ({"creatinine": 88.4, "platelets": 150, "crp": 50}, None, None, None),
        ({"ldh": 300, "creatinine": 88.4, "crp": 50}, None, None, None),
        ({"ldh": 300, "creatinine": 88.4, "platelets": 0, "crp": 50}, None, None, None),
    ],
)
def test_easix(facts, easix, m_easix, s_easix):
    decision = apply("easix", facts)
    assert decision.outcome == ("undetermined" if easix is None else "computed")
    for name, expected in (("easix", easix), ("m_easix", m_easix), ("s_easix", s_easix)):
        assert decision.values[name] == (None if expected is None else pytest.approx(expected))


@given(st.fixed_dictionaries({name: st.none() | st.floats(0, 10_000) for name in ("ldh", "creatinine", "platelets", "crp")}))
def test_easix_is_never_infinite(facts):
    assert all(value is None or abs(value) < inf for value in apply("easix", facts).values.values())
