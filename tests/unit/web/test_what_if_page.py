"""What if: who changes outcome and because of which rule, what a wrong value says, who is told what, and that nothing is stored."""

from __future__ import annotations

import json
import re

import pytest

from policy_site import Site, site, text_of

__all__ = ["site"]

POLICY = "axi-cel-lbcl-3l-cn"
PAGE = f"/policies/{POLICY}/what-if"


def kept(site: Site) -> list[object]:
    """Everything that a look must leave as it is: events of the cases and kept decisions."""
    from sqlalchemy import func, select

    from baybridge.node import tables

    with site.node.storage.reading() as connection:
        decisions = connection.execute(select(func.count()).select_from(tables.decision)).scalar()
    return [decisions, *(len(site.node.events(case)) for case in site.cases)]


def test_the_page_shows_each_threshold_in_words_with_its_value(site: Site) -> None:
    page = site.get("physician", PAGE)
    assert "age of at least 18\u00a0years" in page and 'value="18"' in page
    assert "lines of therapy of at least 2" in page


def test_who_changes_outcome_and_because_of_which_rule(site: Site) -> None:
    before = kept(site)
    answer = site.send("physician", PAGE, t1="3")
    seen = text_of(answer.text)
    assert answer.status_code == 200
    assert "2 of 2 cases would get another answer" in seen, seen
    assert re.search(r"not eligible 2 lines of therapy of at least 3", seen), seen
    assert all(f"/cases/{case}/facts" in answer.text for case in site.cases)
    assert "worked cases no longer come out" in seen
    assert kept(site) == before


def test_a_change_that_reaches_nobody_here_says_so(site: Site) -> None:
    seen = text_of(site.send("physician", PAGE, t0="20").text)
    assert "Nobody here would get another answer" in seen
    assert "18 years" in seen  # the worked case at the limit


def test_each_look_at_a_patients_facts_is_in_the_log(site: Site) -> None:
    from sqlalchemy import select

    from baybridge.ledger import tables

    site.send("physician", PAGE, t1="4")
    with site.node.storage.reading() as connection:
        entries = [json.loads(body) for body in connection.execute(select(tables.log_entry.c.body)).scalars()]
    looks = {entry["subject"] for entry in entries if entry["what"] == f"what-if {POLICY}"}
    assert len(looks) == len(site.cases)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "Expected a value, found nothing. The value in force is 18."),
        ("old", "Expected a number such as 75 or 1.5, found “old”."),
        ("-3", "Expected a number such as 75 or 1.5, found “-3”."),
        ("1e999", "Expected a number such as 75 or 1.5"),
        ("18 OR TRUE", "Expected a number such as 75 or 1.5"),
        ("１８", "Expected a number such as 75 or 1.5"),
        ("300", "age lies between 0 and 125 years"),
    ],
)
def test_a_wrong_value_says_what_was_expected_beside_its_field(site: Site, value: str, says: str) -> None:
    answer = site.send("physician", PAGE, t0=value)
    assert answer.status_code == 422
    assert says in text_of(answer.text)
    assert 'aria-invalid="true"' in answer.text
    assert f'value="{value}"' in answer.text


@pytest.mark.parametrize("language", ["pt", "en"])
def test_a_number_typed_with_a_comma_is_tried_in_every_language(site: Site, language: str) -> None:
    answer = site.send("physician", "/policies/crs-astct-2019/what-if", language, t0="38,5")
    assert answer.status_code == 200, text_of(answer.text)
    assert 'value="38.5"' in answer.text


def test_nothing_changed_says_so_and_the_same_number_written_otherwise_is_no_change(site: Site) -> None:
    for value in ("18", "18.0", "018"):
        answer = site.send("physician", PAGE, t0=value)
        assert answer.status_code == 422
        assert "No value was changed" in answer.text


