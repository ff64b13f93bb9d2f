"""A decision on a case as its reader meets it: criteria in words, the source once, what is missing and what would settle it, and an earlier moment."""

from __future__ import annotations

import re

import pytest

from baybridge.base.outcome import Refusal
from baybridge.documents.loader import Documents
from baybridge.journey.command import Actor, Command, Role
from baybridge.language.languages import languages_of
from baybridge.matching.eligibility import label_policies
from baybridge.node.clock import new_id
from baybridge.node.handle import handle
from baybridge.web.case import eligibility_matrix
from page_words import Read, untranslated
from policy_site import HERE, Site, site, text_of

__all__ = ["site"]

SECOND_LINE = "axicabtagene ciloleucel: large B-cell lymphoma, second line (mainland label)"


AXI_CEL = "?product=axicabtagene-ciloleucel"


def page_of(site: Site, language: str = "en", query: str = AXI_CEL, who: str = "physician") -> str:
    return site.get(who, f"/cases/{site.cases[0]}/eligibility{query}", language)


def panel(page: str, title: str) -> str:
    """The part of the page about one policy."""
    return next(part for part in page.split('<details class="judged"')[1:] if title in part)


@pytest.mark.parametrize("language", languages_of(Documents().folder))
def test_no_criterion_is_shown_as_the_software_writes_it(site: Site, language: str) -> None:
    assert untranslated(Read(page_of(site, language)).words, "physician") == []


def test_a_criterion_is_said_in_words_and_can_be_read_as_written_on_the_page_of_its_policy(site: Site) -> None:
    shown = panel(page_of(site), "large B-cell lymphoma, second line")
    assert "lines of therapy is 1" in text_of(shown) and "<code" not in shown
    policy = re.search(r'href="(/policies/[^"]+)"', shown)
    assert policy and '<code lang="en">lines_of_therapy = 1</code>' in site.get("physician", policy[1])


def test_the_matrix_has_a_line_for_each_label_and_eligible_ones_stand_first(site: Site) -> None:
    page = page_of(site)
    lines = re.findall(r"<tr[^>]*>\s*<th scope=\"row\">.*?</tr>", page.split('<table class="matrix">')[1].split("</table>")[0], re.DOTALL)
    outcomes = [text_of(re.findall(r"<td>(.*?)</td>", line, re.DOTALL)[0]).strip() for line in lines]
    order = ["eligible", "undetermined: facts are missing", "not eligible"]
    assert len(lines) == sum(len(label_policies(product)) for product in site.node.documents.typed.products.values()) > 1
    assert [one for one in outcomes if one in order] == sorted((one for one in outcomes if one in order), key=order.index)
    assert len(page.split('class="judged"')) < 12, "one product stands in full"
    assert "nothing is not in the catalogue" in page_of(site, query="?product=nothing")


def test_alternatives_count_as_one_criterion_and_one_that_holds_is_enough() -> None:
    reasons = [
        {"criterion": "adult", "holds": True, "expression": "", "facts": {"age": 60}, "source": ""},
        {"criterion": "by-clearance", "holds": False, "any_of": "kidney", "expression": "", "facts": {"creatinine_clearance": 20}, "source": ""},
        {"criterion": "by-egfr", "holds": True, "any_of": "kidney", "expression": "", "facts": {"egfr": 80}, "source": ""},
        {"criterion": "no-infection", "holds": None, "expression": "", "facts": {"active_infection": None}, "source": ""},
    ]
    cells = eligibility_matrix._cells(reasons, {"age": "general", "creatinine_clearance": "kidney", "egfr": "kidney", "active_infection": "infection"})  # type: ignore[arg-type]
    assert {name: (cell.holding, cell.failing, cell.unknown, cell.state) for name, cell in cells.items()} == {
        "general": (1, 0, 0, "holds"), "kidney": (1, 0, 0, "holds"), "infection": (0, 0, 1, "unknown"),
    }  # fmt: skip


def test_the_source_of_a_policy_stands_once(site: Site) -> None:
    source = site.node.policies.get("axi-cel-lbcl-2l-cn").sources[0]
    assert panel(page_of(site), "large B-cell lymphoma, second line").count(source) == 1


def test_what_is_missing_and_what_would_settle_it_stand_with_an_open_policy(site: Site) -> None:
    shown = text_of(panel(page_of(site), "large B-cell lymphoma, after two lines (mainland label)"))
    assert "Still missing: relapsed or refractory" in shown
    assert "Any one of these would settle it: relapsed or refractory" in shown


def test_a_question_that_many_policies_wait_for_names_them_on_demand(site: Site) -> None:
    asked = page_of(site).split("What to ask for next")[1].split("</section>")[0]
    assert re.search(r"<summary>could settle \d+</summary>\s*<ul>", asked), asked[:600]


def test_a_product_says_since_when_as_its_reader_writes_days(site: Site) -> None:
    assert "since 22 Jun 2021" in text_of(page_of(site)) and "since Mar 2025" in text_of(page_of(site))
    assert "自2021年6月22日起" in text_of(page_of(site, "zh-Hant")) and "自2025年3月起" in text_of(page_of(site, "zh-Hant"))


def test_before_anything_was_known_the_page_says_so_instead_of_asking_everything(site: Site) -> None:
    page = page_of(site, query="?at=2026-01-01")
    assert "At that moment nothing of this case was known here." in page
    assert "What to ask for next" not in page


@pytest.mark.parametrize("at", ["2099-01-01", "yesterday", "2026-13-40"])
def test_a_moment_that_cannot_be_shown_is_said_and_not_passed_over(site: Site, at: str) -> None:
    page = page_of(site, query=f"?at={at}")
    assert f"Expected a day in the past such as 2026-01-31, found “{at}”. The case is shown as it is now." in page
    assert "Expected a day" not in page_of(site, query="?at=2026-03-01") and "Expected a day" not in page_of(site)


def test_a_fact_of_an_earlier_moment_leads_to_the_facts_of_that_moment(site: Site) -> None:
    at = site.node.now().isoformat()
    page = page_of(site, query=f"?at={at.replace('+', '%2B')}")
    links = re.findall(rf'href="(/cases/{site.cases[0]}/facts[^"]*#age)"', page)
    assert links and all("?at=2026-03-02" in link for link in links)


def test_a_reason_against_a_product_names_the_policy_and_its_answer_in_words(site: Site) -> None:
    actor = Actor("physician", Role.PHYSICIAN, HERE)
    done = handle(site.node, Command("DecideEligibility", site.cases[0], {}, actor, new_id(site.node.now)))
    assert not isinstance(done, Refusal)
    given = {"product": "axicabtagene-ciloleucel", "policy": "axi-cel-lbcl-2l-cn", "csrf": site.sessions["physician"].csrf}
    seen = text_of(site.answer("physician", "POST", f"/cases/{site.cases[0]}/do/ChooseProduct", "en", data=given).text)
    assert f"The policy {SECOND_LINE} says not eligible." in seen
    assert "The policy axi-cel" not in seen
