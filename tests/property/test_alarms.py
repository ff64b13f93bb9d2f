"""Generated courses after the infusion: not one patient with a sign of the list is without a call; well courses hardly call.

A course is a series of rounds with boxes left blank, ICE by its items or some of them, entries that come late, out of order or not at all, and values that feeds send
beside them: above or below a limit, under a monitor's code, impossible, late, or dated ahead.
`BAYBRIDGE_TEST_COURSES` sets how many are walked (`make soak`: 10,000): in memory, by the functions that a node applies (`course_ward.py`). Some are
walked at a node with its database too, which must say the same.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey import asked_findings, look_now
from baybridge.journey.calls import Call
from course_ward import BLANK, IN_PART, ITEMS, OBSERVED, SIGNS, CourseWard, Observed, Wards
from watch_world import WELL, Ward

COURSES = int(os.environ.get("BAYBRIDGE_TEST_COURSES", "12"))


@dataclass(frozen=True)
class Round:
    """One round: when it is due, how late it is entered, what is seen, the sign that it shows, and what a feed sends beside it, how long after it was measured.

    `score`: of a look at the ICE of which some items were asked alone, the points that it has at most.
    """

    after: timedelta
    late: timedelta
    findings: dict[str, Any]
    sign: str | None
    score: int | None = None
    sent: Observed | None = None
    sent_late: timedelta = timedelta(0)


#: How late what a feed sends comes; before zero it is dated ahead, by a clock that runs fast or lost a day.
_SENT = (0, 0, 0, 2, 30, 90, 400, -3, -40, -90, -1500)


def course(chance: random.Random, *, ill: bool) -> Iterator[Round]:
    """Rounds of two to four days; an ill patient shows one to three signs on the way."""
    rounds = chance.randint(12, 20)
    when = set(chance.sample(range(rounds), chance.randint(1, 3))) if ill else set()
    for number in range(rounds):
        sign = chance.choice([*sorted(SIGNS), "RR-ICE-FALL"]) if number in when else None
        seen = {name: value for name, value in WELL.items() if chance.random() >= BLANK}
        if chance.random() < 0.3:
            seen |= {"temperature": chance.choice([38.1, 38.6, 39.2])}
        shown, score = _shown(chance, sign)
        findings = {name: value for name, value in {**seen, **shown}.items() if value is not None}
        if sign is None and chance.random() < 0.2 and "ice_score" in findings:
            findings = {**{name: value for name, value in findings.items() if name != "ice_score"}, **_items(chance)}
        late = timedelta(minutes=chance.choice([0, 0, 0, 5, 40, 150, 400]))
        sent = chance.choice(OBSERVED) if ill and chance.random() < 0.1 else None
        yield Round(timedelta(hours=4), late, findings or {"temperature": 36.8}, sign, score, sent, timedelta(minutes=chance.choice(_SENT)))


def _shown(chance: random.Random, sign: str | None) -> tuple[dict[str, Any], int | None]:
    """The findings that show a sign in one of the ways in which they are entered, and the points of an ICE that is a sign beside an earlier one alone."""
    if sign is None:
        return {}, None
    if sign == "RR-ICE-FALL":
        return chance.choice(IN_PART)
    return chance.choice(SIGNS[sign]), None


def _items(chance: random.Random) -> dict[str, Any]:
    """Items of a well patient, all of them or those that somebody asked."""
    whole = dict(zip(ITEMS, (4, 3, 1, 1, 1), strict=True))
    return whole if chance.random() < 0.5 else {name: whole[name] for name in chance.sample(ITEMS, chance.randint(1, 4))}


def walk(ward: Ward | CourseWard, chance: random.Random, *, ill: bool) -> Iterator[str]:
    """Walk a course; each sign after whose entry no call stands. Somebody looks in time where the ward is asked to, as in a well course."""
    scores: list[tuple[datetime, int]] = []
    for one in course(chance, ill=ill):
        ward.wait(hours=one.after.total_seconds() / 3600)
        if chance.random() < 0.1 and one.sign is None:
            continue  # the round was left out
        seen_at = ward.now + timedelta(seconds=1) - one.late
        answer = ward.give("Assess", findings=one.findings, another=True, unusual=True, assessed_at=seen_at.isoformat())
        assert not isinstance(answer, Refusal), [reason.code for reason in answer.reasons]
        if chance.random() < 0.2:
            ward.observe("heart_rate", chance.randint(60, 120))
        ward.round()
        sign = _as_shown(one, seen_at, scores)
        if sign is not None and sign not in _called(ward):
            yield f"{sign} at {one.late} by {one.findings}"
        if one.sent is not None:
            yield from _sent(ward, one.sent, one.sent_late)
        if ward.case.open_rapid_response is not None and chance.random() < 0.7:
            ward.now += timedelta(minutes=4)
            ward.give("ArriveRapidResponse", arrived_at=ward.now.isoformat())
        if not ill or chance.random() < 0.8:
            _look(ward)


def _called(ward: Ward | CourseWard) -> set[str]:
    return {code for call in ward.calls for code in call.codes}


def _as_shown(one: Round, seen_at: datetime, scores: list[tuple[datetime, int]]) -> str | None:
    """The sign that a round shows; a score that fell needs an earlier one of the same day, which is kept here."""
    exact = one.findings.get("ice_score")
    items = [one.findings.get(name) for name in ITEMS]
    if exact is None and None not in items:
        exact = sum(item for item in items if item is not None)
    before = [score for at, score in scores if seen_at - timedelta(hours=24) <= at < seen_at]
    newest = all(at < seen_at for at, _ in scores)
    if exact is not None:
        scores.append((seen_at, exact))
    if one.sign != "RR-ICE-FALL":
        return one.sign
    return "RR-ICE-FALL" if newest and before and one.score is not None and max(before) - one.score >= 3 else None


def _sent(ward: Ward | CourseWard, sent: Observed, late: timedelta) -> Iterator[str]:
    """A feed sends a value; it calls, or asks somebody to look who does not come."""
    asks = sent.sign in ("", look_now.LATE)
    late = timedelta(0) if asks and late > timedelta(0) else late  # of what is older than the last look nobody is asked
    ward.file(sent.fact, sent.value, late, comparator=sent.comparator, coding=sent.coding)
    ward.round()
    if asks and sent.fact not in {asked.event.fact for asked in asked_findings.to_look(ward.case, ward.node.site.node)}:
        yield f"{sent} at {late}: nobody is asked"
    if sent.sign == look_now.LATE:
        ward.wait(minutes=16)
    if sent.sign and sent.sign not in _called(ward) and not (asks and ward.case.open_rapid_response):
        yield f"{sent} at {late}"


def _look(ward: Ward | CourseWard) -> None:
    """Somebody looks and enters what is missing, within the time."""
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
