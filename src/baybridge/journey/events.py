"""Everything that can happen to a case, as past-tense nouns that are never changed.

Main job: the closed list of events; a case is a fold over them (`case.py`), FHIR is a projection of them (`exchange/fhir/rendering.py`).

An event says what happened, not who recorded it: the envelope `Recorded` adds node, organisation, actor, role and times.
Events hold no names and no identity document numbers; those stand in the record, which can be erased where the law asks.

**Units**: money in minor units with `currency`; times aware, end in `_at`; dates end in `_on`; other units end the name.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

ConsentKind = Literal["care", "sensitive", "cross_border", "finance", "hk_sharing", "mo_ground"]
Scale = Literal["crs-astct-2019", "icans-astct-2019"]
ResponseCategory = Literal["CR", "PR", "SD", "PD", "sCR", "VGPR", "MR"]
PermitKind = Literal["special_article", "export", "import_licence", "carrier", "hgr"]
Leg = Literal["to_plant", "to_centre"]


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that happened to a case."""


# --- referral and records -------------------------------------------------------------------------------------------


class CaseOpened(Event, frozen=True, kw_only=True, tag=True):
    """A case began for a patient of this node's record."""

    patient_id: str
    residence: Literal["CN", "HK", "MO", "other"]
    synthetic: bool


class RecordsImported(Event, frozen=True, kw_only=True, tag=True):
    """A file of outside records was read; `problems` counts what was odd in it."""

    file_sha256: str
    resources: int
    problems: int


class FindingConfirmed(Event, frozen=True, kw_only=True, tag=True):
    """A person confirmed or coded a fact that text alone, or a proposal, said."""

    fact: str
    value: bool | int | float | str
    basis: str


class CaseReferred(Event, frozen=True, kw_only=True, tag=True):
    """The case was offered to another node for treatment."""

    to_node: str
    product: str


class CaseAccepted(Event, frozen=True, kw_only=True, tag=True):
    """The treating centre took the case."""

    product: str


class CaseDeclined(Event, frozen=True, kw_only=True, tag=True):
    """The treating centre did not take the case."""

    reason: str


# --- deciding -------------------------------------------------------------------------------------------------------


class EligibilityDecided(Event, frozen=True, kw_only=True, tag=True):
    """An eligibility policy was applied; the decision document is kept under its SHA-256."""

    policy: str
    outcome: str
    decision_sha256: str


class ProductChosen(Event, frozen=True, kw_only=True, tag=True):
    """A physician chose the product; `exception_reason` where the label was not certainly met."""

    product: str
    policy: str
    decision_sha256: str
    exception_reason: str | None = None


class ResultRecognised(Event, frozen=True, kw_only=True, tag=True):
    """An outside result serves here for a purpose, until `valid_until`."""

    result_id: str
    loinc: str
    purpose: str
    outcome: str
    codes: tuple[str, ...]
    decision_sha256: str
    valid_until: datetime | None


class RepeatRequested(Event, frozen=True, kw_only=True, tag=True):
    """An outside result does not serve here for a purpose and is to be repeated."""

    result_id: str
    loinc: str
    purpose: str
    codes: tuple[str, ...]
    decision_sha256: str


class OverrideProposed(Event, frozen=True, kw_only=True, tag=True):
    """A physician decided otherwise about an outside result where a second person must sign; nothing holds until then."""

    result_id: str
    loinc: str
    purpose: str
    direction: Literal["accept", "repeat"]
    code: str
    note: str
    use_at: datetime
    receiver: str
    codes: tuple[str, ...]


class OverrideDeclined(Event, frozen=True, kw_only=True, tag=True):
    """The second person did not sign; the result is repeated."""

    result_id: str
    purpose: str
    note: str


class ParallelTestCompared(Event, frozen=True, kw_only=True, tag=True):
    """The test that an emergency asked for beside the treatment is in and was compared with the result that was acted on."""

    result_id: str
    loinc: str
    purpose: str
    repeat_id: str
    agrees: bool
    note: str
    decision_sha256: str


