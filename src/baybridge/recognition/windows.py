"""How old a result may be for a purpose, and what ends its worth earlier.

Main job: `window_of(document, loinc, purpose, asked)` answers the window that holds; `reset_since` whether something ended it.

**Units**: hours from collection, end inclusive; for response and outcome whole days from infusion to collection, and hours beside them where a row has both.
**Source**: `data/recognition/windows.yaml`, which a site may replace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from baybridge.base.time import parse_instant
from baybridge.documents import recognition as documents
from baybridge.recognition.written import WrittenResetEvent

ANY = "*"


@dataclass(frozen=True, slots=True)
class Window:
    """The window of one analyte for one purpose."""

    kind: Literal["hours", "days", "unlimited", "missing"]
    hours: float | None = None
    days: tuple[tuple[int, int | None], ...] = ()
    reset_by: frozenset[str] = frozenset()
    presumes_no_reset: bool = False  # the shorter window of two already stands for "nobody asked"
    sources: tuple[str, ...] = ()

    def valid_until(self, collected_at: datetime | None) -> datetime | None:
        """The last moment at which the result may be used; None where the window does not run from collection."""
        if collected_at is None or self.hours is None:
            return None
        return collected_at + timedelta(hours=self.hours)

    def within_days(self, collected_on: date | None, infused_on: date | None, age_h: float | None) -> bool | None:
        """Whether the day of collection lies in a window that runs from infusion, and the result is no older than it may be; None where unknown."""
        if collected_on is None or infused_on is None or (self.hours is not None and age_h is None):
            return None
        if self.hours is not None and age_h is not None and age_h > self.hours:
            return False
        day = (collected_on - infused_on).days
        return any(low <= day and (high is None or day <= high) for low, high in self.days)


def rows_for(rows: Sequence[documents.Window], loinc: str | None, purpose: str) -> list[documents.Window]:
    """Rows for a code and purpose; rows that name the code go before rows for any code."""
    if loinc is None:
        return []
    holding = [row for row in rows if row.purpose in (purpose, ANY)]
    return [row for row in holding if loinc in row.loinc] or [row for row in holding if ANY in row.loinc]


def window_of(document: documents.Windows, loinc: str | None, purpose: str, asked: bool) -> Window:  # noqa: FBT001
    """The window that holds; `asked` says whether reset events are known (an empty list is known)."""
    rows = rows_for(document.rows, loinc, purpose)
    if not rows:
        return Window("missing")
    resets = frozenset(kind for row in rows for kind in row.reset_by)
    sources = tuple(row.source for row in rows)
    hours = [hours for row in rows if (hours := _hours(row, asked)) is not None]
    days = tuple((low, high) for row in rows for low, high in row.days_after_infusion or ())
    if hours and not days:
        extended = not asked and any(row.extended_hours is not None for row in rows)
        return Window("hours", min(hours), reset_by=resets, presumes_no_reset=extended, sources=sources)
    return Window("days" if days else "unlimited", min(hours, default=None), days=days, reset_by=resets, sources=sources)


def _hours(row: documents.Window, asked: bool) -> float | None:  # noqa: FBT001
    """Hours from collection; None where the window does not run from it."""
    if row.hours is None:
        return None
    return float(row.extended_hours if asked and row.extended_hours is not None else row.hours)


def reset_since(window: Window, events: Sequence[WrittenResetEvent] | None, collected_at: datetime | None) -> bool | None:
    """Whether an event that ends this window happened after collection; None where that is unknown.

    Where nobody asked and the window already is the shorter one of two, the answer is no: the shorter window stands for it.
    """
    if not window.reset_by:
        return False
    if events is None:
        return False if window.presumes_no_reset else None
    answers = [_after(event.get("at"), collected_at) for event in events if event["type"] in window.reset_by]
    return True if True in answers else None if None in answers else False


def _after(at: str | None, collected_at: datetime | None) -> bool | None:
    return None if at is None or collected_at is None else parse_instant(at) > collected_at
