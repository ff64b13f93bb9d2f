"""What a value was before its newest one, so that a page says which way it goes.

Main job: `before(view)`. Values come from the one reading of the record (`measured_for`), so that a page never compares with another number than a rule
read; values of an analyte whose results depend on the method are compared within one method alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from baybridge.documents.recognition import Methods
from baybridge.facts.dictionary import Fact
from baybridge.facts.factset import ReadFact, Status
from baybridge.facts.fhir import Found
from baybridge.facts.measurement import Measurement, State
from baybridge.facts.reading import measured_for
from baybridge.policy.language.types import Value
from baybridge.web.case.view import CaseView


@dataclass(frozen=True, slots=True)
class Before:
    """The value before, in the unit of its fact, when it was, and which way the newest one went: up, down, same."""

    value: int | float
    at: datetime
    way: str


def before(view: CaseView) -> dict[str, Before]:
    """The value before the newest one of each measured number, by the name of its fact."""
    node, case = view.asked.node, view.case
    methods = node.documents.typed.one(Methods, "recognition", "methods")
    by_method = frozenset(code for group in methods.groups for code in group.loinc)
    known = node.record_memory.known(case.patient_id or "", node.dictionary)
    measured = measured_for(Found(view.look.unit.record(case).from_outside), view.now, node.dictionary, case, known)
    values: dict[str, list[Measurement]] = {}
    for one in measured.measurements:
        if one.state is State.EXACT and _number(one.value) is not None:
            values.setdefault(one.fact.name, []).append(one)
    found = {name: _before(fact, values.get(name, ()), by_method) for name, fact in view.facts.facts.items()}
    return {name: one for name, one in found.items() if one is not None}


def _before(fact: ReadFact, values: Iterable[Measurement], by_method: frozenset[str]) -> Before | None:
    newest = next((one for one in values if (one.source, one.at) == (fact.source, fact.at)), None)
    now = _number(fact.value)
    if newest is None or now is None or fact.status not in (Status.USED, Status.STALE):
        return None
    depends = any(code in by_method for _, code in newest.fact.codes)
    earlier = [one for one in values if one.at < newest.at and _is_likely(one.fact, one.value) and (not depends or (one.method and one.method == newest.method))]
    last = max(earlier, key=lambda one: one.order, default=None)
    was = _number(last.value) if last is not None else None
    return None if last is None or was is None else Before(was, last.at, "same" if was == now else "up" if was < now else "down")


def _number(value: Value) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_likely(fact: Fact, value: Value) -> bool:
    return fact.is_plausible(Decimal(str(value)))
