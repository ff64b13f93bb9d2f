"""A broken document names everything that is wrong with it, where, and what to do."""

from __future__ import annotations

import pytest

from baybridge.policy.document import PolicyProblems, load
from baybridge.policy.types import FactType

TYPES = {
    fact.name: fact
    for fact in (
        FactType("age", "number", "a"),
        FactType("creatinine", "number", "umol/L"),
        FactType("crp", "number", "mg/L"),
        FactType("lines", "integer"),
        FactType("diagnosis", "code", None, ("dlbcl", "fl")),
        FactType("refractory", "boolean"),
        FactType("born_on", "date"),
        FactType("infused_at", "instant"),
        FactType("viability", "number", "%"),
    )
}
HEAD = 'id: trial\nversion: "1"\nsource: "label"\n'
CRITERIA = HEAD + "shape: criteria\ncriteria:\n"


def problems(text):
    with pytest.raises(PolicyProblems) as found:
        load(text, "trial.yaml", TYPES)
    return found.value.problems


def one(text):
    found = problems(text)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]


@pytest.mark.parametrize(
    ("when", "code", "column", "hint"),
    [
        ("agee >= 18", "unknown_fact", 0, "did you mean age?"),
        ("age >= 18 AND diagnosis = 'dlbc'", "unknown_code", 26, "did you mean 'dlbcl'?"),
        ("diagnosis IN ('fl', 'mcl')", "unknown_code", 20, ""),
        ("creatinine > crp", "unit_mismatch", 13, "convert"),
        ("creatinine + crp > 3", "unit_mismatch", 13, "convert"),
        ("GREATEST(creatinine, crp) > 3", "unit_mismatch", 21, "convert"),
        ("age = '18'", "wrong_type", 6, ""),
        ("age", "wrong_type", 0, ""),
        ("age AND refractory", "wrong_type", 0, ""),
        ("NOT age", "wrong_type", 4, ""),
        ("refractory > TRUE", "wrong_type", 13, "order"),
        ("diagnosis < 'fl'", "wrong_type", 12, "order"),
        ("age = NULL", "wrong_type", 6, "IS NULL"),
        ("born_on > '2020-01-01'", "wrong_type", 10, "DATE"),
        ("born_on = infused_at", "wrong_type", 10, "DATE"),
        ("days_between(born_on, infused_at) > 1", "wrong_type", 22, "mixed"),
        ("days_between(age, born_on) > 1", "wrong_type", 13, ""),
        ("infused_at + INTERVAL 1 MONTH > infused_at", "wrong_type", 0, ""),
        ("SQRT(diagnosis) > 1", "wrong_type", 5, ""),
        ("-diagnosis = 1", "wrong_type", 1, ""),
        ("COALESCE(age, 'x') > 1", "wrong_type", 14, ""),
        ("CASE WHEN refractory THEN 1 ELSE 'x' END = 1", "wrong_type", 33, ""),
        ("LEAST(refractory, TRUE)", "wrong_type", 0, ""),
        ("age >", "syntax", 4, ""),
        ("os.system('x')", "outside_language", 2, ""),
    ],
)
def test_an_expression_is_refused_at_its_character(when, code, column, hint):
    found = one(CRITERIA + f'  - id: only\n    when: "{when}"\n')
    assert found.code == f"policy.problem.{code}"
    assert (found.file, found.line, found.column) == ("trial.yaml", 7, len('    when: "') + 1 + column)
    assert hint in found.hint


def test_a_place_in_folded_text_is_the_place_in_the_file():
    text = CRITERIA + "  - id: only\n    when: >-\n      age >= 18\n      AND agee < 3\n"
    assert (one(text).line, one(text).column) == (9, 11)


