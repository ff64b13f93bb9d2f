"""Laboratory files: HL7 v2 messages keep their meaning, tables are read as their mapping says, local codes are never guessed."""

from __future__ import annotations

import json
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.documents.loader import Documents
from baybridge.record.feeds.code_mapping import mapped, suggestions, work_list
from baybridge.record.feeds.hl7v2 import messages
from baybridge.record.feeds.hl7v2_fhir import read_hl7
from baybridge.record.feeds.hl7v2_values import interval, moment
from baybridge.record.fhir.validate import validate
from baybridge.record.fhir.wire import parse, write
from baybridge.record.intake.reading import Entry, Source, Trouble, entries
from shared_data import shared

HEAD = "MSH|^~\\&|LIS|Hospital|||20260308090000+0800||ORU^R01^ORU_R01|1|P|2.5.1"


def message(*segments: str, head: str = HEAD) -> bytes:
    return "\r".join((head, *segments)).encode()


def resources(data: bytes, kind: str = "Observation") -> list[dict[str, Any]]:
    return [item for taken in read_hl7(data) for item in taken.resources if item["resourceType"] == kind]


def faults(data: bytes) -> list[str]:
    return [fault.code for taken in read_hl7(data) for fault in taken.faults]


# --- meaning of real messages ---------------------------------------------------------------------------------------


def _pairs() -> list[tuple[Path, list[dict[str, Any]]]]:
    files = sorted(shared("hl7v2").glob("*.hl7"))
    rendered = [json.loads(file.with_suffix(".fhir").read_text()).get("entry", []) for file in files]
    return [(file, [item["resource"] for item in found]) for file, found in zip(files, rendered, strict=True)]


def _codes(resource: dict[str, Any]) -> list[str | None]:
    return [coding.get("code") for coding in resource["code"].get("coding", [])]


def _meaning(resource: dict[str, Any]) -> tuple[Any, ...]:
    quantity, concept = resource.get("valueQuantity"), resource.get("valueCodeableConcept")
    value: Any = resource.get("valueString") or resource.get("valueDateTime")
    if quantity:
        value = (float(quantity["value"]), quantity.get("unit"), quantity.get("comparator"))
    if concept:
        value = [coding.get("code") for coding in concept.get("coding", [])]
    return (*_codes(resource), resource["status"], value)


def test_sixty_real_messages_mean_what_their_rendering_means() -> None:
    """Each observation of a message stands in the other rendering, in order; theirs makes more of comments, ours keeps them as notes."""
    for file, theirs in _pairs():
        mine = resources(file.read_bytes())
        others = [_meaning(item) for item in theirs if item["resourceType"] == "Observation"]
        if file.stem == "OBX-to-Observation-sn-as-quantity-value":
            assert mine[0]["valueString"] == "> 1 . 3"  # a made-up separator: kept as text, not read as a number
            continue
        assert [_meaning(item) for item in mine] == others[: len(mine)], file.name


def test_patients_of_real_messages_are_the_same_people() -> None:
    for file, theirs in _pairs():
        mine, others = resources(file.read_bytes(), "Patient"), [item for item in theirs if item["resourceType"] == "Patient"]
        assert len(mine) == len(others), file.name
        for one, other in zip(mine, others, strict=True):
            assert one.get("gender") == other.get("gender"), file.name
            assert (one.get("birthDate") or "")[:7] == (other.get("birthDate") or "")[:7], file.name
            family = [name.get("family") for name in one.get("name", [])]
            assert family[:1] == [name.get("family") for name in other.get("name", []) if name.get("family")][:1], file.name


def test_whatever_is_read_is_valid_fhir_and_stable() -> None:
    for file, _ in _pairs():
        first, second = ([item for taken in read_hl7(file.read_bytes()) for item in taken.resources] for _ in range(2))
        assert first == second
        for resource in first:
            assert [p for p in validate(parse(write(resource)), "") if p.severity == "error"] == [], file.name


