"""A grade follows what it rests on: values of the record that come late, are corrected, taken back, or turn out to be somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from baybridge.base.outcome import Refusal
from baybridge.bedside import monitoring
from baybridge.journey import events as ev
from baybridge.journey import look_now
from baybridge.journey.command import Role
from baybridge.journey.course import Grade
from baybridge.node.fhir.interactions import Interaction
from baybridge.node.watch.ward import bed_of
from baybridge.record.store import store
from watch_world import Ward

CRS, ICANS = "crs-astct-2019", "icans-astct-2019"
#: A fever, and nobody said anything of pressure.
FEVER = {"temperature": 39.2, "fever_attributable": True, "oxygen_device": "none", "hypotension_attributable": True}
_EVERY = ("hypotension", "vasopressors", "vasopressin", "oxygen_saturation", "oxygen_reason", "hypoxia_attributable")


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path / "hk")
    yield ward
    ward.node.storage.close()


def grade(ward: Ward, scale: str = CRS) -> Grade:
    return ward.case.grades[scale]


def bounds(ward: Ward, scale: str = CRS) -> tuple[int, int]:
    bed = bed_of(ward.case, ward.node.site.node, ward.node.escalation).grades[scale]
    latest = grade(ward, scale).latest.event
    assert (bed.low, bed.high) == (latest.grade_min, latest.grade_max)
    return bed.low, bed.high


def code(value: str) -> dict[str, Any]:
    return {"coding": [{"system": "urn:baybridge:observation", "code": value}]}


def test_a_value_that_comes_late_raises_the_grade_that_was_made_without_it(ward: Ward) -> None:
    ward.assess(blank=_EVERY, **FEVER)
    assert bounds(ward) == (1, 4)
    ward.now += timedelta(minutes=5)
    ward.observe("hypotension", "fluids", ago=timedelta(minutes=20))
    ward.round()
    assert bounds(ward) == (2, 2)
    assert [one.state for one in ward.case.struck if isinstance(one.entry.event, ev.GradeAssessed)] == ["replaced"]


def test_a_value_that_is_newer_than_the_grade_is_none_of_it(ward: Ward) -> None:
    ward.assess(**{**FEVER, "hypotension": "none"})
    ward.now += timedelta(minutes=30)
    ward.observe("hypotension", "fluids")
    ward.round()
    assert bounds(ward) == (1, 1)
    assert not ward.case.struck


@pytest.mark.parametrize("way", ["corrected", "entered in error", "deleted"])
def test_a_value_that_is_corrected_or_taken_back_is_no_longer_in_the_grade(ward: Ward, way: str) -> None:
    ward.observe("hypotension", "fluids", logical_id="p-1")
    ward.assess(blank=_EVERY, **FEVER)
    assert bounds(ward) == (2, 2)
    if way == "corrected":
        ward.amend("p-1", status="corrected", valueCodeableConcept=code("none"))
    elif way == "entered in error":
        ward.amend("p-1", status="entered-in-error")
    else:
        ward.send(Interaction("DELETE", "Observation", "p-1", None, reason="wrong-patient"))
    assert bounds(ward) == ((1, 1) if way == "corrected" else (1, 4)), "what is taken back is not known, and lowers nothing at the top"


def test_a_value_that_turns_out_to_be_somebody_elses_leaves_the_grade(ward: Ward) -> None:
    ward.observe("hypotension", "fluids", logical_id="p-1")
    ward.assess(blank=_EVERY, **FEVER)
    with ward.node.storage.writing() as connection:
        store.put(connection, {"resourceType": "Patient", "id": "other", "birthDate": "1970-01-01"}, at=ward.now)
    ward.amend("p-1", subject={"reference": "Patient/other"})
    assert bounds(ward) == (1, 4)


def test_a_value_that_is_moved_in_time_counts_where_it_is_now(ward: Ward) -> None:
    ward.assess(blank=_EVERY, **FEVER)
    ward.now += timedelta(hours=1)
    ward.observe("hypotension", "fluids", logical_id="p-1")
    ward.round()
    assert bounds(ward) == (1, 4)
    ward.amend("p-1", status="corrected", effectiveDateTime=(ward.now - timedelta(hours=2)).isoformat())
    assert bounds(ward) == (2, 2)


def test_a_fever_of_yesterday_that_comes_today_makes_the_syndrome_of_today(ward: Ward) -> None:
    """The episode begins with the fever: a later look without fever and with low pressure is no longer grade 0 for certain."""
    ward.now += timedelta(hours=30)
    ward.assess(temperature=37.0, hypotension="fluids")
    assert bounds(ward) == (0, 0)
    ward.observe("fever_attributable", True, ago=timedelta(hours=20))
    ward.observe("temperature", 39, ago=timedelta(hours=20))
    ward.round()
    assert bounds(ward) == (0, 2)


def test_items_of_a_score_that_come_late_count(ward: Ward) -> None:
    ward.assess(blank=("ice_score",))
    assert bounds(ward, ICANS)[1] > 1
    items = (("ice_orientation", 2), ("ice_naming", 3), ("ice_command", 1), ("ice_writing", 1), ("ice_attention", 1))
    ward.observe_all([(item, most, timedelta(minutes=1)) for item, most in items])
    ward.round()
    assert bounds(ward, ICANS) == (1, 1)


def test_an_arrival_that_leaves_the_grade_as_it_is_says_nothing(ward: Ward) -> None:
    ward.assess()
    ward.observe("temperature", 37, ago=timedelta(hours=1))
    ward.observe("heart_rate", 80, ago=timedelta(hours=1))
    before = len(ward.events)
    ward.round()
    assert len(ward.events) == before and not ward.case.struck


def test_a_grade_that_was_made_again_is_kept_when_an_earlier_entry_is_put_right(ward: Ward) -> None:
    ward.assess(temperature=36.9)
    first = next(one.event_id for one in ward.events if isinstance(one.event, ev.AssessmentRecorded))
    ward.wait(hours=1)
    ward.assess(blank=_EVERY, **FEVER)
    ward.observe("hypotension", "fluids", ago=timedelta(minutes=5))
    ward.round()
    assert bounds(ward) == (2, 2)
    assert not isinstance(ward.give("CorrectEntry", event_id=first, action="void", reason="wrong-patient", note=""), Refusal)
    ward.round()
    assert bounds(ward) == (2, 2)


def confirm(ward: Ward, value: int) -> None:
    assert not isinstance(ward.give("ConfirmGrade", Role.PHYSICIAN, scale=CRS, grade=value, reason="as I see it"), Refusal)


def test_a_physicians_word_of_before_holds_no_grade_down_that_rose_since(ward: Ward) -> None:
    ward.assess(blank=_EVERY, **FEVER)
    confirm(ward, 1)
    assert not look_now.pending(ward.case, "hk")
    ward.observe("hypotension", "vasopressor", ago=timedelta(minutes=5))
    ward.round()
    found = grade(ward)
    assert found.overtaken and found.asks and found.at_most >= 3 and found.grade != 1
    assert bounds(ward)[1] >= 3
    confirm(ward, 3)
    assert not grade(ward).overtaken and grade(ward).grade == 3


def test_a_physicians_higher_word_stays_when_values_are_taken_back(ward: Ward) -> None:
    ward.observe("hypotension", "fluids", logical_id="p-1")
    ward.assess(blank=_EVERY, **FEVER)
    confirm(ward, 2)
    ward.amend("p-1", status="corrected", valueCodeableConcept=code("none"))
    found = grade(ward)
    assert (found.grade, found.at_most, found.highest) == (2, 2, 2)


def test_a_call_because_nobody_looked_is_not_closed_by_what_the_record_takes_back(ward: Ward) -> None:
    ward.observe("hypotension", "fluids", logical_id="p-1")
    ward.assess(blank=(*_EVERY, "oxygen_device"), **{name: value for name, value in FEVER.items() if name != "oxygen_device"})
    ward.wait(minutes=20)
    assert [call.codes for call in ward.calls] == [(look_now.LATE,)]
    ward.amend("p-1", status="entered-in-error")
    assert [call.is_open for call in ward.calls] == [True]


# --- entered late, of an earlier moment -----------------------------------------------------------------------------------


def _ice_of_seven(ward: Ward) -> None:
    """A round with an ICE of 10, six hours later one that does not ask for it, and now it is noon."""
    ward.assess()
    ward.wait(hours=6)
    ward.assess(blank=("ice_score",))
    assert bounds(ward, ICANS) == (0, 0)
    ward.wait(hours=4)


def _assessed(ward: Ward, **ago: float) -> list[str]:
    """The ids of the assessment of so long ago."""
    wanted = ward.now - timedelta(**ago)
    return [e.origin.event_id for e in ward.case.assessments if abs(e.event.assessed_at - wanted) < timedelta(minutes=1)]


def test_a_round_that_is_entered_late_is_in_the_grades_of_later_rounds(ward: Ward) -> None:
    _ice_of_seven(ward)
    ward.assess(ago=timedelta(hours=5), ice_score=5)
    ward.round()
    assert bounds(ward, ICANS) == (2, 2), "the round of four hours ago stated no ICE; the one of an hour before it did"
    again = [one for one in ward.case.struck if isinstance(one.entry.event, ev.GradeAssessed)]
    assert {(one.state, one.by_record, one.entry.event.scale) for one in again} == {("replaced", True, ICANS)}


def test_a_round_that_is_entered_late_and_changes_nothing_replaces_nothing(ward: Ward) -> None:
    _ice_of_seven(ward)
    ward.assess(ago=timedelta(hours=5))
    ward.round()
    newer = [one for one in ward.case.grades_assessed if one.event.scale == ICANS and one.event.from_before]
    assert bounds(ward, ICANS) == (0, 0) and [one.event.from_before[0][1] for one in newer] == [10]


def test_a_late_round_that_is_taken_back_leaves_the_later_grades_as_they_were(ward: Ward) -> None:
    _ice_of_seven(ward)
    ward.assess(ago=timedelta(hours=5), ice_score=5)
    ward.round()
    (late,) = _assessed(ward, hours=5)
    assert not isinstance(ward.give("CorrectEntry", event_id=late, action="void", reason="wrong-patient", note=""), Refusal)
    ward.round()
    assert bounds(ward, ICANS) == (0, 0)


def test_a_drug_against_fever_that_is_entered_late_leaves_a_later_grade_open(ward: Ward) -> None:
    ward.assess(**FEVER)
    ward.wait(hours=6)
    ward.assess(temperature=37.0, hypotension="fluids")
    before = bounds(ward)
    ward.wait(hours=1)
    done = ward.give(
        "GiveDrug", Role.PHYSICIAN, atc="L04AC07", name="tocilizumab", given_at=(ward.now - timedelta(hours=5)).isoformat(), dose_mg=480, route="IV",
        override_reason="given in the night", unusual=True,
    )  # fmt: skip
    assert not isinstance(done, Refusal), [reason.code for reason in done.reasons]
    ward.round()
    assert before != bounds(ward) == (2, 2), "masked fever: the syndrome goes on"


def test_a_late_round_counts_nothing_that_was_found_after_it(ward: Ward) -> None:
    ward.assess(ice_score=5)
    ward.wait(hours=6)
    ward.assess(ice_score=10)
    ward.assess(ago=timedelta(hours=3), blank=("ice_score",))
    late = next(one.event for one in reversed(ward.case.grades_assessed) if one.event.scale == ICANS and one.event.from_before)
    assert (late.grade, [(name, value) for name, value, _ in late.from_before]) == (2, [("ice_score", 5)])


# --- from when a grade is -------------------------------------------------------------------------------------------------


def test_a_grade_says_from_when_is_what_the_round_did_not_state(ward: Ward) -> None:
    ward.assess()
    first = ward.case.assessments[-1].event.assessed_at
    assert grade(ward, ICANS).latest.event.from_before == ()
    ward.wait(hours=5)
    ward.assess(blank=("ice_score", "seizure"))
    assert grade(ward, ICANS).latest.event.from_before == (("ice_score", 10, first), ("seizure", "none", first))
    assert grade(ward, CRS).latest.event.from_before == ()


def test_a_grade_of_an_older_version_is_not_made_again_only_to_say_it(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    ward.assess()
    ward.wait(hours=5)
    made = monitoring._grade
    with monkeypatch.context() as older:
        older.setattr(monitoring, "_grade", lambda *given: structs.replace(made(*given), from_before=None))
        ward.assess(blank=("ice_score",))
    ward.observe("temperature", 37, ago=timedelta(hours=1))
    ward.round()
    assert grade(ward, ICANS).latest.event.from_before is None and not ward.case.struck
