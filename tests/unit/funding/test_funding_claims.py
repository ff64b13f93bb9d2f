"""Claims: sent once, decided by the terms with what was used before, appealed, paid in parts, reconciled."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.money import format_minor
from baybridge.base.outcome import Category, Refusal
from baybridge.base.time import CHINA
from baybridge.funding.claims.claiming import (
    AdjudicateClaim,
    AppealClaim,
    PayClaim,
    SubmitClaim,
    adjudicate_claim,
    appeal_claim,
    pay_claim,
    submit_claim,
)
from baybridge.funding.claims.reconciliation import reconciliation_of
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.quoting import NO_SCALE, QuotedLine
from baybridge.funding.quote.report import as_json, fund
from baybridge.journey.events import BenefitPaid, Event, QuoteIssued
from baybridge.journey.judged import Judged
from funding_material import a_case, layer
from funding_situations import situated

DAY = date(2026, 3, 10)
LATER = datetime(2027, 12, 1, 9, 0, tzinfo=CHINA)
LAYERS = [
    layer("basic", order=10, covers=["STAY"], rate="0.80", deductible="100.00", deductible_group="city", cap_year="1000.00"),
    layer("second", order=20, covers=["STAY"], rate="0.50", deductible="100.00", deductible_group="city"),
    layer("plan", order=40, covers=["STAY", "CAR_T_DRUG"], rate="1.00", cap_lifetime="500.00"),
]


def quoted(*layers: dict[str, Any]) -> tuple[QuoteIssued, dict[str, Any]]:
    inputs = a_case(lines=[{"id": "s", "category": "STAY", "gross": "1.00"}]) | {"layers": list(layers or LAYERS)}
    read = read_cases(inputs, NO_SCALE)
    assert not isinstance(read, Refusal)
    funded = fund(read[0])
    assert not isinstance(funded, Refusal)
    plans = [{"id": item["id"], "payer": f"payer-{item['id']}"} for item in inputs["layers"]]
    document = {"document": "funding-quote", "inputs": inputs, "result": as_json(funded), "plans": plans, "agreement": None}
    sha256 = sha256_hex(canonical_bytes(document))
    amounts = {"gross_minor": 100, "patient_minor": 0, "entitled_minor": 0}
    return QuoteIssued(quote_sha256=sha256, currency="CNY", valid_until=date(2026, 4, 1), agreement=None, **amounts), document


class Road:
    """A case on which claims are made one after the other."""

    def __init__(self, *layers: dict[str, Any]) -> None:
        issued, self.quote = quoted(*layers)
        self.events: list[Event] = [issued]

    def situation(self) -> Any:
        return situated(*self.events, now=LATER, quote=self.quote)

    def do(self, rule: Any, given: Any) -> Any:
        answer = rule(self.situation(), given)
        if not isinstance(answer, Refusal):
            self.events += answer.events if isinstance(answer, Judged) else answer
        return answer

    def claim(self, claim_id: str, plan: str, bill: str, gross: str, on: date = DAY, line: str = "s") -> Any:
        lines = (QuotedLine(id=line, category="STAY", gross=gross),)
        return self.do(submit_claim, SubmitClaim(claim_id=claim_id, plan=plan, bill=bill, service_on=on, lines=lines, unusual=True))

    def asked(self, bill: str, gross: str, on: date = DAY) -> list[str]:
        """The questions that a claim raises, none where it is taken."""
        lines = (QuotedLine(id="s", category="STAY", gross=gross),)
        answer = self.do(submit_claim, SubmitClaim(claim_id=f"c-{bill}", plan="plan", bill=bill, service_on=on, lines=lines))
        return codes(answer) if isinstance(answer, Refusal) else []

    def decided(self, claim_id: str, **given: Any) -> int:
        answer = self.do(adjudicate_claim, AdjudicateClaim(claim_id=claim_id, **given))
        assert isinstance(answer, Judged), answer
        minor: int = answer.events[0].benefit_minor  # type: ignore[attr-defined]
        return minor


def codes(answer: Any) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [reason.code.removeprefix("funding.claim.") for reason in answer.reasons]


def test_a_deductible_that_plans_share_is_used_once_over_claims_and_bills() -> None:
    road = Road()
    road.claim("c1", "basic", "bill-1", "60.00")
    assert road.decided("c1") == 0  # 60.00 of the shared 100.00
    road.claim("c2", "second", "bill-2", "90.00")
    assert road.decided("c2") == 2_500  # an earlier payer would use up the last 40.00 and pay 40.00; half of the rest
    road.claim("c3", "basic", "bill-3", "100.00")
    assert road.decided("c3") == 4_800  # nobody claimed from it for bill-2, so 40.00 of the deductible are still open
    road.claim("c4", "second", "bill-4", "100.00")
    assert road.decided("c4") == 1_000  # the earlier payer, with no deductible left, would pay 80.00; half of the rest


def test_a_year_begins_anew_and_a_lifetime_does_not() -> None:
    road = Road()
    for n, (on, gross) in enumerate([(DAY, "2000.00"), (date(2026, 12, 31), "500.00"), (date(2027, 1, 1), "500.00")]):
        road.claim(f"b{n}", "basic", f"bill-{n}", gross, on)
        road.claim(f"p{n}", "plan", f"bill-{n}", gross, on)
    assert [road.decided(f"b{n}") for n in range(3)] == [100_000, 0, 32_000]  # the cap of the year, nothing left, a new deductible
    assert [road.decided(f"p{n}") for n in range(3)] == [50_000, 0, 0]


def test_opening_amounts_of_the_quote_count_in_its_year_only() -> None:
    used = {"cap_year": "100.00", "cap_year_used": "90.00", "deductible": "5.00", "deductible_used": "5.00"}
    road = Road(layer("basic", order=10, covers=["STAY"], rate="1.00", **used))
    road.claim("a", "basic", "x", "50.00")
    road.claim("b", "basic", "y", "50.00", date(2027, 1, 2))
    assert [road.decided("a"), road.decided("b")] == [1_000, 4_500]


def test_a_plan_whose_terms_change_in_mid_year_keeps_what_was_used() -> None:
    road = Road(layer("plan", covers=["STAY"], rate="1.00", cap_year="100.00"))
    road.claim("a", "plan", "x", "80.00")
    assert road.decided("a") == 8_000
    issued, road.quote = quoted(layer("plan", covers=["STAY"], rate="0.50", cap_year="110.00"))
    road.events.append(issued)
    road.claim("b", "plan", "y", "100.00")
    assert road.decided("b") == 3_000  # the new rate gives 50.00, of the new cap 30.00 are left


def test_earlier_payers_of_a_bill_count_as_they_decided() -> None:
    road = Road(layer("first", order=1, covers=["STAY"], rate="0.90"), layer("next", order=2, covers=["STAY"], rate="1.00"))
    road.claim("f", "first", "x", "100.00")
    road.claim("n", "next", "x", "100.00")
    assert road.decided("f", amount="0.00", reason="not this hospital") == 0
    assert road.decided("n") == 10_000


def test_a_claim_sent_twice_pays_once_under_whatever_id() -> None:
    road = Road()
    assert not isinstance(road.claim("c", "plan", "x", "10.00"), Refusal)
    assert codes(road.claim("c", "plan", "x", "10.00")) == ["sent_before"]
    assert codes(road.claim("c", "plan", "x", "11.00")) == ["id_used"]
    assert codes(road.claim("d", "plan", "x", "10.00")) == ["charged_before"]
    assert road.claim("e", "plan", "x", "10.00", line="another")[0].claim_id == "e"
    road.decided("c")
    assert codes(road.do(adjudicate_claim, AdjudicateClaim(claim_id="c"))) == ["adjudicated_before"]
    assert not isinstance(road.do(pay_claim, PayClaim(claim_id="c", payment_id="p1")), Refusal)
    again = road.do(pay_claim, PayClaim(claim_id="c", payment_id="p1"))
    assert (codes(again), again.category) == (["paid_before"], Category.CONFLICT)
    assert codes(road.do(pay_claim, PayClaim(claim_id="c", payment_id="p2"))) == ["not_open"]


def test_partial_payments_sum_to_what_was_decided_and_an_appeal_decides_again() -> None:
    road = Road(layer("plan", covers=["STAY"], rate="0.50"))
    road.claim("c", "plan", "x", "100.00")
    assert road.decided("c", amount="20.00", reason="documents missing") == 2_000
    assert not isinstance(road.do(pay_claim, PayClaim(claim_id="c", payment_id="p1", amount="15.00")), Refusal)
    assert state(road) == [("c", "partly_paid", 500)]
    assert not isinstance(road.do(appeal_claim, AppealClaim(claim_id="c", grounds="documents attached")), Refusal)
    assert codes(road.do(appeal_claim, AppealClaim(claim_id="c", grounds="again"))) == ["appealed_before"]
    assert codes(road.do(pay_claim, PayClaim(claim_id="c", payment_id="p2"))) == ["under_appeal"]
    assert road.decided("c") == 5_000
    paid = road.do(pay_claim, PayClaim(claim_id="c", payment_id="p2"))
    assert paid == (BenefitPaid(claim_id="p2", payer="payer-plan", amount_minor=3_500, currency="CNY", for_claim="c"),)
    assert state(road) == [("c", "paid", 0)]


def test_an_appeal_that_lowers_what_was_paid_shows_what_is_owed_back() -> None:
    road = Road(layer("plan", covers=["STAY"], rate="0.50"))
    road.claim("c", "plan", "x", "100.00")
    road.decided("c")
    road.do(pay_claim, PayClaim(claim_id="c", payment_id="p"))
    road.do(appeal_claim, AppealClaim(claim_id="c", grounds="check"))
    road.decided("c", amount="40.00", reason="an item was not given")
    assert state(road) == [("c", "overpaid", -1_000)]


def state(road: Road) -> list[tuple[str, str, int]]:
    return [(one.claim.claim_id, one.state, one.open_minor) for one in reconciliation_of(road.situation().case)]


def test_what_cannot_be_done_says_why() -> None:
    road = Road()
    assert codes(road.do(adjudicate_claim, AdjudicateClaim(claim_id="c"))) == ["unknown"]
    assert codes(road.do(appeal_claim, AppealClaim(claim_id="c", grounds="x"))) == ["unknown"]
    assert codes(road.do(pay_claim, PayClaim(claim_id="c", payment_id="p"))) == ["unknown"]
    road.claim("c", "plan", "x", "10.00")
    assert codes(road.do(pay_claim, PayClaim(claim_id="c", payment_id="p"))) == ["not_adjudicated"]
    assert codes(road.do(appeal_claim, AppealClaim(claim_id="c", grounds="x"))) == ["not_adjudicated"]
    assert codes(road.do(adjudicate_claim, AdjudicateClaim(claim_id="c", amount="10.01"))) == ["above_terms"]
    assert codes(road.do(adjudicate_claim, AdjudicateClaim(claim_id="c", amount="1.00"))) == ["reason_needed"]
    assert codes(road.claim("d", "plan", "x", "-1.00")) == ["amount"]
    assert codes(road.claim("d", "plan", "x", "1.00", date(2028, 1, 1))) == ["of_future"]
    assert codes(road.claim("d", "nowhere", "x", "1.00")) == ["funding.preauthorisation.plan_not_in_quote"]


def test_an_adjudication_can_be_made_again_from_its_document() -> None:
    road = Road()
    road.claim("c", "basic", "x", "250.00")
    answer = road.do(adjudicate_claim, AdjudicateClaim(claim_id="c"))
    document = answer.decisions[0]
    assert answer.events[0].decision_sha256 == sha256_hex(canonical_bytes(document))
    read = read_cases(document["inputs"], NO_SCALE)
    assert not isinstance(read, Refusal)
    again = fund(read[0])
    assert not isinstance(again, Refusal)
    assert as_json(again) == document["result"]


@pytest.mark.parametrize("years", [1, 2])
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_over_any_claims_caps_and_deductibles_hold_and_shares_stay_within_the_charge(years: int, data: st.DataObject) -> None:
    road = Road()
    benefits: dict[tuple[str, int], int] = {}
    for n in range(data.draw(st.integers(1, 5))):
        on = date(2026 + data.draw(st.integers(0, years - 1)), 5, 1)
        gross = data.draw(st.integers(0, 90_000))
        for plan in ("basic", "second", "plan"):
            road.claim(f"{plan}{n}", plan, f"bill{n}", format_minor(gross), on)
            part = data.draw(st.integers(0, 1))
            paid = road.decided(f"{plan}{n}", **({"amount": "0.00", "reason": "x"} if part else {}))
            benefits[plan, on.year] = benefits.get((plan, on.year), 0) + paid
            road.do(pay_claim, PayClaim(claim_id=f"{plan}{n}", payment_id=f"pay-{plan}{n}"))
        of_bill = [one for one in reconciliation_of(road.situation().case) if one.claim.bill == f"bill{n}"]
        assert 0 <= sum(one.paid_minor for one in of_bill) <= gross
        assert all(one.state in ("paid", "refused") for one in of_bill)
    assert all(paid <= 100_000 for (plan, _), paid in benefits.items() if plan == "basic")
    assert sum(paid for (plan, _), paid in benefits.items() if plan == "plan") <= 50_000


def test_what_is_unusual_in_a_claim_is_asked_once() -> None:
    road = Road()
    assert road.asked("b1", "0.80") == []
    assert road.asked("b2", "0.80") == ["same_charges"], "the same charges of the same day under another bill"
    assert road.asked("b3", "1.01") == ["above_quote"], "more than the whole quote"
    assert road.asked("b4", "0.10", date(2016, 3, 10)) == ["before_case"]
