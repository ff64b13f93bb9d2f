"""The quote: what each payer, the patient and each outcome mean in money, before cells are collected.

Main job: the rule `issue_quote` stacks plan documents and an outcome agreement over a bill and answers `QuoteIssued` with the whole
quote as a document, from which the same quote can be computed again.

**Source**: policy reference D3 (an unverified plan is never an entitlement), D4, D6. **Units**: amounts as text in the bill's currency.
Elsewhere: reading a kept quote back in `quotes.py`; settling an outcome in `outcome/settling.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.money import format_minor, parse_minor, round_half_up
from baybridge.base.outcome import Reason, Refusal, refuse
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.plan import MEANS_TEST, NO_PLAN, MoneyHeading, PlanDocument, Plans
from baybridge.documents.quote import DOCUMENT
from baybridge.documents.terms import Choices
from baybridge.funding import rendering
from baybridge.funding.outcome.clauses import REFUND, VOID, open_clauses, outcomes_of
from baybridge.funding.plans import plans
from baybridge.funding.plans.layers import VERIFIED
from baybridge.funding.plans.plans import ChosenPlan, Exchange
from baybridge.funding.plans.terms import FundingCase, Scale
from baybridge.funding.quote.asking import currencies, doubts, impossible
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.reading import is_exchange_rate
from baybridge.funding.quote.report import Funded, as_json, fund, sentences
from baybridge.funding.quote.stack import UNVERIFIED, Stack, pay_stack
from baybridge.journey.checks import Unusual, alive, asked_once
from baybridge.journey.command import Role, Situation
from baybridge.journey.entitlement import eligibility_open
from baybridge.journey.events import QuoteIssued
from baybridge.journey.judged import Judged
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import OF_MONEY, CommandRow, EventRow, roles, told_in
from baybridge.journey.texts import Note, OneOf
from baybridge.language.regions import regions_of

#: Outcomes that every quote shows beside those that its agreement names. Source: policy reference D4, codes.
ALWAYS_SHOWN = ("CR_AT_M3", "DEATH_DISEASE", "DEATH_NRM", "WINDOW_MISSED")

#: The charges that every bill has: cells are collected, made and given in a ward.
USUAL_CATEGORIES = ("COLLECTION", "CAR_T_DRUG", "INPATIENT")

#: Stands where a file names no scale; a quote always writes its scale out.
NO_SCALE = Scale((), Fraction(0))


def bill_categories(situation: Situation) -> Collection[str]:
    """Categories of charges: those of the document, those that a plan covers, and those of the quote that stands, which another node may have issued."""
    quoted = {str(line["category"]) for line in situation.quote["inputs"]["bill_lines"]} if situation.quote else set[str]()
    return covered_categories(situation.documents) | quoted | set(situation.documents.the(Choices).bill_categories)


def _covers(plan: PlanDocument) -> Iterable[object]:
    benefit = plan.get("benefit")
    covers = benefit.get("covers") if isinstance(benefit, Mapping) else None
    return covers if isinstance(covers, list | tuple) else ()


def covered_categories(documents: DocumentSet) -> set[str]:
    """The categories of charges that plans cover."""
    return {str(name) for plan in documents.plans.values() for name in _covers(plan)}


class QuotedLine(Struct, frozen=True, kw_only=True):
    """One charge of the bill."""

    id: str
    category: Annotated[str, OneOf(bill_categories), Meta(description="CAR_T_DRUG, COLLECTION, INPATIENT, BRIDGING, TRAVEL, FOLLOW_UP or another that a plan covers")]
    gross: Annotated[str, Meta(description="amount with two places, e.g. 1200000.00")]
    desc: Note = ""


class QuotedTender(Struct, frozen=True, kw_only=True):
    """Money that the patient will hand over, in the bill's currency or in one with a dated rate."""

    currency: Annotated[str, OneOf(currencies)]
    amount: Annotated[str | None, Meta(description="part of the bill, in the bill's currency; empty for what remains")] = None


class IssueQuote(Struct, frozen=True, kw_only=True):
    """A bill, the plans that the patient holds, and the outcome agreement to compute."""

    event_date: date
    currency: Annotated[str, OneOf(currencies)]
    bill_lines: tuple[QuotedLine, ...]
    plans: tuple[ChosenPlan, ...] = ()
    agreement: Annotated[str | None, Meta(description="id of an agreement document")] = None
    outcomes: Annotated[tuple[str, ...], Meta(description="outcomes to show; empty shows those that the agreement names")] = ()
    exchange: tuple[Exchange, ...] = ()
    product: Annotated[str | None, Meta(description="product of the quote; the case's product where empty")] = None
    instalments: Annotated[int, Meta(ge=1)] | None = None
    valid_days: Annotated[int, Meta(ge=1, le=366)] = 30
    tenders: Annotated[tuple[QuotedTender, ...], Meta(description="in which currencies the patient pays; empty for the bill's")] = ()
    region: Annotated[str | None, Meta(description="where the care of this bill is given; here where empty")] = None
    unusual: Unusual = False


