"""CRS and ICANS as published (ASTCT 2019), in tables; what is unknown widens the bounds and never lowers a grade."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside_findings import AWAKE, FEBRILE
from policy_documents import apply, bounds, policy

CRS = "crs-astct-2019"
ICANS = "icans-astct-2019"

HYPOXIA = {"oxygen_reason": "hypoxia"}
WAIVED = {"temperature": 37.0, "crs_diagnosed": True, "fever_suppressed": True}


@pytest.mark.parametrize(
    ("rule", "facts", "grade", "driver", "flags"),
    [
        ("C1: 38.0 is fever", {"temperature": 38.0}, 1, "fever", []),
        ("C1: 37.9 is none", {"temperature": 37.9}, 0, None, ["no_fever_no_crs"]),
        ("C2: waived after tocilizumab", {**WAIVED, "hypotension": "fluids"}, 2, "hypotension", []),
        (
            "C3: the paper's example",
            {
                "temperature": 39.5,
                "hypotension": "vasopressor",
                "vasopressors": 1,
                "oxygen_device": "nasal_cannula",
                "oxygen_flow": 3,
                **HYPOXIA,
            },
            3,
            "hypotension",
            [],
        ),
        ("C8: oxygen for comfort", {"oxygen_device": "nasal_cannula", "oxygen_flow": 2, "oxygen_reason": "comfort"}, 1, "fever", []),
        ("C9: vasopressin is not counted", {"hypotension": "vasopressor", "vasopressors": 1, "vasopressin": True}, 3, "hypotension", []),
        ("C11: intubated for the airway", {"oxygen_device": "intubated", "oxygen_reason": "airway_protection"}, 1, "fever", []),
        ("C12: blow-by is low flow", {"oxygen_device": "blow_by", **HYPOXIA}, 2, "hypoxia", []),
        ("exactly 6 L/min is low flow", {"oxygen_device": "nasal_cannula", "oxygen_flow": 6.0, **HYPOXIA}, 2, "hypoxia", []),
        ("above 6 L/min is high flow", {"oxygen_device": "nasal_cannula", "oxygen_flow": 6.5, **HYPOXIA}, 3, "hypoxia", []),
        ("C13: resolving", WAIVED, 0, None, ["resolving_or_resolved"]),
        ("C14: a mask at any flow", {"oxygen_device": "venturi", "oxygen_flow": 4, **HYPOXIA}, 3, "hypoxia", []),
        (
            "C15: vasopressin alone",
            {"hypotension": "vasopressor", "vasopressors": 0, "vasopressin": True},
            3,
            "hypotension",
            ["review_vasopressin_alone"],
        ),
        ("C16: home CPAP", {"oxygen_device": "cpap", "oxygen_reason": "home_therapy"}, 1, "fever", []),
        ("C19: never febrile", {"temperature": 37.0, "hypotension": "fluids"}, 0, None, ["no_fever_no_crs"]),
        (
            "C19: masked by prophylaxis",
            {"temperature": 37.0, "fever_suppressed": True},
            0,
            None,
            ["no_fever_no_crs", "review_fever_rule"],
        ),
        ("two vasopressors", {"hypotension": "vasopressor", "vasopressors": 2}, 4, "hypotension", []),
        ("positive pressure", {"oxygen_device": "bipap", **HYPOXIA}, 4, "hypoxia", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_crs(rule, facts, grade, driver, flags):
    decision = apply(CRS, FEBRILE | facts)
    assert decision.outcome == f"grade-{grade}"
    assert decision.values["driver"] == driver
    assert decision.values["flags"] == flags
    assert decision.values["flag"] == (flags[0] if flags else None)
    assert decision.missing == ()


@pytest.mark.parametrize(
    ("unknown", "facts", "low", "high"),
    [
        ("temperature", {"hypotension": "fluids"}, 0, 2),
        ("vasopressors", {"hypotension": "vasopressor"}, 3, 4),
        ("oxygen_flow", {"oxygen_device": "nasal_cannula", **HYPOXIA}, 2, 3),
        ("oxygen_device", HYPOXIA, 1, 4),
        ("hypotension_attributable", {"hypotension": "vasopressor", "vasopressors": 2}, 1, 4),
    ],
)
def test_crs_with_an_unknown_fact_gives_bounds_and_asks_for_it(unknown, facts, low, high):
    decision = apply(CRS, {**FEBRILE, **facts, unknown: None})
    assert decision.outcome == "undetermined"
    assert (decision.values["grade"], decision.values["grade_min"], decision.values["grade_max"]) == (None, low, high)
    assert unknown in decision.missing


def test_crs_of_nothing_known_is_open_from_0_to_4():
    decision = apply(CRS, {})
    assert (decision.outcome, decision.values["grade_min"], decision.values["grade_max"]) == ("undetermined", 0, 4)
    assert decision.values["flags"] == []


@pytest.mark.parametrize(
    ("rule", "facts", "grade", "driver"),
    [
        ("N7: ICE 10", {}, 0, None),
        ("ICE 9", {"ice_score": 9}, 1, "ice"),
        ("ICE 7", {"ice_score": 7}, 1, "ice"),
        ("ICE 6", {"ice_score": 6}, 2, "ice"),
        ("ICE 3", {"ice_score": 3}, 2, "ice"),
        ("ICE 2", {"ice_score": 2}, 3, "ice"),
        ("N1: ICE 3 and a resolved seizure", {"ice_score": 3, "seizure": "resolves_rapidly"}, 3, "seizure"),
        ("N2: ICE 0, awake", {"ice_score": 0}, 3, "ice"),
        ("N2: ICE 0, unarousable", {"ice_score": 0, "arousal": "unarousable"}, 4, "consciousness"),
        ("N4: tremor", {"tremor": True, "myoclonus": True}, 0, None),
        ("N5: haemorrhage", {"intracranial_hemorrhage": True}, 0, None),
        ("N6: headache", {"headache": True}, 0, None),
        ("N8: over five minutes", {"seizure": "prolonged"}, 4, "seizure"),
        ("motor weakness", {"deep_focal_motor_weakness": True}, 4, "motor"),
        ("focal oedema", {"cerebral_edema": "focal"}, 3, "edema"),
        ("raised pressure", {"raised_icp_sign": True}, 4, "icp"),
        ("child: CAPD 8", {"age": 11, "capd_score": 8, "ice_score": None}, 1, "capd"),
        ("child: CAPD 9", {"age": 11, "capd_score": 9, "ice_score": None}, 3, "capd"),
        ("child: CAPD 8, to voice", {"age": 11, "capd_score": 8, "arousal": "voice"}, 2, "consciousness"),
        ("delayed at 15: CAPD", {"age": 15, "developmental_delay": True, "capd_score": 9, "ice_score": 10}, 3, "capd"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_icans(rule, facts, grade, driver):
    decision = apply(ICANS, AWAKE | facts)
    assert (decision.outcome, decision.values["driver"]) == (f"grade-{grade}", driver)
    assert decision.values["flag"] == ("ich_excluded_grade_ctcae" if facts.get("intracranial_hemorrhage") else None)


@pytest.mark.parametrize(
    ("facts", "low", "high"),
    [
        ({"sedated": True}, 0, 4),
        ({"sedated": True, "ice_score": 0, "arousal": "unarousable"}, 0, 4),
        ({"sedated": None, "ice_score": 2}, 0, 4),
        ({"sedated": True, "seizure": "resolves_rapidly"}, 3, 4),
        ({"sedated": True, "raised_icp_sign": True}, 4, 4),
        ({"ice_score": None}, 0, 3),
        ({"arousal": None}, 0, 4),
    ],
)
def test_icans_under_sedation_and_with_unknown_findings(facts, low, high):
    values = apply(ICANS, AWAKE | facts).values
    assert (values["grade_min"], values["grade_max"]) == (low, high)


def _findings(name: str) -> st.SearchStrategy[dict[str, object]]:
    """Facts of a policy, each known or not."""
    kinds = {"boolean": st.booleans(), "integer": st.integers(0, 20), "number": st.sampled_from([0.0, 1.0, 6.0, 6.1, 37.9, 38.0, 40.0])}
    types = policy(name).fact_types.values()
    each = {fact.name: st.none() | (st.sampled_from(fact.values) if fact.values else kinds[fact.type]) for fact in types}
    return st.fixed_dictionaries(each)


@pytest.mark.parametrize("scale", [CRS, ICANS])
@given(data=st.data())
def test_learning_a_fact_never_widens_the_bounds(scale, data):
    facts = data.draw(_findings(scale))
    known = [name for name, value in facts.items() if value is not None]
    forgotten = data.draw(st.sets(st.sampled_from(known))) if known else set()
    low, high = bounds(scale, facts)
    least, most = bounds(scale, {name: value for name, value in facts.items() if name not in forgotten})
    if scale == CRS and "hypotension" in forgotten:
        return  # what is said of hypotension also says that no vasopressor was needed, a convention and not a measurement
    if forgotten & {"vasopressors", "vasopressor_exchange", "vasopressin", "developmental_delay", "edema_only_from_hemorrhage", "oxygen_flow"}:
        return  # absent ones have a meaning of their own
    assert least <= low <= high <= most
