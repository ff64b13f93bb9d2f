"""The pages about rules: a reader's words throughout, what differs between two documents, where a document is used, nothing lost when the language is switched."""

from __future__ import annotations

import html
import re

import pytest

from baybridge.documents.loader import Documents
from baybridge.language.languages import languages_of
from baybridge.node.options.what_if import population, tried
from baybridge.policy.document.reader import load
from baybridge.policy.language import expression as tree
from baybridge.rulebook.checking import check_documents
from baybridge.rulebook.difference import differences
from page_words import Read, untranslated
from policy_site import OWN, Site, site, text_of

__all__ = ["site"]

LABEL = "axi-cel-lbcl-3l-cn"
#: Where the word for a code may stand.
CODES = ("code", "policy.flag", "exchange.route")


def switched(page: str, language: str) -> str:
    """The address behind the switch to another language."""
    found = re.search(rf'<a href="([^"]+)" lang="{language}"', page)
    assert found is not None
    return html.unescape(found[1])


# --- the language is switched -----------------------------------------------------------------------------------------


def test_the_filter_of_the_list_stays_when_the_language_is_switched(site: Site) -> None:
    path = "/policies?q=astct+2019&kind=grades"
    page = site.get("physician", "/policies" + switched(site.get("physician", path), "pt"))
    assert 'lang="pt"' in page and 'value="astct 2019"' in page
    assert 'href="/policies/icans-astct-2019"' in page and 'href="/policies/easix"' not in page


def test_values_tried_and_their_effect_stay_when_the_language_is_switched(site: Site) -> None:
    path = f"/policies/{LABEL}/what-if"
    page = site.get("physician", path + switched(site.send("physician", path, t1="3").text, "zh-Hant"))
    assert 'name="t1" value="3"' in page
    assert "2宗個案中有2宗會得到不同答案" in text_of(page)


def test_a_past_moment_stays_when_the_language_is_switched(site: Site) -> None:
    path = f"/cases/{site.cases[0]}/eligibility"
    page = site.get("physician", path + switched(site.get("physician", f"{path}?at=2026-03-01"), "pt"))
    assert "2026-03-01 23:59" in page


# --- words --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", languages_of(Documents().folder))
def test_no_document_shows_a_name_that_only_the_software_knows(site: Site, language: str) -> None:
    wrong = []
    for name in site.node.policies.ids():
        page = site.get("physician", f"/policies/{name}", language)
        wrong += [f"{name}: {one}" for one in untranslated(Read(page).words, "physician")]
    assert wrong == []


@pytest.mark.parametrize("language", languages_of(Documents().folder))
def test_no_effect_shows_a_name_that_only_the_software_knows(site: Site, language: str) -> None:
    wrong = []
    for name in site.node.policies.ids():
        path = f"/policies/{name}/what-if"
        first = re.search(r'name="(t\d+)" value="(\d+)(?:\.\d+)?"', site.get("physician", path))
        if first is None:
            continue
        answer = site.send("physician", path, language, **{first[1]: str(int(first[2]) + 1)})
        assert answer.status_code == 200, (name, text_of(answer.text))
        wrong += [f"{name}: {one}" for one in untranslated(Read(answer.text).words, "physician")]
    assert wrong == []


@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hans"])
def test_chinese_is_set_with_its_own_signs_and_one_word_for_a_worked_case(site: Site, language: str) -> None:
    wrong = []
    for name in site.node.policies.ids():
        seen = text_of(site.get("physician", f"/policies/{name}", language))
        wrong += [f"{name}: {one}" for one in re.findall(r"[\u4e00-\u9fff][:;] .{10}|.{5}[範范]例", seen)]
    assert wrong == []


def test_every_code_that_a_rule_names_has_a_word(site: Site) -> None:
    wordless = {
        f"{name}: {part.value}"
        for name in site.node.policies.ids()
        for policy in site.node.policies.versions(name)
        for expression in (*(rule.expression for rule in policy.body.rules), *policy.define.values())
        for part in tree.walk(expression)
        if isinstance(part, tree.Literal_) and isinstance(part.value, str) and not any(site.saying.known(f"{prefix}.{part.value}") for prefix in CODES)
    }
    assert wordless == set()


def test_how_points_make_a_score_is_said_before_the_first_domain(site: Site) -> None:
    seen = text_of(site.get("physician", "/policies/crs-astct-2019"))
    rules = seen[seen.index(" Rules ") :]
    assert rules.index("The highest points of any domain are the score.") < rules.index("hypotension")


