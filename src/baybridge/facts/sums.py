"""Scores that are the sum of their items: the ICE score of its five.

Main job: `with_sums(values, sums)` gives a total where all its items are given; `contradicted(values, sums)` names a total that somebody typed beside items that
are incomplete or say otherwise; `measured_sums` does the same for the measurements of a record; `contradicting` finds observations that say both.

**Source**: the dictionary (`read: {sum_of: […]}`); ICE: Lee DW et al. BBMT 2019;25:625-638, Table 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from baybridge.facts.dictionary import Dictionary
from baybridge.facts.fhir import Found, mapping, text
from baybridge.facts.measurement import Measured, Measurement, State, measure
from baybridge.policy.language.types import Value

T = TypeVar("T")
#: The items of each total, by the total's name.
Sums = Mapping[str, Sequence[str]]

_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


def sums_of(facts: Mapping[str, object]) -> Sums:
    """The totals of the documents of `data/facts`."""
    read = {name: entry["read"] for name, entry in facts.items() if isinstance(entry, Mapping) and isinstance(entry.get("read"), Mapping)}
    return {name: tuple(rule["sum_of"]) for name, rule in read.items() if rule.get("sum_of")}


def with_sums(values: Mapping[str, T], totals: Sums) -> dict[str, T | int]:
    """The values with each total whose items are all given; a total beside them is taken as it stands."""
    found = {name: total for name, items in totals.items() if name not in values for total in [_total(values, items)] if total is not None}
    return {**values, **found}


def contradicted(values: Mapping[str, object], totals: Sums) -> Iterator[tuple[str, dict[str, str]]]:
    """Each total that stands beside items which are incomplete or sum otherwise, with what was given and what the items say."""
    for name, items in totals.items():
        given = [item for item in items if values.get(item) is not None]
        total = _total(values, items)
        if values.get(name) is not None and given and total != values[name]:
            said = str(total) if total is not None else " + ".join(str(values[item]) for item in given) + " + ?"
            yield name, {"given": str(values[name]), "items": said}


def _total(values: Mapping[str, object], items: Sequence[str]) -> int | None:
    given = [values.get(item) for item in items]
    return sum(given) if all(isinstance(one, int) and not isinstance(one, bool) for one in given) else None  # type: ignore[arg-type]


# --- in a record ----------------------------------------------------------------------------------------------------------


def measured_sums(measured: Measured, dictionary: Dictionary) -> list[Measurement]:
    """The measurements, with one of each total at every moment at which all its items were measured.

    Where a record holds both and they differ (another system sent them), the lower one stands: the worse finding is not lost.
    """
    found = list(measured.measurements)
    for name, items in dictionary.sums.items():
        for at, values in _by_moment(measured, items).items():
            total = _total({item: one.value for item, one in values.items()}, items)
            if total is None:
                continue
            last = max(values.values(), key=lambda one: one.order)
            typed = [one for one in found if one.fact.name == name and one.at == at and one.state is State.EXACT]
            lowest: Value = min([total, *(one.value for one in typed if isinstance(one.value, int))])
            found = [one for one in found if one not in typed]
            found.append(replace(last, fact=dictionary[name], value=lowest, original=str(lowest), reported=None))
    return found


def _by_moment(measured: Measured, items: Sequence[str]) -> dict[datetime, dict[str, Measurement]]:
    found: dict[datetime, dict[str, Measurement]] = {}
    for item in items:
        for one in measured.of(item):
            found.setdefault(one.at, {})[item] = one
    return found


def contradicting(observations: Iterable[Mapping[str, object]], dictionary: Dictionary) -> dict[str, dict[str, str]]:
    """Observations (Type/id) that give a total beside items of the same patient and moment which contradict it, with what they say."""
    found: dict[str, dict[str, str]] = {}
    for theirs in _by_patient(observations).values():
        measured = measure(Found(theirs), _LAST_MOMENT, dictionary)
        for name, items in dictionary.sums.items():
            parts = _by_moment(measured, items)
            for total in measured.of(name):
                values = {item: one.value for item, one in parts.get(total.at, {}).items()}
                for _, said in contradicted({**values, name: total.value}, {name: items}):
                    found[total.source] = said
    return found


def _by_patient(observations: Iterable[Mapping[str, object]]) -> dict[str, list[Mapping[str, object]]]:
    found: dict[str, list[Mapping[str, object]]] = {}
    for resource in observations:
        found.setdefault(text(mapping(resource.get("subject")).get("reference")), []).append(resource)
    return found


def concerns(resource: Mapping[str, object], dictionary: Dictionary) -> bool:
    """Whether an observation gives a total or an item of one."""
    if resource.get("resourceType") != "Observation":
        return False
    named = {name for total, items in dictionary.sums.items() for name in (total, *items)}
    return any(one.fact.name in named for one in measure(Found([resource]), _LAST_MOMENT, dictionary).measurements)