class DecisionReopened(Event, frozen=True, kw_only=True, tag=True):
    """A corrected result changed what an earlier decision rested on; the decision was made again."""

    decision_sha256: str
    new_decision_sha256: str
    outcome_changed: bool
    because: str


class HealthCardIssued(Event, frozen=True, kw_only=True, tag=True):
    """This node signed results as a card that the patient carries; the card itself stands in the record."""

    card: str
    issuer: str
    kid: str
    results: tuple[str, ...]


class ResultsReread(Event, frozen=True, kw_only=True, tag=True):
    """A person said what a laboratory's code means, or took it back; results of this case are read anew."""

    mapping: str
    loinc: str
    results: int
    undone: bool


# --- whose records --------------------------------------------------------------------------------------------------


class IdentityQuestioned(Event, frozen=True, kw_only=True, tag=True):
    """Another person's record at this node may be this patient's; `reasons` are codes for and against, without any value."""

    question: str
    other: str  # logical id of the other Patient
    verdict: Literal["documented", "unsure"]
    score: int
    reasons: tuple[str, ...]


class IdentityLinked(Event, frozen=True, kw_only=True, tag=True):
    """The other record is this patient's: by documented identity, or by the word of a person who saw `seen`."""

    question: str
    basis: Literal["documented", "confirmed"]
    seen: str
    note: str


class IdentityRefused(Event, frozen=True, kw_only=True, tag=True):
    """A person says that the other record is somebody else's."""

    question: str
    because: str


class IdentityUndone(Event, frozen=True, kw_only=True, tag=True):
    """A link was wrong and is taken back; what rested on it is made again."""

    question: str
    because: str


# --- consent and sharing --------------------------------------------------------------------------------------------


class ConsentRecorded(Event, frozen=True, kw_only=True, tag=True):
    """The patient allowed something: what, to whom (nodes), for which purposes, until when."""

    consent_id: str
    kind: ConsentKind
    recipients: tuple[str, ...]
    purposes: tuple[str, ...]
    valid_until: date | None
    notice_version: str
    notice_language: str


class ConsentWithdrawn(Event, frozen=True, kw_only=True, tag=True):
    """The patient took a consent back, from a day on."""

    consent_id: str
    withdrawn_on: date


class AuthorityNotified(Event, frozen=True, kw_only=True, tag=True):
    """An authority was told of the processing or export (Macao: DSPDP)."""

    authority: str
    reference: str
    notified_on: date


class TransferAllowed(Event, frozen=True, kw_only=True, tag=True):
    """A transfer was checked, minimised, signed, sealed to its receiver and handed to delivery."""

    package_id: str
    to_node: str
    purpose: str
    route: str
    codes: tuple[str, ...]
    decision_sha256: str
    content_sha256: str
    resources: int


class TransferRefused(Event, frozen=True, kw_only=True, tag=True):
    """A transfer was checked and not made."""

    to_node: str
    purpose: str
    route: str
    codes: tuple[str, ...]
    decision_sha256: str


class TransferReceived(Event, frozen=True, kw_only=True, tag=True):
    """The receiver's signed receipt for a package arrived."""

    package_id: str
    receipt_sha256: str


class PackageReceived(Event, frozen=True, kw_only=True, tag=True):
    """A package of another node was verified and filed; the events it told stand in `told`."""

    package_id: str
    from_node: str
    purpose: str
    route: str
    content_sha256: str
    resources: int
    told: tuple[Told, ...]


class CorrectionReceived(Event, frozen=True, kw_only=True, tag=True):
    """Another node told that a result it had sent was corrected or entered in error."""

    from_node: str
    resource: str
    package_id: str


# --- money ----------------------------------------------------------------------------------------------------------


