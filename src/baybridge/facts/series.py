"""Windowed facts: what happened to a value around infusion or lymphodepletion.

Main job: one function for each `read.how` of the windowed facts in `data/facts/series.yaml`; `WINDOWED` names them.

Nothing recorded in a window is unknown, never zero or false. A value reported as above or below a limit ("<0.1") counts as far as it is
certain: each fact is read with all such values at their least and at their greatest, and is known where both give the same.
Windows are by instant, both ends included; runs of days are by calendar day.

**Source**: each fact carries its own. Method of runs: gaps of fewer than the given days above the threshold are joined and counted, days
between two measured days are interpolated linearly, the last value is kept for `hold_days` (convention), no other day is measured
(Liang EC et al. 2024; clinical reference 3.2).
**Units**: those of the facts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import isfinite
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from baybridge.base.time import CHINA
from baybridge.documents.fact_reading import (
    AnalyteLimit,
    AnchorRecorded,
    Between,
    ByDay,
    CumulativeDays,
    DrugDays,
    DrugGivenWithin,
    FallWithin,
    FollowUpEndDay,
    JoinedRun,
    LastBefore,
    LastSince,
    Limit,
    MeasuredDays,
    Reading,
    RecentExtreme,
    RecoveryDay,
    Run,
    WindowAbnormalCount,
    WindowAny,
    WindowCorrectedCalcium,
    Windowed,
    WindowExtreme,
    WindowNthLowest,
    WindowWorst,
)
from baybridge.facts.course import Course, Happened
from baybridge.facts.dictionary import Dictionary, Fact
from baybridge.facts.exposure import Exposures
from baybridge.facts.factset import ReadFact, Status
from baybridge.facts.measurement import Measured, Measurement
from baybridge.policy.language.types import Value

Rule = TypeVar("Rule", bound=Reading)
_RATIO_DECIMALS = 6  # so that 1.5 times a limit converted from mg/dL is 1.5 times
_ALBUMIN_WITHIN = timedelta(hours=72)
_CORRECTION, _NORMAL_ALBUMIN = 0.02, 40.0  # mmol/L per g/L; g/L. Source: clinical reference 3.1


@dataclass(frozen=True, slots=True)
class Window:
    """What a windowed fact looks at."""

    measured: Measured
    exposures: Exposures
    course: Course
    at: datetime
    dictionary: Dictionary
    zone: ZoneInfo = CHINA
    runs: dict[tuple[str, int, int, int], _Days | None] = field(default_factory=dict, compare=False, repr=False)  # by what `_days` looks at

    def ends(self) -> tuple[Window, ...]:
        """The window with values that were reported as above or below a limit at either end; itself where there are none."""
        return tuple(replace(self, measured=one, runs={}) for one in self.measured.ends())

    def anchor(self, name: str) -> Happened | None:
        """The moment from which days are counted."""
        return self.course.infusion if name == "infusion" else self.course.lymphodepletion_at

    def day(self, moment: datetime) -> int | None:
        """The day after the infusion, by the calendar; the day of infusion is 0."""
        return self.days_to(moment.astimezone(self.zone).date())

    def days_to(self, day: date) -> int | None:
        """Days from the infusion to a calendar day."""
        infusion = self.course.infusion
        return (day - infusion.at.astimezone(self.zone).date()).days if infusion else None

    def course_end(self, last: int) -> int:
        """The last day of this infusion's course, at most `last`: death, relapse or progression, or the next drug against the cancer end it."""
        infusion, classes = self.course.infusion, self.dictionary.terms.treatments
        if infusion is None:
            return last
        zero = infusion.at.astimezone(self.zone).date()
        ends = [self.course.died_on, *(one.on for one in self.course.responses if one.code in ("PD", "RELAPSE"))]
        ends += [e.start for e in self.exposures.dated if classes.is_class(e.atc, "anticancer") and not classes.is_class(e.atc, "car_t")]
        return min([last, *((day - zero).days for day in ends if day is not None and day > zero)])

    def within(self, name: str, rule: Between) -> list[Measurement]:
        """The measurements of a fact inside the rule's window, oldest first."""
        measured = self.measured.of(name)
        anchor = self.anchor(rule.anchor) if measured else None
        if anchor is None:
            return []
        first, last = anchor.at + timedelta(days=rule.from_days), anchor.at + timedelta(days=rule.to_days)
        return [m for m in measured if first <= m.at <= last and m.at <= self.at]


