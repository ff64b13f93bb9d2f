"""Money: quotes, payers' answers, claims, agreements, refunds."""

from __future__ import annotations

from datetime import date
from typing import Literal

from baybridge.journey.chapters.envelope import Event


class QuoteIssued(Event, frozen=True, kw_only=True, tag=True):
    """A quote was computed; the whole of it is kept under its SHA-256."""

    quote_sha256: str
    currency: str
    gross_minor: int
    patient_minor: int
    entitled_minor: int
    valid_until: date
    agreement: str | None
    not_firm: tuple[str, ...] = ()  # why eligibility was open then, as codes of `gate_reason`


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
