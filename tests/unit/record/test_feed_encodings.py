"""The set of characters of tables and messages: spelt as sites spell it, read right or told; never other characters without a word."""

from __future__ import annotations

from typing import Any

import pytest

from baybridge.record.feeds.feed import read_feed

COLUMNS = {"patient": "p", "code": "c", "value": "v", "collected_at": "t", "name": "n", "status": "s"}
TABLE = "p,n,c,v,t,s\n11010519491231002X,{name},ANC,1.5,2026-03-08 09:00,final\n"
MESSAGE = "\r".join(
    [
        "MSH|^~\\&|LIS|HOSP|||20260308090000+0800||ORU^R01|M1|P|2.5.1", "PID|1||P1^^^H^MR||{name}", "OBR|1||F1|CBC^CBC^L|||20260308090000+0800",
        "OBX|1|NM|718-7^Hb^LN||101|g/L|||||F|||20260308090000+0800",
    ]
)  # fmt: skip


def read(text: str, said: str | None, written: str, *, name: str = "陳大文", is_csv: bool = True) -> tuple[list[str], list[str]]:
    """The names that were read, and what was told."""
    feed: dict[str, Any] = {"id": "x", "identifier_system": "urn:cn:resident-id", "columns": COLUMNS, "codes": {}, **({"encoding": said} if said else {})}
    taken = list(read_feed(text.format(name=name).encode(written), feed, is_csv=is_csv))
    names = [one["name"][0]["text"] for item in taken for one in item.resources if one["resourceType"] == "Patient"]
    return names, [fault.code for item in taken for fault in item.faults]


SPELLINGS = [
    ("GBK", "gbk"), ("gb2312", "gbk"), ("GB18030", "gb18030"), ("cp936", "gbk"), ("Big5", "big5"), ("BIG5-HKSCS", "big5hkscs"), ("UTF8", "utf-8"), (None, "utf-8"),
]  # fmt: skip


@pytest.mark.parametrize("is_csv", [True, False])
@pytest.mark.parametrize(("said", "written"), SPELLINGS)
def test_a_set_is_known_by_its_usual_spellings(said: str | None, written: str, is_csv: bool) -> None:
    assert read(TABLE if is_csv else MESSAGE, said, written, is_csv=is_csv) == (["陳大文"], [])


@pytest.mark.parametrize("said", ["UTF-16", "utf16"])
def test_a_table_may_be_utf_16_as_spreadsheets_write_it(said: str) -> None:
    assert read(TABLE, said, "utf-16") == (["陳大文"], [])


@pytest.mark.parametrize("said", ["foo", "UTF-16"])
def test_a_set_that_is_not_read_here_is_told_and_no_message_is_read(said: str) -> None:
    assert read(MESSAGE, said, "utf-8", is_csv=False) == ([], ["hl7_characters"])
    assert read(TABLE, "foo", "utf-8") == ([], ["csv_mapping"])


@pytest.mark.parametrize("name", ["陳大文", "李四", "欧阳 娜娜", "𠮷田"])
@pytest.mark.parametrize("said", ["gbk", "big5", "latin-1"])
def test_utf_8_that_is_said_to_be_another_set_is_told_and_not_read_as_other_characters(said: str, name: str) -> None:
    assert read(MESSAGE, said, "utf-8", name=name, is_csv=False) == ([], ["hl7_characters"])
    assert read(TABLE, said, "utf-8", name=name) == ([], ["csv_encoding"])


def test_accents_of_one_byte_stay_what_they_are_and_utf_8_in_their_place_is_told() -> None:
    assert read(MESSAGE, "latin-1", "latin-1", name="Conceição^José", is_csv=False) == (["Conceição José"], [])
    assert read(MESSAGE, "latin-1", "utf-8", name="Conceição^José", is_csv=False) == ([], ["hl7_characters"])


def test_a_name_whose_bytes_are_utf_8_by_chance_is_read_as_it_is_said() -> None:
    assert read(MESSAGE, "gbk", "gbk", name="卢一", is_csv=False) == (["卢一"], [])
