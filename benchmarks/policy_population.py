"""Forty criteria with unknowns over ten million rows in memory, beside the same written by hand in Polars. Goal: at most 1.5 times."""

from __future__ import annotations

import sys
from functools import reduce
from operator import and_
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

from baybridge.policy.engines.population import outcome_of
from benchmarks.policy_material import TYPES, policy

ROWS = 10_000_000
UNKNOWN = 0.1


def table(rows: int) -> pl.DataFrame:
    """Random facts, a tenth of them unknown."""
    random = np.random.default_rng(7)
    columns: dict[str, Any] = {}
    for name, fact in TYPES.items():
        known = pl.Series(random.random(rows) >= UNKNOWN)
        match fact.type:
            case "number":
                column = pl.Series(random.random(rows) * 240)
            case "integer":
                column = pl.Series(random.integers(0, 8, rows))
            case "boolean":
                column = pl.Series(random.random(rows) < 0.9)
            case _:
                column = pl.Series(np.array(fact.values, dtype=object)[random.integers(0, 4, rows)].tolist(), dtype=pl.String)
        columns[name] = pl.select(pl.when(known).then(column)).to_series()
    return pl.DataFrame(columns)


def by_hand(k: int) -> pl.Expr:
    """Criterion k as somebody would write it in Polars."""
    n, w, b, c = pl.col(f"n{k % 12}"), pl.col(f"w{k % 4}"), pl.col(f"b{k % 8}"), pl.col(f"k{k % 4}")
    return (n >= k + 0.5, (n <= k + 200) & (w < k + 100), b | (n > k), c.is_in(["none", "low"]) | b)[k % 4]


def written_by_hand(frame: pl.DataFrame) -> pl.Series:
    """The outcome of each row."""
    holds = reduce(and_, [by_hand(k) for k in range(40)])
    lazy = frame.lazy().select(holds.alias("holds"))
    words = pl.when("holds").then(pl.lit("holds")).when(~pl.col("holds")).then(pl.lit("fails")).otherwise(pl.lit("undetermined"))
    return lazy.select(words.alias("outcome")).collect()["outcome"]


def seconds(work: Any) -> float:
    """The median of five."""
    times = []
    for _ in range(5):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times)


def main() -> None:
    """Print times and the ratio; stop where both do not agree."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    frame, rules = table(rows), policy()

    def generated() -> pl.Series:
        return outcome_of(frame.lazy(), rules).collect()["outcome"]

    if not generated().equals(written_by_hand(frame)):
        raise SystemExit("the hand-written expressions give other outcomes")
    hand, own = seconds(lambda: written_by_hand(frame)), seconds(generated)
    print(f"{rows:,} rows, outcomes by hand        {hand:7.3f} s")
    print(
        f"{rows:,} rows, outcomes of the policy  {own:7.3f} s   x {own / hand:5.2f}   {rows * 40 / own / 1e6:,.0f} million criteria a second"
    )


if __name__ == "__main__":
    main()
