"""Units: from what a laboratory wrote to the unit of a fact, exactly, or a clear refusal.

Main job: `convert(quantity, unit, conversions, table)`. An analyte's own conversion goes before UCUM (creatinine mg/dL x 88.4, everywhere).

A conversion that carries `decimals` rounds to the precision at which the limits of that analyte are published, so that 8.0 mg/dL of
urate is the published 476 umol/L; others keep twelve significant digits, which removes only the noise of the arithmetic.

**Source**: shared facts contract; clinical reference 9.4. UCUM by `ucumvert`, imported on first use because it is slow.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Any

from baybridge.base.quantity import Quantity

_ANNOTATION = re.compile(r"\{([^}]*)\}")
_NOISE = Context(prec=12, rounding=ROUND_HALF_EVEN)
_WIDE = Context(prec=40)
_MAX_UNIT = 60  # characters; nobody writes a longer unit, and the parser is not asked


class UnitMismatchError(ValueError):
    """A quantity that cannot be said in the unit wanted; `expected` and `found` are units."""

    def __init__(self, expected: str, found: str | None) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"expected a unit that converts to {expected}, found {found or 'no unit'}")


@dataclass(frozen=True, slots=True)
class Conversion:
    """Multiply by `factor` to get to the fact's unit; round to `decimals` where the published limits are."""

    factor: Fraction
    decimals: int | None


@dataclass(frozen=True, slots=True)
class UnitTable:
    """Spellings that are no UCUM, annotations that change what was measured, and the commonest factors."""

    spellings: Mapping[str, str]
    telling: frozenset[str]
    factors: Mapping[tuple[str, str], Fraction]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> UnitTable:
        """The table of the document `units` of `data/terms`."""
        spellings = {_fold(written): unit for unit, listed in document["spellings"].items() for written in listed}
        factors = {(row["from"], row["to"]): Fraction(str(row["factor"])) for row in document.get("factors") or ()}
        return cls(spellings, frozenset(document.get("telling_annotations") or ()), factors)

    def read(self, written: str) -> str:
        """The UCUM unit that was meant; the text itself where the table does not know it."""
        return self.spellings.get(_fold(written), written.strip())


def convert(quantity: Quantity, unit: str | None, conversions: Mapping[str, Conversion], table: UnitTable) -> Decimal:
    """The value in `unit`; `UnitMismatchError` where the quantity has no unit or one that does not fit."""
    if unit is None:
        unit = "1"
    if quantity.unit is None or not quantity.unit.strip():
        raise UnitMismatchError(unit, None)
    if len(quantity.unit) > _MAX_UNIT:
        raise UnitMismatchError(unit, quantity.unit[:_MAX_UNIT])
    found, wanted = table.read(quantity.unit), table.read(unit)
    if found == wanted or quantity.unit == unit:
        return quantity.value
    for listed, conversion in conversions.items():
        if found == table.read(listed):
            return _apply(quantity.value, conversion)
    if (found, wanted) in table.factors:
        return _decimal(Fraction(quantity.value) * table.factors[found, wanted])
    return _by_ucum(quantity, found, wanted, conversions, table)


def _by_ucum(quantity: Quantity, found: str, wanted: str, conversions: Mapping[str, Conversion], table: UnitTable) -> Decimal:
    line = _line(found, wanted, table.telling)
    if line is not None:
        return _on(line, quantity.value)
    for listed, conversion in conversions.items():
        line = _line(found, table.read(listed), table.telling)
        if line is not None:
            return _apply(_on(line, quantity.value), conversion)
    raise UnitMismatchError(wanted, quantity.unit)


def _apply(value: Decimal, conversion: Conversion) -> Decimal:
    if conversion.decimals is None:
        return _decimal(Fraction(value) * conversion.factor)
    step = Decimal(1).scaleb(-conversion.decimals)
    exact = Fraction(value) * conversion.factor
    wide = _WIDE.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return wide.quantize(step, rounding=ROUND_HALF_UP, context=_WIDE)


def _on(line: tuple[Decimal, Decimal], value: Decimal) -> Decimal:
    scale, offset = line
    return _plain(_NOISE.plus(_WIDE.add(_WIDE.multiply(value, scale), offset)))


def _decimal(value: Fraction) -> Decimal:
    return _plain(_NOISE.divide(Decimal(value.numerator), Decimal(value.denominator)))


def _plain(value: Decimal) -> Decimal:
    """Without trailing zeros and without an exponent above zero."""
    normal = value.normalize(_WIDE)
    exponent = normal.as_tuple().exponent
    return normal.quantize(Decimal(1), context=_WIDE) if isinstance(exponent, int) and exponent > 0 else normal


def _fold(written: str) -> str:
    text = unicodedata.normalize("NFKC", written).casefold().replace("×", "x").replace("μ", "u")
    return re.sub(r"\s+", "", text)


def _bare(unit: str) -> str:
    """Without annotations, as UCUM reads them: `{copies}/mL` is /mL, `{score}` is 1."""
    bare = _ANNOTATION.sub("", unit)
    return re.sub(r"[/.]+$", "", bare) or "1"


@lru_cache(maxsize=512)
def _line(found: str, wanted: str, telling: frozenset[str]) -> tuple[Decimal, Decimal] | None:
    """Scale and offset from one UCUM unit to another; None where they do not fit or are not UCUM."""
    if set(_ANNOTATION.findall(found)) & telling != set(_ANNOTATION.findall(wanted)) & telling:
        return None
    left, right = _bare(found), _bare(wanted)
    if left == right:
        return Decimal(1), Decimal(0)
    try:
        zero, one = _ucum(Decimal(0), left, right), _ucum(Decimal(1), left, right)
    except _not_convertible():
        return None
    return one - zero, zero


def _ucum(value: Decimal, found: str, wanted: str) -> Decimal:
    registry = _registry()
    result = registry.Quantity(value, registry.from_ucum(found)).to(registry.from_ucum(wanted)).magnitude
    return Decimal(result)


@lru_cache(maxsize=1)
def _registry() -> Any:
    from ucumvert import PintUcumRegistry

    return PintUcumRegistry(non_int_type=Decimal)


@lru_cache(maxsize=1)
def _not_convertible() -> tuple[type[Exception], ...]:
    from lark.exceptions import LarkError
    from pint.errors import PintError

    return (LarkError, PintError, InvalidOperation, ValueError, TypeError, KeyError, AttributeError, NotImplementedError, ZeroDivisionError)
