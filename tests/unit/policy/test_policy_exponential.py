"""LN and EXP: near the true value everywhere, exact where it is known, the same digits on Polars as in Python."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.policy.document.reader import load
from baybridge.policy.engines.population import decided
from baybridge.policy.language.exponential import LEAST, MOST
from baybridge.policy.language.types import FactType
from baybridge.policy.one_case.interpret import call

TYPES = {"x": FactType("x", "number")}
POLICY = load(
    'id: p\nversion: "1"\nsource: s\nshape: criteria\nvalues: {ln: LN(x), exp: EXP(x)}\ncriteria:\n  - {id: r, when: x > 0}\n', "p.yaml", TYPES
)
EDGES = [0.0, -0.0, 1.0, 2.0, 0.5, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, math.sqrt(2), math.sqrt(0.5), MOST, LEAST, -1.0]
EDGES += [709.782712893384, 709.7827128933841, -745.1332191019411, -745.1332191019412, *(2.0**k for k in range(-1074, 1024, 7))]
finite = st.floats(allow_nan=False, allow_infinity=False) | st.floats(-750, 750) | st.floats(0, 10) | st.sampled_from(EDGES)


def near(found, true):
    return abs(found - true) <= 2 * math.ulp(true)


@settings(max_examples=400)
@given(finite)
def test_they_are_within_a_digit_of_the_library(x):
    found = call("LN", x, 0)
    assert (found is None) == (x <= 0)
    assert found is None or near(found, math.log(x))
    try:
        true = math.exp(x)
    except OverflowError:
        true = None
    found = call("EXP", x, 0)
    assert (found is None) == (true is None)
    assert found is None or near(found, true)


@settings(max_examples=50)
@given(st.lists(finite, min_size=1, max_size=50))
def test_polars_gives_the_same_digits(values):
    table = decided(pl.DataFrame({"x": values}).lazy(), POLICY).collect()
    assert table["value.ln"].to_list() == [call("LN", x, 0) for x in values]
    assert table["value.exp"].to_list() == [call("EXP", x, 0) for x in values]


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [("LN", 1.0, 0.0), ("EXP", 0.0, 1.0), ("LN", math.e, 1.0), ("EXP", -1e300, 0.0), ("LN", 2, math.log(2)), ("EXP", 2, math.exp(2))],
)
def test_where_the_value_is_known(name, x, value):
    assert call(name, x, 0) == value
