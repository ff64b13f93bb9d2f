"""Who is told of a call and when, and how often a patient is assessed: `data/pathways/escalation.yaml`.

Main job: `Escalation`; `span(duration)` reads a duration of ISO 8601.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta

from baybridge.documents.heading import Heading, Part

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
