"""Within how many days a person is answered who asks for a right over the own data: `data/person-requests/*.yaml`.

Main job: `RequestLaw`, with one row for some of the rights. A law that says "in time" has the days that a site counts by; a row of low confidence counts too, and is
shown as unverified.

**Units**: days after the day on which the request came. Elsewhere: the requests that are counted by it, `consent/requests.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from baybridge.documents.heading import EMPTY, Heading, Jurisdiction, Row, Translated, ids_twice

#: A right over the own data: a copy of all of it, its correction, that it is no longer used but for care, that it is erased.
Right = Literal["copy", "correction", "restriction", "erasure"]


class RequestClock(Row, frozen=True, kw_only=True):
    """Within how many days these rights are answered, and whether a law, guidance or only this house asks for it."""

    id: Annotated[str, Meta(pattern="^[a-z0-9-]{1,40}$")]
    rights: Annotated[tuple[Right, ...], Meta(min_length=1)]
    days: Annotated[int, Meta(ge=1, le=366)]
    duty: Literal["law", "guidance", "house"]


class RequestLaw(Heading, frozen=True, kw_only=True):
    """The whole document; without a jurisdiction it holds everywhere. `complains`: to whom a person can turn who is refused."""

    jurisdiction: tuple[Jurisdiction, ...]
    complains: Translated = EMPTY
    rules: tuple[RequestClock, ...] = ()

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """No two rows have one id."""
        return ids_twice("rules", (rule.id for rule in self.rules))
