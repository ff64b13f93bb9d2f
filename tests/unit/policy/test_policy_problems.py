"""A broken document names everything that is wrong with it, where, and what to do."""

from __future__ import annotations

from datetime import date

import pytest

from baybridge.policy.document.reader import PolicyProblems, load
from baybridge.policy.language.types import FactType

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
SCORE = HEAD + "shape: score\ncombine: sum\noutcome: x\n"
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
        ("diagnosis = 'FL'", "unknown_code", 12, "did you mean 'fl'?"),
        ("age > '18'", "wrong_type", 6, "a number stands without quotes"),
        ("refractory = 'true'", "wrong_type", 13, "TRUE and FALSE"),
        ("diagnosis = 7", "wrong_type", 12, "single quotes"),
        ("'18' <= age", "wrong_type", 8, "a number stands without quotes"),
        ("18 <= age <= 80", "wrong_type", 13, "18 <= age AND age <= 80"),
        ("age >= 18 years", "outside_language", 10, "write no unit"),
        ("creatinine <= 1.5 mg/dL AND age > 1", "outside_language", 18, "write no unit"),
        ("age >= 18%", "outside_language", 9, "a percentage is written as its number"),
        ("age => 18", "outside_language", 4, "write >="),
        ("age ≥ 18", "outside_language", 4, "write >="),
        ("age >= １８", "outside_language", 7, "write the half-width 18"),
        ("diagnosis IN ('fl'，'dlbcl')", "outside_language", 18, "write the half-width ,"),
        ("diagnosis = ‘fl’", "outside_language", 12, "straight single quotes"),
        ("age > 1 && age < 9", "outside_language", 8, "write AND"),
        ("age BETWEEN 18 AND", "syntax", 15, "BETWEEN the lower AND the upper"),
        ("diagnosis IN ('fl', 'dlbcl)", "syntax", 20, "twice"),
        ("born_on <= DATE '2026-02-30'", "wrong_type", 16, ""),
        ("born_on <= DATE '2026-W01-1'", "wrong_type", 16, ""),
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


def test_every_foreign_sign_of_an_expression_is_told():
    found = problems(CRITERIA + "  - {id: a, when: diagnosis IN （'fl'，'dlbcl'）}\n")
    assert [(problem.column, problem.found) for problem in found] == [(32, "（"), (37, "，"), (45, "）")]


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (CRITERIA + "  - id: a\n\twhen: age > 1\n", (7, 1), "spaces, never with tabs"),
        (CRITERIA + "  - {id: a, when: age > 1}\n  - {id: b, when: age > 2}\n  - {id: a, when: age > 3}\n", (8, 10), "each id once"),
        (CRITERIA + "  - {id: a, when: age > 1}\n  - {id: b, when: age > 2, Any_of: x}\n", (7, 28), "did you mean any_of?"),
        (HEAD + "region: HK\n" + CRITERIA[len(HEAD) :] + "  - {id: a, when: age > 1}\n", (4, 1), "found region"),
        (HEAD + 'version: "2"\n' + CRITERIA[len(HEAD) :] + "  - {id: a, when: age > 1}\n", (4, 1), "each key once"),
        (CRITERIA + "  - {id: a, when: age > 1}\nin_force_from: 2026-02-30\n", (7, 16), "a day that is in the calendar"),
        (CRITERIA + "  - {id: a, when: age > 1}\nin_force_from: 2026-02-03\nin_force_to: 2025-02-03\n", (8, 14), "on or after the first, 2026-02-03"),
        (CRITERIA + "  - {id: a, when: age > 1}\ntitle: {zh: x}\n", (7, 9), "found zh"),
        (CRITERIA + "  - {id: a, when: age > 1}\njurisdiction: [CN, China]\n", (7, 20), "a code such as CN, HK, MO or CN-GD"),
        (CRITERIA.replace("id: trial", "id: My Trial") + "  - {id: a, when: age > 1}\n", (1, 5), "such as my-trial"),
        (CRITERIA + "  - {id: a, when: *age}\n", (6, 19), "quote a text that begins with *"),
        (CRITERIA + "  - {<<: {id: a}, when: age > 1, id: a}\n", (6, 6), "write out what would be merged"),
        (CRITERIA + "  - id： a\n    when: age > 1\n", (7, 9), "found mapping values"),
        (CRITERIA + "  - {id: a, when: age > 1}\nnotes： x\n", (7, 1), "a full-width ： is none"),
        (CRITERIA + '  - {id: a, when: age > 1}\nnotes: "a\x00b"\n', (7, 10), "U+0000"),
        (HEAD + "shape: criterai\ncriteria: 7\nregion: HK\n", (4, 8), "did you mean criteria?"),
        (HEAD + "shape: criteria\ncriteria: yes\n", (5, 11), "a list with at least one entry under criteria"),
        (SCORE + "domains: [{id: d, rows: [{points: 1, when: age > 1}]}, {id: d, rows: [{points: 2, when: age > 2}]}]\n", (7, 61), "each id once"),
        (HEAD + "shape: limits\nlimits: [{fact: age, one_of: 18}]\n", (5, 30), "a list with at least one entry under one_of"),
        (HEAD + "shape: limits\nlimits: [{fact: age, one_of: []}]\n", (5, 30), "a list with at least one entry under one_of"),
        (HEAD + "shape: limits\nlimits: [{fact: age, at_least: {value: 3}}]\n", (5, 32), "found a mapping"),
        (HEAD + "shape: limits\nlimits: [{fact: diagnosis, one_of: [fl, FL]}]\n", (5, 41), "did you mean 'fl'?"),
        (HEAD + "shape: limits\nlimits: [{fact: age, at_least: '18'}]\n", (5, 32), "without quotes"),
    ],
)
def test_a_slip_is_told_once_at_its_place_with_what_to_do(text, place, says):
    found = problems(text)
    assert [(problem.line, problem.column) for problem in found] == [place], [str(problem) for problem in found]
    assert says in str(found[0])


