"""Funding: who pays what of a bill to the cent, what is left to the patient, and what comes back in which outcome."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.money import parse_minor
from baybridge.base.outcome import Refusal
from baybridge.documents.loader import Documents
from baybridge.funding.outcome.agreement import settle
from baybridge.funding.plans.layers import written_scale
from baybridge.funding.plans.plans import ChosenPlan, Household, layer_from, status_of
from baybridge.funding.plans.terms import Agreement, Allocation, RefundBasis
from baybridge.funding.quote.case import parse_json, read_cases, read_written_cases
from funding_material import a_case, bill, documents, funded, layer, problems, scale

PUBLISHED = json.loads((Path(__file__).parent / "funding_published.json").read_text(encoding="utf-8"))


def part_of(expected: Any, found: Any) -> Any:
    """`found` cut down to what `expected` speaks of."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return {key: part_of(value, found.get(key, "(missing)")) for key, value in expected.items()}
    if isinstance(expected, list) and isinstance(found, list):
        return [part_of(e, f) for e, f in zip(expected, found, strict=False)] + found[len(expected) :]
    return found


# --- published examples ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", PUBLISHED, ids=[case["id"] for case in PUBLISHED])
def test_published_example(case: dict[str, Any]) -> None:
    expected = case["expected"]
    for written in (case, {"currency": case["currency"], **case["inputs"]}):
        found = funded(written)
        assert part_of(expected, found) == expected
        assert found["patient_share_by_line"] == expected["patient_share_by_line"]
        for mine, theirs in zip(found["layers"], expected["layers"], strict=True):
            assert ("allocation" in mine) == ("allocation" in theirs)


def test_a_list_of_cases_is_read_in_order() -> None:
    read = read_cases(PUBLISHED, scale())
    assert not isinstance(read, Refusal)
    assert [case.case_id for case in read] == ["PV-01", "PV-02", "PV-06", "PV-09", "PV-10"]


# --- one layer ------------------------------------------------------------------------------------------------------

ONE_LAYER = [
    # terms of the layer over a bill of 1000.00 on 2026-03-10 -> benefit, binding
    ({"rate": "0.80"}, "800.00", "PAY-RATE"),
    ({"rate": "0"}, "0.00", "PAY-RATE"),
    ({"rate": "0.333333"}, "333.33", "PAY-RATE"),
    ({"rate": "0.0000050"}, "0.01", "PAY-RATE"),  # half a cent is rounded up
    ({"rate": "0.0000049"}, "0.00", "PAY-RATE"),
    ({"rate": "0.80", "deductible": "100.00"}, "720.00", "PAY-RATE"),
    ({"rate": "0.80", "deductible": "100.00", "deductible_used": "40.00"}, "752.00", "PAY-RATE"),
    ({"rate": "0.80", "deductible": "100.00", "deductible_used": "140.00"}, "800.00", "PAY-RATE"),
    ({"rate": "0.80", "deductible": "5000.00"}, "0.00", "PAY-RATE"),
    ({"bands": [{"up_to": "200.00", "rate": "0.50"}, {"up_to": "600.00", "rate": "0.60"}, {"rate": "0.90"}]}, "700.00", "PAY-RATE"),
    ({"bands": [{"up_to": "200.00", "rate": "0.50"}, {"rate": "0.60"}], "deductible": "100.00"}, "520.00", "PAY-RATE"),
    ({"cap_event": "300.00"}, "300.00", "PAY-CAP:cap_event"),
    ({"cap_year": "300.00", "cap_year_used": "250.00"}, "50.00", "PAY-CAP:cap_year"),
    ({"cap_year": "300.00", "cap_year_used": "350.00"}, "0.00", "PAY-CAP:cap_year"),
    ({"cap_lifetime": "999.99"}, "999.99", "PAY-CAP:cap_lifetime"),
    ({"cap_event": "1000.00"}, "1000.00", "PAY-RATE"),  # a cap that takes nothing away does not bind
    ({"cap_event": "500.00", "cap_year": "400.00", "cap_lifetime": "450.00"}, "400.00", "PAY-CAP:cap_year"),
    ({"cap_event": "400.00", "cap_year": "400.00", "cap_lifetime": "400.00"}, "400.00", "PAY-CAP:cap_event"),
    ({"cap_year": "400.00", "cap_lifetime": "400.00"}, "400.00", "PAY-CAP:cap_year"),
    ({"kind": "FIXED_GRANT", "amount": "250.00"}, "250.00", "PAY-FIXED"),
    ({"kind": "FIXED_GRANT", "amount": "2500.00"}, "1000.00", "PAY-RESIDUAL-LIMIT"),
    ({"kind": "FIXED_GRANT", "amount": "250.00", "cap_lifetime": "100.00"}, "100.00", "PAY-CAP:cap_lifetime"),
    ({"covers": ["TRAVEL"]}, "0.00", "PAY-NOT-COVERED"),
    ({"effective_from": "2026-03-11"}, "0.00", "PAY-NOT-IN-FORCE"),
    ({"effective_from": "2026-03-10"}, "1000.00", "PAY-RATE"),
    ({"effective_to": "2026-03-09"}, "0.00", "PAY-LAPSED"),
    ({"effective_to": "2026-03-10"}, "1000.00", "PAY-RATE"),
    ({"effective_from": "2026-02-10", "waiting_days": 28}, "1000.00", "PAY-RATE"),  # that day pays
    ({"effective_from": "2026-02-10", "waiting_days": 29}, "0.00", "PAY-WAITING-PERIOD"),
    ({"excluded": ["PAY-EXCLUDED-PREEXISTING"]}, "0.00", "PAY-EXCLUDED-PREEXISTING"),
    ({"layer_ccy": "HKD", "fx_to_layer_ccy": "1.0873", "rate": "0.50"}, "500.00", "PAY-RATE"),
    ({"layer_ccy": "HKD", "fx_to_layer_ccy": "1.0873", "cap_event": "100.00"}, "91.97", "PAY-CAP:cap_event"),
    ({"layer_ccy": "HKD", "fx_to_layer_ccy": "1.25", "deductible": "100.00"}, "920.00", "PAY-RATE"),
]


