"""A rule in words: what its expression says, for somebody who reads no expressions.

Main job: `Wording(policy, speaker).words(node)`; the speaker knows the reader's language, labels, codes, numbers and days.

Every node of the language has its words; a name defined in the document is said by its own words where it has some, else it is spelled out.
`and` within `or`, and the other way round, stands in brackets. What an expression does with the unknown is said, because it decides.

**Units**: a number is said with the unit of what it is compared with. Elsewhere: meaning in `policy/language/expression.py`; sentences in the translations.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from baybridge.policy.document.shapes import Policy
from baybridge.policy.language import expression as tree

#: Windows by which a name in a document can end; what comes before is said, and the window after it.
_WINDOWS: Mapping[str, str] = {"_infusion": "policy.words.within", "_lymphodepletion": "policy.words.within_lymphodepletion"}
_NUMBERS = {">=": "at_least", ">": "above", "<=": "at_most", "<": "below", "=": "equals", "<>": "differs"}
_DAYS = {">=": "from_day", ">": "after_day", "<=": "until_day", "<": "before_day", "=": "equals", "<>": "differs"}
_CODES = {"=": "code_is", "<>": "code_is_not"}
_SIGNS = {"+": "+", "-": "−", "*": "×", "/": "÷"}
_ONE_NUMBER = {"ABS": "|{}|", "LN": "ln({})", "EXP": "exp({})", "SQRT": "√({})"}


class Speaker(Protocol):
    """How one reader is spoken to."""

    @property
    def language(self) -> str:
        """The code of the language, e.g. zh-Hant."""

    def say(self, key: str, **values: object) -> str:
        """The sentence of a key with values filled in."""

    def known(self, key: str) -> bool:
        """Whether a key has a sentence."""

    def fact(self, name: str) -> str:
        """A fact's name."""

    def code(self, value: str) -> str:
        """The word for a code."""

    def number(self, value: float, unit: str | None) -> str:
        """A number with its unit."""

    def day(self, value: date) -> str:
        """A date."""


