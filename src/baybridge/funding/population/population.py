"""The same stack of payers over a whole population: one row a patient, whole minor units in columns, exact to the last one.

Main job: `stack_population(case, columns)` pays the layers of `case` for every row; what a column gives takes the place of the case's
own value. `case_of_row` says what one row means as a case of its own: both evaluators must agree on it.

**Source**: the one-case evaluator `quote/stack.py`. **Units**: minor units; days since 1970-01-01. A column of floats is refused.
Columns: `gross.<line>`, `event_on`; `<layer>.held` (boolean; a layer that is not held is not there), `<layer>.deductible_used`,
`<layer>.cap_event_used` and the like, `<layer>.effective_from`, `<layer>.effective_to`, and for means tests `<layer>.annual_gross_income`,
`allowable_deductions`, `net_assets`, `asset_allowance`. A day that is not a date (NaT) is no day.
Elsewhere: the arithmetic of one block of rows in `block.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.funding.plans.layers import CAPS
from baybridge.funding.plans.terms import FundingCase, Layer
from baybridge.funding.population.block import HELD, MEANS_COLUMNS, NO_DAY, Ints, Layered, bindings_of, common_denominator, pay_block

#: Rows that are computed together: small enough for the processor's cache, large enough that the interpreter does not count.
BLOCK_ROWS = 16_384

EPOCH = date(1970, 1, 1)
_DAYS = ("effective_from", "effective_to")

Columns = Mapping[str, Ints]


@dataclass(frozen=True)
class PopulationStack:
    """What every layer pays and what is left to every patient.

    `paid` is by layer: benefit in the bill's currency, where asked benefit and deductible in the layer's own, and the code that bound it as
    an index into `bindings`.
    """

    case: FundingCase
    size: int
    paid: Mapping[str, Layered]
    patient_by_line: Mapping[str, Ints]
    bindings: tuple[str, ...]

    @property
    def patient(self) -> Ints:
        """The patient's share of each row."""
        return _sum(self.patient_by_line.values(), self.size)

    @property
    def entitled(self) -> Ints:
        """What verified plans pay in each row."""
        return _sum((self.paid[layer.layer_id].benefit for layer in self.case.layers if layer.entitled), self.size)

    def binding(self, layer_id: str, row: int) -> str:
        """The code that bound a layer in a row; empty where the layer is not held."""
        return self.bindings[int(self.paid[layer_id].binding[row])]


def stack_population(
    case: FundingCase, columns: Columns, *, workers: int = 2, accumulators: bool = False
) -> PopulationStack | Refusal:
    """The stack of `case` for every row of `columns`, or every problem with the columns; `accumulators` keeps what was used of each plan."""
    whole, problems = _read(case, columns)
    if problems:
        return refuse(*problems, category=Category.INVALID)
    size = len(next(iter(whole.values())))
    kind: Any = np.int64 if _fits(case, whole) else object
    names = bindings_of(case)
    stacked = PopulationStack(
        case,
        size,
        {layer.layer_id: Layered.empty(size, kind, accumulators=accumulators) for layer in case.layers},
        {line.line_id: np.empty(size, kind) for line in case.lines},
        names,
    )

    def block(start: int) -> None:
        rows = slice(start, min(start + BLOCK_ROWS, size))
        part = {name: column[rows].astype(kind, copy=False) for name, column in whole.items()}
        out = {layer_id: layered.rows(rows) for layer_id, layered in stacked.paid.items()}
        left = {line_id: column[rows] for line_id, column in stacked.patient_by_line.items()}
        pay_block(case, part, out, left, names)

    with ThreadPoolExecutor(max_workers=workers) as pool:
        list(pool.map(block, range(0, size, BLOCK_ROWS)))
    return stacked


def case_of_row(case: FundingCase, columns: Columns, row: int) -> FundingCase:
    """One row as a case of its own, for the one-case evaluator and its explanations."""
    lines = tuple(replace(line, gross_minor=_at(columns, f"gross.{line.line_id}", row, line.gross_minor)) for line in case.lines)
    held = [layer for layer in case.layers if _at(columns, f"{layer.layer_id}.{HELD}", row, 1)]
    layers = tuple(_layer_of_row(layer, columns, row) for layer in held)
    return replace(case, lines=lines, layers=layers, event_on=_day_at(columns, "event_on", row, case.event_on) or case.event_on)


def _layer_of_row(layer: Layer, columns: Columns, row: int) -> Layer:
    name = layer.layer_id
    caps = tuple(replace(cap, used_minor=_at(columns, f"{name}.{cap.name}_used", row, cap.used_minor)) for cap in layer.caps)
    test = layer.means_test
    if test is not None:
        declared = {field: (column, getattr(test, field)) for column, field in MEANS_COLUMNS.items()}
        given: dict[str, Any] = {field: _at(columns, f"{name}.{column}", row, value) for field, (column, value) in declared.items()}
        test = replace(test, **given)
    return replace(
        layer,
        caps=caps,
        means_test=test,
        deductible_used_minor=_at(columns, f"{name}.deductible_used", row, layer.deductible_used_minor),
        effective_from=_day_at(columns, f"{name}.effective_from", row, layer.effective_from),
        effective_to=_day_at(columns, f"{name}.effective_to", row, layer.effective_to),
    )


