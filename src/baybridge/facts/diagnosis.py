"""The diagnosis that labels speak of, from coded conditions; words narrow a code, and alone only propose.

Main job: `read_diagnosis(found, at, terms) -> Diagnosed`, and `read_conditions` for the coded conditions of the dictionary.

A code says which family of disease it is; words within that family make it narrower (C83.3 with "High-grade B-cell lymphoma" is
`hgbl`). What only words say, a code that leaves it open, and an unconfirmed condition are proposals that a person confirms.

**Source**: shared facts contract; clinical reference 9.2, 9.3; the tables stand in `data/terms/diagnoses.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from baybridge.base.time import CHINA
from baybridge.facts.dictionary import Dictionary, Fact
from baybridge.facts.factset import ReadFact, Status
from baybridge.facts.fhir import Found, Resource, Span, codings, mapping, moment, name_of, span, text, words
from baybridge.facts.terms import Diagnoses, dotted_icd10


@dataclass(frozen=True, slots=True)
class Candidate:
    """One condition that names a diagnosis."""

    diagnosis: str
    since: date
    source: str
    certain: bool
    original: str
    at: datetime | None
    relapsed: bool


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """The diagnosis, other proposals, and whether the condition itself is recorded as relapsed."""

    main: ReadFact | None
    others: tuple[ReadFact, ...] = ()
    relapsed_source: str | None = None


def read_diagnosis(found: Found, at: datetime, dictionary: Dictionary) -> Diagnosed:
    """The diagnosis as of `at`: the certain one that began last, else a proposal."""
    table = dictionary.terms.diagnoses
    listed = [c for r in _standing(found, at, table) for c in [_candidate(r, table)] if c]
    named = [c for c in listed if c.diagnosis != "other"] or listed
    ranked = sorted(named, key=lambda c: (c.certain, c.since, c.source), reverse=True)
    if not ranked:
        return Diagnosed(None)
    best = ranked[0]
    rivals = {c.diagnosis for c in ranked if c.certain and c.since == best.since}
    open_choice = best.certain and len(rivals) > 1
    main = _as_fact(best, "facts.note.diagnoses_differ" if open_choice else "", proposed=open_choice or not best.certain)
    others = tuple(_as_fact(c, "facts.note.another_diagnosis", proposed=True) for c in ranked[1:] if c.diagnosis != best.diagnosis)
    return Diagnosed(main, others, best.source if best.relapsed and best.certain else None)


def read_conditions(found: Found, at: datetime, dictionary: Dictionary) -> dict[str, ReadFact]:
    """The facts of kind `condition` that are recorded; one that is not recorded is unknown."""
    wanted = [f for f in dictionary.facts.values() if f.how == "condition"]
    read: dict[str, ReadFact] = {}
    table = dictionary.terms.diagnoses
    for resource in _standing(found, at, table):
        if _is_unsure(resource, table):
            continue
        for fact in wanted:
            if covers(fact, resource, table):
                code = ", ".join(c.code for c in codings(resource.get("code")))
                read.setdefault(fact.name, _recorded(fact, code, resource))
    return read


def _recorded(fact: Fact, code: str, resource: Mapping[str, object]) -> ReadFact:
    return ReadFact(fact.name, value=True, unit=None, original=code, at=_known_at(resource), source=name_of(resource), status=Status.USED)


def covers(fact: Fact, resource: Resource, table: Diagnoses) -> bool:
    """Whether a condition carries one of a fact's codes."""
    listed = [(table.systems.get(c.system), c.code) for c in codings(resource.get("code"))]
    return any(
        (kind == "icd10" and dotted_icd10(said).startswith(code)) or said == code
        for kind, said in listed
        for wanted, code in fact.conditions
        if kind == wanted
    )


def is_read(resource: Mapping[str, object], dictionary: Dictionary) -> bool:
    """Whether anything reads a condition."""
    table = dictionary.terms.diagnoses
    known = any(table.meaning(c.system, c.code) for c in codings(resource.get("code")))
    return known or any(covers(f, resource, table) for f in dictionary.facts.values() if f.conditions)


def _standing(found: Found, at: datetime, table: Diagnoses) -> Iterator[Resource]:
    for resource in found.of("Condition"):
        known_at = _known_at(resource)
        refuted = {c.code for c in codings(resource.get("verificationStatus"))} & table.refuted
        if not refuted and (known_at is None or known_at <= at):
            yield resource


def _known_at(resource: Mapping[str, object]) -> datetime | None:
    period = mapping(resource.get("onsetPeriod"))
    said = (resource.get("recordedDate"), resource.get("onsetDateTime"), period.get("start"))
    return next((m for m in map(moment, said) if m), None)


def _is_unsure(resource: Mapping[str, object], table: Diagnoses) -> bool:
    return bool({c.code for c in codings(resource.get("verificationStatus"))} & table.unsure)


def _candidate(resource: Mapping[str, object], table: Diagnoses) -> Candidate | None:
    concept = resource.get("code")
    said = words(concept)
    meanings = [m for m in (table.meaning(c.system, c.code) for c in codings(concept)) if m]
    meaning = next((m for m in meanings if m.diagnosis != "other"), meanings[0] if meanings else None)
    wording = next((w for w in table.wordings if w.pattern.search(said)), None)
    if meaning is None and wording is None:
        return None
    if meaning is None:
        diagnosis, certain = wording.diagnosis if wording else "other", False
    else:
        diagnosis, certain = meaning.diagnosis, meaning.certain
        narrow = next((w for w in table.wordings if meaning.family in w.families and w.pattern.search(said)), None)
        if narrow:
            certain = certain or narrow.diagnosis != diagnosis
            diagnosis = narrow.diagnosis
        elif wording and wording.diagnosis != diagnosis and meaning.family != "cancer" and diagnosis != "other":
            certain = False
    known_at = _known_at(resource)
    since = span(resource.get("onsetDateTime")) or _day(known_at)
    relapsed = bool({c.code for c in codings(resource.get("clinicalStatus"))} & table.relapsed)
    certain = certain and not _is_unsure(resource, table)
    original = ", ".join(c.code for c in codings(concept)) or text(mapping(concept).get("text"))[:200]
    return Candidate(diagnosis, since.first if since else date.min, name_of(resource), certain, original, known_at, relapsed)


def _day(at: datetime | None) -> Span | None:
    day = at.astimezone(CHINA).date() if at else None
    return Span(day, day) if day else None


def _as_fact(candidate: Candidate, note: str, *, proposed: bool) -> ReadFact:
    status = Status.PROPOSED if proposed else Status.USED
    note = note or ("facts.note.to_be_confirmed" if proposed else "")
    return ReadFact("diagnosis", candidate.diagnosis, None, candidate.original, candidate.at, candidate.source, status, note)
