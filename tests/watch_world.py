"""A centre's node with one infused patient, for tests of the watch: a clock that tests set, accounts, assessments, observations, rounds of the lane."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import case_world
from baybridge.base.outcome import Refusal
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import Event, Recorded
from baybridge.node import handle
from baybridge.node.consequences import queue
from baybridge.node.consequences.row import Lane
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.node import Node, open_node
from baybridge.node.people import accounts
from baybridge.node.upkeep import projections
from baybridge.node.upkeep.founding import found
from baybridge.record.store import store

CASE, PATIENT = "case-1", "patient-1"

#: A whole round of a patient who is well.
WELL: dict[str, Any] = {
    "temperature": 36.8, "fever_attributable": True, "hypotension": "none", "vasopressors": 0, "vasopressin": False, "hypotension_attributable": True,
    "oxygen_device": "none", "oxygen_reason": "none", "hypoxia_attributable": True, "oxygen_saturation": 97, "ice_score": 10, "arousal": "spontaneous",
    "sedated": False, "seizure": "none", "deep_focal_motor_weakness": False, "cerebral_edema": "none", "raised_icp_sign": False,
}  # fmt: skip

_NUMBER = itertools.count(1)


class Ward:
    """The node, its clock, and what people do there."""

    def __init__(self, folder: Path, *, birth_date: str = "1968-04-09", documents: dict[str, str] | None = None) -> None:
        self.now = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
        found(folder, {"node": "hk", "organisation": "Hong Kong Centre", "jurisdiction": "HK", "city": "Hong Kong", "kinds": ["centre", "laboratory"]})
        for name, text in (documents or {}).items():
            path = folder / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.folder = folder
        self.node = self._open()
        self._fill(birth_date)

    def _open(self) -> Node:
        return open_node(self.folder, now=lambda: self.now)

    def restart(self) -> None:
        """As after the process was killed: nothing of it is kept but what was written."""
        self.node.storage.close()
        self.node = self._open()

    def _fill(self, birth_date: str) -> None:
        world = case_world.infused()
        self.now = world.now + timedelta(days=2)
        with self.node.unit() as unit:
            patient = {"resourceType": "Patient", "id": PATIENT, "birthDate": birth_date, "name": [{"family": "Chan"}]}
            store.put(unit.connection, patient, at=unit.at)
            unit.append(CASE, [item.event for item in world.events], Actor("system", Role.SYSTEM, self.node.site.organisation), known=0)
            projections.project(unit, CASE)

    def account(self, name: str, role: Role = Role.PHYSICIAN) -> None:
        with self.node.storage.writing() as connection:
            accounts.add_account(
                connection, account=name, name=name, role=role, organisation=self.node.site.organisation, password="a long enough password"
            )

    def give(self, command: str, role: Role = Role.NURSE, account: str = "somebody", **given: Any) -> Any:
        self.now += timedelta(seconds=1)
        actor = Actor(account, role, self.node.site.organisation)
        return handle.handle(self.node, Command(command, CASE, given, actor, f"c-{next(_NUMBER)}"))

    def assess(self, *, ago: timedelta = timedelta(0), blank: tuple[str, ...] = (), **changes: Any) -> list[Event]:
        """A round, a well patient's but for what is given; `blank` boxes are not filled in."""
        findings = {name: value for name, value in {**WELL, **changes}.items() if value is not None and name not in blank}
        return events_of(self.give("Assess", findings=findings, another=True, assessed_at=(self.now + timedelta(seconds=1) - ago).isoformat()))

    def observe(self, fact: str, value: Any, *, ago: timedelta = timedelta(0), logical_id: str = "") -> None:
        """One observation through FHIR."""
        self.file(fact, value, ago, logical_id=logical_id)

    def observe_all(self, findings: Sequence[tuple[str, Any, timedelta]]) -> None:
        """Observations through FHIR that come at once: fact, value and how long ago."""
        self.now += timedelta(seconds=1)
        wanted = [self._interaction(*one, f"o-{next(_NUMBER)}") for one in findings]
        done = write(self.node, Actor("monitor", Role.NURSE, self.node.site.organisation), wanted)
        assert not isinstance(done, Refusal), done

    def _interaction(self, fact: str, value: Any, ago: timedelta, name: str) -> Interaction:
        return Interaction("PUT", "Observation", name, observation(self.node, fact, value, self.now - ago, name))

    def file(
        self, fact: str, value: Any, ago: timedelta, *, comparator: str = "", coding: tuple[str, str] | None = None, logical_id: str = ""
    ) -> None:
        """One observation through FHIR, above or below a limit, or by another code."""
        self.now += timedelta(seconds=1)
        name = logical_id or f"o-{next(_NUMBER)}"
        resource = observation(self.node, fact, value, self.now - ago, name, comparator=comparator, coding=coding)
        done = write(self.node, Actor("monitor", Role.NURSE, self.node.site.organisation), [Interaction("PUT", "Observation", name, resource)])
        assert not isinstance(done, Refusal), done

    def send(self, wanted: Interaction) -> None:
        """What a system writes through FHIR, and all that follows from it."""
        self.now += timedelta(seconds=1)
        done = write(self.node, Actor("monitor", Role.LABORATORY, self.node.site.organisation), [wanted])
        assert not isinstance(done, Refusal), done
        self.round()

    def amend(self, name: str, **changes: Any) -> None:
        """Another version of an observation, by the system that sent it."""
        with self.node.storage.reading() as connection:
            version = store.get(connection, "Observation", name)
        assert version is not None
        kept = {key: value for key, value in version.resource.items() if key != "meta"}
        self.send(Interaction("PUT", "Observation", name, {**kept, **changes}))

    def wait(self, **span: float) -> None:
        """Time passes, and the lane has a round."""
        self.now += timedelta(**span)
        self.round()

    def round(self) -> None:
        for lane in Lane:
            queue.drain(self.node, (lane,))

    @property
    def events(self) -> list[Recorded]:
        return self.node.events(CASE)

    @property
    def case(self) -> Case:
        case = self.node.case(CASE)
        assert case is not None
        return case

    @property
    def calls(self) -> tuple[Call, ...]:
        return self.case.rapid_responses

    def names(self) -> list[str]:
        """What was recorded of calls so far."""
        kinds = ("RapidResponse", "Call", "Sign")
        return [type(item.event).__name__ for item in self.events if type(item.event).__name__.startswith(kinds)]


def observation(
    node: Node, fact: str, value: Any, at: datetime, name: str, *, comparator: str = "", coding: tuple[str, str] | None = None
) -> dict[str, Any]:
    """A final observation of a fact, by its own first code or another."""
    entry = node.dictionary[fact]
    system, code = coding or entry.codes[0]
    measured = {"value": value, "unit": entry.unit or "1", "system": "http://unitsofmeasure.org", "code": entry.unit or "1"}
    limit = {"comparator": comparator} if comparator else {}
    content = {"valueBoolean": value} if isinstance(value, bool) else {"valueQuantity": {**limit, **measured}} if isinstance(value, int | float) else {
        "valueCodeableConcept": {"coding": [{"system": "urn:baybridge:observation", "code": value}]}
    }
    return {
        "resourceType": "Observation", "id": name, "status": "final", "code": {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": at.isoformat(), **content,
    }  # fmt: skip


def events_of(answer: Any) -> list[Event]:
    assert not isinstance(answer, Refusal), [reason.code for reason in answer.reasons]
    return [item.event for item in answer.events]
