"""A rule's answer where it also made decisions: the events, and the decision documents that they cite.

Main job: let a rule of a part hand its decision documents to `node.handle`, which keeps each under its SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from baybridge.journey.events import Event


@dataclass(frozen=True, slots=True)
class Judged:
    """Events that follow, and the decision documents (plain JSON) whose SHA-256 the events cite."""

    events: tuple[Event, ...]
    decisions: tuple[dict[str, Any], ...] = ()