# --- syntax and values ----------------------------------------------------------------------------------------------


def test_a_quantity_keeps_its_digits_its_interval_and_its_unit() -> None:
    data = message(
        "PID|1||A1234563^^^HKG^NI||陳^大文||19700304|M",
        "OBR|1|||CHEM^Chemistry|||20260308090000+0800|||||||||||||||20260308120000+0800|||F",
        "OBX|1|NM|2160-0^Creatinine^LN^CRE^Creatinine^L||72.50|umol/L^^UCUM|59-104|N|||F|||||ENZ^enzymatic^L",
        "NTE|1||haemolysis: none",
    )
    (found,) = resources(data)
    assert found["valueQuantity"] == {
        "value": Decimal("72.50"), "unit": "umol/L", "system": "http://unitsofmeasure.org", "code": "umol/L",
    }  # fmt: skip
    assert b"72.50" in write(found)
    assert found["referenceRange"] == [{"text": "59-104", "low": {"value": 59}, "high": {"value": 104}}]
    assert (found["effectiveDateTime"], found["issued"]) == ("2026-03-08T09:00:00+08:00", "2026-03-08T12:00:00+08:00")
    assert found["note"] == [{"text": "haemolysis: none"}]
    (patient,) = resources(data, "Patient")
    assert patient["name"] == [{"text": "陳 大文", "family": "陳", "given": ["大文"]}]
    assert found["subject"]["reference"] == f"Patient/{patient['id']}"


@pytest.mark.parametrize(
    ("obx", "value"),
    [
        ("SN|718-7^Hb^LN||<^5|g/L", {"valueQuantity": {"value": 5, "comparator": "<", "unit": "g/L"}}),
        ("SN|1-1^titre^LN||^1^:^128|", {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}),
        ("NM|1-1^x^LN||pending|", {"valueString": "pending"}),
        ("ST|1-1^x^LN||a\\T\\b\\S\\c|", {"valueString": "a&b^c"}),
        ("CWE|1-1^x^LN||10828004^Positive^SCT|", {"valueCodeableConcept": {"coding": [
            {"system": "http://snomed.info/sct", "code": "10828004", "display": "Positive"}]}}),
        ("NM|1-1^x^LN|||", {}),
    ],
)  # fmt: skip
def test_values_by_type(obx: str, value: dict[str, Any]) -> None:
    (found,) = resources(message("PID|1||1", "OBR|1", f"OBX|1|{obx}|||||F"))
    assert {name: item for name, item in found.items() if name.startswith("value")} == value
    assert ("dataAbsentReason" in found) is (value == {})


def test_what_is_not_known_is_told_and_not_guessed() -> None:
    data = message("PID|1||1", "OBR|1", "OBX|1|NM|GLU^Glucose^L||5|mmol/L|||||?|||20260308", "OBX|2|NM|||5|||||||F")
    assert faults(data) == ["hl7_status", "hl7_no_code"]
    (found,) = resources(data)
    assert found["status"] == "unknown"
    assert found["code"]["coding"] == [{"system": "urn:hl7v2:Hospital:L", "code": "GLU", "display": "Glucose"}]
    assert found["effectiveDateTime"] == "2026-03-08"


def test_a_time_without_an_offset_is_told() -> None:
    segments = ("PID|1||1", "OBR|1", "OBX|1|NM|1-1^x^LN||5||||||F|||202603080915")
    data = message(*segments, head=HEAD.replace("+0800", ""))
    assert resources(data)[0]["effectiveDateTime"] == "2026-03-08T09:15:00+08:00"
    assert faults(data) == ["hl7_zone"]


def test_other_messages_and_character_sets_are_refused_by_name() -> None:
    assert faults(message("PID|1||1", head=HEAD.replace("ORU^R01^ORU_R01", "ADT^A01"))) == ["hl7_kind"]
    assert faults(message(head=HEAD + "||||||KLINGON")) == ["hl7_characters"]
    chinese = (HEAD + "||||||GB 18030-2000\rPID|1||1||陈^大文").encode("gb18030")
    assert resources(chinese, "Patient")[0]["name"][0]["family"] == "陈"
    assert faults(chinese.replace(b"GB 18030-2000", b"UNICODE UTF-8")) == ["hl7_characters"]


