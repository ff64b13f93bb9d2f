"""Applying to a fund for what is left to the patient: checked against the fund's own terms, then asked like any payer.

Main job: the rule `apply_for_assistance` answers a new quote with the fund in it, the application, and the request to the fund; or every reason why the
fund cannot be asked: elsewhere, not listed, ended, places used up, papers or household missing, terms that nobody established.

The fund's decision is `AnswerPreauthorisation` (with reasons, appeal), its payment `PayBenefit`: one benefit is decided and paid by one way.
**Source**: policy reference D5, D6 (a fund pays last). **Units**: amounts as text with two places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from baybridge.base import decoding
from baybridge.base.money import parse_minor
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.quote import QuoteDocument, is_quote
from baybridge.funding import rendering
from baybridge.funding.claims.preauthorisation import PREAUTHORISATION_REQUESTED, request_preauthorisation_blocked
from baybridge.funding.plans.assistance import OPEN_WITH, Fund, Seeking, asked_of, assistance_left
from baybridge.funding.plans.plans import ChosenPlan, Household
from baybridge.funding.quote.quotes import kept_quote
from baybridge.funding.quote.quoting import QUOTE_ISSUED, IssueQuote, issue_quote
from baybridge.journey.command import Role, Situation
from baybridge.journey.events import AssistanceApplied, PreauthorisationRequested, QuoteIssued
from baybridge.journey.judged import Judged
from baybridge.journey.row import OF_MONEY, CommandRow, EventRow, reads, roles


class ApplyForAssistance(Struct, frozen=True, kw_only=True):
    """Apply to a charity, a hospital's fund or a public fund for what is left to the patient."""

    fund: Annotated[str, Meta(description="id of a fund's document")]
    enclosed: Annotated[tuple[str, ...], Meta(description="papers that go with the application, as the fund names them")] = ()
    household: Household | None = None
    quote: Annotated[dict[str, Any] | None, Meta(description="the quote document, where this node does not keep it")] = None


def seeking_of(situation: Situation, quote: QuoteDocument, household: Household | None = None) -> Seeking:
    """Who seeks, from the case and its quote."""
    asked = decoding.convert(quote.get("asked") or {"event_date": situation.today, "currency": "CNY", "bill_lines": []}, IssueQuote)
    known = household or next((plan.household for plan in asked.plans if plan.household is not None), None)
    places = {situation.case.residence, situation.site.jurisdiction, quote.get("region")}
    return Seeking(
        inputs=quote["inputs"],
        places=frozenset(str(place) for place in places if place),
        product=quote.get("product"),
        on=situation.today,
        asked=asked_of(situation.case, quote),
        household=known,
        exchange=asked.exchange,
        grants=tuple(situation.record.grants),
    )


def apply_for_assistance(situation: Situation, given: ApplyForAssistance) -> Judged | Refusal:
    """The application with a quote that holds the fund, and the request to it; every reason where it cannot be made."""
    blocked = tuple(request_preauthorisation_blocked(situation))
    if blocked:
        return refuse(*blocked)
    quote = kept_quote(situation, given.quote)
    if isinstance(quote, Refusal):
        return quote
    if "asked" not in quote:
        return refuse(Reason("funding.assistance.old_quote"))
    funds = assistance_left(seeking_of(situation, quote, given.household), situation.documents.plans)
    fund = next((one for one in funds if one.fund_id == given.fund), None)
    if fund is None:
        return refuse(Reason("funding.assistance.unknown_fund", {"fund": given.fund}, where="fund"), category=Category.NOT_FOUND)
    if fund.state == "asked":
        return refuse(Reason("funding.assistance.asked_before", {"fund": given.fund}, where="fund"), category=Category.CONFLICT)
    against = tuple(_against(fund, given))
    return refuse(*against) if against else _applied(situation, given, quote)


def _against(fund: Fund, given: ApplyForAssistance) -> Iterator[Reason]:
    """Every reason why this fund cannot be asked now; what leaves it uncertain without hindering the application is none."""
    for reason in fund.reasons:
        if fund.state == "closed" or reason.code not in OPEN_WITH:
            yield Reason(reason.code, reason.values, reason.source, "household" if "household" in reason.code else "fund")
    enclosed = {paper.strip().casefold() for paper in given.enclosed}
    for paper in fund.needs:
        if paper.casefold() not in enclosed:
            yield Reason("funding.assistance.paper_missing", {"fund": fund.fund_id, "paper": paper}, where="enclosed")


def _applied(situation: Situation, given: ApplyForAssistance, quote: QuoteDocument) -> Judged | Refusal:
    before = decoding.convert(quote["asked"], IssueQuote)
    means = situation.documents.plans[given.fund].get("means_test")
    known = seeking_of(situation, quote, given.household).household
    chosen = ChosenPlan(plan=given.fund, household=known if means else None)
    asked = msgspec.structs.replace(before, plans=(*before.plans, chosen), product=before.product or quote.get("product"), unusual=True)
    judged = issue_quote(situation, asked)
    if isinstance(judged, Refusal):
        return judged
    issued = judged.events[0]
    assert isinstance(issued, QuoteIssued)  # noqa: S101 - what issue_quote answers
    document = judged.decisions[0]
    assert is_quote(document)  # noqa: S101 - what issue_quote answers
    payer = next(str(plan["payer"]) for plan in document["plans"] if plan["id"] == given.fund)
    amount = next(parse_minor(layer["benefit"]) for layer in document["result"]["layers"] if layer["layer"] == given.fund)
    enclosed = tuple(paper.strip() for paper in given.enclosed if paper.strip())
    applied = AssistanceApplied(fund=given.fund, payer=payer, enclosed=enclosed, quote_sha256=issued.quote_sha256)
    requested = PreauthorisationRequested(
        payer=payer, plan=given.fund, quote_sha256=issued.quote_sha256, amount_minor=amount, currency=issued.currency
    )
    return Judged((*judged.events, applied, requested), judged.decisions)


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        ApplyForAssistance, apply_for_assistance, roles(Role.COORDINATOR),
        (EventRow(AssistanceApplied, rendering.applied), PREAUTHORISATION_REQUESTED, QUOTE_ISSUED),
        page="funding",
        correction=OF_MONEY,
        step="preauthorisation",
        purpose="finance",
        needs=reads("grants", "quote"),
        blocked=request_preauthorisation_blocked,
        button=None,
    ),
)
