"""Invariants of decisions: what is unknown widens, never narrows; what is not missing does not matter."""

from __future__ import annotations

import re
from functools import lru_cache

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from baybridge.base.canonical import canonical_bytes
from baybridge.policy.document.reader import load
from baybridge.policy.document.shapes import UNDETERMINED
from baybridge.policy.one_case.decide import decide
from policy_generators import TYPES, completions, conditions, facts

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
HEAD = 'id: t\nversion: "1"\nsource: s\n'
RULE = conditions(monotone=True, depth=2)


def _list(rows: list[str]) -> str:
    return "".join(f"  - {{{row}}}\n" for row in rows)


def quoted(text: str) -> str:
    return '"' + text + '"'


@st.composite
def documents(draw) -> str:
    """A policy document of any shape whose rules are monotone."""
    rules = [quoted(text) for text in draw(st.lists(RULE, min_size=1, max_size=5))]
    shape = draw(st.sampled_from(["criteria", "table", "sum", "max", "findings"]))
    if shape == "criteria":
        groups = [draw(st.sampled_from(["null", "g", "h"])) for _ in rules]
        rows = [f"id: r{n}, when: {rule}, any_of: {group}" for n, (rule, group) in enumerate(zip(rules, groups, strict=True))]
        return HEAD + "shape: criteria\ncriteria:\n" + _list(rows)
    if shape == "table":
        rows = [f"id: r{n}, outcome: o{draw(st.integers(0, 2))}, when: {rule}" for n, rule in enumerate(rules)]
        return HEAD + "shape: table\ndefault: o0\nrows:\n" + _list(rows)
    if shape == "findings":
        return HEAD + "shape: findings\nfindings:\n" + _list([f"code: c{n}, when: {rule}" for n, rule in enumerate(rules)])
    points = [draw(st.integers(-1, 4)) for _ in rules]
    rows = [f"points: {worth}, when: {rule}" for worth, rule in zip(points, rules, strict=True)]
    domains = f"  - id: one\n    rows: [{{{rows[0]}}}]\n" + (
        "  - id: two\n    rows:\n" + _list(rows[1:]).replace("  - ", "      - ") if rows[1:] else ""
    )
    return HEAD + f"shape: score\ncombine: {shape}\nbands: [{{outcome: low, up_to: 1}}, {{outcome: high}}]\ndomains:\n{domains}"


@lru_cache(maxsize=64)
def policy(text: str):
    return load(text, "t.yaml", TYPES)


@SLOW
@given(documents(), facts(), completions())
def test_a_certain_outcome_holds_for_every_completion(text, known, full):
    before = decide(policy(text), known)
    after = decide(policy(text), {name: full[name] if value is None else value for name, value in known.items()})
    if before.outcome != UNDETERMINED:
        assert after.outcome == before.outcome
    if "score_min" in before.values:
        assert before.values["score_min"] <= after.values["score_min"] <= after.values["score_max"] <= before.values["score_max"]
    if "codes" in before.values:
        assert set(before.values["codes"]) <= set(after.values["codes"])


#: A comparison of a fact with itself, which nobody writes.
_WITH_ITSELF = re.compile(r"\b(\w+) (?:=|<>|!=|<=|>=|<|>) \1\b")


@SLOW
@given(documents(), facts(), completions())
def test_facts_that_are_not_missing_do_not_matter(text, known, full):
    # Where a fact is compared with itself the rule is decided by any value of it and open without one: then whatever settles the outcome
    # beside it counts only as long as it is unknown, and `missing` names the fact itself alone.
    assume(not _WITH_ITSELF.search(text))
    before = decide(policy(text), known)
    filled = {name: full[name] if value is None and name not in before.missing else value for name, value in known.items()}
    after = decide(policy(text), filled)
    assert (after.outcome, after.values) == (before.outcome, before.values)
    assert all(known[name] is None for name in before.missing)


@SLOW
@given(documents(), facts())
def test_what_would_settle_is_minimal_and_missing(text, known):
    decision = decide(policy(text), known)
    sets = [set(names) for names in decision.would_settle]
    assert all(names <= set(decision.missing) for names in sets)
    assert not any(one < other for one in sets for other in sets)
    if decision.outcome != UNDETERMINED:
        assert sets == []


@SLOW
@given(documents(), facts())
def test_the_same_inputs_give_the_same_bytes(text, known):
    first, again = decide(load(text, "t.yaml", TYPES), known), decide(load(text, "u.yaml", TYPES), dict(reversed(known.items())))
    assert canonical_bytes(first.as_json()) == canonical_bytes(again.as_json())
