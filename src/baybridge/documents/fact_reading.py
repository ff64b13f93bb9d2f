"""How a fact is read, as its document writes it: `read: {how: …}` in `data/facts/*.yaml`.

Main job: `reading_of(written, report)`, the rule as the type of its `how`, after every problem was reported; one type for each `how`.

A rule without `how` reads the latest value. **Units**: hours and days as the names say; limits in the unit of the fact.
Elsewhere: what each rule answers in `facts/series.py`, `facts/reading.py` and `facts/treatment.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta, field

from baybridge.documents.heading import Amount, Part
from baybridge.documents.problems import WRONG_VALUE, did_you_mean
from baybridge.documents.reading import Report, read_as
from baybridge.documents.source import Path

#: The moment from which days are counted.
Anchor = Literal["infusion", "lymphodepletion"]
Extreme = Literal["max", "min"]
Number = int | float


class Reading(Part, frozen=True, kw_only=True):
    """A rule by which a fact is read."""

    how: str


class Plain(Reading, frozen=True, kw_only=True):
    """Read in one way only, without anything to say of it."""

    how: Literal["age", "condition", "crs_diagnosed", "derived", "diagnosis", "fever_suppressed", "given"]


class Limit(Part, frozen=True, kw_only=True):
    """Strictly above or below a number, in a unit."""

    unit: str | None = None
    above: Number | None = None
    below: Number | None = None


class Explains(Part, frozen=True, kw_only=True):
    """Answers that make less of other findings, by the name of the finding; one within a limit where one is given.

    Such an answer holds for findings of its own look and of earlier ones: beside a newer finding it is unknown. `up_to` are the answers of a number.
    """

    answers: tuple[str | bool, ...] = ()
    up_to: Number | None = None
    findings: Mapping[str, Limit]


class Latest(Reading, frozen=True, kw_only=True):
    """The latest value; `of` names the fact whose measurements it shares, `sum_of` the items of a score, `explains` findings that it makes less of."""

    how: Literal["latest"] = "latest"
    max_age_h: Amount | None = None
    of: str | None = None
    sum_of: tuple[str, ...] = ()
    explains: Explains | None = None


class ReferenceLimit(Reading, frozen=True, kw_only=True):
    """A limit of normal that came with the result of another fact."""

    how: Literal["reference_high", "reference_low"]
    of: str


class DaysSince(Reading, frozen=True, kw_only=True):
    """Days since a moment."""

    how: Literal["days_since"]
    anchor: Anchor


class History(Reading, frozen=True, kw_only=True):
    """From the drugs that were taken; of one class where the rule names it."""

    how: Literal["treatment_history"]
    drugs: str | None = field(default=None, name="class")


class Windowed(Reading, frozen=True, kw_only=True):
    """What happened to a value around a moment.

    Where values were reported as above or below a limit: `bound` takes the lower or the higher answer of a count, `steps` are those within which a
    value is the same for every rule that reads it.
    """

    bound: Extreme | None = None
    steps: tuple[Number, ...] = ()


class Between(Windowed, frozen=True, kw_only=True):
    """In a window by instant around a moment."""

    anchor: Anchor
    from_days: int
    to_days: int


class WindowExtreme(Between, frozen=True, kw_only=True):
    """The highest or lowest value; `per` in multiples of the upper limit of normal."""

    how: Literal["window_extreme"]
    of: str
    extreme: Extreme
    per: Literal["reference_high"] | None = None


class WindowWorst(Between, frozen=True, kw_only=True):
    """The code that stands last in an order."""

    how: Literal["window_worst"]
    of: str
    order: tuple[str, ...]


class WindowAny(Between, frozen=True, kw_only=True):
    """Whether any value is true."""

    how: Literal["window_any"]
    of: str


class AnalyteLimit(Limit, frozen=True, kw_only=True):
    """A limit, and the same one as it is published in another unit."""

    also: Limit | None = None


class WindowAbnormalCount(Between, frozen=True, kw_only=True):
    """How many analytes are abnormal within some hours of each other; one without a limit is never measured."""

    how: Literal["window_abnormal_count"]
    within_h: Amount
    analytes: Mapping[str, AnalyteLimit | None]

    def contradictions(self) -> Iterator[tuple[Path, str, str]]:
        """A limit that says neither above nor below what, or both."""
        written = [(("analytes", name), limit) for name, limit in self.analytes.items() if limit is not None]
        limits: list[tuple[Path, Limit]] = [*written, *(((*path, "also"), limit.also) for path, limit in written if limit.also is not None)]
        for path, limit in limits:
            if (limit.above is None) == (limit.below is None):
                yield path, "one of above and below", "neither" if limit.above is None else "both"


class WindowCorrectedCalcium(Between, frozen=True, kw_only=True):
    """The lowest calcium corrected for albumin, as reported or computed from total calcium with an albumin of its days."""

    how: Literal["window_corrected_calcium"]


class LastBefore(Windowed, frozen=True, kw_only=True):
    """The last value before a moment, or before the earliest of several."""

    how: Literal["last_before"]
    of: str
    anchor: Anchor | None = None
    earliest: tuple[Anchor, ...] | None = None
    days: int = 0
    max_age_days: int | None = None
    same_method: bool = False

    def contradictions(self) -> Iterator[tuple[Path, str, str]]:
        """No moment before which the value is the last one."""
        if self.anchor is None and not self.earliest:
            yield ("anchor",), "a moment under anchor, or several under earliest", "neither"


class LastSince(Windowed, frozen=True, kw_only=True):
    """The last value at or after a moment, whatever its age; with `moment` when that was."""

    how: Literal["last_since"]
    of: str
    anchor: Anchor
    moment: bool = False


class AnchorRecorded(Windowed, frozen=True, kw_only=True):
    """Whether a moment is recorded."""

    how: Literal["anchor_recorded"]
    anchor: Anchor


class FollowUpEndDay(Windowed, frozen=True, kw_only=True):
    """The last day of a period or of the course."""

    how: Literal["follow_up_end_day"]
    anchor: Anchor
    to_day: int


class WindowNthLowest(Windowed, frozen=True, kw_only=True):
    """The n-th lowest value after a day."""

    how: Literal["window_nth_lowest"]
    of: str
    n: Annotated[int, Meta(ge=1)]
    anchor: Anchor
    after_day: int


class RecentExtreme(Windowed, frozen=True, kw_only=True):
    """The highest or lowest value of the last hours."""

    how: Literal["recent_extreme"]
    of: str
    extreme: Extreme
    hours: Amount


class FallWithin(Windowed, frozen=True, kw_only=True):
    """How far the latest value lies below the highest of some hours."""

    how: Literal["fall_within"]
    of: str
    hours: Amount


class DrugGivenWithin(Windowed, frozen=True, kw_only=True):
    """Whether a drug of some ATC classes was given in the last hours."""

    how: Literal["drug_given_within"]
    atc: tuple[str, ...]
    hours: Amount


class DrugDays(Windowed, frozen=True, kw_only=True):
    """On how many days a drug of some ATC classes was given."""

    how: Literal["drug_days"]
    atc: tuple[str, ...]
    anchor: Anchor


class ByDay(Windowed, frozen=True, kw_only=True):
    """The lowest value of each day of a window by calendar day."""

    of: str
    anchor: Anchor
    from_day: int
    to_day: int


class Run(ByDay, frozen=True, kw_only=True):
    """Days with a value: the last one holds for some days, and a day that nobody measured may count as low."""

    hold_days: int
    unmeasured: Literal["low"] | None = None


class JoinedRun(Run, frozen=True, kw_only=True):
    """Length, first or last day of the longest run of days at or under a limit."""

    how: Literal["joined_run"]
    at_most: Number
    unit: str | None = None
    join_gap_days: int
    give: Literal["length", "first_day", "last_day"]


class CumulativeDays(Run, frozen=True, kw_only=True):
    """How many days lie below a limit, of so many measured at least."""

    how: Literal["cumulative_days"]
    below: Number
    least_measured: int


class MeasuredDays(Run, frozen=True, kw_only=True):
    """How many days have a value, or how many there are."""

    how: Literal["measured_days"]
    give: Literal["measured", "in_window"]


class RecoveryDay(ByDay, frozen=True, kw_only=True):
    """The first of some days in a row at or above a limit, free of some drugs."""

    how: Literal["recovery_day"]
    at_least: Number
    days: Annotated[int, Meta(ge=1)]
    free_of_atc: tuple[str, ...]
    free_days: int


KINDS: Mapping[str, type[Reading]] = {
    "age": Plain,
    "condition": Plain,
    "crs_diagnosed": Plain,
    "derived": Plain,
    "diagnosis": Plain,
    "fever_suppressed": Plain,
    "given": Plain,
    "latest": Latest,
    "reference_high": ReferenceLimit,
    "reference_low": ReferenceLimit,
    "days_since": DaysSince,
    "treatment_history": History,
    "window_extreme": WindowExtreme,
    "window_worst": WindowWorst,
    "window_any": WindowAny,
    "window_abnormal_count": WindowAbnormalCount,
    "window_corrected_calcium": WindowCorrectedCalcium,
    "last_before": LastBefore,
    "last_since": LastSince,
    "anchor_recorded": AnchorRecorded,
    "follow_up_end_day": FollowUpEndDay,
    "window_nth_lowest": WindowNthLowest,
    "recent_extreme": RecentExtreme,
    "fall_within": FallWithin,
    "drug_given_within": DrugGivenWithin,
    "drug_days": DrugDays,
    "joined_run": JoinedRun,
    "cumulative_days": CumulativeDays,
    "measured_days": MeasuredDays,
    "recovery_day": RecoveryDay,
}


def how_of(written: Mapping[str, object]) -> str:
    """In which way a rule reads."""
    return str(written.get("how", "latest"))


def reading_of(written: Mapping[str, object], report: Report, path: Path = ()) -> Reading | None:
    """The rule as the type of its `how`; None after each problem was reported."""
    how = how_of(written)
    kind = KINDS.get(how)
    if kind is None:
        report(WRONG_VALUE, (*path, "how"), f"one of {', '.join(KINDS)}", how, did_you_mean(how, KINDS))
        return None
    return read_as(kind, written, report, path)
