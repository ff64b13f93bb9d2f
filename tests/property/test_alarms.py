"""Generated courses after the infusion: not one patient with a sign of the list is without a call; well courses hardly call.

A course is a series of rounds with boxes left blank, entries that come late, out of order or not at all, and observations through FHIR beside them.
`BAYBRIDGE_TEST_COURSES` sets how many are walked (`make soak`: 10,000): in memory, by the functions that a node applies (`course_ward.py`). Some are
walked at a node with its database too, which must say the same.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey.calls import Call
from course_ward import BLANK, SIGNS, CourseWard, Wards
from watch_world import WELL, Ward

COURSES = int(os.environ.get("BAYBRIDGE_TEST_COURSES", "12"))


@dataclass(frozen=True)
class Round:
    """One round: when it is due, how late it is entered, what is seen, and whether it goes through FHIR."""

    after: timedelta
    late: timedelta
    findings: dict[str, Any]
    sign: str | None


def course(chance: random.Random, *, ill: bool) -> Iterator[Round]:
    """Rounds of two to four days; an ill patient shows one to three signs on the way."""
    rounds = chance.randint(12, 20)
    when = set(chance.sample(range(rounds), chance.randint(1, 3))) if ill else set()
    for number in range(rounds):
        sign = chance.choice(sorted(SIGNS)) if number in when else None
        seen = {name: value for name, value in WELL.items() if chance.random() >= BLANK}
        if chance.random() < 0.3:
            seen |= {"temperature": chance.choice([38.1, 38.6, 39.2])}
        shown = SIGNS[sign] if sign else {}
        findings = {name: value for name, value in {**seen, **shown}.items() if value is not None and not (name in shown and shown[name] is None)}
        late = timedelta(minutes=chance.choice([0, 0, 0, 5, 40, 150, 400]))
        yield Round(timedelta(hours=4), late, findings or {"temperature": 36.8}, sign)


def walk(ward: Ward | CourseWard, chance: random.Random, *, ill: bool) -> Iterator[str]:
    """Walk a course; each sign after whose entry no call stands. Somebody looks in time where the ward is asked to, as in a well course."""
    for one in course(chance, ill=ill):
        ward.wait(hours=one.after.total_seconds() / 3600)
        if chance.random() < 0.1 and one.sign is None:
            continue  # the round was left out
        answer = ward.give("Assess", findings=one.findings, another=True, assessed_at=(ward.now + timedelta(seconds=1) - one.late).isoformat())
        assert not isinstance(answer, Refusal), [reason.code for reason in answer.reasons]
        if chance.random() < 0.2:
            ward.observe("heart_rate", chance.randint(60, 120))
        ward.round()
        if one.sign is not None and one.sign not in {code for call in ward.calls for code in call.codes}:
            yield f"{one.sign} at {one.late}"
        if ward.case.open_rapid_response is not None and chance.random() < 0.7:
            ward.now += timedelta(minutes=4)
            ward.give("ArriveRapidResponse", arrived_at=ward.now.isoformat())
        if not ill or chance.random() < 0.8:
            _look(ward)


def _look(ward: Ward | CourseWard) -> None:
    """Somebody looks and enters what is missing, within the time."""
    from baybridge.journey import look_now

    if look_now.pending(ward.case, ward.node.site.node):
        ward.now += timedelta(minutes=5)
        ward.assess()


@pytest.fixture(scope="module")
def wards(tmp_path_factory: pytest.TempPathFactory) -> Wards:
    return Wards(tmp_path_factory.mktemp("courses") / "hk")


def test_no_patient_with_a_sign_is_without_a_call(wards: Wards) -> None:
    signs, missed = 0, []
    for number in range(COURSES):
        ward = wards.ward()
        missed += [f"course {number}: {one}" for one in walk(ward, random.Random(number), ill=True)]
        signs += sum(len(call.codes) for call in ward.calls)
    sys.stdout.write(f"{COURSES} courses with signs, {signs} signs called, {len(missed)} without a call\n")  # shown with -s, as `make soak` runs it
    assert missed == []
    assert signs >= COURSES


def test_well_courses_call_at_most_once_in_twenty_patient_days(wards: Wards) -> None:
    days, calls, courses = 0.0, 0, max(2, COURSES // 4)
    for number in range(courses):
        ward = wards.ward()
        began = ward.now
        assert list(walk(ward, random.Random(1000 + number), ill=False)) == []
        days += (ward.now - began).total_seconds() / 86400
        calls += len(ward.calls)
    sys.stdout.write(f"{courses} well courses, {days:.0f} patient-days, {calls} calls: one in {days / max(1, calls):.0f} patient-days\n")
    assert calls <= days / 20


@pytest.mark.parametrize(("number", "ill"), [(0, True), (3, True), (5, True), (1000, False)])
def test_a_node_with_its_database_says_the_same(number: int, ill: bool, wards: Wards, tmp_path: Path) -> None:
    stored, kept = Ward(tmp_path / "hk"), wards.ward()
    assert list(walk(stored, random.Random(number), ill=ill)) == list(walk(kept, random.Random(number), ill=ill)) == []
    assert [said(call) for call in stored.calls] == [said(call) for call in kept.calls]


def said(call: Call) -> tuple[Any, ...]:
    """What a call says, without its name."""
    event = call.called.event
    return call.codes, dict(call.levels), event.called_at, event.seen_at, event.late, event.grade_min, call.state, call.absent
