"""When the downtime pack is written and what it prints: `data/keeping/downtime.yaml`.

Main job: `Downtime`. Where the packs go and to which key they are encrypted stands in the node's own `node.yaml`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from baybridge.documents.escalation import Duration
from baybridge.documents.heading import Heading, Part, Translated

Count = Annotated[int, Meta(ge=1, le=100)]


class Number(Part, frozen=True, kw_only=True):
    """Who answers, by language, and the number as it is dialled."""

    who: Translated
    number: Annotated[str, Meta(min_length=1, max_length=60)]


class Downtime(Heading, frozen=True, kw_only=True):
    """Times, counts and telephone numbers."""

    every: Duration
    late_after: Duration
    kept: Count
    drugs_of: Duration
    duty_of: Duration
    blank_rows: Count
    numbers: tuple[Number, ...] = ()
