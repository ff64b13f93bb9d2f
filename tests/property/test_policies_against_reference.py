"""Grades, scores and labels against a second rendering, written from the clinical reference and the facts contract and from no document.

Each example knows some facts and not others; what the unknown ones could be is tried one by one, and the decision must give exactly the
least and greatest grade, the points, or the answer that all of them share.

**Source**: clinical reference 1.1 to 1.5, 3.5 and 5.2; shared facts contract. Conventions where these are silent: hypotension that is said to
need no vasopressor means that none runs, and some oxygen flows through a cannula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_documents import apply

Facts = Mapping[str, Any]
YES_NO = (True, False)
EXAMPLES = settings(max_examples=300, deadline=None)


@st.composite
def near(draw: st.DrawFn, base: Facts, grid: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """A patient with up to four facts changed and up to three left out, so that examples lie on both sides of every rule."""
    facts = dict(base)
    for name in draw(st.sets(st.sampled_from(sorted(grid)), max_size=4)):
        facts[name] = draw(st.sampled_from(grid[name]))
    unknown = draw(st.sets(st.sampled_from(sorted(grid)), max_size=3))
    return {name: value for name, value in facts.items() if name not in unknown}


def completions(facts: Facts, grid: Mapping[str, tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Everything that the facts could be."""
    unknown = [name for name in grid if name not in facts]
    for values in product(*(grid[name] for name in unknown)):
        yield {**facts, **dict(zip(unknown, values, strict=True))}


# --- CRS -----------------------------------------------------------------------------------------------------------------

CRS = {
    "temperature": (37.9, 38.0),
    "fever_attributable": YES_NO,
    "crs_diagnosed": YES_NO,
    "fever_suppressed": YES_NO,
    "hypotension": ("none", "untreated", "fluids", "vasopressor"),
    "vasopressors": (0, 1, 2),
    "vasopressin": YES_NO,
    "hypotension_attributable": YES_NO,
    "oxygen_device": ("none", "nasal_cannula", "blow_by", "high_flow_nasal_cannula", "face_mask", "non_rebreather", "venturi", "cpap", "bipap", "intubated"),
    "oxygen_flow": (0.5, 6.0, 6.1),
    "oxygen_reason": ("none", "hypoxia", "comfort", "airway_protection", "home_therapy"),
    "hypoxia_attributable": YES_NO,
}


FEBRILE = {"temperature": 38.0, "fever_attributable": True, "crs_diagnosed": True, "fever_suppressed": True}
ON_OXYGEN = FEBRILE | {"oxygen_device": "nasal_cannula", "oxygen_flow": 6.0, "oxygen_reason": "hypoxia", "hypoxia_attributable": True}
CRS_BASE = ON_OXYGEN | {"hypotension": "none", "vasopressors": 0, "vasopressin": False, "hypotension_attributable": True}


def crs(facts: Facts) -> int:
    fever = facts["temperature"] >= 38.0 and facts["fever_attributable"]
    if not fever and not (facts["crs_diagnosed"] and facts["fever_suppressed"]):
        return 0
    hypotension = hypoxia = 0
    if facts["hypotension_attributable"]:
        if facts["vasopressors"] >= 2:
            hypotension = 4
        elif facts["vasopressors"] == 1 or facts["vasopressin"] or facts["hypotension"] == "vasopressor":
            hypotension = 3
        elif facts["hypotension"] != "none":
            hypotension = 2
    if facts["hypoxia_attributable"] and facts["oxygen_reason"] == "hypoxia":
        device = facts["oxygen_device"]
        if device in {"cpap", "bipap", "intubated"}:
            hypoxia = 4
        elif device in {"high_flow_nasal_cannula", "face_mask", "non_rebreather", "venturi"} or (device == "nasal_cannula" and facts["oxygen_flow"] > 6):
            hypoxia = 3
        elif device in {"nasal_cannula", "blow_by"}:
            hypoxia = 2
    return max(hypotension, hypoxia) or int(fever)


def no_vasopressor_where_none_is_needed(facts: Facts) -> dict[str, Any]:
    needs_none = facts.get("hypotension") in {"none", "untreated", "fluids"}
    return {"vasopressors": 0, "vasopressin": False, **facts} if needs_none else dict(facts)


@EXAMPLES
@given(near(CRS_BASE, CRS).filter(lambda facts: "hypotension" in facts or {"vasopressors", "vasopressin"} <= set(facts)))
def test_crs(facts):
    grades = {crs(whole) for whole in completions(no_vasopressor_where_none_is_needed(facts), CRS)}
    check_grade(apply("crs-astct-2019", facts), min(grades), max(grades))


