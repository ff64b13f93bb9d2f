"""The test plan of a case: which results serve, which expire before they are needed, what must be repeated or is missing.

Main job: `plan(observations, settings, rules)`, one line per analyte and purpose; the caller says when each purpose needs its results.

Pure: the same record and times give the same plan. Elsewhere: one result is judged in `recognise.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from baybridge.recognition.derive import listed
from baybridge.recognition.recognise import Recognition, recognise
from baybridge.recognition.results import Setting, code_of, collected_at, request_for
from baybridge.recognition.rules import RecognitionRules
from baybridge.recognition.windows import ANY

Json = Mapping[str, Any]
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


def plan(observations: Sequence[Json], settings: Sequence[Setting], rules: RecognitionRules, now: datetime) -> tuple[PlanLine, ...]:
    """Every analyte of every purpose, in order of need; each setting says the purpose, the receiver and the moment of use."""
    ordered = sorted(settings, key=lambda setting: (setting.use_at, setting.purpose))
    return tuple(line for setting in ordered for line in _lines(observations, setting, rules, now))


def to_repeat(lines: Sequence[PlanLine]) -> tuple[PlanLine, ...]:
    """What to repeat next: one line per analyte, for the first purpose that lacks it."""
    first: dict[str, PlanLine] = {}
    for line in lines:
        if line.standing != "serves":
            first.setdefault(line.analyte, line)
    return tuple(first.values())


def same_analyte(windows: Json, one: str | None, other: str | None) -> bool:
    """Whether two codes name one analyte: equal, or codes of one analyte by the windows."""
    if one is None or other is None:
        return False
    return one == other or any({one, other} <= set(codes) for row in windows["rows"] for codes in _parts(row).values())


def _parts(row: Json) -> Mapping[str, Sequence[str]]:
    """The analytes of a row with their codes."""
    return row.get("parts") or {row["analyte"]: row["loinc"]}


def _lines(observations: Sequence[Json], setting: Setting, rules: RecognitionRules, now: datetime) -> Iterator[PlanLine]:
    for row in rules.settings.windows["rows"]:
        if row["purpose"] != setting.purpose or ANY in row["loinc"]:
            continue
        for analyte, codes in _parts(row).items():
            fitting = [item for item in observations if code_of(item) in codes and collected_at(item) is not None]
            yield _line(analyte, row, fitting, setting, rules, now)


def _line(
    analyte: str, row: Json, fitting: Sequence[Json], setting: Setting, rules: RecognitionRules, now: datetime
) -> PlanLine:
    judged = [(item, _judge(item, setting, rules)) for item in sorted(fitting, key=_taken, reverse=True)]
    serving = next(((item, answer) for item, answer in judged if answer.serves), None)
    line = replace(_wanted(analyte, row, setting, rules), repeat_from=_repeat_from(row, setting, now))
    if serving is not None:
        item, answer = serving
        return replace(
            line, standing="serves", result_id=item.get("id"), codes=answer.codes, valid_until=answer.valid_until, repeat_from=None
        )
    if not judged:
        return line
    item, answer = judged[0]
    serves_now = setting.use_at > now and _judge(item, replace(setting, use_at=now), rules).serves
    standing: Standing = "expires" if serves_now else "repeat"
    return replace(line, standing=standing, result_id=item.get("id"), codes=answer.codes, valid_until=answer.valid_until)


def _wanted(analyte: str, row: Json, setting: Setting, rules: RecognitionRules) -> PlanLine:
    """The line of an analyte that nobody has measured yet."""
    codes = tuple((row.get("parts") or {}).get(analyte) or row["loinc"])
    here = all(listed(rules.settings.local_only["rows"], code, setting.purpose) for code in codes)
    receiver = str(setting.receiver.get("id") or "")
    return PlanLine(setting.purpose, analyte, setting.use_at, "missing", loinc=codes, receiver=receiver, at_receiver=here)


def _judge(observation: Json, setting: Setting, rules: RecognitionRules) -> Recognition:
    return recognise(request_for(observation, setting), rules)


def _taken(observation: Json) -> float:
    taken = collected_at(observation)
    return taken.timestamp() if taken else 0.0


def _repeat_from(row: Json, setting: Setting, now: datetime) -> datetime | None:
    if "hours" not in row:
        return None
    return max(now, setting.use_at - timedelta(hours=row["hours"]))
