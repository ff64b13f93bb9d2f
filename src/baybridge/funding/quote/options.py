"""What else a quote could be: another product, a plan that could still be joined, another order, the same care elsewhere.

Main job: `compare_quote(situation, given, products, elsewhere)` answers the quote's options from documents, ranked by `comparing.py`.

Another product costs its list price of the quote's currency; nothing else of the bill changes. A city plan that has ended, or whose terms
nobody established, is no option. Care in another region is compared only as a draft quote that somebody made for it.
**Source**: policy reference D1 (list prices, in `data/products`), D6 (order is data). **Units**: minor units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction

import msgspec

from baybridge.base.ids import ProductId
from baybridge.base.money import format_minor, parse_minor, round_half_up
from baybridge.base.outcome import Refusal, refuse
from baybridge.documents.plan import PlanDocument, Plans
from baybridge.documents.product import Product
from baybridge.funding.plans.plans import TEMPLATES, ChosenPlan, is_agreement, terms_of
from baybridge.funding.plans.terms import DRUG
from baybridge.funding.quote.comparing import BASE, Comparison, Option, compare_options
from baybridge.funding.quote.quoting import NO_SCALE, IssueQuote, inputs_of, reasons_against_quote
from baybridge.funding.quote.report import Sentence
from baybridge.journey.command import Situation

Products = Mapping[ProductId, Product]

#: Plans that a person can join by paying a premium.
JOINABLE = frozenset({"city_plan", "commercial"})

Drafted = tuple[str, IssueQuote, tuple[Sentence, ...], int]


def compare_quote(
    situation: Situation, given: IssueQuote, products: Products, elsewhere: Sequence[tuple[str, IssueQuote]] = ()
) -> Comparison | Refusal:
    """Every option of a quote, best first; a refusal where the quote itself cannot be computed."""
    documents = situation.documents.plans
    product = given.product or situation.case.product
    against = tuple(reasons_against_quote(documents, given, product, situation.today))
    if against:
        return refuse(*against)
    options, cannot = [], []
    for name, draft, requires, premium in _drafts(documents, given, product, products, elsewhere, situation.today):
        own_product = draft.product or product
        reasons = tuple(reasons_against_quote(documents, draft, own_product, situation.today))
        if reasons:
            cannot.append((name, reasons))
        else:
            rate = _rate(given, draft.currency)
            options.append(Option(name, inputs_of(documents, draft, own_product), requires, premium, rate))
    compared = compare_options(options, NO_SCALE)
    if isinstance(compared, Refusal):
        return compared
    return Comparison(compared.currency, compared.options, (*compared.cannot, *cannot))


def _rate(given: IssueQuote, currency: str) -> Fraction | None:
    found = next((rate for rate in given.exchange if rate.currency == currency), None)
    return Fraction(found.per_bill_unit) if found is not None else None


def _drafts(
    documents: Plans,
    given: IssueQuote,
    product: str | None,
    products: Products,
    elsewhere: Sequence[tuple[str, IssueQuote]],
    today: date,
) -> Iterator[Drafted]:
    yield BASE, given, (), 0
    yield from _other_orders(documents, given)
    yield from _joined(documents, given, today)
    yield from _other_products(documents, given, product, products)
    for name, draft in elsewhere:
        requires: list[Sentence] = [("funding.compare.requires_region", {"option": name})]
        rate = next((rate for rate in given.exchange if rate.currency == draft.currency), None)
        if rate is not None:
            dated = {"currency": rate.currency, "rate": rate.per_bill_unit, "day": rate.on.isoformat(), "source": rate.source}
            requires.append(("funding.compare.at_rate", dated))
        yield name, draft, tuple(requires), 0


def _other_orders(documents: Plans, given: IssueQuote) -> Iterator[Drafted]:
    for index, chosen in enumerate(given.plans):
        document = documents[chosen.plan]
        stands = document.get("order") if chosen.order is None else chosen.order
        for place in document.get("orders") or ():
            if place != stands:
                moved = msgspec.structs.replace(chosen, order=place)
                plans = (*given.plans[:index], moved, *given.plans[index + 1 :])
                requires: Sentence = ("funding.compare.requires_order", {"plan": chosen.plan, "order": place})
                yield f"{BASE} {chosen.plan}@{place}", msgspec.structs.replace(given, plans=plans), (requires,), 0


def _joined(documents: Plans, given: IssueQuote, today: date) -> Iterator[Drafted]:
    held = {chosen.plan for chosen in given.plans}
    for name, document in documents.items():
        if name in held or not _can_be_joined(name, document, today):
            continue
        premium, terms = document.get("premium"), document.get("benefit")
        amount = premium.get("amount", "0.00") if premium else "0.00"
        until = document.get("join_by")
        values = {"plan": name, "until": until.isoformat() if isinstance(until, date) else "-", "premium": amount}
        requires: Sentence = ("funding.compare.requires_join", {**values, "currency": str(document.get("currency"))})
        chosen = ChosenPlan(plan=name, effective_from=today if terms and terms.get("waiting_days") else None)
        in_bill = _in_bill(given, str(document.get("currency")), amount)
        yield f"{BASE} +{name}", msgspec.structs.replace(given, plans=(*given.plans, chosen)), (requires,), in_bill


def _can_be_joined(name: str, document: PlanDocument, today: date) -> bool:
    if terms_of(document) is None or document.get("kind_of_payer") not in JOINABLE or name.startswith(TEMPLATES):
        return False
    until = document.get("join_by")
    return document.get("status") != "expired" and not (isinstance(until, date) and today > until)


def _in_bill(given: IssueQuote, currency: str, amount: str) -> int:
    """A premium in the currency of the quote; without a rate the option itself says that one is missing."""
    rate = Fraction(1) if currency == given.currency else _rate(given, currency)
    return 0 if rate is None else round_half_up(Fraction(parse_minor(amount) * rate.denominator, rate.numerator))


def _other_products(documents: Plans, given: IssueQuote, product: str | None, products: Products) -> Iterator[Drafted]:
    drug = [line for line in given.bill_lines if line.category == DRUG]
    if len(drug) != 1:
        return
    for name, described in products.items():
        price = next((row for row in described.list_price if row.currency == given.currency), None)
        if price is None or name == product:
            continue
        line = msgspec.structs.replace(drug[0], gross=format_minor(price.amount_minor))
        lines = tuple(line if one is drug[0] else one for one in given.bill_lines)
        requires: tuple[Sentence, ...] = (
            ("funding.compare.requires_product", {"option": name}),
            ("funding.compare.list_price", {"price": line.gross, "currency": given.currency, "source": price.source}),
        )
        agreements = [key for key, one in documents.items() if is_agreement(one) and one.get("product") == name]
        for agreement in agreements or (None,):
            draft = msgspec.structs.replace(given, bill_lines=lines, product=name, agreement=agreement, outcomes=())
            yield f"{name}{f' ({agreement})' if agreement else ''}", draft, requires, 0

