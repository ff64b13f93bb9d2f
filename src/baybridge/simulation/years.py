"""A budget by year: how many are treated in each, and what a year costs each fund, each of its members, and the patients.

Main job: `read_year(text)` for `2027=120` or `2027=30000*12%` (eligible patients and the part of them that is treated), and `budget(found, years)`.

The simulated population is scaled to the number of patients of each year: an assumption, stated with every result. Nothing is discounted and prices
stay. **Units**: minor units; a part in percent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NotRequired, TypedDict

from baybridge.base.money import format_minor, round_half_up
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.simulation.policy_lab import Result, Simulated


@dataclass(frozen=True, slots=True)
class Year:
    """One year of the market: patients treated, and where stated the eligible ones and the percentage of them that is treated."""

    year: int
    patients: int
    eligible: int | None = None
    uptake_percent: str | None = None


def read_year(text: str) -> Year | Refusal:
    """A year as it is written; patients are rounded half up."""
    year, equals, market = (part.strip() for part in text.partition("="))
    eligible, times, uptake = (part.strip() for part in market.partition("*"))
    if not (equals and year.isascii() and year.isdecimal() and eligible.isascii() and eligible.isdecimal()):
        return _unreadable(text)
    if not times:
        return Year(int(year), int(eligible))
    try:
        part = Decimal(uptake.removesuffix("%").strip())
    except InvalidOperation:
        return _unreadable(text)
    if not part.is_finite() or not 0 <= part <= 100:
        return _unreadable(text)
    return Year(int(year), round_half_up(Fraction(part) * int(eligible) / 100), int(eligible), str(part))


def _unreadable(text: str) -> Refusal:
    return refuse(Reason("simulation.year.form", {"found": text[:60]}), category=Category.INVALID)


class PerMember(TypedDict):
    """What a member of each fund pays, by fund."""

    before: dict[str, str]
    after: dict[str, str]


class YearBudget(TypedDict):
    """One year as JSON: what each fund and the patients pay, by who pays."""

    year: int
    patients: int
    eligible: NotRequired[int]
    uptake_percent: NotRequired[str | None]
    before: dict[str, str]
    after: dict[str, str]
    per_member: PerMember


def budget(found: Simulated, years: Sequence[Year]) -> list[YearBudget]:
    """What each fund and the patients pay in each year, and a member of a fund where its membership was given."""
    return [_budget_of(found, one) for one in sorted(years, key=lambda one: one.year)]


def _budget_of(found: Simulated, one: Year) -> YearBudget:
    before, after = found.before, found.after
    market = _Market() if one.eligible is None else _Market(eligible=one.eligible, uptake_percent=one.uptake_percent)
    return {
        "year": one.year,
        "patients": one.patients,
        **market,
        "before": _year_of(found, before, one.patients),
        "after": _year_of(found, after, one.patients),
        "per_member": {"before": _members(found, before, one.patients), "after": _members(found, after, one.patients)},
    }


class _Market(TypedDict, total=False):
    eligible: int
    uptake_percent: str | None


def _year_of(found: Simulated, result: Result, patients: int) -> dict[str, str]:
    return {who: format_minor(scaled(minor, patients, found.patients)) for who, minor in payers(result)}


def _members(found: Simulated, result: Result, patients: int) -> dict[str, str]:
    """The cost of a fund for each of its members, rounded half up to the minor unit."""
    costs = {plan: Fraction(minor * patients, found.patients) for plan, minor in result.funds.items()}
    return {plan: format_minor(round_half_up(cost / found.members[plan])) for plan, cost in costs.items() if plan in found.members}


def scaled(minor: int, patients: int, of: int) -> int:
    """A sum over a population scaled to another number of patients."""
    return round_half_up(Fraction(minor * patients, of))


def payers(result: Result) -> Iterator[tuple[str, int]]:
    """What each fund pays, then the patients."""
    yield from result.funds.items()
    yield "PATIENT", result.patient_minor
