"""Decisions of each shape: outcome, values, every reason, what is missing, what would settle it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from baybridge.base.canonical import canonical_bytes
from baybridge.policy.document.reader import load
from baybridge.policy.language.types import FactType
from baybridge.policy.one_case.decide import FactsError, decide

FACTS = [
    FactType("age", "number", "a", cost=0),
    FactType("lines", "integer", cost=1),
    FactType("refractory", "boolean", cost=1),
    FactType("months", "number", "mo", cost=1),
    FactType("diagnosis", "code", None, ("dlbcl", "fl"), cost=4),
    FactType("platelets", "number", "10*9/L", cost=2),
    FactType("ferritin", "number", "ng/mL", cost=2),
    FactType("seizure", "code", None, ("none", "brief", "prolonged"), cost=1),
    FactType("viability", "number", "%"),
    FactType("sterile", "boolean"),
    FactType("infused_on", "date"),
    FactType("tested_on", "date"),
]
TYPES = {fact.name: fact for fact in FACTS}
HEAD = 'id: trial\nversion: "1"\nsource: "label"\n'

ELIGIBILITY = load(
    HEAD
    + """
shape: criteria
in_force_from: 2023-06-27
in_force_to: 2025-12-31
outcomes: {holds: eligible, fails: ineligible}
criteria:
  - {id: adult, when: age >= 18}
  - {id: lines, when: lines = 1, source: "label, section 1"}
  - {id: refractory, when: refractory, any_of: after_first}
  - {id: relapse, when: months <= 12, any_of: after_first}
""",
    "eligibility.yaml",
    TYPES,
)
MET = {"age": 60, "lines": 1, "refractory": True, "months": 30.0}


@pytest.mark.parametrize(
    ("change", "outcome", "missing", "settle"),
    [
        ({}, "eligible", [], []),
        ({"refractory": False}, "ineligible", [], []),
        ({"refractory": False, "months": 12}, "eligible", [], []),
        ({"months": None}, "eligible", [], []),
        ({"refractory": None}, "undetermined", ["refractory"], [["refractory"]]),
        ({"refractory": None, "age": 17}, "ineligible", [], []),
        ({"age": None}, "undetermined", ["age"], [["age"]]),
        ({"age": None, "refractory": None}, "undetermined", ["age", "refractory"], [["age"], ["refractory"]]),
        (
            {"age": None, "refractory": None, "months": None},
            "undetermined",
            ["age", "months", "refractory"],
            [["age"], ["months", "refractory"]],
        ),
    ],
)
def test_criteria(change, outcome, missing, settle):
    document = decide(ELIGIBILITY, MET | change).as_json()
    assert (document["outcome"], document["missing"], document["would_settle"]) == (outcome, missing, settle)


def test_the_decision_document_has_exactly_its_fields_and_every_reason():
    document = decide(ELIGIBILITY, MET | {"age": 17, "lines": None}, subject="case-1", as_of=datetime(2024, 1, 1, tzinfo=UTC)).as_json()
    assert list(document) == [
        *("policy", "version", "policy_sha256", "subject", "as_of", "outcome", "values", "reasons", "missing", "would_settle", "sources")
    ]
    assert document["subject"] == "case-1"
    assert document["as_of"] == "2024-01-01T00:00:00+00:00"
    assert document["sources"] == ["label", "label, section 1"]
    assert [(reason["criterion"], reason["holds"]) for reason in document["reasons"]] == [
        ("adult", False),
        ("lines", None),
        ("refractory", True),
        ("relapse", False),
    ]
    assert document["reasons"][1] == {
        "criterion": "lines",
        "holds": None,
        "expression": "lines = 1",
        "facts": {"lines": None},
        "source": "label, section 1",
    }


@pytest.mark.parametrize(
    ("as_of", "in_force"),
    [
        (None, True),
        (date(2023, 6, 26), False),
        (date(2023, 6, 27), True),
        (datetime(2023, 6, 26, 15, 59, tzinfo=UTC), False),
        (datetime(2023, 6, 26, 16, tzinfo=UTC), True),
        (date(2025, 12, 31), True),
        (date(2026, 1, 1), False),
    ],
)
def test_dates_of_effect(as_of, in_force):
    assert decide(ELIGIBILITY, MET, as_of=as_of).outcome == ("eligible" if in_force else "not-in-force")


def test_the_order_in_which_facts_are_given_changes_no_byte():
    forward, backward = decide(ELIGIBILITY, MET), decide(ELIGIBILITY, dict(reversed(MET.items())))
    assert canonical_bytes(forward.as_json()) == canonical_bytes(backward.as_json())


def test_a_fact_of_the_wrong_type_is_refused_without_its_value():
    with pytest.raises(FactsError) as refused:
        decide(ELIGIBILITY, {"age": "sixty", "lines": 1.5, "refractory": 1})
    assert refused.value.problems == (
        "age: expected number, found text",
        "lines: expected integer, found number",
        "refractory: expected boolean, found integer",
    )
    assert "sixty" not in str(refused.value)


TABLE = load(
    HEAD
    + """
