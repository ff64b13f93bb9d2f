"""UCUM exactly: what a unit is made of, and how much of another unit it is.

Main job: `read(text) -> Measure` (raises `UnitError`), `convert(value, found, wanted) -> Fraction` in exact fractions; whole numbers inside a
unit (`10*3/uL`, `(24.h)`, `100.mL`) count as UCUM says.

Stricter than UCUM in one thing: what is a number to UCUM but a different thing to a laboratory is a dimension of its own and never converts
into another: each arbitrary unit ([IU], [EU], [CFU] …), moles, equivalents, osmoles and fields of view. An annotation in braces is dropped, as UCUM
says; which annotations tell is a matter of `units.py`.

**Source**: The Unified Code for Units of Measure 2.2, grammar and sections 2 to 4. Table of units: `ucum_table.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from math import atan, tan

from baybridge.facts.ucum_table import Row, table

_MAX_LENGTH = 120  # characters; nobody writes a longer unit
_MAX_DEPTH, _MAX_EXPONENT = 20, 400  # brackets inside each other; powers of a unit: beyond them a unit is a slip or an attack
#: One piece of a unit: number, annotation, sign, or symbol with its exponent; square brackets hold anything.
_PIECE = re.compile(r"(?P<ten>10[*^](?P<power>[+-]?\d+)?)|(?P<number>\d+)|(?P<note>\{[\x21-\x7a\x7c\x7e]*\})|(?P<sign>[./()])"
                    r"|(?P<symbol>(?:\[[^\[\]{}]*\]|[^\s\[\]{}()./+\-\d])+)(?P<exponent>[+-]?\d+)?")  # fmt: skip
_WIDE = Context(prec=60)


class UnitError(ValueError):
    """A text that is no UCUM unit, or two units of which one does not convert into the other."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A unit as a number of base units; `scale` where it is no multiple, such as Cel or pH, and then stands alone."""

    factor: Fraction
    dimensions: Mapping[str, int]
    scale: str | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)

    def times(self, other: Measure, power: int = 1) -> Measure:
        """This unit times a power of another."""
        if self.scale is not None or other.scale is not None:
            return _with_scale(self, other, power)
        total = dict(self.dimensions)
        for name, exponent in other.dimensions.items():
            total[name] = total.get(name, 0) + exponent * power
        kept = {name: exponent for name, exponent in total.items() if exponent}
        return Measure(self.factor * other.factor**power, kept, None, self.notes + other.notes)


def _with_scale(one: Measure, other: Measure, power: int) -> Measure:
    """A scale may be multiplied by a number only (`100.Cel` is no temperature that a laboratory reports, but it is UCUM)."""
    special, plain = (one, other) if one.scale is not None else (other, one)
    if plain.dimensions or plain.scale is not None or (special is other and power != 1):
        return Measure(Fraction(1), {"?": 1}, "no", one.notes + other.notes)  # UCUM by its grammar, converting into nothing
    return Measure(special.factor * plain.factor ** (power if plain is other else 1), special.dimensions, special.scale, one.notes + other.notes)


_ONE = Measure(Fraction(1), {})


@lru_cache(maxsize=4096)
def read(text: str) -> Measure:
    """The unit that a text means by UCUM, case-sensitive; `UnitError` where it is none. The empty text is the unit 1."""
    if len(text) > _MAX_LENGTH:
        raise UnitError("a unit of at most 120 characters")
    pieces, at = [], 0
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None or found.end() == at:
            raise UnitError(f"no UCUM at character {at + 1}")
        pieces.append(found)
        at = found.end()
    reader = _Reader(pieces)
    measure = reader.main() if pieces else _ONE
    if reader.at != len(pieces):
        raise UnitError("a sign between two units is missing, or a bracket is too many")
    return measure


def is_unit(text: str) -> bool:
    """Whether a text is UCUM."""
    try:
        read(text)
    except UnitError:
        return False
    return True


class _Reader:
    """Reads pieces from left to right: `.` and `/` have the same weight, a leading `/` divides one."""

    def __init__(self, pieces: list[re.Match[str]]) -> None:
        self.pieces, self.at, self.depth = pieces, 0, 0

    def _next(self, sign: str) -> bool:
        if self.at < len(self.pieces) and self.pieces[self.at]["sign"] == sign:
            self.at += 1
            return True
        return False

    def main(self) -> Measure:
        measure = _ONE.times(self._component(), -1) if self._next("/") else self._component()
        while True:
            if self._next("."):
                measure = measure.times(self._component())
            elif self._next("/"):
                measure = measure.times(self._component(), -1)
            else:
                return measure

    def _component(self) -> Measure:
        if self._next("("):
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise UnitError("too many brackets inside each other")
            measure = self.main()
            self.depth -= 1
            if not self._next(")"):
                raise UnitError("a bracket is not closed")
            return self._annotated(measure)
        if self.at == len(self.pieces) or self.pieces[self.at]["sign"]:
            raise UnitError("a sign that no unit follows")
        piece = self.pieces[self.at]
        self.at += 1
        if piece["note"]:
            return Measure(Fraction(1), {}, None, (piece["note"][1:-1],))
        return self._annotated(_simple(piece))

    def _annotated(self, measure: Measure) -> Measure:
        if self.at < len(self.pieces) and self.pieces[self.at]["note"]:
            self.at += 1
            noted = (*measure.notes, self.pieces[self.at - 1]["note"][1:-1])
            return Measure(measure.factor, measure.dimensions, measure.scale, noted)
        return measure


