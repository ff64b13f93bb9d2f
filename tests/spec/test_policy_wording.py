"""Rules in words: each part of the rule language as a reader meets it, and every shipped rule without a key or placeholder left over."""

from __future__ import annotations

from functools import cache

import pytest

from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.language.figures import SPACE
from baybridge.language.texts import Texts
from baybridge.policy.document.reader import load
from baybridge.policy.document.shapes import Policy
from baybridge.rulebook.library import fact_types, policies_of
from baybridge.rulebook.speaker import Saying
from baybridge.rulebook.wording import Wording

LANGUAGES = ("en", "zh-Hant", "zh-Hans", "pt")
DOCUMENTS = Documents()
TYPES = fact_types(DOCUMENTS)
LIBRARY = policies_of(DOCUMENTS, TYPES)


@cache
def saying(language: str) -> Saying:
    return Saying(Texts(DOCUMENTS), Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms")), language)


def said(expression: str, language: str = "en") -> str:
    """The words of one condition."""
    text = f"""
id: example
version: "1"
shape: criteria
title: {{en: example}}
source: "an example"
define: {{kidney: creatinine_clearance >= 60, halved: platelets / 2}}
outcomes: {{holds: eligible, fails: ineligible}}
criteria: [{{id: one, when: "{expression}"}}]
"""
    policy = load(text, "example.yaml", TYPES)
    return Wording(policy, saying(language)).words(policy.body.rules[0].expression).replace(SPACE, " ")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("platelets >= 75", "platelets of at least 75 ×10⁹/L"),
        ("platelets > 75", "platelets above 75 ×10⁹/L"),
        ("platelets <= 75.5", "platelets of at most 75.5 ×10⁹/L"),
        ("platelets < 75", "platelets below 75 ×10⁹/L"),
        ("lines_of_therapy = 1", "lines of therapy is 1"),
        ("lines_of_therapy <> 1", "lines of therapy is not 1"),
        ("platelets BETWEEN 20 AND 50", "platelets of at least 20 ×10⁹/L; and platelets of at most 50 ×10⁹/L"),
        ("active_infection", "active infection: yes"),
        ("NOT active_infection", "active infection: no"),
        ("active_infection = FALSE", "active infection: no"),
        ("active_infection <> FALSE", "active infection: yes"),
        ("hypotension = 'fluids'", "hypotension and what it needs: fluids"),
        ("hypotension <> 'fluids'", "hypotension and what it needs: not “fluids”"),
        ("hypotension IN ('fluids', 'vasopressor')", "hypotension and what it needs: one of fluids, vasopressor"),
        ("hypotension NOT IN ('fluids', 'vasopressor')", "hypotension and what it needs: none of fluids, vasopressor"),
        ("ferritin IS NULL", "ferritin: not known"),
        ("ferritin IS NOT NULL", "ferritin: known"),
        ("active_infection AND (sedated OR tremor)", "active infection: yes; and (sedated: yes, or tremor: yes)"),
        ("active_infection OR sedated AND tremor", "active infection: yes, or (sedated: yes; and tremor: yes)"),
        ("NOT (active_infection AND sedated)", "not (active infection: yes; and sedated: yes)"),
        ("COALESCE(active_infection, FALSE)", "active infection: yes (if not known: no)"),
        ("NOT COALESCE(active_infection, FALSE)", "active infection: no (if not known: yes)"),
        ("COALESCE(alt, ast, 5) > 30", "alanine aminotransferase (if not known: aspartate aminotransferase (if not known: 5 U/L)) above 30 U/L"),
        ("alt <= 2.5 * alt_upper_limit", "alanine aminotransferase of at most 2.5 × upper limit of normal for ALT"),
        ("-platelets < -5 + 2", "−platelets below -5 ×10⁹/L + 2 ×10⁹/L"),
        ("GREATEST(alt, ast) > 40", "the larger of alanine aminotransferase, aspartate aminotransferase above 40 U/L"),
        ("LEAST(alt, 50) > 40", "the smaller of alanine aminotransferase, 50 U/L above 40 U/L"),
        ("ROUND(platelets, 1) > 40", "platelets, rounded to 1 places above 40 ×10⁹/L"),
        ("FLOOR(platelets) = CEIL(platelets)", "platelets, rounded down is platelets, rounded up"),
        ("SQRT(ABS(platelets)) > LN(EXP(ferritin))", "√(|platelets|) above ln(exp(ferritin))"),
        ("CASE WHEN sedated THEN platelets WHEN tremor THEN 5 ELSE 6 END > 4",
         "(platelets where sedated: yes; 5 where tremor: yes; otherwise 6) above 4"),
        ("days_between(eqa_newest_on, result_collected_on) > 30", "time from day of the newest external quality assessment to day of collection above 30 days"),
        ("months_between(eqa_newest_on, result_collected_on) <= 12",
         "time in full months from day of the newest external quality assessment to day of collection of at most 12 months"),
        ("eqa_newest_on >= DATE '2026-01-31'", "day of the newest external quality assessment on or after 31 Jan 2026"),
        ("eqa_newest_on + INTERVAL 12 MONTH < result_collected_on", "day of the newest external quality assessment plus 12 months before day of collection"),
        ("eqa_newest_on - INTERVAL 30 DAY <= result_collected_on", "day of the newest external quality assessment minus 30 days on or before day of collection"),
        ("kidney", "(creatinine clearance of at least 60 mL/min)"),
        ("halved < 20", "(platelets ÷ 2) below 20"),
    ],
)  # fmt: skip
def test_what_a_condition_says(expression: str, words: str) -> None:
    assert said(expression) == words


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh-Hant", "年齡不低於18歲；且（血小板低於75 ×10⁹/L，或活動性感染：否）"),
        ("zh-Hans", "年龄不低于18岁；且（血小板低于75 ×10⁹/L，或活动性感染：否）"),
        ("pt", "idade de pelo menos 18 anos; e (plaquetas abaixo de 75 ×10⁹/L, ou infeção ativa: não)"),
    ],
)
def test_the_same_in_each_language(language: str, words: str) -> None:
    assert said("age >= 18 AND (platelets < 75 OR NOT active_infection)", language) == words


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("policy", [policy for name in LIBRARY.ids() for policy in LIBRARY.versions(name)], ids=lambda policy: policy.id)
def test_every_shipped_rule_has_words_in_every_language(policy: Policy, language: str) -> None:
    wording = Wording(policy, saying(language))
    expressions = [*policy.define.values(), *(rule.expression for rule in (*policy.body.rules, *policy.flags, *policy.values))]
    for words in map(wording.words, expressions):
        assert words
        assert not any(left in words for left in ("policy.", "{", "}", "_", "None", "TRUE", "FALSE")), words
