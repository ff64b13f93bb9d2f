"""Lines of therapy, refractoriness, relapse and classes of drugs, as the shared facts contract tells them."""

from __future__ import annotations

from typing import Any

import pytest

from baybridge.base.time import parse_instant_or_day
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.reading import read

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
RITUXIMAB, CYCLO, DOXO, VINCRISTINE, PREDNISONE = "L01FA01", "L01AA01", "L01DB01", "L01CA02", "H02AB07"
R_CHOP = (RITUXIMAB, CYCLO, DOXO, VINCRISTINE, PREDNISONE)
R_GEMOX = (RITUXIMAB, "L01BC05", "L01XA03")
BORTEZOMIB, LENALIDOMIDE, DEXAMETHASONE, MELPHALAN = "L01XG01", "L04AX04", "H02AB02", "L01AA03"


def drugs(atc: tuple[str, ...], start: str, end: str | None, **more: Any) -> list[dict[str, Any]]:
    period = {"start": start, **({"end": end} if end else {})}
    return [
        {
            "resourceType": "MedicationStatement",
            "id": f"{code}-{start}",
            "status": "completed" if end else "active",
            "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": code}]},
            "effectivePeriod": period,
            **more,
        }
        for code in atc
    ]


def dose(atc: str, on: str, **more: Any) -> dict[str, Any]:
    concept = {"coding": [{"system": "http://www.whocc.no/atc", "code": atc}]}
    base = {"resourceType": "MedicationAdministration", "id": f"{atc}-{on}", "status": "completed", "effectiveDateTime": on}
    return {**base, "medicationCodeableConcept": concept, **more}


def line(number: int) -> dict[str, Any]:
    return {"category": {"text": f"line {number}"}}


def response(code: str, on: str, status: str = "final") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"response-{on}",
        "status": status,
        "code": {"coding": [{"system": "http://loinc.org", "code": "97509-4"}]},
        "effectiveDateTime": on,
        "valueCodeableConcept": {"coding": [{"system": "urn:baybridge:response", "code": code}]},
    }


def transplant(on: str) -> dict[str, Any]:
    return {
        "resourceType": "Procedure",
        "id": f"t-{on}",
        "status": "completed",
        "code": {"text": "Autologous stem-cell transplant"},
        "performedDateTime": on,
    }


def values(*resources: Any, at: str = "2026-01-01") -> dict[str, Any]:
    flat = [r for item in resources for r in (item if isinstance(item, list) else [item])]
    return dict(read(flat, parse_instant_or_day(at), DICTIONARY).values)


CASES: list[tuple[str, list[Any], int | None]] = [
    ("nothing recorded is unknown, not none", [], None),
    ("one regimen", [drugs(R_CHOP, "2025-01-01", "2025-05-01")], 1),
    ("cycles as single doses", [dose(d, f"2025-0{m}-01") for m in range(1, 6) for d in (RITUXIMAB, CYCLO, DOXO)], None),
    ("a steroid alone is no line", [drugs((PREDNISONE,), "2025-01-01", "2025-05-01")], None),
    ("30 days apart join", [drugs(R_CHOP, "2025-01-01", "2025-03-01"), drugs(R_CHOP, "2025-03-31", "2025-05-01")], 1),
    ("31 days apart do not", [drugs(R_CHOP, "2025-01-01", "2025-03-01"), drugs(R_CHOP, "2025-04-01", "2025-05-01")], 2),
    (
        "progression between",
        [drugs(R_CHOP, "2025-01-01", "2025-03-01"), response("PD", "2025-03-05"), drugs(R_GEMOX, "2025-03-10", "2025-05-01")],
        2,
    ),
    (
        "progression on the day the same drugs go on",
        [drugs(R_CHOP, "2025-01-01", "2025-03-01"), response("PD", "2025-03-10"), drugs(R_CHOP, "2025-03-10", "2025-05-01")],
        2,
    ),
    ("a change of regimen", [drugs(R_CHOP, "2025-01-01", "2025-03-01"), drugs(R_GEMOX, "2025-03-10", "2025-05-01")], 2),
    (
        "a drug of the first cycle that begins a day later",
        [drugs((RITUXIMAB,), "2025-01-01", "2025-05-01"), drugs((CYCLO, DOXO), "2025-01-02", "2025-05-01")],
        1,
    ),
    (
        "the number wins over the gap",
        [drugs(R_CHOP, "2025-01-01", "2025-02-01", **line(1)), drugs(R_CHOP, "2025-06-01", "2025-07-01", **line(1))],
        1,
    ),
    (
        "the number wins over the overlap",
        [drugs(R_CHOP, "2025-01-01", "2025-03-01", **line(1)), drugs(R_GEMOX, "2025-02-01", "2025-05-01", **line(2))],
        2,
    ),
    ("a later number counts the earlier lines", [drugs(R_GEMOX, "2025-01-01", "2025-03-01", **line(3))], 3),
    (
        "transplant, conditioning and maintenance begin none",
        [
            drugs((BORTEZOMIB, LENALIDOMIDE, DEXAMETHASONE), "2024-01-01", "2024-05-01"),
            dose(MELPHALAN, "2024-07-01"),
            transplant("2024-07-03"),
            response("VGPR", "2024-09-01"),
            drugs((LENALIDOMIDE,), "2024-10-01", "2025-10-01"),
        ],
        1,
    ),
    (
        "maintenance after progression is a line",
        [
            drugs((BORTEZOMIB,), "2024-01-01", "2024-05-01"),
            response("PD", "2024-06-01"),
            drugs((LENALIDOMIDE,), "2024-06-02", "2025-01-01"),
        ],
        2,
    ),
    (
        "bridging begins none",
        [drugs(R_CHOP, "2025-01-01", "2025-05-01"), drugs(R_GEMOX, "2025-10-01", "2025-10-20", note=[{"text": "bridging therapy"}])],
        1,
    ),
    (
        "lymphodepletion begins none",
        [drugs(R_CHOP, "2025-01-01", "2025-05-01"), *[dose(d, f"2025-12-0{n}") for n in (1, 2, 3) for d in ("L01BB05", CYCLO)]],
        1,
    ),
    ("orders are not drugs taken", [{**drugs(R_CHOP, "2025-01-01", "2025-05-01")[0], "resourceType": "MedicationRequest"}], None),
    ("not taken does not count", [{**drugs((CYCLO,), "2025-01-01", "2025-05-01")[0], "status": "not-taken"}], None),
    ("what begins later is not known yet", [drugs(R_CHOP, "2026-02-01", "2026-05-01")], None),
]


