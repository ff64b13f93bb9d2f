"""A quote is free of every gate and says that it is not firm while nobody knows that the product is for this patient here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import case_world
from baybridge.funding.quote.quoting import IssueQuote, QuotedLine, issue_quote
from baybridge.journey.command import Role
from baybridge.journey.entitlement import eligibility_open
from baybridge.journey.events import BoardDecided, CaseOpened, QuoteIssued
from baybridge.journey.judged import Judged

PRODUCT = "equecabtagene-autoleucel"


class Answer:
    """What a label policy answers."""

    def __init__(self, outcome: str) -> None:
        self.outcome = outcome


def situation(outcome: str, *events: Any) -> Any:
    world = case_world.World()
    world.record("hk", CaseOpened(patient_id="p", residence="HK", synthetic=True), *events)
    return replace(world.situation("hk", Role.COORDINATOR), decide=lambda *_, **__: Answer(outcome))


def quoted(situation: Any, **changes: Any) -> tuple[QuoteIssued, Any]:
    given: dict[str, Any] = {"event_date": situation.today, "currency": "HKD", "product": PRODUCT}
    lines = (QuotedLine(id="drug", category="CAR_T_DRUG", gross="3000000.00"),)
    verdict = issue_quote(situation, IssueQuote(**(given | changes), bill_lines=lines))
    assert isinstance(verdict, Judged), verdict
    (event,) = verdict.events
    assert isinstance(event, QuoteIssued)
    return event, verdict.decisions[0]


@pytest.mark.parametrize(("outcome", "codes"), [("eligible", ()), ("undetermined", ("eligibility_open",)), ("ineligible", ("not_eligible",))])
def test_a_quote_says_whether_eligibility_is_open(outcome: str, codes: tuple[str, ...]) -> None:
    event, document = quoted(situation(outcome))
    assert event.not_firm == codes
    assert (document["firm"], document["not_firm"]) == (not codes, list(codes))


def test_a_boards_decision_settles_it_either_way() -> None:
    def board(decision: Any) -> BoardDecided:
        return BoardDecided(product=PRODUCT, decision=decision, decided_on=case_world.START.date(), note="discussed")

    assert eligibility_open(situation("undetermined", board("treat")), PRODUCT, "HK") == ()
    assert eligibility_open(situation("eligible", board("do_not_treat")), PRODUCT, "HK") == ("board_against",)


def test_without_a_product_nothing_is_firm() -> None:
    assert quoted(situation("eligible"), product=None)[0].not_firm == ("no_product",)
