"""The flowsheet of a case: what was measured, given and graded on one axis of time, drawn on the server, with a table that holds every value.

Main job: `flowsheet(view)`; `FLOWSHEET_DOORS`. The axis is chosen in the address (`range=24h|72h|7d|infusion|all`), the moment as on every page of a case (`at`).
What is not used is told in the table with its reason and is not drawn; how many that are stands under each chart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.responses import Response

from baybridge.facts.charted import Use
from baybridge.http.doors import Door
from baybridge.journey.events import GradeAssessed
from baybridge.web.case import tabs
from baybridge.web.case.bedside_page import SHORT
from baybridge.web.case.facts_page import is_resource
from baybridge.web.case.graded import grade_said
from baybridge.web.case.view import CaseView, tab
from baybridge.web.ward import drawing
from baybridge.web.ward.course import RANGES, Course, chosen_range, course_of, time_of, within
from baybridge.web.ward.drawing import NEVER, Chart, Drawn, Frame, Line, Mark, Time, Value
from baybridge.web.ward.grouping import Group, lines_of, place_of
from baybridge.web.ward.panels import CODED, PANELS, Panel, gap_of
from baybridge.web.ward.rows import figure, rows_of

#: Rows of the table on one page of it.
_ROWS = 400


@dataclass(frozen=True, slots=True)
class Legend:
    """A line of a picture with its words."""

    drawn: Drawn
    words: str
    number: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One chart of the page: its title with unit, what it says in words, and what it leaves to the table."""

    name: str
    title: str
    alt: str
    chart: Chart
    legends: tuple[Legend, ...]
    unit: str | None
    gap_h: int
    left_out: int
    logarithmic: bool
    bars: tuple[tuple[float, float, float, str], ...] = ()  # of grades that are not certain: x, top, bottom, words


@dataclass(frozen=True, slots=True)
class Strip:
    """Something that happens: its words, and when it did, as places and words."""

    words: str
    marks: tuple[tuple[float, str], ...]


