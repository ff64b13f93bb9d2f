"""Refunds of a settled agreement: recorded once, to the cent, never above what is due, and waited for until all arrived."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from baybridge.base.money import format_minor
from baybridge.base.outcome import Category, Refusal
from baybridge.base.time import CHINA
from baybridge.documents.loader import Documents
from baybridge.funding.outcome.refunding import RecordRefund, record_refund, record_refund_blocked
from baybridge.funding.payer.portfolio import Refunds, settled_refunds
from baybridge.funding.payer.worklist import Terms, waiting
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import AgreementEnrolled, CaseAccepted, Died, Event, OutcomeSettled, QuoteIssued, Recorded
from baybridge.journey.pathway import tasks
from baybridge.journey.refunds import due_on, refund_late, refund_open, refunds_of
from baybridge.node.fhir.rendering import render
from funding_situations import situated
from unit.funding import test_quote_to_settlement as quotes
from unit.funding.test_quote_to_settlement import infused, read, settled

NOW = datetime(2026, 8, 1, 9, 0, tzinfo=CHINA)
ENROLLED_ON, DAY = date(2026, 4, 1), date(2026, 7, 20)
PLANS = {
    "plan": {"payer": "payer-plan", "shape": "benefit"},
    "other": {"payer": "payer-other", "shape": "benefit"},
    "oba": {"payer": "programme", "shape": "agreement", "source": "the agreement, section 7"},
}
TERMS = Terms(PLANS, (), CHINA)


def a_settlement(*allocation: tuple[str, int], due: date | None = None) -> OutcomeSettled:
    total = sum(minor for _, minor in allocation)
    named = {"agreement": "oba", "outcome": "NO_CR_AT_M3", "code": "OBA-REFUND-DUE", "currency": "CNY", "decision_sha256": "0"}
    return OutcomeSettled(refund_minor=total, allocation=allocation, refund_due_on=due, **named)


class Refunded:
    """A case with a settled agreement, on which refunds arrive."""

    def __init__(self, *allocation: tuple[str, int], due: date | None = None) -> None:
        quote = QuoteIssued(
            quote_sha256="0", currency="CNY", gross_minor=0, patient_minor=0, entitled_minor=0, valid_until=date(2026, 5, 1), agreement="oba"
        )
        enrolled = AgreementEnrolled(enrolment_id="E", agreement="oba", agreement_sha256="0", quote_sha256="0", enrolled_on=ENROLLED_ON)
        self.events: list[Event] = [quote, enrolled, a_settlement(*(allocation or (("plan", 300), ("PATIENT", 700))), due=due)]

    def situation(self, role: Role = Role.COORDINATOR, organisation: str = "Centre") -> Any:
        return replace(situated(*self.events, now=NOW, data=PLANS), actor=Actor("a", role, organisation))

    @property
    def case(self) -> Case:
        case: Case = self.situation().case
        return case

    def arrives(self, recipient: str, amount: str, reference: str = "R-1", who: Any = (), **more: Any) -> Any:
        asked = RecordRefund(**{"recipient": recipient, "amount": amount, "reference": reference, "currency": "CNY", "received_on": DAY, **more})
        answer = record_refund(self.situation(*who), asked)
        if not isinstance(answer, Refusal):
            self.events += answer  # type: ignore[arg-type]
        return answer


def codes(answer: Any) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [reason.code.removeprefix("funding.") for reason in answer.reasons]


def open_of(case: Case) -> dict[str, int]:
    return {one.recipient: one.open_minor for one in refunds_of(case)}


def test_a_refund_arrives_in_parts_to_the_cent_and_never_above_what_is_due() -> None:
    road = Refunded()
    assert open_of(road.case) == {"plan": 300, "PATIENT": 700}
    (event,) = road.arrives("PATIENT", "6.99")
    assert (event.amount_minor, event.received_on, event.reference) == (699, DAY, "R-1")
    assert open_of(road.case) == {"plan": 300, "PATIENT": 1}
    above = road.arrives("PATIENT", "0.02", "R-2")
    assert codes(above) == ["refund.above_due"]
    assert above.reasons[0].values == {"due": "7.00", "received": "6.99", "open": "0.01", "currency": "CNY"}
    road.arrives("PATIENT", "0.01", "R-2")
    road.arrives("plan", "3.00", "R-1")  # one transfer may reach two of them
    assert not refund_open(road.case)
    assert [reason.code for reason in record_refund_blocked(road.situation())] == ["funding.refund.all_arrived"]


def test_the_same_arrival_told_again_counts_once_and_says_what_stands() -> None:
    road = Refunded()
    road.arrives("PATIENT", "3.00")
    again, other = road.arrives("PATIENT", "3.00"), road.arrives("PATIENT", "4.00")
    assert (codes(again), codes(other)) == (["refund.arrived_before"], ["refund.reference_used"])
    assert again.category is other.category is Category.CONFLICT
    assert other.reasons[0].values["amount"] == "3.00"
    told_twice = [*road.events, road.events[-1]]
    assert open_of(situated(*told_twice, now=NOW).case)["PATIENT"] == 400


def test_every_reason_against_an_arrival_is_said_at_once() -> None:
    wrong = Refunded().arrives("PATIENT", "7.01", " ", currency="HKD", received_on=date(2026, 3, 31))
    assert codes(wrong) == ["refund.before_enrolment", "refund.reference_needed", "refund.currency", "refund.above_due"]
    assert codes(Refunded().arrives("PATIENT", "7.00", received_on=date(2026, 8, 2))) == ["journey.time.future"]
    for text in ("0.00", "-1.00", "1.005", "much"):
        assert codes(Refunded().arrives("PATIENT", text)) == ["refund.amount"]
    nobody = Refunded().arrives("other", "1.00")
    assert (codes(nobody), nobody.reasons[0].values["known"]) == (["refund.not_due_to"], "plan, PATIENT")


def test_nothing_arrives_before_a_settlement_nor_where_it_gives_nothing_back() -> None:
    before = situated(now=NOW, data=PLANS)
    asked = RecordRefund(recipient="PATIENT", amount="1.00", reference="R", currency="CNY", received_on=DAY)
    assert codes(record_refund(before, asked)) == ["refund.nothing_settled"]
    nothing = Refunded()
    nothing.events[-1] = a_settlement()
    assert codes(nothing.arrives("PATIENT", "1.00")) == ["refund.none_due"]


@pytest.mark.parametrize(
    ("organisation", "recipient", "may"),
    [("payer-plan", "plan", True), ("payer-other", "plan", False), ("payer-plan", "PATIENT", False), ("programme", "plan", False), ("programme", "PATIENT", False)],
)
def test_a_payer_says_what_reached_its_own_plans_and_who_owes_confirms_nothing(organisation: str, recipient: str, may: bool) -> None:
    answer = Refunded().arrives(recipient, "1.00", who=(Role.PAYER, organisation))
    assert isinstance(answer, tuple) is may
    if not may:
        assert (codes(answer), answer.category) == (["payer.not_yours"], Category.FORBIDDEN)


@given(st.lists(st.tuples(st.sampled_from(["plan", "PATIENT"]), st.integers(-5, 900)), max_size=12))
def test_what_arrived_and_what_is_open_is_what_is_due_whatever_is_told(told: list[tuple[str, int]]) -> None:
    road = Refunded()
    for number, (recipient, minor) in enumerate(told):
        road.arrives(recipient, format_minor(minor), f"R-{number}")
    for one in refunds_of(road.case):
        assert one.received_minor + one.open_minor == one.due_minor
        assert one.open_minor >= 0


# --- what waits, by when ----------------------------------------------------------------------------------------------


def kinds(case: Case, payer: str) -> list[tuple[str, int | None]]:
    return [(item.kind, item.amount_minor) for item in waiting(case, payer, TERMS)]


def test_a_refund_waits_with_who_owes_it_and_with_who_is_owed_until_it_arrived() -> None:
    road = Refunded()
    assert kinds(road.case, "payer-plan") == [("refund_expected", 300)]
    assert kinds(road.case, "programme") == [("refund_owed", 1000)]
    assert kinds(road.case, "payer-other") == []
    road.arrives("plan", "1.00")
    assert (kinds(road.case, "payer-plan"), kinds(road.case, "programme")) == ([("refund_expected", 200)], [("refund_owed", 900)])
    road.arrives("plan", "2.00", "R-2")
    assert (kinds(road.case, "payer-plan"), kinds(road.case, "programme")) == ([], [("refund_owed", 700)])
    road.arrives("PATIENT", "7.00", "R-3")
    assert kinds(road.case, "programme") == []


def test_a_day_is_shown_only_where_the_settlement_has_one() -> None:
    (item,) = waiting(Refunded().case, "programme", TERMS)
    assert (item.limit, item.due_on, item.command) == (None, None, None)
    due = date(2026, 7, 31)
    case = Refunded(due=due).case
    (item,) = waiting(case, "payer-plan", TERMS)
    assert (item.due_on, item.command) == (due, "RecordRefund")
    assert item.limit is not None
    assert (item.limit.verified, item.limit.source) == (True, "the agreement, section 7")
    assert [refund_late(case, due + timedelta(days=n)) for n in (0, 1)] == [False, True]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, None),
        ({"days": 30, "source": "s", "status": "unverified", "confidence": "high"}, None),
        ({"days": 30, "source": "s", "status": "verified", "confidence": "low"}, None),
        ({"days": 30, "source": "s", "status": "verified", "confidence": "high"}, 30),
    ],
)
def test_the_day_is_the_agreements_own_as_it_stood_in_the_quote_and_only_a_verified_one(limit: Any, expected: int | None) -> None:
    data = quotes.copy.deepcopy(quotes.documents())
    data[quotes.AGREEMENT]["time_limits"] = {"refund": limit} if limit else None
    judged = quotes.issue_quote(situated(data=data), quotes.asked())
    assert isinstance(judged, quotes.Judged)
    now = datetime(2026, 7, 20, tzinfo=CHINA)
    situation = situated(judged.events[0], quotes.enrolled(), infused(), read(90), now=now, quote=judged.decisions[0])
    event = quotes.settle_outcome(situation, quotes.SettleOutcome()).events[0]  # type: ignore[union-attr]
    assert event.refund_due_on == (None if expected is None else date(2026, 7, 20) + timedelta(days=expected))  # type: ignore[union-attr]


def test_where_nothing_comes_back_no_day_stands() -> None:
    assert settled(infused(), read(90, "CR")).events[0].refund_due_on is None


@pytest.mark.parametrize("died", [False, True])
def test_the_coordinator_has_a_task_until_all_arrived_late_after_the_whole_day(died: bool) -> None:
    road = Refunded(("PATIENT", 700), due=date(2026, 7, 31))
    road.events[:0] = [CaseAccepted(product="p")]
    road.events += [Died(died_on=date(2026, 7, 25), cause="disease")] if died else []
    pathway, step = Documents().typed.pathway, "death_refund" if died else "refund"

    def found(at: datetime) -> list[Any]:
        situation = road.situation()
        return [task for task in tasks(pathway, situation.case, {}, at, situation.site) if task.step == step]

    (task,) = found(datetime(2026, 7, 31, 23, 0, tzinfo=CHINA))
    assert (task.level, task.commands, task.due_at) == ("plan", ("RecordRefund",), datetime(2026, 7, 31, 23, 59, tzinfo=CHINA))
    (late,) = found(datetime(2026, 8, 1, 0, 0, tzinfo=CHINA))
    assert late.level == "amber"
    road.arrives("PATIENT", "7.00")
    assert found(NOW) == []


def test_a_task_without_a_verified_limit_has_no_day() -> None:
    road = Refunded(("PATIENT", 700))
    road.events[:0] = [CaseAccepted(product="p")]
    situation = road.situation()
    found = tasks(Documents().typed.pathway, situation.case, {}, NOW, situation.site)
    assert [task.due_at for task in found if task.step == "refund"] == [None]
    assert due_on(situation.case) is None


# --- over all cases, and in FHIR --------------------------------------------------------------------------------------


def test_what_is_owed_and_what_arrived_stand_apart_over_all_cases() -> None:
    first, second = Refunded(), Refunded(("PATIENT", 500))
    first.arrives("plan", "1.00")
    first.arrives("PATIENT", "7.00")
    cases = [first.case, second.case]
    assert settled_refunds(cases, frozenset({"plan"}), programme=frozenset()) == {"CNY": Refunds(2, 300, 100, 0, 0)}
    found = settled_refunds(cases, frozenset(), programme=frozenset({"oba"}))["CNY"]
    assert (found, found.still_owed_minor) == (Refunds(2, 0, 0, 1_500, 800), 700)


def test_in_fhir_a_settlement_is_due_and_an_arrival_is_paid() -> None:
    road = Refunded(("PATIENT", 700))
    road.arrives("PATIENT", "3.00")
    case = road.case
    at = {"at": NOW, "recorded_at": NOW, "node": "hk", "organisation": "hk", "actor": "a", "role": "coordinator", "case_id": "case"}
    recorded = [Recorded(event_id=f"e{n}", sequence=n, event=event, **at) for n, event in enumerate(road.events[-2:])]  # type: ignore[arg-type]
    rendered = [resource for item in recorded for resource in render(item, case, "Patient/p")]
    payments = [resource for resource in rendered if resource["resourceType"] == "PaymentReconciliation"]
    assert [(one["status"], one["paymentAmount"]["value"], one["paymentDate"]) for one in payments][1:] == [("active", 3, DAY.isoformat())]
    assert payments[0]["status"] == "draft"
    assert payments[1]["detail"][0]["payee"]["identifier"]["value"] == "PATIENT"


def test_an_event_of_before_that_names_no_day_is_read() -> None:
    kept = json.encode({"type": "OutcomeSettled", "agreement": "oba", "outcome": "o", "code": "c", "refund_minor": 1, "currency": "CNY",
                        "allocation": [["PATIENT", 1]], "decision_sha256": "0"})  # fmt: skip
    assert json.decode(kept, type=OutcomeSettled).refund_due_on is None