def test_a_document_that_changed_meanwhile_is_shown_again(site: Site) -> None:
    answer = site.send("physician", PAGE, t0="40", sha256="0" * 64)
    assert answer.status_code == 422
    assert "The document was changed meanwhile" in answer.text
    assert 'value="18"' in answer.text


def test_the_changed_document_can_be_kept(site: Site) -> None:
    answer = site.send("physician", PAGE, t1="3", do="download")
    assert answer.headers["content-type"].startswith("application/yaml")
    assert f'filename="{POLICY}-what-if.yaml"' in answer.headers["content-disposition"]
    original = site.get("physician", f"/policies/{POLICY}/document.yaml")
    comments, document = answer.text.split("id: ", 1)
    assert f"id: {document}" == original[original.index("id: ") :].replace("lines_of_therapy >= 2", "lines_of_therapy >= 3")
    assert all(line.startswith("#") for line in comments.splitlines())


def test_who_may_not_read_the_cases_is_told_no_small_numbers_and_no_names(site: Site) -> None:
    answer = site.send("alliance", PAGE, t1="3")
    seen = text_of(answer.text)
    assert "fewer than 5" in seen
    assert not re.search(r"\d+ of \d+ cases", seen)
    assert "/cases/" not in answer.text
    assert "試甲" not in answer.text


def test_a_payer_that_was_asked_about_nobody_has_no_population(site: Site) -> None:
    assert "There are no cases here yet" in text_of(site.send("payer", PAGE, t1="3").text)


def test_a_role_without_it_may_not_try(site: Site) -> None:
    assert site.answer("nurse", "GET", PAGE, "en").status_code == 403
    assert "what-if" not in site.get("nurse", f"/policies/{POLICY}")


@pytest.mark.parametrize(("name", "says"), [("easix", "This document has no threshold"), ("release-generic", "viability of at least 70\u00a0%")])
def test_documents_without_thresholds_or_without_a_population(site: Site, name: str, says: str) -> None:
    path = f"/policies/{name}/what-if"
    assert says in site.get("physician", path)
    if name == "release-generic":
        assert "come with each request" in text_of(site.send("physician", path, t0="80").text)


@pytest.mark.parametrize(
    ("language", "says"),
    [("zh-Hant", "2宗個案中有2宗會得到不同答案"), ("zh-Hans", "2例病例中有2例会得到不同答案"), ("pt", "2 de 2 casos teriam outra resposta")],
)
def test_the_effect_is_said_in_each_language(site: Site, language: str, says: str) -> None:
    assert says in text_of(site.send("physician", PAGE, language, t1="3").text)


# --- the list ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found_", "not_found"),
    [
        ("q=Yescarta", "axi-cel-lbcl-2l-cn", "eque-cel-mm-hk"),
        ("q=福可苏", "eque-cel-mm-hk", "axi-cel-lbcl-2l-cn"),
        ("jurisdiction=HK", "eque-cel-mm-hk", "eque-cel-mm-cn"),
        ("jurisdiction=HK", "crs-astct-2019", "eque-cel-mm-cn"),
        ("kind=scores", "easix", "crs-astct-2019"),
        ("product=zevorcabtagene-autoleucel", "zevor-cel-mm-cn", "cilta-cel-mm-cn"),
        ("kind=grades&q=astct+2019", "icans-astct-2019", "iec-hs-screening-2023"),
    ],
)
def test_a_policy_is_found_by_what_a_reader_knows(site: Site, query: str, found_: str, not_found: str) -> None:
    page = site.get("physician", f"/policies?{query}")
    assert f'href="/policies/{found_}"' in page
    assert f'href="/policies/{not_found}"' not in page


def test_nothing_found_says_so(site: Site) -> None:
    assert "No document fits" in site.get("physician", "/policies?q=unobtainium")


def test_a_version_that_does_not_exist_is_not_found(site: Site) -> None:
    assert site.answer("physician", "GET", f"/policies/{POLICY}?version=99", "en").status_code == 404
    assert site.answer("physician", "GET", "/policies/no-such-policy/what-if", "en").status_code == 404
