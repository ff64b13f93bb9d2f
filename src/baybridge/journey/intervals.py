"""How often a patient is assessed after the infusion, by the highest standing grade.

Main job: `assessment_due(case, rules)` and `ice_due(case, rules)` with whether they are urgent; `last_whole(case, rules)`, the last round that left nothing open.

A grade that is not certain counts as the highest that it can be; an open call counts as 3, and so does one to which the team came, until a look found every sign of it
absent or a physician closed it. A round that leaves open what a grade reads postpones no next one. A physician may set another interval (`AssessmentIntervalSet`): it
holds until the standing grade rises above what it was then, while no call is open, and until the next infusion.

**Source**: `assessment` in `data/pathways/escalation.yaml`. **Units**: hours.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from baybridge.documents.escalation import Intervals
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.conditions import watched_again_at
from baybridge.journey.events import AssessmentIntervalSet
from baybridge.journey.look_now import ALERT_GRADE

_HIGHEST = 4


def standing_grade(case: Case) -> int:
    """The highest standing grade of CRS or ICANS, 0 where none was assessed; 3 at least while a call is open or its signs may stand."""
    grades = [grade.at_most for grade in case.grades.values()]
    calls = [ALERT_GRADE for call in case.rapid_responses if call.is_open or _may_stand(call, case.infused_at)]
    return min(_HIGHEST, max([0, *grades, *calls]))


def _may_stand(call: Call, infused_at: datetime | None) -> bool:
    """Whether the team came to a call made here since the infusion, and nobody found its signs absent or closed it."""
    since = infused_at is None or call.called.event.called_at >= infused_at
    return since and call.closed is None and not call.called.origin.told and not set(call.codes) <= call.absent


def is_urgent(case: Case, rules: Intervals) -> bool:
    """Whether the assessment that is due is urgent."""
    return standing_grade(case) >= rules.urgent_from_grade


def every_h(case: Case, rules: Intervals) -> int:
    """Hours between two assessments now."""
    stands = standing_grade(case)
    own = case.last(AssessmentIntervalSet)
    after_infusion = own is not None and (case.infused_at is None or own.origin.recorded_at >= case.infused_at)
    if own is not None and after_infusion and stands <= own.event.grade and case.open_rapid_response is None:
        return own.event.every_h
    return rules.hours_by_grade[stands]


def assessment_due(case: Case, rules: Intervals) -> datetime | None:
    """When the next assessment is due; None before the infusion."""
    last = _last_of(case, last_whole(case, rules))
    return last + timedelta(hours=every_h(case, rules)) if last else None


def _last_of(case: Case, looked: datetime | None) -> datetime | None:
    """From when the time to the next look runs: the last one, the infusion, or for a patient who went home the moment from which somebody looks again."""
    return max(filter(None, (looked or case.infused_at, watched_again_at(case))), default=None)


def last_whole(case: Case, rules: Intervals) -> datetime | None:
    """The moment of the last round that states one finding of each row that a whole one has; None where there was none since the infusion."""
    rounds = [entry.event for entry in case.assessments if all(set(row) & dict(entry.event.findings).keys() for row in rules.whole)]
    return max((one.assessed_at for one in rounds if case.infused_at is None or one.assessed_at >= case.infused_at), default=None)


def ice_due(case: Case, rules: Intervals) -> datetime | None:
    """When the ICE or CAPD score is due next; None before the infusion."""
    rounds = (entry.event for entry in case.assessments if case.infused_at is None or entry.event.assessed_at >= case.infused_at)
    last = _last_of(case, max((one.assessed_at for one in rounds if {"ice_score", "capd_score"} & dict(one.findings).keys()), default=None))
    icans = case.grades.get("icans-astct-2019")
    hours = rules.ice_hours_by_icans[min(_HIGHEST, icans.at_most) if icans else 0]
    return last + timedelta(hours=hours) if last else None
