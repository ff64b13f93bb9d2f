"""Time to an event: Kaplan-Meier with limits, the log-rank test, cumulative incidence with competing risks.

Main job: `kaplan_meier(time, event)`, `log_rank(time, event, group)`, `cumulative_incidence(time, cause)`. Times are of any unit; events of a time come before those
who leave at it. Curves are given where they step.

**Source**: Kaplan and Meier, J Am Stat Assoc 1958;53:457; Greenwood's variance on the scale of log(-log S) (Kalbfleisch and Prentice 1980); Aalen and Johansen 1978.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
import numpy.typing as npt

from baybridge.statistics.distributions import Z95, chi2_tail

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Survival at each time of an event, with its 95 % limits (None where nobody is left) and how many were at risk."""

    times: tuple[float, ...]
    survival: tuple[float, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    at_risk: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """A chi-square test."""

    chi2: float
    df: int
    p: float


@dataclass(frozen=True, slots=True)
class Incidence:
    """The share that had an event of one cause by each time at which one happened."""

    times: tuple[float, ...]
    incidence: tuple[float, ...]


def kaplan_meier(time: Floats, event: Floats) -> Curve:
    """The curve of one group; `event` 1 where it happened, 0 where somebody left without."""
    times, deaths, at_risk = _counted(time, event != 0)
    survival: Floats = np.cumprod(1 - deaths / at_risk, dtype=np.float64)
    with np.errstate(divide="ignore"):
        variance = np.cumsum(deaths / (at_risk * (at_risk - deaths)))
    limits = [_limits(float(s), float(v)) for s, v in zip(survival, variance, strict=True)]
    return Curve(_told(times), _told(survival), tuple(low for low, _ in limits), tuple(high for _, high in limits), tuple(map(int, at_risk)))


def _counted(time: Floats, happened: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """The times of events, how many happened at each, and how many were at risk just before."""
    times, deaths = np.unique(time[happened], return_counts=True)
    return times, deaths.astype(float), _staying(time, times)


def _staying(time: Floats, times: Floats) -> Floats:
    """How many are there just before each time."""
    return (len(time) - np.searchsorted(np.sort(time), times, side="left")).astype(float)


def _at_each(happened_at: Floats, times: Floats) -> Floats:
    """How many happened at each of the times, all of which are among them."""
    return np.bincount(np.searchsorted(times, happened_at), minlength=len(times)).astype(float)


def _limits(survival: float, variance: float) -> tuple[float | None, float | None]:
    if survival <= 0:
        return None, None
    spread = exp(Z95 * sqrt(variance) / abs(log(survival)))
    return survival**spread, survival ** (1 / spread)


def log_rank(time: Floats, event: Floats, group: Sequence[str]) -> Test | None:
    """Whether groups differ; None for one group, and where nothing happened."""
    names, which = np.unique(np.asarray(group), return_inverse=True)
    times, deaths, at_risk = _counted(time, event != 0)
    if len(names) < 2 or not len(times):
        return None
    risk = np.column_stack([_staying(time[which == one], times) for one in range(len(names))])
    died = np.column_stack([_at_each(time[(which == one) & (event != 0)], times) for one in range(len(names))])
    share = risk / at_risk[:, None]
    difference = (died - deaths[:, None] * share).sum(axis=0)
    by = np.where(at_risk > 1, deaths * (at_risk - deaths) / np.maximum(at_risk - 1, 1), 0.0)
    variance = np.diag((by[:, None] * share).sum(axis=0)) - (share * by[:, None]).T @ share
    kept = np.flatnonzero(risk.sum(axis=0) > 0)[:-1]  # the last follows from the others
    left, inner = difference[kept], variance[np.ix_(kept, kept)]
    chi2 = float(left @ np.linalg.pinv(inner) @ left)
    df = int(np.linalg.matrix_rank(inner))
    return Test(chi2, df, chi2_tail(chi2, df)) if df else None


def cumulative_incidence(time: Floats, cause: Floats) -> dict[str, Incidence]:
    """By cause (1, 2, …), the share with an event of that cause while the others compete with it; `cause` 0 where somebody left without one."""
    times, deaths, at_risk = _counted(time, cause != 0)
    before = np.concatenate([[1.0], np.cumprod(1 - deaths / at_risk)[:-1]]) if len(times) else np.array([])
    found = {}
    for one in np.unique(cause[cause != 0]):
        own = _at_each(time[cause == one], times)
        steps = np.cumsum(before * own / at_risk)
        found[str(int(one))] = Incidence(_told(times[own > 0]), _told(steps[own > 0]))
    return found


def _told(values: Floats) -> tuple[float, ...]:
    return tuple(map(float, values))
