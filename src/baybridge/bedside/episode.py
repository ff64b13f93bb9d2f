"""What the case itself says about the episode: day since infusion, whether CRS was diagnosed, whether fever may be suppressed.

Main job: `standing_facts`, laid under the findings of an assessment where the record did not say it already.

**Source**: clinical reference 1.1 rule C2 (fever is not needed once CRS was diagnosed and treated); ATC codes of the shared facts contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from baybridge.journey.case import Case
from baybridge.journey.command import Situation
from baybridge.journey.events import GradeAssessed, Scale
from baybridge.policy.language.types import Value

CRS = "crs-astct-2019"

#: The lower bound of each scale as the policy of signs reads it.
BOUNDS: Mapping[Scale, str] = {"crs-astct-2019": "crs_grade_min", "icans-astct-2019": "icans_grade_min"}

#: Antipyretics and anticytokine drugs by ATC prefix. Source: shared facts contract, "Reading from FHIR".
SUPPRESS_FEVER = ("L04AC07", "L04AC11", "L04AC03", "H02AB", "N02BE01", "N02BB02", "M01A")


def infusion_may_be_untold(case: Case, node: str) -> bool:
    """Whether another node treats, and nobody told this one of an infusion: the patient may have had one, and may be here."""
    return not case.infusions and case.treating_node not in (None, node)


def standing_facts(situation: Situation, at: datetime) -> dict[str, Value]:
    """Facts of the episode as of a moment that neither record nor findings need to repeat."""
    return standing(situation.case, situation.bedside.facts, situation.site.zone, at)


def standing(case: Case, facts: Mapping[str, Value], zone: ZoneInfo, at: datetime) -> dict[str, Value]:
    """The same of a case and the facts that were read of it."""
    infused_at = case.infused_at
    if infused_at is None:
        return {}
    diagnosed_at = _crs_diagnosed_at(case, infused_at, at)
    found: dict[str, Value] = {"days_since_infusion": (at.astimezone(zone).date() - infused_at.astimezone(zone).date()).days}
    if facts.get("crs_diagnosed") is None:
        found["crs_diagnosed"] = diagnosed_at is not None
    if facts.get("fever_suppressed") is None:
        found["fever_suppressed"] = diagnosed_at is not None and _suppressed(case, diagnosed_at, at)
    diagnosed = facts.get("crs_diagnosed", found.get("crs_diagnosed"))
    if diagnosed and not (facts.get("fever_suppressed") or found.get("fever_suppressed")):
        found["fever_suppressed"] = None  # that no drug against fever stands in the record says not that none was given: rule C2 is then open
    return found


def _crs_diagnosed_at(case: Case, infused_at: datetime, at: datetime) -> datetime | None:
    """When CRS was certainly grade 1 or more for the first time in this episode, before `at`."""
    graded = (entry.event for entry in case.of(GradeAssessed))
    times = [g.assessed_at for g in graded if g.scale == CRS and g.grade_min >= 1 and infused_at <= g.assessed_at < at]
    return min(times, default=None)


def _suppressed(case: Case, since: datetime, at: datetime) -> bool:
    drugs = (entry.event for entry in case.drugs)
    return any(since <= drug.given_at <= at and drug.atc.startswith(SUPPRESS_FEVER) for drug in drugs)
