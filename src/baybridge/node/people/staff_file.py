"""A staff list as a file: rows under headings, separated by commas or semicolons, read with every problem at its line and column.

Main job: `read(content, words)` answers a `Sheet`; `words_of(documents)` the headings, roles and languages in every language of the pages.

A cell is kept as it is written, without blanks around; a dash alone is an empty cell. What a spreadsheet would take for a formula is text here, and told.
**Source**: RFC 4180 (the form); GB 18030 (what a Chinese spreadsheet writes without UTF-8). That one is believed where a heading is in Chinese, or where every letter is
of GB 2312 and stands beside no Latin one: Big5 and Windows-1252 would otherwise be read as other names. A convention of this project. Elsewhere: `staff_list.py`.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from io import StringIO

from baybridge.base.outcome import Reason
from baybridge.base.text import not_text
from baybridge.documents.loader import Documents
from baybridge.language.languages import languages_of
from baybridge.language.texts import Texts
from baybridge.node.people.account_changes import ASSIGNABLE

#: Other words that lists have for them.
_ALSO = {"role": "roles", "leaving": "leaves_on", "leavingdate": "leaves_on", "dateofleaving": "leaves_on"}
COLUMNS = ("account", "person", "person_id", "roles", "profession", "registration", "language", "leaves_on")
REQUIRED = ("account", "person", "roles")
LARGEST_KB, MOST_ROWS = 256, 2000
MOST_BYTES = LARGEST_KB * 1024
_SEPARATORS = ",;"
_DASHES = frozenset("-‐‑–—－")
_FORMULA = tuple("=+-@")
_BETWEEN_ROLES = re.compile(r"[\s,;+/|、，；]+")
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_SHORTENED = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)  # 1.23E+11
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_MIXED = re.compile("[A-Za-z][\u3400-\u9fff\uf900-\ufaff]|[\u3400-\u9fff\uf900-\ufaff][A-Za-z]")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, or told, at a place of the file; column 0 is the whole line, line 0 the whole file."""

    line: int
    column: int
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRow:
    """One line: what it says of an account; an empty cell is None, or no role."""

    line: int
    account: str
    person: str
    roles: tuple[str, ...]
    person_id: str | None = None
    profession: str | None = None
    registration: str | None = None
    language: str | None = None
    leaves_on: date | None = None


@dataclass(slots=True)
class Sheet:
    """A file as it was read: its rows, in which column each heading stands (from 1), what is wrong and what is told."""

    rows: list[StaffRow] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Words:
    """What headings, roles and languages are called, folded, with what they mean."""

    headings: Mapping[str, str]
    passwords: frozenset[str]
    roles: Mapping[str, str]
    languages: Mapping[str, str]


@lru_cache(maxsize=8 * MOST_ROWS)  # each is compared with all others
def folded(text: str) -> str:
    """A text without regard to case, width, blanks and punctuation."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())


def words_of(documents: Documents) -> Words:
    """The words of every language, and the codes themselves."""
    texts, languages = Texts(documents), languages_of(documents.folder)

    def said(key: str) -> list[str]:
        return [folded(texts.say(language, key)) for language in languages]

    return Words(
        headings={**_ALSO, **{word: name for name in COLUMNS for word in (folded(name), *said(f"staff.heading.{name}"))}},
        passwords=frozenset(said("sign_in.password")) | {"password"},
        roles={word: role.value for role in ASSIGNABLE for word in (folded(role.value), *said(f"role.{role.value}"))},
        languages={folded(word): code for code, one in languages.items() for word in (code, one.name, *one.tags)},
    )


def read(content: bytes, words: Words) -> Sheet:
    """A file, read as far as it can be; a file that cannot be read at all has its one problem on line 0."""
    sheet = Sheet()
    if len(content) > MOST_BYTES:
        return _unread(sheet, Reason("staff.too_large", {"limit_kb": LARGEST_KB, "most": MOST_ROWS}))
    text = _decoded(content, words, sheet)
    if text is None:
        return _unread(sheet, Reason("staff.encoding"))
    if not_text(text):
        return _unread(sheet, Reason("staff.not_text"))
    lines = list(_lines(text, _separator(text, words), sheet))
    if not lines:
        return _unread(sheet, Reason("staff.empty"))
    _read_headings(sheet, *lines[0], words)
    if len(lines) > MOST_ROWS + 1:
        return _unread(sheet, Reason("staff.too_large", {"limit_kb": LARGEST_KB, "most": MOST_ROWS}))
    if all(name in sheet.columns for name in REQUIRED):
        sheet.rows = [_row(sheet, line, cells, words, len(lines[0][1])) for line, cells in lines[1:]]
        if not sheet.rows and not sheet.problems:
            return _unread(sheet, Reason("staff.empty"))
    return sheet


def _unread(sheet: Sheet, reason: Reason) -> Sheet:
    sheet.problems.append(Problem(0, 0, reason))
    return sheet


# --- letters --------------------------------------------------------------------------------------------------------


def _decoded(content: bytes, words: Words, sheet: Sheet) -> str | None:
    """The text of a file; None where nobody can tell in which letters it is written."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        return None
    if not _is_chinese(text, words):
        return None
    sheet.notices.append(Problem(0, 0, Reason("staff.gb18030")))
    return text


