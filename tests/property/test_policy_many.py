"""Many policies decided together give the outcomes of one decision after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baybridge.base.canonical import MAX_INTEGER
from baybridge.policy.document.reader import load
from baybridge.policy.language.types import FactType
from baybridge.policy.one_case.decide import FactsError, decide
from baybridge.policy.one_case.interpret import Evaluation, exact_facts
from baybridge.policy.one_case.many import Many
from baybridge.policy.one_case.verdict import outcome
from policy_generators import TYPES, documents, facts

COMPARED = ("i >= 2", "x > 2.5", "2.5 >= x", "x = 2", "x <> 2.5", "d < DATE '2024-02-29'", "DATE '2024-02-29' >= e", "x < -0.0", "i = 9007199254740991")
THRESHOLDS = [
    load(f'id: t{n}\nversion: "1"\nsource: s\nshape: criteria\ncriteria:\n  - {{id: r, when: "{text}"}}\n', "t.yaml", TYPES)
    for n, text in enumerate(COMPARED)
]


def one_by_one(policies, known):
    """What the interpreter answers."""
    found = []
    for policy in policies:
        evaluation = Evaluation(exact_facts(known, TYPES), policy.define)
        found.append(outcome(policy.body, {rule.id: evaluation.holds(rule.expression) for rule in policy.body.rules}))
    return tuple(found)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.lists(documents(), min_size=1, max_size=8), st.lists(facts(), min_size=1, max_size=3))
def test_many_policies_together_decide_as_each_alone(texts, patients):
    policies = [load(text, "r.yaml", TYPES) for text in texts] + THRESHOLDS
    together = Many(policies)
    for known in patients:
        assert together.outcomes(known) == one_by_one(policies, known)


NEAR = [-1, 0, 2, 2.0, 2.5, 2.5000000000000004, -0.0, 5e-324, MAX_INTEGER, -MAX_INTEGER, 1e300, None]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(NEAR), st.sampled_from([n for n in NEAR if not isinstance(n, float)]), st.sampled_from([None, date(2024, 2, 28), date(2024, 2, 29)]))
def test_values_beside_a_threshold_are_told_apart(x, i, day):
    known = {"x": x, "i": i, "d": day, "e": day}
    assert Many(THRESHOLDS).outcomes(known) == one_by_one(THRESHOLDS, known)


@pytest.mark.parametrize("wrong", [{"x": float("nan")}, {"i": 2.5}, {"i": True}, {"d": "2024-02-29"}, {"i": MAX_INTEGER + 1}])
def test_a_fact_that_is_not_of_its_type_is_refused_as_one_decision_does(wrong):
    with pytest.raises(FactsError) as together:
        Many(THRESHOLDS).outcomes(wrong)
    reading = next(policy for policy in THRESHOLDS if set(wrong) <= set(policy.fact_types))
    with pytest.raises(FactsError) as alone:
        decide(reading, wrong)
    assert together.value.problems == alone.value.problems


def test_policies_of_two_dictionaries_are_not_mixed():
    other = replace(THRESHOLDS[0], fact_types={"i": FactType("i", "number")})
    with pytest.raises(ValueError, match="two types"):
        Many([THRESHOLDS[0], other])


def test_no_policy_gives_no_outcome():
    assert Many([]).outcomes({"x": 1}) == ()
