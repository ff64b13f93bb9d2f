"""Reading a request that an outsider wrote: every problem with its place, what was expected and what was found.

Main job: `check(value, form)` answers all problems of a JSON value against a small form; it never stops at the first.

A field that is absent or null is unknown and passes unless it is required. Times and dates are checked here and parsed where
they are used. Texts that were found are shortened; patients' values do not appear, because only kinds and codes are printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from baybridge.base.time import parse_day, parse_instant

Check = Callable[[Any, str], Iterable["FormProblem"]]
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class FormProblem:
    """One thing wrong in a request: where, what was expected, what was found."""

    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, found {self.found}"


class FormError(ValueError):
    """A request that cannot be judged, with every problem in it; the text is one line."""

    def __init__(self, problems: Sequence[FormProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object: how its value is checked, and whether it must be known."""

    check: Check
    required: bool = False


Form = Mapping[str, Field]


def kind_of(value: Any) -> str:
    """A JSON value's kind in words; texts that are codes are shown, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value[:_SHOWN])
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"


def _problem(path: str, expected: str, value: Any) -> list[FormProblem]:
    return [FormProblem(path, expected, kind_of(value))]


def text(value: Any, path: str) -> list[FormProblem]:
    """A text that is not empty."""
    return [] if isinstance(value, str) and value.strip() else _problem(path, "a text", value)


def boolean(value: Any, path: str) -> list[FormProblem]:
    """True or false."""
    return [] if isinstance(value, bool) else _problem(path, "true or false", value)


def number(value: Any, path: str) -> list[FormProblem]:
    """A finite number."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return [] if known else _problem(path, "a number", value)


def count(value: Any, path: str) -> list[FormProblem]:
    """A whole number from 0."""
    known = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return [] if known else _problem(path, "a whole number from 0", value)


def plain(value: Any, path: str) -> list[FormProblem]:
    """A number, a text or a boolean."""
    return _problem(path, "a number, a text or true/false", value) if isinstance(value, dict | list) else []


def anything(value: Any, path: str) -> list[FormProblem]:
    """Whatever it is."""
    del value, path
    return []


def instant(value: Any, path: str) -> list[FormProblem]:
    """A time with an offset."""
    return _parsed(value, path, parse_instant, "a time with offset such as 2026-03-08T09:00:00+08:00")


def day(value: Any, path: str) -> list[FormProblem]:
    """A date."""
    return _parsed(value, path, parse_day, "a date such as 2026-03-08")


def _parsed(value: Any, path: str, parse: Callable[[str], Any], expected: str) -> list[FormProblem]:
    if not isinstance(value, str):
        return _problem(path, expected, value)
    try:
        parse(value)
    except (ValueError, OverflowError):
        return _problem(path, expected, value)
    return []


def one_of(*codes: str) -> Check:
    """One of these codes."""

    def check(value: Any, path: str) -> list[FormProblem]:
        return [] if isinstance(value, str) and value in codes else _problem(path, f"one of {', '.join(codes)}", value)

    return check


def whole_between(low: int, high: int) -> Check:
    """A whole number between two, both included."""

    def check(value: Any, path: str) -> list[FormProblem]:
        known = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return [] if known else _problem(path, f"a whole number from {low} to {high}", value)

    return check


def list_of(item: Check) -> Check:
    """A list whose items all pass; an item may not be null."""

    def check(value: Any, path: str) -> list[FormProblem]:
        if not isinstance(value, list):
            return _problem(path, "a list", value)
        return [problem for number_, entry in enumerate(value) for problem in item(entry, f"{path}[{number_}]")]

    return check


def object_of(form: Form) -> Check:
    """An object with these fields; others are left alone."""

    def check(value: Any, path: str) -> list[FormProblem]:
        if not isinstance(value, dict):
            return _problem(path, "an object", value)
        return [problem for name, field in form.items() for problem in _field(value.get(name), f"{path}.{name}".lstrip("."), field)]

    return check


def _field(value: Any, path: str, field: Field) -> Iterable[FormProblem]:
    if value is not None:
        return field.check(value, path)
    return field.check(None, path) if field.required else ()


def require(value: Any, form: Form) -> Mapping[str, Any]:
    """The value as an object that fits the form; raises `FormError` with every problem."""
    problems = [FormProblem(problem.path or "request", problem.expected, problem.found) for problem in object_of(form)(value, "")]
    if problems:
        raise FormError(problems)
    fitting: Mapping[str, Any] = value
    return fitting