class Wording:
    """The words of one policy's expressions for one reader."""

    def __init__(self, policy: Policy, speaker: Speaker) -> None:
        self._policy, self._speaker = policy, speaker

    @property
    def language(self) -> str:
        """The reader's language."""
        return self._speaker.language

    def words(self, node: tree.Expression) -> str:
        """What an expression says: a condition as it holds, a formula as its value."""
        match node:
            case tree.And(terms=terms):
                return self._joined("and", terms, tree.Or)
            case tree.Or(terms=terms):
                return self._joined("or", terms, tree.And)
            case tree.Not(term=term):
                return self._denied(term)
            case tree.Compare() | tree.In() | tree.IsNull():
                return self._compared(node)
            case tree.Fact(name=name):
                return self._condition(node) if self._is_boolean(node) else self._speaker.fact(name)
            case tree.Defined(name=name):
                return self.defined(name)
            case tree.Literal_():
                return self._literal(node, None)
            case _:
                return self._value(node, None)

    def defined(self, name: str) -> str:
        """The words of a name that the document defines; what it stands for where it has none."""
        found = self.name_of(name)
        return found if found is not None else self._say("group", a=self.words(self._policy.define[name]))

    def name_of(self, name: str) -> str | None:
        """The name's own words, or None where it has none."""
        whole = f"policy.defined.{name}"
        if self._speaker.known(whole):
            return self._speaker.say(whole)
        for ending, key in _WINDOWS.items():
            stem = f"policy.defined.{name.removesuffix(ending)}"
            if name.endswith(ending) and self._speaker.known(stem):
                return self._speaker.say(key, a=self._speaker.say(stem))
        return None

    def _say(self, key: str, **values: str) -> str:
        return self._speaker.say(f"policy.words.{key}", **values)

    def _joined(self, key: str, terms: tuple[tree.Expression, ...], other: type[tree.Expression]) -> str:
        words = [self._say("group", a=self.words(term)) if isinstance(term, other) else self.words(term) for term in terms]
        said = words[0]
        for word in words[1:]:
            said = self._say(key, a=said, b=word)
        return said

    # --- conditions ---------------------------------------------------------------------------------------------------

    def _is_boolean(self, node: tree.Expression) -> bool:
        return isinstance(node, tree.Fact) and self._policy.fact_types[node.name].type == "boolean"

    def _condition(self, node: tree.Fact, *, holds: bool = True) -> str:
        return self._say("yes" if holds else "no", a=self._speaker.fact(node.name))

    def _denied(self, term: tree.Expression) -> str:
        match term:
            case tree.Fact():
                return self._condition(term, holds=False)
            case tree.In(term=inner, values=values):
                return self._say("none_of", a=self._value(inner, None), b=self._listed(values))
            case tree.IsNull(term=inner):
                return self._say("known", a=self._value(inner, None))
            case tree.Coalesce(terms=(tree.Fact() as fact, tree.Literal_(value=bool() as default))) if self._is_boolean(fact):
                return self._say("else_no" if default else "else_yes", a=self._condition(fact, holds=False))
            case _:
                return self._say("not", a=self.words(term))

    def _compared(self, node: tree.Compare | tree.In | tree.IsNull) -> str:
        match node:
            case tree.IsNull(term=term):
                return self._say("unknown", a=self._value(term, None))
            case tree.In(term=term, values=(only,)):
                return self.words(tree.Compare("=", term, only))
            case tree.In(term=term, values=values):
                return self._say("one_of", a=self._value(term, None), b=self._listed(values))
            case tree.Compare(operator=("=" | "<>") as operator, left=tree.Fact() as fact, right=tree.Literal_(value=bool() as value)):
                return self._condition(fact, holds=value == (operator == "="))
            case tree.Compare(operator=operator, left=left, right=right):
                unit = self._unit(left) or self._unit(right)
                keys = _DAYS if self._is_day(left) or self._is_day(right) else _CODES if self._is_code(left, right) else _NUMBERS
                return self._say(keys[operator], a=self._side(left, unit), b=self._side(right, unit))

    def _listed(self, values: tuple[tree.Literal_, ...]) -> str:
        return self._say("separator").join(self._literal(value, None) for value in values)

    # --- values -------------------------------------------------------------------------------------------------------

    def _value(self, node: tree.Expression, unit: str | None) -> str:
        """A value, its numbers with this unit."""
        match node:
            case tree.Literal_():
                return self._literal(node, unit)
            case tree.Fact(name=name):
                return self._speaker.fact(name)
            case tree.Arithmetic(operator=operator, left=left, right=right):
                inner = unit if operator in "+-" else None
                return f"{self._operand(left, inner)} {_SIGNS[operator]} {self._operand(right, inner)}"
            case tree.Negate(term=term):
                return f"−{self._operand(term, unit)}"
            case tree.Fraction(term=term):
                return self._value(term, unit)
            case tree.Call() | tree.Span() | tree.Shift():
                return self._computed(node, unit)
            case tree.Extreme() | tree.Coalesce() | tree.Case():
                return self._chosen(node, unit)
            case _:
                return self.words(node)

    def _chosen(self, node: tree.Extreme | tree.Coalesce | tree.Case, unit: str | None) -> str:
        """One of several values."""
        match node:
            case tree.Extreme(which=which, terms=terms):
                listed = self._say("separator").join(self._value(term, unit or self._unit(node)) for term in terms)
                return self._say("larger" if which == "GREATEST" else "smaller", a=listed)
            case tree.Coalesce(terms=terms):
                return self._first_known(terms, unit)
            case tree.Case(branches=branches, otherwise=otherwise):
                said = [self._say("case", a=self.words(condition), b=self._answer(result, unit)) for condition, result in branches]
                joined = said[0]
                for part in said[1:]:
                    joined = self._say("next_case", a=joined, b=part)
                return self._say("cases", a=joined, b=self._answer(otherwise, unit))

    def _answer(self, node: tree.Expression, unit: str | None) -> str:
        if isinstance(node, tree.And | tree.Or):
            return self._say("group", a=self.words(node))
        return self.words(node) if self._is_boolean(node) else self._value(node, unit)

    def _operand(self, node: tree.Expression, unit: str | None) -> str:
        said = self._value(node, unit)
        return self._say("group", a=said) if isinstance(node, tree.Arithmetic | tree.Case | tree.Coalesce) else said

    def _side(self, node: tree.Expression, unit: str | None) -> str:
        said = self._value(node, unit)
        return self._say("group", a=said) if isinstance(node, tree.Case) else said

    def _first_known(self, terms: tuple[tree.Expression, ...], unit: str | None) -> str:
        said = self._answer(terms[-1], unit)
        last: tree.Expression = terms[-1]
        for term in reversed(terms[:-1]):
            if isinstance(last, tree.Literal_) and isinstance(last.value, bool):
                said = self._say("else_yes" if last.value else "else_no", a=self._answer(term, unit))
            else:
                said = self._say("else_value", a=self._answer(term, unit), b=said)
            last = term
        return said

    def _computed(self, node: tree.Call | tree.Span | tree.Shift, unit: str | None) -> str:
        match node:
            case tree.Span(unit=kind, start=start, end=end):
                return self._say("days_between" if kind == "DAY" else "months_between", a=self._value(start, None), b=self._value(end, None))
            case tree.Shift(term=term, amount=amount, unit=kind):
                key = f"{'plus' if amount >= 0 else 'minus'}_{'days' if kind == 'DAY' else 'months'}"
                return self._say(key, a=self._value(term, None), b=self._speaker.number(abs(amount), None))
            case tree.Call(function="ROUND", term=term, digits=digits):
                return self._say("rounded", a=self._value(term, unit), b=str(digits))
            case tree.Call(function=function, term=term) if function in _ONE_NUMBER:
                return _ONE_NUMBER[function].format(self._value(term, unit))
            case tree.Call(function=function, term=term):
                return self._say("rounded_down" if function == "FLOOR" else "rounded_up", a=self._value(term, unit))

    def _literal(self, node: tree.Literal_, unit: str | None) -> str:
        value = node.value
        if value is None:
            return self._say("nothing")
        if isinstance(value, bool):
            return self._say("true" if value else "false")
        if isinstance(value, str):
            return self._speaker.code(value)
        return self._speaker.day(value) if isinstance(value, date) else self._speaker.number(value, unit)

    # --- units and days -----------------------------------------------------------------------------------------------

    def _unit(self, node: tree.Expression) -> str | None:
        """The unit of a value, where it is one fact's."""
        match node:
            case tree.Fact(name=name):
                return self._policy.fact_types[name].unit
            case tree.Defined(name=name):
                return self._unit(self._policy.define[name])
            case tree.Span(unit=kind):
                return "d" if kind == "DAY" else "mo"
            case tree.Call(term=term) | tree.Negate(term=term) | tree.Fraction(term=term):
                return self._unit(term)
            case tree.Extreme(terms=terms) | tree.Coalesce(terms=terms):
                return next((found for term in terms if (found := self._unit(term))), None)
            case tree.Arithmetic(operator="+" | "-", left=left, right=right):
                return self._unit(left) or self._unit(right)
            case _:
                return None

    def _is_code(self, *nodes: tree.Expression) -> bool:
        return any(isinstance(node, tree.Literal_) and isinstance(node.value, str) for node in nodes) or all(
            isinstance(node, tree.Fact) and self._policy.fact_types[node.name].type in ("code", "text") for node in nodes
        )

    def _is_day(self, node: tree.Expression) -> bool:
        match node:
            case tree.Fact(name=name):
                return self._policy.fact_types[name].type in ("date", "instant")
            case tree.Literal_(value=value):
                return isinstance(value, date)
            case tree.Shift():
                return True
            case tree.Defined(name=name):
                return self._is_day(self._policy.define[name])
            case _:
                return any(self._is_day(part) for part in tree.children(node)) if isinstance(node, tree.Extreme | tree.Coalesce) else False
