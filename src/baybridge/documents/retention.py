"""How long the law of a region has records kept: `data/retention/<region>.yaml`.

Main job: `Retention`, with one row a rule. Nothing that a rule keeps is erased before its time; a rule of low confidence keeps too, and is shown as unverified.

**Units**: years. Elsewhere: what is asked of it, in `node/people/erasure.py`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from baybridge.documents.heading import EMPTY, Heading, Row, Translated


class KeptBy(Row, frozen=True, kw_only=True):
    """One rule: which resource types or events it keeps (`all` for everything), and for how many years after they were written."""

    id: str
    resources: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    years: Annotated[int, Meta(ge=0, le=150)]
    title: Translated = EMPTY


class Retention(Heading, frozen=True, kw_only=True):
    """The whole document."""

    jurisdiction: tuple[str, ...]
    rules: tuple[KeptBy, ...] = ()
