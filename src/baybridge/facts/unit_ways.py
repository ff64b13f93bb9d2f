"""From any unit of an analyte into any other: its own factors in both directions, with UCUM before and after them.

Main job: `way(reported, wanted, rows, table)`; `rows_of(fact)` are the factors of a fact. Into the unit of a fact, `units.py` is enough.

**Source**: as `units.py`: UCUM, and the rows of our own documents with theirs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from baybridge.facts import ucum
from baybridge.facts.dictionary import Fact
from baybridge.facts.units import UnitTable, decimal


@dataclass(frozen=True, slots=True)
class Row:
    """One factor of an analyte: value in `found` times `factor` is the value in `wanted`; `same` where both are one unit by two names."""

    found: str
    wanted: str
    factor: Fraction
    written: str
    same: bool = False


def rows_of(fact: Fact) -> Iterator[Row]:
    """The factors of a fact, each into its unit."""
    for unit, conversion in fact.conversions.items() if fact.unit is not None else ():
        factor = conversion.factor
        yield Row(unit, fact.unit or "1", factor, str(decimal(factor)), same=factor == 1 and "[IU]" in unit)


@dataclass(frozen=True, slots=True)
class Way:
    """How a value becomes one in another unit; `same` where nothing is done."""

    of: Callable[[Fraction], Fraction]
    how: str
    same: bool = False


def way(reported: str, wanted: str, given: Iterable[Row], table: UnitTable) -> Way | None:
    """How a unit becomes another one: just by a factor of the analyte, by UCUM, or by UCUM to and from such a factor."""
    rows = [turned for row in given for turned in _both_ways(row)]
    readings = table.readings(reported) or (reported.strip(),)
    into = (_into(target, readings, rows, table) for target in table.readings(wanted) or (wanted.strip(),))
    return next((found for found in into if found is not None), None)


def _into(target: str, readings: Iterable[str], rows: Sequence[tuple[Row, Way]], table: UnitTable) -> Way | None:
    for reading in readings:
        found = next((one for row, one in rows if (_plainly(row.found), _plainly(row.wanted)) == (_plainly(reading), _plainly(target))), None)
        if found is not None:
            return found
        if _scales(reading, target, table):
            return _by_ucum(reading, target)
    through = ((reading, row, one) for reading in readings for row, one in rows)
    fits = (found for found in through if _scales(found[0], found[1].found, table) and _scales(found[1].wanted, target, table))
    return next((_through(*found, target) for found in fits), None)


def _both_ways(row: Row) -> Iterator[tuple[Row, Way]]:
    factor = row.factor
    yield row, Way(lambda value: value * factor, f"× {row.written}", row.same)
    yield Row(row.wanted, row.found, 1 / factor, row.written, row.same), Way(lambda value: value / factor, f"÷ {row.written}", row.same)


def _plainly(unit: str) -> str:
    return unit.replace("10^", "10*")


def _scales(found: str, wanted: str, table: UnitTable) -> bool:
    if not (ucum.is_unit(found) and ucum.is_unit(wanted)) or table.tell(found) != table.tell(wanted):
        return found == wanted
    try:
        ucum.convert(Fraction(1), found, wanted)
    except ucum.UnitError:
        return False
    return True


def _by_ucum(found: str, wanted: str) -> Way:
    zero, one = (ucum.convert(Fraction(number), found, wanted) for number in (0, 1))
    how = f"× {decimal(one)}" if zero == 0 else "by UCUM"
    return Way(lambda value: ucum.convert(value, found, wanted), how, same=_one_spelling(found) == _one_spelling(wanted))


_NOTE = re.compile(r"\{[^}]*\}")
_LITRE = re.compile(r"(?<![A-Za-z\[\]'_])(da|[YZEPTGMkhdcmunpfazy]?)l(?![A-Za-z\[\]'_])")


def _one_spelling(unit: str) -> str:
    """A UCUM unit without what is its spelling alone: l and L, 10^ and 10*, 1/min and /min, and notes that tell nothing. Source: UCUM 2.2, sections 2 and 4."""
    plain = _LITRE.sub(r"\1L", _NOTE.sub("", _plainly(unit)))
    return plain.removeprefix("1") if plain.startswith("1/") else plain


def _through(found: str, row: Row, between: Way, wanted: str) -> Way:
    before, after = _by_ucum(found, row.found), _by_ucum(row.wanted, wanted)
    steps = (*([] if before.same else [before.how]), between.how, *([] if after.same else [after.how]))
    return Way(lambda value: after.of(between.of(before.of(value))), " ".join(steps))
