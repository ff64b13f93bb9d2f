"""Every code of the clinical reference 9.1 that stands in a file reaches its fact; the count is made from the raw JSON alone."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.time import parse_instant
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import LOINC, Dictionary
from baybridge.facts.reading import read
from shared_data import SHARED

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
AT = parse_instant("2100-01-01T00:00:00+08:00")

#: Clinical reference 9.1, written out by hand: every code of the table but the panel and the wrong code for FiO2.
CODES = [
    "8310-5",
    "8480-6",
    "8462-4",
    "8478-0",
    "8867-4",
    "9279-1",
    "59408-5",
    "2708-6",
    "3150-0",
    "3151-8",
    "29463-7",
    "8302-2",
    "3140-1",
    "2276-4",
    "20567-4",
    "1988-5",
    "26881-3",
    "14804-9",
    "2532-0",
    "14805-6",
    "777-3",
    "26515-7",
    "778-1",
    "718-7",
    "6690-2",
    "751-8",
    "26499-4",
    "753-4",
    "731-0",
    "26474-7",
    "2160-0",
    "14682-9",
    "2164-2",
    "35591-7",
    "1742-6",
    "1920-8",
    "1975-2",
    "14631-6",
    "1968-7",
    "3084-1",
    "14933-6",
    "2823-3",
    "2777-1",
    "14879-1",
    "17861-6",
    "2000-8",
    "1994-3",
    "1995-0",
    "29265-6",
    "1751-7",
    "3094-0",
    "3255-7",
    "48065-7",
    "5902-2",
    "6301-6",
    "3173-2",
    "2571-8",
    "33959-8",
    "33762-6",
    "6598-7",
    "2465-3",
    "5195-3",
    "5196-1",
    "5193-8",
    "13952-7",
    "16933-4",
    "42595-9",
    "13955-0",
    "16128-1",
    "11011-4",
    "56888-1",
    "20447-9",
    "20507-0",
    "24110-9",
    "13949-3",
    "72493-0",
    "100675-8",
    "10230-1",
    "89247-1",
    "89243-0",
    "8122-4",
    "8124-0",
    "24467-3",
    "14135-8",
    "8116-6",
    "8117-4",
    "36916-5",
    "33944-0",
    "48378-4",
    "33358-3",
    "42482-0",
    "1952-1",
    "11150-0",
]
LOCAL_CODES = {
    "ice-score": "ice_score", "capd-score": "capd_score", "arousal": "arousal", "seizure": "seizure", "cerebral-edema": "cerebral_edema",
    "hypotension": "hypotension", "oxygen-device": "oxygen_device", "oxygen-reason": "oxygen_reason", "vasopressors": "vasopressors",
    "vasopressin": "vasopressin", "sedated": "sedated", "deep-focal-motor-weakness": "deep_focal_motor_weakness",
    "raised-icp-sign": "raised_icp_sign", "intracranial-hemorrhage": "intracranial_hemorrhage",
    "edema-only-from-hemorrhage": "edema_only_from_hemorrhage", "fever-attributable": "fever_attributable",
    "hypotension-attributable": "hypotension_attributable", "hypoxia-attributable": "hypoxia_attributable",
}  # fmt: skip
#: concept -> (LOINC, the unit that the reference names): one example is read into each fact
UNITS = [
    ("temperature", "8310-5", "Cel", 37), ("systolic_pressure", "8480-6", "mm[Hg]", 118), ("heart_rate", "8867-4", "/min", 80),
    ("fio2", "3150-0", "%", 40), ("oxygen_flow", "3151-8", "L/min", 2), ("body_surface_area", "3140-1", "m2", 1.8),
    ("ferritin", "20567-4", "ng/mL", 540), ("crp", "1988-5", "mg/L", 14), ("interleukin_6", "26881-3", "pg/mL", 7),
    ("ldh", "2532-0", "U/L", 312), ("platelets", "778-1", "10*9/L", 142), ("hemoglobin", "718-7", "g/dL", 10.4),
    ("neutrophils", "753-4", "10*9/L", 2.6), ("creatinine", "2160-0", "mg/dL", 0.8), ("creatinine_clearance", "2164-2", "mL/min", 60),
    ("bilirubin", "1975-2", "mg/dL", 0.7), ("urate", "3084-1", "mg/dL", 5), ("potassium", "2823-3", "mmol/L", 4.1),
    ("phosphate", "2777-1", "mg/dL", 3.4), ("calcium", "17861-6", "mg/dL", 9), ("ionised_calcium", "1994-3", "mmol/L", 1.2),
    ("corrected_calcium", "29265-6", "mmol/L", 2.2), ("albumin", "1751-7", "g/dL", 3.7), ("urea", "3094-0", "mg/dL", 14),
    ("fibrinogen", "3255-7", "mg/dL", 300), ("d_dimer", "48065-7", "ng/mL{FEU}", 500), ("prothrombin_time", "5902-2", "s", 12),
    ("inr", "6301-6", "{INR}", 1), ("aptt", "3173-2", "s", 30), ("triglyceride", "2571-8", "mg/dL", 150),
    ("procalcitonin", "33959-8", "ng/mL", 0.1), ("nt_probnp", "33762-6", "pg/mL", 100), ("troponin_t", "6598-7", "ng/mL", 0.01),
    ("igg", "2465-3", "mg/dL", 610), ("hbs_antibody", "5193-8", "m[IU]/mL", 12), ("hbv_dna", "42595-9", "[IU]/mL", 20),
    ("hcv_rna", "11011-4", "[IU]/mL", 20), ("cmv_dna", "72493-0", "[IU]/mL", 20), ("lvef", "10230-1", "%", 61),
    ("cd3_cells", "8122-4", "/uL", 400), ("cd19_percent", "8117-4", "%", 1), ("kappa_free_light_chains", "36916-5", "mg/L", 20),
    ("free_light_chain_ratio", "48378-4", "{ratio}", 1), ("m_protein", "33358-3", "g/dL", 1),
    ("urine_m_protein_24h", "42482-0", "mg/(24.h)", 300),
    ("beta2_microglobulin", "1952-1", "mg/L", 2), ("marrow_blasts", "11150-0", "%", 3), ("ecog", "89247-1", "{score}", 1),
    ("karnofsky", "89243-0", "{score}", 90),
]  # fmt: skip
FILES = sorted(
    path
    for folder in ("cart", "synthea", "mcode", "ips", "cibmtr")
    for path in (SHARED / folder).glob("*.json*")
    if path.name != "expected.json"
)


def resources(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    document = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    return [e["resource"] for e in document.get("entry", []) if "resource" in e] if document["resourceType"] == "Bundle" else [document]


def independent_count(listed: list[dict[str, Any]]) -> Counter[str]:
    """Codes of the table by the observations and components that carry them, counted without the code under test."""
    count: Counter[str] = Counter()
    for resource in listed:
        if resource["resourceType"] == "Observation":
            for part in [resource, *resource.get("component", [])]:
                carried = [c.get("code") for c in part["code"].get("coding", []) if c.get("system") == LOINC]
                count.update([next(c for c in carried if c in CODES)] if any(c in CODES for c in carried) else [])
    return count


@pytest.mark.parametrize("code", CODES)
def test_code_of_the_table_has_a_fact(code: str) -> None:
    assert DICTIONARY.by_code(LOINC, code) is not None


@pytest.mark.parametrize("code", ["3150-6", "85354-9"])
def test_wrong_codes_and_panels_have_none(code: str) -> None:
    assert DICTIONARY.by_code(LOINC, code) is None


@pytest.mark.parametrize(("code", "name"), LOCAL_CODES.items())
def test_local_code(code: str, name: str) -> None:
    fact = DICTIONARY.by_code("urn:baybridge:observation", code)
    assert fact is not None
    assert fact.name == name


@pytest.mark.parametrize(("name", "code", "unit", "value"), UNITS)
def test_unit_of_the_table_is_read(name: str, code: str, unit: str, value: float) -> None:
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "effectiveDateTime": "2026-03-08T12:00:00+08:00",
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }
    found = read([observation], parse_instant("2026-03-08T12:00:00+08:00"), DICTIONARY)
    assert found.odd == ()
    assert isinstance(found.values[name], int | float)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name[:40]}")
def test_every_code_in_a_file_reaches_its_fact(path: Path) -> None:
    listed = resources(path)
    expected = independent_count(listed)
    found = read(listed, AT, DICTIONARY)
    reached = {code: count for (system, code), count in found.read_codes.items() if system == LOINC and code in CODES}
    assert reached == dict(expected)
    for code in expected:
        fact = DICTIONARY.by_code(LOINC, code)
        assert fact is not None
        told = {value for odd in found.odd for key, value in odd.values if key == "fact"} | {o.resource for o in found.odd}
        assert fact.name in found.facts or told, f"{code} neither read nor told of"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name[:40]}")
def test_codes_that_nothing_reads_are_listed(path: Path) -> None:
    listed = resources(path)
    found = read(listed, AT, DICTIONARY)
    unread = {(u.system, u.code) for u in found.unread if u.kind == "Observation"}
    for resource in listed:
        if resource["resourceType"] == "Observation" and not resource.get("component"):
            carried = [(c.get("system", ""), c.get("code", "")) for c in resource["code"].get("coding", [])]
            known = any(DICTIONARY.by_code(*pair) for pair in carried) or any(code == "97509-4" for _, code in carried)
            assert known or not carried or carried[0] in unread
