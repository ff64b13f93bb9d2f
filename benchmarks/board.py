"""How long the board of a ward takes: sixty beds, in milliseconds a refresh, beside the list of cases of the same node in the same run.

Run: `python -m benchmarks.board`. It founds a node in a temporary folder, puts sixty infused and assessed patients on it, and asks through the whole application
(session, access, readings, template) for the beds as an open board does: with nothing new, after one assessment, and for the first time after a start.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import case_world
from baybridge.app import application
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import CaseOpened
from baybridge.node.handle import handle
from baybridge.node.node import Node, open_node
from baybridge.node.people import accounts
from baybridge.node.upkeep import projections
from baybridge.node.upkeep.founding import found
from baybridge.record.store import store
from watch_world import WELL

BEDS, REFRESHES = 60, 40
_SITE = {"node": "hk", "organisation": "Hong Kong Centre", "jurisdiction": "HK", "city": "Hong Kong", "kinds": ["centre", "laboratory"]}


def main() -> None:
    """Found, fill, ask, print."""
    with tempfile.TemporaryDirectory() as folder:
        found(Path(folder) / "hk", _SITE)
        world = case_world.infused()
        now = [world.now]
        node = open_node(Path(folder) / "hk", now=lambda: now[0])
        _fill(node, world)
        token = _nurse(node)
        with TestClient(application(node, workers=False), base_url="http://127.0.0.1", headers={"authorization": f"Bearer {token}"}) as client:
            print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {BEDS} beds, {REFRESHES} refreshes, median")
            ask = _asking(client, "/ward/rows")
            first, quiet = _time(ask), _median(ask)
            listed = _median(_asking(client, "/cases"))
            changed = _median(ask, before=lambda number: _assess(node, number))
        print(f"{'first board after a start':42} {first:10.1f} ms")
        print(f"{'board, nothing new':42} {quiet:10.1f} ms   x {quiet / listed:6.2f} of list of cases")
        print(f"{'board, after an assessment':42} {changed:10.1f} ms   x {changed / listed:6.2f} of list of cases")
        print(f"{'list of cases':42} {listed:10.1f} ms")
        node.storage.close()


def _fill(node: Node, world: case_world.World) -> None:
    system = Actor("system", Role.SYSTEM, node.site.organisation)
    for number in range(BEDS):
        patient = f"patient-{number}"
        events = [replace(item.event, patient_id=patient) if isinstance(item.event, CaseOpened) else item.event for item in world.events]
        with node.unit() as unit:
            store.put(unit.connection, {"resourceType": "Patient", "id": patient, "birthDate": "1968-04-09", "name": [{"text": f"Test {number}"}]}, at=unit.at)
            unit.append(f"case-{number}", events, system, known=0)
            projections.project(unit, f"case-{number}")
        _assess(node, number)


def _assess(node: Node, number: int) -> None:
    given = {"findings": {**WELL, "temperature": 38.4}, "another": True, "assessed_at": node.now().isoformat()}
    actor = Actor("somebody", Role.NURSE, node.site.organisation)
    handle(node, Command("Assess", f"case-{number % BEDS}", given, actor, f"c-{time.perf_counter_ns()}"))


def _nurse(node: Node) -> str:
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="nurse", name="nurse", role=Role.NURSE, organisation=node.site.organisation, password="a long enough password")
        return accounts.open_session(connection, "nurse", node.now()).token


def _asking(client: TestClient, address: str) -> Callable[[], None]:
    def ask() -> None:
        answer = client.get(address)
        assert answer.status_code == 200, answer.status_code
        assert address != "/ward/rows" or answer.text.count("<tr") == BEDS + 1

    return ask


def _time(ask: Callable[[], None]) -> float:
    begun = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - begun)


def _median(ask: Callable[[], None], before: Callable[[int], None] = lambda _: None) -> float:
    times = []
    for number in range(REFRESHES):
        before(number)
        times.append(_time(ask))
    return statistics.median(times)


if __name__ == "__main__":
    main()
