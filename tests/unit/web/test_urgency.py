"""In which order tasks stand on a page."""

from baybridge.web.case.view import most_urgent_first


def task(name: str, due_at: str | None, level: str = "plan") -> dict[str, str | None]:
    return {"key": name, "due_at": due_at, "level": level}


def test_what_a_red_clock_asks_for_stands_before_what_is_merely_late() -> None:
    tasks = [
        task("no day", None),
        task("late visit", "2026-10-23T00:00:00Z"),
        task("team called", "2026-11-21T16:55:00Z", "red"),
        task("cells too old", None, "stop"),
        task("permit", "2026-11-01T00:00:00Z", "amber"),
    ]
    assert [one["key"] for one in most_urgent_first(tasks)] == ["team called", "cells too old", "late visit", "permit", "no day"]
