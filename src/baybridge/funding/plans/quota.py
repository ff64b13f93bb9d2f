"""A plan's quota of a year: how many grants or how much money, what the payer published as used, and what was granted here since.

Main job: `standing_of(document, grants, on)` answers what is left of a quota; `spent(standing, …)` every reason why a grant does not fit into it.

A quota stands in a plan document as `apply: {quota: {places, used, amount, amount_used, as_of, when_used_up}}`: places, money or both of the calendar
year of `as_of`, the day whose end the published numbers are of. Grants that this node knows and that were given after that day count on top. When it is
used up the document's own word decides: `refuse` (the default), or `hold`, where a request may wait for a place. A quota of another year says nothing.
**Source**: the plan document. **Units**: minor units of the plan's currency; days at this node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from zoneinfo import ZoneInfo

from baybridge.base.money import format_minor, parse_minor, round_half_up
from baybridge.base.outcome import Reason
from baybridge.documents.plan import NO_PLAN, BenefitPlan
from baybridge.journey.case import Case
from baybridge.journey.claims import adjudicated, decided_at
from baybridge.journey.command import Situation
from baybridge.journey.granted import Grant

HOLD = "hold"
WHEN_USED_UP = ("refuse", HOLD)


@dataclass(frozen=True, slots=True)
class Quota:
    """What a year has: places, money, or both, what was published as used of each, as of which day, and whether requests wait when it is used up."""

    places: int | None
    used: int
    amount_minor: int | None
    amount_used_minor: int
    as_of: date
    holds: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A quota with what was granted here since: how many, how much, and how many whose amount in the plan's currency nobody said."""

    quota: Quota
    here: int
    here_minor: int
    uncounted: int

    @property
    def places_left(self) -> int | None:
        """Places that are left; None where places are not limited."""
        return None if self.quota.places is None else max(self.quota.places - self.quota.used - self.here, 0)

    @property
    def amount_left_minor(self) -> int | None:
        """Money that is left; None where money is not limited."""
        quota = self.quota
        return None if quota.amount_minor is None else max(quota.amount_minor - quota.amount_used_minor - self.here_minor, 0)

    @property
    def used_up(self) -> bool:
        """Whether nothing is left."""
        return self.places_left == 0 or self.amount_left_minor == 0


def quota_of(document: BenefitPlan) -> Quota | None:
    """The quota of a plan document; None where it names none that can be read."""
    apply = document.get("apply")
    written = apply.get("quota") if isinstance(apply, Mapping) else None
    if not isinstance(written, Mapping):
        return None
    places, used, as_of = written.get("places"), written.get("used"), written.get("as_of")
    amount, amount_used = _minor(written.get("amount")), _minor(written.get("amount_used"))
    if type(places) is not int or type(used) is not int:
        places, used = None, 0
    if amount is None or amount_used is None:
        amount, amount_used = None, 0
    if not isinstance(as_of, date) or (places is None and amount is None):
        return None
    return Quota(places, used, amount, amount_used, as_of, written.get("when_used_up") == HOLD)


def is_amount(text: object) -> bool:
    """Whether a text is an amount that is not below zero."""
    minor = _minor(text)
    return minor is not None and minor >= 0


def _minor(text: object) -> int | None:
    try:
        return parse_minor(text)
    except ValueError:
        return None


# --- what was granted -----------------------------------------------------------------------------------------------


def grants_of(cases: Iterable[Case], zone: ZoneInfo) -> tuple[Grant, ...]:
    """Every grant that cases know of, one a case and plan: the answer that stands, or the claims that were decided where they are more."""
    return tuple(grant for case in cases for grant in _of_case(case, zone))


def _of_case(case: Case, zone: ZoneInfo) -> Iterator[Grant]:
    found: dict[str, Grant] = {}
    for one in case.preauthorisations:
        answer = one.standing
        if answer is not None and answer.event.answer != "refused":
            event = answer.event
            counted = dict(event.quota).get("counted")
            found[event.plan] = Grant(case.case_id, event.plan, answer.origin.at.astimezone(zone).date(), event.amount_minor, event.currency, counted)
    for claim_id, decided in adjudicated(case).items():
        at = decided_at(case, claim_id)
        if decided.benefit_minor > 0 and at is not None:
            found[decided.plan] = _with_claim(found.get(decided.plan), case, decided.plan, at.astimezone(zone).date())
    return iter(found.values())


