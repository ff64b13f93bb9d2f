"""Units: from what a laboratory wrote to the unit of a fact, exactly, or a clear refusal; the one layer for every door.

Main job: `convert(quantity, unit, conversions, table)`. What was written is read as UCUM where it is UCUM that fits, else by the spellings of
`data/terms/units.yaml`. An analyte's own conversion goes before UCUM (creatinine mg/dL x 88.4, everywhere) and is the only way between what UCUM
keeps apart: equivalents and moles, arbitrary units, masses and moles. Annotations that tell what was counted (copies, FEU, 1.73 m2) must agree.

All arithmetic is in whole fractions: a value whose decimals end is exact, any other keeps twelve significant digits. A conversion may carry
pairs that were `published` together, so that 8.0 mg/dL of urate is the published 476 umol/L and not 475.84; nothing else is rounded.

**Source**: shared facts contract; clinical reference 9.4. UCUM in `ucum.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache

from baybridge.base.quantity import Quantity
from baybridge.documents.terms import Units
from baybridge.facts import ucum

NOISE_DIGITS = 12  # of a value whose decimals never end
_EXACT_DIGITS = 80  # up to which a value whose decimals end is told in full
_MAX_UNIT = 60  # characters; nobody writes a longer unit
_MAX_POWER = 400  # of ten; a number beyond it is no measurement
#: 10^9, 10*9, 10~9, x10e9, E9, 1E9, and 10⁹ without its superscript (3, 6, 9, 12 alone); then what is counted.
#: 10⁹ without its superscript, before what it counts in: `109/L` is no hundred and nine. UCUM would read a number that no laboratory means.
_FLAT_POWER = re.compile(r"x?10(3|6|9|12)(?=[/{])", re.IGNORECASE)
_POWER_OF_TEN = re.compile(r"[x*]?(?:10(?:\^|\*\*?|~|e|')([+-]?\d{1,2})|1?e([+-]?\d{1,2})|10(3|6|9|12)(?!\d))(.*)", re.IGNORECASE)


class UnitMismatchError(ValueError):
    """A quantity that cannot be said in the unit wanted; `expected` and `found` are units."""

    def __init__(self, expected: str, found: str | None) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"expected a unit that converts to {expected}, found {found or 'no unit'}")


@dataclass(frozen=True, slots=True)
class Conversion:
    """Multiply by `factor` to get to the fact's unit; a value that was `published` with another as one limit is that other."""

    factor: Fraction
    published: Mapping[Fraction, Fraction] = field(default_factory=dict)
    decimals: int | None = None  # of a site's own document that rounds every value, halves away from zero

    def of(self, value: Fraction) -> Fraction:
        """The value in the fact's unit."""
        converted = self.published.get(value, value * self.factor)
        if self.decimals is None:
            return converted
        step = Fraction(10) ** -self.decimals
        return (1 if converted >= 0 else -1) * ((abs(converted) / step + Fraction(1, 2)) // 1) * step


@dataclass(frozen=True, slots=True)
class UnitTable:
    """Spellings that are no UCUM, or that laboratories mean otherwise; their parts; and annotations that change what was measured."""

    spellings: Mapping[str, str]
    parts: Mapping[str, str]
    telling: Mapping[str, str]
    exact: Mapping[str, str] = field(default_factory=dict)  # spellings whose own unit is another name of the one that they are read as
    lettered: Mapping[str, str] = field(default_factory=dict)  # by capitals and small letters: `G/L` is giga per litre where a count is asked for

    @classmethod
    def from_document(cls, document: Units) -> UnitTable:
        """The table of the document `units` of `data/terms`."""
        spellings = {_fold(written): unit for unit, listed in document.spellings.items() for written in listed}
        parts = {_fold(written): part for part, listed in document.parts.items() for written in listed}
        telling = document.telling_annotations
        if isinstance(telling, tuple):  # a site's own document of before
            telling = {note: (note,) for note in telling}
        lettered = {_joined(written): unit for unit, listed in document.lettered.items() for written in listed}
        exact = {_fold(written): unit for unit, listed in document.exact.items() for written in listed}
        return cls(spellings, parts, {_fold(written): note for note, listed in telling.items() for written in (note, *listed)}, exact, lettered)

    def read(self, written: str) -> str:
        """The UCUM unit that was meant, where nothing is known of what it should convert into; the text itself where nobody knows it."""
        return self.spellings.get(_fold(written)) or self._by_parts(written) or written.strip()

    def readings(self, written: str) -> tuple[str, ...]:
        """What a text can mean, in the order in which it is tried: UCUM as it stands, then as laboratories spell it, then by its capitals.

        A spelling that names a unit itself is that one first: `Thousand/uL` is 10*3/uL, then 10*9/L, which is as much. The unit that is asked for decides:
        `G/L` becomes grams where a mass is asked for, and thousands of millions where a count is.
        """
        exact, spelt = written.strip(), self.read(written)
        known = self._as_written(written, spelt), spelt
        found = known if _FLAT_POWER.match(_joined(written)) or not ucum.is_unit(exact) else (exact, *known)
        return tuple(dict.fromkeys(one for one in (*found, self.lettered.get(_joined(written), "")) if one and ucum.is_unit(one)))

    def _as_written(self, written: str, spelt: str) -> str:
        """The unit that a spelling names itself, where it is as much as the one that it is read as: `Thousand/uL` is 10*3/uL, read as 10*9/L."""
        said = self.exact.get(_fold(written)) or self._by_parts(written)
        if said is None or not (ucum.is_unit(said) and ucum.is_unit(spelt)):
            return spelt
        return said if ucum.read(said) == ucum.read(spelt) and self.tell(said) == self.tell(spelt) else spelt

    def tell(self, unit: str) -> frozenset[str]:
        """The annotations of a UCUM unit that say what was counted, each in one spelling."""
        return frozenset(note for noted in ucum.read(unit).notes if (note := self.telling.get(_fold(noted))) is not None)

    def _by_parts(self, written: str) -> str | None:
        """Part by part between slashes: `Thousand/uL`, `mEq/L`, `10~9/L`, `µIU/mL`; None where a part stays unknown."""
        text = _joined(written)
        if ucum.is_unit(text) and not _FLAT_POWER.match(text):
            return text
        found = [self._part(part, alone="/" not in text) for part in text.split("/")]
        joined = "/".join(part for part in found if part is not None)
        return joined if None not in found and ucum.is_unit(joined) else None

    def _part(self, part: str, *, alone: bool) -> str | None:
        if not alone and part.casefold() in self.parts:
            return self.parts[part.casefold()]
        power = _POWER_OF_TEN.fullmatch(part)
        if power is not None:
            *exponents, counted = power.groups()
            rest = self._part(counted, alone=False) if counted else ""
            return None if rest is None else f"10*{next(filter(None, exponents))}{rest if rest[:1] in ('', '{') else '.' + rest}"
        return next((one for one in (part, part.lower()) if ucum.is_unit(one)), None)


def convert(quantity: Quantity, unit: str | None, conversions: Mapping[str, Conversion], table: UnitTable) -> Decimal:
    """The value in `unit`; `UnitMismatchError` where the quantity has no unit or one that does not fit."""
    unit = "1" if unit is None else unit
    if quantity.unit is None or not quantity.unit.strip():
        raise UnitMismatchError(unit, None)
    if len(quantity.unit) > _MAX_UNIT or abs(quantity.value.adjusted()) > _MAX_POWER:
        raise UnitMismatchError(unit, quantity.unit[:_MAX_UNIT])
    if quantity.unit == unit and ucum.is_unit(unit):
        return quantity.value
    for steps in _ways(quantity.unit, unit, conversions, table):
        value = _along(Fraction(quantity.value), *steps)
        if value is not None:
            return quantity.value if value == Fraction(quantity.value) else decimal(value)
    raise UnitMismatchError(unit, quantity.unit)


_Way = tuple[str, str, Conversion | None]  # from, to by UCUM, then the analyte's own


def _ways(found: str, wanted: str, conversions: Mapping[str, Conversion], table: UnitTable) -> Iterator[_Way]:
    """An analyte's own conversion of just this unit, then UCUM, then UCUM to a unit that the analyte converts."""
    readings, targets = table.readings(found), table.readings(wanted) or (wanted,)
    own = [(next(iter(table.readings(listed)), listed), conversion) for listed, conversion in conversions.items()]
    for reading in readings:
        yield from ((reading, listed, conversion) for listed, conversion in own if listed == reading)
    yield from ((reading, target, None) for target in targets for reading in readings if _agree(reading, target, table))
    for reading in readings:
        yield from ((reading, listed, conversion) for listed, conversion in own if _agree(reading, listed, table))


def _agree(found: str, wanted: str, table: UnitTable) -> bool:
    return ucum.is_unit(wanted) and table.tell(found) == table.tell(wanted)


def _along(value: Fraction, found: str, wanted: str, conversion: Conversion | None) -> Fraction | None:
    try:
        converted = ucum.convert(value, found, wanted) if found != wanted else value
    except ucum.UnitError:
        return None
    return converted if conversion is None else conversion.of(converted)


def decimal(value: Fraction, digits: int = NOISE_DIGITS) -> Decimal:
    """A fraction in decimals: exact where they end, else with so many significant digits; no trailing zeros, no exponent above zero."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    context = Context(prec=_EXACT_DIGITS if rest == 1 else digits, rounding=ROUND_HALF_EVEN)
    divided = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    wide = Context(prec=_MAX_POWER + _EXACT_DIGITS)
    normal = divided.normalize(wide)
    exponent = normal.as_tuple().exponent
    return normal.quantize(Decimal(1), context=wide) if isinstance(exponent, int) and 0 < exponent < _MAX_POWER else normal


@lru_cache(maxsize=4096)
def _joined(written: str) -> str:
    return re.sub(r"\s+", "", _plain_text(written))


@lru_cache(maxsize=4096)
def _fold(written: str) -> str:
    return re.sub(r"\s+", "", _plain_text(_plain_text(written).casefold()))


def _plain_text(written: str) -> str:
    """Compatibility signs unfolded, and each sign of micro and of times in one spelling."""
    return unicodedata.normalize("NFKC", written).replace("×", "x").replace("μ", "u").strip()
