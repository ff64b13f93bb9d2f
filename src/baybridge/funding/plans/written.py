"""The form of a funding case as it is written: bill, payers' terms, agreement, tenders.

Main job: `WrittenCase` and its parts; `quote/case.py` and `layers.py` make terms of them. A part that does not fit was told, and something harmless stands there.

**Source**: shared funding contract. Fields beyond it: `deductible_group` (layers that share one deductible), `excluded` (reason codes for which a layer
pays nothing), `means_test.scale`, `oba.earlier_refunds`. **Units**: amounts as minor units, rates as fractions, days in calendar days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Annotated, Any

from msgspec import Meta, Struct

from baybridge.base.money import Currency
from baybridge.funding.plans.terms import Allocation, Kind, LayerBasis, RefundBasis
from baybridge.funding.quote.reading import Amount, ExchangeRate, FromOne, Rate, Text, Whole, Word

ONE = Fraction(1)


class WrittenBand(Struct, frozen=True, kw_only=True):
    """A rate up to an amount after the deductible."""

    up_to: Amount | None = None
    rate: Rate


class WrittenTier(Struct, frozen=True, kw_only=True):
    """A row of a scale."""

    up_to: Amount | None = None
    flat: Amount | None = None
    rate: Rate | None = None


class WrittenScale(Struct, frozen=True, kw_only=True):
    """A means-test scale."""

    id: Text | None = None
    in_force_to: date | None = None
    ceiling_rate: Rate
    tiers: Annotated[tuple[WrittenTier, ...], Meta(min_length=1)]


class WrittenMeans(Struct, frozen=True, kw_only=True):
    """What a household declares, and what counts of it."""

    annual_gross_income: Amount
    income_factor: Rate = ONE
    allowable_deductions: Amount = 0
    net_assets: Amount = 0
    asset_allowance: Amount = 0
    asset_factor: Rate = ONE
    absolute_cap: Amount | None = None
    scale: WrittenScale | None = None


class WrittenLayer(Struct, frozen=True, kw_only=True):
    """One payer's terms."""

    id: Text
    order: Whole | None = None
    covers: Annotated[tuple[Word, ...], Meta(min_length=1)]
    kind: Kind = Kind.COINSURANCE
    amount: Amount | None = None
    basis: LayerBasis = LayerBasis.RESIDUAL
    deductible: Amount = 0
    deductible_used: Amount = 0
    deductible_group: Text | None = None
    rate: Rate | None = None
    bands: Annotated[tuple[WrittenBand, ...], Meta(min_length=1, extra={"harmless": ()})] | None = None
    cap_event: Amount | None = None
    cap_year: Amount | None = None
    cap_lifetime: Amount | None = None
    cap_event_used: Amount = 0
    cap_year_used: Amount = 0
    cap_lifetime_used: Amount = 0
    effective_from: date | None = None
    effective_to: date | None = None
    waiting_days: Whole = 0
    layer_ccy: Currency | None = None
    fx_to_layer_ccy: ExchangeRate | None = None
    fx_on: Any = None
    fx_source: Any = None
    means_test: WrittenMeans | None = None
    excluded: tuple[Word, ...] = ()
    status: Any = None
    title: Any = None
    source: Any = None
    orders: Any = None
    could_join: Any = None


class WrittenLine(Struct, frozen=True, kw_only=True):
    """One charge."""

    id: Text
    category: Text
    gross: Amount
    desc: Any = None


class WrittenOutcome(Struct, frozen=True, kw_only=True):
    """An outcome that is asked for."""

    outcome: Text


class WrittenAgreement(Struct, frozen=True, kw_only=True):
    """An outcome agreement."""

    basis: RefundBasis
    rate: Rate
    cap: Amount | None = None
    allocation: Allocation
    refund_outcomes: tuple[Word, ...] = ()
    void_outcomes: tuple[Word, ...] = ()
    cases: tuple[WrittenOutcome, ...] = ()
    earlier_refunds: Mapping[str, Amount] | None = None


class WrittenTender(Struct, frozen=True, kw_only=True):
    """A part of the patient's share in one currency."""

    currency: Currency
    bill_ccy_amount: Amount | None = None
    remainder: Annotated[bool, Meta(extra={"reason": "amount_or_remainder"})] | None = None
    rate_bill_to_tender: ExchangeRate | None = None


class WrittenSettlement(Struct, frozen=True, kw_only=True):
    """In which currencies the patient pays."""

    tenders: Annotated[tuple[WrittenTender, ...], Meta(min_length=1)]


class WrittenInstalments(Struct, frozen=True, kw_only=True):
    """In how many parts the patient pays."""

    count: FromOne


class WrittenCase(Struct, frozen=True, kw_only=True):
    """A bill and who may pay of it."""

    id: Any = None
    title: Any = None
    currency: Currency
    inputs: Any = None
    expected: Any = None
    event_date: date
    layers: tuple[Any, ...] = ()  # each a `WrittenLayer`, but for those that nobody holds yet
    instalments: WrittenInstalments | None = None
    bill_lines: Annotated[tuple[WrittenLine, ...], Meta(min_length=1)]
    oba: WrittenAgreement | None = None
    settlement: WrittenSettlement | None = None
    compare: Any = None
