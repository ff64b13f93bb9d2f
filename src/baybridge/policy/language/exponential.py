"""LN and EXP from sums, products and powers of two alone, so that every engine and every machine gives the same digits.

Main job: `logarithm(of, value)` and `exponential(of, value)`, over numbers of Python or columns of an engine: `of` is the `Arithmetic` of
either. A mathematics library may round the last digit as it likes, and those of C, Rust and Java do; IEEE 754 leaves no choice in the
operations used here. The error is below one unit in the last place.

**Source**: constants and steps of FDLIBM 5.3 (Sun Microsystems, 1993), `e_log.c` and `e_exp.c`.
"""

from __future__ import annotations

import math
from typing import Any, Protocol, Self, TypeVar

LN2_HIGH, LN2_LOW, INVERSE_LN2 = 6.93147180369123816490e-01, 1.90821492927058770002e-10, 1.44269504088896338700
ROOT_2, HALF_ROOT_2 = math.sqrt(2), math.sqrt(2) / 2
SMALLEST_NORMAL, TWO_54 = 2.0**-1022, 2.0**54
#: Beyond the first EXP is not finite, below the second it is 0.
MOST, LEAST = 710.0, -746.0
_LOGARITHM = (
    *(6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01),
    *(1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01),
)
_EXPONENTIAL = (
    *(1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05, -1.65339022054652515390e-06),
    4.13813679705723846039e-08,
)


class Numeric(Protocol):
    """A number of Python, or an expression of numbers."""

    def __add__(self, other: Self, /) -> Self:
        """The sum."""

    def __sub__(self, other: Self, /) -> Self:
        """The difference."""

    def __mul__(self, other: Self, /) -> Self:
        """The product."""

    def __lt__(self, other: Self, /) -> Any:
        """A truth value of Python, or an expression of one."""

    def __ge__(self, other: Self, /) -> Any:
        """A truth value of Python, or an expression of one."""


Number = TypeVar("Number", bound=Numeric)


class Arithmetic(Protocol[Number]):
    """What is needed besides `+ - * < >=`."""

    def constant(self, value: float) -> Number:
        """A number written here."""

    def keep(self, value: Number) -> Number:
        """The value, computed once."""

    def floor(self, value: Number) -> Number:
        """The greatest number without places that is not above."""

    def quotient(self, left: Number, right: Number) -> Number:
        """One number through another."""

    def power_of_two(self, exponent: Number) -> Number:
        """2 to the power of a number without places, exactly."""

    def about_logarithm(self, value: Number) -> Number:
        """The logarithm, as near as the engine's own library has it."""

    def choose(self, condition: Any, value: Number, otherwise: Number) -> Number:
        """One of two values."""


def logarithm(of: Arithmetic[Number], value: Number) -> Number:
    """The natural logarithm of a positive number."""
    n = of.constant
    tiny = value < n(SMALLEST_NORMAL)
    normal = of.keep(of.choose(tiny, value * n(TWO_54), value))
    nearest = of.keep(of.floor(of.about_logarithm(normal) * n(INVERSE_LN2) + n(0.5)))
    scaled = of.keep(_scaled(of, normal, n(0.0) - nearest))
    high, low = scaled >= n(ROOT_2), scaled < n(HALF_ROOT_2)
    part = of.keep(of.choose(high, scaled * n(0.5), of.choose(low, scaled * n(2.0), scaled)) - n(1.0))
    whole = nearest + of.choose(high, n(1.0), of.choose(low, n(-1.0), n(0.0)))
    power = of.keep(of.choose(tiny, whole - n(54.0), whole))
    ratio = of.keep(of.quotient(part, n(2.0) + part))
    square, half = of.keep(ratio * ratio), of.keep(n(0.5) * part * part)
    rest = square * _polynomial(of, square, _LOGARITHM)
    return power * n(LN2_HIGH) - ((half - (ratio * (half + rest) + power * n(LN2_LOW))) - part)


def exponential(of: Arithmetic[Number], value: Number) -> Number:
    """E to the power of a number between `LEAST` and `MOST`; infinity where that is too large."""
    n = of.constant
    power = of.keep(of.floor(value * n(INVERSE_LN2) + n(0.5)))
    high, low = of.keep(value - power * n(LN2_HIGH)), of.keep(power * n(LN2_LOW))
    rest = of.keep(high - low)
    square = of.keep(rest * rest)
    near = of.keep(rest - square * _polynomial(of, square, _EXPONENTIAL))
    found = of.keep(n(1.0) - ((low - of.quotient(rest * near, n(2.0) - near)) - high))
    return _scaled(of, found, power)


def _polynomial(of: Arithmetic[Number], value: Number, factors: tuple[float, ...]) -> Number:
    """The first factor, plus the second times the value, plus the third times its square, and so on."""
    *rest, last = factors
    found = of.constant(last)
    for factor in reversed(rest):
        found = of.constant(factor) + value * found
    return found


def _scaled(of: Arithmetic[Number], value: Number, power: Number) -> Number:
    """The value times that power of two, in two steps, of which none leaves the range of numbers before the result does."""
    half = of.keep(of.floor(power * of.constant(0.5)))
    return value * of.power_of_two(half) * of.power_of_two(power - half)


class Python:
    """The arithmetic of Python's own numbers; what each method answers is said above."""

    def constant(self, value: float) -> float:
        """Itself."""
        return value

    def keep(self, value: float) -> float:
        """Itself."""
        return value

    def floor(self, value: float) -> float:
        """Down."""
        return float(math.floor(value))

    def quotient(self, left: float, right: float) -> float:
        """By IEEE 754."""
        return left / right

    def power_of_two(self, exponent: float) -> float:
        """Exactly."""
        return math.ldexp(1.0, int(exponent))

    def about_logarithm(self, value: float) -> float:
        """Of the C library."""
        return math.log(value)

    def choose(self, condition: bool, value: float, otherwise: float) -> float:  # noqa: FBT001 - a truth value
        """One of two."""
        return value if condition else otherwise


PYTHON = Python()