shape: table
rows:
  - {outcome: clinical, when: "platelets < 50 AND COALESCE(seizure <> 'none', FALSE)"}
  - {outcome: laboratory, when: platelets < 50}
  - {outcome: laboratory, when: ferritin > 2000}
default: none
recorded_only: [seizure]
""",
    "table.yaml",
    TYPES,
)


@pytest.mark.parametrize(
    ("facts", "outcome", "missing"),
    [
        ({"platelets": 40, "ferritin": 10, "seizure": "brief"}, "clinical", []),
        ({"platelets": 40, "ferritin": 10, "seizure": "none"}, "laboratory", []),
        ({"platelets": 40, "ferritin": 10}, "laboratory", ["seizure"]),
        ({"platelets": 60, "ferritin": 10}, "none", []),
        ({"platelets": 60}, "undetermined", ["ferritin"]),
        ({"platelets": 40, "seizure": "none"}, "laboratory", []),
        ({"ferritin": 3000, "seizure": "none"}, "laboratory", []),
        ({"ferritin": 3000}, "laboratory", ["seizure"]),
        ({"ferritin": 3000, "seizure": "brief"}, "undetermined", ["platelets"]),
        ({}, "undetermined", ["ferritin", "platelets", "seizure"]),
    ],
)
def test_table(facts, outcome, missing):
    document = decide(TABLE, facts).as_json()
    assert (document["outcome"], document["missing"]) == (outcome, missing)
    assert [reason["criterion"] for reason in document["reasons"]] == ["clinical", "laboratory", "laboratory-2"]


SCORE = load(
    HEAD
    + """
shape: score
combine: sum
domains:
  - {id: platelets, rows: [{points: 2, when: platelets < 75}, {points: 1, when: platelets <= 175}]}
  - {id: ferritin, rows: [{points: 2, when: ferritin > 2000}, {points: 1, when: ferritin >= 650}]}
bands: [{outcome: low, up_to: 1}, {outcome: high}]
flags: [{code: b_low, when: platelets < 75}, {code: a_high, when: ferritin > 2000}]
values: {ratio: ferritin / platelets}
""",
    "score.yaml",
    TYPES,
)


@pytest.mark.parametrize(
    ("facts", "outcome", "score", "missing"),
    [
        ({"platelets": 200, "ferritin": 100}, "low", (0, 0, 0), []),
        ({"platelets": 175, "ferritin": 649}, "low", (1, 1, 1), []),
        ({"platelets": 74, "ferritin": 2001}, "high", (4, 4, 4), []),
        ({"platelets": 74}, "high", (None, 2, 4), ["ferritin"]),
        ({"platelets": 200}, "undetermined", (None, 0, 2), ["ferritin"]),
        ({}, "undetermined", (None, 0, 4), ["ferritin", "platelets"]),
    ],
)
def test_score(facts, outcome, score, missing):
    document = decide(SCORE, facts).as_json()
    assert document["outcome"] == outcome
    assert tuple(document["values"][name] for name in ("score", "score_min", "score_max")) == score
    assert document["missing"] == missing


def test_flags_and_values_are_printed():
    values = decide(SCORE, {"platelets": 50, "ferritin": 3000}).as_json()["values"]
    assert values["flags"] == ["a_high", "b_low"]
    assert (values["flag"], values["ratio"]) == ("a_high", 60.0)
    values = decide(SCORE, {"platelets": 200, "ferritin": 100}).as_json()["values"]
    assert (values["flags"], values["flag"]) == ([], None)


GRADE = load(
    HEAD
    + """
shape: score
combine: max
domains:
  - {id: seizure, rows: [{points: 4, when: seizure = 'prolonged'}, {points: 3, when: seizure = 'brief'}]}
  - {id: platelets, rows: [{points: 3, when: platelets < 20}, {points: 1, when: platelets < 100}]}