def issue_quote(situation: Situation, given: IssueQuote) -> Judged | Refusal:
    """The quote as a document and the event that stands for it; every reason where it cannot be computed."""
    documents = situation.documents.plans
    product = given.product or situation.case.product
    against = (
        *alive(situation),
        *_against_place(situation, given),
        *impossible(situation, given),
        *_against_bill(given),
        *reasons_against_quote(documents, given, product, situation.today),
        *asked_once(doubts(situation, given, product), unusual=given.unusual),
    )
    if against:
        return refuse(*against)
    inputs = inputs_of(documents, given, product)
    read = read_cases(inputs, NO_SCALE)
    if isinstance(read, Refusal):
        return read
    funded = fund(read[0])
    if isinstance(funded, Refusal):
        return funded
    valid_until = situation.today + timedelta(days=given.valid_days)
    region = given.region or situation.site.jurisdiction
    open_ones = eligibility_open(situation, product, region)
    document = _document(documents, given, product, inputs, funded) | {
        "region": region,
        "firm": not open_ones,
        "not_firm": list(open_ones),
        "issued_on": situation.today.isoformat(),
        "valid_until": valid_until.isoformat(),
        "asked": plans.plain(msgspec.to_builtins(given)),
    }
    return Judged((_event(document, funded, given.agreement, valid_until, open_ones),), (document,))


def _event(document: dict[str, object], funded: Funded, agreement: str | None, valid_until: date, not_firm: tuple[str, ...]) -> QuoteIssued:
    return QuoteIssued(
        quote_sha256=sha256_hex(canonical_bytes(document)),
        currency=funded.case.currency,
        gross_minor=funded.case.gross_minor,
        patient_minor=funded.stack.patient_minor,
        entitled_minor=funded.stack.entitled_minor,
        valid_until=valid_until,
        agreement=agreement,
        not_firm=not_firm,
    )


# --- what stands against --------------------------------------------------------------------------------------------


def _against_place(situation: Situation, given: IssueQuote) -> Iterator[Reason]:
    """Why there is no such product, or no such region."""
    if given.product is not None and given.product not in situation.documents.products:
        yield Reason("funding.quote.product_unknown", {"product": given.product}, where="product")
    known = regions_of(situation.documents.folder)
    if given.region is not None and given.region not in known:
        yield Reason("funding.quote.region_unknown", {"known": ", ".join(known)}, where="region")


def _against_bill(given: IssueQuote) -> Iterator[Reason]:
    """A bill without a charge is no bill."""
    if not given.bill_lines:
        yield Reason("funding.quote.no_charge", where="bill_lines")


def reasons_against_quote(documents: Plans, given: IssueQuote, product: str | None, today: date) -> Iterator[Reason]:
    """Every reason why plans, agreement and rates of a quote cannot be computed."""
    rates: dict[str, int] = {}
    for exchange in given.exchange:
        if not is_exchange_rate(exchange.per_bill_unit):
            yield Reason("funding.quote.rate_unreadable", {"currency": exchange.currency}, where="exchange")
        rates[exchange.currency] = rates.get(exchange.currency, 0) + 1
        if rates[exchange.currency] > 1:
            yield Reason("funding.quote.rate_twice", {"currency": exchange.currency}, where="exchange")
        if exchange.on > today:
            yield Reason("funding.quote.rate_of_future", {"currency": exchange.currency}, where="exchange")
    for chosen in given.plans:
        document = documents.get(chosen.plan)
        yield from plans.reasons_against_plan(document, chosen)
        if document is not None:
            yield from _rate_missing(document, given, f"plans.{chosen.plan}")
            yield from _scale_missing(documents, document, chosen.plan)
    for tender in given.tenders:
        if tender.currency != given.currency and _exchange(given, tender.currency) is None:
            yield Reason("funding.quote.rate_missing_tender", {"currency": tender.currency, "bill": given.currency}, where="tenders")
    if given.agreement is not None:
        yield from _against_agreement(documents.get(given.agreement), given, product, today)


def _rate_missing(document: PlanDocument, given: IssueQuote, where: str) -> Iterator[Reason]:
    currency = document.get("currency")
    if currency is not None and currency != given.currency and _exchange(given, str(currency)) is None:
        yield Reason("funding.quote.rate_missing", {"currency": str(currency), "bill": given.currency}, where=where)