@dataclass(frozen=True, slots=True)
class Answer:
    """A value and what it rests on."""

    value: Value
    at: datetime | None = None
    sources: tuple[str, ...] = ()


def read_windowed(fact: Fact, ends: Sequence[Window]) -> ReadFact | None:
    """The windowed fact, or None where it is unknown; `ends` is `Window.ends()`."""
    rule = fact.read
    if not isinstance(rule, Windowed):
        return None
    answer = _agreed([WINDOWED[rule.how](rule, window) for window in ends], rule)
    if answer is None or answer.value is None:
        return None
    sources = tuple(dict.fromkeys(answer.sources))
    source = sources[-1] if sources else ""
    return ReadFact(fact.name, answer.value, fact.unit, str(answer.value), answer.at, source, Status.USED, "", sources)


def _agreed(answers: Sequence[Answer | None], rule: Windowed) -> Answer | None:
    """The answer that holds at either end; of a count's bound the further one, of a value with `steps` the finite one of the same step."""
    known = [answer for answer in answers if answer is not None]
    if len(known) < len(answers):
        return None
    values: list[Any] = [answer.value for answer in known]
    if rule.bound is not None:
        return known[values.index(min(values) if rule.bound == "min" else max(values))]
    if len(set(values)) == 1:
        return known[0]
    same_step = bool(rule.steps) and len({bisect_left(rule.steps, value) for value in values}) == 1
    return next((answer for answer, value in zip(known[::-1], values[::-1], strict=True) if same_step and isfinite(value)), None)


def _number(measurement: Measurement) -> float:
    return float(measurement.value) if isinstance(measurement.value, int | float) else float("nan")


def _of(measurement: Measurement, value: Value = None) -> Answer:
    return Answer(measurement.value if value is None else value, measurement.at, (measurement.source,))


def window_extreme(rule: WindowExtreme, window: Window) -> Answer | None:
    """The highest or lowest value in the window; with `per: reference_high` in multiples of the upper limit of normal."""
    found = window.within(rule.of, rule)
    pick: Callable[..., Any] = max if rule.extreme == "max" else min
    if rule.per != "reference_high":
        best = pick(found, key=lambda m: (_number(m), m.order), default=None)
        return _of(best) if best else None
    ratios = [(ratio, m) for m in found for ratio in [_multiple(m, window)] if ratio is not None]
    best_ratio = pick(ratios, key=lambda item: (item[0], item[1].order), default=None)
    return _of(best_ratio[1], best_ratio[0]) if best_ratio else None


def _multiple(measurement: Measurement, window: Window) -> float | None:
    limit = measurement.reference_high
    if limit is None:
        limits = [m for m in window.measured.of(measurement.fact.name) if m.reference_high is not None and m.at <= window.at]
        limit = limits[-1].reference_high if limits else None
    return round(_number(measurement) / float(limit), _RATIO_DECIMALS) if limit else None


def last_before(rule: LastBefore, window: Window) -> Answer | None:
    """The last value strictly before a moment; with `same_method` only where the latest value is known to be of the same method.

    With `earliest` the moment is the earliest of several anchors that is recorded, and with `max_age_days` an older value is none.
    """
    anchors = [one for name in rule.earliest or (rule.anchor,) if name and (one := window.anchor(name)) is not None]
    if not anchors:
        return None
    start = min(anchors).at + timedelta(days=rule.days)
    oldest = start - timedelta(days=rule.max_age_days) if rule.max_age_days is not None else None
    earlier = [m for m in window.measured.of(rule.of) if m.at < start and m.at <= window.at and (oldest is None or m.at >= oldest)]
    if not earlier or (rule.same_method and not _same_method(earlier[-1], window)):
        return None
    return _of(earlier[-1])