def _with_claim(promised: Grant | None, case: Case, plan: str, on: date) -> Grant:
    """A plan's decided claims of a case as one grant, never less than what was promised."""
    decided = [event for event in adjudicated(case).values() if event.plan == plan]
    paid, counted = sum(event.benefit_minor for event in decided), sum(dict(event.used).get("benefit", 0) for event in decided)
    if promised is None:
        return Grant(case.case_id, plan, on, paid, decided[0].currency, counted)
    if paid <= promised.amount_minor:
        return promised
    return Grant(case.case_id, plan, promised.on, paid, promised.currency, counted)


def standing_of(document: BenefitPlan, plan: str, grants: Iterable[Grant], on: date, *, leave_out: str = "") -> Standing | None:
    """What stands of a plan's quota on a day, without the grants of one case; None where it has none for that year."""
    quota = quota_of(document)
    if quota is None or quota.as_of.year != on.year:
        return None
    since = [one for one in grants if one.plan == plan and one.on.year == on.year and one.on > quota.as_of and one.case_id != leave_out]
    currency = str(document.get("currency"))
    counted = [one.counted_minor if one.counted_minor is not None or one.currency != currency else one.amount_minor for one in since]
    return Standing(quota, len(since), sum(minor for minor in counted if minor is not None), counted.count(None))


# --- whether a grant fits -------------------------------------------------------------------------------------------


def quota_reasons(situation: Situation, plan: str, amount_minor: int, currency: str) -> tuple[tuple[Reason, ...], tuple[tuple[str, int], ...]]:
    """Every reason why this grant does not fit into the plan's quota, and what stood of the quota when it was judged; nothing where there is none."""
    document, grants = situation.documents.plans.get(plan, NO_PLAN), situation.record.grants
    case_id = situation.case.case_id
    standing = standing_of(document, plan, grants, situation.today, leave_out=case_id)
    if standing is None:
        return (), ()
    counted = counted_minor(situation, document, amount_minor, currency)
    own = next((one for one in grants_of([situation.case], situation.site.zone) if one.plan == plan), None)
    holds_it = own is not None and amount_minor <= own.amount_minor and own.currency == currency
    reasons = () if holds_it else tuple(spent(standing, plan, document, counted))
    return reasons, _seen(standing, counted)


def counted_minor(situation: Situation, document: BenefitPlan, amount_minor: int, currency: str) -> int | None:
    """An amount in the plan's currency, at the rate of the case's quote; None where no rate was given."""
    own = str(document.get("currency"))
    if own == currency:
        return amount_minor
    rates = situation.quote.get("exchange") or () if situation.quote is not None else ()
    rate = next((Fraction(str(one["per_bill_unit"])) for one in rates if one.get("currency") == own), None)
    return None if rate is None else round_half_up(amount_minor * rate)


def spent(standing: Standing, plan: str, document: BenefitPlan, counted: int | None) -> Iterator[Reason]:
    """Why a grant of this amount in the plan's currency does not fit; an amount that cannot be counted fits into no sum of money."""
    quota, source = standing.quota, str(document.get("source", ""))
    end = "held" if quota.holds else "used"
    known: dict[str, str | int] = {"plan": plan, "day": quota.as_of.isoformat(), "year": quota.as_of.year}
    if standing.places_left == 0:
        yield Reason(f"funding.quota.places_{end}", {**known, "places": quota.places or 0, "used": quota.used, "here": standing.here}, source, "answer")
    left = standing.amount_left_minor
    if left is None:
        return
    money = {"amount": format_minor(quota.amount_minor or 0), "used": format_minor(quota.amount_used_minor), "here": format_minor(standing.here_minor)}
    money |= {"left": format_minor(left), "currency": str(document.get("currency"))}
    if counted is None:
        yield Reason("funding.quota.not_counted", {**known, "currency": money["currency"]}, source, "amount")
    elif counted > left:
        yield Reason(f"funding.quota.amount_{end}", {**known, **money, "asked": format_minor(counted)}, source, "amount")


def _seen(standing: Standing, counted: int | None) -> tuple[tuple[str, int], ...]:
    quota = standing.quota
    seen = {"places": quota.places, "used": quota.used if quota.places is not None else None, "granted": standing.here}
    seen |= {"amount": quota.amount_minor, "amount_used": quota.amount_used_minor if quota.amount_minor is not None else None}
    seen |= {"amount_granted": standing.here_minor if quota.amount_minor is not None else None, "counted": counted}
    return tuple((name, value) for name, value in seen.items() if value is not None)
