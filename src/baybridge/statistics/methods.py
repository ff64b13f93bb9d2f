"""The methods by name: which columns each reads, and what it answers as plain JSON.

Main job: `survival_of`, `incidence_of`, `cox_of`, `fine_gray_of`, `funnel_of`, `cusum_of`, `ewma_of`: from the columns of a table to the answer, or why there is none.

**Source**: contract of statistics. Numbers are not rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.statistics import charts, rates, regression, survival
from baybridge.statistics.distributions import normal_two_sided
from baybridge.statistics.regression import Fitted
from baybridge.statistics.table import Columns, Floats

Answer = dict[str, object]
#: The name of the one group where nobody names a column of groups.
ALL = "all"


def survival_of(columns: Columns, time: str, event: str, group: str | None) -> Answer:
    """Kaplan-Meier curves by group, and the log-rank test between them."""
    times, events, groups = columns.numbers[time], columns.numbers[event], _groups(columns, time, group)
    curves = {name: asdict(survival.kaplan_meier(times[of], events[of])) for name, of in _each(groups)}
    test = survival.log_rank(times, events, groups)
    return {"groups": curves, "log_rank": asdict(test) if test is not None else None}


def incidence_of(columns: Columns, time: str, cause: str, group: str | None) -> Answer:
    """Cumulative incidence by group and cause."""
    times, causes, groups = columns.numbers[time], columns.numbers[cause], _groups(columns, time, group)
    found = {name: survival.cumulative_incidence(times[of], causes[of]) for name, of in _each(groups)}
    return {"groups": {name: {"causes": {cause: asdict(one) for cause, one in by_cause.items()}} for name, by_cause in found.items()}}


def cox_of(columns: Columns, time: str, event: str, group: str | None, covariates: Sequence[str]) -> Answer | Refusal:
    """Cox coefficients; groups are strata."""
    x = np.column_stack([columns.numbers[name] for name in covariates])
    against = _against(x, covariates, int(np.count_nonzero(columns.numbers[event] == 1)))
    fitted = None if against else regression.cox(columns.numbers[time], columns.numbers[event], x, _groups(columns, time, group))
    if fitted is None:
        return refuse(*(against or [Reason("statistics.no_fit")]), category=Category.INVALID)
    with_p = {name: {**one, "p": normal_two_sided(one["beta"] / one["se"])} for name, one in _coefficients(covariates, fitted).items()}
    return {"coefficients": with_p, "loglik": fitted.loglik}


def fine_gray_of(columns: Columns, time: str, cause: str, covariates: Sequence[str]) -> Answer | Refusal:
    """Fine-Gray coefficients of cause 1."""
    x = np.column_stack([columns.numbers[name] for name in covariates])
    against = _against(x, covariates, int(np.count_nonzero(columns.numbers[cause] == 1)))
    fitted = None if against else regression.fine_gray(columns.numbers[time], columns.numbers[cause], x)
    if fitted is None:
        return refuse(*(against or [Reason("statistics.no_fit")]), category=Category.INVALID)
    return {"coefficients": _coefficients(covariates, fitted)}


def funnel_of(columns: Columns) -> Answer:
    """Each unit with its observed over expected, and the counts between which units like any other lie."""
    observed = [int(count) for count in columns.numbers["observed"]]
    found = rates.funnel(columns.texts["unit"], observed, [float(mean) for mean in columns.numbers["expected"]])
    units = [asdict(one) for one in found.units]
    return {"units": [{key: value for key, value in one.items() if value is not None} for one in units], "phi": found.phi}


def cusum_of(columns: Columns, odds: float, arl: float) -> Answer:
    """The risk-adjusted CUSUM with its limit and signals."""
    return asdict(charts.ra_cusum(columns.numbers["p"].tolist(), columns.numbers["y"].astype(int).tolist(), odds, arl))


def ewma_of(columns: Columns, share: float, start: float) -> Answer:
    """The exponentially weighted average."""
    return {"ewma": list(charts.ewma(columns.numbers["y"].tolist(), share, start))}


def _groups(columns: Columns, time: str, group: str | None) -> Sequence[str]:
    return columns.texts[group] if group else [ALL] * len(columns.numbers[time])


def _each(groups: Sequence[str]) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    whole = np.asarray(groups)
    return [(str(name), whole == name) for name in np.unique(whole)]


def _coefficients(covariates: Sequence[str], fitted: Fitted) -> dict[str, dict[str, float]]:
    return {name: {"beta": beta, "se": se} for name, beta, se in zip(covariates, fitted.beta, fitted.se, strict=True)}


def _against(x: Floats, covariates: Sequence[str], events: int) -> list[Reason]:
    """Why no model can be fitted."""
    alike = [name for name, values in zip(covariates, x.T, strict=True) if np.all(values == values[0])]
    against = [Reason("statistics.constant", {"column": name}, where=name) for name in alike]
    if not events:
        against.append(Reason("statistics.no_event"))
    spread = x - x.mean(axis=0)
    if not alike and np.linalg.matrix_rank(spread / np.linalg.norm(spread, axis=0)) < len(covariates):
        against.append(Reason("statistics.follows", {"columns": ", ".join(covariates)}))
    return against
