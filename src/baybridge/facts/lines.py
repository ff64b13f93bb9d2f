"""Lines of therapy: groups of anticancer drugs, and what the disease answered to each.

Main job: `group_lines(exposures, …) -> tuple[Line, ...]` in the order in which they began.

A line is a group of anticancer drugs, and steroids given with them, whose periods overlap or lie within 30 days, until progression or a
change of regimen begins the next. Planned transplant, its conditioning, maintenance, bridging and lymphodepletion begin none. An explicit
number wins.

**Source**: shared facts contract ("Treatment history"); the numbers stand in `data/terms/treatments.yaml`, each with its source or marked
as convention.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from baybridge.facts.exposure import Exposure
from baybridge.facts.terms import Treatments

_BATCH = timedelta(days=3)  # drugs of one regimen begin within these days of each other
_LYMPHODEPLETION = timedelta(days=7)  # its length. Source: clinical reference 5.4 (days -5 to -3)


@dataclass(frozen=True, slots=True)
class Response:
    """One assessment of the disease."""

    code: str
    on: date
    exact: bool
    source: str


@dataclass(slots=True)
class Line:
    """One line of therapy; `number` counts from 1."""

    number: int
    exposures: list[Exposure]
    explicit: bool
    responses: list[Response] = field(default_factory=list)

    @property
    def start(self) -> date:
        """Its first day."""
        return min(e.start for e in self.exposures)

    @property
    def end(self) -> date | None:
        """Its last day; None while it runs."""
        last = max(e.last for e in self.exposures)
        return None if last == date.max else last

    @property
    def end_known(self) -> bool:
        """Whether the last day is recorded, to the day."""
        return self.end is not None and all(e.end_known for e in self.exposures if e.last == self.end)

    @property
    def drugs(self) -> frozenset[str]:
        """The ATC codes given in it."""
        return frozenset(e.atc for e in self.exposures)


@dataclass(frozen=True, slots=True)
class Occasions:
    """Days on which drugs are given for another purpose than treating the disease, or with it: transplants and infusions."""

    transplants: tuple[date, ...] = ()
    infusions: tuple[date, ...] = ()
    lymphodepletions: tuple[date, ...] = ()


def group_lines(
    exposures: Iterable[Exposure], responses: Sequence[Response], occasions: Occasions, treatments: Treatments
) -> tuple[Line, ...]:
    """The lines in order, each with the responses between its start and the start of the next."""
    counted = [e for e in exposures if _counts(e, occasions, treatments)]
    progressions = sorted(r.on for r in responses if r.code in treatments.progressing)
    lines: list[Line] = []
    for batch in _batches(counted, treatments):
        _place(batch, lines, progressions, treatments)
    kept = sorted((line for line in lines if _is_line(line, treatments)), key=lambda line: line.start)
    _renumber(kept)
    _assign(kept, responses)
    return tuple(kept)


def _counts(exposure: Exposure, occasions: Occasions, treatments: Treatments) -> bool:
    rules = treatments.lines
    if not (treatments.is_class(exposure.atc, "anticancer") or treatments.is_class(exposure.atc, "steroid")):
        return False
    if treatments.is_class(exposure.atc, "car_t"):
        return False
    if exposure.line is not None:
        return True
    if rules.bridging_text.search(exposure.words) or rules.lymphodepletion_text.search(exposure.words):
        return False
    if treatments.is_class(exposure.atc, "lymphodepleting") and _before(exposure, occasions.infusions, rules.lymphodepletion_days):
        return False
    started = timedelta(days=rules.lymphodepletion_days)
    if treatments.is_class(exposure.atc, "lymphodepleting") and any(d <= exposure.start <= d + started for d in occasions.lymphodepletions):
        return False
    return not _before(exposure, occasions.transplants, rules.conditioning_days)


def _before(exposure: Exposure, days: Iterable[date], within: int) -> bool:
    return any(day - timedelta(days=within) <= exposure.start and exposure.last <= day for day in days)


def _batches(exposures: list[Exposure], treatments: Treatments) -> list[list[Exposure]]:
    """Exposures that begin together; numbered ones by their number."""
    batches: list[list[Exposure]] = []
    for exposure in sorted(exposures, key=lambda e: (e.start, treatments.is_class(e.atc, "steroid"), e.atc, e.source)):
        last = batches[-1] if batches else None
        if last and last[0].line == exposure.line and exposure.start - last[0].start <= _BATCH:
            last.append(exposure)
        else:
            batches.append([exposure])
    return batches


def _place(batch: list[Exposure], lines: list[Line], progressions: list[date], treatments: Treatments) -> None:
    number = batch[0].line
    if number is not None:
        same = next((line for line in lines if line.explicit and line.number == number), None)
        if same:
            same.exposures += batch
        else:
            lines.append(Line(number, list(batch), explicit=True))
        return
    current = max(lines, key=lambda line: line.start, default=None)
    if current and _joins(batch, current, progressions, treatments):
        current.exposures += batch
    elif any(treatments.is_class(e.atc, "anticancer") for e in batch):
        lines.append(Line(0, list(batch), explicit=False))


def _joins(batch: list[Exposure], current: Line, progressions: list[date], treatments: Treatments) -> bool:
    rules, start = treatments.lines, batch[0].start
    if any(current.start < day <= start for day in progressions):
        return False
    gap = 0 if current.end is None else (start - current.end).days
    if all(treatments.is_class(e.atc, "steroid") for e in batch):
        return gap <= rules.join_days
    if _is_maintenance(batch, treatments) and (gap <= rules.maintenance_days or _says_maintenance(batch, treatments)):
        return True
    return gap <= rules.join_days and not _changes(batch, current, treatments)


def _is_maintenance(batch: list[Exposure], treatments: Treatments) -> bool:
    drugs = {e.atc for e in batch if not treatments.is_class(e.atc, "steroid")}
    return _says_maintenance(batch, treatments) or (len(drugs) == 1 and all(treatments.is_class(atc, "maintenance") for atc in drugs))


def _says_maintenance(batch: list[Exposure], treatments: Treatments) -> bool:
    return any(treatments.lines.maintenance_text.search(e.words) for e in batch)


def _changes(batch: list[Exposure], current: Line, treatments: Treatments) -> bool:
    """Whether a regimen gives way to another: a new drug begins after the first cycle, when one of the line has stopped."""
    rules, start = treatments.lines, batch[0].start
    new = {e.atc for e in batch if treatments.is_class(e.atc, "anticancer")} - current.drugs
    if not new or (start - current.start).days <= rules.first_cycle_days:
        return False
    last: dict[str, date] = {}
    for exposure in current.exposures:
        grace = timedelta(days=rules.dose_gap_days if exposure.single_dose else 0)
        until = exposure.last if exposure.last == date.max else exposure.last + grace
        last[exposure.atc] = max(until, last.get(exposure.atc, until))
    return any(until < start for atc, until in last.items() if treatments.is_class(atc, "anticancer"))


def _is_line(line: Line, treatments: Treatments) -> bool:
    """Whether a group treats the disease: not one that is lymphodepletion by its drugs and its length."""
    drugs = {e.atc for e in line.exposures if treatments.is_class(e.atc, "anticancer")}
    if line.explicit:
        return True
    short = line.end is not None and line.end - line.start <= _LYMPHODEPLETION
    fludarabine = any(atc.startswith("L01BB05") for atc in drugs)
    lymphodepletion = fludarabine and short and all(treatments.is_class(atc, "lymphodepleting") for atc in drugs)
    return bool(drugs) and not lymphodepletion


def _renumber(lines: list[Line]) -> None:
    previous = 0
    for line in lines:
        previous = line.number = line.number if line.explicit else previous + 1


def _assign(lines: list[Line], responses: Sequence[Response]) -> None:
    ordered = sorted(responses, key=lambda r: (r.on, r.code, r.source))
    for index, line in enumerate(lines):
        until = lines[index + 1].start if index + 1 < len(lines) else date.max
        line.responses = [r for r in ordered if line.start < r.on <= until]


def ending_response(line: Line, treatments: Treatments) -> Response | None:
    """The response at the end of a line: the first assessment after it, where that says how it ended, else the last one during it."""
    if line.end is None:
        last = line.responses[-1] if line.responses else None
        return last if last and last.code in treatments.progressing else None
    during = [r for r in line.responses if r.on < line.end]
    after = next((r for r in line.responses if r.on >= line.end), None)
    late = after is not None and (after.on - line.end).days > treatments.lines.refractory_days
    if after is None or (after.code in treatments.progressing and late):
        return during[-1] if during else None
    return after


def refractory(line: Line, treatments: Treatments) -> bool | None:
    """Whether the disease was refractory to a line; None where the response at its end is not known."""
    response = ending_response(line, treatments)
    return None if response is None else response.code in treatments.refractory


def relapse(line: Line, treatments: Treatments) -> Response | None:
    """The progression after a response within a line's time."""
    responded = False
    for response in line.responses:
        if responded and response.code in treatments.progressing:
            return response
        responded = responded or response.code in treatments.responding
    return None
