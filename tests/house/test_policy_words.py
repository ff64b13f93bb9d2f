"""Every code that a policy can answer, and every name that its page says in words, has words in four languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from baybridge.documents.loader import Documents
from baybridge.policy.document.shapes import Criteria, Findings, Limits, Policy, Score, Table
from baybridge.policy.language import expression as tree
from baybridge.policy.one_case.verdict import band
from baybridge.rulebook.library import fact_types, policies_of

LANGUAGES = ("en", "zh-Hant", "zh-Hans", "pt")
DOCUMENTS = Documents()
LIBRARY = policies_of(DOCUMENTS, fact_types(DOCUMENTS))
POLICIES = [policy for policy_id in LIBRARY.ids() for policy in LIBRARY.versions(policy_id)]
TEXTS = {language: DOCUMENTS.translations(language) for language in LANGUAGES}
#: Where the word for an outcome may stand: of the policy, or of the part that gives it a name of its own.
OUTCOMES = ("policy.outcome", "exchange.route", "exchange.outcome", "recognition.outcome")
WINDOWS = ("_infusion", "_lymphodepletion")


def lacking(*keys: str) -> list[str]:
    """Languages in which none of these keys has words."""
    return [language for language in LANGUAGES if not any(key in TEXTS[language] for key in keys)]


def without_words(codes: set[str], prefixes: tuple[str, ...]) -> dict[str, list[str]]:
    """The codes that some language has no word for, with those languages."""
    found = {code: lacking(*(f"{prefix}.{code}" for prefix in prefixes)) for code in codes}
    return {code: languages for code, languages in found.items() if languages}


def outcomes(policy: Policy) -> Iterator[str]:
    match policy.body:
        case Criteria(holds=holds, fails=fails):
            yield from (holds, fails)
        case Table(rows=rows, default=default):
            yield from (*(row.outcome for row in rows), default)
        case Score(domains=domains) as body:
            reached = {points for domain in domains for points in (0, *(row.points for row in domain.rows))}
            most = max(reached) if body.combine == "max" else sum(max(row.points for row in domain.rows) for domain in domains)
            yield from (band(body, points) for points in range(int(most) + 1))
        case Findings(found=found, clear=clear):
            yield from (found, clear)
        case Limits():
            yield from ("within", "outside")


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.id)
def test_every_outcome_has_words(policy: Policy) -> None:
    wanted = {*outcomes(policy), "undetermined", "not-in-force", "refused"}
    assert without_words(wanted, OUTCOMES) == {}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.id)
def test_every_flag_value_and_domain_has_words(policy: Policy) -> None:
    wanted = {f"policy.flag.{flag.id}" for flag in policy.flags} | {f"policy.value.{rule.id}" for rule in policy.values}
    if policy.flags:
        wanted |= {"policy.value.flag", "policy.value.flags"}
    if isinstance(policy.body, Score):
        names = policy.body.names
        wanted |= {f"policy.value.{name}" for name in (names.score, names.min, names.max, names.driver) if name}
        wanted |= {f"driver.{domain.id}" for domain in policy.body.domains}
    if isinstance(policy.body, Findings):
        wanted |= {"policy.value.codes"}
    if isinstance(policy.body, Limits):
        wanted |= {"policy.value.outside", "policy.value.critical"}
    assert {key: lacking(key) for key in wanted if lacking(key)} == {}


def codes(policy: Policy) -> Iterator[str]:
    """Codes that a fact of the policy can take, and texts that a value of it prints."""
    for fact in policy.fact_types.values():
        yield from fact.values
    for rule in policy.values:
        if rule.kind == "text":
            yield from (part.value for part in tree.walk(rule.expression) if isinstance(part, tree.Literal_) and isinstance(part.value, str) and part.value)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.id)
def test_every_code_that_a_policy_reads_or_prints_has_words(policy: Policy) -> None:
    assert without_words(set(codes(policy)), ("code", "policy.flag", "exchange.route")) == {}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.id)
def test_every_named_expression_has_words(policy: Policy) -> None:
    stems = {name: next((name.removesuffix(window) for window in WINDOWS if name.endswith(window)), name) for name in policy.define}
    wanted = {name: lacking(f"policy.defined.{name}", f"policy.defined.{stem}") for name, stem in stems.items()}
    assert {name: missing for name, missing in wanted.items() if missing} == {}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.id)
def test_words_that_a_document_writes_are_written_in_every_language(policy: Policy) -> None:
    written = [rule.text for rule in (*policy.body.rules, *policy.flags) if rule.text]
    assert all(set(text) >= set(LANGUAGES) for text in (policy.title, *written))