def _is_chinese(text: str, words: Words) -> bool:
    """Whether a text that can be read as GB 18030 is written in it, and not in Big5 or a Western set."""
    head = next(csv.reader(StringIO(text, newline=""), delimiter=_separator(text, words)), [])
    if any(_HAN.search(cell) and folded(cell) in words.headings for cell in head):
        return True
    beyond = "".join(letter for letter in text if not letter.isascii())
    try:
        beyond.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return _MIXED.search(text) is None


def _separator(text: str, words: Words) -> str:
    """The sign that parts the first line into the most headings that are known."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=lambda sign: sum(folded(cell) in words.headings for cell in first.split(sign)))


# --- lines and cells ------------------------------------------------------------------------------------------------


def _lines(text: str, separator: str, sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """Every line that is not blank, with its number; a cell in quotation marks may go over several."""
    reader, begins = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True), 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, [cell.strip() for cell in cells]
            begins = reader.line_num + 1
    except csv.Error:
        sheet.problems.append(Problem(begins, 0, Reason("staff.quotes")))


def _read_headings(sheet: Sheet, line: int, cells: list[str], words: Words) -> None:
    for column, cell in enumerate(cells, start=1):
        name = words.headings.get(folded(cell))
        if folded(cell) in words.passwords:
            sheet.problems.append(Problem(line, column, Reason("staff.password")))
        elif name in sheet.columns:
            sheet.problems.append(Problem(line, column, Reason("staff.heading_twice", {"heading": cell[:40]})))
        elif name is not None:
            sheet.columns[name] = column
        elif cell:
            sheet.notices.append(Problem(line, column, Reason("staff.heading_unknown", {"heading": cell[:40]})))
    lacking = ", ".join(name for name in REQUIRED if name not in sheet.columns)
    if lacking:
        sheet.problems.append(Problem(line, 0, Reason("staff.heading_lacking", {"lacking": lacking, "known": ", ".join(COLUMNS)})))


def _row(sheet: Sheet, line: int, cells: list[str], words: Words, width: int) -> StaffRow:
    if any(cells[width:]):
        sheet.problems.append(Problem(line, width + 1, Reason("staff.too_many_cells", {"most": width, "found": len(cells)})))
    said = {name: _cell(cells, column) for name, column in sheet.columns.items()}
    for name, text in said.items():
        if text.startswith(_FORMULA):
            sheet.notices.append(Problem(line, sheet.columns[name], Reason("staff.formula")))
        if name in ("account", "person_id", "registration") and _SHORTENED.fullmatch(text):
            sheet.problems.append(Problem(line, sheet.columns[name], Reason("staff.shortened")))
    day = _day(said.get("leaves_on", ""))
    if isinstance(day, Reason):
        sheet.problems.append(Problem(line, sheet.columns["leaves_on"], day))
    roles = (words.roles.get(folded(one), one) for one in _BETWEEN_ROLES.split(said["roles"]) if one)
    language = said.get("language", "")
    return StaffRow(
        line=line,
        account=said["account"],
        person=said["person"],
        roles=tuple(dict.fromkeys(roles)),
        person_id=said.get("person_id") or None,
        profession=said.get("profession") or None,
        registration=said.get("registration") or None,
        language=words.languages.get(folded(language), language) or None,
        leaves_on=None if isinstance(day, Reason) else day,
    )


def _cell(cells: list[str], column: int) -> str:
    text = cells[column - 1] if column <= len(cells) else ""
    return "" if text in _DASHES else text


def _day(text: str) -> date | Reason | None:
    """A day as year, month, day; a reason where it is written otherwise or is none, nothing where the cell is empty."""
    if not text:
        return None
    found = _DAY.fullmatch(unicodedata.normalize("NFKC", text))
    try:
        return date(*(int(part) for part in found.groups())) if found else Reason("accounts.bad_day")
    except ValueError:
        return Reason("staff.no_such_day")
