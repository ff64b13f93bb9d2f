"""Who is told of a call and when, and how often a patient is assessed: `data/pathways/escalation.yaml`.

Main job: `Escalation`, with what is asked about (`UnusualSigns`); `span(duration)` reads a duration of ISO 8601.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta

from baybridge.documents.heading import EMPTY, Heading, Part

Duration = Annotated[str, Meta(pattern=r"^P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?$")]
Specialty = Literal["haematology", "intensive_care", "neurology", "cardiology", "respiratory", "emergency", "pharmacy", "laboratory"]
Every = Annotated[int, Meta(ge=1)]
To = Literal["first", "next", "all", "programme_director"]

_PARTS = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")


class EscalationStep(Part, frozen=True, kw_only=True):
    """Who is told how long after the call, while nobody acknowledged."""

    after: Duration
    to: To


class Intervals(Part, frozen=True, kw_only=True):
    """Hours of entry between two assessments, by grade from 0 to 4; `whole`: what a round states, one finding of each row, without which it postpones no next one."""

    hours_by_grade: tuple[Every, Every, Every, Every, Every]
    ice_hours_by_icans: tuple[Every, Every, Every, Every, Every]
    urgent_from_grade: Annotated[int, Meta(ge=0, le=4)]
    whole: tuple[tuple[str, ...], ...] = ()
    source: str = ""


class VitalLimits(Part, frozen=True, kw_only=True):
    """From which value on a vital sign is unusual, in the unit of the fact; `calls`: where nobody looks in time, the team is called."""

    at_most: float | None = None
    at_least: float | None = None
    calls: bool = False

    def beyond(self, value: object) -> float:
        """How far a value lies beyond the nearer limit, 0 at the limit; less than 0 inside, and where it is no number."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return -1
        low = self.at_most - value if self.at_most is not None else -1
        high = value - self.at_least if self.at_least is not None else -1
        return max(low, high, -1)


class UnusualSigns(Part, frozen=True, kw_only=True):
    """What is asked about though it calls nobody by itself; without limits nothing is."""

    from_age: float = 0
    no_hypotension_below: float | None = None  # systolic pressure, mm[Hg], beside "no hypotension"
    weight_change_percent: float | None = None  # from a weight of the last 30 days
    comfort_at_most: float | None = None  # saturation, %, beside oxygen for comfort
    vital_signs: Mapping[str, VitalLimits] = EMPTY
    source: str = ""

    def of(self, fact: str, value: object, age: object) -> VitalLimits | None:
        """The limits beyond which a value of a vital sign lies; None inside, or at an age for which there are none. An age that is not known may be any."""
        limits = self.vital_signs.get(fact)
        too_young = isinstance(age, int | float) and not isinstance(age, bool) and age < self.from_age
        return limits if limits is not None and not too_young and limits.beyond(value) >= 0 else None


class Escalation(Heading, frozen=True, kw_only=True):
    """Steps, times and intervals."""

    steps: Annotated[tuple[EscalationStep, ...], Meta(min_length=1)]
    team_within: Duration
    look_now_within: Duration
    late_after: Duration
    history_after: Duration
    specialties: tuple[Specialty, ...]
    programme_director: tuple[str, ...] = ()
    assessment: Intervals
    unusual: UnusualSigns = UnusualSigns()

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """The steps follow one another, the first at once."""
        times = [span(step.after) for step in self.steps]
        if times != sorted(times):
            yield ("steps",), "steps in the order of their times", "another order"


def span(duration: str) -> timedelta:
    """A duration of ISO 8601 in days, hours, minutes and seconds."""
    found = _PARTS.match(duration)
    if found is None or not any(found.groups()):
        raise ValueError("a duration such as PT5M was expected")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