def test_batches_frames_and_many_messages() -> None:
    one = message("PID|1||1", "OBR|1", "OBX|1|NM|1-1^x^LN||5||||||F")
    two = one.replace(b"|1|P|", b"|2|P|")
    framed = b"FHS|^~\\&\rBHS|^~\\&\r\x0b" + one + b"\x1c\r\x0b" + two + b"\x1c\rBTS|2\rFTS|1"
    assert [found.number for found in messages(framed)] == [1, 2]
    assert len({item["id"] for item in resources(framed)}) == 2


@given(st.binary(max_size=200), st.sampled_from([b"", b"MSH|^~\\&|", b"MSH|^~\\&|a|b|||20260101||ORU^R01|1|P|2.5\rOBX|1|"]))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_reader(tail: bytes, head: bytes) -> None:
    for taken in read_hl7(head + tail):
        for resource in taken.resources:
            write(resource)


def test_times_and_intervals() -> None:
    zone = ZoneInfo("Asia/Macau")
    assert moment("2026", zone) == ("2026", False)
    assert moment("20260230", zone) == (None, False)
    assert moment("20260308090000.1234-0500", zone) == ("2026-03-08T09:00:00.1234-05:00", False)
    assert interval("≤ 5.0") == [{"text": "≤ 5.0", "high": {"value": Decimal("5.0")}}]
    assert interval("negative") == [{"text": "negative"}]


# --- tables ---------------------------------------------------------------------------------------------------------

FEED: dict[str, Any] = {
    "id": "hospital-x", "encoding": "utf-8", "zone": "Asia/Hong_Kong", "laboratory": "Hospital X", "identifier_system": "urn:hk:hkid",
    "columns": {"patient": "HKID", "name": "Name", "birth_date": "DOB", "sex": "Sex", "code": "Test", "name_of_test": "Test name",
                "value": "Result", "unit": "Unit", "reference": "Range", "collected_at": "Collected", "status": "Status"},
    "times": {"collected_at": "%d/%m/%Y %H:%M", "birth_date": "%d/%m/%Y"},
    "words": {"status": {"Approved": "final"}, "sex": {"M": "male"}},
    "codes": {"CRE": {"loinc": "2160-0", "name": "creatinine"}},
}  # fmt: skip
HEADER = "HKID,Name,DOB,Sex,Test,Test name,Result,Unit,Range,Collected,Status\n"


def table(*lines: str, feed: dict[str, Any] | None = None, name: str = "x.csv") -> list[Entry | Trouble]:
    data = (HEADER + "\n".join(lines)).encode()
    return list(entries(Source(name, lambda: BytesIO(data), feed=FEED if feed is None else feed)))


def read(found: list[Entry | Trouble], kind: str) -> list[dict[str, Any]]:
    values = [parse(item.raw) for item in found if isinstance(item, Entry)]
    return [value for value in values if value["resourceType"] == kind]


def told(found: list[Entry | Trouble]) -> list[tuple[str, int | None]]:
    return [(item.code, item.place.line) for item in found if isinstance(item, Trouble)]


def test_a_table_is_read_as_its_mapping_says() -> None:
    found = table(
        'A1234563,"陳大文",04/03/1970,M,CRE,Creatinine,72.50,umol/L,59-104,08/03/2026 09:00,Approved',
        "A1234563,陳大文,04/03/1970,M,GLUC,Glucose fasting,<0.5,mmol/L,,08/03/2026 09:00,Approved",
    )
    assert told(found) == []
    (patient,) = read(found, "Patient")
    assert (patient["birthDate"], patient["gender"], patient["identifier"][0]["system"]) == ("1970-03-04", "male", "urn:hk:hkid")
    creatinine, glucose = read(found, "Observation")
    assert [coding["code"] for coding in creatinine["code"]["coding"]] == ["2160-0", "CRE"]
    assert creatinine["effectiveDateTime"] == "2026-03-08T09:00:00+08:00"
    assert glucose["valueQuantity"] == {"value": Decimal("0.5"), "comparator": "<", "unit": "mmol/L"}
    assert [coding["code"] for coding in glucose["code"]["coding"]] == ["GLUC"]


