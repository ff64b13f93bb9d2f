"""The page on which a record is sent: what of the calendar is not known stands beside the contract that is counted by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock, World, record
from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.node.people import accounts

NOTICE = "There is no list of public holidays of mainland China for 2027"
CONTRACT = """
id: contracts
contracts:
  - {id: c1, kind: KIND, between: [gd, hk], effective_on: 2026-12-28, filed_on: null, purposes: [CARE_REFERRAL], synthetic: true}
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.new(tmp_path)
    made.clock = Clock(datetime(2027, 1, 8, 2, tzinfo=UTC))
    yield made


def page(world: World, kind: str) -> str:
    folder = world.folder / "gd" / "data" / "directory"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contracts.yaml").write_text(CONTRACT.replace("KIND", kind))
    world.open()
    node = world.nodes["gd"]
    world.file("gd", json.loads(json.dumps(record("gd-1", world.clock()))))
    with node.storage.writing() as connection:
        accounts.add_account(
            connection, account="c", name="c", role=Role.COORDINATOR, organisation=node.site.organisation, password="-", patient_id=None
        )
        session = accounts.open_session(connection, "c", node.now())
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        answer = client.get(f"/cases/{world.case_id}/sharing", headers={"cookie": f"baybridge={session.token}; language=en"})
    assert answer.status_code == 200
    return answer.text


def test_a_year_without_a_list_of_holidays_is_told_where_the_filing_is_counted(world: World) -> None:
    assert NOTICE in page(world, "gba")


def test_a_contract_that_is_not_filed_tells_nothing(world: World) -> None:
    assert NOTICE not in page(world, "national")
