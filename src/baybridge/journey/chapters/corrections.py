"""Corrections: what was entered wrongly and is put right."""

from __future__ import annotations

from typing import Literal

from baybridge.journey.chapters.envelope import Event

CorrectionReason = Literal["wrong-patient", "wrong-value", "wrong-time", "entered-twice", "did-not-happen", "source-corrected", "other"]


class EntryCorrected(Event, frozen=True, kw_only=True, tag=True):
    """An entry does not hold: it stays, struck through, and counts no more; `replaced_by` is the entry that stands at its place instead."""

    event_id: str
    action: Literal["void", "replace"]
    reason: CorrectionReason
    note: str = ""
    replaced_by: str | None = None


class EntryReinstated(Event, frozen=True, kw_only=True, tag=True):
    """An entry of another node that was set aside here counts again."""

    event_id: str
    note: str = ""
