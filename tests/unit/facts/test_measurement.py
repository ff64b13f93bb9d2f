"""One observation at a time: what is used, what is set aside, what is told."""

from __future__ import annotations

from typing import Any

import pytest

from baybridge.base.time import parse_instant
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.factset import FactSet, Status
from baybridge.facts.reading import read

DOCUMENTS = Documents()
#: without the two facts that are always known, so that a test can compare all values
FACTS = {name: spec for name, spec in DOCUMENTS.folder("facts").items() if spec["read"]["how"] != "anchor_recorded"}
DICTIONARY = Dictionary.from_documents(FACTS, DOCUMENTS.folder("terms"))
AT = parse_instant("2026-03-08T13:00:00+08:00")
NOON = "2026-03-08T12:00:00+08:00"


def observation(code: str = "2276-4", at: str = NOON, **more: Any) -> dict[str, Any]:
    system = "http://loinc.org" if "-" in code and code[0].isdigit() else "urn:baybridge:observation"
    base = {"resourceType": "Observation", "id": "o1", "status": "final", "effectiveDateTime": at}
    return {**base, "code": {"coding": [{"system": system, "code": code}]}, **more}


def quantity(value: Any, unit: str | None = "ng/mL", **more: Any) -> dict[str, Any]:
    return {"valueQuantity": {"value": value, **({"unit": unit} if unit else {}), **more}}


def reading(*resources: dict[str, Any], **options: Any) -> FactSet:
    return read(resources, AT, DICTIONARY, **options)


def codes(found: FactSet) -> list[str]:
    return [odd.code.removeprefix("facts.odd.") for odd in found.odd]


def test_used() -> None:
    found = reading(observation(**quantity(540)))
    fact = found.facts["ferritin"]
    assert found.values == {"ferritin": 540.0}
    assert (fact.status, fact.source, fact.original, fact.unit) == (Status.USED, "Observation/o1", "540 ng/mL", "ng/mL")
    assert found.read_codes == {("http://loinc.org", "2276-4"): 1}


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
def test_status_that_counts(status: str) -> None:
    assert reading(observation(status=status, **quantity(540))).values == {"ferritin": 540.0}


@pytest.mark.parametrize("status", ["registered", "preliminary", "cancelled", "entered-in-error", "unknown", None])
def test_status_that_does_not(status: str | None) -> None:
    found = reading(observation(status=status, **quantity(540)))
    assert "ferritin" not in found.facts
    assert codes(found) == ["status_not_final"]


@pytest.mark.parametrize(
    ("loinc", "unit", "age_h", "status"),
    [
        ("8310-5", "Cel", 12, Status.USED),
        ("8310-5", "Cel", 12.01, Status.STALE),
        ("2276-4", "ng/mL", 72, Status.USED),
        ("2276-4", "ng/mL", 72.01, Status.STALE),
    ],
)
def test_age(loinc: str, unit: str, age_h: float, status: Status) -> None:
    from datetime import timedelta

    taken = (AT - timedelta(hours=age_h)).isoformat()
    found = reading(observation(loinc, at=taken, **quantity(38, unit)))
    name = "temperature" if unit == "Cel" else "ferritin"
    assert found.facts[name].status is status
    assert (name in found.values) is (status is Status.USED)


def test_a_window_may_be_longer_for_a_policy() -> None:
    old = observation(at="2026-02-20", **quantity(540))
    assert reading(old).values == {}
    assert reading(old, windows={"ferritin": 720}).values == {"ferritin": 540.0}
    assert reading(old, windows={"ferritin": None}).values == {"ferritin": 540.0}


def test_later_than_the_moment_is_not_known_yet() -> None:
    found = reading(observation(at="2026-03-08T13:00:01+08:00", **quantity(540)), observation(id="o0", **quantity(300)))
    assert found.values == {"ferritin": 300.0}


