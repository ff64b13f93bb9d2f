"""Referral and records: a case begins, is offered, is taken."""

from __future__ import annotations

from baybridge.journey.chapters.envelope import Event


class CaseOpened(Event, frozen=True, kw_only=True, tag=True):
    """A case began for a patient of this node's record."""

    patient_id: str
    residence: str  # a region's code, or other
    synthetic: bool
    line: int | None = None  # of therapy, where it was named


class RecordsImported(Event, frozen=True, kw_only=True, tag=True):
    """A file of outside records was read; `problems` counts what was odd in it."""

    file_sha256: str
    resources: int
    problems: int


class FindingConfirmed(Event, frozen=True, kw_only=True, tag=True):
    """A person confirmed or coded a fact that text alone, or a proposal, said."""

    fact: str
    value: bool | int | float | str
    basis: str


class CaseReferred(Event, frozen=True, kw_only=True, tag=True):
    """The case was offered to another node for treatment."""

    to_node: str
    product: str


class CaseAccepted(Event, frozen=True, kw_only=True, tag=True):
    """The treating centre took the case."""

    product: str


class CaseDeclined(Event, frozen=True, kw_only=True, tag=True):
    """The treating centre did not take the case."""

    reason: str
