"""When a node's backups are made, looked at again and thrown away: `data/keeping/backups.yaml`.

Main job: `Backups`. Where they go and to which key they are encrypted stands in the node's own `node.yaml`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from baybridge.documents.escalation import Duration
from baybridge.documents.heading import Heading, Part

Count = Annotated[int, Meta(ge=1)]


class Kept(Part, frozen=True, kw_only=True):
    """How many backups are kept: the newest of each of so many days, weeks and months."""

    days: Count
    weeks: Count
    months: Count


class Backups(Heading, frozen=True, kw_only=True):
    """Times and counts."""

    every: Duration
    late_after: Duration
    look_again_every: Duration
    kept: Kept
