"""Leaving hospital, and how the disease answered.

Main job: the rules of `Discharge` and `AssessResponse`.

**Source**: clinical reference 2.3 (stay near the centre 2 weeks in the US since June 2025, 4 weeks in the mainland and Hong Kong
texts known); recognition reference A5 (day 28 and month 3, two readers for what triggers money), mission M6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.bedside.calls import signs_found, signs_not_seen_gone
from baybridge.bedside.monitoring import infused_here
from baybridge.documents.terms import Choices, ResponseCriteria
from baybridge.documents.timing import AfterInfusion, LabelTimes
from baybridge.journey import asked_findings, odd_findings
from baybridge.journey.checks import Unusual, alive, asked_once, happened, local_day, ordered, said, treating_here
from baybridge.journey.command import Gate, Role, Situation, Verdict
from baybridge.journey.events import Discharged, ResponseAssessed, ResponseCategory
from baybridge.journey.gates import standing_at, unsigned
from baybridge.journey.intervals import last_whole
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, Second, roles, told_in
from baybridge.journey.texts import Note
from baybridge.policy.language.types import Value


class Discharge(Struct, frozen=True, kw_only=True):
    """The patient leaves hospital."""

    discharged_on: date
    stay_near_until: Annotated[date, Meta(description="until when the patient stays near the centre")]
    no_driving_until: Annotated[date | None, Meta(description="until when the patient neither drives nor handles machines")] = None
    caregiver: Annotated[bool, Meta(description="a named person stays with the patient and knows whom to call")] = False
    emergency_card: Annotated[bool, Meta(description="the patient carries the emergency card and can show it")] = False
    unusual: Unusual = False


class AssessResponse(Struct, frozen=True, kw_only=True):
    """The response at a time point."""

    timepoint: Literal["D28", "M3", "M6", "M12", "other"]
    criteria: Annotated[str, Meta(description="criteria of response, by name or code: Lugano 2014, IMWG 2016, …")]
    category: ResponseCategory
    assessed_on: date
    first_reader: Annotated[str | None, Meta(description="a reader outside, without an account here; whoever signs counts as reader")] = None
    second_reader: Annotated[str | None, Meta(description="another reader outside, without an account here")] = None
    window_reason: Annotated[Note | None, Meta(description="why the day lies outside the window of the time point")] = None


_GRADES = "Lee DW et al. Biol Blood Marrow Transplant 2019;25:625 (grades); grade 2 as the limit is a convention of this project"
_HYPERINFLAMMATION = "Hines MR et al. Transplant Cell Ther 2023 (PMID 36906275; grades); grade 2 as the limit is a convention of this project"


def at_discharge(situation: Situation) -> Iterator[Reason]:
    """What stands at the gate before discharge now: signs and toxicity that stand, may stand, or that nobody looked for today."""
    yield from _standing_signs(situation)
    yield from _open_findings(situation)
    yield from _unusual_signs(situation)
    yield from _standing_toxicity(situation)
    assessed = last_whole(situation.case, situation.documents.escalation.assessment)
    recent = timedelta(hours=situation.limits.discharge.assessed_within_h)
    if assessed is None or assessed < situation.now - recent:
        yield Reason("gate.discharge.not_assessed", {"hours": int(recent.total_seconds() // 3600)})


def _standing_signs(situation: Situation) -> Iterator[Reason]:
    """Signs that the latest findings show, whether or not the team has come for them, and those that nobody found gone since it did."""
    found = signs_found(situation)
    if found:
        yield Reason("gate.discharge.sign", {"codes": ", ".join(found)}, source="policy rapid-response")
    unseen = [code for code in signs_not_seen_gone(situation) if code not in found]
    if unseen:
        yield Reason("gate.discharge.sign_unseen", {"codes": ", ".join(unseen)}, source="policy rapid-response")


def _open_findings(situation: Situation) -> Iterator[Reason]:
    """Findings that came in and may hide a sign, and those that are newer than the grade and may raise it."""
    asked = asked_findings.to_look(situation.case, situation.site.node)
    hidden = sorted({entry.event.fact for entry in asked if entry.event.why not in ("raises", "identity", "tied")})
    newer = sorted({entry.event.fact for entry in asked if entry.event.why == "raises"})
    if hidden:
        yield Reason("gate.discharge.finding_open", {"facts": ", ".join(hidden)}, source="contract K1")
    if any(entry.event.why == "identity" for entry in asked):
        yield Reason("gate.discharge.identity_open", source="contract K1")
    if newer:
        yield Reason("gate.discharge.newer_than_grade", {"facts": ", ".join(newer)}, source="contract K1")


def _unusual_signs(situation: Situation) -> Iterator[Reason]:
    """Findings that do not fit each other and nobody settled, and vital signs that are unusual now, whether or not somebody said that they are meant."""
    rules, node = situation.documents.escalation.unusual, situation.site.node
    open_pairs = [code for code in odd_findings.to_ask(situation.case, node, rules) if not code.startswith(odd_findings.UNUSUAL)]
    if open_pairs:
        yield Reason("gate.discharge.odd_findings", {"pairs": ", ".join(open_pairs)}, source="contract K1")
    found = [name for name in rules.vital_signs if rules.of(name, situation.bedside.facts.get(name), situation.facts.get("age")) is not None]
    if found:
        yield Reason("gate.discharge.unusual_sign", {"facts": ", ".join(found)}, source=rules.source)


def _standing_toxicity(situation: Situation) -> Iterator[Reason]:
    """CRS, ICANS or IEC-HS of grade 2 or more that stands, or may."""
    least = situation.limits.discharge.toxicity_from_grade
    for scale, grade in situation.case.grades.items():
        if grade.at_most >= least:
            yield Reason("gate.discharge.toxicity", {"scale": scale, "grade": grade.at_most}, source=_GRADES)
    hyperinflammation = _hyperinflammation(situation)
    if isinstance(hyperinflammation, int) and hyperinflammation >= least:
        yield Reason("gate.discharge.toxicity", {"scale": "iec-hs", "grade": hyperinflammation}, source=_HYPERINFLAMMATION)
    elif hyperinflammation is None and situation.bedside.decide(_SCREENING, {}).outcome == "suspected":
        yield Reason("gate.discharge.iec_hs_ungraded", source=_HYPERINFLAMMATION)


def _hyperinflammation(situation: Situation) -> Value:
    """The grade of IEC-HS: as it is found now, else the last that anybody stated since the infusion, here or in what another system filed.

    A grade stands until another is stated, whatever its age.
    """
    facts, case = situation.bedside.facts, situation.case
    found = facts.get("iec_hs_grade")
    if found is not None or case.infused_at is None:
        return found
    rounds = [(e.event.assessed_at, dict(e.event.findings).get("iec_hs_grade")) for e in case.assessments]
    confirmed, graded_at = case.confirmed.get("iec_hs_grade"), facts.get("iec_hs_graded_at")
    stated: list[tuple[datetime, Value]] = [*rounds, *([(confirmed.origin.at, confirmed.event.value)] if confirmed is not None else [])]
    stated += [(graded_at, facts.get("iec_hs_grade_standing"))] if isinstance(graded_at, datetime) else []
    since = [(at, grade) for at, grade in stated if grade is not None and at >= case.infused_at]
    return max(since, key=lambda one: one[0])[1] if since else None


#: Who is to be looked at for hyperinflammation; a person grades it.
_SCREENING = "iec-hs-screening-2023"

_OF_INPUT = frozenset(f"gate.discharge.{what}" for what in ("no_caregiver", "no_emergency_card", "near_too_short", "driving_too_short"))
_GATE = Gate("discharge", at_discharge, _OF_INPUT)


def _left(situation: Situation, given: Discharge) -> Iterator[Reason]:
    """What the patient leaves with: a caregiver, an emergency card, and the days that the label of this region asks for."""
    if not given.caregiver:
        yield Reason("gate.discharge.no_caregiver", where="caregiver")
    if not given.emergency_card:
        yield Reason("gate.discharge.no_emergency_card", where="emergency_card")
    infused_at = situation.case.infused_at
    if infused_at is None:
        return
    asked, day0 = days_after_infusion(situation), local_day(situation, infused_at)
    if given.stay_near_until < day0 + timedelta(days=asked.near_centre_days):
        yield Reason("gate.discharge.near_too_short", source=asked.source, where="stay_near_until")
    if given.no_driving_until is None or given.no_driving_until < day0 + timedelta(days=asked.no_driving_days):
        yield Reason("gate.discharge.driving_too_short", source=asked.source, where="no_driving_until")


def days_after_infusion(situation: Situation | FormContext) -> AfterInfusion:
    """The row of the label that speaks here: of this region and product, else of this region; the longest known where none is established."""
    document = situation.documents.the(LabelTimes)
    here = [row for row in document.after_infusion if row.label == situation.site.jurisdiction]
    of_product = [row for row in here if row.product is not None and row.product == situation.case.product]
    general = [row for row in here if row.product is None]
    return (of_product or general or [document.after_infusion_elsewhere])[0]


#: A day further ahead is asked about. Source: convention of this project; no label asks for more than eight weeks.
_LONG = timedelta(days=180)


def discharge_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against discharge now, whatever days are given."""
    yield from _always(situation)
    yield from standing_at(situation, _GATE)


