"""A quote in three questions: prices and categories come from lists, what is empty is not counted, and nothing that somebody typed is read as another amount."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.documents.product import Price
from baybridge.journey.command import Role
from baybridge.journey.events import QuoteIssued
from baybridge.web.money.ask_page import Place, amount, price_in
from page_words import Read, technical
from watch_world import CASE, Ward

ADDRESS = f"/cases/{CASE}/funding/ask"
PLAN = "beijing-puhui-2023"


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    made = Ward(tmp_path / "node")
    for role in (Role.COORDINATOR, Role.NURSE):
        made.account(role.value, role)
    yield made
    made.node.storage.close()


@contextmanager
def signed_in(ward: Ward, role: Role) -> Iterator[TestClient]:
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        client.post("/sign-in", data={"name": role.value, "password": "a long enough password"})
        client.cookies.set("language", "en")
        yield client


def filled(client: TestClient, **typed: object) -> dict[str, object]:
    """The form as it stands, with what somebody typed."""
    text = client.get(ADDRESS).text
    return dict(re.findall(r'name="(csrf|command_id|product|hospital|event_date)"(?: type="\w+" required)? value="([^"]*)"', text)) | typed


def sentences(text: str) -> list[str]:
    """What stands against the quote, as the page says it."""
    return [html.unescape(one.strip()) for one in re.findall(r'<li data-reason="[^"]*">(.*?)</li>', text, re.DOTALL)]


def quotes(ward: Ward) -> list[QuoteIssued]:
    return [recorded.event for recorded in ward.events if isinstance(recorded.event, QuoteIssued)]


def test_what_is_typed_is_the_bill_and_what_is_empty_is_not_counted(ward: Ward) -> None:
    with signed_in(ward, Role.COORDINATOR) as client:
        given = filled(client, **{"gross.CAR_T_DRUG": "1,200,000.00", "gross.INPATIENT": "145000", "gross.COLLECTION": ""})
        answer = client.post(ADDRESS, data=given)
    assert answer.status_code == 303, answer.text
    assert [one.gross_minor for one in quotes(ward)] == [134_500_000]


def test_a_plan_that_needs_more_says_so_in_words_and_keeps_what_was_typed(ward: Ward) -> None:
    with signed_in(ward, Role.COORDINATOR) as client:
        given = filled(client, plan=PLAN, **{"gross.CAR_T_DRUG": "1200000", "rate.currency": "CNY", "rate.per": "0.92", "rate.on": "2026-03-01", "rate.source": "bank"})
        answer = client.post(ADDRESS, data=given)
        assert answer.status_code in (400, 422) and "State which applies: pre-existing condition, standard." in answer.text
        assert 'name="gross.CAR_T_DRUG" value="1200000"' in answer.text and f'value="{PLAN}" checked' in answer.text
        assert list(technical(Read(answer.text), "coordinator")) == []
        done = client.post(ADDRESS, data={**given, f"risk_class.{PLAN}": "pre_existing"})
    assert done.status_code == 303, done.text
    assert len(quotes(ward)) == 1 and quotes(ward)[0].patient_minor < quotes(ward)[0].gross_minor


def test_an_amount_that_could_be_two_amounts_is_refused_by_name(ward: Ward) -> None:
    with signed_in(ward, Role.COORDINATOR) as client:
        answer = client.post(ADDRESS, data=filled(client, **{"gross.CAR_T_DRUG": "1.200"}))
    assert answer.status_code in (400, 422) and quotes(ward) == []
    assert re.search(r'role="alert" id="stands".*1\.200', answer.text, re.DOTALL)


def test_an_amount_that_is_none_says_of_which_charge_and_which_plan(ward: Ward) -> None:
    with signed_in(ward, Role.COORDINATOR) as client:
        typed = {"gross.CAR_T_DRUG": "1200000", "gross.INPATIENT": "abc", f"risk_class.{PLAN}": "standard", f"deductible_used.{PLAN}": "xyz"}
        rate = {"rate.currency": "CNY", "rate.per": "0.92", "rate.on": "2026-03-01", "rate.source": "bank"}
        answer = client.post(ADDRESS, data=filled(client, plan=PLAN, **typed, **rate))
    assert answer.status_code in (400, 422) and quotes(ward) == []
    said = sentences(answer.text)
    assert any(one.startswith("hospital stay: Expected an amount") for one in said), said
    assert any("Deductible already used: Expected an amount" in one for one in said), said


def test_a_bill_of_nothing_is_no_quote(ward: Ward) -> None:
    with signed_in(ward, Role.COORDINATOR) as client:
        answer = client.post(ADDRESS, data=filled(client, **{"gross.CAR_T_DRUG": ""}))
    assert answer.status_code in (400, 422) and quotes(ward) == []
    assert sentences(answer.text) == ["The bill holds no charge. Enter at least one amount, such as the price of the product."]


def test_a_price_of_nothing_is_asked_about_once_and_no_question_stands_before_anybody_types(ward: Ward) -> None:
    with signed_in(ward, Role.COORDINATOR) as client:
        assert 'name="unusual"' not in client.get(ADDRESS).text
        given = filled(client, **{"gross.CAR_T_DRUG": "0", "gross.INPATIENT": "145000"})
        answer = client.post(ADDRESS, data=given)
        assert answer.status_code in (400, 422) and quotes(ward) == []
        assert sentences(answer.text)[0].startswith("Entered as zero: ") and "CAR_T_DRUG" not in sentences(answer.text)[0]
        assert '<input type="checkbox" name="unusual" value="true">' in answer.text
        done = client.post(ADDRESS, data={**given, "unusual": "true"})
    assert done.status_code == 303 and len(quotes(ward)) == 1


def test_what_was_used_of_a_plan_that_is_not_ticked_is_told_and_never_dropped(ward: Ward) -> None:
    with signed_in(ward, Role.COORDINATOR) as client:
        answer = client.post(ADDRESS, data=filled(client, **{"gross.CAR_T_DRUG": "1200000", f"deductible_used.{PLAN}": "500"}))
    assert answer.status_code in (400, 422) and quotes(ward) == []
    assert re.match(r"Deductible already used is entered for .*, which is not ticked\.", sentences(answer.text)[0]), sentences(answer.text)


def test_a_rate_with_a_source_and_no_number_is_refused_and_not_dropped(ward: Ward) -> None:
    with signed_in(ward, Role.COORDINATOR) as client:
        rate = {"rate.currency": "CNY", "rate.per": "", "rate.on": "2026-03-01", "rate.source": "bank"}
        answer = client.post(ADDRESS, data=filled(client, **{"gross.CAR_T_DRUG": "1200000"}, **rate))
    assert answer.status_code in (400, 422) and quotes(ward) == []


def test_a_hospital_or_product_that_is_not_there_is_refused(ward: Ward) -> None:
    with signed_in(ward, Role.COORDINATOR) as client:
        for wrong in ({"hospital": "nowhere"}, {"product": "nothing"}):
            answer = client.post(ADDRESS, data=filled(client, **{"gross.CAR_T_DRUG": "1200000", **wrong}))
            assert answer.status_code in (400, 422), wrong
    assert quotes(ward) == []


def test_who_may_not_quote_has_no_form_and_changes_nothing(ward: Ward) -> None:
    with signed_in(ward, Role.NURSE) as client:
        assert client.get(ADDRESS).status_code == 403
        assert client.post(ADDRESS, data={"gross.CAR_T_DRUG": "1"}).status_code == 403
    assert quotes(ward) == []


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("18000", "18000.00"), ("18000.5", "18000.50"), ("18000,50", "18000.50"), ("1 200 000", "1200000.00"), ("1,200,000.00", "1200000.00"),
        ("1.200.000,00", "1200000.00"), ("1,200,000", "1200000.00"), ("1.200.000", "1200000.00"), ("1,200.00", "1200.00"),
        ("1,200", "1,200"), ("1.200", "1.200"), ("-5", "-5"), ("1e6", "1e6"), ("12.345", "12.345"), ("120万", "120万"), ("1,2,3", "1,2,3"), ("", ""),
    ],
)  # fmt: skip
def test_an_amount_is_read_in_one_way_or_not_at_all(typed: str, read: str) -> None:
    assert amount(typed) == read


def test_a_price_of_another_region_is_no_price_here() -> None:
    price = Price(jurisdiction="CN", amount_minor=120_000_000, currency="CNY", confidence="high", source="somewhere")
    assert price_in((price,), Place("hk", "Hospital", "HK", "HKD")) is None
    assert price_in((price,), Place("gd", "Hospital", "CN", "CNY")) is price
