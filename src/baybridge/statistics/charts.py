"""Charts that run over consecutive patients: the risk-adjusted CUSUM with its limit, and the EWMA.

Main job: `ra_cusum(p, y, odds, arl)`, `ewma(y, share, start)`.

The limit of a CUSUM is chosen so that, where nothing changed, it is crossed once in so many patients on average whose risks are those of the table. That average is
computed, not drawn: the chart is a walk between many small steps of its height, each with the chances that the table's risks give (Markov chain).

**Source**: Steiner SH et al. Biostatistics 2000;1:441 (scores, limit by the chain of Brook and Evans, Biometrika 1972;59:539).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_STEPS, _RISKS = 400, 400


@dataclass(frozen=True, slots=True)
class Cusum:
    """The height after each patient, the limit, and the places (from 0) at which the height reached it."""

    s: tuple[float, ...]
    h: float
    signals: tuple[int, ...]


def ra_cusum(p: Sequence[float], y: Sequence[int], odds: float, arl: float) -> Cusum:
    """The chart for a rise of the odds by `odds` (below 1: a fall), with an average run of `arl` patients to a false signal."""
    risks = np.asarray(p, dtype=float)
    weights = np.where(np.asarray(y) == 1, np.log(odds), 0.0) - np.log(1 - risks + odds * risks)
    height, heights = 0.0, []
    for weight in weights:
        height = max(0.0, height + float(weight))
        heights.append(height)
    limit = limit_of(risks, odds, arl)
    signals = tuple(at for at, now in enumerate(heights) if now >= limit and (at == 0 or heights[at - 1] < limit))
    return Cusum(tuple(heights), limit, signals)


def limit_of(risks: Floats, odds: float, arl: float) -> float:
    """The height that a chart over such patients reaches once in `arl` of them on average."""
    scores, chances = _scores(risks, odds)
    low, high = 0.0, float(np.max(scores)) + 1e-9
    while run_length(scores, chances, high) < arl:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if run_length(scores, chances, middle) < arl else (low, middle)
        if high - low < 1e-9 * high:
            break
    return high


def _scores(risks: Floats, odds: float) -> tuple[Floats, Floats]:
    """Every score that a patient can bring, with its chance; of very many risks evenly chosen ones."""
    some = np.sort(risks)
    if len(some) > _RISKS:
        some = some[np.linspace(0, len(some) - 1, _RISKS).round().astype(int)]
    without = -np.log(1 - some + odds * some)
    share = np.full(len(some), 1 / len(some))
    return np.concatenate([without + np.log(odds), without]), np.concatenate([share * some, share * (1 - some)])


def run_length(scores: Floats, chances: Floats, limit: float) -> float:
    """How many patients on average until a chart from 0 reaches a limit; what lies between two steps is shared between both."""
    step = limit / _STEPS
    moves = np.zeros((_STEPS, _STEPS))
    heights = np.arange(_STEPS) * step
    rows = np.arange(_STEPS)
    for score, chance in zip(scores, chances, strict=True):
        to = np.maximum(0.0, heights + score)
        stays = to < limit
        place = to[stays] / step
        below = np.minimum(place.astype(int), _STEPS - 1)
        above = place - below
        np.add.at(moves, (rows[stays], below), chance * (1 - above))
        inner = below + 1 < _STEPS
        np.add.at(moves, (rows[stays][inner], below[inner] + 1), chance * above[inner])
    return float(np.linalg.solve(np.eye(_STEPS) - moves, np.ones(_STEPS))[0])


def ewma(y: Sequence[float], share: float, start: float) -> tuple[float, ...]:
    """The weighted average after each value: `share` of the value, the rest of what was before."""
    found, now = [], start
    for value in y:
        now = share * value + (1 - share) * now
        found.append(now)
    return tuple(found)
