"""The drawing module: from a table of values to places, marks and lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from baybridge.web.ward.drawing import (
    FOOT,
    HEIGHT,
    LEFT,
    MANY,
    NEVER,
    RIGHT,
    SHAPES,
    TOP,
    WIDTH,
    Direction,
    Frame,
    Line,
    Time,
    Value,
    chart,
    finite,
    sign,
)

START = datetime(2026, 3, 5, 16, 0, tzinfo=UTC)  # midnight in Hong Kong
HONG_KONG = ZoneInfo("Asia/Hong_Kong")
DAY = timedelta(days=1)
GAP = timedelta(hours=6)


def time(days: float = 2) -> Time:
    return Time(START, START + days * DAY, HONG_KONG)


def value(hours: float, number: float, direction: Direction = "") -> Value:
    return Value(START + timedelta(hours=hours), number, direction)


@pytest.mark.parametrize(("hours", "x"), [(0, LEFT), (24, (LEFT + WIDTH - RIGHT) / 2), (48, WIDTH - RIGHT), (72, WIDTH - RIGHT), (-5, LEFT)])
def test_a_moment_has_its_place_on_the_axis(hours: float, x: float) -> None:
    assert time().x(START + timedelta(hours=hours)) == pytest.approx(x, abs=0.06)


@pytest.mark.parametrize(
    ("frame", "values", "ticks"),
    [
        (Frame(36, 40), [37.0, 38.5], [36, 37, 38, 39, 40]),
        (Frame(36, 40), [41.2], [36, 38, 40, 42]),
        (Frame(0, 10), [], [0, 2, 4, 6, 8, 10]),
        (Frame(0, 1), [0.4, 3.2], [0, 1, 2, 3, 4]),
        (Frame(logarithmic=True), [900, 12_000], [100, 1_000, 10_000, 100_000]),
        (Frame(logarithmic=True), [100], [100, 1_000]),
        (Frame(logarithmic=True), [0.3, 8], [0.1, 1, 10]),
        (Frame(logarithmic=True), [0], [1, 10]),
        (Frame(), [5, 5], [5, 6]),
    ],
)
def test_an_axis_has_round_labels_around_what_is_seen(frame: Frame, values: list[float], ticks: list[float]) -> None:
    drawn = chart(time(), [Line(tuple(value(1, number) for number in values), GAP)], frame)
    assert [tick.value for tick in drawn.ticks] == pytest.approx(ticks)
    places = [tick.place for tick in drawn.ticks]
    assert places == sorted(places, reverse=True), "what is more stands higher"
    assert all(TOP <= place <= HEIGHT - FOOT for place in places)


@pytest.mark.parametrize(
    ("hours", "pieces"),
    [
        ([0, 4, 8], 1),  # a line over all
        ([0, 4, 12, 16], 2),  # nobody measured for eight hours
        ([0, 7, 14], 0),  # each alone: marks without a line
        ([0, 6], 1),  # as long as the interval is no gap
        ([3], 0),
        ([], 0),
    ],
)
def test_no_line_lies_over_a_gap(hours: list[float], pieces: int) -> None:
    line = Line(tuple(value(hour, 37) for hour in hours), GAP)
    (drawn,) = chart(time(), [line], Frame(36, 40)).lines
    assert len(drawn.marks) == len(hours)
    assert len(drawn.pieces) == pieces


def test_values_that_may_not_be_compared_are_joined_by_nothing() -> None:
    (drawn,) = chart(time(), [Line((value(1, 500), value(1, 800), value(2, 900)), NEVER)], Frame(logarithmic=True)).lines
    assert (len(drawn.marks), drawn.pieces) == (3, ())


def test_what_is_above_a_limit_is_an_arrow_that_breaks_the_line() -> None:
    (drawn,) = chart(time(), [Line((value(0, 50), value(2, 60), value(4, 100, "above"), value(6, 70), value(8, 60)), GAP)], Frame(0, 100)).lines
    assert len(drawn.pieces) == 2
    assert [mark.path for mark in drawn.marks if mark.value.direction] == [sign("above", drawn.marks[2].x, drawn.marks[2].y, 4.0)]


def test_nothing_of_nothing_lies_below_a_logarithmic_axis_and_is_an_arrow() -> None:
    (drawn,) = chart(time(), [Line((value(0, 0), value(2, 60)), GAP)], Frame(logarithmic=True)).lines
    assert drawn.marks[0].path == sign("below", drawn.marks[0].x, drawn.marks[0].y, 4.0)


def test_lines_have_signs_of_their_own() -> None:
    drawn = chart(time(), [Line((value(1, 37),), GAP)] * len(SHAPES), Frame(36, 40)).lines
    assert len({line.shape for line in drawn}) == len(SHAPES)
    assert len({line.path for line in drawn}) == len(SHAPES)


def test_what_lies_beside_the_chosen_time_is_not_drawn() -> None:
    (drawn,) = chart(time(1), [Line((value(-1, 37), value(5, 38), value(25, 39)), GAP)], Frame(36, 40)).lines
    assert [mark.value.value for mark in drawn.marks] == [38]


def test_thousands_of_values_are_drawn_small_and_none_is_left_out() -> None:
    line = Line(tuple(value(number * 48 / 3000, 37 + number % 3) for number in range(3000)), GAP)
    drawn = chart(time(), [line], Frame(36, 40))
    assert drawn.many
    assert drawn.lines[0].path.count("z") == 3000 > MANY


@pytest.mark.parametrize("days", [0.2, 1, 2, 3, 7, 14, 30, 100, 400, 4000, 46_000])
def test_labels_of_days_never_lie_on_one_another(days: float) -> None:
    places = [label.x for label in time(days).labels()]
    assert 1 <= len(places) < 18
    assert all(after - before > 50 for before, after in pairwise(places))


def test_a_day_begins_by_the_clock_of_the_place() -> None:
    (first, *_) = Time(START + timedelta(hours=3), START + 5 * DAY, ZoneInfo("UTC")).labels()
    assert first.at == datetime(2026, 3, 6, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(("said", "number"), [(3, 3.0), (37.5, 37.5), (True, None), ("37", None), (None, None), (float("nan"), None), (float("inf"), None)])
def test_only_a_number_is_drawn(said: object, number: float | None) -> None:
    assert finite(said) == number
