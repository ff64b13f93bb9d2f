"""Tails of distributions that intervals and tests are read from.

Main job: `chi2_tail`, `normal_two_sided`, `poisson_at_most` and exact limits of a Poisson count.

**Source**: regularised incomplete gamma function by its series and continued fraction, DLMF 8.11.4 and 8.9.2; Garwood F. Biometrika 1936;28:437 (exact limits).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import erfc, exp, lgamma, log, sqrt

_TINY, _CLOSE, _MOST = 1e-300, 1e-16, 100_000
#: 97.5 % point of the normal distribution, for a two-sided 95 % interval.
Z95 = 1.959963984540054


def upper_gamma(shape: float, at: float) -> float:
    """The regularised upper incomplete gamma function Q(shape, at), for shape > 0 and at >= 0."""
    if at <= 0:
        return 1.0
    return 1.0 - _series(shape, at) if at < shape + 1 else _fraction(shape, at)


def _series(shape: float, at: float) -> float:
    term = total = 1.0 / shape
    for number in range(1, _MOST):
        term *= at / (shape + number)
        total += term
        if term < total * _CLOSE:
            break
    return total * exp(shape * log(at) - at - lgamma(shape))


def _fraction(shape: float, at: float) -> float:
    """By the modified method of Lentz."""
    b = at + 1.0 - shape
    c, d = 1.0 / _TINY, 1.0 / b
    found = d
    for number in range(1, _MOST):
        a = -number * (number - shape)
        b += 2.0
        d = 1.0 / ((a * d + b) or _TINY)
        c = (b + a / c) or _TINY
        found *= d * c
        if abs(d * c - 1.0) < _CLOSE * 10:
            break
    return found * exp(shape * log(at) - at - lgamma(shape))


def chi2_tail(value: float, df: int) -> float:
    """The chance of a chi-square of so many degrees of freedom at or above a value."""
    return upper_gamma(df / 2, value / 2)


def normal_two_sided(z: float) -> float:
    """The chance of a normal deviate at least so far from zero, on either side."""
    return erfc(abs(z) / sqrt(2))


def poisson_at_most(count: int, mean: float) -> float:
    """The chance of at most `count` events where `mean` are expected."""
    return upper_gamma(count + 1, mean) if count >= 0 else 0.0


@lru_cache(maxsize=65_536)
def poisson_limits(count: int, level: float = 0.95) -> tuple[float, float]:
    """The exact limits of the mean of a Poisson count; 0 below a count of 0."""
    tail = (1 - level) / 2
    lower = 0.0 if count == 0 else _falling(lambda mean: poisson_at_most(count - 1, mean), 1 - tail, count)
    return lower, _falling(lambda mean: poisson_at_most(count, mean), tail, count)


def _falling(chance: Callable[[float], float], wanted: float, count: int) -> float:
    """Where a chance that falls with the mean has a value, to the last digits; `count` says where to look."""
    low, high = 0.0, count + 10 * sqrt(count + 1) + 20
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if chance(middle) > wanted else (low, middle)
    return (low + high) / 2