def last_since(rule: LastSince, window: Window) -> Answer | None:
    """The last value at or after a moment, or when it was."""
    anchor = window.anchor(rule.anchor)
    since = [m for m in window.measured.of(rule.of) if anchor is not None and anchor.at <= m.at <= window.at]
    return (Answer(since[-1].at, since[-1].at, (since[-1].source,)) if rule.moment else _of(since[-1])) if since else None


def _same_method(baseline: Measurement, window: Window) -> bool:
    """Whether the latest value may be compared with an earlier one of an analyte that depends on the method; what is not stated is not the same."""
    latest = [m for m in window.measured.of(baseline.fact.name) if m.at <= window.at][-1]
    return latest is baseline or (bool(baseline.method) and baseline.method == latest.method)


def window_worst(rule: WindowWorst, window: Window) -> Answer | None:
    """The code of the window that stands last in the rule's order."""
    found = [m for m in window.within(rule.of, rule) if m.value in rule.order]
    worst = max(found, key=lambda m: (rule.order.index(str(m.value)), m.order), default=None)
    return _of(worst) if worst else None


def window_any(rule: WindowAny, window: Window) -> Answer | None:
    """Whether any value of the window is true."""
    found = window.within(rule.of, rule)
    if not found:
        return None
    best = max(found, key=lambda m: (bool(m.value), m.order))
    return Answer(bool(best.value), best.at, (best.source,))


def anchor_recorded(rule: AnchorRecorded, window: Window) -> Answer:
    """Whether the moment from which days are counted is recorded."""
    anchor = window.anchor(rule.anchor)
    return Answer(anchor is not None, anchor.at if anchor else None, (anchor.source,) if anchor else ())


def follow_up_end_day(rule: FollowUpEndDay, window: Window) -> Answer | None:
    """The last day of the period, or of the course where that ends earlier."""
    infusion = window.course.infusion
    if infusion is None:
        return None
    return Answer(window.course_end(rule.to_day), infusion.at, (infusion.source,))


def window_nth_lowest(rule: WindowNthLowest, window: Window) -> Answer | None:
    """The n-th lowest value after a day."""
    found = [m for m in window.measured.of(rule.of) for day in [window.day(m.at)] if day is not None and day > rule.after_day]
    ranked = sorted((m for m in found if m.at <= window.at), key=lambda m: (_number(m), m.order))
    return _of(ranked[rule.n - 1]) if len(ranked) >= rule.n else None


def recent_extreme(rule: RecentExtreme, window: Window) -> Answer | None:
    """The highest or lowest value of the last hours."""
    found = _recent(rule, window, window.at)
    pick: Callable[..., Any] = max if rule.extreme == "max" else min
    best = pick(found, key=lambda m: (_number(m), m.order), default=None)
    return _of(best) if best else None


def fall_within(rule: FallWithin, window: Window) -> Answer | None:
    """How far the latest value lies below the highest of the hours before it; unknown with fewer than two values."""
    found = _recent(rule, window, window.at)
    if len(found) < 2:
        return None
    *earlier, last = found
    highest = max(earlier, key=lambda m: (_number(m), m.order))
    fall = _number(highest) - _number(last)
    return Answer(int(fall) if fall.is_integer() else fall, last.at, (highest.source, last.source))


def _recent(rule: RecentExtreme | FallWithin, window: Window, until: datetime) -> list[Measurement]:
    since = until - timedelta(hours=rule.hours)
    return [m for m in window.measured.of(rule.of) if since <= m.at <= until]


def drug_given_within(rule: DrugGivenWithin, window: Window) -> Answer | None:
    """Whether a drug of some ATC classes was given in the last hours; denied only where every drug of a record that has drugs was read."""
    since = window.at - timedelta(hours=rule.hours)
    classes = rule.atc
    given = [e for e in window.exposures.dated if e.atc.startswith(classes) and e.reaches(since)]
    if given:
        return Answer(value=True, at=given[-1].at, sources=tuple(e.source for e in given))
    return Answer(value=False, at=window.at) if window.exposures.taken and window.exposures.complete else None


