"""A list as a file that spreadsheet programs open: CSV and XLSX, in which no text becomes a formula, a number or a date.

Main job: `write(sheet, form, out)`; `csv_text(cell)` takes back what the CSV form added to a text.

In CSV a text that a program would run or change (a formula, a long or dotted number, a day, a leading zero) begins with an apostrophe, and so does one that
begins with an apostrophe itself: taking one away from each text that has one gives back what was written. In XLSX texts are cells of text. Moments of an XLSX
file are whole seconds on the clock of the zone they were given in; in CSV they are ISO 8601 with their offset.

**Source**: OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection; RFC 4180; limits of XLSX: Microsoft, "Excel specifications and limits",
https://support.microsoft.com/en-us/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Literal

Form = Literal["csv", "xlsx"]
FORMS: tuple[Form, ...] = ("csv", "xlsx")
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
Cell = str | int | Decimal | date | datetime | None  # a moment is aware

MOST_ROWS = 1_048_576  # of XLSX, the heads among them
MOST_LETTERS = 32_767  # of one cell of XLSX, in UTF-16
_FIRST_YEAR = 1900  # of a day in XLSX
_WIDTH = 22  # of a column, in letters

#: What a program takes for a formula, full-width signs and blanks before them included, and the sign that we add.
_FORMULA = re.compile(r"['\t\r\n]|[\s\u200b\ufeff]*[=+\-@＝＋－＠]")
#: What a program takes for a number, an amount, a day or a truth: 007, 1E5, 1.234, 3/4, 2026-03-08, MAR1, TRUE.
_NUMBER = re.compile(
    r"\s*[(]?\s*[$€£¥]?\s*[.,]?\d[\d\s.,:/\-%eE年月日]*([ap]m?)?[)]?\s*"
    r"|\s*(\d+[\s\-./]*)?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[\s\-./,]*\d[\d\s,]*|\s*(true|false)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list: its name (of the file and the tab: letters, digits, dashes), the heads of its columns, and its rows, which are gone through once."""

    name: str
    heads: Sequence[str]
    rows: Iterable[Sequence[Cell]]


class TooLargeError(Exception):
    """What XLSX cannot hold: `what` is rows or letters."""

    def __init__(self, what: Literal["rows", "letters"]) -> None:
        super().__init__(what)
        self.what = what


def write(sheet: Sheet, form: Form, out: IO[bytes], scratch: Path) -> None:
    """Write the whole list, a row at a time; TooLargeError where XLSX cannot hold it. Its rows wait in a private folder under `scratch` meanwhile."""
    if form == "csv":
        _write_csv(sheet, out)
        return
    with tempfile.TemporaryDirectory(prefix="spreadsheet-", dir=scratch) as place:
        _write_xlsx(sheet, out, place)


def csv_text(cell: str) -> str:
    """The text that a cell of our CSV stands for."""
    return cell.removeprefix("'")


# --- CSV ------------------------------------------------------------------------------------------------------------


def _write_csv(sheet: Sheet, out: IO[bytes]) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="")  # the mark by which spreadsheet programs know UTF-8
    rows = csv.writer(text, quoting=csv.QUOTE_ALL)
    rows.writerow(map(_safe, sheet.heads))
    rows.writerows(map(_for_csv, row) for row in sheet.rows)
    text.flush()
    text.detach()


def _for_csv(cell: Cell) -> str:
    if isinstance(cell, str):
        return _safe(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def _safe(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) or _NUMBER.fullmatch(text) else text


# --- XLSX -----------------------------------------------------------------------------------------------------------


def _write_xlsx(sheet: Sheet, out: IO[bytes], place: str) -> None:
    import xlsxwriter  # asked for now and then, so not kept loaded

    with xlsxwriter.Workbook(out, {"constant_memory": True, "tmpdir": place}) as book:
        page = book.add_worksheet(sheet.name[:31])
        as_text = book.add_format({"num_format": "@"})  # stays text where somebody edits it
        days, moments = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        page.set_column(0, len(sheet.heads) - 1, _WIDTH)
        page.freeze_panes(1, 0)
        for column, head in enumerate(sheet.heads):
            page.write_string(0, column, head, book.add_format({"bold": True, "num_format": "@"}))
        for number, row in enumerate(sheet.rows, start=1):
            if number >= MOST_ROWS:
                raise TooLargeError("rows")
            for column, cell in enumerate(row):
                if isinstance(cell, datetime) and cell.year >= _FIRST_YEAR:
                    page.write_datetime(number, column, cell.replace(tzinfo=None, microsecond=0), moments)
                elif isinstance(cell, date) and cell.year >= _FIRST_YEAR:
                    page.write_datetime(number, column, datetime(cell.year, cell.month, cell.day), days)  # noqa: DTZ001 - a day has no zone
                elif isinstance(cell, int | Decimal):
                    page.write_number(number, column, cell)
                elif cell is not None:
                    _write_text(page, number, column, cell if isinstance(cell, str) else cell.isoformat(), as_text)


def _write_text(page: object, row: int, column: int, text: str, how: object) -> None:
    if page.write_string(row, column, text, how):  # type: ignore[attr-defined]
        raise TooLargeError("letters")
