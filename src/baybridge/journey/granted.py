"""A grant: what one case was granted from a plan, as every case's grants are counted against a quota.

Main job: `Grant`. **Units**: minor units of the currency; the day at the node that counts. Elsewhere: quotas in `funding/plans/quota.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Grant:
    """What one case was granted from a plan, and on which day first; `counted_minor` is None where nobody said what it is in the plan's currency."""

    case_id: str
    plan: str
    on: date
    amount_minor: int
    currency: str
    counted_minor: int | None