def _scale_missing(documents: Plans, document: PlanDocument, plan: str) -> Iterator[Reason]:
    terms = document.get("means_test")
    if not isinstance(terms, Mapping):
        return
    scale = str(terms.get("scale"))
    if documents.get(scale, NO_PLAN).get("shape") != MEANS_TEST:
        yield Reason("funding.quote.scale_missing", {"plan": plan, "scale": scale}, where=f"plans.{plan}")


def _against_agreement(document: PlanDocument | None, given: IssueQuote, product: str | None, today: date) -> Iterator[Reason]:
    name = str(given.agreement)
    if document is None or not plans.is_agreement(document, name):
        yield Reason("funding.quote.unknown_agreement", {"agreement": name}, where="agreement")
        return
    source = str(document.get("source", ""))
    for term in ("basis", "rate", "allocation", "refund_outcomes"):
        if document.get(term) is None:
            yield Reason("funding.quote.agreement_incomplete", {"agreement": name, "term": term}, source, "agreement")
    judged: Mapping[str, object] = document.get("outcome") or {}
    for term in ("timepoint", "target_day", "window_days", "counts_as_reached"):
        if judged.get(term) is None:
            yield Reason("funding.quote.agreement_incomplete", {"agreement": name, "term": f"outcome.{term}"}, source, "agreement")
    if product is not None and document.get("product") not in (None, product):
        values = {"agreement": name, "expected": str(document.get("product")), "found": product}
        yield Reason("funding.quote.agreement_product", values, source, "agreement")
    enrol_by = document.get("enrol_by")
    if isinstance(enrol_by, date) and today > enrol_by:
        yield Reason("funding.quote.enrolment_closed", {"agreement": name, "day": enrol_by.isoformat()}, source, "agreement")
    yield from _rate_missing(document, given, "agreement")


def _exchange(given: IssueQuote, currency: str) -> Exchange | None:
    return next((rate for rate in given.exchange if rate.currency == currency != given.currency), None)


# --- inputs of the computation --------------------------------------------------------------------------------------


def inputs_of(documents: Plans, given: IssueQuote, product: str | None) -> dict[str, object]:
    """The quote's case as the funding contract writes it, with plan terms and scales written out."""
    inputs: dict[str, object] = {
        "currency": given.currency,
        "event_date": given.event_date.isoformat(),
        "bill_lines": [{"id": line.id, "category": line.category, "gross": line.gross, "desc": line.desc} for line in given.bill_lines],
        "layers": [_layer(documents, chosen, given, product) for chosen in given.plans],
    }
    if given.instalments is not None:
        inputs["instalments"] = {"count": given.instalments}
    if given.agreement is not None:
        inputs["oba"] = _oba(documents[given.agreement], given)
    if given.tenders:
        inputs["settlement"] = {"tenders": [_tender(tender, given) for tender in given.tenders]}
    return inputs


def _tender(tender: QuotedTender, given: IssueQuote) -> dict[str, object]:
    exchange = _exchange(given, tender.currency)
    part: dict[str, object] = {"remainder": True} if tender.amount is None else {"bill_ccy_amount": tender.amount}
    return {"currency": tender.currency, **part, "rate_bill_to_tender": exchange.per_bill_unit if exchange else "1"}


def _layer(documents: Plans, chosen: ChosenPlan, given: IssueQuote, product: str | None) -> dict[str, object]:
    document = documents[chosen.plan]
    return plans.layer_from(document, chosen, product, _exchange(given, str(document.get("currency"))), documents)


def _oba(document: PlanDocument, given: IssueQuote) -> dict[str, object]:
    refunds, voids = outcomes_of(document, REFUND), outcomes_of(document, VOID)
    shown = given.outcomes or tuple(dict.fromkeys((ALWAYS_SHOWN[0], *refunds, *voids, *ALWAYS_SHOWN[1:])))
    oba: dict[str, object] = {"basis": document["basis"], "rate": document["rate"], "allocation": document["allocation"]}
    oba |= {"refund_outcomes": refunds, "void_outcomes": voids, "cases": [{"outcome": outcome} for outcome in shown]}
    if document.get("cap") is not None:
        oba["cap"] = _in_bill_currency(str(document["cap"]), _exchange(given, str(document.get("currency"))))
    return oba


def _in_bill_currency(amount: str, exchange: Exchange | None) -> str:
    """An agreement's cap in the bill's currency, rounded half up once; a malformed amount is left to the reader of the case."""
    if exchange is None:
        return amount
    try:
        minor = parse_minor(amount)
    except ValueError:
        return amount
    return format_minor(round_half_up(minor / Fraction(exchange.per_bill_unit)))


