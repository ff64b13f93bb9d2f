"""The document of a quote, as it is kept and hashed: plain JSON, read by its keys.

Main job: `QuoteDocument`; `is_quote(document)`, whether a document says that it is one. It is made by `funding/quote/quoting.py`; its bytes are what a
signature and a later look rest on, so that it stays the mapping that was written.

**Units**: amounts as text with two places in the bill's currency; days as ISO 8601 text, those of an agreement's terms too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, TypeGuard

from baybridge.documents.plan import AgreementDocument, WrittenScale

DOCUMENT = "funding-quote"


class QuotedRate(TypedDict):
    """A dated rate of exchange: how much of the currency one unit of the bill's is."""

    currency: str
    per_bill_unit: str
    on: str
    source: str


class QuotedCharge(TypedDict, total=False):
    """One charge of the bill."""

    id: str
    category: str
    gross: str
    desc: str


class QuotedBand(TypedDict, total=False):
    """A rate up to an amount; the last band has no end."""

    up_to: str | None
    rate: str


class QuotedMeans(TypedDict, total=False):
    """What a household declared, what counts of it, and the scale written out."""

    annual_gross_income: str
    allowable_deductions: str
    net_assets: str
    asset_allowance: str
    income_factor: str
    asset_factor: str
    absolute_cap: str
    scale: WrittenScale


class QuotedLayer(TypedDict, total=False):
    """One plan of the stack: a layer of the funding case."""

    id: str
    order: int
    covers: list[str]
    kind: str
    amount: str
    basis: str
    deductible: str
    deductible_used: str
    deductible_group: str
    rate: str
    bands: list[QuotedBand]
    cap_event: str
    cap_year: str
    cap_lifetime: str
    cap_event_used: str
    cap_year_used: str
    cap_lifetime_used: str
    effective_from: str
    effective_to: str
    waiting_days: int
    layer_ccy: str
    fx_to_layer_ccy: str
    fx_on: str
    fx_source: str
    means_test: QuotedMeans
    excluded: list[str]
    status: str


class QuotedAgreement(TypedDict, total=False):
    """The outcome agreement of the funding case."""

    basis: str
    rate: str
    cap: str
    allocation: str
    refund_outcomes: list[str]
    void_outcomes: list[str]
    cases: list[dict[str, str]]


class QuotedInputs(TypedDict, total=False):
    """The funding case that was computed."""

    currency: str
    event_date: str
    bill_lines: list[QuotedCharge]
    layers: list[QuotedLayer]
    instalments: dict[str, int]
    oba: QuotedAgreement


class LayerSteps(TypedDict):
    """How a layer comes from its base to its benefit."""

    deductible_applied: str
    after_deductible: str
    raw_benefit: str
    benefit: str


class InLayerCurrency(LayerSteps):
    """The steps of a layer in its own currency."""

    currency: str
    base: str


class EndedScale(TypedDict):
    """The scale of a means test, with its last day where it has one."""

    id: str
    in_force_to: str | None


class LayerResult(TypedDict, total=False):
    """What one layer pays, and how it comes to it."""

    layer: str
    base: str
    adfr: str
    contribution: str
    tier: str
    scale: EndedScale
    deductible_applied: str
    after_deductible: str
    raw_benefit: str
    benefit: str
    binding: str
    allocation: dict[str, str]
    in_layer_ccy: InLayerCurrency
    used_after: dict[str, str]
    notes: list[str]


class InstalmentsResult(TypedDict):
    """The patient's share in instalments."""

    count: int
    first_n_minus_1: str
    last: str
    sum: str


class RefundedTender(TypedDict):
    """A part of a refund, back through the tender in which it was taken."""

    currency: str
    bill_ccy: str
    tender_amount_at_original_rate: str


class OutcomeResult(TypedDict, total=False):
    """What one outcome of the agreement gives."""

    outcome: str
    code: str
    refund_total: str
    refund_allocation: dict[str, str]
    net_by_payer_on_drug: dict[str, str]
    patient_net_all_lines: str
    refund_by_tender: list[RefundedTender]


class TenderResult(TypedDict):
    """One tender with its part of the bill."""

    currency: str
    bill_ccy_amount: str
    rate: str
    tender_amount: str


class SettlementResult(TypedDict):
    """In which currencies the patient pays."""

    tenders: list[TenderResult]
    bill_ccy_sum: str


class FundedResult(TypedDict, total=False):
    """What a funding case gives, as the funding contract prints it; instalments, outcomes and tenders where the case asked for them."""

    id: str
    currency: str
    layers: list[LayerResult]
    patient_share: str
    patient_share_by_line: dict[str, str]
    gross: str
    conservation: str
    computed_total: str
    entitled_total: str
    instalments: InstalmentsResult
    oba: list[OutcomeResult]
    settlement: SettlementResult


class CitedDocument(TypedDict, total=False):
    """Which version of a plan was used, what it rests on and who checked it."""

    id: str
    version: str
    title: dict[str, str]
    payer: str
    source: str
    source_url: str | None
    document_date: str | None
    confidence: str
    verified_by: str | None
    verified_on: str | None
    status: str
    sha256: str


class CitedAgreement(CitedDocument, total=False):
    """Which version of an agreement was used, with its terms: they hold whatever the document says later."""

    terms: AgreementDocument


class ToldSentence(TypedDict):
    """A sentence by its translation key and values."""

    key: str
    values: dict[str, str | int]


class AskedQuote(TypedDict, total=False):
    """What was asked for when the quote was made: the input of `IssueQuote`, from which it can be asked again."""

    product: str | None


class QuoteDocument(TypedDict, total=False):
    """A quote; parts that an older quote does not have are absent."""

    document: str
    version: str
    product: str | None
    inputs: QuotedInputs
    result: FundedResult
    words: list[ToldSentence]
    plans: list[CitedDocument]
    agreement: CitedAgreement | None
    patient_share_if_only_verified_pay: str
    not_verified: list[dict[str, str]]
    rules_open: list[str]
    assumptions: list[ToldSentence]
    exchange: list[QuotedRate]
    region: str
    issued_on: str
    valid_until: str
    asked: AskedQuote
    firm: bool
    not_firm: list[str]


def is_quote(document: object) -> TypeGuard[QuoteDocument]:
    """Whether a document says that it is a quote; that it gives its result again is seen by computing it."""
    return isinstance(document, Mapping) and document.get("document") == DOCUMENT
