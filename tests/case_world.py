"""A case that walks the road in memory: real rules, real documents, no disk but our own data, no clock, no database.

`World.do` judges one command at one node as the node would; the steps below are those of a case that goes well, each of which a
test may leave out, repeat or spoil.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from baybridge.base.outcome import Reason, Refusal
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.loader import Documents
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Actor, CodeState, FromRecord, Role, Site, Situation
from baybridge.journey.corrections.correcting import Making
from baybridge.journey.drug_history import DrugHistory
from baybridge.journey.events import Event, Leg, Recorded, ResultRecognised
from baybridge.journey.held_slots import HeldSlot
from baybridge.journey.judged import Judged
from baybridge.journey.labels import Label
from baybridge.journey.row import CommandRow
from baybridge.journey.texts import judge
from baybridge.node.commands.table import COMMANDS, GATES
from baybridge.node.corrections.making import made
from baybridge.policy.one_case.decide import decide
from baybridge.rulebook.library import fact_types, policies_of

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PRODUCT = "axicabtagene-ciloleucel"
POLICY = "axi-cel-lbcl-3l-cn"

SITES = {
    "mo": Site("mo", "Macao Hospital", "MO", "Macao", frozenset({"centre", "laboratory"}), notify_before_transfer="DSPDP"),
    "hk": Site("hk", "Hong Kong Centre", "HK", "Hong Kong", frozenset({"centre", "laboratory"})),
    "gd": Site("gd", "Guangzhou Centre", "CN", "Guangzhou", frozenset({"centre", "laboratory"}), gd9=True),
    "sh": Site("sh", "Shanghai Plant", "CN", "Shanghai", frozenset({"plant"})),
}

MARKERS = {"hiv": "56888-1", "hbsag": "5196-1", "anti_hbc": "13952-7", "anti_hcv": "13955-0", "syphilis": "24110-9"}

GOOD_RESULTS = {
    "appearance_conforms": "true",
    "bag_integrity_conforms": "true",
    "identity_matched": "true",
    "car_identity_confirmed": "true",
    "viability": "91",
    "cd3_purity": "97",
    "car_positive": "42",
    "dose_within_label": "true",
    "car_t_dose": "140",
    "car_t_dose_per_kg": "1.9",
    "vector_copy_number": "2",
    "potency_conforms": "true",
    "endotoxin": "0.1",
    "mycoplasma_negative": "true",
    "sterility_negative": "true",
    "rcl_negative": "true",
}


#: Facts of a patient who is fit for every step.
FIT = {
    "ecog": 1, "lymphocytes": 0.7, "hemoglobin": 104, "platelets": 142, "active_infection": False, "systemic_steroid_last_72h": False,
    "cytotoxic_last_14d": False, "hiv_positive_30d": False, "hbsag_positive_30d": False, "anti_hbc_positive_30d": False, "anti_hcv_positive_30d": False,
    "syphilis_positive_30d": False, "max_temperature_48h": 37.2, "oxygen_saturation": 97, "creatinine_clearance": 90, "creatinine": 72,
    "creatinine_upper_limit": 104, "uncontrolled_arrhythmia": False, "hypotension": "none", "vasopressors": 0, "active_gvhd": False, "lvef": 60,
    "pregnancy_excluded": True, "age": 61,
}  # fmt: skip


@cache
def documents() -> Documents:
    return Documents()


@cache
def library() -> Any:
    return policies_of(documents(), fact_types(documents()))


@dataclass(frozen=True)
class Step:
    """One command of a road: who gives it where, `after` how many hours, and its input (or a function of the world)."""

    name: str
    node: str
    role: Role
    hours: float
    given: Any

    def but(self, **changes: Any) -> Step:
        """The same step with some of its input changed."""
        return Step(self.name, self.node, self.role, self.hours, lambda world: {**self.input(world), **changes})

    def by(self, role: Role) -> Step:
        return Step(self.name, self.node, role, self.hours, self.given)

    def at(self, node: str) -> Step:
        return Step(self.name, node, self.role, self.hours, self.given)

    def input(self, world: World) -> dict[str, Any]:
        return dict(self.given(world)) if callable(self.given) else dict(self.given)


@dataclass
class World:
    """One case's events, a clock that only moves forward, and facts."""

    now: datetime = START
    events: list[Recorded] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=lambda: dict(FIT))
    counter: int = 0
    groups: list[list[str]] = field(default_factory=list)  # ids that one command recorded
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # documents laid over ours, by folder
    drugs: DrugHistory = field(default_factory=DrugHistory)
    held: Sequence[HeldSlot] = ()  # slots of other cases
    code: CodeState = "right"  # what comes of a courier's code
    elsewhere: frozenset[Label] = frozenset()  # labels of other cases
    until: tuple[datetime, dict[str, Any]] | None = None  # what was true until a moment, where it was otherwise then

    @property
    def case(self) -> Case:
        return fold(self.events, "case-1")

    def new_id(self) -> str:
        self.counter += 1
        return f"id-{self.counter:05d}"

    def folder(self, name: str) -> Mapping[str, Any]:
        return {**documents().folder(name), **self.documents.get(name, {})}

    def decide(self, policy: str, facts: Mapping[str, Any] | None = None) -> Any:
        values = {**self.facts, **(facts or {})}
        return decide(library().get(policy, self.now.date()), values, subject="case-1", as_of=self.now)

    def turn(self, **facts: Any) -> World:
        """The same patient with other facts from now on."""
        self.until = self.now, dict(self.facts)
        self.facts.update(facts)
        return self

    def decide_at(self, moment: datetime) -> Any:
        before = self.until[1] if self.until is not None and moment < self.until[0] else self.facts
        return lambda policy, facts=None: decide(library().get(policy, moment.date()), {**before, **(facts or {})}, subject="case-1", as_of=moment)

    def situation(self, node: str, role: Role, account: str | None = None) -> Situation:
        return self.situation_of(node, Actor(account or f"{role.value}-{node}", role, SITES[node].organisation))

    def situation_of(self, node: str, actor: Actor) -> Situation:
        site = SITES[node]
        return Situation(
            case=self.case,
            facts=dict(self.facts),
            now=self.now,
            actor=actor,
            site=site,
            neighbours={name: other for name, other in SITES.items() if name != node},
            decide=self.decide,
            documents=DocumentSet(self.folder),
            new_id=self.new_id,
            record=FromRecord(
                making=self.making(node),
                drugs=self.drugs,
                slots_on=self.slots_on,
                labels_elsewhere=self.labels_elsewhere,
                courier_code=lambda _shipment, _code: self.code,
            ),
            gates=GATES,
            decide_at=self.decide_at,
        )

    def labels_elsewhere(self, asked: frozenset[Label]) -> frozenset[Label]:
        return self.elsewhere & asked

    def slots_on(self, day: date) -> list[HeldSlot]:
        return [slot for slot in self.held if slot.on == day]

    def making(self, node: str) -> Making:
        """How entries were made, as a node knows it for the rule that puts them right."""
        rows, computed = made()

        def again(row: CommandRow, case: Case, at: datetime, actor: Actor, given: Mapping[str, Any]) -> Any:
            situation = replace(self.situation_of(node, actor), case=case, now=at)
            return judge(row, situation, msgspec.convert(msgspec.to_builtins(dict(given)), row.given))

        def beside(row: CommandRow, case: Case, at: datetime, actor: Actor, given: Mapping[str, Any], old: Event) -> tuple[Reason, ...]:
            situation = replace(self.situation_of(node, actor), case=case, now=at)
            return tuple(row.beside(situation, msgspec.convert(msgspec.to_builtins(dict(given)), row.given), old))

        return Making(rows, computed, lambda event_id: next((group for group in self.groups if event_id in group), [event_id]), again, beside)

    def record(self, node: str, *events: Event, role: Role = Role.SYSTEM, event_ids: Sequence[str] = ()) -> None:
        self.groups.append([])
        for number, event in enumerate(events):
            sequence = len(self.events) + 1
            named = event_ids[number] if number < len(event_ids) and event_ids[number] else f"{node}-{sequence}"
            self.groups[-1].append(named)
            self.events.append(
                Recorded(
                    event_id=named,
                    case_id="case-1",
                    sequence=sequence,
                    at=self.now,
                    recorded_at=self.now,
                    node=node,
                    organisation=SITES[node].organisation,
                    actor=f"{role.value}-{node}",
                    role=role.value,
                    event=event,
                )
            )

    def judge(self, step: Step) -> Any:
        """What the rule answers now; nothing is recorded."""
        kind = COMMANDS[step.name]
        assert step.role in kind.roles, f"{step.role} may not {step.name}"
        assert not kind.kinds or kind.kinds & SITES[step.node].kinds, f"{step.name} is not for {step.node}"
        plain = msgspec.to_builtins(step.input(self))
        return judge(kind, self.situation(step.node, step.role), msgspec.convert(plain, kind.given))

    def do(self, step: Step) -> Any:
        """Judge a step after its hours have passed, and record what follows."""
        self.now += timedelta(hours=step.hours)
        verdict = self.judge(step)
        if not isinstance(verdict, Refusal):
            judged = verdict if isinstance(verdict, Judged) else Judged(verdict)
            self.record(step.node, *judged.events, role=step.role, event_ids=judged.event_ids)
        return verdict

    def walk(self, *steps: Step) -> World:
        """Do steps that must go well."""
        for step in steps:
            verdict = self.do(step)
            assert not isinstance(verdict, Refusal), (step.name, codes(verdict))
        return self

    def recognise_markers(self, node: str = "hk", *, but: str = "", days: int = 30) -> None:
        """Results of infectious markers that the centre recognises for collection."""
        for marker, loinc in MARKERS.items():
            if marker != but:
                self.record(
                    node,
                    ResultRecognised(
                        result_id=f"result-{marker}",
                        loinc=loinc,
                        purpose="APH_IDM",
                        outcome="recognised",
                        codes=(),
                        decision_sha256="0" * 64,
                        valid_until=self.now + timedelta(days=days),
                    ),
                )

    def chain(self) -> str:
        return self.case.chain_of_identity or "none"


