"""The reference meaning of a rule: a plain interpreter in three values.

Main job: `Evaluation(facts, define)` answers the value of an expression and the unknown facts that it still waits for.
Every fast form (generated code, columns, SQL) must agree with this one on every input; where they differ, this one is right.

**Source**: `language/expression.py` states the meaning of each node. Elsewhere: types were checked when the document was loaded.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from baybridge.base.canonical import MAX_INTEGER
from baybridge.base.time import CHINA, add_months
from baybridge.policy.language import expression as tree
from baybridge.policy.language.exponential import LEAST, MOST, PYTHON, exponential, logarithm
from baybridge.policy.language.types import FactType, Value

Numeric = int | float
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Evaluation:
    """One look at the facts: each defined name is computed at most once. Facts that are absent are unknown.

    COALESCE does not pass over a term that waits for one of the `awaited` facts: so one sees what these could still change.
    """

    def __init__(self, facts: Mapping[str, Value], define: Mapping[str, tree.Expression], awaited: frozenset[str] = frozenset()) -> None:
        self.facts = facts
        self._awaited = awaited
        self._define = define
        self._values: dict[str, Value] = {}
        self._unknowns: dict[str, frozenset[str]] = {}

    def value(self, node: tree.Expression) -> Value:
        """The value of an expression; None is unknown. Never raises for a checked expression over facts of its types."""
        match node:
            case tree.Literal_(value=value):
                return value
            case tree.Fact(name=name):
                return self.facts.get(name)
            case tree.Defined(name=name):
                return self._defined(name)
            case tree.And(terms=terms):
                return kleene_and([self.value(term) for term in terms])
            case tree.Or(terms=terms):
                return kleene_or([self.value(term) for term in terms])
            case tree.IsNull(term=term):
                return self.value(term) is None
            case tree.Coalesce(terms=terms):
                return self._first_known(terms)
            case tree.Case():
                return self.value(self._chosen(node))
            case _:
                return self._strict(node)

    def holds(self, node: tree.Expression) -> bool | None:
        """The truth of a condition: true, false or unknown."""
        value = self.value(node)
        return None if value is None else bool(value)

    def unknowns(self, node: tree.Expression) -> frozenset[str]:
        """The unknown facts that keep this expression unknown; none when its value is known."""
        if self.value(node) is not None:
            return frozenset()
        match node:
            case tree.Fact(name=name):
                return frozenset({name})
            case tree.Defined(name=name):
                if name not in self._unknowns:
                    self._unknowns[name] = self.unknowns(self._define[name])
                return self._unknowns[name]
            case tree.Case(branches=branches):
                return self._union(self._looked_at(branches, node.otherwise))
            case _:
                return self._union(tree.children(node))

    def _union(self, nodes: tuple[tree.Expression, ...]) -> frozenset[str]:
        return frozenset().union(*(self.unknowns(node) for node in nodes))

    def _first_known(self, terms: tuple[tree.Expression, ...]) -> Value:
        for term in terms:
            value = self.value(term)
            if value is not None or (self._awaited and self.unknowns(term) & self._awaited):
                return value
        return None

    def _defined(self, name: str) -> Value:
        if name not in self._values:
            self._values[name] = self.value(self._define[name])
        return self._values[name]

    def _chosen(self, node: tree.Case) -> tree.Expression:
        return next((result for condition, result in node.branches if self.value(condition) is True), node.otherwise)

    def _looked_at(
        self, branches: tuple[tuple[tree.Expression, tree.Expression], ...], otherwise: tree.Expression
    ) -> tuple[tree.Expression, ...]:
        """The conditions that were passed over unknown, with what they would have chosen, and the result that was chosen."""
        passed: list[tree.Expression] = []
        for condition, result in branches:
            truth = self.value(condition)
            if truth is True:
                return (*passed, result)
            if truth is None:
                passed += [condition, result]
        return (*passed, otherwise)

    def _strict(self, node: tree.Expression) -> Value:
        """The operators that are unknown when one of their operands is."""
        operands: list[Any] = [self.value(child) for child in tree.children(node)]
        if any(value is None for value in operands):
            return None
        match node:
            case tree.Not():
                return not operands[0]
            case tree.Compare(operator=operator):
                return _COMPARE[operator](operands[0], operands[1])
            case tree.In():
                return operands[0] in operands[1:]
            case tree.Negate():
                return bounded(-operands[0])
            case tree.Arithmetic(operator=operator):
                return arithmetic(operator, operands[0], operands[1])
            case _:
                return self._computed(node, operands)

    def _computed(self, node: tree.Expression, operands: list[Any]) -> Value:
        match node:
            case tree.Extreme(which=which):
                least: Value = min(operands) if which == "LEAST" else max(operands)
                return least
            case tree.Call(function=function, digits=digits):
                return call(function, operands[0], digits)
            case tree.Fraction():
                return float(operands[0])
            case tree.Span(unit=unit):
                return (days_between if unit == "DAY" else months_between)(operands[0], operands[1])
            case tree.Shift(amount=amount, unit=unit):
                return shift(operands[0], amount, unit)
        raise TypeError(f"no meaning for {type(node).__name__}")


def exact_facts(facts: Mapping[str, Value], fact_types: Mapping[str, FactType]) -> dict[str, Value]:
    """The facts as rules compute with them: a fact of type number is a fraction, also where a whole number was given."""
    return {
        name: float(value) if type(value) is int and name in fact_types and fact_types[name].type == "number" else value
        for name, value in facts.items()
    }


def kleene_and(values: Sequence[Value]) -> bool | None:
    """False when one is false, else unknown when one is unknown, else true."""
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


def kleene_or(values: Sequence[Value]) -> bool | None:
    """True when one is true, else unknown when one is unknown, else false."""
    if any(value is True for value in values):
        return True
    return None if any(value is None for value in values) else False


def bounded(value: Numeric) -> Numeric | None:
    """The number, or unknown where it is not finite or a whole number that JSON cannot carry exactly."""
    if isinstance(value, int):
        return value if abs(value) <= MAX_INTEGER else None
    return value if math.isfinite(value) else None


def arithmetic(operator: str, left: Numeric, right: Numeric) -> Numeric | None:
    """`+ - * /` of two known numbers; division by zero is unknown and division always answers a fraction."""
    if operator == "/":
        return None if right == 0 else bounded(float(left) / float(right))
    if operator == "+":
        return bounded(left + right)
    return bounded(left - right) if operator == "-" else bounded(left * right)


def call(function: str, value: Numeric, digits: int) -> Numeric | None:
    """ABS, FLOOR, CEIL, ROUND, LN, EXP, SQRT of a known number; unknown outside their domain."""
    match function:
        case "ABS":
            return bounded(abs(value))
        case "FLOOR":
            return bounded(math.floor(value))
        case "CEIL":
            return bounded(math.ceil(value))
        case "ROUND":
            return round_half_away(value, digits)
        case "LN":
            return logarithm(PYTHON, float(value)) if value > 0 else None
        case "SQRT":
            return math.sqrt(value) if value >= 0 else None
        case _:
            return _exponential(float(value))


def _exponential(value: float) -> Numeric | None:
    if value < LEAST:
        return 0.0
    return None if value > MOST else bounded(exponential(PYTHON, value))


def round_half_away(value: Numeric, digits: int) -> Numeric | None:
    """The nearest number with `digits` places, halves away from zero; a whole number when `digits` is 0.

    The value is scaled by a power of ten, split into whole and rest, and scaled back: four operations that every engine does alike.
    """
    if isinstance(value, int):
        return value
    scaled = abs(value) * float(10**digits)
    if not math.isfinite(scaled):
        return None
    whole = math.floor(scaled)
    rounded = whole + 1 if scaled - whole >= 0.5 else whole
    signed = -rounded if value < 0 else rounded
    return bounded(signed) if digits == 0 else bounded(signed / float(10**digits))


def days_between(start: date, end: date) -> int:
    """Whole days from `start` to `end`: calendar days of dates, complete 24 hours of instants, towards zero."""
    delta = end - start
    return delta.days if delta >= timedelta(0) else -((-delta).days)


def months_between(start: date, end: date) -> int | None:
    """Complete calendar months from `start` to `end`; the last day of a month completes one that began on a later day."""
    try:
        return _months_between(_day(start), _day(end))
    except OverflowError:
        return None


def _day(moment: date) -> date:
    """The civil day; an instant's in the time of China."""
    return moment.astimezone(CHINA).date() if isinstance(moment, datetime) else moment


def _months_between(start: date, end: date) -> int:
    if end < start:
        return -_months_between(end, start)
    months = (end.year - start.year) * 12 + end.month - start.month
    last = monthrange(end.year, end.month)[1]
    return months - (min(start.day, last) > end.day)


def shift(moment: date, amount: int, unit: str) -> date | None:
    """A date (or, by days, an instant) moved; unknown beyond the years 1 to 9999."""
    try:
        return moment + timedelta(days=amount) if unit == "DAY" else add_months(moment, amount)
    except (OverflowError, ValueError):
        return None
