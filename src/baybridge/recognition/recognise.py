"""Whether an outside result serves here: the test need not be repeated, or why it must.

Main job: `recognise(request, rules) -> Recognition`, pure: the same request and rules give the same bytes.

**Source**: exchange contract, "recognise"; policy reference A3 to A5. **Units**: windows in exact hours from collection.
Elsewhere: input in `request.py`, facts in `derive.py`, conditions in the policy `test-recognition`, precedence in `outcome.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from baybridge.base.outcome import Reason
from baybridge.facts.given import with_set_aside
from baybridge.policy.one_case.decide import Decision
from baybridge.policy.one_case.ground import Ground, GroundDocument
from baybridge.recognition.derive import Derived, derive
from baybridge.recognition.outcome import CONVERTED, RECOGNISED, REPEAT, Found, Outcome, precede
from baybridge.recognition.request import read
from baybridge.recognition.rules import RecognitionRules

#: What codes outside the policy's conditions rest on. Source: policy reference A3.
_ADDED_SOURCE = "A3, override; exchange contract, precedence of the outcome"


@dataclass(frozen=True, slots=True)
class Recognition:
    """What an outside result is worth for one purpose."""

    outcome: str
    codes: tuple[str, ...]
    converted_value: float | int | None
    converted_unit: str | None
    valid_until: datetime | None
    direction: Literal["accept", "repeat"] | None
    grounds: tuple[Ground, ...]  # of every condition, then what the precedence of outcomes added
    policy: str
    policy_sha256: str
    window_sources: tuple[str, ...] = field(default=())
    conversion: str | None = None  # what was done to the value
    set_aside: tuple[Reason, ...] = ()  # what is told of a value that cannot be true of a living person: it serves nobody

    @property
    def reasons(self) -> tuple[GroundDocument, ...]:
        """Every condition as plain JSON, whether or not it holds."""
        return tuple(ground.as_json() for ground in self.grounds)

    @property
    def standing(self) -> tuple[GroundDocument, ...]:
        """The reasons that hold."""
        return tuple(ground.as_json() for ground in self.grounds if ground.holds is True)

    @property
    def serves(self) -> bool:
        """Whether the result may be used: recognised, converted, or accepted by a clinician; never where its value cannot be true."""
        answered = self.outcome in (RECOGNISED, CONVERTED) or (self.outcome != REPEAT and self.direction == "accept")
        return answered and not self.set_aside

    def as_json(self) -> dict[str, object]:
        """The answer of the contract as plain JSON."""
        return {
            "outcome": self.outcome,
            "codes": list(self.codes),
            "converted_value": self.converted_value,
            "converted_unit": self.converted_unit,
            "valid_until": None if self.valid_until is None else self.valid_until.isoformat(),
            **({"direction": self.direction} if self.direction else {}),
            "reasons": list(self.reasons),
            "policy": self.policy,
            "policy_sha256": self.policy_sha256,
            "window_sources": list(self.window_sources),
            **({"conversion": self.conversion} if self.conversion else {}),
            **with_set_aside(self.set_aside),
        }


def recognise(request: object, rules: RecognitionRules) -> Recognition:
    """What the result of a request is worth; raises `FormError` where the request cannot be read."""
    checked = read(request)
    derived = derive(checked, rules.settings)
    decision = rules.decide(derived.facts)
    found = [_found(ground, derived) for ground in decision.reasons if ground.holds is True]
    outcome = precede(found, checked.request, rules.settings.overriding)
    return _answer(outcome, derived, decision)


def holding(decision: Decision) -> list[GroundDocument]:
    """The reasons of a decision of findings that hold, each with code, severity and overridable."""
    return [ground.as_json() for ground in decision.reasons if ground.holds is True]


def _found(ground: Ground, derived: Derived) -> Found:
    of_code = ground.more
    return Found(of_code["code"], of_code["severity"], of_code["overridable"] and not derived.never_overridden)


def _answer(outcome: Outcome, derived: Derived, decision: Decision) -> Recognition:
    added = (Ground(code, True, "", {}, _ADDED_SOURCE) for code in outcome.added)  # noqa: FBT003 - a truth value
    return Recognition(
        outcome=outcome.outcome,
        codes=outcome.codes,
        converted_value=derived.conversion.value,
        converted_unit=derived.conversion.unit,
        valid_until=derived.window.valid_until(derived.collected_at),
        direction=outcome.direction if outcome.outcome == "clinician-override" else None,
        grounds=(*decision.reasons, *added),
        policy=decision.policy,
        policy_sha256=decision.policy_sha256,
        window_sources=derived.window.sources,
        conversion=derived.conversion.how,
        set_aside=derived.impossible,
    )