def check_grade(decision, low, high):
    assert (decision.values["grade_min"], decision.values["grade_max"]) == (low, high)
    assert decision.values["grade"] == (low if low == high else None)
    assert decision.outcome == (f"grade-{low}" if low == high else "undetermined")
    assert bool(decision.would_settle) <= (low != high)


# --- ICANS ---------------------------------------------------------------------------------------------------------------

ICANS = {
    "age": (11.9, 12.0),
    "developmental_delay": YES_NO,
    "ice_score": (0, 2, 3, 6, 7, 9, 10),
    "capd_score": (0, 1, 8, 9, 32),
    "arousal": ("spontaneous", "voice", "tactile", "unarousable"),
    "sedated": YES_NO,
    "seizure": ("none", "resolves_rapidly", "prolonged", "repetitive"),
    "deep_focal_motor_weakness": YES_NO,
    "cerebral_edema": ("none", "focal", "diffuse"),
    "edema_only_from_hemorrhage": YES_NO,
    "raised_icp_sign": YES_NO,
}


AWAKE = {name: values[0] for name, values in ICANS.items()} | {"age": 12.0, "ice_score": 10, "sedated": False}
WELL = AWAKE | dict.fromkeys(("developmental_delay", "deep_focal_motor_weakness", "edema_only_from_hemorrhage", "raised_icp_sign"), False)

CHILD = WELL | {"age": 11.9, "capd_score": 9}


def icans(facts: Facts) -> tuple[int, int]:
    """The least and the greatest grade: sedation leaves what cannot be assessed open."""
    grades = [
        {"none": 0, "resolves_rapidly": 3, "prolonged": 4, "repetitive": 4}[facts["seizure"]],
        4 if facts["deep_focal_motor_weakness"] or facts["raised_icp_sign"] else 0,
        0 if facts["edema_only_from_hemorrhage"] else {"none": 0, "focal": 3, "diffuse": 4}[facts["cerebral_edema"]],
    ]
    if facts["sedated"]:
        return max(grades), 4
    if facts["age"] < 12 or facts["developmental_delay"]:
        grades.append(3 if facts["capd_score"] >= 9 else int(facts["capd_score"] >= 1))
    else:
        grades.append(3 if facts["ice_score"] <= 2 else 2 if facts["ice_score"] <= 6 else int(facts["ice_score"] <= 9))
    grades.append({"spontaneous": 0, "voice": 2, "tactile": 3, "unarousable": 4}[facts["arousal"]])
    return max(grades), max(grades)


def counts_as_false(facts: Facts) -> dict[str, Any]:
    absent = {"edema_only_from_hemorrhage": False, **({"developmental_delay": False} if facts.get("age", 0) >= 12 else {})}
    return {**absent, **facts}


@EXAMPLES
@given(st.sampled_from((WELL, CHILD)).flatmap(lambda base: near(base, ICANS)))
def test_icans(facts):
    whole = [one for one in completions(counts_as_false(facts), ICANS) if "developmental_delay" in facts or one["age"] < 12 or not one["developmental_delay"]]
    bounds = [icans(one) for one in whole]
    check_grade(apply("icans-astct-2019", facts), min(low for low, _ in bounds), max(high for _, high in bounds))


# --- CAR-HEMATOTOX ---------------------------------------------------------------------------------------------------------

COUNTS = {
    "platelets": (74.9, 75, 175, 175.1),
    "neutrophils": (1.19, 1.2),
    "hemoglobin": (89.9, 90),
    "crp": (3.1, 29.9, 30),
    "ferritin": (649.9, 650, 2000, 2000.1),
}


def points(facts: Facts) -> int:
    by_platelets = 2 if facts["platelets"] < 75 else int(facts["platelets"] <= 175)
    by_ferritin = 2 if facts["ferritin"] > 2000 else int(facts["ferritin"] >= 650)
    return by_platelets + by_ferritin + (facts["neutrophils"] < 1.2) + (facts["hemoglobin"] < 90) + (facts["crp"] >= 30)


@EXAMPLES
@given(near({name: values[-1] for name, values in COUNTS.items()}, COUNTS))
def test_car_hematotox(facts):
    found = [points(whole) for whole in completions(facts, COUNTS)]
    low, high = min(found), max(found)
    decision = apply("car-hematotox", facts)
    assert (decision.values["score_min"], decision.values["score_max"]) == (low, high)
    assert decision.outcome == ("low" if high <= 1 else "high" if low >= 2 else "undetermined")


