"""The test plan of a case: which results serve, which expire before they are needed, what must be repeated or is missing.

Main job: `plan(observations, settings, rules)`, one line per analyte and purpose; the caller says when each purpose needs its results
(`needs.py`). A purpose whose windows run from infusion has a line for each window that is not over, and for one that was missed.

Pure: the same record and times give the same plan. Elsewhere: one result is judged in `recognise.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Literal

from baybridge.base.resource import Resource
from baybridge.base.time import CHINA
from baybridge.documents.recognition import Window, Windows
from baybridge.recognition.derive import listed
from baybridge.recognition.recognise import Recognition, recognise
from baybridge.recognition.results import Setting, code_of, collected_at, newest_first, request_for
from baybridge.recognition.rules import RecognitionRules
from baybridge.recognition.windows import ANY

Standing = Literal["serves", "expires", "repeat", "missing"]


@dataclass(frozen=True, slots=True)
class PlanLine:
    """How one analyte stands for one purpose."""

    purpose: str
    analyte: str
    needed_at: datetime
    standing: Standing
    result_id: str | None = None
    codes: tuple[str, ...] = ()
    valid_until: datetime | None = None
    repeat_from: datetime | None = None  # earliest collection that will still be valid when it is needed
    loinc: tuple[str, ...] = ()  # codes by which the analyte may be reported
    receiver: str = ""
    at_receiver: bool = False  # the receiving site does it itself, whoever measured before
    after_infusion: tuple[int, int] | None = None  # the window in whole days, where it runs from infusion


def plan(observations: Sequence[Resource], settings: Sequence[Setting], rules: RecognitionRules, now: datetime) -> tuple[PlanLine, ...]:
    """Every analyte of every purpose, in order of need; each setting says the purpose, the receiver and the moment of use."""
    ordered = sorted(settings, key=lambda setting: (setting.use_at, setting.purpose))
    return tuple(line for setting in ordered for line in _lines(observations, setting, rules, now))


def same_analyte(windows: Windows, one: str | None, other: str | None) -> bool:
    """Whether two codes name one analyte: equal, or codes of one analyte by the windows."""
    if one is None or other is None:
        return False
    return one == other or any({one, other} <= set(codes) for row in windows.rows for codes in _parts(row).values())


def _parts(row: Window) -> Mapping[str, Sequence[str]]:
    """The analytes of a row with their codes."""
    return row.parts or {row.analyte: row.loinc}


def _lines(observations: Sequence[Resource], setting: Setting, rules: RecognitionRules, now: datetime) -> Iterator[PlanLine]:
    rows = [row for row in rules.settings.windows.rows if row.purpose == setting.purpose]
    by_analyte: dict[str, list[Window]] = {}
    for row in rows:
        if row.days_after_infusion is None and ANY not in row.loinc:
            for analyte in _parts(row):
                by_analyte.setdefault(analyte, []).append(row)
    for analyte, holding in by_analyte.items():
        codes = tuple(dict.fromkeys(code for row in holding for code in _parts(row)[analyte]))
        hours = [row.hours for row in holding if row.hours is not None]
        start = max(now, setting.use_at - timedelta(hours=min(hours))) if hours else None
        yield _line(analyte, codes, start, _fitting(observations, codes), setting, rules, now)
    for row in rows:
        if row.days_after_infusion is not None and setting.infused_on is not None:
            yield from _windows(row, observations, setting, rules, now)


def _fitting(observations: Sequence[Resource], codes: Sequence[str]) -> list[Resource]:
    """Results of an analyte with a known moment, the newest first."""
    return sorted((item for item in observations if code_of(item) in codes and collected_at(item) is not None), key=newest_first)


def _windows(row: Window, observations: Sequence[Resource], setting: Setting, rules: RecognitionRules, now: datetime) -> Iterator[PlanLine]:
    """A line for each window after infusion; those that have not begun are planned, one that is over without a result is missing for good."""
    infused_on = setting.infused_on
    if infused_on is None:
        return
    codes = tuple(row.offered or row.loinc)
    for first, last in row.days_after_infusion or ():
        start = datetime.combine(infused_on + timedelta(days=first), time(), tzinfo=CHINA)
        if last is None:
            since = [item for item in _fitting(observations, codes) if start <= (collected_at(item) or now)]
            yield _line(row.analyte, codes, max(now, start), since, setting, rules, now)
            continue
        end = datetime.combine(infused_on + timedelta(days=last + 1), time(), tzinfo=CHINA)
        inside = [item for item in _fitting(observations, codes) if start <= (collected_at(item) or now) < end]
        asked = replace(setting, use_at=max(setting.use_at, end))
        line = _line(row.analyte, codes, max(now, start), inside, asked, rules, now)
        missed = end <= now and line.standing != "serves"
        yield replace(line, needed_at=end - timedelta(minutes=1), after_infusion=(first, last), repeat_from=None if missed else line.repeat_from)


def _line(
    analyte: str,
    codes: Sequence[str],
    start: datetime | None,
    fitting: Sequence[Resource],
    setting: Setting,
    rules: RecognitionRules,
    now: datetime,
) -> PlanLine:
    judged = [(item, _judge(item, setting, rules)) for item in fitting]
    serving = next(((item, answer) for item, answer in judged if answer.serves), None)
    here = all(listed(rules.settings.local_only.rows, code, setting.purpose) for code in codes)
    receiver = str(setting.receiver.get("id") or "")
    line = PlanLine(
        setting.purpose, analyte, setting.use_at, "missing", repeat_from=start, loinc=tuple(codes), receiver=receiver, at_receiver=here
    )
    if serving is not None:
        item, answer = serving
        return replace(line, standing="serves", result_id=item.get("id"), codes=answer.codes, valid_until=answer.valid_until)
    if not judged:
        return line
    item, answer = judged[0]
    serves_now = setting.use_at > now and _judge(item, replace(setting, use_at=now), rules).serves
    standing: Standing = "expires" if serves_now else "repeat"
    return replace(line, standing=standing, result_id=item.get("id"), codes=answer.codes, valid_until=answer.valid_until)


def _judge(observation: Resource, setting: Setting, rules: RecognitionRules) -> Recognition:
    return recognise(request_for(observation, setting), rules)
