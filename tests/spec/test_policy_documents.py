"""Every shipped policy is sound, and what its author's worked cases promise comes out."""

from __future__ import annotations

from functools import cache

import pytest

from baybridge.base.time import parse_instant_or_day
from baybridge.documents.loader import Documents
from baybridge.documents.source import plain
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.given import read_given
from baybridge.policy.document.cases import differences
from baybridge.policy.document.shapes import Policy
from baybridge.policy.one_case.decide import decide
from baybridge.rulebook.library import fact_types, policies_of

DOCUMENTS = Documents()
LIBRARY = policies_of(DOCUMENTS, fact_types(DOCUMENTS))


@cache
def dictionary() -> Dictionary:
    return Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))


def versions() -> list[Policy]:
    return [policy for policy_id in LIBRARY.ids() for policy in LIBRARY.versions(policy_id)]


CASES = [pytest.param(policy, case, id=f"{policy.id}: {case.name}") for policy in versions() for case in policy.cases]


@pytest.mark.parametrize(("policy", "case"), CASES)
def test_a_worked_case_comes_out(policy, case):
    values, problems = read_given(plain(case.facts), dictionary())
    assert problems == []
    decision = decide(policy, values, as_of=None if case.at is None else parse_instant_or_day(case.at))
    assert differences(case, decision) == ()


@pytest.mark.parametrize("policy", versions(), ids=lambda policy: policy.id)
def test_a_policy_cites_its_source_and_works_examples(policy):
    assert policy.sources
    assert policy.cases
    assert all(rule.source for rule in policy.body.rules)
    assert {"en", "zh-Hans", "zh-Hant", "pt"} <= set(policy.title)


@pytest.mark.parametrize("policy", versions(), ids=lambda policy: policy.id)
def test_knowing_nothing_decides_nothing_wrongly(policy):
    """Without facts the decision says what is missing, and asking for it again gives the same bytes."""
    first, second = decide(policy, {}), decide(policy, {})
    assert first.as_json() == second.as_json()
    assert set(first.missing) <= set(policy.fact_names)
    assert all(set(names) <= set(first.missing) for names in first.would_settle)
