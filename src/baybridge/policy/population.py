"""A policy over a table of facts, one row a subject: outcome, values and the truth of every rule, as columns.

Main job: `decided(frame, policy)` adds `outcome`, `value.<name>` and `holds.<rule>` to a lazy Polars frame; nothing is read before the
frame is. Facts that the table does not have are unknown; a row with a value that its fact cannot take has the outcome `refused`.

Elsewhere: `columns.py` makes the expressions; `verdict.py` is the reference for outcomes; files and progress belong to `node`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

from baybridge.policy.columns import DTYPES, Column, Columns
from baybridge.policy.shapes import UNDETERMINED, Body, Criteria, Domain, Findings, Limits, Policy, Score, Table
from baybridge.policy.types import MAX_INTEGER, FactType

REFUSED = "refused"
_WRONG = "_wrong"


class TableProblem(ValueError):
    """A column that cannot be a fact: which, what was expected and found, and what to do."""


def decided(frame: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """The frame with outcome, values and truths; columns that are facts of the policy are dropped, others are kept.

    Raises `TableProblem` where a column has another type than its fact.
    """
    schema = frame.collect_schema()
    others = [name for name in schema.names() if name not in policy.fact_types]
    columns = Columns(policy, frozenset(name for name in policy.fact_types if name not in schema))
    truths = [columns.truth(f"holds.{rule.id}", rule.expression) for rule in policy.body.rules]
    answers = _Answers(columns, policy, truths)
    found = columns.apply(_with_facts(frame, policy, schema))
    sound = ~pl.col(_WRONG)
    values = [pl.when(sound).then(expr).alias(f"value.{name}") for name, expr in answers.values.items()]
    holds = [pl.when(sound).then(pl.col(f"holds.{rule.id}")).alias(f"holds.{rule.id}") for rule in policy.body.rules]
    result = pl.when(sound).then(answers.outcome).otherwise(pl.lit(REFUSED)).alias("outcome")
    return found.select(*others, result, *values, *holds)


def outcome_of(frame: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """Only the outcome of each row of a table whose columns are known to be sound."""
    columns = Columns(policy)
    truths = [columns.truth(f"holds.{rule.id}", rule.expression) for rule in policy.body.rules]
    outcome = _outcome(columns, policy.body, truths)
    return columns.apply(frame).select(outcome.expr.alias("outcome"))


def _with_facts(frame: pl.LazyFrame, policy: Policy, schema: Mapping[str, Any]) -> pl.LazyFrame:
    facts, wrong = [], []
    for name, fact in policy.fact_types.items():
        if name not in schema:
            facts.append(pl.lit(None, dtype=DTYPES[fact.type]).alias(name))
            continue
        value, problem = _fact(fact, schema[name])
        facts.append(value.alias(name))
        if problem is not None:
            wrong.append(problem.fill_null(value=False))
    return frame.with_columns(*facts, (reduce(or_, wrong) if wrong else pl.lit(value=False)).alias(_WRONG))


def _fact(fact: FactType, dtype: Any) -> tuple[pl.Expr, pl.Expr | None]:
    """The column of a fact in its type, and which of its values it cannot take."""
    column = pl.col(fact.name)
    if dtype == pl.Null:
        return pl.lit(None, dtype=DTYPES[fact.type]), None
    match fact.type:
        case "boolean" if dtype == pl.Boolean:
            return column, None
        case "integer" if dtype.is_integer():
            return column.cast(pl.Int64, strict=False), column.cast(pl.Int64, strict=False).abs() > MAX_INTEGER
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
    raise TableProblem(_complaint(fact, dtype))


def _moment(fact: FactType, dtype: Any, column: pl.Expr) -> tuple[pl.Expr, pl.Expr | None]:
    if fact.type == "date" and dtype == pl.Date:
        return column, None
    if fact.type == "date" and dtype == pl.String:
        day = column.str.to_date("%Y-%m-%d", strict=False)
        return day, day.is_null() & column.is_not_null()
    if fact.type == "date" and isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        day = column.dt.date()
        return day, day.cast(dtype) != column
    if fact.type == "instant" and isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us"), None
    raise TableProblem(_complaint(fact, dtype))


def _complaint(fact: FactType, dtype: Any) -> str:
    hint = "; write times with their zone" if fact.type == "instant" else ""
    return f"column {fact.name}: expected {fact.type}, found {dtype}{hint}"


class _Answers:
    """The outcome and the printed values as expressions."""

    def __init__(self, columns: Columns, policy: Policy, truths: list[Column]) -> None:
        self.outcome = _outcome(columns, policy.body, truths).expr
        self.values = _of_shape(policy.body, truths)
        if policy.flags:
            flags = [(flag.id, columns.truth(f"_flag{index}", flag.expression).expr) for index, flag in enumerate(policy.flags)]
            self.values |= {"flags": _names(flags), "flag": _names(flags).list.first()}
        for index, rule in enumerate(policy.values):
            self.values[rule.id] = columns.value(f"_value{index}", rule.expression, rule.kind).expr


def _outcome(columns: Columns, body: Body, truths: list[Column]) -> Column:
    stage = max(truth.stage for truth in truths)
    every = [truth.expr for truth in truths]
    match body:
        case Criteria(holds=yes, fails=no):
            by_id = {rule.id: expr for rule, expr in zip(body.rules, every, strict=True)}
            groups = [reduce(or_, [by_id[member.rule.id] for member in group]) for group in body.groups]
            return _in_words(columns, reduce(and_, groups), yes, no, stage)
        case Limits():
            return _in_words(columns, reduce(and_, every), "within", "outside", stage)
        case Findings(found=yes, clear=no):
            return _in_words(columns, reduce(or_, every), yes, no, stage)
        case Table():
            return _first_row(columns, body, every, stage)
        case Score():
            return _banded(columns, body, every, stage)


def _in_words(columns: Columns, truth: pl.Expr, yes: str, no: str, stage: int) -> Column:
    kept = columns.keep(Column(truth, "boolean", 1, stage), "_truth")
    expr = pl.when(kept.expr).then(pl.lit(yes)).when(~kept.expr).then(pl.lit(no)).otherwise(pl.lit(UNDETERMINED))
    return Column(expr, "text", 1, kept.stage)


def _first_row(columns: Columns, body: Table, truths: list[pl.Expr], stage: int) -> Column:
    """The outcome of the first row that holds, undetermined where an unknown row before it has another."""
    outcome: Any = pl
    place: Any = pl
    for index, (row, truth) in enumerate(zip(body.rows, truths, strict=True)):
        outcome = outcome.when(truth).then(pl.lit(row.outcome))
        place = place.when(truth).then(pl.lit(index))
    columns.keep(Column(outcome.otherwise(pl.lit(body.default)), "text", 1, stage), "_first")
    kept = columns.keep(Column(place.otherwise(pl.lit(len(truths))), "integer", 1, stage), "_place")
    differing = [
        truth.is_null() & (pl.col("_place") > index) & (pl.col("_first") != row.outcome)
        for index, (row, truth) in enumerate(zip(body.rows, truths, strict=True))
    ]
    expr = pl.when(reduce(or_, differing)).then(pl.lit(UNDETERMINED)).otherwise(pl.col("_first"))
    return Column(expr, "text", 1, kept.stage)


def _banded(columns: Columns, body: Score, truths: list[pl.Expr], stage: int) -> Column:
    by_id = {rule.id: truth for rule, truth in zip(body.rules, truths, strict=True)}
    lows, highs = [], []
    for index, domain in enumerate(body.domains):
        low, high = _domain(domain, by_id)
        columns.keep(Column(low, "number", 1, stage), f"_low{index}")
        columns.keep(Column(high, "number", 1, stage), f"_high{index}")
        lows.append(pl.col(f"_low{index}"))
        highs.append(pl.col(f"_high{index}"))
    combine: Any = pl.max_horizontal if body.combine == "max" else pl.sum_horizontal
    columns.keep(Column(combine(lows), "number", 1, stage + 1), "_low")
    kept = columns.keep(Column(combine(highs), "number", 1, stage + 1), "_high")
    columns.keep(Column(_band(body, pl.col("_low")), "text", 1, kept.stage), "_band_low")
    named = columns.keep(Column(_band(body, pl.col("_high")), "text", 1, kept.stage), "_band_high")
    same = pl.col("_band_low") == pl.col("_band_high")
    return Column(pl.when(same).then(pl.col("_band_low")).otherwise(pl.lit(UNDETERMINED)), "text", 1, named.stage)


def _domain(domain: Domain, truths: Mapping[str, pl.Expr]) -> tuple[pl.Expr, pl.Expr]:
    """The points that a domain certainly has, and the most that it could have."""
    rows = sorted(((row.points, truths[row.rule.id]) for row in domain.rows), key=lambda row: -row[0])
    open_points = [pl.when(truth.is_null()).then(pl.lit(points)).otherwise(pl.lit(0)) for points, truth in rows]
    low: Any = pl
    high: Any = pl
    for points, truth in rows:
        low = low.when(truth).then(pl.lit(points))
        high = high.when(truth.fill_null(value=True)).then(pl.lit(points))
    if rows[-1][0] >= 0:
        return low.otherwise(pl.lit(0)), high.otherwise(pl.lit(0))
    certain = reduce(or_, [truth.fill_null(value=False) for _, truth in rows])
    most = pl.max_horizontal([pl.lit(0), *open_points])
    least = pl.min_horizontal([pl.lit(0), *open_points])
    return low.otherwise(least), pl.when(certain).then(high.otherwise(pl.lit(0))).otherwise(most)


def _band(body: Score, points: pl.Expr) -> pl.Expr:
    whole = points == points.floor()
    written = pl.when(whole).then(points.cast(pl.Int64).cast(pl.String)).otherwise(points.cast(pl.String))
    texts = [_filled(entry.outcome, written) for entry in body.bands]
    chain: Any = pl
    for entry, text in zip(body.bands[:-1], texts, strict=False):
        chain = chain.when(points <= entry.up_to).then(text)
    return texts[-1] if len(texts) == 1 else chain.otherwise(texts[-1])


def _filled(outcome: str, written: pl.Expr) -> pl.Expr:
    parts = outcome.split("{score}")
    if len(parts) == 1:
        return pl.lit(outcome)
    pieces: list[pl.Expr] = [pl.lit(parts[0])]
    for part in parts[1:]:
        pieces += [written, pl.lit(part)]
    return pl.concat_str(pieces)


def _of_shape(body: Body, truths: list[Column]) -> dict[str, pl.Expr]:
    """The values that a shape prints by itself."""
    every = [truth.expr for truth in truths]
    match body:
        case Score():
            return _score_values(body)
        case Findings(findings=rows):
            by_code: dict[str, list[pl.Expr]] = {}
            for row, truth in zip(rows, every, strict=True):
                by_code.setdefault(row.code, []).append(truth)
            return {"codes": _names([(code, reduce(or_, truths)) for code, truths in by_code.items()])}
        case Limits(limits=limits):
            outside = [(limit.rule.id, ~truth) for limit, truth in zip(limits, every, strict=True)]
            critical = [~truth for limit, truth in zip(limits, every, strict=True) if limit.critical]
            any_critical = reduce(or_, critical).fill_null(value=False) if critical else pl.lit(value=False)
            return {"outside": _names(outside), "critical": any_critical}
        case _:
            return {}


def _score_values(body: Score) -> dict[str, pl.Expr]:
    whole = all(isinstance(row.points, int) for domain in body.domains for row in domain.rows)
    low, high = (pl.col(name).cast(pl.Int64 if whole else pl.Float64) for name in ("_low", "_high"))
    values = {body.names.score: pl.when(low == high).then(low), body.names.min: low, body.names.max: high}
    if body.names.driver is not None:
        driver: Any = pl
        for index, domain in enumerate(body.domains):
            driver = driver.when((pl.col("_low") > 0) & (pl.col(f"_low{index}") == pl.col("_low"))).then(pl.lit(domain.id))
        values[body.names.driver] = driver.otherwise(pl.lit(None, dtype=pl.String))
    return values


def _names(found: Sequence[tuple[str, pl.Expr]]) -> pl.Expr:
    """The names whose truth holds, sorted, as a list."""
    return pl.concat_list([pl.when(truth).then(pl.lit(name)) for name, truth in sorted(found, key=lambda item: item[0])]).list.drop_nulls()
