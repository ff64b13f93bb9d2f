"""The market side of the policy lab: years, members, rates of exchange, an invented population, and the page that asks for them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock
from baybridge.app import application
from baybridge.base.money import parse_minor, round_half_up
from baybridge.base.outcome import Refusal
from baybridge.documents.loader import Documents
from baybridge.funding.plans.plans import Exchange
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.quoting import NO_SCALE
from baybridge.funding.quote.stack import pay_stack
from baybridge.journey.command import Role
from baybridge.language.texts import Texts
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from baybridge.simulation.changes import read_change
from baybridge.simulation.invented import invented
from baybridge.simulation.policy_lab import Simulated, simulate
from baybridge.simulation.years import Year, budget, read_year
from unit.simulation.test_policy_lab import CITY, DAY, TABLE, documents

TEXTS = Texts(Documents())
RATE = Exchange(currency="HKD", per_bill_unit="1.0873", on=date(2026, 3, 9), source="invented for this test")
HONG_KONG = {**CITY, "id": "hk", "currency": "HKD", "region": None, "order": 50}


def simulated(*plans: dict[str, Any], changes: tuple[str, ...] = (), **given: Any) -> Simulated:
    read = [read_change(text) for text in changes]
    answer = simulate(plans, read, TABLE, documents(), event_on=DAY, **given)  # type: ignore[arg-type]
    assert isinstance(answer, Simulated), answer
    return answer


# --- years and members ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027=120", Year(2027, 120)),
        ("2027=30000*12%", Year(2027, 3_600, 30_000, "12")),
        (" 2027 = 25 * 10 ", Year(2027, 3, 25, "10")),  # 2.5 patients, half up
        ("2027=10*0%", Year(2027, 0, 10, "0")),
        ("2027=8*12.5%", Year(2027, 1, 8, "12.5")),
    ],
)
def test_a_year_is_patients_or_a_part_of_the_eligible(text: str, expected: Year) -> None:
    assert read_year(text) == expected


@pytest.mark.parametrize("text", ["", "2027", "=1", "2027=", "2027=-1", "2027=1*x", "2027=1*101%", "2027=1*-1", "2027=1*NaN", "x=1", "2027=1.5"])
def test_a_year_that_cannot_be_read_says_so(text: str) -> None:
    answer = read_year(text)
    assert isinstance(answer, Refusal)
    assert [reason.code for reason in answer.reasons] == ["simulation.year.form"]


def test_a_fund_costs_each_member_its_part() -> None:
    found = simulated(CITY, changes=("city.rate=0.25",), members={"city": 7})
    (year,) = budget(found, [Year(2027, 8)])
    cost = parse_minor(year["before"]["city"])
    assert parse_minor(year["per_member"]["before"]["city"]) == round_half_up(Fraction(cost, 7))
    assert budget(found, [Year(2028, 1), Year(2027, 1)])[0]["year"] == 2027


@pytest.mark.parametrize("members", [{"nobody": 5}, {"city": 0}])
def test_members_of_an_unknown_plan_or_none_are_refused(members: dict[str, int]) -> None:
    answer = simulate([CITY], [], TABLE, documents(), event_on=DAY, members=members)
    assert isinstance(answer, Refusal)
    assert [reason.code for reason in answer.reasons] == ["simulation.funding.members"]


# --- another currency -------------------------------------------------------------------------------------------------


def test_a_plan_in_another_currency_pays_as_the_one_case_evaluator() -> None:
    found = simulated(HONG_KONG, exchange=[RATE])
    assert found.currency == "HKD", "without a word the table is in the first plan's currency"
    found = simulated(HONG_KONG, exchange=[RATE], currency="CNY")
    expected = 0
    for gross in TABLE["gross.CAR_T_DRUG"]:
        layer = {"id": "hk", "order": 50, **HONG_KONG["benefit"], "layer_ccy": "HKD", "fx_to_layer_ccy": "1.0873"}
        line = {"id": "d", "category": "CAR_T_DRUG", "gross": f"{int(gross) // 100}.{int(gross) % 100:02d}"}
        read = read_cases({"currency": "CNY", "event_date": "2026-03-10", "bill_lines": [line], "layers": [layer]}, NO_SCALE)
        assert not isinstance(read, Refusal)
        expected += pay_stack(read[0]).layers[0].amounts.benefit
    assert found.before.funds["hk"] == expected
    assert [rate.source for rate in found.exchange] == ["invented for this test"]


def test_a_missing_or_unreadable_rate_is_said() -> None:
    for rates, code in (([], "simulation.funding.no_rate"), ([Exchange(currency="HKD", per_bill_unit="x", on=DAY, source="s")], "funding.quote.rate_unreadable")):
        answer = simulate([CITY, HONG_KONG], [], TABLE, documents(), event_on=DAY, exchange=rates)
        assert isinstance(answer, Refusal)
        assert [reason.code for reason in answer.reasons] == [code]


# --- the invented population ------------------------------------------------------------------------------------------


def test_an_invented_population_is_the_same_each_time_and_as_large_as_asked() -> None:
    one, two = (invented(999, ("Shanghai", "Zhuhai"), 120_000_000, 18_000_000) for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert {name: len(column) for name, column in one.items()} == dict.fromkeys(("gross.CAR_T_DRUG", "household_income", "region", "risk_class"), 999)
    assert one["household_income"].dtype == np.int64 and int(one["household_income"].min()) > 0
    assert abs(int(np.median(one["household_income"])) - 18_000_000) < 2_000_000
    assert set(one["region"]) == {"Shanghai", "Zhuhai"}


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def posting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("lab") / "hk"
    found(folder, {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    node = Node(read_config(folder), now=Clock())
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="q", name="q", role=Role.QUALITY, organisation="Hospital", password="-")
        token = accounts.open_session(connection, "q", node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:

        def post(fields: dict[str, Any], files: Any = None, language: str = "en") -> Any:
            headers = {"authorization": f"Bearer {token}"}
            return client.post(f"/lab?language={language}", data=fields, files=files or {"nothing": b""}, headers=headers)

        yield post
    node.storage.close()


FORM = {
    "plan": ["shanghai-huhuibao-2022-2024"], "currency": "CNY", "product": "axicabtagene-ciloleucel", "patients": "100", "median_income": "900000.00",
    "change.0.plan": "shanghai-huhuibao-2022-2024", "change.0.term": "cap_year", "change.0.value": "1000000.00",
    "year.0.year": "2027", "year.0.eligible": "1000", "year.0.uptake": "5", "members.shanghai-huhuibao-2022-2024": "1000",
}  # fmt: skip


def test_the_page_computes_what_its_form_says(posting: Any) -> None:
    page = posting(FORM)
    assert page.status_code == 200, page.text[:2000]
    for said in ("700,000.00", "200,000.00", "25,000.00", "50,000.00", "The population is invented"):
        assert said in page.text, said
    assert "<svg" in page.text and "<desc>" in page.text


TWO = ["shanghai-huhuibao-2022-2024", "liaocheng-liaohuibao-2022"]


@pytest.mark.parametrize(("language", "city"), [("en", "Shanghai"), ("zh-Hant", "上海"), ("zh-Hans", "上海"), ("pt", "Xangai")])
def test_cost_stands_beside_affordability_in_the_readers_words(posting: Any, language: str, city: str) -> None:
    page = posting({**FORM, "plan": TWO}, language=language).text
    affordability, cost = re.findall(r"<svg.*?</svg>", page.partition("<main")[2], re.DOTALL)
    assert f">{city}</text>" in affordability
    before_number = TEXTS.say(language, "lab.interval", {"draws": "|"}).split("|")[0]
    assert before_number in page
    costs = re.findall(r'<text x="\d+" y="\d+">([^<]*\d[.,]\d\d[^<]*)</text>', cost)
    assert len(costs) == 4, "two plans, before and after"
    cells = {re.sub(r"\D", "", cell) for cell in re.findall(r'<td class="number"[^>]*>\s*([^<]+)', page)}
    assert {re.sub(r"\D", "", one) for one in costs} <= cells, "the table has the picture's numbers"
    assert "simulation." not in cost and "city." not in affordability


def test_the_order_of_the_plans_on_the_page_which_differs_by_language_changes_nothing(posting: Any) -> None:
    pages = [posting({**FORM, "plan": plans, "median_income": "300000.00"}).text for plans in (TWO, TWO[::-1])]
    parts = [re.findall(r"<strong>([\d.]+)\s*%</strong>", page) for page in pages]
    assert parts[0] == parts[1] != []


def test_a_table_of_ones_own_is_read_and_not_called_invented(posting: Any) -> None:
    table = pl.DataFrame({"gross.CAR_T_DRUG": [120_000_000, 60_000_000], "household_income": [900_000_000, 100_000_000], "region": ["Shanghai", "Foshan"]})
    parquet = BytesIO()
    table.write_parquet(parquet)
    for name, content in (("t.parquet", parquet.getvalue()), ("t.csv", table.write_csv().encode())):
        page = posting({name: value for name, value in FORM.items() if name not in ("patients", "median_income")}, {"table": (name, content)})
        assert page.status_code == 200, page.text[:2000]
        assert "The population is invented" not in page.text
        assert "1,300,000.00" in page.text, "what both pay together before the change"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"plan": []}, "simulation.funding.no_plan"),
        ({"patients": "0"}, "simulation.lab.patients"),
        ({"median_income": "much"}, "funding.claim.amount"),
        ({"product": "no-such"}, "simulation.lab.price"),
        ({"currency": "HKD"}, "simulation.lab.price"),
        ({"year.0.uptake": "200"}, "simulation.year.form"),
        ({"members.shanghai-huhuibao-2022-2024": "x"}, "simulation.members.form"),
        ({"rate.currency": "HKD", "rate.per_unit": "1.08", "rate.on": "", "rate.source": ""}, "simulation.exchange.form"),
    ],
)
def test_what_does_not_fit_is_said_beside_what_was_entered(posting: Any, changed: dict[str, Any], code: str) -> None:
    page = posting({**FORM, **changed})
    assert page.status_code == 400
    assert code in page.text
    assert 'value="1000000.00"' in page.text, "nothing that was entered is lost"


def test_every_problem_is_said_at_once(posting: Any) -> None:
    page = posting({**FORM, "patients": "-", "median_income": "", "year.0.eligible": "x"})
    assert all(code in page.text for code in ("simulation.lab.patients", "funding.claim.amount", "simulation.year.form"))


def test_a_file_that_is_no_table_is_refused(posting: Any) -> None:
    page = posting(FORM, {"table": ("t.parquet", b"not a table")})
    assert (page.status_code, "simulation.lab.table" in page.text) == (400, True)


def test_a_table_where_polars_is_not_installed_is_refused_with_what_to_do(posting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    page = posting(FORM, {"table": ("t.csv", b"age\n1\n")})
    assert page.status_code == 400
    assert all(words in page.text for words in ("simulation.lab.extra", "baybridge[population]"))
    assert posting(FORM).status_code == 200, "the invented table needs none"