def codes(verdict: Any) -> list[str]:
    """The codes of a refusal, sorted; empty where it went well."""
    return sorted({reason.code for reason in verdict.reasons}) if isinstance(verdict, Refusal) else []


def results(**changes: str | None) -> list[list[str]]:
    """Release tests, all within limits but for the changes; None leaves one out."""
    merged = {**GOOD_RESULTS, **changes}
    return [[name, value, "-"] for name, value in merged.items() if value is not None]


def _ago(world: World, hours: float) -> str:
    return (world.now - timedelta(hours=hours)).isoformat()


def _shipment(world: World, leg: Leg) -> str:
    return next((s.shipment_id for s in reversed(world.case.shipments_on(leg))), "none")


C, P, N, M, Q = Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE, Role.MANUFACTURER, Role.QUALITY

OPEN = Step("OpenCase", "mo", C, 0, {"patient_id": "patient-1", "residence": "MO", "synthetic": True})
CONSENT = Step("RecordConsent", "mo", C, 1, {"kind": "care", "notice_version": "1", "notice_language": "zh-Hant"})
REFER = Step("ReferCase", "mo", C, 1, {"to_node": "hk", "product": PRODUCT})
BOARD = Step("RecordBoardDecision", "hk", P, 0.5, lambda w: {"product": PRODUCT, "decision": "treat", "decided_on": w.now.date().isoformat(), "note": "named patient"})
ACCEPT = Step("AcceptCase", "hk", P, 1, {"product": PRODUCT})
RESERVE = Step(
    "ReserveSlot",
    "hk",
    C,
    1,
    lambda w: {"plant_node": "sh", "collection_on": (w.now.date() + timedelta(days=7)).isoformat(), "supply_basis": "named_patient"},
)


