"""Money: whole minor units with a currency; rounding and splitting that lose nothing.

Main job: turn "1200000.00" into minor units, round a benefit once, split it over lines to the last cent.

**Units**: minor units (fen, cent, avo) as int. **Source**: shared funding contract (half up, largest remainder).
No float is accepted anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, get_args

Currency = Literal["CNY", "HKD", "MOP", "USD"]
CURRENCIES: tuple[str, ...] = get_args(Currency)
MINOR_PER_MAJOR = 100
_AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,2})?")


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
