"""Tables as spreadsheets and laboratory systems leave them: read right, or the line is left out and told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from baybridge.record.feeds.csv_feed import read_csv
from baybridge.record.feeds.hl7v2_values import interval
from identity_numbers import resident

ZONE = ZoneInfo("Asia/Shanghai")
FEED: dict[str, Any] = {
    "id": "x", "encoding": "utf-8", "identifier_system": "urn:cn:resident-id",
    "columns": {"patient": "ID", "name": "Name", "birth_date": "Born", "code": "Test", "value": "Result", "unit": "Unit", "low": "Low",
                "high": "High", "reference": "Range", "collected_at": "Collected", "reported_at": "Reported", "result_id": "No", "status": "S"},
    "words": {"S": {}},
}  # fmt: skip
HEADINGS = "ID,Name,Born,Test,Result,Unit,Low,High,Range,Collected,Reported,No,S"
RIGHT = resident("44010619900101123")


def line(value: str = "5", number: str = RIGHT, *, born: str = "1990-01-01", at: str = "2026-03-08 09:00", name: str = "李甲", no: str = "1") -> str:
    return f"{number},{name},{born},ANC,{value},g/L,1,6,,{at},,{no},final"


def read(*lines: str, headings: str = HEADINGS, **feed: Any) -> tuple[list[dict[str, Any]], list[str]]:
    taken = list(read_csv("\n".join((headings, *lines)).encode(), {**FEED, **feed}, ZONE))
    return [item for one in taken for item in one.resources], [fault.code for one in taken for fault in one.faults]


def observation(*lines: str, **feed: Any) -> dict[str, Any]:
    (found,) = [item for item in read(*lines, **feed)[0] if item["resourceType"] == "Observation"]
    return found


# --- cells and headings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["5,1", "", "5,,", "1,234,567"])
def test_a_line_with_more_or_fewer_cells_is_left_out_and_the_next_is_read(bad: str) -> None:
    broken = line("X").replace(",X", f",{bad}" if bad else "")
    resources, faults = read(broken, line("6"))
    assert faults == ["csv_cells"]
    assert [item["valueQuantity"]["value"] for item in resources if item["resourceType"] == "Observation"] == [6]


def test_a_cell_in_quotation_marks_may_hold_commas_and_line_feeds() -> None:
    assert observation(line('"a,\nb"'))["valueString"] == "a,\nb"


def test_a_heading_twice_refuses_the_file_where_the_mapping_uses_it() -> None:
    assert read(line() + ",7", headings=HEADINGS + ",Result") == ([], ["csv_heading_twice"])
    assert read(line() + ",7", headings=HEADINGS + ", \ufeffResult ") == ([], ["csv_heading_twice"])
    assert read(line() + ",7,8", headings=HEADINGS + ",Note,Note")[1] == []


def test_headings_once_more_are_no_patient_and_blank_lines_are_nothing() -> None:
    resources, faults = read(line(no="1"), "\ufeff" + HEADINGS, "", "," * 12, line(no="2"))
    assert faults == ["csv_heading_again"]
    assert sum(item["resourceType"] == "Observation" for item in resources) == 2


@pytest.mark.parametrize(
    ("broken", "faults", "read_after"), [('"a"b', ["csv_quotes"], 1), ('"never closed', ["csv_quotes"], 0), ('"' + "9" * 200_000 + '"', ["csv_quotes"], 0)]
)
def test_quotation_marks_that_do_not_close_swallow_nothing_unsaid(broken: str, faults: list[str], read_after: int) -> None:
    resources, told = read(line(broken), line("6"))
    assert (told, sum(item["resourceType"] == "Observation" for item in resources)) == (faults, read_after)


# --- whose ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["4.40106E+17", "4.4E17", RIGHT[:15] + "000", RIGHT + ".0", "#REF!", "无", "0000", "44010619900101", "K1"])
def test_a_number_that_is_none_of_its_document_is_left_out(number: str) -> None:
    assert read(line(number=number)) == ([], ["csv_identity"])


@pytest.mark.parametrize("number", ["4.40106E+17", "12345.0", "1E+5", "#####"])
def test_a_hospitals_own_number_that_a_spreadsheet_changed_is_left_out_too(number: str) -> None:
    assert read(line(number=number), identifier_system="urn:hospital:x")[1] == ["csv_identity"]


@pytest.mark.parametrize(("written", "kept"), [(f"'{RIGHT}", RIGHT), (f'"=""{RIGHT}"""', RIGHT), (RIGHT.lower(), RIGHT.lower())])
def test_a_number_kept_as_text_is_read(written: str, kept: str) -> None:
    assert read(line(number=written))[0][0]["identifier"][0]["value"] == kept


