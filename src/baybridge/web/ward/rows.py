"""The table beside the charts: every value, dose and grade of the chosen time with its source and what became of it.

Main job: `rows_of(view, course, time)`, the newest first; what has no moment that anybody can tell comes last, whatever time was chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from baybridge.facts.charted import Charted, Use
from baybridge.journey.entry import tells
from baybridge.journey.events import GradeAssessed, GradeConfirmed, Scale
from baybridge.policy.language.types import Value
from baybridge.web.case.bedside_page import SHORT
from baybridge.web.case.graded import grade_said, rests_said
from baybridge.web.case.view import CaseView
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
    values = (_value(view, course, one) for one in course.values if one.at is None or time.holds(one.at) or _doubted(one))
    doses = (_dose(view, course, one) for one in course.doses if time.holds(one.at))
    infusions = (
        Row(entry.event.started_at, view.reader.t("bedside.infusion"), entry.event.bag, "", f"Event/{entry.origin.event_id}", "used")
        for entry in view.case.infusions if time.holds(entry.event.started_at)
    )  # fmt: skip
    rows = [*values, *doses, *infusions, *_grades(view, course, time), *_calls(view, time)]
    return sorted(rows, key=lambda row: (row.at is None, -row.at.timestamp() if row.at is not None else 0, row.what, row.source))


def _doubted(one: Charted) -> bool:
    """Whether the moment of a value is in doubt: it may belong to any time."""
    return any(odd.path == "Observation.effective" for odd in one.why)


def _gone(view: CaseView, course: Course, source: str) -> tuple[str, ...]:
    """When an entry was struck through or replaced, and why; nothing of one that stands."""
    by = course.struck.get(source.removeprefix("Event/"))
    r = view.reader
    return (r.t(f"ward.flow.{by.state}_at", at=r.moment(by.by.origin.recorded_at), why=r.code("code", by.by.event.reason)),) if by is not None else ()


def _value(view: CaseView, course: Course, one: Charted) -> Row:
    r, unit = view.reader, view.asked.node.dictionary[one.fact].unit
    said = r.value(figure(one.value), unit) if one.value is not None else ""
    told = r.reported(one.original) if one.original else ""
    reported = told if told and told != said and one.original not in (str(one.value), str(figure(one.value))) else ""
    why = tuple(r.t(odd.code, **_named(view, odd.values)) for odd in one.why)
    kept = (one.source, one.fact) in course.affirmed
    marks = [mark for mark, holds in (("corrected", one.corrected), ("stated", one.confirmed), ("as_before", kept)) if holds]
    return Row(
        one.at, view.fact_label(one.fact), said or told or "–", reported if said else "", one.source, one.use.value,
        (*(r.t(f"ward.use.{mark}") for mark in marks), *why, *_other_stands(view, one, why), *_gone(view, course, one.source)),
    )  # fmt: skip


def _other_stands(view: CaseView, one: Charted, why: tuple[str, ...]) -> tuple[str, ...]:
    return (view.reader.t("ward.flow.other_stands"),) if one.use is Use.UNUSABLE and not why else ()


def _named(view: CaseView, values: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: view.fact_label(value) if name in ("fact", "attribute") else value for name, value in values}


def _dose(view: CaseView, course: Course, one: Dose) -> Row:
    what = view.reader.t("ward.flow.coded", what=view.reader.t("bedside.drug"), value=one.name)
    return Row(one.at, what, one.dose or view.reader.t("ward.flow.dose_unknown"), "", one.source, "struck" if one.struck else "used", _gone(view, course, one.source))


def _grades(view: CaseView, course: Course, time: Time) -> Iterator[Row]:
    """Grades that were computed, and those that physicians confirmed, with those that do not hold any more."""
    r = view.reader
    gone = [one.entry for one in course.struck.values()]
    for entry in (*course.grades, *(one for one in gone if tells(one, GradeAssessed))):
        event, source = entry.event, f"Event/{entry.origin.event_id}"
        if time.holds(event.assessed_at):
            missing = r.t("page.semicolon").join(map(view.asked_label, event.missing))
            rests = rests_said(r, view.asked.node.dictionary, event)
            why = (*([r.t("ward.flow.missing", facts=missing)] if missing else ()), *([rests] if rests else ()))
            yield Row(event.assessed_at, _of_scale(view, event.scale), grade_said(r, event.grade_min, event.grade_max), "", source, *_state(view, course, source, why))
    overtaken = {grade.confirmed.origin.event_id for grade in view.case.grades.values() if grade.confirmed is not None and grade.overtaken}
    for said in (*course.confirmed, *(one for one in gone if tells(one, GradeConfirmed))):
        if time.holds(said.origin.at):
            source, grade = f"Event/{said.origin.event_id}", grade_said(r, said.event.grade, said.event.grade)
            marks = ("ward.flow.physician", *(("bedside.overtaken",) if said.origin.event_id in overtaken else ()))
            yield Row(said.origin.at, _of_scale(view, said.event.scale), grade, "", source, *_state(view, course, source, tuple(map(r.t, marks))))


def _of_scale(view: CaseView, scale: Scale) -> str:
    return view.reader.t("ward.flow.grade_of", scale=SHORT[scale])


def _state(view: CaseView, course: Course, source: str, why: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """What became of an entry, as the end of a key and as reasons."""
    gone = _gone(view, course, source)
    return ("replaced" if course.struck[source.removeprefix("Event/")].state == "replaced" else "struck") if gone else "used", (*why, *gone)


def _calls(view: CaseView, time: Time) -> Iterator[Row]:
    """Calls of the team with their signs; one that was made for what an entry said that does not hold is struck through."""
    r = view.reader
    for call in view.case.rapid_responses if view.told_of_calls else ():
        at = call.called.event.called_at
        if time.holds(at):
            signs = r.t("page.semicolon").join(r.code("sign", code) for code in call.codes)
            gone = call.closed if call.mistaken else call.withdrawn
            why = (r.t(f"ward.flow.call_{'mistaken' if call.mistaken else 'withdrawn'}", at=r.moment(gone.origin.recorded_at)),) if gone is not None else ()
            yield Row(at, r.t("ward.flow.call"), signs, "", f"Event/{call.called.origin.event_id}", "struck" if call.mistaken else "used", why)


def figure(value: Value) -> Value:
    """A number with six digits, a whole one without a fraction; anything else as it is. What was reported stands beside it."""
    if not isinstance(value, float):
        return value
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() else rounded
