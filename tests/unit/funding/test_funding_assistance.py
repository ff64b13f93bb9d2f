"""Assistance that the patient has not asked for: open, asked, uncertain or closed, with every reason; a fund pays last."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from baybridge.funding.plans.assistance import Fund, Seeking, asked_of, assistance_left
from baybridge.funding.plans.plans import Exchange, Household
from baybridge.journey.events import PreauthorisationRequested
from funding_material import a_case, bill, documents, layer
from funding_situations import situated

DAY = date(2026, 3, 10)
CCF, SAMARITAN = "hk-ccf-ultra-expensive", "hk-samaritan-fund"
HOUSEHOLD = Household(annual_gross_income="434400.00", net_assets="0.00", asset_allowance="0.00", allowable_deductions="180000.00")
INPUTS = {**a_case(layer("vhis", rate="0.50"), lines=[bill("1000000.00")]), "currency": "HKD"}
SEEKING = Seeking(INPUTS, frozenset({"HK"}), "axicabtagene-ciloleucel", DAY, household=HOUSEHOLD)
CHARITY: dict[str, Any] = {
    "id": "charity", "shape": "benefit", "kind_of_payer": "charity", "jurisdiction": ["HK"], "currency": "HKD", "order": 60,
    "status": "verified", "verified_by": "two", "verified_on": DAY, "confidence": "high", "listed_products": ["axicabtagene-ciloleucel"],
    "benefit": {"kind": "FIXED_GRANT", "covers": ["CAR_T_DRUG"], "amount": "50000.00"}, "source": "s",
    "apply": {"documents": ["diagnosis", "income statement"], "quota": {"places": 10, "used": 3, "as_of": date(2026, 1, 31)}},
}  # fmt: skip


def left(seeking: Seeking = SEEKING, **changes: Any) -> dict[str, Fund]:
    changed = copy.deepcopy(CHARITY) | changes
    return {fund.fund_id: fund for fund in assistance_left(seeking, {**documents(), "charity": changed})}


def codes(fund: Fund) -> list[str]:
    return [reason.code.removeprefix("funding.") for reason in fund.reasons]


def test_an_open_fund_says_what_it_needs_and_what_it_could_pay_of_what_is_left() -> None:
    fund = left()["charity"]
    assert (fund.state, fund.could_pay_minor, fund.needs, fund.reasons) == ("open", 5_000_000, ("diagnosis", "income statement"), ())


def test_a_fund_pays_last_and_never_above_what_is_left() -> None:
    inputs = {**INPUTS, "layers": [layer("first", rate="0.99", order=99)]}
    assert left(replace(SEEKING, inputs=inputs))["charity"].could_pay_minor == 1_000_000
    nothing = left(replace(SEEKING, inputs={**INPUTS, "layers": [layer("all", rate="1.00", order=1)]}))["charity"]
    assert (nothing.state, codes(nothing)) == ("closed", ["assistance.nothing_to_pay"])


def test_what_nobody_established_is_uncertain_never_a_no() -> None:
    found = left()
    assert (found[SAMARITAN].state, codes(found[SAMARITAN])) == (
        "uncertain", ["quote.terms_not_established", "assistance.list_not_established", "assistance.unverified"],
    )  # fmt: skip
    ccf = found[CCF]
    assert (ccf.state, codes(ccf), ccf.status) == ("uncertain", ["assistance.list_not_established", "assistance.unverified"], "unverified")
    assert ccf.could_pay_minor == 50_000_000 - 5_088_000  # 20 % of 254,400 is the household's part
    assert "quote.household_needed" in codes(left(replace(SEEKING, household=None))[CCF])


CLOSED = [
    ({"jurisdiction": ["MO"]}, "assistance.elsewhere"),
    ({"listed_products": []}, "assistance.not_listed"),
    ({"in_force_to": date(2026, 3, 9)}, "assistance.not_in_force"),
    ({"status": "expired"}, "assistance.not_in_force"),
    ({"apply": {"quota": {"places": 3, "used": 3, "as_of": date(2026, 1, 31)}}}, "assistance.quota_used"),
]


@pytest.mark.parametrize(("changes", "code"), CLOSED)
def test_a_closed_fund_says_why(changes: dict[str, Any], code: str) -> None:
    fund = left(**changes)["charity"]
    assert (fund.state, codes(fund)) == ("closed", [code])


def test_every_reason_is_told() -> None:
    assert codes(left(jurisdiction=["MO"], listed_products=[])["charity"]) == ["assistance.elsewhere", "assistance.not_listed"]


def test_a_quota_of_another_year_is_not_a_no() -> None:
    fund = left(apply={"quota": {"places": 3, "used": 3, "as_of": date(2025, 12, 31)}})["charity"]
    assert (fund.state, codes(fund), fund.could_pay_minor) == ("uncertain", ["assistance.quota_old"], 5_000_000)


def test_another_currency_needs_a_dated_rate() -> None:
    assert codes(left(currency="CNY")["charity"]) == ["quote.rate_missing"]
    rate = Exchange(currency="CNY", per_bill_unit="0.92", on=DAY, source="HKAB")
    assert left(replace(SEEKING, exchange=(rate,)), currency="CNY")["charity"].could_pay_minor == 5_434_783


def test_a_fund_that_was_asked_is_not_proposed_again() -> None:
    asked = PreauthorisationRequested(payer="p", plan="charity", quote_sha256="x", amount_minor=1, currency="HKD")
    names = asked_of(situated(asked).case, {"plans": [{"id": CCF}]})
    found = left(replace(SEEKING, asked=names))
    assert {name: fund.state for name, fund in found.items()} == {"charity": "asked", CCF: "asked", SAMARITAN: "uncertain"}


def test_templates_and_insurers_are_no_funds() -> None:
    assert set(left()) == {"charity", CCF, SAMARITAN}
