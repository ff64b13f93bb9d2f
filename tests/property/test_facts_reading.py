"""Reading is the same in any order, knows nothing of the future, never turns the unknown into the normal, and converts there and back."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.base.quantity import Quantity
from baybridge.base.time import parse_instant
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import LOINC, Dictionary
from baybridge.facts.factset import Status
from baybridge.facts.known import Known
from baybridge.facts.reading import read

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
START = parse_instant("2026-03-01T00:00:00+08:00")
ATC = ["L01FA01", "L01AA01", "L01BB05", "L01XG01", "L04AX04", "H02AB02", "L04AC07", "N02BE01", "J01DH02"]
RESPONSES = ["CR", "PR", "SD", "PD", "VGPR"]
MEASURED = [
    ("8310-5", ["Cel", "[degF]", "K"]),
    ("14682-9", ["umol/L", "mg/dL"]),
    ("777-3", ["10*9/L", "K/uL", "furlong"]),
    ("718-7", ["g/L", "g/dL", None]),
]
LOCAL = ["fever-attributable", "sedated", "hypotension", "oxygen-device", "ice-score", "nobody-knows-this"]

days = st.integers(-400, 60)
hours = st.integers(0, 23)


def instant(day: int, hour: int = 0) -> str:
    return (START + timedelta(days=day, hours=hour)).isoformat()


@st.composite
def observations(draw: st.DrawFn) -> dict[str, Any]:
    base: dict[str, Any] = {
        "resourceType": "Observation",
        "status": draw(st.sampled_from(["final", "amended", "corrected", "preliminary"])),
        "effectiveDateTime": instant(draw(st.integers(-5, 60)), draw(hours)),
    }
    if draw(st.booleans()):
        code, units = draw(st.sampled_from(MEASURED))
        value = draw(st.decimals(0, 400, places=1))
        unit = draw(st.sampled_from(units))
        quantity = {"value": float(value), **({"unit": unit} if unit else {})}
        if draw(st.integers(0, 9)) == 0:
            quantity["comparator"] = "<"
        return {**base, "code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": quantity}
    code = draw(st.sampled_from(LOCAL))
    value_ = {"valueBoolean": draw(st.booleans())} if draw(st.booleans()) else {"valueInteger": draw(st.integers(0, 12))}
    if code in {"hypotension", "oxygen-device"}:
        value_ = {
            "valueCodeableConcept": {
                "coding": [{"system": "urn:baybridge:observation", "code": draw(st.sampled_from(["none", "fluids", "cpap"]))}]
            }
        }
    return {**base, "code": {"coding": [{"system": "urn:baybridge:observation", "code": code}]}, **value_}


@st.composite
def medications(draw: st.DrawFn) -> dict[str, Any]:
    concept = {"coding": [{"system": "http://www.whocc.no/atc", "code": draw(st.sampled_from(ATC))}]}
    start = draw(days)
    if draw(st.booleans()):
        return {
            "resourceType": "MedicationAdministration",
            "status": "completed",
            "medicationCodeableConcept": concept,
            "effectiveDateTime": instant(start, draw(hours)),
        }
    end = start + draw(st.integers(0, 200))
    period = {"start": instant(start)[:10], "end": instant(end)[:10]}
    more = {"category": {"text": f"line {draw(st.integers(1, 4))}"}} if draw(st.integers(0, 3)) == 0 else {}
    return {
        "resourceType": "MedicationStatement",
        "status": "completed",
        "medicationCodeableConcept": concept,
        "effectivePeriod": period,
        **more,
    }


@st.composite
def responses(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "97509-4"}]},
        "effectiveDateTime": instant(draw(days))[:10],
        "valueCodeableConcept": {"coding": [{"system": "urn:baybridge:response", "code": draw(st.sampled_from(RESPONSES))}]},
    }


@st.composite
def infusions(draw: st.DrawFn) -> dict[str, Any]:
    coding = [{"system": "urn:baybridge:product", "code": "equecabtagene-autoleucel"}]
    day = instant(draw(st.integers(0, 20)), draw(hours))
    return {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "medicationCodeableConcept": {"coding": coding},
        "effectiveDateTime": day,
    }


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    listed = draw(st.lists(st.one_of(observations(), medications(), responses(), infusions()), max_size=25))
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1968-04-09"}
    return [patient, *({"id": f"r{n}", **r} for n, r in enumerate(listed))]


moments = st.builds(lambda day, hour: START + timedelta(days=day, hours=hour), st.integers(-10, 60), hours)


@given(records(), moments, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_order_of_resources_changes_nothing(record: list[dict[str, Any]], at: datetime, random: Any) -> None:
    shuffled = record.copy()
    random.shuffle(shuffled)
    assert read(record, at, DICTIONARY) == read(shuffled, at, DICTIONARY)


def _known_by(resource: dict[str, Any], at: datetime) -> bool:
    said = resource.get("effectiveDateTime") or resource.get("effectivePeriod", {}).get("start")
    if said is None:
        return True
    when = parse_instant(said if len(said) > 10 else f"{said}T00:00:00+08:00")
    return when <= at


@given(records(), moments)
@settings(max_examples=150, deadline=None)
def test_what_comes_later_changes_nothing(record: list[dict[str, Any]], at: datetime) -> None:
    known = [r for r in record if _known_by(r, at)]
    assert read(record, at, DICTIONARY).values == read(known, at, DICTIONARY).values


@given(records(), moments)
@settings(max_examples=150, deadline=None)
def test_every_value_that_is_used_has_a_reading_that_is_used(record: list[dict[str, Any]], at: datetime) -> None:
    found = read(record, at, DICTIONARY)
    for name, value in found.values.items():
        fact = DICTIONARY[name]
        reading = found.facts[name]
        assert reading.status is Status.USED
        assert value is not None
        assert reading.value == value
        if fact.type == "code":
            assert value in fact.values
        if fact.type == "boolean":
            assert isinstance(value, bool)
        if fact.type in {"number", "integer"}:
            assert not isinstance(value, bool)
            assert fact.is_plausible(Decimal(str(value)))
        if fact.max_age_h is not None and fact.how == "latest":
            assert reading.at is not None
            assert timedelta(0) <= at - reading.at <= timedelta(hours=fact.max_age_h)


@given(records(), moments, st.sampled_from(["8310-5", "14682-9", "777-3", "718-7"]))
@settings(max_examples=100, deadline=None)
def test_what_was_not_measured_is_not_known(record: list[dict[str, Any]], at: datetime, code: str) -> None:
    without = [r for r in record if not any(c["code"] == code for c in r.get("code", {}).get("coding", []))]
    fact = DICTIONARY.by_code(LOINC, code)
    assert fact is not None
    found = read(without, at, DICTIONARY)
    assert fact.name not in found.values
    counting = {"window_abnormal_count", "measured_days"}  # how many were looked at is known where nobody looked: none
    assert not [n for n in found.values if getattr(DICTIONARY[n].read, "of", None) == fact.name and DICTIONARY[n].how not in counting]


@given(records(), moments)
@settings(max_examples=100, deadline=None)
def test_reading_twice_answers_the_same_json(record: list[dict[str, Any]], at: datetime) -> None:
    assert read(record, at, DICTIONARY).as_json() == read(record, at, DICTIONARY).as_json()


PAIRS = [
    ("creatinine", "mg/dL", "mmol/L"),
    ("creatinine", "umol/L", "mg/dL"),
    ("crp", "mg/dL", "ng/mL"),
    ("hemoglobin", "g/dL", "mg/mL"),
    ("platelets", "10*3/uL", "/uL"),
    ("temperature", "[degF]", "K"),
    ("weight", "[lb_av]", "g"),
    ("ferritin", "pg/mL", "ug/dL"),
]
FACTORS = {"creatinine": Decimal("88.4")}


@given(st.sampled_from(PAIRS), st.decimals(Decimal("0.1"), Decimal("900"), places=2))
@settings(max_examples=200, deadline=None)
def test_conversion_keeps_order_and_scale(pair: tuple[str, str, str], value: Decimal) -> None:
    name, unit, _ = pair
    low = DICTIONARY.convert(name, Quantity(value, unit))
    high = DICTIONARY.convert(name, Quantity(value + 1, unit))
    assert low < high


@given(st.decimals(Decimal("0.1"), Decimal("50"), places=2))
@settings(max_examples=200, deadline=None)
def test_creatinine_there_and_back(value: Decimal) -> None:
    converted = DICTIONARY.convert("creatinine", Quantity(value, "mg/dL"))
    assert converted == value * Decimal("88.4")
    assert converted / Decimal("88.4") == value
    assert DICTIONARY.convert("creatinine", Quantity(converted / 1000, "mmol/L")) == converted


@given(st.decimals(Decimal("30"), Decimal("43"), places=1))
@settings(max_examples=200, deadline=None)
def test_temperature_there_and_back(celsius: Decimal) -> None:
    fahrenheit = celsius * 9 / 5 + 32
    assert DICTIONARY.convert("temperature", Quantity(fahrenheit, "[degF]")) == celsius
    assert DICTIONARY.convert("temperature", Quantity(celsius + Decimal("273.15"), "K")) == celsius


@given(records(), st.lists(moments, min_size=1, max_size=3), st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_known_of_resources_changes_no_fact(resources: list[dict[str, Any]], ats: list[datetime], data: st.DataObject) -> None:
    known = Known(DICTIONARY)
    for at in ats:
        assert read(resources, at, DICTIONARY, known=known) == read(resources, at, DICTIONARY)
        gone = data.draw(st.integers(0, len(resources) - 1))
        resources = [*resources[:gone], *resources[gone + 1 :], {**data.draw(observations()), "id": resources[gone].get("id")}]
        known = known.only(resources) if data.draw(st.booleans()) else known
