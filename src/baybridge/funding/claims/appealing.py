"""By when a payer's decision can be appealed against.

Main job: `too_late(situation, plan, decided_at)` answers the reason where a limit that somebody verified has passed; an unverified limit bars nothing.

**Source**: `plans/limits.py`. **Units**: calendar days at this node, from the day of the decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from baybridge.base.outcome import Reason
from baybridge.documents import timing
from baybridge.documents.plan import NO_PLAN
from baybridge.funding.plans.limits import TimeLimit, limit_of
from baybridge.journey.command import Situation


def appeal_limit(situation: Situation, plan: str) -> TimeLimit | None:
    """The limit for appeals against decisions of a plan."""
    rows = situation.documents.the(timing.TimeLimits).rows
    return limit_of(situation.documents.plans.get(plan, NO_PLAN), rows, "file_appeal")


def too_late(situation: Situation, plan: str, decided_at: datetime | None) -> Iterator[Reason]:
    """Why an appeal comes too late."""
    limit = appeal_limit(situation, plan)
    if limit is None or not limit.verified or decided_at is None:
        return
    last = limit.ends_on(decided_at.astimezone(situation.site.zone).date())
    if situation.today > last:
        yield Reason("funding.claim.appeal_too_late", {"day": last.isoformat()}, limit.source)
