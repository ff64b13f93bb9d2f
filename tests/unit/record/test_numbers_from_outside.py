"""A number is what JSON calls one: nothing that is none passes because something like it passed before."""

from __future__ import annotations

from decimal import Decimal

import pytest

from baybridge.record.fhir.primitives import CHECKS
from baybridge.record.fhir.wire import taken_in


def test_truth_is_no_number_even_after_one() -> None:
    assert CHECKS["decimal"](1)
    assert not CHECKS["decimal"](True)


@pytest.mark.parametrize("value", [{}, [], [1], "1", None, Decimal("1e999"), 10**400])
def test_what_is_no_number(value: object) -> None:
    assert not CHECKS["decimal"](value)


@pytest.mark.parametrize("text", [b"1e999999999", b"-1e999999999", b"1e99999999999999999999", b'"\\ud800"', b'"\\u0000"', b'{"\\udc00": 1}', b"[" * 5000])
def test_what_no_program_could_keep_is_not_taken_in(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        taken_in(text)


@pytest.mark.parametrize(("text", "value"), [(b'"\\ud83d\\ude00"', "😀"), (b"72.50", Decimal("72.50")), (b"1e5", Decimal("1e5")), (b"0.00", Decimal("0.00"))])
def test_what_is_taken_in_as_it_came(text: bytes, value: object) -> None:
    assert taken_in(text) == value
