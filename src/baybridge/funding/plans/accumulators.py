"""What was used of deductibles and caps: a fold over adjudicated claims, across bills and years.

Main job: `used_before(case, layers, on, opened_on)` answers each layer's terms with what other claims used of them.

A year is the calendar year of the day of service. Opening amounts of a quote are what was used outside this case; they count in the year
of the quoted event, and for a lifetime cap always. An adjudication after an appeal replaces the
one before it. Layers of one deductible group use one deductible; a plan whose terms changed in mid-year keeps what was used.
**Source**: policy reference D6 (accumulators, scope event, year, shared group), law (c). **Units**: minor units of the plan's currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from baybridge.base.money import format_minor, parse_minor
from baybridge.journey.case import Case
from baybridge.journey.claims import adjudicated, submitted
from baybridge.journey.events import ClaimAdjudicated

DEDUCTIBLE = "deductible_used"
EVENT, YEAR, LIFETIME = "cap_event_used", "cap_year_used", "cap_lifetime_used"
NAMES = (DEDUCTIBLE, EVENT, YEAR, LIFETIME)


def used_before(
    case: Case, layers: Iterable[Mapping[str, object]], on: date, opened_on: date, *, bill: str, leave_out: str
) -> list[dict[str, object]]:
    """The layers as a funding case writes them, with what every claim but `leave_out` used until now."""
    written = list(layers)
    groups = {str(layer["id"]): layer.get("deductible_group") for layer in written}
    others = [event for claim_id, event in adjudicated(case).items() if claim_id != leave_out]
    bills = {claim_id: claim.bill for claim_id, claim in submitted(case).items()}
    return [_with_used(layer, groups, others, bills, on, opened_on, bill) for layer in written]


def _with_used(
    layer: Mapping[str, object],
    groups: Mapping[str, object],
    others: Iterable[ClaimAdjudicated],
    bills: Mapping[str, str],
    on: date,
    opened_on: date,
    bill: str,
) -> dict[str, object]:
    name, group = str(layer["id"]), layer.get("deductible_group")
    opening = {term: parse_minor(layer[term]) for term in NAMES if layer.get(term) is not None}
    used = dict.fromkeys(NAMES, 0)
    for event in others:
        own, same_year = event.plan == name, event.service_on.year == on.year
        counts = {EVENT: own and bills.get(event.claim_id) == bill, YEAR: own and same_year, LIFETIME: own}
        counts[DEDUCTIBLE] = same_year and (own or (group is not None and groups.get(event.plan) == group))
        spent = dict(event.used)
        for term, counted in counts.items():
            used[term] += spent.get("deductible" if term == DEDUCTIBLE else "benefit", 0) if counted else 0
    kept = {DEDUCTIBLE, EVENT, YEAR, LIFETIME} if on.year == opened_on.year else {LIFETIME}
    total = {term: used[term] + (opening.get(term, 0) if term in kept else 0) for term in NAMES}
    terms = {term: format_minor(minor) for term, minor in total.items() if minor or term in opening}
    return {**{key: value for key, value in layer.items() if key not in NAMES}, **terms}
