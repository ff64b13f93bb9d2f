"""Charts over time as plain numbers for SVG: an axis of days that all charts of a page share, an axis of values, marks, and lines that break at gaps.

Main job: `Time` places moments, `chart(time, lines, frame)` makes the picture of one group of measurements.
Nothing here knows what is measured. Every usable value has one mark inside the picture; what is not usable is never handed in.

**Units**: places in units of the picture's view box; values in the unit of their group. Elsewhere: bars and courses of grades in `page/pictures.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil, floor, isfinite, log10
from typing import Literal
from zoneinfo import ZoneInfo

from baybridge.base.time import start_of_day

WIDTH, HEIGHT, FOOT = 960.0, 150.0, 34.0
LEFT, RIGHT, TOP = 62.0, 58.0, 10.0
#: Above so many marks in one picture they are drawn as one path a line, smaller and without a title each.
MANY = 400
_RADIUS, _SMALL = 4.0, 1.8
_MOST_TICKS = 5
_LEAST_STEP = 54.0  # between two labels of the axis of time
#: A gap for values of which no two may be joined.
NEVER = timedelta(microseconds=-1)
SHAPES = ("circle", "square", "triangle", "diamond", "hourglass")

Direction = Literal["", "above", "below"]


@dataclass(frozen=True, slots=True)
class Value:
    """One usable value; with a direction it lies somewhere above or below."""

    at: datetime
    value: float
    direction: Direction = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Values that may be compared with one another; no line is drawn over more than `gap`."""

    values: tuple[Value, ...]
    gap: timedelta


@dataclass(frozen=True, slots=True)
class Frame:
    """What the axis of values shows at least, and whether it is logarithmic."""

    low: float | None = None
    high: float | None = None
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A label of an axis and its place."""

    value: float
    place: float
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """One value in the picture: where, and the path of its sign."""

    value: Value
    x: float
    y: float
    path: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """One line of the picture: its marks in order of time, and the pieces between gaps."""

    marks: tuple[Mark, ...]
    pieces: tuple[str, ...]
    shape: str

    @property
    def path(self) -> str:
        """All signs as one path."""
        return "".join(mark.path for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: its lines, the labels of its values, and where any other value would lie."""

    lines: tuple[Drawn, ...]
    ticks: tuple[Tick, ...]
    many: bool
    y: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Moment:
    """A label of the axis of time: a day, or an hour of one."""

    at: datetime
    x: float
    hours: bool


