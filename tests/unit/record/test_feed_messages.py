"""HL7 v2 as senders write it: corrections reach their result, texts stay whole, numbers and character sets are read or told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from baybridge.record.feeds.hl7v2_fhir import read_hl7

PID = "PID|1||P7^^^HOSP^MR||CHAN^TAI MAN||19800101|M"


def head(control: str, at: str = "20260308090000+0800", character_set: str = "") -> str:
    return f"MSH|^~\\&|LIS|HOSP|||{at}||ORU^R01|{control}|P|2.5.1||||||{character_set}"


def read(*segments: str, codec: str = "utf-8") -> tuple[list[dict[str, Any]], list[str]]:
    taken = list(read_hl7("\r".join(segments).encode(codec)))
    return [item for one in taken for item in one.resources], [fault.code for one in taken for fault in one.faults]


def observations(*segments: str, codec: str = "utf-8") -> list[dict[str, Any]]:
    return [item for item in read(*segments, codec=codec)[0] if item["resourceType"] == "Observation"]


def value(obx: str) -> dict[str, Any]:
    (found,) = observations(head("1"), PID, "OBR|1||F1|CBC^CBC^L|||20260308080000+0800", f"OBX|1|{obx}")
    return {name: item for name, item in found.items() if name.startswith("value") or name == "interpretation"}


# --- one result, many messages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("OBR|1|PL1|F77|CBC^CBC^L", "OBR|1||F77|CBC^CBC^L"),
        ("OBR|1|PL1||CBC^CBC^L", "OBR|1|PL1||CBC^CBC^L"),
        ("OBR|1||F77^LIS|CBC^CBC^L", "OBR|3||F77|CBC^CBC^L"),
        ("OBR|1|||CBC^CBC^L|||20260308080000+0800", "OBR|1|||CBC^CBC^L|||20260308080000+0800"),
    ],
)
def test_a_later_message_reaches_the_result_of_the_same_order_code_and_sub_id(first: str, later: str) -> None:
    result = "NM|26499-4^Neutrophils^LN|{}|1.8|10*9/L^^UCUM|||||{}"
    one = observations(head("M1"), PID, first, "OBX|1|" + result.format("a", "F"))
    two = observations(head("M2"), PID, later, "OBX|1|NM|1-1^other^LN||5", "OBX|2|" + result.format("a", "W"))[1]
    assert (one[0]["id"], one[0]["status"], two["status"]) == (two["id"], "final", "entered-in-error")
    other = observations(head("M3"), PID, later, "OBX|1|" + result.format("b", "F"))
    assert other[0]["id"] != one[0]["id"]


def test_an_order_is_named_by_orc_too_and_by_its_sender_and_patient() -> None:
    obx = "OBX|1|NM|1-1^x^LN||5||||||F"
    one = observations(head("M1"), PID, "ORC|RE||F77", "OBR|1|||CBC^CBC^L", obx)
    two = observations(head("M2"), PID, "OBR|1||F77|CBC^CBC^L", obx)
    another = observations(head("M3"), PID.replace("P7", "P8"), "OBR|1||F77|CBC^CBC^L", obx)
    elsewhere = observations(head("M4").replace("HOSP", "LAB"), PID, "OBR|1||F77|CBC^CBC^L", obx)
    assert one[0]["id"] == two[0]["id"]
    assert len({one[0]["id"], another[0]["id"], elsewhere[0]["id"]}) == 3


@pytest.mark.parametrize(("code", "status"), [("W", "entered-in-error"), ("D", "entered-in-error"), ("X", "cancelled")])
def test_a_report_that_is_withdrawn_takes_its_results_with_it(code: str, status: str) -> None:
    obr = "OBR|1||F77|CBC^CBC^L" + "|" * 21 + code
    (found,) = observations(head("M2"), PID, obr, "OBX|1|NM|1-1^x^LN||5||||||F")
    assert found["status"] == status


def test_a_code_twice_in_an_order_is_kept_apart_and_told() -> None:
    lines = [f"OBX|{n}|TX|600-7^Culture^LN||line {n}||||||F" for n in (1, 2)]
    resources, faults = read(head("1"), PID, "OBR|1||F1|C^C^L|||20260308080000+0800", *lines)
    assert len({item["id"] for item in resources if item["resourceType"] == "Observation"}) == 2
    assert faults == ["hl7_twice"]


# --- whose ----------------------------------------------------------------------------------------------------------


def test_a_second_patient_ends_the_first_ones_report() -> None:
    obx = "OBX|1|NM|718-7^Hb^LN||{}|g/L^^UCUM|||||F"
    resources, _ = read(head("1"), PID, "OBR|1||F1|C^C^L", obx.format(101), PID.replace("P7", "P8"), obx.format(55), "NTE|1||of the second")
    (report,) = [item for item in resources if item["resourceType"] == "DiagnosticReport"]
    first, second = [item for item in resources if item["resourceType"] == "Observation"]
    assert report["result"] == [{"reference": f"Observation/{first['id']}"}]
    assert first["subject"] != second["subject"]
    assert ("note" in first, "note" in second, "conclusion" in report) == (False, True, False)


@pytest.mark.parametrize(
    ("pid", "number", "fault"),
    [
        ("PID|1|||OLD1|A^B", "OLD1", ["hl7_patient_number"]),
        ('PID|1|EXT2|""|OLD1|A^B', "EXT2", ["hl7_patient_number"]),
        ("PID|1||0000^^^HOSP^MR|OLD1|A^B", "OLD1", ["hl7_patient_number"]),
        ("PID|1||无^^^HOSP^MR||A^B", None, ["hl7_no_number"]),
        ("PID|1||||A^B", None, ["hl7_no_number"]),
    ],
)
def test_a_patient_without_a_number_in_its_place_is_told(pid: str, number: str | None, fault: list[str]) -> None:
    resources, faults = read(head("1"), pid, "OBR|1||F1|C^C^L|||20260308080000+0800", "OBX|1|NM|1-1^x^LN||5||||||F")
    (patient,) = [item for item in resources if item["resourceType"] == "Patient"]
    assert [item["value"] for item in patient.get("identifier", [])] == ([number] if number else [])
    assert faults == fault


# --- texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("A & B ^ C ~ D", "A & B ^ C ~ D"),
        ("4\\5 positive, see C:\\lab\\r2", "4\\5 positive, see C:\\lab\\r2"),
        ("a\\T\\b\\S\\c\\R\\d\\F\\e\\E\\f", "a&b^c~d|e\\f"),
        ("one\\.br\\two", "one\ntwo"),
        ("\\H\\bold\\N\\ \\Q\\ \\X41C3A9\\ \\XZZ\\ \\X80\\", "bold \\Q\\ Aé \\XZZ\\ \\X80\\"),
        ("first line\nsecond line\n\n^third", "first line\nsecond line\n\n^third"),
    ],
)
@pytest.mark.parametrize("kind", ["TX", "FT", "ST"])
def test_words_stay_as_they_were_sent(kind: str, raw: str, text: str) -> None:
    assert value(f"{kind}|8251-1^Note^LN||{raw}||||||F") == {"valueString": text}


def test_notes_and_coded_words_keep_ampersands() -> None:
    lines = ["OBX|1|CWE|883-9^ABO & Rh^LN||A&B^Group A & Rh positive^L||||||F", "NTE|1|L|Clotted & haemolysed ^ repeat ~ <10"]
    (found,) = observations(head("1"), PID, "OBR|1||F1|C & D^C & D^L", *lines)
    assert found["code"]["coding"][0]["display"] == "ABO & Rh"
    assert (found["valueCodeableConcept"]["coding"][0]["code"], found["note"][0]["text"]) == ("A&B", "Clotted & haemolysed ^ repeat ~ <10")


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_end_as_the_sender_ends_them(end: str) -> None:
    lines = end.join((head("1"), PID, "OBR|1||F1|C^C^L|||20260308080000+0800", "OBX|1|NM|1-1^x^LN||5||||||F", "OBX|2|NM|1-2^y^LN||6||||||F", ""))
    taken = list(read_hl7(lines.encode()))
    assert [item["valueQuantity"]["value"] for item in taken[0].resources if item["resourceType"] == "Observation"] == [5, 6]
    assert taken[0].faults == []


def test_mixed_line_ends_lose_nothing_and_a_stray_line_is_told() -> None:
    mixed = f"{head('1')}\r{PID}\nOBR|1||F1|C^C^L|||20260308080000+0800\r\nOBX|1|NM|1-1^x^LN||5||||||F\rstray"
    (taken,) = read_hl7(mixed.encode())
    assert [item["resourceType"] for item in taken.resources] == ["Patient", "DiagnosticReport", "Observation"]
    assert "hl7_line" in [fault.code for fault in taken.faults]


# --- numbers --------------------------------------------------------------------------------------------------------

GRAM = {"unit": "g/L", "system": "http://unitsofmeasure.org", "code": "g/L"}


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("ST", "12.30", {"valueQuantity": {"value": Decimal("12.30"), **GRAM}}),
        ("NM", "<0.5", {"valueQuantity": {"value": Decimal("0.5"), "comparator": "<", **GRAM}}),
        ("ST", "≤５", {"valueQuantity": {"value": 5, "comparator": "<=", **GRAM}}),
        ("NM", "1.2E+3", {"valueQuantity": {"value": Decimal(1200), **GRAM}}),
        ("NM", "1,234", {"valueString": "1,234"}),
        ("NM", "٣", {"valueString": "٣"}),
        ("NM", "1e999999999", {"valueString": "1e999999999"}),
        ("SN", "^2^+", {"valueString": "2+"}),
        ("SN", ">^1^:^128", {"valueString": "> 1 : 128"}),
        ("SN", "<^5", {"valueQuantity": {"value": 5, "comparator": "<", **GRAM}}),
        ("SN", "^2^-^5", {"valueRange": {"low": {"value": 2, **GRAM}, "high": {"value": 5, **GRAM}}}),
    ],
)
def test_numbers_are_read_or_stay_words(kind: str, raw: str, expected: dict[str, Any]) -> None:
    assert value(f"{kind}|718-7^Hb^LN||{raw}|g/L^^UCUM|||||F") == expected


def test_an_arrow_is_a_flag_and_a_number_without_a_unit_stays_text_and_is_told() -> None:
    assert value("NM|718-7^Hb^LN||88↓|g/L^^UCUM|||||F")["interpretation"][0]["coding"][0]["code"] == "L"
    resources, faults = read(head("1"), PID, "OBR|1||F1|C^C^L|||20260308080000+0800", "OBX|1|ST|1-1^Gene^LN||12||||||F")
    assert (resources[-1]["valueString"], faults) == ("12", ["hl7_number"])


# --- times and characters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "taken", "expected"),
    [
        ("20260308090000+0000", "20260308090000", "2026-03-08T09:00:00+00:00"),
        ("20260308090000-0330", "202603080900", "2026-03-08T09:00:00-03:30"),
        ("20260308090000", "20260308090000", "2026-03-08T09:00:00+08:00"),
        ("20260308090000+0000", "20260308090000+0800", "2026-03-08T09:00:00+08:00"),
        ("20260308090000+9900", "20260308090000", "2026-03-08T09:00:00+08:00"),
        ("20260308090000", "18991231090000", None),
        ("20260308090000", "20260308090000+9900", None),
    ],
)
def test_times_stand_in_the_offset_of_the_message(sent: str, taken: str, expected: str | None) -> None:
    (found,) = observations(head("1", at=sent), PID, "OBR|1||F1|C^C^L", f"OBX|1|NM|1-1^x^LN||5||||||F|||{taken}")
    assert found.get("effectiveDateTime") == expected


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("GBK", "gbk"), ("GB2312", "gb2312"), ("gb18030", "gb18030"), ("GB 18030-2000", "gb18030"), ("UTF8", "utf-8"), ("utf-8", "utf-8"),
        ("BIG5", "big5"), ("Big5-HKSCS", "big5hkscs"), ("UNICODE UTF-8", "utf-8"), ("", "utf-8"),
    ],
)  # fmt: skip
def test_character_sets_as_senders_write_them(declared: str, codec: str) -> None:
    facility = "东方" if codec == "gb2312" else "許功蓋東" if codec.startswith("big5") else "東區醫院"  # second bytes are \ and | there
    first = head("1", character_set=declared).replace("HOSP", facility)
    resources, faults = read(first, "PID|1||P7^^^H^MR||陈^一" if codec == "gb2312" else "PID|1||P7^^^H^MR||許^功", codec=codec)
    assert (resources[0]["name"][0]["family"], faults) == ("陈" if codec == "gb2312" else "許", [])


def test_two_people_under_one_number_are_kept_apart_over_the_messages_of_a_file() -> None:
    obx = "OBX|1|NM|1-1^x^LN||5||||||F"
    other = PID.replace("CHAN^TAI MAN", "LEE^SIU MING").replace("19800101", "19880505")
    ordered = "OBR|1||F{}|C^C^L|||20260308"
    resources, faults = read(head("1"), PID, ordered.format(1), obx, head("2"), other, ordered.format(2), obx, head("3"), PID, ordered.format(3), obx)
    whose = [item["subject"]["reference"] for item in resources if item["resourceType"] == "Observation"]
    assert (whose[0] == whose[2], whose[0] != whose[1], faults) == (True, True, ["hl7_other_person"])


def test_a_number_that_breaks_off_is_no_number() -> None:
    assert value("NM|718-7^Hb^LN||12.|g/L^^UCUM|||||F") == {"valueString": "12."}


# --- whose, by what stands beside the number -----------------------------------------------------------------------------


def persons(*messages: tuple[str, str]) -> tuple[set[str], list[str]]:
    """The patients of messages that are a head and a PID-3 each, and what was told."""
    segments = [part for first, number in messages for part in (first, f"PID|1||{number}||CHAN^TAI MAN|", "OBR|1||F1|CBC^CBC^L|||2026", "OBX|1|NM|1-1^x^LN||5||||||F")]
    resources, faults = read(*segments)
    return {item["id"].partition(".")[0] for item in resources if item["resourceType"] == "Patient"}, faults


def test_a_number_is_that_of_the_authority_that_gave_it_by_name_or_universal_id() -> None:
    assert len(persons((head("1"), "100^^^&1.2.3&ISO^MR"), (head("2"), "100^^^&4.5.6&ISO^MR"))[0]) == 2
    assert len(persons((head("1"), "100^^^HA&1.2.3&ISO^MR"), (head("2"), "100^^^HA^MR"))[0]) == 1


def test_a_facility_is_known_by_name_or_universal_id() -> None:
    one, two = (head("1").replace("|HOSP|", f"|^{oid}^ISO|") for oid in ("1.2.3", "4.5.6"))
    assert len(persons((one, "100"), (two, "100"))[0]) == 2


@pytest.mark.parametrize("processing", ["T", "D"])
def test_a_training_message_never_reaches_a_patient(processing: str) -> None:
    trial = head("2").replace("|P|2.5.1", f"|{processing}|2.5.1")
    found, faults = persons((head("1"), "100^^^HOSP^MR"), (trial, "100^^^HOSP^MR"))
    assert (len(found), faults) == (2, ["hl7_trial"])
    patients = [item for item in read(trial, PID)[0] if item["resourceType"] == "Patient"]
    assert [item["system"] for item in patients[0]["identifier"]] == ["urn:hl7v2:trial:HOSP:MR"]  # none of a patient's


def test_a_number_that_a_spreadsheet_changed_names_nobody() -> None:
    found, faults = persons((head("1"), "4.40106E+17^^^CN^NI"), (head("2"), "4.40106E+17^^^CN^NI"))
    assert (len(found), set(faults)) == (2, {"hl7_mangled_number", "hl7_no_number"})
    assert persons((head("1"), "4.40106E+17^^^CN^NI~7^^^HOSP^MR"))[1] == ["hl7_mangled_number"]


@pytest.mark.parametrize(("role", "is_of_the_patient"), [("", True), ("P^Patient^HL70369", True), ("Q^Control^HL70369", False), ("C", False), ("o", False)])
def test_a_control_specimen_is_of_nobody(role: str, is_of_the_patient: bool) -> None:
    specimen = f"SPM|1|||BLD^Blood^HL70487|||||||{role}"
    resources, faults = read(head("1"), PID, "OBR|1||F1|CBC^CBC^L|||20260308080000+0800", "OBX|1|NM|1-1^x^LN||5||||||F", specimen)
    assert {("subject" in item) for item in resources if item["resourceType"] != "Patient"} == {is_of_the_patient}
    assert faults == ([] if is_of_the_patient else ["hl7_specimen_role"])


# --- what has no place is told ----------------------------------------------------------------------------------------


def test_a_sex_that_is_not_known_and_a_comment_on_nothing_are_told() -> None:
    obr = "OBR|1||F1|CBC^CBC^L|||20260308080000+0800"
    assert read(head("1"), PID[:-1] + "男", obr)[1] == ["hl7_sex"]
    assert read(head("1"), PID[:-1] + "f", obr)[1] == []
    assert read(head("1"), PID, "NTE|1||transfused yesterday", obr)[1] == ["hl7_note"]


@pytest.mark.parametrize(
    ("raw", "unit", "said", "faults"),
    [
        ("5,3", "g/dL^^UCUM", "5,3 g/dL", ["hl7_number"]),
        ("about 12", "g/dL", "about 12 g/dL", ["hl7_number"]),
        ("12 g/dL", "g/dL", "12 g/dL", ["hl7_number"]),
        ("1:80", "titre", "1:80", []),
        ("12 weeks after", "", "12 weeks after", []),
        ("haemolysed", "g/dL", "haemolysed", ["hl7_number"]),
    ],
)
def test_digits_among_words_keep_their_unit_and_are_told(raw: str, unit: str, said: str, faults: list[str]) -> None:
    resources, told = read(head("1"), PID, "OBR|1||F1|CBC^CBC^L|||20260308080000+0800", f"OBX|1|ST|1-1^x^LN||{raw}|{unit}|||||F")
    assert (resources[-1]["valueString"], told) == (said, faults)


@pytest.mark.parametrize("written", ["20260230", "2026030824", "20260308090060", "2026-03-07", "20260308090000Z", "7 March"])
def test_a_time_of_a_result_that_cannot_be_read_is_not_replaced_by_that_of_its_order_or_specimen(written: str) -> None:
    order, specimen = "OBR|1||F1|CBC|||20260308090000", "SPM|1|S1||BLD|||||||||||||20260308083000"
    found, faults = read(head("M1"), PID, order, f"OBX|1|NM|718-7^Hb^LN||12.3|g/dL^^UCUM|||||F|||{written}", specimen)
    (observation,) = (one for one in found if one["resourceType"] == "Observation")
    assert ("effectiveDateTime" in observation, faults) == (False, ["hl7_time"])


@pytest.mark.parametrize(
    ("sent", "unit"),
    [
        ("10^9/L", "10^9/L"), ("x10^3/uL", "x10^3/uL"), ("10^9/L^UCUM", "10^9/L"), ("10\\S\\9/L", "10^9/L"), ("10*9/L^^UCUM", "10*9/L"),
        ("10^^UCUM", "10"), ("%^percent^L", "%"),
    ],
)  # fmt: skip
def test_a_caret_that_the_sender_did_not_escape_is_part_of_the_unit(sent: str, unit: str) -> None:
    assert value(f"NM|26499-4^Neutrophils^LN||1.8|{sent}|||||F")["valueQuantity"]["unit"] == unit
