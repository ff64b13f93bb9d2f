"""Results of release tests as facts: text and unit in, typed value out, or what does not fit.

Main job: `read_results` and `wrong_results`. A unit other than the dictionary's is refused, not converted: a specification is
written in one unit, in UCUM or as people spell it.
"""

from __future__ import annotations

from collections.abc import Iterator

from baybridge.base.outcome import Reason
from baybridge.documents.terms import Units
from baybridge.facts.units import UnitTable
from baybridge.journey.command import Situation
from baybridge.journey.values import Typed, fact_entry, read_typed, unfit

Result = tuple[str, str, str]


def read_results(situation: Situation, results: tuple[Result, ...]) -> dict[str, Typed]:
    """Attribute to value, each as the dictionary's type."""
    return {attribute: read_typed(fact_entry(situation, attribute), value) for attribute, value, _ in results}


def wrong_results(situation: Situation, results: tuple[Result, ...]) -> Iterator[Reason]:
    """Attributes that the dictionary does not know, values that do not fit, and units that are not its own."""
    table = UnitTable.from_document(situation.documents.the(Units))
    for attribute, value, unit in results:
        yield from unfit(situation, attribute, value)
        fact = fact_entry(situation, attribute)
        if fact is not None and unit not in ("", "-", fact.unit or "") and fact.unit not in table.readings(unit):
            values = {"attribute": attribute, "expected": fact.unit or "-", "found": unit}
            yield Reason("supply.test.unit", values, where=attribute)
