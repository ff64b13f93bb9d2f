"""Leaving hospital, and how the disease answered.

Main job: the rules of `Discharge` and `AssessResponse`.

**Source**: clinical reference 2.3 (stay near the centre 2 weeks in the US since June 2025, 4 weeks in the mainland and Hong Kong
texts known); recognition reference A5 (day 28 and month 3, two readers for what triggers money), mission M6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.bedside.monitoring import infused_here
from baybridge.journey.checks import alive, happened, local_day, ordered, said, treating_here
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import Discharged, ResponseAssessed, ResponseCategory
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, Second, roles, told_in


class Discharge(Struct, frozen=True, kw_only=True):
    """The patient leaves hospital."""

    discharged_on: date
    stay_near_until: Annotated[date, Meta(description="until when the patient stays near the centre")]


class AssessResponse(Struct, frozen=True, kw_only=True):
    """The response at a time point."""

    timepoint: Literal["D28", "M3", "M6", "M12", "other"]
    criteria: Annotated[str, Meta(description="for example Lugano 2014, IMWG 2016")]
    category: ResponseCategory
    assessed_on: date
    first_reader: Annotated[str | None, Meta(description="a reader outside, without an account here; whoever signs counts as reader")] = None
    second_reader: Annotated[str | None, Meta(description="another reader outside, without an account here")] = None
    window_reason: Annotated[str | None, Meta(description="why the day lies outside the window of the time point")] = None


def discharge(situation: Situation, given: Discharge) -> Verdict:
    """The patient left, unless a call of the rapid response team is open."""
    against = [
        *alive(situation),
        *treating_here(situation),
        *infused_here(situation),
        *happened(situation, discharged_on=given.discharged_on),
        *ordered(given.discharged_on, given.stay_near_until, "discharged_on", "stay_near_until"),
    ]
    if situation.case.open_rapid_response is not None:
        against.append(Reason("bedside.discharge.rapid_response_open"))
    infused_at = situation.case.infused_at
    if infused_at is not None and given.discharged_on < local_day(situation, infused_at):
        against.append(Reason("bedside.discharge.before_infusion", where="discharged_on"))
    return refuse(*against) if against else (Discharged(discharged_on=given.discharged_on, stay_near_until=given.stay_near_until),)


def assess_response(situation: Situation, given: AssessResponse) -> Verdict:
    """The response stands, inside its window; a second person reads it before it does."""
    against = (
        *alive(situation),
        *infused_here(situation),
        *happened(situation, assessed_on=given.assessed_on),
        *_criteria(given),
        *_window(situation, given),
    )
    if against:
        return refuse(*against)
    return (
        ResponseAssessed(
            timepoint=given.timepoint,
            criteria=given.criteria.strip(),
            category=given.category,
            assessed_on=given.assessed_on,
            first_reader=(given.first_reader or "").strip(),
            second_reader=given.second_reader.strip() if given.second_reader else None,
            window_reason=given.window_reason,
        ),
    )


def _criteria(given: AssessResponse) -> Iterator[Reason]:
    if not said(given.criteria):
        yield Reason("bedside.response.no_criteria", where="criteria")


def _window(situation: Situation, given: AssessResponse) -> Iterator[Reason]:
    rules = situation.limits.response
    window, infused_at = rules.windows.get(given.timepoint), situation.case.infused_at
    if window is None or infused_at is None:
        return
    day = (given.assessed_on - local_day(situation, infused_at)).days
    if abs(day - window.day) > window.within_d and not said(given.window_reason):
        values = {"timepoint": given.timepoint, "found": day, "day": window.day, "within": window.within_d}
        yield Reason("bedside.response.outside_window", values, source=rules.source, where="assessed_on")


def next_response(context: FormContext) -> Mapping[str, object]:
    """The moment that was not assessed yet, by the criteria that were used before."""
    responses = context.case.responses
    return {"timepoint": "D28" if "D28" not in responses else "M3", "criteria": next((e.event.criteria for e in responses.values()), None)}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        Discharge, discharge, roles(Role.PHYSICIAN),
        (EventRow(Discharged, rendering.discharged, told_in("CARE_REFERRAL")),),
        page="bedside",
        correction=CLINICAL,
        step="discharge",
        place=40,
        button="after",
    ),
    CommandRow(
        AssessResponse, assess_response, roles(Role.PHYSICIAN),
        (EventRow(ResponseAssessed, rendering.response, told_in("CARE_REFERRAL", "OBA_OUTCOME", "QUALITY_REGISTRY")),),
        page="followup",
        correction=CLINICAL,
        step="response_d28",
        place=10,
        prefill=next_response,
        second=Second("read", entered="read"),
    ),
)
