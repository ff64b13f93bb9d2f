"""Units: exact where it multiplies, refused where nobody knows a factor."""

from __future__ import annotations

from typing import Any

import pytest

from baybridge.documents import recognition as written
from baybridge.recognition.converting import Conversion, Conversions, convert
from exchange_documents import documents

CONVERSIONS = Conversions(documents().typed.the(written.Conversions), documents().folder)


def converted(loinc: str, value: Any, unit: str | None, wanted: str | None) -> Conversion:
    return convert({"loinc": loinc, "value": value, "unit": unit}, wanted, CONVERSIONS)


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "wanted", "expected"),
    [
        ("2160-0", 1.10, "mg/dL", "umol/L", 97.24),
        ("2160-0", 1.13, "mg/dL", "umol/L", 99.892),
        ("14682-9", 88.4, "umol/L", "mg/dL", 1),
        ("1975-2", 1.2, "mg/dL", "umol/L", 20.52),
        ("3084-1", 8, "mg/dL", "umol/L", 475.84),
        ("17861-6", 9.5, "mg/dL", "mmol/L", 2.37025),
        ("2345-7", 100, "mg/dL", "mmol/L", 5.55),
        ("718-7", 10.1, "g/dL", "g/L", 101),
        ("1988-5", 0.7, "mg/dL", "mg/L", 7),
        ("751-8", 1500, "/uL", "10*9/L", 1.5),
        ("2276-4", 500, "ng/mL", "ug/L", 500),
    ],
)
def test_factors(loinc: str, value: float, unit: str, wanted: str, expected: float) -> None:
    found = converted(loinc, value, unit, wanted)
    assert (found.differs, found.known, found.value, found.unit) == (True, True, expected, wanted)


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "wanted"),
    [
        ("48065-7", 500, "ng/mL{DDU}", "ng/mL{FEU}"),
        ("42595-9", 5000, "{copies}/mL", "[IU]/mL"),
        ("2160-0", 1.1, None, "umol/L"),
        ("2160-0", None, "mg/dL", "umol/L"),
        ("2160-0", "1.1", "mg/dL", "umol/L"),
        ("2276-4", 500, "mg/dL", "umol/L"),
    ],
)
def test_no_guess(loinc: str, value: Any, unit: str | None, wanted: str) -> None:
    found = converted(loinc, value, unit, wanted)
    assert (found.differs, found.known, found.value) == (True, False, None)


def test_another_spelling_is_the_same_unit() -> None:
    assert not converted("751-8", 1.5, "10^9/L", "10*9/L").differs


def test_a_receiver_without_a_unit_takes_the_results_own() -> None:
    assert not converted("2160-0", 1.1, "mg/dL", None).differs


def test_a_sites_document_of_before_keeps_its_scales_and_spellings() -> None:
    scales = (written.Scale(from_="g/L", to="bag", factor="2"),)
    own = written.Conversions(id="conversions", rows=(), scales=scales, spellings={"grams": "g/L"})
    found = convert({"loinc": "x", "value": 3, "unit": "grams"}, "bag", Conversions(own, documents().folder))
    assert (found.known, found.value) == (True, 6)
    assert not convert({"loinc": "x", "value": 3, "unit": "grams"}, "g/L", Conversions(own, documents().folder)).differs
