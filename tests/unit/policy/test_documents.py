"""Our documents with a site's own laid over them, and the version of a policy that is in force on a day."""

from __future__ import annotations

from datetime import date

import pytest

from baybridge.documents.loader import Documents
from baybridge.documents.problems import DocumentProblem
from baybridge.policy.one_case.decide import decide
from baybridge.rulebook.library import UnknownPolicyError, fact_types, policies_of

FACTS = "age: {type: number, unit: a, cost: 0}\nlines: {type: integer}\n"


def policy(policy_id: str, limit: int, begins: str | None = None) -> str:
    since = f"in_force_from: {begins}\n" if begins else ""
    return f'id: {policy_id}\nversion: "{limit}"\nshape: criteria\nsource: s\n{since}criteria: [{{id: a, when: age >= {limit}}}]\n'


def write(root, **files):
    for name, text in files.items():
        path = root / (name.replace("__", "/").replace("_v", "-v") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def ours(tmp_path):
    files = {"facts__all": FACTS, "policies__adult": policy("adult", 18), "translations__en__a": "a: A\nb: B\n"}
    versions = {"policies__dated_v1": policy("dated", 18, "2024-01-01"), "policies__dated_v2": policy("dated", 16, "2025-01-01")}
    return write(tmp_path / "ours", **files, **versions)


def library(*roots):
    documents = Documents(*roots)
    return policies_of(documents, fact_types(documents))


def test_a_site_changes_a_threshold_by_its_own_document(ours, tmp_path):
    site = write(tmp_path / "site", policies__mine=policy("adult", 21), translations__en__x="b: other\n")
    assert decide(library(ours).get("adult"), {"age": 20}).outcome == "holds"
    assert decide(library(ours, site).get("adult"), {"age": 20}).outcome == "fails"
    assert Documents(ours, site).translations("en") == {"a": "A", "b": "other"}
    assert library(ours, site).ids() == ("adult", "dated")


@pytest.mark.parametrize(("on", "version"), [(None, "16"), (date(2023, 1, 1), "18"), (date(2024, 12, 31), "18"), (date(2025, 1, 1), "16")])
def test_the_version_of_a_day(ours, on, version):
    assert library(ours).get("dated", on).version == version


def test_before_its_first_version_a_policy_is_not_in_force(ours):
    day = date(2023, 1, 1)
    assert decide(library(ours).get("dated", day), {"age": 20}, as_of=day).outcome == "not-in-force"


def test_a_broken_neighbour_does_not_keep_a_policy_from_loading(ours):
    write(ours, policies__broken="id: broken\nshape: [\n")
    assert library(ours).get("adult").id == "adult"


def test_an_unknown_policy_is_told_with_the_nearest(ours):
    with pytest.raises(UnknownPolicyError, match="did you mean adult"):
        library(ours).get("adlut")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "all.yaml:2:1: expected YAML"),
        ("- a\n", "expected a mapping, found list"),
        ("age: {type: colour}\n", "age: expected a type of"),
    ],
)
def test_a_broken_dictionary_says_where(ours, text, says):
    write(ours, facts__all=text)
    with pytest.raises(DocumentProblem, match="expected") as problem:
        fact_types(Documents(ours))
    assert says in str(problem.value)