@pytest.mark.parametrize(
    ("name", "resources", "lines"), [c for c in CASES if c[0] != "cycles as single doses"], ids=lambda c: c if isinstance(c, str) else ""
)
def test_lines(name: str, resources: list[Any], lines: int | None) -> None:
    assert values(*resources).get("lines_of_therapy") == lines


def test_cycles_of_single_doses_are_one_line() -> None:
    days = ["2025-01-01", "2025-01-22", "2025-02-12", "2025-03-05"]
    assert values(*[dose(d, day) for day in days for d in (RITUXIMAB, CYCLO, DOXO)])["lines_of_therapy"] == 1


FIRST = drugs(R_CHOP, "2025-01-01", "2025-05-01", **line(1))
OUTCOMES: list[tuple[str, list[Any], bool | None, float | None, bool | None]] = [
    # name, responses, refractory to first line, months to relapse, relapsed or refractory
    ("no response known", [], None, None, None),
    ("CR", [response("CR", "2025-05-20")], False, None, False),
    ("PR", [response("PR", "2025-05-20")], False, None, False),
    ("SD at the end", [response("SD", "2025-05-20")], True, None, True),
    ("PD at the end", [response("PD", "2025-05-20")], True, None, True),
    ("PD during", [response("PD", "2025-04-01")], True, None, True),
    ("PR, then PD at the end", [response("PR", "2025-03-01"), response("PD", "2025-05-10")], True, 0.2957, True),
    ("relapse during the line counts no months", [response("PR", "2025-02-10"), response("PD", "2025-04-01")], True, 0.0, True),
    ("CR, relapse after 153 days", [response("CR", "2025-05-20"), response("PD", "2025-10-01")], False, 5.0267, True),
    ("interim CR, relapse late", [response("CR", "2025-03-01"), response("PD", "2025-10-01")], False, 5.0267, True),
    ("late PD alone leaves the end open", [response("PD", "2025-10-01")], None, None, None),
    ("SD, then CR", [response("SD", "2025-03-01"), response("CR", "2025-05-20")], False, None, False),
    ("a preliminary PD does not count", [response("PD", "2025-05-20", "preliminary")], None, None, None),
    ("a PD before the line is its reason", [response("PD", "2025-01-01")], None, None, None),
]


@pytest.mark.parametrize(("name", "responses", "refractory", "months", "status"), OUTCOMES, ids=lambda c: c if isinstance(c, str) else "")
def test_outcome(name: str, responses: list[Any], refractory: bool | None, months: float | None, status: bool | None) -> None:
    found = values(FIRST, *responses)
    assert found.get("refractory_to_first_line") is refractory
    assert found.get("refractory_to_last_line") is refractory
    assert found.get("months_first_line_to_relapse") == (pytest.approx(months, abs=1e-4) if months is not None else None)
    assert found.get("relapsed_or_refractory") is status


