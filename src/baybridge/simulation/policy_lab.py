"""Policy lab: what plans do to a population, before and after a change.

Main job: `simulate(plans, changes, table)` stacks plan documents over every row of a table, applies the changes, stacks again, and
answers affordability, cost of each fund, and the distribution by region and income.

The table: `household_income` (a year's, minor units) and one `gross.<CATEGORY>` column a charge; where it is known `region`,
`risk_class`, `event_on`, and the columns of `funding/population/population.py` for each plan. A plan that names a region is held by that region's
rows only, unless `<plan>.held` says otherwise. A means-tested plan takes `household_income` as the income declared, no assets. The table is in one
currency; a plan in another needs a rate of exchange with its date and source, and is computed in its own currency and back.
**Source**: issue of the policy lab; affordability as the share of patients who pay over 40 % of household income (catastrophic spending).
**Units**: minor units; parts as exact fractions, printed in percent with two places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from baybridge.base.money import round_half_up
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.plan import PlanDocument, Plans
from baybridge.funding.plans.plans import ChosenPlan, Exchange, Household, layer_from, status_of, terms_of
from baybridge.funding.plans.terms import FundingCase
from baybridge.funding.population.population import stack_population
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.quoting import NO_SCALE
from baybridge.funding.quote.reading import is_exchange_rate
from baybridge.simulation.changes import Change, changed
from baybridge.simulation.resampling import draws_for, interval

Column = npt.NDArray[np.int64]
Table = Mapping[str, Column]

#: A patient who pays more than this part of a year's household income cannot afford it. Source: the policy lab's definition.
THRESHOLD_PERCENT = 40
QUINTILES = 5
EVERYBODY = "all"


@dataclass(frozen=True, slots=True)
class Spread:
    """One part of the population: how many, how many pay above the threshold, and what they pay."""

    name: str
    patients: int
    above: int
    patient_minor: int
    quantiles: Mapping[int, int]

    @property
    def above_part(self) -> Fraction:
        """The part that pays above the threshold."""
        return Fraction(self.above, max(self.patients, 1))


@dataclass(frozen=True, slots=True)
class Result:
    """One policy over the whole population; `intervals` are the sums of each fund between which 90 of 100 draws of as many patients lie."""

    gross_minor: int
    patient_minor: int
    funds: Mapping[str, int]
    beneficiaries: Mapping[str, int]
    spreads: tuple[Spread, ...]
    intervals: Mapping[str, tuple[int, int]]
    draws: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """Before and after; `unverified` names plans whose numbers nobody verified."""

    currency: str
    patients: int
    threshold_percent: int
    before: Result
    after: Result
    changes: tuple[str, ...]
    unverified: Mapping[str, str]
    assumptions: tuple[str, ...] = field(default=())
    members: Mapping[str, int] = field(default_factory=dict)
    premiums: Mapping[str, str] = field(default_factory=dict)
    exchange: tuple[Exchange, ...] = ()


def simulate(
    plans: Sequence[PlanDocument],
    changes: Sequence[Change],
    table: Table,
    scales: Plans,
    *,
    event_on: date,
    threshold_percent: int = THRESHOLD_PERCENT,
    workers: int = 2,
    currency: str | None = None,
    exchange: Sequence[Exchange] = (),
    members: Mapping[str, int] | None = None,
) -> Simulated | Refusal:
    """Both policies over the table, or every reason why they cannot be.

    `currency` is the table's (the first plan's without it); `exchange` has the rates of plans in others; `members` how many belong to a plan.
    """
    after = changed(plans, changes)
    if isinstance(after, Refusal):
        return after
    every = (*plans, *after)
    unit = currency or next((str(plan.get("currency")) for plan in every), "")
    market = _Market(unit, event_on, {rate.currency: rate for rate in exchange})
    reasons = (*_table_problems(table), *_plan_problems(every, table, scales), *_market_problems(every, market, members or {}))
    if reasons:
        return refuse(*{(reason.code, reason.where): reason for reason in reasons}.values(), category=Category.INVALID)
    results = []
    for documents in (plans, after):
        read = _case(documents, table, scales, market)
        result = read if isinstance(read, Refusal) else _result(documents, *read, table, threshold_percent, workers)
        if isinstance(result, Refusal):
            return result
        results.append(result)
    named = {str(document["id"]): status_of(document) for document in (*plans, *after)}
    return Simulated(
        currency=unit,
        patients=_size(table),
        threshold_percent=threshold_percent,
        before=results[0],
        after=results[1],
        changes=tuple(change.text for change in changes),
        unverified={name: status for name, status in named.items() if status != "verified"},
        assumptions=tuple(_assumptions(every, table)),
        members=dict(members or {}),
        premiums={str(plan["id"]): str(premium["amount"]) for plan in every if (premium := plan.get("premium"))},
        exchange=tuple(rate for rate in exchange if any(plan.get("currency") == rate.currency != unit for plan in every)),
    )


@dataclass(frozen=True, slots=True)
class _Market:
    """The table's currency, the day of its bills, and rates by currency."""

    currency: str
    event_on: date
    rates: Mapping[str, Exchange]

    def rate_of(self, plan: PlanDocument) -> Exchange | None:
        """The rate of a plan in another currency."""
        return None if plan.get("currency") == self.currency else self.rates.get(str(plan.get("currency")))


