"""A plan's quota: what was published, what was granted here since, and that no grant passes what is left."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baybridge.base.money import format_minor
from baybridge.base.outcome import Refusal
from baybridge.base.time import CHINA
from baybridge.documents.loader import Documents
from baybridge.funding.claims.claiming import AdjudicateClaim, adjudicate_claim
from baybridge.funding.claims.preauthorisation import AnswerPreauthorisation, answer_preauthorisation
from baybridge.funding.plans.applying import ApplyForAssistance, apply_for_assistance, seeking_of
from baybridge.funding.plans.assistance import assistance_left
from baybridge.funding.plans.checking import check, known_from
from baybridge.funding.plans.quota import Grant, grants_of, quota_of, standing_of
from baybridge.journey.command import FromRecord
from baybridge.journey.events import Event, PreauthorisationAnswered, PreauthorisationAppealed, PreauthorisationRequested
from baybridge.journey.judged import Judged
from funding_material import documents_with, layer
from funding_situations import situated
from unit.funding.test_funding_applying import CHARITY, PAPERS, data, quoted
from unit.funding.test_funding_claims import Road

AS_OF, TODAY = date(2026, 1, 31), date(2026, 3, 1)
PLACES = {"places": 5, "used": 3, "as_of": AS_OF}
MONEY = {"amount": "1000.00", "amount_used": "400.00", "as_of": AS_OF}


def fund(quota: Any, currency: str = "CNY") -> dict[str, Any]:
    return {"payer": "payer-plan", "currency": currency, "source": "the fund, section 2", "apply": {"quota": quota}}


def grant(case: str = "other", on: date = TODAY, minor: int = 100, **more: Any) -> Grant:
    return Grant(**{"case_id": case, "plan": "plan", "on": on, "amount_minor": minor, "currency": "CNY", "counted_minor": None, **more})


def answered(
    quota: Any,
    *grants: Grant,
    asked: int = 10_000,
    answer: str = "approved",
    amount: str | None = None,
    currency: str = "CNY",
    plan_currency: str = "CNY",
    then: tuple[Event, ...] = (),
) -> Any:
    """What a payer's answer meets where these grants stand; `then` is what happened to the request before."""
    request = PreauthorisationRequested(payer="payer-plan", plan="plan", quote_sha256="0", amount_minor=asked, currency=currency)
    situation = situated(request, *then, data={"plan": fund(quota, plan_currency)})
    situation = replace(situation, record=FromRecord(grants=grants, quote={"exchange": [{"currency": "CNY", "per_bill_unit": "0.92"}]}))
    given = AnswerPreauthorisation(payer="payer-plan", plan="plan", answer=answer, amount=amount, reason="why")  # type: ignore[arg-type]
    return answer_preauthorisation(situation, given)


def codes(answer: Any) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [reason.code.removeprefix("funding.") for reason in answer.reasons]


# --- what counts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "here"), [(AS_OF, 0), (AS_OF + timedelta(days=1), 1), (TODAY, 1), (date(2025, 12, 31), 0)], ids=["that day", "next day", "today", "last year"]
)
def test_what_was_granted_after_the_published_day_in_its_year_counts(on: date, here: int) -> None:
    standing = standing_of(fund(PLACES), "plan", [grant(on=on)], TODAY)
    assert standing is not None
    assert (standing.here, standing.places_left) == (here, 2 - here)


def test_other_plans_and_the_case_itself_are_left_out_and_another_year_says_nothing() -> None:
    found = standing_of(fund(PLACES), "plan", [grant(plan="else"), grant("own"), grant()], TODAY, leave_out="own")
    assert found is not None
    assert found.here == 1
    assert standing_of(fund(PLACES), "plan", [grant()], date(2027, 1, 1)) is None


@pytest.mark.parametrize("quota", [None, {}, {"places": 5}, {"places": 5, "used": 3}, {"amount": "x", "amount_used": "1.00", "as_of": AS_OF}, {"as_of": AS_OF}])
def test_a_quota_that_does_not_say_enough_is_none(quota: Any) -> None:
    assert quota_of(fund(quota)) is None


def answer_of(answer: str = "approved", minor: int = 100, **more: Any) -> PreauthorisationAnswered:
    return PreauthorisationAnswered(payer="payer-plan", plan="plan", answer=answer, amount_minor=minor, currency="CNY", reason="", **more)  # type: ignore[arg-type]


def test_a_grant_is_the_answer_that_stands_once_a_case_and_plan() -> None:
    request = PreauthorisationRequested(payer="payer-plan", plan="plan", quote_sha256="0", amount_minor=100, currency="CNY")

    def found(*events: Any) -> list[tuple[int, int | None]]:
        return [(one.amount_minor, one.counted_minor) for one in grants_of([situated(*events).case], CHINA)]

    assert found(request) == []
    assert found(request, answer_of("refused", 0)) == []
    assert found(request, answer_of(), answer_of(minor=90, quota=(("counted", 80),))) == [(90, 80)]
    assert found(request, answer_of(), request) == [], "a new request waits for its own answer"