def test_a_wrong_check_character_is_told_once_and_the_result_is_kept() -> None:
    wrong = RIGHT[:-1] + ("0" if RIGHT[-1] != "0" else "1")
    resources, faults = read(line(number=wrong, no="1"), line(number=wrong, no="2"))
    assert (faults, len(resources)) == (["csv_check"], 4)


def test_two_people_under_one_number_are_kept_apart() -> None:
    resources, faults = read(line(no="1"), line(name="赵丙", born="1988-05-05", no="2"), line(no="3"), line(name="李佳", no="4"))
    assert faults == ["csv_other_person"]
    whose = [item["subject"]["reference"] for item in resources if item["resourceType"] == "Observation"]
    assert (whose[0] == whose[2], len(set(whose)), len({one.partition(".")[0] for one in whose})) == (True, 3, 1)  # planning decides whose each is


# --- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "comparator", "flag"),
    [
        ("0.42↓", "0.42", None, "L"), ("↑12", "12", None, "H"), ("88 L", "88", None, "L"), ("H 9.1", "9.1", None, "H"), ("5.0*", "5.0", None, "A"),
        ("12(H)", "12", None, "H"), ("１２．５", "12.5", None, None), ("＜0.5", "0.5", "<", None), ("≤ 5", "5", "<=", None), ("≥100", "100", ">=", None),
        ("≦3", "3", "<=", None), (".5", "0.5", None, None), ("1.20E+02", "120", None, None), ("2.5e-3", "0.0025", None, None),
        ('"1,234,567"', "1234567", None, None), ('"1,234.50"', "1234.50", None, None), ("-0.3", "-0.3", None, None), ("−0.3", "-0.3", None, None),
        ("72.50", "72.50", None, None), ("<0.01↓", "0.01", "<", "L"),
    ],
)  # fmt: skip
def test_numbers_as_laboratories_write_them(text: str, value: str, comparator: str | None, flag: str | None) -> None:
    found = observation(line(text))
    assert (str(found["valueQuantity"]["value"]), found["valueQuantity"].get("comparator")) == (value, comparator)
    assert [item["coding"][0]["code"] for item in found.get("interpretation", [])] == ([flag] if flag else [])


@pytest.mark.parametrize("text", ['"1,234"', '"2,5"', "1:80", "10^9", "10⁹", "٣", "5\u202e1", "1e999999999", "9" * 50, "5-6", "5 g/L", ">>5", "约5", "1.2.3"])
def test_what_is_no_number_for_sure_is_text_and_told(text: str) -> None:
    resources, faults = read(line(text))
    assert (resources[1]["valueString"], faults) == (text.strip('"'), ["csv_number"])


def test_words_are_words_and_a_decimal_comma_is_read_where_the_mapping_says_so() -> None:
    assert read(line("阳性").replace(",g/L,1,6,", ",,,,"))[1] == []
    assert observation(line('"1.234,5"'), decimal_mark=",")["valueQuantity"]["value"] == Decimal("1234.5")
    assert observation(line('"2,5"'), decimal_mark=",")["valueQuantity"]["value"] == Decimal("2.5")