def test_a_mark_is_said_once_in_a_worked_case(site: Site) -> None:
    seen = text_of(site.get("physician", "/policies/crs-astct-2019"))
    assert "marks: no fever that counts" in seen
    assert "mark: no fever that counts" not in seen


def test_each_group_of_rules_without_rows_has_no_empty_list(site: Site) -> None:
    for name in ("crs-astct-2019", "car-hematotox", LABEL):
        assert not re.search(r"<ul[^>]*>\s*</ul>", site.get("physician", f"/policies/{name}"))


# --- a change is tried ----------------------------------------------------------------------------------------------------


def test_what_was_tried_is_said_in_words_with_what_it_was(site: Site) -> None:
    seen = text_of(site.send("physician", f"/policies/{LABEL}/what-if", t1="3").text)
    assert re.search(r"lines of therapy of at least 2 → lines of therapy of at least 3", seen), seen


def test_the_page_says_before_a_look_how_many_cases_it_reads(site: Site) -> None:
    assert "Looks at 2 cases of this site; at most 500 are read at a time." in site.get("physician", f"/policies/{LABEL}/what-if")
    assert "Looks at fewer than 5 cases" in site.get("alliance", f"/policies/{LABEL}/what-if")
    assert "are read at a time" not in site.get("physician", "/policies/release-generic/what-if")


def test_those_unchanged_are_counted_beside_their_answer(site: Site) -> None:
    assert "Unchanged: undetermined: facts are missing (2)" in text_of(site.send("physician", f"/policies/{LABEL}/what-if", t0="20").text)


def test_every_wrong_value_is_announced_once_above_the_fields(site: Site) -> None:
    answer = site.send("physician", f"/policies/{LABEL}/what-if", t0="old", t1="")
    assert "Values that cannot be used: 2." in answer.text.split('role="alert"')[1].split("</div>")[0]
    assert answer.text.count('aria-invalid="true"') == 2


def test_a_look_reads_no_more_cases_than_it_may_and_knows_how_many_there_are(site: Site) -> None:
    from baybridge.journey.command import Actor, Role

    actor = Actor("physician", Role.PHYSICIAN, "Hospital")
    policy = site.node.policies.get(LABEL)
    text = policy.text.replace("lines_of_therapy >= 2", "lines_of_therapy >= 3")
    some, everybody = tried(site.node, policy, text, actor, 1), tried(site.node, policy, text, actor)
    assert some.changes is not None and some.changes.rows == 1
    assert (some.limited, some.population, population(site.node, actor)) == (True, 2, 2)
    assert not everybody.limited


#: One policy of each shape with a threshold that its worked cases notice.
@pytest.mark.parametrize(
    ("policy", "shape"),
    [(LABEL, "criteria"), ("tls-howard-2011", "table"), ("crs-astct-2019", "score"), ("release-generic", "limits"), ("transfer-check", "findings")],
)
def test_a_draft_of_each_shape_is_checked_as_it_is_and_names_the_worked_cases_that_fail(site: Site, tmp_path, policy: str, shape: str) -> None:  # type: ignore[no-untyped-def]
    assert site.node.policies.get(policy).shape == shape
    path = f"/policies/{policy}/what-if"
    known = re.search(r'name="(t\d+)" value="(\d+)', site.get("physician", path))
    assert known is not None
    answer = site.send("physician", path, do="download", **{known[1]: str(int(known[2]) + 1)})
    draft = tmp_path / "draft.yaml"
    draft.write_text(answer.text, "utf-8")
    report = check_documents(site.node.documents, site.node.dictionary, draft)
    failing = {problem.expected.split("'")[1] for problem in report.problems}
    comments = [line for line in answer.text.splitlines() if line.startswith("# ")]
    assert report.policies == 1 and failing
    assert {problem.code for problem in report.problems} == {"policy.problem.worked_case"}
    assert {line.removeprefix("# - ") for line in comments if line.startswith("# - ")} == failing
    assert any("->" in line for line in comments) and any(f"baybridge policy check {policy}-what-if.yaml" in line for line in comments)


# --- two documents --------------------------------------------------------------------------------------------------------


