"""Watching over the patient: findings become grades; what was seen calls the team, a grade that may be high asks somebody to look now.

Main job: the rules of `Assess`, `ConfirmGrade` and `SetAssessmentInterval`.

**Source**: ASTCT consensus 2019 by the policies `crs-astct-2019` and `icans-astct-2019`. Elsewhere: calls in `calls.py`; every assessment and
observation, by whatever door it comes, is looked at by `node/watch/`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import replace

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.bedside.as_before import AFFIRMED, Before, not_fitting, not_offered, offered
from baybridge.bedside.doses import figure
from baybridge.bedside.drugs import AGAIN_MIN
from baybridge.bedside.episode import infusion_may_be_untold, standing_facts
from baybridge.bedside.weights import KEPT_CLOSE, far_from
from baybridge.documents.escalation import span
from baybridge.documents.fact_reading import Latest
from baybridge.facts.looks import explained_by, left_out
from baybridge.facts.sums import Span, contradicted, open_sums, sums_of, with_sums
from baybridge.facts.tied import worse
from baybridge.journey.checks import Moment, Unusual, alive, asked_once, digest, happened, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.course import Grade
from baybridge.journey.events import (
    AssessmentIntervalSet,
    AssessmentRecorded,
    GradeAssessed,
    GradeConfirmed,
    Scale,
)
from baybridge.journey.intervals import standing_grade
from baybridge.journey.odd_findings import UNUSUAL, questions
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CLINICAL, CommandRow, Correction, EventRow, Second, roles, told_in
from baybridge.journey.texts import Note, OneOf
from baybridge.journey.values import Typed, fact_entry, read_typed, unfit
from baybridge.policy.language.types import Value

SCALES: tuple[Scale, ...] = ("crs-astct-2019", "icans-astct-2019")


def affirmed(_: Situation) -> Collection[str]:
    """Findings that a round may affirm as before."""
    return AFFIRMED


Findings = dict[str, Typed] | tuple[tuple[str, Typed], ...]


class Assess(Struct, frozen=True, kw_only=True):
    """A bedside assessment."""

    findings: Annotated[Findings, Meta(description="fact and value, in the dictionary's unit")]
    assessed_at: Moment
    as_before: Annotated[
        tuple[Annotated[str, OneOf(affirmed)], ...],
        Meta(max_length=40, description="findings that are as they were found before, within 12 hours: absence, devices, drugs"),
    ] = ()
    another: Annotated[bool, Meta(description="true where the same findings were entered within half an hour and this is another assessment")] = False
    unusual: Annotated[bool, Meta(description="true where something was asked about (findings that do not fit, a date long past), and it is meant as it stands")] = False


class ConfirmGrade(Struct, frozen=True, kw_only=True):
    """A physician confirms or overrides the computed grade."""

    scale: Scale
    grade: Annotated[int, Meta(ge=0, le=5)]
    reason: Note = ""


class SetAssessmentInterval(Struct, frozen=True, kw_only=True):
    """A physician sets how often this patient is assessed."""

    every_h: Annotated[int, Meta(ge=1, le=24)]
    note: Note
    unusual: Unusual = False


def infused_here(situation: Situation) -> Iterator[Reason]:
    """The product was given, as far as this node knows."""
    if not situation.case.infusions:
        yield Reason("bedside.assess.not_infused")


def _infused(situation: Situation, given: Assess) -> Iterator[Reason]:
    """The product was given; where another node treats and told of no infusion, it is asked about once, and a sign is never asked about."""
    node = situation.case.treating_node
    if situation.case.infusions or not infusion_may_be_untold(situation.case, situation.site.node):
        yield from infused_here(situation)
    elif not given.unusual and not _shows_a_sign(situation, given):
        yield Reason("bedside.assess.infusion_not_told", {"node": node or ""}, where="unusual")


def assess_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any assessment: the patient died, or was given nothing as far as anybody can know here."""
    yield from alive(situation)
    if not infusion_may_be_untold(situation.case, situation.site.node):
        yield from infused_here(situation)