def _always(situation: Situation) -> Iterator[Reason]:
    """What no signature passes."""
    yield from alive(situation)
    yield from treating_here(situation)
    yield from infused_here(situation)
    if situation.case.open_rapid_response is not None:
        yield Reason("bedside.discharge.rapid_response_open")


def discharge(situation: Situation, given: Discharge) -> Verdict:
    """The patient left, unless a call of the rapid response team is open."""
    against = [
        *discharge_blocked(situation),
        *unsigned(situation, "discharge", _left(situation, given)),
        *happened(situation, discharged_on=given.discharged_on),
        *ordered(given.discharged_on, given.stay_near_until, "discharged_on", "stay_near_until"),
    ]
    infused_at = situation.case.infused_at
    if infused_at is not None and given.discharged_on < local_day(situation, infused_at):
        against.append(Reason("bedside.discharge.before_infusion", where="discharged_on"))
    against.extend(asked_once(_unusual(situation, given), unusual=given.unusual))
    if against:
        return refuse(*against)
    event = Discharged(
        discharged_on=given.discharged_on,
        stay_near_until=given.stay_near_until,
        no_driving_until=given.no_driving_until,
        caregiver=given.caregiver,
        emergency_card=given.emergency_card,
    )
    return (event,)


def _unusual(situation: Situation, given: Discharge) -> Iterator[Reason]:
    """The patient left before, or was assessed here after the day given."""
    left = [e.event.discharged_on for e in situation.case.of(Discharged) if e.origin.node == situation.site.node]
    if left:
        yield Reason("bedside.discharge.again", {"day": max(left).isoformat()}, where="unusual")
    here = [local_day(situation, e.event.assessed_at) for e in situation.case.assessments if e.origin.node == situation.site.node]
    if here and max(here) > given.discharged_on:
        yield Reason("bedside.discharge.assessed_after", {"day": max(here).isoformat()}, where="unusual")
    for field, day in (("stay_near_until", given.stay_near_until), ("no_driving_until", given.no_driving_until)):
        if day is not None and day > given.discharged_on + _LONG:
            yield Reason("bedside.discharge.far_ahead", {"day": day.isoformat()}, where=field)