class QuoteIssued(Event, frozen=True, kw_only=True, tag=True):
    """A quote was computed; the whole of it is kept under its SHA-256."""

    quote_sha256: str
    currency: str
    gross_minor: int
    patient_minor: int
    entitled_minor: int
    valid_until: date
    agreement: str | None


class PreauthorisationRequested(Event, frozen=True, kw_only=True, tag=True):
    """A payer was asked to confirm its part of a quote."""

    payer: str
    plan: str
    quote_sha256: str
    amount_minor: int
    currency: str


class PreauthorisationAnswered(Event, frozen=True, kw_only=True, tag=True):
    """A payer answered."""

    payer: str
    plan: str
    answer: Literal["approved", "partially_approved", "refused"]
    amount_minor: int
    currency: str
    reason: str
    quota: tuple[tuple[str, int], ...] = ()  # what stood of the plan's quota when it was answered, and what this grant counts in the plan's currency


class PreauthorisationAppealed(Event, frozen=True, kw_only=True, tag=True):
    """A payer's answer before treatment was appealed against; the payer answers again."""

    payer: str
    plan: str
    grounds: str


class BenefitPaid(Event, frozen=True, kw_only=True, tag=True):
    """A payer or the patient paid; `claim_id` makes a second submission harmless. `for_claim` is the claim that it pays, whole or in part."""

    claim_id: str
    payer: str
    amount_minor: int
    currency: str
    for_claim: str | None = None


class ClaimSubmitted(Event, frozen=True, kw_only=True, tag=True):
    """Charges of a bill, each as (id, category, minor units), were claimed from the payer of a plan."""

    claim_id: str
    payer: str
    plan: str
    bill: str
    service_on: date
    lines: tuple[tuple[str, str, int], ...]
    currency: str


class ClaimAdjudicated(Event, frozen=True, kw_only=True, tag=True):
    """A payer decided a claim; `used` is what it took of deductible and caps, in the plan's currency. A later one replaces it."""

    claim_id: str
    payer: str
    plan: str
    service_on: date
    outcome: Literal["approved", "partially_approved", "refused"]
    benefit_minor: int
    currency: str
    used: tuple[tuple[str, int], ...]
    used_currency: str
    codes: tuple[str, ...]
    reason: str
    decision_sha256: str


class AppealFiled(Event, frozen=True, kw_only=True, tag=True):
    """A claim's last adjudication was appealed against."""

    claim_id: str
    payer: str
    grounds: str


class AssistanceApplied(Event, frozen=True, kw_only=True, tag=True):
    """A fund was applied to for what is left to the patient, with papers enclosed; what it is asked for stands in the request beside it."""

    fund: str
    payer: str
    enclosed: tuple[str, ...]
    quote_sha256: str


class AgreementEnrolled(Event, frozen=True, kw_only=True, tag=True):
    """The patient was enrolled in an outcome agreement before infusion; payers know the enrolment by its number alone."""

    enrolment_id: str
    agreement: str
    agreement_sha256: str
    quote_sha256: str
    enrolled_on: date


class OutcomeSettled(Event, frozen=True, kw_only=True, tag=True):
    """An outcome agreement was settled on a signed milestone."""

    agreement: str
    outcome: str
    code: str
    refund_minor: int
    currency: str
    allocation: tuple[tuple[str, int], ...]
    decision_sha256: str
    refund_due_on: date | None = None  # only where the agreement has a time limit that somebody verified


class RefundReceived(Event, frozen=True, kw_only=True, tag=True):
    """A settled refund, or a part of it, reached a plan or the patient; `reference` is the transfer's and makes a second telling harmless."""

    agreement: str
    recipient: str
    reference: str
    amount_minor: int
    currency: str
    received_on: date


# --- cells ----------------------------------------------------------------------------------------------------------


class TravelArranged(Event, frozen=True, kw_only=True, tag=True):
    """Entry papers, invitation and lodging stand."""

    papers: tuple[str, ...]
    arrives_on: date


