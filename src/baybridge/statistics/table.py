"""The columns of a table, read whole or refused with everything that is wrong.

Main job: `read(data, wanted)`: a CSV file with headings in UTF-8, and what each column holds. A blank is no number: who is left out of a table is left out by a person.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from baybridge.base.outcome import Category, Reason, Refusal, refuse

Floats = npt.NDArray[np.float64]
Holds = Literal["text", "number", "time", "event", "cause", "risk", "count", "positive"]
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LARGEST = 1e15  # beyond it sums of squares lose what they are about
#: More patients than there are people.
MOST = 1e9
#: What a column holds besides numbers: what fits.
_FITS: Mapping[Holds, Callable[[float], bool]] = {
    "number": lambda value: abs(value) <= _LARGEST,
    "time": lambda value: 0 <= value <= _LARGEST,
    "event": lambda value: value in (0, 1),
    "cause": lambda value: value >= 0 and value == int(value),
    "risk": lambda value: 0 < value < 1,
    "count": lambda value: 0 <= value <= MOST and value == int(value),
    "positive": lambda value: 0 < value <= MOST,
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The rows of a table by column: numbers, and texts."""

    numbers: Mapping[str, Floats]
    texts: Mapping[str, Sequence[str]]


def read(data: bytes, wanted: Mapping[str, Holds]) -> Columns | Refusal:
    """The wanted columns; every problem with its line where there is one. `data` is a CSV file with headings."""
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except UnicodeDecodeError:
        return refuse(Reason("statistics.not_utf8"), category=Category.INVALID)
    except csv.Error:
        return refuse(Reason("statistics.not_csv"), category=Category.INVALID)
    headings = [heading.strip() for heading in rows[0]] if rows else []
    lines = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(map(str.strip, row))]
    reasons = list(_against(headings, lines, wanted))
    if reasons:
        return refuse(*reasons, category=Category.INVALID)
    places = {name: headings.index(name) for name in wanted}
    cells = {name: [row[place].strip() for _, row in lines] for name, place in places.items()}
    numbers = {name: np.array([float(cell) for cell in cells[name]]) for name, holds in wanted.items() if holds != "text"}
    return Columns(numbers, {name: cells[name] for name, holds in wanted.items() if holds == "text"})


def _against(headings: Sequence[str], lines: Sequence[tuple[int, Sequence[str]]], wanted: Mapping[str, Holds]) -> Iterator[Reason]:
    counted = Counter(headings)
    found = ", ".join(heading for heading in headings if heading) or "–"
    for name in wanted:
        if not counted[name]:
            yield Reason("statistics.no_column", {"column": name, "found": found}, where=name)
        elif counted[name] > 1:
            yield Reason("statistics.column_twice", {"column": name}, where=name)
    if not lines:
        yield Reason("statistics.no_rows")
    there = {name: headings.index(name) for name in wanted if counted[name] == 1}
    for number, row in lines:
        if len(row) != len(headings):
            yield Reason("statistics.cells", {"line": number, "expected": len(headings), "found": len(row)}, where=f"line {number}")
            continue
        for name, place in there.items():
            if not _holds(row[place].strip(), wanted[name]):
                yield Reason(f"statistics.cell.{wanted[name]}", {"line": number, "column": name, "found": row[place].strip()[:40] or "–"}, where=f"line {number}")


def _holds(cell: str, holds: Holds) -> bool:
    if holds == "text":
        return bool(cell)
    value = float(cell) if _NUMBER.fullmatch(cell) else math.nan
    return math.isfinite(value) and _FITS[holds](value)
