"""How long things take and how far apart they must lie: `data/timing`.

Main job: `TimeLimits` of payers, `Recovery` before collection, `VeinToVein`, `Washouts`, `LabelTimes` around the infusion.

**Units**: days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Literal

from msgspec import field

from baybridge.documents.heading import EMPTY, Amount, Confidence, Days, Heading, Jurisdiction, Part, Row


class TimeLimit(Row, frozen=True, kw_only=True):
    """Within how many days a payer answers a step."""

    step: str
    jurisdiction: tuple[Jurisdiction, ...]
    payers: tuple[str, ...]
    days: Days | None = None


class TimeLimits(Heading, frozen=True, kw_only=True):
    """The limits of payers."""

    rows: tuple[TimeLimit, ...]


class Criterion(Row, frozen=True, kw_only=True):
    """A criterion that time may mend."""

    criterion: str
    for_: str = field(name="for")


class Bridging(Part, frozen=True, kw_only=True):
    """What is known of bridging therapy."""

    source: str
    confidence: Confidence


class Recovery(Heading, frozen=True, kw_only=True):
    """What collection waits for."""

    policy: str
    rows: tuple[Criterion, ...]
    bridging: Bridging


class Interval(Row, frozen=True, kw_only=True):
    """From collection to infusion."""

    median_days: Amount
    range_days: tuple[Days, Days] | None = None


class VeinToVein(Heading, frozen=True, kw_only=True):
    """By product, and where nothing is known of it."""

    default: Interval
    products: Mapping[str, Interval] = EMPTY


class Washout(Row, frozen=True, kw_only=True):
    """How long after a class of drugs cells may be collected."""

    class_: str = field(name="class")
    atc: tuple[str, ...]
    days: Days
    longer_days: Days | None = None
    avoid: bool = False


class EventWashout(Row, frozen=True, kw_only=True):
    """How long after an event cells may be collected."""

    event: str
    days: Days
    longer_days: Days | None = None


class Washouts(Heading, frozen=True, kw_only=True):
    """All of them."""

    rows: tuple[Washout, ...]
    events: tuple[EventWashout, ...] = ()


class InfusionInterval(Row, frozen=True, kw_only=True):
    """From lymphodepletion to the infusion, by one label; `from_day` and `to_day` count from its anchor, both included."""

    product: str
    label: str
    anchor: Literal["lymphodepletion_start", "lymphodepletion_end"]
    from_day: Days
    to_day: Days
    indication: str = ""
    policies: tuple[str, ...] = ()


class AfterInfusion(Row, frozen=True, kw_only=True):
    """How long after the infusion a patient stays near and does not drive, by one label."""

    label: str = ""
    product: str | None = None
    near_centre_days: Days
    no_driving_days: Days
    daily_days: Days | None = None
    since: date | None = None


class LabelTimes(Heading, frozen=True, kw_only=True):
    """Days that labels ask for, with the longest known where no label of a region is established."""

    infusion: tuple[InfusionInterval, ...]
    after_infusion: tuple[AfterInfusion, ...]
    after_infusion_elsewhere: AfterInfusion

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """An interval that ends before it begins."""
        for place, row in enumerate(self.infusion):
            if row.from_day > row.to_day:
                yield ("infusion", place, "to_day"), f"to_day of at least from_day, {row.from_day}", str(row.to_day)
