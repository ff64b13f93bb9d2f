"""Forty criteria as rules of labels have them, over facts with unknowns; shared by the benchmarks of rules."""

from __future__ import annotations

from datetime import date
from functools import cache
from statistics import median
from time import perf_counter
from typing import Any

from baybridge.policy.document.reader import load
from baybridge.policy.document.shapes import Policy
from baybridge.policy.language.types import FactType

NUMBERS = [FactType(f"n{k}", "number", None) for k in range(12)]
COUNTS = [FactType(f"w{k}", "integer", None) for k in range(4)]
TRUTHS = [FactType(f"b{k}", "boolean", None) for k in range(8)]
CODES = [FactType(f"k{k}", "code", None, ("none", "low", "high", "severe")) for k in range(4)]
TYPES = {fact.name: fact for fact in (*NUMBERS, *COUNTS, *TRUTHS, *CODES)}
OPERATORS = (">=", "<=", ">", "<")


def rule(k: int, shift: int = 0) -> str:
    """The rule of criterion k; four kinds in turn, as labels have them."""
    n, w, b, c = f"n{k % 12}", f"w{k % 4}", f"b{k % 8}", f"k{k % 4}"
    limit = k + shift
    return (
        f"{n} >= {limit}.5",
        f"{n} <= {limit + 200} AND {w} < {limit + 100}",
        f"{b} OR {n} > {limit}",
        f"{c} IN ('none', 'low') OR {b}",
    )[k % 4]


@cache
def policy(shift: int = 0, count: int = 40) -> Policy:
    """A policy of that many criteria; `shift` moves its limits."""
    rows = "".join(f'  - {{id: c{k}, when: "{rule(k, shift)}"}}\n' for k in range(count))
    return load(f'id: bench-{shift}\nversion: "1"\nsource: benchmark\nshape: criteria\ncriteria:\n{rows}', "benchmark", TYPES)


def patient(unknown: int = 0) -> dict[str, Any]:
    """Facts of one patient; every `unknown`-th is unknown, none where it is 0."""
    facts: dict[str, Any] = {
        name: {"number": 120.0, "integer": 3, "boolean": True, "code": "low", "date": date(2026, 1, 1)}[fact.type]
        for name, fact in TYPES.items()
    }
    return {name: None if unknown and place % unknown == 0 else value for place, (name, value) in enumerate(facts.items())}


def microseconds(work: Any, repeats: int = 2_000) -> float:
    """Median time of one call."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times) * 1e6


def median_of_five(work: Any, repeats: int = 2_000) -> float:
    """The median of five medians."""
    return median(microseconds(work, repeats) for _ in range(5))
