"""Bad input: each a clear error at its place, the rest kept.

A file of outside records is never refused for one bad entry. The table says for each kind of bad input what is told, where, and what
goes in all the same.
"""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from io import BytesIO

import pytest
from sqlalchemy import create_engine

from acceptance.support import World
from baybridge.documents.loader import Documents
from baybridge.documents.terms import Units
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.units import UnitTable
from baybridge.language.texts import Texts
from baybridge.node.intake.record_units import unknown_units
from baybridge.node.intake.records import import_in_parts
from baybridge.node.intake.unused import tell_unused
from baybridge.record.intake.importing import batches, file_batch, plan
from baybridge.record.intake.reading import Source
from baybridge.record.store import store
from baybridge.record.store.tables import metadata

AT = datetime(2026, 3, 8, 9, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1970-01-02"}
CODE = {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}
GOOD = {"resourceType": "Observation", "id": "good", "status": "final", "code": CODE, "subject": {"reference": "Patient/p"}}
BAD = {**GOOD, "id": "bad"}


def bundle(*resources, **given):
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources], **given}).encode()


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection


def take_in(connection, data: bytes, name="file.json", limit=2**20):
    source = Source(name, lambda: BytesIO(data), limit)
    made = plan(connection, source)
    versions, problems = [], []
    for batch in batches(source, made):
        versions += file_batch(connection, source, batch, made, at=AT)
        problems += batch.problems
    return versions, problems


def told(problems):
    return [(p.severity, p.code.removeprefix("record."), p.path) for p in problems]


AT_BAD = "Bundle.entry[1].resource"

#: what is wrong with the second of three resources, what is told, where, whether the resource itself is kept
ENTRIES = [
    ("impossible date", {"effectiveDateTime": "2026-02-30"}, "error", "invalid.format", f"{AT_BAD}.effectiveDateTime", False),
    ("time without offset", {"effectiveDateTime": "2026-02-20T09:00:00"}, "error", "invalid.format", f"{AT_BAD}.effectiveDateTime", False),
    ("no day", {"issued": "2026-02-20"}, "error", "invalid.format", f"{AT_BAD}.issued", False),
    ("wrong resource type", {"resourceType": "Observatoin"}, "error", "invalid.resource_type", f"{AT_BAD}.resourceType", False),
    ("no resource type", {"resourceType": None}, "error", "invalid.resource_type", f"{AT_BAD}.resourceType", False),
    ("unknown status", {"status": "finished"}, "error", "invalid.code", f"{AT_BAD}.status", False),
    ("number as text", {"valueQuantity": {"value": "7.2"}}, "error", "invalid.format", f"{AT_BAD}.valueQuantity.value", False),
    ("list for one", {"code": [CODE]}, "error", "invalid.not_an_object", f"{AT_BAD}.code", False),
    ("one for a list", {"category": CODE}, "error", "invalid.not_a_list", f"{AT_BAD}.category", False),
    ("two values", {"valueString": "x", "valueInteger": 1}, "error", "invalid.choice", f"{AT_BAD}.value[x]", False),
    (
        "reference without form",
        {"subject": {"reference": "the patient"}},
        "error",
        "invalid.reference",
        f"{AT_BAD}.subject.reference",
        False,
    ),
    ("reference to nowhere", {"subject": {"reference": "Patient/none"}}, "odd", "import.reference_nowhere", f"{AT_BAD}.subject", True),
    (
        "reference to another type",
        {"subject": {"reference": "Observation/good"}},
        "odd",
        "invalid.reference_type",
        f"{AT_BAD}.subject.reference",
        True,
    ),
    ("unknown element", {"colour": "red"}, "odd", "invalid.unknown_element", f"{AT_BAD}.colour", True),
    ("second 60", {"effectiveDateTime": "2026-03-08T09:00:60+08:00"}, "error", "invalid.format", f"{AT_BAD}.effectiveDateTime", False),
    (
        "a period that ends before it starts",
        {"effectivePeriod": {"start": "2026-03-08", "end": "2026-03-07"}},
        "error",
        "invalid.period",
        f"{AT_BAD}.effectivePeriod",
        False,
    ),
    (
        "a narrative that does something",
        {"text": {"status": "generated", "div": "<div><script>x()</script></div>"}},
        "odd",
        "import.narrative",
        f"{AT_BAD}.text.div",
        True,
    ),
    ("id not allowed", {"id": "no_underscore"}, "odd", "import.id_invalid", f"{AT_BAD}.id", True),
]