@pytest.mark.parametrize(("terms", "benefit", "binding"), ONE_LAYER)
def test_one_layer(terms: dict[str, Any], benefit: str, binding: str) -> None:
    found = funded(a_case(layer(**terms)))
    assert (found["layers"][0]["benefit"], found["layers"][0]["binding"]) == (benefit, binding)
    assert parse_minor(found["patient_share"]) == 100000 - parse_minor(benefit)


def test_every_reason_why_nothing_is_paid_is_told() -> None:
    found = funded(a_case(layer(covers=["TRAVEL"], effective_to="2020-01-01", excluded=["PAY-SITE-NOT-LISTED"])))
    assert found["layers"][0]["binding"] == "PAY-LAPSED"
    assert found["layers"][0]["notes"] == ["PAY-SITE-NOT-LISTED", "PAY-NOT-COVERED"]


@pytest.mark.parametrize(
    ("dates", "code"),
    [
        ({"effective_to": "2026-03-09"}, "PAY-LAPSED"),
        ({"effective_from": "2026-03-11"}, "PAY-NOT-IN-FORCE"),
        ({"effective_from": "2026-03-01", "waiting_days": 60}, "PAY-WAITING-PERIOD"),
    ],
)
def test_a_plan_out_of_force_says_so_even_where_it_covers_no_charge(dates: dict[str, Any], code: str) -> None:
    found = funded(a_case(layer(covers=["TRAVEL"], **dates)))["layers"][0]
    assert (found["binding"], found["notes"]) == (code, ["PAY-NOT-COVERED"])


def test_a_foreign_layer_shows_its_own_currency_too() -> None:
    found = funded(a_case(layer(layer_ccy="HKD", fx_to_layer_ccy="1.25", deductible="100.00", rate="0.80")))["layers"][0]
    assert (found["base"], found["benefit"]) == ("1000.00", "736.00")
    assert found["in_layer_ccy"] == {
        "currency": "HKD",
        "base": "1250.00",
        "deductible_applied": "100.00",
        "after_deductible": "1150.00",
        "raw_benefit": "920.00",
        "benefit": "920.00",
    }


# --- several layers -------------------------------------------------------------------------------------------------


