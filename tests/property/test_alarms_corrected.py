"""Courses in which entries and observations are corrected, struck through and taken back, at a node with its database: what shows a sign then calls as if it had come so.

`BAYBRIDGE_TEST_COURSES` sets how many are walked, one for each fifty of `test_alarms.py`. Nobody comes and nobody closes a call: what stands must be in it.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey import events as ev
from baybridge.journey.command import Actor, Role
from baybridge.node.corrections.grades import Made, grade_again
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.watch import signs
from baybridge.node.watch.arrival import record_in_time
from course_ward import BLANK, SIGNS
from watch_world import CASE, WELL, Ward

COURSES = max(3, int(os.environ.get("BAYBRIDGE_TEST_COURSES", "12")) // 50)

#: Observations that show a sign whatever else is known, what the same says where it is well, and how they are said to lie above or below a limit, where they are.
OBSERVED: dict[str, tuple[str, Any, Any, str]] = {
    "RR-SATURATION": ("oxygen_saturation", 84, 98, "<"),
    "RR-VASOPRESSOR": ("vasopressors", 2, 0, ">="),
    "RR-SEIZURE": ("seizure", "prolonged", "none", ""),
    "RR-MOTOR": ("deep_focal_motor_weakness", True, False, ""),
    "RR-OXYGEN": ("oxygen_device", "cpap", "none", ""),
}


@dataclass
class Walk:
    """A course at a node: what was entered and observed so far, by name, with when it was seen."""

    ward: Ward
    chance: random.Random
    entries: dict[str, datetime] = field(default_factory=dict)
    observed: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def steps(self) -> Iterator[str]:
        """Walk; each sign that stands and is in no open call."""
        for number in range(self.chance.randint(6, 12)):
            self.ward.wait(minutes=self.chance.choice([1, 5, 30, 120]))
            done = self.chance.choice([self.assess, self.assess, self.observe, self.replace, self.strike, self.amend, self.delete])
            shown = done()
            self.ward.round()
            missing = ({shown} if shown else set()) | self._present()
            called = self.ward.case.open_rapid_response
            for code in sorted(missing - set(called.codes if called else ())):
                yield f"step {number}: {code} after {done.__name__}"
            yield from (f"step {number}: a grade of {scale} is old after {done.__name__}" for scale in self._old_grades())

    def assess(self) -> str | None:
        sign, seen_at = self._sign(SIGNS), self.ward.now - self._late()
        answer = self.ward.give("Assess", findings=self._findings(sign), another=True, assessed_at=seen_at.isoformat())
        return self._entered(answer, sign)

    def replace(self) -> str | None:
        if not self.entries:
            return None
        name, sign = self.chance.choice(sorted(self.entries)), self._sign(SIGNS)
        given = {"findings": self._findings(sign), "another": True, "assessed_at": self.entries.pop(name).isoformat()}
        return self._entered(self.ward.give("CorrectEntry", event_id=name, action="replace", reason="wrong-value", note="", given=given), sign)

    def strike(self) -> None:
        if self.entries:
            name = self.chance.choice(sorted(self.entries))
            del self.entries[name]
            assert not isinstance(self.ward.give("CorrectEntry", event_id=name, action="void", reason="wrong-patient", note=""), Refusal)

    def observe(self) -> str | None:
        sign = self._sign(OBSERVED)
        code, name = sign or self.chance.choice(sorted(OBSERVED)), f"observed-{len(self.observed)}-{self.ward.now:%d%H%M%S}"
        return self._say(name, code, self.ward.now - self._late(), shown=sign is not None)

    def amend(self) -> str | None:
        if not self.observed:
            return None
        name = self.chance.choice(sorted(self.observed))
        return self._say(name, *self.observed[name], shown=self.chance.random() < 0.5)

    def delete(self) -> None:
        if self.observed:
            name = self.chance.choice(sorted(self.observed))
            del self.observed[name]
            gone = Interaction("DELETE", "Observation", name, None, reason="wrong-value")
            assert not isinstance(write(self.ward.node, Actor("doctor", Role.PHYSICIAN, self.ward.node.site.organisation), [gone]), Refusal)

    def _say(self, name: str, code: str, at: datetime, *, shown: bool) -> str | None:
        fact, ill, well, comparator = OBSERVED[code]
        comparator = comparator if shown and self.chance.random() < 0.5 else ""
        self.ward.file(fact, ill if shown else well, self.ward.now + timedelta(seconds=1) - at, comparator=comparator, logical_id=name)
        self.observed[name] = code, at
        return code if shown else None

    def _entered(self, answer: Any, sign: str | None) -> str | None:
        assert not isinstance(answer, Refusal), [reason.code for reason in answer.reasons]
        made = next(item for item in reversed(self.ward.events) if isinstance(item.event, ev.AssessmentRecorded))
        self.entries[made.event_id] = made.event.assessed_at
        return sign

    def _findings(self, sign: str | None) -> dict[str, Any]:
        seen = {name: value for name, value in WELL.items() if self.chance.random() >= BLANK}
        findings = {**seen, **(self.chance.choice(SIGNS[sign]) if sign else {})}
        return {name: value for name, value in findings.items() if value is not None} or {"temperature": 36.8}

    def _sign(self, signs_of: dict[str, Any]) -> str | None:
        return self.chance.choice([None, None, *sorted(signs_of)])

    def _late(self) -> timedelta:
        return timedelta(minutes=self.chance.choice([0, 0, 5, 40, 150, 400]))

    def _old_grades(self) -> list[str]:
        """The grades that would be others if their assessment were graded now, from everything that stands."""
        with self.ward.node.unit() as unit:
            case, made = unit.case(CASE), Made(unit, "source-corrected", "")
            for place, entry in enumerate(case.entries):
                if isinstance(entry.event, ev.AssessmentRecorded):
                    grade_again(self.ward.node, made, case, place)
            return [event.scale for event in made.events if isinstance(event, ev.GradeAssessed)]

    def _present(self) -> set[str]:
        """The signs of now, of everything that stands."""
        with self.ward.node.unit() as unit:
            case = unit.case(CASE)
            return set(signs.look(self.ward.node, case, record_in_time(unit, case, self.ward.node.dictionary), unit.at, current=True).seen.levels)


def test_no_sign_that_stands_after_corrections_is_without_a_call(tmp_path: Path) -> None:
    missed = []
    for number in range(COURSES):
        ward = Ward(tmp_path / f"hk-{number}")
        missed += [f"course {number}, {one}" for one in Walk(ward, random.Random(number)).steps()]
        ward.node.storage.close()
    sys.stdout.write(f"{COURSES} courses with corrections, {len(missed)} signs without a call\n")
    assert missed == []


@pytest.mark.parametrize("code", sorted(OBSERVED))
def test_each_observation_calls_by_itself(code: str, tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk")
    ward.observe(*OBSERVED[code][:2])
    ward.round()
    called = ward.case.open_rapid_response
    assert called is not None and code in called.codes
