"""Pictures made on the server as plain numbers for SVG attributes: the bar of a bill, the course of grades, the road over places.

Main job: `pieces` of a bar, `course` of grades over days, `road` of a case from place to place. Nothing here is drawn by a script; every picture stands
beside a table or a list that says the same.

**Units**: widths and places in units of the picture's view box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

BAR_WIDTH = 1000
_DAY_WIDTH, _GRADE_HEIGHT, _LEFT, _TOP = 34, 26, 34, 10
_HIGHEST = 5
_LEAST_DAYS = 7  # so that the first days are not drawn larger than the later ones


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a bar: its words, amount, and whether one can rely on it."""

    label: str
    amount: str
    firm: bool
    x: float
    width: float
    shade: int


def pieces(parts: Sequence[tuple[str, str, bool]]) -> tuple[Piece, ...]:
    """Pieces from (label, amount, firm), as wide as their part of the whole."""
    total = sum((Decimal(amount) for _, amount, _ in parts), Decimal(0))
    made, x = [], 0.0
    for shade, (label, amount, firm) in enumerate(parts):
        width = float(Decimal(amount) / total * BAR_WIDTH) if total else 0.0
        made.append(Piece(label, amount, firm, round(x, 2), round(width, 2), shade % 5))
        x += width
    return tuple(made)


@dataclass(frozen=True, slots=True)
class Mark:
    """One grade in a course: a dot, or a bar between bounds where it is not certain."""

    day: int
    low: int
    high: int
    certain: bool
    x: float
    y_low: float
    y_high: float


@dataclass(frozen=True, slots=True)
class Course:
    """Grades of one scale over days: marks, day labels and the size of the picture."""

    marks: tuple[Mark, ...]
    days: tuple[tuple[int, float], ...]
    levels: tuple[tuple[int, float], ...]
    width: float
    height: float


def course(grades: Sequence[tuple[datetime, int, int]], day_0: date) -> Course:
    """A picture of (assessed at, lowest, highest grade), of a week or more, with days counted from the infusion."""
    if not grades:
        return Course((), (), (), 0, 0)
    numbered = [((at.date() - day_0).days, low, high) for at, low, high in grades]
    first = min(day for day, _, _ in numbered)
    last = max(first + _LEAST_DAYS - 1, *(day for day, _, _ in numbered))
    seen: dict[int, int] = {}
    marks = []
    for day, low, high in numbered:
        seen[day] = seen.get(day, -1) + 1
        x = _LEFT + (day - first) * _DAY_WIDTH + 12 + 8 * min(seen[day], 2)
        marks.append(Mark(day, low, high, low == high, x, _y(low), _y(high)))
    days = tuple((day, _LEFT + (day - first) * _DAY_WIDTH + 12) for day in range(first, last + 1))
    levels = tuple((level, _y(level)) for level in range(_HIGHEST))
    return Course(tuple(marks), days, levels, _LEFT + (last - first + 1) * _DAY_WIDTH + 10, _y(0) + 30)


def _y(grade: int) -> float:
    return _TOP + (_HIGHEST - 1 - min(grade, _HIGHEST - 1)) * _GRADE_HEIGHT + 8


_LANE, _STATION, _ROAD_LEFT, _ROAD_TOP = 46.0, 52.0, 24.0, 30.0


@dataclass(frozen=True, slots=True)
class Lane:
    """One place along the road: its name as it was given, and where its line lies."""

    place: str
    y: float


@dataclass(frozen=True, slots=True)
class Road:
    """Stations in order over the places where they lie: a lane for each place, a point for each station, and the line that joins them."""

    lanes: tuple[Lane, ...]
    points: tuple[tuple[float, float], ...]
    width: float
    height: float

    @property
    def line(self) -> str:
        """The points as SVG writes them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


def road(places: Sequence[str]) -> Road:
    """The road over places, one for each station in order of time; lanes in the order in which they are reached."""
    lanes = {place: _ROAD_TOP + _LANE * number for number, place in enumerate(dict.fromkeys(places))}
    points = tuple((_ROAD_LEFT + _STATION * number, lanes[place]) for number, place in enumerate(places))
    width = _ROAD_LEFT * 2 + _STATION * max(len(places) - 1, 8)  # so that few stations are not drawn larger than many
    return Road(tuple(Lane(place, y) for place, y in lanes.items()), points, width, _ROAD_TOP + _LANE * max(len(lanes) - 1, 0) + 20)
