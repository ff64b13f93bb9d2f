"""From quote to settlement on a case: issue, pre-authorise, pay once, settle the outcome."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Category, Refusal
from baybridge.base.time import CHINA
from baybridge.funding.claims.preauthorisation import (
    AnswerPreauthorisation,
    PayBenefit,
    RequestPreauthorisation,
    answer_preauthorisation,
    answer_preauthorisation_blocked,
    pay_benefit,
    pay_benefit_blocked,
    request_preauthorisation,
    request_preauthorisation_blocked,
)
from baybridge.funding.outcome.settling import SettleOutcome, settle_outcome, settle_outcome_blocked
from baybridge.funding.plans.plans import ChosenPlan, Exchange, Household
from baybridge.funding.quote.quotes import kept_quote, recompute
from baybridge.funding.quote.quoting import IssueQuote, QuotedLine, issue_quote
from baybridge.funding.quote.report import as_json
from baybridge.journey.command import FromRecord
from baybridge.journey.events import (
    AgreementEnrolled,
    BenefitPaid,
    Died,
    Event,
    Infused,
    OutcomeSettled,
    ProductRejected,
    QuoteIssued,
    ResponseAssessed,
)
from baybridge.journey.judged import Judged
from funding_material import documents
from funding_situations import NOW, situated

DAY_0 = date(2026, 4, 1)
HOUSEHOLD = Household(
    annual_gross_income="434400.00", net_assets="900000.00", asset_allowance="420000.00", allowable_deductions="180000.00"
)
AGREEMENT = "axi-cel-value-based-2024-out-of-pocket"


def asked(**changes: Any) -> IssueQuote:
    given = IssueQuote(
        event_date=DAY_0,
        currency="HKD",
        bill_lines=(
            QuotedLine(id="drug", category="CAR_T_DRUG", gross="1300000.00"),
            QuotedLine(id="stay", category="INPATIENT", gross="200000.00"),
        ),
        plans=(
            ChosenPlan(plan="hk-ccf-ultra-expensive", household=HOUSEHOLD),
            ChosenPlan(plan="hk-vhis-standard", cap_year_used="30000.00"),
        ),
        agreement=AGREEMENT,
        exchange=(Exchange(currency="CNY", per_bill_unit="0.92", on=date(2026, 2, 27), source="HKAB opening rate"),),
        product="axicabtagene-ciloleucel",
        valid_days=30,
    )
    return type(given)(**({name: getattr(given, name) for name in given.__struct_fields__} | changes))


def issued(**changes: Any) -> tuple[QuoteIssued, dict[str, Any]]:
    judged = issue_quote(situated(), asked(**changes))
    assert isinstance(judged, Judged), judged
    event = judged.events[0]
    assert isinstance(event, QuoteIssued)
    return event, judged.decisions[0]


def codes(answer: Any) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [reason.code.removeprefix("funding.") for reason in answer.reasons]


# --- quote ----------------------------------------------------------------------------------------------------------


def test_a_quote_stacks_plans_and_an_agreement_and_entitles_to_nothing_unverified() -> None:
    event, document = issued()
    layers = {layer["layer"]: layer for layer in document["result"]["layers"]}
    assert [layer["layer"] for layer in document["result"]["layers"]] == ["hk-vhis-standard", "hk-ccf-ultra-expensive"]
    assert layers["hk-vhis-standard"]["benefit"] == "50000.00"
    assert layers["hk-ccf-ultra-expensive"]["benefit"] == "1151120.00"
    assert (event.gross_minor, event.patient_minor, event.entitled_minor) == (150000000, 29888000, 0)
    assert {item.get("plan", item.get("agreement")) for item in document["not_verified"]} == {*layers, AGREEMENT}
    assert document["result"]["entitled_total"] == "0.00"
    assert document["patient_share_if_only_verified_pay"] == "1500000.00"
    assert event.valid_until == date(2026, 3, 31)


def test_the_quotes_event_points_to_the_document_and_the_document_gives_the_same_again() -> None:
    event, document = issued()
    assert event.quote_sha256 == sha256_hex(canonical_bytes(document))
    again = recompute(document)
    assert not isinstance(again, Refusal)
    assert as_json(again) == document["result"]
    assert issued()[1] == document


def test_the_cap_of_an_agreement_is_converted_once_at_a_dated_rate() -> None:
    _, document = issued()
    assert document["inputs"]["oba"]["cap"] == "652173.91"
    assert document["exchange"] == [{"currency": "CNY", "per_bill_unit": "0.92", "on": "2026-02-27", "source": "HKAB opening rate"}]


def test_a_scale_that_ended_before_the_bill_is_said_to_have_ended() -> None:
    words = {word["key"]: word["values"] for word in issued()[1]["words"]}
    assert words["funding.told.scale_ended"] == {"scale": "hk-ccf-scale-2012", "day": "2025-12-31"}


def test_an_agreement_without_a_window_cannot_be_quoted() -> None:
    data = copy.deepcopy(documents())
    data[AGREEMENT]["outcome"]["window_days"] = None
    assert codes(issue_quote(situated(data=data), asked())) == ["quote.agreement_incomplete"]


def test_a_site_plan_with_an_inexact_rate_is_refused() -> None:
    data = copy.deepcopy(documents())
    data["hk-vhis-standard"]["benefit"]["rate"] = 0.1
    assert codes(issue_quote(situated(data=data), asked())) == ["case.rate"]


def test_every_outcome_is_shown_with_its_refund() -> None:
    outcomes = {item["outcome"]: item["refund_total"] for item in issued()[1]["result"]["oba"]}
    assert outcomes["NO_CR_AT_M3"] == "49440.00"  # half of the 98,880.00 that the patient pays for the drug
    assert outcomes["CR_AT_M3"] == "0.00"
    assert outcomes["NOT_INFUSED_OOS"] == "1300000.00"
    assert {"DEATH_DISEASE", "DEATH_NRM", "WINDOW_MISSED"} <= set(outcomes)


REFUSED = [
    ({"plans": (ChosenPlan(plan="nowhere"),)}, ["quote.unknown_plan"]),
    ({"plans": (ChosenPlan(plan="template-plan"),)}, ["quote.unknown_plan"]),
    ({"plans": (ChosenPlan(plan=AGREEMENT),)}, ["quote.unknown_plan"]),
    ({"plans": (ChosenPlan(plan="hk-ccf-ultra-expensive"),)}, ["quote.household_needed"]),
    ({"plans": (ChosenPlan(plan="beijing-puhui-2023"),)}, ["quote.risk_class_needed"]),
    ({"exchange": ()}, ["quote.rate_missing"]),
    ({"exchange": (Exchange(currency="CNY", per_bill_unit="0", on=NOW.date(), source="x"),)}, ["quote.rate_unreadable"]),
    ({"exchange": (Exchange(currency="CNY", per_bill_unit="0.92", on=date(2027, 1, 1), source="x"),)}, ["quote.rate_of_future"]),
    ({"exchange": (Exchange(currency="CNY", per_bill_unit="0.92", on=NOW.date(), source="x"),) * 2}, ["quote.rate_twice"]),
    ({"agreement": "nowhere"}, ["quote.unknown_agreement"]),
    ({"product": "relmacabtagene-autoleucel"}, ["quote.agreement_product"]),
    ({"currency": "EUR", "plans": (), "agreement": None}, ["case.one_of"]),
    ({"bill_lines": (QuotedLine(id="a", category="CAR_T_DRUG", gross="-1.00"),)}, ["case.amount"]),
    ({"plans": (ChosenPlan(plan="nowhere"), ChosenPlan(plan="beijing-puhui-2023")), "exchange": ()}, [
        "quote.unknown_plan", "quote.risk_class_needed", "quote.rate_missing", "quote.rate_missing",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), REFUSED)
def test_what_cannot_be_quoted_is_refused_with_every_reason(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(issue_quote(situated(), asked(**changes))) == expected


def test_no_quote_for_the_dead() -> None:
    assert codes(issue_quote(situated(died(1, "disease")), asked())) == ["journey.case.died"]


def test_buttons_say_what_the_commands_say() -> None:
    """What stands against a command whatever its input is what the command itself answers."""
    event, _ = issued(agreement=None)
    claim = PayBenefit(claim_id="c", payer="PATIENT", amount="1.00", currency="HKD")
    answer = AnswerPreauthorisation(payer="x", plan="y", answer="approved", amount="1.00")
    request = RequestPreauthorisation(plan="hk-vhis-standard")
    late = situated(event, now=NOW + timedelta(days=31))
    assert codes(request_preauthorisation(late, request)) == blocked(request_preauthorisation_blocked(late))
    for situation in (situated(), late):
        assert codes(settle_outcome(situation, SettleOutcome())) == blocked(settle_outcome_blocked(situation)) != []
    assert codes(pay_benefit(situated(), claim)) == blocked(pay_benefit_blocked(situated())) == ["quote.none"]
    assert blocked(answer_preauthorisation_blocked(situated())) == ["preauthorisation.none_asked"]
    assert codes(answer_preauthorisation(situated(), answer)) == ["preauthorisation.not_asked"]


def blocked(reasons: Any) -> list[str]:
    return [reason.code.removeprefix("funding.") for reason in reasons]


def test_a_product_that_a_plan_does_not_list_gets_nothing_from_it() -> None:
    plans = (ChosenPlan(plan="liaocheng-liaohuibao-2022"),)
    _, document = issued(plans=plans, currency="CNY", exchange=(), product="relmacabtagene-autoleucel", agreement=None)
    assert document["result"]["layers"][0]["binding"] == "PAY-DRUG-NOT-LISTED"


def test_a_verified_plan_is_an_entitlement_and_a_changed_plan_changes_the_cited_version() -> None:
    data = copy.deepcopy(documents())
    data["hk-vhis-standard"] |= {"status": "verified", "verified_by": "two readers", "verified_on": date(2026, 2, 1)}
    judged = issue_quote(situated(data=data), asked())
    assert isinstance(judged, Judged)
    document = judged.decisions[0]
    assert document["result"]["entitled_total"] == "50000.00"
    assert document["patient_share_if_only_verified_pay"] == "1450000.00"
    before = {plan["id"]: plan["sha256"] for plan in issued()[1]["plans"]}
    after = {plan["id"]: plan["sha256"] for plan in document["plans"]}
    assert [name for name in before if before[name] != after[name]] == ["hk-vhis-standard"]


def test_a_kept_quote_must_be_the_one_on_the_case_and_give_the_same_again() -> None:
    event, document = issued()
    assert codes(kept_quote(situated())) == ["quote.none"]
    assert codes(kept_quote(situated(event))) == ["quote.document_missing"]
    assert kept_quote(situated(event, quote=document)) == document
    assert kept_quote(situated(event), document) == document
    edited = copy.deepcopy(document)
    edited["inputs"]["bill_lines"][0]["gross"] = "1200000.00"
    assert codes(kept_quote(situated(event, quote=edited))) == ["quote.changed"]
    resealed = replace_sha(event, edited)
    assert codes(kept_quote(situated(resealed, quote=edited))) == ["quote.not_reproduced"]


def replace_sha(event: QuoteIssued, document: dict[str, Any]) -> QuoteIssued:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return QuoteIssued(**(fields | {"quote_sha256": sha256_hex(canonical_bytes(document))}))


# --- pre-authorisation and payment ----------------------------------------------------------------------------------


def test_a_payer_is_asked_for_its_part_once() -> None:
    event, document = issued()
    verdict = request_preauthorisation(situated(event, quote=document), RequestPreauthorisation(plan="hk-vhis-standard"))
    assert isinstance(verdict, tuple)
    (request,) = verdict
    assert (request.payer, request.amount_minor, request.currency) == ("hk-vhis-insurer", 5000000, "HKD")  # type: ignore[attr-defined]
    again = request_preauthorisation(situated(event, request, quote=document), RequestPreauthorisation(plan="hk-vhis-standard"))
    assert codes(again) == ["preauthorisation.asked_before"]
    late = situated(event, quote=document, now=NOW + timedelta(days=31))
    assert codes(request_preauthorisation(late, RequestPreauthorisation(plan="hk-vhis-standard"))) == ["preauthorisation.quote_expired"]
    unknown = request_preauthorisation(situated(event, quote=document), RequestPreauthorisation(plan="beijing-puhui-2023"))
    assert codes(unknown) == ["preauthorisation.plan_not_in_quote"]


def approved_case(amount: str = "50000.00", answer: str = "approved", reason: str = "") -> tuple[Any, ...]:
    event, document = issued()
    asked_for = request_preauthorisation(situated(event, quote=document), RequestPreauthorisation(plan="hk-vhis-standard"))
    assert isinstance(asked_for, tuple)
    given = AnswerPreauthorisation(payer="hk-vhis-insurer", plan="hk-vhis-standard", answer=answer, amount=amount, reason=reason)  # type: ignore[arg-type]
    answered = answer_preauthorisation(situated(event, *asked_for), given)
    return answered if isinstance(answered, Refusal) else (event, *asked_for, *answered)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("amount", "answer", "reason", "expected"),
    [
        ("40000.00", "approved", "", ["preauthorisation.amount_does_not_fit"]),
        ("50000.00", "partially_approved", "x", ["preauthorisation.amount_does_not_fit"]),
        ("40000.00", "partially_approved", "", ["preauthorisation.reason_needed"]),
        ("1.00", "refused", " ", ["preauthorisation.amount_does_not_fit", "preauthorisation.reason_needed"]),
        ("5e3", "approved", "", ["claim.amount"]),
    ],
)
def test_an_answer_must_fit_what_was_asked(amount: str, answer: str, reason: str, expected: list[str]) -> None:
    assert codes(approved_case(amount, answer, reason)) == expected


def test_nobody_answers_what_was_not_asked() -> None:
    given = AnswerPreauthorisation(payer="hk-ccf", plan="hk-ccf-ultra-expensive", answer="approved", amount="1.00")
    assert codes(answer_preauthorisation(situated(*approved_case()), given)) == ["preauthorisation.not_asked"]


def test_a_claim_sent_twice_pays_once() -> None:
    events = approved_case()
    claim = PayBenefit(claim_id="c1", payer="hk-vhis-insurer", amount="30000.00", currency="HKD")
    paid = pay_benefit(situated(*events), claim)
    assert isinstance(paid, tuple)
    again = pay_benefit(situated(*events, *paid), claim)
    assert codes(again) == ["claim.paid_before"]
    assert isinstance(again, Refusal)
    assert again.category is Category.CONFLICT
    other = PayBenefit(claim_id="c1", payer="hk-vhis-insurer", amount="20000.00", currency="HKD")
    assert codes(pay_benefit(situated(*events, *paid), other)) == ["claim.id_used"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"amount": "20000.01"}, ["claim.above_limit"]),
        ({"amount": "0.00"}, ["claim.nothing"]),
        ({"amount": "-1.00"}, ["claim.amount"]),
        ({"currency": "CNY"}, ["claim.currency"]),
        ({"payer": "hk-ccf"}, ["claim.not_approved"]),
        ({"payer": "PATIENT", "amount": "298880.01"}, ["claim.above_limit"]),
    ],
)
def test_no_payment_above_what_was_approved(changes: dict[str, str], expected: list[str]) -> None:
    before = BenefitPaid(claim_id="c1", payer="hk-vhis-insurer", amount_minor=3000000, currency="HKD")
    given = {"claim_id": "c2", "payer": "hk-vhis-insurer", "amount": "20000.00", "currency": "HKD"}
    assert isinstance(pay_benefit(situated(*approved_case(), before), PayBenefit(**given)), tuple)
    assert codes(pay_benefit(situated(*approved_case(), before), PayBenefit(**(given | changes)))) == expected


def test_an_answer_to_an_earlier_request_approves_nothing() -> None:
    event, request, answer = approved_case()
    given = PayBenefit(claim_id="c", payer="hk-vhis-insurer", amount="1.00", currency="HKD")
    assert codes(pay_benefit(situated(event, request, answer, request), given)) == ["claim.not_approved"]


# --- settlement -----------------------------------------------------------------------------------------------------


def infused() -> Infused:
    started = datetime(DAY_0.year, DAY_0.month, DAY_0.day, 10, tzinfo=CHINA)
    ended = started + timedelta(minutes=20)
    return Infused(
        product="axicabtagene-ciloleucel", batch="b", bag="g", chain_of_identity="c", started_at=started, ended_at=ended, entire_volume=True
    )  # fmt: skip


def read(day: int, category: str = "PD", first: str = "r1", second: str | None = "r2", timepoint: str = "M3") -> ResponseAssessed:
    return ResponseAssessed(
        timepoint=timepoint,  # type: ignore[arg-type]
        criteria="lugano-2014",
        category=category,  # type: ignore[arg-type]
        assessed_on=DAY_0 + timedelta(days=day),
        first_reader=first,
        second_reader=second,
    )


def died(day: int, cause: str) -> Died:
    return Died(died_on=DAY_0 + timedelta(days=day), cause=cause)  # type: ignore[arg-type]


def enrolled(agreement: str = AGREEMENT) -> AgreementEnrolled:
    return AgreementEnrolled(enrolment_id="E-1", agreement=agreement, agreement_sha256="0", quote_sha256="0", enrolled_on=DAY_0 - timedelta(days=20))


def settled(*events: Event, day: int = 95, agreement: str = AGREEMENT, **given: Any) -> Any:
    event, document = issued(agreement=agreement)
    now = datetime(DAY_0.year, DAY_0.month, DAY_0.day, 12, tzinfo=CHINA) + timedelta(days=day)
    return settle_outcome(situated(event, enrolled(agreement), *events, now=now, quote=document), SettleOutcome(**given))


SETTLED = [
    # what happened after infusion, day of asking -> outcome, code, refund
    ([read(90)], 95, "NO_CR_AT_M3", "OBA-REFUND-DUE", 4944000),
    ([read(90, "CR")], 95, "CR_AT_M3", "OBA-NO-REFUND", 0),
    ([read(90, "sCR")], 95, "CR_AT_M3", "OBA-NO-REFUND", 0),
    ([read(90, "PR")], 95, "NO_CR_AT_M3", "OBA-REFUND-DUE", 4944000),
    ([read(76)], 95, "NO_CR_AT_M3", "OBA-REFUND-DUE", 4944000),
    ([read(104)], 110, "NO_CR_AT_M3", "OBA-REFUND-DUE", 4944000),
    ([read(28, "CR", timepoint="D28"), read(91)], 95, "NO_CR_AT_M3", "OBA-REFUND-DUE", 4944000),
    ([read(90, second=None), read(90, first="r3", second=None)], 95, "NO_CR_AT_M3", "OBA-REFUND-DUE", 4944000),
    ([read(88, "CR", second=None), read(90, first="r3", second=None), read(92)], 95, "NO_CR_AT_M3", "OBA-REFUND-DUE", 4944000),
    ([read(80, "CR"), read(95)], 99, "NO_CR_AT_M3", "OBA-REFUND-DUE", 4944000),
    ([read(80, "CR"), died(85, "disease")], 95, "CR_AT_M3", "OBA-NO-REFUND", 0),
]


@pytest.mark.parametrize(("events", "day", "outcome", "code", "refund"), SETTLED)
def test_settlement(events: list[Event], day: int, outcome: str, code: str, refund: int) -> None:
    judged = settled(infused(), *events, day=day)
    assert isinstance(judged, Judged), judged
    event = judged.events[0]
    assert isinstance(event, OutcomeSettled)
    assert (event.outcome, event.code, event.refund_minor) == (outcome, code, refund)
    assert event.allocation == ((("PATIENT", refund),) if refund else ())
    assert event.decision_sha256 == sha256_hex(canonical_bytes(judged.decisions[0]))
    assert "r1" not in str(judged.decisions[0])


#: Outcomes of which the agreement does not say what follows: what happened, day of asking -> outcome, code where there is no refund.
LEFT_OPEN = [
    ([read(75)], 105, "WINDOW_MISSED", "OBA-WINDOW-MISSED"),
    ([read(105)], 105, "WINDOW_MISSED", "OBA-WINDOW-MISSED"),
    ([], 105, "WINDOW_MISSED", "OBA-WINDOW-MISSED"),
    ([read(90, second=None)], 105, "WINDOW_MISSED", "OBA-WINDOW-MISSED"),
    ([read(90, second="r1")], 105, "WINDOW_MISSED", "OBA-WINDOW-MISSED"),
    ([read(90, timepoint="other")], 105, "WINDOW_MISSED", "OBA-WINDOW-MISSED"),
    ([died(40, "disease")], 50, "DEATH_DISEASE", "OBA-DEATH-DISEASE"),
    ([died(40, "non_relapse")], 50, "DEATH_NRM", "OBA-DEATH-NRM"),
]


@pytest.mark.parametrize(("events", "day", "outcome", "code"), LEFT_OPEN)
def test_what_the_agreement_does_not_say_is_settled_on_the_programmes_written_answer_alone(
    events: list[Event], day: int, outcome: str, code: str
) -> None:
    asking = settled(infused(), *events, day=day)
    assert codes(asking) == ["settle.rule_open"]
    assert asking.reasons[0].values["outcome"] == outcome
    assert codes(settled(infused(), *events, day=day, ruling="refund")) == ["settle.ruling_source"]
    answered = {"ruling_source": "letter of 2026-08-01, signed by the programme"}
    refunded = settled(infused(), *events, day=day, ruling="refund", **answered).events[0]
    assert (refunded.outcome, refunded.code, refunded.refund_minor) == (outcome, "OBA-REFUND-DUE", 4944000)
    nothing = settled(infused(), *events, day=day, ruling="no_refund", **answered).events[0]
    assert (nothing.outcome, nothing.code, nothing.refund_minor) == (outcome, code, 0)
    returned = settled(infused(), *events, day=day, ruling="void", **answered).events[0]
    assert returned.refund_minor == 130000000


def test_an_answer_that_the_agreement_gives_itself_is_not_taken_from_elsewhere() -> None:
    given = {"ruling": "no_refund", "ruling_source": "a call"}
    assert codes(settled(infused(), read(90), **given)) == ["settle.ruling_not_asked"]


def test_readers_who_sign_against_each_other_on_a_day_need_a_third() -> None:
    two = [read(90, "CR"), read(90, "PD", first="r3", second="r4")]
    assert codes(settled(infused(), *two)) == ["settle.adjudicate"]
    assert settled(infused(), *two, read(90, "PD", first="r5", second="r6")).events[0].outcome == "NO_CR_AT_M3"


def test_a_patient_who_was_not_enrolled_has_nothing_to_settle() -> None:
    event, document = issued()
    situation = situated(event, infused(), read(90), now=datetime(2026, 7, 10, tzinfo=CHINA), quote=document)
    assert codes(settle_outcome(situation, SettleOutcome())) == ["settle.not_enrolled"]


NOT_SETTLED = [
    ([infused()], 95, None, ["settle.pending"]),
    ([infused()], 104, None, ["settle.pending"]),
    ([infused(), read(90, second=None)], 95, None, ["settle.pending"]),
    ([infused(), read(90, "CR", second=None), read(91, first="r3", second=None)], 95, None, ["settle.adjudicate"]),
    ([infused(), died(40, "unknown")], 50, None, ["settle.cause_unknown"]),
    ([], 95, None, ["settle.not_infused"]),
    ([], 95, "OOS_INFUSED", ["settle.not_infused"]),
    ([], 95, "NOT_INFUSED_OOS", ["settle.not_rejected"]),
    ([infused()], 95, "NOT_INFUSED", ["settle.was_infused"]),
    ([infused()], 95, "RETREATED", ["settle.not_retreated"]),
    ([infused(), infused()], 95, "RETREATED", ["settle.rule_open"]),
    ([infused()], 95, "WITHDRAWN", ["settle.rule_open"]),
    ([infused()], 95, "OOS_INFUSED", ["settle.rule_open"]),
]


@pytest.mark.parametrize(("events", "day", "declared", "expected"), NOT_SETTLED)
def test_nothing_is_settled_before_it_is_known(events: list[Event], day: int, declared: Any, expected: list[str]) -> None:
    assert codes(settled(*events, day=day, declared=declared)) == expected


def test_not_infused_because_out_of_specification_returns_everything_to_whoever_paid() -> None:
    rejected = ProductRejected(batch="b", chain_of_identity="c", failed=("viability",), decision_sha256="0")
    event = settled(rejected, declared="NOT_INFUSED_OOS").events[0]
    assert (event.code, event.refund_minor) == ("OBA-VOID-NOT-INFUSED", 130000000)
    assert dict(event.allocation) == {"hk-vhis-standard": 5000000, "hk-ccf-ultra-expensive": 115112000, "PATIENT": 9888000}


def test_nobody_gets_back_more_than_was_recorded_as_paid() -> None:
    paid = BenefitPaid(claim_id="c", payer="PATIENT", amount_minor=1000000, currency="HKD")
    assert settled(infused(), read(90), paid).events[0].refund_minor == 500000


def test_the_two_reported_readings_of_one_programme_differ_where_others_paid_too() -> None:
    event = settled(infused(), read(90), agreement="axi-cel-value-based-2024-list-price").events[0]
    assert event.refund_minor == 65000000  # half of the price of 1,300,000.00, below the cap of 652,173.91
    assert dict(event.allocation)["PATIENT"] == 9888000


def test_settled_once() -> None:
    first = settled(infused(), read(90)).events[0]
    assert codes(settled(infused(), read(90), first)) == ["settle.settled_before"]


def test_other_criteria_than_the_agreement_names_do_not_count() -> None:
    data = copy.deepcopy(documents())
    data[AGREEMENT]["outcome"]["criteria"] = "cheson-2007"
    judged = issue_quote(situated(data=data), asked())
    assert isinstance(judged, Judged)
    now = datetime(2026, 7, 20, tzinfo=CHINA)
    situation = situated(*judged.events, enrolled(), infused(), read(90), now=now, quote=judged.decisions[0])
    answer = settle_outcome(situation, SettleOutcome(ruling="no_refund", ruling_source="letter"))
    assert isinstance(answer, Judged)
    assert answer.events[0].code == "OBA-WINDOW-MISSED"  # type: ignore[attr-defined]


def test_a_quote_without_agreement_has_nothing_to_settle() -> None:
    event, document = issued(agreement=None)
    situation = replace(situated(event, infused(), read(90)), record=FromRecord(quote=document))
    assert codes(settle_outcome(situation, SettleOutcome())) == ["settle.no_agreement"]