@pytest.mark.parametrize("text", ["NaN", "--", "n/a", "null", "待查", "haemolysed", "阳性"])
@pytest.mark.parametrize("unit_and_limits", [",g/L,,,", ",,1,6,", ",,,6,"])
def test_a_text_without_digits_in_a_test_of_numbers_is_kept_and_told(text: str, unit_and_limits: str) -> None:
    resources, faults = read(line(text).replace(",g/L,1,6,", unit_and_limits))
    assert (resources[1]["valueString"], "valueQuantity" in resources[1], faults) == (text, False, ["csv_no_number"])


def test_the_unit_of_the_mapping_makes_a_test_one_of_numbers() -> None:
    plain = line("NaN").replace(",g/L,1,6,", ",,,,")
    assert read(plain)[1] == []
    assert read(plain, codes={"ANC": {"loinc": "26499-4", "unit": "10*9/L"}})[1] == ["csv_no_number"]


@pytest.mark.parametrize("at", ["", " ", "\u3000"])
def test_a_result_without_the_time_of_its_sample_is_told_and_has_none(at: str) -> None:
    reported = line(at=at).replace(f",{at},,1,", f",{at},2026-03-08 12:00,1,")
    resources, faults = read(reported)
    assert faults == ["csv_no_time"]
    assert not {"effectiveDateTime", "issued"} & set(resources[1]), "when it was reported is not when it was true"


def test_a_letter_may_be_the_unit_where_none_is_given() -> None:
    assert "valueString" in observation(line("1.5 L").replace(",g/L,", ",,"))


# --- times and intervals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "faults"),
    [
        ("2026-03-08 09:00", "2026-03-08T09:00:00+08:00", []),
        ("2026-03-08T09:00:30.5+00:00", "2026-03-08T09:00:30.500000+00:00", []),
        ("1900-12-31 23:00", None, ["csv_time"]),
        ("1899-12-31 00:00", None, ["csv_time"]),
        ("1988-07-01 09:00", "1988-07-01T09:00:00+09:00", []),  # the mainland kept summer time
        ("2026-W10-7", None, ["csv_time"]),
        ("2026/3/8 9:00", None, ["csv_time"]),
        ("20260308", None, ["csv_time"]),
        ("2026-02-30 09:00", None, ["csv_time"]),
    ],
)
def test_times(text: str, at: str | None, faults: list[str]) -> None:
    resources, told = read(line(at=text))
    assert (resources[1].get("effectiveDateTime"), told) == (at, faults)


def test_a_birth_date_with_a_midnight_of_before_1901_is_a_day() -> None:
    assert read(line(born="1899-05-01 00:00:00"))[0][0]["birthDate"] == "1899-05-01"


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("3.5-5.0", {"low": "3.5", "high": "5.0"}), ("3.5～5.0", {"low": "3.5", "high": "5.0"}), ("3.5 to 5.0", {"low": "3.5", "high": "5.0"}),
        ("3.5-5.0 g/L", {"low": "3.5", "high": "5.0"}), ("-5--3", {"low": "-5", "high": "-3"}), ("＜5", {"high": "5"}), ("≥ 60", {"low": "60"}),
        ("< 1:80", {}), ("3.5--5.0", {}), ("5-3", {}), ("10-20-30", {}), ("3.5-5.0 mmol/L", {}), ("<5 (adults)", {}), ("٣-٥", {}), ("negative", {}),
    ],
)  # fmt: skip
def test_intervals_have_bounds_only_where_the_text_ends_and_makes_sense(text: str, bounds: dict[str, str]) -> None:
    (found,) = interval(text, "g/L") or []
    assert found["text"] == text
    assert {name: str(item["value"]) for name, item in found.items() if name != "text"} == bounds


def test_limits_in_two_columns_that_make_no_sense_are_text() -> None:
    assert observation(line().replace(",1,6,", ",6,1,"))["referenceRange"] == [{"text": "6 - 1"}]
    assert observation(line().replace(",1,6,", ",,<6,"))["referenceRange"] == [{"text": "- <6"}]
