"""No request, whatever it holds and whoever sends it, meets a defect: every route in every role, by bearer token and by cookie, right, spoilt and torn.

Nor is anybody let in who changes something by cookie without the form token of that very session, or whose session is over, another node's or nobody's.

`BAYBRIDGE_TEST_REQUESTS` says how many (100,000 in a full run, `make soak`); each slice of them goes to a fresh node and can be sent again by its seed.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import databases
from hostile.house import House, Tally, put
from hostile.requests import WAYS

COUNT = int(os.environ.get("BAYBRIDGE_TEST_REQUESTS", "1500"))
FIRST = int(os.environ.get("BAYBRIDGE_TEST_SEED", "1"))
SLICE = 500
pytestmark = [pytest.mark.timeout(24 * 3600)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House.built(tmp_path_factory.mktemp("house") / "network")


def test_no_request_meets_a_defect_on_postgresql(tmp_path: Path) -> None:
    """The other database keeps no NUL, counts no further than 64 bits and names its errors otherwise."""
    house = House.built(tmp_path / "network", databases.url_of("postgresql", tmp_path))
    tally, count = Tally(), max(500, COUNT // 10)
    with house.opened(tmp_path / "copy") as node:
        asyncio.run(put(node, house, FIRST + 100_000, count, tally))
    print(tally.say())  # noqa: T201
    assert tally.defects == {}
    assert tally.count == count


def test_no_request_meets_a_defect(house: House, tmp_path: Path) -> None:
    tally = Tally()
    for number in range(-(-COUNT // SLICE)):
        with house.opened(tmp_path / "copy") as node:
            asyncio.run(put(node, house, FIRST + number, min(SLICE, COUNT - number * SLICE), tally))
        if COUNT > SLICE * 10:
            print(tally.say(), flush=True)  # noqa: T201 - the counts of a long run
    print(tally.say())  # noqa: T201
    assert tally.defects == {}
    assert tally.count == COUNT
    assert {f"{method} {door.path}" for method, door in WAYS} <= set(tally.doors), "every route was asked"
    assert sum(tally.let_in.values()) > COUNT / 20, "many requests are right enough to be answered"
    assert tally.browsers > COUNT / 500, "browsers that carry the form token are let in"