@pytest.mark.parametrize(("days", "months"), [(365, 11.9918), (366, 12.0246)])
def test_a_month_is_30_4375_days_and_is_not_rounded_across_a_limit(days: int, months: float) -> None:
    from datetime import date, timedelta

    relapse = (date(2024, 1, 1) + timedelta(days=days)).isoformat()
    found = values(drugs(R_CHOP, "2023-09-01", "2024-01-01"), response("CR", "2024-02-01"), response("PD", relapse))
    assert found["months_first_line_to_relapse"] == pytest.approx(months, abs=1e-4)
    assert (found["months_first_line_to_relapse"] <= 12) is (days == 365)


def test_an_end_that_is_only_a_month_leaves_the_months_open() -> None:
    found = values(drugs(R_CHOP, "2023-09", "2024-01"), response("CR", "2024-02-10"), response("PD", "2024-09-01"))
    assert found["refractory_to_first_line"] is False
    assert "months_first_line_to_relapse" not in found


def test_a_running_line_has_no_end() -> None:
    found = values(drugs(R_CHOP, "2025-11-01", None), response("PR", "2025-12-20"))
    assert found["lines_of_therapy"] == 1
    assert "refractory_to_first_line" not in found
    progressing = values(drugs(R_CHOP, "2025-11-01", None), response("PD", "2025-12-20"))
    assert progressing["refractory_to_first_line"] is True


def test_as_of_an_earlier_day() -> None:
    story = [
        drugs(R_CHOP, "2024-01-01", "2024-05-01"),
        response("CR", "2024-06-01"),
        response("PD", "2024-12-01"),
        drugs(R_GEMOX, "2025-01-01", "2025-03-01"),
    ]
    assert values(*story, at="2024-03-01")["lines_of_therapy"] == 1
    assert "refractory_to_first_line" not in values(*story, at="2024-03-01")
    assert values(*story, at="2024-07-01")["relapsed_or_refractory"] is False
    assert values(*story, at="2024-12-02")["relapsed_or_refractory"] is True
    assert values(*story, at="2025-06-01")["lines_of_therapy"] == 2


@pytest.mark.parametrize(
    ("atc", "fact"),
    [
        ("L01XG01", "had_proteasome_inhibitor"),
        ("L01XX32", "had_proteasome_inhibitor"),
        ("L04AX02", "had_immunomodulatory_drug"),
        ("L04AX04", "had_immunomodulatory_drug"),
        ("L04AX06", "had_immunomodulatory_drug"),
        ("L01EL01", "had_btk_inhibitor"),
        ("L01FC01", "had_anti_cd38"),
    ],
)
def test_classes(atc: str, fact: str) -> None:
    assert values(drugs((atc,), "2025-01-01", "2025-02-01"))[fact] is True


def test_a_class_is_denied_only_where_every_drug_was_read() -> None:
    whole = values(drugs(R_CHOP, "2025-01-01", "2025-05-01", **line(1)))
    assert whole["had_btk_inhibitor"] is False
    unread = {**drugs(("x",), "2025-06-01", "2025-07-01")[0], "medicationCodeableConcept": {"text": "伊布替尼"}}
    assert "had_btk_inhibitor" not in values(drugs(R_CHOP, "2025-01-01", "2025-05-01", **line(1)), unread)
    assert "had_btk_inhibitor" not in values(drugs(R_CHOP, "2025-01-01", "2025-05-01", **line(2)))
    assert "had_btk_inhibitor" not in values()


def test_an_undated_drug_leaves_the_history_open() -> None:
    undated = drugs((DOXO,), "2025-01-01", "2025-02-01")[0]
    del undated["effectivePeriod"]
    found = values(drugs(R_CHOP, "2025-01-01", "2025-05-01", **line(1)), {**undated, "id": "undated"})
    assert found["lines_of_therapy"] == 1
    assert "had_btk_inhibitor" not in found


def test_immunochemotherapy() -> None:
    assert values(drugs(R_CHOP, "2025-01-01", "2025-05-01"))["first_line_immunochemotherapy"] is True
    assert values(drugs((CYCLO, DOXO), "2025-01-01", "2025-05-01"))["first_line_immunochemotherapy"] is False


