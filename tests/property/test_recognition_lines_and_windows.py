"""Lines over time never mix methods, and a change of the clocks moves no window."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.recognition.recognise import recognise
from baybridge.recognition.trends import trends
from exchange_documents import RECOGNITION, changed, recognition_rules
from exchange_situations import observation

RULES = recognition_rules()
METHODS = RULES.settings.methods
ANALYTES = ["2276-4", "26881-3", "2160-0", "718-7"]
made = st.tuples(
    st.sampled_from(ANALYTES),
    st.sampled_from([None, "Roche", "roche ", "Abbott"]),
    st.sampled_from([None, "Lab A", "Lab B"]),
    st.sampled_from(["ng/mL", "ug/L"]),
    st.integers(0, 30),
)


def result(number: int, row: tuple[Any, ...]) -> dict[str, Any]:
    loinc, method, laboratory, unit, ago = row
    more: dict[str, Any] = {"method": {"text": method}} if method else {}
    more |= {"performer": [{"display": laboratory}]} if laboratory else {}
    return observation(f"o{number}", loinc, 10 + number, unit, date(2026, 3, 31) - timedelta(days=ago), **more)


@given(st.lists(made, max_size=12))
@settings(max_examples=150, deadline=None)
def test_no_line_mixes_methods_laboratories_without_a_method_or_units(rows: list[tuple[Any, ...]]) -> None:
    found = {item["id"]: item for item in (result(n, row) for n, row in enumerate(rows))}
    lines = trends(found.values(), METHODS)
    assert sorted(point[2] for line in lines for point in line.points) == sorted(found)
    for line in lines:
        items = [found[point[2]] for point in line.points]
        assert [point[0] for point in line.points] == sorted(point[0] for point in line.points)
        assert len({item["valueQuantity"]["code"] for item in items}) == 1
        if line.group is not None:
            methods = {item.get("method", {}).get("text", "").strip().casefold() for item in items}
            assert len(methods) == 1
            if methods == {""} and len(items) > 1:
                assert len({item["performer"][0]["display"] for item in items}) == 1


def test_a_line_says_that_others_stand_apart() -> None:
    lines = trends([result(0, ("2276-4", "Roche", None, "ng/mL", 1)), result(1, ("2276-4", "Abbott", None, "ng/mL", 2))], METHODS)
    assert [line.apart for line in lines] == [True, True]
    assert [line.apart for line in trends([result(0, ("718-7", None, None, "g/L", 1))], METHODS)] == [False]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Lisbon", "Australia/Lord_Howe", "Asia/Hong_Kong"])
@given(st.integers(24, 330 * 24).map(lambda hours: datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(hours=hours)))
@settings(max_examples=40, deadline=None)
def test_a_change_of_the_clocks_moves_no_window(zone: str, when: datetime) -> None:
    """72 hours are 72 hours, whatever the clocks of the place where it was written do in between."""
    used = (when + timedelta(hours=72)).astimezone(ZoneInfo(zone))
    change = {"result.collected_at": when.astimezone(ZoneInfo(zone)).isoformat(), "laboratory.eqa.0.date": "2026-01-01"}
    in_time = recognise(changed(RECOGNITION, {**change, "request.use_at": used.isoformat()}), RULES)
    late = (when + timedelta(hours=72, seconds=1)).astimezone(ZoneInfo(zone))
    too_late = recognise(changed(RECOGNITION, {**change, "request.use_at": late.isoformat()}), RULES)
    assert "MR-051" not in in_time.codes
    assert "MR-051" in too_late.codes
