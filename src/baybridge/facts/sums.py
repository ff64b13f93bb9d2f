"""Scores that are the sum of their items: the ICE score of its five.

Main job: `with_sums(values, sums)` gives a total where all its items are given; `contradicted(values, sums)` names a total that somebody typed beside items that
are incomplete or say otherwise; `measured_sums` does the same for the measurements of a record; `contradicting` finds observations that say both.

**Source**: the dictionary (`read: {sum_of: […]}`); ICE: Lee DW et al. BBMT 2019;25:625-638, Table 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from baybridge.facts.dictionary import Dictionary
from baybridge.facts.fhir import Found, mapping, text
from baybridge.facts.measurement import Measured, Measurement, State, may_give, measure
from baybridge.policy.language.types import Value

T = TypeVar("T")
#: The items of each total, by the total's name.
Sums = Mapping[str, Sequence[str]]

#: The least and the greatest that a total can be.
Span = tuple[int, int]

_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


def sums_of(facts: Mapping[str, object]) -> Sums:
    """The totals of the documents of `data/facts`."""
    read = {name: entry["read"] for name, entry in facts.items() if isinstance(entry, Mapping) and isinstance(entry.get("read"), Mapping)}
    return {name: tuple(rule["sum_of"]) for name, rule in read.items() if rule.get("sum_of")}


def with_sums(values: Mapping[str, T], totals: Sums) -> dict[str, T | int]:
    """The values with each total whose items are all given; a total beside them is taken as it stands."""
    found = {name: total for name, items in totals.items() if name not in values for total in [_total(values, items)] if total is not None}
    return {**values, **found}


def open_sums(values: Mapping[str, object], totals: Sums, most: Mapping[str, int], known: Mapping[str, object]) -> dict[str, Span]:
    """Each total of which some items are given and not all: the least and the greatest that it can be, and no better than what is `known` of it.

    Who stops asking halfway does not look again at the rest: an incomplete score makes a patient look worse, never better. `most` is what each item is at most.
    """
    found = {name: _open(values, items, most) for name, items in totals.items() if values.get(name) is None}
    before = {name: (known[name], known[name]) if isinstance(known.get(name), int) else None for name in found}
    return {name: _no_better(span, before[name]) for name, span in found.items() if span is not None}  # type: ignore[arg-type]


def _open(values: Mapping[str, object], items: Sequence[str], most: Mapping[str, int]) -> Span | None:
    given = {item: value for item in items if isinstance(value := values.get(item), int) and not isinstance(value, bool)}
    if not given or len(given) == len(items):
        return None
    least = sum(given.values())
    return least, least + sum(most[item] for item in items if item not in given)


def _no_better(span: Span, before: Span | None) -> Span:
    return span if before is None else (min(span[0], before[0]), min(span[1], before[1]))


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
    """The measurements, with one of each total at every moment at which its items were measured: its sum, or within which limits it lies where some are missing.

    Where a record holds both and they differ (another system sent them), the lower one stands: the worse finding is not lost.
    """
    found = list(measured.measurements)
    for name, items in dictionary.sums.items():
        for at, values in sorted(_by_moment(measured, items).items()):
            total = _total({item: one.value for item, one in values.items()}, items)
            if total is None:
                found += _incomplete(found, name, items, values, dictionary)
                continue
            last = max(values.values(), key=lambda one: one.order)
            typed = [one for one in found if one.fact.name == name and one.at == at and one.state is State.EXACT]
            lowest: Value = min([total, *(one.value for one in typed if isinstance(one.value, int))])
            found = [one for one in found if one not in typed]
            found.append(replace(last, fact=dictionary[name], value=lowest, original=str(lowest), reported=None))
    return found


def _incomplete(
    found: Sequence[Measurement], name: str, items: Sequence[str], values: Mapping[str, Measurement], dictionary: Dictionary
) -> Iterator[Measurement]:
    """The limits of a total of which some items were measured at a moment, unless it was given itself at that moment."""
    fact, last = dictionary[name], max(values.values(), key=lambda one: one.order)
    of_total = [one for one in found if one.fact.name == name and one.state in (State.EXACT, State.BOUND)]
    span = _open({item: one.value for item, one in values.items()}, items, {item: int((dictionary[item].plausible or (0, 0))[1]) for item in items})
    if span is None or any(one.at == last.at for one in of_total):
        return
    since = last.at - timedelta(hours=fact.max_age_h) if fact.max_age_h is not None else None
    before = max((one for one in of_total if one.at < last.at and (since is None or one.at >= since)), key=lambda one: one.order, default=None)
    limits = _no_better(span, _span_of(before))
    said = " + ".join(str(values[item].value) if item in values else "?" for item in items)
    yield replace(last, fact=fact, value=None, original=said, reported=None, state=State.BOUND, between=(float(limits[0]), float(limits[1])))


def _span_of(one: Measurement | None) -> Span | None:
    if one is not None and one.between is not None:
        return int(one.between[0]), int(one.between[1])
    return (one.value, one.value) if one is not None and isinstance(one.value, int) else None


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
    return may_give(resource, named, dictionary) and any(one.fact.name in named for one in measure(Found([resource]), _LAST_MOMENT, dictionary).measurements)
