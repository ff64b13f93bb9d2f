"""A spreadsheet gives back each text as it was, by another reader of XLSX than the writer; no program takes it for a formula, a number or a day."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from baybridge.base import spreadsheet
from baybridge.base.spreadsheet import Cell, Sheet, TooLargeError, csv_text, write

RUN = ("=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", " =1", "\u200b=1", "=cmd|' /C calc'!A0", "'=1")
CHANGED = ("00123", "110101199003071234", "1E5", "12e3456", "1-2", "3/4", "2026-03-08", "2026年3月8日", "MAR1", "1 Dec 2026", "TRUE", "1,5", "12:30", "(5)", "１２", "5%")
KEPT = ("陳大文", "A123456(7)", "Ng Man", "a b", "C-7", "E5", "x=1", "")


def written(form: spreadsheet.Form, tmp_path: Path, *rows: tuple[Cell, ...]) -> bytes:
    out = io.BytesIO()
    write(Sheet("list", ("a", "=b"), rows), form, out, tmp_path)
    return out.getvalue()


def csv_cells(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_csv_marks_what_a_program_would_run_or_change_and_nothing_else(tmp_path: Path) -> None:
    content = written("csv", tmp_path, *((text,) for text in (*RUN, *CHANGED, *KEPT)))
    assert content.startswith(b"\xef\xbb\xbf"), "by which spreadsheet programs know UTF-8"
    cells = [row[0] for row in csv_cells(content)[1:]]
    assert cells == [f"'{text}" for text in (*RUN, *CHANGED)] + list(KEPT)
    assert csv_cells(content)[0] == ["a", "'=b"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
@example("'")
@example("''=1")
def test_every_text_comes_back_from_csv(text: str) -> None:
    cell = csv_cells(written("csv", Path(), (text,)))[1][0] if text else ""
    assert csv_text(cell) == text
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("text", [*RUN, *CHANGED, *KEPT[:-1], "_x0041_", "a\x01b", "a\r\nb", " x ", "http://x.example", "😀"])
def test_every_text_is_a_cell_of_text_in_xlsx(text: str, tmp_path: Path) -> None:
    cell = openpyxl.load_workbook(io.BytesIO(written("xlsx", tmp_path, (text,)))).active["A2"]
    assert (unescape(cell.value), cell.data_type, cell.number_format, cell.hyperlink) == (text, "s", "@", None)
    assert not list(tmp_path.iterdir()), "nothing stays behind"


def test_numbers_amounts_days_and_moments_are_what_they_are(tmp_path: Path) -> None:
    at = datetime(2026, 3, 8, 9, 0, 1, 5, tzinfo=timezone(timedelta(hours=8)))
    rows = (5, Decimal("-1234567.05")), (date(2026, 3, 8), at), (date(1880, 1, 2), None)
    assert csv_cells(written("csv", tmp_path, *rows))[1:] == [["5", "-1234567.05"], ["2026-03-08", "2026-03-08T09:00:01.000005+08:00"], ["1880-01-02", ""]]
    page = openpyxl.load_workbook(io.BytesIO(written("xlsx", tmp_path, *rows))).active
    values = [[cell.value for cell in row] for row in page.iter_rows(min_row=2)]
    assert values == [[5, -1234567.05], [datetime(2026, 3, 8), datetime(2026, 3, 8, 9, 0, 1)], ["1880-01-02", None]]  # noqa: DTZ001


def test_what_xlsx_cannot_hold_is_told_and_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "x" * (spreadsheet.MOST_LETTERS + 1)
    with pytest.raises(TooLargeError, match="letters"):
        written("xlsx", tmp_path, (long,))
    assert csv_cells(written("csv", tmp_path, (long,)))[1] == [long]
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 3)
    assert written("xlsx", tmp_path, (1,), (2,))
    with pytest.raises(TooLargeError, match="rows"):
        written("xlsx", tmp_path, (1,), (2,), (3,))
    assert not list(tmp_path.iterdir())
