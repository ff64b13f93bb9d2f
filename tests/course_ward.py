"""The ward of `watch_world` in memory: the functions that a node applies to what is entered or arrives, without database, rendering, log and tasks.

Input is read by the door's own form, judged by the command's own rule in the situation that a node builds, and looked at by `watching.look_through` and
`watching.nobody_looked`; only the keeping of events and records is a list here. `tests/property/test_alarms.py` walks the same courses by both and compares.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from baybridge.base.outcome import Refusal
from baybridge.bedside.calls import Around
from baybridge.documents.escalation import span
from baybridge.journey.calls import Call
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import AssessmentRecorded, Event, Recorded
from baybridge.journey.judged import Judged
from baybridge.journey.texts import judge
from baybridge.node.commands.given import read_given
from baybridge.node.commands.judging import situate
from baybridge.node.commands.table import COMMANDS
from baybridge.node.node import Node
from baybridge.node.watch import signs, watching
from baybridge.node.watch.arrival import in_time
from watch_world import CASE, PATIENT, WELL, Ward

_NUMBER = itertools.count(1)

#: The share of boxes that a generated course leaves blank.
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


@dataclass
class CourseWard:
    """One infused patient at a node that keeps nothing."""

    node: Node
    now: datetime
    events: list[Recorded]
    resources: list[Any]
    _folded: tuple[int, Case | None] = field(default=(0, None))

    @property
    def case(self) -> Case:
        if self._folded[0] != len(self.events):
            self._folded = len(self.events), fold(self.events)
        case = self._folded[1]
        assert case is not None
        return case

    @property
    def calls(self) -> tuple[Call, ...]:
        return self.case.rapid_responses

    def give(self, command: str, role: Role = Role.NURSE, account: str = "somebody", **given: Any) -> Any:
        self.now += timedelta(seconds=1)
        actor = Actor(account, role, self.node.site.organisation)
        kind, case = COMMANDS[command], self.case
        read = read_given(kind, given)
        if isinstance(read, Refusal):
            return read
        filed = SimpleNamespace(resources=self.resources, from_outside=self.resources)
        unit: Any = SimpleNamespace(connection=None, at=self.now, new_id=lambda: f"id-{next(_NUMBER)}", record=lambda _: filed)
        _, situation = situate(self.node, unit, kind, case, Command(command, CASE, given, actor, "c"))
        verdict = judge(kind, situation, read)
        if isinstance(verdict, Refusal):
            return verdict
        made = verdict.events if isinstance(verdict, Judged) else verdict
        self._append(made, actor)
        self._look([event.assessed_at for event in made if isinstance(event, AssessmentRecorded)])
        return SimpleNamespace(events=made)

    def assess(self, **changes: Any) -> None:
        findings = {name: value for name, value in {**WELL, **changes}.items() if value is not None}
        answer = self.give("Assess", findings=findings, another=True, assessed_at=(self.now + timedelta(seconds=1)).isoformat())
        assert not isinstance(answer, Refusal), [reason.code for reason in answer.reasons]

    def observe(self, fact: str, value: float) -> None:
        """One observation, as a node files it."""
        self.now += timedelta(seconds=1)
        entry = self.node.dictionary[fact]
        system, code = entry.codes[0]
        measured = {"value": value, "unit": entry.unit or "1", "system": "http://unitsofmeasure.org", "code": entry.unit or "1"}
        filed = {
            "resourceType": "Observation", "id": f"o-{next(_NUMBER)}", "status": "final", "code": {"coding": [{"system": system, "code": code}]},
            "subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": self.now.isoformat(), "valueQuantity": measured,
            "meta": {"lastUpdated": self.now.isoformat()},
        }  # fmt: skip
        self.resources = [*self.resources, filed]
        self._look([self.now])

    def wait(self, **span_: float) -> None:
        self.now += timedelta(**span_)
        self.round()

    def round(self) -> None:
        """Where nobody looked in time, the team is called."""
        made = watching.nobody_looked(self.node, self.case, self._around())
        if made:
            self._append(made, self.node.system())

    def _around(self) -> Around:
        late = span(self.node.escalation.late_after)
        return Around(self.node.site.node, self.now, late, lambda: f"id-{next(_NUMBER)}", self.case.infused_at)

    def _look(self, moments: Sequence[datetime]) -> None:
        def write(_case: Case, made: Sequence[Event], _found: signs.Look) -> Case:
            self._append(made, self.node.system())
            return self.case

        if moments and watching.watched(self.node, self.case):
            watching.look_through(self.node, self.case, in_time(self.resources, self.now, self.node.dictionary), moments, self._around(), write)

    def _append(self, events: Sequence[Event], actor: Actor) -> None:
        for event in events:
            envelope = self.events[0]
            self.events = [
                *self.events,
                msgspec.structs.replace(
                    envelope, event_id=f"e-{next(_NUMBER)}", sequence=len(self.events) + 1, at=self.now, recorded_at=self.now, node=self.node.site.node,
                    organisation=actor.organisation, actor=actor.account, role=actor.role.value, event=event,
                ),
            ]  # fmt: skip


class Wards:
    """A node that is made once, and wards at it that begin alike."""

    def __init__(self, folder: Path) -> None:
        ward = Ward(folder)
        self._node, self._now, self._events = ward.node, ward.now, list(ward.events)
        patient = {"resourceType": "Patient", "id": PATIENT, "birthDate": "1968-04-09", "name": [{"family": "Chan"}]}
        self._resources = [{**patient, "meta": {"lastUpdated": ward.now.isoformat()}}]

    def ward(self) -> CourseWard:
        """A patient who was infused two days ago."""
        return CourseWard(self._node, self._now, list(self._events), list(self._resources))


