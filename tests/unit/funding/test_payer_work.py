"""What waits for a payer, what it may see and do, and that no benefit is paid by two ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baybridge.base.outcome import Category, Refusal
from baybridge.base.time import CHINA
from baybridge.documents.timing import TimeLimit
from baybridge.funding.claims.claiming import (
    AdjudicateClaim,
    AppealClaim,
    PayClaim,
    adjudicate_claim,
    appeal_claim,
    pay_claim,
)
from baybridge.funding.claims.preauthorisation import (
    AnswerPreauthorisation,
    AppealPreauthorisation,
    PayBenefit,
    answer_preauthorisation,
    appeal_preauthorisation,
    pay_benefit,
)
from baybridge.funding.claims.reconciliation import reconciliation_of
from baybridge.funding.payer.share import agreement_part, parts_of
from baybridge.funding.payer.worklist import Terms, payers_in, used_of, waiting
from baybridge.funding.plans.limits import limit_of
from baybridge.journey.claims import cut, paid_for, paid_in_advance, unsent
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import PreauthorisationRequested, QuoteIssued
from funding_material import documents_with, layer
from funding_situations import situated
from unit.funding.test_funding_claims import Road, codes
from unit.funding.test_quote_to_settlement import DAY_0, infused, read

PLANS = {
    "plan": {"payer": "payer-plan", "jurisdiction": ["CN"], "kind_of_payer": "city_plan"},
    "agreement": {"payer": "programme", "outcome": {"timepoint": "M3"}},
}
LIMITS = (
    TimeLimit(step="claim", jurisdiction=("CN",), payers=("city_plan",), days=30, source="a law", status="unverified", confidence="medium"),
    TimeLimit(step="claim", jurisdiction=(), payers=(), days=60, source="a proposal", proposal=True),
    TimeLimit(step="payment", jurisdiction=(), payers=(), source="not established"),
)
TERMS = Terms(PLANS, LIMITS, CHINA)


def a_road() -> Road:
    """A case in which the payer of `plan` was asked."""
    road = Road(layer("plan", covers=["STAY"], rate="1.00", cap_year="100.00"))
    quote = road.events[0]
    assert isinstance(quote, QuoteIssued)
    road.events.append(PreauthorisationRequested(payer="payer-plan", plan="plan", quote_sha256=quote.quote_sha256, amount_minor=10_000, currency="CNY"))
    return road


def answered(road: Road, answer: str, amount: str, reason: str = "why") -> Any:
    return road.do(answer_preauthorisation, AnswerPreauthorisation(payer="payer-plan", plan="plan", answer=answer, amount=amount, reason=reason))  # type: ignore[arg-type]


def kinds(road: Road, payer: str = "payer-plan") -> list[str]:
    return [item.kind for item in waiting(road.situation().case, payer, TERMS)]


def test_each_step_waits_for_the_payer_until_it_is_done() -> None:
    road = a_road()
    assert kinds(road) == ["preauthorisation"]
    answered(road, "refused", "0.00")
    assert kinds(road) == []
    road.do(appeal_preauthorisation, AppealPreauthorisation(plan="plan", grounds="again"))
    assert kinds(road) == ["preauthorisation_appeal"]
    answered(road, "approved", "100.00")
    road.claim("c", "plan", "bill", "80.00")
    assert kinds(road) == ["claim"]
    road.decided("c", amount="10.00", reason="less")
    assert kinds(road) == ["payment"]
    road.do(pay_claim, PayClaim(claim_id="c", payment_id="p"))
    assert kinds(road) == []
    road.do(appeal_claim, AppealClaim(claim_id="c", grounds="more"))
    (item,) = waiting(road.situation().case, "payer-plan", TERMS)
    assert (item.kind, item.claim_id, item.grounds, item.amount_minor) == ("appeal", "c", "more", 8_000)
    road.decided("c", amount="5.00", reason="even less")
    (item,) = waiting(road.situation().case, "payer-plan", TERMS)
    assert (item.kind, item.amount_minor) == ("overpaid", 500)


def test_nothing_of_it_waits_for_another_payer() -> None:
    road = a_road()
    road.claim("c", "plan", "bill", "80.00")
    assert kinds(road, "another") == []
    assert payers_in(road.situation().case, PLANS) == {"payer-plan"}


def test_the_first_limit_that_fits_holds_and_what_is_not_established_is_none() -> None:
    limit = limit_of(PLANS["plan"], LIMITS, "claim")
    assert limit is not None
    assert (limit.days, limit.verified, limit.proposal) == (30, False, False)
    other = limit_of({"jurisdiction": ["HK"], "kind_of_payer": "commercial"}, LIMITS, "claim")
    assert other is not None and (other.days, other.proposal) == (60, True)
    assert limit_of(PLANS["plan"], LIMITS, "payment") is None
    own = {"time_limits": {"claim": {"days": 7, "source": "terms", "status": "verified", "confidence": "high"}}}
    assert limit_of(own, LIMITS, "claim").verified  # type: ignore[union-attr]
    road = a_road()
    road.claim("c", "plan", "bill", "80.00")
    item = next(one for one in waiting(road.situation().case, "payer-plan", TERMS) if one.kind == "claim")
    assert item.due_on == item.since_on + timedelta(days=30)
    assert item.late(item.since_on + timedelta(days=31)) and not item.late(item.since_on + timedelta(days=30))


def as_payer(road: Road, organisation: str) -> Any:
    return replace(road.situation(), actor=Actor("somebody", Role.PAYER, organisation))


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        (answer_preauthorisation, AnswerPreauthorisation(payer="payer-plan", plan="plan", answer="approved", amount="100.00")),
        (adjudicate_claim, AdjudicateClaim(claim_id="c")),
        (pay_claim, PayClaim(claim_id="c", payment_id="p")),
        (pay_benefit, PayBenefit(claim_id="x", payer="payer-plan", amount="1.00", currency="CNY")),
    ],
)
def test_a_payer_acts_for_itself_alone(rule: Any, asked: Any) -> None:
    road = a_road()
    road.claim("c", "plan", "bill", "80.00")
    foreign = rule(as_payer(road, "another"), asked)
    assert isinstance(foreign, Refusal)
    assert (foreign.category, [reason.code for reason in foreign.reasons]) == (Category.FORBIDDEN, ["funding.payer.not_yours"])
    assert "payer-plan" not in str(foreign.reasons)
    own = rule(as_payer(road, "payer-plan"), asked)
    assert not isinstance(own, Refusal) or own.category is not Category.FORBIDDEN


def test_an_answer_stands_until_it_is_appealed_against() -> None:
    road = a_road()
    answered(road, "partially_approved", "40.00")
    again = answered(road, "approved", "100.00")
    assert isinstance(again, Refusal) and again.category is Category.CONFLICT
    assert [r.code for r in again.reasons] == ["funding.preauthorisation.answered_before"]
    assert len(list(cut(road.situation().case))) == 1
    road.do(appeal_preauthorisation, AppealPreauthorisation(plan="plan", grounds="again"))
    assert list(cut(road.situation().case)) == []
    twice = road.do(appeal_preauthorisation, AppealPreauthorisation(plan="plan", grounds="again"))
    assert [r.code for r in twice.reasons] == ["funding.preauthorisation.appealed_before"]
    assert not isinstance(answered(road, "approved", "100.00"), Refusal)
    full = road.do(appeal_preauthorisation, AppealPreauthorisation(plan="plan", grounds="more"))
    assert [r.code for r in full.reasons] == ["funding.preauthorisation.nothing_to_appeal"]


@pytest.mark.parametrize(("answer", "expected"), [("approved", 10_000), ("refused", 0)])
def test_all_or_nothing_needs_no_amount(answer: Any, expected: int) -> None:
    road = a_road()
    (event,) = road.do(answer_preauthorisation, AnswerPreauthorisation(payer="payer-plan", plan="plan", answer=answer, reason="why"))
    assert event.amount_minor == expected


def test_a_part_needs_its_amount() -> None:
    refused = answer_preauthorisation(a_road().situation(), AnswerPreauthorisation(payer="payer-plan", plan="plan", answer="partially_approved", reason="why"))
    assert isinstance(refused, Refusal)
    assert [reason.code for reason in refused.reasons] == ["funding.preauthorisation.amount_does_not_fit"]


def limited(road: Road, status: str) -> Any:
    """The situation in which the plan names a limit for appeals of ten days, long after the decision."""
    plan = {"time_limits": {"file_appeal": {"days": 10, "source": "terms", "status": status, "confidence": "high"}}}
    return replace(road.situation(), documents=documents_with({"plan": plan}))


def test_only_a_verified_limit_bars_an_appeal() -> None:
    road = a_road()
    road.claim("c", "plan", "bill", "80.00")
    road.decided("c", amount="0.00", reason="no")
    barred = appeal_claim(limited(road, "verified"), AppealClaim(claim_id="c", grounds="why"))
    assert codes(barred) == ["appeal_too_late"]
    assert not isinstance(appeal_claim(limited(road, "unverified"), AppealClaim(claim_id="c", grounds="why")), Refusal)


# --- paid once, whichever way -----------------------------------------------------------------------------------------


def test_what_was_paid_in_advance_is_not_paid_again_for_the_claim() -> None:
    road = a_road()
    answered(road, "approved", "100.00")
    road.do(pay_benefit, PayBenefit(claim_id="early", payer="payer-plan", amount="70.00", currency="CNY"))
    assert not unsent(road.situation().case)
    road.claim("c", "plan", "bill", "80.00")
    assert codes(road.do(pay_benefit, PayBenefit(claim_id="second", payer="payer-plan", amount="30.00", currency="CNY"))) == ["pay_the_claim"]
    road.decided("c")
    assert codes(road.do(pay_claim, PayClaim(claim_id="c", payment_id="p", amount="80.00"))) == ["not_open"]
    road.do(pay_claim, PayClaim(claim_id="c", payment_id="p"))
    (one,) = reconciliation_of(road.situation().case)
    assert (one.paid_minor, one.open_minor, one.state) == (8_000, 0, "paid")


@given(
    advance=st.integers(0, 10_000),
    claims=st.lists(st.integers(1, 6_000), min_size=1, max_size=4),
    paying=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6_000)), max_size=8),
)
def test_a_payer_never_pays_more_than_it_decided(advance: int, claims: list[int], paying: list[tuple[int, int]]) -> None:
    road = a_road()
    answered(road, "approved", "100.00")
    if advance:
        road.do(pay_benefit, PayBenefit(claim_id="early", payer="payer-plan", amount=f"{advance // 100}.{advance % 100:02d}", currency="CNY"))
    decided = 0
    for n, gross in enumerate(claims):
        road.claim(f"c{n}", "plan", f"bill-{n}", f"{gross // 100}.{gross % 100:02d}")
        decided += road.decided(f"c{n}")
    for n, (which, amount) in enumerate(paying):
        road.do(pay_claim, PayClaim(claim_id=f"c{which}", payment_id=f"p{n}", amount=f"{amount // 100}.{amount % 100:02d}"))
    case = road.situation().case
    paid = sum(entry.event.amount_minor for entry in case.payments)
    assert paid <= max(decided, advance)
    assert paid_in_advance(case, "payer-plan") == advance
    counted = [paid_for(case, f"c{n}") for n in range(len(claims))]
    assert all(minor <= one.decided.benefit_minor for minor, one in zip(counted, reconciliation_of(case), strict=True) if one.decided)
    assert sum(counted) == min(paid, decided) if advance <= decided else sum(counted) == decided


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9_000)), min_size=1, max_size=7))
def test_caps_and_deductibles_add_up_over_claims_and_years(claims: list[tuple[int, int]]) -> None:
    """What claims used of a plan in each year stays within its cap, only grows, and a year begins anew."""
    road = Road(layer("plan", covers=["STAY"], rate="0.80", deductible="20.00", cap_year="60.00", cap_lifetime="90.00"))
    before = {"deductible": 0, "cap_year": 0, "cap_lifetime": 0}
    for n, (year, gross) in enumerate(sorted(claims)):
        on = date(2025 + year, 6, 1)
        road.claim(f"c{n}", "plan", f"bill-{n}", f"{gross // 100}.{gross % 100:02d}", on)
        road.decided(f"c{n}")
        used = used_of(road.situation().case, "plan", on.year)
        assert used["deductible"] <= 2_000 and used["cap_year"] <= 6_000 and used["cap_lifetime"] <= 9_000
        assert used["cap_lifetime"] >= before["cap_lifetime"]
        before = used
    case = road.situation().case
    years = [used_of(case, "plan", 2025 + year)["cap_year"] for year in range(3)]
    assert sum(years) == used_of(case, "plan", 2025)["cap_lifetime"]


# --- what a request carries -------------------------------------------------------------------------------------------


def test_a_part_of_a_quote_names_nothing_of_anybody_else() -> None:
    household = {"annual_gross_income": "434400.00", "net_assets": "1.00", "asset_allowance": "0.00", "income_factor": "1", "asset_factor": "0.50"}
    quote = {
        "product": "axicabtagene-ciloleucel",
        "plans": [{"id": "a", "payer": "payer-a", "status": "verified", "version": "1", "source": "s"}, {"id": "b", "payer": "payer-b"}],
        "agreement": {"id": "oba", "payer": "programme", "terms": {}},
        "inputs": {
            "event_date": "2026-03-10",
            "bill_lines": [
                {"id": "drug", "category": "CAR_T_DRUG", "gross": "100.00", "desc": "SECRET-DESCRIPTION"},
                {"id": "stay", "category": "INPATIENT", "gross": "70.00", "desc": ""},
            ],
            "layers": [
                {"id": "b", "covers": ["CAR_T_DRUG"], "rate": "0.30"},
                {"id": "a", "covers": ["CAR_T_DRUG"], "rate": "0.50", "means_test": None},
                {"id": "fund", "covers": ["INPATIENT"], "means_test": household},
            ],
        },
        "result": {
            "currency": "CNY",
            "gross": "170.00",
            "patient_share": "99.00",
            "layers": [
                {"layer": "b", "base": "100.00", "benefit": "30.00", "allocation": {"drug": "30.00"}},
                {"layer": "a", "base": "70.00", "benefit": "35.00", "allocation": {"drug": "35.00"}, "binding": "PAY-RATE"},
            ],
        },
    }
    (part,) = parts_of(quote, "payer-a")
    assert (part.charges, part.gross, part.earlier, part.base, part.benefit) == ((("drug", "CAR_T_DRUG", "100.00", "35.00"),), "100.00", "30.00", "70.00", "35.00")
    said = repr(part)
    for secret in ("payer-b", "'b'", "INPATIENT", "SECRET-DESCRIPTION", "434400", "170.00", "99.00", "fund"):
        assert secret not in said
    assert parts_of(quote, "nobody") == ()
    assert agreement_part(quote, "programme") and agreement_part(quote, "payer-a") and agreement_part(quote, "nobody") is None


def test_the_moment_of_a_decision_is_that_of_the_last_one() -> None:
    road = a_road()
    road.claim("c", "plan", "bill", "80.00")
    road.decided("c", amount="0.00", reason="no")
    case = road.situation().case
    assert next(iter(cut(case))) == case.entries[-1].origin.at
    assert isinstance(case.entries[-1].origin.at, datetime)


# --- a window that passed ---------------------------------------------------------------------------------------------

MISSED_TERMS = {"payer": "programme", "outcome": {"timepoint": "M3", "target_day": 90, "window_days": 14, "counts_as_reached": ["CR"]}}


@pytest.mark.parametrize(
    ("day", "assessed", "waits"),
    [(104, False, []), (105, False, ["settlement"]), (105, True, ["settlement"]), (None, False, [])],
    ids=["last day", "day after", "assessed", "no date"],
)
def test_a_window_that_passed_without_an_assessment_waits_for_the_programme(day: int | None, assessed: bool, waits: list[str]) -> None:
    quote = QuoteIssued(
        quote_sha256="0", currency="CNY", gross_minor=0, patient_minor=0, entitled_minor=0, valid_until=DAY_0, agreement="agreement"
    )
    case = situated(quote, infused(), *([read(90)] if assessed else [])).case
    today = None if day is None else DAY_0 + timedelta(days=day)
    found = waiting(case, "programme", Terms({"agreement": MISSED_TERMS}, (), CHINA, today))
    assert [item.kind for item in found] == waits
    if day == 105 and not assessed:
        assert found[0].since_on == DAY_0 + timedelta(days=105)
