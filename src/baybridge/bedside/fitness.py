"""Fitness for the next step, judged on recent results.

Main job: the rule of `CheckFitness`. The answer is recorded whatever it says; the step itself looks at it.

**Source**: clinical reference 6.1 and 6.4; which policy judges which step stands in `data/pathways/cold-chain.yaml`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import refuse
from baybridge.bedside.limits import limits
from baybridge.journey.checks import alive, digest, treating_here
from baybridge.journey.command import Situation, Verdict
from baybridge.journey.events import FitnessChecked

Step = Literal["collection", "lymphodepletion", "infusion"]


class CheckFitness(Struct, frozen=True, kw_only=True):
    """Judge fitness for a step."""

    step: Step
    policy: Annotated[str | None, Meta(description="the site's policy for this step where left out")] = None


def check_fitness(situation: Situation, given: CheckFitness) -> Verdict:
    """What the policy says of the facts as of now."""
    against = (*alive(situation), *treating_here(situation))
    if against:
        return refuse(*against)
    policy = given.policy or str(limits(situation)["fitness"][given.step])
    decision = situation.decide(policy, {})
    return (FitnessChecked(step=given.step, policy=policy, outcome=decision.outcome, decision_sha256=digest(decision)),)