def assess(situation: Situation, given: Assess) -> Verdict:
    """The findings, and a grade on each scale; none where nothing of the patient's present state was found, because nobody looked.

    What was found after the look is none of its grade: it asks for another.
    """
    situation = situation.seen_until(min(_end_of(given.assessed_at), situation.now))
    against = (
        *alive(situation),
        *_infused(situation, given),
        *happened(situation, assessed_at=given.assessed_at),
        *_findings(situation, given),
    )
    if against:
        return refuse(*against)
    given = replace(given, assessed_at=min(given.assessed_at, situation.now))  # nobody looked later than now: a clock that runs ahead hides no look that follows
    findings = _with_sums(situation, given)
    silent = left_out(findings, situation.bedside.facts, situation.documents.made_of("facts", explained_by))
    limits = _open_sums(situation, findings)
    facts = {**standing_facts(situation, given.assessed_at), **silent, **findings, **dict.fromkeys(limits), **_worse_found(situation, given, findings)}
    scales = SCALES if any(_of_the_moment(situation, name) for name in findings) else ()
    laid_over = frozenset(facts.keys() - limits.keys())
    graded = tuple(_within(situation, _grade(situation, scale, facts, given, laid_over), facts, limits) for scale in scales)
    asked = tuple(_asked(situation, given))
    meant, asked = (asked, ()) if given.unusual else ((), asked)
    recorded = AssessmentRecorded(
        assessed_at=given.assessed_at, findings=tuple(sorted(findings.items())), meant=meant, asked=asked, as_before=tuple(sorted(_affirmed(situation, given))),
    )  # fmt: skip
    return (recorded, *graded)


def _end_of(moment: datetime) -> datetime:
    """Until when a look of a moment lasted: people write minutes."""
    return moment if moment.second or moment.microsecond else moment + timedelta(minutes=1)


def _worse_found(situation: Situation, given: Assess, findings: Mapping[str, Value]) -> Mapping[str, Value]:
    """What others found at this very moment and is worse than what was stated: the grade counts it, and no answer of this round explains it."""
    explaining = situation.documents.made_of("facts", explained_by)
    others = situation.bedside.found_at(given.assessed_at)
    found = {name: value for name, value in others.items() if findings.get(name) is not None and worse(name, value, findings[name], explaining)}
    return {**left_out(found, findings, explaining), **found}


def _pairs(given: Assess) -> tuple[tuple[str, Typed], ...]:
    found = given.findings
    return tuple(sorted(found.items() if isinstance(found, dict) else found, key=lambda pair: pair[0]))


def _typed(situation: Situation, given: Assess) -> dict[str, Typed]:
    return {name: read_typed(fact_entry(situation, name), value) for name, value in _pairs(given)}


def _known_before(situation: Situation, given: Assess) -> Mapping[str, Before]:
    """What this round may affirm, by what was known before it."""
    limits = situation.documents.escalation.unusual
    return offered(situation.case, situation.bedside.facts, given.assessed_at, limits) if given.as_before else {}


def _not_fitting(situation: Situation, given: Assess, known: Mapping[str, Before]) -> tuple[str, ...]:
    return not_fitting(given.as_before, known, _typed(situation, given), situation.documents.escalation.unusual)


def _affirmed(situation: Situation, given: Assess) -> dict[str, Typed]:
    """What is as it was found before; a finding that was typed beside it is the one that holds, and what a value of this round contradicts is none of it."""
    known, typed = _known_before(situation, given), dict(_pairs(given))
    left = {name for name in given.as_before if name in known and name not in typed}.difference(_not_fitting(situation, given, known))
    return {name: read_typed(fact_entry(situation, name), known[name].value) for name in given.as_before if name in left}


