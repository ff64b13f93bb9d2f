"""A number that somebody types, in another unit: for people and programs that only want to convert.

Main job: `said_in(found, wanted, value, analyte, dictionary)`, the same layer as every fact.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction

from baybridge.base.outcome import Reason
from baybridge.base.quantity import Quantity
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.unit_ways import rows_of, way
from baybridge.facts.units import NOISE_DIGITS, UnitMismatchError, decimal

_MAX_POWER = 400  # of ten; a number beyond it is no measurement
_SHOWN = 60  # characters of a unit that are repeated


def said_in(found: str, wanted: str, value: str, analyte: str | None, dictionary: Dictionary, *, digits: int = NOISE_DIGITS) -> Decimal | Reason:
    """The value in the wanted unit, exact where its decimals end, else with so many digits; or the reason against."""
    number = _number(value)
    if number is None:
        return Reason("facts.units.no_number", where="VALUE")
    if analyte is not None and analyte not in dictionary:
        close = dictionary.close_to(analyte)
        code = "facts.given.unknown_name_close" if close else "facts.given.unknown_name"
        return Reason(code, {"fact": analyte[:_SHOWN], **({"close": close} if close else {})}, where="--analyte")
    for unit, where in ((found, "FROM"), (wanted, "TO")):
        if not dictionary.units.readings(unit):
            return Reason("facts.units.no_unit", {"found": unit[:_SHOWN]}, where=where)
    fact = dictionary[analyte] if analyte is not None else None
    if fact is not None and fact.unit is not None and fact.unit == wanted:
        try:
            return dictionary.convert(fact.name, Quantity(number, found))
        except UnitMismatchError:
            return _no_way(found, wanted)
    how = way(found, wanted, rows_of(fact) if fact is not None else (), dictionary.units)
    return _no_way(found, wanted) if how is None else decimal(how.of(Fraction(number)), digits)


def _no_way(found: str, wanted: str) -> Reason:
    return Reason("facts.units.no_way", {"found": found[:_SHOWN], "expected": wanted[:_SHOWN]}, where="FROM")


def _number(written: str) -> Decimal | None:
    try:
        number = Decimal(written.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _MAX_POWER else None
