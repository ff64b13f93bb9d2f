"""Rules as column expressions: the fast form of the interpreter for a population.

Main job: `Columns(policy)` turns checked trees into Polars expressions over columns named as the facts, one row a subject.

A part that is looked at more than once becomes a column of its own, in stages: `apply(frame, expressions)` adds them. Every meaning
that the engine has of its own is replaced by that of `expression.py`: non-finite results, whole numbers that wrap, halves, the least of
values with an unknown one. Agreement with `interpret.py` on every input is tested with random rules.

**Units**: whole numbers are Int64, fractions Float64, instants microseconds in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import Any

import polars as pl

from baybridge.policy import expression as tree
from baybridge.policy.interpret import Evaluation
from baybridge.policy.shapes import Policy
from baybridge.policy.types import MAX_INTEGER

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
SMALL = 4  # nodes of a part that may be repeated
LARGE = 40  # nodes of a part that becomes a column of its own
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {"=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_DAY, _LAST_DAY = date.min.toordinal() - _EPOCH, date.max.toordinal() - _EPOCH
_DAY_US = 86_400_000_000
_ZONE = "Asia/Shanghai"  # as base.time.CHINA


@dataclass(frozen=True, slots=True)
class Column:
    """An expression with the kind of its value, its size, and the stage from which on it can be computed."""

    expr: pl.Expr
    kind: str
    size: int = 1
    stage: int = 0


class Columns:
    """Writes the expressions of one policy; `absent` are the facts that the table does not have."""

    def __init__(self, policy: Policy, absent: frozenset[str] = frozenset()) -> None:
        self.policy, self._absent = policy, absent
        self._constants = Evaluation({}, policy.define)
        self._stages: list[list[pl.Expr]] = []
        self._defined: dict[str, Column] = {}
        self._count = 0

    def truth(self, name: str, node: tree.Expression) -> Column:
        """The truth of a condition as a column of that name."""
        return self.keep(_as(self.column(node), "boolean"), name)

    def value(self, name: str, node: tree.Expression, kind: str) -> Column:
        """The value of an expression as a column of that name."""
        return self.keep(_as(self.column(node), kind if kind in DTYPES else "text"), name)

    def keep(self, column: Column, name: str | None = None) -> Column:
        """The column computed once, for all that follows."""
        while len(self._stages) <= column.stage:
            self._stages.append([])
        if name is None:
            name, self._count = f"_part{self._count}", self._count + 1
        self._stages[column.stage].append(column.expr.alias(name))
        return Column(pl.col(name), column.kind, 1, column.stage + 1)

    def apply(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The frame with every column that was kept."""
        for stage in self._stages:
            if stage:
                frame = frame.with_columns(stage)
        return frame

    def column(self, node: tree.Expression) -> Column:
        """The expression of a node."""
        if self._is_constant(node):
            return _literal(self._constants.value(node))
        found = self._column(node)
        return self.keep(found) if found.size > LARGE else found

    def _is_constant(self, node: tree.Expression) -> bool:
        """Whether no column is read; engines compute with constants in ways of their own, so they get the result."""
        if isinstance(node, tree.Defined):
            return self._is_constant(self.policy.define[node.name])
        if isinstance(node, tree.Fact):
            return node.name in self._absent
        return all(self._is_constant(child) for child in tree.children(node))

    def _column(self, node: tree.Expression) -> Column:
        match node:
            case tree.Literal_(value=value):
                return _literal(value)
            case tree.Fact(name=name):
                return Column(pl.col(name), self.policy.fact_types[name].type)
            case tree.Defined(name=name):
                if name not in self._defined:
                    self._defined[name] = self.keep(self.column(self.policy.define[name]))
                return self._defined[name]
            case tree.And(terms=terms):
                return self._joined(and_, terms)
            case tree.Or(terms=terms):
                return self._joined(or_, terms)
            case tree.IsNull(term=term):
                inner = self.column(term)
                return _made(inner.expr.is_null(), "boolean", [inner])
            case tree.Coalesce(terms=terms):
                parts = self._typed([self.column(term) for term in terms])
                return _made(pl.coalesce([part.expr for part in parts]), _kind(parts), parts)
            case tree.Case():
                return self._case(node)
            case _:
                return self._strict(node)

    def _joined(self, operator: Callable[[Any, Any], Any], terms: Sequence[tree.Expression]) -> Column:
        parts = [_as(self.column(term), "boolean") for term in terms]
        return _made(reduce(operator, [part.expr for part in parts]), "boolean", parts)

    def _case(self, node: tree.Case) -> Column:
        conditions = [_as(self.column(when), "boolean") for when, _ in node.branches]
        results = self._typed([self.column(part) for part in (*(then for _, then in node.branches), node.otherwise)])
        chain: Any = pl
        for condition, result in zip(conditions, results, strict=False):
            chain = chain.when(condition.expr).then(result.expr)
        return _made(chain.otherwise(results[-1].expr), _kind(results), [*conditions, *results])

    def _typed(self, parts: list[Column]) -> list[Column]:
        """Alternatives of one kind, unknown ones included."""
        kind = _kind(parts)
        return [_as(part, kind) for part in parts]

    def _strict(self, node: tree.Expression) -> Column:
        match node:
            case tree.Not(term=term):
                inner = _as(self.column(term), "boolean")
                return _made(~inner.expr, "boolean", [inner])
            case tree.Compare(operator=operator):
                left, right = self._typed_pair(self.column(node.left), self.column(node.right))
                return _made(_COMPARE[operator](left.expr, right.expr), "boolean", [left, right])
            case tree.In(term=term, values=values):
                return _among(self.column(term), [value.value for value in values])
            case tree.Negate(term=term):
                inner = _number(self.column(term))
                return _made(-inner.expr, inner.kind, [inner])
            case tree.Fraction(term=term):
                return _as(self.column(term), "number")
            case tree.Arithmetic(operator=operator):
                return self._arithmetic(operator, _number(self.column(node.left)), _number(self.column(node.right)))
            case tree.Extreme(which=which, terms=terms):
                return self._extreme(which, self._typed([self.column(term) for term in terms]))
            case _:
                return self._computed(node)

    def _typed_pair(self, left: Column, right: Column) -> tuple[Column, Column]:
        if "null" in (left.kind, right.kind):
            kind = _kind([left, right])
            return _as(left, kind), _as(right, kind)
        return left, right

    def _arithmetic(self, operator: str, left: Column, right: Column) -> Column:
        if operator == "/":
            return self._finite(_quotient(self._once(_as(left, "number")), _as(right, "number")))
        whole = left.kind == right.kind == "integer"
        if whole and operator == "*":
            left, right = self._once(left), self._once(right)
            small = (left.expr.cast(pl.Float64) * right.expr.cast(pl.Float64)).abs() <= float(MAX_INTEGER)
            return _made(pl.when(small).then(left.expr * right.expr), "integer", [left, right])
        expr = left.expr + right.expr if operator == "+" else (left.expr - right.expr if operator == "-" else left.expr * right.expr)
        found = _made(expr, "integer" if whole else "number", [left, right])
        return self._bounded(found) if whole else self._finite(found)

    def _finite(self, column: Column) -> Column:
        column = self._once(column)
        return _made(pl.when(column.expr.is_finite()).then(column.expr), "number", [column])

    def _bounded(self, column: Column) -> Column:
        column = self._once(column)
        return _made(pl.when(column.expr.abs() <= MAX_INTEGER).then(column.expr), "integer", [column])

    def _whole(self, column: Column) -> Column:
        """A fraction without places as a whole number; unknown where it is too large."""
        column = self._once(column)
        fits = column.expr.abs() <= float(MAX_INTEGER)
        return _made(pl.when(fits).then(column.expr).cast(pl.Int64, strict=False), "integer", [column])

    def _extreme(self, which: str, parts: list[Column]) -> Column:
        parts = [self._once(part) for part in parts]
        known = reduce(and_, [part.expr.is_not_null() for part in parts])
        pick = pl.min_horizontal if which == "LEAST" else pl.max_horizontal
        return _made(pl.when(known).then(pick([part.expr for part in parts])), _kind(parts), parts)

    def _once(self, column: Column) -> Column:
        """The column in a form that may be written twice."""
        return column if column.size <= SMALL else self.keep(column)

    def _computed(self, node: tree.Expression) -> Column:
        match node:
            case tree.Call(function=function, term=term, digits=digits):
                return self._call(function, _number(self.column(term)), digits)
            case tree.Span(unit=unit, start=start, end=end):
                first, last = self._typed_pair(self._once(self.column(start)), self._once(self.column(end)))
                return self._days(first, last) if unit == "DAY" else self._months(first, last)
            case tree.Shift(term=term, amount=amount, unit=unit):
                return self._shift(self.column(term), amount, unit)
        raise TypeError(f"no column for {type(node).__name__}")

    def _call(self, function: str, column: Column, digits: int) -> Column:
        whole = column.kind == "integer"
        if function == "ABS" or (whole and function in {"FLOOR", "CEIL", "ROUND"}):
            return _made(column.expr.abs(), column.kind, [column]) if function == "ABS" else column
        column = self._once(_as(column, "number"))
        match function:
            case "FLOOR":
                return self._whole(_made(column.expr.floor(), "number", [column]))
            case "CEIL":
                return self._whole(_made(column.expr.ceil(), "number", [column]))
            case "ROUND":
                return self._round(column, digits)
            case "LN":
                return _made(pl.when(column.expr > 0).then(column.expr).log(), "number", [column])
            case "SQRT":
                return _made(pl.when(column.expr >= 0).then(column.expr).sqrt(), "number", [column])
            case _:
                return self._finite(_made(column.expr.exp(), "number", [column]))

    def _round(self, column: Column, digits: int) -> Column:
        """Halves away from zero, by the four operations of the interpreter."""
        scale = float(10**digits)
        scaled = self.keep(self._finite(_made(column.expr.abs() * scale, "number", [column])))
        up = (scaled.expr - scaled.expr.floor() >= 0.5).cast(pl.Float64)
        rounded = scaled.expr.floor() + up
        signed = _made(pl.when(column.expr < 0).then(-rounded).otherwise(rounded) + 0.0, "number", [column, scaled])
        if digits == 0:
            return self._whole(signed)
        return self._finite(_quotient(self._once(signed), _literal(scale)))

    def _days(self, start: Column, end: Column) -> Column:
        parts = [start, end]
        if _kind(parts) != "instant":
            days = end.expr.cast(pl.Int32).cast(pl.Int64) - start.expr.cast(pl.Int32).cast(pl.Int64)
            return _made(days, "integer", parts)
        apart = self._once(_made(end.expr.cast(pl.Int64) - start.expr.cast(pl.Int64), "integer", parts))
        return _made(apart.expr.sign() * (apart.expr.abs() // _DAY_US), "integer", [apart])

    def _months(self, start: Column, end: Column) -> Column:
        first, last = self._once(_day(start)), self._once(_day(end))
        backwards = last.expr < first.expr
        low = self.keep(_made(pl.when(backwards).then(last.expr).when(~backwards).then(first.expr), "date", [first, last]))
        high = self.keep(_made(pl.when(backwards).then(first.expr).when(~backwards).then(last.expr), "date", [first, last]))
        months = (_field(high, "year") - _field(low, "year")) * 12 + _field(high, "month") - _field(low, "month")
        last_day = high.expr.dt.month_end().dt.day().cast(pl.Int64)
        begun = pl.min_horizontal(_field(low, "day"), last_day) > _field(high, "day")
        found = self.keep(_made(months - begun.cast(pl.Int64), "integer", [low, high]))
        sign = pl.when(backwards).then(-found.expr).otherwise(found.expr)
        return _made(sign, "integer", [first, last, found])

    def _shift(self, column: Column, amount: int, unit: str) -> Column:
        if unit == "MONTH":
            moved = self._once(_made(_as(column, "date").expr.dt.offset_by(f"{amount}mo"), "date", [column]))
            inside = moved.expr.cast(pl.Int32).is_between(_FIRST_DAY, _LAST_DAY)
            return _made(pl.when(inside).then(moved.expr), "date", [moved])
        if column.kind == "instant":
            moved = self._once(_made(column.expr.cast(pl.Int64) + amount * _DAY_US, "integer", [column]))
            inside = moved.expr.is_between(_FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
            return _made(pl.when(inside).then(moved.expr).cast(DTYPES["instant"]), "instant", [moved])
        moved = self._once(_made(_as(column, "date").expr.cast(pl.Int32) + amount, "integer", [column]))
        inside = moved.expr.is_between(_FIRST_DAY, _LAST_DAY)
        return _made(pl.when(inside).then(moved.expr).cast(pl.Date), "date", [moved])


def _made(expr: pl.Expr, kind: str, parts: Iterable[Column]) -> Column:
    used = list(parts)
    return Column(expr, kind, sum(part.size for part in used) + 1, max(part.stage for part in used))


def _literal(value: Any) -> Column:
    if value is None:
        return Column(pl.lit(None), "null")
    kinds = {bool: "boolean", int: "integer", float: "number", str: "text", date: "date", datetime: "instant"}
    kind = kinds[type(value)]
    return Column(pl.lit(value, dtype=DTYPES[kind]), kind)


def _as(column: Column, kind: str) -> Column:
    """The column in that kind, where it is an unknown without a kind or a whole number among fractions."""
    if column.kind == kind or (DTYPES[column.kind] == DTYPES[kind] and column.kind != "null"):
        return column
    return Column(column.expr.cast(DTYPES[kind]), kind, column.size, column.stage)


def _number(column: Column) -> Column:
    return _as(column, "number") if column.kind == "null" else column


def _kind(parts: Iterable[Column]) -> str:
    kinds = [part.kind for part in parts if part.kind != "null"]
    return "number" if "number" in kinds else next(iter(kinds), "null")


def _quotient(left: Column, right: Column) -> Column:
    """One fraction through another. Polars would multiply by the reciprocal of a constant, which differs in the last place: so it gets a column."""
    divisor = right.expr if right.expr.meta.root_names() else left.expr * 0.0 + right.expr
    return _made(left.expr / divisor, "number", [left, right])


def _among(column: Column, values: list[Any]) -> Column:
    equal = [column.expr == _literal(value).expr for value in values]
    return _made(reduce(or_, equal), "boolean", [Column(column.expr, column.kind, column.size + len(values), column.stage)])


def _day(column: Column) -> Column:
    """The civil day; an instant's in the time of China."""
    if column.kind == "instant":
        return _made(column.expr.dt.convert_time_zone(_ZONE).dt.date(), "date", [column])
    return _as(column, "date")


def _field(column: Column, name: str) -> pl.Expr:
    field: pl.Expr = getattr(column.expr.dt, name)()
    return field.cast(pl.Int64)
