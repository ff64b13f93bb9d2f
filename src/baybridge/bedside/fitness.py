"""Fitness for the next step, judged on recent results.

Main job: the rule of `CheckFitness`. The answer is recorded whatever it says; the step itself looks at it.

**Source**: clinical reference 6.1 and 6.4; which policy judges which step stands in `data/pathways/cold-chain.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.journey.checks import alive, before_infusion, digest, treating_here
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import FitnessChecked
from baybridge.journey.prefill import FormContext
from baybridge.journey.readiness import FitnessStep, policy_of_step
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in


class CheckFitness(Struct, frozen=True, kw_only=True):
    """Judge fitness for a step."""

    step: FitnessStep
    policy: Annotated[str | None, Meta(description="the policy that the site's documents name for this step; it may be left out")] = None


def fitness_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against judging fitness, for whatever step."""
    yield from alive(situation)
    yield from treating_here(situation)
    yield from before_infusion(situation)


def check_fitness(situation: Situation, given: CheckFitness) -> Verdict:
    """What the policy says of the facts as of now."""
    policy = policy_of_step(situation, given.step)
    against = (*fitness_blocked(situation), *_other_policy(given, policy))
    if against:
        return refuse(*against)
    decision = situation.decide(policy, {})
    return (FitnessChecked(step=given.step, policy=policy, outcome=decision.outcome, decision_sha256=digest(decision)),)


def _other_policy(given: CheckFitness, named: str) -> Iterator[Reason]:
    """A step is judged by the policy that the site names for it; gates of trials and policies of other steps are for comparison."""
    if given.policy not in (None, "", named):
        yield Reason("bedside.fitness.other_policy", {"step": given.step, "policy": named}, source="data/pathways/cold-chain.yaml", where="policy")


def next_fitness(context: FormContext) -> Mapping[str, object]:
    """The step for which fitness is checked next."""
    if context.case.lymphodepletion is not None:
        return {"step": "infusion"}
    return {"step": "lymphodepletion" if context.case.collections else "collection"}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        CheckFitness, check_fitness, roles(Role.PHYSICIAN),
        (EventRow(FitnessChecked, rendering.fitness, told_in("CARE_REFERRAL")),),
        page="bedside",
        correction=CLINICAL,
        step="fitness_collection",
        blocked=fitness_blocked,
        place=10,
        prefill=next_fitness,
        choices={"policy": "fitness_policy"},
    ),
)
