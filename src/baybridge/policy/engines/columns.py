"""Rules as column expressions: the fast form of the interpreter for a population, written for any engine of `engine.py`.

Main job: `Columns(policy, engine)` turns checked trees into expressions over columns named as the facts, one row a subject.

A part that is looked at more than once becomes a column of its own, in `stages`: all of one are computed before those of the next. Every
meaning that an engine has of its own is replaced by that of `language/expression.py`: non-finite results, whole numbers that wrap, halves, the
least of values with an unknown one. Agreement with `one_case/interpret.py` on every input is tested with random rules on every engine.

**Units**: whole numbers are 64-bit, fractions double, instants microseconds in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Generic

from baybridge.base.canonical import MAX_INTEGER
from baybridge.policy.document.shapes import Policy
from baybridge.policy.engines.engine import KINDS, Engine, Expr
from baybridge.policy.language import expression as tree
from baybridge.policy.language.exponential import LEAST, MOST, exponential, logarithm
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.interpret import Evaluation

SMALL = 4  # nodes of a part that may be repeated
OURS = "baybridge."  # begins the names of columns that are made on the way
LARGE = 40  # nodes of a part that becomes a column of its own
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {"=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_DAY, _LAST_DAY = date.min.toordinal() - _EPOCH, date.max.toordinal() - _EPOCH
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Column(Generic[Expr]):
    """An expression with the kind of its value, its size, and the stage from which on it can be computed."""

    expr: Expr
    kind: str
    size: int = 1
    stage: int = 0


class Columns(Generic[Expr]):
    """Writes the expressions of one policy; `absent` are the facts that the table does not have, `prefix` begins the names of parts."""

    def __init__(self, policy: Policy, engine: Engine[Expr], absent: frozenset[str] = frozenset(), prefix: str = OURS) -> None:
        self.policy, self.engine, self.prefix, self._absent = policy, engine, prefix, absent
        #: Name and expression of every column, by stage; those of a stage read columns of the table and of earlier stages.
        self.stages: list[list[tuple[str, Expr]]] = []
        self._constants = Evaluation({}, policy.define)
        self._constant: dict[str, bool] = {}
        for name, node in policy.define.items():  # in order: each uses those above it
            self._constant[name] = self._is_constant(node)
        self._defined: dict[str, Column[Expr]] = {}
        self._count = 0

    def truth(self, name: str, node: tree.Expression) -> Column[Expr]:
        """The truth of a condition as a column of that name."""
        return self.keep(self._as(self.column(node), "boolean"), name)

    def value(self, name: str, node: tree.Expression, kind: str) -> Column[Expr]:
        """The value of an expression as a column of that name."""
        return self.keep(self._as(self.column(node), kind if kind in KINDS else "text"), name)

    def keep(self, column: Column[Expr], name: str | None = None) -> Column[Expr]:
        """The column computed once, for all that follows."""
        while len(self.stages) <= column.stage:
            self.stages.append([])
        if name is None:
            name, self._count = f"{self.prefix}part{self._count}", self._count + 1
        self.stages[column.stage].append((name, column.expr))
        return Column(self.engine.column(name), column.kind, 1, column.stage + 1)

    def column(self, node: tree.Expression) -> Column[Expr]:
        """The expression of a node."""
        if self._is_constant(node):
            return self._literal(self._constants.value(node))
        found = self._column(node)
        return self.keep(found) if found.size > LARGE else found

    def _is_constant(self, node: tree.Expression) -> bool:
        """Whether no column is read; engines compute with constants in ways of their own, so they get the result."""
        if isinstance(node, tree.Defined):
            return self._constant[node.name]
        if isinstance(node, tree.Fact):
            return node.name in self._absent
        return all(self._is_constant(child) for child in tree.children(node))

    def _literal(self, value: Value) -> Column[Expr]:
        kinds = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "text", date: "date", datetime: "instant"}
        kind = kinds[type(value)]
        return Column(self.engine.literal(value, kind), kind)

    def _number_of(self, value: float) -> Expr:
        """A constant that the compiler itself needs."""
        return self.engine.literal(value, "integer" if isinstance(value, int) else "number")

    def _column(self, node: tree.Expression) -> Column[Expr]:
        match node:
            case tree.Literal_(value=value):
                return self._literal(value)
            case tree.Fact(name=name):
                return Column(self.engine.column(name), self.policy.fact_types[name].type)
            case tree.Defined(name=name):
                if name not in self._defined:
                    self._defined[name] = self.keep(self.column(self.policy.define[name]))
                return self._defined[name]
            case tree.And(terms=terms):
                return self._joined(self.engine.all_of, terms)
            case tree.Or(terms=terms):
                return self._joined(self.engine.any_of, terms)
            case tree.IsNull(term=term):
                inner = self.column(term)
                return _made(self.engine.is_null(inner.expr), "boolean", [inner])
            case tree.Coalesce(terms=terms):
                parts = self._typed([self.column(term) for term in terms])
                return _made(self.engine.coalesce([part.expr for part in parts]), _kind(parts), parts)
            case tree.Case():
                return self._case(node)
            case _:
                return self._strict(node)

    def _joined(self, join: Callable[[Sequence[Expr]], Expr], terms: Sequence[tree.Expression]) -> Column[Expr]:
        parts = [self._as(self.column(term), "boolean") for term in terms]
        return _made(join([part.expr for part in parts]), "boolean", parts)

    def _case(self, node: tree.Case) -> Column[Expr]:
        conditions = [self._as(self.column(when), "boolean") for when, _ in node.branches]
        results = self._typed([self.column(part) for part in (*(then for _, then in node.branches), node.otherwise)])
        branches = [(condition.expr, result.expr) for condition, result in zip(conditions, results, strict=False)]
        return _made(self.engine.choose(branches, results[-1].expr), _kind(results), [*conditions, *results])

    def _typed(self, parts: list[Column[Expr]]) -> list[Column[Expr]]:
        """Alternatives of one kind, unknown ones included."""
        kind = _kind(parts)
        return [self._as(part, kind) for part in parts]

    def _strict(self, node: tree.Expression) -> Column[Expr]:
        match node:
            case tree.Not(term=term):
                inner = self._as(self.column(term), "boolean")
                return _made(~inner.expr, "boolean", [inner])
            case tree.Compare(operator=operator):
                left, right = self._typed_pair(self.column(node.left), self.column(node.right))
                return _made(_COMPARE[operator](left.expr, right.expr), "boolean", [left, right])
            case tree.In(term=term, values=values):
                return self._among(self.column(term), [value.value for value in values])
            case tree.Negate(term=term):
                inner = self._number(self.column(term))
                return _made(-inner.expr, inner.kind, [inner])
            case tree.Fraction(term=term):
                return self._as(self.column(term), "number")
            case tree.Arithmetic(operator=operator):
                return self._arithmetic(operator, self._number(self.column(node.left)), self._number(self.column(node.right)))
            case tree.Extreme(which=which, terms=terms):
                return self._extreme(which, self._typed([self.column(term) for term in terms]))
            case _:
                return self._computed(node)

    def _typed_pair(self, left: Column[Expr], right: Column[Expr]) -> tuple[Column[Expr], Column[Expr]]:
        if "null" in (left.kind, right.kind):
            kind = _kind([left, right])
            return self._as(left, kind), self._as(right, kind)
        return left, right

    def _among(self, column: Column[Expr], values: Sequence[Value]) -> Column[Expr]:
        equal = [column.expr == self._literal(value).expr for value in values]
        wide = Column(column.expr, column.kind, column.size + len(values), column.stage)
        return _made(self.engine.any_of(equal), "boolean", [wide])

    def _arithmetic(self, operator: str, left: Column[Expr], right: Column[Expr]) -> Column[Expr]:
        if operator == "/":
            left, right = self._once(self._as(left, "number")), self._as(right, "number")
            return self._finite(_made(self.engine.quotient(left.expr, right.expr), "number", [left, right]))
        whole = left.kind == right.kind == "integer"
        if whole and operator == "*":
            left, right = self._once(left), self._once(right)
            size = self.engine.absolute(self.engine.cast(left.expr, "number") * self.engine.cast(right.expr, "number"))
            small = size <= self._number_of(float(MAX_INTEGER))
            return _made(self.engine.choose([(small, left.expr * right.expr)]), "integer", [left, right])
        expr = left.expr + right.expr if operator == "+" else (left.expr - right.expr if operator == "-" else left.expr * right.expr)
        found = _made(expr, "integer" if whole else "number", [left, right])
        return self._bounded(found) if whole else self._finite(found)

    def _finite(self, column: Column[Expr]) -> Column[Expr]:
        column = self._once(column)
        return _made(self.engine.choose([(self.engine.is_finite(column.expr), column.expr)]), "number", [column])

    def _bounded(self, column: Column[Expr]) -> Column[Expr]:
        column = self._once(column)
        small = self.engine.absolute(column.expr) <= self._number_of(MAX_INTEGER)
        return _made(self.engine.choose([(small, column.expr)]), "integer", [column])

    def _whole(self, column: Column[Expr]) -> Column[Expr]:
        """A fraction without places as a whole number; unknown where it is too large."""
        column = self._once(column)
        fits = self.engine.absolute(column.expr) <= self._number_of(float(MAX_INTEGER))
        return _made(self.engine.cast(self.engine.choose([(fits, column.expr)]), "integer"), "integer", [column])

    def _extreme(self, which: str, parts: list[Column[Expr]]) -> Column[Expr]:
        parts = [self._once(part) for part in parts]
        known = self.engine.all_of([~self.engine.is_null(part.expr) for part in parts])
        pick = self.engine.least if which == "LEAST" else self.engine.greatest
        return _made(self.engine.choose([(known, pick([part.expr for part in parts]))]), _kind(parts), parts)

    def _once(self, column: Column[Expr]) -> Column[Expr]:
        """The column in a form that may be written twice."""
        return column if column.size <= SMALL else self.keep(column)

    def _computed(self, node: tree.Expression) -> Column[Expr]:
        match node:
            case tree.Call(function=function, term=term, digits=digits):
                return self._call(function, self._number(self.column(term)), digits)
            case tree.Span(unit=unit, start=start, end=end):
                first, last = self._typed_pair(self._once(self.column(start)), self._once(self.column(end)))
                return self._days(first, last) if unit == "DAY" else self._months(first, last)
            case tree.Shift(term=term, amount=amount, unit=unit):
                return self._shift(self.column(term), amount, unit)
        raise TypeError(f"no column for {type(node).__name__}")

    def _call(self, function: str, column: Column[Expr], digits: int) -> Column[Expr]:
        whole = column.kind == "integer"
        if function == "ABS":
            return _made(self.engine.absolute(column.expr), column.kind, [column])
        if whole and function in {"FLOOR", "CEIL", "ROUND"}:
            return column
        column = self._once(self._as(column, "number"))
        zero = self._number_of(0.0)
        match function:
            case "FLOOR":
                return self._whole(_made(self.engine.floor(column.expr), "number", [column]))
            case "CEIL":
                return self._whole(_made(self.engine.ceil(column.expr), "number", [column]))
            case "ROUND":
                return self._round(column, digits)
            case "LN":
                positive = self.keep(_made(self.engine.choose([(column.expr > zero, column.expr)]), "number", [column]))
                steps = _Steps(self, positive.stage)
                return steps.column(logarithm(steps, positive.expr))
            case "SQRT":
                return _made(self.engine.root(self.engine.choose([(column.expr >= zero, column.expr)])), "number", [column])
            case _:
                return self._exponential(column)

    def _exponential(self, column: Column[Expr]) -> Column[Expr]:
        least, most = self._number_of(LEAST), self._number_of(MOST)
        steps = _Steps(self, column.stage)
        found = self.keep(steps.column(exponential(steps, column.expr)))
        inside = self.engine.choose([(column.expr < least, self._number_of(0.0)), (column.expr <= most, found.expr)])
        return self._finite(_made(inside, "number", [column, found]))

    def _round(self, column: Column[Expr], digits: int) -> Column[Expr]:
        """Halves away from zero, by the four operations of the interpreter."""
        of, scale = self.engine, self._number_of(float(10**digits))
        scaled = self.keep(self._finite(_made(of.absolute(column.expr) * scale, "number", [column])))
        down = self.keep(_made(of.floor(scaled.expr), "number", [scaled]))
        up = of.choose([(scaled.expr - down.expr >= self._number_of(0.5), self._number_of(1.0))], self._number_of(0.0))
        rounded = self.keep(_made(down.expr + up, "number", [down]))
        negative = column.expr < self._number_of(0.0)
        signed = _made(of.choose([(negative, -rounded.expr)], rounded.expr) + self._number_of(0.0), "number", [column, rounded])
        if digits == 0:
            return self._whole(signed)
        signed = self._once(signed)
        return self._finite(_made(of.quotient(signed.expr, scale), "number", [signed]))

    def _days(self, start: Column[Expr], end: Column[Expr]) -> Column[Expr]:
        parts = [start, end]
        if _kind(parts) != "instant":
            first, last = (self._as(part, "date").expr for part in parts)
            return _made(self.engine.day_number(last) - self.engine.day_number(first), "integer", parts)
        apart = self._once(_made(self.engine.microseconds(end.expr) - self.engine.microseconds(start.expr), "integer", parts))
        return _made(self.engine.whole_days(apart.expr), "integer", [apart])

    def _months(self, start: Column[Expr], end: Column[Expr]) -> Column[Expr]:
        of = self.engine
        first, last = self._once(self._day(start)), self._once(self._day(end))
        backwards = last.expr < first.expr
        low = self.keep(_made(of.choose([(backwards, last.expr), (~backwards, first.expr)]), "date", [first, last])).expr
        high = self.keep(_made(of.choose([(backwards, first.expr), (~backwards, last.expr)]), "date", [first, last])).expr
        stage = max(first.stage, last.stage) + 1
        months = (of.year(high) - of.year(low)) * self._number_of(12) + of.month(high) - of.month(low)
        begun = of.least([of.day(low), of.month_length(high)]) > of.day(high)
        full = months - of.choose([(begun, self._number_of(1))], self._number_of(0))
        found = self.keep(Column(full, "integer", LARGE, stage))
        return _made(of.choose([(backwards, -found.expr)], found.expr), "integer", [first, last, found])

    def _shift(self, column: Column[Expr], amount: int, unit: str) -> Column[Expr]:
        of = self.engine
        if column.kind == "instant":
            moved = self._once(_made(of.microseconds(column.expr) + self._number_of(amount * _DAY_US), "integer", [column]))
            inside = self._between(moved.expr, _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
            return _made(of.instant_of_microseconds(of.choose([(inside, moved.expr)])), "instant", [moved])
        dated = self._as(column, "date")
        if unit == "MONTH":
            later = self._once(_made(of.add_months(dated.expr, amount), "date", [dated]))
            inside = self._between(of.day_number(later.expr), _FIRST_DAY, _LAST_DAY)
            return _made(of.choose([(inside, later.expr)]), "date", [later])
        moved = self._once(_made(of.day_number(dated.expr) + self._number_of(amount), "integer", [dated]))
        inside = self._between(moved.expr, _FIRST_DAY, _LAST_DAY)
        return _made(of.day_of_number(of.choose([(inside, moved.expr)])), "date", [moved])

    def _between(self, value: Expr, least: int, most: int) -> Expr:
        return (value >= self._number_of(least)) & (value <= self._number_of(most))

    def _day(self, column: Column[Expr]) -> Column[Expr]:
        """The civil day; an instant's in the time of China."""
        if column.kind == "instant":
            return _made(self.engine.china_day(column.expr), "date", [column])
        return self._as(column, "date")

    def _as(self, column: Column[Expr], kind: str) -> Column[Expr]:
        """The column in that kind, where it is an unknown without a kind or a whole number among fractions."""
        if column.kind == kind or {column.kind, kind} == {"code", "text"}:
            return column
        return Column(self.engine.cast(column.expr, kind), kind, column.size, column.stage)

    def _number(self, column: Column[Expr]) -> Column[Expr]:
        return self._as(column, "number") if column.kind == "null" else column


