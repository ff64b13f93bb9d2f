"""How far a fund's cost would lie apart if as many patients came again: the table's patients drawn again with replacement.

Main job: `interval(paid)` answers between which sums 90 of 100 draws lie. It says what chance does among patients like these, nothing about prices,
numbers of patients or whether the table is like the place.

**Source**: the bootstrap (Efron 1979). **Units**: minor units; whole numbers throughout. Deterministic: the same column gives the same interval.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: Draws; fewer where patients pay in very many different ways, so that a page is not waited for.
DRAWS, FEWER_DRAWS, MANY_VALUES = 1_000, 200, 5_000
LOW, HIGH = 5, 95
_SEED = 1

Column = npt.NDArray[np.int64]


def draws_for(paid: Sequence[Column]) -> int:
    """How many draws a set of columns is given."""
    return FEWER_DRAWS if any(len(np.unique(column)) > MANY_VALUES for column in paid) else DRAWS


def interval(paid: Column, draws: int) -> tuple[int, int]:
    """The sums below which 5 and 95 of 100 draws of as many patients lie."""
    values, counts = np.unique(paid, return_counts=True)
    if len(values) < 2:
        whole = int(paid.sum(dtype=object)) if len(paid) else 0
        return whole, whole
    drawn = np.random.default_rng(_SEED).multinomial(len(paid), counts / len(paid), size=draws)
    fits = int(max(abs(int(values[0])), abs(int(values[-1])))) * len(paid) < 2**62
    sums = drawn @ values.astype(np.int64) if fits else drawn.astype(object) @ values.astype(object)
    ordered = sorted(int(one) for one in sums)
    return ordered[(draws - 1) * LOW // 100], ordered[(draws - 1) * HIGH // 100]
