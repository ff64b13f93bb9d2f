"""The population evaluator against the one-case evaluator: every row, every layer, every line, to the minor unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.base.outcome import Refusal
from baybridge.funding.plans.terms import FundingCase, Kind
from baybridge.funding.population.population import case_of_row, known_columns, stack_population
from baybridge.funding.quote.stack import pay_stack
from funding_cases import cases
from funding_material import case_of

ROWS = 4
EVENT = 20_522  # 2026-03-10

minors = st.one_of(st.integers(0, 200), st.integers(0, 300_000_000), st.integers(0, 10**15))
days = st.one_of(st.integers(EVENT - 100, EVENT + 3), st.sampled_from([-(2**63)]))


def values_of(name: str) -> st.SearchStrategy[Any]:
    if name == "event_on":
        return st.integers(EVENT - 70, EVENT + 70)
    if name.endswith((".effective_from", ".effective_to")):
        return days
    return st.booleans() if name.endswith(".held") else minors


@st.composite
def populations(draw: st.DrawFn) -> tuple[FundingCase, dict[str, Any]]:
    case = case_of(draw(cases(max_layers=6)))
    names = draw(st.lists(st.sampled_from(sorted(known_columns(case))), min_size=1, max_size=12, unique=True))
    return case, {name: np.array(draw(st.lists(values_of(name), min_size=ROWS, max_size=ROWS))) for name in names}


def agree(case: FundingCase, columns: dict[str, Any], rows: range) -> None:
    stacked = stack_population(case, columns, accumulators=True)
    assert not isinstance(stacked, Refusal), stacked
    for row in rows:
        one = pay_stack(case_of_row(case, columns, row))
        assert {line: int(column[row]) for line, column in stacked.patient_by_line.items()} == dict(one.patient_by_line)
        assert int(stacked.entitled[row]) == one.entitled_minor
        seen = {paid.layer.layer_id: paid for paid in one.layers}
        for layer_id, layered in stacked.paid.items():
            paid = seen.get(layer_id)
            assert layered.own_benefit is not None
            assert layered.deductible is not None
            found = (int(layered.benefit[row]), int(layered.own_benefit[row]), int(layered.deductible[row]), stacked.binding(layer_id, row))
            if paid is None:
                assert found == (0, 0, 0, "")
            else:
                own = paid.own or paid.amounts
                deductible = own.deductible if paid.layer.kind is Kind.COINSURANCE else 0
                assert found == (paid.amounts.benefit, own.benefit, deductible, paid.binding)


@settings(max_examples=150)
@given(populations())
def test_every_row_is_what_the_one_case_evaluator_gives(population: tuple[FundingCase, dict[str, Any]]) -> None:
    agree(*population, range(ROWS))
