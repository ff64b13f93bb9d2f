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


@pytest.mark.parametrize("unit", ["Thousand/uL", "thou/uL", "K/uL", "k/mm3", "x10(3)/uL", "10^3/uL", "10*3/ul", "TH/uL", "10^3 cells/µL"])
def test_whether_units_differ_is_a_matter_of_what_they_mean(unit: str) -> None:
    assert [converted("777-3", 150, unit, wanted).differs for wanted in ("10*3/uL", "Thousand/uL", "K/uL")] == [False] * 3
    there, back = converted("777-3", 150, unit, "10*9/L"), converted("777-3", 150, "x10^9/L", unit)
    assert [(found.differs, found.value) for found in (there, back)] == [(True, 150)] * 2


@pytest.mark.parametrize(
    ("loinc", "unit", "wanted"),
    [("2160-0", "mg/dl", "mg/dL"), ("2160-0", "MG/DL", "mg/dl"), ("1742-6", "U/l", "IU/L"), ("8867-4", "{beats}/min", "1/min")],
)
def test_what_differs_in_spelling_alone_is_one_unit(loinc: str, unit: str, wanted: str) -> None:
    assert not converted(loinc, 1.1, unit, wanted).differs


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "is_told"),
    [("2160-0", -1, "mg/dL", True), ("2160-0", 1.1, "mg/dL", False), ("2160-0", 1.1, "mol/L", True), ("2160-0", -1, None, True),
     ("2160-0", -1, "no unit", True), ("2160-0", 1.1, None, False), ("2160-0", "-1", "mg/dL", False), ("777-3", -150, "Thousand/uL", True),
     ("8310-5", 98.6, "Cel", True), ("8310-5", 98.6, "[degF]", False), ("not ours", -1, "mg/dL", False), (None, -1, "mg/dL", False)],
)  # fmt: skip
def test_a_value_that_cannot_be_true_is_told(loinc: str | None, value: Any, unit: str | None, is_told: bool) -> None:
    told = CONVERSIONS.impossible({"loinc": loinc, "value": value, "unit": unit})
    assert [reason.code for reason in told] == (["facts.given.implausible"] if is_told else [])
