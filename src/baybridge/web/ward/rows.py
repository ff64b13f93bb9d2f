"""The table beside the charts: every value, dose and grade of the chosen time with its source and what became of it.

Main job: `rows_of(view, course, time)`, the newest first; what has no moment that anybody can tell comes last, whatever time was chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from baybridge.facts.charted import Charted, Use
from baybridge.policy.language.types import Value
from baybridge.web.case.bedside_page import SHORT
from baybridge.web.case.view import CaseView
from baybridge.web.page.page import Reader
from baybridge.web.ward.course import Course, Dose
from baybridge.web.ward.drawing import Time


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `state` is the end of a key among the texts."""

    at: datetime | None
    what: str
    said: str
    reported: str
    source: str
    state: str
    why: tuple[str, ...] = ()


def rows_of(view: CaseView, course: Course, time: Time) -> list[Row]:
    """The rows of the table."""
    values = (_value(view, one) for one in course.values if one.at is None or time.holds(one.at) or _doubted(one))
    doses = (_dose(view, one) for one in course.doses if time.holds(one.at))
    infusions = (
        Row(entry.event.started_at, view.reader.t("bedside.infusion"), entry.event.bag, "", f"Event/{entry.origin.event_id}", "used")
        for entry in view.case.infusions if time.holds(entry.event.started_at)
    )  # fmt: skip
    rows = [*values, *doses, *infusions, *_grades(view, course, time)]
    return sorted(rows, key=lambda row: (row.at is None, -row.at.timestamp() if row.at is not None else 0, row.what, row.source))


def _doubted(one: Charted) -> bool:
    """Whether the moment of a value is in doubt: it may belong to any time."""
    return any(odd.path == "Observation.effective" for odd in one.why)


def _value(view: CaseView, one: Charted) -> Row:
    r, unit = view.reader, view.asked.node.dictionary[one.fact].unit
    said = r.value(figure(one.value), unit) if one.value is not None else ""
    told = r.reported(one.original) if one.original else ""
    reported = told if told and told != said and one.original not in (str(one.value), str(figure(one.value))) else ""
    why = tuple(r.t(odd.code, **_named(view, odd.values)) for odd in one.why)
    marks = [mark for mark, holds in (("corrected", one.corrected), ("stated", one.confirmed)) if holds]
    return Row(
        one.at, view.fact_label(one.fact), said or told or "–", reported if said else "", one.source, one.use.value,
        (*(r.t(f"ward.use.{mark}") for mark in marks), *why, *([r.t("ward.flow.other_stands")] if one.use is Use.UNUSABLE and not why else [])),
    )  # fmt: skip


def _named(view: CaseView, values: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: view.fact_label(value) if name in ("fact", "attribute") else value for name, value in values}


def _dose(view: CaseView, one: Dose) -> Row:
    what = view.reader.t("ward.flow.coded", what=view.reader.t("bedside.drug"), value=one.name)
    return Row(one.at, what, one.dose or view.reader.t("ward.flow.dose_unknown"), "", one.source, "struck" if one.struck else "used")


def _grades(view: CaseView, course: Course, time: Time) -> Iterator[Row]:
    """Grades that were computed, and those that physicians confirmed."""
    r = view.reader
    for entry in course.grades:
        event = entry.event
        if time.holds(event.assessed_at):
            missing = r.t("page.semicolon").join(map(view.asked_label, event.missing))
            why = (r.t("ward.flow.missing", facts=missing),) if missing else ()
            what = r.t("ward.flow.grade_of", scale=SHORT[event.scale])
            yield Row(event.assessed_at, what, grade_said(r, event.grade_min, event.grade_max), "", f"Event/{entry.origin.event_id}", "used", why)
    for said in course.confirmed:
        if time.holds(said.origin.at):
            what = r.t("ward.flow.grade_of", scale=SHORT[said.event.scale])
            grade = grade_said(r, said.event.grade, said.event.grade)
            yield Row(said.origin.at, what, grade, "", f"Event/{said.origin.event_id}", "used", (r.t("ward.flow.physician"),))


def figure(value: Value) -> Value:
    """A number with six digits, a whole one without a fraction; anything else as it is. What was reported stands beside it."""
    if not isinstance(value, float):
        return value
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() else rounded


def grade_said(reader: Reader, low: int, high: int) -> str:
    """A grade, or its bounds where it is not certain."""
    return reader.t("bedside.grade", grade=low) if low == high else reader.t("bedside.between", low=low, high=high)
