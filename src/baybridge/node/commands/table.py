"""Every command, in the order of the road: who may give it, where, with which input, judged by which rule.

Main job: the table `COMMANDS`. Page, command line (`baybridge do`) and `POST /do/{Command}` are made from it; a command without a
row does not exist.

Elsewhere: the rules stand in the parts; whether an actor may touch this very case is decided in `people/access.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from baybridge.base.outcome import Reason
from baybridge.bedside import discharge, drugs, fitness, infusion, lymphodepletion, monitoring
from baybridge.consent import rules as consent
from baybridge.exchange.card import issuing
from baybridge.exchange.transfer import sending
from baybridge.followup import handover, visits
from baybridge.funding.claims import claiming, preauthorisation
from baybridge.funding.outcome import enrolling, refunding, settling
from baybridge.funding.plans import applying
from baybridge.funding.quote import quoting
from baybridge.journey.checks import alive
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.matching import eligibility, referral
from baybridge.recognition import identity, overriding, parallel, recognising
from baybridge.supply import collection, manufacture, permits, shipping, slots

Rule = Callable[[Situation, Any], Verdict]
Blocked = Callable[[Situation], Iterator[Reason]]

COORDINATOR, PHYSICIAN, NURSE, PHARMACIST = Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST
LABORATORY, MANUFACTURER, QUALITY, PAYER, PATIENT = Role.LABORATORY, Role.MANUFACTURER, Role.QUALITY, Role.PAYER, Role.PATIENT

CENTRE = frozenset({"centre"})
PLANT = frozenset({"plant"})
CELLS = CENTRE | PLANT
ANYWHERE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CommandKind:
    """One command: its part, roles, kinds of node (none: any), input, rule, step of the pathway and purpose of access.

    `needs` names what the rule reads from `situation.record`; `opens` says that it begins a case; `blocked` gives the reasons
    that stand whatever the input, for the button that cannot be pressed; `form` is the order of fields on the page, and `codes` those that
    are scanned or chosen rather than written.
    """

    name: str
    part: str
    given: type[Struct]
    rule: Rule
    roles: frozenset[Role]
    kinds: frozenset[str] = CENTRE
    step: str | None = None
    purpose: str = "care"
    needs: frozenset[str] = frozenset()
    opens: bool = False
    blocked: Blocked = alive
    codes: frozenset[str] = frozenset()

    @property
    def form(self) -> tuple[str, ...]:
        """The fields in the order in which a person fills them in."""
        return tuple(field.name for field in fields(self.given))


def _kind(given: type[Struct], rule: Rule, *roles: Role, **more: Any) -> CommandKind:
    part = given.__module__.split(".")[1]
    return CommandKind(given.__name__, part, given, rule, frozenset(roles), **more)


def _scans(*names: str) -> frozenset[str]:
    return frozenset(names)


def _never(_: Situation) -> Iterator[Reason]:
    yield from ()


_MATCHING = (
    _kind(referral.OpenCase, referral.open_case, COORDINATOR, PHYSICIAN, step="referral", opens=True, blocked=_never),
    _kind(referral.ConfirmFinding, referral.confirm_finding, PHYSICIAN, LABORATORY, step="records", codes=_scans("fact")),
    _kind(referral.ReferCase, referral.refer_case, COORDINATOR, PHYSICIAN, step="refer", codes=_scans("to_node", "product")),
    _kind(
        referral.AcceptCase,
        referral.accept_case,
        COORDINATOR,
        PHYSICIAN,
        step="accept",
        blocked=referral.accept_case_blocked,
        codes=_scans("product"),
    ),
    _kind(referral.DeclineCase, referral.decline_case, COORDINATOR, PHYSICIAN, step="accept", blocked=referral.accept_case_blocked),
    _kind(eligibility.DecideEligibility, eligibility.decide_eligibility, COORDINATOR, PHYSICIAN, PHARMACIST, step="eligibility"),
    _kind(eligibility.ChooseProduct, eligibility.choose_product, PHYSICIAN, step="product", codes=_scans("product", "policy")),
    _kind(referral.ArrangeTravel, referral.arrange_travel, COORDINATOR, step="travel", purpose="travel"),
)

_CONSENT = (
    _kind(consent.RecordConsent, consent.record_consent, COORDINATOR, PHYSICIAN, NURSE, step="consent_care", purpose="consent"),
    _kind(
        consent.WithdrawConsent,
        consent.withdraw_consent,
        COORDINATOR,
        PHYSICIAN,
        NURSE,
        PATIENT,
        purpose="consent",
        blocked=_never,
        codes=_scans("consent_id"),
    ),
    _kind(consent.NotifyAuthority, consent.notify_authority, COORDINATOR, QUALITY, step="notify_authority", purpose="consent"),
)

_FUNDING = (
    _kind(quoting.IssueQuote, quoting.issue_quote, COORDINATOR, step="quote", purpose="finance"),
    _kind(
        preauthorisation.RequestPreauthorisation,
        preauthorisation.request_preauthorisation,
        COORDINATOR,
        step="preauthorisation",
        purpose="finance",
        needs=frozenset({"quote"}),
    ),
    _kind(
        preauthorisation.AnswerPreauthorisation,
        preauthorisation.answer_preauthorisation,
        PAYER,
        kinds=ANYWHERE,
        step="preauthorisation_answer",
        purpose="finance",
        needs=frozenset({"quote", "grants"}),
    ),
    _kind(
        preauthorisation.AppealPreauthorisation,
        preauthorisation.appeal_preauthorisation,
        COORDINATOR,
        PATIENT,
        kinds=ANYWHERE,
        purpose="finance",
        blocked=preauthorisation.answer_preauthorisation_blocked,
    ),
    _kind(
        preauthorisation.PayBenefit,
        preauthorisation.pay_benefit,
        PAYER,
        COORDINATOR,
        kinds=ANYWHERE,
        step="payment",
        purpose="finance",
        needs=frozenset({"quote"}),
        blocked=_never,
    ),
    _kind(
        applying.ApplyForAssistance,
        applying.apply_for_assistance,
        COORDINATOR,
        step="preauthorisation",
        purpose="finance",
        needs=frozenset({"quote", "grants"}),
        blocked=preauthorisation.request_preauthorisation_blocked,
    ),
    _kind(
        enrolling.EnrolInAgreement,
        enrolling.enrol_in_agreement,
        COORDINATOR,
        PHYSICIAN,
        step="enrol",
        purpose="finance",
        needs=frozenset({"quote"}),
        blocked=enrolling.enrol_in_agreement_blocked,
    ),
    _kind(
        settling.SettleOutcome,
        settling.settle_outcome,
        PAYER,
        COORDINATOR,
        kinds=ANYWHERE,
        step="settlement",
        purpose="finance",
        needs=frozenset({"quote"}),
        blocked=settling.settle_outcome_blocked,
    ),
    _kind(
        refunding.RecordRefund,
        refunding.record_refund,
        COORDINATOR,
        PAYER,
        kinds=ANYWHERE,
        step="refund",
        purpose="finance",
        blocked=refunding.record_refund_blocked,
    ),
)

_CLAIMS = (
    _kind(
        claiming.SubmitClaim,
        claiming.submit_claim,
        COORDINATOR,
        purpose="finance",
        needs=frozenset({"quote"}),
        blocked=claiming.submit_claim_blocked,
    ),
    _kind(claiming.AdjudicateClaim, claiming.adjudicate_claim, PAYER, kinds=ANYWHERE, purpose="finance", needs=frozenset({"quote", "grants"}), blocked=_never),
    _kind(claiming.AppealClaim, claiming.appeal_claim, COORDINATOR, PATIENT, kinds=ANYWHERE, purpose="finance", blocked=_never),
    _kind(claiming.PayClaim, claiming.pay_claim, PAYER, kinds=ANYWHERE, purpose="finance", blocked=_never),
)

_SCANNED = _scans("chain_of_identity", "bag", "bags", "from_bags", "wrist_band", "order")

_SUPPLY = (
    _kind(
        slots.ReserveSlot,
        slots.reserve_slot,
        COORDINATOR,
        step="slot",
        purpose="logistics",
        blocked=slots.reserve_slot_blocked,
        codes=_scans("plant_node"),
    ),
    _kind(
        permits.RecordPermit, permits.record_permit, COORDINATOR, MANUFACTURER, kinds=CELLS, step="permit_collection", purpose="logistics"
    ),
    _kind(
        collection.Collect,
        collection.collect,
        NURSE,
        PHYSICIAN,
        step="collect",
        blocked=collection.collect_blocked,
        codes=_SCANNED,
    ),
    _kind(
        shipping.Ship,
        shipping.ship,
        COORDINATOR,
        NURSE,
        PHARMACIST,
        MANUFACTURER,
        kinds=CELLS,
        step="ship_to_plant",
        purpose="logistics",
        codes=_SCANNED,
    ),
    _kind(
        shipping.ReceiveShipment,
        shipping.receive_shipment,
        COORDINATOR,
        NURSE,
        PHARMACIST,
        LABORATORY,
        MANUFACTURER,
        kinds=CELLS,
        step="receive_at_plant",
        purpose="logistics",
        blocked=shipping.alive_or_arriving,
        codes=_SCANNED | _scans("shipment_id"),
    ),
    _kind(
        shipping.ResolveQuarantine,
        shipping.resolve_quarantine,
        QUALITY,
        MANUFACTURER,
        kinds=CELLS,
        step="quarantine",
        purpose="quality",
        blocked=shipping.alive_or_arriving,
        codes=_SCANNED,
    ),
    _kind(
        manufacture.StartManufacture,
        manufacture.start_manufacture,
        MANUFACTURER,
        kinds=PLANT,
        step="manufacture",
        purpose="manufacture",
        codes=_SCANNED,
    ),
    _kind(
        manufacture.TestProduct,
        manufacture.test_product,
        MANUFACTURER,
        QUALITY,
        LABORATORY,
        kinds=PLANT,
        step="test_product",
        purpose="manufacture",
        codes=_scans("batch"),
    ),
    _kind(
        manufacture.Release,
        manufacture.release,
        QUALITY,
        MANUFACTURER,
        kinds=PLANT,
        step="release",
        purpose="manufacture",
        codes=_scans("batch", "bags"),
    ),
)

_BEDSIDE = (
    _kind(fitness.CheckFitness, fitness.check_fitness, PHYSICIAN, step="fitness_collection"),
    _kind(
        lymphodepletion.Lymphodeplete,
        lymphodepletion.lymphodeplete,
        PHYSICIAN,
        NURSE,
        step="lymphodepletion",
        blocked=lymphodepletion.lymphodeplete_blocked,
    ),
    _kind(infusion.CheckBedside, infusion.check_bedside, NURSE, PHYSICIAN, PHARMACIST, step="bedside_check", codes=_SCANNED),
    _kind(infusion.Thaw, infusion.thaw, NURSE, PHARMACIST, LABORATORY, PHYSICIAN, step="thaw", codes=_SCANNED),
    _kind(infusion.Infuse, infusion.infuse, NURSE, PHYSICIAN, step="infuse", blocked=infusion.infuse_blocked, codes=_SCANNED),
    _kind(monitoring.Assess, monitoring.assess, NURSE, PHYSICIAN, step="monitor"),
    _kind(monitoring.ConfirmGrade, monitoring.confirm_grade, PHYSICIAN, step="confirm_grade", codes=_scans("scale")),
    _kind(monitoring.ArriveRapidResponse, monitoring.arrive_rapid_response, NURSE, PHYSICIAN, step="rapid_response", blocked=_never),
    _kind(drugs.GiveDrug, drugs.give_drug, NURSE, PHYSICIAN, PHARMACIST, codes=_scans("atc")),
    _kind(discharge.Discharge, discharge.discharge, PHYSICIAN, step="discharge"),
    _kind(discharge.AssessResponse, discharge.assess_response, PHYSICIAN, step="response_d28"),
)

_FOLLOW_UP = (
    _kind(handover.HandOver, handover.hand_over, COORDINATOR, PHYSICIAN, step="handover", codes=_scans("to_node")),
    _kind(handover.AcceptFollowUp, handover.accept_follow_up, COORDINATOR, PHYSICIAN, step="accept_follow_up", codes=_scans("from_node")),
    _kind(visits.ScheduleFollowUp, visits.schedule_follow_up, COORDINATOR, PHYSICIAN, NURSE, step="schedule_follow_up"),
    _kind(visits.RecordVisit, visits.record_visit, COORDINATOR, PHYSICIAN, NURSE, step="visit", codes=_scans("visit")),
    _kind(visits.ReportSecondMalignancy, visits.report_second_malignancy, PHYSICIAN, blocked=_never),
    _kind(visits.RecordDeath, visits.record_death, PHYSICIAN, COORDINATOR, kinds=ANYWHERE, blocked=_never),
)

_RECOGNITION = (
    _kind(
        recognising.RecogniseResults,
        recognising.recognise_results,
        PHYSICIAN,
        COORDINATOR,
        LABORATORY,
        step="recognition",
        needs=frozenset({"observations", "resources"}),
        codes=_scans("purpose"),
    ),
    _kind(
        overriding.OverrideRecognition,
        overriding.override_recognition,
        PHYSICIAN,
        needs=frozenset({"observations", "resources"}),
        codes=_scans("result", "purpose", "code"),
    ),
    _kind(
        overriding.CountersignOverride,
        overriding.countersign_override,
        QUALITY,
        needs=frozenset({"observations", "resources"}),
        codes=_scans("result", "purpose"),
    ),
    _kind(
        parallel.CompareParallelTest,
        parallel.compare_parallel_test,
        PHYSICIAN,
        LABORATORY,
        needs=frozenset({"observations", "resources"}),
        blocked=_never,
        codes=_scans("result", "purpose", "repeat"),
    ),
    _kind(
        identity.ConfirmIdentity,
        identity.confirm_identity,
        COORDINATOR,
        PHYSICIAN,
        LABORATORY,
        kinds=ANYWHERE,
        step="identity",
        blocked=identity.nothing_asked,
        codes=_scans("question"),
    ),
    _kind(
        identity.RefuseIdentity,
        identity.refuse_identity,
        COORDINATOR,
        PHYSICIAN,
        LABORATORY,
        kinds=ANYWHERE,
        step="identity",
        blocked=identity.nothing_asked,
        codes=_scans("question"),
    ),
    _kind(
        identity.UndoIdentity,
        identity.undo_identity,
        COORDINATOR,
        PHYSICIAN,
        QUALITY,
        kinds=ANYWHERE,
        step="identity",
        blocked=identity.none_linked,
        codes=_scans("question"),
    ),
)

_SHARING = (
    _kind(
        issuing.IssueHealthCard,
        issuing.issue_health_card,
        LABORATORY,
        PHYSICIAN,
        PATIENT,
        kinds=ANYWHERE,
        step="card",
        needs=frozenset({"observations", "resources", "card"}),
        blocked=issuing.no_cards,
        codes=_scans("results"),
    ),
    _kind(
        sending.Transfer,
        sending.transfer,
        COORDINATOR,
        PHYSICIAN,
        LABORATORY,
        MANUFACTURER,
        kinds=ANYWHERE,
        step="transfer",
        purpose="transfer",
        needs=frozenset({"resources"}),
        blocked=_never,
        codes=_scans("to_node", "purpose"),
    ),
)

COMMANDS: Mapping[str, CommandKind] = MappingProxyType(
    {kind.name: kind for kind in (*_MATCHING, *_CONSENT, *_RECOGNITION, *_SHARING, *_FUNDING, *_CLAIMS, *_SUPPLY, *_BEDSIDE, *_FOLLOW_UP)}
)
