"""Invariants of the rule language over random well-typed rules and facts."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from baybridge.policy.document.reader import PolicyProblems, load
from baybridge.policy.language import expression as tree
from baybridge.policy.language.check import Checker
from baybridge.policy.language.parse import parse
from baybridge.policy.language.types import ExpressionError
from baybridge.policy.one_case.interpret import Evaluation
from policy_generators import TYPES, completions, conditions, facts, numbers

SLOW = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@SLOW
@given(st.one_of(conditions(monotone=False), numbers(monotone=False)), facts())
def test_a_well_typed_rule_never_raises_and_answers_its_type(text, known):
    node, checker = parse(text), Checker(TYPES)
    kind = checker.check(node).kind
    assert checker.problems == []
    value = Evaluation(known, {}).value(node)
    allowed = {"boolean": bool, "integer": int, "number": (int, float), "null": type(None)}[kind]
    assert value is None or isinstance(value, allowed)
    assert not (kind != "boolean" and isinstance(value, bool))
    assert not isinstance(value, float) or math.isfinite(value)
    assert not isinstance(value, int) or abs(value) < 2**53


@SLOW
@given(conditions(monotone=False), facts())
def test_only_unknown_facts_are_waited_for(text, known):
    node, evaluation = parse(text), Evaluation(known, {})
    waited = evaluation.unknowns(node)
    assert all(known[name] is None for name in waited)
    if evaluation.value(node) is not None:
        assert waited == frozenset()


@SLOW
@given(st.one_of(conditions(monotone=True), numbers(monotone=True)), facts(), completions())
def test_what_is_known_stays_when_more_becomes_known(text, known, full):
    """Without COALESCE, CASE and IS NULL, a known value holds for every completion of the facts."""
    node = parse(text)
    before = Evaluation(known, {}).value(node)
    completed = {name: full[name] if value is None else value for name, value in known.items()}
    if before is not None:
        assert Evaluation(completed, {}).value(node) == before


@SLOW
@given(conditions(monotone=True), facts(), completions())
def test_filling_in_facts_that_nothing_waits_for_changes_nothing(text, known, full):
    node, evaluation = parse(text), Evaluation(known, {})
    waited = evaluation.unknowns(node)
    filled = {name: full[name] if value is None and name not in waited else value for name, value in known.items()}
    assert Evaluation(filled, {}).value(node) == evaluation.value(node)


def read_once(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Formulas of AND, OR, NOT in which each name stands once: there Kleene logic is exact."""
    if len(names) == 1:
        return st.sampled_from([names[0], f"(NOT {names[0]})"])
    return st.integers(1, len(names) - 1).flatmap(
        lambda cut: st.builds(
            "{}({} {} {})".format,
            st.sampled_from(["", "NOT "]),
            read_once(names[:cut]),
            st.sampled_from(["AND", "OR"]),
            read_once(names[cut:]),
        )
    )


@SLOW
@given(read_once(("p", "q", "r", "s", "t")), st.lists(st.sampled_from([True, False, None]), min_size=5, max_size=5))
def test_kleene_logic_agrees_with_trying_every_completion(text, chosen):
    node, known = parse(text), dict(zip("pqrst", chosen, strict=True))
    unknown = [name for name, value in known.items() if value is None]
    reachable = {
        Evaluation(known | dict(zip(unknown, values, strict=True)), {}).value(node)
        for values in product([True, False], repeat=len(unknown))
    }
    assert Evaluation(known, {}).value(node) is (next(iter(reachable)) if len(reachable) == 1 else None)


@pytest.mark.parametrize(
    "kind",
    [
        *(tree.Literal_, tree.Fact, tree.And, tree.Or, tree.Not, tree.Compare, tree.In, tree.IsNull, tree.Arithmetic),
        *(tree.Negate, tree.Case, tree.Coalesce, tree.Extreme, tree.Call, tree.Span, tree.Shift),
    ],
)
def test_the_generators_reach_every_node(kind):
    source = st.one_of(conditions(monotone=False), numbers(monotone=False))
    find(source, lambda text: any(isinstance(node, kind) for node in tree.walk(parse(text))), settings=settings(max_examples=5000))


@SLOW
@given(
    st.lists(
        st.sampled_from(
            [
                *"abixkd ()+-*/<>=,.;'\"[]{}@!%\\\n",
                "AND ",
                "OR ",
                "NOT ",
                "CASE ",
                "WHEN ",
                "THEN ",
                "END ",
                "IN ",
                "IS ",
                "NULL ",
                "DATE ",
                "1",
                "INTERVAL ",
                "SELECT ",
                "FROM ",
                "CAST(",
                "ROUND(",
                "COALESCE(",
                "__class__",
                "lambda ",
                "BETWEEN ",
                "exec(",
                "--",
                "/*",
                "é",
                "中",
            ]
        ),
        max_size=30,
    ).map("".join)
)
def test_any_text_is_parsed_or_refused_with_a_place(text):
    try:
        parse(text)
    except ExpressionError as problem:
        assert 0 <= problem.offset <= len(text)
        assert problem.expected


@SLOW
@given(st.text(alphabet=st.sampled_from("ab:- \n\"'[]{}&*!|>#,1.é"), max_size=60), st.integers(0, 200))
def test_any_document_is_loaded_or_refused_with_its_problems(noise, place):
    text = 'id: t\nversion: "1"\nsource: s\nshape: table\nrows:\n  - {outcome: one, when: a AND i > 1}\ndefault: none\n'
    place = min(place, len(text))
    try:
        load(text[:place] + noise + text[place:], "t.yaml", TYPES)
    except PolicyProblems as refused:
        assert refused.problems
        assert all(problem.line >= 1 and problem.column >= 1 for problem in refused.problems)