def _findings(situation: Situation, given: Assess) -> Iterator[Reason]:
    known = _known_before(situation, given)
    yield from not_offered(given.as_before, known)
    against = _not_fitting(situation, given, known)
    if against and not _brings_a_sign(situation, given):  # a sign is taken at once and calls, without what it contradicts
        yield from (Reason("bedside.assess.contradicted", {"fact": name}, where="as_before") for name in against)
    if not given.findings:
        # What is as before was seen, but nobody measured: a round in which nothing was found now would move the clock of the next one by a tick.
        yield Reason(f"bedside.assess.{'nothing_measured' if given.as_before else 'nothing_found'}", where="findings")
    for name, value in _pairs(given):
        yield from unfit(situation, name, value)
    for name, said_so in contradicted(_typed(situation, given), situation.documents.made_of("facts", sums_of)):
        yield Reason("bedside.assess.ice_contradicts", said_so, where=name, source="Lee 2019, Table 5")
    yield from asked_once(_odd_pairs(situation, given), unusual=given.unusual)
    old = situation.now - given.assessed_at > span(situation.documents.escalation.history_after)
    if old and not given.unusual and not _shows_a_sign(situation, given):
        yield Reason("bedside.assess.long_ago", {"at": given.assessed_at.isoformat()}, where="unusual")
    if not given.another and _entered_before(situation, given):
        yield Reason("bedside.assess.again", {"minutes": AGAIN_MIN}, where="another")
    infused_at = situation.case.infused_at
    if infused_at is not None and given.assessed_at < infused_at:
        yield Reason("bedside.assess.before_infusion", where="assessed_at")


def _odd_pairs(situation: Situation, given: Assess) -> Iterator[Reason]:
    """Findings that do not fit each other or are unusual are asked about; where one of them is a sign it is taken at once, calls, and the question stands as a task."""
    asked = tuple(_asked(situation, given))
    if not asked or _brings_a_sign(situation, given):
        return
    for code in asked:
        if code == _FAR_WEIGHT:
            yield _far_weight(situation, given)
        elif code.startswith(UNUSUAL):
            values = {"fact": code.removeprefix(UNUSUAL)}
            yield Reason("bedside.assess.unusual_sign", values, where="unusual", source=situation.documents.escalation.unusual.source)
        else:
            yield Reason("bedside.assess.odd_pair", {"pair": code}, where="unusual", source="convention of this project")


def _far_weight(situation: Situation, given: Assess) -> Reason:
    weight = _with_sums(situation, given)["weight"]
    values = {"weight": figure(float(weight)), "known": figure(far_from(situation, weight) or 0)}
    return Reason("bedside.weight.far", values, where="unusual", source=KEPT_CLOSE)


def _of_the_moment(situation: Situation, name: str) -> bool:
    """Whether a finding says how the patient is now: one that holds for no more than a day, or that every grade reads. A weight does not."""
    entry = fact_entry(situation, name)
    reading = entry.reading() if entry is not None else None
    if not isinstance(reading, Latest):
        return True
    return name in _OF_THE_PATIENT or (reading.max_age_h is not None and reading.max_age_h <= _A_DAY_H)


#: Convention of this project: the longest for which the dictionary lets a vital sign or a score stand is a day, the shortest of what is no such is three.
_A_DAY_H = 24


def _asked(situation: Situation, given: Assess) -> Iterator[str]:
    findings = _with_sums(situation, given)
    yield from questions(findings, situation.documents.escalation.unusual, situation.facts.get("age"))
    if far_from(situation, findings.get("weight")) is not None:
        yield _FAR_WEIGHT


_FAR_WEIGHT = f"{UNUSUAL}weight"


def _entered_before(situation: Situation, given: Assess) -> bool:
    """Whether the same findings stand already for a time close to this one; a sign of the list is never asked about, it calls."""
    apart, same = timedelta(minutes=AGAIN_MIN), tuple(sorted(_with_sums(situation, given).items()))
    close = [e for e in situation.case.of(AssessmentRecorded) if e.event.findings == same and abs(e.event.assessed_at - given.assessed_at) <= apart]
    return any(e.origin.node == situation.site.node for e in close) and not _brings_a_sign(situation, given)


