"""Canonical bytes are those of the RFC's library for every value, whichever library writes them."""

from __future__ import annotations

import math

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from baybridge.base.canonical import MAX_INTEGER, canonical_bytes

_FRACTIONS = st.one_of(st.floats(), st.floats(-1000, 1000).map(lambda one: round(one, 2)), st.integers(-(10**17), 10**17).map(float))
_WORDS = st.text(st.characters(exclude_categories=()))  # halves of surrogate pairs too
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), _FRACTIONS, _WORDS),
    lambda parts: st.one_of(st.lists(parts), st.tuples(parts), st.dictionaries(st.one_of(_WORDS, st.sampled_from("aAzé")), parts)),
    max_leaves=12,
)


def _written(write: object, value: object) -> bytes | str:
    assert callable(write)
    try:
        found: bytes = write(value)
    except ValueError as problem:
        return type(problem).__name__
    return found


@given(_VALUES)
@example({"\ue000": 1, "\U0001f600": 2})  # another order by UTF-16 than by bytes
@example([1e15, 1e16, 1e21, 1e-4, 1e-5, 1e-7, -0.0, 0.1, 38.0, math.nan, math.inf])
@example([MAX_INTEGER, -MAX_INTEGER])
@example([MAX_INTEGER + 1])
@example(['\x00\x1f\x7f\u2028/\\"\b\t\n\f\r\x0b'])
@example({"a": ["\ud800"]})
def test_the_same_bytes_or_the_same_problem(value: object) -> None:
    assert _written(canonical_bytes, value) == _written(rfc8785.dumps, value)


@pytest.mark.parametrize("value", [{1: "a"}, [object()], {"a": b"bytes"}, {"a": {1, 2}}])
def test_what_is_no_json_is_a_problem_as_before(value: object) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)) as theirs:
        rfc8785.dumps(value)
    with pytest.raises(theirs.type):
        canonical_bytes(value)