@pytest.mark.parametrize(("name", "change", "severity", "code", "path", "kept"), ENTRIES, ids=[row[0] for row in ENTRIES])
def test_a_bad_entry_is_told_and_the_rest_goes_in(connection, name, change, severity, code, path, kept):
    versions, problems = take_in(connection, bundle(PATIENT, {**BAD, **change}, GOOD))
    assert (severity, code, path) in told(problems)
    problem = next(p for p in problems if p.path == path)
    assert (problem.file, problem.entry) == ("file.json", 2)
    assert problem.expected
    assert problem.found
    assert {"Patient/p", "Observation/good"} <= {v.reference for v in versions}
    assert (len(versions) == 3) is kept


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "9" * 400, "1e-999999999", "1e99999999999999999999", "9" * 5000])
def test_a_number_that_nobody_measured_leaves_its_resource_out_and_nothing_else(connection, number):
    data = bundle(PATIENT, {**BAD, "valueQuantity": {"value": 12345}}, GOOD).replace(b"12345", number.encode())
    versions, problems = take_in(connection, data)
    assert [v.reference for v in versions] == ["Patient/p", "Observation/good"]
    assert [(p.severity, p.entry) for p in problems] == [("error", 2)]
    assert problems[0].code in ("record.invalid.format", "record.import.not_json")


@pytest.mark.parametrize(
    ("before", "after", "path", "kept"),
    [
        ('"id": "bad"', '"id": "bad", "status": "amended"', f"{AT_BAD}.status", False),
        ('"id": "bad"', '"id": "bad", "status": "final"', f"{AT_BAD}.status", True),
        ('"system": "http://loinc.org", "code": "718-7"', '"code": "2160-0", "code": "718-7"', f"{AT_BAD}.code.coding[0].code", False),
        ('"id": "bad"', r'"id": "bad", "language": "a\"b", "language": "c"', f"{AT_BAD}.language", False),
    ],
)
def test_a_key_that_comes_twice_is_told(connection, before, after, path, kept):
    text = json.dumps(BAD).replace(before, after, 1)
    data = bundle(PATIENT, {"place": "bad"}, GOOD).replace(b'{"place": "bad"}', text.encode())
    versions, problems = take_in(connection, data)
    assert [(p.code, p.path) for p in problems if "twice" in p.code] == [("record.key_twice", path)]
    assert ("Observation/bad" in {v.reference for v in versions}) is kept


def test_a_narrative_that_does_something_costs_the_narrative_only(connection):
    safe = {"status": "generated", "div": "<div><b>8</b></div>"}
    unsafe = {"status": "generated", "div": '<div onclick="x()">8</div>'}
    inner = {"resourceType": "Patient", "id": "inner", "text": unsafe}
    versions, _ = take_in(connection, bundle({**PATIENT, "text": safe}, {**GOOD, "text": safe, "contained": [inner]}))
    assert [v.resource.get("text") for v in versions] == [safe, safe]
    assert versions[1].resource["contained"] == [{"resourceType": "Patient", "id": "inner"}]


