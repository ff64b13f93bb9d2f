"""Regression on time to an event: Cox (ties by Efron, strata) and Fine-Gray for the first of competing causes.

Main job: `cox(time, event, x, strata)`, `fine_gray(time, cause, x)`. Both climb by Newton's steps, halved where one leads down, and answer None where no highest point is
found: where a covariate separates who had the event from who had not, its coefficient has no end.

**Source**: Cox DR. J R Stat Soc B 1972;34:187; Efron B. J Am Stat Assoc 1977;72:557; Fine JP, Gray RJ. J Am Stat Assoc 1999;94:496 (weights, and the variance
with the term for the estimated censoring). **Units**: coefficients a unit of each covariate, on the scale of log hazard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_STEPS, _CLOSE = 60, 1e-11
#: A coefficient that is worth more than this a standard deviation of its covariate, or whose variance is so many times that at 0, has no end: the likelihood is flat.
_TOO_STEEP, _TOO_FLAT = 12.0, 1e5
#: The log-likelihood at a coefficient, its slope and its information.
Climb = Callable[[Floats], tuple[float, Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Coefficients in the order of the covariates with their standard errors, and the log-likelihood."""

    beta: tuple[float, ...]
    se: tuple[float, ...]
    loglik: float


def cox(time: Floats, event: Floats, x: Floats, strata: Sequence[str] = ()) -> Fitted | None:
    """The Cox model of `x` (rows by covariates), each stratum with a baseline of its own."""
    scaled, scale = _scaled(x)
    which = np.unique(np.asarray(strata), return_inverse=True)[1] if len(strata) else np.zeros(len(time), dtype=int)
    parts = [_Part(time[which == one], event[which == one], scaled[which == one]) for one in np.unique(which)]

    def climb(beta: Floats) -> tuple[float, Floats, Floats]:
        found = [part.at(beta) for part in parts]
        return sum(one[0] for one in found), np.sum([one[1] for one in found], axis=0), np.sum([one[2] for one in found], axis=0)

    top = _highest(climb, x.shape[1])
    if top is None:
        return None
    beta, loglik, information = top
    return Fitted(_told(beta / scale), _told(np.sqrt(np.diag(np.linalg.inv(information))) / scale), loglik)


class _Part:
    """The patients of one stratum, those who stayed longest first."""

    def __init__(self, time: Floats, event: Floats, x: Floats) -> None:
        order = np.lexsort((-event, -time))
        self.time, self.x, self.happened = time[order], x[order], event[order] != 0
        times, deaths = np.unique(self.time[self.happened], return_counts=True)
        self.times, self.deaths = times[::-1], deaths[::-1]
        self.last_at_risk = np.searchsorted(-self.time, -self.times, side="right") - 1  # place of the last who is at risk at each time
        self.which = np.repeat(np.arange(len(self.times)), self.deaths)
        starts = np.concatenate([[0], np.cumsum(self.deaths)[:-1]]) if len(self.times) else np.array([], dtype=int)
        self.share = (np.arange(len(self.which)) - starts[self.which]) / self.deaths[self.which]  # l/d of Efron's sum, one row an event

    def at(self, beta: Floats) -> tuple[float, Floats, Floats]:
        """Log-likelihood, slope and information."""
        width = self.x.shape[1]
        if not len(self.times):
            return 0.0, np.zeros(width), np.zeros((width, width))
        linear = self.x @ beta
        top = linear.max()
        weight = np.exp(linear - top)
        risk, risk_x = np.cumsum(weight)[self.last_at_risk], np.cumsum(weight[:, None] * self.x, axis=0)[self.last_at_risk]
        dead, dead_x = weight[self.happened], weight[self.happened, None] * self.x[self.happened]
        place = np.searchsorted(-self.times, -self.time[self.happened])
        tied, tied_x = np.bincount(place, dead, len(self.times)), np.zeros((len(self.times), width))
        np.add.at(tied_x, place, dead_x)
        below = risk[self.which] - self.share * tied[self.which]
        mean = (risk_x[self.which] - self.share[:, None] * tied_x[self.which]) / below[:, None]
        each, shared = np.bincount(self.which, 1 / below, len(self.times)), np.bincount(self.which, self.share / below, len(self.times))
        later = np.concatenate([np.cumsum(each[::-1])[::-1], [0.0]])  # of all times at or before one, the times being those from late to early
        counts = later[np.searchsorted(-self.times, -self.time, side="left")]
        counts[self.happened] -= shared[place]
        information = (self.x * (weight * counts)[:, None]).T @ self.x - mean.T @ mean
        loglik = float(linear[self.happened].sum() - np.log(below).sum() - top * len(self.which))
        return loglik, self.x[self.happened].sum(axis=0) - mean.sum(axis=0), information