def test_medication_by_reference() -> None:
    statement = {**drugs(("x",), "2025-01-01", "2025-02-01")[0], "medicationReference": {"reference": "Medication/m"}}
    del statement["medicationCodeableConcept"]
    medication = {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": "http://www.whocc.no/atc", "code": BORTEZOMIB}]}}
    assert values(statement, medication)["had_proteasome_inhibitor"] is True


def condition(code: str | None, text: str = "", system: str = "http://hl7.org/fhir/sid/icd-10", **more: Any) -> dict[str, Any]:
    coding = [{"system": system, "code": code}] if code else []
    base = {
        "resourceType": "Condition",
        "id": f"c-{code}-{text[:5]}",
        "code": {"coding": coding, "text": text},
        "onsetDateTime": "2024-01-01",
    }
    return {**base, **more}


@pytest.mark.parametrize(
    ("code", "text", "diagnosis"),
    [
        ("C83.3", "", "dlbcl"),
        ("C83.3", "Diffuse large B-cell lymphoma", "dlbcl"),
        ("C83.3", "High-grade B-cell lymphoma", "hgbl"),
        ("C83.3", "高級別B細胞淋巴瘤", "hgbl"),
        ("C83.3", "高级别B细胞淋巴瘤，双打击", "hgbl"),
        ("C83.3", "DLBCL, transformed from follicular lymphoma", "tfl"),
        ("C833", "", "dlbcl"),
        ("C83.300", "弥漫大B细胞淋巴瘤", "dlbcl"),
        ("C83.30", "", "dlbcl"),
        ("C85.2", "", "pmbcl"),
        ("C85.1", "high-grade B-cell lymphoma", "hgbl"),
        ("C82.1", "滤泡性淋巴瘤 2级", "fl"),
        ("C82.3", "", "fl"),
        ("C82.4", "", "fl3b"),
        ("C82.2", "follicular lymphoma grade 3B", "fl3b"),
        ("C82.2", "follicular lymphoma grade 3", None),
        ("C83.1", "", "mcl"),
        ("C90.0", "多發性骨髓瘤", "mm"),
        ("C90.1", "plasma cell leukaemia", "other"),
        ("C91.0", "", "b_all"),
        ("C91.0", "T-cell acute lymphoblastic leukaemia", "other"),
        ("C16.9", "", "gastric"),
        ("C50.9", "", "other"),
        ("C83.3", "mantle cell lymphoma", None),
        (None, "Diffuse large B-cell lymphoma", None),
        (None, "多發性骨髓瘤", None),
        ("I10", "hypertension", None),
    ],
)
def test_diagnosis(code: str | None, text: str, diagnosis: str | None) -> None:
    assert values(condition(code, text)).get("diagnosis") == diagnosis


@pytest.mark.parametrize(
    ("system", "code", "diagnosis"),
    [
        ("http://snomed.info/sct", "109989006", "mm"),
        ("http://snomed.info/sct", "308121000", "fl"),
        ("http://snomed.info/sct", "443487006", "mcl"),
        ("http://snomed.info/sct", "91857003", "b_all"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "C83.38", "dlbcl"),
        ("http://terminology.hl7.org/CodeSystem/icd-o-3", "9680/3", "dlbcl"),
    ],
)
def test_coding_systems(system: str, code: str, diagnosis: str) -> None:
    assert values(condition(code, system=system))["diagnosis"] == diagnosis


def test_words_alone_propose_until_confirmed() -> None:
    at = parse_instant_or_day("2026-01-01")
    only_words = [condition(None, "Diffuse large B-cell lymphoma")]
    found = read(only_words, at, DICTIONARY)
    assert found.facts["diagnosis"].status.value == "proposed"
    assert found.facts["diagnosis"].value == "dlbcl"
    assert read(only_words, at, DICTIONARY, confirmed={"diagnosis": "dlbcl"}).values["diagnosis"] == "dlbcl"


@pytest.mark.parametrize(
    ("status", "diagnosis"), [("confirmed", "dlbcl"), ("provisional", None), ("refuted", None), ("entered-in-error", None)]
)
def test_verification(status: str, diagnosis: str | None) -> None:
    assert values(condition("C83.3", verificationStatus={"coding": [{"code": status}]})).get("diagnosis") == diagnosis


def test_a_diagnosis_made_later_is_not_known_yet() -> None:
    assert "diagnosis" not in values(condition("C83.3", onsetDateTime="2026-02-01"))


def test_a_condition_recorded_as_relapsed() -> None:
    relapsed = {"coding": [{"code": "relapse"}]}
    assert values(condition("C83.3", clinicalStatus=relapsed))["relapsed_or_refractory"] is True


def test_coded_conditions_are_true_or_unknown() -> None:
    assert values(condition("B18.1"))["chronic_hepatitis_b_recorded"] is True
    assert "chronic_hepatitis_b_recorded" not in values(condition("C83.3"))
