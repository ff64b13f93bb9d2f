"""Four nodes of the demo network in one process, for tests that need what happens between nodes and no server.

A `World` carries out commands, imports and deliveries as people and workers would; refusals are raised with their codes.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from baybridge.base.outcome import Refusal
from baybridge.demo import inprocess, network
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.proposals import waits
from baybridge.node.accepted import standing
from baybridge.node.clock import new_id
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.neighbours import transfers
from baybridge.node.node import Node

PURPOSES = ["CARE_REFERRAL", "RESULT_RECOGNITION", "COI_LOGISTICS"]
PORTS = {name: 49_000 + number for number, name in enumerate(network.PROFILES)}


class Refused(Exception):
    """A command was refused; `codes` are the reasons."""

    def __init__(self, refusal: Refusal) -> None:
        self.codes = [reason.code for reason in refusal.reasons]
        super().__init__(", ".join(f"{r.code} {dict(r.values)}" for r in refusal.reasons))


@cache
def _founded() -> Path:
    """A network as it is founded, its documents in force; made once a process and copied, because each of its tests begins with one."""
    folder = Path(tempfile.mkdtemp(prefix="founded-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    network.found_network(folder, PORTS)
    for name in network.PROFILES:
        standing(read_config(folder / name))
    return folder


@dataclass
class Clock:
    """A clock that moves a little at every look and as far as a test says."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 3, 2, 1, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=20)
        return self.moment


@dataclass
class World:
    """Four nodes, one patient of Macao and the case."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    patient: str = "test-mo-1"
    nodes: dict[str, Node] = field(default_factory=dict)
    case_id: str = ""

    @classmethod
    def new(cls, folder: Path) -> World:
        shutil.copytree(_founded(), folder, dirs_exist_ok=True)
        world = cls(folder)
        world.open()
        return world

    def copied(self, folder: Path) -> World:
        """The same nodes in another folder, as they stand; these may go on without those. Nothing may be under way."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        made = World(folder, Clock(self.clock.moment), self.patient, case_id=self.case_id)
        made.open()
        return made

    def open(self) -> None:
        transport = inprocess.transport(self.nodes)
        for name in network.PROFILES:
            self.nodes[name] = Node(read_config(self.folder / name), now=self.clock, transport=transport)

    def actor(self, node: str, role: Role) -> Actor:
        organisation = network.PAYER if role is Role.PAYER else self.nodes[node].site.organisation
        return Actor(f"test-{role.value}", role, organisation, person=f"test-{role.value}")

    def do(self, node: str, role: Role, name: str, /, command_id: str = "", **given: Any) -> Any:
        done = handle(self.nodes[node], Command(name, self.case_id, given, self.actor(node, role), command_id or new_id()))
        if isinstance(done, Refusal):
            raise Refused(done)
        return done

    def file(self, node: str, bundle: dict[str, Any] | list[dict[str, Any]]) -> Any:
        content = json.dumps(bundle if isinstance(bundle, dict) else {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in bundle]})
        answer = import_upload(self.nodes[node], self.actor(node, Role.COORDINATOR), "records.json", content.encode())
        if isinstance(answer, Refusal):
            raise Refused(answer)
        self.case_id = self.case_id or next(iter(answer.cases.values()))
        return answer

    def deliver(self, *names: str) -> int:
        """Deliver what waits; a node that is proposed this case takes it in, as its coordinator would."""
        delivered = sum(transfers.deliver(self.nodes[name]) for name in names or self.nodes)
        for name in self.nodes:
            if waits(self.case(name)):
                self.do(name, Role.COORDINATOR, "AcceptProposedCase")
        return delivered

    def case(self, node: str) -> Case:
        return self.nodes[node].case(self.case_id) or Case(self.case_id)

    def events(self, node: str, *kinds: type) -> list[Any]:
        return [item.event for item in self.nodes[node].events(self.case_id) if not kinds or isinstance(item.event, kinds)]

    # --- a road as far as the tests need ---

    def bundle(self) -> dict[str, Any]:
        return record(self.patient, self.clock())

    def refer(self, **changes: Any) -> dict[str, Any]:
        """Records and consents in Macao, eligibility, the whole of it sent to Hong Kong; the imported bundle."""
        bundle = changed(self.bundle(), changes)
        self.file("mo", bundle)
        self.consent()
        self.do("mo", Role.PHYSICIAN, "DecideEligibility")
        self.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
        self.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
        self.deliver("mo")
        return bundle

    def consent(self) -> None:
        for kind in ("care", "sensitive", "cross_border", "finance", "hk_sharing", "mo_ground"):
            named = {"recipients": list(self.nodes), "purposes": PURPOSES} if kind in ("sensitive", "cross_border") else {}
            self.do("mo", Role.COORDINATOR, "RecordConsent", kind=kind, notice_version="2026-1", notice_language="zh-Hant", **named)
        self.do("mo", Role.COORDINATOR, "NotifyAuthority", authority="DSPDP", reference="test-1")

    def board(self) -> None:
        """No label of Hong Kong covers the product: a board there decides that the patient is treated with it."""
        day = self.clock().date().isoformat()
        self.do("hk", Role.PHYSICIAN, "RecordBoardDecision", product="axicabtagene-ciloleucel", decision="treat", decided_on=day, note="named patient")

    def accept(self) -> None:
        """Hong Kong takes the case, decides for itself and judges the results from Macao."""
        self.board()
        self.do("hk", Role.PHYSICIAN, "AcceptCase", product="axicabtagene-ciloleucel")
        self.do("hk", Role.PHYSICIAN, "DecideEligibility")
        use_at = (self.clock() + timedelta(days=1)).isoformat()
        self.do("hk", Role.PHYSICIAN, "RecogniseResults", purpose="APH_IDM", use_at=use_at)


