"""Two values of one moment that differ: the worse one calls and is graded, and both are told; which of them is right nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from baybridge.facts.charted import Use, charted
from baybridge.facts.fhir import Found
from baybridge.journey.asked_findings import to_look
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import FindingAsked, FindingConfirmed
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.upkeep.projections import open_tasks
from baybridge.record.store import store
from watch_world import PATIENT, WELL, Ward, events_of, observation

CRS = "crs-astct-2019"


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path / "hk")
    yield ward
    ward.node.storage.close()


def minute(ward: Ward) -> datetime:
    """The minute that a form would write, a while ago."""
    return (ward.now - timedelta(minutes=3)).replace(second=0, microsecond=0)


def typed(ward: Ward, at: datetime, findings: dict[str, Any]) -> None:
    events_of(ward.give("Assess", findings=findings, another=True, unusual=True, assessed_at=at.isoformat()))


def sent(ward: Ward, at: datetime, fact: str, value: Any, name: str) -> None:
    ward.now += timedelta(seconds=1)
    wanted = [Interaction("PUT", "Observation", name, observation(ward.node, fact, value, at, name))]
    done = write(ward.node, Actor("monitor", Role.NURSE, ward.node.site.organisation), wanted)
    assert not isinstance(done, Refusal), done
    ward.round()


def codes(ward: Ward) -> set[str]:
    return {code for call in ward.calls for code in call.codes}


def bounds(ward: Ward, scale: str = CRS) -> tuple[int, int]:
    latest = ward.case.grades[scale].latest.event
    return latest.grade_min, latest.grade_max


#: A finding, what is well, what is a sign, and the sign.
_SIGNS: list[tuple[str, Any, Any, str]] = [
    ("oxygen_saturation", 97, 85, "RR-SATURATION"),
    ("oxygen_device", "none", "non_rebreather", "RR-OXYGEN"),
    ("vasopressors", 0, 1, "RR-VASOPRESSOR"),
    ("seizure", "none", "prolonged", "RR-SEIZURE"),
    ("arousal", "spontaneous", "unarousable", "RR-AROUSAL"),
    ("raised_icp_sign", False, True, "RR-ICP"),
    ("ice_score", 10, 1, "RR-ICANS"),
]


_ORDERS = ["typed first", "sent first", "worse typed", "two rounds", "two rounds, worse first", "two sent"]


@pytest.mark.parametrize(
    ("fact", "well", "bad", "code", "order"),
    [(*_SIGNS[0], order) for order in _ORDERS] + [(*sign, order) for sign in _SIGNS[1:] for order in ("typed first", "two rounds, worse first")],
)
def test_the_worse_of_one_moment_calls_whichever_came_first(ward: Ward, fact: str, well: Any, bad: Any, code: str, order: str) -> None:
    at = minute(ward)
    if order == "typed first":
        typed(ward, at, {**WELL, fact: well})
        sent(ward, at, fact, bad, "o-tie")
    elif order == "sent first":
        sent(ward, at, fact, bad, "o-tie")
        typed(ward, at, {**WELL, fact: well})
    elif order == "worse typed":
        sent(ward, at, fact, well, "o-tie")
        typed(ward, at, {**WELL, fact: bad})
    elif order == "two sent":
        sent(ward, at, fact, bad, "o-bad")
        sent(ward, at, fact, well, "o-well")
    else:
        first, second = (well, bad) if order == "two rounds" else (bad, well)
        typed(ward, at, {**WELL, fact: first})
        typed(ward, at, {**WELL, fact: second})
    assert code in codes(ward)


def test_the_grade_counts_the_worse_of_one_moment_whichever_came_first(ward: Ward) -> None:
    at = minute(ward)
    typed(ward, at, {**WELL, "temperature": 37})
    assert bounds(ward) == (0, 0)
    sent(ward, at, "temperature", 39, "o-fever")
    assert bounds(ward) == (1, 1)


def test_a_fever_that_was_sent_for_the_minute_of_a_round_counts_in_its_grade(ward: Ward) -> None:
    at = minute(ward)
    sent(ward, at, "temperature", 39, "o-fever")
    typed(ward, at, {**WELL, "temperature": 37})
    assert bounds(ward) == (1, 1)


def test_an_answer_of_the_round_explains_no_worse_finding_that_somebody_else_made_in_that_minute(ward: Ward) -> None:
    at = minute(ward)
    typed(ward, at, {**WELL, "temperature": 39.0, "oxygen_device": "none", "oxygen_reason": "comfort"})
    sent(ward, at, "oxygen_device", "high_flow_nasal_cannula", "o-device")
    assert bounds(ward)[1] >= 3
    assert "RR-OXYGEN" in codes(ward)


def test_sedation_of_one_round_silences_no_patient_who_cannot_be_roused_in_the_next_of_that_minute(ward: Ward) -> None:
    at = minute(ward)
    typed(ward, at, {"sedated": True})
    typed(ward, at, {"arousal": "unarousable"})
    assert "RR-AROUSAL" in codes(ward)


def test_sedation_of_the_same_round_explains(ward: Ward) -> None:
    typed(ward, minute(ward), {**WELL, "sedated": True, "arousal": "unarousable"})
    assert "RR-AROUSAL" not in codes(ward)


def test_two_that_agree_change_nothing(ward: Ward) -> None:
    at = minute(ward)
    typed(ward, at, {**WELL, "temperature": 37})
    sent(ward, at, "oxygen_saturation", 97, "o-same")
    sent(ward, at, "temperature", 37, "o-temp")
    assert not ward.calls
    assert bounds(ward) == (0, 0)


def test_a_worse_value_that_was_corrected_or_taken_back_no_longer_counts(ward: Ward) -> None:
    at = minute(ward)
    sent(ward, at, "temperature", 39, "o-fever")
    typed(ward, at, {**WELL, "temperature": 37})
    assert bounds(ward) == (1, 1)
    sent(ward, at, "temperature", 37, "o-fever")
    assert bounds(ward) == (0, 0)


def test_a_pulse_unusual_on_either_side_asks_though_another_of_that_moment_is_not(ward: Ward) -> None:
    at = minute(ward)
    sent(ward, at, "heart_rate", 190, "o-fast")
    sent(ward, at, "heart_rate", 80, "o-well")
    assert ("heart_rate", "unusual") in {(one.event.fact, one.event.why) for one in to_look(ward.case, "hk")}


def test_both_are_told_and_the_better_one_is_not_told_as_used(ward: Ward) -> None:
    at = minute(ward)
    typed(ward, at, WELL)
    sent(ward, at, "oxygen_saturation", 85, "o-low")
    with ward.node.storage.reading() as connection:
        resources = [one.resource for one in (store.get(connection, "Observation", "o-low"), store.get(connection, "Patient", PATIENT)) if one is not None]
    known = ward.node.record_memory.known(PATIENT, ward.node.dictionary)
    rows = charted(Found(resources), ward.now, ward.node.dictionary, ward.case, {"oxygen_saturation"}, known, ())
    assert {(row.value, row.use) for row in rows} == {(85, Use.USED), (97, Use.UNUSABLE)}


# --- which of them is right -----------------------------------------------------------------------------------------------


def asked(ward: Ward) -> list[tuple[str, datetime | None]]:
    return [(one.event.fact, one.event.seen_at) for one in to_look(ward.case, "hk") if one.event.why == "tied"]


def tasks(ward: Ward) -> dict[str, str]:
    with ward.node.storage.reading() as connection:
        return {task.key: task.role for task in open_tasks(ward.node, connection, ward.case, ward.now)}


def tie(ward: Ward) -> datetime:
    """A fever that a monitor sent for the minute of a round that found none."""
    at = minute(ward)
    sent(ward, at, "temperature", 39, "o-fever")
    typed(ward, at, {**WELL, "temperature": 37})
    ward.round()
    assert asked(ward) == [("temperature", at)] and tasks(ward)["finding_tied:temperature"] == "physician"
    return at


def say(ward: Ward, value: float, basis: str, role: Role = Role.PHYSICIAN) -> Any:
    done = ward.give("ConfirmFinding", role, fact="temperature", value=value, basis=basis)
    ward.round()
    return done


def test_two_values_of_one_moment_are_asked_about_once_and_no_other_round_answers(ward: Ward) -> None:
    tie(ward)
    ward.wait(hours=1)
    ward.assess()
    ward.observe("temperature", 36)
    ward.round()
    assert len(asked(ward)) == 1
    assert [e.event.why for e in ward.case.of(FindingAsked)].count("tied") == 1


def test_a_physician_says_which_is_right_and_grade_task_and_chart_follow(ward: Ward) -> None:
    tie(ward)
    assert bounds(ward) == (1, 1)
    event_id = ward.case.assessments[-1].origin.event_id
    assert not isinstance(say(ward, 37, f"Event/{event_id}"), Refusal)
    assert not asked(ward) and "finding_tied:temperature" not in tasks(ward)
    assert bounds(ward) == (0, 0)
    assert isinstance(say(ward, 39, "Observation/o-fever", Role.NURSE), Refusal), "a nurse's word lowers and raises nothing of another's"
    assert not isinstance(say(ward, 39, "Observation/o-fever"), Refusal)
    assert bounds(ward) == (1, 1), "the last word holds"


def test_a_word_that_names_neither_of_the_two_settles_nothing(ward: Ward) -> None:
    tie(ward)
    for value, basis in ((37, "the ward round"), (37, "Observation/o-fever"), (38.4, f"Event/{ward.case.assessments[-1].origin.event_id}")):
        say(ward, value, basis)
        assert len(asked(ward)) == 1
        assert bounds(ward) == (1, 1)


def test_what_was_said_is_taken_back_and_it_is_asked_again(ward: Ward) -> None:
    at = tie(ward)
    say(ward, 37, f"Event/{ward.case.assessments[-1].origin.event_id}")
    said = ward.case.of(FindingConfirmed)[-1].origin.event_id
    assert not isinstance(ward.give("CorrectEntry", Role.PHYSICIAN, event_id=said, action="void", reason="wrong-value", note=""), Refusal)
    ward.round()
    assert asked(ward) == [("temperature", at)] and bounds(ward) == (1, 1)


@pytest.mark.parametrize("way", ["own entry corrected", "result corrected", "result withdrawn"])
def test_it_is_no_longer_asked_where_one_of_them_was_put_right(ward: Ward, way: str) -> None:
    at = tie(ward)
    if way == "own entry corrected":
        entry = ward.case.assessments[-1]
        given = {"findings": {**WELL, "temperature": 39}, "assessed_at": at.isoformat(), "another": True, "unusual": True}
        assert not isinstance(ward.give("CorrectEntry", event_id=entry.origin.event_id, action="replace", reason="wrong-value", note="", given=given), Refusal)
        ward.round()
        assert bounds(ward) == (1, 1)
    elif way == "result corrected":
        sent(ward, at, "temperature", 37, "o-fever")
        assert bounds(ward) == (0, 0)
    else:
        gone = observation(ward.node, "temperature", 39, at, "o-fever") | {"status": "entered-in-error"}
        assert not isinstance(write(ward.node, Actor("monitor", Role.NURSE, ward.node.site.organisation), [Interaction("PUT", "Observation", "o-fever", gone)]), Refusal)
        ward.round()
    assert not asked(ward) and "finding_tied:temperature" not in tasks(ward)


def test_another_moment_is_asked_about_when_the_first_was_settled(ward: Ward) -> None:
    tie(ward)
    first = ward.case.assessments[-1].origin.event_id
    ward.wait(hours=1)
    later = minute(ward)
    sent(ward, later, "temperature", 38, "o-later")
    typed(ward, later, {**WELL, "temperature": 37})
    ward.round()
    say(ward, 37, f"Event/{first}")
    assert asked(ward) == [("temperature", later)]
    sent(ward, later, "temperature", 37, "o-later")
    assert not asked(ward)


def test_a_word_on_one_moment_stands_for_no_other(ward: Ward) -> None:
    tie(ward)
    say(ward, 37, f"Event/{ward.case.assessments[-1].origin.event_id}")
    ward.wait(hours=1)
    sent(ward, ward.now, "temperature", 40, "o-now")
    typed(ward, ward.now, {**WELL, "temperature": 40})
    assert bounds(ward) == (1, 1)


def test_a_value_that_comes_after_the_word_is_asked_about_anew(ward: Ward) -> None:
    at = tie(ward)
    say(ward, 37, f"Event/{ward.case.assessments[-1].origin.event_id}")
    assert bounds(ward) == (0, 0)
    sent(ward, at, "temperature", 40, "o-third")
    assert asked(ward) == [("temperature", at)]
    assert bounds(ward) == (1, 1), "what nobody had seen when it was said counts"