def test_layers_pay_by_order_not_by_place_in_the_file() -> None:
    first, second = layer("first", rate="0.50"), layer("second", rate="1.00", cap_event="100.00")
    found = funded(a_case({**second, "order": 20}, {**first, "order": 10}))
    assert [item["layer"] for item in found["layers"]] == ["first", "second"]
    assert found["conservation"] == "500.00 + 100.00 + 400.00 = 1000.00"


def test_gross_basis_counts_the_charge_but_never_pays_above_what_is_left() -> None:
    found = funded(a_case(layer("A", rate="0.70"), layer("B", rate="0.70", basis="GROSS"), layer("C", rate="0.70")))
    assert [(item["base"], item["benefit"], item["binding"]) for item in found["layers"]] == [
        ("1000.00", "700.00", "PAY-RATE"),
        ("1000.00", "300.00", "PAY-RESIDUAL-LIMIT"),
        ("0.00", "0.00", "PAY-RATE"),
    ]


def test_a_benefit_is_split_over_lines_by_what_is_left_ties_to_the_lowest_id() -> None:
    lines = [bill("0.01", line_id=name) for name in ("c", "a", "b")]
    found = funded(a_case(layer(rate="0.50"), lines=lines))
    assert found["layers"][0]["benefit"] == "0.02"
    assert found["patient_share_by_line"] == {"a": "0.00", "b": "0.00", "c": "0.01"}


def test_layers_of_one_group_share_a_deductible() -> None:
    terms = {"deductible": "300.00", "deductible_group": "city", "cap_event": "100.00"}
    found = funded(a_case(layer("A", **terms), layer("B", **terms), lines=[bill("200.00"), bill("900.00", "STAY", "stay")]))
    assert [item["deductible_applied"] for item in found["layers"]] == ["200.00", "100.00"]


@pytest.mark.parametrize(
    ("status", "entitled", "notes"),
    [
        ({}, "800.00", []),
        ({"status": "verified"}, "800.00", []),
        ({"status": "unverified"}, "0.00", ["PAY-UNVERIFIED-PLAN"]),
        ({"status": "expired"}, "0.00", ["PAY-UNVERIFIED-PLAN"]),
        ({"status": None}, "0.00", ["PAY-UNVERIFIED-PLAN"]),
    ],
)
def test_an_unverified_plan_is_computed_and_never_an_entitlement(status: dict[str, Any], entitled: str, notes: list[str]) -> None:
    found = funded(a_case(layer(rate="0.80", **status)))
    assert found["layers"][0]["benefit"] == "800.00"
    assert (found["entitled_total"], found["layers"][0]["notes"]) == (entitled, notes)


# --- refunds --------------------------------------------------------------------------------------------------------

TWO_PAYERS = [layer("A", rate="0.60"), layer("B", rate="0.50")]  # of 1000.00: A 600, B 200, patient 200
REFUNDS = [
    # basis, rate, cap, allocation -> refunds by payer
    ("LIST_PRICE", "0.50", None, "PATIENT_ONLY", {"PATIENT": "200.00", "A": "225.00", "B": "75.00"}),
    ("LIST_PRICE", "0.50", None, "PRO_RATA_BY_CONTRIBUTION", {"A": "300.00", "B": "100.00", "PATIENT": "100.00"}),
    ("LIST_PRICE", "0.50", None, "INSURER_FIRST", {"A": "500.00"}),
    ("LIST_PRICE", "0.90", None, "INSURER_FIRST", {"A": "600.00", "B": "200.00", "PATIENT": "100.00"}),
    ("PATIENT_OOP_DRUG", "0.50", None, "PATIENT_ONLY", {"PATIENT": "100.00"}),
    ("PATIENT_OOP_DRUG", "0.50", "60.00", "PATIENT_ONLY", {"PATIENT": "60.00"}),
    ("NET_PAID", "1", None, "INSURER_FIRST", {"A": "600.00", "B": "200.00", "PATIENT": "200.00"}),
    ("NET_PAID", "0.001", None, "PRO_RATA_BY_CONTRIBUTION", {"A": "0.60", "B": "0.20", "PATIENT": "0.20"}),
    ("PATIENT_OOP_DRUG", "0.00005", None, "PRO_RATA_BY_CONTRIBUTION", {"A": "0.01"}),
    ("PATIENT_OOP_DRUG", "0", None, "PRO_RATA_BY_CONTRIBUTION", {}),
]


