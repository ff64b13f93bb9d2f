"""One block of rows through the stack: the arithmetic of `quote/stack.py`, column by column.

Main job: `pay_block(case, columns, paid, left, names)` fills what each layer pays and what is left of each line.

**Source**: policy reference D6 (formal model); `quote/stack.py`, which the tests hold it against row by row.
**Units**: minor units as 64-bit whole numbers, or as Python's own where a product could leave 63 bits. Terms that are the same for
every row stay plain numbers, so that a step that changes nothing costs nothing. Every division is of whole numbers, rounded half up once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import lcm
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from baybridge.funding.plans.terms import FundingCase, Kind, Layer, LayerBasis, MeansTest
from baybridge.funding.quote.stack import FIXED, LAPSED, MEANS_TESTED, NOT_COVERED, NOT_IN_FORCE, RATE, RESIDUAL_LIMIT, WAITING

Ints = npt.NDArray[np.int64]
Amount = int | Ints  # one int for every row, or a column

HELD = "held"
NOT_HELD = ""

#: What numpy makes of a day that is none.
NO_DAY = -(2**63)

#: Column of a means test -> field of `MeansTest`.
MEANS_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "annual_gross_income": "income_minor",
        "allowable_deductions": "deductions_minor",
        "net_assets": "assets_minor",
        "asset_allowance": "asset_allowance_minor",
    }
)


@dataclass(frozen=True)
class Layered:
    """What one layer pays in each row.

    `own_benefit` and `deductible`, in the layer's currency, are what accumulators add; None where they were not asked for.
    """

    benefit: Ints
    own_benefit: Ints | None
    deductible: Ints | None
    binding: npt.NDArray[np.int8]

    @classmethod
    def empty(cls, size: int, kind: Any, *, accumulators: bool) -> Layered:
        """Columns to be filled."""
        own, deductible = (np.empty(size, kind) if accumulators else None for _ in range(2))
        return cls(np.empty(size, kind), own, deductible, np.empty(size, np.int8))

    def rows(self, rows: slice) -> Layered:
        """The same rows of each column, to be filled."""
        own, deductible = (None if column is None else column[rows] for column in (self.own_benefit, self.deductible))
        return Layered(self.benefit[rows], own, deductible, self.binding[rows])

    def fill(self, benefit: Amount, own: Amount, deductible: Amount) -> None:
        """Write what was paid."""
        self.benefit[:] = benefit
        if self.own_benefit is not None and self.deductible is not None:
            self.own_benefit[:], self.deductible[:] = own, deductible


def bindings_of(case: FundingCase) -> tuple[str, ...]:
    """Every code that can bind a layer of this case."""
    caps = (f"PAY-CAP:{cap.name}" for layer in case.layers for cap in layer.caps)
    excluded = (code for layer in case.layers for code in layer.excluded)
    always = (NOT_HELD, RATE, FIXED, MEANS_TESTED, RESIDUAL_LIMIT, NOT_COVERED, NOT_IN_FORCE, LAPSED, WAITING)
    return tuple(dict.fromkeys((*always, *caps, *excluded)))


def common_denominator(layer: Layer) -> int:
    """The whole number by which every amount of a layer's own computation is multiplied."""
    test = layer.means_test
    if test is None:
        return lcm(*(band.rate.denominator for band in layer.bands))
    one, two = _means_denominators(test)
    return one * two


def _means_denominators(test: MeansTest) -> tuple[int, int]:
    rates = [test.scale.ceiling_rate, *(tier.rate for tier in test.scale.tiers if tier.rate is not None)]
    return lcm(test.income_factor.denominator, test.asset_factor.denominator), lcm(*(rate.denominator for rate in rates))


def pay_block(
    case: FundingCase, columns: Mapping[str, Ints], paid: Mapping[str, Layered], left: Mapping[str, Ints], names: Sequence[str]
) -> None:
    """Let each layer pay in order; `paid` and `left` are written in place."""
    gross = {line.line_id: columns.get(f"gross.{line.line_id}", line.gross_minor) for line in case.lines}
    for line_id, column in left.items():
        column[:] = gross[line_id]
    deducted: dict[str, Amount] = {}
    for layer in case.layers:
        block = _Block(layer, case, columns, names)
        block.pay(gross, left, deducted, paid[layer.layer_id])
    _check(gross, left, paid)