def days_of_label(context: FormContext) -> Mapping[str, object]:
    """The days that the label of this region asks for, counted from the infusion."""
    infused_at = context.case.infused_at
    if infused_at is None:
        return {}
    asked, day0 = days_after_infusion(context), infused_at.astimezone(context.site.zone).date()
    return {"stay_near_until": day0 + timedelta(days=asked.near_centre_days), "no_driving_until": day0 + timedelta(days=asked.no_driving_days)}


def response_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against a response, whatever it is."""
    yield from alive(situation)
    yield from infused_here(situation)


def assess_response(situation: Situation, given: AssessResponse) -> Verdict:
    """The response stands, inside its window; a second person reads it before it does."""
    against = (
        *response_blocked(situation),
        *happened(situation, assessed_on=given.assessed_on),
        *_criteria(situation, given),
        *_window(situation, given),
    )
    criteria = criteria_named(situation, given.criteria)
    if against or criteria is None:
        return refuse(*against)
    return (
        ResponseAssessed(
            timepoint=given.timepoint,
            criteria=criteria.name,
            category=given.category,
            assessed_on=given.assessed_on,
            first_reader=(given.first_reader or "").strip(),
            second_reader=given.second_reader.strip() if given.second_reader else None,
            window_reason=given.window_reason,
        ),
    )


def criteria_named(situation: Situation, written: str) -> ResponseCriteria | None:
    """The criteria of response by their code, name or spelling; None where they are none that is known."""
    wanted = " ".join(written.casefold().split())
    for code, row in situation.documents.the(Choices).response_criteria.items():
        if wanted in {name.casefold() for name in (code, row.name, *row.spellings)}:
            return row
    return None


def _criteria(situation: Situation, given: AssessResponse) -> Iterator[Reason]:
    """The criteria are known, and know the category."""
    found = criteria_named(situation, given.criteria)
    if found is None:
        known = ", ".join(row.name for row in situation.documents.the(Choices).response_criteria.values())
        yield Reason("bedside.response.no_criteria", {"known": known}, where="criteria")
    elif given.category not in found.categories:
        values = {"criteria": found.name, "known": ", ".join(found.categories), "category": given.category}
        yield Reason("bedside.response.category", values, source=found.source, where="category")
    if found is not None and found not in (fitting := _fitting(situation)):
        said_of = {"criteria": found.name, "known": ", ".join(row.name for row in fitting), "product": situation.case.product or ""}
        yield Reason("bedside.response.other_disease", said_of, source=found.source, where="criteria")


def _fitting(situation: Situation) -> list[ResponseCriteria]:
    """The criteria that read the disease which is treated here: those of the product, and of them those of the patient's diagnosis where it is known."""
    known = situation.documents.the(Choices).response_criteria
    named = situation.product.response_criteria if situation.product else ()
    of_product = [row for code, row in known.items() if not named or code in named]
    diagnosis = situation.facts.get("diagnosis")
    return [row for row in of_product if not row.diagnoses or diagnosis in row.diagnoses] or of_product


