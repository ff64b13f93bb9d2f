"""Time limits: by when a payer answers, decides and pays, and by when a decision can be appealed.

Main job: `limit_of(plan, rows, step)` answers the limit of a step for a plan: the plan's own where its document names one, else the first row that fits.

Only a limit that somebody verified bars anything; any other is shown with its status. What is not established is None, never "too late".
**Source**: `data/timing/payer-time-limits.yaml`; `time_limits` of a plan document. **Units**: calendar days from the day of the step before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from baybridge.documents import timing
from baybridge.documents.plan import MoneyTerms, WrittenLimit
from baybridge.funding.plans.layers import VERIFIED

Step = Literal["preauthorisation", "claim", "appeal", "payment", "settlement", "file_appeal", "refund"]


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """Days for a step, where they come from, and whether one can rely on them; `proposal` where no source was found."""

    days: int
    source: str
    verified: bool
    proposal: bool = False

    def ends_on(self, since: date) -> date:
        """The last day."""
        return since + timedelta(days=self.days)


def limit_of(plan: MoneyTerms, rows: Iterable[timing.TimeLimit], step: Step) -> TimeLimit | None:
    """The limit of a step for a plan document; None where none is established."""
    own = (plan.get("time_limits") or {}).get(step)
    if own is not None:
        return _of_plan(own)
    row = next((row for row in rows if row.step == step and _fits(row, plan)), None)
    if row is None or row.days is None:
        return None
    return TimeLimit(row.days, row.source, _verified(row.status, row.confidence), row.proposal)


def _of_plan(own: WrittenLimit) -> TimeLimit | None:
    days = own.get("days")
    if days is None:
        return None
    return TimeLimit(days, own.get("source") or "", _verified(own.get("status"), own.get("confidence")), own.get("proposal") is True)


def _verified(status: str | None, confidence: str | None) -> bool:
    return status == VERIFIED and confidence != "low"


def _fits(row: timing.TimeLimit, plan: MoneyTerms) -> bool:
    places = set(row.jurisdiction)
    return (not places or bool(places & set(plan.get("jurisdiction") or ()))) and (not row.payers or plan.get("kind_of_payer") in row.payers)