@pytest.mark.parametrize(("basis", "rate", "cap", "allocation", "shares"), REFUNDS)
def test_refund(basis: str, rate: str, cap: str | None, allocation: str, shares: dict[str, str]) -> None:
    oba = {"basis": basis, "rate": rate, "cap": cap, "allocation": allocation}
    oba |= {"refund_outcomes": ["NO_CR_AT_M3"], "cases": [{"outcome": "NO_CR_AT_M3"}]}
    lines = [bill(), bill("70.00", "TRAVEL", "travel")]
    found = funded(a_case(*TWO_PAYERS, lines=lines, oba=oba))["oba"][0]
    assert found["code"] == "OBA-REFUND-DUE"
    assert found["refund_allocation"] == shares
    assert set(found["net_by_payer_on_drug"]) == {"A", "B", "PATIENT"}
    back = parse_minor(shares.get("PATIENT", "0.00"))
    assert parse_minor(found["patient_net_all_lines"]) == 27000 - back
    assert sum(map(parse_minor, found["net_by_payer_on_drug"].values())) == 100000 - parse_minor(found["refund_total"])


OUTCOMES = [
    ("CR_AT_M3", "OBA-NO-REFUND", "0.00"),
    ("ANYTHING_ELSE", "OBA-NO-REFUND", "0.00"),
    ("NO_CR_AT_M3", "OBA-REFUND-DUE", "100.00"),
    ("NOT_INFUSED_OOS", "OBA-VOID-NOT-INFUSED", "1000.00"),
    ("PENDING", "OBA-PENDING", "0.00"),
    ("READERS_DISAGREE", "OBA-ADJUDICATE", "0.00"),
    ("DEATH_DISEASE", "OBA-DEATH-DISEASE", "0.00"),
    ("DEATH_NRM", "OBA-DEATH-NRM", "0.00"),
    ("WINDOW_MISSED", "OBA-WINDOW-MISSED", "0.00"),
    ("OOS_INFUSED", "OBA-OOS-INFUSED", "0.00"),
]


@pytest.mark.parametrize(("outcome", "code", "refund"), OUTCOMES)
def test_outcome_code(outcome: str, code: str, refund: str) -> None:
    oba = {"basis": "PATIENT_OOP_DRUG", "rate": "0.50", "allocation": "PATIENT_ONLY", "cases": [{"outcome": outcome}]}
    oba |= {"refund_outcomes": ["NO_CR_AT_M3"], "void_outcomes": ["NOT_INFUSED_OOS"]}
    found = funded(a_case(*TWO_PAYERS, oba=oba))["oba"][0]
    assert (found["code"], found["refund_total"]) == (code, refund)


def test_an_agreement_that_refunds_on_death_says_so_by_listing_it() -> None:
    oba = {"basis": "LIST_PRICE", "rate": "0.10", "allocation": "PATIENT_ONLY", "refund_outcomes": ["DEATH_NRM"]}
    found = funded(a_case(oba={**oba, "cases": [{"outcome": "DEATH_NRM"}]}))["oba"][0]
    assert (found["code"], found["refund_total"]) == ("OBA-REFUND-DUE", "100.00")


def test_net_paid_is_after_earlier_refunds() -> None:
    oba = {"basis": "NET_PAID", "rate": "0.50", "allocation": "PRO_RATA_BY_CONTRIBUTION", "refund_outcomes": ["X"]}
    oba |= {"earlier_refunds": {"A": "600.00"}, "cases": [{"outcome": "X"}]}
    found = funded(a_case(*TWO_PAYERS, oba=oba))["oba"][0]
    assert found["refund_allocation"] == {"B": "100.00", "PATIENT": "100.00"}
    assert found["net_by_payer_on_drug"] == {"A": "0.00", "B": "100.00", "PATIENT": "100.00"}


# --- tenders --------------------------------------------------------------------------------------------------------