def _size(table: Table) -> int:
    return len(next(iter(table.values())))


def _assumptions(plans: Sequence[PlanDocument], table: Table) -> Iterator[str]:
    yield "simulation.assumed.static"
    if any(plan.get("listed_products") is None for plan in plans):
        yield "simulation.assumed.drug_listed"
    if any(plan.get("means_test") for plan in plans) and not any(name.endswith(".net_assets") for name in table):
        yield "simulation.assumed.no_assets"
    if any(plan.get("region") for plan in plans) and "region" in table:
        yield "simulation.assumed.everybody_joined"


# --- what stands against --------------------------------------------------------------------------------------------


def _table_problems(table: Table) -> Iterator[Reason]:
    if not table or not _size(table):
        yield Reason("simulation.funding.empty")
        return
    if not any(name.startswith("gross.") for name in table):
        yield Reason("simulation.funding.no_charges", where="gross.CAR_T_DRUG")
    income = table.get("household_income")
    if income is None or income.dtype.kind not in "iu":
        found = "nothing" if income is None else str(income.dtype)
        yield Reason("simulation.funding.income", {"found": found}, where="household_income")
    elif int(income.min()) < 0:
        yield Reason("funding.population.negative", {"column": "household_income", "row": int(income.argmin())}, where="household_income")


def _plan_problems(plans: Sequence[PlanDocument], table: Table, scales: Plans) -> Iterator[Reason]:
    if not plans:
        yield Reason("simulation.funding.no_plan")
    for plan in plans:
        name = str(plan.get("id"))
        if terms_of(plan) is None:
            yield Reason("simulation.funding.no_benefit", {"plan": name}, where=name)
        if plan.get("rates_by_risk_class") and "risk_class" not in table:
            yield Reason("simulation.funding.risk_class", {"plan": name}, where=name)
        test = plan.get("means_test")
        if isinstance(test, Mapping) and str(test.get("scale")) not in scales:
            yield Reason("funding.quote.scale_missing", {"plan": name, "scale": str(test.get("scale"))}, where=name)


def _market_problems(plans: Sequence[PlanDocument], market: _Market, members: Mapping[str, int]) -> Iterator[Reason]:
    for currency, rate in market.rates.items():
        if not is_exchange_rate(rate.per_bill_unit):
            yield Reason("funding.quote.rate_unreadable", {"currency": currency}, where=currency)
    for currency in sorted({str(plan.get("currency")) for plan in plans} - {market.currency} - market.rates.keys()):
        yield Reason("simulation.funding.no_rate", {"currency": currency, "bill": market.currency}, where=currency)
    known = {str(plan.get("id")) for plan in plans}
    for plan, count in members.items():
        if plan not in known or count < 1:
            yield Reason("simulation.funding.members", {"plan": plan, "known": ", ".join(sorted(known))}, where=plan)


# --- one policy -----------------------------------------------------------------------------------------------------


def _result(
    plans: Sequence[PlanDocument], case: FundingCase, columns: Mapping[str, Column], table: Table, threshold: int, workers: int
) -> Result | Refusal:
    stacked = stack_population(case, columns, workers=workers)
    if isinstance(stacked, Refusal):
        return stacked
    patient = stacked.patient
    by_plan: dict[str, Column] = {str(plan["id"]): np.zeros(len(patient), np.int64) for plan in plans}
    helped = dict.fromkeys(by_plan, 0)
    for layer_id, paid in stacked.paid.items():
        plan = layer_id.partition(_CLASS)[0]
        by_plan[plan] = by_plan[plan] + paid.benefit
        helped[plan] += int(np.count_nonzero(paid.benefit))
    funds = {plan: _whole(column) for plan, column in by_plan.items()}
    draws = draws_for(tuple(by_plan.values()))
    intervals = {plan: interval(column, draws) for plan, column in by_plan.items()}
    gross = _whole(patient) + sum(funds.values())
    return Result(gross, _whole(patient), funds, helped, tuple(_spreads(table, patient, threshold)), intervals, draws)


_CLASS = ":"


