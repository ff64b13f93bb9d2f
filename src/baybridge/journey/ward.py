"""Who lies on a ward of this node, and how the latest grades moved.

Main job: `in_care(case, node)`, `prepared(case, node)`; `trend_of(case, scale)`.

In care is whom this node began to treat (lymphodepletion, infusion) and did not discharge since, and who went home and is looked at again: a call made here is open, or a
grade of 1 or more was seen since. There is no entry of an admission: who only came for collection or a visit is not on the ward. **Source**: convention of this project.
"""

from __future__ import annotations

from typing import Literal

from baybridge.journey.case import Case
from baybridge.journey.conditions import discharged, watched_again_at

Trend = Literal["rising", "may_rise", "falling", "same", "open", "first", "none"]


def in_care(case: Case, node: str) -> bool:
    """Whether the patient lives and is in care of this node."""
    if not case.alive:
        return False
    if any(call.is_open and call.called.origin.node == node for call in case.rapid_responses):
        return True
    infused_here = bool(case.infusions) and case.infusions[-1].origin.node == node
    if infused_here and (not discharged(case) or watched_again_at(case) is not None):
        return True
    return prepared(case, node)


def prepared(case: Case, node: str) -> bool:
    """Whether lymphodepletion began here for an infusion to come: no infusion and no discharge followed it; of a discharge on the same day it is the later."""
    begun, left = case.lymphodepletion, case.discharge
    if begun is None or begun.origin.node != node:
        return False
    started = begun.event.started_on
    infused = case.infused_on is not None and started <= case.infused_on
    return not infused and (left is None or left.event.discharged_on <= started)


def trend_of(case: Case, scale: str) -> Trend:
    """How the latest grade of a scale lies to the one before it; what is not certain is never called better."""
    since = case.infused_at
    graded = [entry.event for entry in case.grades_assessed if entry.event.scale == scale and (since is None or entry.event.assessed_at >= since)]
    if len(graded) < 2:
        return "first" if graded else "none"
    before, now = sorted(graded, key=lambda event: event.assessed_at)[-2:]
    if now.grade_min > before.grade_max:
        return "rising"
    if now.grade_max > before.grade_max:
        return "may_rise"
    if now.grade_max < before.grade_min:
        return "falling"
    return "same" if (now.grade_min, now.grade_max) == (before.grade_min, before.grade_max) and now.grade_min == now.grade_max else "open"
