"""Who is told of a breach of personal data, and within which hours: `data/breaches/*.yaml`.

Main job: `BreachLaw`, with one row for everybody who is told: an authority, the persons concerned, the other party of a contract. A law that says "at once"
has the hours that a site counts by; a row of low confidence counts too, and is shown as unverified.

**Units**: hours from when the breach was known. Elsewhere: the register that counts by it, `node/people/breaches.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from baybridge.documents.heading import Heading, Jurisdiction, Row, Translated, ids_twice


class BreachClock(Row, frozen=True, kw_only=True):
    """Somebody who is told: whom, within how many hours, and whether a law, guidance or only this house asks for it."""

    id: Annotated[str, Meta(pattern="^[a-z0-9-]{1,40}$")]
    whom: Literal["authority", "persons", "partner"]
    name: Translated
    hours: Annotated[int, Meta(ge=1, le=8760)]
    duty: Literal["law", "guidance", "house"]

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Whoever is told has an English name."""
        if "en" not in self.name:
            yield ("name",), "a name under en", "none"


class BreachLaw(Heading, frozen=True, kw_only=True):
    """The whole document; without a jurisdiction it holds everywhere."""

    jurisdiction: tuple[Jurisdiction, ...]
    rules: tuple[BreachClock, ...] = ()

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """No two rows have one id: what was told is noted under it."""
        return ids_twice("rules", (rule.id for rule in self.rules))
