"""A policy over a table of facts, one row a subject: outcome, values and the truth of every rule, as columns of Polars.

Main job: `decided(frame, policy)` adds `outcome`, `value.<name>` and `holds.<rule>` to a lazy Polars frame; nothing is read before the
frame is. Facts that the table does not have are unknown; a row with a value that its fact cannot take has the outcome `refused`.

Elsewhere: `outcomes.py` makes the expressions for any engine; files and progress belong to `node`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import reduce
from itertools import zip_longest
from operator import or_

import polars as pl

from baybridge.base.canonical import MAX_INTEGER
from baybridge.policy.document.shapes import Policy
from baybridge.policy.engines.columns import OURS
from baybridge.policy.engines.engine import Expr
from baybridge.policy.engines.outcomes import REFUSED, Plan, outcome_plan, plan
from baybridge.policy.engines.polars_engine import DTYPES, POLARS
from baybridge.policy.language.types import FactType

__all__ = ["DTYPES", "REFUSED", "TableProblem", "check_names", "complaint", "decided", "decided_by", "outcome_of"]



class TableProblem(ValueError):
    """Columns that cannot be facts or cannot be kept: which, what was expected and found, and what to do; a line for each."""


def decided(frame: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """The frame with outcome, values and truths; columns that are facts of the policy are dropped, others are kept.

    Raises `TableProblem` where columns have another type than their fact, or a name that the answer needs.
    """
    schema = frame.collect_schema()
    made = _plan(policy, schema, OURS)
    others = [name for name in schema.names() if name not in policy.fact_types]
    check_names(others, made)
    ready = frame.with_columns(*_facts(policy.fact_types, schema), *_wrong({OURS: policy}, schema))
    return _applied(ready, made.stages).select(*others, *_answers(made, ""))


def decided_by(frame: pl.LazyFrame, policies: Mapping[str, Policy], keep: Mapping[str, str]) -> pl.LazyFrame:
    """Each row decided by several policies of one dictionary: `<key>.outcome` and `<key>.holds.<rule>` for each.

    The columns of `keep` are kept under their new names. Raises `TableProblem` as `decided` does.
    """
    schema = frame.collect_schema()
    plans = {key: _plan(policy, schema, f"{OURS}{key}.") for key, policy in policies.items()}
    types = {name: fact for policy in policies.values() for name, fact in policy.fact_types.items()}
    kept = [pl.col(old).alias(f"{OURS}kept.{new}") for old, new in keep.items()]
    ready = frame.with_columns(*kept, *_facts(types, schema), *_wrong({f"{OURS}{key}.": one for key, one in policies.items()}, schema))
    stages = zip_longest(*(made.stages for made in plans.values()), fillvalue=())
    found = _applied(ready, [[column for part in parts for column in part] for parts in stages])
    answers = [expr for key, made in plans.items() for expr in _answers(made, f"{key}.") if not expr.meta.output_name().startswith(f"{key}.value.")]
    return found.select(*(pl.col(f"{OURS}kept.{new}").alias(new) for new in keep.values()), *answers)


def outcome_of(frame: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """Only the outcome of each row of a table whose columns are known to be sound."""
    made = outcome_plan(policy, POLARS)
    return _applied(frame, made.stages).select(_answers(made, ""))


def check_names(others: Iterable[str], made: Plan[Expr]) -> None:
    """Raise `TableProblem` where a column that is to be kept has a name that the answer needs."""
    answers = {answer.name for answer in made.answers}
    wrong = [name for name in others if name in answers or name.startswith(OURS)]
    if wrong:
        raise TableProblem("\n".join(f"column {name}: expected another name, found one that the answer uses; rename it" for name in wrong))


def _plan(policy: Policy, schema: Mapping[str, pl.DataType], prefix: str) -> Plan[pl.Expr]:
    absent = frozenset(name for name in policy.fact_types if name not in schema)
    return plan(policy, POLARS, absent, ~pl.col(f"{prefix}wrong"), prefix)


def _applied(frame: pl.LazyFrame, stages: Iterable[Sequence[tuple[str, pl.Expr]]]) -> pl.LazyFrame:
    for stage in stages:
        if stage:
            frame = frame.with_columns([expr.alias(name) for name, expr in stage])
    return frame


def _answers(made: Plan[pl.Expr], prefix: str) -> list[pl.Expr]:
    return [answer.expr.alias(f"{prefix}{answer.name}") for answer in made.answers]


def _facts(types: Mapping[str, FactType], schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """The column of each fact in its type; raises `TableProblem` with a line for each that cannot be."""
    facts, complaints = [], []
    for name, fact in types.items():
        try:
            value = _fact(fact, schema[name])[0] if name in schema else pl.lit(None, dtype=DTYPES[fact.type])
            facts.append(value.alias(name))
        except TableProblem as problem:
            complaints.append(str(problem))
    if complaints:
        raise TableProblem("\n".join(complaints))
    return facts


def _wrong(policies: Mapping[str, Policy], schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """For each prefix, whether a row has a value that one of its policy's facts cannot take."""
    found = []
    for prefix, policy in policies.items():
        problems = [_fact(fact, schema[name])[1] for name, fact in policy.fact_types.items() if name in schema]
        wrong = [problem.fill_null(value=False) for problem in problems if problem is not None]
        found.append((reduce(or_, wrong) if wrong else pl.lit(value=False)).alias(f"{prefix}wrong"))
    return found