# --- the document ---------------------------------------------------------------------------------------------------


def _document(documents: Plans, given: IssueQuote, product: str | None, inputs: dict[str, object], funded: Funded) -> dict[str, object]:
    stack = funded.stack
    named = [(chosen.plan, documents[chosen.plan]) for chosen in given.plans]
    agreements = [] if given.agreement is None else [(given.agreement, documents[given.agreement])]
    return {
        "document": DOCUMENT,
        "version": "1",
        "product": product,
        "inputs": inputs,
        "result": as_json(funded),
        "words": [{"key": key, "values": dict(values)} for key, values in sentences(funded)],
        "plans": [_cited(name, document) for name, document in named],
        "agreement": next((_cited(name, document) | {"terms": plans.plain(document)} for name, document in agreements), None),
        "patient_share_if_only_verified_pay": format_minor(only_verified(stack).patient_minor),
        "not_verified": [*_not_verified(named, "plan"), *_not_verified(agreements, "agreement")],
        "rules_open": [outcome for _, terms in agreements for outcome in open_clauses(terms)],
        "assumptions": list(_assumptions(named, given, product)),
        "exchange": [_dated(exchange) for exchange in given.exchange],
    }


def _dated(exchange: Exchange) -> dict[str, str]:
    return {
        "currency": exchange.currency,
        "per_bill_unit": exchange.per_bill_unit,
        "on": exchange.on.isoformat(),
        "source": exchange.source,
    }


def _cited(name: str, document: PlanDocument) -> dict[str, object]:
    """Which version of a document was used, what it rests on, and who checked it."""
    cited = ("version", "title", "payer", "source", "source_url", "document_date", "confidence", "verified_by", "verified_on")
    body = plans.plain(document)
    shown = {field: body.get(field) for field in cited}
    return {"id": name, **shown, "status": plans.status_of(document), "sha256": sha256_hex(canonical_bytes(body))}


def only_verified(stack: Stack) -> Stack:
    """The same bill where only verified plans pay: what the patient can rely on."""
    case: FundingCase = replace(stack.case, layers=tuple(layer for layer in stack.case.layers if layer.entitled))
    return pay_stack(case)


def _not_verified(named: Iterable[tuple[str, MoneyHeading]], what: str) -> Iterator[dict[str, object]]:
    for name, document in named:
        status = plans.status_of(document)
        if status != VERIFIED:
            yield {what: name, "code": UNVERIFIED, "status": status, "source": document.get("source")}


def _assumptions(named: Collection[tuple[str, PlanDocument]], given: IssueQuote, product: str | None) -> Iterator[dict[str, object]]:
    yield {"key": "funding.assumed.bill", "values": {"day": given.event_date.isoformat()}}
    documents = dict(named)
    for name, document in named:
        if document.get("listed_products") is None:
            yield {"key": "funding.assumed.drug_listed", "values": {"plan": name, "product": product or "-"}}
    for chosen in given.plans:
        blank = [use for use in plans.uses_of(documents[chosen.plan]) if getattr(chosen, use) is None]
        if blank:
            yield {"key": "funding.assumed.used_not_said", "values": {"plan": chosen.plan, "fields": ", ".join(blank)}}
    for exchange in given.exchange:
        values = {"currency": exchange.currency, "rate": exchange.per_bill_unit, "bill": given.currency, "day": exchange.on.isoformat()}
        yield {"key": "funding.assumed.rate", "values": {**values, "source": exchange.source}}
    if given.agreement is not None:
        yield {"key": "funding.assumed.enrolled", "values": {"agreement": given.agreement}}


def usual_bill(context: FormContext) -> Mapping[str, object]:
    """The bill as its three usual lines, with the drug's list price where one is published."""
    price = next(iter(context.product.list_price), None) if context.product else None
    gross = {"CAR_T_DRUG": format_minor(price.amount_minor)} if price else {}
    lines = [{"id": category.lower(), "category": category, "gross": gross.get(category)} for category in USUAL_CATEGORIES]
    return {"bill_lines": lines, "currency": price.currency if price else "HKD"}


QUOTE_ISSUED = EventRow(QuoteIssued, rendering.quoted, told_in("CLAIM"))

#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        IssueQuote, issue_quote, roles(Role.COORDINATOR),
        (QUOTE_ISSUED,),
        page="funding",
        correction=OF_MONEY,
        step="quote",
        purpose="finance",
        place=10,
        prefill=usual_bill,
        choices={"plan": "benefit_plan"},
    ),
)
