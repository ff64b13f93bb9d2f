"""What a person confirmed beside record and bedside: whose word it is, and that no later look is hidden by it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import FindingConfirmed
from baybridge.node.upkeep import projections
from watch_world import CASE, Ward


def told_before(ward: Ward, role: Role, **facts: Any) -> None:
    """Findings as an earlier version, or another node, let them stand."""
    ward.now += timedelta(seconds=1)
    with ward.node.unit() as unit:
        events = [FindingConfirmed(fact=fact, value=value, basis="x") for fact, value in facts.items()]
        unit.append(CASE, events, Actor("somebody", role, ward.node.site.organisation), known=len(unit.events(CASE)))
        projections.project(unit, CASE)


def values(ward: Ward) -> dict[str, Any]:
    with ward.node.storage.reading() as connection:
        return dict(ward.node.fact_set(connection, ward.case, ward.now).values)


def test_a_score_stated_by_a_laboratory_and_an_age_that_is_none_lower_no_grade(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    told_before(ward, Role.LABORATORY, age=5, capd_score=0)
    told_before(ward, Role.PHYSICIAN, age=5)
    assert values(ward)["age"] == 57
    ward.assess(ice_score=0)
    assert ward.case.grades["icans-astct-2019"].latest.event.grade == 3
    assert "RR-ICANS" in {code for call in ward.calls for code in call.codes}


def test_a_fall_that_somebody_denied_is_read_from_the_scores(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    told_before(ward, Role.PHYSICIAN, ice_drop_24h=0)
    ward.assess(ice_score=10)
    ward.assess(ice_score=3)
    assert "RR-ICE-FALL" in {code for call in ward.calls for code in call.codes}


def test_what_a_physician_confirmed_stands_until_a_look_that_is_entered_later(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.now = ward.now.replace(second=20)
    given = {"fact": "vasopressors", "value": 0, "basis": "ward round"}
    assert not isinstance(ward.give("ConfirmFinding", Role.PHYSICIAN, **given), Refusal)
    assert values(ward)["vasopressors"] == 0
    ward.now += timedelta(seconds=10)
    ward.assess(ago=timedelta(seconds=ward.now.second + 1), vasopressors=1, hypotension="vasopressor")  # a form that names the minute
    assert values(ward)["vasopressors"] == 1
    assert [call.codes for call in ward.calls] == [("RR-VASOPRESSOR",)]


@pytest.mark.parametrize(("stated", "codes"), [(36.8, ["matching.confirm.contradicts"]), (39.4, [])])
def test_a_temperature_of_hours_below_the_one_on_record_is_refused(stated: float, codes: list[str], tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.observe("temperature", 39)
    answer = ward.give("ConfirmFinding", Role.PHYSICIAN, fact="max_temperature_48h", value=stated, basis="ward round")
    assert ([reason.code for reason in answer.reasons] if isinstance(answer, Refusal) else []) == codes


def test_a_temperature_of_hours_that_was_stated_gives_way_to_a_worse_one(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    assert not isinstance(ward.give("ConfirmFinding", Role.PHYSICIAN, fact="max_temperature_48h", value=36.9, basis="ward round"), Refusal)
    assert not isinstance(ward.give("ConfirmFinding", Role.PHYSICIAN, fact="max_temperature_48h", value=36.8, basis="ward round"), Refusal)
    ward.observe("temperature", 39)
    assert values(ward)["max_temperature_48h"] == 39
