"""What one laboratory's files mean: `data/feeds` of a site; and whose cards it trusts: `data/issuers`.

Main job: `Feed`, columns, codes, words and times of the files of a laboratory; `Issuer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from baybridge.documents.heading import Heading, Part


class FeedCode(Part, frozen=True, kw_only=True):
    """What a code of the laboratory stands for."""

    loinc: str
    unit: str | None = None
    name: str | None = None


class Feed(Heading, frozen=True, kw_only=True):
    """One laboratory's files."""

    encoding: str | None = None  # of tables, and of messages that name no character set
    decimal_mark: Literal[".", ","] | None = None
    delimiter: str | None = None
    zone: str | None = None
    laboratory: str | None = None
    identifier_system: str | None = None
    identifier_systems: Mapping[str, str] | None = None
    columns: Mapping[str, str] | None = None
    times: Mapping[str, str] | None = None
    words: Mapping[str, Mapping[str, str]] | None = None
    codes: Mapping[str, FeedCode] | None = None


class Issuer(Heading, frozen=True, kw_only=True):
    """Who signs cards, and by which keys."""

    issuer: str | None = None
    node: str | None = None
    name: str | None = None
    keys: tuple[Mapping[str, object], ...]
