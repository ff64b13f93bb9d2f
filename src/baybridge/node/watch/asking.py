"""What came in and may hide a sign: a finding whose value cannot be used, and a sign that arrives with a date long past.

Main job: `of_unusable(…)`, what is asked and what is answered of the present state; `of_old(…)`, what is asked of observations that are history when they come;
`of_refused(…)`, what is asked of findings that a door refused; `of_raised(…)`, what is asked of findings that are newer than a grade and may raise it; `of_unusual(…)`,
of vital signs that are unusual by themselves; `of_ties(…)`, where values of one moment differ.

A monitor that sends 98.6 as degrees Celsius, a saturation of 900 or a value that it calls preliminary says that something was measured, and not what; one whose clock
lost a day or a year shows a sign that nobody would look at. Neither calls by itself; both ask somebody to look. What a package of another node brings was judged there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from baybridge.bedside.calls import closed_alone
from baybridge.documents.escalation import UnusualSigns, VitalLimits
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.factset import FactSet, Odd, ReadFact, Status
from baybridge.facts.fhir import codings, items, name_of
from baybridge.facts.measurement import GONE, taken_at
from baybridge.journey.asked_findings import after_death, to_look
from baybridge.journey.case import Case
from baybridge.journey.events import Event, FindingAnswered, FindingAsked, Scale
from baybridge.journey.raising import RAISES
from baybridge.node.watch.signs import OF_SIGNS, SHOWN_BY, Look
from baybridge.policy.language.types import Value

#: What is measured at the bedside and shows a sign, or would. Source: policies rapid-response, crs-astct-2019 and icans-astct-2019; facts, vital_signs.yaml.
WATCHED = frozenset(
    OF_SIGNS
    | {"systolic_pressure", "diastolic_pressure", "mean_arterial_pressure", "heart_rate", "respiratory_rate"}
)  # fmt: skip

#: Why a value that came is not used, as `facts/measurement.py` says it.
_UNUSABLE = frozenset(
    f"facts.odd.{code}"
    for code in (
        "absent_and_value", "answer_open", "bound", "code_unknown", "code_unread", "implausible", "interpretation_alone", "modifier_unknown", "said_twice",
        "status_not_final", "text_only", "two_facts", "unit_missing", "unit_unknown", "units_contradict", "value_kind",
    )
)  # fmt: skip


def watched_facts(resource: Mapping[str, object], dictionary: Dictionary) -> frozenset[str]:
    """The facts that show signs of which an observation, or a part of it, speaks."""
    return facts_named(resource, dictionary) & WATCHED


def facts_named(resource: Mapping[str, object], dictionary: Dictionary) -> frozenset[str]:
    """The facts of which an observation, or a part of it, speaks."""
    parts = (resource, *items(resource.get("component")))
    facts = (dictionary.by_code(coded.system, coded.code) for part in parts for coded in codings(part.get("code")))
    return frozenset(fact.name for fact in facts if fact is not None)


def is_said(resource: Mapping[str, object]) -> bool:
    """Whether an observation that stands says a value."""
    parts = (resource, *items(resource.get("component")))
    return resource.get("status") not in GONE and any(key.startswith("value") for part in parts for key in part)


def of_unusable(case: Case, node: str, facts: FactSet, resources: Sequence[Mapping[str, object]], since: datetime, dictionary: Dictionary) -> Iterator[Event]:
    """What is asked of values that cannot be used and that came since a moment, and what no longer is; the present state decides."""
    doubts = _doubts(facts, resources, since, dictionary)
    standing = {entry.event.fact: entry.event for entry in to_look(case, node) if entry.event.why == "unusable"}
    asked = {entry.event.resource for entry in case.of(FindingAsked) if entry.event.why == "unusable"}
    for fact in sorted(doubts.keys() - standing.keys()):
        at, name = doubts[fact]
        if name not in asked:
            yield FindingAsked(fact=fact, why="unusable", resource=name, seen_at=at)
    over = [asked for asked in standing.values() if asked.fact not in doubts and (asked.resource or _used_since(facts, asked.fact, asked.seen_at or facts.at))]
    yield from (FindingAnswered(fact=asked.fact, why="unusable") for asked in over)


def of_refused(case: Case, node: str, facts: Sequence[str], at: datetime) -> Iterator[Event]:
    """What is asked of findings that were refused at a door because they cannot be; nothing of them is filed."""
    standing = {entry.event.fact for entry in to_look(case, node) if entry.event.why == "unusable"}
    yield from (FindingAsked(fact=fact, why="unusable", resource="", seen_at=at) for fact in facts if fact in WATCHED - standing)


def _doubts(facts: FactSet, resources: Sequence[Mapping[str, object]], since: datetime, dictionary: Dictionary) -> dict[str, tuple[datetime, str]]:
    """The facts of which the latest that came cannot be used: when, and the resource."""
    odd = [one for one in facts.odd if one.code in _UNUSABLE and dict(one.values).get("status") not in GONE]
    if not odd:
        return {}
    by_name = {name_of(resource): resource for resource in resources if resource.get("resourceType") == "Observation"}
    found: dict[str, tuple[datetime, str]] = {}
    for one in odd:
        resource = by_name.get(one.resource)
        at = taken_at(resource) if resource is not None else None
        if resource is None or at is None or at < since:
            continue
        for fact in _of_odd(one, resource, dictionary):
            found[fact] = max(found.get(fact, (at, one.resource)), (at, one.resource))
    return {fact: (at, name) for fact, (at, name) in found.items() if not _used_since(facts, fact, at)}


def _of_odd(one: Odd, resource: Mapping[str, object], dictionary: Dictionary) -> frozenset[str]:
    said = dict(one.values).get("fact")
    return (frozenset({said}) & WATCHED) if said else watched_facts(resource, dictionary)


def _used_since(facts: FactSet, fact: str, at: datetime) -> bool:
    reading = facts.facts.get(fact)
    return reading is not None and reading.status in {Status.USED, Status.STALE} and reading.at is not None and reading.at >= at


def of_old(case: Case, node: str, found: Look, arrived: frozenset[str]) -> Iterator[Event]:
    """What is asked of a look at a moment long past: each sign that something which has just arrived shows, unless the team was called for it within a day of then."""
    asked = {(entry.event.fact, entry.event.resource) for entry in case.of(FindingAsked)}
    asked |= {(entry.event.fact, "") for entry in to_look(case, node) if entry.event.why == "old"}
    at, shown = found.seen.at, found.facts
    judged = [call for call in case.rapid_responses if not closed_alone(call)]  # whoever closed one without the team did not see what arrives now
    for code in sorted(found.seen.levels):
        if any(code in call.levels and timedelta(0) <= call.called.event.called_at - at <= timedelta(days=1) for call in judged):
            continue
        for fact in SHOWN_BY.get(code, ()):
            reading = shown.facts.get(fact) if fact in shown.values else None
            source = reading.source if reading is not None else ""
            if source in arrived and not {(fact, source), (fact, "")} & asked:
                asked.add((fact, ""))
                yield FindingAsked(fact=fact, why="old", resource=source, seen_at=at)


def of_the_dead(case: Case, node: str, arrived: Mapping[str, Mapping[str, datetime]]) -> Iterator[Event]:
    """What is asked of findings that are newer than a death, by name: was it recorded for the right patient? Once for each finding until somebody answers."""
    standing = {entry.event.fact for entry in after_death(case, node)}
    asked = {(entry.event.fact, entry.event.resource) for entry in case.of(FindingAsked) if entry.event.why == "after_death"}
    for name, facts in arrived.items():
        for fact in sorted(facts.keys() - standing):
            if (fact, name) not in asked:
                standing.add(fact)
                yield FindingAsked(fact=fact, why="after_death", resource=name, seen_at=facts[fact])


def in_doubt(facts: FactSet, resources: Sequence[Mapping[str, object]], since: datetime, dictionary: Dictionary, rules: UnusualSigns) -> bool:
    """Whether a record holds a finding that asks somebody to look: one that cannot be used, or is unusual by itself."""
    unusual = (name for name in rules.vital_signs if rules.of(name, facts.values.get(name), facts.values.get("age")) is not None)
    return any(True for _ in unusual) or bool(_doubts(facts, resources, since, dictionary))


# --- unusual by itself ---------------------------------------------------------------------------------------------------


def of_unusual(case: Case, node: str, facts: FactSet, resources: Sequence[Mapping[str, object]], rules: UnusualSigns) -> Iterator[Event]:
    """What is asked of vital signs that came by a feed and are unusual, unless the last assessment that states them found as much; answered where one is taken back."""
    standing = {entry.event.fact: entry.event.resource for entry in to_look(case, node) if entry.event.why == "unusual"}
    there = {name_of(resource) for resource in resources if resource.get("status") not in GONE}
    yield from (FindingAnswered(fact=name, why="unusual") for name, resource in standing.items() if resource not in there)
    asked = {(entry.event.fact, entry.event.resource) for entry in case.of(FindingAsked) if entry.event.why == "unusual"}
    for name in sorted(rules.vital_signs.keys() - standing.keys()):
        reading = _most_unusual(facts, name, rules.vital_signs[name])
        if reading is None or reading.at is None or reading.source.startswith("Event/"):
            continue
        limits = rules.of(name, reading.value, facts.values.get("age"))
        if limits is not None and (name, reading.source) not in asked and not _found_as_much(case, name, reading.value, limits, reading.at):
            yield FindingAsked(fact=name, why="unusual", resource=reading.source, seen_at=reading.at, calls=limits.calls)


def _most_unusual(facts: FactSet, name: str, limits: VitalLimits) -> ReadFact | None:
    """The reading that stands, or one of the same moment that lies further beyond its limits."""
    stands = facts.facts.get(name)
    if stands is None or name not in facts.values:
        return None
    beside = [one for tie in facts.ties if (tie.counts.name, tie.counts.at) == (name, stands.at) for one in tie.others]
    return max([stands, *beside], key=lambda one: limits.beyond(one.value))


def of_ties(case: Case, node: str, facts: FactSet, since: datetime) -> Iterator[Event]:
    """Where values of one moment differ it is asked which is right, of the latest moment of each finding; it is answered where one of them no longer stands."""
    open_ties = sorted((tie for tie in facts.ties if tie.counts.at is not None and tie.counts.at >= since), key=lambda tie: str(tie.counts.at))
    moments = {(tie.counts.name, tie.counts.at) for tie in open_ties}
    standing = {entry.event.fact: entry.event for entry in to_look(case, node) if entry.event.why == "tied"}
    over = [name for name, asked in standing.items() if (name, asked.seen_at) not in moments]
    yield from (FindingAnswered(fact=name, why="tied") for name in over)
    for name, tie in {tie.counts.name: tie for tie in open_ties}.items():
        if name not in standing or name in over:
            yield FindingAsked(fact=name, why="tied", resource=tie.counts.source, seen_at=tie.counts.at)


def _found_as_much(case: Case, name: str, value: Value, limits: VitalLimits, at: datetime) -> bool:
    """Whether the last assessment before a moment that states a vital sign found it as far beyond its limits, or further."""
    said = [dict(entry.event.findings)[name] for entry in case.assessments if entry.event.assessed_at <= at and name in dict(entry.event.findings)]
    return bool(said) and limits.beyond(said[-1]) >= limits.beyond(value)


# --- newer than the grade -------------------------------------------------------------------------------------------------

def of_raised(case: Case, node: str, found: Look) -> Iterator[Event]:
    """What is asked of findings that came after the grade that stands and may raise it, once for each; and what is answered, because the grade now counts them."""
    raising = {name: scale for scale in RAISES for name in _raising(case, scale, found)}
    standing = {entry.event.fact: entry.event for entry in to_look(case, node) if entry.event.why == "raises"}
    asked = {(entry.event.fact, entry.event.resource) for entry in case.of(FindingAsked) if entry.event.why == "raises"}
    for name in sorted(raising.keys() - standing.keys()):
        reading = found.facts.facts[name]
        if (name, reading.source) not in asked:
            yield FindingAsked(fact=name, why="raises", resource=reading.source, seen_at=reading.at, grade_max=found.most[raising[name]])
    over = [name for name, asked_of in standing.items() if name not in raising and _graded_since(case, name, asked_of.seen_at or found.seen.at)]
    yield from (FindingAnswered(fact=name, why="raises") for name in sorted(over))


def _graded_since(case: Case, fact: str, at: datetime) -> bool:
    """Whether a grade that reads a finding was made of a moment since."""
    grades = [case.grades.get(scale) for scale, named in RAISES.items() if fact in named]
    return any(grade is not None and grade.latest.event.assessed_at >= at for grade in grades)


def _raising(case: Case, scale: Scale, found: Look) -> Iterator[str]:
    """The findings after the grade that stands which may raise it; every one since the infusion where none stands."""
    grade = case.grades.get(scale)
    stands, since = (grade.at_most, grade.latest.event.assessed_at) if grade is not None else (0, case.infused_at)
    if since is None or found.most[scale] <= stands:
        return
    for name, raises in RAISES[scale].items():
        reading = found.facts.facts.get(name)
        newer = reading is not None and reading.at is not None and reading.at > since
        if newer and reading is not None and not reading.source.startswith("Event/") and name in found.facts.values and raises(reading.value):
            yield name