def _simple(piece: re.Match[str]) -> Measure:
    if piece["ten"]:
        return Measure(Fraction(10) ** _exponent(piece["power"]), {})
    if piece["number"]:
        return Measure(_number(piece["number"]), {})
    symbol = _symbol(piece["symbol"])
    power = _exponent(piece["exponent"])
    return symbol if power == 1 else _ONE.times(symbol, power)


def _number(digits: str) -> Fraction:
    if int(digits) == 0:
        raise UnitError("a unit is not made of zero")
    return Fraction(int(digits))


def _exponent(written: str | None) -> int:
    power = 1 if written is None else int(written)
    if abs(power) > _MAX_EXPONENT:
        raise UnitError("an exponent that no unit has")
    return power


@lru_cache(maxsize=2048)
def _symbol(symbol: str) -> Measure:
    rows, prefixes = table()
    if symbol in rows:
        return _of_row(symbol, rows[symbol])
    for length in (2, 1):
        prefix, rest = prefixes.get(symbol[:length]), symbol[length:]
        if prefix is not None and rest in rows and rows[rest].metric:
            unit = _of_row(rest, rows[rest])
            return Measure(unit.factor * prefix, unit.dimensions, unit.scale)
    raise UnitError(f"{symbol} is no unit of UCUM")


def _of_row(symbol: str, row: Row) -> Measure:
    if row.own:
        return Measure(Fraction(1), {symbol: 1})
    unit = read(row.unit)
    return Measure(unit.factor * row.value, unit.dimensions, None) if row.scale is None else _special(row, unit)


def _special(row: Row, unit: Measure) -> Measure:
    """A scale over its own unit: `factor` is the prefix, which `_symbol` multiplies in; the unit's own size stands in the scale's name."""
    return Measure(Fraction(1), unit.dimensions, f"{row.scale} {row.value * unit.factor}")


def convert(value: Fraction, found: str, wanted: str) -> Fraction:
    """So many of a unit in another one, exactly; scales that rest on logarithms to fifty digits, slopes to fifteen. `UnitError` where they do not fit."""
    left, right = read(found), read(wanted)
    if left.dimensions != right.dimensions or "no" in (left.scale, right.scale):
        raise UnitError(f"{found} does not convert into {wanted}")
    if left.scale == right.scale:
        return value * left.factor / right.factor
    base = value * left.factor if left.scale is None else _to_base(left.scale, value * left.factor)
    return base / right.factor if right.scale is None else _from_base(right.scale, base) / right.factor


def _to_base(scale: str, value: Fraction) -> Fraction:
    name, size = scale.split(" ")
    return _SCALES[name][0](value) * Fraction(size)


def _from_base(scale: str, base: Fraction) -> Fraction:
    name, size = scale.split(" ")
    try:
        return _SCALES[name][1](base / Fraction(size))
    except (ArithmeticError, ValueError):
        raise UnitError("no number of that scale") from None


def _wide(value: Fraction) -> Decimal:
    return _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))


def _power(base: int) -> Callable[[Fraction], Fraction]:
    def raised(exponent: Fraction) -> Fraction:
        if abs(exponent) > _MAX_EXPONENT:
            raise UnitError("a level that nobody measures")
        return Fraction(_WIDE.power(Decimal(base), _wide(exponent)))

    return raised


def _log(base: int) -> Callable[[Fraction], Fraction]:
    def level(value: Fraction) -> Fraction:
        if value <= 0:
            raise UnitError("a level of nothing")
        return Fraction(_WIDE.divide(_WIDE.ln(_wide(value)), _WIDE.ln(Decimal(base))))

    return level


def _exp(value: Fraction) -> Fraction:
    if abs(value) > _MAX_EXPONENT:
        raise UnitError("a level that nobody measures")
    return Fraction(_WIDE.exp(_wide(value)))


def _ln(value: Fraction) -> Fraction:
    if value <= 0:
        raise UnitError("a level of nothing")
    return Fraction(_WIDE.ln(_wide(value)))


#: To the unit of the scale and back. Source: UCUM 2.2, tables of special units.
_SCALES: Mapping[str, tuple[Callable[[Fraction], Fraction], Callable[[Fraction], Fraction]]] = {
    "cel": (lambda x: x + Fraction("273.15"), lambda k: k - Fraction("273.15")),
    "degf": (lambda x: x + Fraction("459.67"), lambda r: r - Fraction("459.67")),
    "degre": (lambda x: x + Fraction("218.52"), lambda r: r - Fraction("218.52")),
    "ln": (_exp, _ln),
    "lg": (_power(10), _log(10)),
    "2lg": (lambda x: _power(10)(x / 2), lambda x: 2 * _log(10)(x)),
    "ld": (_power(2), _log(2)),
    "ph": (lambda x: _power(10)(-x), lambda x: -_log(10)(x)),
    "hpx": (lambda x: _power(10)(-x), lambda x: -_log(10)(x)),
    "hpc": (lambda x: _power(100)(-x), lambda x: -_log(100)(x)),
    "hpm": (lambda x: _power(1000)(-x), lambda x: -_log(1000)(x)),
    "hpq": (lambda x: _power(50000)(-x), lambda x: -_log(50000)(x)),
    "sqrt": (lambda x: x * x, lambda x: Fraction(_WIDE.sqrt(_wide(x)))),
    "100tan": (lambda x: Fraction(repr(atan(x / 100))), lambda x: Fraction(repr(100 * tan(x)))),
}
