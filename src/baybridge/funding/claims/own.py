"""A payer speaks for itself alone.

Main job: `not_theirs(situation, *payers)` answers the refusal where somebody of a payer acts for another payer.

**Source**: design section 4 (access by organisation). The coordinator of the treating centre records what a payer wrote or paid, for any of them.
"""

from __future__ import annotations

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Role, Situation


def not_theirs(situation: Situation, *payers: str) -> Refusal | None:
    """Why this actor may not act for these payers; None where they may. The sentence does not name the other payer."""
    actor = situation.actor
    if actor.role is not Role.PAYER or actor.organisation in payers:
        return None
    return refuse(Reason("funding.payer.not_yours"), category=Category.FORBIDDEN)
