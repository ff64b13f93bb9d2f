"""Results of release tests as facts: text and unit in, typed value out, or what does not fit.

Main job: `read_results` and `wrong_results`. A unit other than the dictionary's is refused, not converted: a specification is written in one unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from baybridge.base.outcome import Reason
from baybridge.journey.command import Situation

Result = tuple[str, str, str]

_WORDS: Mapping[str, bool] = {"true": True, "false": False}


def read_results(results: tuple[Result, ...]) -> dict[str, bool | float | int | str]:
    """Attribute to value: `true` and `false`, whole numbers, decimals, else a code."""
    return {attribute: read_value(value) for attribute, value, _ in results}


def read_value(text: str) -> bool | float | int | str:
    """A value from its text."""
    plain = text.strip()
    if plain.casefold() in _WORDS:
        return _WORDS[plain.casefold()]
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return plain


def wrong_results(situation: Situation, results: tuple[Result, ...]) -> Iterator[Reason]:
    """Attributes that the dictionary does not know, and units that are not its own."""
    for attribute, value, unit in results:
        fact = fact_entry(situation, attribute)
        if fact is None:
            yield Reason("supply.test.attribute_unknown", {"attribute": attribute}, where=attribute)
        elif fact.get("type") in ("number", "integer") and isinstance(read_value(value), bool | str):
            yield Reason("supply.test.not_a_number", {"attribute": attribute}, where=attribute)
        elif unit and unit != (fact.get("unit") or ""):
            values = {"attribute": attribute, "expected": str(fact.get("unit") or "-"), "found": unit}
            yield Reason("supply.test.unit", values, where=attribute)


def fact_entry(situation: Situation, name: str) -> Mapping[str, Any] | None:
    """The dictionary's entry of a fact."""
    for document in situation.documents("facts").values():
        entry = document.get(name)
        if isinstance(entry, Mapping):
            return entry
    return None
