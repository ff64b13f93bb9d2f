"""What a result says of itself that contradicts its value, or changes its meaning: told, and not used."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from baybridge.documents.loader import Documents, packaged_data
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.reading import read
from baybridge.record.feeds.orders import DOUBTED

DOCUMENTS = Documents(packaged_data())
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
AT = datetime(2026, 3, 2, tzinfo=UTC)
UCUM = "http://unitsofmeasure.org"


def neutrophils(**changes: Any) -> dict[str, Any]:
    quantity = {"value": 5, "unit": "10*9/L", "code": "10*9/L", "system": UCUM}
    given = {
        "resourceType": "Observation", "id": "n", "status": "final", "effectiveDateTime": "2026-03-01T09:00:00+08:00", "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "26499-4"}]}, "valueQuantity": quantity,
    }  # fmt: skip
    return given | changes


def quantity(unit: str, code: str, system: str = UCUM) -> dict[str, Any]:
    return {"valueQuantity": {"value": 5, "unit": unit, "code": code, "system": system}}


def panel(*values: float | None) -> dict[str, Any]:
    """A panel that gives one code several answers."""
    one = neutrophils()
    absent = {"dataAbsentReason": {"coding": [{"code": "error"}]}}
    answers = [absent if value is None else {"valueQuantity": one["valueQuantity"] | {"value": value}} for value in values]
    del one["valueQuantity"]
    panel_code = {"coding": [{"system": "http://loinc.org", "code": "58410-2"}]}
    return one | {"code": panel_code, "component": [{"code": one["code"], **answer} for answer in answers]}


def told(resource: dict[str, Any]) -> tuple[object, list[str]]:
    found = read([{"resourceType": "Patient", "id": "p", "birthDate": "1968-04-09"}, resource], AT, DICTIONARY)
    return found.values.get("neutrophils"), [odd.code.removeprefix("facts.odd.") for odd in found.odd]


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        (neutrophils(**quantity("10*6/L", "10*9/L")), "units_contradict"),
        (neutrophils(**quantity("g/L", "10*9/L")), "units_contradict"),
        (neutrophils(**quantity("10*9/L", "xx")), "units_contradict"),
        (neutrophils(modifierExtension=[{"url": "http://x/not", "valueBoolean": True}]), "modifier_unknown"),
        (neutrophils(implicitRules="http://x/rules"), "modifier_unknown"),
        (neutrophils(dataAbsentReason={"coding": [{"code": "error"}]}), "absent_and_value"),
        (neutrophils(focus=[{"reference": "Patient/q"}]), "of_another"),
        (neutrophils(focus=[{"display": "the donor"}]), "of_another"),
        (neutrophils(focus=[{"reference": "Patient/p"}, {"identifier": {"value": "Q"}}]), "of_another"),
        (neutrophils(meta={"extension": [{"url": DOUBTED, "valueBoolean": True}]}), "doubted"),
        (panel(0.3, 3), "said_twice"),
        (panel(0.3, None), "said_twice"),
        (
            neutrophils(code={"coding": [{"system": "http://loinc.org", "code": "26499-4"}, {"system": "http://loinc.org", "code": "777-3"}]}),
            "two_facts",
        ),
    ],
)
def test_a_contradiction_is_told_and_not_used(resource: dict[str, Any], code: str) -> None:
    value, odd = told(resource)
    assert value is None
    assert code in odd


@pytest.mark.parametrize(
    "resource",
    [
        neutrophils(),
        neutrophils(**quantity("x10^9/L", "10*9/L")),
        neutrophils(**quantity("10*3/uL", "10*9/L")),
        neutrophils(**quantity("billion per litre", "10*9/L")),
        neutrophils(**quantity("10*9/L", "local-17", system="urn:lab:units")),
        neutrophils(focus=[{"reference": "Patient/p"}]),
        panel(5, 5),
        neutrophils(code={"coding": [{"system": "http://loinc.org", "code": "26499-4"}, {"system": "urn:lab", "code": "NEUT"}]}),
    ],
)
def test_what_agrees_is_used(resource: dict[str, Any]) -> None:
    assert told(resource) == (5, [])


def test_a_record_that_is_marked_as_test_data_is_read() -> None:
    """The mark makes the case a synthetic one, which every page says; senders mark results and leave the Patient bare."""
    found = read([{"resourceType": "Patient", "id": "p", "birthDate": "1968-04-09"}, neutrophils(meta={"tag": [{"code": "HTEST"}]})], AT, DICTIONARY)
    assert found.values.get("neutrophils") == 5


def test_what_stands_with_a_person_whose_record_another_replaces_is_used_and_told() -> None:
    replaced = {"link": [{"other": {"reference": "Patient/q"}, "type": "replaced-by"}]}
    found = read([{"resourceType": "Patient", "id": "p", "birthDate": "1968-04-09"} | replaced, neutrophils()], AT, DICTIONARY)
    assert (found.values.get("neutrophils"), [(odd.code, odd.path) for odd in found.odd]) == (5, [("facts.odd.replaced", "Patient.link")])
