"""Applying to a fund: what hinders it is told with every reason; otherwise a quote with the fund, the application and the request follow."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest

from baybridge.base.money import parse_minor
from baybridge.base.outcome import Category, Refusal
from baybridge.funding.plans.applying import ApplyForAssistance, apply_for_assistance
from baybridge.funding.plans.plans import ChosenPlan, Exchange, Household
from baybridge.funding.quote.quoting import IssueQuote, QuotedLine, issue_quote
from baybridge.journey.events import AssistanceApplied, Event, PreauthorisationRequested, QuoteIssued
from baybridge.journey.judged import Judged
from funding_material import documents
from funding_situations import situated

DAY = date(2026, 3, 1)
CCF = "hk-ccf-ultra-expensive"
HOUSEHOLD = Household(annual_gross_income="434400.00", net_assets="0.00", asset_allowance="0.00", allowable_deductions="180000.00")
CHARITY: dict[str, Any] = {
    "id": "charity", "version": "1", "shape": "benefit", "kind_of_payer": "charity", "payer": "a-charity", "jurisdiction": ["HK"], "currency": "HKD",
    "order": 60, "status": "verified", "verified_by": "two", "verified_on": DAY, "confidence": "high", "source": "s", "title": {"en": "Charity"},
    "listed_products": ["axicabtagene-ciloleucel"], "benefit": {"kind": "FIXED_GRANT", "covers": ["CAR_T_DRUG"], "amount": "50000.00"},
    "apply": {"documents": ["diagnosis", "income statement"], "quota": {"places": 10, "used": 3, "as_of": date(2026, 1, 31)}},
}  # fmt: skip
PAPERS = ("Diagnosis", "income statement ")


def data(**changes: Any) -> dict[str, Any]:
    return {**documents(), "charity": {**copy.deepcopy(CHARITY), **changes}}


def quoted(plans: dict[str, Any]) -> tuple[tuple[Event, ...], dict[str, Any]]:
    line = QuotedLine(id="drug", category="CAR_T_DRUG", gross="1000000.00")
    given = IssueQuote(
        event_date=DAY, currency="HKD", bill_lines=(line,), plans=(ChosenPlan(plan="hk-vhis-standard"),), product="axicabtagene-ciloleucel",
        exchange=(Exchange(currency="CNY", per_bill_unit="0.92", on=DAY, source="HKAB"),),
    )  # fmt: skip
    judged = issue_quote(situated(data=plans), given)
    assert isinstance(judged, Judged), judged
    return judged.events, judged.decisions[0]


def applied(plans: dict[str, Any] | None = None, *events: Event, **given: Any) -> Any:
    plans = data() if plans is None else plans
    before, document = quoted(plans)
    situation = situated(*before, *events, data=plans, quote=document)
    return apply_for_assistance(situation, ApplyForAssistance(**{"fund": "charity", "enclosed": PAPERS} | given))


def codes(answer: Any) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [reason.code.removeprefix("funding.") for reason in answer.reasons]


def test_an_application_computes_a_quote_with_the_fund_last_and_asks_it() -> None:
    judged = applied()
    assert isinstance(judged, Judged), judged
    issued, application, request = judged.events
    assert isinstance(issued, QuoteIssued)
    assert isinstance(application, AssistanceApplied)
    assert isinstance(request, PreauthorisationRequested)
    assert (request.payer, request.plan, request.amount_minor, request.currency) == ("a-charity", "charity", 5_000_000, "HKD")
    assert application.enclosed == ("Diagnosis", "income statement")
    assert application.quote_sha256 == request.quote_sha256 == issued.quote_sha256
    result = judged.decisions[0]["result"]
    assert [layer["layer"] for layer in result["layers"]] == ["hk-vhis-standard", "charity"]
    assert parse_minor(result["patient_share"]) == 100_000_000 - 8_000_000 - 5_000_000


def test_every_paper_that_is_missing_is_named() -> None:
    answer = applied(enclosed=())
    assert codes(answer) == ["assistance.paper_missing", "assistance.paper_missing"]
    assert [reason.values["paper"] for reason in answer.reasons] == ["diagnosis", "income statement"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"apply": {"quota": {"places": 10, "used": 10, "as_of": DAY}}}, ["assistance.quota_used"]),
        ({"listed_products": []}, ["assistance.not_listed"]),
        ({"in_force_to": date(2026, 2, 1)}, ["assistance.not_in_force"]),
        ({"jurisdiction": ["CN"], "in_force_to": date(2026, 2, 1)}, ["assistance.elsewhere", "assistance.not_in_force"]),
        ({"benefit": None}, ["quote.terms_not_established"]),
        ({"currency": "USD"}, ["quote.rate_missing"]),
    ],
)
def test_a_fund_that_cannot_be_asked_says_every_reason(changes: dict[str, Any], expected: list[str]) -> None:
    found = codes(applied(data(**changes)))
    assert [code for code in found if code != "assistance.paper_missing"] == expected


def test_what_is_only_uncertain_does_not_hinder_an_application() -> None:
    assert isinstance(applied(data(status="unverified")), Judged)


def test_a_means_tested_fund_needs_the_household_and_says_what_the_household_contributes() -> None:
    plans = data()
    assert "quote.household_needed" in codes(applied(plans, fund=CCF, enclosed=()))
    judged = applied(plans, fund=CCF, enclosed=(), household=HOUSEHOLD)
    assert isinstance(judged, Judged), judged
    means = judged.decisions[0]["result"]["layers"][1]
    assert (means["adfr"], means["contribution"], means["scale"]["id"]) == ("254400.00", "50880.00", "hk-ccf-scale-2012")
    assert means["notes"] == ["PAY-UNVERIFIED-PLAN"]


def test_a_fund_is_asked_once_and_an_unknown_one_never() -> None:
    request = PreauthorisationRequested(payer="a-charity", plan="charity", quote_sha256="0", amount_minor=1, currency="HKD")
    again = applied(data(), request)
    assert codes(again) == ["assistance.asked_before"]
    assert again.category is Category.CONFLICT
    assert codes(applied(fund="nowhere")) == ["assistance.unknown_fund"]


def test_without_a_quote_there_is_nothing_to_apply_for() -> None:
    assert codes(apply_for_assistance(situated(), ApplyForAssistance(fund="charity"))) == ["quote.none"]