def _window(situation: Situation, given: AssessResponse) -> Iterator[Reason]:
    rules = situation.limits.response
    window, infused_at = rules.windows.get(given.timepoint), situation.case.infused_at
    if window is None or infused_at is None:
        return
    day = (given.assessed_on - local_day(situation, infused_at)).days
    if abs(day - window.day) <= window.within_d:
        return
    values = {"timepoint": given.timepoint, "found": day, "day": window.day, "within": window.within_d}
    fits = next((name for name, other in rules.windows.items() if abs(day - other.day) <= other.within_d), None)
    if fits is not None:
        yield Reason("bedside.response.other_timepoint", {**values, "fits": fits}, source=rules.source, where="timepoint")
    elif not said(given.window_reason):
        yield Reason("bedside.response.outside_window", values, source=rules.source, where="assessed_on")


def next_response(context: FormContext) -> Mapping[str, object]:
    """The moment that was not assessed yet, by the criteria that were used before."""
    responses = context.case.responses
    return {"timepoint": next((point for point in _IN_ORDER if point not in responses), "other"), "criteria": next((e.event.criteria for e in responses.values()), None)}


_IN_ORDER = ("D28", "M3", "M6", "M12")


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        Discharge, discharge, roles(Role.PHYSICIAN),
        (EventRow(Discharged, rendering.discharged, told_in("CARE_REFERRAL")),),
        page="bedside",
        correction=CLINICAL,
        step="discharge",
        blocked=discharge_blocked,
        place=40,
        button="after",
        prefill=days_of_label,
        gate=_GATE,
    ),
    CommandRow(
        AssessResponse, assess_response, roles(Role.PHYSICIAN),
        (EventRow(ResponseAssessed, rendering.response, told_in("CARE_REFERRAL", "OBA_OUTCOME", "QUALITY_REGISTRY")),),
        page="followup",
        correction=CLINICAL,
        step="response_d28",
        blocked=response_blocked,
        place=10,
        prefill=next_response,
        second=Second("read", entered="read"),
    ),
)
