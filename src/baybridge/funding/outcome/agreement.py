"""Outcome agreements: what comes back to whom when which outcome is reached.

Main job: `settle(agreement, contributions, list_price, outcome)` answers code, refund and who gets how much of it.

**Source**: policy reference D4 (bases, allocations, codes) and D6 law (d); shared funding contract, "Refunds".
**Units**: minor units of the bill's currency. `contributions` is what each payer, in layer order, and then the patient paid on drug lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from baybridge.base.money import round_half_up, split_largest_remainder
from baybridge.funding.plans.terms import DRUG, PATIENT, Agreement, Allocation, FundingCase, RefundBasis
from baybridge.funding.quote.stack import Stack

REFUND_DUE = "OBA-REFUND-DUE"
NO_REFUND = "OBA-NO-REFUND"
VOID_NOT_INFUSED = "OBA-VOID-NOT-INFUSED"

#: Nobody knows yet: these outcomes give their code and no money, whatever an agreement says.
OPEN_OUTCOMES: Mapping[str, str] = {"PENDING": "OBA-PENDING", "READERS_DISAGREE": "OBA-ADJUDICATE"}

#: Outcomes with a code of their own where an agreement neither refunds nor voids them.
OWN_CODES: Mapping[str, str] = {
    **OPEN_OUTCOMES,
    "DEATH_DISEASE": "OBA-DEATH-DISEASE",
    "DEATH_NRM": "OBA-DEATH-NRM",
    "WINDOW_MISSED": "OBA-WINDOW-MISSED",
    "OOS_INFUSED": "OBA-OOS-INFUSED",
}


@dataclass(frozen=True, slots=True)
class Settled:
    """One outcome: its code, what comes back, to whom, and what each payer has paid net on drug lines afterwards."""

    outcome: str
    code: str
    refund_minor: int
    allocation: Mapping[str, int]
    net_on_drug: Mapping[str, int]

    @property
    def patient_refund_minor(self) -> int:
        """What the patient gets back."""
        return self.allocation.get(PATIENT, 0)


def drug_contributions(stack: Stack) -> dict[str, int]:
    """What each layer, in order, and then the patient pays on drug lines; zeros are kept."""
    drug = drug_lines(stack.case)
    paid = {p.layer.layer_id: sum(p.allocation.get(line_id, 0) for line_id in drug) for p in stack.layers}
    return {**paid, PATIENT: sum(stack.patient_by_line[line_id] for line_id in drug)}


def drug_lines(case: FundingCase) -> tuple[str, ...]:
    """The lines that an agreement is about."""
    return tuple(line.line_id for line in case.lines if line.category == DRUG)


def drug_list_price(case: FundingCase) -> int:
    """The gross of drug lines."""
    return sum(line.gross_minor for line in case.lines if line.category == DRUG)


def settle(agreement: Agreement, contributions: Mapping[str, int], list_price: int, outcome: str) -> Settled:
    """What one outcome gives; nobody gets back more than they paid, after earlier refunds."""
    earlier = agreement.earlier_refunds
    net = {payer: max(paid - earlier.get(payer, 0), 0) for payer, paid in contributions.items()}
    code = code_of(agreement, outcome)
    allocation: dict[str, int] = {}
    if outcome in agreement.void_outcomes:
        allocation = dict(net)
    elif code == REFUND_DUE:
        refund = _refund(agreement, contributions, net, list_price)
        allocation = _allocate(agreement.allocation, refund, net)
    after = {payer: left - allocation.get(payer, 0) for payer, left in net.items()}
    if min(after.values(), default=0) < 0:
        raise ArithmeticError("a refund above what was paid")
    given = {payer: share for payer, share in allocation.items() if share}
    return Settled(outcome, code, sum(given.values()), given, after)


def code_of(agreement: Agreement, outcome: str) -> str:
    """The code of an outcome under an agreement; what the agreement names goes before an outcome's own code."""
    if outcome in OPEN_OUTCOMES:
        return OPEN_OUTCOMES[outcome]
    if outcome in agreement.void_outcomes:
        return OWN_CODES["OOS_INFUSED"] if outcome == "OOS_INFUSED" else VOID_NOT_INFUSED
    if outcome in agreement.refund_outcomes:
        return REFUND_DUE
    return OWN_CODES.get(outcome, NO_REFUND)


def _refund(agreement: Agreement, contributions: Mapping[str, int], net: Mapping[str, int], list_price: int) -> int:
    whole = sum(net.values())
    basis = {
        RefundBasis.LIST_PRICE: list_price,
        RefundBasis.PATIENT_OOP_DRUG: contributions[PATIENT],
        RefundBasis.NET_PAID: whole,
    }[agreement.basis]
    refund = min(round_half_up(basis * agreement.rate), whole)
    return refund if agreement.cap_minor is None else min(refund, agreement.cap_minor)


def _allocate(how: Allocation, refund: int, net: Mapping[str, int]) -> dict[str, int]:
    if how is Allocation.PRO_RATA_BY_CONTRIBUTION:
        return split_largest_remainder(refund, net)
    if how is Allocation.INSURER_FIRST:
        return _in_turn(refund, net)
    patient = min(refund, net[PATIENT])
    payers = {payer: paid for payer, paid in net.items() if payer != PATIENT}
    return {**split_largest_remainder(refund - patient, payers), PATIENT: patient}


def _in_turn(refund: int, net: Mapping[str, int]) -> dict[str, int]:
    """Each payer in turn up to what it paid; the patient stands last."""
    shares: dict[str, int] = {}
    for payer, paid in net.items():
        shares[payer] = min(refund, paid)
        refund -= shares[payer]
    return shares