def fine_gray(time: Floats, cause: Floats, x: Floats) -> Fitted | None:
    """The model of Fine and Gray for cause 1, with robust standard errors."""
    scaled, scale = _scaled(x)
    order = np.argsort(time, kind="stable")
    model = _Subdistribution(time[order], cause[order], scaled[order])
    top = _highest(model.at, x.shape[1])
    if top is None:
        return None
    beta, loglik, information = top
    inverse = np.linalg.inv(information)
    influence = model.influence(beta)
    return Fitted(_told(beta / scale), _told(np.sqrt(np.diag(inverse @ (influence.T @ influence) @ inverse)) / scale), loglik)


class _Subdistribution:
    """Patients by time. Who had another event before a time stays at risk for the first cause, with the chance not to have been censored since.

    That weight is a part of the patient's (one over the chance up to the own event) times a part of the time's, so every sum is a running one.
    """

    def __init__(self, time: Floats, cause: Floats, x: Floats) -> None:
        self.time, self.cause, self.x = time, cause, x
        self.of_first, self.censored = cause == 1, cause == 0
        self.times, self.deaths = np.unique(time[self.of_first], return_counts=True)
        free_at, free = _censoring(time, cause)
        stays = np.concatenate([[1.0], free])  # the chance not to have been censored before a time
        self.falls = stays[np.searchsorted(free_at, self.times, side="left")]
        own = stays[np.searchsorted(free_at, time, side="left")]
        self.competing = np.where(cause > 1, 1 / np.where(own > 0, own, 1.0), 0.0)
        self.from_place = np.searchsorted(time, self.times, side="left")  # the first who is at risk at each time
        self.until_place = np.searchsorted(self.times, time, side="right")  # how many of the times are at or before a patient's own

    def _sums(self, beta: Floats) -> tuple[Floats, Floats, Floats, Floats, float]:
        """Of each patient the relative hazard; of each time the sum at risk, the mean covariates, the step of the baseline; and what all were divided by."""
        linear = self.x @ beta
        top = float(linear.max())
        relative = np.exp(linear - top)
        gone = relative * self.competing
        below = self._at_risk(relative) + self.falls * self._before(gone)
        mean = (self._at_risk(relative[:, None] * self.x) + self.falls[:, None] * self._before(gone[:, None] * self.x)) / below[:, None]
        return relative, below, mean, self.deaths / below, top

    def _at_risk(self, values: Floats) -> Floats:
        """The sum over who is at risk at each time."""
        summed = np.concatenate([np.cumsum(values[::-1], axis=0)[::-1], np.zeros((1, *values.shape[1:]))])
        found: Floats = summed[self.from_place]
        return found

    def _before(self, values: Floats) -> Floats:
        """The sum over who left before each time."""
        summed = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
        found: Floats = summed[self.from_place]
        return found

    def _through(self, values: Floats) -> tuple[Floats, Floats]:
        """Of each patient the sum of something of each time up to the own time, and after it with the weight of the time."""
        nothing = np.zeros((1, *values.shape[1:]))
        until = np.concatenate([nothing, np.cumsum(values, axis=0)])
        weighted = (self.falls * values.T).T
        after = np.concatenate([np.cumsum(weighted[::-1], axis=0)[::-1], nothing])
        return until[self.until_place], after[self.until_place]

    def at(self, beta: Floats) -> tuple[float, Floats, Floats]:
        """Log-likelihood (Breslow), slope and information."""
        relative, below, mean, steps, top = self._sums(beta)
        until, after = self._through(steps)
        rows = relative * (until + self.competing * after)
        information = (self.x * rows[:, None]).T @ self.x - (mean * self.deaths[:, None]).T @ mean
        loglik = float((self.x[self.of_first] @ beta).sum() - (self.deaths * (np.log(below) + top)).sum())
        return loglik, self.x[self.of_first].sum(axis=0) - self.deaths @ mean, information

    def influence(self, beta: Floats) -> Floats:
        """What each patient moves the slope by, the estimate of the censoring with it."""
        relative, _, mean, steps, _ = self._sums(beta)
        until, after = self._through(steps)
        until_mean, after_mean = self._through(steps[:, None] * mean)
        rows = relative * (until + self.competing * after)
        found = relative[:, None] * (until_mean + self.competing[:, None] * after_mean) - self.x * rows[:, None]
        found[self.of_first] += self.x[self.of_first] - mean[np.searchsorted(self.times, self.time[self.of_first])]
        return found + self._of_censoring(relative * self.competing, steps, mean)

    def _of_censoring(self, gone: Floats, steps: Floats, mean: Floats) -> Floats:
        """The part that comes of the weights being estimated: what each who was censored changes in the weights of those who had another event before."""
        left, counts = np.unique(self.time[self.censored], return_counts=True)
        place = np.searchsorted(self.time, left, side="left")
        at_risk = (len(self.time) - place).astype(float)
        later = np.searchsorted(self.times, left, side="left")
        nothing = np.zeros((1, self.x.shape[1]))
        weighted = self.falls * steps
        after = np.concatenate([np.cumsum(weighted[::-1])[::-1], [0.0]])[later]
        after_mean = np.concatenate([np.cumsum((weighted[:, None] * mean)[::-1], axis=0)[::-1], nothing])[later]
        before = np.concatenate([[0.0], np.cumsum(gone)])[place]
        before_x = np.concatenate([nothing, np.cumsum(gone[:, None] * self.x, axis=0)])[place]
        share = (before_x * after[:, None] - before[:, None] * after_mean) / at_risk[:, None]
        found = np.zeros_like(self.x)
        found[self.censored] = share[np.searchsorted(left, self.time[self.censored])]
        summed = np.concatenate([nothing, np.cumsum(share * (counts / at_risk)[:, None], axis=0)])
        less: Floats = summed[np.searchsorted(left, self.time, side="right")]
        return found - less


