"""Eligibility by label: each rule on both sides of its boundary, from its first day, and never decided by what is not known."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_documents import apply, paths, policy

DIAGNOSES = ("dlbcl", "pmbcl", "hgbl", "tfl", "fl", "fl3b", "mcl", "mm", "b_all", "gastric", "other")
LARGE_B = ("dlbcl", "pmbcl", "hgbl", "tfl")
MYELOMA = {
    "age": 59, "diagnosis": "mm", "relapsed_or_refractory": True, "lines_of_therapy": 3,
    "had_proteasome_inhibitor": True, "had_immunomodulatory_drug": True,
}  # fmt: skip
LYMPHOMA = {"age": 44, "diagnosis": "hgbl", "relapsed_or_refractory": True, "lines_of_therapy": 2}
SECOND_LINE = {
    "age": 57, "diagnosis": "dlbcl", "lines_of_therapy": 1, "first_line_immunochemotherapy": True,
    "refractory_to_first_line": False, "months_first_line_to_relapse": 11.5,
}  # fmt: skip

#: policy: first day in force, diagnoses, facts of an eligible patient, and what makes that patient ineligible
LABELS = {
    "axi-cel-lbcl-2l-cn": (
        "2023-06-27", LARGE_B, SECOND_LINE,
        [{"lines_of_therapy": 2}, {"first_line_immunochemotherapy": False}, {"months_first_line_to_relapse": 12.5}],
    ),
    "axi-cel-lbcl-3l-cn": ("2021-06-22", LARGE_B, LYMPHOMA, [{"lines_of_therapy": 1}, {"relapsed_or_refractory": False}]),
    "relma-cel-lbcl-cn": ("2021-09-03", (*LARGE_B, "fl3b"), LYMPHOMA, [{"lines_of_therapy": 1}, {"relapsed_or_refractory": False}]),
    "relma-cel-fl-cn": (
        "2022-10-10", ("fl",),
        {"age": 55, "diagnosis": "fl", "lines_of_therapy": 2, "refractory_to_last_line": False, "months_last_line_to_relapse": 18.7},
        [{"lines_of_therapy": 1}, {"months_last_line_to_relapse": 24.5}],
    ),
    "relma-cel-mcl-cn": (
        "2024-08-27", ("mcl",),
        {"age": 66, "diagnosis": "mcl", "relapsed_or_refractory": True, "lines_of_therapy": 2, "had_btk_inhibitor": True},
        [{"lines_of_therapy": 1}, {"had_btk_inhibitor": False}, {"relapsed_or_refractory": False}],
    ),
    "renikeolunsai-lbcl-cn": ("2025-07-31", LARGE_B, LYMPHOMA, [{"lines_of_therapy": 1}, {"relapsed_or_refractory": False}]),
    "inati-cel-ball-cn": (
        "2023-11-07", ("b_all",),
        {"age": 30, "diagnosis": "b_all", "relapsed_or_refractory": True},
        [{"relapsed_or_refractory": False}],
    ),
    **{
        name: (day, ("mm",), MYELOMA, [{"lines_of_therapy": 2}, {"had_proteasome_inhibitor": False}, {"had_immunomodulatory_drug": False}])
        for name, day in (
            ("eque-cel-mm-cn", "2023-06-30"), ("eque-cel-mm-hk", "2025-11-26"),
            ("zevor-cel-mm-cn", "2024-02-23"), ("cilta-cel-mm-cn", "2024-08-27"),
        )
    },
    "satri-cel-gastric-cn": (
        "2026-06-22", ("gastric",),
        {"age": 58, "diagnosis": "gastric", "lines_of_therapy": 2, "cldn18_2_positive": True, "her2_positive": False},
        [{"lines_of_therapy": 1}, {"cldn18_2_positive": False}, {"her2_positive": True}],
    ),
}  # fmt: skip
NAMES = tuple(LABELS)


def test_every_label_policy_stands_in_this_table():
    assert sorted(NAMES) == [path.stem for path in paths("eligibility")]


@pytest.mark.parametrize("name", NAMES)
def test_in_force_from_its_first_day(name):
    day, _, facts, _ = LABELS[name]
    before = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    assert apply(name, facts, day).outcome == "eligible"
    assert apply(name, facts, before).outcome == "not-in-force"
    assert apply(name, facts, f"{day}T00:00:00+08:00").outcome == "eligible"
    assert apply(name, facts, f"{before}T23:59:59+08:00").outcome == "not-in-force"
    assert apply(name, facts).outcome == "eligible"


@pytest.mark.parametrize("name", NAMES)
def test_diagnoses_and_age(name):
    _, accepted, facts, _ = LABELS[name]
    for diagnosis in DIAGNOSES:
        assert apply(name, facts | {"diagnosis": diagnosis}).outcome == ("eligible" if diagnosis in accepted else "ineligible")
    assert apply(name, facts | {"age": 18}).outcome == "eligible"
    assert apply(name, facts | {"age": 17}).outcome == "ineligible"


@pytest.mark.parametrize(("name", "change"), [(name, change) for name in NAMES for change in LABELS[name][3]])
def test_each_criterion_alone_makes_ineligible(name, change):
    assert apply(name, LABELS[name][2] | change).outcome == "ineligible"


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_fact_is_asked_for_and_never_taken_as_met(name):
    facts = LABELS[name][2]
    for fact in facts:
        decision = apply(name, facts | {fact: None})
        if fact in ("refractory_to_first_line", "refractory_to_last_line"):
            assert decision.outcome == "eligible"  # the relapse was early: the alternative is met
            continue
        assert decision.outcome == "undetermined"
        assert decision.missing == (fact,)
        assert decision.would_settle == ((fact,),)


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"refractory_to_first_line": True, "months_first_line_to_relapse": None}, "eligible"),
        ({"refractory_to_first_line": True, "months_first_line_to_relapse": 30}, "eligible"),
        ({"months_first_line_to_relapse": 12}, "eligible"),
        ({"months_first_line_to_relapse": 12.01}, "ineligible"),
        ({"refractory_to_first_line": None, "months_first_line_to_relapse": 12}, "eligible"),
        ({"refractory_to_first_line": None, "months_first_line_to_relapse": 13}, "undetermined"),
        ({"refractory_to_first_line": None, "months_first_line_to_relapse": None}, "undetermined"),
    ],
)
def test_second_line_needs_refractory_disease_or_relapse_within_a_year(facts, outcome):
    assert apply("axi-cel-lbcl-2l-cn", SECOND_LINE | facts).outcome == outcome


def test_two_unknown_alternatives_can_each_settle_it():
    decision = apply("axi-cel-lbcl-2l-cn", SECOND_LINE | {"refractory_to_first_line": None, "months_first_line_to_relapse": None})
    assert set(decision.would_settle) == {("refractory_to_first_line",), ("months_first_line_to_relapse",)}


def test_low_confidence_stands_on_the_unread_label_only():
    assert [name for name in NAMES if policy(name).confidence == "low"] == ["renikeolunsai-lbcl-cn"]


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_forgetting_a_fact_never_turns_one_answer_into_the_other(name, data):
    facts = LABELS[name][2] | data.draw(st.sampled_from([{}, *LABELS[name][3]]))
    forgotten = data.draw(st.sets(st.sampled_from(sorted(facts)), max_size=2))
    full, part = apply(name, facts).outcome, apply(name, {fact: value for fact, value in facts.items() if fact not in forgotten}).outcome
    assert part in (full, "undetermined")