@pytest.mark.parametrize(
    "when",
    [
        {"effectiveDateTime": None, "issued": NOON},
        {"effectiveDateTime": None, "effectiveInstant": NOON},
        {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-03-01", "end": NOON}},
        {"effectiveDateTime": "2026-03-08"},
        {"effectiveDateTime": "2026-03-08T04:00:00Z"},
        {"effectiveDateTime": "2026-03-08T04:00:00.123Z"},
    ],
)
def test_moments(when: dict[str, Any]) -> None:
    assert reading({**observation(**quantity(540)), **when}).values == {"ferritin": 540.0}


@pytest.mark.parametrize("said", ["2026-03-08T12:00:00", "2026-02-30", "yesterday", 20260308, None])
def test_a_moment_that_cannot_be_read_is_told(said: Any) -> None:
    found = reading({**observation(**quantity(540)), "effectiveDateTime": said})
    assert found.values == {}
    assert codes(found) == ["time_unreadable"]


def test_the_latest_counts_then_amended_then_issued_then_id() -> None:
    older = observation(id="a", at="2026-03-08T11:00:00+08:00", status="amended", **quantity(1))
    final = observation(id="z", **quantity(2))
    amended = observation(id="b", status="amended", **quantity(3))
    later = observation(id="a", status="corrected", issued="2026-03-08T12:30:00+08:00", **quantity(4))
    assert reading(older, final).values["ferritin"] == 2
    assert reading(older, final, amended).values["ferritin"] == 3
    assert reading(final, amended, later).values["ferritin"] == 4


def test_implausible_is_kept_marked_and_not_used() -> None:
    wrong = observation("718-7", id="o2", **quantity(1200, "g/L"))
    good = observation("718-7", at="2026-03-08T08:00:00+08:00", **quantity(104, "g/L"))
    found = reading(wrong, good)
    assert found.values == {"hemoglobin": 104.0}
    assert [(f.value, f.status) for f in found.set_aside] == [(1200.0, Status.IMPLAUSIBLE)]
    assert codes(found) == ["implausible"]
    alone = reading(wrong)
    assert alone.values == {}
    assert alone.facts["hemoglobin"].status is Status.IMPLAUSIBLE


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (quantity(26, None), "unit_missing"),
        (quantity(26, ""), "unit_missing"),
        (quantity(26, "mmol/L"), "unit_unknown"),
        (quantity("26"), "value_kind"),
        (quantity(None), "value_kind"),
        (quantity(float("nan")), "value_kind"),
        ({"valueInteger": 26}, "unit_missing"),
        ({"valueBoolean": True}, "value_kind"),
        ({"valueDateTime": NOON}, "value_kind"),
        ({"valueString": "26"}, "text_only"),
        ({"valueCodeableConcept": {"coding": [{"system": "x", "code": "y"}]}}, "code_unknown"),
    ],
)
def test_a_value_that_cannot_be_used_is_told(value: dict[str, Any], code: str) -> None:
    found = reading(observation(**value))
    assert found.values == {}
    assert codes(found) == [code]


def test_a_newer_bound_makes_the_fact_unknown() -> None:
    older = observation("751-8", id="a", at="2026-03-08T06:00:00+08:00", **quantity(2.0, "10*9/L"))
    bound = observation("751-8", id="b", **quantity(0.1, "10*9/L", comparator="<"))
    found = reading(older, bound)
    assert found.values == {}
    assert found.facts["neutrophils"].status is Status.BOUND
    assert found.facts["neutrophils"].original == "<0.1 10*9/L"
    assert codes(found) == ["bound"]


@pytest.mark.parametrize(("value", "comparator"), [(13000, ">"), (261, ">="), (0.5, "<"), (9, "<=")])
def test_a_bound_that_nobody_alive_can_have_is_set_aside(value: float, comparator: str) -> None:
    older = observation("718-7", id="a", at="2026-03-08T06:00:00+08:00", **quantity(88, "g/L"))
    found = reading(older, observation("718-7", id="b", **quantity(value, "g/L", comparator=comparator)))
    assert found.values == {"hemoglobin": 88.0}
    assert [one.status for one in found.set_aside] == [Status.IMPLAUSIBLE]
    assert codes(found) == ["implausible"]