class SlotReserved(Event, frozen=True, kw_only=True, tag=True):
    """A collection day at the centre and a start at the plant are held together."""

    plant_node: str
    product: str
    collection_on: date
    chain_of_identity: str
    supply_basis: Literal["registered", "named_patient"] | None = None


class PermitRecorded(Event, frozen=True, kw_only=True, tag=True):
    """A paper for the border stands, between two dates."""

    kind: PermitKind
    leg: Leg
    number: str
    valid_from: date
    valid_to: date


class CellsCollected(Event, frozen=True, kw_only=True, tag=True):
    """Leukapheresis ended; two people checked identity and labels."""

    chain_of_identity: str
    bags: tuple[str, ...]
    started_at: datetime
    ended_at: datetime
    volume_ml: int
    first_checker: str
    second_checker: str


class ShipmentDispatched(Event, frozen=True, kw_only=True, tag=True):
    """Bags left, with logger and container; clocks run from here."""

    shipment_id: str
    leg: Leg
    to_node: str
    chain_of_identity: str
    bags: tuple[str, ...]
    container: str
    logger_id: str
    dispatched_at: datetime
    remaining_hold_h: int | None


class ShipmentReceived(Event, frozen=True, kw_only=True, tag=True):
    """Bags arrived; what was scanned and what the logger said."""

    shipment_id: str
    leg: Leg
    chain_of_identity: str
    bags: tuple[str, ...]
    received_at: datetime
    warmest_c: float
    coldest_c: float
    minutes_outside: int
    seal_intact: bool
    disposition: Literal["accepted", "quarantined"]
    findings: tuple[str, ...] = ()


class QuarantineResolved(Event, frozen=True, kw_only=True, tag=True):
    """Quality decided on quarantined bags."""

    bags: tuple[str, ...]
    decision: Literal["use", "discard"]
    basis: str


class ManufactureStarted(Event, frozen=True, kw_only=True, tag=True):
    """The plant began a batch from the collected cells."""

    chain_of_identity: str
    batch: str
    from_bags: tuple[str, ...]


class ProductTested(Event, frozen=True, kw_only=True, tag=True):
    """Release tests of a batch were recorded, each as (attribute, value, unit)."""

    batch: str
    results: tuple[tuple[str, str, str], ...]
    outcome: str
    decision_sha256: str


class ProductReleased(Event, frozen=True, kw_only=True, tag=True):
    """Quality released a batch against its specification."""

    batch: str
    product: str
    chain_of_identity: str
    bags: tuple[str, ...]
    expires_at: datetime
    storage_max_c: float
    specification: str
    decision_sha256: str
    certificate: str


class ProductRejected(Event, frozen=True, kw_only=True, tag=True):
    """A batch is out of specification and was not released."""

    batch: str
    chain_of_identity: str
    failed: tuple[str, ...]
    decision_sha256: str


# --- treatment ------------------------------------------------------------------------------------------------------


class FitnessChecked(Event, frozen=True, kw_only=True, tag=True):
    """Fitness for a step was judged on recent results."""

    step: Literal["collection", "lymphodepletion", "infusion"]
    policy: str
    outcome: str
    decision_sha256: str


class LymphodepletionStarted(Event, frozen=True, kw_only=True, tag=True):
    """Lymphodepletion began; `exception_reason` is signed where release and receipt did not both stand."""

    regimen: str
    started_on: date
    exception_reason: str | None = None
    exception_signed_by: str | None = None


class BedsideChecked(Event, frozen=True, kw_only=True, tag=True):
    """Two people matched patient, wrist band, order and bag at the bedside."""

    chain_of_identity: str
    bag: str
    first_checker: str
    second_checker: str
    checked_at: datetime


class ProductThawed(Event, frozen=True, kw_only=True, tag=True):
    """A bag was thawed; its clock runs."""

    bag: str
    thawed_at: datetime


class Infused(Event, frozen=True, kw_only=True, tag=True):
    """The product was given; this day is day 0."""

    product: str
    batch: str
    bag: str
    chain_of_identity: str
    started_at: datetime
    ended_at: datetime
    entire_volume: bool
    late_reason: str | None = None