def permit(kind: str, leg: str, node: str = "hk", role: Role = C) -> Step:
    def given(world: World) -> dict[str, Any]:
        today = world.now.date()
        return {
            "kind": kind,
            "leg": leg,
            "number": f"{kind}-1",
            "valid_from": today.isoformat(),
            "valid_to": (today + timedelta(days=80)).isoformat(),
        }

    return Step("RecordPermit", node, role, 1, given)


PERMITS = (permit("special_article", "to_plant"), permit("carrier", "to_plant"))
COLLECT = Step(
    "Collect",
    "hk",
    N,
    24 * 7,
    lambda w: {
        "chain_of_identity": w.chain(),
        "bags": ["bag-1", "bag-2"],
        "started_at": _ago(w, 4),
        "ended_at": _ago(w, 0.5),
        "volume_ml": 180,
        "identity_checked": True,
        "planned_entry_on": (w.now.date() + timedelta(days=1)).isoformat(),
    },
)
SHIP_OUT = Step(
    "Ship",
    "hk",
    C,
    3,
    lambda w: {
        "leg": "to_plant",
        "chain_of_identity": w.chain(),
        "bags": ["bag-1", "bag-2"],
        "container": "box-1",
        "logger_id": "logger-1",
        "dispatched_at": _ago(w, 0),
        "expected_transit_h": 20,
    },
)
RECEIVE_PLANT = Step(
    "ReceiveShipment",
    "sh",
    M,
    22,
    lambda w: {
        "shipment_id": _shipment(w, "to_plant"),
        "chain_of_identity": w.chain(),
        "bags": ["bag-2", "bag-1"],
        "received_at": _ago(w, 0),
        "warmest_c": 7.0,
        "coldest_c": 3.0,
        "minutes_outside": 0,
        "seal_intact": True,
    },
)
START_BATCH = Step(
    "StartManufacture", "sh", M, 2, lambda w: {"chain_of_identity": w.chain(), "batch": "batch-1", "from_bags": ["bag-1", "bag-2"]}
)
TEST = Step("TestProduct", "sh", M, 24 * 12, {"batch": "batch-1", "results": results()})
RELEASE = Step(
    "Release",
    "sh",
    Q,
    2,
    lambda w: {
        "batch": "batch-1",
        "bags": ["product-1"],
        "expires_at": (w.now + timedelta(days=180)).isoformat(),
        "certificate": "certificate-1",
    },
)
PERMITS_BACK = (permit("export", "to_centre", "sh", M), permit("import_licence", "to_centre"))
SHIP_BACK = Step(
    "Ship",
    "sh",
    M,
    2,
    lambda w: {
        "leg": "to_centre",
        "chain_of_identity": w.chain(),
        "bags": ["product-1"],
        "container": "dry-shipper-1",
        "logger_id": "logger-2",
        "dispatched_at": _ago(w, 0),
        "expected_transit_h": 40,
        "remaining_hold_h": 200,
    },
)
RECEIVE_CENTRE = Step(
    "ReceiveShipment",
    "hk",
    C,
    40,
    lambda w: {
        "shipment_id": _shipment(w, "to_centre"),
        "chain_of_identity": w.chain(),
        "bags": ["product-1"],
        "received_at": _ago(w, 0),
        "warmest_c": -160.0,
        "coldest_c": -190.0,
        "minutes_outside": 0,
        "seal_intact": True,
    },
)


