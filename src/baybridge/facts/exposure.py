"""Exposures: which coded drug was given, from when to when.

Main job: `read_exposures(found, at, terms)` from medication statements and administrations; orders are no proof that a drug was taken.

**Source**: shared facts contract (ATC; explicit line number in `category.text`). **Units**: days in China's civil time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from baybridge.base.time import CHINA
from baybridge.facts.fhir import Found, codings, items, mapping, moment, name_of, span, text, words
from baybridge.facts.terms import Treatments
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.drug_history import FiledDose

_TAKEN = {
    "MedicationStatement": frozenset({"active", "completed", "stopped", "on-hold"}),
    "MedicationAdministration": frozenset({"in-progress", "completed", "stopped", "on-hold"}),
}
_CHINESE = {c: n for n, c in enumerate("一二三四五六七八九", start=1)}


@dataclass(frozen=True, slots=True)
class Exposure:
    """One drug over one period; `end` None is still running, `end_known` false is not recorded."""

    atc: str
    start: date
    end: date | None
    end_known: bool
    single_dose: bool
    line: int | None
    administered: bool
    words: str
    source: str
    at: datetime

    def reaches(self, since: datetime) -> bool:
        """Whether it was given at or after a moment."""
        return self.at >= since or (not self.single_dose and self.last >= since.astimezone(CHINA).date())

    @property
    def last(self) -> date:
        """The last day on which it is known to have been given, up to the moment of reading."""
        return self.end if self.end is not None else date.max


@dataclass(frozen=True, slots=True)
class Exposures:
    """Dated exposures, every ATC code taken, and whether some drug could not be read at all."""

    dated: tuple[Exposure, ...]
    taken: tuple[tuple[str, str], ...]
    complete: bool
    unread: tuple[object, ...]


def read_exposures(found: Found, at: datetime, treatments: Treatments, case: Case | None = None) -> Exposures:
    """The exposures that began at or before `at`, from the record and, where there is one, the case."""
    dated: list[Exposure] = _told(case, at) if case is not None else []
    taken: list[tuple[str, str]] = [(e.atc, e.source) for e in dated]
    unread: list[object] = []
    undated = False
    for resource in found.of(*_TAKEN):
        began = _began(resource)
        if resource.get("status") not in _TAKEN[str(resource["resourceType"])] or (began is not None and began > at):
            continue
        concept = found.medication(resource)
        listed = codings(concept)
        atc = next((c.code for c in listed if c.system in treatments.atc_systems), None)
        if atc is None:
            if not any(c.system == treatments.product_system for c in listed):
                unread.append(concept)
            continue
        taken.append((atc, name_of(resource)))
        if began is None:
            undated = undated or treatments.is_class(atc, "anticancer")
        else:
            dated.append(_exposure(resource, concept, atc, began, at, treatments))
    return Exposures(tuple(sorted(dated, key=_order)), tuple(sorted(taken)), not unread and not undated, tuple(unread))


def filed_doses(found: Found, treatments: Treatments, case: Case) -> tuple[FiledDose, ...]:
    """Every administration with a code of the index and a moment that renders no entry of the case; one that names a day alone is none."""
    entered = {f"MedicationAdministration/{entry.origin.event_id}" for entry in case.history}
    doses = [
        FiledDose(coded.code, at, name_of(resource), _whose(resource))
        for resource in found.of("MedicationAdministration")
        if name_of(resource) not in entered
        if resource.get("status") in _TAKEN["MedicationAdministration"] and len(said := _said_at(resource)) > _DAY and (at := moment(said)) is not None
        for coded in codings(found.medication(resource))
        if coded.system in treatments.atc_systems
    ]
    return tuple(sorted(doses, key=lambda dose: (dose.at, dose.atc, dose.source)))


def _whose(resource: Mapping[str, object]) -> str:
    """Whose dose it is: the organisation that gave it, else the system that sent it; no person's name."""
    for performer in items(resource.get("performer")):
        actor = mapping(performer.get("actor"))
        if text(actor.get("type")) == "Organization" or text(actor.get("reference")).startswith("Organization/"):
            return text(actor.get("display")) or text(mapping(actor.get("identifier")).get("value")) or text(actor.get("reference"))
    return text(mapping(resource.get("meta")).get("source"))


_DAY = len("2026-11-30")


def _said_at(resource: Mapping[str, object]) -> str:
    return text(resource.get("effectiveDateTime") or mapping(resource.get("effectivePeriod")).get("start"))


def _order(exposure: Exposure) -> tuple[date, str, str]:
    return exposure.start, exposure.atc, exposure.source


def _began(resource: Mapping[str, object]) -> datetime | None:
    period = mapping(resource.get("effectivePeriod"))
    return moment(period.get("start")) or moment(resource.get("effectiveDateTime"))


def _exposure(resource: Mapping[str, object], concept: object, atc: str, began: datetime, at: datetime, treatments: Treatments) -> Exposure:
    period = mapping(resource.get("effectivePeriod"))
    start = began.astimezone(CHINA).date()
    end = span(period.get("end"))
    today = at.astimezone(CHINA).date()
    open_ended = end is None and bool(period) and resource.get("status") in {"active", "in-progress"}
    running = open_ended or (end is not None and end.first > today)
    single = not period
    notes = [text(note.get("text")) for note in items(resource.get("note"))]
    said = "\n".join((*_category_words(resource), *notes, words(concept)))
    return Exposure(
        atc=atc,
        start=start,
        end=None if running else (end.last if end else start),
        end_known=single or running or (end is not None and end.exact),
        single_dose=single,
        line=_line_number(_category_words(resource), treatments),
        words=said,
        administered=resource.get("resourceType") == "MedicationAdministration",
        source=name_of(resource),
        at=began,
    )


def _told(case: Case, at: datetime) -> list[Exposure]:
    """Drugs against toxicity that the case records."""
    given = [(e.event, f"Event/{e.origin.event_id}") for e in case.of(ev.DrugGiven) if e.event.given_at <= at]
    days = [(event, source, event.given_at.astimezone(CHINA).date()) for event, source in given]
    return [
        Exposure(
            event.atc, day, day, end_known=True, single_dose=True, line=None, administered=True, words="", source=source, at=event.given_at
        )
        for event, source, day in days
    ]


def _category_words(resource: Mapping[str, object]) -> list[str]:
    return [words(concept) for concept in items(resource.get("category"))]


def _line_number(said: Iterable[str], treatments: Treatments) -> int | None:
    for part in said:
        match = treatments.lines.number.search(part)
        if match:
            digits = next(group for group in match.groups() if group)
            return _CHINESE.get(digits) or int(digits)
    return None