def test_claims_without_a_promise_are_a_grant_and_never_less_than_a_promise() -> None:
    road = Road(layer("plan", covers=["STAY"], rate="1.00"))
    road.claim("c1", "plan", "bill", "80.00")
    road.decided("c1")
    road.claim("c2", "plan", "bill-2", "30.00")
    road.decided("c2")
    (one,) = grants_of([road.situation().case], CHINA)
    assert (one.amount_minor, one.counted_minor) == (11_000, 11_000)
    road.events[1:1] = [PreauthorisationRequested(payer="payer-plan", plan="plan", quote_sha256="0", amount_minor=1, currency="CNY"), answer_of(minor=20_000)]
    assert [one.amount_minor for one in grants_of([road.situation().case], CHINA)] == [20_000]


# --- whether a grant fits ---------------------------------------------------------------------------------------------


def test_the_last_place_is_granted_and_what_stood_is_kept_with_the_answer() -> None:
    (event,) = answered(PLACES, grant("a"))
    assert dict(event.quota) == {"places": 5, "used": 3, "granted": 1, "counted": 10_000}
    refused = answered(PLACES, grant("a"), grant("b"))
    assert codes(refused) == ["quota.places_used"]
    assert refused.reasons[0].values == {"plan": "plan", "day": "2026-01-31", "year": 2026, "places": 5, "used": 3, "here": 2}
    assert refused.reasons[0].source == "the fund, section 2"


def test_where_the_document_says_hold_the_request_waits_and_a_refusal_is_always_free() -> None:
    full = (grant("a"), grant("b"))
    assert codes(answered({**PLACES, "when_used_up": "hold"}, *full)) == ["quota.places_held"]
    for quota in (PLACES, {**PLACES, "when_used_up": "hold"}):
        (event,) = answered(quota, *full, answer="refused")
        assert event.quota == ()


def test_money_is_granted_to_the_cent_and_a_part_of_what_is_left_can_be() -> None:
    spent = grant("a", minor=50_000)
    (event,) = answered(MONEY, spent, asked=10_000)
    assert dict(event.quota) == {"granted": 1, "amount": 100_000, "amount_used": 40_000, "amount_granted": 50_000, "counted": 10_000}
    above = answered(MONEY, spent, asked=10_001)
    assert (codes(above), above.reasons[0].values["left"], above.reasons[0].values["asked"]) == (["quota.amount_used"], "100.00", "100.01")
    assert codes(answered({**MONEY, "when_used_up": "hold"}, spent, asked=10_001)) == ["quota.amount_held"]
    (part,) = answered(MONEY, spent, asked=10_001, answer="partially_approved", amount="100.00")
    assert part.amount_minor == 10_000


def test_every_limit_that_stands_against_a_grant_is_said() -> None:
    both = {**PLACES, **MONEY, "used": 5}
    assert codes(answered(both, grant("a", minor=60_000), asked=1)) == ["quota.places_used", "quota.amount_used"]


def test_money_in_another_currency_counts_at_the_rate_of_the_quote() -> None:
    (event,) = answered(MONEY, asked=10_000, currency="HKD")
    assert dict(event.quota)["counted"] == 9_200
    before = grant("a", minor=10_000, currency="HKD", counted_minor=60_000)
    assert codes(answered(MONEY, before, asked=1)) == ["quota.amount_used"]
    unknown = grant("a", minor=10_000, currency="HKD")
    standing = standing_of(fund(MONEY), "plan", [unknown], TODAY)
    assert standing is not None
    assert (standing.uncounted, standing.here_minor) == (1, 0)
    assert codes(answered(MONEY, asked=1, currency="HKD", plan_currency="USD")) == ["quota.not_counted"]


def test_a_place_that_a_case_holds_is_not_asked_for_again() -> None:
    """An appeal against a part: the part is held, more than it needs a place."""
    held = (answer_of("partially_approved", 10_000), PreauthorisationAppealed(payer="payer-plan", plan="plan", grounds="more"))
    full = {**PLACES, "used": 5}
    assert not isinstance(answered(full, asked=10_001, answer="partially_approved", amount="100.00", then=held), Refusal)
    assert codes(answered(full, asked=10_001, then=held)) == ["quota.places_used"]