def drug_days(rule: DrugDays, window: Window) -> Answer | None:
    """On how many days since the infusion a drug of some ATC classes was given; none only where every drug of a record that has drugs was read."""
    today = window.day(window.at)
    if today is None:
        return None
    given = _days_given(rule.atc, window)
    days = {day for first, last in given for day in range(max(first, 0), min(last, today) + 1)}
    known = window.exposures.taken and window.exposures.complete
    return Answer(len(days), at=window.at) if days or known else None


# --- analytes that are abnormal together ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Point:
    analyte: str
    at: datetime
    source: str
    abnormal: bool


def window_abnormal_count(rule: WindowAbnormalCount, window: Window) -> Answer | None:
    """How many analytes are abnormal within one span of hours, at least or at most, given what was not measured."""
    anchor = window.anchor(rule.anchor)
    if anchor is None:
        return None
    analytes = rule.analytes
    points = [p for name, limit in analytes.items() if limit for p in _points(name, limit, rule, window)]
    together = _most_together([p for p in points if p.abnormal], timedelta(hours=rule.within_h))
    count = len({p.analyte for p in together})
    if rule.bound == "max":
        count = min(len(analytes), count + len(set(analytes) - {p.analyte for p in points}))
    sources = tuple(p.source for p in (together or points))
    return Answer(count, max((p.at for p in together), default=anchor.at), sources)


def _points(name: str, limit: AnalyteLimit, rule: WindowAbnormalCount, window: Window) -> list[_Point]:
    if name == "corrected_calcium":
        return _corrected_calcium(limit, rule, window)
    return [_Point(name, m.at, m.source, _beyond(m, limit, window.dictionary)) for m in window.within(name, rule)]


def _beyond(measurement: Measurement, limit: AnalyteLimit, dictionary: Dictionary) -> bool:
    """Strictly beyond the limit, in the unit as reported where the limit is published in it."""
    also, reported = limit.also, measurement.reported
    if also and also.unit and reported and reported.unit and dictionary.units.read(reported.unit) == dictionary.units.read(also.unit):
        return _outside(float(reported.value), also)
    return _outside(_number(measurement), limit)


def _outside(value: float, limit: Limit) -> bool:
    if limit.above is not None:
        return value > float(limit.above)
    return limit.below is not None and value < float(limit.below)


def _corrected_calcium(limit: AnalyteLimit, rule: WindowAbnormalCount, window: Window) -> list[_Point]:
    reported = window.within("corrected_calcium", rule)
    points = [_Point("corrected_calcium", m.at, m.source, _beyond(m, limit, window.dictionary)) for m in reported]
    return [*points, *(_Point("corrected_calcium", m.at, m.source, _outside(value, limit)) for m, value in _computed_calcium(rule, window))]


def _computed_calcium(rule: Between, window: Window) -> Iterator[tuple[Measurement, float]]:
    """Total calcium of a window, each corrected by the albumin nearest to it; not where the laboratory reported it corrected."""
    known = {m.at for m in window.within("corrected_calcium", rule)}
    albumins = [m for m in window.measured.of("albumin") if m.at <= window.at]
    for total in window.within("calcium", rule):
        near = min(albumins, key=lambda m: (abs(m.at - total.at), m.order), default=None)
        if total.at in known or near is None or abs(near.at - total.at) > _ALBUMIN_WITHIN:
            continue
        yield total, round(_number(total) + _CORRECTION * (_NORMAL_ALBUMIN - _number(near)), 6)


def window_corrected_calcium(rule: WindowCorrectedCalcium, window: Window) -> Answer | None:
    """The lowest corrected calcium of the window, reported or computed."""
    found = [*((m, _number(m)) for m in window.within("corrected_calcium", rule)), *_computed_calcium(rule, window)]
    lowest = min(found, key=lambda item: (item[1], item[0].order), default=None)
    return _of(*lowest) if lowest else None


def _most_together(points: Iterable[_Point], span: timedelta) -> list[_Point]:
    ordered = sorted(points, key=lambda p: (p.at, p.analyte, p.source))
    spans = [[p for p in ordered if first.at <= p.at <= first.at + span] for first in ordered]
    return max(spans, key=lambda found: len({p.analyte for p in found}), default=[])