def _fact(fact: FactType, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr | None]:
    """The column of a fact in its type, and which of its values it cannot take."""
    column = pl.col(fact.name)
    if dtype == pl.Null:
        return pl.lit(None, dtype=DTYPES[fact.type]), None
    if dtype.is_decimal():  # by its digits: the nearest fraction, as on every engine
        column, dtype = column.cast(pl.String).cast(pl.Float64), pl.Float64()
    match fact.type:
        case "boolean" if dtype == pl.Boolean:
            return column, None
        case "integer" if dtype.is_integer():
            number = column.cast(pl.Int64, strict=False)
            return number, ~number.is_between(-MAX_INTEGER, MAX_INTEGER) | (number.is_null() & column.is_not_null())
        case "integer" if dtype.is_float():
            whole = column.is_finite() & (column == column.floor()) & (column.abs() <= MAX_INTEGER)
            return pl.when(whole).then(column).cast(pl.Int64, strict=False), ~whole
        case "number" if dtype.is_integer():
            return column.cast(pl.Float64), column.cast(pl.Float64).abs() > MAX_INTEGER
        case "number" if dtype.is_float():
            return column.cast(pl.Float64), ~column.is_finite()
        case "code" | "text" if dtype in (pl.String, pl.Categorical, pl.Enum):
            text = column.cast(pl.String)
            return text, ~text.is_in(list(fact.values)) if fact.values else None
        case "date" | "instant":
            return _moment(fact, dtype, column)
    raise TableProblem(complaint(fact, dtype))


def _moment(fact: FactType, dtype: pl.DataType, column: pl.Expr) -> tuple[pl.Expr, pl.Expr | None]:
    first, last = pl.lit(date.min), pl.lit(date.max)
    if fact.type == "date" and dtype == pl.Date:
        return column, ~column.is_between(first, last)
    if fact.type == "date" and dtype == pl.String:
        written = pl.when(column.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")).then(column).str.to_date("%Y-%m-%d", strict=False)
        day = pl.when(written.is_between(first, last)).then(written).otherwise(None)
        return day, day.is_null() & column.is_not_null()
    if fact.type == "date" and isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        day = column.dt.date()
        return day, (day.cast(dtype) != column) | ~day.is_between(first, last)
    if fact.type == "instant" and isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        moment = column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        return moment, ~moment.dt.date().is_between(first, last)
    raise TableProblem(complaint(fact, dtype))


def complaint(fact: FactType, dtype: object) -> str:
    """What is wrong with a column of that type."""
    hint = "; write times with their zone" if fact.type == "instant" else ""
    return f"column {fact.name}: expected {fact.type}, found {dtype}{hint}"