def changed(bundle: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A bundle in which the resource whose id ends with a key of `changes` has these fields."""
    made = deepcopy(bundle)
    for entry in made["entry"]:
        for ending, fields in changes.items():
            if entry["resource"]["id"].endswith(ending.replace("_", "-")):
                entry["resource"] |= fields
    return made


def resource_of(bundle: dict[str, Any], ending: str) -> dict[str, Any]:
    """The resource of a bundle whose id ends so."""
    return next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["id"].endswith(ending))


def read_resource(node: Node, reference: str) -> dict[str, Any]:
    """A resource as a node's record holds it."""
    from baybridge.record.fhir import wire
    from baybridge.record.store import store

    with node.storage.reading() as connection:
        version = store.get(connection, *reference.split("/"))
    assert version is not None, reference
    return wire.parse(version.body)


def record(patient: str, at: datetime, laboratory: str = "mo") -> dict[str, Any]:
    """A small FHIR record as a hospital of Macao would export it: lymphoma, two lines, blood results, markers, performance status."""
    resources = [
        {
            "resourceType": "Patient",
            "id": patient,
            "identifier": [{"system": "urn:mo:bir", "value": "9000001(0)"}],
            "name": [{"text": "試甲 (synthetic)"}],
            "gender": "female",
            "birthDate": "1966-05-03",
            "address": [{"country": "MO"}],
        },
        _about(patient, "Condition", "dx")
        | {"code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "C83.3"}]}, "onsetDateTime": _day(at, -900)},
        *(_drug(patient, f"l{line}", code, at, start, end) for line, (code, start, end) in enumerate(_LINES, start=1)),
        *(_result(patient, name, loinc, at, laboratory) | value for name, loinc, value in _RESULTS),
    ]
    entries = [{"resource": one | {"meta": {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}}} for one in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


_LINES = (("L01FA01", -880, -760), ("L01XA03", -400, -280))
_NEGATIVE = {"valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "260385009"}]}}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}}


_RESULTS = (
    ("a-ecog", "89247-1", {"valueInteger": 1}),
    ("a-hbsag", "5196-1", _NEGATIVE),
    ("a-antihcv", "13955-0", _NEGATIVE),
    ("a-hiv", "56888-1", _NEGATIVE),
    ("a-creat", "14682-9", _quantity(78, "umol/L")),
    ("a-hb", "718-7", _quantity(108, "g/L")),
    ("a-plt", "777-3", _quantity(142, "10*9/L")),
    ("a-anc", "751-8", _quantity(2.4, "10*9/L")),
    ("a-alt", "1742-6", _quantity(24, "U/L")),
    ("a-bili", "14631-6", _quantity(11, "umol/L")),
    ("a-lvef", "10230-1", _quantity(61, "%")),
)


def _result(patient: str, name: str, loinc: str, at: datetime, laboratory: str) -> dict[str, Any]:
    taken = at - timedelta(days=2)
    return _about(patient, "Observation", name) | {
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "effectiveDateTime": taken.isoformat(timespec="seconds"),
        "issued": (taken + timedelta(hours=3)).isoformat(timespec="seconds"),
        "performer": [{"type": "Organization", "identifier": {"value": laboratory}}],
    }


def _drug(patient: str, name: str, code: str, at: datetime, start: int, end: int) -> dict[str, Any]:
    return _about(patient, "MedicationStatement", name) | {
        "status": "completed",
        "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": code}]},
        "effectivePeriod": {"start": _day(at, start), "end": _day(at, end)},
    }


def _day(at: datetime, days: int) -> str:
    return (at + timedelta(days=days)).date().isoformat()


def _about(patient: str, kind: str, name: str) -> dict[str, Any]:
    return {"resourceType": kind, "id": f"{patient}-{name}", "subject": {"reference": f"Patient/{patient}"}}
