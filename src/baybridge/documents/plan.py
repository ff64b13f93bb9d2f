"""Documents of money as they are written: plans, outcome agreements, means-test scales and outcome rates in `data/plans`.

Main job: `PlanDocument` and the four shapes that it has; `misformed(document, report)` tells every key that a shape does not have and every value of
another sort.

A document of money stays the mapping that was written: a quote cites its bytes, and an agreement's terms are kept with the quote. So each shape is the
type of a mapping, not a struct; what is not there is not established. What the values mean (rates from 0 to 1, worked cases, what must be named)
is looked at by `funding/plans/checking.py`.

**Units**: amounts as text with two places in the document's currency, rates as exact text, days in calendar days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated, TypedDict, TypeGuard

from msgspec import Meta

from baybridge.documents.problems import WRONG_VALUE
from baybridge.documents.reading import DOCUMENT, Report, Wording, look_over

#: An amount in the document's currency.
Amount = Annotated[str, Meta(extra={"words": 'an amount as text with two places, such as "1200000.00"', "reason": "amount"})]
#: An exact number, never a float: "0.80".
Rate = Annotated[str, Meta(extra={"words": 'an exact number as text, such as "0.80"', "reason": "rate"})] | int
#: What nobody counts with: words, a few of them, yes or no.
Words = str | int | float | bool | list[str] | None


class MoneyHeading(TypedDict, total=False):
    """What each document of money says of itself."""

    id: str
    version: str | int | float
    shape: str
    title: Mapping[str, str]
    source: str
    source_url: str | None
    document_date: date | None
    status: str
    confidence: str
    verified_by: str | None
    verified_on: date | None
    synthetic: bool
    notes: str | None
    region: str | None


class MoneyTerms(MoneyHeading, total=False):
    """What plans, agreements and scales have in common."""

    jurisdiction: list[str]
    currency: str
    payer: str | None
    kind_of_payer: str | None
    in_force_from: date | None
    in_force_to: date | None
    time_limits: TimeLimits | None


class WrittenLimit(TypedDict, total=False):
    """Days for a step, with where they come from."""

    step: str
    days: int | None
    jurisdiction: list[str]
    payers: list[str]
    source: str
    status: str | None
    confidence: str | None
    proposal: bool
    notes: str | None


class TimeLimits(TypedDict, total=False):
    """A document's own limits by step."""

    preauthorisation: WrittenLimit | None
    claim: WrittenLimit | None
    appeal: WrittenLimit | None
    payment: WrittenLimit | None
    settlement: WrittenLimit | None
    file_appeal: WrittenLimit | None
    refund: WrittenLimit | None


# --- plans ----------------------------------------------------------------------------------------------------------


class WrittenBand(TypedDict, total=False):
    """A rate up to an amount; the last band has no end."""

    up_to: Amount | None
    rate: Rate


class BenefitTerms(TypedDict, total=False):
    """What a plan pays: a layer of a funding case without what is the patient's own."""

    kind: str
    covers: list[str]
    basis: str
    amount: Amount | None
    deductible: Amount | None
    deductible_group: str | None
    rate: Rate | None
    bands: list[WrittenBand] | None
    cap_event: Amount | None
    cap_year: Amount | None
    cap_lifetime: Amount | None
    waiting_days: int | None
    excluded: list[str] | None


class MeansTestTerms(TypedDict, total=False):
    """By which scale a household contributes, and what counts."""

    scale: str
    income_factor: Rate | None
    asset_factor: Rate | None
    asset_allowance: Amount | None
    allowable_deductions: Amount | None
    absolute_cap: Amount | None


class Premium(TypedDict, total=False):
    """What it costs to join."""

    amount: Amount
    per: str


class WrittenQuota(TypedDict, total=False):
    """What a fund has for a year, and what it published as used of it."""

    places: int
    used: int
    amount: Amount
    amount_used: Amount
    as_of: date
    when_used_up: str


class Application(TypedDict, total=False):
    """What an application to a fund needs."""

    documents: list[str] | None
    household: str | None
    decision_days: int | None
    quota: WrittenQuota | None


class WorkedCase(TypedDict, total=False):
    """A worked case of a document: what is given, and what the document gives for it."""

    name: str
    source: str
    gross: Amount
    category: str
    risk_class: str | None
    means_test: Mapping[str, str]
    benefit: Amount
    binding: str
    drug: Amount
    paid: Mapping[str, str]
    outcome: str
    refund: Amount
    code: str
    adfr: Amount
    contribution: Amount
    tier: str


