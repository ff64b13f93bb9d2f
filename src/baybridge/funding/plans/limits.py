"""Time limits: by when a payer answers, decides and pays, and by when a decision can be appealed.

Main job: `limit_of(plan, rows, step)` answers the limit of a step for a plan: the plan's own where its document names one, else the first row that fits.

Only a limit that somebody verified bars anything; any other is shown with its status. What is not established is None, never "too late".
**Source**: `data/timing/payer-time-limits.yaml`; `time_limits` of a plan document. **Units**: calendar days from the day of the step before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from baybridge.funding.plans.layers import VERIFIED

Step = Literal["preauthorisation", "claim", "appeal", "payment", "settlement", "file_appeal", "refund"]
ROWS = "payer-time-limits"

Row = Mapping[str, Any]


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


def limit_of(plan: Row, rows: Iterable[Row], step: Step) -> TimeLimit | None:
    """The limit of a step for a plan document; None where none is established."""
    own = (plan.get("time_limits") or {}).get(step)
    found = own if isinstance(own, Mapping) else next((row for row in rows if row.get("step") == step and _fits(row, plan)), None)
    if found is None or type(found.get("days")) is not int:
        return None
    verified = found.get("status") == VERIFIED and found.get("confidence") != "low"
    return TimeLimit(found["days"], str(found.get("source") or ""), verified, bool(found.get("proposal")))


def _fits(row: Row, plan: Row) -> bool:
    places, payers = set(row.get("jurisdiction") or ()), row.get("payers") or ()
    return (not places or bool(places & set(plan.get("jurisdiction") or ()))) and (not payers or plan.get("kind_of_payer") in payers)
