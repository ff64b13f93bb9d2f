"""A calendar by a link: what its owner may read and no name, for as long as the link counts; any other token is refused and stands in the log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Actor, Role
from baybridge.ledger import log
from baybridge.node import tables
from baybridge.node.people import accounts, administration, reads
from baybridge.node.people.account_changes import Disable, Reset
from watch_world import Ward


@dataclass
class House:
    ward: Ward
    client: TestClient
    tokens: dict[str, str]

    def post(self, who: str, path: str) -> Any:
        return self.client.post(path, headers={"authorization": f"Bearer {self.tokens[who]}"})

    def link(self, who: str = "nurse") -> str:
        found = re.search(r"/calendar/([\w-]{43})<", self.post(who, "/account/calendar").text)
        assert found is not None
        return f"/calendar/{found[1]}"

    def entries(self, what: str) -> int:
        with self.ward.node.storage.reading() as connection:
            return sum(one.entry.what == what for one in log.entries(connection, 0, log.size(connection)))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    ward, tokens = Ward(tmp_path / "node"), {}
    here = ward.node.site.organisation
    people = {
        "nurse": (Role.NURSE, here, None), "patient": (Role.PATIENT, here, "patient-1"), "other": (Role.PATIENT, here, "somebody"), "payer": (Role.PAYER, "p", None),
    }  # fmt: skip
    with ward.node.storage.writing() as connection:
        for name, (role, organisation, patient) in people.items():
            accounts.add_account(connection, account=name, name=name, role=role, organisation=organisation, password="-", patient_id=patient, language="pt")
            tokens[name] = accounts.open_session(connection, name, ward.node.now()).token
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield House(ward, client, tokens)


def test_a_calendar_program_fetches_visits_without_signing_in_and_without_names(house: House) -> None:
    link = house.link()
    answer = house.client.get(link)
    assert (answer.status_code, answer.headers["content-type"], answer.headers["cache-control"]) == (200, "text/calendar; charset=utf-8", "no-store")
    assert answer.text.count("BEGIN:VEVENT") > 5 and "Visita" in answer.text, "in the language of the account"
    assert "Chan" not in answer.text and "patient-1" not in answer.text
    assert "set-cookie" not in answer.headers and house.client.get("/cases").status_code in (303, 401), "it opens nothing else"
    with house.ward.node.storage.reading() as connection:
        kept = connection.execute(select(tables.calendar_link)).one()
    assert link.rpartition("/")[2] not in str(kept)


def test_the_reading_stands_in_the_patients_list_once_a_day(house: House) -> None:
    link = house.link()
    for _ in range(3):
        house.client.get(link)
    with house.ward.node.storage.reading() as connection:
        assert [one.what for one in reads.looked(connection, "patient-1", "case-1") if one.what == "calendar.link"] == ["calendar.link"]


def test_a_patient_has_the_own_calendar_and_a_payer_none(house: House) -> None:
    assert "BEGIN:VEVENT" in house.client.get(house.link("patient")).text
    assert "BEGIN:VEVENT" not in house.client.get(house.link("other")).text
    assert house.post("payer", "/account/calendar").status_code == 403


def test_an_old_ended_or_guessed_link_is_refused_and_logged(house: House) -> None:
    first = house.link()
    second = house.link()
    assert [house.client.get(path).status_code for path in (first, second, "/calendar/guessed")] == [404, 200, 404]
    assert house.post("nurse", "/account/calendar/end").status_code == 200
    assert house.client.get(second).status_code == 404
    assert (house.entries("calendar-link-made"), house.entries("calendar-link-ended"), house.entries("calendar-refused")) == (2, 1, 3)


@pytest.mark.parametrize("what", [Disable("nurse", "left"), Reset("nurse", "sessions", "lost"), Reset("nurse", "password", "lost")])
def test_a_link_ends_with_the_account_and_with_its_sessions(house: House, what: Any) -> None:
    link = house.link()
    administration.change(house.ward.node, Actor("operator", Role.ADMINISTRATOR, house.ward.node.site.organisation), what)
    assert house.client.get(link).status_code == 404


def test_a_link_is_over_after_its_last_day(house: House) -> None:
    link, now = house.link(), house.ward.node.now()
    with house.ward.node.storage.writing() as connection:
        connection.execute(update(tables.calendar_link).values(ends_at=(now - timedelta(seconds=1)).isoformat()))
    assert house.client.get(link).status_code == 404
    assert house.entries("calendar-refused") == 1


def test_no_line_of_the_servers_log_holds_the_token(house: House, caplog: pytest.LogCaptureFixture) -> None:
    link = house.link()
    with caplog.at_level("INFO"):
        house.client.get(link)
        house.client.get(f"{link}x")
    assert "/calendar/{link}" in caplog.text
    assert link.rpartition("/")[2] not in "".join(f"{one.getMessage()} {one.__dict__}" for one in caplog.records if one.name.startswith("baybridge"))
