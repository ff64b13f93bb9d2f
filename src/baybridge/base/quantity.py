"""Quantities: an exact number with a UCUM unit, as it was reported.

Main job: keep the reported digits; conversion between units lives in `facts/units.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Quantity:
    """A decimal value and its UCUM unit (`""` is not a unit; unknown unit is None)."""

    value: Decimal
    unit: str | None

    def __str__(self) -> str:
        return f"{self.value} {self.unit or ''}".rstrip()


_WRITTEN = {"Cel": "°C", "mm[Hg]": "mmHg", "1": "", "-": ""}
_POWERS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def written_unit(unit: str | None) -> str:
    """A UCUM unit as people write it: 10*9/L as ×10⁹/L, umol/L as µmol/L, [EU]/mL as EU/mL; nothing for what has none."""
    if not unit or unit in _WRITTEN or re.fullmatch(r"\{[^}]*\}", unit):
        return _WRITTEN.get(unit or "", "")
    plain = re.sub(r"[][{}]", "", re.sub(r"(\w)\{", r"\1 ", unit)).replace("_", " ")
    plain = re.sub(r"^10\*(\d+)", lambda power: f"×10{power[1].translate(_POWERS)}", plain)
    return re.sub(r"\bu(?=mol|g|L\b)", "µ", re.sub(r"\bm2\b", "m²", plain))
