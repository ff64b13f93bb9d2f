"""What a round offers again: findings of absence, and settings of devices and drugs, each with its age. What is measured never is: it is typed, or comes by a feed.

Main job: `offered(case, facts, at, limits)`, by finding what was found last and when; the words of `Assess` that affirm one are held against it (`not_offered`) and
against what the round itself measured (`not_fitting`); `without_origin(case, event)`, what was affirmed of which nothing of before stands any more.

What is affirmed counts for its assessment and is stored as affirmed, not as seen: its age runs from when somebody found it, so that nothing is affirmed for longer than
it holds. What somebody or a feed found otherwise since, or what a value contradicts (no device at a low saturation), is looked at anew.
**Source**: conventions of this project; 12 hours as `max_age_h` in `data/facts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from baybridge.base.outcome import Reason
from baybridge.documents.escalation import UnusualSigns
from baybridge.journey.case import Case
from baybridge.journey.events import AssessmentRecorded
from baybridge.journey.odd_findings import does_not_fit
from baybridge.policy.language.types import Value

#: What says that something is not there, by finding.
_ABSENT: Mapping[str, Value] = {
    "hypotension": "none", "arousal": "spontaneous", "seizure": "none", "deep_focal_motor_weakness": False, "cerebral_edema": "none", "raised_icp_sign": False,
    "intracranial_hemorrhage": False, "tremor": False, "headache": False,
}  # fmt: skip
#: How devices and drugs are set, whatever that is.
_SETTINGS = frozenset({"vasopressors", "vasopressin", "oxygen_device", "oxygen_reason", "sedated"})

#: What a round may affirm at all.
AFFIRMED = frozenset({*_ABSENT, *_SETTINGS})

HOLDS = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Before:
    """A finding as it was found last, and when."""

    value: bool | int | float | str
    seen_at: datetime


def offered(case: Case, facts: Mapping[str, Value], at: datetime, limits: UnusualSigns) -> dict[str, Before]:
    """What may be affirmed at a moment, by finding; `facts` are those of the bedside now, and what they contradict is none of it."""
    return {name: before for name, before in _stands(case, facts, at).items() if not does_not_fit(name, before.value, facts, limits)}


def _stands(case: Case, facts: Mapping[str, Value], at: datetime) -> dict[str, Before]:
    last: dict[str, Before] = {}
    for entry in case.assessments:
        event = entry.event
        if event.assessed_at <= at:
            last |= {name: Before(value, event.assessed_at) for name, value in event.findings if name not in event.as_before}
    return {
        name: before
        for name, before in last.items()
        if at - before.seen_at <= HOLDS and _may_be_affirmed(name, before.value) and _is(facts.get(name), before.value)
    }


def without_origin(case: Case, event: AssessmentRecorded) -> tuple[str, ...]:
    """What an assessment affirmed of which the finding of before stands no longer: it was struck out, or put right otherwise."""
    known = _stands(case, dict(event.findings), event.assessed_at) if event.as_before else {}
    return tuple(name for name in event.as_before if name not in known)


def _may_be_affirmed(name: str, value: Value) -> bool:
    return name in _SETTINGS or (name in _ABSENT and _is(value, _ABSENT[name]))


def _is(one: Value, other: Value) -> bool:
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def not_fitting(names: Iterable[str], known: Mapping[str, Before], findings: Mapping[str, Value], limits: UnusualSigns) -> tuple[str, ...]:
    """What somebody affirms though a value of the same round does not go with it; a finding that was stated in its place is the one that holds."""
    affirmed = [name for name in names if name in known and name not in findings]
    return tuple(name for name in affirmed if does_not_fit(name, known[name].value, findings, limits))


def not_offered(names: Iterable[str], known: Mapping[str, Before]) -> Iterator[Reason]:
    """What somebody affirms that was not found, was found too long ago or is no absence, or was found otherwise since."""
    for name in sorted(AFFIRMED & {*names} - known.keys()):
        yield Reason("bedside.assess.not_before", {"fact": name[:60], "hours": int(HOLDS.total_seconds() // 3600)}, where="as_before")
