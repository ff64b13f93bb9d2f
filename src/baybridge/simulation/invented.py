"""An invented population, to try a plan before a real table is at hand.

Main job: `invented(patients, regions, price, median_income)` answers columns as the policy lab reads them: one row a patient, the drug's price as the
only charge, incomes spread around a median that the caller states. No number in it describes anybody; who uses it is told so.

**Units**: minor units of one currency. Deterministic: the same numbers give the same table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: Half of all invented households lie between about 0.6 and 1.7 times the median: a round number of ours, not a statistic.
_SPREAD = 0.8
_SEED = 20260101


def invented(patients: int, regions: Sequence[str], price_minor: int, median_income_minor: int) -> dict[str, npt.NDArray[Any]]:
    """Columns `gross.CAR_T_DRUG`, `household_income`, `region` and `risk_class`; regions in turn, every fifth patient with a pre-existing condition."""
    draw = np.random.default_rng(_SEED)
    factors = np.round(np.exp(draw.normal(0.0, _SPREAD, patients)) * 1_000_000).astype(np.int64)
    income = [median_income_minor * int(factor) // 1_000_000 for factor in factors]
    places = list(regions) or ["-"]
    return {
        "gross.CAR_T_DRUG": np.full(patients, price_minor, np.int64),
        "household_income": np.array(income, np.int64),
        "region": np.array([places[n % len(places)] for n in range(patients)]),
        "risk_class": np.array(["pre_existing" if n % 5 == 0 else "standard" for n in range(patients)]),
    }
