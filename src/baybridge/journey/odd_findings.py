"""Findings of an assessment that do not fit each other or are unusual: somebody is asked which of them holds.

Main job: `questions(findings, limits, age)`, what is asked of the findings of one look, as codes; `to_ask(case, node, limits)`: the questions of all assessments made
here that stand. A question stands until a later assessment says that it is meant, gives the answer anew without such a finding, or finds them otherwise, or the entry is
corrected; one that is silent about it, or that raises another question, leaves it open. It ends with discharge and death. `does_not_fit(name, value, findings, limits)`:
whether an answer of before cannot be affirmed beside these findings.

**Source**: conventions of this project; limits in `data/pathways/escalation.yaml`. A question of which one half is a sign is asked afterwards, because signs call at
once; any other before (`bedside/monitoring.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from baybridge.documents.escalation import UnusualSigns
from baybridge.journey.case import Case
from baybridge.journey.events import AssessmentRecorded

#: A vital sign that is unusual by itself is asked about by its name behind this.
UNUSUAL = "unusual_"

_Holds = Callable[[object, UnusualSigns], bool]


@dataclass(frozen=True, slots=True)
class Pair:
    """An answer, and the findings beside which it cannot stand."""

    answer: tuple[str, _Holds]
    beside: tuple[tuple[str, _Holds], ...]

    def odd(self, findings: Mapping[str, object], limits: UnusualSigns) -> bool:
        """Whether the answer stands beside one of the findings."""
        return _holds(self.answer, findings, limits) and any(_holds(one, findings, limits) for one in self.beside)

    def settled(self, findings: Mapping[str, object], limits: UnusualSigns) -> bool:
        """Whether the answer was given anew without such a finding beside it, or none of the findings is so any more."""
        stated = [one for one in self.beside if one[0] in findings]
        gone = len(stated) == len(self.beside) and not any(_holds(one, findings, limits) for one in stated)
        return gone or (self.answer[0] in findings and not self.odd(findings, limits))


def _holds(one: tuple[str, _Holds], findings: Mapping[str, object], limits: UnusualSigns) -> bool:
    name, holds = one
    return name in findings and holds(findings[name], limits)


def _is(*values: object) -> _Holds:
    return lambda found, _: any(found == one and type(found) is type(one) for one in values)


def _is_true(found: object, _: UnusualSigns) -> bool:
    return found is True


def _more_than_none(found: object, _: UnusualSigns) -> bool:
    return _number(found) > 0


def _low_pressure(found: object, limits: UnusualSigns) -> bool:
    return limits.no_hypotension_below is not None and _is_number(found) and _number(found) < limits.no_hypotension_below


def _low_saturation(found: object, limits: UnusualSigns) -> bool:
    return limits.comfort_at_most is not None and _is_number(found) and _number(found) <= limits.comfort_at_most


#: By code. Source of the flow: Lee 2019, Table 2 (low flow up to 6 L/min needs at least a cannula); of the others: conventions of this project.
PAIRS: Mapping[str, Pair] = {
    "no_hypotension_vasopressor": Pair(("hypotension", _is("none")), (("vasopressors", _more_than_none), ("vasopressin", _is_true))),
    "no_hypotension_systolic": Pair(("hypotension", _is("none")), (("systolic_pressure", _low_pressure),)),
    "no_device_flow": Pair(("oxygen_device", _is("none")), (("oxygen_flow", _more_than_none),)),
    "intubated_comfort": Pair(("oxygen_reason", _is("comfort", "home_therapy", "none")), (("oxygen_device", _is("intubated")),)),
    "comfort_saturation": Pair(
        ("oxygen_reason", _is("comfort")), (("oxygen_saturation", _low_saturation), ("arterial_oxygen_saturation", _low_saturation))
    ),
    "unarousable_ice": Pair(("arousal", _is("unarousable")), (("ice_score", _more_than_none),)),
}

#: An answer that may be so beside such a value, and is no question where somebody states it; where it was found before it is looked at anew. Convention of this project.
_NOT_AFFIRMED = (
    Pair(("oxygen_device", _is("none")), (("oxygen_saturation", _low_saturation), ("arterial_oxygen_saturation", _low_saturation))),
    Pair(("oxygen_reason", _is("none")), (("oxygen_saturation", _low_saturation), ("arterial_oxygen_saturation", _low_saturation))),
    Pair(("vasopressors", _is(0)), (("systolic_pressure", _low_pressure),)),
)


def does_not_fit(name: str, value: object, findings: Mapping[str, object], limits: UnusualSigns) -> bool:
    """Whether findings contradict what was found before."""
    beside = {**findings, name: value}
    return any(pair.answer[0] == name and pair.odd(beside, limits) for pair in (*PAIRS.values(), *_NOT_AFFIRMED))


def questions(findings: Mapping[str, object], limits: UnusualSigns, age: object = None) -> Iterator[str]:
    """The pairs that do not fit and the vital signs that are unusual, as codes."""
    yield from (code for code, pair in PAIRS.items() if pair.odd(findings, limits))
    yield from (f"{UNUSUAL}{name}" for name in limits.vital_signs if name in findings and limits.of(name, findings[name], age) is not None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def to_ask(case: Case, node: str, limits: UnusualSigns) -> tuple[str, ...]:
    """The questions of the assessments of this node that nobody answered."""
    since = case.discharge.origin.recorded_at if case.discharge is not None else None
    standing: dict[str, None] = {}
    for entry in case.of(AssessmentRecorded):
        if entry.origin.node != node or (since is not None and entry.origin.recorded_at < since):
            continue
        event, findings = entry.event, dict(entry.event.findings)
        pairs = [code for code, pair in PAIRS.items() if pair.odd(findings, limits)]  # those of assessments that did not keep what was asked
        standing = {code: None for code in standing if code not in event.meant and not _settled(code, findings, limits)}
        standing |= {code: None for code in (*pairs, *event.asked) if code not in event.meant}
    return tuple(standing) if case.alive else ()


def _settled(code: str, findings: Mapping[str, object], limits: UnusualSigns) -> bool:
    """Whether a later look says otherwise of what was asked; it asks again itself where it finds the same."""
    pair = PAIRS.get(code)
    return code.removeprefix(UNUSUAL) in findings if pair is None else pair.settled(findings, limits)
