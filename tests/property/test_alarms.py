"""Generated courses after the infusion: not one patient with a sign of the list is without a call; well courses hardly call.

A course is a series of rounds with boxes left blank, entries that come late, out of order or not at all, and observations through FHIR beside them.
`BAYBRIDGE_TEST_COURSES` sets how many are walked (`make soak`: 10,000).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from watch_world import WELL, Ward

COURSES = int(os.environ.get("BAYBRIDGE_TEST_COURSES", "12"))
BLANK = 0.3
#: Each sign of the list as findings that show it, whatever else is blank.
SIGNS: dict[str, dict[str, Any]] = {
    "RR-VASOPRESSOR": {"vasopressors": 1},
    "RR-OXYGEN": {"oxygen_device": "high_flow_nasal_cannula", "oxygen_reason": None},
    "RR-SATURATION": {"oxygen_saturation": 86},
    "RR-SEIZURE": {"seizure": "resolves_rapidly"},
    "RR-AROUSAL": {"arousal": "tactile", "sedated": None},
    "RR-ICP": {"raised_icp_sign": True},
    "RR-MOTOR": {"deep_focal_motor_weakness": True},
    "RR-ICANS": {"ice_score": 1, "sedated": False},
    "RR-IECHS": {"iec_hs_grade": 3},
}


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


def walk(ward: Ward, chance: random.Random, *, ill: bool) -> Iterator[str]:
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


def _look(ward: Ward) -> None:
    """Somebody looks and enters what is missing, within the time."""
    from baybridge.journey import look_now

    if look_now.pending(ward.case, ward.node.site.node):
        ward.now += timedelta(minutes=5)
        ward.assess()


@pytest.mark.parametrize("number", range(COURSES))
def test_no_patient_with_a_sign_is_without_a_call(number: int, tmp_path: Path) -> None:
    assert list(walk(Ward(tmp_path / "hk"), random.Random(number), ill=True)) == []


def test_well_courses_call_at_most_once_in_twenty_patient_days(tmp_path: Path) -> None:
    days, calls = 0.0, 0
    for number in range(max(2, COURSES // 4)):
        ward = Ward(tmp_path / f"n{number}" / "hk")
        began = ward.now
        assert list(walk(ward, random.Random(1000 + number), ill=False)) == []
        days += (ward.now - began).total_seconds() / 86400
        calls += len(ward.calls)
    assert calls <= days / 20