# --- labels --------------------------------------------------------------------------------------------------------------

LARGE_B = {"dlbcl", "pmbcl", "hgbl", "tfl"}
HISTORY = {
    "age": (17.9, 18),
    "diagnosis": ("dlbcl", "tfl", "fl", "fl3b", "mcl", "mm", "b_all", "gastric", "other"),
    "relapsed_or_refractory": YES_NO,
    "lines_of_therapy": (0, 1, 2, 3),
    "first_line_immunochemotherapy": YES_NO,
    "refractory_to_first_line": YES_NO,
    "months_first_line_to_relapse": (12, 12.1),
    "refractory_to_last_line": YES_NO,
    "months_last_line_to_relapse": (24, 24.1),
    "had_btk_inhibitor": YES_NO,
    "had_proteasome_inhibitor": YES_NO,
    "had_immunomodulatory_drug": YES_NO,
    "cldn18_2_positive": YES_NO,
    "her2_positive": YES_NO,
}


def relapsed(diagnoses: set[str], lines: int, *more: str) -> Callable[[Facts], bool]:
    def fits(facts: Facts) -> bool:
        history = facts["relapsed_or_refractory"] and facts["lines_of_therapy"] >= lines
        return bool(facts["diagnosis"] in diagnoses and history and all(facts[name] for name in more))

    return fits


def second_line(facts: Facts) -> bool:
    soon = facts["refractory_to_first_line"] or facts["months_first_line_to_relapse"] <= 12
    return bool(facts["diagnosis"] in LARGE_B and facts["lines_of_therapy"] == 1 and facts["first_line_immunochemotherapy"] and soon)


def follicular(facts: Facts) -> bool:
    soon = facts["refractory_to_last_line"] or facts["months_last_line_to_relapse"] <= 24
    return bool(facts["diagnosis"] == "fl" and facts["lines_of_therapy"] >= 2 and soon)


def gastric(facts: Facts) -> bool:
    return bool(facts["diagnosis"] == "gastric" and facts["lines_of_therapy"] >= 2 and facts["cldn18_2_positive"] and not facts["her2_positive"])


MYELOMA = relapsed({"mm"}, 3, "had_proteasome_inhibitor", "had_immunomodulatory_drug")
LABELS = {
    "axi-cel-lbcl-2l-cn": second_line,
    "axi-cel-lbcl-3l-cn": relapsed(LARGE_B, 2),
    "relma-cel-lbcl-cn": relapsed(LARGE_B | {"fl3b"}, 2),
    "relma-cel-fl-cn": follicular,
    "relma-cel-mcl-cn": relapsed({"mcl"}, 2, "had_btk_inhibitor"),
    "renikeolunsai-lbcl-cn": relapsed(LARGE_B, 2),
    "inati-cel-ball-cn": relapsed({"b_all"}, 0),
    "eque-cel-mm-cn": MYELOMA,
    "eque-cel-mm-hk": MYELOMA,
    "zevor-cel-mm-cn": MYELOMA,
    "cilta-cel-mm-cn": MYELOMA,
    "satri-cel-gastric-cn": gastric,
}


#: A history that fits each label.
FITTING: dict[str, Any] = {name: values[0] for name, values in HISTORY.items()} | {"age": 18, "lines_of_therapy": 3, "her2_positive": False}
OF_LABEL = {"axi-cel-lbcl-2l-cn": {"lines_of_therapy": 1}, "relma-cel-fl-cn": {"diagnosis": "fl"}, "relma-cel-mcl-cn": {"diagnosis": "mcl"}}
OF_LABEL |= {"inati-cel-ball-cn": {"diagnosis": "b_all"}, "satri-cel-gastric-cn": {"diagnosis": "gastric"}}
OF_LABEL |= {name: {"diagnosis": "mm"} for name, rule in LABELS.items() if rule is MYELOMA}


@pytest.mark.parametrize("label", LABELS)
def test_labels(label):
    fitting = FITTING | OF_LABEL.get(label, {})
    assert apply(label, fitting).outcome == "eligible"

    @EXAMPLES
    @given(near(fitting, HISTORY))
    def agrees(facts):
        answers = {whole["age"] >= 18 and LABELS[label](whole) for whole in completions(facts, HISTORY)}
        expected = "undetermined" if len(answers) > 1 else "eligible" if True in answers else "ineligible"
        assert apply(label, facts).outcome == expected

    agrees()