def test_what_differs_is_said_rule_by_rule_and_what_is_the_same_is_counted(site: Site) -> None:
    old = site.node.policies.get(LABEL)
    new = load(old.text.replace("lines_of_therapy >= 2", "lines_of_therapy >= 3"), old.origin, site.node.policies.fact_types)
    (rules,) = differences(old, new, site.saying)
    (one,) = rules.differences
    assert one.was is not None and one.now is not None
    assert (one.how, one.was.words, one.now.words) == ("changed", "lines of therapy of at least 2", "lines of therapy of at least 3")
    assert (rules.heading, rules.same, rules.reordered) == ("policies.rules", 4, False)
    assert differences(old, old, site.saying) == ()


def test_another_order_of_rows_differs_in_a_table_only(site: Site) -> None:
    table = site.node.policies.get("tls-howard-2011")
    from dataclasses import replace

    turned = replace(table, body=replace(table.body, rows=table.body.rows[::-1]))  # type: ignore[call-arg]
    (rules,) = differences(table, turned, site.saying)
    assert rules.reordered and not rules.differences
    label = site.node.policies.get(LABEL)
    assert differences(label, replace(label, body=replace(label.body, criteria=label.body.criteria[::-1])), site.saying) == ()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("language", "says"),
    [("en", "only in the other"), ("zh-Hant", "只見於另一份"), ("zh-Hans", "仅见于另一份"), ("pt", "só no outro")],
)
def test_two_policies_are_compared_in_each_language(site: Site, language: str, says: str) -> None:
    page = site.get("nurse", "/policies/axi-cel-lbcl-2l-cn/compare?with=axi-cel-lbcl-3l-cn", language)
    assert says in text_of(page)
    assert untranslated(Read(page).words, "nurse") == []
    assert "what-if" not in page and 'value="effect"' not in page  # a nurse does not try


def test_the_sites_own_document_is_compared_with_the_one_that_it_replaces(site: Site) -> None:
    page = site.get("physician", f"/policies/{OWN}/compare")
    assert '<option value="shipped">comes with Baybridge</option>' in page
    seen = text_of(site.get("physician", f"/policies/{OWN}/compare?with=shipped"))
    assert re.search(r"Rules What Was Is changed .* ECOG performance status below 3.* As written .* ECOG performance status below 2.* As written", seen), seen
    assert 'href="/policies/fitness-treatment?version=1"' in page  # the document of the site, where the other is not served
    assert site.get("physician", f"/policies/{OWN}/compare?with=shipped").count('href="/policies/fitness-treatment?version=1"') == 2


def test_documents_that_say_the_same_say_so(site: Site) -> None:
    assert "Both documents say the same." in site.get("physician", f"/policies/{LABEL}/compare?with={LABEL}")


def test_who_would_get_another_answer_from_the_other_document(site: Site) -> None:
    path = f"/policies/{LABEL}/compare?with=axi-cel-lbcl-2l-cn"
    before = site.get("physician", path)
    assert 'value="effect"' in before and 'id="effect"' not in before
    page = site.get("physician", f"{path}&do=effect")
    assert "2 of 2 cases would get another answer" in page and "lines of therapy is 1" in text_of(page)
    assert all(f"/cases/{case}/facts" in page for case in site.cases)
    assert 'id="effect"' not in site.get("nurse", f"{path}&do=effect")


@pytest.mark.parametrize("other", ["nope", "easix@99", "shipped", "../../etc/passwd", "@"])
def test_a_document_to_compare_with_that_does_not_exist_is_not_found(site: Site, other: str) -> None:
    own = OWN if other != "shipped" else "easix"
    answer = site.answer("physician", "GET", f"/policies/{own}/compare", "en", params={"with": other})
    assert answer.status_code == (200 if other == "shipped" else 404)


# --- where it is used -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (LABEL, "Decide eligibility coordinator, pharmacist, physician Due at: Decide eligibility for all products (physician)"),
        ("fitness-infusion", "Check fitness physician Due at: Check fitness for infusion (physician)"),
        ("test-recognition", "Decide which outside results serve here (physician)"),
        ("transfer-check", "Send records"),
        ("spec-axicabtagene-ciloleucel", "Release the batch quality"),
        ("crs-astct-2019", "Assess the patient"),
        ("icaht-2023", "Its answer is shown on a case under: Bedside"),
        ("fitness-trial-ct041", "It is computed on request: baybridge decide fitness-trial-ct041 --facts FILE"),
    ],
)
def test_a_policy_says_where_it_is_used_and_by_whom(site: Site, policy: str, says: str) -> None:
    seen = text_of(site.get("nurse", f"/policies/{policy}"))
    assert says in seen[seen.index("Where it is used") :], seen[seen.index("Where it is used") :][:600]
