"""A payer's money over all its cases: what is asked, promised, claimed, owed and paid, and which outcome agreements still run.

Main job: `standing(cases, payer)` counts cases and sums amounts by state and currency; `settled_refunds` what settled agreements return or cost, and
what of it arrived.

**Units**: minor units; a sum is never added across currencies. Elsewhere: the draws over open agreements in `simulation/outlook.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from baybridge.documents.plan import AGREEMENT, Plans
from baybridge.funding.claims.reconciliation import Reconciled, reconciliation_of
from baybridge.journey.case import Case
from baybridge.journey.claims import paid_in_advance, submitted
from baybridge.journey.held import Preauthorisation
from baybridge.journey.refunds import refunds_of

#: States in the order in which money moves; `asked` and `refused` bind nobody.
STATES = ("asked", "approved", "claimed", "decided", "paid", "refused")

#: What a payer is bound to: promised, claimed under a promise, decided and not paid.
BOUND = ("approved", "claimed", "decided")

Standing = Mapping[str, Mapping[str, tuple[int, int]]]


def standing(cases: Iterable[Case], payer: str) -> Standing:
    """By currency and state: how many requests or claims, and their sum."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for case in cases:
        for currency, state, minor in (*_requests(case, payer), *_claims(case, payer)):
            row = found.setdefault(currency, dict.fromkeys(STATES, (0, 0)))
            row[state] = (row[state][0] + 1, row[state][1] + minor)
    return found


def bound_minor(row: Mapping[str, tuple[int, int]]) -> int:
    """What a payer is bound to pay still."""
    return sum(row[state][1] for state in BOUND)


def _requests(case: Case, payer: str) -> Iterator[tuple[str, str, int]]:
    """Requests without a claim: a claim of the plan takes the request's place."""
    claimed = {claim.plan for claim in submitted(case).values()}
    advance = paid_in_advance(case, payer)
    for one in case.preauthorisations:
        request = one.requested.event
        if request.payer != payer or (request.plan in claimed and not one.waiting):
            continue
        state, minor = _state_of(one)
        if state == "approved" and advance:
            taken = min(advance, minor)
            advance -= taken
            yield request.currency, "paid", taken
            minor -= taken
        if minor or state != "approved":
            yield request.currency, state, minor


def _state_of(one: Preauthorisation) -> tuple[str, int]:
    answer = one.standing
    if one.waiting or answer is None:
        return "asked", one.requested.event.amount_minor
    refused = answer.event.answer == "refused"
    return ("refused", one.requested.event.amount_minor) if refused else ("approved", answer.event.amount_minor)


def _claims(case: Case, payer: str) -> Iterator[tuple[str, str, int]]:
    promised = {one.requested.event.plan: one.standing.event.amount_minor for one in case.preauthorisations if one.standing}
    for one in reconciliation_of(case):
        if one.claim.payer == payer:
            yield from _of_claim(one, promised)


def _of_claim(one: Reconciled, promised: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    currency = one.claim.currency
    if one.paid_minor:
        yield currency, "paid", one.paid_minor
    if one.state in ("submitted", "appealed"):
        yield currency, "claimed", max(min(one.claimed_minor, promised.get(one.claim.plan, one.claimed_minor)) - one.paid_minor, 0)
    elif one.state == "refused":
        yield currency, "refused", one.claimed_minor
    elif one.open_minor > 0:
        yield currency, "decided", one.open_minor


@dataclass(frozen=True, slots=True)
class Refunds:
    """Refunds of settled agreements in one currency: what is due back to a payer's plans, what its programme owes, and what of both arrived."""

    agreements: int = 0
    back_minor: int = 0
    came_back_minor: int = 0
    owed_minor: int = 0
    paid_minor: int = 0

    @property
    def still_back_minor(self) -> int:
        """What is due back and has not arrived."""
        return self.back_minor - self.came_back_minor

    @property
    def still_owed_minor(self) -> int:
        """What the programme owes still: settled, and nobody has said that it arrived."""
        return self.owed_minor - self.paid_minor

    def with_case(self, case: Case, plans: frozenset[str], *, owes: bool) -> Refunds:
        """These and a settled case's."""
        parts = refunds_of(case)
        own = [part for part in parts if part.recipient in plans]
        owed = parts if owes else ()
        return Refunds(
            self.agreements + 1,
            self.back_minor + sum(part.due_minor for part in own),
            self.came_back_minor + sum(part.received_minor for part in own),
            self.owed_minor + sum(part.due_minor for part in owed),
            self.paid_minor + sum(part.received_minor for part in owed),
        )


def settled_refunds(cases: Iterable[Case], plans: frozenset[str], *, programme: frozenset[str]) -> dict[str, Refunds]:
    """By currency, over settled agreements: what returns to these plans, what the agreements named in `programme` owe, and what of it arrived."""
    found: dict[str, Refunds] = {}
    for case in cases:
        if case.settlement is not None:
            event = case.settlement.event
            found[event.currency] = found.get(event.currency, Refunds()).with_case(case, plans, owes=event.agreement in programme)
    return found


def open_agreements(cases: Iterable[Case]) -> list[Case]:
    """Cases whose outcome agreement is not settled."""
    return [case for case in cases if case.quote is not None and case.quote.event.agreement is not None and case.settlement is None]


def documents_of(plans: Plans, payer: str) -> tuple[frozenset[str], frozenset[str]]:
    """The plans and the agreements of a payer, by id."""
    own = {str(name): document for name, document in plans.items() if document.get("payer") == payer}
    agreements = frozenset(name for name, document in own.items() if document.get("shape") == AGREEMENT)
    return frozenset(own) - agreements, agreements
