"""What a careful clinician reads from six hospital exports: every fact, every label, every grade over a course."""

from __future__ import annotations

import gzip
import json
from functools import cache
from typing import Any

import pytest

from baybridge.base.time import parse_instant_or_day
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.factset import FactSet, Status
from baybridge.facts.reading import read
from baybridge.policy.one_case.decide import decide
from baybridge.rulebook.library import fact_types, policies_of
from shared_data import SHARED, shared

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
POLICIES = policies_of(DOCUMENTS, fact_types(DOCUMENTS))
_EXPECTED = SHARED / "cart" / "expected.json"
EXPECTED: dict[str, Any] = json.loads(_EXPECTED.read_text()) if _EXPECTED.exists() else {"absent": {}}

FACTS = [(patient, name) for patient, expected in EXPECTED.items() for name in expected.get("facts", {})]
LABELS = [(patient, policy) for patient, expected in EXPECTED.items() for policy in expected.get("eligibility", {})]
GRADES = [
    (patient, at, policy)
    for patient, expected in EXPECTED.items()
    for at, grades in expected.get("grades", {}).items()
    for policy in grades
]


@cache
def record(patient: str) -> tuple[dict[str, Any], ...]:
    (path,) = shared("cart").glob(f"{patient}.json*")
    raw = path.read_bytes()
    bundle = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    return tuple(entry["resource"] for entry in bundle["entry"])


@cache
def reading(patient: str, at: str) -> FactSet:
    return read(record(patient), parse_instant_or_day(at), DICTIONARY)


def outcome(policy: str, patient: str, at: str) -> str:
    moment = parse_instant_or_day(at)
    return decide(POLICIES.get(policy, moment.date()), reading(patient, at).values, as_of=moment).outcome


@pytest.mark.parametrize(("patient", "name"), FACTS)
def test_fact(patient: str, name: str) -> None:
    expected = EXPECTED[patient]["facts"][name]
    found = reading(patient, EXPECTED[patient]["as_of"])
    value = found.values[name]
    if isinstance(expected, float):
        assert value == pytest.approx(expected, abs=0.05)
    else:
        assert value == expected
        assert type(value) is type(expected)
    assert found.facts[name].source


@pytest.mark.parametrize(("patient", "policy"), LABELS)
def test_label(patient: str, policy: str) -> None:
    assert outcome(policy, patient, EXPECTED[patient]["as_of"]) == EXPECTED[patient]["eligibility"][policy]


@pytest.mark.parametrize(("patient", "at", "policy"), GRADES)
def test_grade(patient: str, at: str, policy: str) -> None:
    assert outcome(policy, patient, at) == EXPECTED[patient]["grades"][at][policy]


def test_haematotoxicity() -> None:
    for patient, expected in EXPECTED.items():
        if "icaht" in expected:
            assert outcome("icaht-2023", patient, expected["icaht"]["at"]) == expected["icaht"]["expected"]
            assert reading(patient, expected["icaht"]["at"]).values["days_neutrophils_at_most_500_early"] == 6


def test_tumour_lysis() -> None:
    for patient, expected in EXPECTED.items():
        if "tls-cairo-bishop-2004" in expected:
            at = expected["icaht"]["at"]
            assert outcome("tls-cairo-bishop-2004", patient, at) == expected["tls-cairo-bishop-2004"]


@pytest.mark.parametrize(
    "patient", [p for p, e in EXPECTED.items() if p not in {"hk-mm-three-lines", "gd-fl-two-lines", "hk-mm-eque-course"}]
)
def test_what_is_odd_is_told(patient: str) -> None:
    if patient == "absent":
        shared("cart", "expected.json")
    found = reading(patient, EXPECTED[patient]["as_of"])
    assert sorted(odd.code.removeprefix("facts.odd.") for odd in found.odd) == [
        "duplicate",
        "implausible",
        "reference_to_nowhere",
        "status_not_final",
        "status_not_final",
    ]
    assert [(f.name, f.value, f.status) for f in found.set_aside] == [("hemoglobin", 1200.0, Status.IMPLAUSIBLE)]
    assert [(u.code, u.count) for u in found.unread if u.kind == "Observation"] == [("ALT", 1)]


def test_an_amended_result_stands_and_a_preliminary_one_does_not() -> None:
    found = reading("mo-hgbl-three-lines", "2025-03-05")
    assert found.values["ferritin"] == 610.0
    assert found.values["neutrophils"] == 2.6
    assert found.values["platelets"] == 138.0  # "10^9/L", without a code
    assert found.values["creatinine"] == pytest.approx(71.604)  # from mg/dL
    assert found.values["crp"] == 14.0  # from mg/dL
    assert found.values["hemoglobin"] == 104.0  # from g/dL, not the impossible 1200


def test_old_results_are_shown_and_not_used() -> None:
    found = reading("hk-dlbcl-early-relapse", "2026-02-15")
    assert found.facts["creatinine"].status is Status.STALE
    assert "creatinine" not in found.values
