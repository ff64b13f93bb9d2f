"""Published chances of response: `data/trials/published-response.yaml`.

Main job: `PublishedResponses`. **Units**: percent.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from baybridge.documents.heading import Heading, Part, Percent, Row


class Intervals(Part, frozen=True, kw_only=True):
    """95 % intervals."""

    response: tuple[Percent, Percent] | None = None
    complete_response: tuple[Percent, Percent] | None = None


class PublishedResponse(Row, frozen=True, kw_only=True):
    """What one publication says of one label."""

    product: str
    policy: str
    trial: str
    population: str
    n: Annotated[int, Meta(ge=1)]
    response_percent: Percent | None = None
    complete_response_percent: Percent | None = None
    interval: Intervals | None = None


class PublishedResponses(Heading, frozen=True, kw_only=True):
    """All of them."""

    rows: tuple[PublishedResponse, ...]
