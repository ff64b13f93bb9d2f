"""A grade in words: what it is, and from when is what it rests on beside what its assessment stated.

Main job: `grade_said(reader, low, high)`; `before_said(reader, dictionary, event)`: each finding of before with its moment and how much earlier that was, the oldest
first; `rests_said`, all of them in one sentence.
"""

from __future__ import annotations

from baybridge.facts.dictionary import Dictionary
from baybridge.journey.events import GradeAssessed
from baybridge.web.page.page import Reader


def grade_said(reader: Reader, low: int, high: int) -> str:
    """A grade, or its bounds where it is not certain."""
    return reader.t("bedside.grade", grade=low) if low == high else reader.t("bedside.between", low=low, high=high)


def before_said(reader: Reader, dictionary: Dictionary, event: GradeAssessed) -> tuple[str, ...]:
    """Each finding of before; nothing of a grade of an older version, which did not keep them."""
    found = []
    for name, value, at in sorted(event.from_before or (), key=lambda one: (one[2], one[0])):
        said = reader.value(value, dictionary[name].unit if name in dictionary else None)
        found.append(reader.t("bedside.one_before", fact=reader.fact(name), value=said, at=reader.moment(at), span=reader.span(event.assessed_at - at)))
    return tuple(found)


def rests_said(reader: Reader, dictionary: Dictionary, event: GradeAssessed) -> str:
    """All of them in one sentence; empty where there is none."""
    found = before_said(reader, dictionary, event)
    return reader.t("bedside.from_before", findings=reader.t("page.semicolon").join(found)) if found else ""