def test_every_problem_of_an_entry_is_told_not_the_first(connection):
    bad = {"resourceType": "Observation", "id": "bad", "status": "nope", "effectiveDateTime": "2026-13-01", "valueInteger": 1.5}
    _, problems = take_in(connection, bundle(bad))
    assert {p.path.rsplit(".", 1)[1] for p in problems} == {"status", "effectiveDateTime", "valueInteger", "code"}


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("text", b"Dear colleague, please find attached", "import.not_json"),
        ("half a bundle", bundle(PATIENT, GOOD)[:-20], "import.not_json"),
        ("nothing", b"  \n ", "import.empty"),
        ("a number", b"12", "import.not_fhir"),
        ("not UTF-8", '{"resourceType":"Patient","id":"p","name":[{"text":"陳"}]}'.encode("gb18030"), "import.not_json"),
        ("deep nesting", b'{"resourceType":"Patient","extension":' + b"[" * 60_000, "import.not_json"),
        ("entries that are no list", b'{"resourceType":"Bundle","type":"collection","entry":{}}', "import.not_fhir"),
        ("damaged gzip", gzip.compress(bundle(PATIENT))[:-12], "import.bad_gzip"),
        ("too large", bundle(PATIENT, {**PATIENT, "id": "q", "language": "x" * 2**20}), "import.too_large"),
        ("a bomb", gzip.compress(b'{"resourceType":"Patient","id":"p","language":"' + b"x" * 2**24), "import.too_large"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_problem(connection, name, data, code):
    versions, problems = take_in(connection, data)
    assert versions == []
    assert [(p.severity, p.code) for p in problems] == [("file", f"record.{code}")]


def test_a_bad_line_of_ndjson_is_told_with_its_number(connection):
    lines = [json.dumps(PATIENT), "", "{oops", json.dumps({**BAD, "status": 1}), json.dumps(GOOD)]
    for name in ("records.ndjson", "records.json"):
        versions, problems = take_in(connection, "\n".join(lines).encode(), name)
        assert [(p.line, p.code) for p in problems] == [(3, "record.import.not_json"), (4, "record.invalid.format")]
        assert [v.reference for v in versions] == ["Patient/p", "Observation/good"]


def test_a_large_file_goes_in_line_by_line(connection):
    line = json.dumps({**GOOD, "note": [{"text": "x" * 1000}]})
    many = "\n".join([json.dumps(PATIENT), *(line.replace('"good"', f'"o{n}"') for n in range(3000))]).encode()
    versions, problems = take_in(connection, gzip.compress(many), "many.ndjson.gz", limit=2**23)
    assert (len(versions), problems) == (3001, [])


def test_the_same_id_twice(connection):
    versions, problems = take_in(connection, bundle(PATIENT, GOOD, GOOD, {**GOOD, "status": "amended"}))
    found = [(p.entry, p.found) for p in problems if p.code == "record.import.duplicate_id"]
    assert found == [(3, "the same content, taken once"), (4, "other content, both kept as versions")]
    assert [v.resource["status"] for v in store.history(connection, "Observation", "good")] == ["amended", "final"]
    assert len(versions) == 4


def test_the_same_identifier_on_two_patients(connection):
    identifier = [{"system": "urn:mo:bir", "value": "1"}]
    _, problems = take_in(connection, bundle({**PATIENT, "identifier": identifier}, {**PATIENT, "id": "q", "identifier": identifier}))
    assert {(p.code, p.resource) for p in problems} == {("record.import.same_identifier", "Patient")}


def test_an_id_of_somebody_else_is_not_overwritten(connection):
    ours = {**PATIENT, "identifier": [{"system": "urn:mo:bir", "value": "1"}]}
    theirs = {"resourceType": "Patient", "id": "p", "birthDate": "1999-12-31", "identifier": [{"system": "urn:hk:hkid", "value": "2"}]}
    take_in(connection, bundle(ours, GOOD))
    versions, problems = take_in(connection, bundle(GOOD | {"valueInteger": 3}, theirs))
    patient = next(v for v in versions if v.type == "Patient")
    result = next(v for v in versions if v.type == "Observation")
    assert patient.id != "p"
    assert {p.code for p in problems} == {"record.import.id_taken"}
    assert result.resource["subject"]["reference"] == patient.reference
    assert patient.resource["meta"]["extension"] == [{"url": "urn:baybridge:imported-id", "valueString": "p"}]
    assert store.get(connection, "Patient", "p").resource["birthDate"] == "1970-01-02"
    assert store.get(connection, "Observation", "good").number == 1
    again, _ = take_in(connection, bundle(GOOD | {"valueInteger": 3}, theirs))
    assert {v.change for v in again} == {"unchanged"}


def test_a_corrected_patient_is_the_next_version(connection):
    ours = {**PATIENT, "identifier": [{"system": "urn:mo:bir", "value": "1"}]}
    take_in(connection, bundle(ours))
    versions, problems = take_in(connection, bundle({**ours, "birthDate": "1970-02-01"}))
    assert [(v.id, v.number, v.change) for v in versions] == [("p", 2, "updated")]
    assert problems == []


def test_addresses_inside_a_bundle_are_resolved(connection):
    urn = "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001"
    entries = [
        {"fullUrl": "https://lab.example/fhir/Observation/x", "resource": {**GOOD, "id": "x", "subject": {"reference": urn}}},
        {"fullUrl": urn, "resource": {"resourceType": "Patient", "birthDate": "1970-01-02"}},
        {"resource": {**GOOD, "id": "y", "hasMember": [{"reference": "https://lab.example/fhir/Observation/x"}]}},
    ]
    _, problems = take_in(connection, json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode())
    assert store.get(connection, "Observation", "x").patient == "0a1b2c3d-0000-4000-8000-000000000001"
    assert store.get(connection, "Observation", "y").resource["hasMember"] == [{"reference": "Observation/x"}]
    assert [p.code for p in problems] == ["record.import.reference_nowhere"]  # the third names a patient that is not there


def test_a_request_to_delete_is_not_carried_out(connection):
    take_in(connection, bundle(PATIENT))
    entry = {"request": {"method": "DELETE", "url": "Patient/p"}}
    _, problems = take_in(connection, json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).encode())
    assert [p.code for p in problems] == ["record.import.request_ignored"]
    assert store.get(connection, "Patient", "p").deleted is False


