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
from baybridge.node.record_memory import RecordMemory
from baybridge.node.watch import signs, watching
from baybridge.node.watch.arrival import in_time, moment_of
from watch_world import CASE, PATIENT, WELL, Ward, observation

_NUMBER = itertools.count(1)

#: The share of boxes that a generated course leaves blank.
BLANK = 0.3
#: The items of ICE in the order in which they are asked.
ITEMS = ("ice_orientation", "ice_naming", "ice_command", "ice_writing", "ice_attention")
#: A look at the brain from which nothing but the items is known.
_ASKED = {"ice_score": None, "sedated": False, "arousal": "spontaneous"}
#: Each sign of the list as findings that show it, whatever else is blank; in the ways in which somebody enters it. None: the box is blank.
SIGNS: dict[str, tuple[dict[str, Any], ...]] = {
    "RR-VASOPRESSOR": ({"vasopressors": 1}, {"vasopressin": True}, {"hypotension": "vasopressor", "vasopressors": None}),
    "RR-OXYGEN": (
        {"oxygen_device": "high_flow_nasal_cannula", "oxygen_reason": None},
        {"oxygen_device": "nasal_cannula", "oxygen_flow": 8, "oxygen_reason": None},
        {"oxygen_device": None, "oxygen_flow": 7, "oxygen_reason": None},
    ),
    "RR-SATURATION": ({"oxygen_saturation": 86}, {"oxygen_saturation": None, "arterial_oxygen_saturation": 84}),
    "RR-SEIZURE": ({"seizure": "resolves_rapidly"}, {"seizure": "repetitive"}),
    "RR-AROUSAL": ({"arousal": "tactile", "sedated": None}, {"arousal": "unarousable", "sedated": False}),
    "RR-ICP": ({"raised_icp_sign": True}, {"cerebral_edema": "focal", "raised_icp_sign": None}),
    "RR-MOTOR": ({"deep_focal_motor_weakness": True},),
    "RR-ICANS": (
        {"ice_score": 1, "sedated": False},
        {**_ASKED, **dict.fromkeys(ITEMS, 0)},
        {**_ASKED, **dict.fromkeys(ITEMS[:4], 0)},
        {**_ASKED, "ice_orientation": 1, "ice_naming": 0, "ice_writing": 0, "ice_attention": 0},
        {**_ASKED, "ice_orientation": 0, "ice_naming": 0, "ice_command": 0},
    ),
    "RR-IECHS": ({"iec_hs_grade": 3},),
}
#: Items that were asked in part, of which it follows how many points the score has at most: a sign only beside an earlier score.
IN_PART: tuple[tuple[dict[str, Any], int], ...] = (
    ({**_ASKED, "ice_orientation": 1}, 7),
    ({**_ASKED, "ice_orientation": 2, "ice_naming": 1}, 6),
    ({**_ASKED, "ice_naming": 0, "ice_attention": 0}, 6),
    ({**_ASKED, "ice_score": 5}, 5),
)


@dataclass(frozen=True)
class Observed:
    """A value that comes by a feed: the sign that it shows, or '' where it asks somebody to look; RR-LATE where the team is called because nobody does."""

    sign: str
    fact: str
    value: Any
    comparator: str = ""
    coding: tuple[str, str] | None = None


_MONITOR = "urn:iso:std:iso:11073:10101"
#: Values as feeds send them, each of which shows a sign or hides one.
OBSERVED: tuple[Observed, ...] = (
    Observed("RR-SATURATION", "oxygen_saturation", 84),
    Observed("RR-SATURATION", "oxygen_saturation", 88, "<"),
    Observed("RR-SATURATION", "oxygen_saturation", 89, "<="),
    Observed("RR-SATURATION", "arterial_oxygen_saturation", 83),
    Observed("RR-OXYGEN", "oxygen_flow", 7, ">"),
    Observed("RR-VASOPRESSOR", "vasopressors", 1, ">="),
    Observed("RR-IECHS", "iec_hs_grade", 3, ">="),
    Observed("RR-SEIZURE", "seizure", "prolonged"),
    Observed("", "oxygen_saturation", 84, coding=(_MONITOR, "150456")),
    Observed("", "systolic_pressure", 70, coding=(_MONITOR, "150021")),
    Observed("RR-LATE", "systolic_pressure", 55),
    Observed("", "oxygen_saturation", 900),
)


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
        filed = SimpleNamespace(resources=self.resources, from_outside=self.resources, once=lambda _key, make: make(self.resources))
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

    def observe(self, fact: str, value: Any) -> None:
        """One observation, as a node files it."""
        self.file(fact, value, timedelta(0))

    def file(self, fact: str, value: Any, ago: timedelta, *, comparator: str = "", coding: tuple[str, str] | None = None) -> None:
        """One observation, above or below a limit, or by another code."""
        self.now += timedelta(seconds=1)
        filed = observation(self.node, fact, value, self.now - ago, f"o-{next(_NUMBER)}", comparator=comparator, coding=coding)
        filed["meta"] = {"lastUpdated": self.now.isoformat()}
        self.resources = [*self.resources, filed]
        self._look([moment_of(filed, self.now, None) or self.now])

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
        """A patient who was infused two days ago; what the node remembers of the one before is forgotten, or ten thousand would fill the memory."""
        self._node.record_memory = RecordMemory()
        return CourseWard(self._node, self._now, list(self._events), list(self._resources))


