"""Money: whole minor units with a currency; rounding and splitting that lose nothing.

Main job: turn "1200000.00" into minor units, round a benefit once, split it over lines to the last cent.

**Units**: minor units (fen, cent, avo) as int. **Source**: shared funding contract (half up, largest remainder).
No float is accepted anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

Currency = Literal["CNY", "HKD", "MOP", "USD"]
CURRENCIES: tuple[str, ...] = get_args(Currency)
MINOR_PER_MAJOR = 100
_AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,2})?")


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount of one currency in minor units; sums and comparisons across currencies are refused."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"money is whole minor units, found {type(self.minor).__name__}")
        if self.currency not in CURRENCIES:
            raise ValueError(f"expected one of {', '.join(CURRENCIES)}, found {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __str__(self) -> str:
        return f"{format_minor(self.minor)} {self.currency}"

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"amounts in {self.currency} and {other.currency} are never added or compared")
        return other.minor


def parse_minor(text: object) -> int:
    """Minor units from a decimal string with at most two places; ValueError says what was expected and found."""
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise ValueError(f'expected an amount as text with two places such as "1200000.00", found {text!r}')
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(2, "0"))


def format_minor(minor: int) -> str:
    """Minor units as a decimal string with two places."""
    sign, magnitude = ("-", -minor) if minor < 0 else ("", minor)
    return f"{sign}{magnitude // MINOR_PER_MAJOR}.{magnitude % MINOR_PER_MAJOR:02d}"


def round_half_up(value: Fraction) -> int:
    """The nearest whole number, halves away from zero."""
    above, below = value.numerator, value.denominator
    magnitude = (2 * abs(above) + below) // (2 * below)
    return magnitude if above >= 0 else -magnitude


def split_largest_remainder(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """`total` in proportion to `weights`, whole units, ties to the lowest key; no share exceeds its weight if total does not."""
    whole = sum(weights.values())
    if whole == 0:
        return dict.fromkeys(weights, 0)
    shares = {key: total * weight // whole for key, weight in weights.items()}
    left = total - sum(shares.values())
    by_remainder = sorted(weights, key=lambda key: (-(total * weights[key] % whole), key))
    for key in by_remainder[:left]:
        shares[key] += 1
    return shares
