"""What a logger's readings say: minutes beyond each limit, gaps, and whether the bags may go on.

Main job: `judge(logged, kept, limits)`. A reading stands until the next one, the last for the nominal interval; a limit is passed by what is above it, the bands of a
frozen product by what is at or above them. A gap, and whatever of a file was not read, is for quality to look at: not knowing opens nothing.

**Source**: limits, and where they come from, in `data/pathways/cold-chain.yaml`. **Units**: degrees Celsius, minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from baybridge.base.outcome import Reason
from baybridge.documents.limits import Limits
from baybridge.supply.loggers.files import Logged
from baybridge.supply.temperature import RECORD_ONLY, Reading, fresh_temperature, judge_product

_SHOWN = 5  # reasons of one kind; how many more there are is said

Spans = Sequence[tuple[float, timedelta]]


class Disposition(StrEnum):
    """What becomes of the bags, from the mildest on."""

    ACCEPT = "accept"
    QUALITY_REVIEW = "quality_review"
    QUARANTINE = "quarantine"
    UNFIT = "unfit"


_OF_FINDING = {
    "fresh_outside_review": Disposition.QUALITY_REVIEW,
    "fresh_outside_too_long": Disposition.QUARANTINE,
    "fresh_frozen": Disposition.QUARANTINE,
    "product_limit_unknown": Disposition.QUARANTINE,
    "product_band_1": Disposition.QUALITY_REVIEW,
    "product_band_2": Disposition.QUARANTINE,
    "product_band_3": Disposition.UNFIT,
}


@dataclass(frozen=True, slots=True)
class Passed:
    """How long readings lay above a limit, or below it."""

    limit: float
    minutes: float
    below: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """From the last reading before it, and how long nothing was read."""

    start: datetime
    minutes: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement of one file."""

    readings: int
    first: datetime
    last: datetime
    above: tuple[Passed, ...]
    gaps: tuple[Gap, ...]
    disposition: Disposition
    reasons: tuple[Reason, ...]


def judge_fresh(logged: Logged, limits: Limits) -> Judged:
    """Fresh cells on their way to the plant."""
    fresh = limits.fresh_cells
    spans = _spans(logged, limits)
    above, below = _above(spans, fresh.outer_warmest_c), _in_minutes(length for degrees, length in spans if degrees < fresh.outer_coldest_c)
    passed = (Passed(fresh.outer_warmest_c, above), Passed(fresh.outer_coldest_c, below, below=True))
    return _judged(logged, limits, passed, fresh_temperature(_reading(spans, above + below), fresh))


def judge_frozen(logged: Logged, label_c: float | None, limits: Limits) -> Judged:
    """A frozen product with the limit of its label; None where that is not known."""
    spans = _spans(logged, limits)
    known = () if label_c is None else (label_c,)
    bands = [band for band in (limits.product.band_2_c, limits.product.band_3_c) if label_c is None or band >= label_c]
    passed = tuple(Passed(limit, _above(spans, limit, reached=limit in bands)) for limit in sorted({*known, *bands}))
    if label_c is None:  # as at its receipt: in quarantine, and presumed unfit where every frozen product is
        warm = ("product_band_3",) if _reading(spans, 0).warmest_c >= limits.product.band_3_c else ()
        return _judged(logged, limits, passed, ("product_limit_unknown", *warm))
    return _judged(logged, limits, passed, judge_product(_reading(spans, _above(spans, label_c)), label_c, limits.product))


def _judged(logged: Logged, limits: Limits, passed: tuple[Passed, ...], findings: Sequence[str]) -> Judged:
    moments = [moment for moment, _ in logged.readings]
    most = timedelta(minutes=limits.logger.gap_min)
    gaps = tuple(Gap(start, _in_minutes([end - start])) for start, end in pairwise(moments) if end - start > most)
    told = (*(Reason("supply.logger.gap", {"at": gap.start.isoformat(), "minutes": f"{gap.minutes:g}"}) for gap in gaps), *logged.told)
    worst = [_OF_FINDING[finding] for finding in findings if finding not in RECORD_ONLY] + [Disposition.QUALITY_REVIEW] * bool(told)
    disposition = max(worst, key=[*Disposition].index, default=Disposition.ACCEPT)
    reasons = (*(Reason(f"supply.finding.{finding}") for finding in findings), *_gathered(told))
    return Judged(len(logged.readings), moments[0], moments[-1], passed, gaps, disposition, reasons)


def _spans(logged: Logged, limits: Limits) -> Spans:
    """How long each reading stands, in degrees Celsius."""
    moments = [moment for moment, _ in logged.readings]
    ends = [*moments[1:], moments[-1] + timedelta(minutes=limits.logger.interval_min)]
    celsius = _celsius if logged.layout.unit == "F" else float
    return [(celsius(degrees), end - moment) for (moment, degrees), end in zip(logged.readings, ends, strict=True)]


def _celsius(fahrenheit: float) -> float:
    """A whole degree of one scale that is a whole one of the other is that: 50 °F is 10 °C."""
    return (fahrenheit - 32) * 5 / 9


def _above(spans: Spans, limit: float, *, reached: bool = False) -> float:
    """Minutes above a limit, with those on it where it counts as `reached`."""
    return _in_minutes(length for degrees, length in spans if degrees > limit or (reached and degrees == limit))


def _in_minutes(lengths: Iterable[timedelta]) -> float:
    return sum(lengths, timedelta()) / timedelta(minutes=1)


def _reading(spans: Spans, minutes: float) -> Reading:
    degrees = [one for one, _ in spans]
    return Reading(max(degrees), min(degrees), minutes)


def _gathered(reasons: Sequence[Reason]) -> Iterator[Reason]:
    """The first few of each kind, and how many more there are."""
    by_code: dict[str, list[Reason]] = {}
    for reason in reasons:
        by_code.setdefault(reason.code, []).append(reason)
    for some in by_code.values():
        yield from some[:_SHOWN]
        if len(some) > _SHOWN:
            yield Reason("supply.logger.more", {"count": len(some) - _SHOWN})