# --- runs of days ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Days:
    """The days of a window: the value of each that was measured, lies between two measured ones or shortly after the last; and the others."""

    values: Mapping[int, Fraction | float]
    unmeasured: tuple[int, ...]
    sources: tuple[str, ...]
    last_at: datetime

    def low(self, rule: Run, is_low: Callable[[Fraction | float], bool]) -> list[int]:
        """The days that are low; with `unmeasured: low` those that nobody measured as well."""
        found = [day for day, value in self.values.items() if is_low(value)]
        return sorted([*found, *(self.unmeasured if rule.unmeasured == "low" else ())])


def _days(rule: Run, window: Window) -> _Days | None:
    """The days of the rule's window up to the moment asked and the end of its course; None where nothing was measured in it. Many rules differ in their limit alone."""
    key = (rule.of, rule.from_day, rule.to_day, rule.hold_days)
    if key not in window.runs:
        window.runs[key] = _days_of(rule, window)
    return window.runs[key]


def _days_of(rule: Run, window: Window) -> _Days | None:
    end = _end_day(rule, window)
    by_day = {day: m for day, m in _lowest_by_day(rule, window).items() if end is not None and day <= end}
    if not by_day or end is None:
        return None
    values, last = _interpolated({day: _number(m) for day, m in by_day.items()}), max(by_day)
    kept = dict.fromkeys(range(last + 1, min(last + rule.hold_days, end) + 1), values[last])
    values |= kept
    unmeasured = tuple(day for day in range(rule.from_day, end + 1) if day not in values)
    return _Days(values, unmeasured, tuple(m.source for _, m in sorted(by_day.items())), by_day[last].at)


def _end_day(rule: Run, window: Window) -> int | None:
    """The last day of the rule's window that can be asked for: of the window, of the moment asked, of the course after this infusion."""
    today = window.day(window.at)
    return None if today is None else min(rule.to_day, today, window.course_end(rule.to_day))


def joined_run(rule: JoinedRun, window: Window) -> Answer | None:
    """Length, first or last day of the longest run of days at or under a threshold."""
    days = _days(rule, window)
    if days is None:
        return None
    limit = _exact(rule.at_most)
    run = _longest(days.low(rule, lambda value: value <= limit), rule.join_gap_days)
    if run is None:
        return Answer(0, days.last_at, days.sources) if rule.give == "length" else None
    first, last = run
    value = {"length": last - first + 1, "first_day": first, "last_day": last}[rule.give]
    return Answer(value, days.last_at, days.sources)


def cumulative_days(rule: CumulativeDays, window: Window) -> Answer | None:
    """How many days lie below a limit, in a row or not; unknown where fewer values were measured than the rule asks for."""
    days = _days(rule, window)
    if days is None or len(list(_by_day(rule, window))) < rule.least_measured:
        return None
    limit = _exact(rule.below)
    return Answer(len(days.low(rule, lambda value: value < limit)), days.last_at, days.sources)


def measured_days(rule: MeasuredDays, window: Window) -> Answer | None:
    """How many days of a window have a value, measured, between two or shortly after the last; with `give: in_window` how many days it has."""
    end = _end_day(rule, window)
    if end is None or end < rule.from_day:
        return None
    if rule.give == "in_window":
        return Answer(end - rule.from_day + 1, window.at)
    days = _days(rule, window)
    return Answer(0, window.at) if days is None else Answer(end - rule.from_day + 1 - len(days.unmeasured), days.last_at, days.sources)


def recovery_day(rule: RecoveryDay, window: Window) -> Answer | None:
    """The first of some days in a row at or above a limit, without a drug of the rule's classes then or in the days before; unknown until there is one."""
    exposures, by_day = window.exposures, _lowest_by_day(rule, window)
    if not (by_day and exposures.taken and exposures.complete):
        return None
    values = _interpolated({day: _number(m) for day, m in by_day.items()})
    given = _days_given(rule.free_of_atc, window)
    for day in sorted(values):
        last = day + rule.days - 1
        held = all(values.get(one, -1) >= _exact(rule.at_least) for one in range(day, last + 1))
        if held and not any(first <= last and day - rule.free_days <= until for first, until in given):
            return Answer(day, max(m.at for m in by_day.values()), tuple(m.source for _, m in sorted(by_day.items())))
    return None