def _censoring(time: Floats, cause: Floats) -> tuple[Floats, Floats]:
    """The times at which somebody was censored, and the chance not to have been by then."""
    times, counts = np.unique(time[cause == 0], return_counts=True)
    at_risk = (len(time) - np.searchsorted(np.sort(time), times, side="left")).astype(float)
    return times, np.cumprod(1 - counts / at_risk)


def _scaled(x: Floats) -> tuple[Floats, Floats]:
    """Covariates around 0 with a spread of 1, and the spread: steps are then alike in all."""
    spread = x.std(axis=0)
    spread[spread == 0] = 1.0
    return (x - x.mean(axis=0)) / spread, spread


def _highest(climb: Climb, width: int) -> tuple[Floats, float, Floats] | None:
    """Where the log-likelihood is highest, how high, and the information there; None where no such place is found."""
    beta = np.zeros(width)
    height, slope, information = climb(beta)
    known = np.diag(information)
    for _ in range(_STEPS):
        try:
            step = np.linalg.solve(information, slope)
        except np.linalg.LinAlgError:
            return None
        if not np.all(np.isfinite(step)):
            return None
        while True:
            moved = climb(beta + step)
            if np.isfinite(moved[0]) and moved[0] >= height - 1e-9 * abs(height):
                break
            step = step / 2
            if np.max(np.abs(step)) < _CLOSE:
                break
        beta, (height, slope, information) = beta + step, moved
        if np.max(np.abs(beta)) > _TOO_STEEP or not np.isfinite(height):
            return None
        if np.max(np.abs(step)) < _CLOSE:
            return None if _is_flat(information, known) else (beta, height, information)
    return None


def _is_flat(information: Floats, known: Floats) -> bool:
    """Whether what is known of a coefficient at the highest point is next to nothing beside what is known of it at 0."""
    try:
        variance = np.diag(np.linalg.inv(information))
    except np.linalg.LinAlgError:
        return True
    return not bool(np.all(np.isfinite(variance) & (variance > 0) & (variance * known < _TOO_FLAT)))


def _told(values: Floats) -> tuple[float, ...]:
    return tuple(map(float, values))