def flowsheet(view: CaseView) -> Response:
    """Charts, what was given, grades, and the table."""
    course = course_of(view)
    asked_for = view.asked.query.get("range", "")
    chosen = chosen_range(view, asked_for)
    time = time_of(view, course, chosen)
    pictures = [*_grades(view, course, time), *(_picture(view, course, time, panel) for panel in PANELS if _measured(course, panel))]
    rows = rows_of(view, course, time)
    number = _page_number(view.asked.query.get("page", ""), len(rows))
    return view.render(
        "flowsheet.html",
        d=drawing,
        time=time,
        ranges=[(name, _address(view, range=name)) for name in RANGES if name != "infusion" or view.case.infused_at is not None],
        chosen=chosen,
        unread_range=asked_for if asked_for and asked_for != chosen else "",
        labels=[(label, _day(view, label.at), label.at.astimezone(time.zone)) for label in time.labels()],
        infused=[time.x(one.event.started_at) for one in view.case.infusions if time.holds(one.event.started_at)],
        pictures=pictures,
        strips=list(_strips(view, course, time)),
        absent=[_title(view, panel) for panel in PANELS if not _measured(course, panel)],
        timeless=sum(one.at is None for one in course.values),
        rows=rows[(number - 1) * _ROWS : number * _ROWS],
        count=len(rows),
        pages=[(one, one == number, _address(view, range=chosen, page=str(one))) for one in range(1, -(-len(rows) // _ROWS) + 1)],
        day_of=lambda at: _day(view, at),
        said=lambda picture, legend, mark: _mark_said(view, picture, legend, mark),
        is_resource=is_resource,
        back=tabs.address(view.case.case_id, "bedside"),
    )


def _address(view: CaseView, **chosen: str) -> str:
    at = {"at": view.asked.query["at"]} if view.until is not None else {}
    return f"{view.asked.path}?{urlencode({**chosen, **at})}"


def _page_number(said: str, count: int) -> int:
    last = max(1, -(-count // _ROWS))
    return min(last, int(said)) if said.isdecimal() and len(said) < len("100000") and int(said) else 1


def _day(view: CaseView, at: datetime) -> int | None:
    """The day after the last infusion, by the calendar of the node; None without one."""
    infused_at, zone = view.case.infused_at, view.asked.node.site.zone
    return (at.astimezone(zone).date() - infused_at.astimezone(zone).date()).days if infused_at is not None else None


# --- charts of what was measured ------------------------------------------------------------------------------------------


def _measured(course: Course, panel: Panel) -> bool:
    return any(one.fact in panel.facts for one in course.values)


def _title(view: CaseView, panel: Panel) -> str:
    key = f"ward.panel.{panel.name}"
    return view.reader.t(key) if view.reader.known(key) else view.fact_label(panel.facts[0])


def _picture(view: CaseView, course: Course, time: Time, panel: Panel) -> Picture:
    found = [one for one in within(time, course.values) if one.fact in panel.facts]
    facts = [view.asked.node.dictionary[name] for name in panel.facts]
    gap = max(gap_of(fact, view.asked.node.escalation.assessment) for fact in facts)
    groups = lines_of(panel, found, gap)
    chart = drawing.chart(time, [group.line for group in groups], panel.frame)
    legends = tuple(Legend(drawn, _words(view, panel, group), number) for number, (group, drawn) in enumerate(zip(groups, chart.lines, strict=True)))
    left_out = sum(place_of(one) is None for one in found)
    title, unit = _title(view, panel), facts[0].unit
    alt = _alt(view, title, time, chart, unit)
    return Picture(panel.name, title, alt, chart, legends, unit, round(gap.total_seconds() / 3600), left_out, panel.frame.logarithmic)


def _words(view: CaseView, panel: Panel, group: Group) -> str:
    """What a line is: the finding where several share the axis, how it came, and by which method."""
    t, one = view.reader.t, group.first
    if one.confirmed:
        came = t("ward.flow.stated")
    elif one.code:
        came = t("ward.flow.by_code", code=one.code)
    else:
        came = t("ward.flow.entered")
    parts = [view.fact_label(one.fact)] if len(panel.facts) > 1 else []
    parts.append(came)
    laboratory = one.method.removeprefix("laboratory ")
    if group.method_unknown:
        parts.append(t("ward.flow.method_unknown"))
    elif one.method:
        parts.append(t("ward.flow.laboratory", name=laboratory) if laboratory != one.method else t("ward.flow.method", name=one.method))
    return t("page.semicolon").join(parts)


def _alt(view: CaseView, title: str, time: Time, chart: Chart, unit: str | None) -> str:
    """The picture in a sentence: from when to when, how many, between which values, the last one and its time."""
    r = view.reader
    values = sorted((mark.value for line in chart.lines for mark in line.marks), key=lambda value: value.at)
    span = {"what": title, "start": r.moment(time.start), "end": r.moment(time.end)}
    if not values:
        return r.t("ward.flow.alt_none", **span)
    low, high = (_said(view, pick(values, key=lambda value: value.value), unit) for pick in (min, max))
    return r.t("ward.flow.alt", **span, count=len(values), low=low, high=high, last=_said(view, values[-1], unit), at=r.moment(values[-1].at))


def _said(view: CaseView, value: Value, unit: str | None) -> str:
    said = view.reader.quantity(figure(value.value), unit)
    return view.reader.t(f"ward.flow.{value.direction}", value=said) if value.direction else said


def _mark_said(view: CaseView, picture: Picture, legend: Legend, mark: Mark) -> str:
    """What a mark says when somebody points at it."""
    value = mark.value
    said = _said(view, value, picture.unit) if picture.name not in SHORT else grade_said(view.reader, int(value.value), int(value.value))
    return f"{said} · {view.reader.moment(value.at)} · {legend.words}"


# --- grades ---------------------------------------------------------------------------------------------------------------


def _grades(view: CaseView, course: Course, time: Time) -> Iterator[Picture]:
    """A chart for each scale: certain grades as marks, others as bars between their bounds, and what physicians confirmed; no line joins grades."""
    for scale in SHORT:
        graded = [entry.event for entry in course.grades if entry.event.scale == scale]
        if not graded:
            continue
        inside = [one for one in graded if time.holds(one.assessed_at)]
        certain = tuple(Value(one.assessed_at, one.grade_min) for one in inside if one.grade_min == one.grade_max)
        said = tuple(Value(one.origin.at, one.event.grade) for one in course.confirmed if one.event.scale == scale and time.holds(one.origin.at))
        lines = [("ward.flow.computed", Line(certain, NEVER)), *([("ward.flow.physician", Line(said, NEVER))] if said else [])]
        chart = drawing.chart(time, [line for _, line in lines], Frame(0, 4))
        legends = tuple(Legend(drawn, view.reader.t(words), number) for number, ((words, _), drawn) in enumerate(zip(lines, chart.lines, strict=True)))
        bars = tuple(
            (time.x(one.assessed_at), chart.y(one.grade_max), chart.y(one.grade_min), _between(view, one)) for one in inside if one.grade_min != one.grade_max
        )
        title = view.reader.t("ward.flow.grade_of", scale=SHORT[scale])
        yield Picture(scale, title, _alt_of_grades(view, title, time, inside), chart, legends, None, 0, 0, logarithmic=False, bars=bars)


def _between(view: CaseView, event: GradeAssessed) -> str:
    return f"{grade_said(view.reader, event.grade_min, event.grade_max)} · {view.reader.moment(event.assessed_at)}"


def _alt_of_grades(view: CaseView, title: str, time: Time, graded: Sequence[GradeAssessed]) -> str:
    r = view.reader
    span = {"what": title, "start": r.moment(time.start), "end": r.moment(time.end)}
    if not graded:
        return r.t("ward.flow.alt_none", **span)
    last = graded[-1]
    highest = grade_said(r, max(one.grade_min for one in graded), max(one.grade_max for one in graded))
    said = grade_said(r, last.grade_min, last.grade_max)
    return r.t("ward.flow.alt_grades", **span, count=len(graded), highest=highest, last=said, at=r.moment(last.assessed_at))


# --- what happens once ----------------------------------------------------------------------------------------------------


def _strips(view: CaseView, course: Course, time: Time) -> Iterator[Strip]:
    """A row for each drug and for each answer that is no number, with its moments."""
    moments: dict[str, list[tuple[datetime, str]]] = {}
    for dose in course.doses:
        if time.holds(dose.at) and not dose.struck:
            moments.setdefault(dose.name, []).append((dose.at, dose.dose))
    for one in within(time, course.values):
        if one.fact in CODED and one.use is Use.USED and one.at is not None:
            words = view.reader.t("ward.flow.coded", what=view.fact_label(one.fact), value=view.reader.value(one.value))
            moments.setdefault(words, []).append((one.at, ""))
    for words, found in moments.items():
        yield Strip(words, tuple((time.x(at), view.reader.t("page.semicolon").join(filter(None, (view.reader.moment(at), said)))) for at, said in found))


FLOWSHEET_DOORS = (Door("/cases/{case_id}/flowsheet", ("GET",), "case.flowsheet", "case.bedside", tab("flowsheet", flowsheet)),)
