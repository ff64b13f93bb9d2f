"""Findings of one assessment that do not fit each other: they are recorded, call where they are signs, and somebody is asked which of them holds.

Main job: `contradictions(findings)`, and `to_ask(case, node)`: those of the last assessment made here that nobody said are meant. The question ends with a later
assessment, or a correction.

**Source**: conventions of this project. A contradiction of which one half is a sign is taken at once and asked about afterwards; any other is asked about before
(`bedside/monitoring.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from baybridge.journey.case import Case
from baybridge.journey.events import AssessmentRecorded

#: Above this no device was forgotten by chance. Source: Lee 2019, Table 2 (low flow up to 6 L/min needs at least a cannula).
_NO_DEVICE_FLOW = 0


def contradictions(findings: Mapping[str, object]) -> Iterator[str]:
    """The pairs that do not fit, as codes."""
    if findings.get("hypotension") == "none" and (_number(findings.get("vasopressors")) > 0 or findings.get("vasopressin") is True):
        yield "no_hypotension_vasopressor"
    if findings.get("oxygen_device") == "none" and _number(findings.get("oxygen_flow")) > _NO_DEVICE_FLOW:
        yield "no_device_flow"
    if findings.get("arousal") == "unarousable" and _number(findings.get("ice_score")) > 0:
        yield "unarousable_ice"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def to_ask(case: Case, node: str) -> tuple[str, ...]:
    """The contradictions of the last assessment of this node that nobody said are meant."""
    own = [entry for entry in case.of(AssessmentRecorded) if entry.origin.node == node]
    if not own or not case.alive:
        return ()
    last = own[-1].event
    return tuple(pair for pair in contradictions(dict(last.findings)) if pair not in last.meant)
