"""Ten thousand draws of one outcome agreement, and of a hundred, beside the bare drawing of the same numbers in numpy in the same run.

Run: `python benchmarks/outlook.py`. The aim is at most 0.5 s for one agreement.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from baybridge.base.outcome import Refusal
from baybridge.documents.loader import Documents
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.quoting import NO_SCALE
from baybridge.simulation.outlook import Group, outlook, rates_of
from benchmarks.funding import CASE

DRAWS, PATIENTS = 10_000, 100
OBA = {"basis": "NET_PAID", "rate": "0.50", "cap": "600000.00", "allocation": "PRO_RATA_BY_CONTRIBUTION", "refund_outcomes": ["NO_CR_AT_M3"]}


def by_hand(refund: int) -> list[int]:
    """The 5th, 50th and 95th of a hundred of what returns in all, without payers or outcomes by name."""
    random = np.random.default_rng(1)
    rates = random.dirichlet(np.array([59, 42]) + 0.5, size=DRAWS)
    returned = np.sort(random.multinomial(PATIENTS, rates)[:, 1] * refund)
    return [int(returned[(DRAWS - 1) * percent // 100]) for percent in (5, 50, 95)]


def milliseconds(work: Any, repeats: int = 15) -> float:
    """Median time of one call."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times) * 1_000


def main() -> None:
    """Print the times and their ratios; stop where both do not agree."""
    read = read_cases({**CASE, "oba": {**OBA, "cases": [{"outcome": "NO_CR_AT_M3"}]}}, NO_SCALE)
    rates = rates_of(Documents().folder("plans/rates")["axi-cel-china-real-world"], "axi-cel-china-real-world")
    if isinstance(read, Refusal) or isinstance(rates, Refusal):
        raise SystemExit("the case or the rates cannot be read")
    one, many = [Group(read[0], PATIENTS, rates)], [Group(read[0], 1, rates)] * PATIENTS
    found = outlook(one, draws=DRAWS)
    if isinstance(found, Refusal):
        raise SystemExit("no outlook")
    if [found.positions[0].quantiles[percent] for percent in (5, 50, 95)] != by_hand(60_000_000 - 0):
        raise SystemExit(f"the hand-written draws give another result: {found.positions[0].quantiles} {by_hand(60_000_000)}")
    times = {
        "drawn by hand, one total": milliseconds(lambda: by_hand(60_000_000)),
        "outlook of one agreement, 6 payers": milliseconds(lambda: outlook(one, draws=DRAWS)),
        "outlook of a hundred cases": milliseconds(lambda: outlook(many, draws=DRAWS)),
    }
    baseline = next(iter(times.values()))
    for name, time in times.items():
        print(f"{name:36} {time:8.1f} ms   x {time / baseline:6.1f}")


if __name__ == "__main__":
    main()
