"""The stack of payers: who pays what of a bill, to the minor unit.

Main job: `pay_stack(case)` lets each layer pay in order and leaves the rest to the patient.

**Source**: policy reference D6 (formal model), shared funding contract (details of a layer).
**Units**: minor units; a benefit is rounded half up once, and so is each currency conversion; the patient's share is the residual.
Elsewhere: refunds in `outcome/agreement.py`, tenders and instalments in `tenders.py`, the printed form in `report.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from baybridge.base.money import round_half_up, split_largest_remainder
from baybridge.funding.plans.means_test import Contribution, contribution_of
from baybridge.funding.plans.terms import Band, FundingCase, Kind, Layer, LayerBasis, Line

RATE = "PAY-RATE"
FIXED = "PAY-FIXED"
MEANS_TESTED = "PAY-MEANS-TEST"
RESIDUAL_LIMIT = "PAY-RESIDUAL-LIMIT"
NOT_COVERED = "PAY-NOT-COVERED"
NOT_IN_FORCE = "PAY-NOT-IN-FORCE"
LAPSED = "PAY-LAPSED"
WAITING = "PAY-WAITING-PERIOD"
UNVERIFIED = "PAY-UNVERIFIED-PLAN"


@dataclass(frozen=True, slots=True)
class Amounts:
    """The steps of one layer's computation in one currency."""

    base: int
    deductible: int
    after_deductible: int
    raw: int
    benefit: int


@dataclass(frozen=True, slots=True)
class Paid:
    """What one layer pays: amounts in the bill's currency, what bound it, and the share of each covered line.

    `own` holds the same steps in the layer's currency where that differs. `used` is what its deductible and caps have used
    after this bill, in the layer's currency.
    """

    layer: Layer
    amounts: Amounts
    binding: str
    notes: tuple[str, ...]
    allocation: Mapping[str, int]
    contribution: Contribution | None
    own: Amounts | None
    used: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stack:
    """A bill after all layers: what each paid and what is left to the patient, by line."""

    case: FundingCase
    layers: tuple[Paid, ...]
    patient_by_line: Mapping[str, int]

    @property
    def patient_minor(self) -> int:
        """The patient's share of the whole bill."""
        return sum(self.patient_by_line.values())

    @property
    def computed_minor(self) -> int:
        """What all layers pay, verified or not."""
        return sum(paid.amounts.benefit for paid in self.layers)

    @property
    def entitled_minor(self) -> int:
        """What layers pay whose plan is verified, or given without a status."""
        return sum(paid.amounts.benefit for paid in self.layers if paid.layer.entitled)


def pay_stack(case: FundingCase) -> Stack:
    """Each layer pays in the case's order; shares and the patient's rest sum to the charge of every line."""
    residual = {line.line_id: line.gross_minor for line in case.lines}
    deducted: dict[str, int] = {}
    paid: list[Paid] = []
    for layer in case.layers:
        step = _pay(layer, case, residual, deducted)
        for line_id, share in step.allocation.items():
            residual[line_id] -= share
        if layer.deductible_group is not None:
            applied = (step.own or step.amounts).deductible
            deducted[layer.deductible_group] = deducted.get(layer.deductible_group, 0) + applied
        paid.append(step)
    stack = Stack(case, tuple(paid), residual)
    if stack.computed_minor + stack.patient_minor != case.gross_minor or min(residual.values(), default=0) < 0:
        raise ArithmeticError("shares and the patient's rest do not sum to the charge")
    return stack


def _pay(layer: Layer, case: FundingCase, residual: Mapping[str, int], deducted: Mapping[str, int]) -> Paid:
    lines = [line for line in case.lines if line.category in layer.covers]
    left = sum(residual[line.line_id] for line in lines)
    base = left if layer.basis is LayerBasis.RESIDUAL else sum(line.gross_minor for line in lines)
    against = reasons_against(layer, case.event_on, covered=bool(lines))
    notes = against[1:] if layer.entitled else (*against[1:], UNVERIFIED)
    if against:
        nothing = Amounts(base, 0, 0, 0, 0)
        return Paid(layer, nothing, against[0], notes, {}, None, None, _used(layer, 0, 0))
    group = deducted.get(layer.deductible_group, 0) if layer.deductible_group else 0
    own, binding, contribution = _benefit(layer, _to_layer(base, layer), group)
    amounts = _to_bill(own, base, layer)
    if amounts.benefit > left:
        binding = RESIDUAL_LIMIT
        amounts, own = _limited(amounts, own, left, layer)
    shares = split_largest_remainder(amounts.benefit, _weights(lines, residual)) if amounts.benefit else {}
    used = _used(layer, own.deductible if layer.kind is Kind.COINSURANCE else 0, own.benefit)
    return Paid(layer, amounts, binding, notes, shares, contribution, own if layer.fx is not None else None, used)


