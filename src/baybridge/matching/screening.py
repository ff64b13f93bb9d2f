"""One patient against many trials: the outcome alone, fast; the reasons are made for the rows that a person opens.

Main job: `outcomes(policies, facts)` answers the outcome of each reviewed trial's policy, in agreement with `policy.decide`.

Elsewhere: many patients against one trial are a table, `policy/population.outcome_of`; what a change touches, `trials.touched`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from baybridge.policy.compiled import compiled
from baybridge.policy.decide import FactsError
from baybridge.policy.shapes import Policy
from baybridge.policy.types import Value


def outcomes(policies: Iterable[Policy], facts: Mapping[str, Value]) -> dict[str, str]:
    """The outcome by policy; raises `FactsError` where a fact that one of them reads is not of its type. Dates of effect are not looked at."""
    found = {}
    for policy in policies:
        form = compiled(policy)
        used, sound = form.used(facts)
        if not sound:
            raise FactsError([f"{policy.id}: expected every fact in its type and code set, found another value"])
        found[policy.id] = form.outcome(form.truths(used.get))
    return found
