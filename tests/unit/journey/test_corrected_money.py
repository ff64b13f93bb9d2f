"""Money that rests on an entry which was put right since is marked and made again; what was issued afterwards, or says the same, is not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from baybridge.journey import events as ev
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Site
from baybridge.journey.corrections.money import changed_under
from baybridge.journey.events import Recorded
from baybridge.node.upkeep.attention import attention

HK = Site("hk", "Hong Kong Centre", "HK", "Hong Kong", frozenset({"centre"}))
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
CHOSEN = ev.ProductChosen(product="axi", policy="p", decision_sha256="")
QUOTE = ev.QuoteIssued(quote_sha256="q", currency="HKD", gross_minor=1, patient_minor=1, entitled_minor=0, valid_until=date(2026, 9, 1), agreement="a")
ENROLLED = ev.AgreementEnrolled(enrolment_id="e", agreement="a", agreement_sha256="0", quote_sha256="q", enrolled_on=date(2026, 3, 2))
INFUSED = ev.Infused(product="axi", batch="b", bag="g", chain_of_identity="c", started_at=START, ended_at=START, entire_volume=True)
CLAIM = ev.ClaimSubmitted(claim_id="k", payer="p", plan="pl", bill="b", service_on=date(2026, 3, 2), lines=(("1", "DRUG", 1),), currency="HKD")
SETTLED = ev.OutcomeSettled(agreement="a", outcome="NR", code="NR", refund_minor=1, currency="HKD", allocation=(("patient", 1),), decision_sha256="")


def replaced(event_id: str, by: str) -> ev.EntryCorrected:
    return ev.EntryCorrected(event_id=event_id, action="replace", reason="wrong-value", note="", replaced_by=by)


def case_of(*events: ev.Event) -> Case:
    """Events e1, e2, … one minute after the other, all recorded here."""
    made: list[Any] = [
        Recorded(event_id=f"e{n}", case_id="c", sequence=n, at=START + timedelta(minutes=n), recorded_at=START + timedelta(minutes=n), node="hk",
                 organisation=HK.organisation, actor="a", role="coordinator", event=event)
        for n, event in enumerate(events, 1)
    ]  # fmt: skip
    return fold(made)


def tasks(case: Case) -> list[str]:
    return sorted(str(task.values["kind"]) for task in attention(case, HK) if task.step == "money_again")


def test_a_quote_of_another_product_is_marked_and_what_was_computed_from_it_is_made_again() -> None:
    other = ev.ProductChosen(product="relma", policy="p", decision_sha256="")
    case = case_of(CHOSEN, QUOTE, ENROLLED, INFUSED, CLAIM, replaced("e1", "e7"), other)
    assert changed_under(case) == {"e2": ("e1",), "e3": ("e1",), "e5": ("e1",)}
    assert tasks(case) == ["claim", "enrolment"]


def test_an_infusion_at_another_time_makes_claim_and_settlement_again() -> None:
    day = START + timedelta(days=1)
    later = ev.Infused(product="axi", batch="b", bag="g", chain_of_identity="c", started_at=day, ended_at=day, entire_volume=True)
    case = case_of(INFUSED, CLAIM, SETTLED, replaced("e1", "e5"), later)
    assert changed_under(case) == {"e2": ("e1",), "e3": ("e1",)}
    assert tasks(case) == ["claim", "settlement"]


def test_what_says_the_same_about_money_marks_nothing() -> None:
    again = ev.ProductChosen(product="axi", policy="p", decision_sha256="other")
    assert changed_under(case_of(CHOSEN, QUOTE, replaced("e1", "e4"), again)) == {}


def test_what_was_issued_after_the_correction_or_before_the_entry_rests_on_neither() -> None:
    other = ev.ProductChosen(product="relma", policy="p", decision_sha256="")
    assert changed_under(case_of(QUOTE, CHOSEN, replaced("e2", "e4"), other, QUOTE)) == {}


def test_made_again_it_is_marked_no_more() -> None:
    other = ev.ProductChosen(product="relma", policy="p", decision_sha256="")
    case = case_of(CHOSEN, CLAIM, replaced("e1", "e4"), other, replaced("e2", "e6"), CLAIM)
    assert changed_under(case) == {} and tasks(case) == []


def test_a_voided_entry_marks_as_well() -> None:
    void = ev.EntryCorrected(event_id="e1", action="void", reason="did-not-happen", note="", replaced_by=None)
    assert changed_under(case_of(CHOSEN, QUOTE, void)) == {"e2": ("e1",)}
