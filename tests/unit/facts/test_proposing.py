"""What the lines of a document propose: a value that stands plainly, and nothing where it could be another's, taken away, or read in two ways."""

from __future__ import annotations

import pytest

from baybridge.documents.loader import Documents
from baybridge.documents.printed import Printed
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.proposing import Line, propose

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
PRINTED = DOCUMENTS.typed.the(Printed)


def said(*lines: str) -> list[tuple[str, str, str]]:
    found = propose([Line(text, 1, (0, 0, 1000, 10)) for text in lines], DICTIONARY, PRINTED)
    return [(one.fact, one.value, one.unit) for one in found.proposals]


@pytest.mark.parametrize(
    ("line", "proposed"),
    [
        ("Haemoglobin 104 g/L", [("hemoglobin", "104", "g/L")]),
        ("Haemoglobin  104  L  g/L", [("hemoglobin", "104", "g/L")]),
        ("血红蛋白（HGB） 104 ↓ 130-175 g/L", [("hemoglobin", "104", "g/L")]),
        ("Hemoglobina: 104 g/L", [("hemoglobin", "104", "g/L")]),
        ("1 WBC 4.1 x10^9/L  PLT 142 10^9/L", [("white_cells", "4.1", "x10^9/L"), ("platelets", "142", "10^9/L")]),
        ("血小板计数 142 10^9/L", [("platelets", "142", "10^9/L")]),
        ("Creatinine 1,2 mg/dL", [("creatinine", "1.2", "mg/dL")]),
        ("Creatinine 104 umol/L (1.18 mg/dL)", [("creatinine", "104", "umol/L")]),
        ("Creatinine clearance 90 mL/min", [("creatinine_clearance", "90", "mL/min")]),
        ("* 白细胞 4.1 10^9/L ↓", [("white_cells", "4.1", "10^9/L")]),
    ],
)  # fmt: skip
def test_a_value_that_stands_plainly_is_proposed_as_it_is_printed(line: str, proposed: list[tuple[str, str, str]]) -> None:
    assert said(line) == proposed


@pytest.mark.parametrize(
    "line",
    [
        "Haemoglobin not measured 104 g/L", "Haemoglobin 104 g/L cancelled", "血红蛋白 未测 104 g/L", "Hemoglobina anterior 104 g/L",  # taken away
        "Haemoglobin target 80 g/L",
        "Haemoglobin < 70 g/L", "Haemoglobin > 70 g/L",  # a bound
        "Haemoglobin 104 mmol/L", "Haemoglobin 104", "Haemoglobin 104 %",  # no unit of this fact, or none
        "LDH 1,200 U/L", "LDH 1.200 U/L",  # twelve hundred, or one and a fifth
        "Urine creatinine 72 umol/L", "尿肌酐 72 umol/L", "Globulin 30 g/L Albumin 40 g/L",  # another finding
        "Haemoglobin 2026-03-01 104 g/L", "Haemoglobin on admission 104 g/L",  # another number, other words
        "Haemoglobin 1040 g/L",  # nobody's
        "ALT 30", "H", "", "104 g/L",
    ],
)  # fmt: skip
def test_nothing_is_proposed_of_what_could_be_something_else(line: str) -> None:
    assert said(line) == []


def test_marks_of_high_and_low_change_nothing() -> None:
    assert said("Ferritin 900 ng/mL") == said("Ferritin 900 H ng/mL") == said("Ferritin 900 ↓ ng/mL")


@pytest.mark.parametrize("lines", [("Name: A Chan", "Name: B Chan"), ("姓名：驗甲  性别：男", "姓名：驗乙"), ("MRN: 1", "Nome: Ana", "MRN: 2")])
def test_a_document_of_several_persons_proposes_nothing(lines: tuple[str, ...]) -> None:
    found = propose([Line(text, 1, (0, 0, 1, 1)) for text in (*lines, "Haemoglobin 104 g/L")], DICTIONARY, PRINTED)
    assert (found.proposals, found.why) == ((), "several-persons")


def test_one_person_on_every_page_is_one() -> None:
    assert said("姓名：驗甲  性别：男", "Haemoglobin 104 g/L", "姓名：驗甲", "MRN: 12") == [("hemoglobin", "104", "g/L")]


def test_two_different_values_of_one_fact_are_both_proposed() -> None:
    assert said("Haemoglobin 104 g/L", "Haemoglobin 94 g/L") == [("hemoglobin", "104", "g/L"), ("hemoglobin", "94", "g/L")]