def test_a_claim_without_a_promise_does_not_go_round_the_quota() -> None:
    road = Road(layer("plan", covers=["STAY"], rate="1.00"))
    road.claim("c", "plan", "bill", "80.00")

    def decided(quota: Any, **given: Any) -> Any:
        situation = replace(road.situation(), documents=documents_with({"plan": fund(quota)}), record=FromRecord(quote=road.quote))
        return adjudicate_claim(situation, AdjudicateClaim(claim_id="c", **given))

    this_year = {"places": 1, "used": 1, "as_of": date(2027, 1, 1)}
    assert codes(decided(this_year)) == ["quota.places_used"]
    assert isinstance(decided(this_year, amount="0.00", reason="nothing is left"), Judged)
    assert isinstance(decided({**this_year, "places": 2}), Judged)


@given(st.lists(st.integers(1, 400), max_size=12), st.integers(0, 5), st.integers(0, 1_000))
def test_no_row_of_grants_passes_places_or_money(asked: list[int], places: int, minor: int) -> None:
    quota = {"places": places, "used": 0, "amount": format_minor(minor), "amount_used": "0.00", "as_of": AS_OF}
    granted: list[Grant] = []
    for number, one in enumerate(asked):
        if not isinstance(answered(quota, *granted, asked=one), Refusal):
            granted.append(grant(str(number), minor=one))
    assert len(granted) <= places
    assert sum(one.amount_minor for one in granted) <= minor
    left = minor - sum(one.amount_minor for one in granted)
    turned_away = [one for number, one in enumerate(asked) if str(number) not in {given.case_id for given in granted}]
    assert len(granted) == places or all(one > left for one in turned_away), "nobody is turned away while there is a place and money"


# --- applying ---------------------------------------------------------------------------------------------------------


def applied(quota: Any, *grants: Grant) -> Any:
    plans = data(apply={**copy.deepcopy(CHARITY["apply"]), "quota": quota})
    before, document = quoted(plans)
    situation = replace(situated(*before, data=plans, quote=document), record=FromRecord(quote=document, grants=grants))
    return apply_for_assistance(situation, ApplyForAssistance(fund="charity", enclosed=PAPERS))


def charity(case: str, minor: int = 100) -> Grant:
    return grant(case, minor=minor, plan="charity", currency="HKD")


def test_an_application_sees_what_was_granted_here_and_waits_where_the_fund_lets_it() -> None:
    full = {"places": 5, "used": 4, "as_of": AS_OF}
    assert isinstance(applied(full), Judged)
    refused = applied(full, charity("a"))
    assert codes(refused) == ["assistance.quota_used"]
    assert (refused.reasons[0].values["used"], refused.reasons[0].values["here"]) == (4, 1)
    assert isinstance(applied({**full, "when_used_up": "hold"}, charity("a")), Judged)


def test_a_fund_could_pay_no_more_than_is_left_of_its_money() -> None:
    def left(*grants: Grant, **quota: Any) -> Any:
        plans = data(apply={"quota": {"amount": "60000.00", "amount_used": "0.00", "as_of": AS_OF, **quota}})
        before, document = quoted(plans)
        situation = replace(situated(*before, data=plans, quote=document), record=FromRecord(grants=grants))
        return next(one for one in assistance_left(seeking_of(situation, document), plans) if one.fund_id == "charity")

    assert (left().could_pay_minor, left().state) == (5_000_000, "uncertain")
    part = left(charity("a", 5_900_000))
    assert (part.could_pay_minor, [reason.code for reason in part.reasons]) == (100_000, ["funding.assistance.money_part"])
    gone = left(charity("a", 6_000_000))
    assert (gone.state, [reason.code for reason in gone.reasons]) == ("closed", ["funding.assistance.money_used"])
    held = left(charity("a", 6_000_000), when_used_up="hold")
    assert (held.state, held.could_pay_minor, [reason.code for reason in held.reasons]) == ("uncertain", 5_000_000, ["funding.assistance.money_held"])


# --- the document -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ({"places": -1, "used": 0, "as_of": AS_OF}, [("funding.case.whole", "apply.quota.places")]),
        ({"places": 1, "used": 0, "as_of": "2026"}, [("funding.case.day", "apply.quota.as_of")]),
        ({"amount": "1", "amount_used": 3, "as_of": AS_OF}, [("funding.claim.amount", "apply.quota.amount_used")]),
        ({"places": 1, "used": 0, "as_of": AS_OF, "when_used_up": "wait"}, [("funding.case.one_of", "apply.quota.when_used_up")]),
        ({"places": 1, "as_of": AS_OF}, [("funding.check.quota", "apply.quota")]),
        ([], [("funding.case.object", "apply.quota")]),
        (PLACES | MONEY | {"when_used_up": "hold"}, []),
    ],
)
def test_the_checker_names_what_a_quota_does_not_say(quota: Any, expected: list[tuple[str, str]]) -> None:
    document = {**data()["charity"], "apply": {"quota": quota}}
    found = [(reason.code, reason.where) for reason in check(document, known_from(Documents())) if reason.where.startswith("apply")]
    assert found == expected
