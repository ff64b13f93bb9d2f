"""Types, units and codes of a rule, before anybody relies on it.

Main job: `Checker.check(expression)` answers the type of an expression and collects everything that is wrong with it: an unknown
fact (with the nearest known one), a code that a fact cannot take, two units that differ, a comparison across types.

**Units**: UCUM, as the dictionary gives them. A number written in a rule has the unit of what it is compared with; products and
quotients have no checked unit. Elsewhere: conversion belongs to `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from baybridge.documents.problems import did_you_mean
from baybridge.policy.language import expression as tree
from baybridge.policy.language.types import ExpressionError, FactType, Value

Kind = Literal["boolean", "integer", "number", "text", "date", "instant", "null", "any"]
_OF_FACT: dict[str, Kind] = {"code": "text", "text": "text", "boolean": "boolean", "integer": "integer"}
_OF_FACT |= {"number": "number", "date": "date", "instant": "instant"}
_NUMBERS = frozenset({"integer", "number"})
_ORDERED = frozenset({"integer", "number", "date", "instant"})


#: How a value of each type is written.
_HINTS = {
    "date": "a date is written DATE '2026-01-31'",
    "instant": "a date is written DATE '2026-01-31'",
    "boolean": "true and false are written TRUE and FALSE, without quotes",
    "integer": "a number stands without quotes",
    "number": "a number stands without quotes",
    "text": "a code or a text stands in single quotes",
}


@dataclass(frozen=True, slots=True)
class Typed:
    """The type of an expression, its unit where one is known, and the codes it can take where it is one fact."""

    kind: Kind
    unit: str | None = None
    codes: tuple[str, ...] = ()
    fact: str = ""


class Checker:
    """Checks the expressions of one document; `problems` fills up instead of stopping at the first."""

    def __init__(self, fact_types: Mapping[str, FactType]) -> None:
        self.fact_types = fact_types
        self.defined: dict[str, Typed] = {}
        self.problems: list[ExpressionError] = []

    def condition(self, node: tree.Expression) -> None:
        """Check an expression that must be true, false or unknown."""
        self._expect(node, frozenset({"boolean"}), "a condition (true, false or unknown)")

    def define(self, name: str, node: tree.Expression) -> None:
        """Check a named expression and make its name usable."""
        self.defined[name] = self.check(node)

    def check(self, node: tree.Expression) -> Typed:
        """The type of an expression; what is wrong is added to `problems`."""
        match node:
            case tree.Literal_(value=value):
                return Typed(_kind_of(value))
            case tree.Fact(name=name):
                return self._fact(node, name)
            case tree.Defined(name=name):
                return self.defined.get(name, Typed("any"))
            case tree.Coalesce() | tree.Case() | tree.Extreme():
                return self._alternatives(node)
            case tree.Arithmetic() | tree.Negate() | tree.Call() | tree.Span() | tree.Shift() | tree.Fraction():
                return self._computed(node)
            case _:
                return self._truth(node)

    def of_one_kind(self, node: tree.Expression) -> tree.Expression:
        """The checked expression, with whole numbers among fractional alternatives turned into fractions."""
        return tree.rebuild(node, self._unify)

    def _unify(self, node: tree.Expression) -> tree.Expression:
        match node:
            case tree.Coalesce(terms=terms) | tree.Extreme(terms=terms):
                return replace(node, terms=self._fractions(terms))
            case tree.Case(branches=branches, otherwise=otherwise):
                *results, last = self._fractions((*(result for _, result in branches), otherwise))
                pairs = tuple((condition, result) for (condition, _), result in zip(branches, results, strict=True))
                return replace(node, branches=pairs, otherwise=last)
            case _:
                return node

    def _fractions(self, terms: tuple[tree.Expression, ...]) -> tuple[tree.Expression, ...]:
        kinds = [self.check(term).kind for term in terms]
        if "number" not in kinds or "integer" not in kinds:
            return terms
        return tuple(_as_fraction(term) if kind == "integer" else term for term, kind in zip(terms, kinds, strict=True))

    def _truth(self, node: tree.Expression) -> Typed:
        """The expressions that are true, false or unknown."""
        match node:
            case tree.And(terms=terms) | tree.Or(terms=terms):
                for term in terms:
                    self.condition(term)
                return Typed("boolean")
            case tree.Not(term=term):
                self.condition(term)
                return Typed("boolean")
            case tree.IsNull(term=term):
                self.check(term)
                return Typed("boolean")
            case tree.Compare():
                return self._compare(node)
            case tree.In(term=term, values=values):
                found = self.check(term)
                for literal in values:
                    self._comparable(found, self.check(literal), literal, "=")
                return Typed("boolean")
        raise TypeError(f"no type for {type(node).__name__}")

    def _alternatives(self, node: tree.Expression) -> Typed:
        """The expressions that answer one of several values."""
        match node:
            case tree.Coalesce(terms=terms):
                return self._one_type(terms)
            case tree.Case(branches=branches, otherwise=otherwise):
                for condition, _ in branches:
                    self.condition(condition)
                return self._one_type((*(result for _, result in branches), otherwise))
            case tree.Extreme(terms=terms):
                return self._extreme(node, terms)
        raise TypeError(f"no type for {type(node).__name__}")

    def _fact(self, node: tree.Expression, name: str) -> Typed:
        known = self.fact_types.get(name)
        if known is None:
            hint = did_you_mean(name, [*self.fact_types, *self.defined]) or "add it to the dictionary of facts or under define"
            self._report("unknown_fact", node, "a fact of the dictionary or a name defined above", name, hint)
            return Typed("any")
        return Typed(_OF_FACT[known.type], _unit(known.unit), known.values if known.type == "code" else (), name)

    def _extreme(self, node: tree.Expression, terms: tuple[tree.Expression, ...]) -> Typed:
        shared = replace(self._one_type(terms), codes=(), fact="")
        if shared.kind in _ORDERED or shared.kind in {"any", "null"}:
            return shared
        self._report("wrong_type", node, "numbers, dates or instants", f"values of type {shared.kind}", "")
        return Typed("any")

    def _computed(self, node: tree.Expression) -> Typed:
        match node:
            case tree.Arithmetic(operator=operator, left=left, right=right):
                return self._arithmetic(operator, left, right)
            case tree.Negate(term=term):
                return self._number(term)
            case tree.Call(function=function, term=term, digits=digits):
                found = self._number(term)
                if function in {"ABS", "ROUND", "FLOOR", "CEIL"}:
                    whole = function in {"FLOOR", "CEIL"} or (function == "ROUND" and digits == 0)
                    return Typed("integer" if whole else found.kind, found.unit)
                return Typed("number")
            case tree.Fraction(term=term):
                return Typed("number", self.check(term).unit)
            case tree.Span(unit=unit, start=start, end=end):
                self._same_calendar(start, end)
                return Typed("integer", "d" if unit == "DAY" else "mo")
            case tree.Shift(term=term, unit=unit):
                allowed = frozenset({"date", "instant"} if unit == "DAY" else {"date"})
                expected = "a date" if unit == "MONTH" else "a date or an instant"
                return replace(self._expect(term, allowed, expected), fact="")
        raise TypeError(f"no type for {type(node).__name__}")

    def _number(self, node: tree.Expression) -> Typed:
        found = self._expect(node, _NUMBERS, "a number")
        return Typed(found.kind, found.unit)

    def _arithmetic(self, operator: str, left: tree.Expression, right: tree.Expression) -> Typed:
        first, second = self._number(left), self._number(right)
        whole = operator != "/" and first.kind == second.kind == "integer"
        kind: Kind = "integer" if whole else "number"
        if operator in "*/":
            return Typed(kind)
        self._same_unit(first, second, right)
        return Typed(kind, first.unit or second.unit)

    def _same_calendar(self, start: tree.Expression, end: tree.Expression) -> None:
        calendar = frozenset({"date", "instant"})
        first = self._expect(start, calendar, "a date or an instant")
        second = self._expect(end, calendar, "a date or an instant")
        kinds = {first.kind, second.kind}
        if len(kinds) > 1 and not kinds & {"any", "null"}:
            self._report(
                "wrong_type", end, f"a {first.kind}, as the first argument", f"a {second.kind}", "dates and instants are not mixed"
            )

    def _compare(self, node: tree.Compare) -> Typed:
        left, right = self.check(node.left), self.check(node.right)
        if isinstance(node.left, tree.Compare) and right.kind != "boolean":
            hint = "compare twice and join with AND, such as 18 <= age AND age <= 80"
            self._report("wrong_type", node.right, "two values compared", "a third", hint)
            return Typed("boolean")
        for found, part in ((left, node.left), (right, node.right)):
            if found.kind == "null":
                self._report("wrong_type", part, "a value", "NULL", "use IS NULL or IS NOT NULL")
        self._comparable(left, right, node.right, node.operator)
        self._comparable_codes(right, node.left)
        return Typed("boolean")

    def _comparable(self, left: Typed, right: Typed, at: tree.Expression, operator: str) -> None:
        kinds = {left.kind, right.kind}
        if kinds & {"any", "null"}:
            return
        if len(kinds) > 1 and not kinds <= _NUMBERS:
            asked = right.kind if right.fact and not left.fact else left.kind  # of the fact, which a literal is to fit
            hint = _HINTS.get("date" if kinds & {"date", "instant"} else asked, "")
            self._report("wrong_type", at, f"a value of type {left.kind}", f"one of type {right.kind}", hint)
            return
        if operator not in {"=", "<>"} and not kinds <= _ORDERED:
            self._report("wrong_type", at, f"= or <> between values of type {left.kind}", operator, "only numbers and dates have an order")
        self._same_unit(left, right, at)
        self._comparable_codes(left, at)

    def _comparable_codes(self, left: Typed, at: tree.Expression) -> None:
        if left.codes and isinstance(at, tree.Literal_) and isinstance(at.value, str) and at.value not in left.codes:
            hint = did_you_mean(f"'{at.value}'", [f"'{code}'" for code in left.codes])
            self._report("unknown_code", at, f"a code of {left.fact}: {', '.join(left.codes)}", f"'{at.value}'", hint)

    def _same_unit(self, left: Typed, right: Typed, at: tree.Expression) -> None:
        if left.unit and right.unit and left.unit != right.unit:
            self._report(
                "unit_mismatch", at, f"a value in {left.unit}", f"one in {right.unit}", "convert one of them, e.g. creatinine / 88.4"
            )

    def _one_type(self, nodes: tuple[tree.Expression, ...]) -> Typed:
        """The type that all alternatives share."""
        shared = Typed("null")
        for node in nodes:
            found = self.check(node)
            if shared.kind == "null" or (shared.kind == "any" and found.kind != "null"):
                shared = found
            elif shared.kind != "any" and found.kind not in {"null", "any"}:
                self._comparable(shared, found, node, "=")
                kind: Kind = "number" if {shared.kind, found.kind} == _NUMBERS else shared.kind
                shared = Typed(kind, shared.unit or found.unit, shared.codes if shared.codes == found.codes else (), shared.fact)
        return shared

    def _expect(self, node: tree.Expression, kinds: frozenset[str], expected: str) -> Typed:
        found = self.check(node)
        if found.kind in kinds or found.kind in {"any", "null"}:
            return found
        self._report("wrong_type", node, expected, f"a value of type {found.kind}", "")
        return Typed("any")

    def _report(self, code: str, node: tree.Expression, expected: str, found: str, hint: str) -> None:
        self.problems.append(ExpressionError(f"policy.problem.{code}", node.at, expected, found, hint))


def _as_fraction(node: tree.Expression) -> tree.Expression:
    if isinstance(node, tree.Literal_) and isinstance(node.value, int):
        return replace(node, value=float(node.value))
    return tree.Fraction(node, at=node.at)


def _kind_of(value: Value) -> Kind:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    if isinstance(value, date):
        return "date"
    return "integer" if isinstance(value, int) else "number"


def _unit(unit: str | None) -> str | None:
    """The unit to compare by; dimensionless ones (`1`, annotations such as `{score}`) are not checked."""
    return None if not unit or unit == "1" or unit.startswith("{") else unit