def test_all_problems_are_told_at_once_in_reading_order():
    text = CRITERIA + "  - {id: a, when: agee > 1}\n  - {id: b, when: age > 'x', colour: red}\n  - {id: c}\ntitel: {en: x}\n"
    assert [(problem.line, problem.found) for problem in problems(text)] == [
        (6, "agee"),
        (7, "one of type text"),
        (7, "colour"),
        (8, "nothing"),
        (9, "titel"),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "something else"),
        ("- a\n- b\n", "something else"),
        ("id: [", "did not find expected node content"),
        ("a: 1\n---\nb: 2\n", "but found another document"),
        (HEAD + "shape: criterion\ncriteria: []\n", "criterion"),
        (CRITERIA.replace('source: "label"\n', "") + "  - {id: a, when: age > 1}\n", "none"),
        (CRITERIA + "  - {id: a, when: age > 1}\n  - {id: a, when: age > 2}\n", "a"),
        (CRITERIA + "  - {id: a, when: age > 1, when: age > 2}\n", "when"),
        (CRITERIA + "  - {id: a, when: [1]}\n", "a list"),
        (CRITERIA + "  - {id: 7, when: age > 1}\n", "a number"),
        (CRITERIA + "  - {id: a, when: age > 1}\nin_force_from: soon\n", "soon"),
        (CRITERIA + "  - {id: a, when: age > 1}\nconfidence: total\n", "total"),
        (CRITERIA + "  - {id: a, when: age > 1}\nrecorded_only: [lines]\n", "lines"),
        (CRITERIA + "  - {id: a, when: age > 1}\ndefine: {age: 1}\n", "age"),
        (CRITERIA + "  - {id: a, when: age > 1}\ndefine: {Bad: 1}\n", "Bad"),
        (CRITERIA + "  - {id: a, when: age > 1}\ndefine: {one: two, two: 1}\n", "two"),
        (CRITERIA + "  - {id: a, when: age > 1}\nnotes: !!python/object:os.system x\n", "x"),
        (CRITERIA + "  - {id: a, when: age > 1}\nnotes: .nan\n", ".nan"),
        (HEAD + "shape: table\nrows: [{outcome: yes, when: age > 1}]\ndefault: none\n", "true or false"),
        (HEAD + "shape: table\nrows: [{outcome: x, when: age > 1}]\n", "nothing"),
        (HEAD + "shape: score\ncombine: max\ndomains: [{id: d, rows: [{points: many, when: age > 1}]}]\noutcome: x\n", "a text"),
        (HEAD + "shape: score\ncombine: sum\ndomains: [{id: d, rows: [{points: 1, when: age > 1}]}]\n", "both or neither"),
        (
            HEAD + "shape: score\ncombine: sum\nnames: {driver: d}\ndomains: [{id: d, rows: [{points: 1, when: age > 1}]}]\noutcome: x\n",
            "combine: sum",
        ),
        (
            HEAD
            + "shape: score\ncombine: sum\ndomains: [{id: d, rows: [{points: 1, when: age > 1}]}]\n"
            + "bands: [{outcome: a, up_to: 2}, {outcome: b, up_to: 1}, {outcome: c}]\n",
            "another order",
        ),
        (HEAD + "shape: limits\nlimits: [{fact: viability, at_least: 80, unit: g/L}]\n", "g/L"),
        (HEAD + "shape: limits\nlimits: [{fact: viabilty, at_least: 80}]\n", "viabilty"),
        (HEAD + "shape: limits\nlimits: [{fact: viability}]\n", "none"),
        (HEAD + "shape: limits\nlimits: [{fact: diagnosis, one_of: [mcl]}]\n", "'mcl'"),
        (HEAD + "shape: findings\nfindings: [{code: A, when: age > 1, overridable: maybe}]\n", "maybe"),
    ],
)
def test_a_document_out_of_form_is_refused(text, found):
    assert found in [problem.found for problem in problems(text)]


def test_a_text_that_would_exhaust_memory_is_refused():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert any(problem.code == "policy.problem.too_large" for problem in problems(bomb))
    assert problems("[" * 5000 + "]" * 5000)
    assert problems("x" * 2_000_000)[0].code == "policy.problem.too_large"


def test_definitions_that_double_are_computed_once():
    from baybridge.policy.decide import decide

    doubling = "".join(f"  d{n}: GREATEST(d{n - 1}, d{n - 1})\n" for n in range(1, 60))
    policy = load(CRITERIA + "  - {id: a, when: d59 > 1}\ndefine:\n  d0: age\n" + doubling, "trial.yaml", TYPES)
    assert decide(policy, {"age": 2}).outcome == "holds"
    assert decide(policy, {}).missing == ("age",)


def test_layout_and_comments_do_not_change_the_digest():
    plain = load(CRITERIA + "  - {id: a, when: age > 1}\n", "one.yaml", TYPES)
    spaced = load("# why\n" + CRITERIA + "  - id: a\n    when: 'age > 1'\n", "two.yaml", TYPES)
    other = load(CRITERIA + "  - {id: a, when: age > 2}\n", "one.yaml", TYPES)
    assert plain.sha256 == spaced.sha256 != other.sha256