def test_refunds_go_back_by_tender_at_the_rate_of_the_day_they_were_paid() -> None:
    tenders = [
        {"currency": "HKD", "bill_ccy_amount": "333.33", "rate_bill_to_tender": "1.0873"},
        {"currency": "MOP", "bill_ccy_amount": "333.33", "rate_bill_to_tender": "1.12"},
        {"currency": "CNY", "remainder": True, "rate_bill_to_tender": "1"},
    ]
    oba = {"basis": "LIST_PRICE", "rate": "0.50", "allocation": "PATIENT_ONLY", "refund_outcomes": ["X"], "cases": [{"outcome": "X"}]}
    found = funded(a_case(oba=oba, settlement={"tenders": tenders}))
    assert found["settlement"] == {
        "tenders": [
            {"currency": "HKD", "bill_ccy_amount": "333.33", "rate": "1.0873", "tender_amount": "362.43"},
            {"currency": "MOP", "bill_ccy_amount": "333.33", "rate": "1.12", "tender_amount": "373.33"},
            {"currency": "CNY", "bill_ccy_amount": "333.34", "rate": "1", "tender_amount": "333.34"},
        ],
        "bill_ccy_sum": "1000.00",
    }
    assert found["oba"][0]["refund_by_tender"] == [
        {"currency": "HKD", "bill_ccy": "166.67", "tender_amount_at_original_rate": "181.22"},
        {"currency": "MOP", "bill_ccy": "166.66", "tender_amount_at_original_rate": "186.66"},
        {"currency": "CNY", "bill_ccy": "166.67", "tender_amount_at_original_rate": "166.67"},
    ]


# --- bad input ------------------------------------------------------------------------------------------------------

WRONG = [
    (a_case(lines=[bill("-1.00")]), [("bill_lines[0].gross", "amount")]),
    (a_case(lines=[bill("12.345")]), [("bill_lines[0].gross", "amount")]),
    (a_case(lines=[bill("1,000.00")]), [("bill_lines[0].gross", "amount")]),
    (a_case(lines=[{**bill(), "gross": 1000}]), [("bill_lines[0].gross", "amount")]),
    (a_case(lines=[{"id": "a", "category": "b"}]), [("bill_lines[0].gross", "amount")]),
    (a_case(lines=[bill(), bill()]), [("bill_lines[1].id", "duplicate")]),
    ({**a_case(), "bill_lines": []}, [("bill_lines", "list")]),
    ({**a_case(), "currency": "EUR"}, [("currency", "one_of")]),
    ({**a_case(), "event_date": "10/03/2026"}, [("event_date", "day")]),
    (a_case(layer(rate="1.01")), [("layers[0].rate", "rate")]),
    (a_case(layer(rate="-0.1")), [("layers[0].rate", "rate")]),
    (a_case(layer(rate="80%")), [("layers[0].rate", "rate")]),
    (a_case(layer(rate=None)), [("layers[0].rate", "rate_or_bands")]),
    (a_case(layer(rate="0.5", bands=[{"rate": "0.5"}])), [("layers[0].rate", "rate_or_bands")]),
    (a_case(layer(bands=[{"up_to": "5.00", "rate": "0.5"}])), [("layers[0].bands", "bands_order")]),
    (a_case(layer(bands=[{"up_to": "5.00", "rate": "1"}] * 2 + [{"rate": "1"}])), [("layers[0].bands", "bands_order")]),
    (a_case(layer(kind="LOAN", rate="1.00")), [("layers[0].kind", "one_of")]),
    (a_case(layer(basis="NET")), [("layers[0].basis", "one_of")]),
    (a_case(layer("A"), layer("A")), [("layers[1].id", "duplicate")]),
    (a_case(layer("PATIENT")), [("layers[0].id", "reserved")]),
    (a_case(layer(covers=[])), [("layers[0].covers", "texts")]),
    (a_case(layer(layer_ccy="HKD")), [("layers[0].fx_to_layer_ccy", "exchange_rate")]),
    (a_case(layer(layer_ccy="HKD", fx_to_layer_ccy="0")), [("layers[0].fx_to_layer_ccy", "exchange_rate")]),
    (a_case(layer(fx_to_layer_ccy="1.08")), [("layers[0].fx_to_layer_ccy", "rate_of_same")]),
    (a_case(layer(waiting_days=30)), [("layers[0].effective_from", "waiting_needs_start")]),
    (a_case(layer(waiting_days=1.5, effective_from="2026-01-01")), [("layers[0].waiting_days", "whole")]),
    (a_case(layer(effective_from="2026-02-01", effective_to="2026-01-01")), [("layers[0].effective_to", "dates_order")]),
    (
        a_case(layer("A", deductible_group="g"), layer("B", deductible_group="g", layer_ccy="HKD", fx_to_layer_ccy="1.1")),
        [("layers[0].deductible_group", "group_currency"), ("layers[1].deductible_group", "group_currency")],
    ),
    (a_case(layer(deductable="5.00")), [("layers[0].deductable", "misspelt")]),
    (a_case(layer(kind="MEANS_TESTED")), [("layers[0].means_test", "object")]),
    (a_case(layer(kind="FIXED_GRANT")), [("layers[0].amount", "amount")]),
    (a_case(layer(kind="FIXED_GRANT", amount="5.00", rate="0.5")), [("layers[0].rate", "not_of_kind")]),
    (a_case(instalments={"count": 0}), [("instalments.count", "whole")]),
    (a_case(instalments={"count": "7"}), [("instalments.count", "whole")]),
    (a_case(settlement={"tenders": []}), [("settlement.tenders", "list")]),
    (
        a_case(settlement={"tenders": [{"currency": "HKD", "remainder": True}]}),
        [("settlement.tenders[0].rate_bill_to_tender", "exchange_rate")],
    ),
    (a_case(settlement={"tenders": [{"currency": "CNY"}]}), [("settlement.tenders[0].remainder", "amount_or_remainder")]),
    (a_case(settlement={"tenders": [{"currency": "CNY", "bill_ccy_amount": "1.00"}]}), [("settlement.tenders", "tenders_sum")]),
    (a_case(settlement={"tenders": [{"currency": "CNY", "remainder": True}] * 2}), [("settlement.tenders", "remainder_twice")]),
    (
        a_case(oba={"basis": "LIST_PRICE", "rate": "2", "allocation": "NOBODY", "refund_outcomes": ["PENDING"]}),
        [("oba.rate", "rate"), ("oba.allocation", "one_of"), ("oba.refund_outcomes", "outcome_open")],
    ),
    ({**a_case(), "inputs": {"currency": "HKD"}}, [("currency", "said_twice")]),
    ({**a_case(), "inputs": ["currency"]}, [("inputs", "object")]),
    (a_case(layer(covers=["CAR_T_DRUG", 7])), [("layers[0].covers[1]", "text")]),
    (a_case(layer("A", bands=[{"up_to": "x", "rate": "1"}, {"rate": "2"}])), [("layers[0].bands[0].up_to", "amount"), ("layers[0].bands[1].rate", "rate")]),
    (["no object"], [("[0]", "object")]),
    ("text", [("", "object")]),
]


