"""From a plan document and the patient's own particulars to a layer of a funding case.

Main job: `layer_from(document, chosen, …)` answers the layer as the funding contract writes it, or every reason why it cannot.

**Source**: policy reference D3 ("each plan row needs…") and D6 (order of payers); documents in `data/plans/`.
**Units**: amounts as text in the plan's currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason
from baybridge.documents.plan import AGREEMENT, BENEFIT, BenefitTerms, MeansTestTerms, MoneyHeading, PlanDocument, Plans
from baybridge.funding.plans.layers import CAPS, VERIFIED, written_scale

TEMPLATES = "template-"  # what the id of a document to be copied begins with
EXCLUDED_PREEXISTING = "PAY-EXCLUDED-PREEXISTING"
DRUG_NOT_LISTED = "PAY-DRUG-NOT-LISTED"


class Household(Struct, frozen=True, kw_only=True):
    """What a household declares for a means test, in the fund's currency."""

    annual_gross_income: Annotated[str, Meta(description="income of the household in the year, e.g. 434400.00")]
    net_assets: Annotated[str, Meta(description="assets less debts")]
    asset_allowance: Annotated[str, Meta(description="assets that are not counted for this size of household")]
    allowable_deductions: str = "0.00"


class ChosenPlan(Struct, frozen=True, kw_only=True):
    """A plan that the patient holds, with what was used of it already."""

    plan: Annotated[str, Meta(description="id of a plan document")]
    risk_class: Annotated[str | None, Meta(description="e.g. standard or pre_existing, where the plan pays them differently")] = None
    order: Annotated[int | None, Meta(description="another place in the order of payers, where the policy says so")] = None
    effective_from: Annotated[date | None, Meta(description="the patient's own start in the plan; waiting periods run from it")] = None
    effective_to: date | None = None
    deductible_used: str | None = None
    cap_event_used: str | None = None
    cap_year_used: str | None = None
    cap_lifetime_used: str | None = None
    household: Household | None = None


class Exchange(Struct, frozen=True, kw_only=True):
    """A rate of exchange with its date and source; a rate without them is not used."""

    currency: Annotated[str, Meta(description="currency of the plan or agreement")]
    per_bill_unit: Annotated[str, Meta(description="units of that currency for one unit of the bill's")]
    on: date
    source: Annotated[str, Meta(min_length=1)]


def plain(document: Mapping[str, object]) -> dict[str, object]:
    """A document as plain JSON: dates as text, exact decimals as text."""
    return {str(name): plain_value(item) for name, item in document.items()}


def plain_value(value: object) -> object:
    """A part of a document as plain JSON."""
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, Decimal | Fraction) else value


def is_verified(document: MoneyHeading) -> bool:
    """Whether somebody named compared the document with its source, on a day; a bare word is not enough."""
    return document.get("status") == VERIFIED and bool(document.get("verified_by")) and bool(document.get("verified_on"))


def status_of(document: MoneyHeading) -> str:
    """The status that a quote may show; `verified` only where it says by whom and when, and confidence is not low."""
    if is_verified(document) and document.get("confidence") != "low":
        return VERIFIED
    status = str(document.get("status") or "unverified")
    return "unverified" if status == VERIFIED else status


def terms_of(document: PlanDocument) -> BenefitTerms | None:
    """What a plan pays; None where nobody established it, or the document is no plan."""
    terms = document.get("benefit")
    return terms if document.get("shape") == BENEFIT and isinstance(terms, Mapping) else None


def uses_of(document: PlanDocument) -> tuple[str, ...]:
    """What a plan needs to be told of what was used of it already: of its deductible and of each limit that it has."""
    terms = document.get("benefit") or {}
    used = ("deductible_used",) if terms.get("deductible") not in (None, "0.00") else ()
    return (*used, *(f"{cap}_used" for cap in CAPS if terms.get(cap) is not None))


def is_computable(document: PlanDocument) -> bool:
    """Whether a document is a plan that a quote can hold: no template, and with terms that somebody established."""
    return terms_of(document) is not None and not str(document.get("id", "")).startswith(TEMPLATES)


