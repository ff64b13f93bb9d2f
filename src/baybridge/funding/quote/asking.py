"""What of a quote cannot be, and what is unusual but possible and asked about once.

Main job: `impossible(situation, given)`, days that no quote can have; `doubts(situation, given, product)`, a charge of nothing, a price far from the list price, a
rate of exchange far from what is known, days long past or far ahead.

**Source**: conventions of this project, each beside its number: none is a limit of a price, a plan or a law. **Units**: rates as units of the other currency for one
unit of the bill's. Elsewhere: the command in `quoting.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from baybridge.base.ids import ProductId
from baybridge.base.money import format_minor, parse_minor
from baybridge.base.outcome import Reason
from baybridge.funding.plans.plans import Exchange
from baybridge.funding.plans.terms import DRUG
from baybridge.funding.quote.reading import is_exchange_rate
from baybridge.journey.command import Situation
from baybridge.language.regions import regions_of

if TYPE_CHECKING:
    from baybridge.funding.quote.quoting import IssueQuote

CONVENTION = "convention of this project"

_MOST_DAYS_A_YEAR = 366
#: No quote is about charges further away than this: the oldest CAR-T product was approved in 2017, and plans are written for a year. Convention of this project.
_MOST_YEARS_AWAY = 10
#: Charges, and rates, of more than a year away are asked about. Convention of this project.
_USUAL_DAYS = _MOST_DAYS_A_YEAR
#: Above this many times the list price, and below that part of it, a price is asked about. Convention of this project.
_PRICE_FACTOR = 2
#: A rate that differs from the last one of the case by more than this is asked about: an inverted rate does too. Convention of this project.
_RATE_MOVE = Fraction(1, 10)
#: Where no earlier rate is known, one between two currencies of the regions is asked about beyond this factor of one for one: the pataca is fixed near the Hong Kong
#: dollar, and the yuan is worth about as much. Convention of this project, no rate.
_RATE_FACTOR = 2


def currencies(situation: Situation) -> Collection[str]:
    """Currencies of a bill: those of the regions and of the plans in force."""
    return _of_regions(situation) | {str(plan["currency"]) for plan in situation.documents.plans.values() if plan.get("currency")}


def impossible(situation: Situation, given: IssueQuote) -> Iterator[Reason]:
    """The charges are of a day before the patient was born, or of one that no plan and price speaks of."""
    age, away = situation.facts.get("age"), abs(given.event_date - situation.today)
    values = {"day": given.event_date.isoformat()}
    if isinstance(age, int) and given.event_date < situation.today - timedelta(days=_MOST_DAYS_A_YEAR * (age + 1)):
        yield Reason("funding.quote.before_birth", values, where="event_date")
    elif away > timedelta(days=_MOST_DAYS_A_YEAR * _MOST_YEARS_AWAY):
        yield Reason("funding.quote.day_impossible", {**values, "years": _MOST_YEARS_AWAY}, source=CONVENTION, where="event_date")


def doubts(situation: Situation, given: IssueQuote, product: str | None) -> Iterator[Reason]:
    """Everything of a quote that is possible and looks like a slip."""
    if abs(given.event_date - situation.today) > timedelta(days=_USUAL_DAYS):
        yield _asked("day_unusual", day=given.event_date.isoformat())
    zero = [line.category for line in given.bill_lines if _minor(line.gross) == 0]
    if zero:
        yield _asked("charge_zero", categories=", ".join(dict.fromkeys(zero)))
    yield from _price(situation, given, product)
    for exchange in given.exchange:
        if is_exchange_rate(exchange.per_bill_unit) and given.currency in currencies(situation):
            yield from _rate(situation, given, exchange)


def _asked(code: str, **values: str) -> Reason:
    return Reason(f"funding.quote.{code}", dict(values), source=CONVENTION, where="unusual")


def _minor(amount: str) -> int | None:
    """Minor units; None for what is no amount, which the reader of the case refuses."""
    try:
        return parse_minor(amount)
    except ValueError:
        return None


def _price(situation: Situation, given: IssueQuote, product: str | None) -> Iterator[Reason]:
    """The product's price is far from the list price of the region, where one is published in the bill's currency."""
    document = situation.documents.products.get(ProductId(product)) if product else None
    region = given.region or situation.site.jurisdiction
    listed = next((one for one in document.list_price if (one.jurisdiction, one.currency) == (region, given.currency)), None) if document else None
    for line in given.bill_lines:
        found = _minor(line.gross)
        if listed is None or line.category != DRUG or not found:
            continue
        if not listed.amount_minor <= found * _PRICE_FACTOR <= listed.amount_minor * _PRICE_FACTOR**2:
            yield _asked("price_unusual", amount=format_minor(found), listed=format_minor(listed.amount_minor), currency=given.currency)


def _rate(situation: Situation, given: IssueQuote, exchange: Exchange) -> Iterator[Reason]:
    """A rate of long ago, or far from the last one of this case, or from what the currencies of the regions are worth."""
    said = {"bill": given.currency, "currency": exchange.currency, "rate": exchange.per_bill_unit}
    if exchange.on < situation.today - timedelta(days=_USUAL_DAYS):
        yield _asked("rate_old", day=exchange.on.isoformat(), **said)
    rate, last = Fraction(exchange.per_bill_unit), _last_rate(situation, given.currency, exchange.currency)
    if last is not None:
        if abs(rate - Fraction(last)) > Fraction(last) * _RATE_MOVE:
            yield _asked("rate_moved", last=last, **said)
    elif not _of_regions(situation) >= {given.currency, exchange.currency}:
        yield _asked("rate_unknown", **said)
    elif not Fraction(1, _RATE_FACTOR) <= rate <= _RATE_FACTOR:
        yield _asked("rate_unusual", **said)


def _last_rate(situation: Situation, bill: str, currency: str) -> str | None:
    """The rate of the quote that stands, where its bill has the same currency."""
    quote = situation.quote
    if quote is None or quote["inputs"].get("currency") != bill:
        return None
    return next((one["per_bill_unit"] for one in quote.get("exchange", ()) if one["currency"] == currency), None)


def _of_regions(situation: Situation) -> set[str]:
    return {region.currency for region in regions_of(situation.documents.folder).values()}
