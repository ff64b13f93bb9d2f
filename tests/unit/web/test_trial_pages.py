"""Pages of options, trials and centres as a person uses them: upload, review with a wrong line, check, keep, see who fits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.demo.trials import SEARCH
from baybridge.journey.command import Actor, Role
from baybridge.node.config import read_config
from baybridge.node.intake.importing import import_upload
from baybridge.node.node import Node
from baybridge.node.options import screening
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found

ONE = "NCT99999901"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, TestClient, str, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("pages") / "node"
    found(folder, {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "city": "Macao", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=Clock())
    content = json.dumps(record("somebody", node.now())).encode()
    imported = import_upload(node, Actor("first", Role.COORDINATOR, "Hospital"), "r.json", content)
    sessions = {}
    with node.storage.writing() as connection:
        for role in (Role.PHYSICIAN, Role.PATIENT):
            patient = "somebody" if role is Role.PATIENT else None
            accounts.add_account(connection, account=role, name=role, role=role, organisation="Hospital", password="-", patient_id=patient)
            sessions[role.value] = accounts.open_session(connection, role, node.now())
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=True) as client:
        yield node, client, next(iter(imported.cases.values())), sessions  # type: ignore[union-attr]


def page(house: Any, role: str, address: str, data: dict[str, str] | None = None, **more: Any) -> str:
    _, client, _, sessions = house
    client.cookies.set("baybridge", sessions[role].token)
    filled = {"csrf": sessions[role].csrf, **data} if data is not None else None
    answer = client.post(address, data=filled, **more) if filled is not None else client.get(address)
    assert answer.status_code < 500, answer.text[-2000:]
    return answer.text


def form(house: Any, **changes: str) -> dict[str, str]:
    """The review form's fields as the page has them, with changes."""
    text = page(house, "physician", f"/trials/{ONE}/review")
    fields = dict(re.findall(r'<input (?:type="hidden" |class="rule" id="[^"]*" |)name="([^"]+)" value="([^"]*)"', text))
    fields |= dict(re.findall(r'<input type="radio" name="([^"]+)" value="([^"]*)" checked', text))
    fields = {name: value.replace("&gt;", ">").replace("&lt;", "<").replace("&#39;", "'") for name, value in fields.items()}
    return {**fields, **{name.replace("_", "."): value for name, value in changes.items()}}


@pytest.fixture(scope="module")
def filed(house: Any) -> Any:
    text = page(house, "physician", "/trials", {}, files={"file": ("search.json", json.dumps({**SEARCH, "nextPageToken": "x"}).encode())})
    assert "3 new" in text
    assert "further pages" in text
    return house


def test_a_file_that_is_none_says_what_was_expected(house: Any) -> None:
    assert "expected JSON" in page(house, "physician", "/trials", {}, files={"file": ("x.json", b"nothing")})
    assert "Choose the JSON file" in page(house, "physician", "/trials", {})


def test_unreviewed_criteria_are_shown_as_text(filed: Any) -> None:
    text = page(filed, "physician", f"/trials/{ONE}")
    assert "not machine-checked" in text
    assert "ECOG 0 or 1" in text
    assert "Nobody is screened." in page(filed, "physician", "/trials/NCT99999902/patients")


def test_a_wrong_rule_is_told_at_its_line_and_keeps_nothing(filed: Any) -> None:
    wrong = form(filed, when_4="ege <= 1", reading_4="rule") | {"do": "keep"}
    text = page(filed, "physician", f"/trials/{ONE}/review", wrong)
    line = text.split('id="wrong.4"')[1].split("</ul>")[0]
    assert "did you mean age?" in line
    assert "1 lines cannot be used" in text
    assert "None yet." in page(filed, "physician", f"/trials/{ONE}")


def test_the_page_asks_while_one_writes(filed: Any) -> None:
    assert json.loads(page(filed, "physician", "/trials/check", {"when": "ecog <= 1"}))["problems"] == []
    assert json.loads(page(filed, "physician", "/trials/check", {"when": "ecog <= 'x'"}))["problems"]


def test_a_review_is_checked_then_kept_and_screens(filed: Any) -> None:
    node, _, case_id, _ = filed
    rules = form(filed, when_4="ecog <= 1", reading_4="rule")
    assert "Nothing is kept yet." in page(filed, "physician", f"/trials/{ONE}/review", rules | {"do": "check"})
    assert "Version 1" in page(filed, "physician", f"/trials/{ONE}/review", rules | {"do": "keep"})
    screening.catch_up(node)
    assert case_id in page(filed, "physician", f"/trials/{ONE}/patients")
    options = page(filed, "physician", f"/cases/{case_id}/options")
    assert "Synthetic trial 1" in options
    assert "published lines are not machine-checked" in options


@pytest.mark.parametrize("by", ["status", "date", "pays", "near", "language", "chance", "nonsense"])
@pytest.mark.parametrize("language", ["en", "zh-Hant", "zh-Hans", "pt"])
def test_every_order_reads_in_every_language(filed: Any, by: str, language: str) -> None:
    text = page(filed, "physician", f"/cases/{filed[2]}/options?by={by}&language={language}")
    assert 'class="option"' in text
    assert not re.findall(r">\s*(?:options|matching|trials)\.[a-z_.]+\s*<", text), "no raw key"


def test_the_patient_reads_plain_words_and_no_expression(filed: Any) -> None:
    text = page(filed, "patient", f"/cases/{filed[2]}/options?language=en")
    assert "What could be possible for you" in text
    assert "What you can ask for next" in text
    assert "lines_of_therapy" not in text


NAMED = ("queen-mary", "sysucc", "sysu-first", "jiahui-international", "kiang-wu", "zhongshan", "renji", "west-china", "peking-union", "peking-first")


@pytest.mark.parametrize("centre", NAMED)
def test_a_named_hospital_shows_what_is_not_established(house: Any, centre: str) -> None:
    assert f'href="/centres/{centre}"' in page(house, "patient", "/centres?language=en")
    text = page(house, "patient", f"/centres/{centre}?language=en")
    assert text.count("not established") >= 4


def test_centres_are_found_by_product(house: Any) -> None:
    text = page(house, "patient", "/centres?product=tisagenlecleucel&language=en")
    assert "/centres/queen-mary" in text
    assert "/centres/kiang-wu" not in text


def test_what_is_not_here_is_said(house: Any) -> None:
    assert "The directory has no centre nowhere" in page(house, "physician", "/centres/nowhere")
    assert "This node has no trial" in page(house, "physician", "/trials/NCT00000000")