def test_no_personal_value_stands_in_a_problem(connection):
    secret = "陳大文Z9876543"
    bad = {"resourceType": "Patient", "id": "p", "name": [{"text": [secret]}], "birthDate": secret, "gender": secret, "telecom": secret}
    _, problems = take_in(connection, bundle(bad))
    assert len(problems) == 4
    assert secret not in "".join(str(p) + json.dumps(p.as_json()) for p in problems)


@pytest.mark.parametrize(
    ("unit", "known"),
    [("mg/dL", True), ("10*9/L", True), ("x10^9/L", True), ("{score}", True), ("bananas", False), ("mg per spoon", False)],
)
def test_a_unit_that_nobody_knows_is_told(unit, known):
    table = UnitTable.from_document(Units(id="units", telling_annotations={}, spellings={"10*9/L": ("x10^9/l",)}, shown={}, worded={}))
    found = list(unknown_units({**GOOD, "valueQuantity": {"value": 1, "unit": unit}}, table))
    assert found == ([] if known else [("valueQuantity", unit)])


LAB = {**GOOD, "effectiveDateTime": "2026-03-01T08:00:00+08:00"}
HAEMOGLOBIN, NEUTROPHILS = "718-7", "751-8"


def coded(*codes: str) -> dict:
    return {"coding": [{"system": "http://loinc.org", "code": code} for code in codes]}


def quantity(value: float, unit: str = "", text: str = "") -> dict:
    ucum = {"system": "http://unitsofmeasure.org", "code": unit} if unit else {}
    return {"valueQuantity": {"value": value, **ucum, **({"unit": text or unit} if text or unit else {})}}


