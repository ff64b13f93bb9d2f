"""The course after infusion: grades over time.

Main job: the latest grade and the highest of the episode, each by scale; grades of different scales are never pooled.

Elsewhere: calls of the rapid response team in `calls.py`.

**Source**: clinical reference 1.1 rule C20 (keep the maximum of the episode), 14 (computed and clinician's grade side by side).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from baybridge.journey import events as ev
from baybridge.journey.entry import Entry


@dataclass(frozen=True, slots=True)
class Grade:
    """One scale: the latest assessment, what a physician confirmed after it, and the episode's highest certain grade."""

    latest: Entry[ev.GradeAssessed]
    confirmed: Entry[ev.GradeConfirmed] | None
    highest: int

    @property
    def grade(self) -> int | None:
        """The physician's grade where confirmed, else the computed one; None where undetermined."""
        return self.confirmed.event.grade if self.confirmed else self.latest.event.grade


def grades_of(
    assessed: Sequence[Entry[ev.GradeAssessed]], confirmed: Sequence[Entry[ev.GradeConfirmed]], since: datetime | None
) -> dict[str, Grade]:
    """By scale, over the assessments since the last infusion (all, where none is known)."""
    found: dict[str, Grade] = {}
    episode = [e for e in assessed if since is None or e.event.assessed_at >= since]
    for entry in sorted(episode, key=lambda e: e.event.assessed_at):
        before = found.get(entry.event.scale)
        highest = max(entry.event.grade_min, before.highest if before else 0)
        found[entry.event.scale] = Grade(entry, None, highest)
    for scale, grade in found.items():
        after = [c for c in confirmed if c.event.scale == scale and c.origin.at >= grade.latest.event.assessed_at]
        if after:
            found[scale] = Grade(grade.latest, after[-1], max(grade.highest, after[-1].event.grade))
    return found
