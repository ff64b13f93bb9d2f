"""Whether a patient is fit for the next step: judged by a physician in this therapy event, and still so on the facts of now.

Main job: `unfit(situation, step, at)`, the reasons at the gate before collection, lymphodepletion and infusion. A check that nobody made, one that could not
decide, and one whose facts had expired or changed by the moment of the step stand all three. A step that is entered late is judged as of its own time.

**Source**: clinical reference 6.1, 6.4; which policy judges which step stands in `data/pathways/cold-chain.yaml` (`fitness`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from baybridge.base.outcome import Reason
from baybridge.journey.command import Situation
from baybridge.journey.conditions import index_of
from baybridge.journey.events import FitnessChecked

FitnessStep = Literal["collection", "lymphodepletion", "infusion"]

FIT = "fit"
#: What a fitness policy may answer that stands in the way; every other answer but `FIT` is an open question.
_UNFIT = frozenset({"unfit", "not-fit", "ineligible", "fails"})


def unfit(situation: Situation, step: FitnessStep, at: datetime | None = None) -> Iterator[Reason]:
    """What stands against a step at a moment (now) for want of fitness; nothing where a check of this therapy event says fit and its policy did then."""
    check = _last_check(situation, step)
    if check is None:
        yield Reason(f"gate.{step}.fitness_unchecked")
        return
    decision = situation.as_of(at or situation.now)(check.policy, {})
    outcome = check.outcome if check.outcome != FIT else str(decision.outcome)
    if outcome == FIT:
        return
    criteria = ", ".join(sorted(ground.criterion for ground in decision.reasons if ground.holds is not True))
    yield Reason(f"gate.{step}.unfit" if outcome in _UNFIT else f"gate.{step}.fitness_open", {"policy": check.policy, "criteria": criteria})


def policy_of_step(situation: Situation, step: FitnessStep) -> str:
    """The policy by which the site's documents judge fitness for a step."""
    policies = situation.limits.fitness
    return {"collection": policies.collection, "lymphodepletion": policies.lymphodepletion, "infusion": policies.infusion}[step]


def _last_check(situation: Situation, step: FitnessStep) -> FitnessChecked | None:
    """The last check of a step since the current slot was reserved, made here by the policy that the site names for it; others are for comparison."""
    case, named = situation.case, policy_of_step(situation, step)
    since = index_of(case, case.slot) if case.slot else 0
    here = [e for e in case.of(FitnessChecked) if (e.event.step, e.event.policy, e.origin.node) == (step, named, situation.site.node)]
    return next((e.event for e in reversed(here) if index_of(case, e) >= since), None)