@pytest.mark.parametrize(("data", "expected"), WRONG)
def test_bad_input_is_refused_with_its_place(data: Any, expected: list[tuple[str, str]]) -> None:
    assert problems(data) == expected


def test_all_problems_are_told_at_once() -> None:
    broken = a_case(layer(rate="2"), layer("B", deductible="-5.00", covers=None), lines=[bill("x")])
    assert [where for where, _ in problems(broken)] == ["bill_lines[0].gross", "layers[0].rate", "layers[1].covers", "layers[1].deductible"]


@pytest.mark.parametrize("text", ['{"a": NaN}', "{", "", b"\xff\xfe\x00", '{"gross": "1.00", "gross": "2.00"}', "[" * 100_000])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    assert isinstance(parse_json(text), Refusal)


def test_words_where_an_amount_was_meant_are_not_repeated() -> None:
    read = read_cases(a_case(lines=[bill("Chan Tai Man")]), scale())
    assert isinstance(read, Refusal)
    assert "Chan" not in str(read)


# --- documents ------------------------------------------------------------------------------------------------------

BENEFITS = {name: document for name, document in documents().items() if document.get("shape") == "benefit"}
AGREEMENTS = {name: document for name, document in documents().items() if document.get("shape") == "agreement"}
PLAN_CASES = [(name, case) for name, document in BENEFITS.items() for case in document["cases"]]
AGREEMENT_CASES = [(name, case) for name, document in AGREEMENTS.items() for case in document["cases"]]