@pytest.mark.parametrize(("low", "high", "limit"), [(245, 120, None), (120, 245, 245.0), (None, 245, 245.0), (120, 120, 120.0)])
def test_limits_of_normal_the_wrong_way_round_are_not_used(low: int | None, high: int, limit: float | None) -> None:
    limits = {"high": {"value": high}, **({"low": {"value": low}} if low is not None else {})}
    found = reading(observation("2532-0", **quantity(300, "U/L"), referenceRange=[limits]))
    assert found.values.get("ldh_upper_limit") == limit
    assert (found.values["ldh"], codes(found)) == (300.0, ["range_reversed"] if limit is None else [])


def test_the_coded_unit_goes_before_its_words() -> None:
    said = {"value": 2.6, "unit": "billion per liter", "code": "10*9/L", "system": "http://unitsofmeasure.org"}
    assert reading(observation("751-8", valueQuantity=said)).values == {"neutrophils": 2.6}


def test_components_of_a_panel() -> None:
    parts = [
        {"code": {"coding": [{"system": "http://loinc.org", "code": c}]}, **quantity(v, "mm[Hg]")}
        for c, v in (("8480-6", 118), ("8462-4", 70))
    ]
    found = reading(observation("85354-9", component=parts))
    assert found.values == {"diastolic_pressure": 70.0, "systolic_pressure": 118.0}
    assert found.unread == ()


def test_codes_that_nothing_reads_are_listed_with_their_count() -> None:
    local = {"coding": [{"system": "urn:hk:local-lab", "code": "ALT"}], "text": "alt"}
    found = reading(*({**observation(id=f"o{n}", **quantity(26, None)), "code": local} for n in range(3)))
    assert found.values == {}
    assert [(u.system, u.code, u.count) for u in found.unread] == [("urn:hk:local-lab", "ALT", 3)]


def test_a_local_code_beside_a_loinc_is_read() -> None:
    both = {"coding": [{"system": "urn:hk:local-lab", "code": "FER"}, {"system": "http://loinc.org", "code": "2276-4"}]}
    found = reading({**observation(**quantity(540)), "code": both})
    assert found.values == {"ferritin": 540.0}
    assert found.unread == ()


def test_doubles_are_told_and_counted_once() -> None:
    accession = [{"system": "urn:lab:accession", "value": "A1"}]
    found = reading(observation(id="a", identifier=accession, **quantity(402)), observation(id="b", identifier=accession, **quantity(402)))
    assert found.values == {"ferritin": 402.0}
    assert codes(found) == ["duplicate"]
    differing = reading(
        observation(id="a", identifier=accession, **quantity(402)), observation(id="b", identifier=accession, **quantity(9))
    )
    assert codes(differing) == ["duplicate_differs"]


def test_one_accession_over_several_analytes_is_no_double() -> None:
    accession = [{"system": "urn:lab:accession", "value": "A1"}]
    found = reading(
        observation(id="a", identifier=accession, **quantity(402)),
        observation("1988-5", id="b", identifier=accession, **quantity(9, "mg/L")),
    )
    assert found.values == {"crp": 9.0, "ferritin": 402.0}
    assert codes(found) == []


def test_reference_to_nowhere() -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "result": [{"reference": "Observation/none"}, {"reference": "Observation/o1"}],
    }
    found = reading(report, observation(**quantity(540)))
    assert [(o.resource, o.path, o.code) for o in found.odd] == [
        ("DiagnosticReport/r", "DiagnosticReport.result[0]", "facts.odd.reference_to_nowhere")
    ]


