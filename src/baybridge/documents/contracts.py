"""Contracts for transfers between organisations: `contracts` of `data/directory`.

Main job: `Contracts`, with impact assessments, times of keeping and counts of persons.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from baybridge.documents.heading import Heading, Part, Row


class Contract(Row, frozen=True, kw_only=True):
    """One contract between two nodes."""

    id: str
    kind: Literal["gba", "national", "pcpd_clauses", "certificate"]
    between: tuple[str, ...]
    effective_on: date | None = None
    filed_on: date | None = None
    purposes: tuple[str, ...] = ()


class ImpactAssessment(Row, frozen=True, kw_only=True):
    """An exporter's assessment of the impact on persons."""

    id: str
    exporter: str
    valid_until: date | None = None


class Retention(Part, frozen=True, kw_only=True):
    """For how many years a receiver keeps what it got, by purpose."""

    source: str
    years: Mapping[str, Annotated[int, Meta(ge=0)]]


class Volume(Row, frozen=True, kw_only=True):
    """How many persons an exporter sent data of since 1 January."""

    exporter: str
    year: int
    sensitive_persons: int | None = None
    other_persons: int | None = None


class Contracts(Heading, frozen=True, kw_only=True):
    """All of them."""

    contracts: tuple[Contract, ...] = ()
    pipia: tuple[ImpactAssessment, ...] = ()
    retention: Retention
    volumes: tuple[Volume, ...] = ()
