"""Shares, counts against what was expected, and the funnel of units.

Main job: `wilson(k, n)`, `poisson(k)`, `funnel(units, observed, expected)`.

**Source**: Wilson EB. J Am Stat Assoc 1927;22:209; Garwood F. Biometrika 1936;28:437; Spiegelhalter DJ. Stat Med 2005;24:1185 (prediction limits by probability,
winsorised over-dispersion).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor, sqrt

from baybridge.statistics.distributions import Z95, poisson_at_most, poisson_limits

#: Beyond which of both sides together a unit is rare: 5 in 100 (an alert), 2 in 1,000 (an alarm).
LEVELS = {"95": 0.05, "99.8": 0.002}
_WINSORISED = 0.1  # of the units on each side


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A unit in the funnel: observed over expected with its exact interval, and the counts between which a unit like any other lies, by level.

    `widened` are those limits with the over-dispersion among the units in them, where there is any; counts are then no whole numbers.
    """

    unit: str
    smr: float
    lower: float
    upper: float
    limits: dict[str, tuple[int, int]]
    widened: dict[str, tuple[float, float]] | None


@dataclass(frozen=True, slots=True)
class Funnel:
    """The units, and how much more they differ than chance lets them (1: as chance does; None for fewer than two units)."""

    units: tuple[Placed, ...]
    phi: float | None


def wilson(k: int, n: int) -> Interval:
    """The interval of a share of k in n; ValueError where it is none."""
    if not 0 <= k <= n or n == 0:
        raise ValueError(f"expected a count from 0 to the whole, and a whole above 0, found {k} of {n}")
    share, square = k / n, Z95 * Z95
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z95 * sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return Interval(0.0 if k == 0 else max(0.0, middle - half), 1.0 if k == n else min(1.0, middle + half))


def poisson(k: int) -> Interval:
    """The exact interval of the mean of a count; ValueError for a count below 0."""
    if k < 0:
        raise ValueError(f"expected a count of 0 or more, found {k}")
    return Interval(*poisson_limits(k))


def funnel(units: Sequence[str], observed: Sequence[int], expected: Sequence[float]) -> Funnel:
    """Each unit within the limits of prediction for what was expected of it; `expected` above 0."""
    phi = _over_dispersion(observed, expected)
    widens = phi is not None and len(units) * phi > len(units) - 1 and phi > 1
    placed = []
    for unit, count, mean in zip(units, observed, expected, strict=True):
        low, high = poisson_limits(count)
        limits = {name: _prediction(mean, level / 2) for name, level in LEVELS.items()}
        by = sqrt(phi) if phi is not None and widens else 1.0
        widened = {name: _wider(mean, by, *both) for name, both in limits.items()} if widens else None
        placed.append(Placed(unit, count / mean, low / mean, high / mean, limits, widened))
    return Funnel(tuple(placed), phi)


def _wider(mean: float, by: float, least: int, most: int) -> tuple[float, float]:
    """Limits with the over-dispersion in them; a limit on the other side of the mean, as of a unit of which next to nothing was expected, stays."""
    return min(float(least), max(0.0, mean - by * (mean - least))), max(float(most), mean + by * (most - mean))


@lru_cache(maxsize=65_536)
def _prediction(mean: float, tail: float) -> tuple[int, int]:
    """The largest count below which, and the smallest above which, a count lies with a chance under `tail`."""
    return _first(lambda count: poisson_at_most(count, mean) >= tail, mean), _first(lambda count: 1 - poisson_at_most(count, mean) < tail, mean)


def _first(holds: Callable[[int], bool], mean: float) -> int:
    """The smallest count for which something holds that goes on to hold."""
    low, high = -1, ceil(mean + 20 * sqrt(mean) + 30)
    while high - low > 1:
        middle = floor((low + high) / 2)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _over_dispersion(observed: Sequence[int], expected: Sequence[float]) -> float | None:
    """The mean square of the units' deviations, the most extreme tenth on each side drawn in to the next."""
    if len(observed) < 2:
        return None
    z = sorted((count - mean) / sqrt(mean) for count, mean in zip(observed, expected, strict=True))
    cut = int(_WINSORISED * len(z))
    drawn_in = [min(max(one, z[cut]), z[len(z) - 1 - cut]) for one in z]
    return sum(one * one for one in drawn_in) / len(drawn_in)