def reasons_against(layer: Layer, on: date, *, covered: bool) -> tuple[str, ...]:
    """Every code for which a layer pays nothing on a day; the first one binds. Empty where it may pay.

    A plan that is not in force, waits or excludes the case says so first: what it covers matters only after that (policy reference D6, steps
    1 and 2; the contract names the codes of dates without any condition).
    """
    start, end = layer.effective_from, layer.effective_to
    found = []
    if start is not None and on < start:
        found.append(NOT_IN_FORCE)
    elif end is not None and on > end:
        found.append(LAPSED)
    elif start is not None and (on - start).days < layer.waiting_days:
        found.append(WAITING)
    return (*found, *layer.excluded, *(() if covered else (NOT_COVERED,)))


def _benefit(layer: Layer, base: int, deducted: int) -> tuple[Amounts, str, Contribution | None]:
    """The layer's own computation before the residual limits it, in its own currency."""
    contribution = contribution_of(layer.means_test) if layer.means_test is not None else None
    if contribution is not None:
        deductible, binding = min(contribution.contribution_minor, base), MEANS_TESTED
        raw = base - deductible
    elif layer.kind is Kind.FIXED_GRANT:
        deductible, binding, raw = 0, FIXED, layer.grant_minor
    else:
        open_deductible = max(layer.deductible_minor - layer.deductible_used_minor - deducted, 0)
        deductible, binding = min(open_deductible, base), RATE
        raw = round_half_up(by_bands(layer.bands, base - deductible))
    benefit = raw
    for cap in layer.caps:
        if cap.left_minor < benefit:
            benefit, binding = cap.left_minor, f"PAY-CAP:{cap.name}"
    return Amounts(base, deductible, base - deductible, raw, benefit), binding, contribution


def by_bands(bands: tuple[Band, ...], amount: int) -> Fraction:
    """The exact sum of each band's rate on the part of `amount` that falls into it."""
    total, start = Fraction(0), 0
    for band in bands:
        end = amount if band.up_to_minor is None else min(amount, band.up_to_minor)
        if end > start:
            total += band.rate * (end - start)
            start = end
    return total


def _to_layer(minor: int, layer: Layer) -> int:
    return minor if layer.fx is None else round_half_up(minor * layer.fx)


def _to_bill(own: Amounts, base: int, layer: Layer) -> Amounts:
    """The layer's steps in the bill's currency, each converted and rounded once; the base is the bill's own."""
    if layer.fx is None:
        return own
    deductible = min(round_half_up(own.deductible / layer.fx), base)
    raw, benefit = round_half_up(own.raw / layer.fx), round_half_up(own.benefit / layer.fx)
    return Amounts(base, deductible, base - deductible, raw, benefit)


def _limited(amounts: Amounts, own: Amounts, left: int, layer: Layer) -> tuple[Amounts, Amounts]:
    """Indemnity: no layer pays above what is left on the lines that it covers."""
    own_benefit = min(own.benefit, _to_layer(left, layer))
    return (
        Amounts(amounts.base, amounts.deductible, amounts.after_deductible, amounts.raw, left),
        Amounts(own.base, own.deductible, own.after_deductible, own.raw, own_benefit),
    )


def _weights(lines: list[Line], residual: Mapping[str, int]) -> dict[str, int]:
    return {line.line_id: residual[line.line_id] for line in lines}


def _used(layer: Layer, deductible: int, benefit: int) -> dict[str, int]:
    used = {f"{cap.name}_used": cap.used_minor + benefit for cap in layer.caps}
    if layer.deductible_minor:
        used = {"deductible_used": layer.deductible_used_minor + deductible, **used}
    return used
