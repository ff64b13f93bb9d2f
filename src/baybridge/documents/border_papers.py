"""Papers that a shipment of cells needs at the border: `data/pathways/border-papers.yaml`.

Main job: `BorderPapers`, by leg and by the two regions.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from baybridge.documents.heading import Confidence, Heading, Jurisdiction, Part


class Paper(Part, frozen=True, kw_only=True):
    """One paper, and before which step it must be there."""

    kind: str
    before: Literal["collection", "dispatch"]
    source: str
    valid_at_most_d: Annotated[int, Meta(ge=1)] | None = None  # for how many days the law lets such a paper be valid; None where that is not established


class Leg(Part, frozen=True, kw_only=True):
    """A way between regions."""

    leg: Literal["to_plant", "to_centre"]
    from_: tuple[Jurisdiction, ...] = field(name="from")
    to: tuple[Jurisdiction, ...]
    papers: tuple[Paper, ...]
    confidence: Confidence


class BorderPapers(Heading, frozen=True, kw_only=True):
    """The papers of every leg."""

    legs: tuple[Leg, ...]
