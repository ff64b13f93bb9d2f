"""Quantities: an exact number with a UCUM unit, as it was reported.

Main job: keep the reported digits; conversion between units lives in `facts/units.py`, how they are written for people in `language/figures.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation


@dataclass(frozen=True, slots=True)
class Quantity:
    """A decimal value and its UCUM unit (`""` is not a unit; unknown unit is None)."""

    value: Decimal
    unit: str | None

    def __str__(self) -> str:
        return f"{self.value} {self.unit or ''}".rstrip()


def as_number(text: str) -> Decimal | None:
    """A finite number from its text; None for every other text, whoever wrote it."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
