"""The rules of the search index have a name; who changes what they answer gives them another, so that nodes index again."""

from __future__ import annotations

import hashlib

from baybridge.record.store.indexing import RULES, search_rows

RESOURCES = (
    {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": "urn:hk:hkid", "value": "A123456(3)"}],
        "name": [{"text": "陳大文"}, {"family": "Ó Néill-Ávila", "given": ["Ana", "J."]}, {"text": "Đỗ Łucja Æsa"}],
        "birthDate": "1975-03",
        "address": [{"city": "Macao", "country": "MO"}],
    },
    {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}], "text": "Platelets"},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-11-21T08:30:00+08:00",
        "valueQuantity": {"comparator": "<", "value": 5, "system": "http://unitsofmeasure.org", "code": "10*9/L"},
    },
    {
        "resourceType": "MedicationAdministration",
        "id": "m",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "effectivePeriod": {"start": "2026-11-21", "end": "9999-12-31"},
        "extension": [{"url": "urn:x", "valueReference": {"reference": "Patient/q"}}],
    },
)
#: The rules, and what they answer for the resources above.
ANSWERED = ("5", "6b83bc9bed3ba6fa9da19dadd7fa8ab75e6f896cc6284e2aa25b22c66c8b3ba8")


def test_what_is_indexed_changes_only_with_the_name_of_the_rules() -> None:
    answered = hashlib.sha256(repr([sorted(map(tuple, search_rows(resource)), key=repr) for resource in RESOURCES]).encode()).hexdigest()
    assert (RULES, answered) == ANSWERED


def test_the_types_that_a_resource_encloses_are_indexed_once_each() -> None:
    inside = [{"resourceType": "Coverage", "id": "a"}, {"resourceType": "Coverage", "id": "b"}, {"id": "c"}, "no resource"]
    found = search_rows({"resourceType": "DiagnosticReport", "id": "r", "contained": inside})
    assert [value.value for value in found if value.param == "-encloses"] == ["", "Coverage"]
