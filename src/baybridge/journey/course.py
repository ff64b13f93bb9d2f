"""The course after infusion: grades over time.

Main job: the latest grade and the highest of the episode, each by scale; grades of different scales are never pooled.

Elsewhere: calls of the rapid response team in `calls.py`.

**Source**: clinical reference 1.1 rule C20 (keep the maximum of the episode), 14 (computed and clinician's grade side by side).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from baybridge.journey import events as ev
from baybridge.journey.entry import Entry


@dataclass(frozen=True, slots=True)
class Grade:
    """One scale: the latest assessment, what a physician confirmed after it, the episode's highest certain grade, and the highest that it can have been.

    `overtaken`: values that the grade rests on are others since the physician spoke, whose word then lowers nothing and is asked for again.
    """

    latest: Entry[ev.GradeAssessed]
    confirmed: Entry[ev.GradeConfirmed] | None
    highest: int
    highest_most: int
    overtaken: bool = False

    @property
    def grade(self) -> int | None:
        """The physician's grade where confirmed, else the computed one; None where undetermined. An overtaken one stands where nothing may be higher now."""
        if self.confirmed is None or (self.overtaken and self.latest.event.grade_max > self.confirmed.event.grade):
            return self.latest.event.grade
        return self.confirmed.event.grade

    @property
    def asks(self) -> bool:
        """Whether nobody confirmed it, or it may be higher than it was when somebody did."""
        return self.confirmed is None or (self.overtaken and self.latest.event.grade_max > self.confirmed.event.grade)

    @property
    def at_most(self) -> int:
        """How high it stands at most: what is not certain counts as the highest; a physician alone lowers nothing below what the findings show, two do."""
        if self.confirmed is None:
            return self.latest.event.grade_max
        event = self.confirmed.event
        if self.overtaken:
            return max(event.grade, self.latest.event.grade_max)
        two = len({one.person for one in event.signed_by}) > 1
        return event.grade if two else max(event.grade, self.latest.event.grade_min)


def grades_of(
    assessed: Sequence[Entry[ev.GradeAssessed]],
    confirmed: Sequence[Entry[ev.GradeConfirmed]],
    since: datetime | None,
    changed: Mapping[str, datetime] | None = None,
) -> dict[str, Grade]:
    """By scale, over the assessments since the last infusion (all, where none is known); `changed`: when a grade was made again because of the record, by its id."""
    found: dict[str, Grade] = {}
    episode = sorted((e for e in assessed if since is None or e.event.assessed_at >= since), key=lambda e: e.event.assessed_at)
    for entry, until in zip(episode, _until_the_next(episode), strict=True):
        before, own = found.get(entry.event.scale), _said_of(entry.event, until, confirmed)
        certain = max(entry.event.grade_min, own.event.grade if own is not None else 0)
        at = (changed or {}).get(entry.origin.event_id)
        overtaken = own is not None and at is not None and own.origin.recorded_at <= at
        most = certain if own is not None and not overtaken else max(certain, entry.event.grade_max)
        highest = max(certain, before.highest if before else 0)
        found[entry.event.scale] = Grade(entry, own, highest, max(most, highest, before.highest_most if before else 0), overtaken)
    return found


def _until_the_next(episode: Sequence[Entry[ev.GradeAssessed]]) -> list[datetime | None]:
    """When the next grade of the same scale follows each; None for the last."""
    following: dict[str, datetime] = {}
    found: list[datetime | None] = []
    for entry in reversed(episode):
        found.append(following.get(entry.event.scale))
        following[entry.event.scale] = entry.event.assessed_at
    return found[::-1]


def _said_of(grade: ev.GradeAssessed, until: datetime | None, confirmed: Sequence[Entry[ev.GradeConfirmed]]) -> Entry[ev.GradeConfirmed] | None:
    """What a physician said last of a grade, before the next of its scale."""
    said = [one for one in confirmed if one.event.scale == grade.scale and one.origin.at >= grade.assessed_at and (until is None or one.origin.at < until)]
    return said[-1] if said else None
