"""One million cases x 6 layers: the population evaluator beside a hand-written Polars version of the same six layers, in the same run.

Run: `python benchmarks/funding_population.py`. The aim is at most 2 times the hand-written version, exact to the minor unit against the
one-case evaluator on a sample of 10,000.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

from baybridge.base.outcome import Refusal
from baybridge.funding.population.population import case_of_row, stack_population
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.quoting import NO_SCALE
from baybridge.funding.quote.stack import pay_stack
from benchmarks.funding import CASE

ROWS = 1_000_000
SAMPLE = 10_000
LINES = ("car_t_drug", "collection", "inpatient", "travel")


def population(rows: int) -> dict[str, Any]:
    """Bills around published list prices, and what each patient used of deductible and caps before."""
    draw = np.random.default_rng(20260310)
    gross = ((99_900_000, 129_000_001), (1_000_000, 8_000_001), (2_000_000, 90_000_001), (0, 3_000_001))
    columns = {f"gross.{line}": draw.integers(low, high, rows) for line, (low, high) in zip(LINES, gross, strict=True)}
    columns["basic.deductible_used"] = draw.integers(0, 160_001, rows)
    columns["basic.cap_year_used"] = draw.integers(0, 30_000_001, rows)
    columns["city.cap_year_used"] = draw.integers(0, 20_000_001, rows)
    return columns


def by_hand(table: pl.DataFrame) -> pl.DataFrame:
    """The six layers in Polars expressions, whole minor units, amounts only."""
    c = pl.col
    least, most = pl.min_horizontal, pl.max_horizontal
    zero = pl.lit(0, pl.Int64)

    stay = c("collection") + c("inpatient")
    open_deductible = least(160_000 - c("basic_used"), stay)
    basic = least(((stay - open_deductible) * 8 + 5) // 10, most(30_000_000 - c("basic_cap_used"), zero))
    of_collection = (2 * basic * c("collection") + most(stay, pl.lit(1, pl.Int64))) // (2 * most(stay, pl.lit(1, pl.Int64)))
    first = table.lazy().with_columns(basic=basic).with_columns(of_collection=of_collection)
    second = first.with_columns(
        collection=c("collection") - c("of_collection"), inpatient=c("inpatient") - (c("basic") - c("of_collection"))
    )
    above = most(c("inpatient") - 1_000_000, zero)
    second = second.with_columns(above=above)
    critical = (least(c("above"), pl.lit(5_000_000, pl.Int64)) * 6 + most(c("above") - 5_000_000, zero) * 7 + 5) // 10
    third = second.with_columns(critical=critical).with_columns(inpatient=c("inpatient") - c("critical"))
    city = least((most(c("car_t_drug") - 2_000_000, zero) * 8 + 5) // 10, most(50_000_000 - c("city_cap_used"), zero))
    fourth = third.with_columns(city=city).with_columns(car_t_drug=c("car_t_drug") - c("city"))
    foreign = ((c("car_t_drug") * 10_873 + 5_000) // 10_000 + 1) // 2
    fifth = fourth.with_columns(group=least((foreign * 20_000 + 10_873) // 21_746, c("car_t_drug")))
    sixth = fifth.with_columns(car_t_drug=c("car_t_drug") - c("group"))
    seventh = sixth.with_columns(charity=least(c("car_t_drug"), pl.lit(5_000_000, pl.Int64)))
    last = seventh.with_columns(
        car_t_drug=c("car_t_drug") - c("charity"), travel_plan=least(c("travel"), pl.lit(500_000, pl.Int64))
    ).with_columns(travel=c("travel") - c("travel_plan"))
    layers = ("basic", "critical", "city", "group", "charity", c("travel_plan").alias("travel_plan"))
    return last.select(*layers, *LINES, patient=sum((c(line) for line in LINES), zero)).collect()


def seconds(*works: Any, repeats: int = 9) -> list[float]:
    """Median time of each, in turns, so that a busy machine slows all alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for work, taken in zip(works, times, strict=True):
            start = perf_counter()
            work()
            taken.append(perf_counter() - start)
    return [median(taken) for taken in times]


def main() -> None:
    """Print times and ratio; stop where the three ways do not agree."""
    read = read_cases(CASE, NO_SCALE)
    if isinstance(read, Refusal):
        raise SystemExit("the case cannot be read")
    case, columns = read[0], population(ROWS)
    named = {name.removeprefix("gross."): column for name, column in columns.items()}
    used = {"basic_used": "basic.deductible_used", "basic_cap_used": "basic.cap_year_used", "city_cap_used": "city.cap_year_used"}
    table = pl.DataFrame({line: named[line] for line in LINES} | {short: columns[name] for short, name in used.items()})
    stacked = stack_population(case, columns)
    if isinstance(stacked, Refusal):
        raise SystemExit(str(stacked))
    hand = by_hand(table)
    for layer_id in ("basic", "critical", "city", "group", "charity"):
        if not np.array_equal(stacked.paid[layer_id].benefit, hand[layer_id].to_numpy()):
            raise SystemExit(f"the hand-written version gives another amount for {layer_id}")
    if not np.array_equal(stacked.patient, hand["patient"].to_numpy()):
        raise SystemExit("the hand-written version leaves another amount to the patient")
    for row in range(0, ROWS, ROWS // SAMPLE):
        one = pay_stack(case_of_row(case, columns, row))
        if [int(stacked.paid[paid.layer.layer_id].benefit[row]) for paid in one.layers] != [paid.amounts.benefit for paid in one.layers]:
            raise SystemExit(f"the one-case evaluator gives other amounts in row {row}")
    print(f"{SAMPLE:,} rows are exact to the minor unit against the one-case evaluator")
    ours, theirs = seconds(lambda: stack_population(case, columns), lambda: by_hand(table))
    print(f"{'hand-written Polars, amounts only':44} {theirs:7.3f} s")
    print(f"{'population evaluator, with reasons':44} {ours:7.3f} s   x {ours / theirs:5.2f}")


if __name__ == "__main__":
    main()