#: An observation, and what is told of it: where, what was expected, what was found.
UNUSED = [
    ({**quantity(60, "%"), "code": coded(NEUTROPHILS)}, ("valueQuantity.unit", "a unit that converts to 10*9/L", "%")),
    (quantity(130), ("valueQuantity.unit", "a unit that converts to g/L", "no unit")),
    (quantity(13000, "g/L"), ("", "what can be true of a living person, in g/L", "a value outside of it")),
    ({"valueQuantity": {"value": 13000, "unit": "g/L", "comparator": ">"}}, ("", "what can be true of a living person, in g/L", "a value outside of it")),
    ({"valueQuantity": {"value": 0.5, "unit": "g/L", "comparator": "<="}}, ("", "what can be true of a living person, in g/L", "a value outside of it")),
    ({"valueQuantity": {"value": 250, "unit": "g/L", "comparator": ">"}}, None),
    (
        {"valueQuantity": {"value": 0, "unit": "10*9/L", "comparator": "<"}, "code": coded(NEUTROPHILS)},
        ("", "what can be true of a living person, in 10*9/L", "a value outside of it"),
    ),
    (
        {**quantity(130, "g/L"), "referenceRange": [{"low": {"value": 160}, "high": {"value": 120}}]},
        ("referenceRange", "a lower limit of normal that is not above the upper one", "one above it; neither is used"),
    ),
    (quantity(130, "g/L", "g/dL"), ("valueQuantity.unit", "one unit, by its code and its text", "two")),
    ({**quantity(130, "g/L"), "code": coded(HAEMOGLOBIN, NEUTROPHILS)}, ("code", "codes that name one measurement", "codes of two")),
    ({**quantity(130, "g/L"), "dataAbsentReason": {"text": "lost"}}, ("dataAbsentReason", "a value, or the reason why there is none", "both")),
    ({"valueString": "130 g/L"}, ("", "a number", "text")),
    ({"valueString": "as before"}, ("", "a number", "text")),
    ({"valueString": "yes", "code": {"coding": [{"system": "urn:baybridge:observation", "code": "crs-diagnosed"}]}}, None),
    ({"valueBoolean": True}, ("valueBoolean", "a value of the kind that this measurement has", "one of another kind")),
    ({**quantity(130, "g/L"), "focus": [{"reference": "Patient/q"}]}, ("focus", "a result about its subject", "one about somebody or something else")),
    (
        {**quantity(130, "g/L"), "modifierExtension": [{"url": "http://example.org/not", "valueBoolean": True}]},
        ("modifierExtension", "a result that is read by rules that are known here", "a modifier extension or implicit rules"),
    ),
    ({**quantity(130, "g/L")}, None),
    ({**quantity(13, "g/dL")}, None),
    ({**quantity(130, "wibble/L")}, None),  # told as a unit that nobody knows, of whatever it is
    ({**quantity(130, "g/L"), "status": "preliminary"}, None),
    ({**quantity(5, "kg"), "code": coded("99999-9")}, None),
]


@pytest.mark.parametrize(("given", "told"), UNUSED)
def test_what_cannot_be_used_is_told_when_it_comes_and_filed(connection, given, told) -> None:
    documents = Documents()
    dictionary = Dictionary.from_documents(documents.folder("facts"), documents.folder("terms"))
    source = Source("file.json", lambda: BytesIO(bundle(PATIENT, {**LAB, **given})), 2**20)
    made = plan(connection, source)
    (batch,) = batches(source, made)
    tell_unused(source, batch, dictionary)
    assert len(file_batch(connection, source, batch, made, at=AT)) == 2
    found = [one for one in batch.problems if one.code == "record.import.not_used"]
    at = "Bundle.entry[1].resource"
    wanted = [] if told is None else [(".".join(filter(None, (at, told[0]))), *told[1:], 2)]
    assert [(one.path, one.expected, one.found, one.entry) for one in found] == wanted


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant", "pt"])
def test_a_unit_that_was_expected_is_written_as_people_write_it(language) -> None:
    values = {"expected": "a unit that converts to 10*9/L", "found": "%"}
    sentence = Texts(Documents()).say(language, "record.import.not_used", values)
    assert "10⁹/L" in sentence and "10*9" not in sentence


def test_the_import_of_a_node_tells_it_too(tmp_path) -> None:
    world = World.new(tmp_path)
    content = bundle(PATIENT, {**LAB, **quantity(60, "%"), "code": coded(NEUTROPHILS)})
    report = import_in_parts(world.nodes["mo"], world.nodes["mo"].system(), content, name="file.json")
    assert "record.import.not_used" in [one.code for one in report.problems]
