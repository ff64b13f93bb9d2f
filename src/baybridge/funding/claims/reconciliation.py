"""What became of each claim: claimed, decided, paid, and what is open.

Main job: `reconciliation_of(case)`, and `open_claims(case, payer, wanted)`, those to which something can be done now.

**Units**: minor units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from baybridge.journey.case import Case
from baybridge.journey.claims import adjudicated, paid_for, submitted, under_appeal
from baybridge.journey.events import ClaimAdjudicated, ClaimSubmitted

#: What is done to a claim -> the states in which it can be.
_STATES: Mapping[str, tuple[str, ...]] = {
    "decide": ("submitted", "appealed"), "pay": ("decided", "partly_paid"), "appeal": ("decided", "partly_paid", "refused", "paid", "overpaid"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One claim: claimed, decided, paid, and what is open (below zero where more was paid than an appeal left)."""

    claim: ClaimSubmitted
    decided: ClaimAdjudicated | None
    paid_minor: int
    appealed: bool

    @property
    def claimed_minor(self) -> int:
        """The charges of the claim."""
        return sum(line[2] for line in self.claim.lines)

    @property
    def open_minor(self) -> int:
        """What the payer still owes; below zero where it is owed."""
        return (self.decided.benefit_minor if self.decided else 0) - self.paid_minor

    @property
    def state(self) -> str:
        """submitted, appealed, refused, overpaid, paid, partly_paid or decided."""
        if self.decided is None or self.appealed:
            return "submitted" if self.decided is None else "appealed"
        if self.open_minor < 0:
            return "overpaid"
        if self.decided.benefit_minor == 0:
            return "refused"
        return "paid" if self.open_minor == 0 else "partly_paid" if self.paid_minor else "decided"


def reconciliation_of(case: Case) -> tuple[Reconciled, ...]:
    """Every claim with what became of it, in the order in which they were sent."""
    decided = adjudicated(case)
    claims = sorted(submitted(case).values(), key=lambda claim: (claim.service_on, claim.claim_id))
    return tuple(Reconciled(c, decided.get(c.claim_id), paid_for(case, c.claim_id), under_appeal(case, c.claim_id)) for c in claims)


def open_claims(case: Case, payer: str | None, wanted: str) -> list[Reconciled]:
    """Claims to which something can be done: decide, pay or appeal; of one payer, or of all where `payer` is None."""
    return [one for one in reconciliation_of(case) if one.state in _STATES[wanted] and payer in (None, one.claim.payer)]