class _Steps(Generic[Expr]):
    """The arithmetic of `language/exponential.py` over columns: each value that is kept is a column of the next stage."""

    def __init__(self, columns: Columns[Expr], stage: int) -> None:
        self._columns, self._stage = columns, stage
        self.floor, self.quotient = columns.engine.floor, columns.engine.quotient
        self.power_of_two, self.about_logarithm = columns.engine.power_of_two, columns.engine.about_logarithm

    def constant(self, value: float) -> Expr:
        """A number."""
        return self._columns.engine.literal(value, "number")

    def column(self, value: Expr) -> Column[Expr]:
        """The value as it can be computed after all that was kept."""
        return Column(value, "number", LARGE, self._stage)

    def keep(self, value: Expr) -> Expr:
        """The value as a column."""
        kept = self._columns.keep(self.column(value))
        self._stage = kept.stage
        return kept.expr

    def choose(self, condition: Expr, value: Expr, otherwise: Expr) -> Expr:
        """One of two."""
        return self._columns.engine.choose([(condition, value)], otherwise)


def _made(expr: Expr, kind: str, parts: Iterable[Column[Expr]]) -> Column[Expr]:
    used = list(parts)
    return Column(expr, kind, sum(part.size for part in used) + 1, max(part.stage for part in used))


def _kind(parts: Iterable[Column[Expr]]) -> str:
    kinds = [part.kind for part in parts if part.kind != "null"]
    return "number" if "number" in kinds else next(iter(kinds), "null")
