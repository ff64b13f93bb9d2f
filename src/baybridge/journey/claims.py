"""Claims of a case: sent, decided, appealed, paid, and which of them wait for whom.

Main job: `submitted`, `adjudicated`, `paid_for` for the parts that judge claims; `undecided`, `unpaid`, `unsent`, `cut` for pathway and work lists,
each with the moments since when something waits.

**Units**: minor units of the claim's currency. Elsewhere: deciding a claim in `funding/claims/claiming.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from baybridge.journey.case import Case
from baybridge.journey.events import AppealFiled, BenefitPaid, ClaimAdjudicated, ClaimSubmitted

PATIENT = "PATIENT"


def submitted(case: Case) -> dict[str, ClaimSubmitted]:
    """Every claim by its id; one that was told twice stands once."""
    return {entry.event.claim_id: entry.event for entry in reversed(case.of(ClaimSubmitted))}


def adjudicated(case: Case) -> dict[str, ClaimAdjudicated]:
    """The last adjudication of each claim."""
    return {entry.event.claim_id: entry.event for entry in case.of(ClaimAdjudicated)}


def decided_at(case: Case, claim_id: str) -> datetime | None:
    """When a claim was adjudicated last."""
    return next((e.origin.at for e in reversed(case.of(ClaimAdjudicated)) if e.event.claim_id == claim_id), None)


def under_appeal(case: Case, claim_id: str) -> bool:
    """Whether an appeal was filed after the last adjudication of a claim."""
    steps = [e.event for e in case.entries if isinstance(e.event, ClaimAdjudicated | AppealFiled) and e.event.claim_id == claim_id]
    return bool(steps) and isinstance(steps[-1], AppealFiled)


def paid_for(case: Case, claim_id: str) -> int:
    """What was paid for a claim, partial payments together; a payment that was told twice counts once.

    What a payer paid before without naming a claim counts for its claims too, the earliest first, so that one benefit is not paid by two ways.
    """
    claims = submitted(case)
    payer = claims[claim_id].payer if claim_id in claims else None
    advance, decided = paid_in_advance(case, payer) if payer else 0, adjudicated(case)
    for claim in sorted(claims.values(), key=lambda one: (one.service_on, one.claim_id)):
        if claim.payer != payer or claim.claim_id not in decided:
            continue
        named = _named_for(case, claim.claim_id)
        taken = min(advance, max(decided[claim.claim_id].benefit_minor - named, 0))
        if claim.claim_id == claim_id:
            return named + taken
        advance -= taken
    return _named_for(case, claim_id)


def _named_for(case: Case, claim_id: str) -> int:
    payments: Iterable[BenefitPaid] = (entry.event for entry in case.payments)
    return sum(payment.amount_minor for payment in payments if claim_id in (payment.for_claim, payment.claim_id))


def paid_in_advance(case: Case, payer: str) -> int:
    """What a payer paid without naming any claim."""
    claims = submitted(case).keys()
    payments: Iterable[BenefitPaid] = (entry.event for entry in case.payments if entry.event.payer == payer)
    return sum(payment.amount_minor for payment in payments if payment.for_claim is None and payment.claim_id not in claims)


# --- what waits -----------------------------------------------------------------------------------------------------


def undecided(case: Case) -> Iterator[datetime]:
    """Since when each claim waits for a decision, the first or after an appeal."""
    decided = adjudicated(case)
    for entry in case.of(ClaimSubmitted):
        claim_id = entry.event.claim_id
        if claim_id not in decided:
            yield entry.origin.at
        elif under_appeal(case, claim_id):
            yield next(e.origin.at for e in reversed(case.of(AppealFiled)) if e.event.claim_id == claim_id)


def unpaid(case: Case) -> Iterator[datetime]:
    """Since when each decided claim waits for its payment, or the rest of it."""
    for claim_id, event in adjudicated(case).items():
        at = decided_at(case, claim_id)
        if at is not None and not under_appeal(case, claim_id) and paid_for(case, claim_id) < event.benefit_minor:
            yield at


def unsent(case: Case) -> bool:
    """Whether a plan was approved and nobody claimed from it, nor did its payer pay in advance."""
    sent = {claim.plan for claim in submitted(case).values()}
    for asked in case.preauthorisations:
        answer, plan = asked.standing, asked.requested.event.plan
        approved = answer is not None and answer.event.answer != "refused"
        if approved and plan not in sent and not paid_in_advance(case, asked.requested.event.payer):
            return True
    return False


def cut(case: Case) -> Iterator[datetime]:
    """When a payer gave less than was asked and nobody has answered: before the infusion no appeal; after it neither appeal nor the patient's payment."""
    if not case.infusions:
        for asked in case.preauthorisations:
            answer = asked.standing
            if answer is not None and answer.event.answer != "approved" and asked.appealed is None:
                yield answer.origin.at
    if any(entry.event.payer == PATIENT for entry in case.payments):
        return
    appealed = {entry.event.claim_id for entry in case.of(AppealFiled)}
    for claim_id, event in adjudicated(case).items():
        at = decided_at(case, claim_id)
        if event.outcome == "refused" and claim_id not in appealed and at is not None:
            yield at
