"""The reason that a decision gives for one rule.

Main job: `Ground`, and `more_of(policy)`: what the reasons of a shape carry beyond the common fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Required, TypedDict

import msgspec

from baybridge.policy.document.shapes import Criteria, Findings, Limits, Policy
from baybridge.policy.language.types import Value

#: A value as JSON has it.
Plain = None | bool | int | float | str


class More(TypedDict, total=False):
    """What the reasons of some shapes carry beside the common fields."""

    code: str
    severity: str
    overridable: bool
    critical: bool
    any_of: str


class GroundDocument(More, total=False):
    """A reason as plain JSON."""

    criterion: Required[str]
    holds: Required[bool | None]
    expression: Required[str]
    facts: Required[dict[str, Plain]]
    source: Required[str]


class Ground(msgspec.Struct, frozen=True):
    """One rule of a decision: whether it holds (None: unknown), on which facts, on which source."""

    criterion: str
    holds: bool | None
    expression: str
    facts: Mapping[str, Value]
    source: str
    more: More = {}  # severity, overridable, critical where the shape has them

    def as_json(self) -> GroundDocument:
        """The reason as plain JSON."""
        facts = {name: plain_value(value) for name, value in self.facts.items()}
        return {
            "criterion": self.criterion, "holds": self.holds, "expression": self.expression, "facts": facts, "source": self.source, **self.more,
        }  # fmt: skip


def plain_value(value: Value) -> Plain:
    """A value as JSON has it: dates and times as ISO 8601 text."""
    return value.isoformat() if isinstance(value, date) else value


def more_of(policy: Policy) -> dict[str, More]:
    """What each reason carries beyond the common fields, by the id of its rule."""
    match policy.body:
        case Findings(findings=rows):
            return {row.rule.id: {"code": row.code, "severity": row.severity, "overridable": row.overridable} for row in rows}
        case Limits(limits=limits):
            return {limit.rule.id: {"critical": limit.critical} for limit in limits}
        case Criteria(criteria=criteria):
            return {item.rule.id: {"any_of": item.any_of} for item in criteria if item.any_of}
        case _:
            return {}