def is_agreement(document: PlanDocument, name: str | None = None) -> bool:
    """Whether a document, of that name, is an outcome agreement, and no template of one."""
    return document.get("shape") == AGREEMENT and not str(document.get("id", name or "")).startswith(TEMPLATES)


def reasons_against_plan(document: PlanDocument | None, chosen: ChosenPlan) -> Iterator[Reason]:
    """Why a plan cannot be computed for this patient: not there, no terms established, or particulars missing."""
    where = f"plans.{chosen.plan}"
    if document is None or document.get("shape") != BENEFIT or chosen.plan.startswith(TEMPLATES):
        yield Reason("funding.quote.unknown_plan", {"plan": chosen.plan}, where=where)
        return
    terms = document.get("benefit")
    source = str(document.get("source", ""))
    if not isinstance(terms, Mapping):
        yield Reason("funding.quote.terms_not_established", {"plan": chosen.plan}, source, where)
        return
    classes = document.get("rates_by_risk_class")
    if classes and chosen.risk_class not in classes:
        values = {"plan": chosen.plan, "classes": ", ".join(sorted(classes))}
        yield Reason("funding.quote.risk_class_needed", values, source, f"{where}.risk_class")
    if terms.get("waiting_days") and chosen.effective_from is None and document.get("in_force_from") is None:
        yield Reason("funding.quote.start_needed", {"plan": chosen.plan}, source, f"{where}.effective_from")
    if document.get("means_test") and chosen.household is None:
        yield Reason("funding.quote.household_needed", {"plan": chosen.plan}, source, f"{where}.household")


def layer_from(
    document: PlanDocument,
    chosen: ChosenPlan,
    product: str | None,
    exchange: Exchange | None,
    scales: Plans,
) -> dict[str, object]:
    """The layer of the funding contract; call it only where `reasons_against_plan` found none."""
    terms, test = document.get("benefit") or {}, document.get("means_test")
    layer: dict[str, object] = {
        "id": chosen.plan,
        "order": document.get("order") if chosen.order is None else chosen.order,
        **plain(terms),
        "status": status_of(document),
        "effective_from": _latest(chosen.effective_from, document.get("in_force_from")),
        "effective_to": _earliest(chosen.effective_to, document.get("in_force_to")),
        "deductible_used": chosen.deductible_used,
        **{f"{cap}_used": getattr(chosen, f"{cap}_used") for cap in CAPS},
    }
    classes = document.get("rates_by_risk_class")
    excluded = []
    if classes and _class_rate(classes, chosen) is None:
        excluded.append(EXCLUDED_PREEXISTING)
    elif classes:
        layer = {**layer, "rate": plain_value(_class_rate(classes, chosen)), "bands": None}
    listed = document.get("listed_products")
    if listed is not None and product is not None and product not in listed:
        excluded.append(DRUG_NOT_LISTED)
    if exchange is not None:
        layer |= {"layer_ccy": exchange.currency, "fx_to_layer_ccy": exchange.per_bill_unit}
        layer |= {"fx_on": exchange.on.isoformat(), "fx_source": exchange.source}
    if test and chosen.household is not None:
        layer["means_test"] = _means_test(test, chosen.household, scales)
    return {name: value for name, value in {**layer, "excluded": excluded}.items() if value not in (None, [])}


def _class_rate(classes: Mapping[str, str | int | None], chosen: ChosenPlan) -> str | int | None:
    return classes[str(chosen.risk_class)]


def _means_test(terms: MeansTestTerms, household: Household, scales: Plans) -> dict[str, object]:
    declared = {name: getattr(household, name) for name in household.__struct_fields__}
    factors = {name: plain_value(value) for name, value in terms.items() if name != "scale"}
    return {**declared, **factors, "scale": plain(written_scale(scales[str(terms.get("scale"))]))}


def _latest(*days: date | None) -> str | None:
    known = [day for day in days if day is not None]
    return max(known).isoformat() if known else None


def _earliest(*days: date | None) -> str | None:
    known = [day for day in days if day is not None]
    return min(known).isoformat() if known else None