class AssessmentRecorded(Event, frozen=True, kw_only=True, tag=True):
    """A bedside assessment: findings as (fact, value), measured at one moment."""

    assessed_at: datetime
    findings: tuple[tuple[str, bool | int | float | str], ...]


class GradeAssessed(Event, frozen=True, kw_only=True, tag=True):
    """A toxicity scale was applied; bounds stand where facts are missing."""

    scale: Scale
    outcome: str
    grade: int | None
    grade_min: int
    grade_max: int
    driver: str | None
    missing: tuple[str, ...]
    assessed_at: datetime
    decision_sha256: str


class GradeConfirmed(Event, frozen=True, kw_only=True, tag=True):
    """A physician confirmed or overrode a computed grade, with a reason where they differ."""

    scale: Scale
    grade: int
    computed: int | None
    reason: str


class RapidResponseCalled(Event, frozen=True, kw_only=True, tag=True):
    """The rapid response team was called because a grade is at least `grade_min`."""

    scale: Scale
    grade_min: int
    called_at: datetime


class RapidResponseArrived(Event, frozen=True, kw_only=True, tag=True):
    """The team is at the bedside."""

    arrived_at: datetime


class DrugGiven(Event, frozen=True, kw_only=True, tag=True):
    """A drug against toxicity was given."""

    atc: str
    name: str
    dose: str
    given_at: datetime
    override_reason: str | None = None


class Discharged(Event, frozen=True, kw_only=True, tag=True):
    """The patient left hospital and stays near until a day."""

    discharged_on: date
    stay_near_until: date


class ResponseAssessed(Event, frozen=True, kw_only=True, tag=True):
    """Response at a time point by named criteria, read by two."""

    timepoint: Literal["D28", "M3", "M6", "M12", "other"]
    criteria: str
    category: ResponseCategory
    assessed_on: date
    first_reader: str
    second_reader: str | None
    window_reason: str | None = None


# --- afterwards -----------------------------------------------------------------------------------------------------


class HandedOver(Event, frozen=True, kw_only=True, tag=True):
    """Care went to another node for follow-up."""

    to_node: str


class FollowUpAccepted(Event, frozen=True, kw_only=True, tag=True):
    """This node follows the patient from now on, for life."""

    from_node: str


class FollowUpScheduled(Event, frozen=True, kw_only=True, tag=True):
    """Visits planned; the schedule has no end."""

    schedule: str
    first_due_on: date


class FollowUpVisited(Event, frozen=True, kw_only=True, tag=True):
    """A follow-up contact took place."""

    visit: str
    visited_on: date
    alive: bool
    new_malignancy: bool | None


class SecondMalignancyReported(Event, frozen=True, kw_only=True, tag=True):
    """A second primary malignancy was reported."""

    kind: str
    found_on: date
    transgene_tested: bool | None


class Died(Event, frozen=True, kw_only=True, tag=True):
    """The patient died; open tasks end."""

    died_on: date
    cause: Literal["disease", "non_relapse", "unknown"]


class Told(Struct, frozen=True, kw_only=True):
    """An event that another node told of, with where and when it was recorded there."""

    event_id: str
    node: str
    at: datetime
    recorded_at: datetime
    actor: str
    role: str
    event: dict[str, object]


class Recorded(Struct, frozen=True, kw_only=True):
    """The envelope: who recorded which event of which case, where and when."""

    event_id: str
    case_id: str
    sequence: int
    at: datetime
    recorded_at: datetime
    node: str
    organisation: str
    actor: str
    role: str
    event: Event


def _all_events(base: type[Event]) -> list[type[Event]]:
    return [kind for direct in base.__subclasses__() for kind in (direct, *_all_events(direct))]


EVENT_TYPES: dict[str, type[Event]] = {kind.__name__: kind for kind in _all_events(Event)}
