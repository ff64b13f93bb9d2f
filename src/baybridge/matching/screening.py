"""One patient against many trials: the outcome alone, fast; the reasons are made for the rows that a person opens.

Main job: `outcomes(trials, facts)` answers the outcome of each reviewed trial's policy, in agreement with `policy.decide`.

Elsewhere: many patients against one trial are a table, `policy/population.outcome_of`; what a change touches, `trials.touched`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from baybridge.policy.language.types import Value

if TYPE_CHECKING:
    from baybridge.policy.one_case.many import Many


def outcomes(trials: Many, facts: Mapping[str, Value]) -> dict[str, str]:
    """The outcome by policy; raises `FactsError` where a fact that one of them reads is not of its type. Dates of effect are not looked at."""
    return dict(zip((policy.id for policy in trials.policies), trials.outcomes(facts), strict=True))