def plan_case(document: dict[str, Any], case: dict[str, Any]) -> tuple[str, str]:
    """What a plan document gives for one of its own cases: benefit and binding, or what stands against it."""
    household = Household(**case["means_test"]) if "means_test" in case else None
    chosen = ChosenPlan(plan=document["id"], risk_class=case.get("risk_class"), household=household)
    terms = layer_from(document, chosen, None, None, documents())
    terms = {key: value for key, value in terms.items() if key not in ("effective_from", "effective_to")}
    data = {**a_case(lines=[bill(case["gross"])]), "layers": [terms], "currency": document["currency"]}
    if problems(data):
        return ("", str(problems(data)))
    found = funded(data)["layers"][0]
    return (found["benefit"], found["binding"])


@pytest.mark.parametrize(("name", "case"), PLAN_CASES, ids=[f"{name}: {case['name']}" for name, case in PLAN_CASES])
def test_a_plan_document_keeps_its_own_cases(name: str, case: dict[str, Any]) -> None:
    assert plan_case(BENEFITS[name], case) == (case["benefit"], case["binding"])


def numbers(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Where a plan's numbers stand: (part, field)."""
    parts = ("benefit", "rates_by_risk_class", "means_test")
    held = [(part, field, value) for part in parts for field, value in (document.get(part) or {}).items()]
    return [(part, field) for part, field, value in held if isinstance(value, str) and value[0].isdigit()]


NUMBERS = [(name, *where) for name, document in BENEFITS.items() if not name.startswith("template-") for where in numbers(document)]


@pytest.mark.parametrize(("name", "part", "field"), NUMBERS)
def test_changing_any_number_of_a_plan_makes_one_of_its_cases_fail(name: str, part: str, field: str) -> None:
    for change in (Fraction(-1, 100), Fraction(1, 100)):
        document = copy.deepcopy(BENEFITS[name])
        changed = Fraction(document[part][field]) + change
        document[part][field] = f"{float(changed):.2f}"
        if changed >= 0:
            assert any(plan_case(document, case) != (case["benefit"], case["binding"]) for case in document["cases"]), changed


def scale_case(case: dict[str, str], document: dict[str, Any]) -> tuple[str, str, str]:
    test = {"annual_gross_income": case["adfr"], "scale": written_scale(document)}
    found = funded(a_case(layer(kind="MEANS_TESTED", means_test=test), lines=[bill("5000000.00")]))["layers"][0]
    return (found["adfr"], found["contribution"], found["tier"])


@pytest.mark.parametrize("case", documents()["hk-ccf-scale-2012"]["cases"], ids=lambda case: case["name"])
def test_the_means_test_scale_keeps_its_own_cases(case: dict[str, str]) -> None:
    assert scale_case(case, documents()["hk-ccf-scale-2012"]) == (case["adfr"], case["contribution"], case["tier"])


SCALE_NUMBERS = [(n, field) for n, tier in enumerate(documents()["hk-ccf-scale-2012"]["scale"]["tiers"]) for field in tier]


@pytest.mark.parametrize(("row", "field"), SCALE_NUMBERS)
def test_changing_any_number_of_the_scale_makes_one_of_its_cases_fail(row: int, field: str) -> None:
    for change in (Fraction(-1), Fraction(1)):
        document = copy.deepcopy(documents()["hk-ccf-scale-2012"])
        tier = document["scale"]["tiers"][row]
        changed = Fraction(tier[field]) + (change / 100 if field == "rate" else change)
        tier[field] = f"{float(changed):.2f}"
        capped = field == "rate" and changed > Fraction(document["scale"]["ceiling_rate"])  # the ceiling hides it
        if changed >= 0 and not capped:
            assert any(scale_case(case, document) != (case["adfr"], case["contribution"], case["tier"]) for case in document["cases"])


@pytest.mark.parametrize(("name", "case"), AGREEMENT_CASES, ids=[f"{name}: {case['name']}" for name, case in AGREEMENT_CASES])
def test_an_agreement_document_keeps_its_own_cases(name: str, case: dict[str, Any]) -> None:
    document = AGREEMENTS[name]
    agreement = Agreement(
        basis=RefundBasis(document["basis"]),
        rate=Fraction(document["rate"]),
        cap_minor=None if document["cap"] is None else parse_minor(document["cap"]),
        allocation=Allocation(document["allocation"]),
        refund_outcomes=frozenset(document["refund_outcomes"]),
        void_outcomes=frozenset(document["void_outcomes"]),
        outcomes=(),
        earlier_refunds={},
    )
    paid = {payer: parse_minor(amount) for payer, amount in case["paid"].items()}
    settled = settle(agreement, paid, parse_minor(case["drug"]), case["outcome"])
    assert (settled.refund_minor, settled.code) == (parse_minor(case["refund"]), case["code"])




def test_a_scale_that_had_ended_is_named() -> None:
    found = funded(a_case(layer(kind="MEANS_TESTED", means_test={"annual_gross_income": "50000.00"})))["layers"][0]
    assert found["scale"] == {"id": "hk-ccf-scale-2012", "in_force_to": "2025-12-31"}


NEEDED = ("source", "source_url", "document_date", "status", "verified_by", "verified_on", "confidence", "title", "cases")
TERMS_OF_AGREEMENT = (
    "product", "indication", "line", "enrol_by", "outcome", "assessor_independence", "evidence", "cap", "rate", "basis", "allocation",
    "death_rule", "missing_assessment_rule", "withdrawal_rule", "retreatment_rule", "out_of_specification_rule", "not_infused_rule",
    "dispute_and_time_limit", "tax",
)  # fmt: skip


@pytest.mark.parametrize("name", [*BENEFITS, *AGREEMENTS])
def test_a_document_says_what_it_rests_on_and_nobody_verified_ours(name: str) -> None:
    document = documents()[name]
    assert [field for field in NEEDED if field not in document] == []
    assert set(document["title"]) == {"en", "zh-Hans", "zh-Hant", "pt"}
    assert status_of(document) in ("unverified", "expired")
    assert document["cases"] or document.get("benefit", ...) is None  # terms that are not established give no case


@pytest.mark.parametrize("name", AGREEMENTS)
def test_an_agreement_has_every_required_field(name: str) -> None:
    document = AGREEMENTS[name]
    assert [field for field in TERMS_OF_AGREEMENT if field not in document] == []
    assert {"definition", "criteria", "timepoint", "target_day", "window_days", "readers"} <= set(document["outcome"])


def test_products_that_plans_and_agreements_name_stand_in_the_catalogue() -> None:
    catalogue = set(Documents().folder("products"))
    named = {product for document in BENEFITS.values() for product in document["listed_products"] or ()}
    named |= {document["product"] for document in AGREEMENTS.values() if document["product"] is not None}
    assert named <= catalogue


def test_a_word_alone_verifies_nothing() -> None:
    document = BENEFITS["hk-vhis-standard"]
    assert status_of({**document, "status": "verified"}) == "unverified"
    named = {**document, "status": "verified", "verified_by": "somebody", "verified_on": "2026-01-01"}
    assert status_of(named) == "verified"
    assert status_of({**named, "confidence": "low"}) == "unverified"


def test_two_layers_of_one_order_are_refused_where_both_may_pay() -> None:
    """Which of them pays first would otherwise depend on where they stand in the file."""
    first = {"id": "B", "order": 10, "covers": ["CAR_T_DRUG"], "rate": "0.5", "basis": "GROSS"}
    second = {"id": "A", "order": 10, "covers": ["CAR_T_DRUG"], "rate": "0.2", "basis": "RESIDUAL"}
    for layers in ([first, second], [second, first]):
        case = {"currency": "CNY", "event_date": "2026-03-10", "bill_lines": [{"id": "a", "category": "CAR_T_DRUG", "gross": "100.00"}], "layers": layers}
        refusal = read_written_cases(case, scale())
        assert isinstance(refusal, Refusal)
        assert [(reason.code, reason.where) for reason in refusal.reasons] == [("funding.case.same_order", "layers[1].order")]
        unsaid = read_written_cases({**case, "layers": [{**layer, "order": None} for layer in layers]}, scale())
        assert isinstance(unsaid, Refusal), "that neither says an order leaves it to the file as well"
        assert [(reason.code, reason.where) for reason in unsaid.reasons] == [("funding.case.whole", "layers[1].order")]
    assert not isinstance(read_written_cases({**case, "layers": [first, {**second, "covers": ["WARD"]}]}, scale()), Refusal)