def _check(gross: Mapping[str, Amount], left: Mapping[str, Ints], paid: Mapping[str, Layered]) -> None:
    """Shares and the patients' rests sum to the charges of the block, and nothing went below zero."""
    rows = max(map(len, left.values()), default=0)
    charges = sum(_summed(charge, rows) for charge in gross.values())
    shared = sum(_summed(column, rows) for column in (*left.values(), *(layered.benefit for layered in paid.values())))
    if charges != shared or any(column.min() < 0 for column in left.values()):
        raise ArithmeticError("shares and the patient's rest do not sum to the charge")


def _summed(column: Amount, rows: int) -> int:
    return column * rows if isinstance(column, int) else int(column.sum())


class _Block:
    """One layer over one block of rows."""

    def __init__(self, layer: Layer, case: FundingCase, columns: Mapping[str, Ints], names: Sequence[str]) -> None:
        self.layer, self.columns = layer, columns
        self.code = {name: index for index, name in enumerate(names)}
        self.lines = sorted(line.line_id for line in case.lines if line.category in layer.covers)
        self.event_on = columns.get("event_on", days_of(case.event_on))

    def of(self, name: str, default: Amount) -> Amount:
        """The layer's column of that name, or the value that every row has."""
        return self.columns.get(f"{self.layer.layer_id}.{name}", default)

    def held(self) -> Ints | None:
        """Whether each row holds the layer; None where every row does."""
        return self.columns.get(f"{self.layer.layer_id}.{HELD}")

    def pay(self, gross: Mapping[str, Amount], left: Mapping[str, Ints], deducted: dict[str, Amount], out: Layered) -> None:
        """Fill what the layer pays and take it off what is left."""
        rest = _added([left[line] for line in self.lines])
        residual = self.layer.basis is LayerBasis.RESIDUAL
        base = rest if residual else _added([gross[line] for line in self.lines])
        if not self.may_pay(out.binding):
            out.fill(0, 0, 0)
            return
        group = self.layer.deductible_group
        own, deductible = self.benefit(_ratio(base, self.layer.fx, back=False), deducted.get(group, 0) if group else 0, out.binding)
        benefit = _ratio(own, self.layer.fx, back=True)
        if not residual or self.layer.fx is not None or self.layer.kind is Kind.FIXED_GRANT:
            own, benefit = self.limited(own, benefit, rest, out.binding)
        against = self.against(out.binding)
        if against is not None:
            own, benefit, deductible = (_where(against, 0, amount) for amount in (own, benefit, deductible))
        out.fill(benefit, own, deductible if self.layer.kind is Kind.COINSURANCE else 0)
        if group:
            deducted[group] = deducted.get(group, 0) + deductible
        _take(left, self.lines, out.benefit, rest)

    def limited(self, own: Amount, benefit: Amount, rest: Amount, binding: npt.NDArray[np.int8]) -> tuple[Amount, Amount]:
        """Indemnity: no row pays above what is left on the lines that the layer covers."""
        over = benefit > rest
        if not np.any(over):
            return own, benefit
        _bind(binding, self.code[RESIDUAL_LIMIT], over)
        return _where(over, _lesser(own, _ratio(rest, self.layer.fx, back=False)), own), _lesser(benefit, rest)

    # --- why nothing is paid --------------------------------------------------------------------------------------------

    def may_pay(self, binding: npt.NDArray[np.int8]) -> bool:
        """Whether any row can be paid; where none can, the code is written and nothing else is computed."""
        if self.lines and not self.layer.excluded:
            return True
        binding[:] = self.code[self.layer.excluded[0] if self.layer.excluded else NOT_COVERED]
        self.bind_dates(binding)
        held = self.held()
        if held is not None:
            binding[~held.astype(bool)] = self.code[NOT_HELD]
        return False

    def start(self) -> Amount:
        """First day; a day that is none lies before all others."""
        days = self.of("effective_from", days_of(self.layer.effective_from, -_FAR))
        return _where(days == NO_DAY, -_FAR, days) if isinstance(days, np.ndarray) else days

    def end(self) -> Amount:
        """Last day; a day that is none lies after all others."""
        days = self.of("effective_to", days_of(self.layer.effective_to, _FAR))
        return _where(days == NO_DAY, _FAR, days) if isinstance(days, np.ndarray) else days

    def bind_dates(self, binding: npt.NDArray[np.int8]) -> object:
        """Write the code of the days into rows that they bar, and answer which rows these are; None where none."""
        start, end, on = self.start(), self.end(), self.event_on
        early, late, waiting = on < start, on > end, on - start < self.layer.waiting_days
        barred = early | late | waiting
        if not np.any(barred):
            return None
        _bind(binding, self.code[WAITING], waiting)
        _bind(binding, self.code[LAPSED], late)
        _bind(binding, self.code[NOT_IN_FORCE], early)
        return barred

    def against(self, binding: npt.NDArray[np.int8]) -> Any:
        """The rows in which the layer pays nothing, with their code written; None where it may pay in all."""
        barred, held = self.bind_dates(binding), self.held()
        if held is not None:
            absent = ~held.astype(bool)
            _bind(binding, self.code[NOT_HELD], absent)
            barred = absent if barred is None else absent | barred
        return barred

    # --- the layer's own computation, in its own currency ---------------------------------------------------------------

    def benefit(self, base: Amount, deducted: Amount, binding: npt.NDArray[np.int8]) -> tuple[Amount, Amount]:
        """Benefit after caps, and the deductible that was applied."""
        layer = self.layer
        if layer.means_test is not None:
            deductible = _lesser(self.contribution(layer.means_test), base)
            code, benefit = MEANS_TESTED, base - deductible
        elif layer.kind is Kind.FIXED_GRANT:
            deductible, code, benefit = 0, FIXED, layer.grant_minor
        else:
            used = self.of("deductible_used", layer.deductible_used_minor)
            deductible = _lesser(_greater(_less(layer.deductible_minor - used, deducted), 0), base) if layer.deductible_minor else 0
            code, benefit = RATE, self.by_bands(_less(base, deductible))
        binding[:] = self.code[code]
        for cap in layer.caps:
            left = _greater(cap.limit_minor - self.of(f"{cap.name}_used", cap.used_minor), 0)
            _bind(binding, self.code[f"PAY-CAP:{cap.name}"], left < benefit)
            benefit = _lesser(benefit, left)
        return benefit, deductible

    def by_bands(self, amount: Amount) -> Amount:
        """The sum of each band's rate on its part of `amount`, rounded half up once."""
        bands = self.layer.bands
        common = lcm(*(band.rate.denominator for band in bands))
        parts = [band.rate.numerator * (common // band.rate.denominator) for band in bands]
        if len(bands) == 1:
            return _rounded(amount, parts[0], common)
        total: Amount = 0
        start = 0
        for band, part in zip(bands, parts, strict=True):
            end = amount if band.up_to_minor is None else _lesser(amount, band.up_to_minor)
            width = _greater(end - start, 0) if start else end
            total = _added([total, part * width])
            start = band.up_to_minor or start
        return _rounded(total, 1, common)

    def contribution(self, test: MeansTest) -> Amount:
        """The household's contribution, as `means_test.contribution_of`."""
        given = {field: self.of(column, getattr(test, field)) for column, field in MEANS_COLUMNS.items()}
        income, assets = test.income_factor, test.asset_factor
        one, two = _means_denominators(test)
        counted = _greater(given["assets_minor"] - given["asset_allowance_minor"], 0)
        resources = given["income_minor"] * (income.numerator * (one // income.denominator)) - one * given["deductions_minor"]
        resources = resources + counted * (assets.numerator * (one // assets.denominator))
        by_tier: Amount = 0
        for tier in reversed(test.scale.tiers):
            rate = tier.rate
            here = (tier.flat_minor or 0) * one * two if rate is None else resources * (rate.numerator * (two // rate.denominator))
            by_tier = here if tier.up_to_minor is None else _where(resources <= tier.up_to_minor * one, here, by_tier)
        ceiling = test.scale.ceiling_rate
        limited = _lesser(by_tier, resources * (ceiling.numerator * (two // ceiling.denominator)))
        if test.absolute_cap_minor is not None:
            limited = _lesser(limited, test.absolute_cap_minor * one * two)
        return _rounded(_greater(limited, 0), 1, one * two)


# --- whole numbers --------------------------------------------------------------------------------------------------

_FAR = 2**40  # days beyond every calendar
_NARROW = 2**62


def days_of(day: date | None, none: int = 0) -> int:
    """Days since 1970-01-01."""
    return none if day is None else day.toordinal() - date(1970, 1, 1).toordinal()


def _lesser(one: Amount, other: Amount) -> Amount:
    return min(one, other) if isinstance(one, int) and isinstance(other, int) else np.minimum(one, other)


def _less(amount: Amount, other: Amount) -> Amount:
    return amount if isinstance(other, int) and other == 0 else amount - other


def _greater(one: Amount, other: Amount) -> Amount:
    return max(one, other) if isinstance(one, int) and isinstance(other, int) else np.maximum(one, other)


def _where(holds: Any, yes: Amount, no: Amount) -> Amount:
    if isinstance(holds, bool):
        return yes if holds else no
    if isinstance(yes, int) and isinstance(no, int) and max(abs(yes), abs(no)) >= _NARROW:
        holds = holds.astype(object)
    chosen: Amount = no + (yes - no) * holds  # several times as fast as numpy's choice by mask
    return chosen


def _bind(binding: npt.NDArray[np.int8], code: int, where: object) -> None:
    if isinstance(where, np.ndarray):
        binding += (np.int8(code) - binding) * where.astype(bool, copy=False).view(np.int8)
    elif where:
        binding[:] = code


def _rounded(amount: Amount, numerator: int, denominator: int) -> Amount:
    """`amount * numerator / denominator`, never negative, rounded half up."""
    if numerator == denominator:
        return amount
    doubled = amount * (2 * numerator)
    doubled += denominator
    if isinstance(doubled, np.ndarray) and doubled.dtype == np.int64:
        bare = doubled.view(np.uint64)  # never negative, and faster to divide without a sign
        bare //= np.uint64(2 * denominator)
        return doubled
    return doubled // (2 * denominator)


def _ratio(amount: Amount, fx: Fraction | None, *, back: bool) -> Amount:
    if fx is None:
        return amount
    return _rounded(amount, fx.denominator, fx.numerator) if back else _rounded(amount, fx.numerator, fx.denominator)


def _added(columns: Sequence[Amount]) -> Amount:
    total: Amount = 0
    for column in columns:
        total = column if isinstance(total, int) and total == 0 else total + column
    return total


def _take(left: Mapping[str, Ints], lines: Sequence[str], benefit: Ints, rest: Amount) -> None:
    """Take the benefit off the lines in proportion to what is left of each, largest remainder, ties to the lowest id."""
    if len(lines) == 1:
        left[lines[0]][:] -= benefit
        return
    whole = _greater(rest, 1)
    if len(lines) == 2:  # the larger remainder of two is rounding half up
        first = (2 * benefit * left[lines[0]] + whole) // (2 * whole)
        left[lines[0]][:] -= first
        left[lines[1]][:] -= benefit - first
        return
    products = [benefit * left[line] for line in lines]
    shares = [product // whole for product in products]
    remainders = [product - share * whole for product, share in zip(products, shares, strict=True)]
    units = benefit - _added(shares)
    for n, line in enumerate(lines):
        ahead = sum(_beats(remainders, other, n) for other in range(len(lines)) if other != n)
        left[line][:] -= shares[n] + (ahead < units)


def _beats(remainders: Sequence[Ints], other: int, n: int) -> Any:
    """Whether another line's remainder gets a unit before this one's."""
    ahead = remainders[other] >= remainders[n] if other < n else remainders[other] > remainders[n]
    return ahead.astype(np.int64)
