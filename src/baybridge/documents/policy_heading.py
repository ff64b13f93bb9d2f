"""What a policy document says of itself, before its rules are read: `data/policies`.

Main job: `PolicyHeading`. Its rules are read and checked by `policy/document/reader.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypedDict


class LimitRow(TypedDict):
    """A limit of a specification, as far as its fact."""

    fact: str


class PolicyHeading(TypedDict, total=False):
    """The head of a policy, and the facts that its limits name."""

    id: str
    version: str
    shape: str
    title: Mapping[str, str]
    source: str
    confidence: str
    jurisdiction: Sequence[str]
    in_force_from: date | None
    in_force_to: date | None
    limits: Sequence[LimitRow]