def test_a_limit_of_dates_is_one():
    policy = load(HEAD + "shape: limits\nlimits: [{fact: born_on, at_least: 2020-02-29}]\n", "trial.yaml", TYPES)
    assert policy.body.rules[0].written == "born_on >= DATE '2020-02-29'"


def test_a_day_in_quotes_is_the_day():
    assert load(CRITERIA + "  - {id: a, when: age > 1}\nin_force_from: '2026-02-03'\n", "trial.yaml", TYPES).in_force_from == date(2026, 2, 3)


def test_an_empty_note_is_none():
    assert load(CRITERIA + '  - {id: a, when: age > 1}\nnotes: ""\n', "trial.yaml", TYPES).notes == ""


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
        ("", "nothing"),
        ("# a comment\n", "nothing"),
        ("- a\n- b\n", "a list"),
        ("id: [", "did not find expected node content"),
        ("a: 1\n---\nb: 2\n", "but found another document"),
        (HEAD + "shape: criterion\ncriteria: []\n", "criterion"),
        (CRITERIA.replace('source: "label"\n', "") + "  - {id: a, when: age > 1}\n", "none"),
        (CRITERIA + "  - {id: a, when: age > 1}\n  - {id: a, when: age > 2}\n", "a"),
        (CRITERIA + "  - {id: a, when: age > 1, when: age > 2}\n", "when"),
        (CRITERIA + "  - {id: a, when: [1]}\n", "a list"),
        (CRITERIA + "  - {id: 7, when: age > 1}\n", "7"),
        (CRITERIA + "  - {id: a, when: age > 1}\nin_force_from: soon\n", "soon"),
        (CRITERIA + "  - {id: a, when: age > 1}\nconfidence: total\n", "total"),
        (CRITERIA + "  - {id: a, when: age > 1}\nrecorded_only: [lines]\n", "lines"),
        (CRITERIA + "  - {id: a, when: age > 1}\ndefine: {age: 1}\n", "age"),
        (CRITERIA + "  - {id: a, when: age > 1}\ndefine: {Bad: 1}\n", "Bad"),
        (CRITERIA + "  - {id: a, when: age > 1}\ndefine: {one: two, two: 1}\n", "two"),
        (CRITERIA + "  - {id: a, when: age > 1}\nnotes: !!python/object:os.system x\n", "x"),
        (CRITERIA + "  - {id: a, when: age > 1}\nnotes: .nan\n", ".nan"),
        (HEAD + "shape: table\nrows: [{outcome: yes, when: age > 1}]\ndefault: none\n", "true"),
        (HEAD + "shape: table\nrows: [{outcome: x, when: age > 1}]\n", "nothing"),
        (HEAD + "shape: score\ncombine: max\ndomains: [{id: d, rows: [{points: many, when: age > 1}]}]\noutcome: x\n", "many"),
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
    from baybridge.policy.one_case.decide import decide

    doubling = "".join(f"  d{n}: GREATEST(d{n - 1}, d{n - 1})\n" for n in range(1, 60))
    policy = load(CRITERIA + "  - {id: a, when: d59 > 1}\ndefine:\n  d0: age\n" + doubling, "trial.yaml", TYPES)
    assert decide(policy, {"age": 2}).outcome == "holds"
    assert decide(policy, {}).missing == ("age",)


def test_layout_and_comments_do_not_change_the_digest():
    plain = load(CRITERIA + "  - {id: a, when: age > 1}\n", "one.yaml", TYPES)
    spaced = load("# why\n" + CRITERIA + "  - id: a\n    when: 'age > 1'\n", "two.yaml", TYPES)
    other = load(CRITERIA + "  - {id: a, when: age > 2}\n", "one.yaml", TYPES)
    assert plain.sha256 == spaced.sha256 != other.sha256