names: {score: grade, min: grade_min, max: grade_max, driver: driver}
outcome: "grade-{score}"
""",
    "grade.yaml",
    TYPES,
)


@pytest.mark.parametrize(
    ("facts", "outcome", "values", "missing", "settle"),
    [
        ({"seizure": "brief", "platelets": 10}, "grade-3", (3, 3, 3, "seizure"), [], []),
        ({"seizure": "none", "platelets": 10}, "grade-3", (3, 3, 3, "platelets"), [], []),
        ({"seizure": "none", "platelets": 150}, "grade-0", (0, 0, 0, None), [], []),
        ({"seizure": "prolonged"}, "grade-4", (4, 4, 4, "seizure"), [], []),
        ({"seizure": "brief"}, "grade-3", (3, 3, 3, "seizure"), [], []),
        ({"platelets": 10}, "undetermined", (None, 3, 4, "platelets"), ["seizure"], [["seizure"]]),
        ({"seizure": "none"}, "undetermined", (None, 0, 3, None), ["platelets"], [["platelets"]]),
        ({}, "undetermined", (None, 0, 4, None), ["platelets", "seizure"], [["seizure"]]),
    ],
)
def test_grade_bounds_and_driver(facts, outcome, values, missing, settle):
    document = decide(GRADE, facts).as_json()
    found = tuple(document["values"][name] for name in ("grade", "grade_min", "grade_max", "driver"))
    assert (document["outcome"], found, document["missing"], document["would_settle"]) == (outcome, values, missing, settle)


LIMITS = load(
    HEAD
    + """
shape: limits
limits:
  - {fact: viability, at_least: 80, at_most: 100, unit: "%", critical: false}
  - {fact: sterile, equals: true, critical: true}
""",
    "limits.yaml",
    TYPES,
)


@pytest.mark.parametrize(
    ("facts", "outcome", "outside", "critical"),
    [
        ({"viability": 80, "sterile": True}, "within", [], False),
        ({"viability": 79.9, "sterile": True}, "outside", ["viability"], False),
        ({"sterile": False}, "outside", ["sterile"], True),
        ({"viability": 90}, "undetermined", [], False),
    ],
)
def test_limits(facts, outcome, outside, critical):
    document = decide(LIMITS, facts).as_json()
    assert (document["outcome"], document["values"]) == (outcome, {"outside": outside, "critical": critical})
    assert [reason["expression"] for reason in document["reasons"]] == ["viability >= 80 AND viability <= 100", "sterile = TRUE"]


FINDINGS = load(
    HEAD
    + """
shape: findings
findings:
  - {code: MR-002, severity: hard, when: platelets < 50}
  - {code: MR-001, severity: soft, when: "days_between(tested_on, infused_on) > 30", overridable: true}
""",
    "findings.yaml",
    TYPES,
)


def test_findings():
    facts = {"platelets": 10, "tested_on": date(2026, 1, 1), "infused_on": date(2026, 3, 1)}
    document = decide(FINDINGS, facts).as_json()
    assert (document["outcome"], document["values"]) == ("found", {"codes": ["MR-001", "MR-002"]})
    second = document["reasons"][1]
    assert (second["severity"], second["overridable"]) == ("soft", True)
    assert second["facts"] == {"infused_on": "2026-03-01", "tested_on": "2026-01-01"}
    assert decide(FINDINGS, {"platelets": 90} | {"tested_on": date(2026, 3, 1), "infused_on": date(2026, 3, 1)}).outcome == "clear"
    assert decide(FINDINGS, {"platelets": 90}).outcome == "undetermined"
    assert decide(FINDINGS, {"platelets": 90}).would_settle == (("infused_on", "tested_on"),)


def test_the_cheapest_question_comes_first():
    text = (
        HEAD
        + "shape: criteria\ncriteria:\n  - {id: a, when: diagnosis = 'fl'}\n  - {id: b, when: platelets > 1}\n  - {id: c, when: age > 18}\n"
    )
    assert decide(load(text, "costs.yaml", TYPES), {}).would_settle == (("age",), ("platelets",), ("diagnosis",))


def test_days_and_times_in_one_rule_are_not_tried_for_each_other():
    types = {"seen_on": FactType("seen_on", "date"), "given_at": FactType("given_at", "instant")}
    rule = "days_between(seen_on, DATE '2026-01-01') > days_between(given_at, given_at)"
    policy = load(HEAD + f'shape: criteria\ncriteria: [{{id: r, when: "{rule}"}}]\n', "t.yaml", types)
    assert decide(policy, {"given_at": datetime(2026, 1, 1, tzinfo=UTC)}).would_settle == (("seen_on",),)
    assert decide(policy, {"seen_on": date(2025, 1, 1)}).would_settle == (("given_at",),)