def _days_given(classes: tuple[str, ...], window: Window) -> list[tuple[int, int]]:
    """First and last day of each exposure to some ATC classes."""
    days = [(window.days_to(e.start), window.days_to(e.last)) for e in window.exposures.dated if e.atc.startswith(classes)]
    return [(first, last) for first, last in days if first is not None and last is not None]


def _by_day(rule: ByDay, window: Window) -> Iterator[tuple[int, Measurement]]:
    for measurement in window.measured.of(rule.of):
        day = window.day(measurement.at)
        if day is not None and measurement.at <= window.at and rule.from_day <= day <= rule.to_day:
            yield day, measurement


def _lowest_by_day(rule: ByDay, window: Window) -> dict[int, Measurement]:
    lowest: dict[int, Measurement] = {}
    for day, measurement in _by_day(rule, window):
        if day not in lowest or _number(measurement) < _number(lowest[day]):
            lowest[day] = measurement
    return lowest


def longest_run(by_day: Mapping[int, float], at_most: float, join_gap_days: int) -> tuple[int, int] | None:
    """First and last day of the longest joined run, the earliest where two are as long; None where no day is low."""
    return _longest(sorted(day for day, value in _interpolated(by_day).items() if value <= _exact(at_most)), join_gap_days)


def _longest(low: Iterable[int], join_gap_days: int) -> tuple[int, int] | None:
    runs: list[tuple[int, int]] = []
    for day in low:
        if runs and day - runs[-1][1] - 1 < join_gap_days:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return max(runs, key=lambda run: (run[1] - run[0], -run[0]), default=None)


def _interpolated(by_day: Mapping[int, float]) -> dict[int, Fraction | float]:
    """Each day between the first and the last, in fractions of the decimals that were reported: a day that lies exactly at a limit is at it."""
    days: Sequence[int] = sorted(by_day)
    exact = {day: _exact(value) for day, value in by_day.items()}
    values = dict(exact)
    for left, right in pairwise(days):
        for day in range(left + 1, right):
            values[day] = exact[left] + (exact[right] - exact[left]) * (day - left) / (right - left)
    return values


def _exact(number: float) -> Fraction | float:
    """The decimals that a number is written with; infinity, which a bound can be, stays what it is."""
    return Fraction(repr(number)) if isfinite(number) else number


def _by(kind: type[Rule], answer: Callable[[Rule, Window], Answer | None]) -> Callable[[Reading, Window], Answer | None]:
    """A function of one kind of rule as one of any rule, which must be of that kind."""

    def answered(rule: Reading, window: Window) -> Answer | None:
        if not isinstance(rule, kind):
            raise TypeError(f"expected a rule of the kind {kind.__name__}, found {rule.how}")
        return answer(rule, window)

    return answered


WINDOWED: Mapping[str, Callable[[Reading, Window], Answer | None]] = {
    "window_extreme": _by(WindowExtreme, window_extreme),
    "last_before": _by(LastBefore, last_before),
    "last_since": _by(LastSince, last_since),
    "window_worst": _by(WindowWorst, window_worst),
    "window_any": _by(WindowAny, window_any),
    "anchor_recorded": _by(AnchorRecorded, anchor_recorded),
    "follow_up_end_day": _by(FollowUpEndDay, follow_up_end_day),
    "window_nth_lowest": _by(WindowNthLowest, window_nth_lowest),
    "window_abnormal_count": _by(WindowAbnormalCount, window_abnormal_count),
    "window_corrected_calcium": _by(WindowCorrectedCalcium, window_corrected_calcium),
    "joined_run": _by(JoinedRun, joined_run),
    "cumulative_days": _by(CumulativeDays, cumulative_days),
    "measured_days": _by(MeasuredDays, measured_days),
    "recovery_day": _by(RecoveryDay, recovery_day),
    "recent_extreme": _by(RecentExtreme, recent_extreme),
    "fall_within": _by(FallWithin, fall_within),
    "drug_given_within": _by(DrugGivenWithin, drug_given_within),
    "drug_days": _by(DrugDays, drug_days),
}