def fitness(step: str, hours: float = 0.5) -> Step:
    return Step("CheckFitness", "hk", P, hours, {"step": step})


LYMPHODEPLETE = Step(
    "Lymphodeplete", "hk", P, 23, lambda w: {"regimen": "fludarabine and cyclophosphamide", "started_on": w.now.date().isoformat()}
)
COMPLETE = Step("CompleteLymphodepletion", "hk", N, 24 * 2, lambda w: {"completed_on": w.now.date().isoformat()})
RESERVE_DRUGS = Step(
    "ReserveDrugs",
    "hk",
    Role.PHARMACIST,
    1,
    lambda w: {"atc": "L04AC07", "doses": 2, "from_on": w.now.date().isoformat(), "until_on": (w.now.date() + timedelta(days=21)).isoformat()},
)
#: No label of Hong Kong is known that says the interval: a physician signs.
EXCEPTION = Step("SignException", "hk", P, 0.5, {"gate": "infusion", "codes": ["gate.infusion.no_interval"], "note": "interval of the trial"})
CHECK = Step(
    "CheckBedside",
    "hk",
    N,
    0.5,
    lambda w: {
        "wrist_band": "patient-1",
        "order": w.chain(),
        "chain_of_identity": w.chain(),
        "bag": "product-1",
        "name_stated": True,
        "birth_date_stated": True,
        "tocilizumab_doses": 2,
        "checked_at": _ago(w, 0),
    },
)
THAW = Step(
    "Thaw",
    "hk",
    N,
    0.1,
    lambda w: {
        "chain_of_identity": w.chain(),
        "bag": "product-1",
        "thawed_at": _ago(w, 0),
    },
)
INFUSE = Step(
    "Infuse",
    "hk",
    N,
    0.5,
    lambda w: {
        "chain_of_identity": w.chain(),
        "bag": "product-1",
        "started_at": _ago(w, 0.4),
        "ended_at": _ago(w, 0.1),
        "entire_volume": True,
    },
)