@dataclass(frozen=True, slots=True)
class Time:
    """The axis of time: from, to, by the clock of a place."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    def holds(self, at: datetime) -> bool:
        """Whether a moment lies on it, both ends included."""
        return self.start <= at <= self.end

    def x(self, at: datetime) -> float:
        """The place of a moment; one beside the axis is put at its end."""
        share = (at - self.start) / max(self.end - self.start, timedelta(minutes=1))
        return round(LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT), 1)

    def labels(self) -> tuple[Moment, ...]:
        """Whole days, or hours of them where the axis is short; never so many that they lie on one another."""
        span, room = self.end - self.start, (WIDTH - LEFT - RIGHT) / _LEAST_STEP
        hours = next((step for step in (1, 2, 4, 6, 12) if span / timedelta(hours=step) <= room), None)
        if hours is not None:
            return tuple(Moment(at, self.x(at), hours=True) for at in self._hours(hours))
        days = next(step for step in (1, 2, 7, 14, 28, 91, 182, 364, 1820, 36400) if span / timedelta(days=step) <= room)
        return tuple(Moment(at, self.x(at), hours=False) for at in self._days(days))

    def _hours(self, step: int) -> Iterator[datetime]:
        midnight = start_of_day(self._first_day(), self.zone)
        for number in range(int((self.end - midnight) / timedelta(hours=step)) + 1):
            at = midnight + timedelta(hours=step * number)
            if self.holds(at):
                yield at

    def _days(self, step: int) -> Iterator[datetime]:
        first = self._first_day()
        for number in range(0, (self.end - start_of_day(first, self.zone)).days + 1, step):
            at = start_of_day(first + timedelta(days=number), self.zone)
            if self.holds(at):
                yield at

    def _first_day(self) -> date:
        return self.start.astimezone(self.zone).date()


def chart(time: Time, lines: Sequence[Line], frame: Frame) -> Chart:
    """The picture of values that lie on the axis of time."""
    shown = [Line(tuple(sorted((v for v in line.values if time.holds(v.at)), key=lambda v: v.at)), line.gap) for line in lines]
    axis = _axis([value.value for line in shown for value in line.values], frame)
    many = sum(len(line.values) for line in shown) > MANY
    drawn = tuple(_drawn(time, axis, line, SHAPES[number % len(SHAPES)], _SMALL if many else _RADIUS) for number, line in enumerate(shown))
    return Chart(drawn, axis.ticks(), many, axis.y)


def _drawn(time: Time, axis: _Axis, line: Line, shape: str, radius: float) -> Drawn:
    marks = []
    for value in line.values:
        x, y = time.x(value.at), axis.y(value.value)
        direction = value.direction or ("below" if axis.is_beneath(value.value) else "")
        marks.append(Mark(value, x, y, sign(direction or shape, x, y, radius)))
    return Drawn(tuple(marks), tuple(_pieces(marks, line.gap)), shape)


def _pieces(marks: Sequence[Mark], gap: timedelta) -> Iterator[str]:
    """The line between neighbours; broken where nobody measured for longer than `gap`, and at what is only above or below a limit."""
    piece: list[Mark] = []
    for mark in marks:
        broken = bool(mark.value.direction) or (bool(piece) and mark.value.at - piece[-1].value.at > gap)
        if broken:
            yield from _piece(piece)
            piece = []
        if not mark.value.direction:
            piece.append(mark)
    yield from _piece(piece)


def _piece(marks: Sequence[Mark]) -> Iterator[str]:
    if len(marks) > 1:
        yield "M" + " L".join(f"{mark.x} {mark.y}" for mark in marks)


def sign(shape: str, x: float, y: float, r: float) -> str:
    """The path of a mark; what is above or below a limit is an arrow from the limit."""
    if shape == "circle":
        return f"M{x - r:.1f} {y:.1f}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z"
    around = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "triangle": ((0, -1.2), (1.2, 1), (-1.2, 1)),
        "diamond": ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
        "hourglass": ((-1.1, -1.2), (1.1, -1.2), (-1.1, 1.2), (1.1, 1.2)),
        "above": ((-1, 0.4), (-1, -0.4), (-0.3, -0.4), (-0.3, -1.2), (-1, -1.2), (0, -2.6), (1, -1.2), (0.3, -1.2), (0.3, -0.4), (1, -0.4), (1, 0.4)),
        "below": ((-1, -0.4), (-1, 0.4), (-0.3, 0.4), (-0.3, 1.2), (-1, 1.2), (0, 2.6), (1, 1.2), (0.3, 1.2), (0.3, 0.4), (1, 0.4), (1, -0.4)),
    }[shape]
    return "M" + "L".join(f"{x + dx * r:.1f} {y + dy * r:.1f}" for dx, dy in around) + "z"


# --- the axis of values ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float
    step: float  # 0 on a logarithmic axis

    def y(self, value: float) -> float:
        share = (self._along(value) - self._along(self.low)) / (self._along(self.high) - self._along(self.low))
        return round(TOP + (1 - min(1.0, max(0.0, share))) * (HEIGHT - TOP - FOOT), 1)

    def _along(self, value: float) -> float:
        return value if self.step else log10(max(value, self.low))

    def is_beneath(self, value: float) -> bool:
        """Whether a value lies below what a logarithmic axis can show."""
        return not self.step and value < self.low

    def ticks(self) -> tuple[Tick, ...]:
        if not self.step:
            powers = range(round(log10(self.low)), round(log10(self.high)) + 1)
            return tuple(Tick(10.0**power, self.y(10.0**power), max(0, -power)) for power in powers)
        count, decimals = round((self.high - self.low) / self.step), max(0, -floor(log10(self.step)))
        values = [round(self.low + number * self.step, 6) for number in range(count + 1)]
        return tuple(Tick(value, self.y(value), decimals) for value in values)


#: The lowest power of ten on a logarithmic axis: what lies beneath is said to.
_FEWEST_POWERS = -9


def _axis(values: Sequence[float], frame: Frame) -> _Axis:
    """An axis of round numbers around what is to be seen."""
    seen = [*values, *(limit for limit in (frame.low, frame.high) if limit is not None)] or [0.0, 1.0]
    if frame.logarithmic:
        positive = [value for value in seen if value > 0] or [1.0]
        least = max(floor(log10(min(positive))), _FEWEST_POWERS)
        return _Axis(10.0**least, 10.0 ** max(ceil(log10(max(positive))), least + 1), 0.0)
    low, high = min(seen), max(seen)
    step = _round_step((high - low) or abs(high) or 1.0)
    first, last = floor(round(low / step, 6)) * step, ceil(round(high / step, 6)) * step
    return _Axis(first, last if last > first else first + step, step)


def _round_step(span: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten with which few labels span so much."""
    power = 10.0 ** floor(log10(span / _MOST_TICKS))
    return next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= _MOST_TICKS)


def finite(value: object) -> float | None:
    """A value that can be drawn; None for what is no number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type]