def _case(
    plans: Sequence[PlanDocument], table: Table, scales: Plans, market: _Market
) -> tuple[FundingCase, dict[str, Column]] | Refusal:
    """The template case of these plans, and the columns that take the place of its values."""
    columns = {name: column for name, column in table.items() if name.startswith("gross.") or name == "event_on"}
    lines = [name.removeprefix("gross.") for name in columns if name.startswith("gross.")]
    layers: list[dict[str, object]] = []
    for plan in plans:
        for layer_id, document, risk_class in _by_class(plan):
            layers.append(_layer(layer_id, document, scales, market.rate_of(plan)))
            columns |= _columns_of(layer_id, plan, risk_class, table, market.rate_of(plan))
    written = {
        "currency": market.currency,
        "event_date": market.event_on.isoformat(),
        "bill_lines": [{"id": line, "category": line, "gross": "0.00"} for line in lines],
        "layers": layers,
    }
    read = read_cases(written, NO_SCALE)
    return read if isinstance(read, Refusal) else (read[0], columns)


def _by_class(plan: PlanDocument) -> Iterator[tuple[str, PlanDocument, str | None]]:
    """One layer a plan, or one for each risk class that it pays differently; a class that it excludes has none."""
    classes = plan.get("rates_by_risk_class")
    if not classes:
        yield str(plan["id"]), plan, None
        return
    for name, rate in classes.items():
        if rate is not None:
            terms = (terms_of(plan) or {}).copy()
            terms.pop("bands", None)
            terms["rate"] = rate
            yield f"{plan['id']}{_CLASS}{name}", {**plan, "rates_by_risk_class": None, "benefit": terms}, str(name)


def _layer(layer_id: str, plan: PlanDocument, scales: Plans, rate: Exchange | None) -> dict[str, object]:
    nobody = Household(annual_gross_income="0.00", net_assets="0.00", asset_allowance="0.00")
    chosen = ChosenPlan(plan=layer_id, household=nobody if plan.get("means_test") else None)
    return layer_from(plan, chosen, None, rate, scales)


def _columns_of(layer_id: str, plan: PlanDocument, risk_class: str | None, table: Table, rate: Exchange | None) -> dict[str, Column]:
    name = str(plan["id"])
    columns = {f"{layer_id}.{column.removeprefix(f'{name}.')}": found for column, found in table.items() if column.startswith(f"{name}.")}
    held = columns.get(f"{layer_id}.held")
    if held is None and plan.get("region") is not None and "region" in table:
        held = table["region"] == plan["region"]
    if risk_class is not None:
        of_class = table["risk_class"] == risk_class
        held = of_class if held is None else held & of_class
    if held is not None:
        columns[f"{layer_id}.held"] = np.asarray(held, bool)
    if plan.get("means_test") and f"{layer_id}.annual_gross_income" not in columns:
        columns[f"{layer_id}.annual_gross_income"] = _converted(table["household_income"], rate)
    return columns


def _converted(column: Column, rate: Exchange | None) -> Column:
    """Amounts of the table in a plan's currency, each rounded half up once."""
    if rate is None:
        return column
    per_unit = Fraction(rate.per_bill_unit)
    return np.array([round_half_up(int(minor) * per_unit) for minor in column], np.int64)


# --- distributions --------------------------------------------------------------------------------------------------


def _whole(column: Column) -> int:
    """The sum in numbers without a limit."""
    return int(column.sum(dtype=object)) if column.dtype != object else int(sum(column))


def _spreads(table: Table, patient: Column, threshold: int) -> Iterator[Spread]:
    income = table["household_income"]
    above = patient.astype(object) * 100 > income.astype(object) * threshold if _large(patient, income) else patient * 100 > income * threshold
    yield _spread(EVERYBODY, patient, above)
    if "region" in table:
        for region in sorted({str(name) for name in np.unique(table["region"].astype(str))}):
            here = table["region"].astype(str) == region
            yield _spread(f"region:{region}", patient[here], above[here])
    order = np.argsort(income, kind="stable")
    for n in range(QUINTILES):
        rows = order[len(order) * n // QUINTILES : len(order) * (n + 1) // QUINTILES]
        yield _spread(f"income:{n + 1}", patient[rows], above[rows])


def _large(*columns: Column) -> bool:
    return any(column.dtype == object or (len(column) and int(column.max()) > 2**53) for column in columns)


def _spread(name: str, patient: Column, above: npt.NDArray[np.bool_]) -> Spread:
    ordered = np.sort(patient)
    quantiles = {percent: int(ordered[(len(ordered) - 1) * percent // 100]) for percent in (5, 25, 50, 75, 95)} if len(ordered) else {}
    return Spread(name, len(patient), int(np.count_nonzero(above)), _whole(patient), quantiles)

