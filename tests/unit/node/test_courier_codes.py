"""A courier's one-time code at a node: shown once, kept as a hash, counted wrongly said, over after its time, for its shipment alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

import case_world as w
from acceptance.support import Clock
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import CourierConfirmed, CourierNamed
from baybridge.ledger import log
from baybridge.node import tables
from baybridge.node.clock import new_id
from baybridge.node.commands import courier_codes
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.integrity.rows import KIND
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found

CASE = "case-1"


class Dock:
    """A centre from which cells left."""

    def __init__(self, folder: Path) -> None:
        found(folder, {"node": "hk", "organisation": "Hong Kong Centre", "jurisdiction": "HK", "city": "Hong Kong", "kinds": ["centre", "laboratory"]})
        world = w.World().walk(*w.TO_COLLECTION)
        world.recognise_markers()
        world.walk(w.COLLECT, w.SHIP_OUT)
        self.clock = Clock()
        self.clock.moment = world.now + timedelta(minutes=1)
        self.node = Node(read_config(folder), now=self.clock)
        self.shipment = world.case.shipments[-1].shipment_id
        with self.node.unit() as unit:
            unit.append(CASE, [item.event for item in world.events], Actor("test", Role.SYSTEM, self.node.site.organisation), known=0)
        with self.node.storage.writing() as connection:
            for role in (Role.COORDINATOR, Role.PHYSICIAN):
                accounts.add_account(connection, account=role.value, name=role.value, role=role, organisation=self.node.site.organisation, password="three plain words")

    def actor(self, account: str = "coordinator") -> Actor:
        with self.node.storage.reading() as connection:
            actor = accounts.open_actor(connection, account, self.clock())
        assert actor is not None
        return actor

    def give(self, name: str, **given: Any) -> list[str]:
        done = handle(self.node, Command(name, CASE, {"shipment_id": self.shipment, **given}, self.actor(), new_id()))
        return sorted(reason.code for reason in done.reasons) if isinstance(done, Refusal) else []

    def name(self) -> None:
        assert self.give("HandToCourier", courier="Driver 4", waybill="W-1", seal="S-1", handed_at=self.clock().isoformat()) == []

    def code(self, account: str = "coordinator", shipment: str = "") -> str:
        made = courier_codes.make(self.node, self.actor(account), CASE, shipment or self.shipment)
        return ", ".join(reason.code for reason in made.reasons) if isinstance(made, Refusal) else made.code

    def confirm(self, code: str) -> list[str]:
        return self.give("ConfirmCourier", code=code)


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Dock]:
    dock = Dock(tmp_path / "hk")
    yield dock
    dock.node.storage.close()


def other(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08d}"


def test_the_code_confirms_once_and_the_giver_signed(dock: Dock) -> None:
    dock.name()
    code = dock.code()
    assert dock.confirm(f"{code[:4]} {code[4:]}") == []
    case = dock.node.case(CASE)
    assert case is not None
    (named,) = case.of(CourierNamed)
    assert [(one.account, one.meaning) for one in named.event.signed_by] == [("coordinator", "handed_over")]
    assert len(case.of(CourierConfirmed)) == 1
    assert dock.confirm(code) == ["supply.courier.confirmed"]


def test_nothing_of_the_code_is_kept_in_the_clear(dock: Dock, tmp_path: Path) -> None:
    dock.name()
    code = dock.code()
    dock.confirm(other(code))
    dock.confirm(code)
    with dock.node.storage.reading() as connection:
        rows = [str(row) for table in tables.metadata.sorted_tables for row in connection.execute(select(table))]
    assert not any(code in row for row in rows)
    dock.node.storage.close()
    assert not any(code.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_five_wrong_codes_end_it_and_refusals_are_counted(dock: Dock) -> None:
    dock.name()
    code = dock.code()
    assert [dock.confirm(other(code)) for _ in range(5)] == [["supply.courier.code_wrong"]] * 5
    assert dock.confirm(code) == ["supply.courier.code_tries"]
    assert dock.confirm(dock.code()) == []


def test_it_is_over_after_its_time_and_a_fresh_one_ends_it(dock: Dock) -> None:
    dock.name()
    assert dock.confirm("12345678") == ["supply.courier.code_none"]
    first = dock.code()
    second = dock.code()
    assert first == second or dock.confirm(first) == ["supply.courier.code_wrong"]
    dock.clock.moment += timedelta(minutes=31)
    before = entries(dock)
    for number in range(1, 8):
        assert dock.confirm(second) == ["supply.courier.code_over"]
        assert entries(dock) == before + number, "each that is refused stands in the log"


def entries(dock: Dock) -> int:
    with dock.node.storage.reading() as connection:
        return sum(what.startswith("courier_code/") for _, _, what in log.positions_of(connection, (KIND,)))


def test_who_may_make_one_and_when(dock: Dock) -> None:
    assert dock.code() == "supply.courier.unnamed"
    dock.name()
    assert dock.code("physician") == "access.command"
    assert dock.code(shipment="another") == "supply.courier.not_from_here"


def test_the_page_shows_it_once_and_the_next_step_takes_it(dock: Dock) -> None:
    dock.name()
    with dock.node.storage.writing() as connection:
        session = accounts.open_session(connection, "coordinator", dock.clock())
    with TestClient(application(dock.node, workers=False), base_url="http://127.0.0.1", cookies={"baybridge": session.token}) as client:
        tab = client.get(f"/cases/{CASE}/cells").text
        assert "Driver 4" in tab and "not confirmed yet" in tab and f"/cases/{CASE}/courier/{dock.shipment}" in tab
        shown = client.post(f"/cases/{CASE}/courier/{dock.shipment}", data={"csrf": session.csrf}).text
        code = shown.partition('id="code">')[2].partition("<")[0].replace(" ", "")
        assert len(code) == 8 and code.isdigit()
        assert code not in client.get(f"/cases/{CASE}/cells").text
        assert dock.confirm(code) == []
        assert "confirmed by code" in client.get(f"/cases/{CASE}/cells").text


def test_the_code_of_one_courier_confirms_no_other(dock: Dock) -> None:
    dock.name()
    code = dock.code()
    assert dock.give("HandToCourier", courier="Driver 9", waybill="W-2", seal="S-2", handed_at=dock.clock().isoformat()) == []
    assert dock.confirm(code) == ["supply.courier.code_none"], "what the first driver was told says nothing of the second"
    assert dock.confirm(dock.code()) == []