@pytest.mark.parametrize(
    ("code", "value", "fact", "expected"),
    [
        ("ice-score", {"valueInteger": 10}, "ice_score", 10),
        ("capd-score", {"valueInteger": 9}, "capd_score", 9),
        ("vasopressors", {"valueInteger": 0}, "vasopressors", 0),
        ("vasopressin", {"valueBoolean": False}, "vasopressin", False),
        ("raised-icp-sign", {"valueBoolean": True}, "raised_icp_sign", True),
        ("fever-attributable", {"valueBoolean": True}, "fever_attributable", True),
        (
            "oxygen-device",
            {"valueCodeableConcept": {"coding": [{"system": "urn:baybridge:observation", "code": "cpap"}]}},
            "oxygen_device",
            "cpap",
        ),
        ("seizure", {"valueCodeableConcept": {"coding": [{"system": "urn:baybridge:observation", "code": "none"}]}}, "seizure", "none"),
    ],
)
def test_local_codes(code: str, value: dict[str, Any], fact: str, expected: object) -> None:
    found = reading(observation(code, **value))
    assert found.values == {fact: expected}
    assert type(found.values[fact]) is type(expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("260385009", False), ("10828004", True), ("260415000", False), ("260373001", True), ("419984006", None), ("42425007", None)],
)
def test_coded_answers(answer: str, expected: bool | None) -> None:
    found = reading(observation("5196-1", valueCodeableConcept={"coding": [{"system": "http://snomed.info/sct", "code": answer}]}))
    assert found.values.get("hbsag_positive") is expected
    assert codes(found) == ([] if expected is not None else ["answer_open"])


def test_words_alone_propose() -> None:
    found = reading(observation("5196-1", valueString="阴性"))
    assert found.values == {}
    assert found.facts["hbsag_positive"].status is Status.PROPOSED


def test_upper_limit_of_normal_in_the_unit_of_the_fact() -> None:
    limited = observation("2160-0", **quantity(0.81, "mg/dL"), referenceRange=[{"high": {"value": 1.2, "unit": "mg/dL"}}])
    found = reading(limited)
    assert found.values["creatinine_upper_limit"] == pytest.approx(106.08)


def test_a_confirmed_finding_stands() -> None:
    found = reading(confirmed={"her2_positive": False})
    assert found.values == {"her2_positive": False}


@pytest.mark.parametrize(
    ("born", "age"),
    [("1968-04-09", 57), ("2026-03-08", 0), ("1968-03-08", 58), ("1968-03-09", 57), ("1968-01", 58), ("1968-03", None), ("1968", None)],
)
def test_age_in_completed_years(born: str, age: int | None) -> None:
    found = reading({"resourceType": "Patient", "id": "p", "birthDate": born})
    assert found.values.get("age") == age
    assert codes(found) == ([] if age is not None else ["birth_date_open"])


def test_strange_resources_do_not_raise() -> None:
    strange: list[Any] = [
        {},
        {"resourceType": "Observation"},
        {"resourceType": "Observation", "code": "text", "status": 5, "component": [None, 5]},
        observation(valueQuantity="5", referenceRange="x", identifier=[None]),
        observation(component={"code": {}}),
        {"resourceType": "Condition", "code": None},
        {"resourceType": "Procedure", "code": [], "performedPeriod": "x"},
        {"resourceType": "MedicationAdministration", "status": "completed", "medicationCodeableConcept": []},
        {"resourceType": "MedicationStatement", "status": "completed", "medicationReference": {"reference": "#nowhere"}, "category": 5},
        {"resourceType": "Patient", "birthDate": ["x"]},
    ]
    found = reading(*strange)
    assert found.values.get("age") is None


def test_every_odd_and_note_has_its_sentence() -> None:
    import re
    from pathlib import Path

    import baybridge.facts

    source = "".join(p.read_text() for p in Path(baybridge.facts.__file__).parent.rglob("*.py"))
    sentences = DOCUMENTS.translations("en")
    used = set(re.findall(r'"(facts\.note\.[a-z_]+)"', source)) | {
        f"facts.odd.{c}" for c in re.findall(r'(?:finding\(\w+, [^,]+, |_UnusableError\()"([a-z_]+)"', source)
    }
    assert len(used) > 15
    assert used <= set(sentences)