def beside_other_assessments(situation: Situation, given: Assess, old: AssessmentRecorded) -> Iterator[Reason]:
    """The same findings were entered since for a time close to this one."""
    same = (old.findings, old.assessed_at) == (tuple(sorted(_with_sums(situation, given).items())), given.assessed_at)
    if not same and not given.another and _entered_before(situation, given):
        yield Reason("bedside.assess.again", {"minutes": AGAIN_MIN}, where="another")


def _shows_a_sign(situation: Situation, given: Assess) -> bool:
    """Whether the findings that can be read show a sign of the list, beside what is known and still holds."""
    fit = {name: value for name, value in _with_sums(situation, given).items() if not any(True for _ in unfit(situation, name, value))}
    silent = left_out(fit, situation.bedside.facts, situation.documents.made_of("facts", explained_by))
    return bool(situation.bedside.decide("rapid-response", {**silent, **fit}).values.get("codes"))


def _brings_a_sign(situation: Situation, given: Assess) -> bool:
    """Whether the findings show a sign by themselves: one that stood before waits for nobody's answer."""
    fit = {name: value for name, value in _with_sums(situation, given).items() if not any(True for _ in unfit(situation, name, value))}
    unsaid = {name: None for name in situation.bedside.facts if name not in _OF_THE_PATIENT}
    return bool(situation.bedside.decide("rapid-response", {**unsaid, **fit}).values.get("codes"))


#: What is known of the patient whatever anybody sees today.
_OF_THE_PATIENT = frozenset({"age", "developmental_delay"})


def _with_sums(situation: Situation, given: Assess) -> dict[str, Typed]:
    return {**_affirmed(situation, given), **with_sums(_typed(situation, given), situation.documents.made_of("facts", sums_of))}


def _open_sums(situation: Situation, findings: Mapping[str, object]) -> Mapping[str, Span]:
    """The limits of each score of which some items were given and not all."""
    totals = situation.documents.made_of("facts", sums_of)
    entries = {item: fact_entry(situation, item) for items in totals.values() for item in items}
    most = {item: int(entry.plausible[1]) if entry is not None and entry.plausible is not None else 0 for item, entry in entries.items()}
    return open_sums(findings, totals, most, situation.bedside.facts)


def _within(situation: Situation, graded: GradeAssessed, facts: Mapping[str, Value], limits: Mapping[str, Span]) -> GradeAssessed:
    """A grade with the bounds that scores within limits leave it: four items of ICE that fail are an ICE of 1 at most, whatever the fifth."""
    if not limits:
        return graded
    ends = [situation.bedside.decide(graded.scale, {**facts, **{name: span[end] for name, span in limits.items()}}).values for end in (0, 1)]
    lowest, highest = (min(int(one.get("grade_min") or 0) for one in ends), max(int(4 if one.get("grade_max") is None else one["grade_max"]) for one in ends))
    return replace(graded, grade_min=max(graded.grade_min, lowest), grade_max=min(graded.grade_max, highest))


def _grade(situation: Situation, scale: Scale, facts: Mapping[str, Value], given: Assess, stated: Collection[str]) -> GradeAssessed:
    decision = situation.bedside.decide(scale, facts)
    values: Mapping[str, Any] = decision.values
    return GradeAssessed(
        scale=scale,
        outcome=decision.outcome,
        grade=values.get("grade"),
        grade_min=int(values.get("grade_min") or 0),
        grade_max=int(values["grade_max"]) if values.get("grade_max") is not None else 4,
        driver=values.get("driver"),
        missing=tuple(decision.missing),
        assessed_at=given.assessed_at,
        decision_sha256=digest(decision),
        flags=tuple(values.get("flags") or ()),
        from_before=tuple(one for one in situation.bedside.before(scale, given.assessed_at) if one[0] not in stated),
    )


def confirm_grade(situation: Situation, given: ConfirmGrade) -> Verdict:
    """The physician's grade beside the computed one; a difference needs a reason."""
    standing = situation.case.grades.get(given.scale)
    against = [*_assessed(standing, given)]
    if given.grade == _DEATH and situation.case.alive:
        against.append(Reason("bedside.confirm.alive", {"grade": given.grade}, where="grade", source="Lee 2019: grade 5 is death with no other principal factor"))
    if against or standing is None:
        return refuse(*against)
    computed = standing.latest.event.grade
    return (GradeConfirmed(scale=given.scale, grade=given.grade, computed=computed, reason=given.reason.strip()),)


