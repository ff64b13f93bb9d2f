"""The worked cases of a document: what its author says must come out.

Main job: `differences(case, decision)`, every way in which a decision is not what a worked case expects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TypeGuard

from baybridge.policy.document.shapes import Expected, WorkedCase
from baybridge.policy.one_case.decide import Decision, DecisionDocument

_TOLERANCE = 1e-9  # of printed fractions; whole numbers and texts must be equal


def differences(case: WorkedCase, decision: Decision) -> tuple[str, ...]:
    """One line for each expectation that the decision does not meet; empty when all are met."""
    return tuple(_differences(case.expect, decision.as_json()))


def _differences(expect: Expected, found: DecisionDocument) -> Iterator[str]:
    wanted: Mapping[str, object] = expect
    printed: Mapping[str, object] = found
    for key in ("outcome", "missing", "would_settle"):
        if key in wanted and not same(wanted[key], printed[key]):
            yield f"{key}: expected {wanted[key]}, found {printed[key]}"
    for name, value in (expect.get("values") or {}).items():
        if name not in found["values"] or not same(value, found["values"][name]):
            yield f"values.{name}: expected {value}, found {found['values'].get(name, 'no such value')}"
    truths = {reason["criterion"]: reason["holds"] for reason in found["reasons"]}
    for name, holds in (expect.get("reasons") or {}).items():
        if name not in truths or truths[name] is not holds:
            yield f"reasons.{name}: expected {holds}, found {truths.get(name, 'no such criterion')}"


def same(expected: object, found: object) -> bool:
    """Whether two printed values are equal; fractions within a tolerance, true is not 1."""
    if _is_number(expected) and _is_number(found):
        return expected == found or math.isclose(expected, found, rel_tol=_TOLERANCE)
    return type(expected) is type(found) and bool(expected == found)


def _is_number(value: object) -> TypeGuard[int | float]:
    return type(value) in (int, float)
