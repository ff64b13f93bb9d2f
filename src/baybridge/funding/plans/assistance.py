"""Assistance that the patient has not asked for yet: charities, hospital funds, public funds of last resort.

Main job: `assistance_left(seeking, documents)` answers every fund with whether it is open, asked, not certain or closed, every reason,
what an application needs, and what it could pay of what is left to the patient.

A fund is a plan document whose `kind_of_payer` is one of `KINDS`, with `apply`: `documents`, `household`, `decision_days`, `quota`
(`quota.py`). An application is a pre-authorisation of the fund as part of a quote, its decision the answer to it.
**Source**: policy reference D5, D6 (a fund pays last). **Units**: minor units of the bill's currency.
What nobody established is not certain, never a no.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

from baybridge.base.money import format_minor
from baybridge.base.outcome import Reason, Refusal
from baybridge.documents.plan import BENEFIT, MEANS_TEST, NO_PLAN, PlanDocument, Plans
from baybridge.documents.quote import QuotedInputs, QuoteDocument
from baybridge.funding.plans.plans import TEMPLATES, ChosenPlan, Exchange, Household, layer_from, status_of, terms_of
from baybridge.funding.plans.quota import Standing, quota_of, standing_of
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.quoting import NO_SCALE
from baybridge.funding.quote.stack import pay_stack
from baybridge.journey.case import Case
from baybridge.journey.events import ClaimSubmitted
from baybridge.journey.granted import Grant

KINDS = frozenset({"assistance", "charity", "hospital_fund"})

#: A fund pays after everybody else. Source: policy reference D6, order used.
LAST = 10_000

State = Literal["open", "asked", "uncertain", "closed"]


@dataclass(frozen=True, slots=True)
class Seeking:
    """Who seeks: the quote's inputs (or any funding case), where the patient lives and is treated, and what is known of the household."""

    inputs: QuotedInputs
    places: frozenset[str]
    product: str | None
    on: date
    asked: frozenset[str] = frozenset()
    household: Household | None = None
    exchange: tuple[Exchange, ...] = ()
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Fund:
    """One fund: its state with every reason, what an application needs, and what it could pay (None where that is not known)."""

    fund_id: str
    state: State
    reasons: tuple[Reason, ...]
    needs: tuple[str, ...]
    could_pay_minor: int | None
    status: str


def asked_of(case: Case, quote: QuoteDocument | None) -> frozenset[str]:
    """Funds that stand in the quote, were asked to confirm, or had a claim."""
    quoted = {str(plan["id"]) for plan in (quote["plans"] if quote else ())}
    requested = {one.requested.event.plan for one in case.preauthorisations}
    return frozenset(quoted | requested | {entry.event.plan for entry in case.of(ClaimSubmitted)})


def assistance_left(seeking: Seeking, documents: Plans) -> tuple[Fund, ...]:
    """Every fund, open ones first, by what they could pay."""
    found = [
        _fund(seeking, name, document, documents)
        for name, document in documents.items()
        if document.get("shape") == BENEFIT and document.get("kind_of_payer") in KINDS and not name.startswith(TEMPLATES)
    ]
    order = ("open", "uncertain", "asked", "closed")
    return tuple(sorted(found, key=lambda fund: (order.index(fund.state), -(fund.could_pay_minor or 0), fund.fund_id)))


def _fund(seeking: Seeking, name: str, document: PlanDocument, documents: Plans) -> Fund:
    status, needs = status_of(document), tuple(str(item) for item in (document.get("apply") or {}).get("documents") or ())
    if name in seeking.asked:
        return Fund(name, "asked", (), needs, None, status)
    closed = tuple(_against(seeking, name, document))
    if closed:
        return Fund(name, "closed", closed, needs, None, status)
    unknown = tuple(_unknown(seeking, name, document, documents))
    could = None if any(reason.code not in OPEN_WITH for reason in unknown) else _could_pay(seeking, name, document, documents)
    if isinstance(could, Refusal):
        return Fund(name, "uncertain", (*unknown, *could.reasons), needs, None, status)
    could = _within(seeking, name, document, could)
    if could == 0:
        nothing_left = Reason("funding.assistance.nothing_to_pay", {"fund": name})
        return Fund(name, "closed", (nothing_left,), needs, 0, status)
    return Fund(name, "uncertain" if unknown else "open", unknown, needs, could, status)


# --- what is certain and against ------------------------------------------------------------------------------------


def _against(seeking: Seeking, name: str, document: PlanDocument) -> Iterator[Reason]:
    source = str(document.get("source", ""))
    places = document.get("jurisdiction") or []
    if places and not seeking.places & set(places):
        yield Reason("funding.assistance.elsewhere", {"fund": name, "places": ", ".join(places)}, source)
    listed = document.get("listed_products")
    if listed is not None and seeking.product is not None and seeking.product not in listed:
        yield Reason("funding.assistance.not_listed", {"fund": name, "product": seeking.product}, source)
    start, end = document.get("in_force_from"), document.get("in_force_to")
    outside = (isinstance(start, date) and seeking.on < start) or (isinstance(end, date) and seeking.on > end)
    if outside or document.get("status") == "expired":
        yield Reason("funding.assistance.not_in_force", {"fund": name, "day": seeking.on.isoformat()}, source)
    standing = standing_of(document, name, seeking.grants, seeking.on)
    if standing is not None and standing.used_up and not standing.quota.holds:
        yield _used_up(name, standing, source, str(document.get("currency")))


