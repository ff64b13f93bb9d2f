"""A logger's file: its readings in order, and every line that was not read.

Main job: `read(content, layouts)`. The layout is the one whose headings stand in one line of the first fifty; none or several are a refusal that says which there are.
A line that holds no reading is told and not used.

**Units**: degrees as the layout has them, moments with the offset that the file states.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.loggers import LoggerLayout

_ABOVE = 50  # lines among which the headings stand
_NUMBER = re.compile(r"[+-]?\d{1,4}(?:\.\d{1,6})?")
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})?")


@dataclass(frozen=True, slots=True)
class Logged:
    """What a file holds: (moment, degrees) in order of time, and what of it was not used."""

    layout: LoggerLayout
    readings: tuple[tuple[datetime, float], ...]
    told: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the headings stand, and the cells above and in their line."""

    line: int
    moments: tuple[int, ...]
    temperature: int
    above: tuple[str, ...]  # of the lines above
    headings: tuple[str, ...]  # of the moment


def read(content: bytes, layouts: Sequence[LoggerLayout]) -> Logged | Refusal:
    """The readings of a file."""
    fitting, several = [], list[Reason]()
    for layout in layouts:
        rows = _rows(content, layout)
        found = _columns(rows, layout) if rows is not None else None
        if isinstance(found, Reason):
            several.append(found)
        elif found is not None and rows is not None:
            fitting.append((layout, rows, found))
    if len(fitting) > 1:
        return _refused("supply.logger.several_layouts", found=", ".join(layout.id for layout, *_ in fitting))
    if not fitting:
        return refuse(*several, category=Category.INVALID) if several else _refused("supply.logger.no_layout", known=", ".join(one.id for one in layouts) or "-")
    return _read(*fitting[0])


def _refused(code: str, **values: str | int) -> Refusal:
    return refuse(Reason(code, values), category=Category.INVALID)


def _rows(content: bytes, layout: LoggerLayout) -> list[list[str]] | None:
    """The cells of each line; None where the file is in none of the encodings, or no table."""
    text = next((text for encoding in layout.encodings if (text := _decoded(content, encoding)) is not None), None)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter, strict=True)) if text is not None and "\0" not in text else None
    except csv.Error:
        return None


def _decoded(content: bytes, encoding: str) -> str | None:
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # which says of itself what it is
    try:
        return content.decode("utf-16" if marked else "utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError:
        return None


def _columns(rows: Sequence[Sequence[str]], layout: LoggerLayout) -> _Columns | Reason | None:
    """Where the headings stand; a reason where two columns have the same one; None where they do not stand in one line."""
    wanted = [re.compile(pattern, re.IGNORECASE) for pattern in (layout.moment, layout.day, layout.time) if pattern is not None]
    temperature = re.compile(layout.temperature, re.IGNORECASE)
    for line, row in enumerate(rows[:_ABOVE]):
        cells = [cell.strip() for cell in row]
        places = [[place for place, cell in enumerate(cells) if cell and pattern.fullmatch(cell)] for pattern in (*wanted, temperature)]
        if all(places):
            twice = next((one for one in places if len(one) > 1), None)
            if twice is not None:
                return Reason("supply.logger.column_twice", {"found": ", ".join(cells[place] for place in twice)})
            *moments, degrees = (one[0] for one in places)
            above = tuple(" ".join(cell.strip() for cell in earlier) for earlier in rows[:line])
            return _Columns(line, tuple(moments), degrees, above, tuple(cells[place] for place in moments))
    return None


def _read(layout: LoggerLayout, rows: Sequence[Sequence[str]], columns: _Columns) -> Logged | Refusal:
    zone = _zone(layout, columns)
    if zone is None and "%z" not in layout.form:
        return _refused("supply.logger.no_zone")
    moment_of, told = _moments(layout, zone), list[Reason]()
    readings = list(_readings(layout, rows, columns, moment_of, told))
    if not readings:
        return refuse(Reason("supply.logger.no_readings"), *told, category=Category.INVALID)
    return Logged(layout, _ordered(readings, told), tuple(told))


def _zone(layout: LoggerLayout, columns: _Columns) -> tzinfo | None:
    """The zone that holds for the whole file; None where it is not said, or said in two ways."""
    if layout.zone is not None:
        return ZoneInfo(layout.zone)
    if layout.zone_of is None:
        return None
    found = {_offset(match[1]) for text in (*columns.headings, *columns.above) for match in re.finditer(layout.zone_of, text, re.IGNORECASE)}
    return found.pop() if len(found) == 1 else None


def _offset(text: str) -> tzinfo | None:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    away = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-away if match[1] == "-" else away) if away <= timedelta(hours=14) else None


def _moments(layout: LoggerLayout, zone: tzinfo | None) -> Callable[[tuple[str, ...]], datetime | None]:
    """What reads the cells of a moment. Days and times of day come again and again in a file, and so each is read once."""
    between = "T" if "%dT%" in layout.form else " "
    day_form, _, time_form = layout.form.partition(between)

    @lru_cache(maxsize=4096)
    def part(text: str, form: str) -> datetime | None:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - its zone is put to it below
        except ValueError:
            return None

    def both(cells: tuple[str, ...]) -> datetime | None:
        day, _, time = cells[0].partition(between) if len(cells) == 1 else (cells[0], "", cells[1])
        date, clock = part(day, day_form), part(time.strip(), time_form)
        if date is None or clock is None:
            return None
        return datetime.combine(date.date(), clock.timetz() if clock.tzinfo is not None else clock.time().replace(tzinfo=zone))

    return both


def _readings(
    layout: LoggerLayout, rows: Sequence[Sequence[str]], columns: _Columns, moment_of: Callable[[tuple[str, ...]], datetime | None], told: list[Reason]
) -> Iterator[tuple[datetime, float]]:
    """The readings of the lines below the headings; each other line is told."""
    least, most = (-200.0, 100.0) if layout.unit == "C" else (-328.0, 212.0)  # convention of this project: colder than liquid nitrogen by far, or boiling
    needed = max(*columns.moments, columns.temperature)
    for number, row in enumerate(rows[columns.line + 1 :], columns.line + 2):
        if not any(cell.strip() for cell in row):
            continue
        cells = [cell.strip() for cell in row]
        moment = moment_of(tuple(cells[place] for place in columns.moments)) if len(cells) > needed else None
        if moment is None:
            told.append(Reason("supply.logger.no_moment", {"line": number, "form": layout.form}))
            continue
        degrees = _degrees(cells[columns.temperature], layout.decimal_mark)
        if degrees is None or not least <= degrees <= most:
            told.append(Reason("supply.logger.no_temperature", {"line": number}))
            continue
        yield moment, degrees


def _degrees(text: str, mark: str) -> float | None:
    """A number as a logger writes it; None for anything else, a sign in place of a value among them."""
    plain = text.replace("−", "-")
    if mark == ",":
        if "." in plain:
            return None
        plain = plain.replace(",", ".")
    return float(plain) if _NUMBER.fullmatch(plain) else None


def _ordered(readings: Sequence[tuple[datetime, float]], told: list[Reason]) -> tuple[tuple[datetime, float], ...]:
    """In order of time; of two readings of one moment both stay, since either may be the true one, and it is told."""
    moments = [moment for moment, _ in readings]
    if moments not in (sorted(moments), sorted(moments, reverse=True)):
        told.append(Reason("supply.logger.not_in_order"))
    ordered = sorted(set(readings))
    told += [Reason("supply.logger.two_at_once", {"at": at.isoformat()}) for (at, _), (after, _) in pairwise(ordered) if at == after]
    return tuple(ordered)
