"""The fast outcome of many trials is the outcome of the full decision."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.matching.screening import outcomes
from baybridge.policy.one_case.decide import FactsError, decide
from baybridge.policy.one_case.many import Many
from exchange_documents import policies

LABELS = Many(policies().get(name) for name in policies().ids() if name.endswith(("-cn", "-hk")))
facts = st.fixed_dictionaries(
    {},
    optional={
        "age": st.integers(0, 90),
        "diagnosis": st.sampled_from(["dlbcl", "fl", "mcl", "mm", "ball"]),
        "lines_of_therapy": st.integers(0, 6),
        "first_line_immunochemotherapy": st.booleans(),
        "refractory_to_first_line": st.booleans(),
        "months_first_line_to_relapse": st.floats(0, 60),
    },
)


@given(facts)
@settings(max_examples=80, deadline=None)
def test_the_fast_outcome_is_that_of_the_full_decision(given_facts: dict[str, object]) -> None:
    try:
        full = {policy.id: decide(policy, given_facts).outcome for policy in LABELS.policies}  # type: ignore[arg-type]
    except FactsError:
        with pytest.raises(FactsError):
            outcomes(LABELS, given_facts)  # type: ignore[arg-type]
        return
    assert outcomes(LABELS, given_facts) == full  # type: ignore[arg-type]


def test_a_fact_of_another_type_is_refused() -> None:
    with pytest.raises(FactsError):
        outcomes(LABELS, {"age": "old"})
