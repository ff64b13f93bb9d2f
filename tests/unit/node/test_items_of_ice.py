"""Items of ICE that were asked in part: what they leave possible counts, an older whole score hides nothing, and no part makes a patient look better."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from baybridge.bedside.monitoring import SCALES
from baybridge.facts.sums import open_sums
from baybridge.journey.command import Actor, Role
from baybridge.node.fhir.interactions import Interaction, write
from watch_world import PATIENT, WELL, Ward, events_of

ITEMS = {"ice_orientation": 4, "ice_naming": 3, "ice_command": 1, "ice_writing": 1, "ice_attention": 1}
TOTALS = {"ice_score": tuple(ITEMS)}
REST = {name: value for name, value in WELL.items() if name != "ice_score"}
FAILED = {"ice_orientation": 0, "ice_naming": 0, "ice_command": 0, "ice_writing": 0}


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    made = Ward(tmp_path / "node")
    yield made
    made.node.storage.close()


def find(ward: Ward, **findings: Any) -> list[Any]:
    ward.now += timedelta(minutes=1)
    return events_of(ward.give("Assess", findings=findings, another=True, assessed_at=ward.now.isoformat()))


def icans(ward: Ward) -> tuple[int, int]:
    found = ward.case.grades[SCALES[1]].latest.event
    assert found.scale == "icans-astct-2019"
    return found.grade_min, found.grade_max


@pytest.mark.parametrize(
    ("given", "known", "limits"),
    [
        (FAILED, {}, (0, 1)), (FAILED, {"ice_score": 10}, (0, 1)), (FAILED, {"ice_score": 0}, (0, 0)),
        ({"ice_orientation": 4}, {}, (4, 10)), ({"ice_orientation": 4}, {"ice_score": 2}, (2, 2)), ({"ice_naming": 1}, {"ice_score": 9}, (1, 8)),
        ({"ice_orientation": True, "ice_naming": 1}, {}, (1, 8)),
    ],
)  # fmt: skip
def test_a_score_lies_within_what_was_asked_and_is_no_better_than_it_was(given: dict[str, Any], known: dict[str, Any], limits: tuple[int, int]) -> None:
    assert open_sums(given, TOTALS, ITEMS, known) == {"ice_score": limits}


def test_all_items_or_none_or_the_score_itself_leave_nothing_open() -> None:
    assert open_sums({**ITEMS}, TOTALS, ITEMS, {}) == {}
    assert open_sums({"temperature": 37}, TOTALS, ITEMS, {"ice_score": 3}) == {}
    assert open_sums({"ice_score": 5, "ice_naming": 1}, TOTALS, ITEMS, {}) == {}


@pytest.mark.parametrize("before", [True, False])
def test_four_items_that_fail_call_though_the_fifth_is_blank(ward: Ward, before: bool) -> None:
    if before:
        find(ward, **REST, **ITEMS)
        assert icans(ward) == (0, 0)
    find(ward, **({} if before else REST), **FAILED)
    assert icans(ward)[0] == 3
    (call,) = ward.calls
    assert "RR-ICANS" in call.codes


def test_the_same_through_other_doors(ward: Ward) -> None:
    find(ward, **REST, **ITEMS)
    ward.now += timedelta(minutes=5)
    ward.observe_all([(name, value, timedelta(0)) for name, value in FAILED.items()])
    ward.round()
    (call,) = ward.calls
    assert "RR-ICANS" in call.codes


def test_a_score_that_another_system_sends_as_below_a_limit_is_read_and_calls(ward: Ward) -> None:
    find(ward, **REST, **ITEMS)
    code = ward.node.dictionary["ice_score"].codes[0]
    resource = {
        "resourceType": "Observation", "id": "below", "status": "final", "code": {"coding": [{"system": code[0], "code": code[1]}]},
        "subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": (ward.now + timedelta(seconds=1)).isoformat(),
        "valueQuantity": {"value": 3, "comparator": "<", "unit": "1", "system": "http://unitsofmeasure.org", "code": "1"},
    }  # fmt: skip
    ward.now += timedelta(minutes=2)
    done = write(ward.node, Actor("monitor", Role.NURSE, ward.node.site.organisation), [Interaction("PUT", "Observation", "below", resource)])
    assert not isinstance(done, Refusal)
    ward.round()
    (call,) = ward.calls
    assert "RR-ICANS" in call.codes


def test_a_part_that_is_well_says_not_that_the_rest_is_and_lowers_no_grade(ward: Ward) -> None:
    find(ward, **REST, ice_orientation=1, ice_naming=1, ice_command=0, ice_writing=0, ice_attention=0)
    assert icans(ward) == (3, 3)
    find(ward, ice_orientation=4, ice_command=1)
    assert icans(ward)[0] == 3


def test_a_part_leaves_the_grade_open_until_all_are_asked(ward: Ward) -> None:
    find(ward, **REST, **ITEMS)
    find(ward, ice_orientation=4)
    assert icans(ward) == (0, 2)
    assert ward.calls == ()
    find(ward, **REST, **ITEMS)
    assert icans(ward) == (0, 0)


def test_a_part_that_leaves_three_points_fewer_than_before_calls(ward: Ward) -> None:
    find(ward, **REST, **ITEMS)
    find(ward, ice_naming=0)
    (call,) = ward.calls
    assert call.codes == ("RR-ICE-FALL",)


def test_a_part_that_leaves_two_points_fewer_than_before_does_not(ward: Ward) -> None:
    find(ward, **REST, **ITEMS)
    find(ward, ice_orientation=2)
    assert ward.calls == ()
