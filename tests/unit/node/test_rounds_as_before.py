"""A round affirms what is as before, and never what is measured; its age runs from when it was found, and it is stored as affirmed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from baybridge.bedside.as_before import offered
from baybridge.journey.command import Actor, Role
from baybridge.node.commands.preview import looking
from baybridge.record.store import store
from watch_world import Ward

#: What a nurse measures and asks in every round.
USUAL: dict[str, Any] = {
    "temperature": 36.9, "heart_rate": 78, "systolic_pressure": 124, "oxygen_saturation": 97,
    "ice_orientation": 4, "ice_naming": 3, "ice_command": 1, "ice_writing": 1, "ice_attention": 1,
}  # fmt: skip
ABSENT = ("arousal", "seizure", "deep_focal_motor_weakness", "cerebral_edema", "raised_icp_sign", "sedated")


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path / "hk")
    yield ward
    ward.node.storage.close()


def enter(ward: Ward, findings: dict[str, Any], *as_before: str, **more: Any) -> list[str]:
    """Codes of the refusal; none where it was taken."""
    done = ward.give("Assess", findings=findings, as_before=list(as_before), assessed_at=(ward.now + timedelta(seconds=1)).isoformat(), **more)
    return [reason.code for reason in done.reasons] if isinstance(done, Refusal) else []


def icans(ward: Ward) -> tuple[int, int]:
    event = ward.case.grades["icans-astct-2019"].latest.event
    return event.grade_min, event.grade_max


def test_a_usual_round_with_what_is_as_before_has_a_grade_and_says_what_was_affirmed(ward: Ward) -> None:
    ward.assess()
    ward.wait(hours=4)
    assert enter(ward, USUAL, *ABSENT) == []
    event = ward.case.assessments[-1].event
    assert event.as_before == tuple(sorted(ABSENT)) and dict(event.findings)["sedated"] is False
    assert icans(ward) == (0, 0)
    with ward.node.storage.reading() as connection:
        filed = [version.resource for version in store.patient_versions(connection, "patient-1")]
    notes = [one for one in filed if one["resourceType"] == "Observation" and one.get("note") == [{"text": "affirmed as before"}]]
    assert len(notes) == len(ABSENT)


def test_its_age_runs_from_when_it_was_found(ward: Ward) -> None:
    ward.assess()
    for _ in range(2):
        ward.wait(hours=5)
        assert enter(ward, USUAL, "seizure") == []
    ward.wait(hours=3)
    assert enter(ward, USUAL, "seizure") == ["bedside.assess.not_before"]
    assert enter(ward, {**USUAL, "seizure": "none"}) == []
    ward.wait(hours=3)
    assert enter(ward, USUAL, "seizure") == []


@pytest.mark.parametrize("name", ["temperature", "systolic_pressure", "oxygen_saturation", "ice_score", "oxygen_flow", "no_such_finding"])
def test_what_is_measured_is_never_affirmed(ward: Ward, name: str) -> None:
    ward.assess(oxygen_device="nasal_cannula", oxygen_reason="comfort", oxygen_flow=2)
    assert enter(ward, USUAL, name) == ["command.not_in_set"]


def test_a_sign_that_is_no_absence_is_looked_at_anew(ward: Ward) -> None:
    ward.assess(seizure="resolves_rapidly", deep_focal_motor_weakness=True)
    assert enter(ward, USUAL, "seizure", "deep_focal_motor_weakness") == ["bedside.assess.not_before"] * 2


def test_a_device_is_affirmed_as_it_is_set(ward: Ward) -> None:
    ward.assess(oxygen_device="nasal_cannula", oxygen_reason="hypoxia", oxygen_flow=2)
    ward.wait(hours=2)
    assert enter(ward, {**USUAL, "oxygen_flow": 3}, "oxygen_device", "oxygen_reason") == []
    assert dict(ward.case.assessments[-1].event.findings)["oxygen_device"] == "nasal_cannula"


def test_what_a_feed_found_otherwise_since_is_not_offered(ward: Ward) -> None:
    ward.assess()
    ward.wait(minutes=30)
    ward.observe("oxygen_device", "nasal_cannula")
    ward.round()
    assert enter(ward, USUAL, "oxygen_device") == ["bedside.assess.not_before"]


def test_a_low_pressure_beside_no_hypotension_as_before_is_asked_about(ward: Ward) -> None:
    ward.assess()
    ward.wait(hours=1)
    assert enter(ward, {**USUAL, "systolic_pressure": 74}, "hypotension") != []


def test_what_is_typed_beside_it_holds(ward: Ward) -> None:
    ward.assess()
    ward.wait(hours=1)
    assert enter(ward, {**USUAL, "seizure": "resolves_rapidly"}, "seizure") == []
    event = ward.case.assessments[-1].event
    assert dict(event.findings)["seizure"] == "resolves_rapidly" and event.as_before == ()
    assert ward.case.open_rapid_response is not None


def test_a_struck_look_is_no_before(ward: Ward) -> None:
    ward.assess()
    entry = ward.case.assessments[-1].origin.event_id
    assert not isinstance(ward.give("CorrectEntry", Role.PHYSICIAN, event_id=entry, action="void", reason="wrong-patient", note=""), Refusal)
    ward.round()
    assert enter(ward, USUAL, "seizure") == ["bedside.assess.not_before"]


def test_only_what_is_missing_settles_the_grade(ward: Ward) -> None:
    ward.assess(blank=("sedated",))
    assert icans(ward) == (0, 4) and ward.case.grades["icans-astct-2019"].latest.event.missing == ("sedated",)
    ward.wait(minutes=3)
    assert enter(ward, {"sedated": False}) == []
    assert icans(ward) == (0, 0)


def test_tremor_and_headache_that_were_absent_may_be_affirmed(ward: Ward) -> None:
    ward.assess(tremor=False, headache=False)
    ward.wait(hours=1)
    assert enter(ward, USUAL, "tremor", "headache") == []
    assert ward.case.assessments[-1].event.as_before == ("headache", "tremor")


def test_a_round_in_which_nothing_was_found_now_is_refused(ward: Ward) -> None:
    ward.assess()
    ward.wait(hours=1)
    assert enter(ward, {}, "seizure") == ["bedside.assess.nothing_measured"]
    assert enter(ward, {}) == ["bedside.assess.nothing_found"]
    assert enter(ward, {"temperature": 36.9}, "seizure") == []


#: A value of the last round, and the answer of before that does not go with it.
CONTRADICTS = [
    ({"oxygen_saturation": 84}, "oxygen_device"), ({"oxygen_saturation": 91}, "oxygen_reason"),
    ({"systolic_pressure": 84}, "hypotension"), ({"systolic_pressure": 84}, "vasopressors"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "name"), CONTRADICTS)
def test_what_the_last_value_contradicts_is_not_offered(ward: Ward, value: dict[str, float], name: str) -> None:
    ward.assess()
    ward.wait(minutes=30)
    assert name in offered_now(ward)
    (fact, number), = value.items()
    ward.observe(fact, number)
    ward.round()
    assert name not in offered_now(ward)
    assert "bedside.assess.not_before" in enter(ward, {"temperature": 36.9}, name)


@pytest.mark.parametrize(("value", "name"), [({"oxygen_saturation": 91}, "oxygen_device"), ({"systolic_pressure": 84}, "vasopressors")])
def test_what_a_value_of_this_round_contradicts_is_looked_at(ward: Ward, value: dict[str, float], name: str) -> None:
    ward.assess()
    ward.wait(hours=1)
    assert "bedside.assess.contradicted" in enter(ward, {**USUAL, **value}, name, unusual=True)
    found: dict[str, Any] = {"oxygen_device": "none", "vasopressors": 0}
    assert enter(ward, {**USUAL, **value, name: found[name]}, name, unusual=True) == []


def test_a_sign_beside_a_tick_that_it_contradicts_is_taken_at_once_and_the_tick_is_not(ward: Ward) -> None:
    ward.assess()
    ward.wait(hours=1)
    assert enter(ward, {**USUAL, "oxygen_saturation": 84}, "oxygen_device", "seizure") == []
    event = ward.case.assessments[-1].event
    assert event.as_before == ("seizure",) and "oxygen_device" not in dict(event.findings)
    assert ward.case.open_rapid_response is not None


def offered_now(ward: Ward) -> set[str]:
    """What the page offers to affirm."""
    with looking(ward.node, ward.case, Actor("nurse", Role.NURSE, ward.node.site.organisation), ward.now) as look:
        situation = look.situation()
        return {*offered(ward.case, situation.bedside.facts, ward.now, situation.documents.escalation.unusual)}
