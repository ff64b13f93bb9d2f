"""Columns of the population evaluator: what is refused, what is whole, and ten thousand rows to the cent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from baybridge.base.outcome import Refusal
from baybridge.funding.population.population import PopulationStack, case_of_row, stack_population
from baybridge.funding.quote.stack import pay_stack
from funding_material import a_case, bill, case_of, layer

BANDS = [{"up_to": "500.00", "rate": "0.333"}, {"rate": "0.70"}]
TEST = {"annual_gross_income": "1.00", "asset_factor": "0.5"}
CASE = case_of(
    a_case(
        layer("basic", covers=["STAY", "CARE", "TRAVEL"], deductible="1600.00", rate="0.80", cap_year="300000.00", deductible_group="g"),
        layer("second", covers=["STAY"], bands=BANDS, deductible="2000.00", deductible_group="g"),
        layer("city", rate="0.80", cap_year="500000.00", effective_from="2026-01-01", waiting_days=60, basis="GROSS"),
        layer("abroad", rate="0.50", layer_ccy="HKD", fx_to_layer_ccy="1.0873", cap_lifetime="90000.00"),
        layer("charity", kind="FIXED_GRANT", amount="50000.00"),
        layer("fund", kind="MEANS_TESTED", covers=["CAR_T_DRUG", "STAY"], means_test=TEST),
        lines=[bill(), bill("2.00", "STAY", "stay"), bill("3.00", "CARE", "care"), bill("4.00", "TRAVEL", "travel")],
    )
)  # fmt: skip


def columns(rows: int = 10_000) -> dict[str, Any]:
    draw = np.random.default_rng(5)
    days = np.datetime64("2026-03-10") - draw.integers(0, 120, rows).astype("timedelta64[D]")
    return {
        "gross.drug": draw.integers(0, 130_000_000, rows),
        "gross.stay": draw.integers(0, 50_000_000, rows),
        "gross.care": draw.integers(0, 9, rows),
        "basic.deductible_used": draw.integers(0, 200_000, rows),
        "basic.cap_year_used": draw.integers(0, 40_000_000, rows),
        "city.effective_from": np.where(draw.random(rows) < 0.2, np.datetime64("NaT"), days),
        "charity.held": draw.random(rows) < 0.5,
        "fund.annual_gross_income": draw.integers(0, 80_000_000, rows),
        "fund.net_assets": draw.integers(0, 400_000_000, rows),
    }


def stacked(given: dict[str, Any]) -> PopulationStack:
    found = stack_population(CASE, given)
    assert not isinstance(found, Refusal), found
    return found


def test_ten_thousand_rows_to_the_cent_against_the_one_case_evaluator() -> None:
    given = columns()
    found = stacked(given)
    bindings = set()
    for row in range(found.size):
        one = pay_stack(case_of_row(CASE, given, row))
        for paid in one.layers:
            mine = found.paid[paid.layer.layer_id]
            assert int(mine.benefit[row]) == paid.amounts.benefit
            assert found.binding(paid.layer.layer_id, row) == paid.binding
            bindings.add(paid.binding)
        assert int(found.patient[row]) == one.patient_minor
    assert {"PAY-RATE", "PAY-CAP:cap_year", "PAY-CAP:cap_lifetime", "PAY-WAITING-PERIOD", "PAY-FIXED", "PAY-MEANS-TEST"} <= bindings


def test_columns_are_whole_numbers_and_shares_sum_to_the_charge() -> None:
    given = columns()
    found = stacked(given)
    assert {column.dtype.kind for column in (found.patient, *(paid.benefit for paid in found.paid.values()))} == {"i"}
    gross = given["gross.drug"] + given["gross.stay"] + given["gross.care"] + 400
    assert np.array_equal(sum(paid.benefit for paid in found.paid.values()) + found.patient, gross)


def test_amounts_beyond_64_bits_stay_exact() -> None:
    given = {"gross.drug": np.array([99_999_999_999_999_999, 1]), "gross.stay": np.array([12_345_678_901_234_567, 3])}
    found = stacked(given)
    for row in range(2):
        assert int(found.patient[row]) == pay_stack(case_of_row(CASE, given, row)).patient_minor


WRONG = [
    ({}, ["nothing"]),
    ({"gross.drug": np.array([1.5])}, ["kind"]),
    ({"gross.drug": np.array([-1])}, ["negative"]),
    ({"gross.nothing": np.array([1])}, ["unknown_column"]),
    ({"gross.drug": np.array([1]), "gross.stay": np.array([1, 2])}, ["length"]),
    ({"charity.held": np.array([1])}, ["kind"]),
    ({"city.effective_from": np.array(["2026-01-01"])}, ["kind"]),
    ({"gross.drug": np.array([1.5]), "gross.x": np.array([1])}, ["kind", "unknown_column"]),
]


@pytest.mark.parametrize(("given", "codes"), WRONG)
def test_columns_that_cannot_be_money_are_refused_with_every_problem(given: dict[str, Any], codes: list[str]) -> None:
    answer = stack_population(CASE, given)
    assert isinstance(answer, Refusal)
    assert [reason.code.removeprefix("funding.population.") for reason in answer.reasons] == codes


def test_a_change_of_the_rate_would_be_seen() -> None:
    """The comparison above can fail: another rate gives other amounts."""
    other = case_of(a_case(layer("A", rate="0.81")))
    found = stack_population(other, {"gross.drug": np.array([100_000])})
    assert not isinstance(found, Refusal)
    assert int(found.patient[0]) == 19_000