def test_a_bad_line_is_told_at_its_place_and_the_rest_goes_in() -> None:
    found = table(
        ",陳大文,,,CRE,,5,,,08/03/2026 09:00,Approved",
        "A1234563,,,,CRE,,,,,08/03/2026 09:00,Approved",
        "A1234563,,,,CRE,,5,,,2026-03-08,Seen",
        "A1234563,,,,CRE,,6,,,08/03/2026 09:00,Approved",
    )
    assert told(found) == [("csv_empty", 2), ("csv_empty", 3), ("csv_status", 4), ("csv_time", 4)]
    assert [item["valueQuantity"]["value"] for item in read(found, "Observation")] == [5, 6]


def test_no_mapping_no_reading() -> None:
    data = HEADER.encode()
    (trouble,) = entries(Source("x.csv", lambda: BytesIO(data)))
    assert isinstance(trouble, Trouble)
    assert (trouble.code, trouble.whole) == ("csv_no_mapping", True)
    assert told(table(feed={**FEED, "columns": {"patient": "HKID"}})) == [("csv_mapping", None)]
    assert told(table(feed={**FEED, "columns": {**FEED["columns"], "value": "Wert"}})) == [("csv_columns", None)]
    assert told(table(feed={**FEED, "zone": "Nowhere/At_All"})) == [("feed_zone", None)]


def test_hl7_files_come_in_by_their_content() -> None:
    data = message("PID|1||A123^^^HKG^NI", "OBR|1||||||20260308080000+0800", "OBX|1|NM|CRE^^L||5||||||F", "OBX|2|NM|||5|||||||F")
    feed = {"codes": {"CRE": {"loinc": "2160-0"}}, "identifier_systems": {"urn:hl7v2:HKG:NI": "urn:hk:hkid"}}
    found = list(entries(Source("results.txt", lambda: BytesIO(data), feed=feed)))
    (observation,) = read(found, "Observation")
    assert observation["code"]["coding"][0] == {"system": "http://loinc.org", "code": "2160-0"}
    assert read(found, "Patient")[0]["identifier"][0]["system"] == "urn:hk:hkid"
    (trouble,) = [item for item in found if isinstance(item, Trouble)]
    assert (trouble.code, trouble.place.entry, trouble.place.path, trouble.odd) == ("hl7_no_code", 1, "OBX[2]-3", False)


# --- local codes ----------------------------------------------------------------------------------------------------


def test_unmapped_codes_are_listed_with_suggestions_and_never_applied() -> None:
    facts = Documents().folder("facts")
    local = {"resourceType": "Observation", "code": {"coding": [{"system": "urn:x", "code": "C1", "display": "肌酐"}]}}
    known = {"resourceType": "Observation", "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]}}
    (row,) = work_list([local, local, known], facts)
    assert (row.code, row.count, row.suggestions[0].fact) == ("C1", 2, "creatinine")
    assert mapped(local, None) == local
    assert mapped(local, {"codes": {"C2": {"loinc": "1-1"}}}) == local
    assert mapped(known, {"codes": {"2160-0": {"loinc": "1-1"}}}) == known


@pytest.mark.parametrize("name", ["Creatinine", "creatinina", "肌酸酐"])
def test_suggestions_in_every_language(name: str) -> None:
    assert suggestions(name, Documents().folder("facts"))[0].fact == "creatinine"


def test_nothing_alike_suggests_nothing() -> None:
    assert suggestions("zzzz qqqq", Documents().folder("facts")) == ()
