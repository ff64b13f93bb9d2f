"""A slip in a quote: what cannot be is refused, what is unusual is asked about once, what was not said is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from baybridge.base.outcome import Refusal
from baybridge.funding.plans.plans import ChosenPlan, Exchange
from baybridge.funding.quote.quoting import QuotedLine, issue_quote
from baybridge.journey.command import Situation
from baybridge.journey.judged import Judged
from funding_situations import situated
from unit.funding.test_quote_to_settlement import asked, codes, issued

ON = date(2026, 2, 27)


def here(**more: Any) -> Situation:
    """A hospital in Hong Kong, at which every label holds."""
    return replace(situated(**more), decide=lambda *_: SimpleNamespace(outcome="eligible"))


def rate(per: str, on: date = ON, currency: str = "CNY") -> dict[str, Any]:
    return {"exchange": (Exchange(currency=currency, per_bill_unit=per, on=on, source="bank"),)}


def drug(gross: str) -> dict[str, Any]:
    return {"bill_lines": (QuotedLine(id="drug", category="CAR_T_DRUG", gross=gross),)}


#: The mainland list price of the product is 1,200,000 CNY.
IN_CHINA: dict[str, Any] = {"currency": "CNY", "region": "CN", "plans": (), "agreement": None, "exchange": ()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (drug("0.00"), ["quote.charge_zero"]),
        ({"bill_lines": (*asked().bill_lines, QuotedLine(id="way", category="TRAVEL", gross="0.00"))}, ["quote.charge_zero"]),
        (IN_CHINA | drug("120000.00"), ["quote.price_unusual"]),
        (IN_CHINA | drug("12000000.00"), ["quote.price_unusual"]),
        (rate("92"), ["quote.rate_unusual"]),
        (rate("0.0092"), ["quote.rate_unusual"]),
        (rate("0.92", date(2024, 2, 27)), ["quote.rate_old"]),
        ({"exchange": (*asked().exchange, *rate("0.13", currency="USD")["exchange"])}, ["quote.rate_unknown"]),
        ({"event_date": date(2027, 9, 1)}, ["quote.day_unusual"]),
        ({"event_date": date(2024, 9, 1)}, ["quote.day_unusual"]),
        (drug("0.00") | rate("92"), ["quote.charge_zero", "quote.rate_unusual"]),
    ],
)  # fmt: skip
def test_what_is_unusual_is_asked_about_once(changes: dict[str, Any], expected: list[str]) -> None:
    refusal = issue_quote(here(), asked(**changes))
    assert codes(refusal) == expected
    assert isinstance(refusal, Refusal) and {reason.where for reason in refusal.reasons} == {"unusual"}
    assert isinstance(issue_quote(here(), asked(**changes, unusual=True)), Judged)


@pytest.mark.parametrize("changes", [IN_CHINA | drug("1200000.00"), IN_CHINA | drug("600000.00"), IN_CHINA | drug("2400000.00"), rate("0.5"), rate("2")])
def test_what_lies_within_is_not_asked_about(changes: dict[str, Any]) -> None:
    assert isinstance(issue_quote(here(), asked(**changes)), Judged)


@pytest.mark.parametrize("day", [date(1926, 4, 1), date(2126, 4, 1)])
def test_a_day_that_cannot_be_is_refused_whatever_is_meant(day: date) -> None:
    assert "quote.day_impossible" in codes(issue_quote(here(), asked(event_date=day, unusual=True)))


def test_a_day_before_birth_is_refused_whatever_is_meant() -> None:
    child = msgspec.structs.replace(asked(), event_date=date(2022, 1, 1), unusual=True)
    assert codes(issue_quote(replace(here(), facts={"age": 2}), child)) == ["quote.before_birth"]


def test_a_rate_is_held_against_the_last_one_of_the_case_so_that_an_inverted_one_is_asked_about() -> None:
    _, document = issued()
    assert codes(issue_quote(here(quote=document), asked(**rate("1.087")))) == ["quote.rate_moved"]
    assert isinstance(issue_quote(here(quote=document), asked(**rate("0.95"))), Judged)


def test_each_amount_that_was_not_said_is_named_beside_one_that_was() -> None:
    _, document = issued()
    named = {one["values"]["plan"]: one["values"]["fields"] for one in document["assumptions"] if one["key"] == "funding.assumed.used_not_said"}
    assert "cap_year_used" not in named.get("hk-vhis-standard", ""), "30,000 was said"
    _, blank = issued(plans=(*asked().plans[:1], ChosenPlan(plan="hk-vhis-standard")))
    named = {one["values"]["plan"]: one["values"]["fields"] for one in blank["assumptions"] if one["key"] == "funding.assumed.used_not_said"}
    assert "cap_year_used" in named["hk-vhis-standard"]
