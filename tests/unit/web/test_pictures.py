"""Pictures say what their tables say: widths in proportion, grades in their place."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from baybridge.web.page.pictures import BAR_WIDTH, course, pieces


def test_pieces_are_as_wide_as_their_part_and_touch() -> None:
    made = pieces([("a", "500000.00", False), ("b", "420000.00", False), ("c", "443000.00", True)])
    assert sum(piece.width for piece in made) == pytest.approx(BAR_WIDTH, abs=0.1)
    assert made[1].x == pytest.approx(made[0].width, abs=0.02)
    assert made[0].width == pytest.approx(BAR_WIDTH * 500 / 1363, abs=0.02)


def test_a_bill_of_nothing_has_no_width() -> None:
    assert [piece.width for piece in pieces([("a", "0.00", True)])] == [0.0]


def test_a_higher_grade_stands_higher_and_bounds_span() -> None:
    at = datetime(2026, 3, 8, 9, tzinfo=UTC)
    low, open_ = course([(at, 1, 1), (at, 2, 4)], date(2026, 3, 5)).marks
    assert low.certain
    assert not open_.certain
    assert open_.y_high < open_.y_low < low.y_low
    assert low.day == 3


def test_days_count_from_the_infusion_without_gaps_for_a_week_at_least() -> None:
    first, last = datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 13, tzinfo=UTC)
    assert [day for day, _ in course([(first, 0, 0), (last, 1, 1)], date(2026, 3, 5)).days] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [day for day, _ in course([(first, 0, 0)], date(2026, 3, 5)).days] == [1, 2, 3, 4, 5, 6, 7]
