"""Bringing a result into the receiver's unit.

Main job: `convert(result, wanted, document)` answers whether units differ and, where a factor is known, the converted value.

The product is exact in decimal arithmetic on the digits that were reported; a division keeps twelve significant digits. Nothing is
rounded for display here. **Source**: `data/recognition/conversions.yaml` (policy reference A3; creatinine 88.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from math import isfinite
from typing import Any

_DIVIDING = Context(prec=12)


@dataclass(frozen=True, slots=True)
class Conversion:
    """Whether units differ, and the value in the wanted unit where a factor is known."""

    differs: bool
    value: float | int | None = None
    unit: str | None = None
    how: str | None = None  # what was done, e.g. "1.1 mg/dL × 88.4"

    @property
    def known(self) -> bool:
        """Whether a conversion was made."""
        return self.differs and self.value is not None


def convert(result: Mapping[str, Any], wanted: str | None, document: Mapping[str, Any]) -> Conversion:
    """The result in the wanted unit; a null wanted unit keeps the result's own."""
    spellings = document["spellings"]
    reported = result.get("unit")
    if wanted is None or _spelt(reported, spellings) == _spelt(wanted, spellings):
        return Conversion(differs=False)
    value = result.get("value")
    if reported is None or isinstance(value, bool) or not isinstance(value, int | float):
        return Conversion(differs=True)
    found = _times(Decimal(repr(value)), _spelt(reported, spellings), _spelt(wanted, spellings), result.get("loinc"), document)
    if found is None:
        return Conversion(differs=True)
    converted, how = found
    if not isfinite(float(converted)):
        return Conversion(differs=True)  # a number that no program can write is no answer
    return Conversion(differs=True, value=_plain(converted), unit=wanted, how=f"{value} {reported} {how}")


def _spelt(unit: str | None, spellings: Mapping[str, str]) -> str | None:
    return None if unit is None else spellings.get(unit, unit)


def _times(
    value: Decimal, reported: str | None, wanted: str | None, loinc: str | None, document: Mapping[str, Any]
) -> tuple[Decimal, str] | None:
    """The converted value and what was done with it, by the first row that knows both units."""
    rows = [row for row in document["rows"] if loinc in row["loinc"]]
    for row in (*rows, *document["scales"]):
        factor = Decimal(row["factor"])
        if (row["from"], row["to"]) == (reported, wanted):
            return value * factor, f"× {row['factor']}"
        if (row["to"], row["from"]) == (reported, wanted):
            return _DIVIDING.divide(value, factor), f"÷ {row['factor']}"
    return None


def _plain(value: Decimal) -> float | int:
    number = float(value)
    return int(number) if number.is_integer() and value == value.to_integral_value() and abs(number) < 2**53 else number
