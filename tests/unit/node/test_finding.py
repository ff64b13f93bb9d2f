"""A person is found by any part of a name in any script and by a number; a case by what stands on its bags and papers; nobody by what is not theirs to search."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.finding import MOST, find
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from baybridge.record.store import store

AT = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)
HERE, PASSWORD = "Hospital", "three plain words"
CHAIN, BAG, BATCH = "LOCAL-CH0HK00266QLBDBKHCL-4", "CAR-001-1", "B26001"
PEOPLE: dict[str, list[dict[str, Any]]] = {
    "p-1": [{"use": "official", "text": "陳大文"}, {"text": "CHAN Tai Man"}],
    "p-2": [{"family": "Conceição", "given": ["João", "Ma 100%"]}],
    "p-3": [{"text": "<b>Wong</b> Siu_Ming"}],
    "p-4": [{"text": "𨋢 阿"}],
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    found(tmp_path / "node", {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre"]})
    made = Node(read_config(tmp_path / "node"), now=lambda: AT)
    with made.storage.writing() as connection:
        people: list[dict[str, Any]] = [{"resourceType": "Patient", "id": name, "name": names, "birthDate": "1961-03"} for name, names in PEOPLE.items()]
        people[0]["identifier"] = [{"system": "urn:hk:hkid", "value": "A123456(3)"}]
        carried: list[dict[str, Any]] = [
            {
                "resourceType": "Specimen", "id": "s-1", "subject": {"reference": "Patient/p-1"},
                "identifier": [{"system": f"urn:baybridge:{kind}", "value": value} for kind, value in (("chain-of-identity", CHAIN), ("bag", BAG), ("batch", BATCH))],
            }
        ]  # fmt: skip
        store.put_many(connection, [*people, *carried], at=AT)
        for name, patient in (("case-a1b2c3", "p-1"), ("case-d4e5f6", "p-3")):
            row = {"case_id": name, "patient_id": patient, "stage": "infused", "product": None, "synthetic": True, "updated_at": AT.isoformat(), "tasks_stale": False}
            connection.execute(insert(tables.case_index).values(row))
        for role, organisation in ((Role.NURSE, HERE), (Role.MANUFACTURER, HERE), (Role.PAYER, "Payer"), (Role.NURSE, "Another hospital")):
            name = f"{role.value} {organisation}"
            accounts.add_account(connection, account=name, name=name, role=role, organisation=organisation, password=PASSWORD)
    yield made
    made.storage.close()


def hits(node: Node, text: str, *, names: bool = True) -> dict[str, str]:
    with node.storage.reading() as connection:
        return {hit.patient: hit.by for hit in find(connection, text, names=names).hits}


@pytest.mark.parametrize(
    ("text", "patients"),
    [
        ("陳", {"p-1"}), ("陈大", {"p-1"}), ("大文", {"p-1"}), ("chan", {"p-1"}), ("Man CHAN", {"p-1"}), ("ｃｈａｎ", {"p-1"}), ("tai", {"p-1"}),
        ("conceicao", {"p-2"}), ("joao conceição", {"p-2"}), ("𨋢", {"p-4"}), ("阿", {"p-4"}),
        ("chan conceicao", set()),
        ("ma", {"p-1", "p-2"}), ("100%", {"p-2"}), ("%", set()), ("_", set()), ("siu_ming", {"p-3"}), ("nobody", set()), ("", set()), (" ", set()),
    ],
)  # fmt: skip
def test_any_part_of_a_name_in_any_script_and_order(node: Node, text: str, patients: set[str]) -> None:
    assert set(hits(node, text)) == patients


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("A123456(3)", "person"), ("a123456 3", "person"), ("A1234563", "person"), ("Ａ123", "person"), (CHAIN, "chain"), (CHAIN.lower(), "chain"), (CHAIN[:12], "chain"),
        (BAG, "bag"), (BATCH, "batch"), ("b260", "batch"), ("a1b2c3", "case"), ("A1B2C3", "case"),
    ],
)  # fmt: skip
def test_numbers_of_people_cells_and_papers(node: Node, text: str, by: str) -> None:
    assert hits(node, text) == {"p-1": by}


@pytest.mark.parametrize("text", ["A9", "123456", "26001", "'; drop table event; --", "\x00", "%%%", "\U0010ffff"])
def test_what_begins_no_number_finds_nobody(node: Node, text: str) -> None:
    assert hits(node, text) == {}


def test_who_works_without_names_finds_by_cells_and_papers_alone(node: Node) -> None:
    assert [hits(node, text, names=False) for text in ("chan", "陳", "A123456(3)")] == [{}, {}, {}]
    assert hits(node, BAG, names=False) == {"p-1": "bag"}


def test_a_name_that_many_have_shows_the_first_and_says_so(node: Node) -> None:
    with node.storage.writing() as connection:
        store.put_many(connection, [{"resourceType": "Patient", "id": f"q-{n}", "name": [{"text": f"Lee {n}"}]} for n in range(MOST + 9)], at=AT)
    with node.storage.reading() as connection:
        answer = find(connection, "lee", names=True)
    assert (len(answer.hits), answer.more) == (MOST, True)


def test_a_deleted_person_is_not_found(node: Node) -> None:
    with node.storage.writing() as connection:
        store.remove(connection, "Patient", "p-2", at=AT)
    assert hits(node, "conceicao") == {}


# --- on the page ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(node: Node) -> Iterator[TestClient]:
    with TestClient(application(node, workers=False), follow_redirects=False) as client:
        yield client


def asks(browser: TestClient, name: str, text: str) -> Any:
    browser.cookies.clear()
    browser.post("/sign-in", data={"name": name, "password": PASSWORD})
    page = browser.get("/account").text
    token = page.split('name="csrf" value="')[1].split('"')[0]
    return browser.post("/search", data={"csrf": token, "q": text})


def test_a_nurse_types_a_part_of_a_name_and_is_led_to_the_case(browser: TestClient) -> None:
    answer = asks(browser, f"nurse {HERE}", "大文")
    assert answer.status_code == 200
    assert "陳大文" in answer.text
    assert "/cases/case-a1b2c3" in answer.text
    assert "1961-03" in answer.text


def test_a_name_with_markup_is_shown_as_text_and_a_person_without_a_case_is_said_to_have_none(browser: TestClient) -> None:
    answer = asks(browser, f"nurse {HERE}", "wong")
    assert "&lt;b&gt;Wong" in answer.text
    assert "<b>Wong" not in answer.text
    assert "no case here" in asks(browser, f"nurse {HERE}", "joao").text


def test_a_manufacturer_sees_the_mark_and_no_name(browser: TestClient) -> None:
    answer = asks(browser, f"manufacturer {HERE}", BAG)
    assert "A1B2C3" in answer.text
    assert "陳" not in answer.text
    assert "1961" not in answer.text


@pytest.mark.parametrize("name", ["payer Payer", "nurse Another hospital"])
def test_others_have_no_box_and_are_refused(browser: TestClient, name: str) -> None:
    assert asks(browser, name, "chan").status_code == 403
    assert 'id="find"' not in browser.get("/account").text


def test_without_the_token_of_the_form_nothing_is_searched(browser: TestClient) -> None:
    asks(browser, f"nurse {HERE}", "chan")
    assert browser.post("/search", data={"q": "chan"}).status_code == 403