class BenefitPlan(MoneyTerms, total=False):
    """A plan or fund that pays for a patient: shape `benefit`."""

    order: int | None
    orders: list[int] | None  # other places in the order of payers that its policy allows
    premium: Premium | None
    join_by: date | None
    benefit: BenefitTerms | None  # null: nobody established what it pays
    means_test: MeansTestTerms | None
    rates_by_risk_class: Mapping[str, Rate | None] | None  # null: the class is excluded
    listed_products: list[str] | None
    apply: Application | None
    cases: list[WorkedCase]


# --- agreements -----------------------------------------------------------------------------------------------------


class AgreedOutcome(TypedDict, total=False):
    """What must be reached, when, and who judges it."""

    definition: str | None
    criteria: str | None
    counts_as_reached: list[str]
    timepoint: str
    target_day: int
    window_days: int
    readers: int | None


class DeathRule(TypedDict, total=False):
    """What follows from a death, by its cause."""

    disease: str | None
    non_relapse: str | None


class AgreementDocument(MoneyTerms, total=False):
    """An outcome agreement: shape `agreement`."""

    product: str | None
    indication: Words
    line: Words
    enrol_by: date | None
    outcome: AgreedOutcome
    assessor_independence: Words
    evidence: Words
    basis: str
    rate: Rate
    cap: Amount | None
    allocation: str
    refund_outcomes: list[str]
    void_outcomes: list[str]
    death_rule: DeathRule | None
    missing_assessment_rule: str | None
    withdrawal_rule: str | None
    retreatment_rule: str | None
    out_of_specification_rule: str | None
    not_infused_rule: str | None
    dispute_and_time_limit: Words
    tax: Words
    cases: list[WorkedCase]


# --- scales and rates -----------------------------------------------------------------------------------------------


class WrittenTier(TypedDict, total=False):
    """A row of a scale: a flat contribution or a part of the resources."""

    up_to: Amount | None
    flat: Amount | None
    rate: Rate | None


class WrittenScale(TypedDict, total=False):
    """A means-test scale as a case writes it out, with its name and last day where it has them."""

    id: str | None
    in_force_to: str | None
    ceiling_rate: Rate
    tiers: list[WrittenTier]


class ScaleRows(TypedDict, total=False):
    """The rows of a scale."""

    ceiling_rate: Rate
    tiers: list[WrittenTier]


class ScaleDocument(MoneyTerms, total=False):
    """A dated means-test scale: shape `means_test`."""

    scale: ScaleRows
    cases: list[WorkedCase]


class OutcomeRates(MoneyHeading, total=False):
    """How often which outcome was reached in a publication: shape `outcome_rates`."""

    product: str | None
    n: int
    counts: Mapping[str, int]
    published: str
    assumption: str


class PlanDocument(BenefitPlan, AgreementDocument, ScaleDocument, OutcomeRates, total=False):
    """A document of money, whichever shape it has: what its shape does not have is not there."""


Plans = Mapping[str, PlanDocument]

BENEFIT, AGREEMENT, MEANS_TEST, OUTCOME_RATES = "benefit", "agreement", "means_test", "outcome_rates"
#: The form of each shape.
SHAPES: Mapping[str, type] = MappingProxyType({BENEFIT: BenefitPlan, AGREEMENT: AgreementDocument, MEANS_TEST: ScaleDocument, OUTCOME_RATES: OutcomeRates})
#: A document that is not there.
NO_PLAN: PlanDocument = {}


def is_money(document: object) -> TypeGuard[PlanDocument]:
    """Whether a document is a mapping, and so can be looked at as one of money; what has not its form, `misformed` tells."""
    return isinstance(document, Mapping)


def misformed(document: object, report: Report, wording: Wording = DOCUMENT) -> bool:
    """Report every key that a document of its shape does not have, and every value of another sort; whether there was one."""
    if not is_money(document):
        report(WRONG_VALUE, (), "a mapping of keys to values", type(document).__name__, "")
        return True
    form = SHAPES.get(str(document.get("shape")))
    return look_over(form if form is not None else MoneyHeading, _of_heading(document, form), report, wording)


def _of_heading(document: Mapping[str, object], form: type | None) -> Mapping[str, object]:
    """Of a document that does not say which shape it has, no more than its heading can be looked at."""
    return document if form is not None else {name: value for name, value in document.items() if name in MoneyHeading.__annotations__}