def _at(columns: Columns, name: str, row: int, default: int) -> int:
    return int(columns[name][row]) if name in columns else default


def _day_at(columns: Columns, name: str, row: int, default: date | None) -> date | None:
    if name not in columns:
        return default
    days = int(columns[name][row : row + 1].astype("datetime64[D]").astype(np.int64)[0])
    return None if days == NO_DAY else EPOCH + timedelta(days=days)


def _sum(columns: Any, size: int) -> Ints:
    total: Ints = np.zeros(size, np.int64)
    for column in columns:
        total = total + column
    return total


# --- reading columns ------------------------------------------------------------------------------------------------


def known_columns(case: FundingCase) -> frozenset[str]:
    """Every column that can take the place of a value of this case."""
    names = {f"gross.{line.line_id}" for line in case.lines} | {"event_on"}
    of_layer = (HELD, "deductible_used", *_DAYS)
    for layer in case.layers:
        means = MEANS_COLUMNS if layer.means_test else ()
        caps = (f"{cap.name}_used" for cap in layer.caps if cap.name in CAPS)
        names |= {f"{layer.layer_id}.{name}" for name in (*of_layer, *caps, *means)}
    return frozenset(names)


def _read(case: FundingCase, columns: Columns) -> tuple[dict[str, Ints], list[Reason]]:
    """Columns as whole numbers, days since 1970 where they are days; a problem for each that cannot be read."""
    read: dict[str, Ints] = {}
    problems = [Reason("funding.population.nothing")] if not columns else []
    known, size = known_columns(case), max((len(column) for column in columns.values()), default=0)
    for name, column in columns.items():
        problem = _problem(name, column, known, size)
        if problem is None:
            read[name] = _whole(column)
            problems += _negative(name, read[name])
        else:
            problems.append(problem)
    return read, problems


def _problem(name: str, column: Ints, known: frozenset[str], size: int) -> Reason | None:
    if name not in known:
        return Reason("funding.population.unknown_column", {"column": name}, where=name)
    if len(column) != size or not size:
        return Reason("funding.population.length", {"column": name, "expected": size, "found": len(column)}, where=name)
    days = name == "event_on" or name.endswith(_DAYS)
    allowed = "iuM" if days else "b" if name.endswith(f".{HELD}") else "iu"
    if column.dtype.kind not in allowed:
        expected = "days" if days else "true or false" if allowed == "b" else "whole minor units"
        return Reason("funding.population.kind", {"column": name, "expected": expected, "found": str(column.dtype)}, where=name)
    return None


def _whole(column: Ints) -> Ints:
    if column.dtype.kind == "M":
        return column.astype("datetime64[D]").astype(np.int64)
    return column if column.dtype.kind == "b" else column.astype(np.int64, copy=False)


def _negative(name: str, column: Ints) -> Iterator[Reason]:
    if name != "event_on" and not name.endswith(_DAYS) and column.dtype.kind != "b" and int(column.min()) < 0:
        yield Reason("funding.population.negative", {"column": name, "row": int(column.argmin())}, where=name)


def _fits(case: FundingCase, columns: Columns) -> bool:
    """Whether no product of the computation can leave 63 bits; else the same is computed on numbers without a limit."""
    gross = sum(int(columns[name].max()) if (name := f"gross.{line.line_id}") in columns else line.gross_minor for line in case.lines)
    largest = 2 * gross * gross + 2 * gross
    for layer in case.layers:
        rates = (layer.fx.numerator, layer.fx.denominator) if layer.fx else (1, 1)
        amounts = [gross, gross * rates[0] // rates[1] + 1, *_written(layer)]
        amounts += [int(column.max()) for name, column in columns.items() if name.startswith(f"{layer.layer_id}.")]
        largest = max(largest, 8 * (max(amounts) + 1) * max(*rates, common_denominator(layer)))
    return largest < 2**62


def _written(layer: Layer) -> Iterator[int]:
    """Every amount that the layer's own terms name."""
    yield from (layer.deductible_minor, layer.deductible_used_minor, layer.grant_minor)
    for cap in layer.caps:
        yield from (cap.limit_minor, cap.used_minor)
    test = layer.means_test
    if test is not None:
        yield from (test.income_minor, test.deductions_minor, test.assets_minor, test.asset_allowance_minor, test.absolute_cap_minor or 0)
        for tier in test.scale.tiers:
            yield from (tier.up_to_minor or 0, tier.flat_minor or 0)
