"""A clock that jumps while a node is served: nothing is written, reading goes on, and it is believed again for a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Actor, Command, Role
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.node import Node
from baybridge.node.outage import StorageProblem
from baybridge.node.people import accounts
from baybridge.node.upkeep.clock_watch import ClockWatch
from baybridge.node.upkeep.founding import found
from baybridge.node.upkeep.gauges import unready

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Machine:
    """A machine's clock, the time that it has run, and whether a time server keeps the clock."""

    def __init__(self) -> None:
        self.wall, self.run, self.kept = START, timedelta(hours=5), False

    def go(self, by: timedelta, jump: timedelta = timedelta(0)) -> None:
        self.wall, self.run = self.wall + by + jump, self.run + by

    def watch(self, newest: datetime | None = None) -> ClockWatch:
        return ClockWatch(lambda: self.wall, newest, steady=lambda: self.run, is_kept=lambda: self.kept)


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(minutes=6), -timedelta(minutes=6), -timedelta(days=20000)])
def test_a_jump_either_way_is_not_believed_until_a_time_server_keeps_the_clock(jump: timedelta) -> None:
    machine = Machine()
    watch = machine.watch()
    machine.go(timedelta(days=3))
    watch.guard()
    machine.go(timedelta(seconds=1), jump)
    with pytest.raises(StorageProblem) as told:
        watch.guard()
    assert told.value.kind == "clock"
    machine.kept = True
    watch.guard()
    machine.kept = False
    machine.go(timedelta(days=1))
    watch.guard()  # it counts from the clock that was believed


def test_a_clock_that_comes_back_is_believed_at_once_and_small_steps_always() -> None:
    machine = Machine()
    watch = machine.watch()
    for _ in range(3):
        machine.go(timedelta(hours=1), timedelta(hours=9))
        assert watch.is_wrong()
        machine.go(timedelta(minutes=1), -timedelta(hours=9))
        assert not watch.is_wrong()
    machine.go(timedelta(hours=1), timedelta(minutes=4))
    assert not watch.is_wrong()


def test_a_clock_behind_the_log_is_not_believed_until_it_has_caught_up() -> None:
    machine = Machine()
    watch = machine.watch(newest=START + timedelta(minutes=30))
    assert watch.is_wrong()
    machine.go(timedelta(minutes=26))
    assert not watch.is_wrong()


def test_a_served_node_refuses_writes_with_words_and_reads_on(tmp_path: Path) -> None:
    people = [{"name": "quality", "role": "quality", "password": "a right password"}]
    found(tmp_path / "mo", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"], "accounts": people})
    node, machine = Node(read_config(tmp_path / "mo")), Machine()
    node.clock_watch = machine.watch()
    actor = Actor("nurse", Role.COORDINATOR, "Hospital")

    def open_a_case(name: str) -> None:
        handle(node, Command("OpenCase", name, {"patient_id": name, "residence": "MO", "synthetic": True}, actor, f"open-{name}"))

    open_a_case("before")
    machine.go(timedelta(minutes=1), -timedelta(days=1))
    with pytest.raises(StorageProblem):
        open_a_case("meanwhile")
    assert unready(node) == ["clock"]
    with TestClient(application(node, workers=False)) as client:
        assert client.get("/health/ready").json()["missing"] == ["clock"]
        session = accounts.sign_in(node.storage, "quality", "a right password", "", node.now())
        assert isinstance(session, accounts.Session), "people sign in, to read"
        page = client.get("/cases", headers={"authorization": f"Bearer {session.token}", "accept": "text/html", "accept-language": "en"})
        assert page.status_code == 200
        assert "The clock of this machine jumped" in page.text
    assert node.case("before") is not None
    machine.go(timedelta(minutes=1), timedelta(days=1))
    open_a_case("after")
    assert [name for name in ("before", "meanwhile", "after") if node.case(name) is not None] == ["before", "after"]
    node.storage.close()
