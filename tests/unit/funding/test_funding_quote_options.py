"""Options of a quote from documents: other products at list price, plans that could be joined, orders, care elsewhere."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

from baybridge.base.outcome import Refusal
from baybridge.documents.loader import Documents
from baybridge.funding.plans.plans import ChosenPlan, Exchange
from baybridge.funding.quote.comparing import Comparison
from baybridge.funding.quote.options import compare_quote
from baybridge.funding.quote.quoting import IssueQuote, QuotedLine
from funding_material import documents
from funding_situations import situated

PRODUCTS = Documents().typed.products
LINES = (QuotedLine(id="drug", category="CAR_T_DRUG", gross="1200000.00"), QuotedLine(id="stay", category="INPATIENT", gross="80000.00"))
PLAN = ChosenPlan(plan="liaocheng-liaohuibao-2022")
GIVEN = IssueQuote(event_date=date(2026, 4, 1), currency="CNY", bill_lines=LINES, plans=(PLAN,), product="axicabtagene-ciloleucel")
CITY: dict[str, Any] = {
    **documents()["shanghai-huhuibao-2022-2024"], "id": "open-city", "status": "unverified", "join_by": date(2026, 3, 31),
    "premium": {"amount": "129.00", "per": "year"},
}  # fmt: skip


def compared(given: IssueQuote = GIVEN, elsewhere: Any = (), **more: Any) -> Comparison:
    data = copy.deepcopy({**documents(), **more})
    found = compare_quote(situated(data=data), given, PRODUCTS, elsewhere)
    assert not isinstance(found, Refusal), found
    return found


def pays(found: Comparison) -> dict[str, int]:
    return {one.option.option_id: one.pays_minor for one in found.options}


def test_other_products_at_their_list_price_where_a_plan_lists_them() -> None:
    found = pays(compared())
    assert found["as-it-stands"] == 120_000_000 - 94_400_000 + 8_000_000
    assert found["inaticabtagene-autoleucel"] == 99_900_000 + 8_000_000  # the plan lists axi-cel only
    assert "ciltacabtagene-autoleucel" not in found  # its price is not established
    assert list(found) == sorted(found, key=lambda name: found[name])


def test_an_agreement_of_the_other_product_comes_with_it() -> None:
    relma = IssueQuote(
        event_date=date(2026, 4, 1), currency="CNY", bill_lines=LINES, plans=(), product="relmacabtagene-autoleucel", agreement=None
    )
    names = set(pays(compared(relma)))
    assert {f"axicabtagene-ciloleucel (axi-cel-value-based-2024-{basis})" for basis in ("list-price", "out-of-pocket")} <= names


def test_a_plan_that_could_be_joined_with_its_premium_and_day() -> None:
    found = compared(**{"open-city": CITY})
    one = next(one for one in found.options if one.option.option_id == "as-it-stands +open-city")
    assert one.option.requires[0][1] == {"plan": "open-city", "until": "2026-03-31", "premium": "129.00", "currency": "CNY"}
    assert one.pays_minor == 8_000_000 + 12_900  # what the first plan left of the drug is below the new one's cap
    assert "as-it-stands +shanghai-huhuibao-2022-2024" not in pays(found)  # it has ended


def test_joining_ends_and_a_plan_without_particulars_is_told() -> None:
    assert "as-it-stands +open-city" not in pays(compared(**{"open-city": {**CITY, "join_by": date(2026, 2, 28)}}))
    classes = {**CITY, "rates_by_risk_class": {"standard": "0.6"}}
    cannot = dict(compared(**{"open-city": classes}).cannot)
    assert cannot["as-it-stands +open-city"][0].code == "funding.quote.risk_class_needed"


def test_another_order_where_the_document_allows_it() -> None:
    found = compared(**{"liaocheng-liaohuibao-2022": {**documents()["liaocheng-liaohuibao-2022"], "orders": [40, 55]}})
    assert "as-it-stands liaocheng-liaohuibao-2022@55" in pays(found)


def test_care_elsewhere_at_a_dated_rate_and_not_without_one() -> None:
    line = QuotedLine(id="drug", category="CAR_T_DRUG", gross="1000000.00")
    draft = IssueQuote(event_date=date(2026, 4, 1), currency="HKD", bill_lines=(line,), product="axicabtagene-ciloleucel")
    assert dict(compared(elsewhere=[("hong-kong", draft)]).cannot)["hong-kong"][0].code == "funding.compare.no_rate"
    rate = Exchange(currency="HKD", per_bill_unit="1.25", on=date(2026, 2, 27), source="HKAB")
    dated = IssueQuote(**{name: getattr(GIVEN, name) for name in GIVEN.__struct_fields__} | {"exchange": (rate,)})
    assert pays(compared(dated, elsewhere=[("hong-kong", draft)]))["hong-kong"] == 80_000_000


def test_a_quote_that_cannot_be_computed_is_refused() -> None:
    given = IssueQuote(event_date=date(2026, 4, 1), currency="CNY", bill_lines=LINES, plans=(ChosenPlan(plan="nowhere"),))
    assert isinstance(compare_quote(situated(), given, PRODUCTS), Refusal)