def _used_up(name: str, standing: Standing, source: str, currency: str) -> Reason:
    """What the fund published as used and what was granted here since, of places where these are used up, else of money."""
    quota, end = standing.quota, "held" if standing.quota.holds else "used"
    known: dict[str, str | int] = {"fund": name, "day": quota.as_of.isoformat()}
    if standing.places_left == 0:
        return Reason(f"funding.assistance.quota_{end}", {**known, "places": quota.places or 0, "used": quota.used, "here": standing.here}, source)
    money = {"amount": format_minor(quota.amount_minor or 0), "used": format_minor(quota.amount_used_minor), "here": format_minor(standing.here_minor)}
    return Reason(f"funding.assistance.money_{end}", {**known, **money, "currency": currency}, source)


# --- what is not known ----------------------------------------------------------------------------------------------

#: What leaves a fund uncertain although what it could pay can be said.
OPEN_WITH = frozenset(
    f"funding.assistance.{name}" for name in ("list_not_established", "unverified", "quota_old", "quota_held", "money_held", "money_part", "money_not_counted")
)


def _unknown(seeking: Seeking, name: str, document: PlanDocument, documents: Plans) -> Iterator[Reason]:
    source = str(document.get("source", ""))
    if terms_of(document) is None:
        yield Reason("funding.quote.terms_not_established", {"plan": name}, source)
    if document.get("listed_products") is None or seeking.product is None:
        yield Reason("funding.assistance.list_not_established", {"fund": name, "product": seeking.product or "-"}, source)
    if status_of(document) != "verified":
        yield Reason("funding.assistance.unverified", {"fund": name}, source)
    terms = document.get("means_test")
    if terms and seeking.household is None:
        yield Reason("funding.quote.household_needed", {"plan": name}, source)
    if isinstance(terms, Mapping) and documents.get(str(terms.get("scale")), NO_PLAN).get("shape") != MEANS_TEST:
        yield Reason("funding.quote.scale_missing", {"plan": name, "scale": str(terms.get("scale"))}, source)
    quota = quota_of(document)
    if quota is not None and quota.as_of.year != seeking.on.year:
        yield Reason("funding.assistance.quota_old", {"fund": name, "day": quota.as_of.isoformat()}, source)
    yield from _short(seeking, name, document, source)
    currency = str(document.get("currency"))
    if currency != seeking.inputs.get("currency") and _exchange(seeking, currency) is None:
        yield Reason("funding.quote.rate_missing", {"currency": currency, "bill": str(seeking.inputs.get("currency"))}, source)


def _short(seeking: Seeking, name: str, document: PlanDocument, source: str) -> Iterator[Reason]:
    """What of a quota of this year makes an application uncertain: it waits, only a part of the money is left, or grants cannot be counted."""
    standing = standing_of(document, name, seeking.grants, seeking.on)
    if standing is None:
        return
    if standing.used_up:
        yield _used_up(name, standing, source, str(document.get("currency")))
    elif standing.amount_left_minor is not None and standing.quota.amount_minor is not None:
        values = {"fund": name, "left": format_minor(standing.amount_left_minor), "currency": str(document.get("currency"))}
        yield Reason("funding.assistance.money_part", {**values, "amount": format_minor(standing.quota.amount_minor)}, source)
    if standing.uncounted and standing.quota.amount_minor is not None:
        yield Reason("funding.assistance.money_not_counted", {"fund": name, "count": standing.uncounted}, source)


def _within(seeking: Seeking, name: str, document: PlanDocument, could: int | None) -> int | None:
    """What a fund could pay, within the money that is left of its year, in the bill's currency; where requests wait, what it could pay in its turn."""
    standing = standing_of(document, name, seeking.grants, seeking.on)
    left = None if standing is None or standing.used_up else standing.amount_left_minor
    if could is None or left is None:
        return could
    exchange = _exchange(seeking, str(document.get("currency")))
    return min(could, left if exchange is None else left // Fraction(exchange.per_bill_unit))


def _exchange(seeking: Seeking, currency: str) -> Exchange | None:
    if currency == seeking.inputs.get("currency"):
        return None
    return next((rate for rate in seeking.exchange if rate.currency == currency), None)


def _could_pay(seeking: Seeking, name: str, document: PlanDocument, documents: Plans) -> int | Refusal:
    """What the fund pays of what everybody else leaves to the patient."""
    chosen = ChosenPlan(plan=name, order=LAST, household=seeking.household if document.get("means_test") else None)
    layer = layer_from(document, chosen, seeking.product, _exchange(seeking, str(document.get("currency"))), documents)
    others = [other for other in seeking.inputs.get("layers", ()) if other.get("id") != name]
    read = read_cases({**seeking.inputs, "layers": [*others, layer]}, NO_SCALE)
    return read if isinstance(read, Refusal) else pay_stack(read[0]).layers[-1].amounts.benefit
