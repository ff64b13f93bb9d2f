"""The transfer request as outsiders write it.

Main job: `read(value)` answers the checked request, or raises every problem with path, expected and found.

**Source**: exchange contract, "transfer check". Required are the moment, the purpose and both parties with their jurisdictions; without
them no route can be named. Everything else may be unknown, and then counts against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Required, TypedDict

from msgspec import defstruct

from baybridge.base.time import CHINA, parse_day, parse_instant
from baybridge.documents.requests import Count, DayOrInstant, Instant, Request, Text, require
from baybridge.documents.types import one_of

ROUTES = tuple(f"R{number}" for number in range(10))
CONTRACT_KINDS = ("gba", "national", "pcpd_clauses", "certificate")


class Importer(Request, frozen=True, kw_only=True):
    """Who receives; its region may be one that no document knows."""

    name: Text | None = None
    jurisdiction: Text
    gd9: bool | None = None


class Contract(Request, frozen=True, kw_only=True):
    """The contract under which data goes."""

    kind: one_of(*CONTRACT_KINDS)  # type: ignore[valid-type]
    id: Text | None = None
    effective_on: DayOrInstant | None = None
    filed_on: DayOrInstant | None = None
    purposes: list[Text] | None = None


class Assessment(Request, frozen=True, kw_only=True):
    """The assessment of the impact on personal information."""

    id: Text | None = None
    valid_until: DayOrInstant | None = None


class Consents(Request, frozen=True, kw_only=True):
    """What the patient allowed."""

    care: bool | None = None
    sensitive: bool | None = None
    cross_border: bool | None = None
    hk_sharing: bool | None = None
    mo_ground: bool | None = None
    dspdp_notified: bool | None = None
    sharing_status: bool | None = None
    withdrawn_on: DayOrInstant | None = None


class WrittenContent(TypedDict, total=False):
    """What the data is, as a request writes it; absent or null is unknown."""

    contains_genomic: bool | None
    genomic_for_care: bool | None
    important_data: bool | None
    origin: str | None
    mixed_with_cn_data: bool | None
    received_under: str | None
    origin_system: str | None


class WrittenTransfer(WrittenContent, total=False):
    """What is sent, when and for what."""

    at: Required[str]
    purpose: Required[str]
    data_categories: Sequence[str] | None
    emergency: bool | None
    retention_until: str | None
    encrypted: bool | None
    recipients: Sequence[str] | None


class WrittenImporter(TypedDict, total=False):
    """Who receives."""

    name: str | None
    jurisdiction: Required[str]
    gd9: bool | None


class WrittenExporter(WrittenImporter, total=False):
    """Who sends, and how many persons' data it sent since 1 January."""

    ciio: bool | None
    ytd_sensitive_persons: int | None
    ytd_other_persons: int | None


class WrittenContract(TypedDict, total=False):
    """The contract under which data goes."""

    kind: str
    id: str | None
    effective_on: str | None
    filed_on: str | None
    purposes: Sequence[str] | None


class WrittenImpact(TypedDict, total=False):
    """The assessment of the impact on personal information."""

    id: str | None
    valid_until: str | None


class WrittenConsents(TypedDict, total=False):
    """What the patient allowed."""

    care: bool | None
    sensitive: bool | None
    cross_border: bool | None
    hk_sharing: bool | None
    mo_ground: bool | None
    dspdp_notified: bool | None
    sharing_status: bool | None
    withdrawn_on: str | None


class WrittenRequest(TypedDict):
    """A transfer request."""

    transfer: WrittenTransfer
    exporter: WrittenExporter
    importer: WrittenImporter
    contract: WrittenContract | None
    pipia: WrittenImpact | None
    consents: WrittenConsents


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """The parts of a transfer request, checked; contract and impact assessment may be missing."""

    transfer: WrittenTransfer
    exporter: WrittenExporter
    importer: WrittenImporter
    contract: WrittenContract | None
    pipia: WrittenImpact | None
    consents: WrittenConsents


def known_day(text_: str | None) -> date | None:
    """As `day_of`; None where unknown."""
    return None if text_ is None else day_of(text_)


def day_of(text_: str) -> date:
    """The exporter's calendar day of a date or time, however the instant is written."""
    return parse_day(text_) if len(text_) == len("2026-03-08") else parse_instant(text_).astimezone(CHINA).date()


#: Name and type of a field, and what it is by default.
_Field = tuple[str, object] | tuple[str, object, None]


@cache
def form_of(purposes: tuple[str, ...], regions: tuple[str, ...]) -> type[Request]:
    """The type of a request when these purposes and regions are known."""
    purpose, region = one_of(*purposes), one_of(*regions)
    answers = ("contains_genomic", "genomic_for_care", "important_data", "emergency", "mixed_with_cn_data", "encrypted")
    transfer: list[_Field] = [
        ("at", Instant),
        ("purpose", purpose),
        ("data_categories", list[Text] | None, None),
        *((name, bool | None, None) for name in answers),
        ("origin", region | None, None),
        ("received_under", one_of(*ROUTES) | None, None),
        ("retention_until", DayOrInstant | None, None),
        ("recipients", list[Text] | None, None),
        ("origin_system", Text | None, None),
    ]
    exporter: list[_Field] = [
        ("name", Text | None, None),
        ("jurisdiction", region),
        ("gd9", bool | None, None),
        ("ciio", bool | None, None),
        ("ytd_sensitive_persons", Count | None, None),
        ("ytd_other_persons", Count | None, None),
    ]
    parts: list[_Field] = [
        ("transfer", _part("Transfer", transfer)),
        ("exporter", _part("Exporter", exporter)),
        ("importer", Importer),
        ("contract", Contract | None, None),
        ("pipia", Assessment | None, None),
        ("consents", Consents | None, None),
    ]
    return _part("Form", parts)


def _part(name: str, fields: Sequence[_Field]) -> type[Request]:
    made: Any = defstruct(name, fields, bases=(Request,), frozen=True, kw_only=True)
    return made  # type: ignore[no-any-return]


def read(value: object, purposes: Sequence[str], regions: Sequence[str]) -> TransferRequest:
    """The checked request; raises `FormError` with every problem."""
    parts = require(value, form_of(tuple(purposes), tuple(regions)))
    consents: WrittenConsents = parts.get("consents") or WrittenConsents()
    return TransferRequest(parts["transfer"], parts["exporter"], parts["importer"], parts.get("contract"), parts.get("pipia"), consents)
