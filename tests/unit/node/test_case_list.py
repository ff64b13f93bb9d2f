"""The cases of a node as a list, by command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baybridge.cli.main import main
from baybridge.journey.command import Actor, Command, Role
from baybridge.node.case_list import listed
from baybridge.node.handle import handle
from watch_world import PATIENT, Ward


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    made = Ward(tmp_path / "node")
    yield made
    made.node.storage.close()


def cases(ward: Ward, *options: str) -> Any:
    done = CliRunner().invoke(main, ["cases", str(ward.node.config.folder), *options])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout) if "--json" in options else done.stdout


def test_a_treated_case_says_where_it_stands_and_since_when(ward: Ward) -> None:
    (one,) = cases(ward, "--json")
    assert list(one) == ["case", "patient", "stage", "product", "opened_at", "infused_at", "day"]
    case = ward.case
    assert case.infused_at is not None
    assert (one["case"], one["patient"], one["stage"], one["infused_at"]) == (case.case_id, PATIENT, "infused", case.infused_at.isoformat())


def test_days_are_those_of_the_calendar_of_the_site(ward: Ward) -> None:
    (before,) = listed(ward.node)
    ward.now += timedelta(days=3)
    (after,) = listed(ward.node)
    assert before["day"] is not None
    assert after["day"] == before["day"] + 3


def test_one_stage_alone_and_what_has_not_happened_is_null(ward: Ward) -> None:
    given = {"patient_id": "another", "residence": "MO", "synthetic": True}
    handle(ward.node, Command("OpenCase", "case-0", given, Actor("desk", Role.COORDINATOR, ward.node.site.organisation), "open-0"))
    assert [one["case"] for one in cases(ward, "--json")] == sorted(["case-0", ward.case.case_id])
    (one,) = cases(ward, "--stage", "opened", "--json")
    assert (one["case"], one["product"], one["infused_at"], one["day"]) == ("case-0", None, None, None)
    assert cases(ward, "--stage", "died", "--json") == []
    assert "case-0  opened" in cases(ward)
    assert CliRunner().invoke(main, ["cases", str(ward.node.config.folder), "--stage", "cured"]).exit_code == 2
