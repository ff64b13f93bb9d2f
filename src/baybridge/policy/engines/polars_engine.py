"""The operations of `engine.py` on Polars, the embedded engine.

Main job: `POLARS`, an `Engine`, and `DTYPES`, how each kind is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

from baybridge.policy.language.types import Value

DTYPES: dict[str, Any] = {
    "boolean": pl.Boolean,
    "integer": pl.Int64,
    "number": pl.Float64,
    "code": pl.String,
    "text": pl.String,
    "date": pl.Date,
    "instant": pl.Datetime("us", "UTC"),
    "null": pl.Boolean,
}
_DAY_US = 86_400_000_000
_ZONE = "Asia/Shanghai"  # as base.time.CHINA


class PolarsEngine:
    """Polars expressions; what each method answers is said in `engine.py`."""

    def column(self, name: str) -> pl.Expr:
        """A column."""
        return pl.col(name)

    def literal(self, value: Value, kind: str) -> pl.Expr:
        """A constant."""
        return pl.lit(value, dtype=DTYPES[kind])

    def cast(self, value: pl.Expr, kind: str) -> pl.Expr:
        """Another kind; a fraction that does not fit is null."""
        return value.cast(DTYPES[kind], strict=False)

    def choose(self, branches: Sequence[tuple[pl.Expr, pl.Expr]], otherwise: pl.Expr | None = None) -> pl.Expr:
        """A chain of when and then."""
        chain: Any = pl
        for condition, value in branches:
            chain = chain.when(condition).then(value)
        found: pl.Expr = chain if otherwise is None else chain.otherwise(otherwise)
        return found

    def all_of(self, conditions: Sequence[pl.Expr]) -> pl.Expr:
        """AND."""
        return reduce(and_, conditions)

    def any_of(self, conditions: Sequence[pl.Expr]) -> pl.Expr:
        """OR."""
        return reduce(or_, conditions)

    def coalesce(self, values: Sequence[pl.Expr]) -> pl.Expr:
        """First known."""
        return pl.coalesce(list(values))

    def is_null(self, value: pl.Expr) -> pl.Expr:
        """Unknown."""
        return value.is_null()

    def least(self, values: Sequence[pl.Expr]) -> pl.Expr:
        """Smallest."""
        return pl.min_horizontal(list(values))

    def greatest(self, values: Sequence[pl.Expr]) -> pl.Expr:
        """Largest."""
        return pl.max_horizontal(list(values))

    def quotient(self, left: pl.Expr, right: pl.Expr) -> pl.Expr:
        """Polars multiplies by the reciprocal of a constant, which differs in the last place: so a constant gets a column."""
        return left / (right if right.meta.root_names() else left * 0.0 + right)

    def absolute(self, value: pl.Expr) -> pl.Expr:
        """Without sign."""
        return value.abs()

    def is_finite(self, value: pl.Expr) -> pl.Expr:
        """Neither infinite nor NaN."""
        return value.is_finite()

    def floor(self, value: pl.Expr) -> pl.Expr:
        """Down."""
        return value.floor()

    def ceil(self, value: pl.Expr) -> pl.Expr:
        """Up."""
        return value.ceil()

    def about_logarithm(self, value: pl.Expr) -> pl.Expr:
        """Natural."""
        return value.log()

    def power_of_two(self, exponent: pl.Expr) -> pl.Expr:
        """Exact for whole exponents."""
        return pl.lit(2.0).pow(exponent)

    def root(self, value: pl.Expr) -> pl.Expr:
        """Square root."""
        return value.sqrt()

    def day_number(self, day: pl.Expr) -> pl.Expr:
        """Of a date."""
        return day.cast(pl.Int32).cast(pl.Int64)

    def day_of_number(self, number: pl.Expr) -> pl.Expr:
        """A date."""
        return number.cast(pl.Int32, strict=False).cast(pl.Date)

    def microseconds(self, instant: pl.Expr) -> pl.Expr:
        """Of an instant."""
        return instant.cast(pl.Int64)

    def instant_of_microseconds(self, number: pl.Expr) -> pl.Expr:
        """An instant."""
        return number.cast(DTYPES["instant"])

    def whole_days(self, microseconds: pl.Expr) -> pl.Expr:
        """Towards zero."""
        return microseconds.sign() * (microseconds.abs() // _DAY_US)

    def year(self, day: pl.Expr) -> pl.Expr:
        """Of a date."""
        return day.dt.year().cast(pl.Int64)

    def month(self, day: pl.Expr) -> pl.Expr:
        """Of a date."""
        return day.dt.month().cast(pl.Int64)

    def day(self, day: pl.Expr) -> pl.Expr:
        """Of a date."""
        return day.dt.day().cast(pl.Int64)

    def month_length(self, day: pl.Expr) -> pl.Expr:
        """Of a date's month."""
        return day.dt.month_end().dt.day().cast(pl.Int64)

    def add_months(self, day: pl.Expr, months: int) -> pl.Expr:
        """A later date."""
        return day.dt.offset_by(f"{months}mo")

    def china_day(self, instant: pl.Expr) -> pl.Expr:
        """Of an instant."""
        return instant.dt.convert_time_zone(_ZONE).dt.date()

    def written(self, points: pl.Expr) -> pl.Expr:
        """As text."""
        whole = points == points.floor()
        return pl.when(whole).then(points.cast(pl.Int64).cast(pl.String)).otherwise(points.cast(pl.String))

    def joined(self, texts: Sequence[pl.Expr]) -> pl.Expr:
        """As one text."""
        return pl.concat_str(list(texts))

    def names(self, found: Sequence[tuple[str, pl.Expr]]) -> pl.Expr:
        """As a list."""
        return pl.concat_list([pl.when(truth).then(pl.lit(name)) for name, truth in found]).list.drop_nulls()

    def first(self, names: pl.Expr) -> pl.Expr:
        """Of a list."""
        return names.list.first()


POLARS = PolarsEngine()
