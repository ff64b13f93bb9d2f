"""What the administrator sees and mends: each open session of an account, and what follows from writes and keeps failing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Role
from baybridge.node.config import read_config
from baybridge.node.consequences import queue
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.consequences.table import CONSEQUENCES
from baybridge.node.node import Node
from baybridge.node.people import account_list, accounts, administration
from baybridge.node.people.account_changes import EndSession
from baybridge.node.upkeep.founding import found

HERE = "Hospital"
BOSS = Actor("boss", Role.ADMINISTRATOR, HERE, person="boss")


@dataclass
class House:
    node: Node
    clock: Clock
    client: TestClient
    csrf: str
    nurse: list[str]  # tokens of two sessions

    def mend(self, broken: list[bool]) -> None:
        def fail(_node: Node, _unit: Any, _consequence: Consequence) -> None:
            if broken[0]:
                raise RuntimeError("試甲 is what a message could quote")

        self.node.__dict__["consequence_kinds"] = {**CONSEQUENCES, "probe": ConsequenceRow("probe", Lane.CASE, fail)}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    folder, clock = tmp_path / "node", Clock()
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=clock)
    with node.storage.writing() as connection:
        for name, role in (("boss", Role.ADMINISTRATOR), ("nurse", Role.NURSE), ("other", Role.NURSE)):
            accounts.add_account(connection, account=name, name=name, role=role, organisation=HERE, password="-")
        opened = accounts.open_session(connection, "boss", node.now())
        nurse = [accounts.open_session(connection, "nurse", node.now(), device=device).token for device in ("Firefox", "Safari")]
        accounts.open_session(connection, "other", node.now())
    client = TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False, cookies={"baybridge": opened.token})
    yield House(node, clock, client, opened.csrf, nurse)


def open_keys(house: House, name: str) -> list[str]:
    with house.node.storage.reading() as connection:
        return [one.key for one in account_list.sessions(connection, house.node.now()).get(name, [])]


def codes(answer: object) -> list[str]:
    return [reason.code for reason in answer.reasons] if isinstance(answer, Refusal) else []


# --- sessions -------------------------------------------------------------------------------------------------------


def test_one_session_of_a_person_is_ended_and_the_others_go_on(house: House) -> None:
    page = house.client.get("/accounts").text
    assert "Firefox" in page and "Safari" in page
    first = accounts.key_of(house.nurse[0])
    given = {"csrf": house.csrf, "account": "nurse", "what": "session", "key": first}
    assert house.client.post("/accounts/change", data={**given, "csrf": "x"}).status_code == 403
    assert house.client.post("/accounts/change", data=given).status_code == 200
    with house.node.storage.reading() as connection:
        alive = [accounts.session_of(connection, token, house.node.now()) is not None for token in house.nurse]
    assert alive == [False, True]
    again = house.client.post("/accounts/change", data=given)
    assert again.status_code == 400
    assert "This session is over already" in again.text


def test_a_key_of_another_account_a_part_of_one_or_none_ends_nothing(house: House) -> None:
    (others,) = open_keys(house, "other")
    mine = open_keys(house, "nurse")
    for key in (others, mine[0][:4], "", "%", mine[0] + "x"):
        assert codes(administration.change(house.node, BOSS, EndSession("nurse", key))) == ["accounts.unknown_session"]
    assert codes(administration.change(house.node, BOSS, EndSession("nobody", others))) == ["accounts.unknown"]
    assert (open_keys(house, "other"), open_keys(house, "nurse")) == ([others], mine)


def test_a_page_names_no_token(house: House) -> None:
    page = house.client.get("/accounts").text
    assert not [token for token in house.nurse if token in page]


# --- what fails -----------------------------------------------------------------------------------------------------


def test_what_keeps_failing_is_shown_with_its_reason_and_tried_now(house: House) -> None:
    broken = [True]
    house.mend(broken)
    with house.node.unit() as unit:
        unit.follow("probe", "case-1", {"about": "x"})
    page = house.client.get("/queue")
    assert "RuntimeError" in page.text and "probe" in page.text
    assert "試甲" not in page.text, "a message could quote a record"
    name = re.findall(r'name="consequence" value="([^"]+)"', page.text)[0]
    given = {"csrf": house.csrf, "consequence": name}
    assert "It failed again" in house.client.post("/queue", data=given).text
    broken[0] = False
    assert house.client.post("/queue", data={"consequence": name}).status_code == 403, "no token, nothing is tried"
    assert "Done." in house.client.post("/queue", data=given).text
    gone = house.client.post("/queue", data=given)
    assert (gone.status_code, "It waits no more" in gone.text) == (404, True)
    with house.node.storage.reading() as connection:
        assert queue.failing(connection) == []


def test_what_only_waits_for_its_time_does_not_fail(house: House) -> None:
    house.mend([False])
    with house.node.unit() as unit:
        unit.follow("probe", "case-1", not_before=unit.at + timedelta(hours=1))
    assert "Nothing fails." in house.client.get("/queue").text
