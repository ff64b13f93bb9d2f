"""Treatment history: lines, what the disease answered, and classes of drugs, as facts.

Main job: `read_treatment(found, at, dictionary, exposures, course, …)` answers the facts by name.

Absent history is unknown, never "none": no line is counted where no anticancer drug is recorded, and a class of drug is denied only
where lines are recorded from the first on and every drug of the record could be read.

**Source**: shared facts contract ("Treatment history"). **Units**: months of 30.4375 days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from baybridge.base.time import CHINA, DAYS_PER_MONTH, start_of_day
from baybridge.documents.fact_reading import History
from baybridge.facts.course import Course
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.exposure import Exposures
from baybridge.facts.factset import ReadFact, Status
from baybridge.facts.fhir import Found, codings, moment, name_of, span, words
from baybridge.facts.known import Known
from baybridge.facts.lines import Line, Occasions, Response, group_lines, refractory, relapse
from baybridge.facts.measurement import FINAL
from baybridge.facts.terms import Treatments
from baybridge.policy.language.types import Value

_MONTH_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class _History:
    lines: tuple[Line, ...]
    exposures: Exposures
    treatments: Treatments
    relapsed_source: str | None
    after_infusion: Response | None

    @property
    def from_the_first(self) -> bool:
        numbers = [line.number for line in self.lines]
        return bool(numbers) and numbers == list(range(1, len(numbers) + 1))


def read_treatment(
    found: Found, at: datetime, dictionary: Dictionary, exposures: Exposures, course: Course, relapsed_source: str | None, known: Known
) -> dict[str, ReadFact]:
    """The treatment history as of `at`; `relapsed_source` is a condition that is itself recorded as relapsed."""
    treatments = dictionary.terms.treatments
    responses = [*read_responses(found, at, treatments, known), *course.responses]
    occasions = Occasions(
        transplants=read_transplants(found, at, treatments),
        infusions=tuple(i.at.astimezone(CHINA).date() for i in course.infusions),
        lymphodepletions=course.lymphodepletions,
    )
    lines = group_lines(exposures.dated, responses, occasions, treatments)
    failed = _failed_infusion(occasions, lines, responses, treatments)
    history = _History(lines, exposures, treatments, relapsed_source, failed)
    answers = (_count(history), *_first(history), *_last(history), _status(history), *_classes(history, dictionary))
    return {answer.name: answer for answer in answers if answer is not None}


def read_responses(found: Found, at: datetime, treatments: Treatments, known: Known) -> list[Response]:
    """Assessments of response at or before `at`."""
    said = (known.once("response", resource, partial(_response, resource, treatments)) for resource in found.of("Observation"))
    return [one.response for one in said if one is not None and one.at <= at]


@dataclass(frozen=True, slots=True)
class _Said:
    response: Response
    at: datetime


def _response(resource: Mapping[str, object], treatments: Treatments) -> _Said | None:
    """What an observation says of a response, whatever the moment."""
    code = _response_code(resource, treatments, treatments.responding | treatments.refractory | treatments.complete)
    said = resource.get("effectiveDateTime") or resource.get("issued")
    day, at = (span(said), moment(said)) if code else (None, None)
    if not (code and day and at and resource.get("status") in FINAL):
        return None
    return _Said(Response(code, day.first, day.exact, name_of(resource)), at)


def _response_code(resource: Mapping[str, object], treatments: Treatments, known: Set[str]) -> str | None:
    asked, answered = codings(resource.get("code")), codings(resource.get("valueCodeableConcept"))
    for coded in (*answered, *asked):
        if coded.system == treatments.response_system and coded.code in known:
            return coded.code
    if any(c.code in treatments.response_loinc for c in asked):
        return next((treatments.snomed_responses[c.code] for c in answered if c.code in treatments.snomed_responses), None)
    return None


def read_transplants(found: Found, at: datetime, treatments: Treatments) -> tuple[date, ...]:
    """The days of completed transplants at or before `at`."""
    days = []
    for resource in found.of("Procedure"):
        period = resource.get("performedPeriod")
        said = resource.get("performedDateTime") or (period.get("start") if isinstance(period, Mapping) else None)
        day, known_at = span(said), moment(said)
        named = treatments.lines.transplant_text.search(words(resource.get("code")))
        if named and day and known_at and known_at <= at and resource.get("status") == "completed":
            days.append(day.first)
    return tuple(sorted(days))


def _failed_infusion(occasions: Occasions, lines: Sequence[Line], responses: Sequence[Response], treatments: Treatments) -> Response | None:
    """The progression after the last CAR-T infusion; only then is that treatment a line that has been had."""
    last = max(occasions.infusions, default=None)
    if last is None or (lines and lines[-1].start > last):
        return None
    return next((r for r in sorted(responses, key=lambda r: r.on) if r.on > last and r.code in treatments.progressing), None)


def _fact(name: str, sources: Sequence[str], on: date | None, note: str = "", *, value: Value) -> ReadFact:
    at = start_of_day(on) if on and on not in (date.min, date.max) else None
    ordered = tuple(dict.fromkeys(sources))
    unit = "mo" if name.startswith("months_") else None
    return ReadFact(name, value, unit, str(value), at, ordered[-1] if ordered else "", Status.USED, note, ordered)


def _sources(line: Line) -> list[str]:
    return [e.source for e in sorted(line.exposures, key=lambda e: (e.start, e.source))]


def _count(history: _History) -> ReadFact | None:
    if not history.lines:
        return None
    numbered = all(line.explicit for line in history.lines)
    note = "facts.note.lines_numbered" if numbered else "facts.note.lines_counted"
    sources = [s for line in history.lines for s in _sources(line)]
    extra = 1 if history.after_infusion else 0
    on = max(line.start for line in history.lines)
    return _fact("lines_of_therapy", sources, on, note, value=max(line.number for line in history.lines) + extra)


def _first(history: _History) -> list[ReadFact | None]:
    first = next((line for line in history.lines if line.number == 1), None)
    if first is None:
        return []
    kinds = {name: any(history.treatments.is_class(atc, name) for atc in first.drugs) for name in ("anti_cd20", "cytotoxic")}
    both = all(kinds.values())
    known = both or history.exposures.complete
    immunochemotherapy = _fact("first_line_immunochemotherapy", _sources(first), first.start, value=both) if known else None
    return [immunochemotherapy, *_outcome(history, first, "first_line")]


def _last(history: _History) -> list[ReadFact | None]:
    if not history.lines or history.after_infusion:
        return []
    return _outcome(history, max(history.lines, key=lambda line: line.number), "last_line")


def _outcome(history: _History, line: Line, which: str) -> list[ReadFact | None]:
    treatments = history.treatments
    ended = refractory(line, treatments)
    sources = [*_sources(line), *(r.source for r in line.responses)]
    answers: list[ReadFact | None] = []
    if ended is not None:
        answers.append(_fact(f"refractory_to_{which}", sources, line.end, value=ended))
    back = relapse(line, treatments)
    if back and line.end is not None and line.end_known and back.exact:
        months = round(max(0, (back.on - line.end).days) / DAYS_PER_MONTH, _MONTH_DECIMALS)
        answers.append(_fact(f"months_{which}_to_relapse", [*_sources(line), back.source], back.on, value=months))
    return answers


def _status(history: _History) -> ReadFact | None:
    """Relapsed or refractory now: a relapse or a refractory line with no complete remission since."""
    treatments = history.treatments
    told: list[tuple[date, bool, str]] = []
    for line in history.lines:
        told += [(r.on, False, r.source) for r in line.responses if r.code in treatments.complete]
        back = relapse(line, treatments)
        if back:
            told.append((back.on, True, back.source))
        if refractory(line, treatments):
            last = line.responses[-1]
            told.append((last.on, True, last.source))
    if history.after_infusion:
        told.append((history.after_infusion.on, True, history.after_infusion.source))
    if told:
        on, value, source = max(told)
        return _fact("relapsed_or_refractory", [source], on, value=value)
    if history.relapsed_source:
        return _fact("relapsed_or_refractory", [history.relapsed_source], None, "facts.note.condition_relapsed", value=True)
    answered = [r for line in history.lines for r in line.responses]
    if answered and all(refractory(line, treatments) is False for line in history.lines):
        return _fact("relapsed_or_refractory", [answered[-1].source], answered[-1].on, value=False)
    return None


def _classes(history: _History, dictionary: Dictionary) -> list[ReadFact | None]:
    answers: list[ReadFact | None] = []
    for fact in dictionary.facts.values():
        name = fact.read.drugs if isinstance(fact.read, History) else None
        if not name:
            continue
        sources = [source for atc, source in history.exposures.taken if history.treatments.is_class(atc, name)]
        if sources:
            answers.append(_fact(fact.name, sources, None, value=True))
        elif history.from_the_first and history.exposures.complete:
            every = [source for _, source in history.exposures.taken]
            answers.append(_fact(fact.name, every, None, "facts.note.not_among_drugs", value=False))
    return answers
