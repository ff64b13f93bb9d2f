"""Units: analyte factors before UCUM, spellings of the region, exact arithmetic, clear refusals."""

from __future__ import annotations

from decimal import Decimal

import pytest

from baybridge.base.quantity import Quantity
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.units import UnitMismatchError

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))

CONVERTED = [
    ("creatinine", "1.1", "mg/dL", "97.24"),  # x 88.4, everywhere
    ("creatinine", "0.81", "mg/dL", "71.604"),
    ("creatinine", "0.0724", "mmol/L", "72.4"),
    ("creatinine", "11", "mg/L", "97.24"),  # by UCUM to mg/dL, then the analyte's factor
    ("crp", "3.0", "mg/dL", "30"),
    ("hemoglobin", "10.4", "g/dL", "104"),
    ("hemoglobin", "9.0", "g/dl", "90"),
    ("temperature", "100.4", "[degF]", "38"),
    ("temperature", "311.15", "K", "38"),
    ("temperature", "38.0", "°C", "38.0"),
    ("platelets", "142", "10^9/L", "142"),
    ("platelets", "142", "x10E9/L", "142"),
    ("platelets", "142", "×10⁹/L", "142"),
    ("platelets", "142", "K/uL", "142"),
    ("platelets", "142", "10*3/uL", "142"),
    ("platelets", "142000", "/uL", "142"),
    ("platelets", "142", "１０＾９／Ｌ", "142"),  # full-width
    ("neutrophils", "450", "cells/uL", "0.45"),
    ("systolic_pressure", "118", "mmHg", "118"),
    ("bilirubin", "1.5", "mg/dL", "25.65"),
    ("urate", "8.0", "mg/dL", "476"),  # the published 476 umol/L
    ("urate", "475.8", "umol/l", "475.8"),  # as reported in SI it stays
    ("phosphate", "4.5", "mg/dL", "1.45"),
    ("calcium", "7.0", "mg/dL", "1.75"),
    ("igg", "600", "mg/dL", "6"),
    ("fibrinogen", "150", "mg/dL", "1.5"),
    ("triglyceride", "265.71", "mg/dL", "3"),
    ("ferritin", "540", "ug/L", "540"),
    ("kappa_free_light_chains", "10", "mg/dL", "100"),
    ("m_protein", "1", "g/dL", "10"),
    ("albumin", "3.7", "g/dL", "37"),
    ("weight", "100", "[lb_av]", "45.359237"),
    ("inr", "1.2", "{INR}", "1.2"),
    ("inr", "1.2", "1", "1.2"),
    ("cd3_cells", "0.2", "10*9/L", "200"),
    *(("platelets", "250", unit, "250") for unit in (
        "G/L", "G/l", "TH/uL", "Th/µL", "TH/mm3", "K/mcL", "K/cumm", "x10(9)/L", "10(9)/L", "Tsd./µl", "TSD/uL", "Mrd/L", "Gpt/L", "GPT/l", "milhares/mm³", "千/μL",
        "10^9/公升", "10⁹/升", "109/L", "109/l", "x109/L", "103/uL", "x103/µL", "103/mm3")),
    *(("platelets", "25", unit, "250") for unit in ("万/μL", "萬/μL", "万/mm3", "10^4/µL")),
    ("platelets", "0.25", "M/uL", "250"), ("platelets", "0.25", "T/L", "250"), ("platelets", "0.25", "Tpt/L", "250"), ("platelets", "0.25", "106/uL", "250"),
    ("platelets", "2.5", "亿/L", "0.25"), ("platelets", "250000", "células/mm3", "250"), ("platelets", "250000", "cel/mm³", "250"),
    ("hemoglobin", "130", "G/L", "130"), ("hemoglobin", "13", "G/DL", "130"), ("hemoglobin", "13", "gr/dL", "130"), ("hemoglobin", "13", "GM%", "130"),
    ("systolic_pressure", "118", "Torr", "118"), ("systolic_pressure", "118", "torr", "118"), ("systolic_pressure", "16", "KPA", "120.010200867"),
    ("alt", "40", "E/L", "40"), ("alt", "40", "E/l", "40"), ("alt", "40", "U.I./L", "40"), ("alt", "40", "国际单位/L", "40"), ("alt", "40", "國際單位/升", "40"),
    ("creatinine", "0.09", "mM", "90"), ("creatinine", "90", "µM", "90"), ("temperature", "38", "ºC", "38"), ("temperature", "38", "度", "38"),
    ("heart_rate", "90", "bat/min", "90"), ("heart_rate", "90", "次/分钟", "90"), ("respiratory_rate", "20", "rpm", "20"), ("aptt", "30", "seg", "30"),
    ("oxygen_flow", "2", "l/minuto", "2"), ("height", "170", "公分", "170"), ("d_dimer", "500", "ng FEU/mL", "500"), ("d_dimer", "0.5", "μg FEU/mL", "500"),
    ("d_dimer", "0.5", "mg/L{FEU}", "500"),
    ("fio2", "0.4", "1", "40"),
]


@pytest.mark.parametrize(("fact", "value", "unit", "expected"), CONVERTED)
def test_converted(fact: str, value: str, unit: str, expected: str) -> None:
    assert DICTIONARY.convert(fact, Quantity(Decimal(value), unit)) == Decimal(expected)


@pytest.mark.parametrize(
    ("fact", "unit"),
    [
        ("platelets", "mg/L"),
        ("creatinine", "U/L"),
        ("creatinine", None),
        ("creatinine", "  "),
        ("hemoglobin", "mmol/L"),  # no factor is established for haemoglobin in mmol/L
        ("ferritin", "parsecs per fortnight"),
        ("ferritin", "((((("),
        ("ferritin", "x" * 500),
        ("temperature", "mm[Hg]"),
        ("d_dimer", "ng/mL{DDU}"),  # twice the size of FEU: never taken for it
    ],
)
def test_refused(fact: str, unit: str | None) -> None:
    with pytest.raises(UnitMismatchError) as refused:
        DICTIONARY.convert(fact, Quantity(Decimal(1), unit))
    assert "expected a unit that converts to" in str(refused.value)


def test_every_listed_spelling_is_read_as_its_unit() -> None:
    document = DOCUMENTS.folder("terms")["units"]
    for unit, spellings in document["spellings"].items():
        for written in spellings:
            assert DICTIONARY.units.read(written) == unit
            assert DICTIONARY.units.read(f" {written.upper()} ") == unit


def test_no_spelling_stands_for_two_units() -> None:
    spellings = [s for listed in DOCUMENTS.folder("terms")["units"]["spellings"].values() for s in listed]
    assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize(
    ("fact", "unit"),
    [("platelets", "g/L"), ("platelets", "mil/mm3"), ("platelets", "MIL/uL"), ("platelets", "G"), ("hemoglobin", "T/L"), ("hemoglobin", "E/L"), ("platelets", "E/L"),
     ("platelets", "K/L"), ("creatinine", "G/mol"), ("alt", "M/uL"), ("d_dimer", "mg/L DDU"), ("temperature", "m"), ("platelets", "万"), ("hemoglobin", "[gr]/dL{x}y")],
)  # fmt: skip
def test_what_could_mean_two_things_or_nothing_is_refused(fact: str, unit: str) -> None:
    with pytest.raises(UnitMismatchError):
        DICTIONARY.convert(fact, Quantity(Decimal(250), unit))
