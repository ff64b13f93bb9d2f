"""A weight that is far from those of the last weeks: a slip of one digit makes every dose by weight another one.

Main job: `far_from(situation, weight)`, the weight of the last 30 days from which one lies too far to be taken without asking; None where none does, or none is known.

**Units**: kilograms. **Source**: `weight_change_percent` in `data/pathways/escalation.yaml`, a convention of this project.
"""

from __future__ import annotations

from typing import TypeGuard

from baybridge.journey.command import Situation

#: Source of the question.
KEPT_CLOSE = "convention of this project, unverified"


def far_from(situation: Situation, weight: object) -> float | None:
    """The known weight from which this one is furthest, where it is too far; None where nothing is known or all are close."""
    percent = situation.documents.escalation.unusual.weight_change_percent
    if percent is None or not _is_number(weight):
        return None
    known = [float(one) for name in ("weight_lowest_30d", "weight_highest_30d") if _is_number(one := situation.facts.get(name))]
    furthest = max(known, key=lambda one: abs(float(weight) - one) / one, default=None)
    return furthest if furthest is not None and abs(float(weight) - furthest) > furthest * percent / 100 else None


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