#: A patient without any sign.
OBSERVED = {
    "temperature": 36.8, "fever_attributable": True, "hypotension": "none", "vasopressors": 0, "vasopressin": False, "hypotension_attributable": True,
    "oxygen_device": "none", "oxygen_reason": "none", "hypoxia_attributable": True, "ice_score": 10, "arousal": "spontaneous", "sedated": False,
    "seizure": "none", "deep_focal_motor_weakness": False, "cerebral_edema": "none", "raised_icp_sign": False, "intracranial_hemorrhage": False,
}  # fmt: skip
WATCH = Step("Assess", "hk", N, 24 * 13, lambda w: {"findings": OBSERVED, "assessed_at": _ago(w, 0)})
DISCHARGE = Step(
    "Discharge",
    "hk",
    P,
    12,
    lambda w: {
        "discharged_on": w.now.date().isoformat(),
        "stay_near_until": (w.now.date() + timedelta(days=29)).isoformat(),
        "no_driving_until": (w.now.date() + timedelta(days=57)).isoformat(),
        "caregiver": True,
        "emergency_card": True,
    },
)

REFERRAL = (OPEN, CONSENT, REFER, BOARD, ACCEPT)
TO_COLLECTION = (*REFERRAL, RESERVE, *PERMITS, fitness("collection"))
TO_PLANT = (COLLECT, SHIP_OUT, RECEIVE_PLANT)
AT_PLANT = (START_BATCH, TEST, RELEASE)
BACK = (*PERMITS_BACK, SHIP_BACK, RECEIVE_CENTRE)
READY = (fitness("lymphodepletion"), LYMPHODEPLETE, COMPLETE, RESERVE_DRUGS, fitness("infusion", 24 * 2.8), EXCEPTION)
TREATMENT = (*READY, CHECK, THAW, INFUSE)


def collected() -> World:
    return before_collection().walk(COLLECT)


def before_collection() -> World:
    world = World().walk(*TO_COLLECTION)
    world.recognise_markers()
    return world


def at_plant() -> World:
    return collected().walk(SHIP_OUT, RECEIVE_PLANT)


def released() -> World:
    return at_plant().walk(*AT_PLANT)


def released_with_papers() -> World:
    return released().walk(*PERMITS_BACK)


def at_centre() -> World:
    return released().walk(*BACK)


def infused() -> World:
    return at_centre().walk(*TREATMENT)
