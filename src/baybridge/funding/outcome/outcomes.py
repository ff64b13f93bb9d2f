"""Which outcome of an agreement was reached: readings inside the window, by the agreed criteria, by enough readers.

Main job: `outcome_of(window, readings, died, today)` answers CR_AT_…, NO_CR_AT_…, READERS_DISAGREE, DEATH_…, WINDOW_MISSED or PENDING.

**Source**: policy reference D4; the agreement's own document for window, criteria and readers.
**Units**: days count from infusion, which is day 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from baybridge.documents.plan import AgreementDocument

Cause = Literal["disease", "non_relapse", "unknown"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One assessment of response and who signed it; readers are told apart, never named in what leaves the case."""

    timepoint: str
    criteria: str
    category: str
    assessed_on: date
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """How an agreement's document wants response assessed: when, by which criteria, by how many readers, and what counts."""

    first_day: date
    last_day: date
    timepoint: str
    criteria: str | None
    readers: int
    reached: frozenset[str]

    def counts(self, reading: Reading) -> bool:
        """Whether a reading is of this time point, inside the window and by these criteria."""
        in_window = self.first_day <= reading.assessed_on <= self.last_day
        return in_window and reading.timepoint == self.timepoint and self.criteria in (None, reading.criteria)


def window_of(terms: AgreementDocument, infused_on: date) -> Window:
    """The window of an agreement's document for an infusion."""
    outcome = terms["outcome"]
    target, either_side = infused_on + timedelta(days=outcome["target_day"]), timedelta(days=outcome["window_days"])
    return Window(
        first_day=target - either_side,
        last_day=target + either_side,
        timepoint=str(outcome["timepoint"]),
        criteria=outcome.get("criteria"),
        readers=int(outcome.get("readers") or 1),
        reached=frozenset(outcome["counts_as_reached"]),
    )


def outcome_of(window: Window, readings: Iterable[Reading], died: tuple[date, Cause] | None, today: date) -> str:
    """The outcome as of a day; readings stand in the order of their days and, within a day, of their recording.

    The last reading that enough readers signed decides; where others signed against it on the same day they disagree, until a third reading of
    that day decides. Without a signed one, single readings that differ are a disagreement. A death decides where nothing was assessed before it;
    a death of unknown cause stays open.
    """
    counted = [reading for reading in readings if window.counts(reading)]
    signed = [reading for reading in counted if len(set(reading.readers)) >= window.readers]
    if signed:
        return _of_signed(window, signed)
    by_reader = {reader: reading.category in window.reached for reading in counted for reader in reading.readers}
    if len(set(by_reader.values())) > 1:
        return "READERS_DISAGREE"
    if len(by_reader) >= window.readers:
        return _named(window, reached=next(iter(by_reader.values())))
    if died is not None and died[0] <= window.last_day:
        return {"disease": "DEATH_DISEASE", "non_relapse": "DEATH_NRM"}.get(died[1], "PENDING")
    return "PENDING" if today <= window.last_day else "WINDOW_MISSED"


def _of_signed(window: Window, signed: Sequence[Reading]) -> str:
    by_readers = {frozenset(one.readers): one.category in window.reached for one in signed if one.assessed_on == signed[-1].assessed_on}
    if len(by_readers) == 2 and len(set(by_readers.values())) > 1:
        return "READERS_DISAGREE"
    return _named(window, reached=signed[-1].category in window.reached)


def _named(window: Window, *, reached: bool) -> str:
    return f"{'CR' if reached else 'NO_CR'}_AT_{window.timepoint}"