#: Death due to it.
_DEATH = 5


def none_graded(situation: Situation) -> Iterator[Reason]:
    """No grade stands that could be confirmed; that of a patient who died is confirmed too."""
    if not situation.case.grades:
        yield Reason("bedside.confirm.no_grade")


def below_what_is_seen(situation: Situation, given: ConfirmGrade) -> bool:
    """Whether a grade lies below the least that the findings show; another physician then confirms it."""
    standing = situation.case.grades.get(given.scale)
    return standing is not None and given.grade < standing.latest.event.grade_min


def _assessed(standing: Grade | None, given: ConfirmGrade) -> Iterator[Reason]:
    if standing is None:
        yield Reason("bedside.confirm.nothing_assessed", {"scale": given.scale}, where="scale")
    elif given.grade != standing.latest.event.grade and not said(given.reason):
        yield Reason("bedside.confirm.no_reason", source="clinical reference 14", where="reason")


def interval_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against another interval, whatever it is."""
    yield from alive(situation)
    yield from infused_here(situation)
    if situation.case.open_rapid_response is not None:
        yield Reason("bedside.interval.call_open")


def set_assessment_interval(situation: Situation, given: SetAssessmentInterval) -> Verdict:
    """Another interval than that of the grade, with the reason; it holds until the grade rises or the team is called. While a call is open there is none."""
    against = [*interval_blocked(situation)]
    if not said(given.note):
        against.append(Reason("bedside.interval.no_note", where="note"))
    against.extend(asked_once(_longer_than_asked(situation, given), unusual=given.unusual))
    if against:
        return refuse(*against)
    return (AssessmentIntervalSet(every_h=given.every_h, grade=standing_grade(situation.case), note=given.note.strip()),)


def _longer_than_asked(situation: Situation, given: SetAssessmentInterval) -> Iterator[Reason]:
    """The interval is longer than the one that the standing grade asks for."""
    rules, grade = situation.documents.escalation.assessment, standing_grade(situation.case)
    asked = rules.hours_by_grade[grade]
    if given.every_h > asked:
        yield Reason("bedside.interval.longer", {"grade": grade, "hours": asked, "every": given.every_h}, source=rules.source, where="unusual")


def graded_scale(context: FormContext) -> Mapping[str, object]:
    """The first scale on which a grade stands."""
    return {"scale": next((name for name, grade in context.case.grades.items() if grade.latest.event.grade is not None), None)}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        Assess, assess, roles(Role.PHYSICIAN, Role.NURSE),
        (
            EventRow(AssessmentRecorded, rendering.assessed, told_in("CARE_REFERRAL")),
            EventRow(GradeAssessed, rendering.graded, told_in("CARE_REFERRAL", "QUALITY_REGISTRY", "PHARMACOVIGILANCE"), computed=True),
        ),
        page="bedside",
        correction=CLINICAL,
        step="monitor",
        blocked=assess_blocked,
        beside=beside_other_assessments,
        place=10,
        button="after",
    ),
    CommandRow(
        ConfirmGrade, confirm_grade, roles(Role.PHYSICIAN),
        (EventRow(GradeConfirmed, rendering.confirmed, told_in("CARE_REFERRAL")),),
        page="bedside",
        correction=Correction(Role.PHYSICIAN, second="lowered"),
        step="confirm_grade",
        blocked=none_graded,
        button=None,
        prefill=graded_scale,
        second=Second("approved", roles(Role.PHYSICIAN), entered="decided", when=below_what_is_seen),
    ),
    CommandRow(
        SetAssessmentInterval, set_assessment_interval, roles(Role.PHYSICIAN),
        (EventRow(AssessmentIntervalSet, rendering.interval_set),),
        page="bedside",
        correction=CLINICAL,
        step="monitor",
        blocked=interval_blocked,
        place=60,
        button="after",
    ),
)
