"""A person of whom there is a record and no case has the same rights by page as by command: copy, hold, restriction, erasure by two persons."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.intake.records import import_file
from baybridge.node.node import Node
from baybridge.node.people import accounts, erasure
from baybridge.node.upkeep.founding import found
from baybridge.record.store import store

PASSWORD = "a long enough password"
PATIENT = {"resourceType": "Patient", "id": "p-1", "name": [{"text": "Nobody Here"}], "birthDate": "1970-01-02"}
NOTE = {"resourceType": "Basic", "id": "note", "code": {"text": "a note"}, "subject": {"reference": "Patient/p-1"}}
WHO = {"patient": "p-1"}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    found(tmp_path / "mo", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]})
    node = Node(read_config(tmp_path / "mo"))
    with node.storage.writing() as connection:
        for name, role in (("anna", Role.QUALITY), ("bela", Role.QUALITY), ("nina", Role.NURSE)):
            accounts.add_account(connection, account=name, name=name, role=role, organisation="Hospital", password=PASSWORD, person_id=f"p-{name}")
    with node.unit() as unit:
        import_file(unit, node.system(), "\n".join(json.dumps(one) for one in (PATIENT, NOTE)).encode(), name="in.ndjson")
    return node


class Reader:
    """Somebody who signed in and asks by the forms of pages."""

    def __init__(self, node: Node, name: str) -> None:
        self.client = TestClient(application(node, workers=False))
        self.client.post("/sign-in", data={"name": name, "password": PASSWORD})
        with node.storage.reading() as connection:
            self.csrf = connection.execute(select(tables.session.c.csrf).where(tables.session.c.account == name)).scalars().all()[-1]

    def sends(self, path: str, fields: dict[str, str]) -> httpx.Response:
        return self.client.post(path, data={"csrf": self.csrf, **fields}, follow_redirects=False)


def looked(node: Node) -> list[tuple[str, str]]:
    with node.storage.reading() as connection:
        return [(row.what, row.purpose) for row in connection.execute(select(tables.record_read).where(tables.record_read.c.patient_id == "p-1"))]


def marks(node: Node) -> list[str]:
    with node.storage.reading() as connection:
        return [one.kind for one in erasure.marks(connection, "p-1")]


def test_the_search_leads_the_privacy_role_there_and_nobody_else(node: Node) -> None:
    button = 'action="/requests/person"'
    assert button in Reader(node, "anna").sends("/search", {"q": "Nobody"}).text
    nurse = Reader(node, "nina")
    page = nurse.sends("/search", {"q": "Nobody"})
    assert "Nobody Here" in page.text
    assert button not in page.text
    assert [nurse.sends(f"/requests/person{part}", WHO).status_code for part in ("", "/copy", "/mark", "/erase")] == [403] * 4
    assert looked(node) == [("case.search", "quality"), ("case.search", "care")]


def test_whose_name_a_search_shows_has_it_in_the_own_list(node: Node) -> None:
    nurse = Reader(node, "nina")
    nurse.sends("/search", {"q": "Somebody else"})
    nurse.client.get("/search")
    assert looked(node) == []
    nurse.sends("/search", {"q": "nobody"})
    assert looked(node) == [("case.search", "care")]


def test_page_and_copy_show_the_record_and_stand_in_the_persons_list(node: Node) -> None:
    anna = Reader(node, "anna")
    page = anna.sends("/requests/person", WHO)
    assert page.status_code == 200
    assert "Nobody Here" in page.text
    assert "a note" in page.text
    made = anna.sends("/requests/person/copy", WHO)
    assert "p-1" not in made.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(made.content)) as file:
        record = json.loads(file.read("record.json"))
    assert {one["resource"]["id"] for one in record["entry"]} == {"p-1", "note"}
    assert looked(node) == [("case.requests", "privacy"), ("case.copy", "privacy")]


def test_a_hold_stands_against_erasure_until_it_is_lifted(node: Node) -> None:
    anna, wanted = Reader(node, "anna"), {**WHO, "erased": "Basic/note", "basis": "Law 8/2005 article 11"}
    assert anna.sends("/requests/person/mark", {**WHO, "what": "hold", "reason": ""}).status_code == 400
    assert anna.sends("/requests/person/mark", {**WHO, "what": "other", "reason": "x"}).status_code == 400
    anna.sends("/requests/person/mark", {**WHO, "what": "hold", "reason": "a proceeding"})
    assert marks(node) == ["hold"]
    assert anna.sends("/requests/person/erase", wanted).status_code == 409
    anna.sends("/requests/person/mark", {**WHO, "what": "hold", "reason": "it ended", "lift": "yes"})
    anna.sends("/requests/person/mark", {**WHO, "what": "restriction", "reason": "a letter"})
    assert marks(node) == ["restriction"]


def test_two_persons_erase_and_one_does_not(node: Node) -> None:
    anna, bela, wanted = Reader(node, "anna"), Reader(node, "bela"), {**WHO, "erased": "Basic/note", "basis": "Law 8/2005 article 11"}
    assert "another person" in anna.sends("/requests/person/erase", wanted).text
    assert anna.sends("/requests/person/erase", wanted).status_code == 403
    assert "is erased" in bela.sends("/requests/person/erase", wanted).text
    with node.storage.reading() as connection:
        assert [one.body for one in store.history(connection, "Basic", "note")] == [b""]


def test_nobody_and_somebody_with_a_case(node: Node) -> None:
    anna = Reader(node, "anna")
    assert anna.sends("/requests/person", {"patient": "nobody"}).status_code == 404
    assert anna.sends("/requests/person", {}).status_code == 404
    with node.storage.writing() as connection:
        connection.execute(tables.case_index.insert().values(case_id="c-1", patient_id="p-1", stage="opened", updated_at="2026-01-01T00:00:00+00:00", synthetic=False))
    assert anna.sends("/requests/person", WHO).headers["location"] == "/cases/c-1/requests"
