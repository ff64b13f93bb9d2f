"""Bringing a result into the receiver's unit.

Main job: `convert(result, wanted, conversions)` answers whether units differ and, where a way is known, the converted value.

One unit layer with `decide`: units are read and scaled by `facts/units.py`, and an analyte's factors are those of `data/recognition/conversions.yaml`
and of its fact. A value whose decimals end is exact; any other keeps twelve significant digits. Nothing is rounded for display here.
**Source**: policy reference A3 (creatinine 88.4); exchange contract: units that are equal, such as U/L and IU/L of an enzyme, are no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import isfinite

from baybridge.base.outcome import Reason
from baybridge.base.quantity import Quantity
from baybridge.documents import recognition as documents
from baybridge.facts.dictionary import LOINC, Dictionary
from baybridge.facts.given import set_aside
from baybridge.facts.unit_ways import Row, rows_of, way
from baybridge.facts.units import UnitMismatchError, UnitTable, decimal
from baybridge.recognition.written import WrittenResult

_MAX_POWER = 400  # of ten; a number beyond it is no measurement


@dataclass(frozen=True, slots=True)
class Conversion:
    """Whether units differ, and the value in the wanted unit where a way is known."""

    differs: bool
    value: float | int | None = None
    unit: str | None = None
    how: str | None = None  # what was done, e.g. "1.1 mg/dL × 88.4"

    @property
    def known(self) -> bool:
        """Whether a conversion was made."""
        return self.differs and self.value is not None


class Conversions:
    """The factors of every analyte, how units are read, and what a value can be; the dictionary is made when it is first asked."""

    def __init__(self, document: documents.Conversions, folder: Callable[[str], Mapping[str, object]]) -> None:
        self._document, self._folder = document, folder

    @cached_property
    def _dictionary(self) -> Dictionary:
        return Dictionary.from_documents(self._folder("facts"), self._folder("terms"))

    @property
    def table(self) -> UnitTable:
        """How units are read."""
        return self._dictionary.units

    def impossible(self, result: WrittenResult) -> tuple[Reason, ...]:
        """What is told of a value that cannot be true of a living person, by the limits of its fact; nothing where nobody can say."""
        fact, number = self._dictionary.by_code(LOINC, result.get("loinc") or ""), _number(result.get("value"))
        if fact is None or number is None or abs(number.adjusted()) > _MAX_POWER:
            return ()
        try:
            value = self._dictionary.convert(fact.name, Quantity(number, result.get("unit")))
        except UnitMismatchError:
            if number >= 0 or fact.plausible is None or fact.plausible[0] < 0:
                return ()
            value = number  # below zero in any unit
        return tuple(set_aside({fact.name: float(value)}, self._dictionary)[1])

    def spelt(self, unit: str) -> str:
        """A unit by the spellings that a site's own document of conversions lists, which go before the table."""
        return self._document.spellings.get(unit, unit)

    def rows(self, loinc: str | None) -> Iterator[Row]:
        """The factors of an analyte: of the document, then of its fact."""
        for row in self._document.rows:
            if loinc in row.loinc:
                yield Row(row.from_, row.to, Fraction(str(row.factor)), str(row.factor), row.same)
        for scale in self._document.scales:
            yield Row(scale.from_, scale.to, Fraction(str(scale.factor)), str(scale.factor))
        fact = self._dictionary.by_code(LOINC, loinc or "")
        yield from rows_of(fact) if fact is not None else ()


def convert(result: WrittenResult, wanted: str | None, conversions: Conversions) -> Conversion:
    """The result in the wanted unit; a null wanted unit keeps the result's own."""
    reported, value = result.get("unit"), result.get("value")
    if wanted is None or (reported or "").strip() == wanted.strip():
        return Conversion(differs=False)
    if reported is None:
        return Conversion(differs=True)
    number = _number(value)
    found = way(conversions.spelt(reported), conversions.spelt(wanted), conversions.rows(result.get("loinc")), conversions.table)
    if found is None:
        return Conversion(differs=True)
    if found.same:
        return Conversion(differs=False)
    if number is None or abs(number.adjusted()) > _MAX_POWER:
        return Conversion(differs=True)
    converted = decimal(found.of(Fraction(number)))
    if not isfinite(float(converted)):
        return Conversion(differs=True)  # a number that no program can write is no answer
    return Conversion(differs=True, value=_plain(converted), unit=wanted, how=f"{value} {reported} {found.how}")


def _number(value: object) -> Decimal | None:
    return Decimal(repr(value)) if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None


def _plain(value: Decimal) -> float | int:
    number = float(value)
    return int(number) if number.is_integer() and value == value.to_integral_value() and abs(number) < 2**53 else number
