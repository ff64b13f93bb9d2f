"""How long things take and how far apart they must lie: `data/timing`.

Main job: `TimeLimits` of payers, `Recovery` before collection, `VeinToVein`, `Washouts`.

**Units**: days.
"""

from __future__ import annotations

from collections.abc import Mapping

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
